//! Parts of a body: 206 with one range or `multipart/byteranges`, 416 (RFC 9110 section 14, as nginx answers it).
//!
//! Which ranges are asked for is `http1::range`'s reading; this file decides whether they are served and cuts the
//! body. Only bodies that are a whole file are cut: nothing else allows ranges.

use bytes::Bytes;

use crate::config::model::LocationConf;
use crate::files::OpenFile;
use crate::http::{Body, Exchange, Response, Segment};
use crate::http1::range::{self, RangeOutcome};
use crate::http1::{Known, Status, encode, etag};
use crate::time::parse_http_date;

/// Requests one connection may make before its boundaries repeat; connections have numbers of their own.
const BOUNDARIES_PER_CONNECTION: u64 = 1 << 24;

/// Serves the ranges that the request asks for, or asks for the page of 416.
pub(super) fn apply(exchange: &mut Exchange, conf: &LocationConf) -> Option<Status> {
    let response = &exchange.response;
    let size = match (&response.body, response.content_length) {
        (Body::Cached(_), Some(length)) if response.status == Status::OK && response.allow_ranges => length,
        (_, Some(length))
            if response.single_range && response.status == Status::OK && response.allow_ranges =>
        {
            length
        }
        // Whoever changed the body has forgotten its length.
        _ if response.single_range => {
            exchange.response.allow_ranges = false;
            return None;
        }
        _ => return None,
    };
    if conf.max_ranges == 0 {
        exchange.response.allow_ranges = false;
        return None;
    }
    let field = |name| exchange.request.headers.get(name, &exchange.input);
    let wanted = field(Known::Range)?;
    if !field(Known::IfRange).is_none_or(|validator| is_current(validator, response)) {
        return None;
    }
    let limit = if response.single_range { 1 } else { conf.max_ranges };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut ranges = std::mem::take(&mut exchange.ranges);
    let outcome = range::parse(wanted, size, limit, &mut ranges);
    let refused = match outcome {
        RangeOutcome::Whole => None,
        RangeOutcome::NotSatisfiable => {
            if exchange.response.single_range {
                exchange.response.has_reason = false;
                exchange.response.fields.remove(b"last-modified");
                exchange.response.fields.remove(b"etag");
            }
            exchange.response.fields.push(b"Content-Range", format!("bytes */{size}").as_bytes());
            Some(Status::RANGE_NOT_SATISFIABLE)
        }
        RangeOutcome::Ranges => {
            let connection = exchange.client.serial.wrapping_mul(BOUNDARIES_PER_CONNECTION);
            let boundary = connection.wrapping_add(exchange.client.requests.get());
            serve(&mut exchange.response, &ranges, size, boundary);
            None
        }
    };
    exchange.ranges = ranges;
    refused
}

/// If-Range: the tag or date the client knows is this response's (strong comparison as nginx does it: equal text).
fn is_current(validator: &[u8], response: &Response) -> bool {
    if etag::is_etag(validator) {
        let told =
            if response.etag.is_empty() { response.fields.get(b"etag") } else { Some(&response.etag[..]) };
        return told == Some(validator);
    }
    let replaced = || response.fields.get(b"last-modified").and_then(parse_http_date);
    let modified = response.last_modified.or_else(replaced);
    modified.is_some() && parse_http_date(validator) == modified
}

fn serve(response: &mut Response, ranges: &[(u64, u64)], size: u64, boundary: u64) {
    response.status = Status::PARTIAL_CONTENT;
    response.has_reason = false;
    response.allow_ranges = false;
    if let (true, [(start, end)]) = (response.single_range, ranges) {
        response.content_length = Some(end - start);
        response.fields.push_with(b"Content-Range", |out| push_content_range(out, *start, *end, size));
        if !matches!(response.body, Body::Empty) {
            response.transform.get_or_insert_default().cut(*start, end - start);
        }
        return;
    }
    let Body::Cached(file) = std::mem::take(&mut response.body) else { return };
    if let [(start, end)] = *ranges {
        response.content_length = Some(end - start);
        response.fields.push_with(b"Content-Range", |out| push_content_range(out, start, end, size));
        response.body = Body::Part { file, start, len: end - start };
        return;
    }
    let segments = multipart(response, ranges, size, boundary);
    response.body = from_memory(&file, &segments).map_or(Body::Segments(file, segments), Body::Bytes);
}

