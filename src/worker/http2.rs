//! An HTTP/2 connection: takes its streams in, and each becomes a client of its own with one request.
//!
//! Frames, header compression and flow control are the `h2` crate's; what one stream's exchange sees of it is `http::http2`'s.
//! Here are the bounds of the whole connection: who may open how much, how long it may rest, what a flood is (`guard`), and how
//! it ends. A stream is a task with the panic fence, served in a seat as the requests of a connection of HTTP/1.1 are.

mod guard;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};

use super::connection::{default_server, serve_in_seat};
use crate::config::model::ServerConf;
use crate::cycle::Cycle;
use crate::http::{Client, Http2};
use crate::io::runtime::{fenced, spawn};
use crate::io::{Outbox, PollStream, timer};
use crate::log::Level;
use crate::shard::{Seat, Shard};
use guard::{Guard, Guarded};

/// What a client begins with that knows that HTTP/2 is spoken (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// So much of it is no beginning of anything else.
const TELLING: usize = 3;

/// Between two looks at a client that has sent less.
const SNIFF_AGAIN: Duration = Duration::from_millis(20);

/// Bytes that one connection's streams may have sent and that nobody has read yet.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Bytes of one stream's response that wait for the socket.
const SEND_BUFFER: usize = 64 << 10;

/// Streams that a client has reset before anybody has looked at them (CVE-2023-44487); with more the connection ends.
const UNSEEN_RESETS: usize = 20;

/// Streams that had to be reset for what the client did in them (CVE-2025-8671); with more the connection ends.
const FAULTY_STREAMS: usize = 100;

/// For a client to take notice that the connection ends.
const GRACE: Duration = Duration::from_secs(1);

/// Bytes read and dropped meanwhile.
const LINGER_BYTES: usize = 1 << 20;

type Connection = server::Connection<Guarded, Bytes>;

/// Whether clients without TLS may begin with HTTP/2 on this one's port.
#[inline]
pub(super) fn is_due(shard: &Shard, client: &Client) -> bool {
    let cycle = shard.cycle();
    !client.stream.is_tls()
        && !client.lacks_tls.get()
        && cycle.offers_http2(client.listen.get(), cycle.listen(client.listen.get()).default_server)
}

/// Whether both ends have agreed on HTTP/2 in the handshake.
#[cold]
pub(super) fn is_agreed(client: &Client) -> bool {
    client.stream.tls_agreed(|agreed| agreed.alpn_protocol() == Some(b"h2")) == Some(true)
}

/// Whether this client, which has sent something, begins with HTTP/2.
pub(super) async fn is_begun(shard: &Shard, client: &Client) -> bool {
    let end = client.deadline_after(default_server(&shard.cycle(), client).client_header_timeout);
    let mut first = [0; TELLING];
    loop {
        match client.stream.peek(&mut first) {
            Ok(TELLING) => return first == PREFACE[..TELLING],
            Ok(0) => return false,
            Ok(count) if first[..count] != PREFACE[..count] => return false,
            // It could become either; a wait for the socket would end at once.
            Ok(_) if crate::time::now().monotonic_ms < end => timer::sleep(SNIFF_AGAIN).await,
            Ok(_) | Err(_) => return false,
        }
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve(shard: &Rc<Shard>, client: &Rc<Client>) {
    client.deadline.stay();
    let guard = Rc::new(Guard::default());
    let outbox = Rc::new(Outbox::default());
    let Some(connection) = begin(shard, client, &guard, &outbox).await else { return };
    let mut serving = Serving {
        shard,
        client,
        connection,
        guard,
        outbox,
        active: Rc::default(),
        state: State::Busy,
        ending: false,
    };
    serving.run().await;
    // What the client takes at once of what is left.
    let _ = serving.outbox.poll_send(&client.stream, &mut Context::from_waker(Waker::noop()));
    drop(serving);
    linger(client).await;
}

/// The first frames; `None`: the client sends none.
async fn begin(
    shard: &Shard,
    client: &Rc<Client>,
    guard: &Rc<Guard>,
    outbox: &Rc<Outbox>,
) -> Option<Connection> {
    let cycle = shard.cycle();
    let server = default_server(&cycle, client);
    client.deadline.set_idle(false);
    client.deadline.arm(server.client_header_timeout);
    let stream = PollStream::gathering(Rc::clone(client), Rc::clone(outbox));
    let io = Guarded::new(stream, Rc::clone(guard));
    let mut handshake = pin!(builder(server).handshake(io));
    drop(cycle);
    let mut over = pin!(client.deadline.over());
    poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(connection) => Poll::Ready(connection.ok()),
        Poll::Pending => match outbox.poll_send(&client.stream, context) {
            Poll::Ready(Err(_)) => Poll::Ready(None),
            Poll::Ready(Ok(())) | Poll::Pending => over.as_mut().poll(context).map(|_| None),
        },
    })
    .await
}

