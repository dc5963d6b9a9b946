//! A connection to a peer, and the idle ones kept for the next request.
//!
//! A kept connection is looked at before it is used again: one that the app closed, or on which bytes arrived that
//! nobody asked for, is dropped. Boxes live as long as the connection, and buffers are lent from one to the other: no
//! allocation per request.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::http2::Http2;
use super::peer::Peer;
use crate::config::model::UpstreamConf;
use crate::io::connect::{self, BeginError, Connecting};
use crate::io::tls::HandshakeError;
use crate::io::{Carrier, Deadline, Liveness, LocalAddr, Side, SockAddr, Stream};

/// Room for what a peer sends at first: most answers fit with their heads and need one recv(2).
const INPUT_CAPACITY: usize = 16 << 10;

/// So much earlier than the peer would close an idle connection it is not used any more.
const PEER_TIMEOUT_MARGIN_MS: u64 = 500;

/// A spare buffer is not larger than this: what reading a long answer needs, so that the next long one does not
/// allocate it again.
const SPARE_INPUT_CAPACITY: usize = 96 << 10;

/// Spare buffers of a core: more connections than that hold bytes at one time only while many clients are slow.
const SPARE_INPUTS: usize = 128;

/// How long a connection may take before it is asked whether anybody still waits for it.
const WATCH_AFTER: Duration = Duration::from_millis(100);

/// An open connection to a peer.
#[derive(Debug)]
pub struct PeerConnection {
    /// The socket.
    pub stream: Stream,
    /// Bounds every wait on this socket; armed by the caller.
    pub deadline: Deadline,
    /// Bytes read and not used yet. Without any memory until something comes: one that waits holds no buffer.
    pub input: Vec<u8>,
    /// The peer has said something since the request began, if only in an interim answer that is gone from `input`.
    pub heard: bool,
    /// HTTP/2 is spoken on it: `stream` is what that carries.
    pub http2: Option<Rc<Http2>>,
    /// Requests begun on it, this one included.
    pub requests: u64,
    /// The last read left nothing in the socket.
    drained: bool,
    addr: SockAddr,
    /// Where it comes from, if that was asked for.
    local: Option<Box<LocalAddr>>,
    /// The TLS that is spoken on it.
    secured: Option<Box<Secured>>,
    opened_ms: u64,
    idle_since_ms: u64,
    /// How long the peer said it keeps an idle connection, in milliseconds.
    peer_idle_ms: u64,
}

/// TLS to a peer: with what, and whom the peer must be.
#[derive(Debug, Clone, Copy)]
pub struct PeerTls<'t> {
    /// What a handshake needs.
    pub config: &'t Arc<ClientConfig>,
    /// The peer's name, as `proxy_ssl_name` gives it.
    pub name: &'t [u8],
}

/// What a request asks of a connection beside its peer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'w> {
    /// TLS is spoken on it, or not.
    pub tls: Option<PeerTls<'w>>,
    /// Where it comes from (`proxy_bind`).
    pub local: Option<&'w LocalAddr>,
    /// HTTP/2 is spoken on it.
    pub http2: bool,
}

/// TLS as it is kept with a connection: no request is sent on one that was opened for another name or by other rules.
#[derive(Debug)]
struct Secured {
    config: Arc<ClientConfig>,
    name: Box<[u8]>,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum OpenError {
    /// What socket(2) or connect(2) said.
    Failed(io::Error),
    /// The time is over.
    Timeout,
    /// The address it was to come from: what bind(2) said.
    Bind(io::Error),
    /// Whoever the connection was for has gone.
    Abandoned,
}

impl PeerConnection {
    /// Connects to `peer` within `timeout`, from `local` if that is given; gives up when `watched` is closed from the other side, if that takes long.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        peer: &Peer,
        local: Option<&LocalAddr>,
        timeout: Duration,
        now: u64,
        watched: Option<&Stream>,
    ) -> Result<Box<Self>, OpenError> {
        let deadline = Deadline::new();
        let connecting = connect::begin(&peer.sock, local).map_err(|error| match error {
            BeginError::Bind(error) => OpenError::Bind(error),
            BeginError::Connect(error) => OpenError::Failed(error),
        })?;
        await_outcome(&connecting, timeout, &deadline, watched).await?;
        let stream = connecting.finish().map_err(OpenError::Failed)?;
        Ok(Box::new(Self {
            stream,
            deadline,
            input: Vec::new(),
            heard: false,
            http2: None,
            requests: 1,
            drained: false,
            addr: peer.sock.clone(),
            local: local.map(|local| Box::new(*local)),
            secured: None,
            opened_ms: now,
            idle_since_ms: now,
            peer_idle_ms: u64::MAX,
        }))
    }

