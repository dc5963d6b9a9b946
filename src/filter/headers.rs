//! `add_header`, and `expires` before it.

use crate::config::model::LocationConf;
use crate::http::trailers::is_safe_status;
use crate::http::{Exchange, Response};

use super::expires;

/// Appends what `expires` and `add_header` ask for at this status.
pub(super) fn apply(exchange: &mut Exchange, conf: &LocationConf) {
    let everywhere = is_safe_status(exchange.response.status.0);
    if everywhere {
        expires::apply(exchange, conf);
    }
    if conf.add_headers.is_empty() {
        return;
    }
    let mut value = std::mem::take(&mut exchange.scratch);
    for header in conf.add_headers.iter().filter(|header| everywhere || header.always) {
        value.clear();
        exchange.evaluate_field(header, &mut value);
        add(&mut exchange.response, &header.name, &value);
    }
    exchange.scratch = value;
}

/// nginx replaces `Last-Modified` and `ETag` and adds every other name; an empty value removes those and adds nothing.
fn add(response: &mut Response, name: &str, value: &[u8]) {
    let is_last_modified = name.eq_ignore_ascii_case("last-modified");
    let is_etag = name.eq_ignore_ascii_case("etag");
    if is_last_modified {
        response.last_modified = None;
    }
    if is_etag && !response.etag.is_empty() {
        // A file's own tag.
        response.etag.clear();
        response.etag.extend_from_slice(value);
    } else if !value.is_empty() && (is_etag || is_last_modified) {
        response.fields.set(name.as_bytes(), value);
    } else if !value.is_empty() {
        response.fields.push(name.as_bytes(), value);
    } else if is_etag || is_last_modified {
        response.fields.remove(name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(response: &Response) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        response.fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn names_are_added_and_repeated() {
        let mut response = Response::default();
        add(&mut response, "X-A", b"1");
        add(&mut response, "x-a", b"2");
        add(&mut response, "X-B", b"");
        assert_eq!(fields(&response), [("X-A", "1"), ("x-a", "2")]);
    }

    #[test]
    fn two_names_are_replaced() {
        let mut response =
            Response { last_modified: Some(1), etag: b"\"a\"".to_vec(), ..Response::default() };
        add(&mut response, "ETag", b"\"b\"");
        add(&mut response, "Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!((response.last_modified, &response.etag[..]), (None, &b"\"b\""[..]));
        assert_eq!(fields(&response), [("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        add(&mut response, "last-modified", b"never");
        add(&mut response, "etag", b"");
        assert_eq!((response.last_modified, &response.etag[..]), (None, &b""[..]));
        assert_eq!(fields(&response), [("last-modified", "never")]);
        add(&mut response, "Last-Modified", b"");
        assert!(response.fields.is_empty());
    }

    #[test]
    fn which_statuses() {
        assert!(is_safe_status(200) && is_safe_status(304) && is_safe_status(308));
        assert!(!is_safe_status(404) && !is_safe_status(416) && !is_safe_status(502) && !is_safe_status(202));
    }
}
