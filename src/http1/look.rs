//! Sixteen bytes looked at together: which of them are what, as bits. Called by the quick ways of this room.

use wide::u8x16;

/// How many bytes one look takes in.
pub(super) const LOOK: usize = 16;

/// A byte that is none of what is asked for.
const NOTHING: u8 = 0xff;

/// Sixteen bytes of a buffer; those behind its end are none of anything.
#[derive(Clone, Copy)]
pub(super) struct Look {
    bytes: u8x16,
    /// Bytes before the place that was asked for: near the end of a buffer its last sixteen are looked at.
    before: u32,
}

impl Look {
    /// The bytes from `at` on.
    #[inline(always)]
    pub(super) fn at(buf: &[u8], at: usize) -> Look {
        Look::whole(buf, at).unwrap_or_else(|| Look::at_the_end(buf, at))
    }

    /// The bytes that `block` holds.
    #[inline(always)]
    pub(super) fn of(bytes: u8x16) -> Look {
        Look { bytes, before: 0 }
    }

    #[inline(always)]
    fn whole(buf: &[u8], at: usize) -> Option<Look> {
        let block = buf.get(at..)?.first_chunk::<LOOK>()?;
        Some(Look { bytes: u8x16::new(*block), before: 0 })
    }

    /// What [`Look::at`] gives where less than a look is left.
    fn at_the_end(buf: &[u8], at: usize) -> Look {
        match buf.last_chunk::<LOOK>() {
            Some(block) => {
                Look { bytes: u8x16::new(*block), before: (at + LOOK - buf.len()).min(LOOK) as u32 }
            }
            None => {
                let mut block = [NOTHING; LOOK];
                let rest = buf.get(at..).unwrap_or_default();
                block[..rest.len()].copy_from_slice(rest);
                Look { bytes: u8x16::new(block), before: 0 }
            }
        }
    }

    /// A bit for each byte that is `byte`.
    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> Is {
        Is { which: self.bytes.simd_eq(u8x16::splat(byte)), before: self.before }
    }

    /// A bit for each byte that is neither a space nor a visible ASCII character.
    #[inline(always)]
    pub(super) fn odd(self) -> u32 {
        let plain = Is { which: visible(self.bytes), before: self.before };
        !plain.bits() & (0xffff >> self.before)
    }

    /// ASCII letters and digits.
    #[inline(always)]
    pub(super) fn alphanumerics(self) -> Is {
        let letters = within(self.bytes | u8x16::splat(0x20), b'a', 26);
        Is { which: letters | within(self.bytes, b'0', 10), before: self.before }
    }

    /// The same without upper-case letters.
    #[inline(always)]
    pub(super) fn lower_alphanumerics(self) -> Is {
        let letters = within(self.bytes, b'a', 26);
        Is { which: letters | within(self.bytes, b'0', 10), before: self.before }
    }
}

/// An answer to a look.
#[derive(Clone, Copy)]
pub(super) struct Is {
    which: u8x16,
    before: u32,
}

impl std::ops::BitOr for Is {
    type Output = Is;

    #[inline(always)]
    fn bitor(self, other: Is) -> Is {
        Is { which: self.which | other.which, before: self.before }
    }
}

impl Is {
    /// A bit for each byte, the first one lowest.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.which.to_bitmask() >> self.before
    }
}

/// How many bytes from the beginning of `buf` are what `plain` says. Gives them, and the places where a byte of
/// `separators` stands behind another of `after`, as a yes or no.
#[inline(always)]
pub(super) fn run(
    buf: &[u8],
    plain: impl Fn(Look) -> Is,
    after: impl Fn(Look) -> Is,
    separators: impl Fn(Look) -> Is,
) -> (usize, bool) {
    let (mut len, mut carry, mut doubled) = (0, 0, 0);
    loop {
        let look = Look::at(buf, len);
        let count = plain(look).bits().trailing_ones();
        let inside = (1 << count) - 1;
        let after = after(look).bits() & inside;
        doubled |= ((after << 1) | carry) & separators(look).bits() & inside;
        carry = after >> (LOOK - 1);
        len += count as usize;
        if count < LOOK as u32 {
            return (len, doubled != 0);
        }
    }
}

/// Whether `byte` stands behind another one somewhere in `buf`.
#[inline(always)]
pub(super) fn doubled(buf: &[u8], byte: u8) -> bool {
    let (mut at, mut carry) = (0, 0);
    while at < buf.len() {
        let found = Look::at(buf, at).equal(byte).bits();
        if found & (found << 1 | carry) != 0 {
            return true;
        }
        carry = found >> (LOOK - 1);
        at += LOOK;
    }
    false
}

