//! Things kept for reuse, the last used on top: what a burst needed is let go of again.
//!
//! Must never be trimmed faster than the load swings, or steady load would allocate. Called by shard alone.

use std::cell::{Cell, RefCell};

/// A pool never shrinks below this: a small site's bursts cost it nothing.
const KEPT: usize = 64;

/// Values that wait to be used again.
pub(super) struct Pool<T> {
    values: RefCell<Vec<T>>,
    /// The fewest that lay here since the last [`Pool::trim`]: so many were not needed.
    unused: Cell<usize>,
}

impl<T> Pool<T> {
    pub(super) fn new() -> Self {
        Self { values: RefCell::new(Vec::new()), unused: Cell::new(0) }
    }

    pub(super) fn take(&self) -> Option<T> {
        let mut values = self.values.borrow_mut();
        let value = values.pop();
        self.unused.set(self.unused.get().min(values.len()));
        value
    }

    pub(super) fn put(&self, value: T) {
        self.values.borrow_mut().push(value);
    }

    pub(super) fn len(&self) -> usize {
        self.values.borrow().len()
    }

    pub(super) fn clear(&self) {
        let values = std::mem::take(&mut *self.values.borrow_mut());
        self.unused.set(0);
        drop(values);
    }

    /// Drops a quarter of what was not needed since the last time, the coldest first: how many.
    pub(super) fn trim(&self) -> usize {
        let mut values = self.values.borrow_mut();
        let surplus = self.unused.get().min(values.len().saturating_sub(KEPT)).div_ceil(4);
        let cold: Vec<T> = values.drain(..surplus).collect();
        self.unused.set(values.len());
        drop(values);
        // What is dropped may look at its pool.
        drop(cold);
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_goes_bit_by_bit() {
        let pool = Pool::new();
        for value in 0..264 {
            pool.put(value);
        }
        // All of them came since the last time.
        assert_eq!(pool.trim(), 0);
        assert_eq!((pool.trim(), pool.len()), (50, 214));
        // The coldest went.
        assert_eq!(pool.take(), Some(263));
        let used: Vec<i32> = std::iter::from_fn(|| pool.take()).take(203).collect();
        used.into_iter().rev().for_each(|value| pool.put(value));
        pool.put(263);
        assert_eq!(pool.trim(), 3);
        for _ in 0..100 {
            pool.trim();
        }
        assert_eq!((pool.len(), pool.take()), (KEPT, Some(263)));
        pool.clear();
        assert_eq!((pool.trim(), pool.take()), (0, None));
    }
}
