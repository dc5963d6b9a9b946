//! Variables: from a [`VariableId`] to its bytes for one exchange.
//!
//! A value that is not there is empty (and prints as `-` in logs: [`Missing`]). Nothing here allocates beyond growth
//! of the caller's buffer.

use std::io::Write;

use super::exchange::{Exchange, LimitStatus, UpstreamTry};
use super::{secure_link, userid};
use crate::config::browser::is_msie;
use crate::config::template::{Part, TcpInfo, Template, VariableId};
use crate::http1::headers::{Only, matches_variable};
use crate::http1::proxy_protocol::{ProxyHeader, TlvValue};
use crate::http1::{BodyFraming, HeaderField, Known, encode};
use crate::io::SockAddr;
use crate::limits::counters;
use crate::log::Level;

/// Whether a variable has a value at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has one, perhaps empty.
    Found,
    /// It has none: `-` in logs, empty elsewhere.
    Missing,
}

use Presence::{Found, Missing};

/// Appends a template's value.
pub fn evaluate(exchange: &Exchange, template: &Template, out: &mut Vec<u8>) {
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Var(id) => {
                value(exchange, id, out);
            }
        }
    }
}

/// Appends a template's value, each variable through `escape`; missing ones become `-`. For `log_format`.
pub fn evaluate_for_log(
    exchange: &Exchange,
    template: &Template,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
    mut escape: impl FnMut(&mut Vec<u8>, &[u8], Presence),
) {
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Var(id) => {
                scratch.clear();
                let presence = value(exchange, id, scratch);
                escape(out, scratch, presence);
            }
        }
    }
}

