//! FastCGI 1.0: everything travels in records of eight bytes of header, up to 65,535 of content, and padding.
//!
//! One request at a time on a connection (its id is 1), as nginx has it. [`Records`] takes an app's answer apart.

use super::{TooBig, open_gap};
use std::fmt;

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;

/// Bytes of a record's header.
pub const HEADER: usize = 8;

/// Content of one record of the request's body; a multiple of eight, so that only the last record is padded.
pub const STDIN_SHARE: usize = 32 << 10;

/// A record's header, and the padding that fills its content up to a multiple of eight bytes.
fn header(kind: u8, len: u16) -> [u8; HEADER] {
    let [high, low] = len.to_be_bytes();
    [VERSION, kind, 0, 1, high, low, padding(usize::from(len)) as u8, 0]
}

/// Bytes of padding behind so much content.
fn padding(len: usize) -> usize {
    len.wrapping_neg() % 8
}

/// Begins a request; `keep_conn` asks the app to leave the connection open. Gives where the variables begin.
pub fn begin(keep_conn: bool, out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&header(BEGIN_REQUEST, 8));
    out.extend_from_slice(&[0, 1, u8::from(keep_conn), 0, 0, 0, 0, 0]);
    out.extend_from_slice(&header(PARAMS, 0));
    out.len()
}

/// Makes a variable of what stands behind `start`: its name up to `value`, its value from there on.
pub fn seal(start: usize, value: usize, out: &mut Vec<u8>) {
    let mut lengths = [0; 8];
    let mut used = 0;
    for len in [value - start, out.len() - value] {
        if len < 128 {
            lengths[used] = len as u8;
            used += 1;
        } else {
            lengths[used..used + 4].copy_from_slice(&(len as u32 | 1 << 31).to_be_bytes());
            used += 4;
        }
    }
    open_gap(out, start, used).copy_from_slice(&lengths[..used]);
}

/// Completes the variables, which begin at `start`.
///
/// # Errors
/// They do not fit one record.
pub fn finish(start: usize, out: &mut Vec<u8>) -> Result<(), TooBig> {
    let len = out.len() - start;
    let fits = u16::try_from(len).map_err(|_| TooBig(len))?;
    if let Some(place) = out.get_mut(start - HEADER..start) {
        place.copy_from_slice(&header(PARAMS, fits));
    }
    out.resize(out.len() + padding(len), 0);
    if len > 0 {
        out.extend_from_slice(&header(PARAMS, 0));
    }
    Ok(())
}

/// Appends a piece of the request's body.
pub fn push_stdin(body: &[u8], out: &mut Vec<u8>) {
    for share in body.chunks(STDIN_SHARE) {
        out.extend_from_slice(&stdin_header(share.len()));
        out.extend_from_slice(share);
        out.resize(out.len() + padding(share.len()), 0);
    }
}

/// The header of a record with `len` bytes of the body, [`STDIN_SHARE`] at most; for content that is sent by itself.
pub fn stdin_header(len: usize) -> [u8; HEADER] {
    header(STDIN, len.min(STDIN_SHARE) as u16)
}

/// What follows so much content that was sent by itself.
pub fn stdin_padding(len: usize) -> &'static [u8] {
    &[0; 8][..padding(len)]
}

/// The end of the request's body.
pub fn push_stdin_end(out: &mut Vec<u8>) {
    out.extend_from_slice(&header(STDIN, 0));
}

/// Whether bytes from an app hold the beginning of an answer (or of an error), and not only what it says in stderr.
pub fn begins_answer(mut input: &[u8]) -> bool {
    while let Some(([VERSION, kind, _, _, high, low, padding, _], rest)) = input.split_first_chunk::<HEADER>()
    {
        if *kind != STDERR {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([*high, *low])) + usize::from(*padding);
        input = rest.get(len..).unwrap_or_default();
    }
    input.first().is_some_and(|version| *version != VERSION)
}

/// What an app's answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// All of the input was used.
    NeedMore,
    /// `input[start..start + len]` is a piece of the answer; it ends where the consumed bytes do.
    Stdout {
        /// From here on.
        start: usize,
        /// Never 0.
        len: usize,
    },
    /// `input[start..start + len]` is for the error log; it ends where the consumed bytes do.
    Stderr {
        /// From here on.
        start: usize,
        /// Never 0.
        len: usize,
    },
    /// The answer has no more bytes; the end of the request is still to come.
    StdoutEnd,
    /// The request is over: what follows belongs to nothing.
    End,
}

/// One step through an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input used.
    pub consumed: usize,
    /// What they were.
    pub piece: Piece,
}

/// Why an answer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// Another version of the protocol.
    Version(u8),
    /// Another request's id: its high byte.
    IdHigh(u8),
    /// The same: its low byte.
    IdLow(u8),
    /// A record that no app sends.
    Type(u8),
    /// `END_REQUEST` where the answer has not even begun.
    EarlyEnd,
}

