//! A quick hash for paths: eight bytes a step, keyed per process so that nobody outside can choose paths that collide.
//!
//! For tables in memory only; the values mean nothing elsewhere. Used by `open_file_cache`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Odd, with its bits well spread (from the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes [`PathHasher`]s of one key.
#[derive(Clone, Debug)]
pub(super) struct PathHash {
    key: u64,
}

impl Default for PathHash {
    /// With a random key.
    fn default() -> Self {
        Self { key: RandomState::new().hash_one(0_u8) }
    }
}

impl BuildHasher for PathHash {
    type Hasher = PathHasher;

    fn build_hasher(&self) -> PathHasher {
        PathHasher { state: self.key, multiplier: (self.key ^ MULTIPLIER) | 1 }
    }
}

/// The hash of one path in the making.
pub(super) struct PathHasher {
    state: u64,
    multiplier: u64,
}

impl PathHasher {
    /// Both halves of a wide product depend on every bit of the word and of the state.
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.multiplier);
        self.state = (product as u64) ^ ((product >> 64) as u64) ^ MULTIPLIER;
    }
}

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        match bytes.last_chunk() {
            _ if rest.is_empty() => {}
            // Together with bytes that are in already, which costs less than to make up others.
            Some(last) => self.mix(u64::from_le_bytes(*last)),
            None => {
                let mut last = [0; 8];
                last[..rest.len()].copy_from_slice(rest);
                self.mix(u64::from_le_bytes(last));
            }
        }
    }

    /// The length that std writes before the bytes of a slice tells `a` from `a\0`.
    fn write_usize(&mut self, n: usize) {
        self.state = self.state.wrapping_add(n as u64).rotate_left(17);
    }

    fn finish(&self) -> u64 {
        self.state.wrapping_mul(MULTIPLIER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn paths_spread_over_the_buckets_of_a_table() {
        let hash = PathHash::default();
        let hashes: Vec<u64> =
            (0..4096).map(|i| hash.hash_one(format!("/srv/static/{i}.css").as_bytes())).collect();
        let distinct = |of: &dyn Fn(u64) -> u64| hashes.iter().map(|h| of(*h)).collect::<HashSet<_>>().len();
        assert_eq!(distinct(&|h| h), 4096);
        // A table looks at the lowest bits and the top seven: 4096 balls in 4096 bins fill 63 % of them.
        assert!(distinct(&|h| h & 4095) > 2300, "low bits: {}", distinct(&|h| h & 4095));
        assert_eq!(distinct(&|h| h >> 57), 128);
    }

    #[test]
    fn keys_and_lengths_count() {
        let (one, other) = (PathHash::default(), PathHash::default());
        assert_ne!(one.hash_one(&b"/a"[..]), other.hash_one(&b"/a"[..]));
        assert_eq!(one.hash_one(&b"/a"[..]), one.hash_one(b"/a".to_vec().as_slice()));
        assert_ne!(one.hash_one(&b"/a"[..]), one.hash_one(&b"/a\0"[..]));
        assert_ne!(one.hash_one(&b"12345678"[..]), one.hash_one(&b"123456781"[..]));
    }
}
