//! The head of a peer's response: as strict as the client's side, since what is forwarded must mean one thing only
//! (RFC 9112 sections 4 to 6).
//!
//! One `ResponseHead` per peer connection, reused. `handler::proxy` parses 1xx heads and the final one with it, each
//! after a [`ResponseHead::reset`]. Every error means 502.

use super::framing::{FramingError, response_framing};
use super::head_scan::{FieldError, Found, HeadScan, ScanError, parse_fields};
use super::plain_head;
use super::{
    BodyFraming, HeadLimits, Headers, Known, Method, Progress, Span, Status, Version, is_value_byte,
};
use std::fmt;

/// A response's head. All spans lie in the buffer that was parsed.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The version the peer speaks.
    pub version: Version,
    /// The status code, 100 to 999: applications make up codes of their own.
    pub status: u16,
    /// The reason phrase as sent, possibly empty.
    pub reason: Span,
    /// Every field.
    pub headers: Headers,
    /// Bytes of the head in the buffer.
    pub len: usize,
    /// Where the body ends.
    pub framing: BodyFraming,
    /// Whether the connection may serve another request once the body is read (RFC 9112 section 9.3). Never true when
    /// the body ends with the connection.
    pub keep_alive: bool,
    scan: HeadScan,
}

impl ResponseHead {
    /// Forgets the response and keeps the memory.
    pub fn reset(&mut self) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        *self = ResponseHead { headers, ..ResponseHead::default() };
    }

    /// Parses what has been read so far of the response to a request with `request_method`. `buf` holds the bytes of
    /// every call before at the same offsets.
    pub fn parse(
        &mut self,
        buf: &[u8],
        request_method: Method,
        limits: &HeadLimits,
    ) -> Result<Progress, ResponseError> {
        if self.scan.is_untouched() && self.parse_plain(buf, limits) {
            return self.interpret(buf, request_method);
        }
        // A response never begins with an empty line: one there is what an earlier answer left behind.
        if matches!(buf.first(), Some(b'\r' | b'\n')) {
            return Err(ResponseError::StatusLine);
        }
        let len = match self.scan.advance(buf, limits)? {
            Found::Nothing => {
                let seen = &buf[..buf.len().min(HTTP_NAME.len())];
                return if HTTP_NAME.starts_with(seen) {
                    Ok(Progress::Partial)
                } else {
                    Err(ResponseError::StatusLine)
                };
            }
            Found::FirstLine => {
                self.parse_line(buf)?;
                return Ok(Progress::Partial);
            }
            Found::End(len) => len,
        };
        self.parse_line(buf)?;
        parse_fields(&mut self.headers, buf, self.scan.first_end + 2, len, limits)?;
        self.len = len;
        self.interpret(buf, request_method)
    }

    /// Takes a head that is there whole and plain; `false` leaves everything to the strict way.
    fn parse_plain(&mut self, buf: &[u8], limits: &HeadLimits) -> bool {
        let head = plain_head::parse(&mut self.headers, buf, limits);
        self.scan.first_end = head.map_or(0, |head| head.first_end);
        match head {
            Some(head) if self.parse_line(buf).is_ok() => {
                self.len = head.len;
                true
            }
            _ => {
                self.reset();
                false
            }
        }
    }

    /// What the fields mean for the body and the connection.
    fn interpret(&mut self, buf: &[u8], request_method: Method) -> Result<Progress, ResponseError> {
        self.framing = response_framing(self.version, self.status, request_method, &self.headers, buf)?;
        self.keep_alive = self.may_keep_alive(request_method, buf);
        Ok(Progress::Complete)
    }

    /// `HTTP-version SP status-code SP [reason]`; the second space may be missing with an empty reason, as many
    /// servers write it (RFC 9112 section 4 asks clients to be lenient there).
    fn parse_line(&mut self, buf: &[u8]) -> Result<(), ResponseError> {
        let line = buf.get(..self.scan.first_end).unwrap_or_default();
        self.version = match line.get(..9) {
            Some(b"HTTP/1.1 ") => Version::Http11,
            Some(b"HTTP/1.0 ") => Version::Http10,
            // RFC 9110 section 2.5: a higher minor version is read as the highest one known.
            Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9', b' ']) => Version::Http11,
            _ => return Err(ResponseError::StatusLine),
        };
        let (code, reason_at) = match &line[9..] {
            [a, b, c] => ([*a, *b, *c], line.len()),
            [a, b, c, b' ', ..] => ([*a, *b, *c], 13),
            _ => return Err(ResponseError::Status),
        };
        if !code.iter().all(u8::is_ascii_digit) {
            return Err(ResponseError::Status);
        }
        self.status = code.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0'));
        if !(100..=999).contains(&self.status) {
            return Err(ResponseError::Status);
        }
        if !line[reason_at..].iter().all(|b| is_value_byte(*b)) {
            return Err(ResponseError::StatusLine);
        }
        self.reason = Span::new(reason_at, line.len());
        Ok(())
    }

    fn may_keep_alive(&self, request_method: Method, buf: &[u8]) -> bool {
        let asked = self.headers.connection_options(buf);
        if self.framing == BodyFraming::UntilClose || asked.close {
            return false;
        }
        if self.version == Version::Http10 && !asked.keep_alive {
            return false;
        }
        // RFC 9112 section 6.1 and RFC 9110 section 8.6: 1xx and 204 must not announce a body. A peer that does may
        // also send it, and its bytes would be read as the answer to the next request.
        let announces_body = self.headers.has(Known::TransferEncoding)
            || self.headers.get(Known::ContentLength, buf).is_some_and(|v| v.iter().any(|b| *b != b'0'));
        !(announces_body && matches!(self.status, 100..=199 | 204) && request_method != Method::Head)
    }
}

