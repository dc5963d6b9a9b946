//! Which addresses are listened on. Each worker has a socket of its own per address; the master keeps a copy of
//! each, so that a worker that died can be replaced without closing the port.

use crate::config::model::{ListenAddr, ListenConf};
use crate::cycle::Cycle;
use crate::io::listener::Keepalive;
use crate::io::successor::Inherited;
use crate::io::{ListenOptions, ListenSocket, SockAddr, sys};

use super::{StartError, describe};

/// How often a busy address is tried, half a second apart, as nginx does.
const BIND_TRIES: u32 = 5;
const BIND_PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// The addresses in use.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: Vec<SockAddr>,
    /// Sockets that came with the start and that nobody has asked for yet.
    inherited: Vec<ListenSocket>,
    /// What systemd opened: the files are its own.
    activated: Vec<SockAddr>,
    /// The executable before this one, which may still use the sockets that it gave.
    predecessor: Option<u32>,
    /// The one after this one runs, with copies of all sockets.
    pub(super) has_successor: bool,
}

impl Listeners {
    /// With what came with the start.
    pub(super) fn inheriting(inherited: Inherited) -> Self {
        let Inherited { sockets, from_predecessor, .. } = inherited;
        let activated = sockets.iter().filter(|socket| socket.is_activated());
        Self {
            open: Vec::new(),
            activated: activated.map(|socket| socket.addr().clone()).collect(),
            predecessor: from_predecessor.then(sys::parent_id),
            inherited: sockets,
            has_successor: false,
        }
    }

    /// The executable before this one has not ended.
    pub(super) fn has_predecessor(&self) -> bool {
        self.predecessor.is_some_and(|parent| parent == sys::parent_id())
    }

    /// What came with the start and no `listen` names: it is closed.
    pub(super) fn close_unnamed(&mut self) -> Vec<SockAddr> {
        self.inherited.drain(..).map(|socket| socket.addr().clone()).collect()
    }

    /// Opens what a configuration names and was not open yet, and forgets what it does not name: one list of sockets
    /// per worker. `say` hears of tries that failed.
    ///
    /// # Errors
    /// An address that cannot be bound; nothing changed then.
    pub(super) fn open(
        &mut self,
        cycle: &Cycle,
        workers: usize,
        say: &dyn Fn(&str),
    ) -> Result<Vec<Vec<ListenSocket>>, StartError> {
        let mut sockets: Vec<Vec<ListenSocket>> = (0..workers).map(|_| Vec::new()).collect();
        let mut named = Vec::new();
        for listen in &cycle.conf.http.listens {
            let addr = address(listen);
            if covered(&addr, &cycle.conf.http.listens) {
                continue;
            }
            if !self.open.contains(&addr) {
                let beside = self.open.iter().any(|open| overlap(open, &addr));
                let bound = match self.inherit(&addr, listen, workers)? {
                    Some(inherited) => inherited,
                    None => bind(&addr, listen, workers, beside, say).inspect_err(|_| {
                        let new = named.iter().filter(|addr| !self.open.contains(addr));
                        new.for_each(|addr| self.remove_unix_socket(addr));
                    })?,
                };
                // There may be more of them than workers: each must be accepted from.
                for (index, socket) in bound.into_iter().enumerate() {
                    sockets[index % workers].push(socket);
                }
            }
            named.push(addr);
        }
        for addr in self.open.iter().filter(|addr| !named.contains(addr)) {
            self.remove_unix_socket(addr);
        }
        self.open = named;
        Ok(sockets)
    }

    /// One more socket for each address that was open before, for a worker that comes later; where it cannot have a queue of
    /// its own, it takes from another's.
    ///
    /// # Errors
    /// An address that cannot be had.
    pub(super) fn one_more(cycle: &Cycle, others: &[&ListenSocket]) -> Result<Vec<ListenSocket>, StartError> {
        let mut sockets: Vec<ListenSocket> = Vec::new();
        for first in others {
            let addr = first.addr();
            let Some(id) = cycle.listen_of(addr) else { continue };
            if sockets.iter().any(|socket| socket.addr() == addr) {
                continue;
            }
            let bound = match first.shares_its_port() {
                true => ListenSocket::bind_beside(addr, &options(cycle.listen(id)), 1).unwrap_or_default(),
                false => Vec::new(),
            };
            match bound.into_iter().next() {
                Some(socket) => sockets.push(socket),
                None => sockets.push(first.try_clone().map_err(|error| cannot_bind(addr, &error))?),
            }
        }
        Ok(sockets)
    }

