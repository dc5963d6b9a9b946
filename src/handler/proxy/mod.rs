//! `proxy_pass` and its like for other protocols: the request goes to a peer of the upstream, its answer becomes the response.
//!
//! The body is read before the app is bothered (unless `proxy_request_buffering off`), then a peer is chosen, asked on
//! a kept or a fresh connection, and its answer's head turned into ours; the body stays in the peer's socket for the
//! writer. Never sends a request twice that may have been acted on. Called by `phases`.

mod cookies;
mod error;
mod gateway;
mod http2;
mod memcached;
mod receive;
mod redirect;
mod request;
mod response;
mod send;

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::cgi::fastcgi::Records;
use crate::config::model::{LocationConf, ProxyConf, ProxyPassConf};
use crate::cycle::Cycle;
use crate::http::relay::Source;
use crate::http::{BodyError, Exchange, Outcome, variables};
use crate::http1::{BodyFraming, Method, Status};
use crate::io::LocalAddr;
use crate::io::tls::HandshakeError;
use crate::log::{Errno, Level};
use crate::shard::Shard;
use crate::upstream::{Http2, Key, Lease, OpenError, PeerConnection, PeerTls, Selection, Upstream, Wanted};
use error::{CONNECTING, Condition, PeerError, READING_HEAD, Retry};

/// A request that cannot be sent twice (a POST) gets a kept connection only if it was used in the last second: an app
/// closes idle ones after some seconds (Gunicorn after 2), and one that closes just now would cost the request.
const UNREPEATABLE_MAX_IDLE_MS: u64 = 1000;

/// A request as it goes to peers.
#[derive(Default)]
struct PeerRequest {
    /// The head's bytes.
    head: Vec<u8>,
    /// Where the URI lies in `head`.
    uri: Range<usize>,
    /// The method in `head`.
    method: Method,
    /// How the body follows.
    framing: BodyFraming,
    /// The body is passed on while it is still read from the client.
    streams: bool,
    /// The head asks for another protocol: a 101 is welcome.
    asks_upgrade: bool,
    /// Bytes of the request left for the peer being asked.
    sent: bool,
    /// Bytes of a streamed body were taken: it cannot be sent again.
    body_gone: bool,
    /// `proxy_bind`: where connections come from.
    local: Option<Box<LocalAddr>>,
    /// FastCGI: the body goes in records.
    in_records: bool,
    /// FastCGI: how far the answer has been read.
    records: Records,
}

impl PeerRequest {
    /// A body follows the head.
    fn sends_body(&self, proxy: &ProxyConf) -> bool {
        proxy.passes_body() && self.framing != BodyFraming::None
    }
}

/// Serves the request from an upstream.
pub async fn run(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    pass: &ProxyPassConf,
    shard: &Shard,
) -> Outcome {
    let proxy = &conf.proxy;
    if proxy.protocol.is_memcached() && !matches!(exchange.method, Method::Get | Method::Head) {
        return Outcome::Status(Status(405));
    }
    if !proxy.request_buffering
        && let Err(error) = exchange.keep_arrived_body(conf)
    {
        return refuse_body(exchange, &error);
    }
    let streams = !proxy.request_buffering
        && proxy.passes_body()
        && !exchange.body.is_finished()
        // A body that came with its head is a buffered one, as in nginx: it can be sent again.
        && !exchange.body_has_arrived()
        && (proxy.http11 || !exchange.body.is_of_unknown_length());
    if !streams && let Err(error) = exchange.read_body(conf).await {
        return refuse_body(exchange, &error);
    }
    let head = std::mem::take(&mut exchange.scratch);
    let mut request = PeerRequest { head, streams, ..PeerRequest::default() };
    let outcome = ask_peers(exchange, cycle, conf, pass, shard, &mut request).await;
    request.head.clear();
    exchange.scratch = request.head;
    outcome
}