/// How every response begins.
const HTTP_NAME: &[u8] = b"HTTP/1.";

/// Why a response's head is refused. Always the peer's doing: the client gets 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// LF without CR before it.
    BareLf,
    /// CR without LF behind it.
    BareCr,
    /// Not `HTTP/1.x`, or an invalid byte in the reason phrase.
    StatusLine,
    /// A status that is not three digits from 100 on.
    Status,
    /// The head does not fit `proxy_buffer_size`, or has too many fields.
    TooLarge,
    /// An invalid field name, white space before the colon, or obs-fold.
    FieldName,
    /// A control byte in a field value.
    FieldValue,
    /// Where the body ends is not certain.
    Framing(FramingError),
}

impl ResponseError {
    /// The status for the client: always 502.
    pub fn status(self) -> Status {
        match self {
            ResponseError::BareLf
            | ResponseError::BareCr
            | ResponseError::StatusLine
            | ResponseError::Status
            | ResponseError::TooLarge
            | ResponseError::FieldName
            | ResponseError::FieldValue
            | ResponseError::Framing(_) => Status::BAD_GATEWAY,
        }
    }
}

impl fmt::Display for ResponseError {
    /// The words for the error log, after nginx's where nginx has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseError::BareLf => "upstream sent LF without CR in its response header",
            ResponseError::BareCr => "upstream sent CR without LF in its response header",
            ResponseError::StatusLine => "upstream sent no valid HTTP/1.0 header",
            ResponseError::Status => "upstream sent invalid status",
            ResponseError::TooLarge => "upstream sent too big header",
            ResponseError::FieldName => "upstream sent invalid header",
            ResponseError::FieldValue => "upstream sent invalid header value",
            ResponseError::Framing(error) => return write!(f, "upstream sent {error}"),
        })
    }
}

impl From<ScanError> for ResponseError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BareLf => ResponseError::BareLf,
            ScanError::BareCr => ResponseError::BareCr,
            ScanError::LeadingLines => ResponseError::StatusLine,
            ScanError::FirstLineTooLong | ScanError::HeadTooLarge => ResponseError::TooLarge,
        }
    }
}

