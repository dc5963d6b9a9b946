//! A peer's answer becomes the response: which fields pass, how `Location` reads from outside, what the body is.
//!
//! Order and case of the fields are the app's, as nginx keeps them; those with a fixed place have a member in
//! `Response`. What speaks of the hop to the app, or to us alone, does not pass.

use super::{cookies, redirect};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;

use super::PeerRequest;
use super::error::READING_HEAD;
use crate::cgi::fastcgi::{Piece, Records};
use crate::cgi::memcached;
use crate::config::model::{CookieConf, LocationConf, ProxyConf, StoreConf};
use crate::cycle::Cycle;
use crate::http::exchange::UpstreamTrace;
use crate::http::relay::{Relay, Source};
use crate::http::transform::{LogTo, Place, Store, Then};
use crate::http::{Body, Exchange, Outcome, path, variables};
use crate::http1::framing::parse_content_length;
use crate::http1::headers::list_items;
use crate::http1::target::parse_unsafe_uri;
use crate::http1::{BodyFraming, Known, Method, Status};
use crate::log::{Level, Raw};
use crate::time::parse_http_date;

/// Fields that survive `X-Accel-Redirect` (nginx's `redirect` flag in its table of upstream headers), besides
/// `Content-Type`.
const KEPT_BY_REDIRECT: [Known; 6] = [
    Known::SetCookie,
    Known::ContentDisposition,
    Known::CacheControl,
    Known::Expires,
    Known::AcceptRanges,
    Known::ContentRange,
];

/// Where `HTTP/1.x NNN` ends in a head; nothing follows in the line, or a space and the phrase.
const BEHIND_CODE: usize = 12;

/// Turns the answer in `exchange.upstream` into the response.
pub(super) fn accept(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    mut source: Source,
    request: &PeerRequest,
) -> Outcome {
    let head = &exchange.upstream.head;
    if let Some(seconds) = keep_alive_timeout(&exchange.upstream) {
        source.connection.note_peer_timeout(seconds);
    }
    let http2 = source.connection.http2.clone();
    let (status, framing, keep_alive) = (Status(head.status), head.framing, head.keep_alive);
    if head.headers.has(Known::XAccelLimitRate) && !conf.proxy.ignore_headers.has(Known::XAccelLimitRate) {
        let rate = head.headers.get(Known::XAccelLimitRate, &exchange.upstream.head_bytes);
        exchange.limit_rate = rate.and_then(parse_content_length).or(exchange.limit_rate);
    }
    if head.headers.has(Known::XAccelCharset) && !conf.proxy.ignore_headers.has(Known::XAccelCharset) {
        let name = head.headers.get(Known::XAccelCharset, &exchange.upstream.head_bytes);
        exchange.response.told_charset.clear();
        exchange.response.told_charset.extend_from_slice(name.unwrap_or_default());
    }
    let is_memcached = conf.proxy.protocol.is_memcached();
    let intercepted = conf.proxy.intercept_errors
        && status.0 >= 300
        && conf.error_pages.iter().any(|page| page.status == status.0);
    if intercepted || (is_memcached && status.0 >= 300) {
        discard(exchange, source, request);
        if status.0 == 401 {
            keep_fields(exchange, &[Known::WwwAuthenticate]);
        }
        return Outcome::Status(status);
    }
    if exchange.upstream.head.headers.has(Known::XAccelRedirect)
        && !conf.proxy.ignore_headers.has(Known::XAccelRedirect)
    {
        let peer = Rc::clone(&source.lease.peer().name);
        discard(exchange, source, request);
        return accel_redirect(exchange, cycle, conf, &peer);
    }
    let buffering = fill(exchange, &conf.proxy);
    if !buffering && (conf.limit_rate.is_some() || exchange.limit_rate.is_some()) {
        // As in nginx: what is passed on as it comes has no pace of its own.
        exchange.limit_rate = Some(0);
    }
    if let Some(store) = &conf.proxy.store
        && status == Status::OK
        && buffering
        && request.method != Method::Head
    {
        store_answer(exchange, cycle, conf, store, framing.is_empty());
    }
    let mut relay = exchange.spare_relay.take().unwrap_or_else(|| Box::new(Relay::default()));
    if status == Status::SWITCHING_PROTOCOLS && request.asks_upgrade {
        relay.begin_tunnel(source);
    } else if let Some(http2) = http2
        && !(framing.is_empty() && http2.is_over())
    {
        // Its end is the stream's, behind which trailers may stand.
        relay.begin(source, BodyFraming::UntilClose, keep_alive, buffering);
        // A client of HTTP/1.1 has them behind chunks alone, as in nginx.
        exchange.response.has_trailers |= conf.proxy.pass_trailers && exchange.client.http2.is_some();
    } else if framing.is_empty() && !is_memcached {
        exchange.spare_relay = Some(relay);
        discard(exchange, source, request);
        return Outcome::Response;
    } else if request.in_records {
        relay.begin_records(source, request.records, framing, keep_alive, buffering);
    } else {
        relay.begin(source, framing, keep_alive, buffering);
        if !conf.proxy.pass_trailers {
            relay.drop_trailers();
        }
    }
    if is_memcached {
        relay.expect_trailer(memcached::END);
    }
    exchange.response.body = Body::Relay(relay);
    Outcome::Response
}

