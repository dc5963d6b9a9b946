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
