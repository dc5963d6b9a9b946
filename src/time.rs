//! The coarse clock and the dates of HTTP and of the logs. The only place that reads a clock.
//!
//! Each thread calls [`refresh`] once per turn of its event loop; everything else asks [`now`], which costs a
//! thread-local read and may be as old as the turn. All functions here are pure or read that one cell: none locks,
//! none allocates.

mod strftime;

pub use strftime::strftime;

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One reading of the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the process first read the clock; never goes back. The same origin on every thread.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970-01-01 UTC by the wall clock; 0 if that is set to an earlier time.
    pub unix_ms: u64,
}

impl Now {
    /// Seconds since 1970-01-01 UTC.
    pub fn unix_secs(self) -> i64 {
        (self.unix_ms / 1000) as i64
    }
}

thread_local! {
    static NOW: Cell<Option<Now>> = const { Cell::new(None) };
    /// The last reading of both clocks.
    static WALL: Cell<Option<Now>> = const { Cell::new(None) };
    static LOCAL: Cell<((i64, i32), [u8; 26])> = const { Cell::new(((0, 0), *b"01/Jan/1970:00:00:00 +0000")) };
    static DATE: Cell<(i64, [u8; 29])> = const { Cell::new((0, *b"Thu, 01 Jan 1970 00:00:00 GMT")) };
}

/// How long a reading of the wall clock is good for, milliseconds: a clock that is set is seen so much later.
const WALL_CLOCK_MS: u64 = 20;

static ORIGIN: OnceLock<Instant> = OnceLock::new();
/// Seconds east of UTC, set once at start (and at reload) from the system's zone.
static UTC_OFFSET: AtomicI32 = AtomicI32::new(0);

/// The name of the local zone.
static ZONE_NAME: AtomicU64 = AtomicU64::new(0);

/// Where a script holds the clock, in milliseconds; 0 while it runs by itself.
#[cfg(debug_assertions)]
static HELD_AT: AtomicU64 = AtomicU64::new(0);

/// From now on every thread's clock shows this many milliseconds (more than 0), until the next call: for tests that decide when
/// time passes. Release builds have no such thing.
#[cfg(debug_assertions)]
pub fn hold_at(monotonic_ms: u64) {
    HELD_AT.store(monotonic_ms, Ordering::SeqCst);
}

/// What the clock shows where it is held.
#[cfg(debug_assertions)]
fn held() -> Option<Now> {
    /// 2024-01-02 03:04:05 UTC.
    const BEGAN_MS: u64 = 1_704_164_645_000;
    let monotonic_ms = HELD_AT.load(Ordering::SeqCst);
    (monotonic_ms > 0).then(|| Now { monotonic_ms, unix_ms: BEGAN_MS + monotonic_ms })
}

/// Reads the clock and makes this thread's [`now`] the present. The wall clock is read only every
/// [`WALL_CLOCK_MS`], and goes on with the other one in between.
pub fn refresh() -> Now {
    #[cfg(debug_assertions)]
    if let Some(now) = held() {
        NOW.set(Some(now));
        return now;
    }
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    let present = Instant::now();
    let since = present.saturating_duration_since(*ORIGIN.get_or_init(|| present));
    let monotonic_ms = since.as_secs() * 1000 + u64::from(since.subsec_millis());
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let (now, read) = advance(WALL.get(), monotonic_ms, wall);
    if read {
        WALL.set(Some(now));
    }
    NOW.set(Some(now));
    now
}

/// The present, and whether the wall clock was read for it.
fn advance(last: Option<Now>, monotonic_ms: u64, wall: impl FnOnce() -> u64) -> (Now, bool) {
    match last.map(|last| (last, monotonic_ms.saturating_sub(last.monotonic_ms))) {
        Some((last, since)) if since < WALL_CLOCK_MS => {
            (Now { monotonic_ms, unix_ms: last.unix_ms.saturating_add(since) }, false)
        }
        _ => (Now { monotonic_ms, unix_ms: wall() }, true),
    }
}

