//! The head of a request: parsed once, strictly, into spans over the caller's buffer (RFC 9112 sections 2, 3 and 5).
//!
//! One `RequestHead` lives as long as its connection. The caller calls [`RequestHead::parse`] with everything read so
//! far, beginning with the same first byte each time, until it is `Complete`; [`RequestHead::reset`] makes it ready
//! for the next request. Nothing is repaired: see `docs/nginx-differences.md` for what nginx would let through.

use super::framing::{FramingError, request_framing};
use super::head_scan::{FieldError, Found, HeadScan, ScanError, parse_fields};
use super::headers::FieldNames;
use super::host::{is_usual_host, validate_host};
use super::method::is_method_byte;
use super::plain_head;
use super::target::{TargetForm, scan_origin, split_target};
use super::{BodyFraming, HeadLimits, Headers, Known, Method, Progress, Span, Status, Version};
use std::fmt;

/// A request's head. All spans lie in the buffer that was parsed.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method's name as sent, for `Method::Other`.
    pub method_name: Span,
    /// The whole request line without its CRLF (`$request`).
    pub line: Span,
    /// The request target as sent: origin-form or absolute-form.
    pub target: Span,
    /// `host[:port]` of an absolute-form target; it wins over the Host field (RFC 9112 section 3.2.2).
    pub authority: Option<Span>,
    /// The target's path as sent, up to `?`; begins with `/`. For `http://host?query` and `http://host` it is the
    /// first `/` of `http://`, so that it always is a path.
    pub path: Span,
    /// The path needs neither decoding nor resolving: it is the URI as it stands.
    pub path_is_plain: bool,
    /// What follows the first `?` of the target, possibly empty; `None` without a `?`.
    pub query: Option<Span>,
    /// The version the client speaks.
    pub version: Version,
    /// The fields, without those dropped for their names.
    pub headers: Headers,
    /// Bytes of the head in the buffer, with the empty lines before and the empty line behind it.
    pub len: usize,
    /// Where the body ends. `UntilClose` is for others to say.
    pub framing: BodyFraming,
    /// Whether the client lets the connection live on after this exchange (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub expect_continue: bool,
    /// Whether the client asks for another protocol: `Connection: upgrade` with an Upgrade field, HTTP/1.1 only.
    pub connection_upgrade: bool,
    /// The Host field's value, port included (`$http_host`).
    pub host: Option<Span>,
    /// The host name for routing: of the absolute-form target, else of the Host field; without port and without
    /// trailing dot, in the case it was sent in. `None` when there is neither (HTTP/1.0).
    pub server_name: Option<Span>,
    /// It is known to have no letter in upper case.
    pub server_name_is_lower: bool,
    scan: HeadScan,
    line_parsed: bool,
    in_http2: bool,
}

