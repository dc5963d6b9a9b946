//! The quick way through a head that came whole and is written plainly, as nearly every head is.
//!
//! Plain means: CRLF line ends, no tab, names of letters, digits and `-`, and no line that could be too long. Such
//! a head is tokenised in one look, sixteen bytes at a time. Everything else gives `None`, and [`head_scan`] with
//! httparse judges it from the start: nothing is refused here, and nothing accepted that would be refused there.
//!
//! [`head_scan`]: super::head_scan

use super::look::{LOOK, Look};
use super::{HeadLimits, HeaderField, Headers, Known, Span};

/// Where a whole head's first line ends, its CRLF not included, and how long the head is, its empty line included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainHead {
    pub(super) first_end: usize,
    pub(super) len: usize,
}

/// Fills `headers` from the head that `buf` begins with.
pub(super) fn parse(headers: &mut Headers, buf: &[u8], limits: &HeadLimits) -> Option<PlainHead> {
    headers.clear();
    let mut marks = Marks::new(buf);
    let first_end = marks.line_end()?;
    let mut at = first_end + 2;
    loop {
        let colon = marks.next()?;
        if buf[colon] != b':' || colon == at {
            // A head no longer than one line may be has no line that is too long.
            let bound = limits.max_line.min(limits.max_head) as usize;
            let ends = colon == at && buf[at..].starts_with(b"\r\n") && at + 2 <= bound;
            let fits = headers.len() <= usize::from(limits.max_fields);
            return (first_end > 0 && ends && fits).then_some(PlainHead { first_end, len: at + 2 });
        }
        let known = Known::at(buf, at, colon - at);
        if known == Known::Other && !is_plain_name(buf, at, colon) {
            return None;
        }
        let end = marks.line_end()?;
        let mut value = &buf[colon + 1..end];
        let mut start = colon + 1;
        while let [b' ', rest @ ..] = value {
            (value, start) = (rest, start + 1);
        }
        while let [rest @ .., b' '] = value {
            value = rest;
        }
        let value = Span::new(start, start + value.len());
        headers.push(HeaderField { name: Span::new(at, colon), value, known });
        at = end + 2;
    }
}

/// Where the control bytes (a tab is one) and the `:` are, one after the other.
struct Marks<'b> {
    buf: &'b [u8],
    /// Where the bytes begin that `mask` is of.
    from: usize,
    /// A bit for each of them that is one, those that were given taken out.
    mask: u32,
}

impl<'b> Marks<'b> {
    fn new(buf: &'b [u8]) -> Marks<'b> {
        Marks { buf, from: 0, mask: marks_at(buf, 0) }
    }

    /// The next one; `None` when the bytes end.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            self.from += LOOK;
            if self.from >= self.buf.len() {
                return None;
            }
            self.mask = marks_at(self.buf, self.from);
        }
        let at = self.from + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }

    /// The end of a line, CRLF, with no other control byte before it.
    #[inline(always)]
    fn line_end(&mut self) -> Option<usize> {
        let mut end = self.next()?;
        while self.buf[end] == b':' {
            end = self.next()?;
        }
        // The LF is a mark too.
        (self.buf[end] == b'\r' && self.next()? == end + 1 && self.buf[end + 1] == b'\n').then_some(end)
    }
}

#[inline(always)]
fn marks_at(buf: &[u8], at: usize) -> u32 {
    match Look::whole(buf, at) {
        Some(look) => marks(look),
        None => last_marks(buf, at),
    }
}

#[inline(never)]
fn last_marks(buf: &[u8], at: usize) -> u32 {
    marks(Look::at_the_end(buf, at))
}

#[inline(always)]
fn marks(look: Look) -> u32 {
    (look.controls() | look.equal(b':')).bits()
}

/// Whether the bytes in `buf[at..end]` are letters, digits or `-`.
#[inline(never)]
fn is_plain_name(buf: &[u8], mut at: usize, end: usize) -> bool {
    loop {
        let look = Look::at(buf, at);
        let plain = (look.alphanumerics() | look.equal(b'-')).bits().trailing_ones() as usize;
        if at + plain >= end {
            return true;
        }
        if plain < LOOK {
            return false;
        }
        at += LOOK;
    }
}

#[cfg(test)]
mod tests {
    use super::super::head_scan::{Found, HeadScan, parse_fields};
    use super::*;
    use proptest::prelude::*;

