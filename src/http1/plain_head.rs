//! The quick way through a head that came whole and is written plainly, as nearly every head is.
//!
//! Plain means: CRLF line ends, no tab, ASCII, names of letters, digits and `-`, and no line that could be too long.
//! Such a head is tokenised in one look, 64 bytes at a time. Everything else gives `None`, and [`head_scan`] with
//! httparse judges it from the start: nothing is refused here, and nothing accepted that would be refused there.
//!
//! [`head_scan`]: super::head_scan

use super::look::{self, BLOCK, LOOK, Look};
use super::{HeadLimits, HeaderField, Headers, Known, Span};
use wide::u8x16;

/// Where a whole head's first line ends, its CRLF not included, and how long the head is, its empty line included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainHead {
    pub(super) first_end: usize,
    pub(super) len: usize,
}

/// Fills `headers` from the head that `buf` begins with.
pub(super) fn parse(headers: &mut Headers, buf: &[u8], limits: &HeadLimits) -> Option<PlainHead> {
    headers.clear();
    headers.note_even(true);
    let mut lines = Lines::new(buf);
    let first_end = lines.end(0)?;
    let mut at = first_end + 2;
    loop {
        let end = lines.end(at)?;
        if end == at {
            // A head no longer than one line may be has no line that is too long.
            let short = at + 2 <= limits.max_line.min(limits.max_head) as usize;
            let fits = headers.len() <= usize::from(limits.max_fields);
            return (first_end > 0 && short && fits).then_some(PlainHead { first_end, len: at + 2 });
        }
        let field = field(headers, buf, at, end)?;
        headers.push(field);
        at = end + 2;
    }
}

/// The field whose line is `buf[at..end]`.
#[inline(always)]
fn field(headers: &mut Headers, buf: &[u8], at: usize, end: usize) -> Option<HeaderField> {
    let line = buf.get(at..end)?;
    let begin = match buf.get(at..).and_then(<[u8]>::first_chunk) {
        Some(begin) => u8x16::new(*begin),
        None => last_bytes(buf, at),
    };
    let colons = Look::of(begin).equal(b':').bits();
    let colon = if colons != 0 { colons.trailing_zeros() as usize } else { far_colon(line)? };
    let (name, behind) = line.split_at_checked(colon)?;
    let known = Known::of(name, begin);
    if known == Known::Other && !is_plain_name(name, begin) {
        return None;
    }
    let (start, end) = match behind {
        [_, b' ', first, ..] if *first != b' ' && behind.last() != Some(&b' ') => (at + colon + 2, end),
        [] => return None,
        _ => {
            headers.note_even(false);
            trimmed(buf, at + colon + 1, end)
        }
    };
    let name = Span { start: at as u32, len: colon as u32 };
    let value = Span { start: start as u32, len: (end - start) as u32 };
    Some(HeaderField { name, value, known })
}

/// The bytes from `at` on where less than a look is left.
#[inline(never)]
fn last_bytes(buf: &[u8], at: usize) -> u8x16 {
    let mut bytes = [0; LOOK];
    let rest = buf.get(at..).unwrap_or_default();
    bytes[..rest.len()].copy_from_slice(rest);
    u8x16::new(bytes)
}

/// The colon behind the first sixteen bytes.
#[inline(never)]
fn far_colon(line: &[u8]) -> Option<usize> {
    let mut at = LOOK;
    while at < line.len() {
        let colons = Look::at(line, at).equal(b':').bits();
        if colons != 0 {
            return Some(at + colons.trailing_zeros() as usize);
        }
        at += LOOK;
    }
    None
}

/// What is left of `buf[start..end]` without spaces at its ends.
#[inline(never)]
fn trimmed(buf: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && buf[start] == b' ' {
        start += 1;
    }
    while end > start && buf[end - 1] == b' ' {
        end -= 1;
    }
    (start, end)
}

/// Finds where lines end, one after the other.
struct Lines<'b> {
    buf: &'b [u8],
    /// Where the block begins that is looked at.
    from: usize,
    /// Its odd bytes, without the ends of lines that were found.
    odd: u64,
}

impl<'b> Lines<'b> {
    fn new(buf: &'b [u8]) -> Lines<'b> {
        Lines { buf, from: 0, odd: look::odd(buf, 0) }
    }

    /// The end of the line that begins at `at`, behind the end of the last one: its CRLF; `None` when something else
    /// comes before it.
    #[inline(always)]
    fn end(&mut self, at: usize) -> Option<usize> {
        while self.odd == 0 {
            self.from = at.max(self.from + BLOCK);
            if self.from >= self.buf.len() {
                return None;
            }
            self.odd = look::odd(self.buf, self.from);
        }
        let end = self.from + self.odd.trailing_zeros() as usize;
        // The lowest two, CR and LF; the LF may be in the next block, which then begins behind it.
        for _ in 0..2 {
            self.odd &= self.odd.wrapping_sub(1);
        }
        (self.buf.get(end..end + 2)? == b"\r\n").then_some(end)
    }
}

/// Whether `name` is made of letters, digits and `-` alone, and is not empty; `begin` is what it begins with.
#[inline(always)]
fn is_plain_name(name: &[u8], begin: u8x16) -> bool {
    match name.len() {
        0 => false,
        1..=LOOK => plain_bytes(begin) >= name.len(),
        _ => plain_bytes(begin) == LOOK && is_plain_rest(&name[LOOK..], name),
    }
}

/// Whether the end of `name` behind its first look, `rest`, is made of them.
#[inline(never)]
fn is_plain_rest(mut rest: &[u8], name: &[u8]) -> bool {
    while let Some((block, behind)) = rest.split_first_chunk() {
        if plain_bytes(u8x16::new(*block)) < LOOK {
            return false;
        }
        rest = behind;
    }
    // What is left is in the last look, together with bytes that were looked at before.
    name.last_chunk().is_some_and(|last| plain_bytes(u8x16::new(*last)) == LOOK)
}

/// How many bytes from the first on are letters, digits or `-`.
#[inline(always)]
fn plain_bytes(bytes: u8x16) -> usize {
    let look = Look::of(bytes);
    (look.alphanumerics() | look.equal(b'-')).bits().trailing_ones() as usize
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

    /// What is found plainly is what is found strictly, wherever an odd byte stands.
    #[test]
    fn every_byte_at_every_place() {
        let head =
            b"GET /a HTTP/1.1\r\nHost: example\r\nX-A-Name-Longer-Than-A-Look: 1\r\nA: b\r\nC:  d \r\n\r\n";
        let limits = HeadLimits::default();
        for at in 0..head.len() {
            for byte in 0..=255_u8 {
                let mut head = head.to_vec();
                head[at] = byte;
                if let Some(plain) = plainly(&head, &limits) {
                    assert_eq!(Some(plain), strictly(&head, &limits), "{byte:#x} at {at}");
                }
                let ends_a_line = byte == b'\r' || byte == b'\n';
                if !ends_a_line && !(b' '..=b'~').contains(&byte) {
                    assert_eq!(plainly(&head, &limits), None, "{byte:#x} at {at}");
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
