//! The PROXY protocol, versions 1 and 2: what a balancer says of the client in front of its first byte.
//!
//! As bytes, without I/O (the specification is HAProxy's, `doc/proxy-protocol.txt`). Called by `worker` for ports with
//! `listen … proxy_protocol`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of the longest header that is taken, as in nginx (`NGX_PROXY_PROTOCOL_MAX_HEADER`).
pub const MAX_HEADER: usize = 4096;

/// Bytes of the longest line of version 1 (its section 2.1).
const MAX_LINE: usize = 107;

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of a version 2 header before its addresses.
const FIXED: usize = 16;

/// What version 1 begins with.
const WORD: &[u8] = b"PROXY ";

/// Who the client is, and where it connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client's address.
    pub source: Endpoint,
    /// The address it connected to.
    pub destination: Endpoint,
    /// Version 2: what follows the addresses.
    tlvs: Box<[u8]>,
}

/// An address as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As text; of version 1 as it was written.
    pub text: Box<str>,
    /// The address.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// All bytes belong to a header that goes on.
    Partial,
    /// A header of so many bytes; it may say nothing (`UNKNOWN`, `LOCAL`, other families).
    Whole(usize, Option<ProxyHeader>),
}

/// What is wrong with a header.
#[derive(Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// It is none.
    Broken,
    /// Version 2's signature with another version.
    Version(u8),
    /// Longer than [`MAX_HEADER`].
    TooLarge,
    /// Version 2: shorter than its addresses.
    Short,
}

/// Reads a header from the first bytes of a connection.
///
/// # Errors
/// When they are not the beginning of one.
pub fn read(bytes: &[u8]) -> Result<Read, ProxyError> {
    if begins(bytes, SIGNATURE) {
        return binary(bytes);
    }
    if begins(bytes, WORD) {
        return line(bytes);
    }
    Err(ProxyError::Broken)
}

/// Whether `bytes` begin with `start`, as far as they go.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let len = bytes.len().min(start.len());
    bytes[..len] == start[..len]
}

/// Version 1.
fn line(bytes: &[u8]) -> Result<Read, ProxyError> {
    let bounded = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = memchr::memchr(b'\n', bounded) else {
        let whole = bounded.len() == MAX_LINE || bounded[..bounded.len().saturating_sub(1)].contains(&b'\r');
        return if whole { Err(ProxyError::Broken) } else { Ok(Read::Partial) };
    };
    let text = bounded[..end].strip_suffix(b"\r").and_then(|text| text.strip_prefix(WORD));
    // A CR belongs to the line's end alone, however the line comes.
    let text = text.filter(|text| !text.contains(&b'\r')).ok_or(ProxyError::Broken)?;
    if text.starts_with(b"UNKNOWN") {
        return Ok(Read::Whole(end + 1, None));
    }
    let text = std::str::from_utf8(text).map_err(|_| ProxyError::Broken)?;
    let header = addresses(text).ok_or(ProxyError::Broken)?;
    Ok(Read::Whole(end + 1, Some(header)))
}

fn addresses(text: &str) -> Option<ProxyHeader> {
    let mut words = text.split(' ');
    let family = words.next().filter(|word| matches!(*word, "TCP4" | "TCP6"))?;
    let mut ip = || {
        let text = words.next()?;
        let ip: IpAddr = text.parse().ok()?;
        (ip.is_ipv4() == (family == "TCP4")).then_some((text, ip))
    };
    let (source, destination) = (ip()?, ip()?);
    let mut port = || words.next().filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    let (from, to) = (port()?, port()?);
    if words.next().is_some() {
        return None;
    }
    let endpoint = |(text, ip): (&str, IpAddr), port| Endpoint { text: text.into(), ip, port };
    Some(ProxyHeader {
        source: endpoint(source, from),
        destination: endpoint(destination, to),
        tlvs: Box::default(),
    })
}

/// Version 2.
fn binary(bytes: &[u8]) -> Result<Read, ProxyError> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Ok(Read::Partial) };
    let [version_command, family_transport, high, low] = [fixed[12], fixed[13], fixed[14], fixed[15]];
    if version_command >> 4 != 2 {
        return Err(ProxyError::Version(version_command >> 4));
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + len > MAX_HEADER {
        return Err(ProxyError::TooLarge);
    }
    let Some(rest) = rest.get(..len) else { return Ok(Read::Partial) };
    let (command, stream) = (version_command & 0x0f, family_transport & 0x0f == 1);
    let header = match family_transport >> 4 {
        1 if command == 1 && stream => Some(endpoints::<4>(rest, |ip| Ipv4Addr::from(ip).into())?),
        2 if command == 1 && stream => Some(endpoints::<16>(rest, |ip| Ipv6Addr::from(ip).into())?),
        _ => None,
    };
    Ok(Read::Whole(FIXED + len, header))
}

