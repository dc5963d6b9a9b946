//! The client's end of a connection: what stays the same from request to request.

use std::cell::{Cell, OnceCell};
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use super::http2::Http2;
use super::tls::ClientTls;
use crate::config::model::ListenId;
use crate::cycle::Cycle;
use crate::http1::proxy_protocol::ProxyHeader;
use crate::io::{Carrier, CompactAddr, Deadline, HasStream, SockAddr, Stream};

/// One accepted connection. Shared by reference (`Rc`) between the connection task and whatever waits on it.
pub struct Client {
    /// The socket.
    pub stream: Stream,
    /// The one deadline of this connection: armed before every wait on the client.
    pub deadline: Deadline,
    /// The client's address.
    pub remote: SockAddr,
    /// `$remote_addr` as text (`unix:` for unix sockets).
    pub remote_text: Box<[u8]>,
    /// The address it connected to.
    pub local: SockAddr,
    /// The address of the listening socket it came by.
    pub listen_addr: Rc<SockAddr>,
    /// That socket in the configuration of `generation`.
    pub listen: Cell<ListenId>,
    /// The cycle that `listen` belongs to.
    pub generation: Cell<u64>,
    /// `$connection`: serial number, unique in this process.
    pub serial: u64,
    /// When it was accepted, `Now::monotonic_ms`.
    pub accepted_ms: u64,
    /// `keepalive_timeout` of the location that answered last.
    pub keepalive_timeout: Cell<Duration>,
    /// `$connection_requests`.
    pub requests: Cell<u64>,
    /// It speaks plain text on a port for TLS.
    pub lacks_tls: Cell<bool>,
    /// What is kept beside the TLS session.
    pub tls: ClientTls,
    /// Set once its header of the PROXY protocol was read: what that says.
    pub introduced: OnceCell<Option<Box<ProxyHeader>>>,
    /// It is a stream of an HTTP/2 connection.
    pub http2: Option<Rc<Http2>>,
}

impl HasStream for Client {
    fn stream(&self) -> &Stream {
        &self.stream
    }
}

impl Client {
    /// A connection that was just accepted; `None` when the configuration does not have its socket any more.
    pub fn new(
        stream: Stream,
        remote: SockAddr,
        listen_addr: Rc<SockAddr>,
        cycle: &Cycle,
        serial: u64,
    ) -> Option<Self> {
        let local = match &*listen_addr {
            SockAddr::Inet(addr) if !addr.ip().is_unspecified() => SockAddr::Inet(*addr),
            _ => stream.local_addr().ok()?,
        };
        let listen = cycle.listen_for(&listen_addr, &local)?;
        Some(Self {
            stream,
            deadline: Deadline::new(),
            remote_text: address_text(&remote),
            remote,
            local,
            listen_addr,
            listen: Cell::new(listen),
            generation: Cell::new(cycle.generation),
            serial,
            accepted_ms: crate::time::now().monotonic_ms,
            keepalive_timeout: Cell::new(Duration::ZERO),
            requests: Cell::new(0),
            lacks_tls: Cell::new(false),
            tls: ClientTls::default(),
            introduced: OnceCell::new(),
            http2: None,
        })
    }

    /// A stream of an HTTP/2 connection, as a client of its own.
    pub fn of_stream(stream: Rc<Http2>) -> Self {
        let connection = stream.connection();
        Self {
            stream: Stream::part(Rc::clone(&stream) as Rc<dyn Carrier>),
            deadline: Deadline::new(),
            remote: connection.remote.clone(),
            remote_text: connection.remote_text.clone(),
            local: connection.local.clone(),
            listen_addr: Rc::clone(&connection.listen_addr),
            listen: Cell::new(connection.listen.get()),
            generation: Cell::new(connection.generation.get()),
            serial: connection.serial,
            accepted_ms: connection.accepted_ms,
            keepalive_timeout: Cell::new(Duration::ZERO),
            requests: Cell::new(connection.requests.get()),
            lacks_tls: Cell::new(false),
            tls: ClientTls::default(),
            introduced: OnceCell::new(),
            http2: Some(stream),
        }
    }

    /// The client that has what is known of the connection: itself, or of a stream the connection's.
    pub fn whole(&self) -> &Self {
        self.http2.as_ref().map_or(self, |stream| stream.connection())
    }

