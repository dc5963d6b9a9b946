//! Connections that nobody waits for any more: a descriptor and a small record each, watched by one epoll set.
//!
//! A connection that waits in the loop costs a task, a watch and their handles, about a kilobyte. One that said
//! nothing for a while is parked instead: its task ends, and what is left of it lies in a table, [`PLACES`] to a
//! chunk. The epoll descriptor is the one thing that the loop polls for all of them. Parking and coming back cost a few
//! system calls each, so it is for connections that rest, not for those that merely take turns.
//!
//! Must never hold a connection that bytes were read from which nobody served yet: what a record does not say is lost.
//! Called by worker (parking.rs) through shard.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::task::Poll;
use std::time::Duration;

use super::ready::Polled;
use super::{Deadline, Stream, check, runtime};
use crate::time;

/// Places of one chunk of the table: it grows by so many, and never moves what is in it.
const PLACES: usize = 256;

/// Connections taken back in a row before the loop gets its turn.
const READY_BATCH: usize = 64;

/// Who comes back so soon was parked for nothing.
const HASTE: Duration = Duration::from_secs(1);

/// When nothing is parked in a place, and when nothing is to be done, in milliseconds of the clock.
const NEVER: u64 = u64::MAX;

/// Parked connections of this thread, each with a record `T` of what it was.
pub struct ParkingLot<T> {
    epoll: OnceCell<Polled>,
    /// Armed for the first of the parked connections whose time is over.
    deadline: Deadline,
    /// What `deadline` is armed for.
    next_over: Cell<u64>,
    /// What [`ParkingLot::hasty`] counts.
    hasty: Cell<usize>,
    refused: Cell<Option<io::Error>>,
    table: RefCell<Table<T>>,
}

impl<T> ParkingLot<T> {
    /// A lot that is not open yet: it has no descriptor and takes nobody.
    pub fn new() -> Self {
        Self {
            epoll: OnceCell::new(),
            deadline: Deadline::new(),
            next_over: Cell::new(NEVER),
            hasty: Cell::new(0),
            refused: Cell::new(None),
            table: RefCell::new(Table { chunks: Vec::new(), free: None, taken: 0 }),
        }
    }

