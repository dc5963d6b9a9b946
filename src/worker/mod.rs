//! One thread, one ring: accept, serve, drain.
//!
//! A worker owns its core and shares, locks and blocks on nothing. The master starts it and speaks to it through a
//! mailbox. A panic in one request ends that connection alone.

mod connection;
mod handshake;
mod http2;
mod parking;
mod proxy_protocol;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use self::connection::Begin;
use crate::cycle::Cycle;
use crate::http::Client;
use crate::io::mailbox::{Mailbox, Receiver};
use crate::io::{self, Deadline, ListenSocket, Listener, RingMode};
use crate::log::{Errno, Level};
use crate::shard::Shard;

/// What the master tells a worker.
#[derive(Debug)]
pub enum Order {
    /// Serve under this configuration from now on. The sockets are those of addresses that were not there before;
    /// sockets of addresses that the configuration does not name any more close.
    Adopt(Arc<Cycle>, Vec<ListenSocket>),
    /// Write waiting log lines: the logs are about to be reopened. Dropping the sender says that it is done.
    FlushLogs(std::sync::mpsc::Sender<()>),
    /// Accept nothing more, finish what runs, then end; at the latest after this time, if one is given.
    Drain(Option<Duration>),
    /// End now.
    Stop,
}

/// What a worker tells the master.
#[derive(Debug)]
pub enum Report {
    /// It runs its loop, on this rung.
    Started(usize, RingMode),
    /// It ended: all connections are closed.
    Ended(usize),
    /// Its loop could not start.
    Failed(usize, std::io::Error),
}

/// What a worker is started with.
#[derive(Debug)]
pub struct Start {
    /// Which worker, from 0.
    pub index: usize,
    /// The configuration.
    pub cycle: Arc<Cycle>,
    /// Its own listening sockets.
    pub listens: Vec<ListenSocket>,
    /// Orders from the master.
    pub orders: Mailbox<Order>,
    /// Reports to the master.
    pub reports: std::sync::mpsc::Sender<Report>,
}

/// After EMFILE and its like: how long accepting rests (nginx's `accept_mutex_delay`).
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Idle connections that make room at once for new ones, as in nginx.
const MAX_REUSED: usize = 32;

/// How long a new connection waits for the others to make room.
const ROOM_PAUSE: Duration = Duration::from_millis(2);

/// How often waiting log lines and surplus connections to peers are looked at.
const SWEEP_INTERVAL: Duration = crate::shard::LOG_FLUSH_INTERVAL;

/// How often idle connections to peers are looked at, in milliseconds: one that the app closed does not hold its
/// descriptor for longer. Each look costs one recv(2) per idle connection.
const PEER_SWEEP_MS: u64 = 1000;

/// Long enough for one more turn of the loop.
const LAST_TURN: Duration = Duration::from_millis(2);

/// How often a worker that ends looks whether its ports are closed.
const CLOSE_POLL: Duration = Duration::from_millis(1);

/// While draining: how often the number of open connections is looked at.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// `$connection`: unique in the process; touched once per connection.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// Runs a worker on the calling thread until it is told to end.
pub fn run(start: Start) {
    let (index, reports) = (start.index, start.reports.clone());
    let outcome = io::runtime::run(None, || work(start));
    let _ = reports.send(match outcome {
        Ok(_) => Report::Ended(index),
        Err(error) => Report::Failed(index, error),
    });
}

async fn work(start: Start) {
    let shard = Shard::new(start.index, start.cycle);
    let Ok(orders) = start.orders.open() else { return };
    let _ = start.reports.send(Report::Started(start.index, io::runtime::mode()));
    let mut open = Listeners::default();
    open.start(&shard, start.listens);
    io::runtime::spawn(sweep(Rc::clone(&shard)));
    io::runtime::spawn(parking::relieve(Rc::clone(&shard)));
    io::runtime::spawn(write_lines(Rc::clone(&shard)));
    obey(&shard, &orders, &mut open).await;
    shard.flush_logs();
    open.close();
    open.closed().await;
    // Their frames move in tasks, which are told of the end while there is a loop.
    shard.upstreams.borrow().close_idle();
    // The ring closes sockets at the end of a turn: without one more, the ports would stay open until the kernel has
    // taken the ring apart, a moment after the process is gone.
    io::timer::sleep(LAST_TURN).await;
}