/// Appends one variable's value.
pub fn value(exchange: &Exchange, id: &VariableId, out: &mut Vec<u8>) -> Presence {
    let e = exchange;
    match id {
        VariableId::Host => bytes(out, host(e)),
        VariableId::Uri | VariableId::DocumentUri if e.uri.is_empty() && !e.request.has_line() => Missing,
        VariableId::Uri | VariableId::DocumentUri => bytes(out, &e.uri),
        VariableId::RequestUri => {
            e.request.push_origin_form(&e.input, out);
            Found
        }
        VariableId::Args | VariableId::QueryString => found_unless_empty(out, &e.args),
        VariableId::IsArgs => bytes(out, if e.args.is_empty() { b"" } else { b"?" }),
        VariableId::Arg(name) => optional(out, argument(&e.args, name.as_bytes())),
        VariableId::Cookie(name) => optional(out, cookie(e, name.as_bytes())),
        VariableId::Http(name) => joined_header(e, name.as_bytes(), out),
        VariableId::RequestMethod => found_unless_empty(out, method(e)),
        VariableId::Request => bytes(out, e.request.line_so_far(&e.input)),
        VariableId::RequestLength => number(out, e.request_length),
        VariableId::RequestId => bytes(out, &request_id(e)),
        VariableId::RequestBody => found_unless_empty(out, e.body_in_memory()),
        VariableId::RequestBodyFile => match &e.body.file_name {
            Some(name) => bytes(out, name.path().as_os_str().as_encoded_bytes()),
            None => Missing,
        },
        VariableId::RequestFilename => super::path::request_filename(e, out),
        VariableId::RequestCompletion => bytes(out, if e.completed { b"OK" } else { b"" }),
        VariableId::RequestPort => found_unless_empty(out, request_port(e)),
        VariableId::IsRequestPort => bytes(out, if request_port(e).is_empty() { b"" } else { b":" }),
        VariableId::RequestTime => seconds(out, elapsed_ms(e)),
        VariableId::RemoteAddr => bytes(out, e.remote_text()),
        VariableId::RemotePort => port(e.remote(), out),
        VariableId::RealipRemoteAddr => bytes(out, &e.client.remote_text),
        VariableId::RealipRemotePort => port(&e.client.remote, out),
        VariableId::RemoteUser => remote_user(e, out),
        VariableId::BinaryRemoteAddr => binary_address(e.remote(), out),
        VariableId::ProxyAddXForwardedFor => add_forwarded_for(e, out),
        VariableId::ProxyHost => found_unless_empty(out, &e.upstream.proxy_host),
        VariableId::ProxyPort => found_unless_empty(out, &e.upstream.proxy_port),
        VariableId::ProxyProtocolAddr => optional(out, told(e).map(|told| told.source.text.as_bytes())),
        VariableId::ProxyProtocolPort => or_missing(told(e), |told| number(out, told.source.port.into())),
        VariableId::ProxyProtocolServerAddr => {
            optional(out, told(e).map(|told| told.destination.text.as_bytes()))
        }
        VariableId::ProxyProtocolServerPort => {
            or_missing(told(e), |told| number(out, told.destination.port.into()))
        }
        VariableId::ProxyProtocolTlv(tlv) => match told(e).and_then(|told| told.tlv(*tlv)) {
            Some(TlvValue::Bytes(value)) => bytes(out, value),
            Some(TlvValue::Number(value)) => number(out, value.into()),
            None => Missing,
        },
        VariableId::Scheme => bytes(out, e.client.scheme().as_bytes()),
        VariableId::InvalidReferer => bytes(out, if invalid_referer(e) { b"1" } else { b"" }),
        VariableId::SecureLink => {
            let conf = e.location_conf(&e.cycle).secure_link.as_ref();
            if conf.is_some_and(|conf| secure_link::write(e, conf, out)) { Found } else { Missing }
        }
        VariableId::SecureLinkExpires => {
            let conf = e.location_conf(&e.cycle).secure_link.as_ref();
            optional(out, conf.and_then(|conf| secure_link::expires(e, conf)).as_deref())
        }
        VariableId::ModernBrowser => browser(e, true, out),
        VariableId::AncientBrowser => browser(e, false, out),
        VariableId::Msie => {
            let agent = e.header(b"user-agent").unwrap_or_default();
            bytes(out, if is_msie(agent) { b"1" } else { b"" })
        }
        VariableId::UidGot | VariableId::UidSet => user_id(e, id, out),
        VariableId::GzipRatio => gzip_ratio(e, out),
        VariableId::Http2 => match (&e.client.http2, e.client.stream.is_tls()) {
            (None, _) => Found,
            (Some(_), true) => bytes(out, b"h2"),
            (Some(_), false) => bytes(out, b"h2c"),
        },
        VariableId::Http3 => Found,
        VariableId::TcpInfo(which) => match e.client.stream.tcp_info() {
            Some(facts) => {
                let asked = match which {
                    TcpInfo::Rtt => facts.rtt,
                    TcpInfo::RttVar => facts.rttvar,
                    TcpInfo::SndCwnd => facts.snd_cwnd,
                    TcpInfo::RcvSpace => facts.rcv_space,
                };
                number(out, asked.into())
            }
            None => Missing,
        },
        VariableId::LimitRate => number(out, e.limit_rate.unwrap_or(0)),
        VariableId::LimitReqStatus => limit_status(e.limit_req_status, out),
        VariableId::LimitConnStatus => limit_status(e.limit_conn_status, out),
        VariableId::Https => bytes(out, if e.client.stream.is_tls() { b"on" } else { b"" }),
        VariableId::Tls(variable) => super::tls::variable(e, *variable, out),
        VariableId::Status => status(e, out),
        VariableId::BytesSent => number(out, e.bytes_sent),
        VariableId::BodyBytesSent => number(out, e.body_bytes_sent),
        VariableId::Msec => seconds(out, crate::time::now().unix_ms),
        VariableId::TimeLocal => bytes(out, &crate::time::local_time_now()),
        VariableId::TimeIso8601 => {
            bytes(out, &crate::time::iso8601(crate::time::now().unix_secs(), crate::time::utc_offset() / 60))
        }
        VariableId::DateLocal => date(out, DATE_FORMAT, false),
        VariableId::DateGmt => date(out, DATE_FORMAT, true),
        VariableId::Connection => number(out, e.client.serial),
        VariableId::ConnectionRequests => number(out, e.client.requests.get()),
        VariableId::ConnectionTime => {
            seconds(out, crate::time::now().monotonic_ms.saturating_sub(e.client.accepted_ms))
        }
        VariableId::ConnectionsActive => number(out, counters::sum().active),
        VariableId::ConnectionsReading => number(out, counters::sum().reading),
        VariableId::ConnectionsWriting => number(out, counters::sum().writing),
        VariableId::ConnectionsWaiting => number(out, counters::sum().waiting),
        VariableId::Pid => number(out, u64::from(std::process::id())),
        VariableId::Pipe => bytes(out, if e.pipelined { b"p" } else { b"." }),
        VariableId::ServerName => bytes(out, e.server_conf(&e.cycle).primary_name.as_bytes()),
        VariableId::ServerAddr => local_address(&e.client.local, out),
        VariableId::ServerPort => match e.client.local.port() {
            Some(port) => number(out, u64::from(port)),
            None => Missing,
        },
        VariableId::ServerProtocol => {
            let known = e.request.has_line();
            found_unless_empty(out, if known { e.request.version.as_str().as_bytes() } else { b"" })
        }
        VariableId::Hostname => bytes(out, e.cycle.hostname.as_bytes()),
        VariableId::DocumentRoot => super::path::document_root(e, out),
        VariableId::RealpathRoot => super::path::realpath_root(e, out),
        VariableId::NginxVersion => bytes(out, env!("CARGO_PKG_VERSION").as_bytes()),
        VariableId::FastcgiScriptName => fastcgi_script(e, 1, out),
        VariableId::FastcgiPathInfo => fastcgi_script(e, 2, out),
        VariableId::ContentLength => content_length(e, out),
        VariableId::ContentType => optional(out, e.request.headers.get(Known::ContentType, &e.input)),
        VariableId::SentHttp(name) => sent_header(e, name.as_bytes(), out),
        VariableId::UpstreamCookie(name) => optional(out, set_cookie(e, name.as_bytes())),
        VariableId::UpstreamHttp(name) => {
            let (head, buf) = (&e.upstream.head, &e.upstream.head_bytes);
            let asked = |f: &&HeaderField| matches_variable(f.name.of(buf), name.as_bytes());
            optional(out, head.headers.iter().find(asked).map(|f| f.value.of(buf)))
        }
        VariableId::UpstreamAddr => tries(e, out, |t, out| bytes(out, t.addr.as_bytes())),
        VariableId::UpstreamStatus => tries(e, out, |t, out| dash_or(out, t.status.map(u64::from), number)),
        VariableId::UpstreamConnectTime => tries(e, out, |t, out| dash_or(out, t.connect_ms, seconds)),
        VariableId::UpstreamHeaderTime => tries(e, out, |t, out| dash_or(out, t.header_ms, seconds)),
        VariableId::UpstreamResponseTime => tries(e, out, |t, out| dash_or(out, t.response_ms, seconds)),
        VariableId::UpstreamResponseLength => tries(e, out, |t, out| number(out, t.response_length)),
        VariableId::UpstreamBytesReceived => tries(e, out, |t, out| number(out, t.bytes_received)),
        VariableId::UpstreamBytesSent => tries(e, out, |t, out| number(out, t.bytes_sent)),
        VariableId::Capture(group) => match e.captures.groups.get(usize::from(*group)) {
            Some(Some(_)) => bytes(out, e.captures.group(usize::from(*group))),
            _ => Missing,
        },
        VariableId::Named(slot) => match e.captures.named(usize::from(*slot)) {
            Some(value) => bytes(out, value),
            None => e.derived.group(*slot, out),
        },
        VariableId::Derived(at) => super::derived::value(e, *at, out),
        VariableId::Set(slot) => match e.captures.named(usize::from(*slot)) {
            Some(value) => bytes(out, value),
            None => uninitialized(e, usize::from(*slot)),
        },
        VariableId::SetOr(slot, before) => match e.captures.named(usize::from(*slot)) {
            Some(set) => bytes(out, set),
            None => value(e, before, out),
        },
        // Known names whose modules are not here yet: empty, and the configuration's warnings said so.
        _ => Missing,
    }
}

