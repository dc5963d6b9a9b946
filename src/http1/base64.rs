//! Base64 (RFC 4648, 4) as nginx reads and writes it: reading ends at the first `=`, anything else that is not of the
//! alphabet is an error. No allocation but of the result. Called by whoever reads credentials.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the decoded bytes; `false`: this is no base64, and what was appended is meaningless.
pub fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    decode_with(text, out, [b'+', b'/'])
}

/// The same in the alphabet for URLs (RFC 4648, 5).
pub fn decode_url(text: &[u8], out: &mut Vec<u8>) -> bool {
    decode_with(text, out, [b'-', b'_'])
}

/// The text of these bytes, padded.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4_usize {
            let six = (bits >> (18 - 6 * at) & 63) as usize;
            text.push(if at <= group.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    text
}

fn decode_with(text: &[u8], out: &mut Vec<u8>, [plus, slash]: [u8; 2]) -> bool {
    let text = text.split(|&b| b == b'=').next().unwrap_or_default();
    if text.len() % 4 == 1 {
        return false;
    }
    let mut bits = 0_u32;
    let mut count = 0;
    for &byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            _ if byte == plus => 62,
            _ if byte == slash => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\xfe\xfd\x00"] {
            let mut back = Vec::new();
            assert!(decode(encode(bytes).as_bytes(), &mut back));
            assert_eq!(back, bytes);
        }
        assert_eq!(encode(b"a:b"), "YTpi");
        assert_eq!(encode(b"a"), "YQ==");
        let mut out = Vec::new();
        assert!(decode_url(b"-_8", &mut out));
        assert_eq!(out, [0xfb, 0xff]);
        for wrong in [&b"a"[..], b"ab!d", b"abcde", b"a b="] {
            assert!(!decode(wrong, &mut Vec::new()), "{wrong:?}");
        }
    }
}
