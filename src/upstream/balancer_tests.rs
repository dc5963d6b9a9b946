//! Orders of peers, each table recorded from nginx 1.22.1 with three origins `a`, `b`, `c` on ports 29901 to 29903.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::config::model::{BalancerConf, PeerAddr, PeerConf, UpstreamConf};

fn peer(port: u16) -> PeerConf {
    let name = format!("127.0.0.1:{port}");
    PeerConf {
        addr: PeerAddr::Inet(([127, 0, 0, 1], port).into()),
        server: name.clone(),
        name,
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        max_conns: 0,
        backup: false,
        down: false,
    }
}

fn conf(peers: Vec<PeerConf>, balancer: BalancerConf) -> UpstreamConf {
    UpstreamConf {
        name: "app".into(),
        explicit: true,
        peers,
        balancer,
        keepalive: 32,
        keepalive_requests: 1000,
        keepalive_time: Duration::from_secs(3600),
        keepalive_timeout: Duration::from_secs(60),
    }
}

fn group(peers: Vec<PeerConf>, balancer: BalancerConf) -> Rc<Upstream> {
    Rc::new(Upstream::new(&conf(peers, balancer), None))
}

fn weights(list: &[u32]) -> Vec<PeerConf> {
    list.iter().zip(29901..).map(|(weight, port)| PeerConf { weight: *weight, ..peer(port) }).collect()
}

/// One request: tries peers until one that is not on port 29999 is met; its letter, or `-`.
fn request(upstream: &Rc<Upstream>, now: u64, key: Key<'_>) -> char {
    let mut selection = Selection::new(Rc::clone(upstream));
    while let Some(lease) = selection.next(now, key) {
        let name = Rc::clone(&lease.peer().name);
        if !name.ends_with("29999") {
            lease.succeeded();
            return char::from(b'a' + name.as_bytes()[name.len() - 1] - b'1');
        }
        lease.failed(now);
        if selection.tries() == 0 {
            break;
        }
    }
    '-'
}

fn requests(upstream: &Rc<Upstream>, count: usize) -> String {
    (0..count).map(|_| request(upstream, 1_000_000, Key::default())).collect()
}

#[test]
fn round_robin_is_smooth() {
    assert_eq!(requests(&group(weights(&[5, 1, 1]), BalancerConf::RoundRobin), 14), "aabacaaaabacaa");
    assert_eq!(requests(&group(weights(&[3, 2]), BalancerConf::RoundRobin), 14), "ababaababaabab");
}

#[test]
fn backups_serve_when_the_first_rank_is_down() {
    let mut peers = vec![peer(29999), peer(29902), peer(29903)];
    peers[1].backup = true;
    peers[2].backup = true;
    assert_eq!(requests(&group(peers, BalancerConf::RoundRobin), 14), "bcbcbcbcbcbcbc");
}

#[test]
fn failures_lower_the_weight_and_disable() {
    let failing = PeerConf { weight: 2, max_fails: 2, ..peer(29999) };
    let upstream = group(vec![failing, peer(29902), peer(29903)], BalancerConf::RoundRobin);
    assert_eq!(requests(&upstream, 14), "bcbccbcbcbcbcb");
}

#[test]
fn all_down_stays_down_until_fail_timeout() {
    let upstream = group(vec![peer(29999), PeerConf { down: true, ..peer(29902) }], BalancerConf::RoundRobin);
    let offered = |now| Selection::new(Rc::clone(&upstream)).next(now, Key::default()).is_some();
    assert_eq!(request(&upstream, 1_000_000, Key::default()), '-');
    assert!(!offered(1_009_000));
    assert!(offered(1_010_001));
}

#[test]
fn a_single_peer_is_never_disabled() {
    let upstream = group(vec![peer(29999)], BalancerConf::RoundRobin);
    for _ in 0..5 {
        let lease = Selection::new(Rc::clone(&upstream)).next(1_000_000, Key::default()).unwrap();
        assert!(!lease.failed(1_000_000));
    }
}