impl From<FieldError> for ResponseError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name => ResponseError::FieldName,
            FieldError::Value => ResponseError::FieldValue,
            FieldError::TooMany => ResponseError::TooLarge,
        }
    }
}

impl From<FramingError> for ResponseError {
    fn from(error: FramingError) -> Self {
        ResponseError::Framing(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits::response(4096);

    fn parse_for(method: Method, bytes: &[u8]) -> Result<ResponseHead, ResponseError> {
        let mut head = ResponseHead::default();
        match head.parse(bytes, method, &LIMITS)? {
            Progress::Complete => Ok(head),
            Progress::Partial => panic!("a whole head: {:?}", String::from_utf8_lossy(bytes)),
        }
    }

    fn parse(text: &str) -> Result<ResponseHead, ResponseError> {
        parse_for(Method::Get, text.as_bytes())
    }

    #[test]
    fn an_ordinary_response() {
        let bytes = b"HTTP/1.1 200 All is well\r\nContent-Length: 2\r\nSet-Cookie: a\r\nX_Y: z\r\n\r\nok";
        let head = parse_for(Method::Get, bytes).unwrap();
        assert_eq!((head.status, head.reason.of(bytes)), (200, &b"All is well"[..]));
        assert_eq!(head.framing, BodyFraming::Length(2));
        assert_eq!(head.len, bytes.len() - 2);
        assert!(head.keep_alive);
        assert_eq!(head.headers.find(b"x_y", bytes), Some(&b"z"[..]));
    }

    #[test]
    fn status_lines() {
        for (line, status, reason) in [
            ("HTTP/1.1 200", 200, ""),
            ("HTTP/1.1 200 ", 200, ""),
            ("HTTP/1.0 404 Not  Found", 404, "Not  Found"),
            ("HTTP/1.1 599 \u{e9}\t!", 599, "\u{e9}\t!"),
            ("HTTP/1.1 100 x", 100, "x"),
            ("HTTP/1.1 999 Own", 999, "Own"),
            ("HTTP/1.2 200 OK", 200, "OK"),
        ] {
            let text = format!("{line}\r\n\r\n");
            let head = parse(&text).unwrap();
            assert_eq!(
                (head.status, head.reason.of(text.as_bytes())),
                (status, reason.as_bytes()),
                "{line:?}"
            );
        }
        for line in [
            "HTTP/1.1 9999 X",
            "HTTP/1.1 99 X",
            "HTTP/1.1 099 X",
            "HTTP/1.1 000 X",
            "HTTP/1.1 2x0 X",
            "HTTP/1.1  200 X",
            "HTTP/1.1 20",
            "HTTP/1.1 ",
            "HTTP/1.1",
            "HTTP/2.0 200 OK",
            "HTTP/1.20 200 OK",
            "http/1.1 200 OK",
            "HTTP/1.1\t200 OK",
            "HTTP/1.1 200\tOK",
            "HTTP/1.1 200 O\0K",
            "HTTP/1.1 200 O\x7fK",
            "ICY 200 OK",
            " HTTP/1.1 200 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1 200X",
            "",
        ] {
            let error = parse(&format!("{line}\r\nContent-Length: 0\r\n\r\n")).unwrap_err();
            assert_eq!(error.status(), Status::BAD_GATEWAY, "{line:?}");
        }
    }

    #[test]
    fn garbage_is_refused_without_waiting() {
        for garbage in ["x", "\0", "\r\n", "\n", "<html>", "HTTP/2", "hTTP/1.1 200"] {
            let mut head = ResponseHead::default();
            assert_eq!(
                head.parse(garbage.as_bytes(), Method::Get, &LIMITS),
                Err(ResponseError::StatusLine),
                "{garbage:?}"
            );
        }
        let mut head = ResponseHead::default();
        assert_eq!(head.parse(b"HTTP/1.1 abc\r\n", Method::Get, &LIMITS), Err(ResponseError::Status));
        for partial in ["", "H", "HTTP/1.", "HTTP/1.1 2", "HTTP/1.1 200 OK\r", "HTTP/1.1 200 OK\r\nA"] {
            let mut head = ResponseHead::default();
            assert_eq!(
                head.parse(partial.as_bytes(), Method::Get, &LIMITS),
                Ok(Progress::Partial),
                "{partial:?}"
            );
        }
    }

    #[test]
    fn fields_and_framing_are_strict() {
        for fields in [
            "Content-Length: +2\r\n",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2, 2\r\n",
            "Transfer-Encoding: xyz\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "X-A: b\rX-Evil: 1\r\n",
            "X-A: b\nX-Evil: 1\r\n",
            "X-A: b\r\n c\r\n",
            "X-A : b\r\n",
            ": b\r\n",
            "X-A: \0\r\n",
        ] {
            let error = parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).unwrap_err();
            assert_eq!(error.status(), Status::BAD_GATEWAY, "{fields:?}");
        }
        assert_eq!(
            parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err(),
            ResponseError::Framing(FramingError::TransferEncodingInHttp10)
        );
        let mut head = ResponseHead::default();
        let big = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(4096));
        assert_eq!(head.parse(big.as_bytes(), Method::Get, &LIMITS), Err(ResponseError::TooLarge));
    }

