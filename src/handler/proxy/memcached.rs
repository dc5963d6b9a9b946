//! The codec of `memcached_pass`: a key is asked for, and what comes gets a head as an app's answer has one.
//!
//! Connections and retries are the proxy's. Only GET and HEAD come here, without their bodies.

use super::PeerRequest;
use super::error::PeerError;
use super::receive::read_more;
use super::request::Refused;
use crate::cgi::memcached::{Answer, answer, push_key};
use crate::config::gateway::MemcachedConf;
use crate::config::model::LocationConf;
use crate::files::mime;
use crate::http::{Exchange, variables};
use crate::http1::{BodyFraming, HeadLimits, Method, ResponseError, encode};
use crate::log::{Level, Raw};
use crate::upstream::PeerConnection;

/// What stands before the key.
const GET: &[u8] = b"get ";

/// And behind it.
const LINE_END: &[u8] = b"\r\n";

/// Writes the question; `request.head` is all of the request.
pub(super) fn write_head(
    exchange: &Exchange,
    conf: &MemcachedConf,
    request: &mut PeerRequest,
) -> Result<(), Refused> {
    // A value is sent for HEAD too.
    request.method = Method::Get;
    request.framing = BodyFraming::None;
    let mut key = Vec::new();
    variables::evaluate(exchange, &conf.key, &mut key);
    if key.is_empty() {
        return Err(Refused::NoKey);
    }
    let out = &mut request.head;
    out.clear();
    out.extend_from_slice(GET);
    push_key(&key, out);
    // The log names no URI.
    request.uri = 0..0;
    out.extend_from_slice(LINE_END);
    Ok(())
}

/// Reads the line before a value, and makes a head of it in `exchange.upstream`.
pub(super) async fn head(
    exchange: &mut Exchange,
    conf: &LocationConf,
    memcached: &MemcachedConf,
    connection: &mut PeerConnection,
    request: &PeerRequest,
) -> Result<(), PeerError> {
    let end = loop {
        if let Some(at) = memchr::memchr(b'\n', &connection.input) {
            break at;
        }
        if connection.input.len() >= conf.proxy.buffer_size {
            return Err(PeerError::Head(ResponseError::TooLarge));
        }
        read_more(exchange, conf, connection).await?;
    };
    let key = request.head.get(GET.len()..request.head.len() - LINE_END.len()).unwrap_or_default();
    let line = &connection.input[..end];
    let answer = answer(line, key).map_err(|error| {
        let shown = line.strip_suffix(b"\r").unwrap_or(line);
        PeerError::Memcached(error, Raw(shown).to_string(), Raw(key).to_string())
    })?;
    connection.input.drain(..=end);
    let mut head = std::mem::take(&mut exchange.upstream.head_bytes);
    head.clear();
    match answer {
        Answer::Missing => {
            exchange.log_error(Level::Info, format_args!("key: \"{}\" was not found by memcached", Raw(key)));
            head.extend_from_slice(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n");
        }
        Answer::Value { flags, length } => {
            head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
            let kind = mime::content_type(&exchange.uri, &conf.types, &conf.default_type);
            encode::push_field(&mut head, b"Content-Type", kind.as_bytes());
            encode::push_number_field(&mut head, b"Content-Length", length);
            if flags & memcached.gzip_flag != 0 {
                head.extend_from_slice(b"Content-Encoding: gzip\r\n");
            }
        }
    }
    head.extend_from_slice(LINE_END);
    let trace = &mut exchange.upstream;
    trace.head.reset();
    let parsed = trace.head.parse(&head, request.method, &HeadLimits::response(u32::MAX));
    trace.head_bytes = head;
    parsed.map_err(PeerError::Head)?;
    trace.note_head(crate::time::now().monotonic_ms);
    Ok(())
}
