//! The host that a request names: `host[:port]`, checked. Called by the request's head for the Host field and for a
//! target in absolute-form; accepts no more than nginx.

use super::look::{self, Look};

/// What a byte is in a host name that is no address in brackets: [`REFUSED`], [`HOST_DOT`], or nothing special.
static HOST_BYTES: [u8; 256] = {
    let refused = b"/\\@?#[]\"<>^`{|}\x7f";
    let mut bytes = [0; 256];
    let mut b = 0;
    while b <= b' ' as usize {
        bytes[b] = REFUSED;
        b += 1;
    }
    let mut i = 0;
    while i < refused.len() {
        bytes[refused[i] as usize] = REFUSED;
        i += 1;
    }
    bytes[b'.' as usize] = HOST_DOT;
    bytes
};
const REFUSED: u8 = 1;
const HOST_DOT: u8 = 2;

/// Checks `host[:port]` and returns the length of the host without port and trailing dot, or `None` if it is no host.
///
/// nginx's `ngx_http_validate_host`, and stricter where a byte would change the meaning of a URL that is built with
/// the host (RFC 3986 section 3.2): userinfo, quotes, brackets, `?`, `#`, `\`, and a port that is no number.
pub(super) fn validate_host(value: &[u8]) -> Option<usize> {
    let host_len = if value.first() == Some(&b'[') {
        let close = value.iter().position(|b| *b == b']')?;
        let inner = &value[1..close];
        if inner.is_empty() || !inner.iter().all(|b| b.is_ascii_alphanumeric() || b":.%-_~".contains(b)) {
            return None;
        }
        close + 1
    } else {
        host_name(value)?
    };
    match value.get(host_len..) {
        Some([] | [b':']) => {}
        // A port has at most 5 digits; its value is of no account.
        Some([b':', port @ ..]) if port.len() <= 5 && port.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    let host_len = if value[..host_len].last() == Some(&b'.') { host_len - 1 } else { host_len };
    (host_len > 0).then_some(host_len)
}

/// Whether `value` is a host as nearly all are written: a name in lower case, without port and trailing dot. `rest`
/// is what the value begins, so that one look need not end where it does.
pub(super) fn is_usual_host(value: &[u8], rest: &[u8]) -> bool {
    let is_dot = |look: Look| look.equal(b'.');
    let is_plain = |look: Look| look.lower_alphanumerics() | is_dot(look) | look.equal(b'-');
    let (len, doubled) = look::run(rest, is_plain, is_dot, is_dot);
    len == value.len()
        && !doubled
        && value.first() != Some(&b'.')
        && !matches!(value.last(), None | Some(b'.'))
}

/// The length of the host name that `value` begins with, up to a `:`.
fn host_name(value: &[u8]) -> Option<usize> {
    let is_dot = |look: Look| look.equal(b'.');
    let is_plain = |look: Look| look.alphanumerics() | is_dot(look) | look.equal(b'-');
    let (len, doubled) = look::run(value, is_plain, is_dot, is_dot);
    if len > 0 && !doubled && value[0] != b'.' && matches!(value.get(len), None | Some(b':')) {
        return Some(len);
    }
    let len = memchr::memchr(b':', value).unwrap_or(value.len());
    // A dot is refused behind a dot, what is refused always.
    let (mut refused, mut before) = (0, REFUSED);
    for b in &value[..len] {
        let byte = HOST_BYTES[usize::from(*b)];
        refused |= byte & (before | REFUSED);
        before = byte;
    }
    (refused == 0).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_hosts() {
        for (value, rest, usual) in [
            ("www.example.com", "www.example.com\r\n", true),
            ("a-name-longer-than-one-look.example", "a-name-longer-than-one-look.example", true),
            ("", "\r\n", false),
            ("a", "ab", false),
            ("A.b", "A.b\r\n", false),
            ("a..b", "a..b", false),
            (".a", ".a", false),
            ("a.", "a.", false),
            ("a:80", "a:80", false),
            ("[::1]", "[::1]", false),
        ] {
            assert_eq!(is_usual_host(value.as_bytes(), rest.as_bytes()), usual, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_usual_host_is_a_valid_one(value in "[-a-zA-Z0-9.:]{0,40}", behind in "[a-z\\r ]{0,20}") {
            let rest = [&*value, &*behind].concat();
            if is_usual_host(value.as_bytes(), rest.as_bytes()) {
                prop_assert_eq!(validate_host(value.as_bytes()), Some(value.len()));
                prop_assert_eq!(value.to_ascii_lowercase(), value);
            }
        }
    }
}