/// The body of the answer is not wanted: the connection is kept if all of it has arrived, else closed.
fn discard(exchange: &mut Exchange, mut source: Source, request: &PeerRequest) {
    if request.in_records {
        let reusable = exchange.upstream.head.keep_alive && skip_records(&mut source, request.records);
        exchange.upstream.note_end(0);
        source.finish(reusable);
        return;
    }
    let head = &exchange.upstream.head;
    let arrived = match head.framing {
        BodyFraming::None => Some(0),
        BodyFraming::Length(length) => usize::try_from(length).ok(),
        BodyFraming::Chunked | BodyFraming::UntilClose => None,
    };
    let reusable = head.keep_alive && arrived == Some(source.connection.input.len());
    if reusable {
        source.connection.input.clear();
    }
    exchange.upstream.note_end(0);
    source.finish(reusable);
}

/// Drops what arrived of a FastCGI answer; true when that was all of it, to the end of the request.
fn skip_records(source: &mut Source, mut records: Records) -> bool {
    let input = &mut source.connection.input;
    let mut used = 0;
    let ended = loop {
        let Ok(step) = records.decode(&input[used..]) else { break false };
        used += step.consumed;
        match step.piece {
            Piece::NeedMore => break false,
            Piece::End => break true,
            Piece::Stdout { .. } | Piece::Stderr { .. } | Piece::StdoutEnd => {}
        }
    };
    input.drain(..used);
    ended && input.is_empty()
}

