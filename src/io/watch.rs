//! The descriptors of a thread that are watched for readiness: one epoll set, edge-triggered, whose own descriptor is
//! all that the loop waits for.
//!
//! A descriptor is told to the kernel once, when somebody waits for it first, and not again for each wait: what the ring would do as a
//! poll operation per wait (submit, arm, complete, 0.3 us and some 600 instructions here) is a flag that an event sets.
//! The ring wakes the thread, [`serve`] takes the events of the turn with one epoll_wait(2) and wakes the tasks.
//!
//! Knows nothing of reading and writing: who finds a descriptor empty says so. Called by ready.rs and runtime.rs.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use monoio::net::UnixStream;

use super::{check, runtime};

/// Events taken in one turn. More would fill the caches with what is not looked at again soon, and leave the peers without
/// work until all of it is done: with 512 clients that costs a tenth.
const EVENTS: usize = 64;

const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
/// Asked for by the first wait of a writer only: a unix socket tells each time that its peer has read something.
const WRITABLE: u32 = READABLE | libc::EPOLLOUT as u32;
const READ: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
const WRITE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// After these no further edge can be counted on.
const END: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// What is known of one direction of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An event said that it is ready, and nobody was told.
    Ready,
    /// Somebody was told; what became of it, nobody said. No event need come: the kernel is asked before a wait.
    Told,
    /// Not ready when it was last used: an event comes when it is.
    Empty,
}

struct Direction {
    state: Cell<State>,
    waker: Cell<Option<Waker>>,
}

impl Direction {
    const fn new() -> Self {
        // An event for what is ready already follows the registration.
        Self { state: Cell::new(State::Empty), waker: Cell::new(None) }
    }

    fn set(&self) {
        self.state.set(State::Ready);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// One watched descriptor. Dropping it ends the watch; it must be dropped before the descriptor is closed.
pub(super) struct Watch {
    entry: Rc<Entry>,
    key: u64,
    fd: RawFd,
    /// What the kernel was told to tell; at first nothing, since a connection that is served at once and closes needs no watch.
    interest: Cell<u32>,
}

struct Entry {
    read: Direction,
    write: Direction,
    ended: Cell<bool>,
}

impl Watch {
    /// For an open descriptor; the first wait begins the watch.
    pub(super) fn new(fd: RawFd) -> Self {
        let entry =
            Rc::new(Entry { read: Direction::new(), write: Direction::new(), ended: Cell::new(false) });
        let key = SET.with(|set| set.table.borrow_mut().put(Rc::clone(&entry)));
        Self { entry, key, fd, interest: Cell::new(0) }
    }

    /// Ready when a read would not block, at end of file, or when the descriptor is in error. May be stale.
    #[inline]
    pub(super) fn poll_readable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(&self.entry.read, READABLE, context)
    }

    /// As [`Watch::poll_readable`], but ready too when nobody has said what became of the last readiness.
    #[inline]
    pub(super) fn poll_news(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        match self.entry.read.state.get() {
            State::Told => Poll::Ready(Ok(())),
            State::Ready | State::Empty => self.poll_readable(context),
        }
    }

    /// Ready when a write would not block, or when the descriptor is in error. May be stale.
    #[inline]
    pub(super) fn poll_writable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(&self.entry.write, WRITABLE, context)
    }

    /// All that could be read has been: the next wait need not ask the kernel. Only after a read that found nothing
    /// or less than it asked for.
    #[inline]
    pub(super) fn drained(&self) {
        // With the end behind them, the last bytes are no sign that the next read would wait.
        if !self.entry.ended.get() {
            self.entry.read.state.set(State::Empty);
        }
    }

    /// It is readable, as somebody found out who is there to read it.
    pub(super) fn told(&self) {
        self.entry.read.state.set(State::Told);
    }

    #[inline]
    fn poll(&self, direction: &Direction, interest: u32, context: &Context<'_>) -> Poll<io::Result<()>> {
        match direction.state.get() {
            State::Ready => {
                direction.state.set(State::Told);
                runtime::completed();
                return Poll::Ready(Ok(()));
            }
            State::Told => self.ask(interest)?,
            State::Empty if self.interest.get() & interest != interest => self.ask(interest)?,
            State::Empty => {}
        }
        direction.state.set(State::Empty);
        let waker = direction.waker.take().filter(|waker| waker.will_wake(context.waker()));
        direction.waker.set(Some(waker.unwrap_or_else(|| context.waker().clone())));
        Poll::Pending
    }
}

