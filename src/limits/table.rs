//! A bounded table of entries by key, in order of use. One shard of a zone.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// "No entry" in the list of use.
const NONE: u32 = u32::MAX;

/// Least memory an entry counts for, bytes: what it takes in nginx, so that a size means as many entries.
const ENTRY: usize = 128;

/// What an entry takes beside its key, bytes.
const OVERHEAD: usize = 80;

/// A shard has this much memory at least, bytes: a small zone is one shard.
const SHARD: usize = 64 * 1024;

const MAX_SHARDS: usize = 16;

/// A zone: shards by key.
pub(super) struct Shards<V> {
    shards: Box<[Mutex<Table<V>>]>,
    hash: RandomState,
}

impl<V: Default> Shards<V> {
    /// A zone of so many bytes.
    pub(super) fn new(size: usize) -> Self {
        let count = (size / SHARD).clamp(1, MAX_SHARDS);
        let shards = (0..count).map(|_| Mutex::new(Table::new(size / count))).collect();
        Self { shards, hash: RandomState::new() }
    }

    /// Which shard has this key.
    pub(super) fn shard_of(&self, key: &[u8]) -> u32 {
        (self.hash.hash_one(key) % self.shards.len() as u64) as u32
    }

    /// A shard, for a moment.
    pub(super) fn lock(&self, shard: u32) -> MutexGuard<'_, Table<V>> {
        // Nothing panics in between, and counts are whole at any time.
        self.shards[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry<V> {
    key: Arc<[u8]>,
    value: V,
    newer: u32,
    older: u32,
}

/// Entries by key.
pub(super) struct Table<V> {
    index: HashMap<Arc<[u8]>, u32>,
    entries: Vec<Option<Entry<V>>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    bytes: usize,
    capacity: usize,
}

impl<V: Default> Table<V> {
    fn new(capacity: usize) -> Self {
        let (index, entries, free) = (HashMap::new(), Vec::new(), Vec::new());
        Self { index, entries, free, newest: NONE, oldest: NONE, bytes: 0, capacity }
    }

    /// The slot of a key, which becomes the newest.
    pub(super) fn find(&mut self, key: &[u8]) -> Option<u32> {
        let slot = *self.index.get(key)?;
        self.unlink(slot);
        self.link_newest(slot);
        Some(slot)
    }

    /// Whether a new entry of this key would fit.
    pub(super) fn has_room(&self, key: &[u8]) -> bool {
        self.bytes + cost(key) <= self.capacity
    }

    /// A new entry, the newest; `None` when it does not fit.
    pub(super) fn insert(&mut self, key: &[u8]) -> Option<u32> {
        if !self.has_room(key) {
            return None;
        }
        let key: Arc<[u8]> = key.into();
        self.bytes += cost(&key);
        let entry = Entry { key: Arc::clone(&key), value: V::default(), newer: NONE, older: NONE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.entries.push(Some(entry));
                (self.entries.len() - 1) as u32
            }
        };
        self.index.insert(key, slot);
        self.link_newest(slot);
        Some(slot)
    }

    /// The value in a slot.
    pub(super) fn value(&mut self, slot: u32) -> Option<&mut V> {
        self.entries.get_mut(slot as usize)?.as_mut().map(|entry| &mut entry.value)
    }

    /// The oldest entry.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        if let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) {
            self.bytes -= cost(&entry.key);
            self.index.remove(&entry.key);
            self.free.push(slot);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(Some(entry)) = self.entries.get(slot as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        match self.entry(newer) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entry(older) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let before = std::mem::replace(&mut self.newest, slot);
        if let Some(entry) = self.entry(slot) {
            (entry.newer, entry.older) = (NONE, before);
        }
        match self.entry(before) {
            Some(entry) => entry.newer = slot,
            None => self.oldest = slot,
        }
    }

    fn entry(&mut self, slot: u32) -> Option<&mut Entry<V>> {
        self.entries.get_mut(slot as usize)?.as_mut()
    }
}

/// What an entry of this key takes, bytes.
fn cost(key: &[u8]) -> usize {
    (OVERHEAD + key.len()).next_power_of_two().max(ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_not_used_for_longest() {
        let mut table: Table<u32> = Table::new(ENTRY * 3);
        let slots: Vec<u32> = [b"a", b"b", b"c"].iter().map(|key| table.insert(*key).unwrap()).collect();
        assert_eq!(table.insert(b"d"), None);
        *table.value(slots[1]).unwrap() = 7;
        assert_eq!(table.find(b"a"), Some(slots[0]));
        assert_eq!(table.oldest(), Some(slots[1]));
        table.remove(slots[1]);
        assert_eq!((table.find(b"b"), table.oldest()), (None, Some(slots[2])));
        let again = table.insert(b"d").unwrap();
        assert_eq!(table.value(again), Some(&mut 0));
        for slot in [again, slots[0], slots[2]] {
            table.remove(slot);
        }
        assert_eq!((table.oldest(), table.bytes, table.index.len()), (None, 0, 0));
    }

    #[test]
    fn a_zone_holds_no_more_than_its_size() {
        let zone: Shards<u8> = Shards::new(1 << 20);
        let fitting = (0..100_000_u32)
            .filter(|n| {
                let key = n.to_ne_bytes();
                zone.lock(zone.shard_of(&key)).insert(&key).is_some()
            })
            .count();
        assert_eq!(fitting, 8192);
    }
}