impl fmt::Display for RecordError {
    /// nginx's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(byte) => write!(f, "upstream sent unsupported FastCGI protocol version: {byte}"),
            Self::IdHigh(byte) => {
                write!(f, "upstream sent unexpected FastCGI request id high byte: {byte}")
            }
            Self::IdLow(byte) => write!(f, "upstream sent unexpected FastCGI request id low byte: {byte}"),
            Self::Type(kind) => write!(f, "upstream sent invalid FastCGI record type: {kind}"),
            Self::EarlyEnd => write!(f, "upstream sent unexpected FastCGI record: {END_REQUEST}"),
        }
    }
}

/// The records of one answer, as far as they have been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Records {
    header: [u8; HEADER],
    /// Bytes of `header` that are there.
    have: usize,
    /// Content of this record still to come.
    left: usize,
    /// Padding of this record still to come.
    padding: usize,
    /// `END_REQUEST` was read.
    ended: bool,
}

impl Records {
    /// Goes on with what came from the app.
    ///
    /// # Errors
    /// See [`RecordError`]; the connection is of no more use.
    pub fn decode(&mut self, input: &[u8]) -> Result<Step, RecordError> {
        let mut at = 0;
        loop {
            if self.ended {
                return Ok(Step { consumed: at, piece: Piece::End });
            }
            let rest = input.get(at..).unwrap_or_default();
            if self.have < HEADER {
                let count = rest.len().min(HEADER - self.have);
                self.header[self.have..self.have + count].copy_from_slice(&rest[..count]);
                self.have += count;
                at += count;
                self.judge()?;
                if self.have < HEADER {
                    return Ok(Step { consumed: at, piece: Piece::NeedMore });
                }
                let [.., high, low, padding, _] = self.header;
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.padding = usize::from(padding);
                if self.header[1] == STDOUT && self.left == 0 {
                    return Ok(Step { consumed: at, piece: Piece::StdoutEnd });
                }
                continue;
            }
            if self.left > 0 {
                let len = rest.len().min(self.left);
                if len == 0 {
                    return Ok(Step { consumed: at, piece: Piece::NeedMore });
                }
                self.left -= len;
                let (start, consumed) = (at, at + len);
                match self.header[1] {
                    STDOUT => return Ok(Step { consumed, piece: Piece::Stdout { start, len } }),
                    STDERR => return Ok(Step { consumed, piece: Piece::Stderr { start, len } }),
                    _ => at = consumed,
                }
                continue;
            }
            let skipped = rest.len().min(self.padding);
            self.padding -= skipped;
            at += skipped;
            if self.padding > 0 {
                return Ok(Step { consumed: at, piece: Piece::NeedMore });
            }
            self.have = 0;
            self.ended = self.header[1] == END_REQUEST;
        }
    }

    /// The last `count` bytes of the piece that [`Records::decode`] just gave are to be read again.
    pub fn give_back(&mut self, count: usize) {
        self.left += count;
    }

