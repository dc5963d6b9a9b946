//! The type of a name by its last extension (`types`, `default_type`).
//!
//! Pure and without allocation; called by `handler` for files and for the text of `return`.

use std::collections::HashMap;

/// Longest extension that is looked up, bytes. No type has a longer one in practice; a name that is all extension
/// must not cost a buffer.
const MAX_EXTENSION: usize = 64;

/// The extension of a decoded URI as nginx sees it (`ngx_http_set_exten`): after the last dot of the last segment,
/// unless that dot opens the segment. Empty when there is none.
pub fn extension(uri: &[u8]) -> &[u8] {
    let segment = match memchr::memrchr(b'/', uri) {
        Some(slash) => &uri[slash + 1..],
        None => uri,
    };
    match memchr::memrchr(b'.', segment) {
        None | Some(0) => b"",
        Some(dot) => &segment[dot + 1..],
    }
}

/// The content type of a decoded URI.
pub fn content_type<'c>(uri: &[u8], types: &'c HashMap<String, String>, default_type: &'c str) -> &'c str {
    let extension = extension(uri);
    let mut buffer = [0u8; MAX_EXTENSION];
    let Some(lower) = buffer.get_mut(..extension.len()).filter(|lower| !lower.is_empty()) else {
        return default_type;
    };
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    let found = std::str::from_utf8(lower).ok().and_then(|lower| types.get(lower));
    found.map_or(default_type, String::as_str)
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
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(extension(uri.as_bytes()), expected.as_bytes(), "{uri}");
        }
    }

    #[test]
    fn types_are_found_without_regard_to_case() {
        let types = HashMap::from([("css".to_owned(), "text/css".to_owned())]);
        let of = |uri: &[u8]| content_type(uri, &types, "application/octet-stream").to_owned();
        assert_eq!(of(b"/a.CsS"), "text/css");
        assert_eq!(of(b"/a.js"), "application/octet-stream");
        assert_eq!(of(b"/a"), "application/octet-stream");
        assert_eq!(of(b"/a.\xff"), "application/octet-stream");
        assert_eq!(of(&[b"/a.".as_slice(), &[b'x'; 5000]].concat()), "application/octet-stream");
    }
}