/// The clocks as of this thread's last [`refresh`]; a thread that never had one gets its first now.
pub fn now() -> Now {
    NOW.get().unwrap_or_else(refresh)
}

/// Sets the offset of local time from UTC in seconds, for log lines of every thread. Offsets of a day or more are
/// ignored. A zone's change to or from summer time needs another call.
pub fn set_utc_offset(seconds: i32) {
    if seconds.unsigned_abs() < 24 * 3600 {
        UTC_OFFSET.store(seconds, Ordering::Relaxed);
    }
}

/// Sets the name of the local zone, of which eight bytes are kept; as [`set_utc_offset`].
pub fn set_zone_name(name: &[u8]) {
    let mut kept = [0; 8];
    for (to, from) in kept.iter_mut().zip(name) {
        *to = *from;
    }
    ZONE_NAME.store(u64::from_ne_bytes(kept), Ordering::Relaxed);
}

/// The name of the local zone, filled up with zeroes.
pub fn zone_name() -> [u8; 8] {
    ZONE_NAME.load(Ordering::Relaxed).to_ne_bytes()
}

/// The offset of local time from UTC in seconds.
pub fn utc_offset() -> i32 {
    UTC_OFFSET.load(Ordering::Relaxed)
}

const DAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAY: i64 = 24 * 3600;
/// 9999-12-31 23:59:59: four-digit years end here. Later times are written as this one, earlier than 0000 as that.
const LATEST: i64 = 253_402_300_799;
const EARLIEST: i64 = -62_167_219_200;

/// A moment as calendar fields, proleptic Gregorian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
}

impl Civil {
    /// The fields of `unix_secs` in UTC; times outside the years 0 to 9999 become the nearest in them.
    pub fn from_unix(unix_secs: i64) -> Civil {
        let secs = unix_secs.clamp(EARLIEST, LATEST);
        let days = secs.div_euclid(DAY);
        let of_day = secs.rem_euclid(DAY);
        // Days to date by 400-year eras of 146,097 days that begin on 1 March (Howard Hinnant, civil_from_days).
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let doe = shifted.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        Civil {
            year: (yoe + era * 400 + i64::from(month <= 2)) as u16,
            month: month as u8,
            day: (doy - (153 * mp + 2) / 5 + 1) as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
        }
    }

    /// Seconds since 1970-01-01 UTC; the weekday does not matter. `None` if a field is out of its range or the month
    /// has no such day.
    pub fn to_unix(self) -> Option<i64> {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days_in_month = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        let in_range = (1..=days_in_month).contains(&self.day)
            && self.year <= 9999
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if !in_range {
            return None;
        }
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let yoe = year.rem_euclid(400);
        let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        let days = era * 146_097 + doe - 719_468;
        Some(days * DAY + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second))
    }

    fn month_name(self) -> &'static [u8; 3] {
        MONTHS[(self.month as usize + 11) % 12]
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 section 5.6.7).
pub fn http_date(unix_secs: i64) -> [u8; 29] {
    let c = Civil::from_unix(unix_secs);
    let mut out = *b"Sun, 00 Nov 0000 00:00:00 GMT";
    out[0..3].copy_from_slice(DAYS[c.weekday as usize % 7]);
    put2(&mut out, 5, c.day);
    out[8..11].copy_from_slice(c.month_name());
    put4(&mut out, 12, c.year);
    put_time(&mut out, 17, c);
    out
}

/// [`http_date`] of [`now`], made once per second and thread.
pub fn http_date_now() -> [u8; 29] {
    let secs = now().unix_secs();
    let (cached, date) = DATE.get();
    if cached == secs {
        return date;
    }
    let date = http_date(secs);
    DATE.set((secs, date));
    date
}

