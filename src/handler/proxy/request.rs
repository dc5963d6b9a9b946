//! The request as the peer gets it: where to, with which URI and which header fields.
//!
//! Framing is decided here and nowhere else: no configuration and no client can put a `Content-Length`, a
//! `Transfer-Encoding` or a line end into the head. Byte order and case are nginx's.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use super::PeerRequest;
use crate::config::model::{
    BalancerConf, BindAddress, BindConf, PeerAddr, ProxyConf, ProxyPassConf, ProxyTarget, ResolverConf,
    UpstreamConf,
};
use crate::config::template::Template;
use crate::config::value;
use crate::cycle::Cycle;
use crate::http::{Exchange, variables};
use crate::http1::headers::FieldNames;
use crate::http1::method::is_method_byte;
use crate::http1::target::{Escape, escape};
use crate::http1::{BodyFraming, HeaderField, Known, Method, Status, encode};
use crate::io::LocalAddr;
use crate::log::{Level, Raw};
use crate::shard::{NameError, Shard};
use crate::upstream::Upstream;

/// Where a request goes.
pub(super) struct Destination<'c> {
    pub(super) upstream: Rc<Upstream>,
    /// TLS is spoken to its peers.
    pub(super) tls: bool,
    /// The group's configuration, for the key of `hash`; none for an address that came out of a variable.
    conf: Option<&'c UpstreamConf>,
    uri: UriForm<'c>,
}

/// Where the URI comes from.
enum UriForm<'c> {
    /// No URI part: the client's own bytes, or the URI in force after an internal redirect.
    Unchanged,
    /// A URI part takes the place of so many bytes of the URI in force.
    Replaced(&'c [u8], usize),
    /// Evaluated: it lies in the exchange already.
    Evaluated,
}

/// A request that cannot be sent: the reason, for the log. The client gets 500, or 502 for a host nobody knows.
#[derive(Debug)]
pub(super) enum Refused {
    /// Not `http://`.
    UrlPrefix(Vec<u8>),
    /// What follows `http://` has no host, or a host or port that is none: which, and the text.
    Authority(&'static str, Vec<u8>),
    /// The host is neither an upstream nor an address.
    UnknownHost(Vec<u8>),
    /// The host is a name that nobody has been asked for.
    Unresolved(Box<Unresolved>),
    /// The name servers know no address of the host, or do not answer.
    NoAddress(String, NameError),
    /// `proxy_method` gave what is no method.
    Method(Vec<u8>),
    /// A value of `proxy_set_header` holds a byte that no header value may hold (a decoded line end).
    HeaderValue(String),
    /// `$memcached_key` is empty.
    NoKey,
    /// More variables than a gateway's protocol can carry: so many bytes.
    TooBig(usize),
}

/// Finds the group of peers and the form of the URI; `scratch` is for a URL with variables.
pub(super) fn destination<'c>(
    exchange: &mut Exchange,
    cycle: &'c Cycle,
    pass: &'c ProxyPassConf,
    shard: &Shard,
    scratch: &mut Vec<u8>,
) -> Result<Destination<'c>, Refused> {
    match &pass.target {
        ProxyTarget::Literal { upstream, host, port, uri } => {
            let trace = &mut exchange.upstream;
            trace.proxy_host.extend_from_slice(host.as_bytes());
            trace.proxy_port.extend_from_slice(port.as_bytes());
            let uri = match uri {
                None => UriForm::Unchanged,
                Some(_) if exchange.uri_is_whole => UriForm::Unchanged,
                Some(uri) if exchange.uri.starts_with(&pass.location_prefix) => {
                    UriForm::Replaced(uri, pass.location_prefix.len())
                }
                Some(uri) => UriForm::Replaced(uri, 0),
            };
            let group = shard.upstreams.borrow_mut().group(cycle.generation, &cycle.conf.http, *upstream);
            let upstream_conf = cycle.upstream(*upstream);
            let upstream = group.ok_or_else(|| Refused::UnknownHost(host.as_bytes().to_vec()))?;
            Ok(Destination { upstream, tls: pass.tls, conf: Some(upstream_conf), uri })
        }
        ProxyTarget::Variables(template) => {
            scratch.clear();
            variables::evaluate(exchange, template, scratch);
            evaluated_destination(exchange, cycle, scratch, shard)
        }
    }
}

