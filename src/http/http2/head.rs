//! Heads of HTTP/2 in the form of HTTP/1.1, and back.
//!
//! The `h2` crate has refused what RFC 9113 section 8 calls malformed by its form: names in upper case, fields of the connection,
//! pseudo-fields in the wrong place, a body that is not as long as it says. What is written here is then parsed as strictly as
//! any request of HTTP/1.1; so a byte that could end a line must not come through, and that is checked again.

use std::io::Write as _;

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use crate::http1::{RequestError, is_value_byte};

/// Writes the head of a request into `out`, which is empty.
///
/// # Errors
/// What makes the request malformed (RFC 9113 sections 8.2.1 and 8.3.1). What was written until then is a head without its end.
pub(super) fn write_request(parts: &Parts, out: &mut Vec<u8>) -> Result<(), RequestError> {
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    match parts.uri.path_and_query() {
        _ if parts.method == Method::CONNECT => out.extend_from_slice(authority.unwrap_or_default()),
        // RFC 9113 section 8.3.1; what looks like an absolute URI would bring a second host.
        Some(path) if !path.as_str().starts_with('/') => return Err(RequestError::TargetForm),
        Some(path) => push(path.as_str().as_bytes(), |byte| byte > b' ' && byte != 0x7f, out)
            .ok_or(RequestError::TargetByte)?,
        None => out.push(b'/'),
    }
    out.extend_from_slice(b" HTTP/2.0\r\n");
    write_host(authority, &parts.headers, out)?;
    for (name, value) in &parts.headers {
        if name == HOST || name == COOKIE {
            continue;
        }
        write_field(name, value, out)?;
    }
    // RFC 9113 section 8.2.3: a cookie in pieces.
    for (at, cookie) in parts.headers.get_all(COOKIE).iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"cookie: " } else { b"; " });
        push(cookie.as_bytes(), is_value_byte, out).ok_or(RequestError::FieldValue)?;
    }
    if parts.headers.contains_key(COOKIE) {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// RFC 9113 section 8.3.1: `:authority` is the host; a Host field beside it must say the same.
fn write_host(authority: Option<&[u8]>, fields: &HeaderMap, out: &mut Vec<u8>) -> Result<(), RequestError> {
    let mut written = authority;
    if let Some(authority) = authority {
        out.extend_from_slice(b"host: ");
        push(authority, is_value_byte, out).ok_or(RequestError::InvalidHost)?;
        out.extend_from_slice(b"\r\n");
    }
    for host in fields.get_all(HOST) {
        match written {
            Some(same) if same.eq_ignore_ascii_case(host.as_bytes()) => {}
            Some(_) => return Err(RequestError::DuplicateHost),
            None => write_field(&HOST, host, out)?,
        }
        written = Some(host.as_bytes());
    }
    Ok(())
}

fn write_field(name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) -> Result<(), RequestError> {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    let value = value.as_bytes();
    if value.trim_ascii().len() != value.len() {
        return Err(RequestError::FieldValue);
    }
    push(value, is_value_byte, out).ok_or(RequestError::FieldValue)?;
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn push(bytes: &[u8], may_stand: impl Fn(u8) -> bool, out: &mut Vec<u8>) -> Option<()> {
    bytes.iter().all(|byte| may_stand(*byte)).then(|| out.extend_from_slice(bytes))
}

/// A request's head from one of HTTP/1.1, for an app: its Host becomes the authority. `None` when it has no form in HTTP/2.
pub fn read_request(head: &[u8], scheme: &str) -> Option<Request<()>> {
    let end = memchr::memmem::find(head, b"\r\n")?;
    let mut words = head[..end].split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = words.next()?;
    let mut headers = fields(&head[end + 2..]);
    let authority = headers.remove(HOST)?;
    let path = match PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target)) {
        Ok(path) => path,
        Err(_) => PathAndQuery::from_maybe_shared(Bytes::from(escaped(target))).ok()?,
    };
    let uri =
        Uri::builder().scheme(scheme).authority(authority.as_bytes()).path_and_query(path).build().ok()?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Some(request)
}

