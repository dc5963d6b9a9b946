//! Lines of `error_log`, in nginx's shape.

use std::fmt;
use std::io::Write;

use super::Level;
use super::raw::restore;

/// Longest line; nginx cuts at 2048 bytes too (`NGX_MAX_ERROR_STR`).
const MAX_LINE: usize = 2048;

/// Appends `2026/11/22 18:17:11 [error] 123#124: *7 message\n`. `connection` is `$connection`, 0 for none; control
/// bytes of the message are written as `\xXX`, so that a request cannot forge a line.
pub fn format_line(out: &mut Vec<u8>, level: Level, connection: u64, message: fmt::Arguments<'_>) {
    let begin = out.len();
    let now = crate::time::now().unix_secs();
    out.extend_from_slice(&crate::time::error_log_time(now, crate::time::utc_offset() / 60));
    let pid = std::process::id();
    let _ = write!(out, " [{}] {pid}#{pid}: ", level.as_str());
    if connection != 0 {
        let _ = write!(out, "*{connection} ");
    }
    let head = out.len();
    let _ = out.write_fmt(message);
    restore(out, head);
    escape_control(out, head);
    out.truncate(begin + MAX_LINE - 1);
    out.push(b'\n');
}

fn escape_control(out: &mut Vec<u8>, from: usize) {
    if !out[from..].iter().any(|&b| b < 0x20 || b == 0x7f) {
        return;
    }
    let tail = out.split_off(from);
    for byte in tail {
        if byte < 0x20 || byte == 0x7f {
            let _ = write!(out, "\\x{byte:02X}");
        } else {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, format_line};

    #[test]
    fn a_message_cannot_forge_a_line() {
        let mut out = Vec::new();
        format_line(&mut out, Level::Error, 7, format_args!("bad \"{}\"", "a\r\n2026/01/01 [emerg] x"));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.contains("*7 bad \"a\\x0D\\x0A2026"), "{text}");
    }

    #[test]
    fn long_messages_are_cut() {
        let mut out = Vec::new();
        format_line(&mut out, Level::Error, 0, format_args!("{}", "x".repeat(5000)));
        assert_eq!(out.len(), 2048);
    }
}
