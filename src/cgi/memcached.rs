//! memcached's text protocol, as far as a value is asked for by its key.

use std::fmt;

/// What follows a value.
pub const END: &[u8] = b"\r\nEND\r\n";

/// What memcached answers to `get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has no such key.
    Missing,
    /// A value of so many bytes follows the line, and [`END`].
    Value {
        /// What whoever stored it wrote beside it.
        flags: u32,
        /// Bytes of the value.
        length: u64,
    },
}

/// Why a line is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerError {
    /// Not an answer to `get`.
    Response,
    /// Of another key.
    Key,
    /// The flags are no number.
    Flags,
    /// The length is no number.
    Length,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Response => "memcached sent invalid response",
            Self::Key => "memcached sent invalid key in response",
            Self::Flags => "memcached sent invalid flags in response",
            Self::Length => "memcached sent invalid length in response",
        })
    }
}

/// Appends a key as it is sent: blanks and controls, which would end it, and `%` are encoded.
pub fn push_key(key: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in key {
        if matches!(byte, 0..=b' ' | b'%' | 0x7f) {
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        } else {
            out.push(*byte);
        }
    }
}

/// Reads the answer to `get key` from its first line, without the line feed.
///
/// # Errors
/// See [`AnswerError`].
pub fn answer(line: &[u8], key: &[u8]) -> Result<Answer, AnswerError> {
    let line = line.strip_suffix(b"\r").ok_or(AnswerError::Response)?;
    if line == b"END" {
        return Ok(Answer::Missing);
    }
    let rest = line.strip_prefix(b"VALUE ").ok_or(AnswerError::Response)?;
    let rest = rest.strip_prefix(key).ok_or(AnswerError::Key)?;
    let rest = rest.strip_prefix(b" ").ok_or(AnswerError::Response)?;
    let blank = memchr::memchr(b' ', rest).ok_or(AnswerError::Response)?;
    let flags = number(&rest[..blank]).and_then(|flags| u32::try_from(flags).ok());
    let length = number(&rest[blank + 1..]).ok_or(AnswerError::Length)?;
    Ok(Answer::Value { flags: flags.ok_or(AnswerError::Flags)?, length })
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (line, expected) in [
            (&b"END\r"[..], Ok(Answer::Missing)),
            (b"VALUE /k 0 12\r", Ok(Answer::Value { flags: 0, length: 12 })),
            (b"VALUE /k 4294967295 0\r", Ok(Answer::Value { flags: u32::MAX, length: 0 })),
            (b"END", Err(AnswerError::Response)),
            (b"ERROR\r", Err(AnswerError::Response)),
            (b"VALUE /other 0 12\r", Err(AnswerError::Key)),
            (b"VALUE /kk 0 12\r", Err(AnswerError::Response)),
            (b"VALUE /k 12\r", Err(AnswerError::Response)),
            (b"VALUE /k x 12\r", Err(AnswerError::Flags)),
            (b"VALUE /k 0 12 3\r", Err(AnswerError::Length)),
            (b"VALUE /k 0 99999999999999999999\r", Err(AnswerError::Length)),
            (b"\r", Err(AnswerError::Response)),
            (b"", Err(AnswerError::Response)),
        ] {
            assert_eq!(answer(line, b"/k"), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn no_key_ends_early() {
        let mut out = Vec::new();
        push_key(b"/a b\r\nset x?%\x7f\xe9", &mut out);
        assert_eq!(out, b"/a%20b%0D%0Aset%20x?%25%7F\xe9");
    }
}