impl RequestHead {
    /// Forgets the request and keeps the memory.
    pub fn reset(&mut self) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        *self = RequestHead { headers, ..RequestHead::default() };
    }

    /// Parses what has been read so far. `buf` holds the bytes of every call before at the same offsets.
    ///
    /// After `Complete` or an error, `reset` before parsing the next head. After an error the connection must be
    /// closed once the answer is sent: where the next request would begin is unknown.
    pub fn parse(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Progress, RequestError> {
        if self.scan.is_untouched() && self.parse_plain(buf, limits) {
            self.interpret(buf)?;
            return Ok(Progress::Complete);
        }
        let found = self.scan.advance(buf, limits)?;
        match found {
            Found::Nothing => {
                // Garbage (a TLS hello, a binary protocol) has no line end: do not wait for one.
                match buf.get(self.scan.start) {
                    Some(b) if !is_method_byte(*b) && *b != b'\r' => Err(RequestError::MethodByte),
                    _ => Ok(Progress::Partial),
                }
            }
            Found::FirstLine => {
                self.parse_line(buf)?;
                Ok(Progress::Partial)
            }
            Found::End(len) => {
                self.parse_line(buf)?;
                parse_fields(&mut self.headers, buf, self.scan.first_end + 2, len, limits)?;
                self.len = len;
                self.interpret(buf)?;
                Ok(Progress::Complete)
            }
        }
    }

    /// Parses the head of a request that came by HTTP/2, put into this form: whole, and with that version in its line.
    pub fn parse_http2(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<(), RequestError> {
        self.in_http2 = true;
        match self.parse(buf, limits)? {
            Progress::Complete => Ok(()),
            Progress::Partial => Err(RequestError::RequestLine),
        }
    }

    /// After an error: reads what was sound before the fault, for the answer and the logs. The method, then, if the
    /// line is whole and sound ([`RequestHead::has_line`]), the fields up to the fault and the host they name.
    pub fn salvage(&mut self, buf: &[u8], limits: &HeadLimits) {
        if self.scan.first_done && !self.line_parsed {
            // What is wrong is known already.
            let _ = self.parse_line(buf);
        }
        if !self.line_parsed {
            let sent = buf.get(self.scan.start..).unwrap_or_default();
            if let Some((name, b' ')) = split_method(sent) {
                self.method = Method::from_bytes(name);
            }
            return;
        }
        let fields = self.scan.first_end + 2..self.scan.line_start;
        if self.headers.is_empty() && !fields.is_empty() {
            let _ = parse_fields(&mut self.headers, buf, fields.start, fields.end, limits);
        }
        if self.host.is_none()
            && let Some(field) = self.headers.first(Known::Host)
        {
            self.take_host(field.value, buf);
        }
    }

    /// The request line was read and is sound.
    pub fn has_line(&self) -> bool {
        self.line_parsed
    }

    /// The request line, or what there is of it (`$request`).
    pub fn line_so_far<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        if !self.line.is_empty() {
            return self.line.of(buf);
        }
        let sent = buf.get(self.scan.start..).unwrap_or_default();
        let end = memchr::memchr2(b'\r', b'\n', sent).unwrap_or(sent.len());
        &sent[..end]
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
                let in_http2 = self.in_http2;
                self.reset();
                self.in_http2 = in_http2;
                false
            }
        }
    }

    /// The target as it goes to a peer and into `$request_uri`: path and query byte for byte, in origin-form.
    pub fn push_origin_form(&self, buf: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.path.of(buf));
        if let Some(query) = self.query {
            out.push(b'?');
            out.extend_from_slice(query.of(buf));
        }
    }

    /// `METHOD SP target SP version`, each strictly (RFC 9112 section 3). Done once, as soon as the line is there.
    fn parse_line(&mut self, buf: &[u8]) -> Result<(), RequestError> {
        if self.line_parsed {
            return Ok(());
        }
        let start = self.scan.start;
        self.line = Span::new(start, self.scan.first_end);
        let line = self.line.of(buf);

        let (name, behind) = split_method(line).ok_or(RequestError::RequestLine)?;
        if name.is_empty() || behind != b' ' {
            return Err(RequestError::MethodByte);
        }
        let method_len = name.len();
        self.method_name = Span::new(start, start + method_len);
        self.method = Method::from_bytes(name);

        let rest = &line[method_len + 1..];
        if let Some(origin) = scan_origin(rest) {
            let at = start + method_len + 1;
            self.target = Span::new(at, at + origin.len);
            self.path = Span::new(at, at + origin.path_len);
            self.query =
                (origin.path_len < origin.len).then(|| Span::new(at + origin.path_len + 1, at + origin.len));
            self.path_is_plain = origin.is_plain;
            self.version = self.parse_version(&rest[origin.len + 1..])?;
            self.line_parsed = true;
            return Ok(());
        }
        let target_len =
            rest.iter().position(|b| *b <= b' ' || *b == 0x7f).ok_or(RequestError::RequestLine)?;
        if rest[target_len] != b' ' {
            return Err(RequestError::TargetByte);
        }
        self.parse_target(buf, start + method_len + 1, target_len).map_err(|error| match self.method {
            // `CONNECT host:port` has no other fault.
            Method::Connect => RequestError::MethodNotAllowed,
            _ => error,
        })?;
        self.version = self.parse_version(&rest[target_len + 1..])?;
        self.line_parsed = true;
        Ok(())
    }

    fn parse_version(&self, text: &[u8]) -> Result<Version, RequestError> {
        if self.in_http2 && text == b"HTTP/2.0" { Ok(Version::Http2) } else { parse_version(text) }
    }

    fn parse_target(&mut self, buf: &[u8], at: usize, len: usize) -> Result<(), RequestError> {
        let target = &buf[at..at + len];
        let parts = split_target(target).ok_or_else(|| {
            if target.contains(&b'#') { RequestError::Fragment } else { RequestError::TargetForm }
        })?;
        let moved = |r: std::ops::Range<usize>| Span::new(at + r.start, at + r.end);
        self.target = moved(0..len);
        self.path = moved(parts.path);
        self.query = parts.query.map(moved);
        match parts.form {
            TargetForm::Origin => {}
            TargetForm::Absolute { authority, host } => {
                self.authority = Some(moved(authority));
                self.server_name = Some(moved(host));
            }
        }
        Ok(())
    }

    /// What the fields mean for the connection and the body.
    fn interpret(&mut self, buf: &[u8]) -> Result<(), RequestError> {
        self.interpret_host(buf)?;
        self.refuse_repeated()?;
        self.framing = request_framing(self.version, &self.headers, buf)?;
        if matches!(self.method, Method::Connect | Method::Trace) {
            // A tunnel is not this server's to give; TRACE would echo cookies. As nginx.
            return Err(RequestError::MethodNotAllowed);
        }

        let is_11 = self.version == Version::Http11;
        // RFC 9112 section 9.3; `close` wins over everything.
        let asked = self.headers.connection_options(buf);
        self.keep_alive = !asked.close && (self.version > Version::Http10 || asked.keep_alive);
        // RFC 9110 section 10.1.1: an expectation of an HTTP/1.0 client is ignored, and so is one without a body.
        self.expect_continue = is_11
            && !self.framing.is_empty()
            && self.headers.get(Known::Expect, buf).is_some_and(|v| v.eq_ignore_ascii_case(b"100-continue"));
        // RFC 9110 section 7.8: Upgrade counts only with its connection option, and not from HTTP/1.0.
        self.connection_upgrade = is_11 && asked.upgrade && self.headers.has(Known::Upgrade);
        Ok(())
    }

    /// Fields that mean one thing must not come twice (RFC 9110 section 5.3; nginx refuses the same ones).
    fn refuse_repeated(&self) -> Result<(), RequestError> {
        if self.headers.repeats_any(&SINGLE) { Err(RequestError::DuplicateField) } else { Ok(()) }
    }

    /// RFC 9112 section 3.2: exactly one valid Host in HTTP/1.1, at most one in HTTP/1.0.
    fn interpret_host(&mut self, buf: &[u8]) -> Result<(), RequestError> {
        let Some(field) = self.headers.first(Known::Host) else {
            return if self.version > Version::Http10 { Err(RequestError::MissingHost) } else { Ok(()) };
        };
        if self.headers.is_repeated(Known::Host) {
            return Err(RequestError::DuplicateHost);
        }
        if self.take_host(field.value, buf) { Ok(()) } else { Err(RequestError::InvalidHost) }
    }

    fn take_host(&mut self, value: Span, buf: &[u8]) -> bool {
        let start = value.start as usize;
        let (text, rest) = (value.of(buf), buf.get(start..).unwrap_or_default());
        let is_usual = is_usual_host(text, rest);
        let name_len = if is_usual { text.len() } else { validate_host(text).unwrap_or(0) };
        if name_len == 0 {
            return false;
        }
        self.host = Some(value);
        if self.server_name.is_none() {
            self.server_name = Some(Span::new(start, start + name_len));
            self.server_name_is_lower = is_usual;
        }
        true
    }
}