/// How many bytes [`odd`] looks at.
pub(super) const BLOCK: usize = 64;

/// A bit for each of the 64 bytes from `at` on that is neither a space nor a visible ASCII character; behind the end
/// of `buf` nothing is.
#[inline(always)]
pub(super) fn odd(buf: &[u8], at: usize) -> u64 {
    match buf.get(at..).and_then(<[u8]>::first_chunk) {
        Some(block) => odd_in(block),
        None => odd_at_the_end(buf, at),
    }
}

#[inline(never)]
fn odd_at_the_end(buf: &[u8], at: usize) -> u64 {
    let rest = buf.get(at..).unwrap_or_default();
    match buf.last_chunk() {
        Some(block) => odd_in(block).checked_shr((BLOCK - rest.len()) as u32).unwrap_or(0),
        None => {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            odd_in(&block)
        }
    }
}

/// Spaces and visible ASCII characters.
#[inline(always)]
fn visible(bytes: u8x16) -> u8x16 {
    within(bytes, b' ', b'~' - b' ' + 1)
}

/// Which bytes are one of the `count` from `first` on.
#[inline(always)]
fn within(bytes: u8x16, first: u8, count: u8) -> u8x16 {
    let from_first = bytes - u8x16::splat(first);
    from_first.min(u8x16::splat(count - 1)).simd_eq(from_first)
}

#[inline(always)]
fn odd_in(block: &[u8; BLOCK]) -> u64 {
    let mut plain = 0;
    for (i, bytes) in block.as_chunks::<LOOK>().0.iter().enumerate() {
        plain |= u64::from(visible(u8x16::new(*bytes)).to_bitmask()) << (i * LOOK);
    }
    !plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_at_every_place() {
        for len in [70, 64, 63, 20] {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut buf = vec![b'~'; len];
                    buf[at] = byte;
                    for from in [0, 1, 5, len - 1, len, len + 1] {
                        let here = (from..from + BLOCK).contains(&at) && !(b' '..=b'~').contains(&byte);
                        assert_eq!(
                            odd(&buf, from),
                            if here { 1 << (at - from) } else { 0 },
                            "{byte:#x} {at} {from}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_at_every_place() {
        for at in 0..40 {
            for byte in 0..=255_u8 {
                let mut buf = [b'_'; 40];
                buf[at] = byte;
                for from in 0..=40 {
                    let look = Look::at(&buf, from);
                    let here = (from..from + LOOK).contains(&at);
                    let bit = |yes: bool| if yes && here { 1 << (at - from) } else { 0 };
                    assert_eq!(
                        look.alphanumerics().bits(),
                        bit(byte.is_ascii_alphanumeric()),
                        "{byte:#x} {at} {from}"
                    );
                    let is_lower = byte.is_ascii_lowercase() || byte.is_ascii_digit();
                    assert_eq!(look.lower_alphanumerics().bits(), bit(is_lower), "{byte:#x} {at} {from}");
                    assert_eq!(look.equal(b':').bits(), bit(byte == b':'), "{byte:#x} {at} {from}");
                    if from < 40 {
                        assert_eq!(look.odd(), bit(!(b' '..=b'~').contains(&byte)), "{byte:#x} {at} {from}");
                    }
                }
            }
        }
    }

    #[test]
    fn doubled_bytes_at_every_place() {
        for len in 0..40 {
            for first in 0..len {
                for second in 0..len {
                    let mut buf = vec![b'_'; len];
                    (buf[first], buf[second]) = (b'.', b'.');
                    assert_eq!(doubled(&buf, b'.'), first.abs_diff(second) == 1, "{len} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn runs_end_at_the_end() {
        let names = |look: Look| look.alphanumerics() | look.equal(b'.');
        let dots = |look: Look| look.equal(b'.');
        let of = |text: &str| run(text.as_bytes(), names, dots, dots);
        let long = "a.b.cdefghijklmnopqrstuvwxyz.0123456789";
        for end in [1, 2, 5, 15, 16, 17, 30, 31, 32, 33, long.len()] {
            assert_eq!(of(&long[..end]), (end, false), "{end}");
            assert_eq!(of(&format!("{} {}", &long[..end], &long[..end])), (end, false), "{end}");
        }
        // Two in a row across two looks.
        assert_eq!(of("0123456789abcde.."), (17, true));
        assert_eq!(of("0123456789abcdef ."), (16, false));
        assert_eq!(of(".."), (2, true));
        assert_eq!(of(""), (0, false));
    }
}