/// The destination of a `proxy_pass` with variables: `http://host[:port][/uri]` or `http://unix:/path[:/uri]`.
fn evaluated_destination<'c>(
    exchange: &mut Exchange,
    cycle: &'c Cycle,
    url: &[u8],
    shard: &Shard,
) -> Result<Destination<'c>, Refused> {
    let protocol = &exchange.location_conf(cycle).proxy.protocol;
    let behind = |scheme: &str| match url.split_at_checked(scheme.len()) {
        Some((written, rest)) if written.eq_ignore_ascii_case(scheme.as_bytes()) && !rest.is_empty() => {
            Some(rest)
        }
        _ => None,
    };
    let secure = behind(protocol.tls_scheme()).filter(|_| protocol.tls_scheme() != protocol.scheme());
    let tls = secure.is_some();
    let rest = match secure.or_else(|| behind(protocol.scheme())) {
        Some(rest) => rest,
        None if !protocol.takes_url() => url,
        None => return Err(Refused::UrlPrefix(url.to_vec())),
    };
    let usual_port = if tls { "443" } else { "80" };
    let authority = if protocol.takes_url() {
        split_authority(rest, &mut exchange.upstream.uri)
    } else {
        gateway_authority(rest)?
    };
    let unknown = || Refused::UnknownHost(authority.to_vec());
    let name = std::str::from_utf8(authority).map_err(|_| unknown())?;
    let (host, port) = split_port(name, usual_port)
        .map_err(|what| Refused::Authority(what, if name == "unix:" { authority } else { rest }.to_vec()))?;
    let trace = &mut exchange.upstream;
    trace
        .proxy_host
        .extend_from_slice(if port == usual_port || port.is_empty() { host } else { name }.as_bytes());
    trace.proxy_port.extend_from_slice(port.as_bytes());
    let uri = if trace.uri.is_empty() { UriForm::Unchanged } else { UriForm::Evaluated };
    let mut upstreams = shard.upstreams.borrow_mut();
    let conf = &cycle.conf.http;
    let mut found = upstreams.find(cycle.generation, conf, name);
    let mut with_port = Cow::Borrowed(name);
    if found.is_none() && name == host && !protocol.takes_url() {
        return Err(Refused::Authority("no port", rest.to_vec()));
    }
    if found.is_none() && name == host {
        with_port = Cow::Owned(format!("{host}:{port}"));
        found = upstreams.find(cycle.generation, conf, &with_port);
    } else if found.is_none() && protocol.takes_url() && port == usual_port {
        // A host that `proxy_pass` elsewhere names without its port; an `upstream` block has none.
        found = upstreams.find(cycle.generation, conf, host).filter(|id| !cycle.upstream(*id).explicit);
    }
    if let Some(id) = found {
        let upstream = upstreams.group(cycle.generation, conf, id).ok_or_else(unknown)?;
        return Ok(Destination { upstream, tls, conf: Some(cycle.upstream(id)), uri });
    }
    let addr = match name.strip_prefix("unix:") {
        Some(path) => PeerAddr::Unix(path.into()),
        None => {
            let port = port.parse().map_err(|_| unknown())?;
            let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() else {
                let evaluated = matches!(uri, UriForm::Evaluated);
                let host = host.to_owned();
                return Err(Refused::Unresolved(Box::new(Unresolved { host, port, tls, evaluated })));
            };
            PeerAddr::Inet(SocketAddr::new(ip, port))
        }
    };
    let upstream = upstreams.by_address(addr, if name.starts_with("unix:") { name } else { &with_port });
    Ok(Destination { upstream, tls, conf: None, uri })
}

/// A host that came out of variables and is a name.
#[derive(Debug)]
pub(super) struct Unresolved {
    host: String,
    port: u16,
    tls: bool,
    /// The URL had a URI.
    evaluated: bool,
}