/// The format of `$date_local` and `$date_gmt` outside of a page that has its own.
pub const DATE_FORMAT: &[u8] = b"%A, %d-%b-%Y %H:%M:%S %Z";

/// Appends the time in a format of strftime(3), in UTC or in the local zone.
pub fn date(out: &mut Vec<u8>, format: &[u8], gmt: bool) -> Presence {
    let now = crate::time::now().unix_secs();
    let local = crate::time::zone_name();
    let zone = local.split(|byte| *byte == 0).next().unwrap_or_default();
    let (offset, zone) = if gmt { (0, &b"GMT"[..]) } else { (crate::time::utc_offset(), zone) };
    if crate::time::strftime(format, now, offset, zone, out) { Found } else { Missing }
}

/// A variable of `set` before its `set`: empty, with a warning (`uninitialized_variable_warn`).
fn uninitialized(e: &Exchange, slot: usize) -> Presence {
    if e.location_conf(&e.cycle).uninitialized_variable_warn && e.captures.first_warning(slot) {
        let name = e.cycle.conf.http.scope.slot_name(slot);
        e.log_error(Level::Warn, format_args!("using uninitialized \"{name}\" variable"));
    }
    Found
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) -> Presence {
    out.extend_from_slice(value);
    Found
}

fn optional(out: &mut Vec<u8>, value: Option<&[u8]>) -> Presence {
    match value {
        Some(value) => bytes(out, value),
        None => Missing,
    }
}