/// `22/Nov/2026:18:17:11 +0000` (`$time_local`), `offset_minutes` east of UTC.
pub fn local_time(unix_secs: i64, offset_minutes: i32) -> [u8; 26] {
    let offset = offset_minutes.clamp(-1439, 1439);
    let c = Civil::from_unix(unix_secs.saturating_add(i64::from(offset) * 60));
    let mut out = *b"00/Nov/0000:00:00:00 +0000";
    put2(&mut out, 0, c.day);
    out[3..6].copy_from_slice(c.month_name());
    put4(&mut out, 7, c.year);
    put_time(&mut out, 12, c);
    out[21] = if offset < 0 { b'-' } else { b'+' };
    put2(&mut out, 22, (offset.unsigned_abs() / 60) as u8);
    put2(&mut out, 24, (offset.unsigned_abs() % 60) as u8);
    out
}

/// [`local_time`] of [`now`] in the zone of [`utc_offset`], made once per second and thread.
pub fn local_time_now() -> [u8; 26] {
    let key = (now().unix_secs(), utc_offset());
    let (cached, text) = LOCAL.get();
    if cached == key {
        return text;
    }
    let text = local_time(key.0, key.1 / 60);
    LOCAL.set((key, text));
    text
}

/// `2026-11-22T18:17:11+00:00` (`$time_iso8601`), `offset_minutes` east of UTC.
pub fn iso8601(unix_secs: i64, offset_minutes: i32) -> [u8; 25] {
    let offset = offset_minutes.clamp(-1439, 1439);
    let c = Civil::from_unix(unix_secs.saturating_add(i64::from(offset) * 60));
    let mut out = *b"0000-00-00T00:00:00+00:00";
    put4(&mut out, 0, c.year);
    put2(&mut out, 5, c.month);
    put2(&mut out, 8, c.day);
    put_time(&mut out, 11, c);
    out[19] = if offset < 0 { b'-' } else { b'+' };
    put2(&mut out, 20, (offset.unsigned_abs() / 60) as u8);
    put2(&mut out, 23, (offset.unsigned_abs() % 60) as u8);
    out
}

/// `2026/11/22 18:17:11`, the error log's form, `offset_minutes` east of UTC.
pub fn error_log_time(unix_secs: i64, offset_minutes: i32) -> [u8; 19] {
    let offset = offset_minutes.clamp(-1439, 1439);
    let c = Civil::from_unix(unix_secs.saturating_add(i64::from(offset) * 60));
    let mut out = *b"0000/00/00 00:00:00";
    put4(&mut out, 0, c.year);
    put2(&mut out, 5, c.month);
    put2(&mut out, 8, c.day);
    put_time(&mut out, 11, c);
    out
}

/// `22-Nov-2026 18:17`, the form of directory listings, `offset_minutes` east of UTC.
pub fn listing_time(unix_secs: i64, offset_minutes: i32) -> [u8; 17] {
    let offset = offset_minutes.clamp(-1439, 1439);
    let c = Civil::from_unix(unix_secs.saturating_add(i64::from(offset) * 60));
    let mut out = *b"00-Nov-0000 00:00";
    put2(&mut out, 0, c.day);
    out[3..6].copy_from_slice(c.month_name());
    put4(&mut out, 7, c.year);
    put2(&mut out, 12, c.hour);
    put2(&mut out, 15, c.minute);
    out
}

