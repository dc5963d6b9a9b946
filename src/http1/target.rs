//! The request target: its forms, the decoded and resolved path that locations and files see, and percent-encoding.
//!
//! [`normalize`] is the project's defence against path traversal: its output has no `.` or `..` segment and no NUL,
//! whatever was encoded how often. It decodes exactly once, as nginx's `ngx_http_parse_complex_uri` does, so that
//! `alias`, `proxy_pass` with a URI part and `$uri` mean what they mean in nginx.

use super::host::validate_host;
use super::look::{self, Look};
use std::ops::Range;

/// What a request target is made of, as ranges within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetParts {
    pub(super) form: TargetForm,
    pub(super) path: Range<usize>,
    pub(super) query: Option<Range<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetForm {
    Origin,
    /// `authority` is `host[:port]`, `host` without port and trailing dot.
    Absolute {
        authority: Range<usize>,
        host: Range<usize>,
    },
}

/// Takes a target apart (RFC 9112 section 3.2), or `None` if it is neither origin-form nor an `http(s)` URI, or has a
/// fragment. Control bytes and spaces have been refused before.
///
/// Asterisk-form is refused, as nginx does; authority-form belongs to CONNECT, which is refused too. nginx cuts a
/// fragment off `$uri` but sends it to the peer: two readings of one target.
pub(super) fn split_target(target: &[u8]) -> Option<TargetParts> {
    if target.contains(&b'#') {
        return None;
    }
    if target.first() == Some(&b'/') {
        let (path, query) = split_at_question(target, 0);
        return Some(TargetParts { form: TargetForm::Origin, path, query });
    }
    let scheme_len = target.iter().position(|b| *b == b':')?;
    let scheme = &target[..scheme_len];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let at = scheme_len + 3;
    if target.get(scheme_len..at)? != b"://" {
        return None;
    }
    let end = target[at..].iter().position(|b| *b == b'/' || *b == b'?').map_or(target.len(), |i| at + i);
    let authority = &target[at..end];
    // nginx takes these bytes only in the host of an absolute URI; userinfo and `_` are not among them.
    if !authority.iter().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(b)) {
        return None;
    }
    let host = at..at + validate_host(authority)?;
    let (mut path, query) = split_at_question(target, end);
    if path.is_empty() {
        // The first slash of `://` stands for the empty path, so that it need not be copied from elsewhere.
        path = scheme_len + 1..scheme_len + 2;
    }
    Some(TargetParts { form: TargetForm::Absolute { authority: at..end, host }, path, query })
}

/// What one look at a target in origin-form shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OriginTarget {
    /// Bytes of path and query.
    pub(super) len: usize,
    /// Bytes of the path: the query follows behind a `?` when this is less than `len`.
    pub(super) path_len: usize,
    /// [`normalize`] would change nothing in the path, and flag nothing.
    pub(super) is_plain: bool,
}

/// What a byte of a target is, as bits.
static TARGET_BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut b = 0;
    while b <= b' ' as usize {
        bytes[b] = END;
        b += 1;
    }
    bytes[0x7f] = END;
    bytes[b'#' as usize] = END;
    bytes[b'?' as usize] = QUESTION;
    bytes[b'%' as usize] = ODD;
    bytes[b'+' as usize] = ODD;
    bytes[b'/' as usize] = SLASH;
    bytes[b'.' as usize] = DOT;
    bytes
};
/// A control byte, a space, or `#`.
const END: u8 = 1;
const QUESTION: u8 = 2;
/// Decoded, or flagged.
const ODD: u8 = 4;
const SLASH: u8 = 8;
const DOT: u8 = 16;

/// Looks at what follows the method in a request line. `None` unless it begins with a target in origin-form and a space.
pub(super) fn scan_origin(rest: &[u8]) -> Option<OriginTarget> {
    if rest.first() != Some(&b'/') {
        return None;
    }
    let is_slash = |look: Look| look.equal(b'/');
    let is_plain = |look: Look| {
        look.alphanumerics() | is_slash(look) | look.equal(b'.') | look.equal(b'-') | look.equal(b'_')
    };
    let (len, doubled) = look::run(rest, is_plain, is_slash, |look| is_slash(look) | look.equal(b'.'));
    if !doubled && rest.get(len) == Some(&b' ') {
        return Some(OriginTarget { len, path_len: len, is_plain: true });
    }
    let (mut odd, mut behind_slash) = (0, 0);
    let mut path_len = 0;
    for b in rest {
        let byte = TARGET_BYTES[usize::from(*b)];
        if byte & (END | QUESTION) != 0 {
            break;
        }
        odd |= byte & (ODD | behind_slash);
        behind_slash = if byte == SLASH { SLASH | DOT } else { 0 };
        path_len += 1;
    }
    let query = rest.get(path_len..)?;
    let query_len = query.iter().position(|b| TARGET_BYTES[usize::from(*b)] == END)?;
    let len = path_len + query_len;
    (rest.get(len) == Some(&b' ')).then_some(OriginTarget { len, path_len, is_plain: odd == 0 })
}