/// What the PROXY protocol says of the client.
fn told(e: &Exchange) -> Option<&ProxyHeader> {
    e.client.whole().introduced.get()?.as_deref()
}

fn or_missing<T>(value: Option<T>, append: impl FnOnce(T) -> Presence) -> Presence {
    value.map_or(Missing, append)
}

fn found_unless_empty(out: &mut Vec<u8>, value: &[u8]) -> Presence {
    if value.is_empty() { Missing } else { bytes(out, value) }
}

fn number(out: &mut Vec<u8>, value: u64) -> Presence {
    encode::push_decimal(out, value);
    Found
}

/// Milliseconds as nginx prints times: `1.002`.
fn seconds(out: &mut Vec<u8>, ms: u64) -> Presence {
    let _ = write!(out, "{}.{:03}", ms / 1000, ms % 1000);
    Found
}

fn elapsed_ms(e: &Exchange) -> u64 {
    crate::time::now().monotonic_ms.saturating_sub(e.started.monotonic_ms)
}

fn host(e: &Exchange) -> &[u8] {
    if e.host.is_empty() { e.server_conf(&e.cycle).primary_name.as_bytes() } else { &e.host }
}

/// `$fastcgi_script_name` (the first `group` of `fastcgi_split_path_info`, with `fastcgi_index`), `$fastcgi_path_info`.
fn fastcgi_script(e: &Exchange, group: usize, out: &mut Vec<u8>) -> Presence {
    let conf = &e.location_conf(&e.cycle).fastcgi_script;
    let mut groups = Vec::new();
    let found = conf.split.as_ref().is_some_and(|split| split.captures(&e.uri, &mut groups));
    let part = match groups.get(group) {
        Some(Some((from, to))) => e.uri.get(*from as usize..*to as usize).unwrap_or_default(),
        None if !found && group == 1 => &e.uri,
        _ => b"",
    };
    out.extend_from_slice(part);
    if group == 1 && part.ends_with(b"/") {
        out.extend_from_slice(conf.index.as_bytes());
    }
    Found
}

/// `$content_length`: of a chunked body what was read of it.
fn content_length(e: &Exchange, out: &mut Vec<u8>) -> Presence {
    match e.body.framing() {
        BodyFraming::Chunked => number(out, e.body.length),
        BodyFraming::UntilClose if e.body.is_finished() => number(out, e.body.length),
        BodyFraming::UntilClose => Missing,
        BodyFraming::None | BodyFraming::Length(_) => {
            optional(out, e.request.headers.get(Known::ContentLength, &e.input))
        }
    }
}

/// `$request_port`: what stands behind the host that the client asked for.
fn request_port(e: &Exchange) -> &[u8] {
    let Some(host) = e.request.server_name else { return b"" };
    let rest = e.input.get(host.range().end..).unwrap_or_default();
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(b":") else { return b"" };
    let digits = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    &rest[..digits]
}

/// `$request_method`: what an `error_page` turned into GET is GET.
fn method(e: &Exchange) -> &[u8] {
    let method = e.whole_method.unwrap_or(e.method);
    if !e.request.has_line() {
        b""
    } else if method == e.request.method {
        e.request.method_name.of(&e.input)
    } else {
        method.as_str().as_bytes()
    }
}

/// `$arg_name`: the first of that name, case-insensitive as in nginx.
pub fn argument<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    args.split(|&b| b == b'&').find_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        pair[..at].eq_ignore_ascii_case(name).then(|| &pair[at + 1..])
    })
}

/// `$cookie_name`.
pub(super) fn cookie<'e>(e: &'e Exchange, name: &[u8]) -> Option<&'e [u8]> {
    e.request.headers.iter().filter(|f| f.known == Known::Cookie).find_map(|field| {
        field.value.of(&e.input).split(|&b| b == b';').find_map(|pair| {
            let pair = pair.trim_ascii_start();
            let at = memchr::memchr(b'=', pair)?;
            pair[..at].eq_ignore_ascii_case(name).then(|| &pair[at + 1..])
        })
    })
}

