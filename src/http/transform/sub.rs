//! Texts put in the place of others (`sub_filter`): without regard to case, the first written one of those that begin
//! at the same byte, across the borders of pieces.
//!
//! What may still become a match at the end of a piece is held back: less than the longest text that is searched.

use super::Then;

/// Bytes of the shortest text that the table of shifts looks at.
const MAX_WINDOW: usize = 255;

/// One body being searched.
pub struct Sub {
    pairs: Vec<Pair>,
    /// Of these so many count; the others keep their memory.
    used: usize,
    once: bool,
    /// How far the search may go on when this is the last byte of its window; 0 may be a match.
    shifts: [u8; 256],
    window: usize,
    /// The end of the last piece, which may begin a match.
    held: Vec<u8>,
    /// Nothing more is to be replaced.
    done: bool,
}

#[derive(Default)]
struct Pair {
    /// In lower case, not empty.
    find: Vec<u8>,
    put: Vec<u8>,
    replaced: bool,
}

/// What the bytes at one place are.
enum Found {
    Match(usize),
    /// They may become one with the bytes that follow.
    Maybe,
    Nothing,
}

impl Default for Sub {
    fn default() -> Self {
        Self {
            pairs: Vec::new(),
            used: 0,
            once: false,
            shifts: [0; 256],
            window: 0,
            held: Vec::new(),
            done: false,
        }
    }
}

impl Sub {
    /// Makes it ready for a body; each text is replaced everywhere, or only where it first occurs.
    pub(super) fn begin(&mut self, once: bool) {
        self.used = 0;
        self.once = once;
        self.held.clear();
        self.done = false;
    }

    /// Adds a text to be searched, and another to stand in its place, each written to an empty buffer. Nothing to
    /// search is nothing to replace.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) {
        if self.used == self.pairs.len() {
            self.pairs.push(Pair::default());
        }
        let pair = &mut self.pairs[self.used];
        pair.find.clear();
        pair.put.clear();
        pair.replaced = false;
        write(&mut pair.find, &mut pair.put);
        pair.find.make_ascii_lowercase();
        self.used += usize::from(!pair.find.is_empty());
    }

    /// There is nothing to search.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Makes the table, once all texts are added.
    pub fn prepare(&mut self) {
        let pairs = &self.pairs[..self.used];
        self.window = pairs.iter().map(|pair| pair.find.len()).min().unwrap_or(0).min(MAX_WINDOW);
        self.shifts = [self.window as u8; 256];
        for pair in pairs {
            for (at, byte) in pair.find[..self.window].iter().enumerate() {
                let shift = (self.window - 1 - at) as u8;
                for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                    let slot = &mut self.shifts[usize::from(byte)];
                    *slot = shift.min(*slot);
                }
            }
        }
    }

    pub(super) fn run(&mut self, input: &[u8], then: Then, out: &mut Vec<u8>) {
        let last = then == Then::Finish;
        if self.held.is_empty() {
            let used = self.search(input, last, out);
            self.held.extend_from_slice(&input[used..]);
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let used = self.search(&held, last, out);
        held.drain(..used);
        self.held = held;
    }

    /// Appends `data` with its matches replaced; gives how much of it is decided.
    fn search(&mut self, data: &[u8], last: bool, out: &mut Vec<u8>) -> usize {
        let (mut at, mut copied) = (0, 0);
        while at < data.len() && !self.done && self.window > 0 {
            match data.get(at + self.window - 1) {
                Some(byte) => {
                    let shift = self.shifts[usize::from(*byte)];
                    if shift > 0 {
                        at += usize::from(shift);
                        continue;
                    }
                }
                None if last => break,
                None => {}
            }
            match self.look(&data[at..], last) {
                Found::Nothing => at += 1,
                Found::Maybe => {
                    out.extend_from_slice(&data[copied..at]);
                    return at;
                }
                Found::Match(which) => {
                    out.extend_from_slice(&data[copied..at]);
                    let pair = &mut self.pairs[which];
                    out.extend_from_slice(&pair.put);
                    pair.replaced = true;
                    at += pair.find.len();
                    copied = at;
                    self.done = self.once && self.pairs[..self.used].iter().all(|pair| pair.replaced);
                }
            }
        }
        out.extend_from_slice(&data[copied..]);
        data.len()
    }

    fn look(&self, data: &[u8], last: bool) -> Found {
        for (which, pair) in self.pairs[..self.used].iter().enumerate() {
            if self.once && pair.replaced {
                continue;
            }
            let len = pair.find.len();
            match data.get(..len) {
                Some(bytes) if bytes.eq_ignore_ascii_case(&pair.find) => return Found::Match(which),
                None if !last && data.eq_ignore_ascii_case(&pair.find[..data.len()]) => return Found::Maybe,
                _ => {}
            }
        }
        Found::Nothing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sub(pairs: &[(&str, &str)], once: bool) -> Sub {
        let mut sub = Sub::default();
        sub.begin(once);
        for (find, put) in pairs {
            sub.add(|to_find, to_put| {
                to_find.extend_from_slice(find.as_bytes());
                to_put.extend_from_slice(put.as_bytes());
            });
        }
        sub.prepare();
        sub
    }

    fn in_pieces(sub: &mut Sub, text: &str, piece: usize) -> String {
        let mut out = Vec::new();
        for part in text.as_bytes().chunks(piece) {
            sub.run(part, Then::More, &mut out);
        }
        sub.run(b"", Then::Finish, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// What is to come of it, place by place.
    fn plainly(pairs: &[(&str, &str)], once: bool, text: &str) -> String {
        let mut replaced = vec![false; pairs.len()];
        let (mut out, mut rest) = (String::new(), text);
        while let Some(first) = rest.chars().next() {
            let found = (0..pairs.len()).find(|&i| {
                let find = pairs[i].0;
                !(once && replaced[i])
                    && rest.get(..find.len()).is_some_and(|head| head.eq_ignore_ascii_case(find))
            });
            match found {
                Some(i) => {
                    replaced[i] = true;
                    out.push_str(pairs[i].1);
                    rest = &rest[pairs[i].0.len()..];
                }
                None => {
                    out.push(first);
                    rest = &rest[1..];
                }
            }
        }
        out
    }

    #[test]
    fn what_may_become_a_match_is_held_and_no_more() {
        let mut sub = sub(&[("</head>", "X</head>")], false);
        let mut out = Vec::new();
        sub.run(b"data </HE", Then::Flush, &mut out);
        assert_eq!(out, b"data ");
        sub.run(b"ll", Then::Flush, &mut out);
        assert_eq!(out, b"data </HEll");
        sub.run(b"</Head", Then::Flush, &mut out);
        sub.run(b">", Then::Flush, &mut out);
        assert_eq!(out, b"data </HEllX</head>");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[abAB]{0,40}", piece in 1usize..9, once: bool) {
            for pairs in [
                &[("ab", "x"), ("abba", "y")][..],
                &[("abba", "y"), ("ab", "x"), ("b", "")],
                &[("aaa", "a")],
                &[("a", "aa"), ("bab", "z")],
            ] {
                prop_assert_eq!(in_pieces(&mut sub(pairs, once), &text, piece), plainly(pairs, once, &text));
            }
        }
    }
}
