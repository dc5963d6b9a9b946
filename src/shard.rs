//! Everything one core owns: the configuration in force, pools, caches, peers' state, counters, log buffers.
//!
//! One shard per worker thread; nothing in it is ever shared or locked. It knows no phase and no handler.

mod names;
mod passwords;
mod pool;
mod seat;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::config::model::{LocationConf, LogEscape, LogTarget};
use crate::cycle::{Cycle, CycleRef};
use crate::files::OpenFileCache;
use crate::http::variables::{self, Presence};
use crate::http::{Client, Exchange, ParkedClient};
use crate::http1::encode;
use crate::io::ParkingLot;
use crate::io::panics::{self, Panic};
use crate::limits::counters::{self, Counters};
use crate::log::{AccessBuffer, Level};
use crate::upstream::Upstreams;

/// Exchanges and seats kept for reuse; more are made when more requests are in flight at once.
const POOLED_EXCHANGES: usize = 512;

/// So many of them may keep large buffers.
const POOLED_LARGE: usize = 64;

/// Memory each buffer of these may keep: twice the largest read of a long answer and a head, so that such answers do
/// not allocate in steady state. Most stay far below.
const POOLED_BUFFER: usize = 144 * 1024;

/// Memory each buffer of the others may keep: what a request and a small answer need.
const POOLED_SMALL_BUFFER: usize = 10 * 1024;

/// Most bytes of lines of one turn that are written together to a log without `buffer=`.
const TURN_LINES: usize = 16 * 1024;

/// How often waiting log lines are looked at.
pub const LOG_FLUSH_INTERVAL: Duration = Duration::from_millis(100);

pub use names::{NameError, Names};
pub use passwords::{Overloaded, Passwords};
use pool::Pool;
pub use seat::Seat;

/// What one core owns.
pub struct Shard {
    /// Which worker this is, from 0.
    pub worker: usize,
    /// The shard itself, for tasks that outlive a request.
    me: Weak<Self>,
    cycle: RefCell<CycleRef>,
    exchanges: Pool<Box<Exchange>>,
    seats: Pool<Seat>,
    /// Open files and small files' content.
    pub files: RefCell<OpenFileCache>,
    /// Checks of passwords.
    pub passwords: Passwords,
    /// Addresses of the hosts that variables name.
    pub names: Names,
    /// Peers and idle connections to them.
    pub upstreams: RefCell<Upstreams>,
    access_logs: RefCell<Vec<(LogTarget, AccessBuffer, u64)>>,
    /// Whom to wake for the lines of this turn; `None` when that was done.
    lines_due: Cell<Option<Waker>>,
    log_line: RefCell<(Vec<u8>, Vec<u8>)>,
    /// Client connections that have been idle for a while. They are open too.
    pub parked: ParkingLot<ParkedClient>,
    /// What this core counts: open client connections, requests.
    pub counters: Arc<Counters>,
    /// When a connection was last turned away for want of room, in seconds of the monotonic clock.
    pub refused_second: Cell<u64>,
    /// Requests under way that no client waits for (`mirror`).
    pub in_background: Cell<usize>,
    /// When one of these was last left out for want of room, in seconds of the monotonic clock.
    pub left_out_second: Cell<u64>,
    /// No new requests: finish what runs and end.
    pub draining: Cell<bool>,
}

impl Shard {
    /// A core's belongings under a first configuration.
    pub fn new(worker: usize, cycle: Arc<Cycle>) -> Rc<Self> {
        let upstreams = Upstreams::new();
        Rc::new_cyclic(|me| Self {
            worker,
            me: Weak::clone(me),
            cycle: RefCell::new(Rc::new(cycle)),
            exchanges: Pool::new(),
            seats: Pool::new(),
            files: RefCell::new(OpenFileCache::new()),
            passwords: Passwords::default(),
            names: Names::default(),
            upstreams: RefCell::new(upstreams),
            access_logs: RefCell::new(Vec::new()),
            lines_due: Cell::new(None),
            log_line: RefCell::default(),
            parked: ParkingLot::new(),
            counters: counters::mine(),
            refused_second: Cell::new(u64::MAX),
            in_background: Cell::new(0),
            left_out_second: Cell::new(u64::MAX),
            draining: Cell::new(false),
        })
    }

    /// The shard for a task that outlives a request; `None` when it is just being taken apart.
    pub fn to_owned(&self) -> Option<Rc<Self>> {
        self.me.upgrade()
    }

    /// The configuration in force.
    pub fn cycle(&self) -> CycleRef {
        Rc::clone(&self.cycle.borrow())
    }

    /// Takes up a new configuration: requests from now on see it. Lines waiting for the old one's logs are written.
    pub fn adopt(&self, cycle: Arc<Cycle>) {
        self.flush_logs();
        self.access_logs.borrow_mut().clear();
        *self.cycle.borrow_mut() = Rc::new(cycle);
        self.exchanges.clear();
        self.files.borrow_mut().clear();
    }

    /// An exchange for this client.
    pub fn exchange(&self, client: &Rc<Client>) -> Box<Exchange> {
        let pooled = self.exchanges.take();
        let mut exchange = pooled.unwrap_or_else(|| Box::new(Exchange::new(self.cycle())));
        exchange.attach(Rc::clone(client), self.cycle());
        exchange
    }

    /// A seat that is free.
    pub fn seat(&self) -> Option<Seat> {
        self.seats.take()
    }

    /// Takes a seat back.
    pub fn vacate(&self, seat: Seat) {
        if self.seats.len() < POOLED_EXCHANGES {
            self.seats.put(seat);
        }
    }