/// `$modern_browser`, `$ancient_browser`
fn browser(e: &Exchange, asks_modern: bool, out: &mut Vec<u8>) -> Presence {
    let conf = e.location_conf(&e.cycle).browsers.as_deref();
    let is_modern = conf.is_some_and(|conf| conf.is_modern(e.header(b"user-agent")));
    if is_modern != asks_modern {
        return Found;
    }
    let value = conf.and_then(|conf| match asks_modern {
        true => conf.modern_value.as_ref(),
        false => conf.ancient_value.as_ref(),
    });
    match value {
        Some(value) => evaluate(e, value, out),
        None => out.push(b'1'),
    }
    Found
}

/// `$uid_got`, `$uid_set`
fn user_id(e: &Exchange, id: &VariableId, out: &mut Vec<u8>) -> Presence {
    let Some(conf) = e.location_conf(&e.cycle).userid.as_deref() else { return Missing };
    let uid = match id {
        VariableId::UidGot => userid::got(e, conf).map(|got| got.uid),
        _ => userid::set(e, conf),
    };
    match uid {
        Some(uid) => {
            userid::write(&conf.name, &uid, out);
            Found
        }
        None => Missing,
    }
}

/// `$gzip_ratio`, with two digits behind the point.
fn gzip_ratio(e: &Exchange, out: &mut Vec<u8>) -> Presence {
    let (plain, compressed) = e.gzip_totals.get();
    if compressed == 0 {
        return Missing;
    }
    let rounded = (plain * 1000 / compressed + 5) / 10;
    let _ = write!(out, "{}.{:02}", rounded / 100, rounded % 100);
    Found
}

/// `$upstream_cookie_name`: the value of a cookie in the app's `Set-Cookie` fields.
fn set_cookie<'e>(e: &'e Exchange, name: &[u8]) -> Option<&'e [u8]> {
    let (head, buf) = (&e.upstream.head, &e.upstream.head_bytes);
    head.headers.all(Known::SetCookie).find_map(|field| {
        let pair = field.value.of(buf).split(|&b| b == b';').next()?;
        let at = memchr::memchr(b'=', pair)?;
        pair[..at].eq_ignore_ascii_case(name).then(|| &pair[at + 1..])
    })
}

/// `$http_name`: all lines of the name, joined by `, ` (by `; ` for cookies). `name` has `_` for `-`.
fn joined_header(e: &Exchange, name: &[u8], out: &mut Vec<u8>) -> Presence {
    joined_known_header(e, Known::from_variable(name), name, out)
}

/// The same; `known` is what the name is.
#[inline]
fn joined_known_header(e: &Exchange, known: Known, name: &[u8], out: &mut Vec<u8>) -> Presence {
    match e.request.headers.only(known) {
        Only::None => return Missing,
        Only::Field(field) => return bytes(out, field.value.of(&e.input)),
        Only::Unclear => {}
    }
    let separator: &[u8] = if name.eq_ignore_ascii_case(b"cookie") { b"; " } else { b", " };
    let mut presence = Missing;
    for field in e.request.headers.iter().filter(|f| matches_variable(f.name.of(&e.input), name)) {
        if presence == Found {
            out.extend_from_slice(separator);
        }
        presence = bytes(out, field.value.of(&e.input));
    }
    presence
}

fn sent_header(e: &Exchange, name: &[u8], out: &mut Vec<u8>) -> Presence {
    let r = &e.response;
    if matches_variable(b"Content-Type", name) {
        return found_unless_empty(out, &r.content_type);
    }
    if matches_variable(b"Content-Length", name) {
        return r.content_length.map_or(Missing, |n| number(out, n));
    }
    if matches_variable(b"Location", name) && !r.location.is_empty() {
        let conf = e.location_conf(&e.cycle);
        // In the log the value is what was sent; before, what will be made absolute.
        if e.bytes_sent > 0 && conf.absolute_redirect && r.location.starts_with(b"/") {
            e.write_origin(&e.cycle, conf, out);
        }
        return bytes(out, &r.location);
    }
    if matches_variable(b"Last-Modified", name)
        && let Some(at) = r.last_modified
    {
        return bytes(out, &crate::time::http_date(at));
    }
    if matches_variable(b"Connection", name) {
        return bytes(out, if e.keep_alive { b"keep-alive" } else { b"close" });
    }
    if matches_variable(b"Transfer-Encoding", name) {
        return found_unless_empty(out, if e.chunked { b"chunked" } else { b"" });
    }
    if matches_variable(b"Accept-Ranges", name) && r.allow_ranges {
        return bytes(out, b"bytes");
    }
    if matches_variable(b"ETag", name) && !r.etag.is_empty() {
        return bytes(out, &r.etag);
    }
    let mut presence = Missing;
    for (_, value) in r.fields.iter().filter(|(n, _)| matches_variable(n, name)) {
        if presence == Found {
            out.extend_from_slice(b", ");
        }
        presence = bytes(out, value);
    }
    presence
}

