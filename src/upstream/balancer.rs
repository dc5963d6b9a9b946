//! Which peer is next: round robin, `least_conn`, `ip_hash`, `hash`, `random`, each as nginx chooses.
//!
//! Pure but for the weights it moves; sees neither sockets nor HTTP. [`Selection`] is one request's walk over the peers
//! of a group; it never offers the same peer twice.

use std::net::IpAddr;
use std::rc::Rc;

use super::hash::{self, Ring};
use super::peer::{Lease, Peer};
use super::{Tier, Upstream};

/// Choices by hash that may miss before round robin takes over (nginx's literal 20).
const MAX_HASH_TRIES: u32 = 20;

/// How peers are chosen, ready for use.
#[derive(Debug)]
pub(super) enum Balancer {
    RoundRobin,
    LeastConn,
    IpHash,
    Hash,
    ConsistentHash(Ring),
    Random { two: bool, state: std::cell::Cell<u64> },
}

/// What a request is balanced by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Key<'a> {
    /// The client, for `ip_hash`; `None` on unix sockets.
    pub client: Option<IpAddr>,
    /// The evaluated key of `hash`.
    pub hash: &'a [u8],
}

/// One request's walk over the peers of an upstream.
pub struct Selection {
    upstream: Rc<Upstream>,
    tried: Tried,
    /// In the backup tier, and by round robin only.
    backup: bool,
    tries: u32,
    hash: u32,
    rehash: u32,
    missed: u32,
}

impl Selection {
    /// Starts at the first choice.
    pub fn new(upstream: Rc<Upstream>) -> Self {
        let tries = upstream.primary.tries + upstream.backup.tries;
        Self { upstream, tried: Tried::default(), backup: false, tries, hash: 0, rehash: 0, missed: 0 }
    }

    /// Peers that may still be tried: those not `down`, less those already offered (nginx's `u->peer.tries`).
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The group.
    pub fn upstream(&self) -> &Rc<Upstream> {
        &self.upstream
    }

    /// The next peer at `now` (ms); `None`: `no live upstreams`.
    pub fn next(&mut self, now: u64, key: Key<'_>) -> Option<Lease> {
        let chosen = self.choose(now, key).or_else(|| self.choose_again(now, key))?;
        self.tries = if self.upstream.single { 0 } else { self.tries.saturating_sub(1) };
        Some(Lease::new(chosen, self.upstream.single))
    }

    /// A `proxy_pass` to a host name with several addresses is no group of the operator's making: when all its
    /// addresses are marked as failed they are tried again at once, so that an app that comes up is found by the very
    /// next request, as with a single address.
    fn choose_again(&mut self, now: u64, key: Key<'_>) -> Option<Rc<Peer>> {
        if self.upstream.explicit || self.tried.any() {
            return None;
        }
        self.upstream.primary.peers.iter().for_each(|peer| peer.forgive());
        self.choose(now, key)
    }

    fn choose(&mut self, now: u64, key: Key<'_>) -> Option<Rc<Peer>> {
        let upstream = Rc::clone(&self.upstream);
        if !self.backup {
            if let Some(index) = self.choose_primary(&upstream, now, key) {
                self.tried.insert(index);
                return Some(Rc::clone(&upstream.primary.peers[index]));
            }
            if upstream.backup.peers.is_empty() {
                return None;
            }
            self.backup = true;
            self.tried.clear();
        }
        let index = match upstream.balancer {
            Balancer::LeastConn => least_conn(&upstream.backup, &self.tried, now),
            _ => round_robin(&upstream.backup, &self.tried, now),
        }?;
        self.tried.insert(index);
        Some(Rc::clone(&upstream.backup.peers[index]))
    }

    fn choose_primary(&mut self, upstream: &Upstream, now: u64, key: Key<'_>) -> Option<usize> {
        let tier = &upstream.primary;
        if upstream.single {
            // A single peer is offered again as long as the caller asks; only `down` and `max_conns` exclude it.
            let peer = tier.peers.first()?;
            return (!peer.conf.down && !peer.full()).then_some(0);
        }
        match &upstream.balancer {
            Balancer::RoundRobin => round_robin(tier, &self.tried, now),
            Balancer::LeastConn => least_conn(tier, &self.tried, now),
            Balancer::IpHash => self.ip_hash(tier, now, key),
            Balancer::Hash => self.hash(tier, now, key),
            Balancer::ConsistentHash(ring) => self.consistent_hash(tier, ring, now, key),
            Balancer::Random { two, state } => self.random(tier, now, *two, state),
        }
    }

    /// `ip_hash`: the first three octets of an IPv4 address, or the whole IPv6 address, choose the peer.
    fn ip_hash(&mut self, tier: &Tier, now: u64, key: Key<'_>) -> Option<usize> {
        if self.rehash == 0 {
            self.hash = 89;
            self.rehash = 1;
        }
        while self.missed <= MAX_HASH_TRIES {
            self.hash = hash::ip_hash(self.hash, key.client);
            let index = weighted_index(tier, u64::from(self.hash));
            if self.usable(tier, index, now) {
                tier.peers[index].note_chosen(now);
                return Some(index);
            }
            self.missed += 1;
        }
        round_robin(tier, &self.tried, now)
    }