/// Carries out orders until the end.
async fn obey(shard: &Rc<Shard>, orders: &Receiver<Order>, open: &mut Listeners) {
    loop {
        match orders.recv().await {
            Some(Order::Adopt(cycle, listens)) => {
                shard.adopt(cycle);
                if open.retain_named(shard) {
                    // Idle connections of a port that closes are closed with it.
                    io::timer::interrupt_idle();
                    parking::close_unnamed(shard);
                }
                open.start(shard, listens);
            }
            Some(Order::FlushLogs(_done)) => shard.flush_logs(),
            Some(Order::Drain(limit)) => {
                shard.draining.set(true);
                open.close();
                io::timer::interrupt_idle();
                parking::drain(shard);
                let stop = pin!(stopped(shard, orders));
                let drained = pin!(drained(shard, limit));
                first_of(stop, drained).await;
                return;
            }
            Some(Order::Stop) | None => return,
        }
    }
}

/// Completes when the master says stop while the worker drains.
async fn stopped(shard: &Shard, orders: &Receiver<Order>) {
    loop {
        match orders.recv().await {
            Some(Order::Stop) | None => return,
            Some(Order::FlushLogs(_done)) => shard.flush_logs(),
            Some(Order::Adopt(..) | Order::Drain(_)) => {}
        }
    }
}

/// Completes when no client connection is open and no request under way that no client waits for, or `limit` is over (`worker_shutdown_timeout`).
async fn drained(shard: &Shard, limit: Option<Duration>) {
    let begun = crate::time::refresh().monotonic_ms;
    let is_over = || {
        let waited = crate::time::refresh().monotonic_ms.saturating_sub(begun);
        limit.is_some_and(|limit| u128::from(waited) >= limit.as_millis())
    };
    while (shard.counters.open.get() > 0 || shard.in_background.get() > 0) && !is_over() {
        io::timer::sleep(DRAIN_POLL).await;
    }
}

/// The accept tasks of this worker.
#[derive(Default)]
struct Listeners {
    running: Vec<Rc<Accepting>>,
    /// One reference is held by each accept task until its end.
    tasks: Rc<()>,
}

/// One accept task's switch.
struct Accepting {
    addr: io::SockAddr,
    stop: Cell<bool>,
    deadline: Deadline,
    _task: Rc<()>,
}

impl Accepting {
    fn stop(&self) {
        self.stop.set(true);
        self.deadline.interrupt();
    }
}

impl Listeners {
    /// Starts accepting on these sockets.
    fn start(&mut self, shard: &Rc<Shard>, listens: Vec<ListenSocket>) {
        for socket in listens {
            let addr = socket.addr().clone();
            match Listener::new(socket) {
                Ok(listener) => {
                    let accepting = Rc::new(Accepting {
                        addr,
                        stop: Cell::new(false),
                        deadline: Deadline::new(),
                        _task: Rc::clone(&self.tasks),
                    });
                    self.running.push(Rc::clone(&accepting));
                    io::runtime::spawn(accept(Rc::clone(shard), listener, accepting));
                }
                Err(error) => log(shard, Level::Alert, format_args!("cannot accept on {addr}: {error}")),
            }
        }
    }

    /// Stops accepting on addresses that the configuration in force does not name; gives whether there were any.
    fn retain_named(&mut self, shard: &Shard) -> bool {
        let cycle = shard.cycle();
        let before = self.running.len();
        self.running.retain(|accepting| {
            let named = cycle.listen_of(&accepting.addr).is_some();
            if !named {
                accepting.stop();
            }
            named
        });
        self.running.len() < before
    }

    fn close(&mut self) {
        for accepting in self.running.drain(..) {
            accepting.stop();
        }
    }

    /// Waits until every task has ended that was told to: a task that is left when the loop ends leaves its port open.
    async fn closed(&self) {
        while Rc::strong_count(&self.tasks) > 1 {
            io::timer::sleep(CLOSE_POLL).await;
        }
    }
}

