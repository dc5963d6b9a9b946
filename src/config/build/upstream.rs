//! `upstream` blocks, and the implicit upstream of each host that a `proxy_pass` names.
//!
//! Names are resolved here once; a name that cannot be resolved is an error, as in nginx.

use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::{BalancerConf, PeerAddr, PeerConf, UpstreamConf, UpstreamId};
use super::super::value;
use super::addr::{self, Endpoint, UriPart, Url};
use super::context::Context;

/// Idle connections per worker when `keepalive` is not written (32 in nginx since 1.29.7, none before).
const DEFAULT_KEEPALIVE: u64 = 128;

/// All upstreams of the file.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    confs: Vec<UpstreamConf>,
}

impl Upstreams {
    /// The resolved list.
    pub(super) fn into_confs(self) -> Vec<UpstreamConf> {
        self.confs
    }

    fn explicit(&self, name: &str) -> Option<UpstreamId> {
        let same = |conf: &UpstreamConf| conf.explicit && conf.name.eq_ignore_ascii_case(name);
        self.position(same)
    }

    fn position(&self, same: impl Fn(&UpstreamConf) -> bool) -> Option<UpstreamId> {
        let at = self.confs.iter().position(same)?;
        u32::try_from(at).ok().map(UpstreamId)
    }

    /// The upstream that a `proxy_pass` URL means: a block of that name, else the implicit one of host and port.
    ///
    /// # Errors
    /// nginx's message without ` in FILE:LINE`.
    pub(super) fn find_or_add(&mut self, url: &Url) -> Result<UpstreamId, String> {
        let unix = matches!(url.endpoint, Endpoint::Unix(_));
        if !unix && let Some(id) = self.explicit(&url.host) {
            if !url.no_port {
                return Err(format!("upstream \"{}\" may not have port {}", url.host, url.port));
            }
            return Ok(id);
        }
        if !unix && url.port == 0 {
            return Err(format!("no port in upstream \"{}\"", url.host));
        }
        let name = if unix { format!("unix:{}", url.host) } else { format!("{}:{}", url.host, url.port) };
        if let Some(id) = self.position(|conf| !conf.explicit && conf.name.eq_ignore_ascii_case(&name)) {
            return Ok(id);
        }
        let line = ServerLine::default();
        let peers = peers(url, &name, &line).map_err(|why| format!("{why} in upstream \"{}\"", url.host))?;
        let id = u32::try_from(self.confs.len()).map_err(|_| "too many upstreams".to_owned())?;
        self.confs.push(UpstreamConf {
            name,
            explicit: false,
            peers,
            balancer: BalancerConf::RoundRobin,
            keepalive: DEFAULT_KEEPALIVE as usize,
            keepalive_requests: 1000,
            keepalive_time: Duration::from_secs(3600),
            keepalive_timeout: Duration::from_secs(60),
        });
        Ok(UpstreamId(id))
    }
}

/// The parameters of one `server` line.
#[derive(Debug)]
struct ServerLine {
    weight: u32,
    max_fails: u32,
    fail_timeout: Duration,
    max_conns: u32,
    backup: bool,
    down: bool,
    resolve: bool,
}

impl Default for ServerLine {
    fn default() -> Self {
        let fail_timeout = Duration::from_secs(10);
        Self {
            weight: 1,
            max_fails: 1,
            fail_timeout,
            max_conns: 0,
            backup: false,
            down: false,
            resolve: false,
        }
    }
}

/// An `upstream` block while it is read.
#[derive(Debug, Default)]
struct RawUpstream {
    peers: Vec<PeerConf>,
    servers: usize,
    balancer: Option<BalancerConf>,
    keepalive: Option<u64>,
    keepalive_requests: Option<u64>,
    keepalive_time: Option<Duration>,
    keepalive_timeout: Option<Duration>,
}

/// Reads an `upstream` block and registers it.
pub(super) fn upstream(cx: &mut Context, d: &Directive) {
    let name = d.arg(0);
    if cx.upstreams.explicit(name).is_some() {
        cx.error(d, format!("duplicate upstream \"{name}\""));
        return;
    }
    let mut raw = RawUpstream::default();
    for line in d.children() {
        raw.apply(cx, line);
    }
    if raw.servers == 0 {
        cx.error_at_end(d, "no servers are inside upstream");
    } else if !raw.peers.is_empty() && raw.peers.iter().all(|peer| peer.backup) {
        cx.error(d, format!("no servers in upstream \"{name}\""));
    }
    let keepalive = usize::try_from(raw.keepalive.unwrap_or(DEFAULT_KEEPALIVE)).unwrap_or(usize::MAX);
    cx.upstreams.confs.push(UpstreamConf {
        name: name.to_owned(),
        explicit: true,
        peers: raw.peers,
        balancer: raw.balancer.unwrap_or(BalancerConf::RoundRobin),
        keepalive,
        keepalive_requests: raw.keepalive_requests.unwrap_or(1000),
        keepalive_time: raw.keepalive_time.unwrap_or(Duration::from_secs(3600)),
        keepalive_timeout: raw.keepalive_timeout.unwrap_or(Duration::from_secs(60)),
    });
}

