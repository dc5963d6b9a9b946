//! `limit_conn`: how many requests of a key are being answered now.

use std::sync::Arc;

use super::table::Shards;

/// A zone.
pub struct ConnectionZone {
    shards: Shards<u32>,
}

/// One counted request; its end is counted when this is dropped.
pub struct Held {
    zone: Arc<ConnectionZone>,
    shard: u32,
    slot: u32,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The key has its number.
    Key,
    /// The zone has no room for another key.
    Zone,
}

impl ConnectionZone {
    /// A zone of so many bytes.
    pub fn new(size: usize) -> Self {
        Self { shards: Shards::new(size) }
    }

    /// Counts a request of `key`, unless there are `most` already.
    ///
    /// # Errors
    /// What is full.
    pub fn enter(self: &Arc<Self>, key: &[u8], most: u32) -> Result<Held, Full> {
        let shard = self.shards.shard_of(key);
        let mut table = self.shards.lock(shard);
        let slot = match table.find(key) {
            Some(slot) => slot,
            None => table.insert(key).ok_or(Full::Zone)?,
        };
        let Some(count) = table.value(slot) else { return Err(Full::Zone) };
        if *count >= most {
            return Err(Full::Key);
        }
        *count += 1;
        Ok(Held { zone: Arc::clone(self), shard, slot })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.zone.shards.lock(self.shard);
        let Some(count) = table.value(self.slot) else { return };
        *count -= 1;
        if *count == 0 {
            table.remove(self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        let zone = Arc::new(ConnectionZone::new(32 * 1024));
        let first = zone.enter(b"a", 2).ok().unwrap();
        let second = zone.enter(b"a", 2).ok().unwrap();
        assert_eq!(zone.enter(b"a", 2).err(), Some(Full::Key));
        assert!(zone.enter(b"b", 1).is_ok());
        drop(first);
        let third = zone.enter(b"a", 2).ok().unwrap();
        assert_eq!(zone.enter(b"a", 2).err(), Some(Full::Key));
        drop((second, third));
        assert_eq!(zone.shards.lock(0).oldest(), None);
    }

    #[test]
    fn a_full_zone_lets_no_new_key_in() {
        let zone = Arc::new(ConnectionZone::new(32 * 1024));
        let held: Vec<Held> = (0..256_u32).map(|n| zone.enter(&n.to_ne_bytes(), 1).ok().unwrap()).collect();
        assert_eq!(zone.enter(b"other", 1).err(), Some(Full::Zone));
        drop(held);
        assert!(zone.enter(b"other", 1).is_ok());
    }

    #[test]
    fn threads_together_never_pass_the_limit() {
        let zone = Arc::new(ConnectionZone::new(1 << 20));
        let most = std::sync::atomic::AtomicU32::new(0);
        let now = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    use std::sync::atomic::Ordering::SeqCst;
                    for _ in 0..2000 {
                        if let Ok(held) = zone.enter(b"key", 2) {
                            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                            now.fetch_sub(1, SeqCst);
                            drop(held);
                        }
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
    }
}