    /// Shakes hands on a connection that was just opened.
    ///
    /// # Errors
    /// See [`HandshakeError`]; the connection is of no further use.
    pub async fn secure(
        &mut self,
        tls: PeerTls<'_>,
        name: ServerName<'static>,
        timeout: Duration,
    ) -> Result<(), HandshakeError> {
        self.deadline.arm(timeout);
        self.stream.connect_tls(&self.deadline, Arc::clone(tls.config), name).await?;
        self.secured = Some(Box::new(Secured { config: Arc::clone(tls.config), name: tls.name.into() }));
        Ok(())
    }

    /// Begins to speak HTTP/2 on a connection that was just opened.
    ///
    /// # Errors
    /// What the connection suffered.
    pub async fn speak_http2(&mut self) -> io::Result<()> {
        let http2 = Http2::begin(self.stream.hand_over()).await?;
        self.stream = Stream::part(Rc::clone(&http2) as Rc<dyn Carrier>);
        self.http2 = Some(http2);
        Ok(())
    }

    /// Whether a request that wants such a connection may be sent on it.
    fn fits(&self, wanted: Wanted<'_>) -> bool {
        if self.local.as_deref() != wanted.local || self.http2.is_some() != wanted.http2 {
            return false;
        }
        match (&self.secured, wanted.tls) {
            (None, None) => true,
            (Some(secured), Some(tls)) => {
                Arc::ptr_eq(&secured.config, tls.config) && *secured.name == *tls.name
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    /// Reads into `input`, `max` bytes at most, as [`Stream::recv_into`].
    ///
    /// # Errors
    /// See [`Stream::recv_into`].
    pub fn recv(&mut self, max: usize) -> io::Result<usize> {
        if self.input.capacity() == 0 {
            self.input = spare_input();
        }
        let result = self.stream.recv_into(&mut self.input, max);
        self.heard |= matches!(result, Ok(1..));
        self.drained = match &result {
            // Less than there was room for is all there was; but TLS gives what it has opened so far.
            Ok(count) => *count < max && self.input.len() < self.input.capacity() && self.stream.is_bare(),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        result
    }

    /// Lets another connection have the buffer, with what is in it forgotten.
    fn give_input_back(&mut self) {
        let mut input = std::mem::take(&mut self.input);
        if input.capacity() < INPUT_CAPACITY {
            return;
        }
        input.clear();
        input.shrink_to(SPARE_INPUT_CAPACITY);
        // A thread that ends has no spare buffers any more.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_INPUTS {
                spare.push(input);
            }
        });
    }

    /// Bytes were taken from the socket without [`PeerConnection::recv`]: more may lie in it.
    pub fn note_spliced(&mut self) {
        self.drained = false;
    }

    /// Nothing that the peer sent is left over, as far as reading showed. Where the last read took all it had room for,
    /// the socket is looked at: what lies in it already is not news that [`Stream::stayed_quiet`] would hear in time.
    fn is_clean(&self) -> bool {
        let drained = self.drained && self.stream.is_bare();
        self.input.is_empty() && (drained || self.stream.peek_closed() == Liveness::Alive)
    }

    /// The rest of the request is sent while its answer is read (HTTP/2).
    pub fn is_sending(&self) -> bool {
        self.http2.as_ref().is_some_and(|http2| http2.is_sending())
    }

    /// The peer says that it closes the connection after so many seconds of idleness (`Keep-Alive: timeout=`).
    pub fn note_peer_timeout(&mut self, seconds: u64) {
        self.peer_idle_ms = seconds.saturating_mul(1000).saturating_sub(PEER_TIMEOUT_MARGIN_MS);
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        self.stream.send_close();
        if let Some(http2) = &self.http2 {
            http2.close();
        }
        self.give_input_back();
    }
}

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The buffer that was given back last, or a new one.
fn spare_input() -> Vec<u8> {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| Vec::with_capacity(INPUT_CAPACITY))
}

/// Most connections are there at once, and cost no second wait: `watched` is looked at only after a while.
async fn await_outcome(
    connecting: &Connecting,
    timeout: Duration,
    deadline: &Deadline,
    watched: Option<&Stream>,
) -> Result<(), OpenError> {
    let ended = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => OpenError::Timeout,
        _ => OpenError::Failed(error),
    };
    let Some(watched) = watched.filter(|_| timeout > WATCH_AFTER) else {
        deadline.arm(timeout);
        return connecting.wait(deadline).await.map_err(ended);
    };
    deadline.arm(WATCH_AFTER);
    match connecting.wait(deadline).await.map_err(ended) {
        Err(OpenError::Timeout) => {}
        outcome => return outcome,
    }
    deadline.arm(timeout.saturating_sub(WATCH_AFTER));
    loop {
        if connecting.wait_watching(watched, deadline).await.map_err(ended)? == Side::A {
            return Ok(());
        }
        match watched.peek_closed() {
            Liveness::Closed => return Err(OpenError::Abandoned),
            // A pipelined request: nothing more can be learned from this socket.
            Liveness::HasData => return connecting.wait(deadline).await.map_err(ended),
            Liveness::Alive => {}
        }
    }
}

