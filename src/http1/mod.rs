//! HTTP/1.x as bytes: parsing, framing and encoding without I/O (RFC 9112, RFC 9110).
//!
//! Everything here works on byte slices and offsets into them. The room never reads a socket or a clock, never
//! sees the configuration (limits are handed in), never panics on what the wire brings, and allocates nothing
//! once its reusable buffers have grown. Strictness is the point: a message that two implementations could read
//! differently is refused, from the client (400) and from the peer (502) alike.
//!
//! Callers: `http` reads requests and writes responses with it, `handler::proxy` writes requests and reads
//! responses, `config` and `route` use [`Method`], [`Status`] and [`target`].

pub mod base64;
pub mod cgi_head;
pub mod chunked;
pub mod encode;
pub mod etag;
pub mod framing;
mod head_scan;
pub mod headers;
mod host;
mod look;
pub mod method;
mod plain_head;
pub mod proxy_protocol;
pub mod range;
pub mod request_head;
pub mod response_head;
pub mod status;
pub mod target;

pub use chunked::{ChunkError, ChunkKind, ChunkStep, ChunkedDecoder, Trailers};
pub use framing::{BodyFraming, FramingError};
pub use head_scan::{HeadLimits, Progress};
pub use headers::{HeaderField, Headers, Known};
pub use method::Method;
pub use request_head::{RequestError, RequestHead};
pub use response_head::{ResponseError, ResponseHead};
pub use status::Status;

/// A range of bytes in the buffer that holds a head: an offset and a length, never a copy.
///
/// Heads are bounded far below 4 GiB (see [`HeadLimits`]), so 32 bits are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The empty span.
    pub const EMPTY: Span = Span { start: 0, len: 0 };

    /// The span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= u32::MAX as usize, "spans lie within a bounded head");
        Span { start: start as u32, len: (end - start) as u32 }
    }

    /// The bytes of the span within `buf`, empty if the span does not lie in `buf`.
    pub fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.range()).unwrap_or_default()
    }

    /// Offset just behind the last byte.
    pub fn end(self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The span as an index range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end()
    }

    /// Whether the span has no bytes.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// The protocol version of a message. A higher minor version than 1 is handled as 1.1 (RFC 9110 section 2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2, whose messages are put into the form of HTTP/1.1 when they come and taken out of it when they leave.
    Http2,
}

impl Version {
    /// The version as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2.0",
        }
    }
}

/// Whether `b` may stand in a token (RFC 9110 section 5.6.2).
pub fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// Whether `b` may stand in a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5).
pub fn is_value_byte(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_never_reaches_outside() {
        let span = Span { start: 3, len: 4 };
        assert_eq!(span.of(b"abcdefghi"), b"defg");
        assert_eq!(span.of(b"abcde"), b"");
        assert_eq!(Span { start: u32::MAX, len: u32::MAX }.of(b"x"), b"");
    }

    #[test]
    fn token_and_value_bytes() {
        for b in 0..=255u8 {
            let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&b);
            assert_eq!(is_token_byte(b), b > 0x20 && b < 0x7f && !separator, "{b:#x}");
        }
        assert!(is_value_byte(b'\t') && is_value_byte(0x80) && is_value_byte(b' '));
        assert!(!is_value_byte(0x7f) && !is_value_byte(b'\r') && !is_value_byte(0));
    }
}
