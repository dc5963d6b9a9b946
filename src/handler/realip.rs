//! `set_real_ip_from`: the address of the client as a trusted proxy in front tells it, for the rest of the request.
//!
//! Only an address that the configuration trusts is believed; what cannot be read changes nothing. Called by `phases`
//! before the server's own directives and once more in the location.

use std::net::{IpAddr, SocketAddr};

use crate::config::model::{RealIpConf, RealIpHeader};
use crate::http::exchange::Exchange;
use crate::http1::proxy_protocol::Endpoint;
use crate::io::SockAddr;

/// How the search in one field ended (nginx's `NGX_DECLINED`, `NGX_OK`, `NGX_DONE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing was found.
    Declined,
    /// An address was found, and more fields may be looked at.
    Found,
    /// An address was found, and it is the client's.
    Done,
}

/// Finds the client's address, once a request.
pub fn run(exchange: &mut Exchange, conf: &RealIpConf) {
    if exchange.told_remote.is_some() {
        return;
    }
    let mut address = exchange.client.remote.clone();
    let found = match &conf.header {
        RealIpHeader::ForwardedFor => forwarded_for(exchange, conf, &mut address),
        RealIpHeader::Field(name) => match exchange.header(name) {
            Some(value) => search(conf, &mut address, value) != Step::Declined,
            None => false,
        },
        RealIpHeader::ProxyProtocol => match exchange.client.whole().introduced.get() {
            Some(Some(told)) => told_by_proxy(conf, &mut address, &told.source),
            _ => false,
        },
    };
    if found {
        exchange.set_remote(address);
    }
}

/// The PROXY protocol's address, when who says so is trusted.
fn told_by_proxy(conf: &RealIpConf, address: &mut SockAddr, source: &Endpoint) -> bool {
    let trusted = conf.from.iter().any(|proxy| proxy.contain(address.ip()));
    if trusted {
        *address = SockAddr::Inet(SocketAddr::new(source.ip, source.port));
    }
    trusted
}

/// `X-Forwarded-For`, the last field first.
fn forwarded_for(exchange: &Exchange, conf: &RealIpConf, address: &mut SockAddr) -> bool {
    let input = &exchange.input;
    let mut found = false;
    for field in exchange.request.headers.iter().rev() {
        if !field.name.of(input).eq_ignore_ascii_case(b"x-forwarded-for") {
            continue;
        }
        let step = search(conf, address, field.value.of(input));
        found |= step != Step::Declined;
        if step != Step::Found || !conf.recursive {
            break;
        }
    }
    found
}

/// The last address of a list; with `real_ip_recursive` the last one that is not trusted.
fn search(conf: &RealIpConf, address: &mut SockAddr, value: &[u8]) -> Step {
    let is_separator = |b: u8| matches!(b, b' ' | b',');
    let mut list = value;
    let mut nothing = Step::Declined;
    loop {
        if !conf.from.iter().any(|proxy| proxy.contain(address.ip())) {
            return nothing;
        }
        while let [_, .., last] = list
            && is_separator(*last)
        {
            list = &list[..list.len() - 1];
        }
        let start = list.iter().skip(1).rposition(|&b| is_separator(b)).map_or(0, |at| at + 2);
        let Some(told) = parse(&list[start..]) else { return nothing };
        *address = SockAddr::Inet(told);
        if !conf.recursive || start == 0 {
            return Step::Found;
        }
        list = &list[..start - 1];
        nothing = Step::Done;
    }
}

/// An address with or without a port; without it is 0.
fn parse(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, 0));
    }
    if let Some(ip) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(SocketAddr::new(ip.parse().ok()?, 0));
    }
    text.parse::<SocketAddr>().ok().filter(|address| address.port() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::cidr::Cidr;
    use crate::config::model::AccessClients;

    fn found(recursive: bool, value: &str) -> (String, Step) {
        let net = |text| AccessClients::Net(Cidr::parse(text).unwrap().0);
        let from = vec![net("127.0.0.0/8"), net("10.0.0.0/8"), net("2001:db8::/32")].into();
        let conf = RealIpConf { from, header: RealIpHeader::ForwardedFor, recursive };
        let mut address = SockAddr::Inet("127.0.0.1:9".parse().unwrap());
        let step = search(&conf, &mut address, value.as_bytes());
        (address.to_string(), step)
    }

    #[test]
    fn lists_of_addresses() {
        for (value, one, all) in [
            ("192.0.2.1", "192.0.2.1:0", "192.0.2.1:0"),
            ("192.0.2.1, 10.0.0.1", "10.0.0.1:0", "192.0.2.1:0"),
            ("192.0.2.9,192.0.2.1 ,10.0.0.1, ", "10.0.0.1:0", "192.0.2.1:0"),
            ("10.0.0.2, 10.0.0.1", "10.0.0.1:0", "10.0.0.2:0"),
            ("nobody, 10.0.0.1", "10.0.0.1:0", "10.0.0.1:0"),
            ("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("192.0.2.3, 2001:db8::1", "[2001:db8::1]:0", "192.0.2.3:0"),
            ("[2001:db9::1]", "[2001:db9::1]:0", "[2001:db9::1]:0"),
            ("nobody", "127.0.0.1:9", "127.0.0.1:9"),
            ("", "127.0.0.1:9", "127.0.0.1:9"),
            (" , ", "127.0.0.1:9", "127.0.0.1:9"),
            ("192.0.2.1:0", "127.0.0.1:9", "127.0.0.1:9"),
        ] {
            assert_eq!(
                (found(false, value).0, found(true, value).0),
                (one.to_owned(), all.to_owned()),
                "{value:?}"
            );
        }
        assert_eq!(found(true, "10.0.0.9").1, Step::Found);
        assert_eq!(found(true, "192.0.2.1, 10.0.0.9").1, Step::Found);
        assert_eq!(found(true, "192.0.2.7, 192.0.2.1, 10.0.0.9").1, Step::Done);
    }
}