fn split_at_question(target: &[u8], from: usize) -> (Range<usize>, Option<Range<usize>>) {
    match memchr::memchr(b'?', &target[from..]) {
        Some(i) => (from..from + i, Some(from + i + 1..target.len())),
        None => (from..target.len(), None),
    }
}

/// Whether two dots stand next to each other, as in a `..` segment.
pub fn has_two_dots(path: &[u8]) -> bool {
    look::doubled(path, b'.')
}

/// Splits a URI from the configuration or a redirect at its first `?`: path, and what follows.
pub fn split_query(uri: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', uri) {
        Some(i) => (&uri[..i], Some(&uri[i + 1..])),
        None => (uri, None),
    }
}

/// What [`normalize`] met on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NormalizeInfo {
    /// The output differs from the input.
    pub changed: bool,
    /// Something was percent-decoded (nginx's `quoted_uri`): the path must be escaped when it goes out again.
    pub quoted: bool,
    /// A `+` is in the path (nginx's `plus_in_uri`).
    pub plus: bool,
}

/// Why a path is refused; the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    BadPercent,
    /// NUL, most likely as `%00`.
    Nul,
    /// `..` above the root.
    AboveRoot,
    /// For [`parse_unsafe_uri`]: `..` as a segment, or nothing at all.
    Unsafe,
}

impl std::fmt::Display for TargetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TargetError::NotAbsolute => "path does not begin with \"/\"",
            TargetError::BadPercent => "invalid percent-encoding in path",
            TargetError::Nul => "zero byte in path",
            TargetError::AboveRoot => "path leads above the root",
            TargetError::Unsafe => "unsafe URI",
        })
    }
}

/// State of [`normalize`]: what the last bytes written mean for a `/` or `.` that follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// Within a segment.
    Usual,
    /// Behind a slash.
    Slash,
    /// Behind `/.`.
    Dot,
    /// Behind `/..`.
    DotDot,
}

/// Decodes and resolves `path` (up to, not including, `?`) into `out`, which is cleared first.
///
/// Percent-encodings are decoded once; an encoded `/` or `.` counts like a plain one, an encoded `%`, `?` or `#` is an
/// ordinary byte. `.` and `..` segments are resolved, and runs of slashes become one if `merge_slashes`
/// (nginx's directive).
pub fn normalize(path: &[u8], merge_slashes: bool, out: &mut Vec<u8>) -> Result<NormalizeInfo, TargetError> {
    out.clear();
    if path.first() != Some(&b'/') {
        return Err(TargetError::NotAbsolute);
    }
    let mut info = NormalizeInfo::default();
    if is_plain(path) {
        out.extend_from_slice(path);
        return Ok(info);
    }
    let mut state = Segment::Usual;
    let mut rest = path;
    while let [first, after @ ..] = rest {
        rest = after;
        let mut b = *first;
        let mut literal = false;
        if b == b'%' {
            let [high, low, after @ ..] = rest else { return Err(TargetError::BadPercent) };
            rest = after;
            b = (hex_digit(*high)? << 4) | hex_digit(*low)?;
            info.quoted = true;
            literal = matches!(b, b'%' | b'#' | b'?');
        }
        if b == 0 {
            return Err(TargetError::Nul);
        }
        info.plus |= b == b'+';
        state = if literal {
            out.push(b);
            Segment::Usual
        } else {
            resolve(state, b, merge_slashes, out)?
        };
    }
    match state {
        Segment::Dot => out.truncate(out.len() - 1),
        Segment::DotDot => drop_parent(out)?,
        Segment::Usual | Segment::Slash => {}
    }
    info.changed = out != path;
    Ok(info)
}

