//! The head of a peer's answer, read off its connection.
//!
//! Interim answers are dropped; a 101 counts as an answer only where one was asked for. While a slow app is waited
//! for, the client's leaving is noticed.

use std::io;

use super::PeerRequest;
use super::error::{PeerError, READING_HEAD};
use super::gateway;
use crate::config::model::LocationConf;
use crate::http::Exchange;
use crate::http::relay::wait::{WaitError, wait_for_app};
use crate::http1::{HeadLimits, Progress, ResponseError, is_token_byte};
use crate::upstream::PeerConnection;

/// Most bytes read at once before the head is whole.
const READ_SIZE: usize = 16 << 10;

/// Interim answers (100, 103) a peer may send before the final one.
const MAX_INTERIM: usize = 16;

/// Reads the head into `exchange.upstream`; the connection's input then begins with the body.
pub(super) async fn head(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
    request: &mut PeerRequest,
) -> Result<(), PeerError> {
    if !conf.proxy.protocol.is_http() {
        return gateway::head(exchange, conf, connection, request).await;
    }
    let limits = HeadLimits::response(u32::try_from(conf.proxy.buffer_size).unwrap_or(u32::MAX));
    let mut interim = 0;
    exchange.upstream.head.reset();
    loop {
        let input = &mut connection.input;
        if !input.is_empty() {
            let head = &mut exchange.upstream.head;
            match head.parse(input, request.method, &limits).map_err(|error| bad_head(error, input))? {
                Progress::Partial => {}
                Progress::Complete if head.status == 101 && !request.asks_upgrade => {
                    return Err(PeerError::UnexpectedUpgrade);
                }
                Progress::Complete if head.status < 200 && head.status != 101 => {
                    input.drain(..head.len);
                    head.reset();
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Err(PeerError::TooManyInterim);
                    }
                    continue;
                }
                Progress::Complete => break,
            }
        }
        read_more(exchange, conf, connection).await?;
    }
    let trace = &mut exchange.upstream;
    trace.head_bytes.clear();
    trace.head_bytes.extend_from_slice(&connection.input[..trace.head.len]);
    connection.input.drain(..trace.head.len);
    trace.note_head(crate::time::now().monotonic_ms);
    Ok(())
}

/// nginx shows the line that is no header up to the byte that cannot be.
pub(super) fn bad_head(error: ResponseError, input: &[u8]) -> PeerError {
    let is_name = |line: &&[u8]| {
        let end = line.iter().position(|b| !is_token_byte(*b)).unwrap_or(line.len());
        end == 0 || line.get(end) != Some(&b':')
    };
    let mut lines = input.split(|b| *b == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    match lines.find(is_name) {
        Some(line) if error == ResponseError::FieldName && !line.is_empty() => {
            let end = line.iter().position(|b| !is_token_byte(*b)).unwrap_or(line.len());
            let shown = line[..end].escape_ascii();
            PeerError::HeaderLine(match line.get(end) {
                Some(byte) => format!("{shown}\\x{byte:02x}"),
                None => shown.to_string(),
            })
        }
        _ => PeerError::Head(error),
    }
}

/// Waits for more of the answer, and reads it.
pub(super) async fn read_more(
    exchange: &mut Exchange,
    conf: &LocationConf,
    connection: &mut PeerConnection,
) -> Result<(), PeerError> {
    loop {
        // Who reads the rest of the request notices.
        let watched = exchange.watched_client(conf).filter(|_| !connection.is_sending());
        let waited = wait_for_app(connection, watched, conf.proxy.read_timeout).await;
        if matches!(waited, Err(WaitError::Timeout)) && connection.is_sending() {
            // The time of an answer begins behind the request, as in nginx.
            continue;
        }
        waited.map_err(|error| match error {
            WaitError::Timeout => PeerError::ReadTimeout,
            WaitError::ClientGone => PeerError::ClientGone(READING_HEAD),
            WaitError::Io(error) => PeerError::Read(error),
        })?;
        match connection.recv(READ_SIZE) {
            Ok(0) => return Err(PeerError::PrematureClose),
            Ok(count) => {
                exchange.upstream.note_received(count);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(PeerError::Read(error)),
        }
    }
}
