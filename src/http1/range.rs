//! The Range field read as nginx reads it (RFC 9110 section 14; nginx `ngx_http_range_parse`).
//!
//! The sum of the ranges never exceeds the body's length: asking for the same bytes over and over gets the whole body
//! once (CVE-2011-3192), and no arithmetic can wrap (CVE-2017-7529).

/// What a Range field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Send the whole body with 200: no byte range, or one that nginx ignores.
    Whole,
    /// Send the ranges that were found with 206.
    Ranges,
    /// Answer 416.
    NotSatisfiable,
}

/// Most ranges in one response. nginx has no bound unless `max_ranges` is set, but its other rule (their sum is at most
/// the body) leaves one range per byte; this bounds the memory, and real clients ask for a handful.
pub const MAX_RANGES: usize = 1024;

/// Reads `value` for a body of `len` bytes. On `Ranges`, `out` holds them in the order asked for, each as
/// `[start, end)` with `start < end <= len`; otherwise `out` is empty. `max_ranges` is nginx's directive of that name
/// (0 ignores the field); more than [`MAX_RANGES`] is never allowed.
pub fn parse(value: &[u8], len: u64, max_ranges: usize, out: &mut Vec<(u64, u64)>) -> RangeOutcome {
    out.clear();
    if max_ranges == 0 || len > i64::MAX as u64 {
        return RangeOutcome::Whole;
    }
    let outcome = match value.split_at_checked(6) {
        Some((unit, specs)) if unit.eq_ignore_ascii_case(b"bytes=") && !specs.is_empty() => {
            parse_specs(specs, len, max_ranges.min(MAX_RANGES), out)
        }
        _ => RangeOutcome::Whole,
    };
    if outcome != RangeOutcome::Ranges {
        out.clear();
    }
    outcome
}

fn parse_specs(specs: &[u8], len: u64, max_ranges: usize, out: &mut Vec<(u64, u64)>) -> RangeOutcome {
    let mut sum = 0u64;
    for spec in specs.split(|b| *b == b',') {
        let Some((start, end)) = parse_spec(spec, len) else { return RangeOutcome::NotSatisfiable };
        if start < end {
            if out.len() == max_ranges {
                return RangeOutcome::Whole;
            }
            out.push((start, end));
            // Each term is at most len < 2^63 and there are at most MAX_RANGES of them before this check.
            sum = sum.saturating_add(end - start);
        } else if start == 0 {
            // An empty body, or a suffix of no bytes that reaches its start.
            return RangeOutcome::Whole;
        }
    }
    if out.is_empty() {
        RangeOutcome::NotSatisfiable
    } else if sum > len {
        RangeOutcome::Whole
    } else {
        RangeOutcome::Ranges
    }
}

/// One `first-last`, `first-` or `-suffix` as `[start, end)`, which may be empty; `None` if it is malformed.
fn parse_spec(spec: &[u8], len: u64) -> Option<(u64, u64)> {
    let rest = skip_spaces(spec);
    if let Some(rest) = rest.strip_prefix(b"-") {
        let (suffix, rest) = parse_number(rest)?;
        if !skip_spaces(rest).is_empty() {
            return None;
        }
        return Some((len.saturating_sub(suffix), len));
    }
    let (start, rest) = parse_number(rest)?;
    let rest = skip_spaces(skip_spaces(rest).strip_prefix(b"-")?);
    if rest.is_empty() {
        return Some((start, len));
    }
    let (last, rest) = parse_number(rest)?;
    if !skip_spaces(rest).is_empty() {
        return None;
    }
    Some((start, if last >= len { len } else { last + 1 }))
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b' ').unwrap_or(bytes.len());
    &bytes[start..]
}

/// 1*DIGIT below 2^63 at the front, and what follows it.
fn parse_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (number, rest) = bytes.split_at(digits);
    let n = super::framing::parse_content_length(number)?;
    Some((n, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RangeOutcome::*;
    use proptest::prelude::*;

    fn ranges(value: &str, len: u64) -> (RangeOutcome, Vec<(u64, u64)>) {
        let mut out = vec![(9, 9)];
        (parse(value.as_bytes(), len, usize::MAX, &mut out), out)
    }

    /// Each line is what nginx 1.22.1 answered for a file of 1000 bytes.
    #[test]
    fn as_nginx() {
        for (value, found) in [
            ("bytes=10-19", &[(10, 20)][..]),
            ("BYTES=0-0", &[(0, 1)]),
            ("bytes=990-", &[(990, 1000)]),
            ("bytes=990-5000", &[(990, 1000)]),
            ("bytes=-5", &[(995, 1000)]),
            ("bytes=-5000", &[(0, 1000)]),
            ("bytes= 1 - 2 , 4-5", &[(1, 3), (4, 6)]),
            ("bytes=5-9,0-3", &[(5, 10), (0, 4)]),
            ("bytes=0-499,500-999", &[(0, 500), (500, 1000)]),
            ("bytes=10-5,1-2", &[(1, 3)]),
            ("bytes=5000-,1-2", &[(1, 3)]),
        ] {
            assert_eq!(ranges(value, 1000), (Ranges, found.to_vec()), "{value}");
        }
        for value in [
            "lines=1-2",
            "bytes",
            "bytes=",
            "bytes 1-2",
            "",
            "bytes=0-,0-",
            "bytes=0-999,1-1",
            "bytes=0-0,-1000",
        ] {
            assert_eq!(ranges(value, 1000), (Whole, vec![]), "{value}");
        }
        for value in [
            "bytes=a-b",
            "bytes=1000-",
            "bytes=999999999-",
            "bytes=-0",
            "bytes=10-5",
            "bytes=-",
            "bytes=1-2,",
            "bytes=,1-2",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=--1",
            "bytes=1-2x",
            "bytes=-17208,-9223372036854758792x",
            "bytes=0-,-9223372036854775808",
            "bytes=9223372036854775808-",
            "bytes=1-\t2",
            "bytes=+1-2",
        ] {
            assert_eq!(ranges(value, 1000), (NotSatisfiable, vec![]), "{value}");
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(ranges("bytes=-17208,-9223372036854758792", 102_400), (Whole, vec![]));
        assert_eq!(ranges("bytes=0-0", 0), (Whole, vec![]));
        assert_eq!(ranges("bytes=-1", 0), (Whole, vec![]));
        let mut out = Vec::new();
        assert_eq!(parse(b"bytes=0-0", 10, 0, &mut out), Whole);
        assert_eq!(parse(b"bytes=0-0", 10, 1, &mut out), Ranges);
        assert_eq!(parse(b"bytes=0-0,2-2", 10, 1, &mut out), Whole);
        let many = format!("bytes={}0-0", "0-0,".repeat(MAX_RANGES));
        assert_eq!(ranges(&many, 1 << 30), (Whole, vec![]));
    }

    proptest! {
        #[test]
        fn never_more_than_the_body(value in "bytes=[0-9, -]{0,60}", len in 0u64..2000) {
            let (outcome, found) = ranges(&value, len);
            prop_assert_eq!(found.is_empty(), outcome != Ranges);
            prop_assert!(found.iter().all(|(start, end)| start < end && *end <= len));
            prop_assert!(found.iter().map(|(start, end)| end - start).sum::<u64>() <= len);
        }

        #[test]
        fn parsing_never_panics(value: Vec<u8>, len: u64) {
            let _ = parse(&value, len, usize::MAX, &mut Vec::new());
        }
    }
}