fn resolve(state: Segment, b: u8, merge_slashes: bool, out: &mut Vec<u8>) -> Result<Segment, TargetError> {
    match (state, b) {
        (Segment::Usual, b'/') => {
            out.push(b);
            Ok(Segment::Slash)
        }
        (Segment::Slash, b'/') => {
            if !merge_slashes {
                out.push(b);
            }
            Ok(Segment::Slash)
        }
        (Segment::Dot, b'/') => {
            out.truncate(out.len() - 1);
            Ok(Segment::Slash)
        }
        (Segment::DotDot, b'/') => {
            drop_parent(out)?;
            Ok(Segment::Slash)
        }
        (Segment::Slash, b'.') => {
            out.push(b);
            Ok(Segment::Dot)
        }
        (Segment::Dot, b'.') => {
            out.push(b);
            Ok(Segment::DotDot)
        }
        _ => {
            out.push(b);
            Ok(Segment::Usual)
        }
    }
}

/// `out` ends in `/..`: takes that and the segment before it away, up to and without the slash before that segment.
fn drop_parent(out: &mut Vec<u8>) -> Result<(), TargetError> {
    let before = out.len().saturating_sub(3);
    match out[..before].iter().rposition(|b| *b == b'/') {
        Some(slash) => {
            out.truncate(slash + 1);
            Ok(())
        }
        None => Err(TargetError::AboveRoot),
    }
}

/// Whether nothing in `path` needs decoding or resolving, and no flag needs setting: the common case.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    for b in path {
        match b {
            0 | b'%' | b'+' => return false,
            b'/' | b'.' if after_slash => return false,
            _ => after_slash = *b == b'/',
        }
    }
    true
}

fn hex_digit(b: u8) -> Result<u8, TargetError> {
    match b {
        b'0'..=b'9' => Ok(b - b'0'),
        b'a'..=b'f' => Ok(b - b'a' + 10),
        b'A'..=b'F' => Ok(b - b'A' + 10),
        _ => Err(TargetError::BadPercent),
    }
}

/// A URI for an internal redirect from outside the configuration (X-Accel-Redirect), as nginx's
/// `ngx_http_parse_unsafe_uri`: decodes the path into `out` and returns the query; a `..` segment, plain or encoded,
/// is refused rather than resolved.
///
/// Stricter than nginx: the path must begin with `/`, and a malformed percent-encoding is an error.
pub fn parse_unsafe_uri<'a>(uri: &'a [u8], out: &mut Vec<u8>) -> Result<Option<&'a [u8]>, TargetError> {
    out.clear();
    let (path, query) = split_query(uri);
    if path.first() != Some(&b'/') {
        return Err(TargetError::Unsafe);
    }
    let mut rest = path;
    while let [first, after @ ..] = rest {
        rest = after;
        let mut b = *first;
        if b == b'%' {
            let [high, low, after @ ..] = rest else { return Err(TargetError::BadPercent) };
            rest = after;
            b = (hex_digit(*high)? << 4) | hex_digit(*low)?;
        }
        if b == 0 {
            return Err(TargetError::Nul);
        }
        out.push(b);
    }
    let has_parent = |path: &[u8]| path.split(|b| *b == b'/').any(|segment| segment == b"..");
    if has_parent(path) || has_parent(out) {
        out.clear();
        return Err(TargetError::Unsafe);
    }
    Ok(query)
}

/// Percent-decodes what is well-formed in `text` and leaves the rest as it is (nginx's `ngx_unescape_uri`).
pub fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%'
            && let [high, low, after @ ..] = rest
            && let (Ok(high), Ok(low)) = (hex_digit(*high), hex_digit(*low))
        {
            out.push((high << 4) | low);
            rest = after;
        } else {
            out.push(*first);
        }
    }
}

/// Percent-decodes the path of a redirect's target up to its query, but for what could not stand there as it is
/// (nginx's `ngx_unescape_uri` with `NGX_UNESCAPE_REDIRECT`: a `%` that encodes nothing is dropped).
pub fn unescape_redirect(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'?' => {
                out.push(b'?');
                out.extend_from_slice(rest);
                return;
            }
            b'%' => {
                let [high, after @ ..] = rest else { return };
                rest = after;
                if hex_digit(*high).is_err() {
                    out.push(*high);
                    continue;
                }
                let [low, after @ ..] = rest else { return };
                rest = after;
                let (Ok(h), Ok(l)) = (hex_digit(*high), hex_digit(*low)) else { continue };
                match (h << 4) | l {
                    b'?' if !low.is_ascii_digit() => {
                        out.push(b'?');
                        out.extend_from_slice(rest);
                        return;
                    }
                    decoded @ b'&'..=b'~' => out.push(decoded),
                    _ => out.extend_from_slice(&[b'%', *high, *low]),
                }
            }
            _ => out.push(*first),
        }
    }
}