    /// Takes an exchange back.
    pub fn recycle(&self, mut exchange: Box<Exchange>) {
        let pool = &self.exchanges;
        if pool.len() < POOLED_EXCHANGES && Rc::ptr_eq(&exchange.cycle, &self.cycle.borrow()) {
            exchange.detach(if pool.len() < POOLED_LARGE { POOLED_BUFFER } else { POOLED_SMALL_BUFFER });
            pool.put(exchange);
        }
    }

    /// Says in the main log that something panicked, where, in which request, and by which frames it came there.
    pub fn log_panic(&self, connection: u64, what: &str, panic: Panic) {
        let cycle = Arc::clone(&self.cycle());
        let say = move |message: std::fmt::Arguments<'_>| {
            cycle.logs.error(&cycle.conf.error_log, Level::Alert, connection, message);
        };
        say(format_args!("{what}: {}{}", panic.message, panic.during));
        let Some(backtrace) = panic.backtrace else { return };
        // Their names are looked for beside the loop. Where no thread can be had, the place alone is told.
        let _ = std::thread::Builder::new().name("ringx-trace".to_owned()).spawn(move || {
            crate::time::refresh();
            for (number, frame) in panics::frames(&backtrace).iter().enumerate() {
                say(format_args!("backtrace {number}: {frame}"));
            }
        });
    }

    /// Lets go of some of the exchanges and seats that were not needed since the last time: how many.
    pub fn trim(&self) -> usize {
        self.exchanges.trim() + self.seats.trim()
    }

    /// Writes the access log lines of a finished request.
    #[inline]
    pub fn log_access(&self, exchange: &Exchange) {
        let conf = exchange.cycle.location(exchange.location);
        if !conf.access_logs.is_empty() {
            self.write_access_lines(exchange, conf);
        }
    }

    fn write_access_lines(&self, exchange: &Exchange, conf: &LocationConf) {
        let current = self.cycle();
        for log in conf.access_logs.iter() {
            let (line, scratch) = &mut *self.log_line.borrow_mut();
            if let Some(condition) = &log.condition {
                line.clear();
                variables::evaluate(exchange, condition, line);
                if line.is_empty() || line == b"0" {
                    continue;
                }
            }
            line.clear();
            variables::evaluate_for_log(
                exchange,
                &log.format.template,
                scratch,
                line,
                escape(log.format.escape),
            );
            line.push(b'\n');
            // A request from before a reload: the log as it is open now (USR1 reopens no other), or, when the new
            // configuration has no such log, its own, where nobody would write a waiting line any more.
            let (logs, capacity) = match current.logs.has(&log.target) {
                true => (&current.logs, log.buffer.unwrap_or(TURN_LINES)),
                false => (&exchange.cycle.logs, 0),
            };
            if log.buffer.is_none()
                && let Some(waker) = self.lines_due.take()
            {
                waker.wake();
            }
            let flush_ms = match log.flush {
                Some(flush) => u64::try_from(flush.as_millis()).unwrap_or(u64::MAX),
                None if log.buffer.is_none() => 0,
                None => u64::MAX,
            };
            let now_ms = crate::time::now().monotonic_ms;
            self.with_access_log(&log.target, flush_ms, |buffer| {
                buffer.push(line, capacity, now_ms, |bytes| logs.write(&log.target, bytes));
            });
        }
    }

    fn with_access_log(&self, target: &LogTarget, flush_ms: u64, act: impl FnOnce(&mut AccessBuffer)) {
        let mut logs = self.access_logs.borrow_mut();
        let at = logs.iter().position(|(t, ..)| t == target).unwrap_or_else(|| {
            logs.push((target.clone(), AccessBuffer::default(), flush_ms));
            logs.len() - 1
        });
        let (_, buffer, flushed_ms) = &mut logs[at];
        // A log that is written without a buffer elsewhere waits nowhere.
        *flushed_ms = flush_ms.min(*flushed_ms);
        act(buffer);
    }

    /// Completes behind the tasks of this turn when one of them wrote a line to a log without `buffer=`: then
    /// [`Shard::flush_due_logs`].
    pub async fn lines_due(&self) {
        let mut waits = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waits, true) && self.lines_due.replace(None).is_none() {
                return Poll::Ready(());
            }
            self.lines_due.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Writes lines that waited for their `flush=` time.
    pub fn flush_due_logs(&self) {
        let cycle = self.cycle();
        let now_ms = crate::time::now().monotonic_ms;
        for (target, buffer, flush_ms) in self.access_logs.borrow_mut().iter_mut() {
            buffer.flush_if_due(*flush_ms, now_ms, |bytes| cycle.logs.write(target, bytes));
        }
    }

    /// Writes all waiting lines: before the end, and before logs are reopened.
    pub fn flush_logs(&self) {
        let cycle = self.cycle();
        for (target, buffer, _) in self.access_logs.borrow_mut().iter_mut() {
            buffer.flush(|bytes| cycle.logs.write(target, bytes));
        }
    }
}

/// The `escape=` of a `log_format`.
fn escape(kind: LogEscape) -> impl FnMut(&mut Vec<u8>, &[u8], Presence) {
    move |out, value, presence| match kind {
        LogEscape::Default if presence == Presence::Missing => out.push(b'-'),
        LogEscape::Default => encode::push_escaped(out, value),
        LogEscape::Json => encode::push_json(out, value),
        LogEscape::None => out.extend_from_slice(value),
    }
}
