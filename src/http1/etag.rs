//! Entity tags against the lists of If-Match and If-None-Match (RFC 9110 sections 8.8.3 and 13.1), with nginx's reading.

/// How two entity tags compare (RFC 9110 section 8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Weak tags match nothing: If-Match, If-Range.
    Strong,
    /// `W/` does not count: If-None-Match.
    Weak,
}

/// Whether the field value `list` (`*` or comma-separated tags) names `etag`, the response's own tag with its quotes.
///
/// As nginx's `ngx_http_test_if_match`: `*` matches anything, also a response without a tag.
pub fn list_matches(list: &[u8], etag: Option<&[u8]>, comparison: Comparison) -> bool {
    if list == b"*" {
        return true;
    }
    let Some(etag) = etag else { return false };
    let weak = comparison == Comparison::Weak;
    let own = if weak { etag.strip_prefix(b"W/").unwrap_or(etag) } else { etag };
    if own.is_empty() || (!weak && etag.starts_with(b"W/")) {
        return false;
    }
    let mut rest = list;
    while !rest.is_empty() {
        if weak {
            rest = rest.strip_prefix(b"W/").unwrap_or(rest);
        }
        if let Some(after) = rest.strip_prefix(own) {
            let after = trim_front(after, b" \t");
            if after.first().is_none_or(|b| *b == b',') {
                return true;
            }
            rest = after;
        }
        let comma = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
        rest = trim_front(&rest[comma..], b" \t,");
    }
    false
}

/// Whether `value` has the shape of an entity tag rather than a date, as nginx tells them apart in If-Range: it ends
/// in a quote.
pub fn is_etag(value: &[u8]) -> bool {
    value.len() >= 2 && value.ends_with(b"\"")
}

fn trim_front<'a>(bytes: &'a [u8], set: &[u8]) -> &'a [u8] {
    let start = bytes.iter().position(|b| !set.contains(b)).unwrap_or(bytes.len());
    &bytes[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_strong() {
        let weak =
            |list: &str, etag: &str| list_matches(list.as_bytes(), Some(etag.as_bytes()), Comparison::Weak);
        let strong =
            |list: &str, etag: &str| list_matches(list.as_bytes(), Some(etag.as_bytes()), Comparison::Strong);
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" , \"c\"", ",, \"a\"", "\"x\"y, \"a\""]
        {
            assert!(weak(list, "\"a\""), "{list}");
            assert!(weak(list, "W/\"a\""), "{list}");
        }
        for list in ["", "\"b\"", "\"a\"b", "a", "\"aa\"", "\"A\"", "\"a", "W/ \"a\""] {
            assert!(!weak(list, "\"a\""), "{list}");
            assert!(!strong(list, "\"a\""), "{list}");
        }
        assert!(strong("\"b\", \"a\"", "\"a\""));
        assert!(!strong("W/\"a\"", "\"a\""));
        assert!(!strong("W/\"a\"", "W/\"a\""));
    }

    #[test]
    fn star() {
        assert!(list_matches(b"*", None, Comparison::Strong));
        assert!(!list_matches(b"\"a\"", None, Comparison::Weak));
        assert!(!list_matches(b"\"\"", Some(b"W/"), Comparison::Weak));
    }

    #[test]
    fn tags_and_dates() {
        assert!(is_etag(b"\"5f-1\"") && is_etag(b"W/\"5f\""));
        assert!(!is_etag(b"Sun, 06 Nov 1994 08:49:37 GMT") && !is_etag(b"\"") && !is_etag(b""));
    }
}