fn builder(server: &ServerConf) -> server::Builder {
    let (number, size) = server.large_client_header_buffers;
    // Somewhat more than a request may have: what is a little too long is answered with a page.
    let head = number.saturating_mul(size.max(server.client_header_buffer_size)).saturating_mul(2);
    let conf = &server.http2;
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(conf.max_concurrent_streams)
        .initial_window_size(conf.stream_window)
        .initial_connection_window_size(CONNECTION_WINDOW.max(conf.stream_window))
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_local_error_reset_streams(Some(FAULTY_STREAMS));
    builder
}

/// A connection that is served.
struct Serving<'c> {
    shard: &'c Rc<Shard>,
    client: &'c Rc<Client>,
    connection: Connection,
    guard: Rc<Guard>,
    /// Frames that are to be sent together.
    outbox: Rc<Outbox>,
    /// Streams with a task.
    active: Rc<Streams>,
    state: State,
    /// The client was told that nothing new is taken.
    ending: bool,
}

/// What the connection's deadline bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Requests are served, each with deadlines of its own.
    Busy,
    /// All are served, and the client does not take what is left to be sent: bytes sent until now.
    Stalled(u64),
    /// Nothing is under way.
    Idle,
}

/// What the connection waits for.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Event {
    Request(http::Request<RecvStream>, SendResponse<Bytes>),
    /// The deadline is over, or was interrupted.
    Over(ErrorKind),
    Flooded,
    Closed,
    /// What the client did.
    Faulty(h2::Error),
}