/// Two addresses of `N` bytes, two ports, and what follows.
fn endpoints<const N: usize>(
    bytes: &[u8],
    ip: impl Fn([u8; N]) -> IpAddr,
) -> Result<ProxyHeader, ProxyError> {
    let (source, rest) = bytes.split_first_chunk::<N>().ok_or(ProxyError::Short)?;
    let (destination, rest) = rest.split_first_chunk::<N>().ok_or(ProxyError::Short)?;
    let (from, rest) = rest.split_first_chunk::<2>().ok_or(ProxyError::Short)?;
    let (to, tlvs) = rest.split_first_chunk::<2>().ok_or(ProxyError::Short)?;
    let endpoint = |address, port| {
        let ip = ip(address);
        Endpoint { text: ip.to_string().into(), ip, port: u16::from_be_bytes(port) }
    };
    Ok(ProxyHeader {
        source: endpoint(*source, *from),
        destination: endpoint(*destination, *to),
        tlvs: tlvs.into(),
    })
}

/// The type of the TLV that holds what the balancer knows of the client's TLS.
const SSL: u8 = 0x20;

/// Bytes of that TLV before those within it: a set of bits and the result of the verification.
const SSL_FIXED: usize = 5;

/// What `$proxy_protocol_tlv_NAME` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tlv {
    /// A type.
    Type(u8),
    /// A type within the one for TLS.
    Ssl(u8),
    /// The result of the verification of the client's certificate, 0 when it was right.
    SslVerify,
}

impl Tlv {
    /// From what follows `$proxy_protocol_tlv_`: a name, or `0x` and two digits; behind `ssl_` for those within.
    pub fn named(name: &str) -> Option<Self> {
        let number = |name: &str| u8::from_str_radix(name.strip_prefix("0x")?, 16).ok();
        if let Some(name) = name.strip_prefix("ssl_") {
            return match name {
                "verify" => Some(Self::SslVerify),
                "version" => Some(Self::Ssl(0x21)),
                "cn" => Some(Self::Ssl(0x22)),
                "cipher" => Some(Self::Ssl(0x23)),
                "sig_alg" => Some(Self::Ssl(0x24)),
                "key_alg" => Some(Self::Ssl(0x25)),
                name => number(name).map(Self::Ssl),
            };
        }
        match name {
            "alpn" => Some(Self::Type(0x01)),
            "authority" => Some(Self::Type(0x02)),
            "unique_id" => Some(Self::Type(0x05)),
            "ssl" => Some(Self::Type(SSL)),
            "netns" => Some(Self::Type(0x30)),
            name => number(name).map(Self::Type),
        }
    }
}

/// The value of a TLV.
#[derive(Debug, PartialEq, Eq)]
pub enum TlvValue<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// A number.
    Number(u32),
}

impl ProxyHeader {
    /// The first TLV of that type.
    pub fn tlv(&self, tlv: Tlv) -> Option<TlvValue<'_>> {
        let ssl = || find(&self.tlvs, SSL).and_then(|value| value.split_at_checked(SSL_FIXED));
        match tlv {
            Tlv::Type(kind) => find(&self.tlvs, kind).map(TlvValue::Bytes),
            Tlv::Ssl(kind) => find(ssl()?.1, kind).map(TlvValue::Bytes),
            Tlv::SslVerify => {
                let (fixed, _) = ssl()?;
                let verify = fixed.last_chunk::<4>()?;
                Some(TlvValue::Number(u32::from_be_bytes(*verify)))
            }
        }
    }
}