/// The method's name at the front, and the byte behind it.
fn split_method(line: &[u8]) -> Option<(&[u8], u8)> {
    if line.starts_with(b"GET ") {
        return Some((&line[..3], b' '));
    }
    let len = line.iter().position(|b| !is_method_byte(*b))?;
    Some((&line[..len], line[len]))
}

/// What may come once, besides Host and what frames the body.
const SINGLE: FieldNames = FieldNames::known(&[
    Known::IfMatch,
    Known::IfNoneMatch,
    Known::IfModifiedSince,
    Known::IfUnmodifiedSince,
    Known::IfRange,
    Known::ContentRange,
    Known::Expect,
    Known::Authorization,
]);

/// `HTTP/1.x` (RFC 9112 section 2.3): one digit, a dot, one digit. A major version of 2 or more is 505, as in nginx.
fn parse_version(text: &[u8]) -> Result<Version, RequestError> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Version::Http11),
        [b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', ..] => Err(RequestError::VersionUnsupported),
        _ => Err(RequestError::Version),
    }
}

/// Why a request's head is refused. Always the client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// LF without CR before it (RFC 9112 section 2.2).
    BareLf,
    /// CR without LF behind it (RFC 9112 section 2.2).
    BareCr,
    /// Too many empty lines before the request line (RFC 9112 section 2.2).
    LeadingLines,
    /// A byte in the method that is no upper-case letter, `_` or `-`.
    MethodByte,
    /// CONNECT or TRACE.
    MethodNotAllowed,
    /// The line is not method, target and version with one space between (also HTTP/0.9).
    RequestLine,
    /// A control byte or white space in the target.
    TargetByte,
    /// Neither origin-form nor `http(s)://` with a valid host (RFC 9112 section 3.2).
    TargetForm,
    /// A `#` in the target (RFC 9112 section 3.2 has no fragment).
    Fragment,
    /// No HTTP version.
    Version,
    /// HTTP/2 or later in an HTTP/1 request line.
    VersionUnsupported,
    /// The request line is longer than a buffer of `large_client_header_buffers`.
    UriTooLong,
    /// A field line longer than such a buffer, or a head longer than all of them, or too many fields.
    HeaderTooLarge,
    /// An invalid field name, white space before the colon, or obs-fold (RFC 9112 section 5).
    FieldName,
    /// A control byte in a field value (RFC 9110 section 5.5).
    FieldValue,
    /// HTTP/1.1 without Host (RFC 9112 section 3.2).
    MissingHost,
    /// More than one Host (RFC 9112 section 3.2).
    DuplicateHost,
    /// A field twice that means one thing (RFC 9110 section 5.3).
    DuplicateField,
    /// A Host that is no host (RFC 9112 section 3.2).
    InvalidHost,
    /// Where the body ends is not certain.
    Framing(FramingError),
}

