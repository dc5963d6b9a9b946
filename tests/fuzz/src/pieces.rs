//! Random numbers that follow from the input alone, and the pieces an input is cut into with them.

/// SplitMix64: small, and good enough to choose cuts and mutations.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from these bytes (FNV-1a).
    pub fn of(bytes: &[u8]) -> Random {
        Random(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }
}

/// Where `bytes` ends after each piece: ascending, the last one is its length. Some inputs come byte by byte, some in
/// a few large pieces.
pub fn cuts(bytes: &[u8]) -> Vec<usize> {
    let mut random = Random::of(bytes);
    let largest = 1 + random.below(bytes.len().max(1)).min([1, 3, 40, usize::MAX][random.below(4)]);
    let mut cuts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        at = (at + 1 + random.below(largest)).min(bytes.len());
        cuts.push(at);
    }
    if cuts.is_empty() {
        cuts.push(0);
    }
    cuts
}