/// A target with all that no URI may hold encoded.
fn escaped(target: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.len() + 16);
    for byte in target {
        if byte.is_ascii_alphanumeric() || b"/?&=%-._~:@!$'()*+,;".contains(byte) {
            out.push(*byte);
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A response's head from complete lines with the empty one; `None` when they are none.
pub(super) fn response(lines: &[u8]) -> Option<Response<()>> {
    let end = memchr::memmem::find(lines, b"\r\n")?;
    let status = StatusCode::from_bytes(lines[..end].get(9..12)?).ok()?;
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields(&lines[end + 2..]);
    Some(response)
}

/// Fields from complete lines. What belongs to a connection of HTTP/1.1 alone is left out (RFC 9113 section 8.2.2).
pub(super) fn fields(mut lines: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(lines.len() / 32);
    while let Some(end) = memchr::memchr(b'\r', lines).filter(|end| *end > 0) {
        let line = &lines[..end];
        lines = lines.get(end + 2..).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value))
            && !is_of_connection(&name)
        {
            fields.append(name, value);
        }
    }
    fields
}

fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the `http` crate lets into a request, which is more than HTTP/1.1 has room for.
    fn any_request() -> impl Strategy<Value = Request<()>> {
        let word = || proptest::collection::vec(any::<u8>(), 0..12);
        let name = prop_oneof![Just("host"), Just("cookie"), Just("content-length"), Just("x-a"), Just("te")];
        let value = prop_oneof![
            word(),
            Just(b"a.example".to_vec()),
            Just(b"A.Example".to_vec()),
            Just(b" 5".to_vec()),
            Just(b"5\t".to_vec()),
        ];
        let method = prop_oneof![Just("GET"), Just("POST"), Just("CONNECT"), Just("a'b")];
        let authority = prop_oneof![Just("a.example"), Just("b.example:80"), Just("u@a.example")];
        let fields = proptest::collection::vec((name, value), 0..5);
        (method, proptest::option::of(authority), word(), fields).prop_map(
            |(method, authority, path, fields)| {
                let mut request = Request::new(());
                *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
                let path = PathAndQuery::try_from([b"/".as_slice(), &path].concat());
                let mut uri = Uri::builder().path_and_query(path.unwrap_or(PathAndQuery::from_static("/")));
                if let Some(authority) = authority {
                    uri = uri.scheme("http").authority(authority);
                }
                *request.uri_mut() = uri.build().unwrap();
                for (name, value) in fields {
                    if let Ok(value) = HeaderValue::from_bytes(&value) {
                        request.headers_mut().append(name, value);
                    }
                }
                request
            },
        )
    }

    /// The lines that must come of `parts`, or none where it is malformed; written from RFC 9113 without a look at the above.
    fn lines(parts: &Parts) -> Option<Vec<Vec<u8>>> {
        let authority = parts.uri.authority().map_or("", |authority| authority.as_str());
        let target = match parts.uri.path_and_query() {
            _ if parts.method == Method::CONNECT => authority.as_bytes(),
            path => path.map_or("/", PathAndQuery::as_str).as_bytes(),
        };
        let mut lines = vec![[parts.method.as_str().as_bytes(), b" ", target, b" HTTP/2.0"].concat()];
        let hosts = parts.headers.get_all(HOST).iter().map(|host| host.as_bytes());
        let hosts: Vec<&[u8]> =
            parts.uri.authority().map(|host| host.as_str().as_bytes()).into_iter().chain(hosts).collect();
        if let Some(first) = hosts.first() {
            if hosts.iter().any(|host| !host.eq_ignore_ascii_case(first)) {
                return None;
            }
            lines.push([b"host: ", *first].concat());
        }
        let edges = |value: &[u8]| {
            [value.first(), value.last()].iter().flatten().any(|end| matches!(end, b' ' | b'\t'))
        };
        if parts.headers.iter().any(|(name, value)| name != COOKIE && edges(value.as_bytes())) {
            return None;
        }
        for (name, value) in parts.headers.iter().filter(|(name, _)| **name != HOST && **name != COOKIE) {
            lines.push([name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        }
        let cookies: Vec<&[u8]> = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if !cookies.is_empty() {
            lines.push([b"cookie: ".as_slice(), &cookies.join(b"; ".as_slice())].concat());
        }
        Some(lines)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn one_request_comes_out_line_by_line_or_none(request in any_request()) {
            let (parts, ()) = request.into_parts();
            let mut out = Vec::new();
            let written = write_request(&parts, &mut out).is_ok();
            let expected = lines(&parts);
            prop_assert_eq!(written, expected.is_some(), "{:?}", parts);
            if let Some(expected) = expected {
                let whole = [expected.join(b"\r\n".as_slice()), b"\r\n\r\n".to_vec()].concat();
                prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole));
                let no_more = out.windows(2).filter(|pair| pair == b"\r\n").count();
                prop_assert_eq!(no_more, expected.len() + 1);
                prop_assert!(out.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() == 2 * no_more);
            }
        }
    }
}