/// Seconds since 1970-01-01 UTC of a date in one of the three forms of RFC 9110 section 5.6.7, `None` if it is none:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
///
/// As lenient as nginx's `ngx_parse_http_time`: whatever stands for the weekday, and whatever follows the time
/// (browsers of old append `; length=…`), is not looked at. A two-digit year below 70 lies in the 2000s.
pub fn parse_http_date(text: &[u8]) -> Option<i64> {
    let weekday = text.iter().position(|b| matches!(b, b',' | b' '))?;
    let is_asctime = text[weekday] == b' ';
    let mut rest = &text[weekday + 1..];
    while let Some(behind) = rest.strip_prefix(b" ") {
        rest = behind;
    }
    if rest.len() < SHORTEST_DATE {
        return None;
    }
    if is_asctime {
        let month = month(take(&mut rest, 3)?)?;
        take(&mut rest, 1)?;
        rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let digits = rest.iter().take(2).take_while(|b| **b != b' ').count();
        let day = number(take(&mut rest, digits)?)?;
        let time = clock(&mut rest)?;
        expect(&mut rest, b' ')?;
        return civil(number(take(&mut rest, 4)?)?, month, day, time)?.to_unix();
    }
    let day = number(take(&mut rest, 2)?)?;
    let separator = *rest.first().filter(|b| matches!(b, b' ' | b'-'))?;
    expect(&mut rest, separator)?;
    let month = month(take(&mut rest, 3)?)?;
    expect(&mut rest, separator)?;
    let year = if separator == b' ' {
        number(take(&mut rest, 4)?)?
    } else {
        let short = number(take(&mut rest, 2)?)?;
        if short < 70 { 2000 + short } else { 1900 + short }
    };
    civil(year, month, day, clock(&mut rest)?)?.to_unix()
}

/// What follows the weekday has at least as many bytes (`06-Nov-94 08:49:37`).
const SHORTEST_DATE: usize = 18;

/// Cuts the first `len` bytes off.
fn take<'t>(rest: &mut &'t [u8], len: usize) -> Option<&'t [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    (take(rest, 1)? == [byte]).then_some(())
}

fn month(name: &[u8]) -> Option<u8> {
    Some(MONTHS.iter().position(|month| month.as_slice() == name)? as u8 + 1)
}

fn civil(year: u16, month: u8, day: u16, (hour, minute, second): (u8, u8, u8)) -> Option<Civil> {
    Some(Civil { year, month, day: u8::try_from(day).ok()?, hour, minute, second, weekday: 0 })
}

/// ` 08:49:37`, whatever follows.
fn clock(rest: &mut &[u8]) -> Option<(u8, u8, u8)> {
    let [b' ', h1, h2, b':', m1, m2, b':', s1, s2] = take(rest, 9)? else { return None };
    let field = |a: &u8, b: &u8| number(&[*a, *b]).map(|n| n as u8);
    Some((field(h1, h2)?, field(m1, m2)?, field(s1, s2)?))
}

/// One to four digits.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))
}

fn put2(out: &mut [u8], at: usize, n: u8) {
    out[at] = b'0' + n / 10 % 10;
    out[at + 1] = b'0' + n % 10;
}

fn put4(out: &mut [u8], at: usize, n: u16) {
    put2(out, at, (n / 100) as u8);
    put2(out, at + 2, (n % 100) as u8);
}

