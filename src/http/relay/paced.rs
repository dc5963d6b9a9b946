//! A relay whose client, or whose app, is to be slow: `limit_rate` and `proxy_limit_rate`.
//!
//! The same moves as without a pace, a bounded number of bytes at a time, and waits that also end when the next bytes
//! may go. An app is not slowed by `limit_rate` as long as its answer can be buffered.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::wait::{LOOK_AT_CLIENT, WATCH_CLIENT_AFTER};
use super::{FAIR_SHARE, Filled, Relay};
use crate::config::model::LocationConf;
use crate::http::client::Client;
use crate::http::exchange::Exchange;
use crate::http::flow::{Flow, Flushed};
use crate::http::pace::{Pace, size_of};
use crate::io::stream::{either_readable, writable_or_readable};
use crate::io::{Liveness, Side, Stream, timer};
use crate::time;

/// How long this task lets others have their turn after its share of work.
const BREATH: Duration = Duration::from_millis(1);

/// What is waited for; times are `Now::monotonic_ms`.
struct Wait {
    /// The client takes more.
    client: bool,
    /// The app has sent more.
    app: bool,
    /// At the latest until then.
    until: u64,
    /// The client's socket has bytes of another request: it says nothing of a close.
    deaf: bool,
}

impl Relay {
    /// What [`Relay::transfer`] does, at a pace.
    pub(super) async fn run_paced(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
    ) -> io::Result<()> {
        let client = Rc::clone(&exchange.client);
        let mut reading = self.reading_pace(exchange, conf);
        let preread = self.source.as_ref().map_or(0, |source| source.connection.input.len()) as u64;
        let base = received(exchange).saturating_sub(preread);
        let begun = time::now().monotonic_ms;
        let (mut client_since, mut app_since) = (begun, begun);
        let (mut share, mut deaf) = (0, false);
        loop {
            let now = time::now();
            let before = exchange.bytes_sent;
            let flushed = flush(exchange, flow, &client)?;
            if exchange.bytes_sent > before || flushed == Flushed::All {
                client_since = now.monotonic_ms;
            }
            let resume = exchange.pace.as_ref().map_or(0, Pace::resume);
            let rests = flushed == Flushed::Blocked && resume > now.monotonic_ms;
            if rests {
                client_since = now.monotonic_ms;
            }
            if !self.is_open() && flow.is_empty() && client.stream.flush()? {
                return Ok(());
            }
            let reads = self.is_open() && flow.has_room(self.buffering, flushed);
            let budget = match &mut reading {
                Some(pace) if reads => pace.budget(received(exchange) - base, now),
                _ => u64::MAX,
            };
            if reads && budget > 0 {
                let before = received(exchange);
                self.most = usize::try_from(budget).unwrap_or(usize::MAX);
                let filled = self.fill(exchange, conf, flow)?;
                self.settle(flow, filled)?;
                let gone = received(exchange);
                if let Some(pace) = &mut reading {
                    pace.note(before - base, gone - base, now);
                }
                share += gone - before;
                if filled == Filled::Some {
                    app_since = now.monotonic_ms;
                    if share >= FAIR_SHARE as u64 {
                        share = 0;
                        timer::sleep(BREATH).await;
                    }
                    continue;
                }
            } else {
                app_since = now.monotonic_ms;
            }
            share = 0;
            let mut wait = Wait {
                client: flushed == Flushed::Blocked && !rests,
                app: reads && budget > 0,
                until: u64::MAX,
                deaf,
            };
            if rests {
                wait.until = resume;
            }
            if wait.client {
                wait.until = wait.until.min(client_since.saturating_add(millis(conf.send_timeout)));
                if wait.until <= now.monotonic_ms {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            if let Some(pace) = reading.as_ref().filter(|_| reads && budget == 0) {
                wait.until = wait.until.min(pace.resume());
            }
            if wait.app {
                let late = app_since.saturating_add(millis(conf.proxy.read_timeout));
                if late <= now.monotonic_ms {
                    self.end_early(exchange, format_args!("upstream timed out (110: Connection timed out)"));
                    continue;
                }
                wait.until = wait.until.min(late);
            }
            self.wait_paced(exchange, conf, flow, &mut wait).await?;
            deaf = wait.deaf;
        }
    }

    /// `proxy_limit_rate`, which holds for answers that are buffered.
    fn reading_pace(&self, exchange: &Exchange, conf: &LocationConf) -> Option<Pace> {
        let rate = conf.proxy.limit_rate.as_ref().filter(|_| self.buffering);
        Pace::begin(size_of(exchange, rate), 0, time::now())
    }

    async fn wait_paced(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
        wait: &mut Wait,
    ) -> io::Result<()> {
        let client = Rc::clone(&exchange.client);
        // What TLS holds back for company has none for a while.
        client.stream.flush()?;
        let left = wait.until.saturating_sub(time::now().monotonic_ms);
        client.deadline.arm(Duration::from_millis(left));
        let app = self.source.as_ref().filter(|_| wait.app).map(|source| &source.connection.stream);
        let ended = match app {
            Some(app) if wait.client => writable_or_readable(&client.stream, app, &client.deadline).await,
            None if wait.client => client.stream.writable(&client.deadline).await.map(|()| Side::A),
            Some(app) if conf.proxy.ignore_client_abort => {
                app.readable(&client.deadline).await.map(|()| Side::B)
            }
            Some(app) if wait.deaf => {
                client.deadline.arm(Duration::from_millis(left).min(LOOK_AT_CLIENT));
                let ended = app.readable(&client.deadline).await;
                if ended.is_err() && client.stream.has_left() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                ended.map(|()| Side::B)
            }
            Some(app) => {
                let left = Duration::from_millis(left);
                client.deadline.arm(left.min(WATCH_CLIENT_AFTER));
                match app.readable(&client.deadline).await {
                    Err(error) if error.kind() == io::ErrorKind::TimedOut && left > WATCH_CLIENT_AFTER => {
                        client.deadline.arm(left - WATCH_CLIENT_AFTER);
                        watch_both(app, &client, wait).await
                    }
                    ended => ended.map(|()| Side::B),
                }
            }
            None => {
                exchange.sit_out(wait.until).await;
                return Ok(());
            }
        };
        match ended {
            Ok(side) => {
                flow.app_ready = side == Side::B;
                Ok(())
            }
            // The loop looks at the clock.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Waits for the app, and notices that the client has gone.
async fn watch_both(app: &Stream, client: &Client, wait: &mut Wait) -> io::Result<Side> {
    if either_readable(app, &client.stream, &client.deadline).await? == Side::A {
        return Ok(Side::B);
    }
    match client.stream.peek_closed() {
        Liveness::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
        Liveness::HasData => wait.deaf = true,
        Liveness::Alive => {}
    }
    Ok(Side::A)
}

/// Gives the client what it may have and takes now.
fn flush(exchange: &mut Exchange, flow: &mut Flow<'_>, client: &Client) -> io::Result<Flushed> {
    let now = time::now();
    let before = exchange.bytes_sent;
    let Some(pace) = &mut exchange.pace else {
        return flow.flush(&client.stream, &mut exchange.bytes_sent);
    };
    if flow.is_empty() {
        return rest(client);
    }
    let budget = usize::try_from(pace.budget(before, now)).unwrap_or(usize::MAX);
    if budget == 0 {
        return Ok(Flushed::Blocked);
    }
    let flushed = flow.flush_some(&client.stream, &mut exchange.bytes_sent, budget)?;
    pace.note(before, exchange.bytes_sent, now);
    if flow.is_empty() { rest(client) } else { Ok(flushed) }
}

/// Whether the kernel has all that was taken for it.
fn rest(client: &Client) -> io::Result<Flushed> {
    Ok(if client.stream.flush()? { Flushed::All } else { Flushed::Blocked })
}

/// Bytes of the answer read so far, as they came.
fn received(exchange: &Exchange) -> u64 {
    exchange.upstream.tries.last().map_or(0, |last| last.bytes_received)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
