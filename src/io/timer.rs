//! Deadlines: one per connection, kept in a table of the thread, looked at when the thread's one timer rings.
//!
//! The timer is a timerfd(2) that the loop polls like a socket, so a turn without an expiry costs nothing for it: no
//! time-out is computed for the wait in the kernel, no clock read. Arming is a store and a compare: no allocation, no
//! ring operation. A deadline fires late by up to [`TICK`], and early by less than the clock's millisecond. Must never be
//! used to order events, only to bound waits. Called by whatever waits for a socket; the task that looks is started by
//! `runtime::run`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::ready::Polled;
use super::{check, retry, runtime};
use crate::time;

/// The least time between two looks at the table, and so the most by which a deadline is late.
pub const TICK: Duration = Duration::from_millis(20);

/// The most time between two looks: bounds what a clock that jumps (a suspended machine) can do.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// Milliseconds that no clock reaches: the deadline is not armed.
const NEVER: u64 = u64::MAX;

/// A bound on waits, created once per connection and armed before each wait.
///
/// An expired deadline stays expired until it is armed or disarmed again.
#[derive(Debug)]
pub struct Deadline {
    slot: usize,
    /// What `arm` was last given, in milliseconds, for [`Deadline::rearm`].
    span: Cell<u64>,
    /// The table is the thread's.
    _thread: PhantomData<*const ()>,
}

impl Deadline {
    /// A deadline that is not armed.
    pub fn new() -> Self {
        let slot = with_table(Table::claim).unwrap_or(usize::MAX);
        Self { slot, span: Cell::new(NEVER), _thread: PhantomData }
    }

    /// Expires `after` from now.
    pub fn arm(&self, after: Duration) {
        self.span.set(millis(after));
        self.rearm();
    }

    /// Expires after the time last given to [`Deadline::arm`], from now: there was progress.
    pub fn rearm(&self) {
        let at = now().saturating_add(self.span.get());
        with_table(|table| {
            table.at[self.slot] = at;
            // The timer rings after this deadline: it must ring earlier. Rare, because most deadlines of a server are
            // farther away than the one it is already set for.
            if at < table.next_look {
                table.ring_at(at.max(table.last_look + millis(TICK)));
            }
        });
    }

    /// Never expires, until armed again.
    pub fn disarm(&self) {
        with_table(|table| table.at[self.slot] = NEVER);
    }

    /// Whether the time is over.
    pub fn expired(&self) -> bool {
        with_table(|table| table.at[self.slot] <= now()).unwrap_or(false)
    }

    /// Says whether this connection waits with nothing begun, so that [`interrupt_idle`] may end the wait.
    /// Setting it also forgets an earlier interruption.
    pub fn set_idle(&self, idle: bool) {
        if !idle {
            self.end_idle();
            return;
        }
        let crowded = with_table(|table| {
            let waiter = &mut table.waiters[self.slot];
            let was_idle = std::mem::replace(&mut waiter.idle, true);
            waiter.idle_since = now();
            waiter.interrupted = None;
            if waiter.stays || was_idle { None } else { table.count_idle() }
        });
        if let Some(waker) = crowded.flatten() {
            waker.wake();
        }
    }

    #[inline]
    fn end_idle(&self) {
        with_table(|table| {
            let waiter = &mut table.waiters[self.slot];
            waiter.interrupted = None;
            if std::mem::take(&mut waiter.idle) && !waiter.stays {
                table.idle -= 1;
            }
        });
    }

    /// From now on there is no cheaper way for this connection to wait: [`park_idle`] passes it over, and [`crowded`] does not
    /// count it. Not while it is idle.
    pub fn stay(&self) {
        with_table(|table| table.waiters[self.slot].stays = true);
    }

    /// When it expires, in milliseconds of the monotonic clock.
    pub fn expires_ms(&self) -> u64 {
        with_table(|table| table.at[self.slot]).unwrap_or(0)
    }

    /// Ends the wait of this deadline with `Interrupted` in this turn: an expiry is noticed up to [`TICK`] later.
    pub fn interrupt(&self) {
        with_table(|table| table.waiters[self.slot].interrupt(Interruption::End));
    }

    /// Completes when the deadline expires (`TimedOut`) or is interrupted (`Interrupted`, or `WouldBlock` by [`park_idle`]).
    pub async fn over(&self) -> io::Error {
        poll_fn(|context| self.poll_over(context)).await
    }