    /// What the strict way finds in a whole head: its length and fields.
    fn strictly(buf: &[u8], limits: &HeadLimits) -> Option<(usize, Vec<HeaderField>)> {
        let mut scan = HeadScan::default();
        let Ok(Found::End(len)) = scan.advance(buf, limits) else { return None };
        let mut headers = Headers::default();
        parse_fields(&mut headers, buf, scan.first_end + 2, len, limits).ok()?;
        Some((len, headers.iter().copied().collect()))
    }

    fn plainly(buf: &[u8], limits: &HeadLimits) -> Option<(usize, Vec<HeaderField>)> {
        let mut headers = Headers::default();
        let head = parse(&mut headers, buf, limits)?;
        Some((head.len, headers.iter().copied().collect()))
    }

    #[test]
    fn a_browser_is_plain() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: b (c; d) e:f  \r\nX-Own-1:  \r\nCookie: a=b; c=d\r\n\r\nrest";
        let plain = plainly(head, &HeadLimits::default());
        assert!(plain.is_some());
        assert_eq!(plain, strictly(head, &HeadLimits::default()));
    }

    #[test]
    fn whatever_is_odd_is_left_to_the_strict_way() {
        for odd in [
            "a\r\nA: b\n\r\n",
            "a\r\nA\rB: b\r\n\r\n",
            "a\r\nContent\rLength: 1\r\n\r\n",
            "a\r\nA_B: c\r\n\r\n",
            "a\r\nA: b\tc\r\n\r\n",
            "a\r\nA : b\r\n\r\n",
            "a\r\n: b\r\n\r\n",
            "a\r\nA: b\r\n c\r\n\r\n",
            "a\r\nA: b\x7f\r\n\r\n",
            "a\r\nA: b\r\n\r",
            "a\r\nA: b\r\n",
            "a\r\nA: b",
            "a\r\nA",
            "a\r\n",
            "\r\na\r\n\r\n",
        ] {
            assert_eq!(plainly(odd.as_bytes(), &HeadLimits::default()), None, "{odd:?}");
        }
        let long = format!("a\r\nA: {}\r\n\r\n", "b".repeat(9000));
        assert_eq!(plainly(long.as_bytes(), &HeadLimits::default()), None);
        let many = format!("a\r\n{}\r\n", "A: b\r\n".repeat(6));
        let limits = HeadLimits { max_fields: 5, ..HeadLimits::default() };
        assert_eq!(plainly(many.as_bytes(), &limits), None);
    }

    #[test]
    fn every_byte_at_every_place_of_two_blocks() {
        for at in 0..40 {
            for byte in 0..=255_u8 {
                let mut buf = [b'a'; 40];
                buf[at] = byte;
                // Bytes behind the first one do not hide it, and come after it.
                let behind = (at + 2..40).step_by(3);
                behind.clone().for_each(|i| buf[i] = b':');
                let is_mark = byte < b' ' || byte == 0x7f || byte == b':';
                let expected: Vec<_> = is_mark.then_some(at).into_iter().chain(behind).collect();
                let mut marks = Marks::new(&buf);
                let found: Vec<_> = std::iter::from_fn(|| marks.next()).collect();
                assert_eq!(found, expected, "{byte:#x} at {at}");
                assert_eq!(
                    is_plain_name(&buf, 0, at + 1),
                    byte.is_ascii_alphanumeric() || byte == b'-',
                    "{byte:#x} at {at}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        /// Lines made of pieces that matter: what is found plainly is what is found strictly.
        #[test]
        fn plain_heads_mean_what_they_mean_strictly(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("\r\n"), Just("\r\n"), Just(": "), Just(": "), Just(":"), Just("Content-Length"), Just("HOST"),
                    Just("x-Y-1"), Just("a"), Just(" "), Just("a value, of some length; and more"), Just("\u{e9}"),
                    Just("\t"), Just("\r"), Just("\n"), Just("_"), Just("\0"), Just("\x7f"), Just("\x1f"), Just("@"),
                ],
                0..40,
            ),
        ) {
            let head = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", pieces.concat());
            let limits = HeadLimits::default();
            if let Some(plain) = plainly(head.as_bytes(), &limits) {
                prop_assert_eq!(Some(plain), strictly(head.as_bytes(), &limits));
            }
        }
    }
}
