//! Dates by a format of strftime(3), in the C locale (`config timefmt` of SSI).

use std::io::Write;

use super::Civil;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Most bytes of a date, and of a format (nginx's `NGX_HTTP_SSI_DATE_LEN`).
const MAX_DATE: usize = 2048;

/// Most formats in formats; `%c` has those.
const MAX_DEPTH: u8 = 2;

/// A moment in a zone.
struct Moment<'z> {
    unix_secs: i64,
    offset: i32,
    zone: &'z [u8],
    civil: Civil,
    /// Days since 1 January.
    day_of_year: i64,
}

/// Appends `unix_secs` as seen `offset` seconds ahead of UTC, in a zone of that name; `false`, and nothing, when that
/// would be too long.
pub fn strftime(format: &[u8], unix_secs: i64, offset: i32, zone: &[u8], out: &mut Vec<u8>) -> bool {
    let civil = Civil::from_unix(unix_secs.saturating_add(i64::from(offset)));
    let first = Civil { month: 1, day: 1, ..civil };
    let day_of_year = match (civil.to_unix(), first.to_unix()) {
        (Some(now), Some(first)) => (now - first) / (24 * 3600),
        _ => 0,
    };
    let moment = Moment { unix_secs, offset, zone, civil, day_of_year };
    let start = out.len();
    if format.len() <= MAX_DATE {
        moment.push(format, 0, out);
    }
    let fits = (1..MAX_DATE).contains(&(out.len() - start));
    if !fits {
        out.truncate(start);
    }
    fits
}

/// What stands between `%` and the letter.
#[derive(Clone, Copy)]
struct Flags {
    /// What a number is filled up with, where the format says so.
    pad: Option<u8>,
    /// Letters in upper case.
    upper: bool,
}

impl Moment<'_> {
    fn push(&self, format: &[u8], depth: u8, out: &mut Vec<u8>) {
        let mut rest = format;
        while let Some(at) = memchr::memchr(b'%', rest) {
            out.extend_from_slice(&rest[..at]);
            let item = &rest[at..];
            let mut flags = Flags { pad: None, upper: false };
            let mut end = 1;
            while let Some(flag) = item.get(end) {
                match flag {
                    b'-' | b'_' | b'0' => flags.pad = Some(*flag),
                    b'^' => flags.upper = true,
                    // Other ways to write a year or a number, of which the C locale has none.
                    b'E' | b'O' => {}
                    _ => break,
                }
                end += 1;
            }
            let Some(letter) = item.get(end) else {
                out.extend_from_slice(item);
                return;
            };
            if out.len() > 4 * MAX_DATE {
                return;
            }
            let start = out.len();
            if !self.item(*letter, flags, depth, out) {
                out.extend_from_slice(&item[..=end]);
            } else if flags.upper {
                out[start..].make_ascii_uppercase();
            }
            rest = &item[end + 1..];
        }
        out.extend_from_slice(rest);
    }

    /// One letter; `false` for one that means nothing.
    fn item(&self, letter: u8, flags: Flags, depth: u8, out: &mut Vec<u8>) -> bool {
        let c = &self.civil;
        let mut two = |value: i64, pad: u8| number(value, 2, flags.pad.unwrap_or(pad), out);
        let (hour, year) = (i64::from(c.hour), i64::from(c.year));
        let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
        match letter {
            b'd' => two(c.day.into(), b'0'),
            b'e' => two(c.day.into(), b'_'),
            b'm' => two(c.month.into(), b'0'),
            b'H' => two(hour, b'0'),
            b'k' => two(hour, b'_'),
            b'I' => two(hour12, b'0'),
            b'l' => two(hour12, b'_'),
            b'M' => two(c.minute.into(), b'0'),
            b'S' => two(c.second.into(), b'0'),
            b'y' => two(year % 100, b'0'),
            b'C' => two(year / 100, b'0'),
            b'U' => two((self.day_of_year + 7 - i64::from(c.weekday)) / 7, b'0'),
            b'W' => two((self.day_of_year + 7 - i64::from(self.weekday_from_monday())) / 7, b'0'),
            b'V' => two(self.iso_week().1, b'0'),
            b'g' => two(self.iso_week().0 % 100, b'0'),
            b'G' => number(self.iso_week().0, 4, flags.pad.unwrap_or(b'-'), out),
            b'Y' => number(year, 4, flags.pad.unwrap_or(b'-'), out),
            b'j' => number(self.day_of_year + 1, 3, flags.pad.unwrap_or(b'0'), out),
            b'u' => number(i64::from(self.weekday_from_monday()) + 1, 1, b'0', out),
            b'w' => number(c.weekday.into(), 1, b'0', out),
            b's' => number(self.unix_secs, 1, b'0', out),
            b'a' => out.extend_from_slice(&day(c).as_bytes()[..3]),
            b'A' => out.extend_from_slice(day(c).as_bytes()),
            b'b' | b'h' => out.extend_from_slice(&month(c).as_bytes()[..3]),
            b'B' => out.extend_from_slice(month(c).as_bytes()),
            b'p' => out.extend_from_slice(if hour < 12 { b"AM" } else { b"PM" }),
            b'P' => out.extend_from_slice(if hour < 12 { b"am" } else { b"pm" }),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'%' => out.push(b'%'),
            b'z' => self.push_offset(out),
            b'Z' => out.extend_from_slice(self.zone),
            _ => {
                let Some(inner) = expanded(letter).filter(|_| depth < MAX_DEPTH) else { return false };
                self.push(inner, depth + 1, out);
            }
        }
        true
    }

    fn weekday_from_monday(&self) -> u8 {
        (self.civil.weekday + 6) % 7
    }

    /// Year and week of ISO 8601: a week is of the year that has its Thursday.
    fn iso_week(&self) -> (i64, i64) {
        let year = i64::from(self.civil.year);
        let thursday = self.day_of_year + 3 - i64::from(self.weekday_from_monday());
        if thursday < 0 {
            (year - 1, (thursday + days_in(year - 1)) / 7 + 1)
        } else if thursday >= days_in(year) {
            (year + 1, 1)
        } else {
            (year, thursday / 7 + 1)
        }
    }

    fn push_offset(&self, out: &mut Vec<u8>) {
        let minutes = self.offset.unsigned_abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        let _ = write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60);
    }
}