    /// Ready with the reason once the wait must end; else the context is woken then.
    pub fn poll_over(&self, context: &Context<'_>) -> Poll<io::Error> {
        let (verdict, old_waker) = with_table(|table| table.poll(self.slot, context.waker()))
            .unwrap_or((Some(io::ErrorKind::TimedOut), None));
        // Dropped outside the table: the last reference to a task drops the task, and its deadlines.
        drop(old_waker);
        match verdict {
            Some(kind) => {
                runtime::awake();
                Poll::Ready(kind.into())
            }
            None => Poll::Pending,
        }
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let waker = with_table(|table| table.release(self.slot));
        drop(waker);
    }
}

/// Ends the wait of every deadline flagged idle with `Interrupted`, once: for a graceful quit. A connection
/// that becomes idle later must look at its worker's own flag before it waits.
pub fn interrupt_idle() {
    with_table(|table| {
        for waiter in table.waiters.iter_mut().filter(|waiter| waiter.idle) {
            waiter.interrupt(Interruption::End);
        }
    });
}

/// Ends idle waits as [`interrupt_idle`] does, those that would end soonest first: a connection that is needed more
/// takes their place. An eighth of them, at least one and at most `most`, counting those that are ending already; gives
/// how many are ending now. Looks at the whole table.
pub fn interrupt_oldest_idle(most: usize) -> usize {
    with_table(|table| {
        let mut idle: Vec<(u64, usize)> = Vec::new();
        let mut ending = 0;
        for (slot, waiter) in table.waiters.iter().enumerate().filter(|(_, waiter)| waiter.idle) {
            if waiter.interrupted == Some(Interruption::End) {
                ending += 1;
            } else {
                idle.push((table.at[slot], slot));
            }
        }
        let wanted = ((idle.len() + ending) / 8).clamp(1, most).saturating_sub(ending).min(idle.len());
        if (1..idle.len()).contains(&wanted) {
            idle.select_nth_unstable(wanted - 1);
        }
        for &(_, slot) in &idle[..wanted] {
            table.waiters[slot].interrupt(Interruption::End);
        }
        ending + wanted
    })
    .unwrap_or(0)
}

