//! SCGI's request: a netstring of variables, each name and value ended by a NUL, `CONTENT_LENGTH` first. The body
//! follows as it is.

use super::open_gap;
use std::io::Write;

/// Begins a request at the start of `out`; `body` is the length of the body in bytes.
pub fn begin(body: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"CONTENT_LENGTH\0");
    push_decimal(body, out);
    out.push(0);
}

/// Makes a variable of what stands behind `start`: its name up to `value`, its value from there on. Neither can hold
/// a NUL: such bytes are taken out.
pub fn seal(start: usize, value: usize, out: &mut Vec<u8>) {
    if memchr::memchr(0, &out[start..]).is_some() {
        let mut at = 0;
        let mut removed = 0;
        out.retain(|b| {
            let drop = at >= start && *b == 0;
            removed += usize::from(drop && at < value);
            at += 1;
            !drop
        });
        out.push(0);
        open_gap(out, value - removed, 1)[0] = 0;
        return;
    }
    out.push(0);
    open_gap(out, value, 1)[0] = 0;
}

/// Completes the request's head: the length in front, the comma behind.
pub fn finish(out: &mut Vec<u8>) {
    let len = out.len();
    push_decimal(len as u64, out);
    out.push(b':');
    let prefix = out.len() - len;
    out.rotate_right(prefix);
    out.push(b',');
}

fn push_decimal(number: u64, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request() {
        let mut out = Vec::new();
        begin(27, &mut out);
        for (name, value) in [("SCGI", "1"), ("A\0B", "c\0\0d"), ("E", "")] {
            let start = out.len();
            out.extend_from_slice(name.as_bytes());
            let middle = out.len();
            out.extend_from_slice(value.as_bytes());
            seal(start, middle, &mut out);
        }
        finish(&mut out);
        assert_eq!(out, b"34:CONTENT_LENGTH\x0027\0SCGI\x001\0AB\0cd\0E\0\0,");
    }
}
