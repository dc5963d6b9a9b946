//! One app process behind us: its address and what this worker knows about its health.
//!
//! State is the worker's own (nginx without `zone`): weights, failures and connections are counted per core. Called by
//! the balancers and, through [`Lease`], by whoever talks to the peer.

use std::cell::Cell;
use std::rc::Rc;

use crate::config::model::{PeerAddr, PeerConf};
use crate::io::SockAddr;

/// Run-time state of one address of an upstream.
#[derive(Debug)]
pub struct Peer {
    /// Where it listens.
    pub(super) sock: SockAddr,
    /// As `$upstream_addr` and messages show it.
    pub name: Rc<str>,
    /// The line of the configuration it comes from.
    pub(super) conf: PeerConf,
    /// Current weight of the smooth weighted round robin.
    pub(super) current_weight: Cell<i64>,
    /// The weight in force: lowered by failures, grows back by one per choice.
    pub(super) effective_weight: Cell<i64>,
    fails: Cell<u32>,
    /// Time of the last failure, ms.
    accessed: Cell<u64>,
    /// Time of the last failure or of the last probe after one, ms.
    checked: Cell<u64>,
    /// Requests at this peer now.
    active: Cell<u32>,
}

impl Peer {
    /// A peer without history.
    pub fn new(conf: &PeerConf) -> Self {
        Self {
            sock: match &conf.addr {
                PeerAddr::Inet(addr) => SockAddr::Inet(*addr),
                PeerAddr::Unix(path) => SockAddr::Unix(path.clone()),
            },
            name: Rc::from(conf.name.as_str()),
            conf: conf.clone(),
            current_weight: Cell::new(0),
            effective_weight: Cell::new(i64::from(conf.weight)),
            fails: Cell::new(0),
            accessed: Cell::new(0),
            checked: Cell::new(0),
            active: Cell::new(0),
        }
    }

    /// Requests at this peer now.
    pub fn active(&self) -> u32 {
        self.active.get()
    }

    /// Failures counted since the peer was last seen alive.
    pub fn fails(&self) -> u32 {
        self.fails.get()
    }

    /// The same line of the configuration with the same parameters.
    pub(super) fn is(&self, conf: &PeerConf) -> bool {
        self.conf == *conf
    }

    pub(super) fn weight(&self) -> i64 {
        i64::from(self.conf.weight)
    }

    /// May a balancer choose it at `now` (ms)? The three conditions of nginx's `ngx_http_upstream_get_peer`.
    pub(super) fn eligible(&self, now: u64) -> bool {
        !self.conf.down && !self.disabled(now) && !self.full()
    }

    /// `max_conns` is reached.
    pub(super) fn full(&self) -> bool {
        self.conf.max_conns != 0 && self.active.get() >= self.conf.max_conns
    }

    fn disabled(&self, now: u64) -> bool {
        self.conf.max_fails != 0
            && self.fails.get() >= self.conf.max_fails
            && now.saturating_sub(self.checked.get()) <= self.fail_timeout_ms()
    }

    /// Notes that it was chosen: a peer whose `fail_timeout` has passed is on probation from now on.
    pub(super) fn note_chosen(&self, now: u64) {
        if now.saturating_sub(self.checked.get()) > self.fail_timeout_ms() {
            self.checked.set(now);
        }
    }

    /// Notes a failed try; true when this disables the peer (logged as `upstream server temporarily disabled`).
    fn note_failure(&self, now: u64) -> bool {
        self.fails.set(self.fails.get().saturating_add(1));
        self.accessed.set(now);
        self.checked.set(now);
        let max_fails = self.conf.max_fails;
        if max_fails == 0 {
            return false;
        }
        let lowered = self.effective_weight.get() - self.weight() / i64::from(max_fails);
        self.effective_weight.set(lowered.max(0));
        self.fails.get() >= max_fails
    }

    /// Notes a good answer: a peer on probation counts as alive again.
    fn note_success(&self) {
        if self.accessed.get() < self.checked.get() {
            self.fails.set(0);
        }
    }

    pub(super) fn forgive(&self) {
        self.fails.set(0);
    }

    fn fail_timeout_ms(&self) -> u64 {
        u64::try_from(self.conf.fail_timeout.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The right to one request at a peer; counts towards `max_conns` and `least_conn` until dropped.
#[derive(Debug)]
pub struct Lease {
    peer: Rc<Peer>,
    /// The group has one peer only: it is never marked as failed (nginx's `peers->single`).
    single: bool,
}

impl Lease {
    pub(super) fn new(peer: Rc<Peer>, single: bool) -> Self {
        peer.active.set(peer.active.get() + 1);
        Self { peer, single }
    }

    /// The peer.
    pub fn peer(&self) -> &Rc<Peer> {
        &self.peer
    }

    /// The try failed at `now` (ms). True when this disables the peer for `fail_timeout`.
    pub fn failed(&self, now: u64) -> bool {
        !self.single && self.peer.note_failure(now)
    }

    /// The peer answered.
    pub fn succeeded(&self) {
        if !self.single {
            self.peer.note_success();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.peer.active.set(self.peer.active.get().saturating_sub(1));
    }
}