/// Fills the response's head; gives whether the body is buffered.
fn fill(exchange: &mut Exchange, proxy: &ProxyConf) -> bool {
    let mut rewritten = rewrite_all(exchange, proxy).into_iter();
    let absolute = exchange.location_conf(&exchange.cycle).absolute_redirect;
    let Exchange { response, upstream, .. } = exchange;
    let (head, bytes) = (&upstream.head, &upstream.head_bytes[..]);
    let mut buffering = proxy.buffering;
    response.status = Status(head.status);
    (response.allow_ranges, response.single_range) = (proxy.force_ranges, proxy.force_ranges);
    response.has_reason = !proxy.http2;
    response.reason.clear();
    response.reason.extend_from_slice(bytes.get(BEHIND_CODE..head.reason.end()).unwrap_or_default());
    response.content_length = match head.framing {
        BodyFraming::Length(length) => Some(length),
        // HEAD and 304 tell the length of what they do not carry.
        BodyFraming::None if head.status != 204 && head.status >= 200 => {
            head.headers.get(Known::ContentLength, bytes).and_then(parse_content_length)
        }
        BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilClose => None,
    };
    // What the app's may stand for, ours does not: also when an HTTP app sends none.
    let stands =
        |name: Known| !proxy.hide_headers.has(name) && (proxy.protocol.is_http() || head.headers.has(name));
    response.has_server = stands(Known::Server);
    response.has_date = stands(Known::Date);
    for field in &head.headers {
        match field.known {
            Known::Connection | Known::KeepAlive | Known::TransferEncoding | Known::ContentLength => continue,
            Known::AcceptRanges if proxy.force_ranges => continue,
            Known::XAccelBuffering if !proxy.ignore_headers.has(Known::XAccelBuffering) => {
                match field.value.of(bytes) {
                    value if value.eq_ignore_ascii_case(b"no") => buffering = false,
                    value if value.eq_ignore_ascii_case(b"yes") => buffering = true,
                    _ => {}
                }
            }
            _ => {}
        }
        if proxy.hide_headers.contains(field, bytes) {
            continue;
        }
        let (name, value) = (field.name.of(bytes), field.value.of(bytes));
        match field.known {
            // Of several the last one counts, as in nginx: a client must not get two.
            Known::ContentType => {
                response.content_type.clear();
                response.content_type.extend_from_slice(value);
            }
            Known::Location => match rewritten.next().flatten() {
                // The writer makes it absolute, as nginx does with what it rewrote itself.
                Some(rewritten) if absolute && rewritten.starts_with(b"/") => {
                    let before = std::mem::replace(&mut response.location, rewritten);
                    if !before.is_empty() {
                        response.fields.push(name, &before);
                    }
                }
                Some(rewritten) => response.fields.push(name, &rewritten),
                None => response.fields.push(name, value),
            },
            Known::Refresh => {
                response.fields.push(name, rewritten.next().flatten().as_deref().unwrap_or(value));
            }
            Known::SetCookie if proxy.cookies.is_some() => {
                response.fields.push(name, rewritten.next().flatten().as_deref().unwrap_or(value));
            }
            _ => response.fields.push(name, value),
        }
    }
    buffering
}

/// What `proxy_redirect` makes of each `Location` and `Refresh` that passes, and `proxy_cookie_*` of each cookie, in
/// order; nothing where there are none.
fn rewrite_all(exchange: &mut Exchange, proxy: &ProxyConf) -> Vec<Option<Vec<u8>>> {
    let headers = &exchange.upstream.head.headers;
    let bakes = proxy.cookies.is_some() && headers.has(Known::SetCookie);
    if !headers.has(Known::Location) && !headers.has(Known::Refresh) && !bakes {
        return Vec::new();
    }
    let mut rewritten = Vec::new();
    for at in 0..exchange.upstream.head.headers.len() {
        let Some(field) = exchange.upstream.head.headers.at(at) else { break };
        let bytes = &exchange.upstream.head_bytes;
        let value = match field.known {
            Known::Location | Known::Refresh => field.value.of(bytes).to_vec(),
            Known::SetCookie if bakes => field.value.of(bytes).to_vec(),
            _ => continue,
        };
        if proxy.hide_headers.contains(&field, bytes) {
            continue;
        }
        rewritten.push(match (field.known, &proxy.cookies) {
            (Known::Location, _) => redirect::rewrite(exchange, &proxy.redirects, &value, 0),
            (Known::Refresh, _) => redirect::refresh_url(&value)
                .and_then(|from| redirect::rewrite(exchange, &proxy.redirects, &value, from)),
            (_, Some(conf)) => cookies::rewrite(exchange, conf, &value),
            (_, None) => None,
        });
    }
    rewritten
}

/// `timeout=` of the app's `Keep-Alive` field, in seconds.
fn keep_alive_timeout(trace: &UpstreamTrace) -> Option<u64> {
    let value = trace.head.headers.get(Known::KeepAlive, &trace.head_bytes)?;
    let timeout = list_items(value).find_map(|item| item.strip_prefix(b"timeout="))?;
    parse_content_length(timeout)
}

