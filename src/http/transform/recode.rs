//! Texts in another character set (`charset_map`).

use std::io::Write as _;
use std::sync::Arc;

use crate::config::charsets::Recoding;

/// What stands for bytes that are no UTF-8.
const INVALID: u8 = b'?';

/// One body on its way into another character set.
pub(super) struct Recode {
    table: Arc<Recoding>,
    /// The character of UTF-8 that has begun; it may come in pieces.
    begun: Begun,
}

/// A character of UTF-8 of which bytes are missing.
#[derive(Default, Clone, Copy)]
struct Begun {
    code: u32,
    /// Bytes that are still to come; 0: none has begun.
    missing: u8,
    /// Code points up to here would have been shorter.
    floor: u32,
}

impl Recode {
    pub(super) fn new(table: Arc<Recoding>) -> Self {
        Self { table, begun: Begun::default() }
    }

    /// Takes the next bytes of the body and appends what they are in the other set. A character that never ends is
    /// nothing, as in nginx.
    pub(super) fn run(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match &*self.table {
            Recoding::Bytes(table) => out.extend(input.iter().map(|byte| table[usize::from(*byte)])),
            Recoding::ToUtf8(table) => {
                for byte in input {
                    let [len, character @ ..] = &table[usize::from(*byte)];
                    out.extend_from_slice(&character[..usize::from(*len)]);
                }
            }
            Recoding::FromUtf8(table) => from_utf8(&mut self.begun, table, input, out),
        }
    }
}

/// Reads as nginx's `ngx_utf8_decode` does: a byte that cannot go on with a character is lost with it.
fn from_utf8(begun: &mut Begun, table: &[(u16, u8)], input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        if begun.missing == 0 {
            let plain = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..plain]);
            rest = &rest[plain..];
        }
        let Some((&byte, behind)) = rest.split_first() else { return };
        rest = behind;
        if begun.missing == 0 {
            *begun = match byte {
                0xf0.. => Begun { code: u32::from(byte & 0x07), missing: 3, floor: 0xffff },
                0xe0.. => Begun { code: u32::from(byte & 0x0f), missing: 2, floor: 0x7ff },
                0xc2.. => Begun { code: u32::from(byte & 0x1f), missing: 1, floor: 0x7f },
                _ => {
                    out.push(INVALID);
                    continue;
                }
            };
        } else if byte.is_ascii() {
            begun.missing = 0;
            out.push(INVALID);
        } else {
            begun.code = begun.code << 6 | u32::from(byte & 0x3f);
            begun.missing -= 1;
            if begun.missing == 0 {
                push_character(*begun, table, out);
            }
        }
    }
}

fn push_character(begun: Begun, table: &[(u16, u8)], out: &mut Vec<u8>) {
    if begun.code <= begun.floor || begun.code > u32::from(char::MAX) {
        out.push(INVALID);
        return;
    }
    let known = u16::try_from(begun.code).ok();
    let found = known.and_then(|code| table.binary_search_by_key(&code, |(code, _)| *code).ok());
    match found.and_then(|at| table.get(at)) {
        Some((_, byte)) => out.push(*byte),
        // Into memory: it cannot fail.
        None => write!(out, "&#{};", begun.code).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recode(pieces: &[&[u8]]) -> String {
        let table = Recoding::FromUtf8([(0xe9, 0xe8), (0x20ac, 0x80)].into());
        let mut recode = Recode::new(Arc::new(table));
        let mut out = Vec::new();
        for piece in pieces {
            recode.run(piece, &mut out);
        }
        out.escape_ascii().to_string()
    }

    #[test]
    fn characters_of_utf8_become_bytes() {
        for (text, expected) in [
            (&b"plain"[..], "plain"),
            ("a\u{e9}\u{20ac}z".as_bytes(), "a\\xe8\\x80z"),
            ("\u{416}\u{1f600}".as_bytes(), "&#1046;&#128512;"),
            (b"\x80\xc0\xafx", "???x"),
            (b"\xe0\x80\x80x", "?x"),
            (b"\xe2<\xacx", "??x"),
            (b"\xf7\xbf\xbf\xbfx", "?x"),
            (b"x\xe2\x82", "x"),
        ] {
            assert_eq!(recode(&[text]), expected, "{text:x?}");
            for at in 0..text.len() {
                assert_eq!(recode(&[&text[..at], &text[at..]]), expected, "{text:x?} at {at}");
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(recode(&bytes), expected, "{text:x?} byte by byte");
        }
    }
}