fn put_time(out: &mut [u8], at: usize, c: Civil) {
    put2(out, at, c.hour);
    put2(out, at + 3, c.minute);
    put2(out, at + 6, c.second);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: i64 = 784_111_777;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_made_once_a_second_is_the_present() {
        for _ in 0..3 {
            let (secs, offset) = (refresh().unix_secs(), utc_offset());
            assert_eq!(local_time_now(), local_time(secs, offset / 60));
            assert_eq!(http_date_now(), http_date(secs));
        }
    }

    /// A script of the two clocks: milliseconds of the one that nobody sets, and what the other one says then.
    #[test]
    fn a_wall_clock_that_is_set_is_followed_and_moves_nothing_else() {
        let script = [
            (0, 1_000_000_000_000_u64),
            (10, 1_000_000_000_010),
            // An hour back, a day on, before 1970, to the end of time.
            (40, 999_996_400_040),
            (70, 1_000_086_400_070),
            (100, 0),
            (130, u64::MAX),
            (140, u64::MAX),
            (160, 1_000_000_000_160),
        ];
        let mut last = None;
        for (monotonic_ms, wall) in script {
            let (now, read) = advance(last, monotonic_ms, || wall);
            assert_eq!(now, Now { monotonic_ms, unix_ms: wall });
            // Everything that is made from it can be made.
            http_date(now.unix_secs());
            local_time(now.unix_secs(), 60);
            if read {
                last = Some(now);
            }
        }
        // It may be seen late, and not later than that.
        let (now, _) = advance(last, 160 + WALL_CLOCK_MS - 1, || 5);
        assert_eq!(now.unix_ms, 1_000_000_000_160 + WALL_CLOCK_MS - 1);
        let (now, read) = advance(last, 160 + WALL_CLOCK_MS, || 5);
        assert_eq!((now.unix_ms, read), (5, true));
    }

    #[test]
    fn http_dates() {
        for (secs, date) in [
            (EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_371_431, "Sun, 22 Nov 2026 18:17:11 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MIN, "Sat, 01 Jan 0000 00:00:00 GMT"),
        ] {
            assert_eq!(text(&http_date(secs)), date);
        }
    }

    #[test]
    fn log_forms() {
        let secs = 1_795_371_431;
        assert_eq!(text(&local_time(secs, 0)), "22/Nov/2026:18:17:11 +0000");
        assert_eq!(text(&local_time(secs, 345)), "23/Nov/2026:00:02:11 +0545");
        assert_eq!(text(&local_time(secs, -210)), "22/Nov/2026:14:47:11 -0330");
        assert_eq!(text(&iso8601(secs, 60)), "2026-11-22T19:17:11+01:00");
        assert_eq!(text(&iso8601(secs, -60)), "2026-11-22T17:17:11-01:00");
        assert_eq!(text(&error_log_time(secs, 0)), "2026/11/22 18:17:11");
        assert_eq!(text(&listing_time(secs, 0)), "22-Nov-2026 18:17");
        assert_eq!(text(&local_time(i64::MAX, i32::MAX)), "31/Dec/9999:23:59:59 +2359");
    }

    #[test]
    fn three_forms_are_read() {
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(date.as_bytes()), Some(EXAMPLE), "{date}");
        }
        assert_eq!(parse_http_date(b"Wednesday, 01-Jan-25 00:00:00 GMT"), Some(1_735_689_600));
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
            "Sunday, 06-Nov-94 08:49:37 GMT; length=5",
            "Sun, 06 Nov 1994 08:49:37",
            "x,06 Nov 1994 08:49:37 +0100",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994x",
        ] {
            assert_eq!(parse_http_date(date.as_bytes()), Some(EXAMPLE), "{date}");
        }
    }

    #[test]
    fn what_is_no_date() {
        for bad in [
            "",
            "0",
            "Sun",
            "Sun,",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sat, 31 Dec 2016 23:59:60 GMT",
            "Sun Nov x6 08:49:37 1994",
            "Sun Nov   08:49:37 1994 x",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun, 29 Feb 1900 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_http_date(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn clock_is_read_once_a_refresh() {
        let first = refresh();
        assert_eq!(now(), first);
        let second = refresh();
        assert!(second.monotonic_ms >= first.monotonic_ms);
        assert_eq!(http_date_now(), http_date(now().unix_secs()));
        assert_eq!(http_date_now(), http_date(now().unix_secs()));
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(elsewhere.monotonic_ms >= first.monotonic_ms);
    }

    #[test]
    fn offset_of_the_zone() {
        set_utc_offset(3600);
        assert_eq!(utc_offset(), 3600);
        set_utc_offset(i32::MAX);
        assert_eq!(utc_offset(), 3600);
        set_utc_offset(0);
    }

    proptest! {
        #[test]
        fn date_round_trip(secs in EARLIEST..=LATEST) {
            prop_assert_eq!(parse_http_date(&http_date(secs)), Some(secs));
            prop_assert_eq!(Civil::from_unix(secs).to_unix(), Some(secs));
        }

        #[test]
        fn parsing_never_panics(bytes: Vec<u8>) {
            let _ = parse_http_date(&bytes);
        }

        #[test]
        fn forms_never_panic(secs: i64, offset: i32) {
            let _ = (local_time(secs, offset), iso8601(secs, offset), error_log_time(secs, offset));
            let _ = (listing_time(secs, offset), http_date(secs));
        }
    }
}