    /// `hash key`: compatible with Cache::Memcached.
    fn hash(&mut self, tier: &Tier, now: u64, key: Key<'_>) -> Option<usize> {
        while self.missed <= MAX_HASH_TRIES && !key.hash.is_empty() {
            self.hash = self.hash.wrapping_add(hash::memcached(self.rehash, key.hash));
            self.rehash += 1;
            let index = weighted_index(tier, u64::from(self.hash));
            if self.usable(tier, index, now) {
                tier.peers[index].note_chosen(now);
                return Some(index);
            }
            self.missed += 1;
        }
        round_robin(tier, &self.tried, now)
    }

    /// `hash key consistent`: ketama.
    fn consistent_hash(&mut self, tier: &Tier, ring: &Ring, now: u64, key: Key<'_>) -> Option<usize> {
        if key.hash.is_empty() || ring.is_empty() {
            return round_robin(tier, &self.tried, now);
        }
        if self.rehash == 0 {
            self.rehash = 1;
            self.hash = ring.first_at_or_after(hash::crc32(key.hash)) as u32;
        }
        while self.missed <= MAX_HASH_TRIES {
            let server = ring.server_at(self.hash as usize);
            let tried = &self.tried;
            let same = |index: usize| tier.peers[index].conf.server == server && !tried.contains(index);
            if let Some(index) = smooth(tier, now, same) {
                return Some(index);
            }
            self.hash = self.hash.wrapping_add(1);
            self.missed += 1;
        }
        round_robin(tier, &self.tried, now)
    }

    /// `random` and `random two [least_conn]`.
    fn random(&mut self, tier: &Tier, now: u64, two: bool, state: &std::cell::Cell<u64>) -> Option<usize> {
        let mut first = None;
        while self.missed <= MAX_HASH_TRIES {
            let index = weighted_index(tier, hash::next_random(state));
            if !self.usable(tier, index, now) || first == Some(index) {
                self.missed += 1;
                continue;
            }
            let Some(other) = first.filter(|_| two) else {
                if !two {
                    tier.peers[index].note_chosen(now);
                    return Some(index);
                }
                first = Some(index);
                continue;
            };
            let (a, b) = (&tier.peers[other], &tier.peers[index]);
            let load = |x: &Peer, y: &Peer| i64::from(x.active()) * y.weight();
            let index = if load(a, b) < load(b, a) { other } else { index };
            tier.peers[index].note_chosen(now);
            return Some(index);
        }
        round_robin(tier, &self.tried, now)
    }

    fn usable(&self, tier: &Tier, index: usize, now: u64) -> bool {
        !self.tried.contains(index) && tier.peers[index].eligible(now)
    }
}

/// Smooth weighted round robin over the untried peers (`ngx_http_upstream_get_peer`).
fn round_robin(tier: &Tier, tried: &Tried, now: u64) -> Option<usize> {
    smooth(tier, now, |index| !tried.contains(index))
}

fn smooth(tier: &Tier, now: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let mut total = 0;
    let mut best: Option<usize> = None;
    for (index, peer) in tier.peers.iter().enumerate() {
        if !wanted(index) || !peer.eligible(now) {
            continue;
        }
        let effective = peer.effective_weight.get();
        peer.current_weight.set(peer.current_weight.get() + effective);
        total += effective;
        if effective < peer.weight() {
            peer.effective_weight.set(effective + 1);
        }
        if best.is_none_or(|b| peer.current_weight.get() > tier.peers[b].current_weight.get()) {
            best = Some(index);
        }
    }
    let peer = &tier.peers[best?];
    peer.current_weight.set(peer.current_weight.get() - total);
    peer.note_chosen(now);
    best
}

/// Fewest requests per weight; round robin among equals.
fn least_conn(tier: &Tier, tried: &Tried, now: u64) -> Option<usize> {
    let usable = |index: usize| !tried.contains(index) && tier.peers[index].eligible(now);
    let load = |a: &Peer, b: &Peer| i64::from(a.active()) * b.weight();
    let mut best: Option<&Rc<Peer>> = None;
    for (_, peer) in tier.peers.iter().enumerate().filter(|(index, _)| usable(*index)) {
        if best.is_none_or(|b| load(peer, b) < load(b, peer)) {
            best = Some(peer);
        }
    }
    let best = best?;
    let equal = |index: usize| {
        let peer = &tier.peers[index];
        usable(index) && load(peer, best) == load(best, peer)
    };
    smooth(tier, now, equal)
}

/// The peer at `value` modulo the sum of the configured weights.
fn weighted_index(tier: &Tier, value: u64) -> usize {
    let mut rest = (value % tier.total_weight.max(1)) as i64;
    for (index, peer) in tier.peers.iter().enumerate() {
        if rest < peer.weight() {
            return index;
        }
        rest -= peer.weight();
    }
    0
}

/// A set of peer indices: no allocation up to 64 peers.
#[derive(Default)]
struct Tried {
    low: u64,
    high: Vec<u64>,
}

impl Tried {
    fn contains(&self, index: usize) -> bool {
        let word = if index < 64 { self.low } else { self.high.get(index / 64 - 1).copied().unwrap_or(0) };
        word >> (index % 64) & 1 == 1
    }

    fn insert(&mut self, index: usize) {
        if index < 64 {
            self.low |= 1 << index;
            return;
        }
        let word = index / 64 - 1;
        if self.high.len() <= word {
            self.high.resize(word + 1, 0);
        }
        self.high[word] |= 1 << (index % 64);
    }

    fn any(&self) -> bool {
        self.low != 0 || self.high.iter().any(|word| *word != 0)
    }

    fn clear(&mut self) {
        self.low = 0;
        self.high.clear();
    }
}

#[cfg(test)]
#[path = "balancer_tests.rs"]
mod tests;