impl Watch {
    /// Has the kernel look. What is ready is an event of the next turn: others come first.
    ///
    /// # Errors
    /// Those of epoll_ctl(2): `ENOSPC` (too many watches), `EPERM` (a file).
    fn ask(&self, interest: u32) -> io::Result<()> {
        let epoll = SET.with(Set::descriptor)?;
        let before = self.interest.get();
        let what = if before == 0 { libc::EPOLL_CTL_ADD } else { libc::EPOLL_CTL_MOD };
        control(epoll, what, self.fd, before | interest, self.key)?;
        self.interest.set(before | interest);
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A thread that ends takes its set along.
        let _ = SET.try_with(|set| {
            set.table.borrow_mut().take(self.key);
            if self.interest.get() != 0
                && let Ok(epoll) = set.descriptor()
            {
                // Copies of the descriptor would keep the watch alive. A failure could only say that there is none.
                let _ = control(epoll, libc::EPOLL_CTL_DEL, self.fd, 0, 0);
            }
        });
    }
}

thread_local! {
    static SET: Set = const { Set { epoll: RefCell::new(None), table: RefCell::new(Table::new()) } };
}

struct Set {
    epoll: RefCell<Option<OwnedFd>>,
    table: RefCell<Table>,
}

impl Set {
    fn descriptor(&self) -> io::Result<RawFd> {
        self.epoll.borrow().as_ref().map(AsRawFd::as_raw_fd).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// Who is behind a key: the place in the table, and how often the place was taken, so that an event for one who is gone
/// reaches nobody.
struct Table {
    places: Vec<(u32, Option<Rc<Entry>>)>,
    free: Vec<u32>,
}

impl Table {
    const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    fn put(&mut self, entry: Rc<Entry>) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).expect("there are fewer descriptors than that")
        });
        let (taken, occupant) = &mut self.places[place as usize];
        *occupant = Some(entry);
        u64::from(*taken) << 32 | u64::from(place)
    }

    fn take(&mut self, key: u64) {
        let place = key as u32;
        if let Some((taken, occupant)) = self.places.get_mut(place as usize)
            && u64::from(*taken) == key >> 32
        {
            *occupant = None;
            *taken = taken.wrapping_add(1);
            self.free.push(place);
        }
    }

    fn get(&self, key: u64) -> Option<&Rc<Entry>> {
        let (taken, occupant) = self.places.get(key as u32 as usize)?;
        occupant.as_ref().filter(|_| u64::from(*taken) == key >> 32)
    }
}

/// Opens the set of this thread and starts the task that hears it, in the thread's loop.
///
/// # Errors
/// `EMFILE` and the like.
pub(super) fn start() -> io::Result<()> {
    // SAFETY: epoll_create1(2) takes no pointers.
    let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    let copy = owned.try_clone()?;
    // monoio's `UnixStream` is its smallest handle for any descriptor: of it only the poll operation is used.
    let handle = UnixStream::from_std(std::os::unix::net::UnixStream::from(copy))?;
    SET.with(|set| {
        set.epoll.replace(Some(owned));
        set.table.replace(Table::new());
    });
    runtime::spawn(serve(fd, handle));
    Ok(())
}

/// Waits for events and hands them out, to the end of the loop.
async fn serve(epoll: RawFd, handle: UnixStream) {
    let mut events = Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]);
    while handle.readable(false).await.is_ok() {
        runtime::awake();
        take(epoll, &mut events);
    }
}

/// Takes events that are there and wakes who waits for them. What is left is news of the next turn.
fn take(epoll: RawFd, events: &mut [libc::epoll_event; EVENTS]) {
    let (list, most) = (events.as_mut_ptr(), EVENTS as libc::c_int);
    let (at_once, no_signals) = (0, std::ptr::null::<libc::sigset_t>());
    // Past glibc, which makes of the call a cancellation point (30 instructions).
    // SAFETY: `events` is ours to write over its whole length, which `most` is, until the call returns.
    let count =
        unsafe { libc::syscall(libc::SYS_epoll_pwait, epoll, list, most, at_once, no_signals, 0_usize) };
    let count = usize::try_from(count).unwrap_or(0);
    SET.with(|set| {
        let table = set.table.borrow();
        for event in &events[..count] {
            let (seen, key) = (event.events, event.u64);
            let Some(entry) = table.get(key) else { continue };
            if seen & END != 0 {
                entry.ended.set(true);
            }
            if seen & READ != 0 {
                entry.read.set();
            }
            if seen & WRITE != 0 {
                entry.write.set();
            }
        }
    });
}