#[test]
fn an_implicit_group_is_tried_again_at_once() {
    let conf =
        UpstreamConf { explicit: false, ..conf(vec![peer(29999), peer(29999)], BalancerConf::RoundRobin) };
    let upstream = Rc::new(Upstream::new(&conf, None));
    for _ in 0..3 {
        let mut selection = Selection::new(Rc::clone(&upstream));
        for _ in 0..2 {
            selection.next(1_000_000, Key::default()).unwrap().failed(1_000_000);
        }
        assert!(selection.next(1_000_000, Key::default()).is_none());
    }
}

#[test]
fn max_conns_counts_requests_in_flight() {
    let upstream = group(vec![PeerConf { max_conns: 1, ..peer(29901) }], BalancerConf::RoundRobin);
    let next = || Selection::new(Rc::clone(&upstream)).next(0, Key::default());
    let held = next();
    assert!(held.is_some());
    assert!(next().is_none());
    drop(held);
    assert!(next().is_some());
}

#[test]
fn least_conn_prefers_the_idle_peer() {
    let upstream = group(weights(&[1, 1, 1]), BalancerConf::LeastConn);
    let next = || Selection::new(Rc::clone(&upstream)).next(0, Key::default()).unwrap();
    let (first, second) = (next(), next());
    assert_eq!(&*first.peer().name, "127.0.0.1:29901");
    assert_eq!(&*second.peer().name, "127.0.0.1:29902");
    drop(first);
    let third = next();
    drop(second);
    assert_eq!(&*third.peer().name, "127.0.0.1:29903");
    // Two are idle: round robin among them goes on where it stood.
    assert_eq!(&*next().peer().name, "127.0.0.1:29902");
}

#[test]
fn hash_meets_the_peers_nginx_meets() {
    let template = || crate::config::template::Template::literal(b"");
    for (consistent, expected) in
        [(false, "cabbbbacacacbbbbcacabbcaacbbbbb"), (true, "cbbbbbacbbacabaccbbcbabacbbbabb")]
    {
        let upstream = group(weights(&[1, 2, 1]), BalancerConf::Hash { key: template(), consistent });
        let met: String = (0..31)
            .map(|i| request(&upstream, 0, Key { client: None, hash: format!("key{i}").as_bytes() }))
            .collect();
        assert_eq!(met, expected);
    }
}

#[test]
fn ip_hash_meets_the_peers_nginx_meets() {
    let upstream = group(weights(&[1, 2, 1]), BalancerConf::IpHash);
    let met: String = (0..31_u8)
        .map(|i| Key { client: Some(IpAddr::from([127, i, i.wrapping_mul(7), 1])), hash: b"" })
        .map(|key| request(&upstream, 0, key))
        .collect();
    assert_eq!(met, "aaaaaaaaaaaaaaaaaaabbbbbbbbbbbb");
}

#[test]
fn random_meets_every_peer() {
    for two in [false, true] {
        let met = requests(&group(weights(&[1, 1, 1]), BalancerConf::Random { two }), 200);
        assert!("abc".chars().all(|c| met.contains(c)), "{met}");
    }
}

#[test]
fn a_peer_is_offered_once_per_request() {
    let upstream = group((0..70).map(|i| peer(29000 + i)).collect(), BalancerConf::RoundRobin);
    let mut selection = Selection::new(upstream);
    assert_eq!(selection.tries(), 70);
    let mut seen = std::collections::HashSet::new();
    while let Some(lease) = selection.next(0, Key::default()) {
        assert!(seen.insert(lease.peer().name.clone()));
    }
    assert_eq!((seen.len(), selection.tries()), (70, 0));
}

#[test]
fn a_reload_keeps_peers_that_stay_the_same() {
    let before = Upstream::new(&conf(weights(&[1, 1]), BalancerConf::RoundRobin), None);
    let kept: Vec<_> = before.peers().cloned().collect();
    let after = Upstream::new(&conf(weights(&[1, 3, 1]), BalancerConf::RoundRobin), Some(&before));
    let now: Vec<_> = after.peers().cloned().collect();
    assert!(Rc::ptr_eq(&kept[0], &now[0]));
    assert!(!Rc::ptr_eq(&kept[1], &now[1]));
    assert_eq!(&*now[1].name, "127.0.0.1:29902");
}