/// Which bytes [`escape`] encodes; nginx's `ngx_escape_uri` types of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `NGX_ESCAPE_URI`: a path that was decoded.
    Uri,
    /// `NGX_ESCAPE_ARGS`: captures that go into a query.
    Args,
    /// `NGX_ESCAPE_URI_COMPONENT`: one segment or value; all but unreserved bytes.
    UriComponent,
    /// `NGX_ESCAPE_HTML`: a link in a generated page.
    Html,
}

impl Escape {
    /// Whether `b` is encoded.
    pub fn encodes(self, b: u8) -> bool {
        if b <= b' ' || b >= 0x7f {
            return true;
        }
        let set: &[u8] = match self {
            Escape::Uri => b"\"#%<>?\\^`{|}",
            Escape::Args => b"\"#%&+;<>?\\^`{|}",
            Escape::Html => b"\"#%'<>\\^`{|}",
            Escape::UriComponent => return !(b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
        };
        set.contains(&b)
    }
}

/// Appends `text` with the bytes of `kind` as `%HH`, upper case as nginx writes them.
pub fn escape(text: &[u8], kind: Escape, out: &mut Vec<u8>) {
    for b in text {
        if kind.encodes(*b) {
            push_percent(*b, out);
        } else {
            out.push(*b);
        }
    }
}

/// Appends a redirect's target with control bytes as `%HH`: `$uri` and captures are decoded, and a line break in them
/// must not end the header. All else is as written.
pub fn escape_controls(text: &[u8], out: &mut Vec<u8>) {
    for b in text {
        if b.is_ascii_control() {
            push_percent(*b, out);
        } else {
            out.push(*b);
        }
    }
}

fn push_percent(b: u8, out: &mut Vec<u8>) {
    out.push(b'%');
    out.push(b"0123456789ABCDEF"[(b >> 4) as usize]);
    out.push(b"0123456789ABCDEF"[(b & 15) as usize]);
}

/// Appends `text` with `<`, `>`, `&` and `"` as HTML entities (nginx's `ngx_escape_html`).
pub fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    for b in text {
        match b {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            _ => out.push(*b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn targets_of_redirects_are_decoded_where_they_may_be() {
        for (text, expected) in [
            ("/a%2Fb%41", "/a/bA"),
            ("/a%20b%25%C3%a9", "/a%20b%25%C3%a9"),
            ("/a?%41", "/a?%41"),
            ("/a%3Fb%41", "/a?b%41"),
            ("/a%zb%4", "/azb"),
            ("/a%4gb%", "/ab"),
        ] {
            let mut out = Vec::new();
            unescape_redirect(text.as_bytes(), &mut out);
            assert_eq!(out, expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_line_break_cannot_end_the_header() {
        let mut out = Vec::new();
        escape_controls(b"/a\r\nSet-Cookie: x=1\t\x7f\xc3\xa9", &mut out);
        assert_eq!(out, b"/a%0D%0ASet-Cookie: x=1%09%7F\xc3\xa9");
    }

    fn normalized(path: &[u8], merge_slashes: bool) -> Result<Vec<u8>, TargetError> {
        let mut out = b"old".to_vec();
        normalize(path, merge_slashes, &mut out)?;
        Ok(out)
    }

    /// `$uri` of nginx 1.22.1 for each of these paths.
    #[test]
    fn as_nginx() {
        for (path, uri) in [
            ("/", "/"),
            ("/a/b.c", "/a/b.c"),
            ("//a//b", "/a/b"),
            ("//", "/"),
            ("/./", "/"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/..b", "/a/..b"),
            ("/a/.../b", "/a/.../b"),
            ("/a/%2e%2e/b", "/b"),
            ("/a%2f..%2fb", "/b"),
            ("/a/.%2e", "/"),
            ("/%25", "/%"),
            ("/%252e%252e/", "/%2e%2e/"),
            ("/%3f", "/?"),
            ("/%23", "/#"),
            ("/%2fa", "/a"),
            ("/a/%2fb", "/a/b"),
            ("/a+b", "/a+b"),
            ("/a%2bb", "/a+b"),
            ("/a%20b", "/a b"),
            ("/%5c..%5c", "/\\..\\"),
            ("/a;b/../c", "/c"),
            ("/a/%2e./c", "/c"),
            ("/a%2f%2e%2e", "/"),
            ("/a/%2E%2E%2Fb", "/b"),
            ("/a/b/../../c", "/c"),
            ("/a.", "/a."),
            ("/.a", "/.a"),
            ("/a..", "/a.."),
            ("/..a/..b", "/..a/..b"),
            ("/a/b/..", "/a/"),
            ("/%2e", "/"),
            ("/./..a/./", "/..a/"),
            ("/a/.%2f", "/a/"),
            ("/%0d%0aX-Evil:%201", "/\r\nX-Evil: 1"),
        ] {
            assert_eq!(normalized(path.as_bytes(), true), Ok(uri.as_bytes().to_vec()), "{path}");
        }
        assert_eq!(normalized(b"/%c0%ae%c0%ae/", true), Ok(b"/\xc0\xae\xc0\xae/".to_vec()));
        for (path, uri) in [("//a//b", "//a//b"), ("/a//../b", "/a/b"), ("/a/%2f/b", "/a///b"), ("//..", "/")]
        {
            assert_eq!(normalized(path.as_bytes(), false), Ok(uri.as_bytes().to_vec()), "{path}");
        }
    }

    #[test]
    fn refused_paths() {
        for (path, error) in [
            ("/..", TargetError::AboveRoot),
            ("/../", TargetError::AboveRoot),
            ("/a/../..", TargetError::AboveRoot),
            ("/%2e%2e/", TargetError::AboveRoot),
            ("/a/..%2f..%2fb", TargetError::AboveRoot),
            ("//..", TargetError::AboveRoot),
            ("/./..", TargetError::AboveRoot),
            ("/static/../../x", TargetError::AboveRoot),
            ("/.%2e/.%2e/secret.txt", TargetError::AboveRoot),
            ("/a%00", TargetError::Nul),
            ("/a\0", TargetError::Nul),
            ("/%", TargetError::BadPercent),
            ("/%4", TargetError::BadPercent),
            ("/%zz", TargetError::BadPercent),
            ("/%+1", TargetError::BadPercent),
            ("", TargetError::NotAbsolute),
            ("a", TargetError::NotAbsolute),
            ("%2fa", TargetError::NotAbsolute),
        ] {
            assert_eq!(normalized(path.as_bytes(), true), Err(error), "{path}");
        }
    }

    #[test]
    fn what_was_met() {
        let info = |path: &[u8]| normalize(path, true, &mut Vec::new()).unwrap();
        assert_eq!(info(b"/a/b.c"), NormalizeInfo::default());
        assert_eq!(info(b"/a%20b"), NormalizeInfo { changed: true, quoted: true, plus: false });
        assert_eq!(info(b"/a//b"), NormalizeInfo { changed: true, quoted: false, plus: false });
        assert_eq!(info(b"/a+b"), NormalizeInfo { changed: false, quoted: false, plus: true });
    }

    #[test]
    fn unsafe_uris() {
        let check = |uri: &str| {
            let mut out = Vec::new();
            let query = parse_unsafe_uri(uri.as_bytes(), &mut out).map(|q| q.map(<[u8]>::to_vec));
            query.map(|q| (out, q))
        };
        assert_eq!(check("/a%20b?c=%20"), Ok((b"/a b".to_vec(), Some(b"c=%20".to_vec()))));
        assert_eq!(check("/a..b/...?.."), Ok((b"/a..b/...".to_vec(), Some(b"..".to_vec()))));
        for uri in [
            "",
            "?x",
            "a",
            "..",
            "../a",
            "/..",
            "/../secret.txt",
            "/a/..",
            "/a/%2e%2e/b",
            "/a%2f..%2fb",
            "/%2e.",
        ] {
            assert_eq!(check(uri), Err(TargetError::Unsafe), "{uri}");
        }
        assert_eq!(check("/%00"), Err(TargetError::Nul));
        assert_eq!(check("/%0"), Err(TargetError::BadPercent));
    }

    /// The bytes that nginx's bit tables in `ngx_escape_uri` encode.
    #[test]
    fn escape_tables() {
        for (kind, words) in [
            (Escape::Uri, [0xffff_ffffu32, 0xd000_002d, 0x5000_0000, 0xb800_0001]),
            (Escape::Args, [0xffff_ffff, 0xd800_086d, 0x5000_0000, 0xb800_0001]),
            (Escape::UriComponent, [0xffff_ffff, 0xfc00_9fff, 0x7800_0001, 0xb800_0001]),
            (Escape::Html, [0xffff_ffff, 0x5000_00ad, 0x5000_0000, 0xb800_0001]),
        ] {
            for b in 0..=255u8 {
                let in_table = b >= 0x80 || words[(b >> 5) as usize] & (1 << (b & 31)) != 0;
                assert_eq!(kind.encodes(b), in_table, "{kind:?} {b:#x}");
            }
        }
        let mut out = Vec::new();
        escape(b"/a b\xe9?", Escape::Uri, &mut out);
        assert_eq!(out, b"/a%20b%E9%3F");
        out.clear();
        escape_html(b"<a href=\"x\">&'", &mut out);
        assert_eq!(out, b"&lt;a href=&quot;x&quot;&gt;&amp;'");
    }

    #[test]
    fn splitting_and_unescaping() {
        assert_eq!(split_query(b"/a?b?c"), (&b"/a"[..], Some(&b"b?c"[..])));
        assert_eq!(split_query(b"/a"), (&b"/a"[..], None));
        let mut out = Vec::new();
        unescape(b"a%20b%zz%4", &mut out);
        assert_eq!(out, b"a b%zz%4");
    }

    proptest! {
        /// The quick look says what the long way says, of every target.
        #[test]
        fn one_look_at_a_target(target in "[/.%+?#a\\x7f\\x00é-]{0,12}", behind in "[ \t\r]?x?") {
            let line = format!("/{target}{behind}");
            let rest = line.as_bytes();
            let end = rest.iter().position(|b| *b <= b' ' || *b == 0x7f);
            let parts = end.filter(|end| rest[*end] == b' ').and_then(|end| Some((end, split_target(&rest[..end])?)));
            let quick = scan_origin(rest);
            prop_assert_eq!(quick.map(|q| q.len), parts.as_ref().map(|(end, _)| *end));
            if let (Some(quick), Some((_, parts))) = (quick, parts) {
                prop_assert_eq!(0..quick.path_len, parts.path.clone());
                prop_assert_eq!((quick.path_len < quick.len).then_some(quick.path_len + 1..quick.len), parts.query);
                prop_assert_eq!(quick.is_plain, is_plain(&rest[parts.path]));
            }
        }

        #[test]
        fn no_dot_segment_survives(path in "/([a.%/]|%2e|%2E|%2f|%5c|%25){0,24}", merge: bool) {
            if let Ok(out) = normalized(path.as_bytes(), merge) {
                prop_assert_eq!(out.first(), Some(&b'/'));
                prop_assert!(out.split(|b| *b == b'/').all(|s| s != b".." && s != b"."));
                prop_assert!(!out.contains(&0));
                prop_assert!(!merge || !out.windows(2).any(|pair| pair == b"//"));
            }
        }

        #[test]
        fn plain_paths_are_what_the_long_way_makes_of_them(path in "/[a-c./%+0-9]{0,16}") {
            if is_plain(path.as_bytes()) {
                prop_assert_eq!(normalized(path.as_bytes(), true), Ok(path.clone().into_bytes()));
                // The same path behind an encoded byte takes the long way.
                let long = [b"/%61", path.as_bytes()].concat();
                let expected = [b"/a", path.as_bytes()].concat();
                prop_assert_eq!(normalized(&long, true), Ok(expected));
            }
        }

        #[test]
        fn normalize_undoes_escape(segments in prop::collection::vec("[^/.\0][^/\0]{0,8}", 0..5)) {
            let path = format!("/{}", segments.join("/")).into_bytes();
            let mut escaped = Vec::new();
            escape(&path, Escape::Uri, &mut escaped);
            prop_assert_eq!(normalized(&escaped, true), Ok(path));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, merge: bool) {
            let mut out = Vec::new();
            let _ = normalize(&bytes, merge, &mut out);
            let _ = parse_unsafe_uri(&bytes, &mut out);
            let _ = split_target(&bytes);
            let _ = validate_host(&bytes);
            unescape(&bytes, &mut out);
        }
    }
}