impl Serving<'_> {
    async fn run(&mut self) {
        loop {
            if self.shard.draining.get() {
                self.end();
            }
            match self.next().await {
                Event::Request(request, respond) => self.take(request, respond),
                Event::Over(ErrorKind::TimedOut)
                    if self.ending || matches!(self.state, State::Stalled(_)) =>
                {
                    return;
                }
                Event::Over(ErrorKind::TimedOut) => self.end(),
                Event::Over(_) if !self.shard.draining.get() => self.interrupted(),
                Event::Over(_) => {}
                Event::Flooded => {
                    self.log(format_args!("client floods its HTTP/2 connection"));
                    self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    self.guard.forgive();
                    self.ending = true;
                }
                Event::Faulty(error) => {
                    self.log(format_args!("client sent what HTTP/2 does not allow: {error}"));
                    return;
                }
                Event::Closed => return,
            }
        }
    }

    /// Drives the connection until there is something to do.
    async fn next(&mut self) -> Event {
        let client = self.client;
        // Also a busy connection is to hear that the worker drains.
        client.deadline.set_idle(true);
        let mut over = pin!(client.deadline.over());
        let event = poll_fn(|context| match self.poll_event(context) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => over.as_mut().poll(context).map(|error| Event::Over(error.kind())),
        })
        .await;
        client.deadline.set_idle(false);
        event
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let accepted = self.connection.poll_accept(context);
        if self.guard.is_flooded() {
            return Poll::Ready(Event::Flooded);
        }
        match accepted {
            Poll::Ready(None) => Poll::Ready(Event::Closed),
            Poll::Ready(Some(Ok((request, respond)))) => Poll::Ready(Event::Request(request, respond)),
            Poll::Ready(Some(Err(error))) if error.is_io() => Poll::Ready(Event::Closed),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Event::Faulty(error)),
            Poll::Pending => {
                if let Poll::Ready(Err(_)) = self.outbox.poll_send(&self.client.stream, context) {
                    return Poll::Ready(Event::Closed);
                }
                self.active.remember(context.waker());
                self.bound();
                Poll::Pending
            }
        }
    }

    /// Arms the deadline for what is waited for now, when that is something else than before.
    fn bound(&mut self) {
        let state = if self.active.count.get() > 0 {
            State::Busy
        } else if self.connection.has_streams() || !self.outbox.is_empty() {
            State::Stalled(self.guard.sent())
        } else {
            State::Idle
        };
        if std::mem::replace(&mut self.state, state) == state {
            return;
        }
        let deadline = &self.client.deadline;
        let cycle = self.shard.cycle();
        let server = default_server(&cycle, self.client);
        let conf = cycle.location(server.root_location);
        match state {
            State::Busy => deadline.disarm(),
            State::Stalled(_) => deadline.arm(conf.send_timeout),
            State::Idle if self.ending => deadline.arm(GRACE),
            State::Idle if self.client.requests.get() == 0 => deadline.arm(server.client_header_timeout),
            State::Idle => deadline.arm(conf.keepalive_timeout),
        }
    }

    /// A reload closes other ports, or another connection needs the place of one that is idle.
    fn interrupted(&mut self) {
        let cycle = self.shard.cycle();
        let reloaded = self.client.generation.get() != cycle.generation;
        let stays = if reloaded { self.client.belongs_to(&cycle) } else { self.state != State::Idle };
        if !stays {
            self.end();
        }
    }

    /// Tells the client that no more requests are taken (GOAWAY); those under way are finished.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.ending, true) {
            self.connection.graceful_shutdown();
            if self.state == State::Idle {
                self.client.deadline.arm(GRACE);
            }
        }
    }

    /// A request has come.
    fn take(&mut self, request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let cycle = self.shard.cycle();
        if !self.client.belongs_to(&cycle) {
            // It was not looked at: the client may send it again elsewhere.
            respond.send_reset(Reason::REFUSED_STREAM);
            return self.end();
        }
        let stream = Rc::new(Http2::new(Rc::clone(self.client), request, respond));
        let part = Rc::new(Client::of_stream(stream));
        self.client.requests.set(self.client.requests.get() + 1);
        if self.is_used_up(&cycle) {
            self.end();
        }
        let active = Active::new(&self.active);
        spawn(serve_stream(Rc::clone(self.shard), part, active));
    }

    /// `keepalive_requests` and `keepalive_time`.
    fn is_used_up(&self, cycle: &Cycle) -> bool {
        let conf = cycle.location(default_server(cycle, self.client).root_location);
        let age = crate::time::now().monotonic_ms.saturating_sub(self.client.accepted_ms);
        self.client.requests.get() >= conf.keepalive_requests
            || u128::from(age) > conf.keepalive_time.as_millis()
    }

    fn log(&self, message: std::fmt::Arguments<'_>) {
        let cycle = self.shard.cycle();
        let server = default_server(&cycle, self.client);
        let logs = &cycle.location(server.root_location).error_log;
        let client = String::from_utf8_lossy(&self.client.remote_text);
        let local = &self.client.listen_addr;
        let message =
            format_args!("{message} while processing HTTP/2 connection, client: {client}, server: {local}");
        cycle.logs.error(logs, Level::Info, self.client.serial, message);
    }
}

/// Streams that have a task, and who is to hear when the last one is done: while the client takes nothing, no frame wakes the
/// connection.
#[derive(Default)]
struct Streams {
    count: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Streams {
    fn remember(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}

/// One of them.
struct Active(Rc<Streams>);

impl Active {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.count.set(streams.count.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let left = self.0.count.get() - 1;
        self.0.count.set(left);
        if left == 0 {
            let waker = self.0.waker.borrow_mut().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// Serves the one request of a stream; a panic ends it alone and is logged.
async fn serve_stream(shard: Rc<Shard>, client: Rc<Client>, active: Active) {
    let mut seat = shard.seat().unwrap_or_else(|| Seat::new(serve_in_seat));
    let served = {
        let mut task = pin!(seat.serve(&shard, &client));
        fenced(task.as_mut()).await
    };
    match served {
        Ok(_) => shard.vacate(seat),
        Err(panic) => shard.log_panic(client.serial, "a request panicked, its stream is reset", panic),
    }
    if let Some(stream) = &client.http2 {
        stream.release();
    }
    drop(active);
}

/// Closes so that the client can read why: bytes that wait unread would make the close a reset.
async fn linger(client: &Client) {
    if client.stream.shutdown_write().is_err() {
        return;
    }
    client.deadline.set_idle(false);
    client.deadline.arm(GRACE);
    let (mut dropped, mut sink) = (0, Vec::new());
    while dropped < LINGER_BYTES {
        sink.clear();
        match client.stream.recv_into(&mut sink, 16 << 10) {
            Ok(0) => return,
            Ok(count) => dropped += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if client.stream.readable(&client.deadline).await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