/// What some letters stand for.
fn expanded(letter: u8) -> Option<&'static [u8]> {
    Some(match letter {
        b'c' => b"%a %b %e %H:%M:%S %Y",
        b'D' | b'x' => b"%m/%d/%y",
        b'F' => b"%Y-%m-%d",
        b'r' => b"%I:%M:%S %p",
        b'R' => b"%H:%M",
        b'T' | b'X' => b"%H:%M:%S",
        _ => return None,
    })
}

/// `-` fills up with nothing, `_` with blanks, `0` with zeroes.
fn number(value: i64, width: usize, pad: u8, out: &mut Vec<u8>) {
    let _ = match pad {
        b'-' => write!(out, "{value}"),
        b'_' => write!(out, "{value:width$}"),
        _ => write!(out, "{value:0width$}"),
    };
}

fn day(civil: &Civil) -> &'static str {
    DAYS.get(usize::from(civil.weekday)).copied().unwrap_or(DAYS[0])
}

fn month(civil: &Civil) -> &'static str {
    MONTHS.get(usize::from(civil.month).wrapping_sub(1)).copied().unwrap_or(MONTHS[0])
}

fn days_in(year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &str, unix_secs: i64, offset: i32) -> String {
        let mut out = Vec::new();
        strftime(format.as_bytes(), unix_secs, offset, b"CET", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn as_the_c_library_has_them() {
        // 2026-11-23 04:31:13 UTC, a Monday; written by date(1).
        let at = 1_795_408_273;
        for (format, expected) in [
            ("%Y-%m-%d %H:%M", "2026-11-23 04:31"),
            ("%A %a %B %b", "Monday Mon November Nov"),
            ("%j %u %w %U %W %V %G %g", "327 1 1 47 47 48 2026 26"),
            ("%y %C %e %D %F %R", "26 20 23 11/23/26 2026-11-23 04:31"),
            ("%I %p|%Z %z|%% %n%t", "04 AM|CET +0000|% \n\t"),
            ("%h|%k %l|%c|%x|%r|%P", "Nov| 4  4|Mon Nov 23 04:31:13 2026|11/23/26|04:31:13 AM|am"),
            ("%q|%-d %_d %^a|%E", "%q|23 23 MON|%E"),
            ("%s%", "1795408273%"),
        ] {
            assert_eq!(shown(format, at, 0), expected, "{format}");
        }
        assert_eq!(shown("%a %F %T %z", at, -5 * 3600 - 1800), "Sun 2026-11-22 23:01:13 -0530");
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        // Written by date(1).
        for (unix_secs, expected) in [
            (1_609_459_200, "2021-01-01 00 00 53 2020"),
            (1_609_718_400, "2021-01-04 01 01 01 2021"),
            (1_735_603_200, "2024-12-31 52 53 01 2025"),
            (1_704_067_200, "2024-01-01 00 01 01 2024"),
            (0, "1970-01-01 00 00 01 1970"),
        ] {
            assert_eq!(shown("%F %U %W %V %G", unix_secs, 0), expected);
        }
    }

    #[test]
    fn what_is_too_long_is_nothing() {
        assert_eq!(shown(&"%A".repeat(1000), 0, 0), "");
        assert_eq!(shown(&"x".repeat(3000), 0, 0), "");
        assert_eq!(shown("", 0, 0), "");
    }
}
