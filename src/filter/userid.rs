//! `userid`: the cookie by which a client will be known.

use crate::config::userid::{UseridConf, UseridExpires};
use crate::http::Exchange;
use crate::http::userid;
use crate::time;

/// Adds `Set-Cookie` for a client that has no cookie yet, or whose cookie lacks the mark, and `P3P`.
pub(super) fn apply(exchange: &mut Exchange, conf: &UseridConf) {
    let Some(uid) = userid::set(exchange, conf) else { return };
    let value = userid::encode(conf, &uid);
    let expires = match conf.expires {
        UseridExpires::Never => String::new(),
        UseridExpires::Max => "; expires=Thu, 31-Dec-37 23:55:55 GMT".to_owned(),
        UseridExpires::After(seconds) => {
            let at = time::now().unix_secs().saturating_add(seconds);
            format!("; expires={}", cookie_time(&time::http_date(at)))
        }
    };
    let cookie = format!("{}={value}{expires}{}", conf.name, conf.attributes);
    exchange.response.fields.push(b"Set-Cookie", cookie.as_bytes());
    if let Some(p3p) = &conf.p3p {
        exchange.response.fields.push(b"P3P", p3p.as_bytes());
    }
}

/// `Sun, 06-Nov-94 08:49:37 GMT`, with four digits of the year from 2038 on (nginx's `ngx_http_cookie_time`).
fn cookie_time(date: &[u8; 29]) -> String {
    let date = String::from_utf8_lossy(date);
    let mut words = date.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (weekday, day, month, year, clock) = (next(), next(), next(), next(), next());
    let year = if year > "2037" { year } else { year.get(2..).unwrap_or(year) };
    format!("{weekday} {day}-{month}-{year} {clock} GMT")
}

#[cfg(test)]
mod tests {
    use super::cookie_time;

    #[test]
    fn years() {
        assert_eq!(cookie_time(b"Sun, 06 Nov 1994 08:49:37 GMT"), "Sun, 06-Nov-94 08:49:37 GMT");
        assert_eq!(cookie_time(b"Fri, 01 Jan 2038 00:00:00 GMT"), "Fri, 01-Jan-2038 00:00:00 GMT");
    }
}