    /// What is kept of a connection that is parked. To be taken between two requests, when nothing was read of the next.
    pub fn parked(&self) -> ParkedClient {
        let Self {
            stream: _,
            deadline: _,
            remote,
            remote_text: _,
            local,
            listen_addr,
            listen,
            generation,
            serial,
            accepted_ms,
            // Set again by each answer.
            keepalive_timeout: _,
            requests,
            lacks_tls: _,
            // Nobody who speaks TLS is parked.
            tls: _,
            // Nor who has one.
            introduced: _,
            // Nor a stream, nor the connection of one.
            http2: _,
        } = self;
        ParkedClient {
            remote: remote.into(),
            local: local.into(),
            listen_addr: Rc::clone(listen_addr),
            listen: listen.get(),
            generation: generation.get(),
            serial: *serial,
            accepted_ms: *accepted_ms,
            requests: u32::try_from(requests.get()).unwrap_or(u32::MAX),
        }
    }

    /// A connection that was parked.
    pub fn unparked(stream: Stream, parked: ParkedClient) -> Self {
        let remote = SockAddr::from(parked.remote);
        Self {
            stream,
            deadline: Deadline::new(),
            remote_text: address_text(&remote),
            remote,
            local: parked.local.into(),
            listen_addr: parked.listen_addr,
            listen: Cell::new(parked.listen),
            generation: Cell::new(parked.generation),
            serial: parked.serial,
            accepted_ms: parked.accepted_ms,
            keepalive_timeout: Cell::new(Duration::ZERO),
            requests: Cell::new(parked.requests.into()),
            // Nobody who does is parked: the connection closes with its first request.
            lacks_tls: Cell::new(false),
            tls: ClientTls::default(),
            introduced: OnceCell::new(),
            http2: None,
        }
    }

    /// Follows a reload: `false` when the configuration does not have this connection's socket any more.
    pub fn belongs_to(&self, cycle: &Cycle) -> bool {
        if self.generation.get() == cycle.generation {
            return true;
        }
        let Some(listen) = cycle.listen_for(&self.listen_addr, &self.local) else { return false };
        self.listen.set(listen);
        self.generation.set(cycle.generation);
        true
    }

    /// `$scheme`.
    pub fn scheme(&self) -> &'static str {
        if self.stream.is_tls() { "https" } else { "http" }
    }

    /// The `Now::monotonic_ms` that is `after` from now.
    pub fn deadline_after(&self, after: Duration) -> u64 {
        let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        crate::time::now().monotonic_ms.saturating_add(ms)
    }

    /// The port it connected to.
    pub fn local_port(&self) -> Option<u16> {
        self.local.port()
    }

    /// The address it connected to, as it stands in a URL.
    pub fn write_local_address(&self, out: &mut Vec<u8>) {
        let _ = match self.local.ip() {
            Some(std::net::IpAddr::V6(ip)) => write!(out, "[{ip}]"),
            Some(ip) => write!(out, "{ip}"),
            None => write!(out, "{}", self.local),
        };
    }
}

/// What is kept of a [`Client`] while its connection is parked: there may be thousands.
pub struct ParkedClient {
    remote: CompactAddr,
    local: CompactAddr,
    listen_addr: Rc<SockAddr>,
    listen: ListenId,
    generation: u64,
    serial: u64,
    accepted_ms: u64,
    /// No connection lives to see more than fit.
    requests: u32,
}

const _: () = assert!(size_of::<ParkedClient>() <= 72, "it is the memory of an idle connection");

impl ParkedClient {
    /// Whether it sent no request yet.
    pub fn is_new(&self) -> bool {
        self.requests == 0
    }

    /// As [`Client::belongs_to`].
    pub fn belongs_to(&self, cycle: &Cycle) -> bool {
        self.generation == cycle.generation
            || cycle.listen_for(&self.listen_addr, &self.local.clone().into()).is_some()
    }
}

fn address_text(remote: &SockAddr) -> Box<[u8]> {
    let text = match remote.ip() {
        Some(ip) => ip.to_string(),
        None => "unix:".to_owned(),
    };
    text.into_bytes().into_boxed_slice()
}