/// What a body that cannot be read ends in.
pub fn refuse_body(exchange: &mut Exchange, error: &BodyError) -> Outcome {
    exchange.log_body_error(error);
    without_body(exchange, error)
}

fn without_body(exchange: &mut Exchange, error: &BodyError) -> Outcome {
    if error.answerable() {
        return Outcome::Status(error.status());
    }
    close(exchange, error.status())
}

/// Ends without an answer; `status` is for the log.
fn close(exchange: &mut Exchange, status: Status) -> Outcome {
    exchange.log_status = Some(status);
    Outcome::Close
}

/// Asks one peer after the other until one answers or none may be asked.
async fn ask_peers(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    pass: &ProxyPassConf,
    shard: &Shard,
    request: &mut PeerRequest,
) -> Outcome {
    let proxy = &conf.proxy;
    exchange.upstream.begin_group();
    let mut destination = request::destination(exchange, cycle, pass, shard, &mut request.head);
    if let (Err(request::Refused::Unresolved(host)), Some(resolver)) = (&destination, &conf.resolver) {
        destination = Box::pin(request::resolve(host, resolver, shard)).await;
    }
    let destination = match destination {
        Ok(destination) => destination,
        Err(refused) => return Outcome::Status(refused.log(exchange)),
    };
    exchange.upstream.tls = destination.tls;
    if destination.tls {
        name_app(exchange, cycle, proxy);
    }
    request.framing = request::body_framing(exchange, proxy);
    if let Some(template) = &proxy.set_body {
        request.framing = request::make_body(exchange, template);
    }
    if let Err(refused) = destination.write_head(exchange, proxy, request) {
        return Outcome::Status(refused.log(exchange));
    }
    if let Some(bind) = &proxy.bind {
        request.local = request::local_address(exchange, bind);
    }
    exchange.upstream.uri.clear();
    exchange.upstream.uri.extend_from_slice(&request.head[request.uri.clone()]);
    destination.hash_key(exchange);
    let client = exchange.remote().ip();
    let upstream = destination.upstream;
    let mut selection = Selection::new(Rc::clone(&upstream));
    let mut limit = if proxy.next_upstream_tries == 0 { u32::MAX } else { proxy.next_upstream_tries };
    let begun = crate::time::now().monotonic_ms;
    loop {
        let now = crate::time::now().monotonic_ms;
        let Some(lease) = selection.next(now, Key { client, hash: &exchange.upstream.hash_key }) else {
            exchange.upstream.note_try(Rc::clone(&upstream.name), now);
            exchange.upstream.note_failed(Some(Status::BAD_GATEWAY.0));
            exchange.note_upstream(&upstream.name);
            exchange.log_error(Level::Error, format_args!("no live upstreams while connecting to upstream"));
            return Outcome::Status(Status::BAD_GATEWAY);
        };
        limit -= 1;
        request.sent = false;
        let asked = ask(exchange, cycle, conf, &upstream, &lease, request).await;
        let condition = match &asked {
            Ok(_) => Condition::Status(exchange.upstream.head.status),
            Err(error) => error.condition(),
        };
        let retry = Retry {
            conditions: &proxy.next_upstream,
            tries_left: selection.tries().min(limit),
            timeout: proxy.next_upstream_timeout,
            elapsed: Duration::from_millis(crate::time::now().monotonic_ms.saturating_sub(begun)),
            method: request.method,
            sent: request.sent,
            body_gone: request.body_gone,
        };
        let again = retry.allows(condition);
        match asked {
            Ok(connection) if !again => {
                let source = Source { connection, upstream, lease };
                return response::accept(exchange, cycle, conf, source, request);
            }
            // nginx counts these as failures, but for 403 and 404, which say nothing about the peer's health.
            Ok(_) if matches!(condition, Condition::Status(403 | 404)) => {
                exchange.upstream.note_end(0);
            }
            Ok(_) => {
                exchange.upstream.note_end(0);
                note_failure(exchange, &lease, READING_HEAD);
            }
            Err(error) => {
                log_failure(exchange, &lease, &error);
                if error.condition() != Condition::Ours {
                    note_failure(exchange, &lease, error.action());
                }
                if !again {
                    return give_up(exchange, &error);
                }
            }
        }
    }
}

