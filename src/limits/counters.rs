//! What `stub_status` tells: each core counts for itself, and whoever asks adds the cores up.
//!
//! A counter is written by its own core alone, without a lock or an atomic exchange: counting costs a request what a
//! plain number costs. Called by `worker` and `shard`, who count, and by `handler` and `http`, who ask.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters of one core, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Of these, those that were not turned away.
    pub handled: Counter,
    /// Requests whose head was read, or refused.
    pub requests: Counter,
    /// Open connections.
    pub open: Counter,
    /// Of these, those on which a request is read or answered.
    pub busy: Counter,
    /// Of these, those whose head has begun and is waited for.
    reading: Counter,
}

/// A number that one core writes.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// One more.
    pub fn increment(&self) {
        self.0.store(self.get().wrapping_add(1), Relaxed);
    }

    /// So many less.
    pub fn decrease(&self, count: u64) {
        self.0.store(self.get().saturating_sub(count), Relaxed);
    }

    /// One more until the guard is dropped.
    pub fn during(&self) -> During<'_> {
        self.increment();
        During(self)
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
pub struct During<'c>(&'c Counter);

impl Drop for During<'_> {
    fn drop(&mut self) {
        self.0.decrease(1);
    }
}

/// The counters of all cores, those of cores that are gone too: locked to begin a core's, and to add them up.
static CORES: Mutex<Vec<Arc<Counters>>> = Mutex::new(Vec::new());

thread_local! {
    static MINE: OnceCell<Arc<Counters>> = const { OnceCell::new() };
}

/// This core's.
pub fn mine() -> Arc<Counters> {
    MINE.with(|mine| {
        Arc::clone(mine.get_or_init(|| {
            let counters = Arc::new(Counters::default());
            CORES.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
            counters
        }))
    })
}

/// Counts a head that is waited for, until the guard is dropped.
pub fn reading() -> Reading {
    let counters = mine();
    counters.reading.increment();
    Reading(counters)
}

/// See [`reading`].
pub struct Reading(Arc<Counters>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.decrease(1);
    }
}

/// All cores together, at about one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// As [`Counters::accepted`].
    pub accepted: u64,
    /// As [`Counters::handled`].
    pub handled: u64,
    /// As [`Counters::requests`].
    pub requests: u64,
    /// Open connections.
    pub active: u64,
    /// Of these, those whose request is being read.
    pub reading: u64,
    /// Of these, those whose request is being answered.
    pub writing: u64,
    /// Of these, the idle ones.
    pub waiting: u64,
}

/// Adds the cores up. A core that is gone took its open connections with it.
pub fn sum() -> Sum {
    let mut sum = Sum::default();
    for core in CORES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        sum.accepted += core.accepted.get();
        sum.handled += core.handled.get();
        sum.requests += core.requests.get();
        if Arc::strong_count(core) > 1 {
            let (open, busy, reading) = (core.open.get(), core.busy.get(), core.reading.get());
            sum.active += open;
            sum.reading += reading;
            sum.writing += busy.saturating_sub(reading);
            sum.waiting += open.saturating_sub(busy);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_added_up_and_a_gone_one_leaves_its_totals() {
        let before = sum();
        let other = std::thread::spawn(|| {
            let counters = mine();
            counters.accepted.increment();
            counters.requests.increment();
            counters.open.increment();
        });
        other.join().unwrap();
        let mine = mine();
        mine.accepted.increment();
        mine.open.increment();
        mine.open.increment();
        {
            let _busy = mine.busy.during();
            let _reading = reading();
            let now = sum();
            assert!(now.accepted >= before.accepted + 2 && now.requests > before.requests);
            assert!(now.active >= 2 && now.reading >= 1 && now.waiting >= 1);
        }
        assert_eq!((mine.busy.get(), mine.reading.get()), (0, 0));
        mine.open.decrease(2);
    }
}
