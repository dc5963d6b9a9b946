//! After a 101 (WebSocket and the like): bytes both ways, untouched, until both ends closed or nothing moved for
//! `proxy_read_timeout`.
//!
//! A close of one end is passed on to the other as a half-close, what is under way the other way still arrives.
//! Neither a reload nor any time limit but silence ends a tunnel. Called by [`Relay`](super::relay::Relay).

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::exchange::Exchange;
use super::relay::Source;
use crate::config::model::LocationConf;
use crate::io::{Deadline, Stream};
use crate::log::Level;

/// Bytes carried at a time in each direction.
const BUFFER_SIZE: usize = 16 << 10;

/// Sends the head in `out` and carries bytes until the end.
///
/// # Errors
/// What the client's socket suffered before the tunnel stood.
pub(super) async fn run(
    exchange: &mut Exchange,
    conf: &LocationConf,
    mut source: Source,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    // Bytes that the app sent right behind its 101, and the client right behind its request.
    out.append(&mut source.connection.input);
    exchange.send_out(conf, out).await?;
    exchange.keep_alive = false;
    let early = exchange.input.split_off(exchange.consumed.min(exchange.input.len()));
    let client = Rc::clone(&exchange.client);
    let silence = conf.proxy.read_timeout;
    let connection = source.connection;
    let (here, there) = ((&client.stream, &client.deadline), (&connection.stream, &connection.deadline));
    let up = Direction { from: here, to: there, silence, started_with: early };
    let down = Direction { from: there, to: here, silence, started_with: Vec::new() };
    let (sent_up, sent_down, ended) = both(up, down).await;
    exchange.bytes_sent += sent_down;
    exchange.request_length += sent_up;
    exchange.upstream.note_end(sent_down);
    if ended.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
        exchange.note_upstream(&source.lease.peer().name);
        exchange.log_error(
            Level::Error,
            format_args!("upstream timed out (110: Connection timed out) while proxying upgraded connection"),
        );
    }
    source.lease.succeeded();
    Ok(())
}

type End<'s> = (&'s Stream, &'s Deadline);

struct Direction<'s> {
    from: End<'s>,
    to: End<'s>,
    silence: Duration,
    started_with: Vec<u8>,
}

/// Runs both directions in this task until both are at their end or one fails. Gives the bytes each carried.
async fn both(up: Direction<'_>, down: Direction<'_>) -> (u64, u64, Option<io::Error>) {
    let (mut sent_up, mut sent_down) = (0, 0);
    let ended = {
        let mut up = pin!(carry(up, &mut sent_up));
        let mut down = pin!(carry(down, &mut sent_down));
        let (mut up_done, mut down_done) = (false, false);
        poll_fn(|context| {
            if !up_done && let Poll::Ready(result) = up.as_mut().poll(context) {
                match result {
                    Ok(()) => up_done = true,
                    Err(error) => return Poll::Ready(Some(error)),
                }
            }
            if !down_done && let Poll::Ready(result) = down.as_mut().poll(context) {
                match result {
                    Ok(()) => down_done = true,
                    Err(error) => return Poll::Ready(Some(error)),
                }
            }
            if up_done && down_done { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    };
    (sent_up, sent_down, ended)
}

/// Carries bytes one way until end of file, which is passed on.
async fn carry(direction: Direction<'_>, sent: &mut u64) -> io::Result<()> {
    let Direction { from: (from, from_deadline), to: (to, to_deadline), silence, started_with } = direction;
    // Whatever moves, either way, is a sign of life for both.
    let alive = || {
        from_deadline.arm(silence);
        to_deadline.arm(silence);
    };
    let mut buffer = started_with;
    alive();
    loop {
        if !buffer.is_empty() {
            to.send_slice(&buffer, to_deadline).await?;
            *sent += buffer.len() as u64;
            buffer.clear();
            alive();
        }
        if buffer.capacity() < BUFFER_SIZE {
            buffer.reserve_exact(BUFFER_SIZE);
        }
        match from.recv_into(&mut buffer, BUFFER_SIZE) {
            Ok(0) => return to.shutdown_write(),
            Ok(_) => alive(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => from.readable(from_deadline).await?,
            Err(error) => return Err(error),
        }
    }
}