fn status(e: &Exchange, out: &mut Vec<u8>) -> Presence {
    let _ = write!(out, "{:03}", e.logged_status().0);
    Found
}

/// `$invalid_referer` of the location in force.
fn invalid_referer(e: &Exchange) -> bool {
    let conf = e.location_conf(&e.cycle);
    conf.referers.as_ref().is_some_and(|referers| {
        let referer = e.request.headers.get(Known::Referer, &e.input);
        !referers.allow(referer, &e.cycle.server(conf.server).names)
    })
}

fn limit_status(status: Option<LimitStatus>, out: &mut Vec<u8>) -> Presence {
    optional(out, status.map(|status| status.as_str().as_bytes()))
}

/// `$proxy_add_x_forwarded_for`: what the client sent, joined, and its address.
fn add_forwarded_for(e: &Exchange, out: &mut Vec<u8>) -> Presence {
    if joined_known_header(e, Known::XForwardedFor, b"x_forwarded_for", out) == Found {
        out.extend_from_slice(b", ");
    }
    bytes(out, e.remote_text())
}

/// A port that a proxy did not tell is empty.
fn port(address: &SockAddr, out: &mut Vec<u8>) -> Presence {
    match address.port() {
        Some(0) => Found,
        Some(port) => number(out, u64::from(port)),
        None => Missing,
    }
}

fn binary_address(address: &SockAddr, out: &mut Vec<u8>) -> Presence {
    match address.ip() {
        Some(std::net::IpAddr::V4(ip)) => bytes(out, &ip.octets()),
        Some(std::net::IpAddr::V6(ip)) => bytes(out, &ip.octets()),
        None => bytes(out, b"unix:"),
    }
}

fn local_address(address: &SockAddr, out: &mut Vec<u8>) -> Presence {
    let _ = match address.ip() {
        Some(ip) => write!(out, "{ip}"),
        None => write!(out, "{address}"),
    };
    Found
}

/// `$remote_user`: the name in Basic authorization (RFC 7617), checked by `auth_basic` alone.
fn remote_user(e: &Exchange, out: &mut Vec<u8>) -> Presence {
    let start = out.len();
    match e.credentials(out) {
        Some(user) => {
            out.truncate(start + user);
            Found
        }
        None => {
            out.truncate(start);
            Missing
        }
    }
}

/// One value per peer tried, joined as nginx does.
fn tries(
    e: &Exchange,
    out: &mut Vec<u8>,
    mut append: impl FnMut(&UpstreamTry, &mut Vec<u8>) -> Presence,
) -> Presence {
    let mut presence = Missing;
    for one in &e.upstream.tries {
        if presence == Found {
            out.extend_from_slice(if one.other_group { b" : " } else { b", " });
        }
        append(one, out);
        presence = Found;
    }
    presence
}

fn dash_or(
    out: &mut Vec<u8>,
    value: Option<u64>,
    append: impl FnOnce(&mut Vec<u8>, u64) -> Presence,
) -> Presence {
    match value {
        Some(value) => append(out, value),
        None => bytes(out, b"-"),
    }
}

/// `$request_id`: 32 hex digits, the same for the whole request.
pub(super) fn request_id(e: &Exchange) -> [u8; 32] {
    if let Some(id) = e.request_id.get() {
        return id;
    }
    let mut id = [0; 32];
    for (i, half) in [random(), random()].into_iter().enumerate() {
        for (j, digit) in id[i * 16..][..16].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(half >> (60 - 4 * j) & 15) as usize];
        }
    }
    e.request_id.set(Some(id));
    id
}

/// 64 bits from the standard library's randomly keyed hasher: unique, not secret.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
