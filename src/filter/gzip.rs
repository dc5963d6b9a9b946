//! `gzip` and `gunzip`: which answers are compressed for whom, and what their head then says.
//!
//! [`accepts`] is nginx's `ngx_http_gzip_ok`, asked once a response; `handler::gzip_static` asks it too.

use bytes::Bytes;

use crate::config::filters::{FilterConf, GzipClients, GzipProxied};
use crate::http::{Body, Exchange, Response};
use crate::http1::headers::list_items;
use crate::http1::{Known, Version};
use crate::time;

/// Decompresses what the client cannot read (`gunzip on`).
pub(super) fn decompress(exchange: &mut Exchange, conf: &FilterConf) {
    let encoding = exchange.response.fields.get(b"content-encoding");
    if !conf.gunzip || !encoding.is_some_and(|value| value.eq_ignore_ascii_case(b"gzip")) {
        return;
    }
    exchange.response.gzip_vary = conf.gzip_clients.vary;
    if accepts(exchange, &conf.gzip_clients) {
        return;
    }
    let response = &mut exchange.response;
    response.fields.remove_first(b"content-encoding");
    super::forget_length(response);
    response.transform.get_or_insert_default().decompress();
}

/// Compresses what the client can read compressed (`gzip on`).
pub(super) fn compress(exchange: &mut Exchange, conf: &FilterConf) {
    let Some(gzip) = &conf.gzip else { return };
    let response = &exchange.response;
    if !matches!(response.status.0, 200 | 403 | 404)
        || response.content_length.is_some_and(|length| length < gzip.min_length)
        || !gzip.types.contains(&response.content_type)
        || response.fields.get(b"content-encoding").is_some_and(|value| !value.is_empty())
    {
        return;
    }
    exchange.response.gzip_vary = conf.gzip_clients.vary;
    if !accepts(exchange, &conf.gzip_clients) {
        return;
    }
    let response = &mut exchange.response;
    response.fields.push(b"Content-Encoding", b"gzip");
    super::forget_length(response);
    if matches!(response.body, Body::Empty) && !exchange.header_only {
        // Nothing at all has a compressed form too.
        response.body = Body::Bytes(Bytes::new());
    }
    let totals = std::rc::Rc::clone(&exchange.gzip_totals);
    let response = &mut exchange.response;
    response.transform.get_or_insert_default().compress(gzip.level, totals);
}

/// Whether this client is served compressed bodies.
pub fn accepts(exchange: &mut Exchange, clients: &GzipClients) -> bool {
    if let Some(known) = exchange.response.gzip_accepted {
        return known;
    }
    let answer = judge(exchange, clients);
    exchange.response.gzip_accepted = Some(answer);
    answer
}

fn judge(exchange: &Exchange, clients: &GzipClients) -> bool {
    let field = |name| exchange.request.headers.get(name, &exchange.input);
    if !field(Known::AcceptEncoding).is_some_and(names_gzip)
        || (exchange.request.version == Version::Http10 && !clients.http10)
    {
        return false;
    }
    let agent = field(Known::UserAgent);
    if clients.disable_msie6 && agent.is_some_and(is_msie6) {
        return false;
    }
    if field(Known::Via).is_some()
        && !allows_proxies(clients.proxied, &exchange.response, field(Known::Authorization).is_some())
    {
        return false;
    }
    !agent.is_some_and(|agent| clients.disable.iter().any(|pattern| pattern.is_match(agent)))
}

/// `gzip_proxied` of a request that came through a proxy.
fn allows_proxies(proxied: GzipProxied, response: &Response, has_credentials: bool) -> bool {
    if proxied.has(GzipProxied::OFF) {
        return false;
    }
    if proxied.has(GzipProxied::ANY) || (has_credentials && proxied.has(GzipProxied::AUTH)) {
        return true;
    }
    if let Some(expires) = response.fields.get(b"expires") {
        let now = match response.fields.get(b"date") {
            Some(date) => time::parse_http_date(date),
            None => Some(time::now().unix_secs()),
        };
        let expired = matches!((time::parse_http_date(expires), now), (Some(at), Some(now)) if at < now);
        return proxied.has(GzipProxied::EXPIRED) && expired;
    }
    let mut says = false;
    for (_, value) in response.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"cache-control")) {
        says = true;
        for (bit, word) in [
            (GzipProxied::NO_CACHE, &b"no-cache"[..]),
            (GzipProxied::NO_STORE, b"no-store"),
            (GzipProxied::PRIVATE, b"private"),
        ] {
            if proxied.has(bit) && list_items(value).any(|item| is_directive(item, word)) {
                return true;
            }
        }
    }
    if says {
        return false;
    }
    let has_date = response.last_modified.is_some() || response.fields.get(b"last-modified").is_some();
    let has_tag = !response.etag.is_empty() || response.fields.get(b"etag").is_some();
    let vetoed_by_date = proxied.has(GzipProxied::NO_LAST_MODIFIED) && has_date;
    let vetoed_by_tag = proxied.has(GzipProxied::NO_ETAG) && has_tag;
    !vetoed_by_date && !vetoed_by_tag
}