/// Completes once more than `count` waits are idle. One task of the thread may wait for it.
pub async fn crowded(count: usize) {
    poll_fn(|context| {
        let (is_crowded, old) = with_table(|table| {
            let is_crowded = table.idle > count;
            let waker = (!is_crowded).then(|| (count, context.waker().clone()));
            (is_crowded, std::mem::replace(&mut table.crowd, waker))
        })
        .unwrap_or((true, None));
        // Outside the table, like every waker.
        drop(old);
        if is_crowded { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    runtime::awake();
}

/// What [`park_idle`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// Waits that it ended.
    pub asked: usize,
    /// Idle waits that are left.
    pub left: usize,
}

/// Ends waits that have been idle for `after` with `WouldBlock`, those that wait the longest first, so that they find
/// a cheaper way to wait: at most `most` of them, and only as long as more than `keep` are idle. Looks at the whole
/// table.
pub fn park_idle(keep: usize, after: Duration, most: usize) -> Idle {
    with_table(|table| {
        let before = now().saturating_sub(millis(after));
        let idle = || {
            let waiters = table.waiters.iter().enumerate();
            waiters.filter(|(_, waiter)| waiter.idle && !waiter.stays && waiter.interrupted.is_none())
        };
        let count = idle().count();
        let wanted = count.saturating_sub(keep).min(most);
        if wanted == 0 {
            return Idle { asked: 0, left: count };
        }
        let mut oldest: Vec<(u64, usize)> = idle()
            .filter(|(_, waiter)| waiter.idle_since <= before)
            .map(|(slot, waiter)| (waiter.idle_since, slot))
            .collect();
        if (1..oldest.len()).contains(&wanted) {
            oldest.select_nth_unstable(wanted - 1);
        }
        oldest.truncate(wanted);
        for &(_, slot) in &oldest {
            table.waiters[slot].interrupt(Interruption::Park);
        }
        Idle { asked: oldest.len(), left: count - oldest.len() }
    })
    .unwrap_or_default()
}

/// Completes after at least `time`, to the millisecond.
pub async fn sleep(time: Duration) {
    let deadline = Deadline::new();
    deadline.arm(time);
    with_table(|table| {
        table.waiters[deadline.slot].exact = true;
        table.exact.push(deadline.slot);
        table.ring_at(table.at[deadline.slot]);
    });
    deadline.over().await;
}

// ---------------------------------------------------------------------------------------------------------
// The table

struct Waiter {
    waker: Option<Waker>,
    /// When `idle` was last said, in milliseconds of [`now`].
    idle_since: u64,
    idle: bool,
    /// It is never to wait in a cheaper way.
    stays: bool,
    interrupted: Option<Interruption>,
    /// Listed in `Table::exact`.
    exact: bool,
}

/// Why a wait ends that is neither over nor late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    /// The connection is to end.
    End,
    /// It is to wait in a cheaper way.
    Park,
}

impl Waiter {
    fn interrupt(&mut self, interruption: Interruption) {
        self.interrupted = Some(interruption);
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

struct Table {
    /// When each slot expires, in milliseconds of [`now`]. Apart from the rest: the look scans it whole.
    at: Vec<u64>,
    waiters: Vec<Waiter>,
    free: Vec<usize>,
    /// How many waits are idle.
    idle: usize,
    /// Who is to be woken when more than so many are.
    crowd: Option<(usize, Waker)>,
    /// Slots whose end is to be met to the millisecond. Few: pauses of the worker's own.
    exact: Vec<usize>,
    /// When the table was looked at, and when the timer rings for the next look.
    last_look: u64,
    next_look: u64,
    /// The timer's descriptor; it is open as long as the task that looks.
    timer: Option<RawFd>,
}

thread_local! {
    static TABLE: RefCell<Table> = const {
        RefCell::new(Table {
            at: Vec::new(),
            waiters: Vec::new(),
            free: Vec::new(),
            idle: 0,
            crowd: None,
            exact: Vec::new(),
            last_look: 0,
            next_look: 0,
            timer: None,
        })
    };
}

/// `None` while the thread ends and its table is gone. No waker may be dropped or task run inside.
fn with_table<T>(act: impl FnOnce(&mut Table) -> T) -> Option<T> {
    TABLE.try_with(|table| act(&mut table.borrow_mut())).ok()
}

impl Table {
    fn claim(&mut self) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.at.push(NEVER);
            self.waiters.push(Waiter {
                waker: None,
                idle_since: 0,
                idle: false,
                stays: false,
                interrupted: None,
                exact: false,
            });
            self.at.len() - 1
        });
        self.at[slot] = NEVER;
        slot
    }

    /// Counts a wait that becomes idle; gives who is to be woken for that.
    fn count_idle(&mut self) -> Option<Waker> {
        self.idle += 1;
        let idle = self.idle;
        self.crowd.take_if(|(count, _)| idle > *count).map(|(_, waker)| waker)
    }

    fn release(&mut self, slot: usize) -> Option<Waker> {
        self.at[slot] = NEVER;
        self.free.push(slot);
        let waiter = &mut self.waiters[slot];
        let stays = std::mem::take(&mut waiter.stays);
        if std::mem::take(&mut waiter.idle) && !stays {
            self.idle -= 1;
        }
        waiter.interrupted = None;
        if std::mem::take(&mut waiter.exact) {
            self.exact.retain(|exact| *exact != slot);
        }
        waiter.waker.take()
    }

    fn poll(&mut self, slot: usize, waker: &Waker) -> (Option<io::ErrorKind>, Option<Waker>) {
        let waiter = &mut self.waiters[slot];
        if let Some(interruption) = waiter.interrupted.take() {
            let kind = match interruption {
                Interruption::End => io::ErrorKind::Interrupted,
                Interruption::Park => io::ErrorKind::WouldBlock,
            };
            return (Some(kind), None);
        }
        if self.at[slot] <= now() {
            return (Some(io::ErrorKind::TimedOut), None);
        }
        if waiter.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return (None, None);
        }
        (None, waiter.waker.replace(waker.clone()))
    }

    /// Wakes whoever waits for a deadline that is over, and sets the timer for the next one.
    fn look(&mut self, now: u64) {
        let mut next = NEVER;
        for (at, waiter) in self.at.iter().zip(&self.waiters) {
            if *at > now {
                next = next.min(*at);
            } else if let Some(waker) = &waiter.waker {
                waker.wake_by_ref();
            }
        }
        let due = next.clamp(now + millis(TICK), now + millis(LONGEST_TICK));
        let exact = self.exact.iter().map(|slot| self.at[*slot]).filter(|at| *at > now);
        let due = exact.fold(due, u64::min);
        (self.last_look, self.next_look) = (now, NEVER);
        self.ring_at(due);
    }

    /// Has the timer ring at `due`, if it would ring later.
    fn ring_at(&mut self, due: u64) {
        if due >= self.next_look {
            return;
        }
        self.next_look = due;
        if let Some(timer) = self.timer {
            set_timer(timer, Duration::from_millis(due.saturating_sub(now()).max(1)));
        }
    }
}

