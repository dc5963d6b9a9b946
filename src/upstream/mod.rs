//! Groups of app processes: their peers, how one is chosen, and connections kept for the next request.
//!
//! Everything here belongs to one worker; cores share nothing. No HTTP and no status: whoever talks to a peer reports
//! what became of it through [`Lease`]. [`Upstreams`] outlives reloads: peers that stay the same keep their state and
//! their idle connections.

mod balancer;
mod connection;
mod hash;
mod http2;
mod peer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

pub use balancer::{Key, Selection};
pub use connection::{OpenError, PeerConnection, PeerTls, Wanted};
pub use http2::{Errand, Failure, Http2};
pub use peer::{Lease, Peer};

use crate::config::model::{BalancerConf, HttpConf, PeerAddr, PeerConf, UpstreamConf, UpstreamId};
use balancer::Balancer;
use connection::KeepalivePool;

/// Configurations whose groups are kept ready: requests begun before a reload may still ask for theirs.
const MAX_GENERATIONS: usize = 4;

/// All groups of one worker.
#[derive(Default)]
pub struct Upstreams {
    /// Newest first.
    generations: Vec<Generation>,
    /// Groups for addresses that came out of variables, the oldest first.
    addresses: Vec<Rc<Upstream>>,
}

/// Addresses from variables whose connections and state are remembered.
const MAX_ADDRESSES: usize = 64;

struct Generation {
    number: u64,
    groups: Vec<Rc<Upstream>>,
    by_name: HashMap<String, UpstreamId>,
}

impl Upstreams {
    /// No group yet: they are made at the first request of each configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The group `id` of the configuration `conf`, the `number`th loaded. Groups of a new configuration take over what
    /// stays the same from the last one.
    pub fn group(&mut self, number: u64, conf: &HttpConf, id: UpstreamId) -> Option<Rc<Upstream>> {
        self.generation(number, conf).groups.get(id.0 as usize).map(Rc::clone)
    }

    /// The group called `name`, in any case of letters (`proxy_pass` with variables).
    pub fn find(&mut self, number: u64, conf: &HttpConf, name: &str) -> Option<UpstreamId> {
        let by_name = &self.generation(number, conf).by_name;
        let in_another_case = || by_name.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        by_name.get(name).or_else(|| in_another_case().map(|(_, id)| id)).copied()
    }

    /// A group of one peer at an address that came out of a variable.
    pub fn by_address(&mut self, addr: PeerAddr, name: &str) -> Rc<Upstream> {
        if let Some(group) = self.addresses.iter().find(|group| &*group.name == name) {
            return Rc::clone(group);
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            self.addresses.remove(0);
        }
        let group = Rc::new(Upstream::new(&implicit(addr, name), None));
        self.addresses.push(Rc::clone(&group));
        group
    }

    /// A group of the addresses that a name has now; those it had before keep their state and connections.
    pub fn by_addresses(&mut self, addresses: &[SocketAddr], name: &str) -> Rc<Upstream> {
        let at = self.addresses.iter().position(|group| &*group.name == name);
        let before = at.map(|at| Rc::clone(&self.addresses[at]));
        if let Some(group) = &before
            && group.primary.peers.len() == addresses.len()
            && addresses.iter().all(|addr| group.peers().any(|peer| peer.conf.addr == PeerAddr::Inet(*addr)))
        {
            return Rc::clone(group);
        }
        let mut conf = implicit(PeerAddr::Inet(addresses[0]), name);
        let first = conf.peers.remove(0);
        conf.peers.extend(addresses.iter().map(|addr| PeerConf {
            addr: PeerAddr::Inet(*addr),
            name: addr.to_string(),
            ..first.clone()
        }));
        let group = Rc::new(Upstream::new(&conf, before.as_deref()));
        if let Some(at) = at {
            self.addresses.remove(at);
        } else if self.addresses.len() >= MAX_ADDRESSES {
            self.addresses.remove(0);
        }
        self.addresses.push(Rc::clone(&group));
        group
    }

    fn generation(&mut self, number: u64, conf: &HttpConf) -> &Generation {
        let index = match self.generations.iter().position(|g| g.number == number) {
            Some(index) => index,
            None => self.load(number, conf),
        };
        &self.generations[index]
    }

    /// Builds the groups of a configuration, from the newest known one where possible.
    fn load(&mut self, number: u64, conf: &HttpConf) -> usize {
        let newest = self.generations.first();
        let groups: Vec<_> = conf
            .upstreams
            .iter()
            .map(|conf| {
                let before =
                    newest.and_then(|g| g.by_name.get(&conf.name).and_then(|id| g.groups.get(id.0 as usize)));
                Rc::new(Upstream::new(conf, before.map(Rc::as_ref)))
            })
            .collect();
        let is_newest = newest.is_none_or(|g| number > g.number);
        let by_name =
            conf.upstreams.iter().enumerate().map(|(i, c)| (c.name.clone(), UpstreamId(i as u32))).collect();
        if is_newest {
            self.close_all_but(&groups);
        }
        let index = if is_newest { 0 } else { self.generations.len() };
        self.generations.insert(index, Generation { number, groups, by_name });
        if index == 0 {
            self.generations.truncate(MAX_GENERATIONS);
        }
        index
    }