impl RawUpstream {
    fn apply(&mut self, cx: &mut Context, d: &Directive) {
        match d.name() {
            "server" => self.server(cx, d),
            "keepalive" => cx.set(d, &mut self.keepalive, |cx, d| {
                let value = value::number(d.arg(0));
                if value.is_none() {
                    cx.error(d, format!("invalid value \"{}\" in \"keepalive\" directive", d.arg(0)));
                }
                value
            }),
            "keepalive_requests" => cx.number(d, &mut self.keepalive_requests),
            "keepalive_time" => cx.time(d, &mut self.keepalive_time),
            "keepalive_timeout" => cx.time(d, &mut self.keepalive_timeout),
            "least_conn" => self.method(cx, d, BalancerConf::LeastConn),
            "ip_hash" => self.method(cx, d, BalancerConf::IpHash),
            "hash" => self.hash(cx, d),
            "random" => self.random(cx, d),
            // `zone` shares state between processes: there is one process.
            _ => {}
        }
    }

    fn method(&mut self, cx: &mut Context, d: &Directive, balancer: BalancerConf) {
        if self.balancer.replace(balancer).is_some() {
            cx.warn(d, "load balancing method redefined");
        }
    }

    fn hash(&mut self, cx: &mut Context, d: &Directive) {
        let consistent = match d.args().get(1).map(|arg| arg.text()) {
            None => false,
            Some("consistent") => true,
            Some(other) => {
                cx.error(d, format!("invalid parameter \"{other}\""));
                return;
            }
        };
        if let Some(key) = cx.template(d, d.arg_bytes(0)) {
            self.method(cx, d, BalancerConf::Hash { key, consistent });
        }
    }

    fn random(&mut self, cx: &mut Context, d: &Directive) {
        let words: Vec<&str> = (0..d.args().len()).map(|i| d.arg(i)).collect();
        let two = match words.as_slice() {
            [] => false,
            ["two"] | ["two", "least_conn"] => true,
            ["two", other, ..] | [other, ..] => {
                cx.error(d, format!("invalid parameter \"{other}\""));
                return;
            }
        };
        self.method(cx, d, BalancerConf::Random { two });
    }

    fn server(&mut self, cx: &mut Context, d: &Directive) {
        self.servers += 1;
        let mut line = ServerLine::default();
        for i in 1..d.args().len() {
            let text = d.arg(i);
            if !line.parameter(cx, text) {
                cx.error(d, format!("invalid parameter \"{text}\""));
                return;
            }
        }
        if line.resolve {
            cx.warn(d, "\"resolve\" is not supported yet: names are resolved at start and at each reload");
        }
        let no_backup = matches!(
            self.balancer,
            Some(BalancerConf::IpHash | BalancerConf::Hash { .. } | BalancerConf::Random { .. })
        );
        if line.backup && no_backup {
            cx.error(d, "balancing method does not support parameter \"backup\"");
            return;
        }
        let text = d.arg(0);
        let found = addr::parse_peer(text, 80, UriPart::Refused).and_then(|url| peers(&url, text, &line));
        match found {
            Ok(peers) => self.peers.extend(peers),
            Err(why) => cx.error(d, format!("{why} in upstream \"{text}\"")),
        }
    }
}

impl ServerLine {
    /// Reads one parameter; false when it is invalid.
    fn parameter(&mut self, cx: &Context, text: &str) -> bool {
        let number = |value: &str| value.parse::<u32>().ok();
        match text.split_once('=') {
            None if text == "backup" => self.backup = true,
            None if text == "down" => self.down = true,
            None if text == "resolve" => self.resolve = true,
            Some(("weight", value)) => match number(value) {
                Some(weight) if weight > 0 => self.weight = weight,
                _ => return false,
            },
            Some(("max_fails", value)) => match number(value) {
                Some(max_fails) => self.max_fails = max_fails,
                None => return false,
            },
            Some(("max_conns", value)) => match number(value) {
                Some(max_conns) => self.max_conns = max_conns,
                None => return false,
            },
            Some(("fail_timeout", value)) => match cx.read_seconds(value) {
                Some(time) => self.fail_timeout = time,
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// All peers of one address.
fn peers(url: &Url, server: &str, line: &ServerLine) -> Result<Vec<PeerConf>, &'static str> {
    let peer = |addr: PeerAddr, name: String| PeerConf {
        addr,
        name,
        server: server.to_owned(),
        weight: line.weight,
        max_fails: line.max_fails,
        fail_timeout: line.fail_timeout,
        max_conns: line.max_conns,
        backup: line.backup,
        down: line.down,
    };
    match &url.endpoint {
        Endpoint::Unix(path) => {
            Ok(vec![peer(PeerAddr::Unix(path.clone()), format!("unix:{}", path.display()))])
        }
        _ => {
            Ok(url.resolve()?.into_iter().map(|addr| peer(PeerAddr::Inet(addr), addr.to_string())).collect())
        }
    }
}