    /// Opens it on this thread's loop.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn open(&self) -> io::Result<()> {
        // SAFETY: epoll_create1(2) takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
        let polled = Polled::new(unsafe { OwnedFd::from_raw_fd(fd) })?;
        // One that is open already stays.
        let _ = self.epoll.set(polled);
        Ok(())
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.epoll.get().is_some()
    }

    /// How many are parked.
    pub fn len(&self) -> usize {
        self.table.borrow().taken
    }

    /// Whether nobody is parked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many came back within [`HASTE`] of being parked since this was last asked: it was not worth it.
    pub fn hasty(&self) -> usize {
        self.hasty.take()
    }

    /// Why somebody was not parked since this was last asked: `EMFILE`, `ENOSPC` (too many watches) and the like,
    /// `NotConnected` before [`ParkingLot::open`].
    pub fn refused(&self) -> Option<io::Error> {
        self.refused.take()
    }

    /// Parks the socket of `stream` until `over_ms` of the monotonic clock; the caller drops the stream. (The socket
    /// gets another descriptor, because the loop may close this one only in its next turn.) `false`: the stream is as it
    /// was, and [`ParkingLot::refused`] says why.
    pub fn park(&self, stream: &Stream, over_ms: u64, record: T) -> bool {
        let parked = self.try_park(stream, over_ms, record);
        parked.map_err(|error| self.refused.set(Some(error))).is_ok()
    }

    fn try_park(&self, stream: &Stream, over_ms: u64, record: T) -> io::Result<()> {
        let epoll = self.epoll_fd()?;
        let fd = duplicate(stream.fd())?;
        let raw = fd.as_raw_fd();
        let mut table = self.table.borrow_mut();
        let place = table.put(Parked { fd, since: now_truncated(), record }, over_ms);
        let mut event =
            libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLRDHUP) as u32, u64: place as u64 };
        // SAFETY: `event` is on this stack frame; the kernel copies it.
        let added = check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, raw, &raw mut event) });
        if let Err(error) = added {
            drop(table.take(place));
            return Err(error);
        }
        drop(table);
        if over_ms < self.next_over.get() {
            self.arm(over_ms);
        }
        Ok(())
    }

    /// Waits until [`ParkingLot::take_ready`] or [`ParkingLot::close_over`] has something to do, or there was a false alarm.
    ///
    /// # Errors
    /// `NotConnected` before [`ParkingLot::open`]; none otherwise that Linux knows.
    pub async fn wait(&self) -> io::Result<()> {
        let epoll = self.epoll.get().ok_or(io::ErrorKind::NotConnected)?;
        poll_fn(|context| match epoll.poll_readable(context) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.deadline.poll_over(context).map(|_| Ok(())),
        })
        .await
    }

    /// Gives back connections whose client sent something or closed, up to [`READY_BATCH`] of them: how many. One that
    /// the loop does not take comes as the error.
    pub fn take_ready(&self, mut act: impl FnMut(io::Result<Stream>, T)) -> usize {
        let Ok(epoll) = self.epoll_fd() else { return 0 };
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_BATCH];
        let (list, most) = (events.as_mut_ptr(), READY_BATCH as libc::c_int);
        // SAFETY: `events` is ours to write over its whole length, which `most` is, until the call returns.
        let count = check(unsafe { libc::epoll_wait(epoll, list, most, 0) });
        let count = count.ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        for event in &events[..count] {
            if let Some(parked) = self.leave(event.u64 as usize) {
                runtime::completed();
                if u128::from(now_truncated().wrapping_sub(parked.since)) < HASTE.as_millis() {
                    self.hasty.set(self.hasty.get() + 1);
                }
                act(Stream::from_fd(parked.fd), parked.record);
            }
        }
        count
    }

    /// Gives back the connections that are `wanted`.
    pub fn take(&self, wanted: impl Fn(&T) -> bool, mut act: impl FnMut(io::Result<Stream>, T)) {
        let places = self.table.borrow().find(|_, record| wanted(record));
        for (_, place) in places {
            if let Some(parked) = self.leave(place) {
                act(Stream::from_fd(parked.fd), parked.record);
            }
        }
    }

    /// Closes the connections that are `unwanted`: how many.
    pub fn close(&self, unwanted: impl Fn(&T) -> bool) -> usize {
        let places = self.table.borrow().find(|_, record| unwanted(record));
        self.close_all(&places)
    }

    /// Closes the `most` connections whose time is over first: how many. Looks at the whole table.
    pub fn close_soonest(&self, most: usize) -> usize {
        let mut places = self.table.borrow().find(|_, _| true);
        if (1..places.len()).contains(&most) {
            places.select_nth_unstable(most - 1);
        }
        places.truncate(most);
        self.close_all(&places)
    }

    /// Closes the connections whose time is over: how many.
    pub fn close_over(&self) -> usize {
        let now = time::now().monotonic_ms;
        if now < self.next_over.get() {
            return 0;
        }
        let (over, next) = self.table.borrow().over(now);
        let closed = self.close_all(&over);
        self.arm(next);
        closed
    }

    fn close_all(&self, places: &[(u64, usize)]) -> usize {
        places.iter().filter(|(_, place)| self.leave(*place).is_some()).count()
    }

    /// Ends the watch of a place and empties it.
    fn leave(&self, place: usize) -> Option<Parked<T>> {
        let parked = self.table.borrow_mut().take(place)?;
        if let Ok(epoll) = self.epoll_fd() {
            // Before the descriptor is closed: the socket may have another one for a moment yet, and then its watch
            // would outlive the place. A failure could only say that there is no such watch.
            // SAFETY: no event is needed to take a watch away (epoll_ctl(2)).
            unsafe {
                libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, parked.fd.as_raw_fd(), std::ptr::null_mut())
            };
        }
        Some(parked)
    }

    fn arm(&self, over_ms: u64) {
        self.next_over.set(over_ms);
        if over_ms == NEVER {
            self.deadline.disarm();
        } else {
            let left = over_ms.saturating_sub(time::now().monotonic_ms);
            self.deadline.arm(Duration::from_millis(left));
        }
    }

    fn epoll_fd(&self) -> io::Result<RawFd> {
        self.epoll.get().map(Polled::fd).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<T> Default for ParkingLot<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds of the monotonic clock, of which the lower half is enough for a difference.
fn now_truncated() -> u32 {
    (time::now().monotonic_ms & u64::from(u32::MAX)) as u32
}

/// Another descriptor of the same socket.
fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl(2) with F_DUPFD_CLOEXEC takes no pointers.
    let fd = check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

// ---------------------------------------------------------------------------------------------------------
// The table

struct Parked<T> {
    fd: OwnedFd,
    /// Since when, as [`now_truncated`] gives it.
    since: u32,
    record: T,
}

enum Place<T> {
    Free(Option<u32>),
    Taken(Parked<T>),
}

struct Chunk<T> {
    /// When each place is over, [`NEVER`] for a free one. Apart from the rest: looks scan it whole.
    over: Vec<u64>,
    places: Vec<Place<T>>,
}

struct Table<T> {
    chunks: Vec<Chunk<T>>,
    /// The free place to be taken next, which names the one after it.
    free: Option<u32>,
    taken: usize,
}

impl<T> Table<T> {
    fn put(&mut self, parked: Parked<T>, over_ms: u64) -> usize {
        self.taken += 1;
        let over_ms = over_ms.min(NEVER - 1);
        if let Some(place) = self.free {
            let place = place as usize;
            let chunk = &mut self.chunks[place / PLACES];
            let slot = &mut chunk.places[place % PLACES];
            self.free = match slot {
                Place::Free(next) => *next,
                Place::Taken(_) => None,
            };
            *slot = Place::Taken(parked);
            chunk.over[place % PLACES] = over_ms;
            return place;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.places.len() == PLACES) {
            self.chunks.push(Chunk { over: Vec::with_capacity(PLACES), places: Vec::with_capacity(PLACES) });
        }
        let before = (self.chunks.len() - 1) * PLACES;
        let chunk = self.chunks.last_mut().expect("it was just made sure of");
        chunk.over.push(over_ms);
        chunk.places.push(Place::Taken(parked));
        before + chunk.places.len() - 1
    }

    /// Empties a place; the memory of the table goes with the last one.
    fn take(&mut self, place: usize) -> Option<Parked<T>> {
        let chunk = self.chunks.get_mut(place / PLACES)?;
        let slot = chunk.places.get_mut(place % PLACES)?;
        if matches!(slot, Place::Free(_)) {
            return None;
        }
        let number = u32::try_from(place).expect("there are fewer descriptors than that");
        let Place::Taken(parked) = std::mem::replace(slot, Place::Free(self.free)) else { return None };
        self.free = Some(number);
        chunk.over[place % PLACES] = NEVER;
        self.taken -= 1;
        if self.taken == 0 {
            self.chunks = Vec::new();
            self.free = None;
        }
        Some(parked)
    }

    /// The places that are `wanted`, with the time when each is over.
    fn find(&self, wanted: impl Fn(u64, &T) -> bool) -> Vec<(u64, usize)> {
        let mut found = Vec::new();
        for (number, chunk) in self.chunks.iter().enumerate() {
            for (index, (over, place)) in chunk.over.iter().zip(&chunk.places).enumerate() {
                if let Place::Taken(parked) = place
                    && wanted(*over, &parked.record)
                {
                    found.push((*over, number * PLACES + index));
                }
            }
        }
        found
    }

    /// The places that are over at `now`, and when the next one is.
    fn over(&self, now: u64) -> (Vec<(u64, usize)>, u64) {
        let (mut found, mut next) = (Vec::new(), NEVER);
        for (number, chunk) in self.chunks.iter().enumerate() {
            for (index, &over) in chunk.over.iter().enumerate() {
                if over > now {
                    next = next.min(over);
                } else {
                    found.push((over, number * PLACES + index));
                }
            }
        }
        (found, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::test_support::each_mode;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// A parked end of a pair and its other end.
    fn park(lot: &ParkingLot<u32>, record: u32, over: Duration) -> UnixStream {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let stream = Stream::from_fd(near.into()).unwrap();
        let over_ms = time::refresh().monotonic_ms + u64::try_from(over.as_millis()).unwrap();
        assert!(lot.park(&stream, over_ms, record));
        far
    }

    #[test]
    fn a_place_costs_next_to_nothing_beside_the_record() {
        assert_eq!(size_of::<Place<[u64; 9]>>(), 80);
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_comes_and_what_ends_is_given_back() {
        each_mode(|| async {
            let lot = ParkingLot::new();
            lot.open().unwrap();
            // More than one chunk, and more than one batch.
            let mut far: Vec<UnixStream> = (0..300).map(|record| park(&lot, record, LONG)).collect();
            assert_eq!(lot.len(), 300);
            for other in &mut far[..100] {
                other.write_all(b"hello").unwrap();
            }
            drop(far.drain(200..));
            let mut back = Vec::new();
            while back.len() < 200 {
                lot.wait().await.unwrap();
                lot.take_ready(|stream, record| {
                    let mut bytes = [0; 8];
                    let expected = if record < 100 { 5 } else { 0 };
                    assert_eq!(stream.unwrap().try_recv(&mut bytes).unwrap(), expected);
                    back.push(record);
                });
            }
            back.sort_unstable();
            assert!(back.iter().copied().eq((0..100).chain(200..300)));
            assert_eq!((lot.len(), lot.hasty(), lot.hasty()), (100, 200, 0));
            assert_eq!(lot.close(|record| *record >= 110), 90);
            let mut taken = Vec::new();
            lot.take(|record| record % 2 == 0, |_, record| taken.push(record));
            assert_eq!(taken, [100, 102, 104, 106, 108]);
            // A place that was left is taken again.
            let again = park(&lot, 7, LONG);
            drop(again);
            lot.wait().await.unwrap();
            lot.take_ready(|_, record| assert_eq!(record, 7));
            assert_eq!(lot.len(), 5);
        });
    }

    #[test]
    fn the_first_to_be_over_end_first() {
        each_mode(|| async {
            let lot = ParkingLot::new();
            lot.open().unwrap();
            let _far: Vec<UnixStream> =
                [60, 40, 50].map(|seconds| park(&lot, seconds, Duration::from_secs(seconds.into()))).into();
            assert_eq!(lot.close_soonest(1), 1);
            assert_eq!(lot.close(|record| *record == 40), 0);
            let _soon = park(&lot, 1, Duration::from_millis(30));
            while lot.close_over() == 0 {
                lot.wait().await.unwrap();
            }
            assert_eq!(lot.close(|record| *record == 1), 0);
            assert_eq!(lot.close_soonest(9), 2);
            assert!(lot.is_empty());
        });
    }

    #[test]
    fn a_lot_that_is_not_open_takes_nobody() {
        each_mode(|| async {
            let lot = ParkingLot::new();
            let (near, _far) = UnixStream::pair().unwrap();
            let stream = Stream::from_fd(near.into()).unwrap();
            assert!(!lot.park(&stream, 0, ()));
            assert_eq!(lot.refused().unwrap().kind(), io::ErrorKind::NotConnected);
            assert!(lot.is_empty() && lot.wait().await.is_err());
        });
    }
}
