//! How long a message's body is (RFC 9112 section 6): the one place where Content-Length and Transfer-Encoding are judged.
//!
//! Two readers that disagree about the end of a body are the root of request smuggling, so nothing is repaired
//! here: what is not plainly one thing is refused. Called by `request_head` and `response_head` alone.

use super::{Headers, Known, Method, Version, headers::trim_ows};
use std::fmt;

/// Where the body of a message ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body, and no Content-Length said so (a GET, a response to HEAD, 1xx, 204, 304).
    #[default]
    None,
    /// Content-Length: exactly so many bytes, possibly 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`: until the last chunk.
    Chunked,
    /// Until the sender closes the connection: responses, and requests whose connection is a stream of HTTP/2.
    UntilClose,
}

impl BodyFraming {
    /// Whether no body byte can follow the head.
    pub fn is_empty(self) -> bool {
        matches!(self, BodyFraming::None | BodyFraming::Length(0))
    }
}

/// Why the framing of a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A Content-Length that is not a plain decimal number below 2^63 (RFC 9110 section 8.6).
    ContentLength,
    /// More than one Content-Length field, equal or not (RFC 9112 section 6.3 rule 5).
    DuplicateContentLength,
    /// Content-Length beside Transfer-Encoding (RFC 9112 section 6.1).
    LengthAndTransferEncoding,
    /// A transfer coding other than exactly one `chunked` (RFC 9112 sections 6.1 and 7).
    UnknownTransferCoding,
    /// More than one Transfer-Encoding field (RFC 9112 section 6.1: `chunked` is applied once).
    DuplicateTransferEncoding,
    /// Transfer-Encoding in a message of HTTP/1.0 (RFC 9112 section 6.1) or HTTP/2.
    TransferEncodingInHttp10,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FramingError::ContentLength => "invalid \"Content-Length\" header",
            FramingError::DuplicateContentLength => "duplicate \"Content-Length\" header",
            FramingError::LengthAndTransferEncoding => {
                "\"Content-Length\" and \"Transfer-Encoding\" headers at the same time"
            }
            FramingError::UnknownTransferCoding => "unknown \"Transfer-Encoding\"",
            FramingError::DuplicateTransferEncoding => "duplicate \"Transfer-Encoding\" header",
            FramingError::TransferEncodingInHttp10 => "HTTP/1.0 message with \"Transfer-Encoding\" header",
        })
    }
}

/// The framing of a request's body.
pub fn request_framing(version: Version, headers: &Headers, buf: &[u8]) -> Result<BodyFraming, FramingError> {
    // RFC 9112 section 6.3 rule 7: a request without either field has no body.
    Ok(declared_framing(version, headers, buf)?.unwrap_or(BodyFraming::None))
}

/// The framing of the body of a response with `status` to a request with `method`.
pub fn response_framing(
    version: Version,
    status: u16,
    method: Method,
    headers: &Headers,
    buf: &[u8],
) -> Result<BodyFraming, FramingError> {
    // The fields are judged even where they do not count: a peer that writes `Content-Length: +2` is broken.
    let declared = declared_framing(version, headers, buf)?;
    // RFC 9112 section 6.3 rule 1: these end with the head, whatever its fields say.
    if method == Method::Head || matches!(status, 100..=199 | 204 | 304) {
        return Ok(BodyFraming::None);
    }
    // RFC 9112 section 6.3 rule 8: with neither field the body ends with the connection.
    Ok(declared.unwrap_or(BodyFraming::UntilClose))
}

/// What Content-Length and Transfer-Encoding declare, if either is there.
fn declared_framing(
    version: Version,
    headers: &Headers,
    buf: &[u8],
) -> Result<Option<BodyFraming>, FramingError> {
    let length = headers.get(Known::ContentLength, buf);
    if headers.is_repeated(Known::ContentLength) {
        return Err(FramingError::DuplicateContentLength);
    }
    if let Some(coding) = headers.get(Known::TransferEncoding, buf) {
        if headers.is_repeated(Known::TransferEncoding) {
            return Err(FramingError::DuplicateTransferEncoding);
        }
        // RFC 9112 section 6.1: a 1.0 message with Transfer-Encoding has faulty framing.
        // RFC 9113 section 8.2.2: HTTP/2 has none at all.
        if version != Version::Http11 {
            return Err(FramingError::TransferEncodingInHttp10);
        }
        // Only `chunked` alone, unquoted and without parameters or empty list items, is understood.
        if !coding.eq_ignore_ascii_case(b"chunked") {
            return Err(FramingError::UnknownTransferCoding);
        }
        // RFC 9112 section 6.3 rule 3: "ought to be handled as an error".
        if length.is_some() {
            return Err(FramingError::LengthAndTransferEncoding);
        }
        return Ok(Some(BodyFraming::Chunked));
    }
    match length {
        Some(value) => match parse_content_length(value) {
            Some(n) => Ok(Some(BodyFraming::Length(n))),
            None => Err(FramingError::ContentLength),
        },
        None => Ok(None),
    }
}

