//! Listening sockets: bound by the master, accepted from by the workers.
//!
//! Each worker has its own SO_REUSEPORT socket for an IP address; a unix socket is one, shared. A connection
//! leaves the kernel only in accept4(2), whose result is returned at once: none can be lost with a dropped
//! wait. Called by master (bind) and worker (accept).

use std::cell::Cell;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::addr::{self, RawAddr, SockAddr};
use super::ready::Polled;
use super::successor::Passed;
use super::{Stream, check, keeper};

/// Connections taken in a row before the loop gets its turn: enough for a burst, short for those served.
const ACCEPT_BATCH: u32 = 32;

/// How long a connection may wait for its first bytes before it is accepted without them. What nginx gives for `deferred`; the
/// kernel rounds it to its retransmission steps.
const DEFER_SECONDS: libc::c_int = 1;

/// The parameters of nginx's `listen` that are the socket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// `backlog=`: how many connections may wait to be accepted.
    pub backlog: i32,
    /// `ipv6only=`: an IPv6 wildcard takes no IPv4 connections.
    pub ipv6only: bool,
    /// `rcvbuf=`, bytes.
    pub rcvbuf: Option<i32>,
    /// `sndbuf=`, bytes.
    pub sndbuf: Option<i32>,
    /// `fastopen=`: length of the queue of connections without a complete handshake.
    pub fastopen: Option<i32>,
    /// `so_keepalive=`.
    pub keepalive: Option<Keepalive>,
    /// `tcp_nodelay`: accepted connections inherit it.
    pub nodelay: bool,
}

/// `so_keepalive=on|off|idle:interval:count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Keepalive {
    /// SO_KEEPALIVE.
    pub on: bool,
    /// TCP_KEEPIDLE.
    pub idle: Option<Duration>,
    /// TCP_KEEPINTVL.
    pub interval: Option<Duration>,
    /// TCP_KEEPCNT.
    pub count: Option<i32>,
}

impl Default for ListenOptions {
    /// nginx's defaults on Linux.
    fn default() -> Self {
        Self {
            backlog: 511,
            ipv6only: true,
            rcvbuf: None,
            sndbuf: None,
            fastopen: None,
            keepalive: None,
            nodelay: true,
        }
    }
}

/// A socket that listens, not yet in any loop: may be sent to a worker.
#[derive(Debug)]
pub struct ListenSocket {
    fd: OwnedFd,
    addr: SockAddr,
    origin: Origin,
}

/// Who opened a socket: what is not this process's alone listens on when this process closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Own,
    /// The executable before this one.
    Predecessor,
    /// systemd, which keeps it.
    Activated,
}

/// Sockets that this process opened are others' too, who accept from them: an executable that was started with them.
static PASSED_ON: AtomicBool = AtomicBool::new(false);

/// Whether closing a socket leaves its port open from now on, because others accept from it.
pub fn leave_open(passed_on: bool) {
    PASSED_ON.store(passed_on, Ordering::Relaxed);
}

/// Whether a descriptor is a socket that listens.
pub(super) fn is_listening(fd: RawFd) -> bool {
    addr::option(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).is_ok_and(|listening| listening == 1)
}

impl ListenSocket {
    /// Binds and listens on `addr` for `workers` workers, one socket each. Port 0 lets the kernel choose one,
    /// which all of them then have. A unix socket file gets mode 0666, as nginx does; one that nobody
    /// listens on any more is replaced. The addresses are checked to be free of other programs first, because
    /// SO_REUSEPORT alone would share them silently with another process of the same user.
    ///
    /// # Errors
    /// As bind(2): `AddrInUse`, `PermissionDenied`, `AddrNotAvailable`.
    pub fn bind(addr: &SockAddr, options: &ListenOptions, workers: usize) -> io::Result<Vec<Self>> {
        if let SockAddr::Inet(inet) = addr
            && inet.port() != 0
        {
            drop(bound(addr, options, Port::Exclusive)?);
        }
        Self::bind_beside(addr, options, workers)
    }