/// Starts the task that looks at this thread's table.
///
/// # Errors
/// `EMFILE` and the like.
pub(super) fn start() -> io::Result<()> {
    let (timer, fd) = open_timer()?;
    let now = time::refresh().monotonic_ms;
    with_table(|table| {
        table.timer = Some(fd);
        table.look(now);
    });
    runtime::spawn(async move {
        loop {
            if poll_fn(|context| timer.poll_readable(context)).await.is_err() {
                return;
            }
            hear(fd);
            timer.drained();
            let now = time::refresh().monotonic_ms;
            with_table(|table| table.look(now));
        }
    });
    Ok(())
}

/// timerfd_create(2), in this thread's loop.
fn open_timer() -> io::Result<(Polled, RawFd)> {
    // SAFETY: no pointer is passed.
    let fd = check(unsafe {
        libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
    })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    Ok((Polled::new(unsafe { OwnedFd::from_raw_fd(fd) })?, fd))
}

/// timerfd_settime(2): rings once, after so long.
fn set_timer(fd: RawFd, after: Duration) {
    let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let seconds = libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX);
    let value = libc::timespec { tv_sec: seconds, tv_nsec: libc::c_long::from(after.subsec_nanos() as i32) };
    let spec = libc::itimerspec { it_interval: none, it_value: value };
    // SAFETY: `spec` outlives the call, and the kernel may leave the old value untold.
    let set = unsafe { libc::timerfd_settime(fd, 0, &raw const spec, std::ptr::null_mut()) };
    debug_assert_eq!(set, 0, "the descriptor is a timer's and the time is in range");
}

/// Takes the ring away, so that the timer is readable again only after the next one.
fn hear(fd: RawFd) {
    let mut count = 0_u64;
    let pointer = (&raw mut count).cast();
    // SAFETY: `pointer` is to eight bytes on this stack frame. A ring that was heard already is `WouldBlock`.
    let _ = retry(|| unsafe { libc::read(fd, pointer, size_of::<u64>()) });
}

/// Drops every waker this thread's table holds: the loop that ran their tasks has ended.
pub(super) fn forget_waiters() {
    let wakers = with_table(|table| {
        table.timer = None;
        let crowd = table.crowd.take().map(|(_, waker)| waker);
        let waiting = table.waiters.iter_mut().filter_map(|waiter| waiter.waker.take());
        waiting.chain(crowd).collect::<Vec<Waker>>()
    });
    drop(wakers);
}