impl RequestError {
    /// The status to answer with, before closing the connection.
    pub fn status(self) -> Status {
        match self {
            RequestError::BareLf
            | RequestError::BareCr
            | RequestError::LeadingLines
            | RequestError::MethodByte
            | RequestError::RequestLine
            | RequestError::TargetByte
            | RequestError::TargetForm
            | RequestError::Fragment
            | RequestError::Version
            | RequestError::FieldName
            | RequestError::FieldValue
            | RequestError::MissingHost
            | RequestError::DuplicateHost
            | RequestError::DuplicateField
            | RequestError::InvalidHost => Status::BAD_REQUEST,
            RequestError::MethodNotAllowed => Status::NOT_ALLOWED,
            RequestError::VersionUnsupported => Status::VERSION_NOT_SUPPORTED,
            RequestError::UriTooLong => Status::REQUEST_URI_TOO_LARGE,
            RequestError::HeaderTooLarge => Status::REQUEST_HEADER_TOO_LARGE,
            RequestError::Framing(error) => match error {
                FramingError::UnknownTransferCoding => Status::NOT_IMPLEMENTED,
                FramingError::ContentLength
                | FramingError::DuplicateContentLength
                | FramingError::LengthAndTransferEncoding
                | FramingError::DuplicateTransferEncoding
                | FramingError::TransferEncodingInHttp10 => Status::BAD_REQUEST,
            },
        }
    }
}

impl fmt::Display for RequestError {
    /// The words for the error log, after nginx's where nginx has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestError::BareLf => "client sent LF without CR in its request header",
            RequestError::BareCr => "client sent CR without LF in its request header",
            RequestError::LeadingLines => "client sent too many empty lines before its request",
            RequestError::MethodByte => "client sent invalid method",
            RequestError::MethodNotAllowed => "client sent CONNECT or TRACE method",
            RequestError::RequestLine
            | RequestError::TargetByte
            | RequestError::TargetForm
            | RequestError::Fragment
            | RequestError::Version => "client sent invalid request",
            RequestError::VersionUnsupported => "client sent invalid version",
            RequestError::UriTooLong => "client sent too long URI",
            RequestError::HeaderTooLarge => "client sent too long header line",
            RequestError::FieldName => "client sent invalid header line",
            RequestError::FieldValue => "client sent invalid header value",
            RequestError::MissingHost => "client sent HTTP/1.1 request without \"Host\" header",
            RequestError::DuplicateField => "client sent duplicate header line",
            RequestError::DuplicateHost => "client sent duplicate host header",
            RequestError::InvalidHost => "client sent invalid host header",
            RequestError::Framing(FramingError::TransferEncodingInHttp10) => {
                "client sent HTTP/1.0 request with \"Transfer-Encoding\" header"
            }
            RequestError::Framing(error) => return write!(f, "client sent {error}"),
        })
    }
}

impl From<ScanError> for RequestError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BareLf => RequestError::BareLf,
            ScanError::BareCr => RequestError::BareCr,
            ScanError::LeadingLines => RequestError::LeadingLines,
            ScanError::FirstLineTooLong => RequestError::UriTooLong,
            ScanError::HeadTooLarge => RequestError::HeaderTooLarge,
        }
    }
}

impl From<FieldError> for RequestError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Name => RequestError::FieldName,
            FieldError::Value => RequestError::FieldValue,
            FieldError::TooMany => RequestError::HeaderTooLarge,
        }
    }
}

impl From<FramingError> for RequestError {
    fn from(error: FramingError) -> Self {
        RequestError::Framing(error)
    }
}

#[cfg(test)]
mod tests;
