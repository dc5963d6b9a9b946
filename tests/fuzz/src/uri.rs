//! Paths: what files and locations see can never climb, and escaping is undone by reading.

use ringx::http1::target::{
    Escape, TargetError, escape, escape_controls, normalize as normalized, parse_unsafe_uri, unescape,
};

/// Any bytes as a path, as an internal redirect, and as text to be escaped.
pub fn normalize(input: &[u8]) {
    for merge_slashes in [true, false] {
        let mut out = b"what was there before".to_vec();
        let outcome = normalized(input, merge_slashes, &mut out).map(|info| {
            assert_eq!(info.changed, out != input);
            cannot_climb(&out);
            assert!(out.len() <= input.len());
            assert!(!merge_slashes || !out.windows(2).any(|pair| pair == b"//"));
            // Escaped for the peer, it is read there as what it is here.
            let mut sent = Vec::new();
            escape(&out, Escape::Uri, &mut sent);
            let mut again = Vec::new();
            let second = normalized(&sent, merge_slashes, &mut again);
            assert!(second.is_ok(), "{second:?}");
            assert_eq!(out, again);
            out
        });
        assert_eq!(outcome, resolved(input, merge_slashes), "by another way");
    }
    internal_redirect(input);
    escaping(input);
}

fn cannot_climb(path: &[u8]) {
    assert_eq!(path.first(), Some(&b'/'));
    assert!(!path.contains(&0));
    for segment in path.split(|b| *b == b'/') {
        assert!(segment != b"." && segment != b"..", "{:?}", String::from_utf8_lossy(path));
    }
}

/// The same by splitting instead of a state machine: decode, then walk the segments.
fn resolved(path: &[u8], merge_slashes: bool) -> Result<Vec<u8>, TargetError> {
    if path.first() != Some(&b'/') {
        return Err(TargetError::NotAbsolute);
    }
    // The first fault in reading order counts, so the walk over what comes before it is needed even then.
    let (text, fault) = decoded(path);
    let mut out: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = text[1..].split(|b| *b == b'/').collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        if last && fault.is_some() {
            break;
        }
        match *segment {
            b"." if last => out.push(b""),
            b"." => {}
            b".." => {
                if out.pop().is_none() {
                    return Err(TargetError::AboveRoot);
                }
                if last {
                    out.push(b"");
                }
            }
            b"" if merge_slashes && !last => {}
            other => out.push(other),
        }
    }
    match fault {
        Some(fault) => Err(fault),
        None => Ok([&b"/"[..], &out.join(&b'/')].concat()),
    }
}

/// Percent-decoded up to the first fault, and the fault.
fn decoded(path: &[u8]) -> (Vec<u8>, Option<TargetError>) {
    let mut text = Vec::new();
    let mut rest = path;
    while let [b, after @ ..] = rest {
        rest = after;
        if *b == 0 {
            return (text, Some(TargetError::Nul));
        }
        if *b != b'%' {
            text.push(*b);
            continue;
        }
        let digits = rest.get(..2).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let Some(digits) = digits.and_then(|d| std::str::from_utf8(d).ok()) else {
            return (text, Some(TargetError::BadPercent));
        };
        match u8::from_str_radix(digits, 16) {
            Ok(0) => return (text, Some(TargetError::Nul)),
            Ok(byte) => text.push(byte),
            Err(_) => return (text, Some(TargetError::BadPercent)),
        }
        rest = &rest[2..];
    }
    (text, None)
}

fn internal_redirect(input: &[u8]) {
    let mut out = Vec::new();
    if let Ok(query) = parse_unsafe_uri(input, &mut out) {
        assert_eq!(out.first(), Some(&b'/'));
        assert!(!out.contains(&0) && out.split(|b| *b == b'/').all(|segment| segment != b".."));
        assert!(query.is_none_or(|query| input.ends_with(query)));
    }
}

fn escaping(input: &[u8]) {
    for kind in [Escape::Uri, Escape::Args, Escape::UriComponent, Escape::Html] {
        let (mut escaped, mut back) = (Vec::new(), Vec::new());
        escape(input, kind, &mut escaped);
        // No line can be ended and no field begun with what was escaped: header injection is impossible.
        assert!(escaped.iter().all(|b| *b > b' ' && *b < 0x7f));
        unescape(&escaped, &mut back);
        assert_eq!(back, input);
    }
    let mut location = Vec::new();
    escape_controls(input, &mut location);
    assert!(!location.iter().any(u8::is_ascii_control));
}