    /// Judges as much of a header as is there.
    fn judge(&self) -> Result<(), RecordError> {
        for (at, byte) in self.header[..self.have].iter().enumerate() {
            match at {
                0 if *byte != VERSION => return Err(RecordError::Version(*byte)),
                1 if !matches!(*byte, STDOUT | STDERR | END_REQUEST) => return Err(RecordError::Type(*byte)),
                2 if *byte != 0 => return Err(RecordError::IdHigh(*byte)),
                3 if *byte != 1 => return Err(RecordError::IdLow(*byte)),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record of an answer.
    fn record(kind: u8, content: &[u8], padding: u8) -> Vec<u8> {
        let [high, low] = (content.len() as u16).to_be_bytes();
        let mut record = vec![1, kind, 0, 1, high, low, padding, 9];
        record.extend_from_slice(content);
        record.extend(std::iter::repeat_n(0xee, usize::from(padding)));
        record
    }

    fn end() -> Vec<u8> {
        record(END_REQUEST, &[0; 8], 0)
    }

    #[derive(Debug, Default, PartialEq)]
    struct Answer {
        stdout: Vec<u8>,
        stderr: Vec<u8>,
        closed: usize,
        consumed: usize,
        ended: bool,
    }

    fn read(wire: &[u8], ends: &[usize]) -> Result<Answer, RecordError> {
        let mut records = Records::default();
        let mut answer = Answer::default();
        for end in ends {
            loop {
                let input = &wire[answer.consumed..*end];
                let step = records.decode(input)?;
                answer.consumed += step.consumed;
                match step.piece {
                    Piece::NeedMore => {
                        assert_eq!(step.consumed, input.len());
                        break;
                    }
                    Piece::Stdout { start, len } => answer.stdout.extend(&input[start..start + len]),
                    Piece::Stderr { start, len } => answer.stderr.extend(&input[start..start + len]),
                    Piece::StdoutEnd => answer.closed += 1,
                    Piece::End => {
                        answer.ended = true;
                        return Ok(answer);
                    }
                }
            }
        }
        Ok(answer)
    }

    #[test]
    fn a_request() {
        let mut out = Vec::new();
        let start = begin(true, &mut out);
        for (name, value) in [("A", "b".to_owned()), ("LONG", "x".repeat(128))] {
            let at = out.len();
            out.extend_from_slice(name.as_bytes());
            let middle = out.len();
            out.extend_from_slice(value.as_bytes());
            seal(at, middle, &mut out);
        }
        assert_eq!(finish(start, &mut out), Ok(()));
        push_stdin(b"hello", &mut out);
        push_stdin_end(&mut out);
        let mut expected = b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0\x01\x04\0\x01\0\x8d\x03\0".to_vec();
        expected.extend_from_slice(b"\x01\x01Ab\x04\x80\0\0\x80LONG");
        expected.extend_from_slice("x".repeat(128).as_bytes());
        expected.extend_from_slice(b"\0\0\0\x01\x04\0\x01\0\0\0\0");
        expected.extend_from_slice(b"\x01\x05\0\x01\0\x05\x03\0hello\0\0\0\x01\x05\0\x01\0\0\0\0");
        assert_eq!(out, expected);
    }

    #[test]
    fn more_variables_than_a_record_holds() {
        let mut out = Vec::new();
        let start = begin(false, &mut out);
        out.extend_from_slice(&[b'x'; 65536]);
        assert_eq!(finish(start, &mut out), Err(TooBig(65536)));
    }

    #[test]
    fn a_long_body_is_cut_into_records() {
        let mut out = Vec::new();
        push_stdin(&[b'x'; STDIN_SHARE + 1], &mut out);
        assert_eq!(out.len(), STDIN_SHARE + 1 + 2 * HEADER + 7);
        assert_eq!(out[..8], stdin_header(STDIN_SHARE));
        assert_eq!(out[HEADER + STDIN_SHARE..][..8], stdin_header(1));
        assert_eq!((stdin_padding(STDIN_SHARE).len(), stdin_padding(1).len()), (0, 7));
    }

    #[test]
    fn an_answer() {
        let wire = [
            record(STDERR, b"oh", 6),
            record(STDOUT, b"Status: 200\r\n\r\n", 1),
            record(STDOUT, b"body", 0),
            record(STDERR, b"", 0),
            record(STDOUT, b"", 3),
            end(),
            b"rest".to_vec(),
        ]
        .concat();
        let answer = read(&wire, &[wire.len()]).unwrap();
        assert_eq!(answer.stdout, b"Status: 200\r\n\r\nbody");
        assert_eq!(answer.stderr, b"oh");
        assert_eq!((answer.closed, answer.ended, answer.consumed), (1, true, wire.len() - 4));
    }

    #[test]
    fn what_is_given_back_comes_again() {
        let wire = [record(STDOUT, b"headbody", 5), end()].concat();
        let mut records = Records::default();
        let step = records.decode(&wire).unwrap();
        assert_eq!(step, Step { consumed: 16, piece: Piece::Stdout { start: 8, len: 8 } });
        records.give_back(4);
        let step = records.decode(&wire[12..]).unwrap();
        assert_eq!(step, Step { consumed: 4, piece: Piece::Stdout { start: 0, len: 4 } });
        assert_eq!(records.decode(&wire[16..]).unwrap(), Step { consumed: 21, piece: Piece::End });
    }

    #[test]
    fn broken_records() {
        for (wire, error) in [
            (b"HTTP/1.1 200".to_vec(), RecordError::Version(b'H')),
            (b"HTTP".to_vec(), RecordError::Version(b'H')),
            (vec![1, 6, 1, 1, 0, 0, 0, 0], RecordError::IdHigh(1)),
            (vec![1, 6, 0, 2, 0, 0, 0, 0], RecordError::IdLow(2)),
            (vec![1, 11, 0, 0, 0, 8, 0, 0], RecordError::Type(11)),
        ] {
            assert_eq!(read(&wire, &[wire.len()]), Err(error));
        }
    }

    #[test]
    fn stderr_is_no_answer() {
        let stderr = record(STDERR, b"warning", 1);
        assert!(!begins_answer(&stderr));
        assert!(!begins_answer(&stderr[..5]));
        assert!(!begins_answer(&[]));
        assert!(begins_answer(&[stderr.clone(), record(STDOUT, b"x", 0)].concat()));
        assert!(begins_answer(&end()));
        assert!(begins_answer(b"HTTP/1.1 200 OK"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_give_what_the_whole_gives(
            parts in proptest::collection::vec((prop_oneof![Just(STDOUT), Just(STDERR), Just(END_REQUEST), Just(9)],
                proptest::collection::vec(any::<u8>(), 0..40), 0..12_u8), 0..8),
            cuts in proptest::collection::vec(0..400_usize, 0..12),
        ) {
            let wire: Vec<u8> = parts.iter().flat_map(|(kind, content, pad)| record(*kind, content, *pad)).collect();
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
            ends.push(wire.len());
            ends.sort_unstable();
            prop_assert_eq!(read(&wire, &[wire.len()]), read(&wire, &ends));
        }
    }
}