    /// As [`ListenSocket::bind`], for an address whose port this process has already: by a wildcard that covers it, or by
    /// an address that it covers. (Nobody else came in since: the port was checked when it was taken.)
    ///
    /// # Errors
    /// As bind(2).
    pub fn bind_beside(addr: &SockAddr, options: &ListenOptions, workers: usize) -> io::Result<Vec<Self>> {
        let workers = workers.max(1);
        match addr {
            SockAddr::Inet(_) => {
                let mut actual = addr.clone();
                let mut sockets = Vec::with_capacity(workers);
                for _ in 0..workers {
                    let fd = bound(&actual, options, Port::Shared)?;
                    listen(&fd, options)?;
                    actual = addr::local_addr(fd.as_raw_fd())?;
                    sockets.push(Self { fd, addr: actual.clone(), origin: Origin::Own });
                }
                Ok(sockets)
            }
            SockAddr::Unix(_) => {
                let fd = bound(addr, options, Port::Shared)?;
                listen(&fd, options)?;
                let first = Self { fd, addr: addr.clone(), origin: Origin::Own };
                let mut sockets = Vec::with_capacity(workers);
                for _ in 1..workers {
                    sockets.push(first.try_clone()?);
                }
                sockets.push(first);
                Ok(sockets)
            }
        }
    }

    /// Whether `addr` could be bound now: nothing listens on it meanwhile, and nothing is left behind. A unix socket
    /// is in use as soon as its file exists.
    ///
    /// # Errors
    /// As bind(2).
    pub fn try_bind(addr: &SockAddr, options: &ListenOptions) -> io::Result<()> {
        match addr {
            SockAddr::Inet(_) => bind_inet(addr, options, Port::Exclusive).map(drop),
            SockAddr::Unix(path) => {
                let raw = RawAddr::new(addr)?;
                bind(&socket(raw.family())?, &raw)?;
                fs::remove_file(path)
            }
        }
    }

    /// A listening socket that came with the start.
    ///
    /// # Errors
    /// It listens on no address that is known here.
    pub(super) fn inherited(fd: OwnedFd, activated: bool) -> io::Result<Self> {
        let addr = addr::local_addr(fd.as_raw_fd())?;
        // Of whoever opened it these are not known; a worker that waits in accept4(2) serves nobody.
        // SAFETY: F_SETFD takes an integer.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
        // SAFETY: F_SETFL takes an integer.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
        Ok(Self { fd, addr, origin: if activated { Origin::Activated } else { Origin::Predecessor } })
    }

    /// As a message of another process brings it: whether it is a listening socket, and where.
    pub fn address_of(fd: &OwnedFd) -> Option<SockAddr> {
        is_listening(fd.as_raw_fd()).then(|| addr::local_addr(fd.as_raw_fd()).ok()).flatten()
    }

    /// For another executable.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn pass(&self) -> io::Result<Passed> {
        Ok(Passed { fd: self.fd.try_clone()?, activated: self.is_activated() })
    }

    /// Whether both take from one queue.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let inode = |socket: &Self| super::file::fstat(socket.fd.as_fd()).map(|info| (info.dev, info.ino));
        self.addr == other.addr && matches!((inode(self), inode(other)), (Ok(a), Ok(b)) if a == b)
    }

    /// systemd opened it, and keeps it.
    pub fn is_activated(&self) -> bool {
        self.origin == Origin::Activated
    }

    /// Whether others may be bound beside it.
    pub fn shares_its_port(&self) -> bool {
        let shared = addr::option(self.fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT);
        !self.addr.is_unix() && shared.is_ok_and(|shared| shared != 0)
    }

    /// Another descriptor of the same socket: both take from one queue.
    ///
    /// # Errors
    /// `EMFILE` and the like.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, addr: self.addr.clone(), origin: self.origin })
    }

    /// Changes what can be changed on a socket that listens already (a reload): backlog, buffers, keepalive.
    ///
    /// # Errors
    /// As setsockopt(2) and listen(2).
    pub fn apply(&self, options: &ListenOptions) -> io::Result<()> {
        set_options(&self.fd, &self.addr, options)?;
        listen(&self.fd, options)
    }

    /// The address, with the port the kernel chose if 0 was asked for.
    pub fn addr(&self) -> &SockAddr {
        &self.addr
    }

    /// The descriptor's number.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The worker's end of a [`ListenSocket`], in this thread's loop. Dropping it closes this descriptor; what
/// waits in its queue is then reset by the kernel, so a draining worker first takes [`Listener::try_accept`]
/// until there is nothing left.
pub struct Listener {
    socket: Polled,
    addr: SockAddr,
    origin: Origin,
    /// How many more may be accepted before the loop must get its turn; 0: wait for readiness first.
    batch: Cell<u32>,
}

impl Listener {
    /// Takes the socket into this thread's loop.
    ///
    /// # Errors
    /// With epoll, when the descriptor cannot be registered.
    pub fn new(socket: ListenSocket) -> io::Result<Self> {
        let ListenSocket { fd, addr, origin } = socket;
        Ok(Self { socket: Polled::new(fd)?, addr, origin, batch: Cell::new(0) })
    }

