//! Networks by address and prefix length, as `allow`, `set_real_ip_from` and their kin write them.

use std::net::{IpAddr, Ipv6Addr};

/// An address with the number of bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// The address; the bits that do not count are zero.
    address: IpAddr,
    /// 0 to 32, or to 128.
    bits: u8,
}

impl Cidr {
    /// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`; the flag says that bits were written that do not count.
    pub fn parse(text: &str) -> Option<(Self, bool)> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
                (address, Some(bits.parse::<u8>().ok().filter(|_| digits)?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return None;
        }
        let kept = masked(address, bits);
        Some((Self { address: kept, bits }, kept != address))
    }

    /// One address.
    pub fn of(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Its address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many of the address's bits count.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// Whether an address is in it; one that is IPv4 within IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.bits) == self.address
    }
}

/// The first `bits` of an address; all of it when it has fewer.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn networks() {
        for (net, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.128/25", "192.0.2.129", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            let (cidr, extra) = Cidr::parse(net).unwrap();
            assert!(!extra, "{net}");
            assert!(cidr.contains(inside.parse().unwrap()), "{net} {inside}");
            assert!(!cidr.contains(outside.parse().unwrap()), "{net} {outside}");
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0/8",
            "host",
            "10.0.0.0/8/9",
        ] {
            assert!(Cidr::parse(text).is_none(), "{text}");
        }
        assert!(Cidr::parse("10.1.0.0/8").unwrap().1);
    }
}