/// The pieces of a `multipart/byteranges` body; sets type and length.
fn multipart(response: &mut Response, ranges: &[(u64, u64)], size: u64, boundary: u64) -> Vec<Segment> {
    let mut segments = Vec::with_capacity(ranges.len() * 2 + 1);
    let mut length = 0;
    for &(start, end) in ranges {
        let mut head = format!("\r\n--{boundary:020}\r\n").into_bytes();
        if !response.content_type.is_empty() {
            encode::push_field(&mut head, b"Content-Type", &response.content_type);
        }
        head.extend_from_slice(b"Content-Range: ");
        push_content_range(&mut head, start, end, size);
        head.extend_from_slice(b"\r\n\r\n");
        length += head.len() as u64 + (end - start);
        segments.push(Segment::Bytes(Bytes::from(head)));
        segments.push(Segment::File { start, len: end - start });
    }
    let tail = format!("\r\n--{boundary:020}--\r\n");
    length += tail.len() as u64;
    segments.push(Segment::Bytes(Bytes::from(tail)));
    response.content_length = Some(length);
    response.content_type.clear();
    response
        .content_type
        .extend_from_slice(format!("multipart/byteranges; boundary={boundary:020}").as_bytes());
    segments
}

/// `bytes first-last/size`.
fn push_content_range(out: &mut Vec<u8>, start: u64, end: u64, size: u64) {
    out.extend_from_slice(b"bytes ");
    encode::push_decimal(out, start);
    out.push(b'-');
    encode::push_decimal(out, end - 1);
    out.push(b'/');
    encode::push_decimal(out, size);
}

/// The same bytes cut from a content in memory.
fn from_memory(file: &OpenFile, segments: &[Segment]) -> Option<Bytes> {
    let mut joined = Vec::new();
    for segment in segments {
        match segment {
            Segment::Bytes(bytes) => joined.extend_from_slice(bytes),
            Segment::File { start, len } => joined.extend_from_slice(file.content_part(*start, *len)?),
        }
    }
    Some(Bytes::from(joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> Response {
        Response {
            content_type: b"text/plain".to_vec(),
            content_length: Some(12),
            last_modified: Some(784_111_777),
            etag: b"\"a\"".to_vec(),
            ..Response::default()
        }
    }

    #[test]
    fn if_range_compares_text_and_dates() {
        let mut response = response();
        for (validator, expected) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
            ("garbage", false),
            ("", false),
        ] {
            assert_eq!(is_current(validator.as_bytes(), &response), expected, "{validator}");
        }
        response.last_modified = None;
        assert!(!is_current(b"garbage", &response));
        response.fields.push(b"Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(is_current(b"Sun, 06 Nov 1994 08:49:37 GMT", &response));
    }

    #[test]
    fn several_parts_are_framed_as_nginx_frames_them() {
        let mut response = response();
        let segments = multipart(&mut response, &[(0, 2), (4, 6)], 12, 7);
        let content = b"hello world\n";
        let mut body = Vec::new();
        for segment in &segments {
            match segment {
                Segment::Bytes(bytes) => body.extend_from_slice(bytes),
                Segment::File { start, len } => {
                    body.extend_from_slice(&content[*start as usize..(start + len) as usize]);
                }
            }
        }
        let expected = "\r\n--00000000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/12\r\n\r\nhe\
                        \r\n--00000000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/12\r\n\r\no \
                        \r\n--00000000000000000007--\r\n";
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
        assert_eq!(response.content_length, Some(198));
        assert_eq!(response.content_type, b"multipart/byteranges; boundary=00000000000000000007");
    }
}
