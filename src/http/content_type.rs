//! What a `Content-Type` says besides the type.

/// Where the type ends that names a charset, and that charset.
pub fn named_charset(content_type: &[u8]) -> Option<(usize, &[u8])> {
    memchr::memchr_iter(b';', content_type).find_map(|at| {
        let parameter = content_type.get(at + 1..)?.trim_ascii_start();
        let (name, value) = parameter.split_at_checked(b"charset=".len())?;
        if !name.eq_ignore_ascii_case(b"charset=") {
            return None;
        }
        let value = value.strip_prefix(b"\"").unwrap_or(value);
        Some((at, value.strip_suffix(b"\"").unwrap_or(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::named_charset;

    #[test]
    fn a_charset_that_is_named() {
        for (content_type, expected) in [
            ("text/html; charset=utf-8", Some("text/html|utf-8")),
            ("text/html;CHARSET=\"utf-8\"", Some("text/html|utf-8")),
            ("text/html; x=1; charset=a", Some("text/html; x=1|a")),
            ("text/html", None),
            ("text/html; x=charset", None),
            ("text/html;", None),
        ] {
            let found = named_charset(content_type.as_bytes())
                .map(|(end, name)| format!("{}|{}", &content_type[..end], name.escape_ascii()));
            assert_eq!(found.as_deref(), expected, "{content_type}");
        }
    }
}
