//! `limit_req`: a leaky bucket for each key, counted as nginx counts (`ngx_http_limit_req_lookup`, `_account`).
//!
//! An excess is in thousandths of a request.

use super::table::{Shards, Table};

/// An entry that leaked empty is removed when it was not used for this long, milliseconds.
const IDLE_MS: u64 = 60_000;

/// Entries looked at for removal with each new one.
const EXPIRED_PER_MISS: u32 = 2;

/// Thousandths of a request for each second.
pub type Rate = u64;

/// A zone.
pub struct RequestZone {
    shards: Shards<Bucket>,
}

#[derive(Default)]
struct Bucket {
    excess: u64,
    /// When it last leaked, milliseconds; `None`: nothing was counted yet, and the first request is free.
    last: Option<u64>,
    /// Requests that were let through here and are still to be accounted.
    pins: u32,
}

/// A bucket that waits for the word of the other zones.
#[derive(Debug, Clone, Copy)]
pub struct Pin {
    shard: u32,
    slot: u32,
}

/// What a zone says.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// It goes beyond the burst, with this excess.
    Busy(u64),
    /// There is no room for the key.
    Full,
    /// Counted, with this excess.
    Counted(u64),
    /// It would fit, and is to be accounted or let go.
    Fits(Pin),
}

impl Bucket {
    /// Milliseconds since it last leaked. The clocks of two cores may differ a little.
    fn elapsed(&self, now: u64) -> u64 {
        self.last.map_or(0, |last| now.saturating_sub(last))
    }

    /// The excess with one more request.
    fn with_one_more(&self, rate: Rate, now: u64) -> u64 {
        if self.last.is_none() {
            return 0;
        }
        let leaked = rate.saturating_mul(self.elapsed(now)) / 1000;
        (self.excess + 1000).saturating_sub(leaked)
    }

    fn take(&mut self, excess: u64, now: u64) {
        self.excess = excess;
        self.last = self.last.max(Some(now));
    }
}

impl RequestZone {
    /// A zone of so many bytes.
    pub fn new(size: usize) -> Self {
        Self { shards: Shards::new(size) }
    }

    /// Asks for one request of `key`; it is counted at once when no other zone has a say (`last`).
    pub fn ask(&self, key: &[u8], rate: Rate, burst: u64, now: u64, last: bool) -> Asked {
        let shard = self.shards.shard_of(key);
        let mut table = self.shards.lock(shard);
        let found = table.find(key);
        let excess = match found.and_then(|slot| table.value(slot)) {
            Some(bucket) => bucket.with_one_more(rate, now),
            None => 0,
        };
        if excess > burst {
            return Asked::Busy(excess);
        }
        let Some(slot) = found.or_else(|| make(&mut table, key, rate, now)) else { return Asked::Full };
        let Some(bucket) = table.value(slot) else { return Asked::Full };
        if last {
            bucket.take(excess, now);
            return Asked::Counted(excess);
        }
        bucket.pins += 1;
        Asked::Fits(Pin { shard, slot })
    }

    /// Counts a request that fitted; gives the excess.
    pub fn account(&self, pin: Pin, rate: Rate, now: u64) -> u64 {
        let mut table = self.shards.lock(pin.shard);
        let Some(bucket) = table.value(pin.slot) else { return 0 };
        let excess = bucket.with_one_more(rate, now);
        bucket.take(excess, now);
        bucket.pins -= 1;
        excess
    }

    /// Lets go of a request that fitted: another zone refused it.
    pub fn let_go(&self, pin: Pin) {
        if let Some(bucket) = self.shards.lock(pin.shard).value(pin.slot) {
            bucket.pins -= 1;
        }
    }
}

/// A new bucket, in the place of the oldest when there is no room.
fn make(table: &mut Table<Bucket>, key: &[u8], rate: Rate, now: u64) -> Option<u32> {
    for _ in 0..EXPIRED_PER_MISS {
        let Some(oldest) = table.oldest() else { break };
        let Some(bucket) = table.value(oldest) else { break };
        let idle = bucket.elapsed(now);
        let leaked = rate.saturating_mul(idle) / 1000;
        if bucket.pins > 0 || idle < IDLE_MS || bucket.excess > leaked {
            break;
        }
        table.remove(oldest);
    }
    if !table.has_room(key) {
        let oldest = table.oldest()?;
        if table.value(oldest).is_some_and(|bucket| bucket.pins > 0) {
            return None;
        }
        table.remove(oldest);
    }
    table.insert(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excess(asked: Asked) -> Result<u64, u64> {
        match asked {
            Asked::Counted(excess) => Ok(excess),
            Asked::Busy(excess) => Err(excess),
            Asked::Full | Asked::Fits(_) => panic!("{asked:?}"),
        }
    }

    #[test]
    fn a_bucket_leaks_at_its_rate() {
        let zone = RequestZone::new(32 * 1024);
        let ask = |now| excess(zone.ask(b"a", 10_000, 2000, now, true));
        assert_eq!(ask(5000), Ok(0));
        assert_eq!(ask(5000), Ok(1000));
        assert_eq!(ask(5000), Ok(2000));
        assert_eq!(ask(5000), Err(3000));
        assert_eq!(ask(5050), Err(2500));
        assert_eq!(ask(5100), Ok(2000));
        assert_eq!(ask(9000), Ok(0));
        assert_eq!(ask(8990), Ok(1000), "another core's clock is behind");
    }

    #[test]
    fn a_request_counts_in_all_zones_or_in_none() {
        let (first, last) = (RequestZone::new(32 * 1024), RequestZone::new(32 * 1024));
        for round in 0..3 {
            let Asked::Fits(pin) = first.ask(b"a", 1000, 0, 10_000, false) else { panic!("{round}") };
            assert!(matches!(last.ask(b"b", 1000, 0, 10_000, true), Asked::Counted(_)) == (round == 0));
            first.let_go(pin);
        }
        let Asked::Fits(pin) = first.ask(b"a", 1000, 0, 10_000, false) else { panic!() };
        assert_eq!(first.account(pin, 1000, 10_000), 0);
        assert_eq!(excess(first.ask(b"a", 1000, 0, 10_000, true)), Err(1000));
    }

    #[test]
    fn the_oldest_makes_room() {
        let zone = RequestZone::new(32 * 1024);
        for n in 0..1000_u32 {
            assert_eq!(excess(zone.ask(&n.to_ne_bytes(), 1, 0, 1000, true)), Ok(0));
        }
        assert_eq!(excess(zone.ask(&999_u32.to_ne_bytes(), 1, 0, 1000, true)), Err(1000));
        assert_eq!(excess(zone.ask(&0_u32.to_ne_bytes(), 1, 0, 1000, true)), Ok(0), "forgotten");
        assert!(matches!(zone.ask(&[0; 60_000], 1, 0, 1000, true), Asked::Full));
    }
}