fn find(mut tlvs: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some((&[kind, high, low], rest)) = tlvs.split_first_chunk::<3>() {
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        if kind == wanted {
            return Some(value);
        }
        tlvs = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Result<String, ProxyError> {
        // Every beginning of a header is one, and what follows it changes nothing.
        let Read::Whole(len, header) = read(bytes)? else { return Ok("partial".to_owned()) };
        for part in 0..len {
            assert_eq!(read(&bytes[..part]), Ok(Read::Partial), "{part} of {bytes:?}");
        }
        assert_eq!(
            read(&[bytes, b"GET / HTTP/1.1\r\n\r\n\n"].concat()),
            Ok(Read::Whole(len, header.clone()))
        );
        let show = |end: &Endpoint| format!("{}={} {}", end.text, end.ip, end.port);
        let header = header.map(|h| format!("{} > {}", show(&h.source), show(&h.destination)));
        Ok(format!("{len} {}", header.unwrap_or_default()))
    }

    #[test]
    fn version_1() {
        let v6 = b"PROXY TCP6 2001:0DB8::1 ::1 65535 0\r\n";
        for (line, expected) in [
            (
                &b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n"[..],
                "37 192.0.2.1=192.0.2.1 5 > 192.0.2.2=192.0.2.2 80",
            ),
            (v6, "37 2001:0DB8::1=2001:db8::1 65535 > ::1=::1 0"),
            (b"PROXY UNKNOWN\r\n", "15 "),
            (b"PROXY UNKNOWN ffff::1 x \xff\r\n", "27 "),
            (b"PRO", "partial"),
            (b"PROXY TCP4 1.2.3.4 5", "partial"),
            (b"PROXY TCP4 1.2.3.4 5\r", "partial"),
        ] {
            assert_eq!(told(line).as_deref(), Ok(expected), "{}", line.escape_ascii());
        }
        for broken in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80 \r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 65536\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 +5 80\r\n",
            b"PROXY TCP4 192.0.2.1 ::1 5 80\r\n",
            b"PROXY TCP4  192.0.2.2 5 80\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 5 80\r\n",
            b"PROXY UNKNOWN\rX",
            b"PROXY UNKNOWN a\rb\r\n",
            b"PROXY \xff\r\n",
            &[WORD, &[b'x'; MAX_LINE]].concat(),
        ] {
            assert_eq!(told(broken), Err(ProxyError::Broken), "{}", broken.escape_ascii());
        }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family][..], &len, rest].concat()
    }

    #[test]
    fn version_2() {
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 1, 0, 0, 80];
        assert_eq!(
            told(&v2(0x21, 0x11, &v4)).as_deref(),
            Ok("28 192.0.2.1=192.0.2.1 256 > 192.0.2.2=192.0.2.2 80")
        );
        let v6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 15], &[1], &[0, 1, 0, 2]].concat();
        assert_eq!(told(&v2(0x21, 0x21, &v6)).as_deref(), Ok("52 2001:db8::1=2001:db8::1 1 > ::1=::1 2"));
        for (command, family) in [(0x20, 0x11), (0x21, 0x12), (0x21, 0x00), (0x21, 0x31)] {
            assert_eq!(told(&v2(command, family, &v4)).as_deref(), Ok("28 "));
        }
        assert_eq!(told(&v2(0x21, 0x11, &v4[..11])), Err(ProxyError::Short));
        assert_eq!(told(&v2(0x11, 0x11, &v4)), Err(ProxyError::Version(1)));
        assert_eq!(told(&v2(0x21, 0x11, &[0; MAX_HEADER])), Err(ProxyError::TooLarge));
    }

    #[test]
    fn tlvs() {
        let ssl = [&[1, 0, 0, 0, 7][..], &[0x21, 0, 7], b"TLSv1.3", &[0x22, 0, 1], b"x"].concat();
        let rest =
            [&[192, 0, 2, 1, 192, 0, 2, 2, 1, 0, 0, 80, 1, 0, 2][..], b"h2", &[0x20, 0, 19], &ssl].concat();
        let Ok(Read::Whole(_, Some(header))) = read(&v2(0x21, 0x11, &rest)) else { panic!("a header") };
        for (name, expected) in [
            ("alpn", Some(TlvValue::Bytes(b"h2"))),
            ("0x01", Some(TlvValue::Bytes(b"h2"))),
            ("ssl_version", Some(TlvValue::Bytes(b"TLSv1.3"))),
            ("ssl_0x22", Some(TlvValue::Bytes(b"x"))),
            ("ssl_verify", Some(TlvValue::Number(7))),
            ("ssl_cipher", None),
            ("unique_id", None),
        ] {
            assert_eq!(header.tlv(Tlv::named(name).unwrap()), expected, "{name}");
        }
        assert_eq!((Tlv::named("x"), Tlv::named("0x100"), Tlv::named("ssl_")), (None, None, None));
        let cut = v2(0x21, 0x11, &rest[..rest.len() - 1]);
        let Ok(Read::Whole(_, Some(header))) = read(&cut) else { panic!("a header") };
        assert_eq!(header.tlv(Tlv::SslVerify), None);
    }
}