/// What the client gets when no peer is left.
fn give_up(exchange: &mut Exchange, error: &PeerError) -> Outcome {
    match error {
        PeerError::ClientGone(_) => close(exchange, error.status()),
        PeerError::ClientBody(body) => without_body(exchange, body),
        _ => Outcome::Status(error.status()),
    }
}

fn log_failure(exchange: &mut Exchange, lease: &Lease, error: &PeerError) {
    exchange.upstream.note_failed(error.peer_status());
    exchange.note_upstream(&lease.peer().name);
    if let Some(level) = error.level() {
        exchange.log_error(level, format_args!("{error}"));
    }
}

fn note_failure(exchange: &mut Exchange, lease: &Lease, action: &str) {
    if lease.failed(crate::time::now().monotonic_ms) {
        exchange.note_upstream(&lease.peer().name);
        exchange.log_error(Level::Warn, format_args!("upstream server temporarily disabled while {action}"));
    }
}

/// Asks one peer: on a kept connection if there is one, on a fresh one otherwise, or when the kept one turns out to be
/// closed. The head of the answer is then in `exchange.upstream`.
async fn ask(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    upstream: &Upstream,
    lease: &Lease,
    request: &mut PeerRequest,
) -> Result<Box<PeerConnection>, PeerError> {
    let peer = lease.peer();
    let now = crate::time::now().monotonic_ms;
    exchange.upstream.note_try(Rc::clone(&peer.name), now);
    // An app that speaks HTTP/2 says before it closes which requests it has not looked at.
    let max_idle = if conf.proxy.http2 || request.method.is_idempotent() && !request.streams {
        u64::MAX
    } else {
        UNREPEATABLE_MAX_IDLE_MS
    };
    let tls = app_tls(exchange, cycle, conf);
    if exchange.upstream.tls && tls.is_none() {
        // Never in plain text what is to be sent over TLS.
        return Err(PeerError::Handshake("no TLS is configured for the app".to_owned()));
    }
    let wanted = Wanted { tls, local: request.local.as_deref(), http2: conf.proxy.http2 };
    if let Some(mut connection) = upstream.take_idle(peer, wanted, now, max_idle) {
        exchange.upstream.note_connected(now);
        let Err(error) = talk(exchange, conf, &mut connection, request).await else {
            return Ok(connection);
        };
        // Nothing of an answer was seen: the app closed while the request was on its way. One that died in the middle of
        // the head gets the same second chance where an error would go to the next peer, as in nginx.
        let stale = error.is_disconnect() && (!connection.heard || conf.proxy.next_upstream.error);
        if !(stale && Retry::allows_fresh_connection(request.method, request.sent, request.body_gone)) {
            return Err(error);
        }
        request.sent = false;
    }
    let mut connection = open(exchange, conf, lease, request.local.as_deref()).await?;
    if exchange.upstream.tls {
        Box::pin(secure(exchange, cycle, conf, &mut connection)).await?;
    }
    if conf.proxy.http2 {
        Box::pin(connection.speak_http2()).await.map_err(PeerError::Send)?;
    }
    talk(exchange, conf, &mut connection, request).await?;
    Ok(connection)
}

/// Evaluates whom the app must be.
#[cold]
fn name_app(exchange: &mut Exchange, cycle: &Cycle, proxy: &ProxyConf) {
    let mut name = std::mem::take(&mut exchange.upstream.tls_name);
    name.clear();
    if let Some(conf) = proxy.tls.and_then(|number| cycle.conf.http.app_tls.get(number)) {
        variables::evaluate(exchange, &conf.name, &mut name);
    }
    exchange.upstream.tls_name = name;
}

