//! File names by pattern, as glob(3) finds them for `include`: `*`, `?`, `[…]`, sorted, no hidden names.
//!
//! Reads directories and nothing else; called by `parser` alone.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::source::FileAccess;

/// True when `pattern` has wildcards; else it is the name of one file.
pub(super) fn has_wildcards(pattern: &[u8]) -> bool {
    pattern.iter().any(|b| matches!(b, b'*' | b'?' | b'['))
}

/// All existing paths that fit `pattern` (absolute), sorted by their bytes. Unreadable directories count as empty.
pub(super) fn expand(pattern: &[u8], access: FileAccess) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
        found = if has_wildcards(part) || part.contains(&b'\\') {
            found.iter().flat_map(|dir| matching_names(dir, part, access)).collect()
        } else {
            found
                .iter()
                .map(|dir| dir.join(OsStr::from_bytes(part)))
                .filter(|path| (access.exists)(path))
                .collect()
        };
    }
    found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    found
}

fn matching_names(dir: &Path, pattern: &[u8], access: FileAccess) -> Vec<PathBuf> {
    let Ok(names) = (access.names)(dir) else { return Vec::new() };
    names
        .into_iter()
        .map(std::ffi::OsString::into_vec)
        .filter(|name| matches(pattern, name))
        .map(|name| dir.join(OsStr::from_bytes(&name)))
        .collect()
}

/// Does one name fit one pattern without slashes? A leading dot must be written.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Where to go on after the last `*` when what follows it did not fit: linear in the product, never exponential.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(_) => one(&pattern[p..], name[n]),
            None => None,
        };
        match (step, retry) {
            (Some(width), _) => {
                p += width;
                n += 1;
            }
            (None, Some((after_star, from))) => {
                p = after_star;
                n = from + 1;
                retry = Some((after_star, n));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// The width of the pattern's first element when it fits `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((true, width)) => Some(width + 1),
            Some((false, _)) => None,
            // Without a closing bracket it stands for itself.
            None => (byte == b'[').then_some(1),
        },
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// `…]` of a class: does it fit, and how wide is it? `None` when it is not closed.
fn class(text: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut hit = false;
    loop {
        let low = *text.get(at)?;
        if low == b']' && at > start {
            return Some((hit != negated, at + 1));
        }
        match (text.get(at + 1), text.get(at + 2)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                hit |= (low..=*high).contains(&byte);
                at += 3;
            }
            _ => {
                hit |= low == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileAccess, matches};

    #[test]
    fn names() {
        for (pattern, yes, no) in [
            ("*.conf", &["a.conf", "x.y.conf"][..], &[".a.conf", "a.conf~", "conf"][..]),
            ("a?c", &["abc", "a*c"], &["ac", "abbc"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "-x"]),
            ("[!a]*", &["b", "bcd"], &["a", "abc", ".b"]),
            ("[]x]", &["]", "x"], &["a"]),
            ("a[b", &["a[b"], &["ab"]),
            (".*", &[".a", "."], &["a"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a"]),
        ] {
            for name in yes {
                assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn paths() {
        let dir = std::env::temp_dir().join(format!("ringx-glob-{}", std::process::id()));
        for sub in ["b", "a", "c"] {
            std::fs::create_dir_all(dir.join(sub)).unwrap();
            std::fs::write(dir.join(sub).join("x.conf"), "").unwrap();
        }
        let expand = |pattern: &[u8]| super::expand(pattern, FileAccess::default());
        let pattern = format!("{}/[!c]*/x.*", dir.display());
        assert_eq!(expand(pattern.as_bytes()), [dir.join("a/x.conf"), dir.join("b/x.conf")]);
        assert!(expand(format!("{}/none/*.conf", dir.display()).as_bytes()).is_empty());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