/// Asks the name servers for the host (`resolver`).
pub(super) async fn resolve<'c>(
    unresolved: &Unresolved,
    conf: &Arc<ResolverConf>,
    shard: &Shard,
) -> Result<Destination<'c>, Refused> {
    let Unresolved { host, port, tls, evaluated } = unresolved;
    let found = shard.names.find(host, conf).await;
    let found = found.map_err(|error| Refused::NoAddress(host.clone(), error))?;
    let addresses: Vec<_> = found.iter().map(|ip| SocketAddr::new(*ip, *port)).collect();
    let upstream = shard.upstreams.borrow_mut().by_addresses(&addresses, &format!("{host}:{port}"));
    let uri = if *evaluated { UriForm::Evaluated } else { UriForm::Unchanged };
    Ok(Destination { upstream, tls: *tls, conf: None, uri })
}

/// What a gateway's address is: no URI follows it.
fn gateway_authority(written: &[u8]) -> Result<&[u8], Refused> {
    if !written.starts_with(b"unix:") && written.iter().any(|b| matches!(b, b'/' | b'?')) {
        return Err(Refused::Authority("invalid host", written.to_vec()));
    }
    Ok(written)
}

/// Host and port of `host[:port]` or `unix:/path`; else what is wrong with it, in nginx's words.
fn split_port<'n>(name: &'n str, usual: &'n str) -> Result<(&'n str, &'n str), &'static str> {
    if let Some(path) = name.strip_prefix("unix:") {
        return if path.is_empty() {
            Err("no path in the unix domain socket")
        } else {
            Ok(("localhost", ""))
        };
    }
    let host_end = match name.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or("invalid host")? + 2,
        None => name.find(':').unwrap_or(name.len()),
    };
    let (host, behind) = name.split_at(host_end);
    if host.is_empty() {
        return Err("no host");
    }
    if behind.is_empty() {
        return Ok((host, usual));
    }
    let port = behind.strip_prefix(':').ok_or("invalid host")?;
    match port.parse::<u16>() {
        Ok(1..) if port.bytes().all(|b| b.is_ascii_digit()) => Ok((host, port)),
        _ => Err("invalid port"),
    }
}

/// Splits what follows `http://` into host and port, and the URI in the form it is sent in, which replaces `uri`.
fn split_authority<'r>(rest: &'r [u8], uri: &mut Vec<u8>) -> &'r [u8] {
    let is_unix = rest.starts_with(b"unix:");
    let end = if is_unix {
        memchr::memchr(b':', &rest[5..]).map_or(rest.len(), |at| at + 5)
    } else {
        rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len())
    };
    let (authority, written) = rest.split_at(end);
    let written = if is_unix { written.strip_prefix(b":").unwrap_or(written) } else { written };
    uri.clear();
    if written.first().is_some_and(|first| *first != b'/') {
        uri.push(b'/');
    }
    push_without_controls(written, uri);
    authority
}

impl<'c> Destination<'c> {
    /// Evaluates the key of `hash`.
    pub(super) fn hash_key(&self, exchange: &mut Exchange) {
        if let Some(UpstreamConf { balancer: BalancerConf::Hash { key, .. }, .. }) = self.conf {
            let mut value = std::mem::take(&mut exchange.upstream.hash_key);
            value.clear();
            variables::evaluate(exchange, key, &mut value);
            exchange.upstream.hash_key = value;
        }
    }

