//! The hash functions of `ip_hash` and `hash`, bit for bit nginx's: the same key meets the same peer after a change of
//! server.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use super::peer::Peer;

/// Points on the ring per unit of weight (nginx's 160).
const POINTS_PER_WEIGHT: u32 = 160;

/// One more round of `ip_hash` (`ngx_http_upstream_get_ip_hash_peer`): `hash` is the last round's result, 89 at first.
pub(super) fn ip_hash(hash: u32, client: Option<IpAddr>) -> u32 {
    let round = |hash: u32, octets: &[u8]| octets.iter().fold(hash, |h, o| (h * 113 + u32::from(*o)) % 6271);
    match client {
        Some(IpAddr::V4(v4)) => round(hash, &v4.octets()[..3]),
        Some(IpAddr::V6(v6)) => round(hash, &v6.octets()),
        None => round(hash, &[0; 3]),
    }
}

/// One round of `hash`: 15 bits of the CRC of the round's number (not in the first round) and the key.
pub(super) fn memcached(rehash: u32, key: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    if rehash > 0 {
        crc = crc32_update(crc, rehash.to_string().as_bytes());
    }
    (!crc32_update(crc, key) >> 16) & 0x7fff
}

/// CRC-32 (IEEE).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !crc32_update(u32::MAX, bytes)
}

fn crc32_update(mut crc: u32, bytes: &[u8]) -> u32 {
    for byte in bytes {
        crc = CRC_TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    }
    crc
}

static CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = n as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
}

/// The ketama ring of `hash … consistent`.
#[derive(Debug)]
pub(super) struct Ring {
    /// Hash and index into `servers`, by hash, each hash once.
    points: Vec<(u32, u16)>,
    servers: Vec<String>,
}

impl Ring {
    pub(super) fn new<'a>(peers: impl Iterator<Item = &'a Peer>) -> Self {
        let mut ring = Self { points: Vec::new(), servers: Vec::new() };
        for peer in peers {
            let index = u16::try_from(ring.servers.len()).unwrap_or(u16::MAX);
            ring.servers.push(peer.conf.server.clone());
            let (host, port) = host_and_port(&peer.conf.server);
            let base =
                [host.as_bytes(), &[0], port.as_bytes()].iter().fold(u32::MAX, |c, b| crc32_update(c, b));
            let mut previous = 0_u32;
            for _ in 0..peer.conf.weight.saturating_mul(POINTS_PER_WEIGHT) {
                previous = !crc32_update(base, &previous.to_le_bytes());
                ring.points.push((previous, index));
            }
        }
        ring.points.sort_by_key(|point| point.0);
        ring.points.dedup_by_key(|point| point.0);
        ring
    }

    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub(super) fn first_at_or_after(&self, hash: u32) -> usize {
        self.points.partition_point(|point| point.0 < hash)
    }

    pub(super) fn server_at(&self, index: usize) -> &str {
        &self.servers[usize::from(self.points[index % self.points.len()].1)]
    }
}

/// Splits `host:port` as nginx does for the ring: a unix socket and a bare name have no port.
fn host_and_port(server: &str) -> (&str, &str) {
    if let Some(path) = server.strip_prefix("unix:") {
        return (path, "");
    }
    match server.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (server, ""),
    }
}

/// A seed that differs from core to core and start to start.
pub(super) fn seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish() | 1
}

/// xorshift64*: `random` needs spread, not secrecy.
pub(super) fn next_random(state: &Cell<u64>) -> u64 {
    let mut x = state.get();
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state.set(x);
    x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_ieee_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(memcached(0, b"123456789"), (0xcbf4_3926_u32 >> 16) & 0x7fff);
    }

    #[test]
    fn a_server_is_split_as_nginx_does() {
        assert_eq!(host_and_port("127.0.0.1:8000"), ("127.0.0.1", "8000"));
        assert_eq!(host_and_port("app"), ("app", ""));
        assert_eq!(host_and_port("[::1]"), ("[::1]", ""));
        assert_eq!(host_and_port("unix:/tmp/a:1"), ("/tmp/a:1", ""));
    }
}