/// `private` and `private="x"` are both this directive.
fn is_directive(item: &[u8], word: &[u8]) -> bool {
    let name = item.split(|b| matches!(b, b'=' | b' ')).next().unwrap_or_default();
    name.eq_ignore_ascii_case(word)
}

/// Whether an `Accept-Encoding` takes gzip: named, and not with a weight of zero (nginx's reading: `*` does not count).
fn names_gzip(value: &[u8]) -> bool {
    const NAME: &[u8] = b"gzip";
    let mut from = 0;
    loop {
        let rest = &value[from..];
        let Some(at) = rest.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME)) else {
            return false;
        };
        let at = from + at;
        if at == 0 || matches!(value[at - 1], b',' | b' ') {
            return has_weight(&value[at + NAME.len()..]);
        }
        from = at + NAME.len();
    }
}

/// What follows the name: nothing, the next item, or a weight above zero.
fn has_weight(rest: &[u8]) -> bool {
    let rest = trim_spaces(rest);
    match rest {
        [] | [b',', ..] => true,
        [b';', parameters @ ..] => match trim_spaces(parameters) {
            [] => true,
            [b'q' | b'Q', b'=', weight @ ..] => is_positive(weight),
            _ => false,
        },
        _ => false,
    }
}

fn trim_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|b| *b != b' ').unwrap_or(bytes.len());
    &bytes[start..]
}

/// `1`, `0.5`, `1.000`: at most three digits behind the point, not above one.
fn is_positive(weight: &[u8]) -> bool {
    let end = weight.iter().position(|b| matches!(b, b',' | b' ')).unwrap_or(weight.len());
    let (whole, fraction) = match &weight[..end] {
        [whole @ (b'0' | b'1')] => (*whole, &b""[..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] => (*whole, fraction),
        _ => return false,
    };
    let above_zero = fraction.iter().any(|b| *b != b'0');
    fraction.len() <= 3
        && fraction.iter().all(u8::is_ascii_digit)
        && if whole == b'1' { !above_zero } else { above_zero }
}

/// Internet Explorer 4 to 6, but for 6 with its second service pack (nginx's `msie6`).
fn is_msie6(agent: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(agent, b"MSIE ") else { return false };
    match agent.get(at + 5..) {
        Some([b'4' | b'5', b'.', _, ..]) => true,
        Some([b'6', b'.', _, rest @ ..]) => memchr::memmem::find(rest, b"SV1").is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_encoding() {
        for (value, expected) in [
            ("gzip", true),
            ("GZip, deflate", true),
            ("deflate, gzip;q=1.0", true),
            ("deflate,gzip ; q=0.001", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip;q=0.0001", false),
            ("gzip;q=1.001", false),
            ("gzip;q=2", false),
            ("gzip;q=", false),
            ("gzip;q", false),
            ("gzip;", true),
            ("gzip;x=1", false),
            ("x-gzip", false),
            ("x-gzip, gzip", true),
            ("gzipped", false),
            ("gzip deflate", false),
            ("*", false),
            ("gzi", false),
            ("", false),
        ] {
            assert_eq!(names_gzip(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn old_browsers() {
        for (agent, expected) in [
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", true),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", false),
            ("Mozilla/4.0 (compatible; MSIE 5.5; Windows)", true),
            ("Mozilla/4.0 (compatible; MSIE 7.0; Windows)", false),
            ("MSIE 6", false),
            ("curl", false),
        ] {
            assert_eq!(is_msie6(agent.as_bytes()), expected, "{agent}");
        }
    }
}
