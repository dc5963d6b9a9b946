//! The codecs of `uwsgi_pass`, `fastcgi_pass` and `scgi_pass`: a request's head, and the head of the answer.
//!
//! What the app is told of the request are the parameters of the configuration and the client's fields, as CGI's
//! variables. The `Proxy` field is never among them: it would be `HTTP_PROXY` (CVE-2016-5385). Connections, bodies and
//! retries are the proxy's.

use super::PeerRequest;
use super::error::{PeerError, READING_HEAD};
use super::memcached;
use super::receive::{bad_head, read_more};
use super::request::Refused;
use crate::cgi::fastcgi::{self, Piece, RecordError};
use crate::cgi::{is_variable_of, push_header_name, scgi, uwsgi};
use crate::config::gateway::Protocol;
use crate::config::model::{LocationConf, ProxyConf};
use crate::http::relay::log_stderr;
use crate::http::{Exchange, variables};
use crate::http1::cgi_head::{CgiHead, StatusLine, push_as_http};
use crate::http1::{BodyFraming, HeadLimits, HeaderField, Known, Progress, ResponseError};
use crate::upstream::PeerConnection;

/// Writes the request's head, and the end of a FastCGI body that is not sent at all.
pub(super) fn write_head(
    exchange: &Exchange,
    proxy: &ProxyConf,
    request: &mut PeerRequest,
) -> Result<(), Refused> {
    let sends_body = request.sends_body(proxy);
    request.method = exchange.method;
    let out = &mut request.head;
    out.clear();
    request.uri = 0..0;
    let too_big = |big: crate::cgi::TooBig| Refused::TooBig(big.0);
    match &proxy.protocol {
        Protocol::Http | Protocol::Grpc => {}
        Protocol::Memcached(conf) => return memcached::write_head(exchange, conf, request),
        Protocol::Uwsgi { modifier1, modifier2, string } => {
            request.asks_upgrade = proxy.pass_request_headers && exchange.request.headers.has(Known::Upgrade);
            uwsgi::begin(*modifier1, *modifier2, out);
            push_variables(exchange, proxy, out, uwsgi::seal);
            out.extend_from_slice(string);
            uwsgi::finish(out).map_err(too_big)?;
        }
        Protocol::Scgi => {
            let length = match request.framing {
                BodyFraming::Length(length) => length,
                _ => 0,
            };
            scgi::begin(length, out);
            push_variables(exchange, proxy, out, scgi::seal);
            scgi::finish(out);
        }
        Protocol::Fastcgi { keep_conn, .. } => {
            request.in_records = true;
            let start = fastcgi::begin(*keep_conn, out);
            push_variables(exchange, proxy, out, fastcgi::seal);
            fastcgi::finish(start, out).map_err(too_big)?;
            if !sends_body {
                fastcgi::push_stdin_end(out);
            }
        }
    }
    Ok(())
}

/// Appends the parameters and the client's fields; `seal` makes a variable of a name and a value that stand there.
fn push_variables(
    exchange: &Exchange,
    proxy: &ProxyConf,
    out: &mut Vec<u8>,
    seal: fn(usize, usize, &mut Vec<u8>),
) {
    for param in &proxy.params.params {
        let start = out.len();
        out.extend_from_slice(param.name.as_bytes());
        let value = out.len();
        variables::evaluate(exchange, &param.value, out);
        if param.if_not_empty && out.len() == value {
            out.truncate(start);
        } else {
            seal(start, value, out);
        }
    }
    if !proxy.pass_request_headers {
        return;
    }
    let input = &exchange.input[..];
    let fields = &exchange.request.headers;
    for (at, field) in fields.iter().enumerate() {
        let name = field.name.of(input);
        let same = |other: &&HeaderField| {
            other.known == field.known
                && other.name.len == field.name.len
                && (field.known != Known::Other || other.name.of(input).eq_ignore_ascii_case(name))
        };
        let replaced = || proxy.params.replaced.iter().any(|wanted| is_variable_of(name, wanted.as_bytes()));
        let repeated = field.known == Known::Other || fields.is_repeated(field.known);
        if field.known == Known::Proxy || replaced() || (repeated && fields.iter().take(at).any(|f| same(&f)))
        {
            continue;
        }
        let start = out.len();
        push_header_name(name, out);
        let value = out.len();
        out.extend_from_slice(field.value.of(input));
        if repeated {
            let separator: &[u8] = if field.known == Known::Cookie { b"; " } else { b", " };
            for other in fields.iter().skip(at + 1).filter(same) {
                out.extend_from_slice(separator);
                out.extend_from_slice(other.value.of(input));
            }
        }
        seal(start, value, out);
    }
}