/// The TLS that the request wants; none where it wants none.
fn app_tls<'c>(exchange: &'c Exchange, cycle: &'c Cycle, conf: &LocationConf) -> Option<PeerTls<'c>> {
    if !exchange.upstream.tls {
        return None;
    }
    let config = conf.proxy.tls.and_then(|number| cycle.tls.of_app(number))?;
    Some(PeerTls { config, name: &exchange.upstream.tls_name })
}

/// Shakes hands with the app.
async fn secure(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    connection: &mut PeerConnection,
) -> Result<(), PeerError> {
    let Some(tls) = app_tls(exchange, cycle, conf) else { return Ok(()) };
    let name = crate::tls::server_name(tls.name);
    let result = connection.secure(tls, name, conf.proxy.connect_timeout).await;
    exchange.upstream.note_connected(crate::time::now().monotonic_ms);
    result.map_err(|error| match error {
        HandshakeError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            PeerError::HandshakeTimeout
        }
        HandshakeError::Io(error) => {
            PeerError::Handshake(format!("peer closed connection in SSL handshake ({})", Errno(&error)))
        }
        HandshakeError::Closed | HandshakeError::Rejected => {
            PeerError::Handshake("peer closed connection in SSL handshake".to_owned())
        }
        // Of ours: what is wrong with the certificate.
        HandshakeError::Tls(rustls::Error::General(why)) => PeerError::Handshake(why),
        HandshakeError::Tls(error) => {
            PeerError::Handshake(format!("SSL_do_handshake() failed (SSL: {error})"))
        }
    })
}

async fn open(
    exchange: &mut Exchange,
    conf: &LocationConf,
    lease: &Lease,
    local: Option<&LocalAddr>,
) -> Result<Box<PeerConnection>, PeerError> {
    let peer = lease.peer();
    let now = crate::time::now().monotonic_ms;
    let watched = exchange.watched_client(conf).map(|client| &client.stream);
    match PeerConnection::open(peer, local, conf.proxy.connect_timeout, now, watched).await {
        Ok(connection) => {
            exchange.upstream.note_connected(crate::time::now().monotonic_ms);
            if conf.proxy.socket_keepalive {
                connection.stream.set_keepalive(true);
            }
            Ok(connection)
        }
        Err(OpenError::Timeout) => Err(PeerError::ConnectTimeout),
        Err(OpenError::Bind(error)) => Err(PeerError::Bind(error, local.copied())),
        Err(OpenError::Abandoned) => Err(PeerError::ClientGone(CONNECTING)),
        Err(OpenError::Failed(error)) => {
            let at = peer.name.starts_with("unix:").then(|| Rc::clone(&peer.name));
            Err(PeerError::Connect(error, at))
        }
    }
}

/// The same over HTTP/2.
#[cold]
async fn talk_http2(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    http2: &Rc<Http2>,
    request: &mut PeerRequest,
) -> Result<(), PeerError> {
    let result = match http2::request(exchange, conf, http2, request).await {
        Ok(()) => receive::head(exchange, conf, connection, request).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        let error = http2::explain(error, exchange, connection);
        if matches!(error, PeerError::GoAway(_)) {
            // RFC 9113 section 8.7: the app has not looked at it.
            request.sent = false;
        }
        return Err(error);
    }
    http2::settle(exchange, http2);
    // The connection lives on if the stream ends well; that is seen at its end.
    exchange.upstream.head.keep_alive = true;
    Ok(())
}

/// Sends the request and reads the head of the answer.
async fn talk(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
) -> Result<(), PeerError> {
    connection.input.clear();
    connection.heard = false;
    if let Some(http2) = connection.http2.clone() {
        return Box::pin(talk_http2(exchange, conf, connection, &http2, request)).await;
    }
    let whole = send::request(exchange, conf, connection, request).await?;
    receive::head(exchange, conf, connection, request).await?;
    if whole == send::Sent::Part {
        // The rest of the body will never come: the app must not take our next request for it.
        exchange.upstream.head.keep_alive = false;
    }
    Ok(())
}