fn control(epoll: RawFd, what: libc::c_int, fd: RawFd, interest: u32, key: u64) -> io::Result<()> {
    let mut event = libc::epoll_event { events: interest, u64: key };
    // SAFETY: `event` is on this stack frame; the kernel copies it.
    check(unsafe { libc::epoll_ctl(epoll, what, fd, &raw mut event) })?;
    Ok(())
}

/// Drops what this thread's set holds: the loop has ended.
pub(super) fn stop() {
    SET.with(|set| {
        set.epoll.replace(None);
        let table = set.table.replace(Table::new());
        drop(table);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Deadline;
    use crate::io::test_support::{each_mode, pair};
    use crate::io::timer;
    use std::io::Write;
    use std::time::Duration;

    fn entry() -> Rc<Entry> {
        Rc::new(Entry { read: Direction::new(), write: Direction::new(), ended: Cell::new(false) })
    }

    fn armed() -> Deadline {
        let deadline = Deadline::new();
        deadline.arm(Duration::from_secs(10));
        deadline
    }

    #[test]
    fn an_event_for_one_who_is_gone_reaches_nobody() {
        let mut table = Table::new();
        let first = table.put(entry());
        let second = table.put(entry());
        table.take(first);
        assert!(table.get(first).is_none() && table.get(second).is_some());
        let third = table.put(entry());
        // The same place, taken another time.
        assert_eq!(third as u32, first as u32);
        assert!(table.get(first).is_none() && table.get(third).is_some());
        // Who is gone already is not taken again.
        table.take(first);
        assert!(table.get(third).is_some());
    }

    #[test]
    fn what_is_left_unread_is_told_again() {
        each_mode(|| async {
            let (near, mut far) = pair();
            let deadline = armed();
            far.write_all(b"0123456789").unwrap();
            let mut four = [0; 4];
            for expected in [b"0123", b"4567"] {
                near.readable(&deadline).await.unwrap();
                assert_eq!(near.try_recv(&mut four).unwrap(), 4);
                assert_eq!(&four, expected);
            }
            near.readable(&deadline).await.unwrap();
            assert_eq!(near.try_recv(&mut four).unwrap(), 2);
            // Less than was asked for: only what comes now ends the next wait.
            let quick = Deadline::new();
            quick.arm(Duration::from_millis(20));
            assert_eq!(near.readable(&quick).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            far.write_all(b"more").unwrap();
            near.readable(&deadline).await.unwrap();
            assert_eq!(near.try_recv(&mut four).unwrap(), 4);
        });
    }

    #[test]
    fn the_end_behind_the_last_bytes_is_told() {
        each_mode(|| async {
            let (near, mut far) = pair();
            let deadline = armed();
            far.write_all(b"last").unwrap();
            drop(far);
            // Bytes and end are there before the first look at them, and come in one event.
            let mut buf = [0; 64];
            while near.peek(&mut buf).unwrap_or(0) < 4 {
                timer::sleep(Duration::from_millis(1)).await;
            }
            timer::sleep(Duration::from_millis(5)).await;
            near.readable(&deadline).await.unwrap();
            assert_eq!(near.try_recv(&mut buf).unwrap(), 4);
            near.readable(&deadline).await.unwrap();
            assert_eq!(near.try_recv(&mut buf).unwrap(), 0);
        });
    }

    #[test]
    fn more_events_than_one_turn_takes_reach_everybody() {
        each_mode(|| async {
            let deadline = armed();
            let mut pairs: Vec<_> = (0..EVENTS + 50).map(|_| pair()).collect();
            for (_, far) in &mut pairs {
                far.write_all(b"x").unwrap();
            }
            for (near, _) in &pairs {
                near.readable(&deadline).await.unwrap();
            }
        });
    }

    #[test]
    fn a_wait_for_what_is_ready_lets_others_run() {
        each_mode(|| async {
            let (near, _far) = pair();
            let deadline = armed();
            let turns = Rc::new(Cell::new(0));
            let others = Rc::clone(&turns);
            runtime::spawn(async move {
                while others.get() < 1000 {
                    timer::sleep(Duration::from_millis(1)).await;
                    others.set(others.get() + 1);
                }
            });
            // A socket that is always writable, and a task that never has another reason to wait.
            while turns.get() < 3 {
                near.writable(&deadline).await.unwrap();
            }
            turns.set(1000);
        });
    }
}
