//! Variables that the configuration derives from others: `map`, `geo`, `split_clients`.
//!
//! Here are their tables and how a key is looked up in them; evaluating what goes in and what comes out for a request is
//! the business of `http::derived`. A look-up allocates nothing, but for regular expressions with groups.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};

use super::cidr::Cidr;
use super::pattern::Pattern;
use super::template::Template;

/// One such variable.
#[derive(Debug)]
pub struct DerivedConf {
    /// Its name, lower-case.
    pub name: String,
    /// What it is derived from.
    pub source: Template,
    /// Its value is not kept for the rest of the request (`volatile`).
    pub volatile: bool,
    /// How.
    pub table: Table,
}

/// How a variable is derived.
#[derive(Debug)]
pub enum Table {
    /// `map`
    Map(Map),
    /// `geo`
    Geo(Geo),
    /// `split_clients`
    Shares(Shares),
}

/// The table of a `map`.
#[derive(Debug, Default)]
pub struct Map {
    /// Keys are host names: wildcards count, a trailing dot does not.
    pub hostnames: bool,
    /// Lower-case keys.
    exact: HashMap<Box<[u8]>, Template>,
    /// `*.example.com` by what follows the `*.`.
    below: HashMap<Box<[u8]>, Template>,
    /// `mail.*` by what precedes the `.*`.
    beginning: HashMap<Box<[u8]>, Template>,
    patterns: Vec<(Pattern, Template)>,
    /// `default`; empty when not written.
    pub default: Template,
}

/// What a `map` has for a key.
pub enum Mapped<'m> {
    /// This value.
    Value(&'m Template),
    /// This value, in which the groups of the pattern have the values that they have in the key.
    Matched(&'m Pattern, &'m Template),
}

impl Map {
    /// Adds a value for a key that is no regular expression; false when it has one already.
    pub fn insert(&mut self, key: &[u8], value: Template) -> bool {
        let key = key.to_ascii_lowercase();
        if self.hostnames {
            if let Some(parent) = key.strip_prefix(b"*.") {
                return insert(&mut self.below, parent, value);
            }
            if let Some(parent) = key.strip_prefix(b".") {
                return insert(&mut self.below, parent, value.clone())
                    && insert(&mut self.exact, parent, value);
            }
            if let Some(first) = key.strip_suffix(b".*") {
                return insert(&mut self.beginning, first, value);
            }
        }
        insert(&mut self.exact, &key, value)
    }

    /// Adds a value for what matches a regular expression.
    pub fn insert_pattern(&mut self, pattern: Pattern, value: Template) {
        self.patterns.push((pattern, value));
    }

    /// The value for a key, in nginx's order: as it stands, the longest wildcard, the first regular expression, the default.
    /// `lower` is the key in lower case.
    pub fn find(&self, key: &[u8], lower: &[u8]) -> Mapped<'_> {
        let (key, lower) = if self.hostnames {
            (key.strip_suffix(b".").unwrap_or(key), lower.strip_suffix(b".").unwrap_or(lower))
        } else {
            (key, lower)
        };
        if let Some(value) = self.exact.get(lower) {
            return Mapped::Value(value);
        }
        let dots = || memchr::memchr_iter(b'.', lower);
        if !self.below.is_empty()
            && let Some(value) = dots().find_map(|dot| self.below.get(&lower[dot + 1..]))
        {
            return Mapped::Value(value);
        }
        if !self.beginning.is_empty()
            && let Some(value) = dots().rev().find_map(|dot| self.beginning.get(&lower[..dot]))
        {
            return Mapped::Value(value);
        }
        match self.patterns.iter().find(|(pattern, _)| pattern.is_match(key)) {
            Some((pattern, value)) => Mapped::Matched(pattern, value),
            None => Mapped::Value(&self.default),
        }
    }
}

fn insert(table: &mut HashMap<Box<[u8]>, Template>, key: &[u8], value: Template) -> bool {
    match table.entry(key.into()) {
        Entry::Vacant(place) => {
            place.insert(value);
            true
        }
        Entry::Occupied(_) => false,
    }
}