/// How long an idle connection beyond `keepalive` is kept, in milliseconds: with more requests at a time than that, as many
/// connections would be closed and opened again for each of their bursts.
const SURPLUS_REST_MS: u64 = 100;

/// Idle connections of one upstream on this worker, the last used on top (`keepalive`).
#[derive(Debug)]
pub(super) struct KeepalivePool {
    #[expect(clippy::vec_box, reason = "connections move between here and their users without being copied")]
    idle: RefCell<Vec<Box<PeerConnection>>>,
    limits: Cell<Limits>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    connections: usize,
    requests: u64,
    lifetime_ms: u64,
    idle_ms: u64,
}

impl KeepalivePool {
    pub(super) fn new(conf: &UpstreamConf) -> Self {
        Self { idle: RefCell::new(Vec::with_capacity(conf.keepalive)), limits: Cell::new(Limits::of(conf)) }
    }

    /// Takes over the limits of a new configuration.
    pub(super) fn reconfigure(&self, conf: &UpstreamConf) {
        self.limits.set(Limits::of(conf));
    }

    /// The most recently used connection to `peer`, from `local` if that is given, that is still alive and was idle for less than `max_idle` ms. One
    /// that was idle for longer stays: other requests may use it.
    pub(super) fn take(
        &self,
        peer: &Peer,
        wanted: Wanted<'_>,
        now: u64,
        max_idle: u64,
    ) -> Option<Box<PeerConnection>> {
        let limits = self.limits.get();
        let mut idle = self.idle.borrow_mut();
        while let Some(index) = idle.iter().rposition(|c| c.addr == peer.sock && c.fits(wanted)) {
            if now.saturating_sub(idle[index].idle_since_ms) >= max_idle {
                return None;
            }
            let mut connection = idle.remove(index);
            // A request that cannot be sent twice is worth a look at the socket as it is now.
            let alive = if max_idle == u64::MAX {
                connection.stream.stayed_quiet()
            } else {
                connection.stream.peek_closed() == Liveness::Alive
            };
            if limits.allow_idle(&connection, now) && alive {
                connection.requests += 1;
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read completely, if it may serve another request.
    pub(super) fn put(&self, mut connection: Box<PeerConnection>, now: u64) {
        let limits = self.limits.get();
        if limits.connections == 0
            || connection.requests >= limits.requests
            || now.saturating_sub(connection.opened_ms) >= limits.lifetime_ms
            || !connection.is_clean()
        {
            return;
        }
        connection.deadline.disarm();
        connection.idle_since_ms = now;
        connection.give_input_back();
        match &connection.http2 {
            None => connection.stream.watch_quiet(),
            Some(http2) => http2.rest(),
        }
        let mut idle = self.idle.borrow_mut();
        let expired = idle.iter().take_while(|c| !limits.allow_idle(c, now)).count();
        idle.drain(..expired);
        idle.push(connection);
        limits.drop_surplus(&mut idle, now);
    }

    /// Drops what is beyond the limit and has rested.
    pub(super) fn drop_surplus(&self, now: u64) {
        self.limits.get().drop_surplus(&mut self.idle.borrow_mut(), now);
    }

    /// Drops what is too old, what the peers closed, and what belongs to no peer of `stays`.
    pub(super) fn sweep(&self, now: u64, stays: impl Fn(&SockAddr) -> bool) {
        let limits = self.limits.get();
        let alive = |c: &PeerConnection| {
            limits.allow_idle(c, now) && stays(&c.addr) && c.stream.peek_closed() == Liveness::Alive
        };
        self.idle.borrow_mut().retain(|connection| alive(connection));
    }
}

impl Limits {
    fn of(conf: &UpstreamConf) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            connections: conf.keepalive,
            requests: conf.keepalive_requests,
            lifetime_ms: millis(conf.keepalive_time),
            idle_ms: millis(conf.keepalive_timeout),
        }
    }

    /// Those that were used least recently go. Connections that the next burst takes up again need not be opened for it.
    #[expect(clippy::vec_box, reason = "as it is kept")]
    fn drop_surplus(&self, idle: &mut Vec<Box<PeerConnection>>, now: u64) {
        let surplus = idle.len().saturating_sub(self.connections);
        let oldest = now.saturating_sub(SURPLUS_REST_MS);
        let rested = idle[..surplus].iter().take_while(|c| c.idle_since_ms <= oldest).count();
        idle.drain(..rested);
    }

    fn allow_idle(&self, connection: &PeerConnection, now: u64) -> bool {
        now.saturating_sub(connection.idle_since_ms) < self.idle_ms.min(connection.peer_idle_ms)
    }
}