    /// Closes the idle connections that no group of the new configuration can use.
    fn close_all_but(&self, groups: &[Rc<Upstream>]) {
        let Some(newest) = self.generations.first() else { return };
        for before in &newest.groups {
            let after = groups.iter().find(|group| Rc::ptr_eq(&group.pool, &before.pool));
            before.pool.sweep(0, |addr| after.is_some_and(|group| group.peers().any(|p| p.sock == *addr)));
        }
    }

    /// Closes all idle connections.
    pub fn close_idle(&self) {
        let configured = self.generations.iter().flat_map(|generation| &generation.groups);
        for group in configured.chain(&self.addresses) {
            group.pool.sweep(u64::MAX, |_| false);
        }
    }

    /// Drops idle connections beyond `keepalive` that no burst has needed for a while. Called a few times a second.
    pub fn drop_surplus(&self, now: u64) {
        let configured = self.generations.iter().flat_map(|generation| &generation.groups);
        for group in configured.chain(&self.addresses) {
            group.pool.drop_surplus(now);
        }
    }

    /// Drops idle connections that are too old or closed by the app. Called every second or so.
    pub fn sweep(&self, now: u64) {
        let configured = self.generations.iter().flat_map(|generation| &generation.groups);
        for group in configured.chain(&self.addresses) {
            group.pool.sweep(now, |_| true);
        }
    }
}

/// One group.
#[derive(Debug)]
pub struct Upstream {
    /// Its name, or `host:port`.
    pub name: Rc<str>,
    explicit: bool,
    primary: Tier,
    backup: Tier,
    balancer: Balancer,
    /// One peer, no backup: failures are not counted.
    single: bool,
    /// Shared with the group of the same name of other configurations.
    pool: Rc<KeepalivePool>,
}

/// The peers of one rank.
#[derive(Debug)]
struct Tier {
    peers: Vec<Rc<Peer>>,
    total_weight: u64,
    /// Peers not marked `down`.
    tries: u32,
}

impl Upstream {
    /// Builds the group; unchanged peers come from `before` with their state.
    pub fn new(conf: &UpstreamConf, before: Option<&Upstream>) -> Self {
        let primary = Tier::new(conf, false, before);
        let backup = Tier::new(conf, true, before);
        let balancer = match &conf.balancer {
            BalancerConf::RoundRobin => Balancer::RoundRobin,
            BalancerConf::LeastConn => Balancer::LeastConn,
            BalancerConf::IpHash => Balancer::IpHash,
            BalancerConf::Hash { consistent: false, .. } => Balancer::Hash,
            BalancerConf::Hash { consistent: true, .. } => {
                Balancer::ConsistentHash(hash::Ring::new(primary.peers.iter().map(Rc::as_ref)))
            }
            BalancerConf::Random { two } => Balancer::Random { two: *two, state: hash::seed().into() },
        };
        let single = primary.peers.len() == 1 && backup.peers.is_empty();
        let pool = match before {
            Some(before) => {
                before.pool.reconfigure(conf);
                Rc::clone(&before.pool)
            }
            None => Rc::new(KeepalivePool::new(conf)),
        };
        Self {
            name: Rc::from(conf.name.as_str()),
            explicit: conf.explicit,
            primary,
            backup,
            balancer,
            single,
            pool,
        }
    }

    /// All peers, backups last.
    pub fn peers(&self) -> impl Iterator<Item = &Rc<Peer>> {
        self.primary.peers.iter().chain(&self.backup.peers)
    }

    /// A kept connection to `peer` that is alive at `now` (ms) and was used less than `max_idle` ms ago.
    pub fn take_idle(
        &self,
        peer: &Peer,
        wanted: Wanted<'_>,
        now: u64,
        max_idle: u64,
    ) -> Option<Box<PeerConnection>> {
        self.pool.take(peer, wanted, now, max_idle)
    }

    /// Keeps a connection on which nothing is outstanding for the next request; over the limits it is closed.
    pub fn keep(&self, connection: Box<PeerConnection>, now: u64) {
        self.pool.put(connection, now);
    }
}

/// The group of a single address, with nginx's defaults.
fn implicit(addr: PeerAddr, name: &str) -> UpstreamConf {
    let peer = PeerConf {
        addr,
        name: name.to_owned(),
        server: name.to_owned(),
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        max_conns: 0,
        backup: false,
        down: false,
    };
    UpstreamConf {
        name: name.to_owned(),
        explicit: false,
        peers: vec![peer],
        balancer: BalancerConf::RoundRobin,
        keepalive: 128,
        keepalive_requests: 1000,
        keepalive_time: Duration::from_secs(3600),
        keepalive_timeout: Duration::from_secs(60),
    }
}

impl Tier {
    fn new(conf: &UpstreamConf, backup: bool, before: Option<&Upstream>) -> Self {
        let mut peers: Vec<Rc<Peer>> = Vec::new();
        for peer in conf.peers.iter().filter(|peer| peer.backup == backup) {
            let taken = |p: &Rc<Peer>| peers.iter().any(|taken| Rc::ptr_eq(taken, p));
            let same = before.and_then(|b| b.peers().find(|p| p.is(peer) && !taken(p)));
            peers.push(same.map_or_else(|| Rc::new(Peer::new(peer)), Rc::clone));
        }
        let total_weight = peers.iter().map(|peer| u64::from(peer.conf.weight)).sum();
        let tries = peers.iter().filter(|peer| !peer.conf.down).count() as u32;
        Self { peers, total_weight, tries }
    }
}
