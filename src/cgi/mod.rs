//! The application protocols besides HTTP, as bytes: uwsgi, FastCGI and SCGI carry CGI's variables (RFC 3875, section
//! 4.1) in front of the body, each in its own clothes; memcached is asked for a key.
//!
//! No I/O, no clock, no configuration. No input panics, and reading in pieces gives what reading the whole gives. What
//! an app answers has the form of a CGI response, which is `http1::cgi_head`'s. Used by `handler::proxy`.

pub mod fastcgi;
pub mod memcached;
pub mod scgi;
pub mod uwsgi;

/// The variables do not fit the length field of the protocol: so many bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig(pub usize);

/// Appends the name of the variable that a request's field becomes: `HTTP_`, capitals, `_` for `-`.
pub fn push_header_name(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP_");
    out.extend(name.iter().map(|b| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() }));
}

/// Whether a field of this name becomes the variable `HTTP_…` whose rest is `wanted`.
pub fn is_variable_of(name: &[u8], wanted: &[u8]) -> bool {
    let folded = |b: &u8| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() };
    name.len() == wanted.len() && name.iter().map(folded).eq(wanted.iter().map(folded))
}

/// Makes room for `count` bytes at `at`, to be filled in.
fn open_gap(out: &mut Vec<u8>, at: usize, count: usize) -> &mut [u8] {
    let end = out.len();
    out.resize(end + count, 0);
    out.copy_within(at..end, at + count);
    &mut out[at..at + count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields() {
        let mut out = Vec::new();
        push_header_name(b"X-Forwarded_for", &mut out);
        assert_eq!(out, b"HTTP_X_FORWARDED_FOR");
        assert!(is_variable_of(b"x-forwarded_For", b"X_FORWARDED_FOR"));
        assert!(!is_variable_of(b"x-forwarded-fo", b"X_FORWARDED_FOR"));
    }

    #[test]
    fn a_gap_moves_what_follows() {
        let mut out = b"abcd".to_vec();
        open_gap(&mut out, 1, 2).copy_from_slice(b"--");
        assert_eq!(out, b"a--bcd");
        open_gap(&mut out, 6, 1)[0] = b'!';
        assert_eq!(out, b"a--bcd!");
    }
}
