//! Sizes, times and flags as nginx writes them. Pure text to number; messages are the caller's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A size in bytes: `8192`, `8k`, `1m`, `1g` (`ngx_parse_offset`). `None` when it is none or too large.
pub fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    // Sizes are signed in nginx: what does not fit there is no size here either.
    number(digits)?.checked_mul(unit).filter(|size| i64::try_from(*size).is_ok())
}

/// An IP address with a port, or 0 for none: `127.0.0.1`, `127.0.0.1:5000`, `::1`, `[::1]:5000`.
pub fn address(text: &str) -> Option<SocketAddr> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, 0)),
        Err(_) => text.parse::<SocketAddr>().ok().filter(|addr| addr.port() > 0),
    }
}

/// A number without sign and unit (`ngx_atoi`).
pub fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A time with a resolution of milliseconds: `500ms`, `30s`, `1h30m`; seconds without a unit
/// (`ngx_parse_time`, which knows no months and years at this resolution).
pub fn time(text: &str) -> Option<Duration> {
    sum(text, Unit::Month).map(Duration::from_millis)
}

/// A time with a resolution of seconds: years and months are allowed, milliseconds are not.
pub fn seconds(text: &str) -> Option<Duration> {
    let millis = sum(text, Unit::Start)?;
    let whole = !text.contains("ms");
    whole.then(|| Duration::from_millis(millis))
}

/// `on` or `off`.
pub fn flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("on") => Some(true),
        _ if text.eq_ignore_ascii_case("off") => Some(false),
        _ => None,
    }
}

/// Units must come in falling order, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Start,
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Milli,
    Plain,
}

const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;

/// Milliseconds of `1d 2h30m`, with units below `step` only.
fn sum(text: &str, mut step: Unit) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    if text.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let value = number(&rest[..end])?;
        let after = &rest[end..];
        let (unit, scale, width) = match after.as_bytes() {
            [] => (Unit::Plain, SECOND, 0),
            [b'm', b's', ..] => (Unit::Milli, 1, 2),
            [b'y', ..] => (Unit::Year, 365 * DAY, 1),
            [b'M', ..] => (Unit::Month, 30 * DAY, 1),
            [b'w', ..] => (Unit::Week, 7 * DAY, 1),
            [b'd', ..] => (Unit::Day, DAY, 1),
            [b'h', ..] => (Unit::Hour, 3600 * SECOND, 1),
            [b'm', ..] => (Unit::Minute, 60 * SECOND, 1),
            [b's', ..] => (Unit::Second, SECOND, 1),
            // A number, then a space: seconds.
            [b' ', ..] => (Unit::Second, SECOND, 1),
            _ => return None,
        };
        if unit <= step && unit != Unit::Plain {
            return None;
        }
        step = unit;
        total = total.checked_add(value.checked_mul(scale)?)?;
        rest = after[width..].trim_start_matches(' ');
    }
    // Times are signed in nginx.
    Some(total).filter(|millis| i64::try_from(*millis).is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{flag, number, seconds, size, time};

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("8192", Some(8192)),
            ("8k", Some(8192)),
            ("1M", Some(1 << 20)),
            ("2g", Some(2 << 30)),
            ("", None),
            ("k", None),
            ("-1", None),
            ("1t", None),
            ("1.5m", None),
            ("+1", None),
            ("9223372036854775808", None),
            ("9223372036854775807g", None),
            ("1é", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn times() {
        let ms = Duration::from_millis;
        for (text, wanted) in [
            ("60", Some(ms(60_000))),
            ("60s", Some(ms(60_000))),
            ("500ms", Some(ms(500))),
            ("1h30m", Some(ms(5_400_000))),
            ("1h 30m", Some(ms(5_400_000))),
            ("1d", Some(ms(86_400_000))),
            ("1w2d", Some(ms(9 * 86_400_000))),
            ("1m30", Some(ms(90_000))),
            ("1s 500ms", Some(ms(1500))),
            ("1M", None),
            ("1y", None),
            ("1ms1s", None),
            ("1m1m", None),
            ("", None),
            ("s", None),
            ("1x", None),
            ("-1", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(time(text), wanted, "{text}");
        }
        assert_eq!(seconds("1y"), Some(ms(365 * 86_400_000)));
        assert_eq!(seconds("1ms"), None);
    }

    #[test]
    fn words() {
        assert_eq!(flag("ON"), Some(true));
        assert_eq!(flag("yes"), None);
        assert_eq!(number("007"), Some(7));
        assert_eq!(number("0x7"), None);
    }
}