/// Accepts until told to stop; then takes what still waits in the queue.
async fn accept(shard: Rc<Shard>, listener: Listener, accepting: Rc<Accepting>) {
    let addr = Rc::new(listener.addr().clone());
    while !accepting.stop.get() {
        let next = {
            let next = pin!(listener.accept());
            let over = pin!(accepting.deadline.over());
            either(next, over).await
        };
        match next {
            Some(Ok((stream, remote))) => {
                if !has_room(&shard) {
                    // Those that came with it become idle and can make room; the next ones wait in the kernel.
                    io::timer::sleep(ROOM_PAUSE).await;
                }
                admit(&shard, stream, remote, &addr);
            }
            Some(Err(error)) => {
                log(&shard, Level::Crit, format_args!("accept4() failed ({})", Errno(&error)));
                io::timer::sleep(ACCEPT_PAUSE).await;
            }
            None => break,
        }
    }
    while let Ok(Some((stream, remote))) = listener.try_accept() {
        admit(&shard, stream, remote, &addr);
    }
    listener.close();
}

/// Starts the task of a new connection, if `worker_connections` allows.
fn admit(shard: &Rc<Shard>, stream: io::Stream, remote: io::SockAddr, listen_addr: &Rc<io::SockAddr>) {
    let cycle = shard.cycle();
    shard.counters.accepted.increment();
    if !has_room(shard) {
        refuse(shard);
        return;
    }
    let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
    let Some(client) = Client::new(stream, remote, Rc::clone(listen_addr), &cycle, serial).map(Rc::new)
    else {
        return;
    };
    shard.counters.handled.increment();
    shard.counters.open.increment();
    io::runtime::spawn(connection::serve_fenced(Rc::clone(shard), client, Begin::Waiting));
}

/// Whether `worker_connections` allow one more. When little is left, idle connections make room, as in nginx.
fn has_room(shard: &Rc<Shard>) -> bool {
    let open = usize::try_from(shard.counters.open.get()).unwrap_or(usize::MAX);
    let limit = shard.cycle().conf.worker_connections;
    if limit.saturating_sub(open) > limit / 16 {
        return true;
    }
    if parking::make_room(shard, MAX_REUSED) > 0 {
        return true;
    }
    open < limit + io::timer::interrupt_oldest_idle(MAX_REUSED)
}

/// Says once a second that connections are turned away.
fn refuse(shard: &Shard) {
    let second = crate::time::now().monotonic_ms / 1000;
    if shard.refused_second.replace(second) != second {
        let limit = shard.cycle().conf.worker_connections;
        log(shard, Level::Alert, format_args!("{limit} worker_connections are not enough"));
    }
}

/// Writes the access log lines of each turn together, instead of one write(2) for each.
async fn write_lines(shard: Rc<Shard>) {
    loop {
        shard.lines_due().await;
        shard.flush_due_logs();
    }
}

/// Flushes logs, closes idle connections to peers and lets go of what a burst needed, now and then.
async fn sweep(shard: Rc<Shard>) {
    let mut swept_ms = 0;
    loop {
        io::timer::sleep(SWEEP_INTERVAL).await;
        let now_ms = crate::time::refresh().monotonic_ms;
        shard.flush_due_logs();
        shard.upstreams.borrow().drop_surplus(now_ms);
        if now_ms.saturating_sub(swept_ms) >= PEER_SWEEP_MS {
            shard.upstreams.borrow().sweep(now_ms);
            if shard.trim() > 0 {
                io::sys::return_memory();
            }
            swept_ms = now_ms;
        }
    }
}

fn log(shard: &Shard, level: Level, message: std::fmt::Arguments<'_>) {
    let cycle = shard.cycle();
    cycle.logs.error(&cycle.conf.error_log, level, 0, message);
}

/// `Some` with the first future's output, `None` when the second was first.
async fn either<A: Future, B: Future>(
    mut a: std::pin::Pin<&mut A>,
    mut b: std::pin::Pin<&mut B>,
) -> Option<A::Output> {
    std::future::poll_fn(move |context| {
        if let Poll::Ready(output) = a.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        b.as_mut().poll(context).map(|_| None)
    })
    .await
}

/// Completes with whichever is first.
async fn first_of<A: Future<Output = ()>, B: Future<Output = ()>>(
    a: std::pin::Pin<&mut A>,
    b: std::pin::Pin<&mut B>,
) {
    either(a, b).await;
}