/// The table of a `geo`: networks, the longest prefix wins; or ranges.
#[derive(Debug, Default)]
pub struct Geo {
    /// Addresses of networks by the number of bits that count, most bits first. IPv4 lies within IPv6.
    networks: Vec<(u8, Networks)>,
    /// First and last address, sorted, none within another.
    ranges: Vec<(u32, u32, Box<[u8]>)>,
    /// `default`; empty when not written.
    pub default: Box<[u8]>,
    /// `proxy`: whose `X-Forwarded-For` counts.
    pub proxies: Vec<Cidr>,
    /// `proxy_recursive`
    pub recursive: bool,
}

/// Values by address.
type Networks = HashMap<u128, Box<[u8]>>;

impl Geo {
    /// Adds a network; gives the value it had.
    pub fn insert(&mut self, network: Cidr, value: &[u8]) -> Option<Box<[u8]>> {
        let bits = within_v6(network);
        let at = match self.networks.binary_search_by(|(known, _)| bits.cmp(known)) {
            Ok(at) => at,
            Err(at) => {
                self.networks.insert(at, (bits, Networks::new()));
                at
            }
        };
        self.networks[at].1.insert(number(network.address()), value.into())
    }

    /// Takes a network away (`delete`); whether it was there.
    pub fn remove(&mut self, network: Cidr) -> bool {
        let bits = within_v6(network);
        let table = self.networks.iter_mut().find(|(known, _)| *known == bits);
        table.is_some_and(|(_, table)| table.remove(&number(network.address())).is_some())
    }

    /// Adds a range: parts of others that it covers are replaced, as in nginx.
    pub fn insert_range(&mut self, first: u32, last: u32, value: &[u8]) {
        let covered = std::mem::take(&mut self.ranges);
        for (from, to, old) in covered {
            if to < first || from > last {
                self.ranges.push((from, to, old));
                continue;
            }
            if from < first {
                self.ranges.push((from, first - 1, old.clone()));
            }
            if to > last {
                self.ranges.push((last + 1, to, old));
            }
        }
        self.ranges.push((first, last, value.into()));
        self.ranges.sort_unstable_by_key(|range| range.0);
    }

    /// The value for an address.
    pub fn find(&self, address: IpAddr) -> &[u8] {
        let address = number(address);
        let network = self.networks.iter().find_map(|(bits, table)| {
            let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
            table.get(&(address & mask)).map(|value| &**value)
        });
        network.or_else(|| self.range(address)).unwrap_or(&self.default)
    }

    fn range(&self, address: u128) -> Option<&[u8]> {
        let IpAddr::V4(v4) = Ipv6Addr::from(address).to_canonical() else { return None };
        let v4 = u32::from(v4);
        let at = self.ranges.partition_point(|(first, _, _)| *first <= v4).checked_sub(1)?;
        let (_, last, value) = &self.ranges[at];
        (v4 <= *last).then_some(value)
    }
}

/// The address as one within IPv6.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// How many bits of it count then.
fn within_v6(network: Cidr) -> u8 {
    if network.address().is_ipv4() { network.bits() + 96 } else { network.bits() }
}

/// The shares of `split_clients`.
#[derive(Debug, Default)]
pub struct Shares {
    /// Hashes below this have this value; in order. `None` is all that are left (`*`).
    shares: Vec<(Option<u32>, Box<[u8]>)>,
}

impl Shares {
    /// Adds a share that ends at so many hundredths of a per cent of all, or has all that are left.
    pub fn push(&mut self, end: Option<u32>, value: &[u8]) {
        let below = end.map(|end| (u64::from(end) * u64::from(u32::MAX) / 10_000) as u32);
        self.shares.push((below, value.into()));
    }

