//! Idle connections without a task: which are parked, when they come back, when they are closed.
//!
//! A core keeps its youngest idle connections as they are, [`KEPT`] of them; what rests beyond that, for
//! [`SHORTEST_REST`] at least, is parked in `io::ParkingLot` (how: there). A parked connection counts as open and comes back to a task
//! with the first byte its client sends, or with its end. Everything that ends idle connections, a time-out, a drain,
//! a port that closes, want of room, must end them here too. Must never park a connection of which anything was read
//! that nobody served.

use std::rc::Rc;
use std::time::Duration;

use super::connection::{Begin, serve_fenced};
use crate::http::{Client, ParkedClient};
use crate::io::{self, Stream};
use crate::log::{Errno, Level};
use crate::shard::Shard;

/// Idle connections of a core that are never parked: as many are worth their kilobyte, and small sites never pay.
const KEPT: usize = 256;

/// How long a connection must have been idle, when parking pays.
const SHORTEST_REST: Duration = Duration::from_millis(20);

/// The same, when many come back at once: thousands of clients that take turns at a busy core wait that long for
/// theirs, and parking them for each turn would cost them more than it saves.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// So many that come back at once say that it does not pay.
const HASTY: usize = 32;

/// How often it is looked who is to be parked, while there are more than [`KEPT`].
const LOOK: Duration = Duration::from_millis(10);

/// How long nobody is asked when somebody could not be parked.
const REFUSED: Duration = Duration::from_secs(10);

/// Connections parked in a row before others get their turn.
const AT_ONCE: usize = 256;

/// So many give their memory back to the kernel together, when nobody else is to be parked at the moment.
const RETURNED: usize = 64;

/// So many do anyway.
const RETURNED_AT_LAST: usize = 1024;

/// Has idle connections parked when there are many, for as long as the worker runs.
pub(super) async fn relieve(shard: Rc<Shard>) {
    let (mut rest, mut freed, mut looked_ms) = (SHORTEST_REST, 0, 0);
    loop {
        // A small site never gets further.
        io::timer::crowded(KEPT).await;
        if shard.draining.get() {
            return;
        }
        let now_ms = crate::time::now().monotonic_ms;
        rest = rest_after(rest, shard.parked.hasty(), now_ms.saturating_sub(looked_ms));
        looked_ms = now_ms;
        if let Err(error) = open(&shard) {
            // They stay as they are.
            let text = format_args!("idle connections cannot be parked ({})", Errno(&error));
            super::log(&shard, Level::Warn, text);
            io::timer::sleep(REFUSED).await;
            continue;
        }
        let idle = io::timer::park_idle(KEPT, rest, AT_ONCE);
        freed += idle.asked;
        // Those that were asked are parked in this turn.
        io::timer::sleep(LOOK).await;
        let settled = idle.asked == 0 || idle.left <= KEPT;
        if freed >= if settled { RETURNED } else { RETURNED_AT_LAST } {
            io::sys::return_memory();
            freed = 0;
        }
    }
}

/// Opens the lot when it is used for the first time. An error says that it takes nobody at the moment.
fn open(shard: &Rc<Shard>) -> std::io::Result<()> {
    if let Some(error) = shard.parked.refused() {
        return Err(error);
    }
    if !shard.parked.is_open() {
        shard.parked.open()?;
        io::runtime::spawn(watch(Rc::clone(shard)));
    }
    Ok(())
}

/// Twice as long when `hasty` ones came back since the last look, and slowly shorter otherwise: half in about a second
/// and a half.
fn rest_after(rest: Duration, hasty: usize, passed_ms: u64) -> Duration {
    if hasty >= HASTY {
        return (rest * 2).min(LONGEST_REST);
    }
    let passed = u32::try_from(passed_ms.min(1000)).unwrap_or(1000);
    (rest - rest * passed / 2000).max(SHORTEST_REST)
}

/// Brings parked connections back whose client says something, and closes those whose time is over.
async fn watch(shard: Rc<Shard>) {
    while shard.parked.wait().await.is_ok() {
        shard.parked.take_ready(|stream, parked| come_back(&shard, stream, parked, Begin::Arrived));
        closed(&shard, shard.parked.close_over());
    }
}

/// Parks an idle connection until its deadline. `false`: it cannot be, and goes on as it was.
pub(super) fn park(shard: &Shard, client: &Rc<Client>) -> bool {
    // Whoever else holds the client may still need its stream, and what TLS has agreed, or a balancer told, lies with
    // the task's.
    Rc::strong_count(client) == 1
        && !client.stream.is_tls()
        && client.introduced.get().is_none()
        && shard.parked.park(&client.stream, client.deadline.expires_ms(), client.parked())
}

/// The worker drains: parked connections close. A request that came in the same moment is served, and one that did
/// not send any yet gets its moment as others do.
pub(super) fn drain(shard: &Rc<Shard>) {
    take_all_ready(shard);
    shard
        .parked
        .take(ParkedClient::is_new, |stream, parked| come_back(shard, stream, parked, Begin::Waiting));
    closed(shard, shard.parked.close(|_| true));
}

/// Closes parked connections of ports that the configuration in force does not name.
pub(super) fn close_unnamed(shard: &Rc<Shard>) {
    take_all_ready(shard);
    let cycle = shard.cycle();
    closed(shard, shard.parked.close(|parked| !parked.belongs_to(&cycle)));
}

/// Closes parked connections that another one needs the place of, an eighth of them and at most `most`, those that
/// would end soonest first: how many.
pub(super) fn make_room(shard: &Rc<Shard>, most: usize) -> usize {
    let parked = shard.parked.len();
    if parked == 0 {
        return 0;
    }
    take_all_ready(shard);
    let made = shard.parked.close_soonest((parked / 8).clamp(1, most));
    closed(shard, made);
    made
}

fn take_all_ready(shard: &Rc<Shard>) {
    while shard.parked.take_ready(|stream, parked| come_back(shard, stream, parked, Begin::Arrived)) > 0 {}
}

fn come_back(shard: &Rc<Shard>, stream: std::io::Result<Stream>, parked: ParkedClient, begin: Begin) {
    match stream {
        Ok(stream) => {
            let client = Rc::new(Client::unparked(stream, parked));
            io::runtime::spawn(serve_fenced(Rc::clone(shard), client, begin));
        }
        Err(error) => {
            closed(shard, 1);
            super::log(shard, Level::Crit, format_args!("epoll_ctl() failed ({})", Errno(&error)));
        }
    }
}

/// Counts connections that were closed where they were parked.
fn closed(shard: &Shard, count: usize) {
    shard.counters.open.decrease(count as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_back_at_once_makes_the_rest_longer() {
        let mut rest = SHORTEST_REST;
        for _ in 0..20 {
            rest = rest_after(rest, HASTY, 10);
        }
        assert_eq!(rest, LONGEST_REST);
        let mut looks = 0;
        while rest > SHORTEST_REST {
            let shorter = rest_after(rest, HASTY - 1, 10);
            assert!(shorter < rest);
            (rest, looks) = (shorter, looks + 1);
        }
        assert_eq!(rest_after(LONGEST_REST, 0, u64::MAX), LONGEST_REST / 2);
        assert!((500..1500).contains(&looks), "{looks} looks");
    }
}
