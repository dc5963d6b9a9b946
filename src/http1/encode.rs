//! Small pieces of wire format written into a buffer: numbers, chunk frames, the status line.
//!
//! Nothing here allocates beyond the growth of the output, and nothing goes through `std::fmt`.

use super::look::{LOOK, Look};
use super::{Status, Version};

/// What ends a chunked body that has no trailers (RFC 9112 section 7.1).
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Longest chunk size line: 16 hexadecimal digits and CRLF.
pub const MAX_CHUNK_HEAD: usize = 18;

/// Appends `n` in decimal.
pub fn push_decimal(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0u8; 20];
    out.extend_from_slice(write_decimal(&mut digits, n));
}

/// Appends `n` in lower-case hexadecimal without leading zeros.
pub fn push_hex(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(write_hex(&mut [0; 16], n));
}

fn write_hex(digits: &mut [u8; 16], n: u64) -> &[u8] {
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    &digits[at..]
}

/// The line before the data of a chunk of `len` bytes, which is not 0, written into `line`.
pub fn chunk_head(line: &mut [u8; MAX_CHUNK_HEAD], len: u64) -> &[u8] {
    let mut digits = [0; 16];
    let digits = write_hex(&mut digits, len);
    line[..digits.len()].copy_from_slice(digits);
    line[digits.len()..digits.len() + 2].copy_from_slice(b"\r\n");
    &line[..digits.len() + 2]
}

/// Appends the line before the data of a chunk of `len` bytes. A length of 0 would end the body, so it writes nothing.
pub fn push_chunk_head(out: &mut Vec<u8>, len: u64) {
    if len > 0 {
        out.extend_from_slice(chunk_head(&mut [0; MAX_CHUNK_HEAD], len));
    }
}

/// Appends `data` as one whole chunk; nothing if it is empty.
pub fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        push_chunk_head(out, data.len() as u64);
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a status line with nginx's reason phrase. A status without one gets none, but keeps the space that
/// RFC 9112 section 4 asks for.
pub fn push_status_line(out: &mut Vec<u8>, version: Version, status: Status) {
    push_status_line_with_reason(out, version, status, status.reason().as_bytes());
}

/// Appends a status line with the reason phrase a peer sent.
pub fn push_status_line_with_reason(out: &mut Vec<u8>, version: Version, status: Status, reason: &[u8]) {
    out.extend_from_slice(version.as_str().as_bytes());
    out.push(b' ');
    push_decimal(out, u64::from(status.0));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends a status line as a peer wrote it: `rest` is what followed the code, the space included.
pub fn push_status_line_as_sent(out: &mut Vec<u8>, version: Version, status: Status, rest: &[u8]) {
    out.extend_from_slice(version.as_str().as_bytes());
    out.push(b' ');
    push_decimal(out, u64::from(status.0));
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line.
#[inline]
pub fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line whose value is a number.
pub fn push_number_field(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    push_decimal(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Whether `value` can be written as a field value without ending the line or the head early.
pub fn is_safe_value(value: &[u8]) -> bool {
    is_safe_from(value, 0)
}

/// Whether what stands in `written` from `start` on is a safe value.
pub fn is_safe_from(written: &[u8], start: usize) -> bool {
    let mut at = start;
    while at < written.len() {
        if Look::at(written, at).odd() != 0 {
            // Tabs and bytes beyond ASCII may stand in a value.
            return written[at..].iter().all(|b| super::is_value_byte(*b));
        }
        at += LOOK;
    }
    true
}

/// Appends bytes from the wire so that they can stand in a log line or a message: printable ASCII as it is,
/// everything else, `"` and `\` as `\xHH` with upper-case digits, as nginx's `escape=default` does.
pub fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let is_odd = |b: u8| !(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\';
    // All at once, without an early end, which the compiler makes vector instructions of.
    if !bytes.iter().fold(false, |any, b| any | is_odd(*b)) {
        out.extend_from_slice(bytes);
        return;
    }
    for b in bytes {
        if is_odd(*b) {
            out.extend_from_slice(b"\\x");
            out.push(b"0123456789ABCDEF"[(b >> 4) as usize]);
            out.push(b"0123456789ABCDEF"[(b & 15) as usize]);
        } else {
            out.push(*b);
        }
    }
}

fn write_decimal(digits: &mut [u8; 20], n: u64) -> &[u8] {
    let mut at = digits.len();
    let mut rest = n;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    &digits[at..]
}

/// Appends bytes as the inside of a JSON string (nginx's `ngx_escape_json`): bytes above 126 pass.
pub fn push_json(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[b'0' + (byte >> 4), b"0123456789ABCDEF"[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings() {
        let mut out = Vec::new();
        push_json(&mut out, b"a\"\\\n\x01\x1f\xc3");
        assert_eq!(out, b"a\\\"\\\\\\n\\u0001\\u001F\xc3");
    }
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn status_lines() {
        assert_eq!(
            written(|o| push_status_line(o, Version::Http11, Status(302))),
            "HTTP/1.1 302 Moved Temporarily\r\n"
        );
        assert_eq!(written(|o| push_status_line(o, Version::Http10, Status(418))), "HTTP/1.0 418 \r\n");
        assert_eq!(
            written(|o| push_status_line_with_reason(o, Version::Http11, Status(200), b"Fine")),
            "HTTP/1.1 200 Fine\r\n"
        );
    }

    #[test]
    fn chunks() {
        assert_eq!(written(|o| push_chunk(o, b"0123456789abcdef0")), "11\r\n0123456789abcdef0\r\n");
        assert_eq!(written(|o| push_chunk(o, b"")), "");
        assert_eq!(written(|o| push_chunk_head(o, 0)), "");
        assert_eq!(written(|o| push_chunk_head(o, u64::MAX)).len(), MAX_CHUNK_HEAD);
    }

    #[test]
    fn fields_and_escapes() {
        assert_eq!(written(|o| push_field(o, b"A", b"b c")), "A: b c\r\n");
        assert_eq!(written(|o| push_number_field(o, b"Content-Length", 12)), "Content-Length: 12\r\n");
        assert_eq!(written(|o| push_escaped(o, b"a\"\\\r\n\x7f\xe9 z")), "a\\x22\\x5C\\x0D\\x0A\\x7F\\xE9 z");
        assert!(is_safe_value(b"a\tb \xff") && !is_safe_value(b"a\r\nX: 1") && !is_safe_value(b"\0"));
    }

    proptest! {
        #[test]
        fn numbers_agree_with_std(n: u64) {
            prop_assert_eq!(written(|o| push_decimal(o, n)), n.to_string());
            prop_assert_eq!(written(|o| push_hex(o, n)), format!("{n:x}"));
        }
    }
}