    /// What came with the start for this address, at least one socket for each worker.
    fn inherit(
        &mut self,
        addr: &SockAddr,
        listen: &ListenConf,
        workers: usize,
    ) -> Result<Option<Vec<ListenSocket>>, StartError> {
        let (mut taken, left): (Vec<_>, Vec<_>) =
            self.inherited.drain(..).partition(|socket| socket.addr() == addr);
        self.inherited = left;
        let Some(first) = taken.first() else { return Ok(None) };
        let (options, failed) = (options(listen), |error| cannot_bind(addr, &error));
        let missing = workers.saturating_sub(taken.len());
        let beside = match first.shares_its_port() && missing > 0 {
            true => ListenSocket::bind_beside(addr, &options, missing).unwrap_or_default(),
            false => Vec::new(),
        };
        for socket in &taken {
            socket.apply(&options).map_err(failed)?;
        }
        let given = taken.len();
        taken.extend(beside);
        // Where the kernel has one queue, workers take from it by turns.
        for index in 0..workers.saturating_sub(taken.len()) {
            let copy = taken[index % given].try_clone().map_err(failed)?;
            taken.push(copy);
        }
        Ok(Some(taken))
    }

    /// Forgets all addresses: they are about to close.
    pub(super) fn close(&mut self) {
        for addr in std::mem::take(&mut self.open) {
            self.remove_unix_socket(&addr);
        }
    }

    /// The file of a socket that nobody else listens on.
    fn remove_unix_socket(&self, addr: &SockAddr) {
        let is_ours = !self.activated.contains(addr) && !self.has_successor && !self.has_predecessor();
        if let (SockAddr::Unix(path), true) = (addr, is_ours) {
            crate::io::listener::remove_socket(path);
        }
    }

    /// Removes the files of unix sockets at the end.
    pub(super) fn remove_unix_sockets(&self, cycle: &Cycle) {
        for listen in &cycle.conf.http.listens {
            if self.open.contains(&address(listen)) {
                self.remove_unix_socket(&address(listen));
            }
        }
    }
}

/// Whether every address of a configuration could be bound now; one in use is taken for the running server's.
pub(super) fn try_all(cycle: &Cycle) -> Result<(), StartError> {
    let listens = &cycle.conf.http.listens;
    for (addr, listen) in listens.iter().map(|listen| (address(listen), listen)) {
        if covered(&addr, listens) {
            continue;
        }
        match ListenSocket::try_bind(&addr, &options(listen)) {
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                return Err(cannot_bind(&addr, &error));
            }
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

fn cannot_bind(addr: &SockAddr, error: &std::io::Error) -> StartError {
    StartError::emerg(format!("bind() to {addr} failed ({})", describe(error)))
}

/// The options of an address for the kernel.
pub(super) fn options(listen: &ListenConf) -> ListenOptions {
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let small = |bytes: Option<usize>| bytes.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
    ListenOptions {
        backlog: listen.backlog,
        ipv6only: listen.ipv6only,
        rcvbuf: small(listen.rcvbuf),
        sndbuf: small(listen.sndbuf),
        fastopen: listen.fastopen.map(count),
        keepalive: listen.so_keepalive.map(|conf| Keepalive {
            on: conf.on,
            idle: conf.idle,
            interval: conf.interval,
            count: conf.count.map(count),
        }),
        ..ListenOptions::default()
    }
}

pub(super) fn address(listen: &ListenConf) -> SockAddr {
    match &listen.addr {
        ListenAddr::Inet(addr) => SockAddr::Inet(*addr),
        ListenAddr::Unix(path) => SockAddr::Unix(path.clone()),
    }
}

/// A specific address whose port is listened on by the wildcard of its family needs no socket: connections to it come
/// by the wildcard's and are told apart by the address they were made to, as in nginx.
fn covered(addr: &SockAddr, listens: &[ListenConf]) -> bool {
    let SockAddr::Inet(specific) = addr else { return false };
    !specific.ip().is_unspecified()
        && listens.iter().any(|listen| match &listen.addr {
            ListenAddr::Inet(any) => {
                any.ip().is_unspecified()
                    && any.port() == specific.port()
                    && any.is_ipv4() == specific.is_ipv4()
            }
            ListenAddr::Unix(_) => false,
        })
}

/// The same port, and one is a wildcard: the kernel takes both only of sockets that share.
fn overlap(a: &SockAddr, b: &SockAddr) -> bool {
    match (a, b) {
        (SockAddr::Inet(a), SockAddr::Inet(b)) => {
            a.port() == b.port() && (a.ip().is_unspecified() || b.ip().is_unspecified())
        }
        (SockAddr::Unix(_), _) | (_, SockAddr::Unix(_)) => false,
    }
}

fn bind(
    addr: &SockAddr,
    listen: &ListenConf,
    workers: usize,
    beside: bool,
    say: &dyn Fn(&str),
) -> Result<Vec<ListenSocket>, StartError> {
    let options = options(listen);
    let bind = if beside { ListenSocket::bind_beside } else { ListenSocket::bind };
    let mut tries = 0;
    loop {
        tries += 1;
        match bind(addr, &options, workers) {
            Ok(sockets) => return Ok(sockets),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && tries < BIND_TRIES => {
                say(&format!("bind() to {addr} failed ({})", describe(&error)));
                std::thread::sleep(BIND_PAUSE);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                say(&format!("bind() to {addr} failed ({})", describe(&error)));
                return Err(StartError::emerg("still could not bind()"));
            }
            Err(error) => return Err(cannot_bind(addr, &error)),
        }
    }
}