    /// The value of whose share the key is in; empty when in none.
    pub fn find(&self, key: &[u8]) -> &[u8] {
        let hash = murmur2(key);
        let share = self.shares.iter().find(|(below, _)| below.is_none_or(|below| hash < below));
        share.map_or(b"", |(_, value)| value)
    }
}

/// MurmurHash2 of 32 bits with seed 0, as nginx has it.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Template {
        Template::literal(text.as_bytes())
    }

    fn found(map: &Map, key: &str) -> String {
        let (Mapped::Value(value) | Mapped::Matched(_, value)) =
            map.find(key.as_bytes(), key.to_ascii_lowercase().as_bytes());
        String::from_utf8_lossy(value.as_literal().unwrap()).into_owned()
    }

    #[test]
    fn keys_in_nginxs_order() {
        let mut map = Map { hostnames: true, default: literal("none"), ..Map::default() };
        for (key, value) in [
            ("example.com", "1"),
            ("*.example.com", "2"),
            (".both.org", "3"),
            ("mail.*", "4"),
            ("*.a.example.com", "5"),
        ] {
            assert!(map.insert(key.as_bytes(), literal(value)));
        }
        assert!(!map.insert(b"EXAMPLE.com", literal("again")));
        map.insert_pattern(Pattern::compile("^X\\d", false, |_| 0).unwrap(), literal("6"));
        for (key, value) in [
            ("Example.COM", "1"),
            ("example.com.", "1"),
            ("x.example.com", "2"),
            ("x.y.example.com", "2"),
            ("x.a.example.com", "5"),
            ("both.org", "3"),
            ("x.both.org", "3"),
            ("mail.net", "4"),
            ("mail.a.example.com", "5"),
            ("X1", "6"),
            ("x1", "none"),
            ("", "none"),
        ] {
            assert_eq!(found(&map, key), value, "{key}");
        }
    }

    #[test]
    fn the_longest_network_wins() {
        let mut geo = Geo { default: b"d".as_slice().into(), ..Geo::default() };
        let cidr = |text: &str| Cidr::parse(text).unwrap().0;
        for (network, value) in [
            ("0.0.0.0/0", "all"),
            ("10.0.0.0/8", "ten"),
            ("10.1.0.0/16", "one"),
            ("2001:db8::/32", "six"),
            ("::/0", "v6"),
        ] {
            assert!(geo.insert(cidr(network), value.as_bytes()).is_none());
        }
        let value = |geo: &Geo, address: &str| {
            String::from_utf8_lossy(geo.find(address.parse().unwrap())).into_owned()
        };
        for (address, expected) in [
            ("10.1.2.3", "one"),
            ("10.2.2.3", "ten"),
            ("11.0.0.1", "all"),
            ("2001:db8::1", "six"),
            ("::ffff:10.1.0.1", "one"),
        ] {
            assert_eq!(value(&geo, address), expected, "{address}");
        }
        assert!(geo.remove(cidr("10.1.0.0/16")) && !geo.remove(cidr("10.1.0.0/16")));
        assert_eq!(value(&geo, "10.1.2.3"), "ten");
        assert_eq!(value(&geo, "fe80::1"), "v6");
    }

    #[test]
    fn ranges_are_cut_by_later_ones() {
        let mut geo = Geo::default();
        geo.insert_range(10, 20, b"a");
        geo.insert_range(15, 16, b"b");
        geo.insert_range(30, 40, b"c");
        let value = |number: u32| geo.find(IpAddr::V4(number.into()));
        let values = [9, 10, 14, 15, 16, 17, 20, 21, 30, 40, 41].map(value);
        assert_eq!(values, [&b""[..], b"a", b"a", b"b", b"b", b"a", b"a", b"", b"c", b"c", b""]);
    }

    #[test]
    fn hashes_are_those_of_everybody() {
        // From the reference implementation, seed 0.
        for (key, hash) in
            [("", 0), ("a", 0x9268_5f5e_u32), ("abc", 0x1357_7c9b), ("hello world", 0x44a8_1419)]
        {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}: {:#x}", murmur2(key.as_bytes()));
        }
    }
}
