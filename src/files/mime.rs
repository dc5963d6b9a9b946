//! The type of a name by its last extension (`types`, `default_type`).
//!
//! Pure and without allocation; called by `handler` for files and for the text of `return`.

use crate::config::types::Types;

/// How far from the end of a name its extension is looked for byte by byte: nearly all begin within.
const NEAR: usize = 12;

/// The extension of a decoded URI as nginx sees it (`ngx_http_set_exten`): after the last dot of the last segment,
/// unless that dot opens the segment. Empty when there is none.
pub fn extension(uri: &[u8]) -> &[u8] {
    let near = uri.len().saturating_sub(NEAR);
    let found = uri[near..].iter().rposition(|byte| matches!(byte, b'.' | b'/'));
    let at = match found {
        Some(at) => Some(near + at),
        None => memchr::memrchr2(b'.', b'/', &uri[..near]),
    };
    match at {
        Some(at) if uri[at] == b'.' && at > 0 && uri[at - 1] != b'/' => &uri[at + 1..],
        _ => b"",
    }
}

/// The content type of a decoded URI.
pub fn content_type<'c>(uri: &[u8], types: &'c Types, default_type: &'c str) -> &'c str {
    let extension = extension(uri);
    if extension.is_empty() {
        return default_type;
    }
    types.get(extension).unwrap_or(default_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_counts() {
        for (uri, expected) in [
            ("/a.css", "css"),
            ("/a.tar.gz", "gz"),
            ("/.css", ""),
            ("/dir/.css", ""),
            ("/dir.d/file", ""),
            ("/dir.d/file.", ""),
            ("/..css", "css"),
            ("/a.webmanifest-of-some-length", "webmanifest-of-some-length"),
            ("/.webmanifest-of-some-length", ""),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(extension(uri.as_bytes()), expected.as_bytes(), "{uri}");
        }
    }

    #[test]
    fn types_are_found_without_regard_to_case() {
        let types = Types::from_iter([("css", "text/css")]);
        let of = |uri: &[u8]| content_type(uri, &types, "application/octet-stream").to_owned();
        assert_eq!(of(b"/a.CsS"), "text/css");
        assert_eq!(of(b"/a.js"), "application/octet-stream");
        assert_eq!(of(b"/a"), "application/octet-stream");
        assert_eq!(of(b"/a.\xff"), "application/octet-stream");
        assert_eq!(of(&[b"/a.".as_slice(), &[b'x'; 5000]].concat()), "application/octet-stream");
    }
}
