//! The task of one client connection: read, run, respond, log, again.

use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::handshake::{self, Shaken};
use super::http2;
use super::parking;
use super::proxy_protocol;
use crate::config::model::{LocationConf, ServerConf, ServerId};
use crate::cycle::Cycle;
use crate::http::{Arrival, Client, Exchange, Sent, tls};
use crate::io::Liveness;
use crate::io::runtime::fenced;
use crate::phases::{self, Verdict};
use crate::shard::{Seat, Shard};

/// How long a new connection may take for its request once the worker drains.
const LAST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// Pipelined requests served in a row before other connections get their turn.
const PIPELINE_SHARE: u32 = 32;

/// What a connection's task begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// To wait for the client.
    Waiting,
    /// The client sent something, or closed.
    Arrived,
}

/// What became of a connection whose task ends.
enum End {
    Closed,
    /// It is open and idle, without a task.
    Parked,
}

/// Serves a connection until it closes or is parked; a panic ends it alone and is logged.
pub(super) async fn serve_fenced(shard: Rc<Shard>, client: Rc<Client>, begin: Begin) {
    let open = Open(&shard);
    let mut task = pin!(serve(&shard, &client, begin));
    let end = fenced(task.as_mut()).await;
    if let Ok(End::Parked) = end {
        // Counted as open until it comes back to a task, or is closed where it is parked.
        std::mem::forget(open);
    }
    if Rc::strong_count(&client) > 1 {
        // A request beside the last one (`mirror`) goes on; the client need not wait for that.
        client.stream.end();
    }
    if let Err(panic) = end {
        shard.log_panic(client.serial, "a request panicked, its connection is closed", panic);
    }
}

/// Counts the connection as open.
struct Open<'s>(&'s Shard);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.counters.open.decrease(1);
    }
}

async fn serve(shard: &Rc<Shard>, client: &Rc<Client>, begin: Begin) -> End {
    let mut arrived = begin == Begin::Arrived;
    let mut first = client.requests.get() == 0;
    loop {
        if !std::mem::take(&mut arrived) {
            match wait_for_bytes(shard, client, first).await {
                Waited::Arrived => {}
                Waited::Over => {
                    close(shard, client).await;
                    return End::Closed;
                }
                Waited::Parked => return End::Parked,
            }
        }
        if first && proxy_protocol::is_due(shard, client) {
            if !Box::pin(proxy_protocol::run(shard, client)).await {
                return End::Closed;
            }
            continue;
        }
        if first && handshake::is_due(shard, client) {
            match Box::pin(handshake::run(shard, client)).await {
                Shaken::Tls if http2::is_agreed(client) => {
                    Box::pin(http2::serve(shard, client)).await;
                    return End::Closed;
                }
                Shaken::Tls => continue,
                Shaken::Plain => client.lacks_tls.set(true),
                Shaken::Failed => return End::Closed,
            }
        }
        if first && http2::is_due(shard, client) && Box::pin(http2::is_begun(shard, client)).await {
            Box::pin(http2::serve(shard, client)).await;
            return End::Closed;
        }
        first = false;
        let mut seat = shard.seat().unwrap_or_else(|| Seat::new(serve_in_seat));
        let go_on = seat.serve(shard, client).await;
        shard.vacate(seat);
        if !go_on {
            close(shard, client).await;
            return End::Closed;
        }
    }
}

/// Tells the client of the end, behind all that it was sent.
async fn close(shard: &Shard, client: &Client) {
    if client.stream.is_tls() {
        let cycle = shard.cycle();
        let server = cycle.server(cycle.listen(client.listen.get()).default_server);
        let patience = cycle.location(server.root_location).send_timeout;
        Box::pin(client.stream.finish(patience)).await;
    }
}

pub(super) async fn serve_in_seat(shard: Rc<Shard>, client: Rc<Client>) -> bool {
    let _busy = shard.counters.busy.during();
    let mut exchange = shard.exchange(&client);
    let go_on = serve_arrived(&shard, &client, &mut exchange).await;
    shard.recycle(exchange);
    go_on
}

/// How a wait for the client ended.
enum Waited {
    /// The client sent something, or closed.
    Arrived,
    /// The time is over, or the worker drains.
    Over,
    /// It goes on without a task.
    Parked,
}

/// Waits, without holding a buffer, until the client sends something.
async fn wait_for_bytes(shard: &Rc<Shard>, client: &Rc<Client>, first: bool) -> Waited {
    let cycle = shard.cycle();
    if !client.belongs_to(&cycle) {
        return Waited::Over;
    }
    let server = default_server(&cycle, client);
    let timeout = if first { server.client_header_timeout } else { client.keepalive_timeout.get() };
    drop(cycle);
    if shard.draining.get() {
        return arrived_if(first && await_last_request(client).await);
    }
    if first && client.stream.has_news() {
        // Served without a watch; one that closes behind its answer never needs any.
        return Waited::Arrived;
    }
    client.deadline.arm(timeout);
    loop {
        client.deadline.set_idle(true);
        let ended = match client.stream.readable(&client.deadline).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.kind()),
        };
        let goes_on = match ended {
            Err(ErrorKind::WouldBlock) if !shard.draining.get() => {
                if parking::park(shard, client) {
                    return Waited::Parked;
                }
                true
            }
            Err(ErrorKind::Interrupted) => !shard.draining.get() && survives_reload(shard, client),
            _ => false,
        };
        if goes_on {
            continue;
        }
        client.deadline.set_idle(false);
        return match ended {
            Ok(()) => Waited::Arrived,
            // The worker drains, the port closes, or another connection needs the place; a request may have come in
            // the same moment.
            Err(ErrorKind::Interrupted | ErrorKind::WouldBlock) => arrived_if(
                client.stream.peek_closed() == Liveness::HasData
                    || (first && shard.draining.get() && await_last_request(client).await),
            ),
            Err(_) => Waited::Over,
        };
    }
}