    /// Writes the request's head, with the framing that `request` says.
    pub(super) fn write_head(
        &self,
        exchange: &Exchange,
        proxy: &ProxyConf,
        request: &mut PeerRequest,
    ) -> Result<(), Refused> {
        if !proxy.protocol.is_http() {
            return super::gateway::write_head(exchange, proxy, request);
        }
        let out = &mut request.head;
        out.clear();
        request.method = push_method(exchange, proxy, out)?;
        out.push(b' ');
        let start = out.len();
        self.push_uri(exchange, out);
        request.uri = start..out.len();
        out.extend_from_slice(if proxy.http11 { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" });
        let client_asks = exchange.request.headers.has(Known::Upgrade);
        let mut own_length = false;
        for (name, known, value) in &proxy.set_headers {
            match known {
                Known::ContentLength => own_length = true,
                Known::TransferEncoding => {}
                // RFC 9110 section 7.8: the other protocol begins behind the whole request. llhttp takes it to begin behind the
                // head, and the body for the other protocol's, or for a request.
                Known::Upgrade if !request.framing.is_empty() => {}
                known => {
                    let len = push_set_header(exchange, name, value, out)?;
                    request.asks_upgrade |=
                        *known == Known::Upgrade && len > 0 && client_asks && !proxy.http2;
                    // RFC 9112 section 3.2: HTTP/1.1 is never without Host (a client of old may have sent none).
                    if *known == Known::Host && len == 0 && proxy.http11 {
                        out.extend_from_slice(b"Host: \r\n");
                    }
                }
            }
        }
        match request.framing {
            // `proxy_pass_request_body off` with `proxy_set_header Content-Length ""`.
            BodyFraming::Length(0) if own_length && !proxy.passes_body() => {}
            BodyFraming::Length(length) => encode::push_number_field(out, b"Content-Length", length),
            BodyFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            BodyFraming::None | BodyFraming::UntilClose => {}
        }
        if proxy.pass_request_headers {
            push_client_headers(exchange, proxy, out);
        }
        if proxy.http2 {
            super::http2::push_te(exchange, out);
        }
        out.extend_from_slice(b"\r\n");
        if proxy.set_body.is_some() && !proxy.http2 {
            out.extend_from_slice(&exchange.upstream.made_body);
        }
        Ok(())
    }

    fn push_uri(&self, exchange: &Exchange, out: &mut Vec<u8>) {
        match &self.uri {
            UriForm::Unchanged if exchange.uri_is_original => {
                exchange.request.push_origin_form(&exchange.input, out);
                return;
            }
            UriForm::Unchanged => push_path(exchange, 0, out),
            UriForm::Replaced(uri, prefix) => {
                out.extend_from_slice(uri);
                push_path(exchange, *prefix, out);
            }
            UriForm::Evaluated => {
                out.extend_from_slice(&exchange.upstream.uri);
                return;
            }
        }
        if !exchange.args.is_empty() {
            out.push(b'?');
            push_without_controls(&exchange.args, out);
        }
    }
}

/// The configured method, the client's own word, or what an internal redirect made of it.
fn push_method(exchange: &Exchange, proxy: &ProxyConf, out: &mut Vec<u8>) -> Result<Method, Refused> {
    if let Some(template) = &proxy.method {
        variables::evaluate(exchange, template, out);
        if !out.is_empty() {
            let is_method = out.iter().all(|b| is_method_byte(*b));
            return is_method.then(|| Method::from_bytes(out)).ok_or_else(|| Refused::Method(out.clone()));
        }
    }
    let renamed = exchange.method != exchange.request.method && exchange.method != Method::Other;
    out.extend_from_slice(if renamed {
        exchange.method.as_str().as_bytes()
    } else {
        exchange.request.method_name.of(&exchange.input)
    });
    Ok(exchange.method)
}

/// The URI in force from `from` on. What the client wrote without `%` goes on as it is (nginx's `quoted_uri`); all
/// else is encoded again.
fn push_path(exchange: &Exchange, from: usize, out: &mut Vec<u8>) {
    let path = exchange.uri.get(from..).unwrap_or_default();
    let written = exchange.request.path.of(&exchange.input);
    if exchange.internal || memchr::memchr(b'%', written).is_some() {
        escape(path, Escape::Uri, out);
    } else {
        push_without_controls(path, out);
    }
}

/// Appends bytes of a request line; spaces and controls, which would end or split it, are encoded.
fn push_without_controls(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        if *byte <= b' ' || *byte == 0x7f {
            escape(std::slice::from_ref(byte), Escape::Uri, out);
        } else {
            out.push(*byte);
        }
    }
}

/// One `proxy_set_header`: nothing when the value is empty. Gives the value's length.
fn push_set_header(
    exchange: &Exchange,
    name: &str,
    value: &crate::config::template::Template,
    out: &mut Vec<u8>,
) -> Result<usize, Refused> {
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let value_start = out.len();
    variables::evaluate(exchange, value, out);
    let len = out.len() - value_start;
    if len == 0 {
        out.truncate(start);
    } else if encode::is_safe_from(out, value_start) {
        out.extend_from_slice(b"\r\n");
    } else {
        return Err(Refused::HeaderValue(name.to_owned()));
    }
    Ok(len)
}

/// The client's own fields, as it wrote them, but for those that are replaced, that speak of this hop only, or that an
/// application could take for something else (`Proxy`: CVE-2016-5385).
fn push_client_headers(exchange: &Exchange, proxy: &ProxyConf, out: &mut Vec<u8>) {
    let input = &exchange.input[..];
    let stays =
        |field: &HeaderField| NEVER_PASSED.has(field.known) || proxy.replaced_headers.contains(field, input);
    if exchange.request.headers.are_even() {
        return push_even_headers(exchange, stays, out);
    }
    // Lines that stand next to each other as they will be sent go in one piece.
    let mut run = 0..0;
    for field in &exchange.request.headers {
        if stays(field) {
            continue;
        }
        let (name_end, value_end) = (field.name.end(), field.value.end());
        let (start, end) = (field.name.start as usize, value_end + LINE_END.len());
        let is_written_so = field.value.start as usize == name_end + SEPARATOR.len()
            && input.get(name_end..name_end + SEPARATOR.len()) == Some(SEPARATOR)
            && input.get(value_end..end) == Some(LINE_END);
        if is_written_so && run.end == start {
            run.end = end;
            continue;
        }
        out.extend_from_slice(&input[run]);
        run = if is_written_so { start..end } else { 0..0 };
        if !is_written_so {
            encode::push_field(out, field.name.of(input), field.value.of(input));
        }
    }
    out.extend_from_slice(&input[run]);
}

/// The same of lines that stand as they will be sent, one behind the other: the pieces between those that stay.
fn push_even_headers(exchange: &Exchange, stays: impl Fn(&HeaderField) -> bool, out: &mut Vec<u8>) {
    let head = &exchange.request;
    let Some(first) = head.headers.at(0) else { return };
    let mut push = |from: usize, to: usize| {
        if from < to {
            out.extend_from_slice(exchange.input.get(from..to).unwrap_or_default());
        }
    };
    let mut from = first.name.start as usize;
    for field in &head.headers {
        if stays(field) {
            push(from, field.name.start as usize);
            from = field.value.end() + LINE_END.len();
        }
    }
    push(from, head.len - LINE_END.len());
}

/// Between a field's name and its value, and behind the value.
const SEPARATOR: &[u8] = b": ";
const LINE_END: &[u8] = b"\r\n";

/// Fields of the client that are never passed on.
const NEVER_PASSED: FieldNames = FieldNames::known(&[
    Known::ContentLength,
    Known::TransferEncoding,
    Known::Connection,
    Known::KeepAlive,
    Known::Te,
    Known::Expect,
    Known::Upgrade,
    Known::Host,
    Known::Proxy,
]);

impl Refused {
    /// Logs the reason.
    pub(super) fn log(&self, exchange: &Exchange) -> Status {
        match self {
            Self::UrlPrefix(url) => {
                exchange.log_error(Level::Error, format_args!("invalid URL prefix in \"{}\"", Raw(url)));
                Status::INTERNAL_SERVER_ERROR
            }
            Self::Authority(what, url) => {
                exchange.log_error(Level::Error, format_args!("{what} in upstream \"{}\"", Raw(url)));
                Status::INTERNAL_SERVER_ERROR
            }
            Self::UnknownHost(host) => {
                let host = String::from_utf8_lossy(host);
                let host = host.rsplit_once(':').map_or(&*host, |(host, _)| host);
                exchange.log_error(Level::Error, format_args!("no resolver defined to resolve {host}"));
                Status::BAD_GATEWAY
            }
            Self::Unresolved(unresolved) => {
                let host = &unresolved.host;
                exchange.log_error(Level::Error, format_args!("no resolver defined to resolve {host}"));
                Status::BAD_GATEWAY
            }
            Self::NoAddress(host, NameError(number, text)) => {
                exchange
                    .log_error(Level::Error, format_args!("{host} could not be resolved ({number}: {text})"));
                Status::BAD_GATEWAY
            }
            Self::Method(method) => {
                exchange.log_error(Level::Error, format_args!("invalid method \"{}\"", Raw(method)));
                Status::INTERNAL_SERVER_ERROR
            }
            Self::NoKey => {
                let said = "the \"$memcached_key\" variable is not set";
                exchange.log_error(Level::Error, format_args!("{said}"));
                Status::INTERNAL_SERVER_ERROR
            }
            Self::TooBig(len) => {
                let scheme = exchange.location_conf(&exchange.cycle).proxy.protocol.scheme();
                let what = if scheme == "fastcgi://" { "fastcgi request record" } else { "uwsgi request" };
                exchange.log_error(Level::Alert, format_args!("{what} is too big: {len}"));
                Status::INTERNAL_SERVER_ERROR
            }
            Self::HeaderValue(name) => {
                exchange.log_error(
                    Level::Error,
                    format_args!("the value of \"proxy_set_header {name}\" has a control character"),
                );
                Status::BAD_REQUEST
            }
        }
    }
}

/// `proxy_bind`: none where variables make no address.
#[cold]
pub(super) fn local_address(exchange: &Exchange, bind: &BindConf) -> Option<Box<LocalAddr>> {
    let transparent = bind.transparent;
    let template = match &bind.address {
        BindAddress::Fixed(addr) => return Some(Box::new(LocalAddr { addr: *addr, transparent })),
        BindAddress::Evaluated(template) => template,
    };
    let mut text = Vec::new();
    variables::evaluate(exchange, template, &mut text);
    if text.is_empty() {
        return None;
    }
    let addr = std::str::from_utf8(&text).ok().and_then(value::address);
    if addr.is_none() {
        exchange.log_error(Level::Error, format_args!("invalid local address \"{}\"", Raw(&text)));
    }
    addr.map(|addr| Box::new(LocalAddr { addr, transparent }))
}

/// `proxy_set_body`: the body is made, and follows the head in its buffer.
#[cold]
pub(super) fn make_body(exchange: &mut Exchange, template: &Template) -> BodyFraming {
    let mut body = std::mem::take(&mut exchange.upstream.made_body);
    body.clear();
    variables::evaluate(exchange, template, &mut body);
    exchange.upstream.made_body = body;
    BodyFraming::Length(exchange.upstream.made_body.len() as u64)
}

/// How the body will be sent, for a body that is buffered (its length is known) or streamed.
pub(super) fn body_framing(exchange: &Exchange, proxy: &ProxyConf) -> BodyFraming {
    if !exchange.body.is_present() {
        return BodyFraming::None;
    }
    if !proxy.pass_request_body {
        return BodyFraming::Length(0);
    }
    match exchange.body.framing() {
        BodyFraming::Length(length) => BodyFraming::Length(length),
        _ if exchange.body.is_of_unknown_length() && !exchange.body.is_finished() => BodyFraming::Chunked,
        BodyFraming::Chunked | BodyFraming::None | BodyFraming::UntilClose => {
            BodyFraming::Length(exchange.body.length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split() {
        for (rest, authority, uri) in [
            ("app", "app", ""),
            ("app/", "app", "/"),
            ("app:8000/x?y=1", "app:8000", "/x?y=1"),
            ("app?y", "app", "/?y"),
            ("[::1]:80/a b\r\nc", "[::1]:80", "/a%20b%0D%0Ac"),
            ("unix:/run/a.sock:/x", "unix:/run/a.sock", "/x"),
            ("unix:/run/a.sock:", "unix:/run/a.sock", ""),
            ("unix:/run/a.sock", "unix:/run/a.sock", ""),
        ] {
            let mut got_uri = b"old".to_vec();
            let got = split_authority(rest.as_bytes(), &mut got_uri);
            assert_eq!((got, got_uri.as_slice()), (authority.as_bytes(), uri.as_bytes()), "{rest}");
        }
    }

    #[test]
    fn nothing_ends_the_request_line_early() {
        let mut out = Vec::new();
        push_without_controls(b"/a b\r\n\x00\x7f\xe9?%0d", &mut out);
        assert_eq!(out, b"/a%20b%0D%0A%00%7F\xe9?%0d");
    }
}