/// A Content-Length value: 1*DIGIT (RFC 9110 section 8.6), below 2^63 so that it is also a file offset.
/// Lists, signs, spaces within and anything else give `None`.
pub fn parse_content_length(value: &[u8]) -> Option<u64> {
    let digits = trim_ows(value);
    if digits.is_empty() {
        return None;
    }
    let mut n: u64 = 0;
    for b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(u64::from(b - b'0'))?;
    }
    (n <= i64::MAX as u64).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{HeaderField, Span};

    fn headers(fields: &[(&str, &str)]) -> (Headers, Vec<u8>) {
        let (mut headers, mut buf) = (Headers::default(), Vec::new());
        for (name, value) in fields {
            let start = buf.len();
            buf.extend_from_slice(name.as_bytes());
            let middle = buf.len();
            buf.extend_from_slice(value.as_bytes());
            headers.push(HeaderField {
                name: Span::new(start, middle),
                value: Span::new(middle, buf.len()),
                known: Known::from_name(name.as_bytes()),
            });
        }
        (headers, buf)
    }

    fn request(fields: &[(&str, &str)]) -> Result<BodyFraming, FramingError> {
        let (headers, buf) = headers(fields);
        request_framing(Version::Http11, &headers, &buf)
    }

    #[test]
    fn plain_requests() {
        assert_eq!(request(&[]), Ok(BodyFraming::None));
        assert_eq!(request(&[("Content-Length", "0")]), Ok(BodyFraming::Length(0)));
        assert_eq!(request(&[("content-length", "0043")]), Ok(BodyFraming::Length(43)));
        assert_eq!(request(&[("Transfer-Encoding", "Chunked")]), Ok(BodyFraming::Chunked));
        assert!(BodyFraming::Length(0).is_empty() && !BodyFraming::Chunked.is_empty());
    }

    #[test]
    fn lengths_that_are_not_one_number() {
        for bad in [
            "",
            "+5",
            "-5",
            "5, 5",
            "5,47",
            "5z",
            "5e0",
            "5 5",
            "0x5",
            "\u{a0}5",
            "\u{b}5",
            "5\0",
            "٥",
            "5.0",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(request(&[("Content-Length", bad)]), Err(FramingError::ContentLength), "{bad:?}");
        }
        assert_eq!(parse_content_length(b"9223372036854775807"), Some(i64::MAX as u64));
        for second in ["5", "47", ""] {
            assert_eq!(
                request(&[("Content-Length", "5"), ("Content-Length", second)]),
                Err(FramingError::DuplicateContentLength)
            );
        }
    }

    #[test]
    fn transfer_codings_other_than_one_chunked() {
        for bad in [
            "xchunked",
            "gzip",
            ",chunked",
            "chunked,",
            "chunked, chunked",
            "gzip, chunked",
            "\"chunked\"",
            "chunked;q=1",
            "",
            "identity",
            "chunked\u{b}",
            "chun ked",
            "identity, chunked",
            "chunked, identity",
        ] {
            assert_eq!(
                request(&[("Transfer-Encoding", bad)]),
                Err(FramingError::UnknownTransferCoding),
                "{bad:?}"
            );
        }
        for first in ["chunked", "identity"] {
            assert_eq!(
                request(&[("Transfer-Encoding", first), ("transfer-encoding", "chunked")]),
                Err(FramingError::DuplicateTransferEncoding)
            );
        }
        for fields in [
            [("Content-Length", "6"), ("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "chunked"), ("Content-Length", "6")],
        ] {
            assert_eq!(request(&fields), Err(FramingError::LengthAndTransferEncoding));
        }
        let (headers, buf) = headers(&[("Transfer-Encoding", "chunked")]);
        assert_eq!(
            request_framing(Version::Http10, &headers, &buf),
            Err(FramingError::TransferEncodingInHttp10)
        );
    }

    #[test]
    fn responses() {
        let check = |status, method, fields: &[(&str, &str)]| {
            let (headers, buf) = headers(fields);
            response_framing(Version::Http11, status, method, &headers, &buf)
        };
        assert_eq!(check(200, Method::Get, &[]), Ok(BodyFraming::UntilClose));
        assert_eq!(check(200, Method::Get, &[("Content-Length", "2")]), Ok(BodyFraming::Length(2)));
        assert_eq!(check(200, Method::Head, &[("Content-Length", "2")]), Ok(BodyFraming::None));
        assert_eq!(check(200, Method::Head, &[("Transfer-Encoding", "chunked")]), Ok(BodyFraming::None));
        for status in [100, 101, 103, 204, 304] {
            assert_eq!(check(status, Method::Get, &[("Content-Length", "6")]), Ok(BodyFraming::None));
        }
        assert_eq!(check(204, Method::Get, &[("Content-Length", "+2")]), Err(FramingError::ContentLength));
        assert_eq!(
            check(200, Method::Get, &[("Transfer-Encoding", "xyz")]),
            Err(FramingError::UnknownTransferCoding)
        );
    }
}