    #[test]
    fn bodies_and_connections() {
        for (text, framing, keep_alive) in [
            ("HTTP/1.1 200 OK\r\n\r\n", BodyFraming::UntilClose, false),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", BodyFraming::UntilClose, false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BodyFraming::Chunked, true),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n",
                BodyFraming::Length(2),
                false,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", BodyFraming::Length(2), false),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\n",
                BodyFraming::Length(2),
                true,
            ),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n", BodyFraming::None, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", BodyFraming::None, true),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", BodyFraming::None, true),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n", BodyFraming::None, false),
            ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", BodyFraming::None, false),
            ("HTTP/1.1 100 Continue\r\n\r\n", BodyFraming::None, true),
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", BodyFraming::None, true),
        ] {
            let head = parse(text).unwrap();
            assert_eq!((head.framing, head.keep_alive), (framing, keep_alive), "{text:?}");
        }
        for fields in ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y"] {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            let head = parse_for(Method::Head, text.as_bytes()).unwrap();
            assert_eq!((head.framing, head.keep_alive), (BodyFraming::None, true), "{fields}");
        }
    }

    #[test]
    fn an_informational_head_and_then_the_final_one() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let mut head = ResponseHead::default();
        assert_eq!(head.parse(bytes, Method::Post, &LIMITS), Ok(Progress::Complete));
        assert_eq!(head.status, 100);
        let rest = &bytes[head.len..];
        head.reset();
        assert_eq!(head.parse(rest, Method::Post, &LIMITS), Ok(Progress::Complete));
        assert_eq!((head.status, head.framing, rest.len() - head.len), (200, BodyFraming::Length(2), 2));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(tail: Vec<u8>, real: bool) {
            let bytes = if real { [b"HTTP/1.1 200 OK\r\n", &tail[..]].concat() } else { tail };
            let _ = ResponseHead::default().parse(&bytes, Method::Get, &LIMITS);
        }

        #[test]
        fn any_split_means_the_same(cut in 0usize..60) {
            let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok rest of it";
            let cut = cut.min(bytes.len());
            let mut head = ResponseHead::default();
            let first = head.parse(&bytes[..cut], Method::Get, &LIMITS).unwrap();
            if first == Progress::Partial {
                prop_assert_eq!(head.parse(bytes, Method::Get, &LIMITS), Ok(Progress::Complete));
            }
            prop_assert_eq!((head.status, head.len, head.headers.len()), (200, 46, 2));
        }
    }
}