    /// The next connection and the address it came from. A wait that is dropped loses nothing.
    ///
    /// # Errors
    /// Those of accept4(2) that are about this process, not about one connection: `EMFILE`, `ENFILE`,
    /// `ENOBUFS`, `ENOMEM` in `raw_os_error()`. The caller should pause, or it will be told again at once.
    pub async fn accept(&self) -> io::Result<(Stream, SockAddr)> {
        loop {
            if self.batch.get() == 0 {
                poll_fn(|context| self.socket.poll_readable(context)).await?;
                self.batch.set(ACCEPT_BATCH);
            }
            self.batch.set(self.batch.get() - 1);
            match self.try_accept() {
                Ok(Some(accepted)) => return Ok(accepted),
                Ok(None) => self.batch.set(0),
                Err(error) => {
                    self.batch.set(0);
                    return Err(error);
                }
            }
        }
    }

    /// The next connection if one waits already.
    ///
    /// # Errors
    /// As [`Listener::accept`].
    pub fn try_accept(&self) -> io::Result<Option<(Stream, SockAddr)>> {
        loop {
            let mut raw = RawAddr::empty();
            let (pointer, len) = (raw.as_mut_ptr(), raw.len_mut());
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            // SAFETY: both pointers are into `raw`, which outlives the call; `len` holds its size.
            match check(unsafe { libc::accept4(self.socket.fd(), pointer, len, flags) }) {
                Ok(fd) => {
                    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
                    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                    return Ok(Some((Stream::from_fd(fd)?, raw.to_addr()?)));
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return Ok(None),
                    // The connection died in the queue, or its network did: accept(2), "Error handling".
                    Some(
                        libc::EINTR
                        | libc::ECONNABORTED
                        | libc::EPROTO
                        | libc::ENETDOWN
                        | libc::ENOPROTOOPT
                        | libc::EHOSTDOWN
                        | libc::ENONET
                        | libc::EHOSTUNREACH
                        | libc::EOPNOTSUPP
                        | libc::ENETUNREACH
                        | libc::ETIMEDOUT,
                    ) => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// The address it listens on.
    pub fn addr(&self) -> &SockAddr {
        &self.addr
    }

    /// Ends listening now. A drop alone leaves the port open until the ring has closed the descriptor, which it never
    /// does once its loop has ended: clients would then wait in a queue that nobody reads. Copies of a unix socket
    /// listen on, and a socket that another process accepts from is only let go of.
    pub fn close(self) {
        let is_ours = self.origin == Origin::Own && !PASSED_ON.load(Ordering::Relaxed);
        if is_ours && !self.addr.is_unix() {
            // SAFETY: shutdown(2) takes no pointers. A listening TCP socket leaves LISTEN with it (tcp_shutdown,
            // inet_shutdown in the kernel).
            unsafe { libc::shutdown(self.socket.fd(), libc::SHUT_RD) };
        }
    }
}

/// Whether a bind may share the port with other sockets of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Exclusive,
    Shared,
}

/// A socket that is bound, by the keeper where there is one: the kernel lets sockets share a port only if they were made for
/// the same user, and the first ones were root's.
fn bound(addr: &SockAddr, options: &ListenOptions, port: Port) -> io::Result<OwnedFd> {
    if !keeper::is_there() {
        return bind_to(addr, options, port);
    }
    let mut question = vec![u8::from(port == Port::Exclusive), u8::from(options.ipv6only)];
    match addr {
        SockAddr::Inet(addr) => question.extend_from_slice(addr.to_string().as_bytes()),
        SockAddr::Unix(path) => {
            question.extend_from_slice(UNIX);
            question.extend_from_slice(path.as_os_str().as_bytes());
        }
    }
    let fd = keeper::ask_for_fd(keeper::Ask::Bind, &question)?;
    set_options(&fd, addr, options)?;
    Ok(fd)
}

/// Begins the address of a unix socket.
const UNIX: &[u8] = b"unix:";

/// What the keeper is asked to bind.
#[derive(Debug)]
pub struct Asked {
    /// To which address.
    pub addr: SockAddr,
    port: Port,
    ipv6only: bool,
}

impl Asked {
    /// Reads a question of [`keeper::Ask::Bind`]; `None` for what is no address.
    pub fn read(question: &[u8]) -> Option<Self> {
        let ([exclusive, ipv6only], text) = question.split_first_chunk::<2>()?;
        let addr = match text.strip_prefix(UNIX) {
            Some(path) => SockAddr::Unix(super::granted::path(path).to_owned()),
            None => SockAddr::Inet(std::str::from_utf8(text).ok()?.parse().ok()?),
        };
        let port = if *exclusive != 0 { Port::Exclusive } else { Port::Shared };
        Some(Self { addr, port, ipv6only: *ipv6only != 0 })
    }

    /// Makes the socket. It does not listen yet.
    ///
    /// # Errors
    /// As bind(2).
    pub fn bind(&self) -> io::Result<OwnedFd> {
        let options = ListenOptions { ipv6only: self.ipv6only, ..ListenOptions::default() };
        bind_to(&self.addr, &options, self.port)
    }
}

/// Removes the file of a unix socket that is listened on no more.
pub fn remove_socket(path: &Path) {
    let refused = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if fs::remove_file(path).is_err_and(refused) {
        keeper::ask(keeper::Ask::RemoveSocket, path.as_os_str().as_bytes());
    }
}

fn bind_to(addr: &SockAddr, options: &ListenOptions, port: Port) -> io::Result<OwnedFd> {
    match addr {
        SockAddr::Inet(_) => bind_inet(addr, options, port),
        SockAddr::Unix(path) => bind_unix(path, addr, options),
    }
}

fn bind_inet(addr: &SockAddr, options: &ListenOptions, port: Port) -> io::Result<OwnedFd> {
    let raw = RawAddr::new(addr)?;
    let fd = socket(raw.family())?;
    addr::set_option(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if port == Port::Shared {
        addr::set_option(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if raw.family() == libc::AF_INET6 {
        addr::set_option(fd.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, options.ipv6only.into())?;
    }
    set_options(&fd, addr, options)?;
    bind(&fd, &raw)?;
    Ok(fd)
}

fn bind_unix(path: &Path, addr: &SockAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    let raw = RawAddr::new(addr)?;
    let fd = socket(raw.family())?;
    match bind(&fd, &raw) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path, &raw) => {
            fs::remove_file(path)?;
            bind(&fd, &raw)?;
        }
        other => other?,
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    set_options(&fd, addr, options)?;
    Ok(fd)
}

/// Whether `path` is a socket file that nobody listens on: what a killed process leaves behind.
fn is_stale(path: &Path, raw: &RawAddr) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let Ok(fd) = socket(raw.family()) else { return false };
    // SAFETY: `raw` is a complete address of the length it says, alive during the call.
    let connected = check(unsafe { libc::connect(fd.as_raw_fd(), raw.as_ptr(), raw.len()) });
    is_socket && connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn socket(family: libc::c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: socket(2) takes no pointers.
    let fd = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(fd: &OwnedFd, raw: &RawAddr) -> io::Result<()> {
    // SAFETY: `raw` is a complete address of the length it says, alive during the call.
    check(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), raw.len()) })?;
    Ok(())
}

fn listen(fd: &impl AsFd, options: &ListenOptions) -> io::Result<()> {
    // SAFETY: listen(2) takes no pointers.
    check(unsafe { libc::listen(fd.as_fd().as_raw_fd(), options.backlog) })?;
    Ok(())
}

fn set_options(fd: &OwnedFd, addr: &SockAddr, options: &ListenOptions) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    if let Some(bytes) = options.rcvbuf {
        addr::set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)?;
    }
    if let Some(bytes) = options.sndbuf {
        addr::set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)?;
    }
    if addr.is_unix() {
        return Ok(());
    }
    addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, options.nodelay.into())?;
    // `deferred`, written or not: a connection comes with its first bytes, and is served without a wait. One that is silent comes
    // when the kernel asks it again, after a second.
    addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, DEFER_SECONDS)?;
    if let Some(queue) = options.fastopen {
        addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, queue)?;
    }
    if let Some(keepalive) = options.keepalive {
        addr::set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, keepalive.on.into())?;
        if let Some(idle) = keepalive.idle {
            addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, seconds(idle))?;
        }
        if let Some(interval) = keepalive.interval {
            addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, seconds(interval))?;
        }
        if let Some(count) = keepalive.count {
            addr::set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, count)?;
        }
    }
    Ok(())
}

fn seconds(time: Duration) -> libc::c_int {
    libc::c_int::try_from(time.as_secs()).unwrap_or(libc::c_int::MAX)
}

#[cfg(test)]
mod tests;
