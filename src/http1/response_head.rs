//! The head of a peer's response: as strict as the client's side, since what is forwarded must mean one thing only
//! (RFC 9112 sections 4 to 6).
//!
//! One `ResponseHead` per peer connection, reused. `handler::proxy` parses 1xx heads and the final one with it, each
//! after a [`ResponseHead::reset`]. Every error means 502.

use super::framing::{FramingError, response_framing};
use super::head_scan::{FieldError, Found, HeadScan, ScanError, parse_fields};
use super::{
    BodyFraming, HeadLimits, Headers, Known, Method, Progress, Span, Status, Version, is_value_byte,
};
use std::fmt;

/// A response's head. All spans lie in the buffer that was parsed.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The version the peer speaks.
    pub version: Version,
    /// The status code, 100 to 599.
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
        if !(100..=599).contains(&self.status) {
            return Err(ResponseError::Status);
        }
        if !line[reason_at..].iter().all(|b| is_value_byte(*b)) {
            return Err(ResponseError::StatusLine);
        }
        self.reason = Span::new(reason_at, line.len());
        Ok(())
    }

    fn may_keep_alive(&self, request_method: Method, buf: &[u8]) -> bool {
        if self.framing == BodyFraming::UntilClose || self.headers.list_has(Known::Connection, b"close", buf)
        {
            return false;
        }
        if self.version == Version::Http10 && !self.headers.list_has(Known::Connection, b"keep-alive", buf) {
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
    /// Not `HTTP/1.0` or `HTTP/1.1`, or an invalid byte in the reason phrase.
    StatusLine,
    /// A status that is not three digits from 100 to 599.
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
