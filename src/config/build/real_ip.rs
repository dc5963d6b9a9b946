//! `set_real_ip_from` and which field tells the client's address.

use std::net::ToSocketAddrs;

use super::super::ast::Directive;
use super::super::cidr::Cidr;
use super::super::model::{AccessClients, RealIpConf, RealIpHeader};
use super::access::network;
use super::context::Context;
use super::level::{List, inherit};

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawRealIp {
    from: List<AccessClients>,
    header: Option<RealIpHeader>,
    recursive: Option<bool>,
}

impl RawRealIp {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "set_real_ip_from" => {
                for proxy in proxies(cx, d) {
                    self.from.push(proxy);
                }
            }
            "real_ip_header" => cx.set(d, &mut self.header, |_, d| Some(header(d.arg(0)))),
            "real_ip_recursive" => cx.flag(d, &mut self.recursive),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.from.inherit(&outer.from);
        inherit!(self, outer; header, recursive);
    }

    /// `None`: nobody is trusted.
    pub(super) fn resolve(self) -> Option<RealIpConf> {
        Some(RealIpConf {
            from: self.from.get()?,
            header: self.header.unwrap_or(RealIpHeader::Field(b"x-real-ip"[..].into())),
            recursive: self.recursive.unwrap_or(false),
        })
    }
}

fn header(name: &str) -> RealIpHeader {
    match name.to_ascii_lowercase().as_str() {
        "x-forwarded-for" => RealIpHeader::ForwardedFor,
        "proxy_protocol" => RealIpHeader::ProxyProtocol,
        name => RealIpHeader::Field(name.as_bytes().into()),
    }
}

fn proxies(cx: &mut Context, d: &Directive) -> Vec<AccessClients> {
    let text = d.arg(0);
    if text == "unix:" {
        return vec![AccessClients::Unix];
    }
    if Cidr::parse(text).is_some() || text.contains('/') {
        return network(cx, d).map(AccessClients::Net).into_iter().collect();
    }
    match (text, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| AccessClients::Net(Cidr::of(address.ip()))).collect(),
        Err(_) => {
            cx.error(d, format!("host not found in set_real_ip_from \"{text}\""));
            Vec::new()
        }
    }
}