/// `proxy_store`: what is sent is written to a file too.
#[cold]
fn store_answer(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    store: &StoreConf,
    is_empty: bool,
) {
    let mut path = Vec::new();
    match &store.path {
        Some(template) => variables::evaluate(exchange, template, &mut path),
        None => path::map_uri(exchange, conf, &mut path),
    }
    let (head, bytes) = (&exchange.upstream.head, &exchange.upstream.head_bytes);
    let modified = head.headers.get(Known::LastModified, bytes).and_then(parse_http_date);
    let place = Place {
        path: cycle.conf.prefix.join(OsStr::from_bytes(&path)),
        mode: store.access,
        modified: modified.and_then(|seconds| u64::try_from(seconds).ok()),
        expected: exchange.response.content_length,
    };
    let (location, serial) = (exchange.location, exchange.client.serial);
    let log = LogTo { cycle: Rc::clone(&exchange.cycle), location, serial };
    if let Some(mut store) = Store::begin(&conf.proxy.temp_path, place, log) {
        if is_empty {
            store.run(b"", Then::Finish);
        } else {
            exchange.response.transform.get_or_insert_default().store(store);
        }
    }
}

/// `X-Accel-Redirect`: the app names a URI or a named location that serves the request in its place.
fn accel_redirect(exchange: &mut Exchange, cycle: &Cycle, conf: &LocationConf, peer: &str) -> Outcome {
    let trace = &exchange.upstream;
    let target =
        trace.head.headers.get(Known::XAccelRedirect, &trace.head_bytes).unwrap_or_default().to_vec();
    // What an app before this one said stays, as in nginx.
    exchange.response.clear_content();
    keep_fields(exchange, &KEPT_BY_REDIRECT);
    if let Some(cookies) = &conf.proxy.cookies {
        rewrite_kept_cookies(exchange, cookies);
    }
    let trace = &exchange.upstream;
    if let Some(kind) = trace.head.headers.get(Known::ContentType, &trace.head_bytes) {
        exchange.response.content_type.extend_from_slice(kind);
    }
    if target.starts_with(b"@") {
        return match cycle.router.named(exchange.server, &target) {
            Some(location) => Outcome::Named(location),
            None => {
                let name = Raw(&target);
                exchange.note_upstream(peer);
                exchange.log_error(
                    Level::Error,
                    format_args!("could not find named location \"{name}\" while {READING_HEAD}"),
                );
                Outcome::Status(Status::INTERNAL_SERVER_ERROR)
            }
        };
    }
    let mut uri = Vec::new();
    let Ok(args) = parse_unsafe_uri(&target, &mut uri) else {
        exchange.note_upstream(peer);
        exchange.log_error(
            Level::Error,
            format_args!("unsafe URI \"{}\" was detected while {READING_HEAD}", Raw(&target)),
        );
        return Outcome::Status(Status::NOT_FOUND);
    };
    exchange.args.clear();
    exchange.args.extend_from_slice(args.unwrap_or_default());
    exchange.uri = uri;
    if exchange.method != Method::Head {
        exchange.method = Method::Get;
    }
    Outcome::Redirect
}

/// `proxy_cookie_*` for the cookies that were kept.
#[cold]
fn rewrite_kept_cookies(exchange: &mut Exchange, conf: &CookieConf) {
    let fields = std::mem::take(&mut exchange.response.fields);
    for (name, value) in fields.iter() {
        let is_cookie = name.eq_ignore_ascii_case(b"set-cookie");
        let rewritten = if is_cookie { cookies::rewrite(exchange, conf, value) } else { None };
        exchange.response.fields.push(name, rewritten.as_deref().unwrap_or(value));
    }
}

/// Copies these fields of the answer, whatever becomes of the rest.
fn keep_fields(exchange: &mut Exchange, kept: &[Known]) {
    let Exchange { upstream, response, .. } = exchange;
    for field in upstream.head.headers.iter().filter(|field| kept.contains(&field.known)) {
        response.fields.push(field.name.of(&upstream.head_bytes), field.value.of(&upstream.head_bytes));
    }
}
