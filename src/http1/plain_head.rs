//! The quick way through a head that came whole and is written plainly, as nearly every head is.
//!
//! Plain means: CRLF line ends, no tab, names of letters, digits and `-`, and no line that could be too long. Such
//! a head is tokenised in one look, sixteen bytes at a time. Everything else gives `None`, and [`head_scan`] with
//! httparse judges it from the start: nothing is refused here, and nothing accepted that would be refused there.
//!
//! [`head_scan`]: super::head_scan

use super::{HeadLimits, HeaderField, Headers, Known, Span};
use wide::u8x16;

/// Where the first line of a whole message ends, its CRLF not included.
pub(super) fn first_line_end(buf: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\r', buf)?;
    (end > 0 && buf.get(end + 1) == Some(&b'\n')).then_some(end)
}

/// Fills `headers` from the field lines that begin at `from`. Gives the length of the head, its empty line included.
pub(super) fn fields(headers: &mut Headers, buf: &[u8], from: usize, limits: &HeadLimits) -> Option<usize> {
    headers.clear();
    let mut marks = Marks::new(buf, from);
    let mut at = from;
    loop {
        let colon = marks.next()?;
        if buf[colon] != b':' || colon == at {
            // A head no longer than one line may be has no line that is too long.
            let bound = limits.max_line.min(limits.max_head) as usize;
            let ends = colon == at && buf[at..].starts_with(b"\r\n") && at + 2 <= bound;
            return (ends && headers.len() <= usize::from(limits.max_fields)).then_some(at + 2);
        }
        let known = Known::at(buf, at, colon - at);
        if known == Known::Other && !is_plain_name(buf, at, colon) {
            return None;
        }
        let mut end = marks.next()?;
        while buf[end] == b':' {
            end = marks.next()?;
        }
        // The LF is a mark too.
        if buf[end] != b'\r' || marks.next()? != end + 1 || buf[end + 1] != b'\n' {
            return None;
        }
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

/// Bytes looked at together: one vector.
const BLOCK: usize = 16;

/// Where the control bytes (a tab is one) and the `:` are, one after the other.
struct Marks<'b> {
    buf: &'b [u8],
    /// Where the block begins that `mask` is of.
    block: usize,
    /// A bit for each byte of the block that is one, those that were given taken out.
    mask: u32,
}

impl<'b> Marks<'b> {
    fn new(buf: &'b [u8], from: usize) -> Marks<'b> {
        let mut marks = Marks { buf, block: from, mask: 0 };
        marks.mask = marks.look();
        marks
    }

    /// The next one; `None` when the bytes end.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            self.block += BLOCK;
            if self.block >= self.buf.len() {
                return None;
            }
            self.mask = self.look();
        }
        let at = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }

    #[inline(always)]
    fn look(&self) -> u32 {
        match self.buf.get(self.block..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            Some(block) => marks_of(block),
            None => last_marks(self.buf, self.block),
        }
    }
}

/// The marks of a block, as bits.
#[inline(always)]
fn marks_of(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    let is_control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes) | bytes.simd_eq(u8x16::splat(0x7f));
    (is_control | bytes.simd_eq(u8x16::splat(b':'))).to_bitmask()
}

/// The marks of the last bytes from `at` on, which are less than a block: those of the block that ends with them.
fn last_marks(buf: &[u8], at: usize) -> u32 {
    match buf.last_chunk::<BLOCK>() {
        Some(block) => marks_of(block) >> (at + BLOCK - buf.len()),
        None => 0,
    }
}

/// Whether the bytes in `buf[at..end]` are letters, digits or `-`.
#[inline(never)]
fn is_plain_name(buf: &[u8], at: usize, end: usize) -> bool {
    let mut rest = &buf[at..];
    let mut len = end - at;
    while let Some((vector, behind)) = rest.split_first_chunk::<BLOCK>() {
        let plain = name_bytes(u8x16::new(*vector)).trailing_ones() as usize;
        if len <= BLOCK {
            return plain >= len;
        }
        if plain < BLOCK {
            return false;
        }
        (rest, len) = (behind, len - BLOCK);
    }
    rest[..len].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// A bit for each byte that is a letter, a digit or `-`.
#[inline(always)]
fn name_bytes(bytes: u8x16) -> u32 {
    let within = |bytes: u8x16, first: u8, count: u8| {
        let from_first = bytes - u8x16::splat(first);
        from_first.min(u8x16::splat(count - 1)).simd_eq(from_first)
    };
    let letters = within(bytes | u8x16::splat(0x20), b'a', 26);
    (letters | within(bytes, b'0', 10) | bytes.simd_eq(u8x16::splat(b'-'))).to_bitmask()
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
        let len = fields(&mut headers, buf, first_line_end(buf)? + 2, limits)?;
        Some((len, headers.iter().copied().collect()))
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
                let mut marks = Marks::new(&buf, 0);
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