/// Milliseconds of the monotonic clock, as of this turn.
fn now() -> u64 {
    time::now().monotonic_ms
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::test_support::each_mode;

    const LATEST: u64 = 50;

    async fn measure(deadline: &Deadline, millis: u64) -> (io::ErrorKind, u64) {
        let began = time::refresh().monotonic_ms;
        deadline.arm(Duration::from_millis(millis));
        let kind = deadline.over().await.kind();
        (kind, time::refresh().monotonic_ms - began)
    }

    #[test]
    fn a_deadline_fires_late_by_a_tick_at_most() {
        each_mode(|| async {
            let deadline = Deadline::new();
            for time in [1, 30, 90, 250] {
                let (kind, took) = measure(&deadline, time).await;
                assert_eq!(kind, io::ErrorKind::TimedOut);
                assert!(took + 1 >= time, "{time} ms fired after {took} ms");
                // A loaded machine may be later; a table that is not looked at is later by a second.
                assert!(took <= time + LATEST * 8, "{time} ms fired after {took} ms");
            }
        });
    }

    #[test]
    fn an_early_deadline_armed_during_a_long_sleep_is_not_missed() {
        each_mode(|| async {
            let far = Deadline::new();
            far.arm(Duration::from_secs(60));
            sleep(Duration::from_millis(60)).await;
            let near = Deadline::new();
            let (_, took) = measure(&near, 60).await;
            assert!(took < 60 + LATEST * 8, "fired after {took} ms");
            assert!(!far.expired());
        });
    }

    #[test]
    fn rearm_and_disarm_put_the_end_off() {
        each_mode(|| async {
            let deadline = Deadline::new();
            deadline.arm(Duration::from_millis(40));
            deadline.disarm();
            sleep(Duration::from_millis(60)).await;
            assert!(!deadline.expired());
            deadline.rearm();
            assert!(!deadline.expired());
            assert_eq!(deadline.over().await.kind(), io::ErrorKind::TimedOut);
            assert!(deadline.expired());
        });
    }

    #[test]
    fn only_idle_waits_are_interrupted() {
        each_mode(|| async {
            let idle = Deadline::new();
            let busy = Deadline::new();
            idle.set_idle(true);
            idle.arm(Duration::from_secs(60));
            busy.arm(Duration::from_millis(80));
            runtime::spawn(async {
                sleep(Duration::from_millis(5)).await;
                interrupt_idle();
            });
            assert_eq!(idle.over().await.kind(), io::ErrorKind::Interrupted);
            assert_eq!(busy.over().await.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn the_oldest_idle_waits_make_room() {
        each_mode(|| async {
            assert_eq!(interrupt_oldest_idle(32), 0);
            let waits: Vec<Deadline> = (0..20).map(|_| Deadline::new()).collect();
            for (seconds, wait) in (60..).zip(&waits) {
                wait.set_idle(true);
                wait.arm(Duration::from_secs(seconds));
            }
            // An eighth; those that are ending already count.
            assert_eq!(interrupt_oldest_idle(32), 2);
            assert_eq!(interrupt_oldest_idle(32), 2);
            for wait in &waits[..2] {
                assert_eq!(wait.over().await.kind(), io::ErrorKind::Interrupted);
                wait.set_idle(false);
            }
            assert_eq!(interrupt_oldest_idle(1), 1);
            assert_eq!(waits[2].over().await.kind(), io::ErrorKind::Interrupted);
        });
    }

    #[test]
    fn waits_that_idle_for_long_are_to_be_parked() {
        each_mode(|| async {
            let idle = || {
                let deadline = Deadline::new();
                deadline.set_idle(true);
                deadline.arm(Duration::from_secs(60));
                deadline
            };
            let after = Duration::from_millis(30);
            let old: Vec<Deadline> = (0..4).map(|_| idle()).collect();
            let parked = |keep, most| park_idle(keep, after, most).asked;
            assert_eq!(parked(0, 8), 0);
            sleep(Duration::from_millis(60)).await;
            let young = idle();
            let busy = Deadline::new();
            busy.arm(Duration::from_secs(60));
            assert_eq!(park_idle(3, after, 8), Idle { asked: 2, left: 3 });
            // Those that are asked already do not count.
            assert_eq!(parked(3, 8), 0);
            assert_eq!(parked(1, 1), 1);
            assert_eq!(parked(0, 8), 1);
            for deadline in &old {
                assert_eq!(deadline.over().await.kind(), io::ErrorKind::WouldBlock);
                deadline.set_idle(false);
            }
            crowded(0).await;
            // What is to end, ends.
            old[0].set_idle(true);
            sleep(Duration::from_millis(60)).await;
            assert_eq!(parked(0, 8), 2);
            interrupt_idle();
            assert_eq!(old[0].over().await.kind(), io::ErrorKind::Interrupted);
            assert_eq!(young.over().await.kind(), io::ErrorKind::Interrupted);
        });
    }

    #[test]
    fn waits_that_stay_are_neither_counted_nor_parked() {
        each_mode(|| async {
            let waits: Vec<Deadline> = (0..6).map(|_| Deadline::new()).collect();
            for wait in &waits {
                wait.stay();
                wait.set_idle(true);
            }
            assert_eq!(park_idle(0, Duration::ZERO, 8), Idle::default());
            waits[5].set_idle(false);
            assert_eq!(interrupt_oldest_idle(8), 1, "they are idle for who needs their place");
            drop(waits);
            // Their slots are taken again by waits that do not stay.
            let waits: Vec<Deadline> = (0..2).map(|_| Deadline::new()).collect();
            for wait in &waits {
                wait.set_idle(true);
            }
            assert_eq!(park_idle(1, Duration::ZERO, 8), Idle { asked: 1, left: 1 });
        });
    }

    #[test]
    fn a_crowd_is_noticed_when_it_is_one() {
        each_mode(|| async {
            let waits: Vec<Deadline> = (0..6).map(|_| Deadline::new()).collect();
            let noticed = std::rc::Rc::new(Cell::new(false));
            let notice = std::rc::Rc::clone(&noticed);
            runtime::spawn(async move {
                crowded(4).await;
                notice.set(true);
            });
            for wait in &waits[..4] {
                wait.set_idle(true);
                wait.set_idle(true);
            }
            waits[3].set_idle(false);
            waits[4].set_idle(true);
            sleep(Duration::from_millis(5)).await;
            assert!(!noticed.get());
            waits[5].set_idle(true);
            while !noticed.get() {
                sleep(Duration::from_millis(1)).await;
            }
            drop(waits);
            assert_eq!(with_table(|table| table.idle), Some(0));
        });
    }

    #[test]
    fn slots_are_used_again() {
        let first = Deadline::new().slot;
        let second = Deadline::new();
        assert_eq!(second.slot, first);
        assert!(!second.expired());
    }
}
