//! uwsgi's request: four bytes (`modifier1`, length of the variables, `modifier2`), then each variable as two strings
//! with their lengths in two bytes, lowest first. The body follows as it is.

use super::{TooBig, open_gap};

/// Bytes in front of the variables.
const HEADER: usize = 4;

/// Most bytes of variables: the length has two bytes.
const MAX_VARIABLES: usize = u16::MAX as usize;

/// Begins a request at the start of `out`.
pub fn begin(modifier1: u8, modifier2: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[modifier1, 0, 0, modifier2]);
}

/// Makes a variable of what stands behind `start`: its name up to `value`, its value from there on.
pub fn seal(start: usize, value: usize, out: &mut Vec<u8>) {
    // What does not fit 16 bits is found out by `finish`: nothing is sent then.
    let len = |count: usize| (count as u16).to_le_bytes();
    let (name_len, value_len) = (len(value - start), len(out.len() - value));
    open_gap(out, value, 2).copy_from_slice(&value_len);
    open_gap(out, start, 2).copy_from_slice(&name_len);
}

/// Completes the request's head.
///
/// # Errors
/// The variables are longer than the protocol can say.
pub fn finish(out: &mut [u8]) -> Result<(), TooBig> {
    let len = out.len().saturating_sub(HEADER);
    if len > MAX_VARIABLES {
        return Err(TooBig(len));
    }
    if let Some(field) = out.get_mut(1..3) {
        field.copy_from_slice(&(len as u16).to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(name);
        let middle = out.len();
        out.extend_from_slice(value);
        seal(start, middle, out);
    }

    #[test]
    fn a_request() {
        let mut out = Vec::new();
        begin(5, 7, &mut out);
        push(b"A", b"bc", &mut out);
        push(b"EMPTY", b"", &mut out);
        push(b"L", &[b'x'; 300], &mut out);
        assert_eq!(finish(&mut out), Ok(()));
        let mut expected = b"\x05\x41\x01\x07\x01\0A\x02\0bc\x05\0EMPTY\0\0\x01\0L\x2c\x01".to_vec();
        expected.extend_from_slice(&[b'x'; 300]);
        assert_eq!(out, expected);
    }

    #[test]
    fn more_than_the_length_can_say() {
        for (len, result) in [(65530, Ok(())), (65531, Err(TooBig(65536))), (70000, Err(TooBig(70005)))] {
            let mut out = Vec::new();
            begin(0, 0, &mut out);
            push(b"A", &vec![b'x'; len], &mut out);
            assert_eq!(finish(&mut out), result, "{len}");
        }
    }
}
