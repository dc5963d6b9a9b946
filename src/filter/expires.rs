//! `expires`: the headers Expires and Cache-Control.

use crate::config::expires::{self, ExpiresConf};
use crate::config::model::LocationConf;
use crate::http::{Exchange, Response, variables};
use crate::time;

/// Ten years, what nginx's `max` promises.
const MAX_AGE: &str = "max-age=315360000";

/// Sets both headers as the directive asks; what the app said of them goes.
pub(super) fn apply(exchange: &mut Exchange, conf: &LocationConf) {
    match &conf.expires {
        ExpiresConf::Off => {}
        ExpiresConf::Variables { value, modified } => {
            let mut text = std::mem::take(&mut exchange.scratch);
            text.clear();
            variables::evaluate(exchange, value, &mut text);
            let read = std::str::from_utf8(&text).ok().and_then(|text| expires::parse(text, *modified).ok());
            exchange.scratch = text;
            if let Some(read) = read {
                set(&mut exchange.response, &read, time::now().unix_secs());
            }
        }
        fixed => set(&mut exchange.response, fixed, time::now().unix_secs()),
    }
}

fn set(response: &mut Response, expires: &ExpiresConf, now: i64) {
    let (date, seconds) = match *expires {
        ExpiresConf::Off | ExpiresConf::Variables { .. } => return,
        ExpiresConf::Epoch => return push(response, b"Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
        ExpiresConf::Max => return push(response, b"Thu, 31 Dec 2037 23:55:55 GMT", MAX_AGE),
        ExpiresConf::Daily(at) => {
            let wait = seconds_until(at, now.saturating_add(i64::from(time::utc_offset())));
            (now.saturating_add(wait), wait)
        }
        // A time of zero counts from the response, whatever it is written for.
        ExpiresConf::Access(after) | ExpiresConf::Modified(after @ 0) => (now.saturating_add(after), after),
        ExpiresConf::Modified(after) => match modified(response) {
            None => (now.saturating_add(after), after),
            Some(modified) => {
                let date = modified.saturating_add(after);
                (date, if after < 0 { after } else { date.saturating_sub(now) })
            }
        },
    };
    let date = time::http_date(date);
    let cache_control = if seconds < 0 { "no-cache".to_owned() } else { format!("max-age={seconds}") };
    push(response, &date, &cache_control);
}

/// When the content was last changed, as the file or the app says.
fn modified(response: &Response) -> Option<i64> {
    response.last_modified.or_else(|| response.fields.get(b"last-modified").and_then(time::parse_http_date))
}

/// Seconds from `local_now` to the next time that the local clock shows `at` seconds after midnight.
fn seconds_until(at: i64, local_now: i64) -> i64 {
    const DAY: i64 = 24 * 3600;
    let wait = at - local_now.rem_euclid(DAY);
    if wait > 0 { wait } else { wait + DAY }
}

fn push(response: &mut Response, date: &[u8], cache_control: &str) {
    response.fields.set_value(b"Expires", date);
    response.fields.set_value(b"Cache-Control", cache_control.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 784_111_777;

    fn shown(expires: &ExpiresConf, last_modified: Option<i64>) -> (String, String) {
        let mut response = Response { last_modified, ..Response::default() };
        response.fields.push(b"Cache-Control", b"private");
        set(&mut response, expires, NOW);
        let text =
            |name: &[u8]| String::from_utf8(response.fields.get(name).unwrap_or_default().to_vec()).unwrap();
        (text(b"expires"), text(b"cache-control"))
    }

    #[test]
    fn every_form_as_nginx_writes_it() {
        let modified = Some(NOW - 100);
        for (expires, last_modified, date, cache_control) in [
            (ExpiresConf::Off, None, "", "private"),
            (ExpiresConf::Epoch, None, "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"),
            (ExpiresConf::Max, None, "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"),
            (ExpiresConf::Access(0), None, "Sun, 06 Nov 1994 08:49:37 GMT", "max-age=0"),
            (ExpiresConf::Access(3600), None, "Sun, 06 Nov 1994 09:49:37 GMT", "max-age=3600"),
            (ExpiresConf::Access(-1), None, "Sun, 06 Nov 1994 08:49:36 GMT", "no-cache"),
            (ExpiresConf::Modified(3600), modified, "Sun, 06 Nov 1994 09:47:57 GMT", "max-age=3500"),
            (ExpiresConf::Modified(60), modified, "Sun, 06 Nov 1994 08:48:57 GMT", "no-cache"),
            (ExpiresConf::Modified(-1), modified, "Sun, 06 Nov 1994 08:47:56 GMT", "no-cache"),
            (ExpiresConf::Modified(0), modified, "Sun, 06 Nov 1994 08:49:37 GMT", "max-age=0"),
            (ExpiresConf::Modified(60), None, "Sun, 06 Nov 1994 08:50:37 GMT", "max-age=60"),
        ] {
            let expected = (date.to_owned(), cache_control.to_owned());
            assert_eq!(shown(&expires, last_modified), expected, "{expires:?}");
        }
    }

    #[test]
    fn the_next_time_of_day() {
        assert_eq!(seconds_until(3600, 86_400 * 5), 3600);
        assert_eq!(seconds_until(3600, 86_400 * 5 + 3600), 86_400);
        assert_eq!(seconds_until(3600, 86_400 * 5 + 3601), 86_399);
    }
}
