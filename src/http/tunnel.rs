//! After a 101 (WebSocket and the like): bytes both ways, untouched, until both ends closed or nothing moved for
//! `proxy_read_timeout`.
//!
//! A close of one end is passed on to the other as a half-close, what is under way the other way still arrives; also
//! when an end that closed is still sent to.
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
use crate::log::{Errno, Level};

/// Bytes carried at a time in each direction.
const BUFFER_SIZE: usize = 16 << 10;

/// How long the end of a tunnel waits for a client whose kernel takes nothing more.
const SETTLING: Duration = Duration::from_secs(60);

/// Bytes carried in one direction before other connections get their turn.
const FAIR_SHARE: usize = 512 << 10;

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
    let (sent_down, ended) = both(up, down).await;
    exchange.bytes_sent += sent_down;
    exchange.upstream.note_end(sent_down);
    if let Some((way, fault)) = ended {
        exchange.note_upstream(&source.lease.peer().name);
        let (level, what) = fault.describe(way);
        exchange.log_error(level, format_args!("{what} while proxying upgraded connection"));
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

/// Where a direction goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Why a direction ended before its end of file.
enum Fault {
    /// The end it reads from broke, or nothing moved for too long: there is nothing left to carry.
    Read(io::Error),
    /// The end it writes to takes no more. What that end sent before may still be there to be read.
    Write(io::Error),
}

impl Fault {
    /// Its line in the error log; like nginx's, severe when the app is to blame.
    fn describe(&self, way: Way) -> (Level, String) {
        let (call, error, by_app) = match self {
            Self::Read(error) => ("recv()", error, way == Way::Down),
            Self::Write(error) => ("send()", error, way == Way::Up),
        };
        if error.kind() == io::ErrorKind::TimedOut {
            return (Level::Info, "upstream timed out (110: Connection timed out)".to_owned());
        }
        let level = if by_app { Level::Error } else { Level::Info };
        (level, format!("{call} failed ({})", Errno(error)))
    }

    /// The other direction has nothing to do any more either.
    fn ends_both(&self) -> bool {
        match self {
            Self::Read(_) => true,
            Self::Write(error) => error.kind() == io::ErrorKind::TimedOut,
        }
    }

    /// It says more than that somebody closed.
    fn is_worth_a_line(&self) -> bool {
        match self {
            Self::Read(_) => true,
            Self::Write(error) => {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut)
            }
        }
    }
}

/// Runs both directions in this task until both are at their end. Gives the bytes that went down, and what ended
/// it unless that was a close.
async fn both(up: Direction<'_>, down: Direction<'_>) -> (u64, Option<(Way, Fault)>) {
    let (mut sent_up, mut sent_down) = (0, 0);
    let mut ended = None;
    {
        let mut up = pin!(carry(up, &mut sent_up));
        let mut down = pin!(carry(down, &mut sent_down));
        let (mut up_done, mut down_done) = (false, false);
        poll_fn(|context| {
            for way in [Way::Up, Way::Down] {
                let done = if way == Way::Up { &mut up_done } else { &mut down_done };
                if *done {
                    continue;
                }
                let polled =
                    if way == Way::Up { up.as_mut().poll(context) } else { down.as_mut().poll(context) };
                let Poll::Ready(result) = polled else { continue };
                *done = true;
                let Err(fault) = result else { continue };
                let ends_both = fault.ends_both();
                if fault.is_worth_a_line() {
                    ended.get_or_insert((way, fault));
                }
                if ends_both {
                    return Poll::Ready(());
                }
            }
            if up_done && down_done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    (sent_down, ended)
}

/// Carries bytes one way until end of file, which is passed on.
async fn carry(direction: Direction<'_>, sent: &mut u64) -> Result<(), Fault> {
    let Direction { from: (from, from_deadline), to: (to, to_deadline), silence, started_with } = direction;
    // Whatever moves, either way, is a sign of life for both.
    let alive = || {
        from_deadline.arm(silence);
        to_deadline.arm(silence);
    };
    let mut buffer = started_with;
    // The end written to is gone. What still comes for it is read away: bytes left unread would make the close of
    // this connection a reset, and what the other direction sent would be lost with it.
    let mut gone = None;
    let mut share = 0;
    alive();
    loop {
        if !buffer.is_empty() && gone.is_none() {
            match to.send_slice(&buffer, to_deadline).await {
                Ok(()) => {
                    *sent += buffer.len() as u64;
                    alive();
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(Fault::Write(error)),
                Err(error) => gone = Some(error),
            }
        }
        buffer.clear();
        if buffer.capacity() < BUFFER_SIZE {
            buffer.reserve_exact(BUFFER_SIZE);
        }
        if share >= FAIR_SHARE {
            share = 0;
            from.readable(from_deadline).await.map_err(Fault::Read)?;
        }
        match from.recv_into(&mut buffer, BUFFER_SIZE) {
            Ok(0) => {
                if to.is_tls() {
                    Box::pin(to.finish(SETTLING)).await;
                }
                // An end that is gone needs not be told.
                let _ = to.shutdown_write();
                return gone.map_or(Ok(()), |error| Err(Fault::Write(error)));
            }
            Ok(count) => {
                share += count;
                if gone.is_none() {
                    alive();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                share = 0;
                from.readable(from_deadline).await.map_err(Fault::Read)?;
            }
            Err(error) => return Err(Fault::Read(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::http::flow::tests::pair;
    use crate::io::runtime;

    #[test]
    fn a_flood_has_its_share_of_a_turn_and_no_more() {
        runtime::run(None, || async {
            let (from, mut flood) = pair().await;
            let (to, _sink) = pair().await;
            flood.set_nonblocking(true).unwrap();
            let mut waiting = 0;
            while let Ok(count) = flood.write(&[0; 64 << 10]) {
                waiting += count;
            }
            assert!(waiting > FAIR_SHARE + BUFFER_SIZE, "the kernel took only {waiting} bytes");
            let (from_deadline, to_deadline) = (Deadline::new(), Deadline::new());
            let direction = Direction {
                from: (&from, &from_deadline),
                to: (&to, &to_deadline),
                silence: Duration::from_secs(10),
                started_with: Vec::new(),
            };
            let mut sent = 0;
            {
                let mut carrying = pin!(carry(direction, &mut sent));
                poll_fn(|context| {
                    assert!(carrying.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
            }
            assert!((1..=(FAIR_SHARE + BUFFER_SIZE) as u64).contains(&sent), "{sent} of {waiting} bytes");
        })
        .unwrap();
    }
}
