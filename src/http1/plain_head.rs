//! The quick way through a head that came whole and is written plainly, as nearly every head is.
//!
//! Plain means: CRLF line ends, no tab, names of letters, digits and `-`, and no line that could be too long. Such
//! a head is tokenised in one look, sixteen bytes at a time. Everything else gives `None`, and [`head_scan`] with
//! httparse judges it from the start: nothing is refused here, and nothing accepted that would be refused there.
//!
//! [`head_scan`]: super::head_scan

use super::{HeadLimits, HeaderField, Headers, Known, Span};

/// Letters, digits and `-`.
static NAME_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut b = 0;
    while b < 256 {
        bytes[b] = (b as u8).is_ascii_alphanumeric() || b as u8 == b'-';
        b += 1;
    }
    bytes
};

/// Where the first line of a whole message ends, its CRLF not included.
pub(super) fn first_line_end(buf: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\r', buf)?;
    (end > 0 && buf.get(end + 1) == Some(&b'\n')).then_some(end)
}

/// Fills `headers` from the field lines that begin at `from`. Gives the length of the head, its empty line included.
pub(super) fn fields(headers: &mut Headers, buf: &[u8], from: usize, limits: &HeadLimits) -> Option<usize> {
    headers.clear();
    let mut at = from;
    loop {
        if buf.get(at) == Some(&b'\r') {
            at += 2;
            // A head no longer than one line may be has no line that is too long.
            let bound = limits.max_line.min(limits.max_head) as usize;
            let fits = at <= bound && headers.len() <= usize::from(limits.max_fields);
            return (fits && buf.get(at - 1) == Some(&b'\n')).then_some(at);
        }
        let colon = end_of::<true>(buf, at)?;
        if buf[colon] != b':' || colon == at {
            return None;
        }
        let known = Known::at(buf, at, colon - at);
        if known == Known::Other && !buf[at..colon].iter().all(|b| NAME_BYTES[usize::from(*b)]) {
            return None;
        }
        let mut start = colon + 1;
        while buf.get(start) == Some(&b' ') {
            start += 1;
        }
        let end = end_of::<false>(buf, start)?;
        if buf[end] != b'\r' || buf.get(end + 1) != Some(&b'\n') {
            return None;
        }
        let mut last = end;
        while last > start && buf[last - 1] == b' ' {
            last -= 1;
        }
        headers.push(HeaderField { name: Span::new(at, colon), value: Span::new(start, last), known });
        at = end + 2;
    }
}

/// The first control byte from `at` on (a tab is one), or the first `:` if `NAME` and that comes first.
#[inline(always)]
fn end_of<const NAME: bool>(buf: &[u8], at: usize) -> Option<usize> {
    let mut bytes = buf.get(at..)?;
    while let Some((block, rest)) = bytes.split_first_chunk::<16>() {
        // All bytes at once, which the compiler makes three or four vector instructions of.
        if block.iter().fold(false, |any, b| any | is_end::<NAME>(*b)) {
            let (words, _) = block.as_chunks::<8>();
            let (low, high) = (marks::<NAME>(words[0]), marks::<NAME>(words[1]));
            let offset = if low != 0 { low.trailing_zeros() / 8 } else { 8 + high.trailing_zeros() / 8 };
            return Some(buf.len() - bytes.len() + offset as usize);
        }
        bytes = rest;
    }
    bytes.iter().position(|b| is_end::<NAME>(*b)).map(|offset| buf.len() - bytes.len() + offset)
}

fn is_end<const NAME: bool>(b: u8) -> bool {
    b < b' ' || b == 0x7f || (NAME && b == b':')
}

/// The high bit of each byte that is a control byte, or `:` if `NAME`. The lowest mark is exact; above it a borrow may
/// have set a wrong one.
#[inline(always)]
fn marks<const NAME: bool>(bytes: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(bytes);
    // `!word` takes away bytes of 0x80 and more, which are neither; 0x7f is the only other byte that 1 lifts to 0x80.
    let mut marks = word.wrapping_sub(ONES * 0x20) | ((word & !HIGHS) + ONES);
    if NAME {
        marks |= (word ^ (ONES * b':' as u64)).wrapping_sub(ONES);
    }
    marks & !word & HIGHS
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

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
                let expected =
                    |name: bool| (byte < b' ' || byte == 0x7f || (name && byte == b':')).then_some(at);
                assert_eq!(end_of::<false>(&buf, 0), expected(false), "{byte:#x} at {at}");
                assert_eq!(end_of::<true>(&buf, 0), expected(true), "{byte:#x} at {at}");
                // Bytes behind the first one do not hide it.
                if at + 3 < buf.len() && expected(true).is_some() {
                    buf[at + 1..at + 4].copy_from_slice(b"\x20\r:");
                    assert_eq!(end_of::<true>(&buf, 0), Some(at), "{byte:#x} at {at}");
                }
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