fn arrived_if(arrived: bool) -> Waited {
    if arrived { Waited::Arrived } else { Waited::Over }
}

/// Whether a wait was interrupted by a reload that closes other ports, and goes on.
fn survives_reload(shard: &Shard, client: &Client) -> bool {
    let cycle = shard.cycle();
    client.generation.get() != cycle.generation && client.belongs_to(&cycle)
}

/// While draining, a connection that has not sent anything yet gets a moment to do so.
async fn await_last_request(client: &Client) -> bool {
    client.deadline.set_idle(false);
    client.deadline.arm(LAST_REQUEST_GRACE);
    client.stream.readable(&client.deadline).await.is_ok()
}

/// Serves requests as long as bytes of the next one are already here. `true`: the connection is kept and idle.
async fn serve_arrived(shard: &Rc<Shard>, client: &Rc<Client>, exchange: &mut Exchange) -> bool {
    let mut share = 0;
    loop {
        // A client that pipelines without end must not keep the core to itself.
        share += 1;
        if share > PIPELINE_SHARE {
            share = 0;
            client.deadline.arm(exchange.location_conf(&exchange.cycle).send_timeout);
            if client.stream.writable(&client.deadline).await.is_err() {
                return false;
            }
        }
        let cycle = shard.cycle();
        if !Rc::ptr_eq(&cycle, &exchange.cycle) {
            exchange.cycle = Rc::clone(&cycle);
        }
        if !client.belongs_to(&cycle) {
            return false;
        }
        let server = default_server(&cycle, client);
        enter_default_server(exchange, &cycle, client);
        let arrival = match client.http2 {
            None => exchange.read_request(&cycle, server).await,
            Some(_) => exchange.take_stream(&cycle, server),
        };
        shard.counters.requests.increment();
        let verdict = match arrival {
            Arrival::Request => phases::run(exchange, &cycle, shard).await,
            Arrival::Refused(status) => phases::refuse(exchange, &cycle, shard, status).await,
            Arrival::Closed(None) => {
                shard.counters.requests.decrease(1);
                return false;
            }
            Arrival::Closed(Some(status)) => {
                exchange.log_status = Some(status);
                shard.log_access(exchange);
                return false;
            }
        };
        if !answer(shard, exchange, &cycle, verdict).await {
            return false;
        }
        if exchange.consumed == exchange.input.len() {
            return true;
        }
    }
}

/// Writes the answer and the log line; `false`: the connection is over.
async fn answer(shard: &Shard, exchange: &mut Exchange, cycle: &Cycle, verdict: Verdict) -> bool {
    let conf = cycle.location(exchange.location);
    if verdict == Verdict::Close {
        shard.log_access(exchange);
        // A stream without an answer is reset, a connection closed.
        return false;
    }
    limit_keepalive(exchange, cycle, shard);
    exchange.client.keepalive_timeout.set(conf.keepalive_timeout);
    let sent = exchange.respond(cycle, conf).await;
    shard.log_access(exchange);
    if let Some(target) = &conf.post_action {
        phases::post_action(exchange, cycle, shard, target);
    }
    if exchange.client.http2.is_some() {
        return false;
    }
    match sent {
        Sent::KeepAlive => exchange.discard_body(conf.lingering_timeout, conf.lingering_time).await,
        Sent::Close => {
            exchange.linger(conf).await;
            false
        }
        Sent::Broken => {
            exchange.client.stream.abandon();
            if conf.reset_timedout_connection {
                exchange.client.stream.set_linger_reset();
            }
            false
        }
    }
}

/// `keepalive_requests`, `keepalive_time` and `keepalive_timeout 0`.
fn limit_keepalive(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) {
    let conf: &LocationConf = exchange.location_conf(cycle);
    let age = crate::time::now().monotonic_ms.saturating_sub(exchange.client.accepted_ms);
    if shard.draining.get()
        || conf.keepalive_timeout.is_zero()
        || exchange.client.requests.get() >= conf.keepalive_requests
        || u128::from(age) > conf.keepalive_time.as_millis()
    {
        exchange.keep_alive = false;
    }
}

/// The server whose limits and pages hold until the head is read: over TLS the one that the client named (SNI), else the
/// address's default one.
fn first_server(cycle: &Cycle, client: &Client) -> ServerId {
    let default = cycle.listen(client.listen.get()).default_server;
    if client.stream.is_tls() { tls::negotiated_server(client, cycle).unwrap_or(default) } else { default }
}

pub(super) fn default_server<'c>(cycle: &'c Cycle, client: &Client) -> &'c ServerConf {
    cycle.server(first_server(cycle, client))
}

/// Until the head is read the request belongs to the first server.
fn enter_default_server(exchange: &mut Exchange, cycle: &Cycle, client: &Client) {
    exchange.server = first_server(cycle, client);
    exchange.location = cycle.server(exchange.server).root_location;
}
