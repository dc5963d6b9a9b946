//! `resolver` and `resolver_timeout`: who finds the hosts that variables name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::ResolverConf;
use super::addr::{UriPart, parse_peer};
use super::context::Context;
use super::level::inherit;

const PORT: u16 = 53;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawResolver {
    servers: Option<RawServers>,
    timeout: Option<Duration>,
}

#[derive(Debug, Clone)]
struct RawServers {
    servers: Vec<SocketAddr>,
    valid: Option<Duration>,
    ipv4: bool,
    ipv6: bool,
}

impl RawResolver {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "resolver" => cx.set(d, &mut self.servers, servers),
            "resolver_timeout" => cx.time(d, &mut self.timeout),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; servers, timeout);
    }

    /// `None`: names are not asked for.
    pub(super) fn resolve(self) -> Option<Arc<ResolverConf>> {
        let RawServers { servers, valid, ipv4, ipv6 } = self.servers?;
        let timeout = self.timeout.unwrap_or(Duration::from_secs(30));
        Some(Arc::new(ResolverConf { servers, valid, ipv4, ipv6, timeout }))
    }
}

fn servers(cx: &mut Context, d: &Directive) -> Option<RawServers> {
    let mut found = RawServers { servers: Vec::new(), valid: None, ipv4: true, ipv6: true };
    for i in 0..d.args().len() {
        let text = d.arg(i);
        let flag = |value| match value {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let understood = match text.split_once('=') {
            Some(("valid", value)) => {
                found.valid = cx.read_seconds(value);
                found.valid.is_some()
            }
            Some(("ipv4", value)) => flag(value).map(|on| found.ipv4 = on).is_some(),
            Some(("ipv6", value)) => flag(value).map(|on| found.ipv6 = on).is_some(),
            Some(("status_zone", _)) => true,
            _ => match parse_peer(text, PORT, UriPart::Refused).and_then(|url| url.resolve()) {
                Ok(addresses) => {
                    found.servers.extend(addresses);
                    true
                }
                Err(reason) => {
                    cx.error(d, format!("{reason} in resolver \"{text}\""));
                    return None;
                }
            },
        };
        if !understood {
            cx.error(d, format!("invalid parameter: {text}"));
            return None;
        }
    }
    if found.servers.is_empty() {
        cx.error(d, "no name servers defined");
        return None;
    }
    if !found.ipv4 && !found.ipv6 {
        cx.error(d, "\"ipv4\" and \"ipv6\" cannot both be \"off\"");
        return None;
    }
    Some(found)
}