/// Reads the head of an answer into `exchange.upstream`; the connection's input then begins with the body.
pub(super) async fn head(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
) -> Result<(), PeerError> {
    if let Protocol::Memcached(memcached) = &conf.proxy.protocol {
        return memcached::head(exchange, conf, memcached, connection, request).await;
    }
    let mut scan = CgiHead::default();
    let mut raw = std::mem::take(&mut exchange.upstream.raw_head);
    raw.clear();
    request.records = fastcgi::Records::default();
    let result = loop {
        let found = match &conf.proxy.protocol {
            Protocol::Fastcgi { catch_stderr, .. } => {
                next_records(exchange, catch_stderr, connection, request, &mut scan, &mut raw)
            }
            _ => Ok(next_bytes(connection, &mut scan, &mut raw)),
        };
        let too_large = raw.len().max(connection.input.len()) > conf.proxy.buffer_size;
        match found {
            Err(error) => break Err(error),
            Ok(true) => break accept(exchange, conf, &raw, request),
            Ok(false) if too_large => break Err(PeerError::Head(ResponseError::TooLarge)),
            Ok(false) => {}
        }
        if let Err(error) = read_more(exchange, conf, connection).await {
            break Err(error);
        }
    };
    exchange.upstream.raw_head = raw;
    result
}

/// Looks for the end of the head in what came; moves the head into `raw` once it is whole.
fn next_bytes(connection: &mut PeerConnection, scan: &mut CgiHead, raw: &mut Vec<u8>) -> bool {
    let Some(end) = scan.end(&connection.input) else { return false };
    raw.extend_from_slice(&connection.input[..end]);
    connection.input.drain(..end);
    true
}

/// The same out of records, whose content is collected in `raw`.
fn next_records(
    exchange: &mut Exchange,
    catch_stderr: &[String],
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
    scan: &mut CgiHead,
    raw: &mut Vec<u8>,
) -> Result<bool, PeerError> {
    let mut used = 0;
    let found = loop {
        let rest = &connection.input[used..];
        let step = request.records.decode(rest).map_err(PeerError::Record)?;
        used += step.consumed;
        match step.piece {
            Piece::NeedMore => break false,
            Piece::Stdout { start, len } => {
                raw.extend_from_slice(&rest[start..start + len]);
                if let Some(end) = scan.end(raw) {
                    let body = raw.len() - end;
                    request.records.give_back(body);
                    used -= body;
                    raw.truncate(end);
                    break true;
                }
            }
            Piece::Stderr { start, len } => {
                let text = &rest[start..start + len];
                log_stderr(exchange, text, READING_HEAD);
                if catch_stderr.iter().any(|wanted| memchr::memmem::find(text, wanted.as_bytes()).is_some()) {
                    return Err(PeerError::CaughtStderr);
                }
            }
            Piece::StdoutEnd => return Err(PeerError::StdoutEnd),
            Piece::End => return Err(PeerError::Record(RecordError::EarlyEnd)),
        }
    };
    connection.input.drain(..used);
    Ok(found)
}

/// Puts a whole head into HTTP's form and judges it as one of HTTP.
fn accept(
    exchange: &mut Exchange,
    conf: &LocationConf,
    raw: &[u8],
    request: &PeerRequest,
) -> Result<(), PeerError> {
    let first = match conf.proxy.protocol {
        Protocol::Fastcgi { .. } => StatusLine::Skipped,
        _ => StatusLine::Allowed,
    };
    let trace = &mut exchange.upstream;
    if raw.len() > conf.proxy.buffer_size {
        return Err(PeerError::Head(ResponseError::TooLarge));
    }
    trace.head.reset();
    trace.head_bytes.clear();
    push_as_http(raw, first, &mut trace.head_bytes).map_err(PeerError::Head)?;
    let limits = HeadLimits::response(u32::MAX);
    match trace.head.parse(&trace.head_bytes, request.method, &limits) {
        Ok(Progress::Complete) => {}
        Ok(Progress::Partial) => return Err(PeerError::Head(ResponseError::StatusLine)),
        Err(error) => return Err(bad_head(error, &trace.head_bytes)),
    }
    if trace.head.status < 200 && !(trace.head.status == 101 && request.asks_upgrade) {
        return Err(PeerError::UnexpectedUpgrade);
    }
    // Whether a connection lives on is not the answer's to say: uwsgi and SCGI have none that do.
    trace.head.keep_alive = matches!(conf.proxy.protocol, Protocol::Fastcgi { keep_conn: true, .. });
    trace.note_head(crate::time::now().monotonic_ms);
    Ok(())
}
