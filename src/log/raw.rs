//! Bytes of a request or of a file's name in an error log line: written as they are, as nginx does, though a message is text
//! on its way.
//!
//! [`Raw`] shows a byte that is no UTF-8 as one character of a private plane, and `format_line` puts the byte back.
//! Nobody else may make such characters; whoever sends one in a request finds it as a byte in the log, which harms nobody.

use std::fmt::{self, Write};

/// The character that stands for byte 0; others follow. All 256 lie in plane 16, which is for private use.
const BASE: u32 = 0x10_FE00;

/// The first two bytes of all of these characters in UTF-8.
const LEAD: [u8; 2] = [0xf4, 0x8f];

/// Bytes that are mostly text.
pub struct Raw<'b>(pub &'b [u8]);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                f.write_char(char::from_u32(BASE + u32::from(*byte)).unwrap_or(char::REPLACEMENT_CHARACTER))?;
            }
        }
        Ok(())
    }
}

/// Puts the bytes back in `out[from..]`.
pub(super) fn restore(out: &mut Vec<u8>, from: usize) {
    if memchr::memmem::find(&out[from..], &LEAD).is_none() {
        return;
    }
    let tail = out.split_off(from);
    for chunk in tail.utf8_chunks() {
        for c in chunk.valid().chars() {
            match u32::from(c).checked_sub(BASE).and_then(|byte| u8::try_from(byte).ok()) {
                Some(byte) => out.push(byte),
                None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}

#[cfg(test)]
mod tests {
    use super::{Raw, restore};

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).chain("é€🦀".bytes()).collect();
        let mut out = format!("x{}", Raw(&all)).into_bytes();
        restore(&mut out, 1);
        assert_eq!(out[1..], all);
        let mut text = b"x plain".to_vec();
        restore(&mut text, 0);
        assert_eq!(text, b"x plain");
    }
}
