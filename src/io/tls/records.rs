//! Where records end in what a handshake reads: the kernel can go on only where one begins (RFC 8446 section 5.1).

/// Bytes of a record's head; the last two say how long the rest is.
const HEAD: usize = 5;

/// What is read of the record at hand.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Nothing is to be read beyond the record at hand.
    pub(super) is_exact: bool,
    head: [u8; HEAD],
    /// Bytes of the head that were read; 0 between records.
    known: usize,
    /// Bytes that follow the head and were not read.
    left: usize,
}

impl Records {
    /// The most that may be read now, of so many bytes.
    pub(super) fn most(&self, wanted: usize) -> usize {
        match (self.is_exact, self.left) {
            (false, _) => wanted,
            (true, 0) => wanted.min(HEAD - self.known),
            (true, left) => wanted.min(left),
        }
    }

    /// Counts what was read.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let count = bytes.len().min(self.left);
                self.left -= count;
                bytes = &bytes[count..];
                continue;
            }
            let count = bytes.len().min(HEAD - self.known);
            self.head[self.known..self.known + count].copy_from_slice(&bytes[..count]);
            self.known += count;
            bytes = &bytes[count..];
            if self.known == HEAD {
                self.known = 0;
                self.left = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
            }
        }
    }

    /// No record is read in part.
    pub(super) fn is_at_end(&self) -> bool {
        self.known == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of these lengths, one after the other.
    fn wire(lengths: &[u16]) -> Vec<u8> {
        let record = |len: &u16| [&[22, 3, 3][..], &len.to_be_bytes(), &vec![9; usize::from(*len)]].concat();
        lengths.iter().flat_map(record).collect()
    }

    #[test]
    fn each_record_is_read_to_its_end_and_no_further() {
        let bytes = wire(&[3, 0, 700, 1]);
        for first in 0..bytes.len() {
            // What comes first is read without bounds, as a client's hello is.
            let mut records = Records::default();
            assert_eq!(records.most(10_000), 10_000);
            records.pass(&bytes[..first]);
            records.is_exact = true;
            let mut at = first;
            let mut ends = Vec::new();
            while at < bytes.len() {
                let count = records.most(400).min(bytes.len() - at);
                assert!(count > 0);
                records.pass(&bytes[at..at + count]);
                at += count;
                if records.is_at_end() {
                    ends.push(at);
                }
            }
            let expected: Vec<_> = [8, 13, 718, 724].into_iter().filter(|end| *end > first).collect();
            assert_eq!(ends, expected, "after {first}");
        }
    }
}
