//! TLS inside a [`Stream`]: rustls's buffered connection between the socket and whoever reads and writes the stream.
//!
//! A stream that speaks TLS behaves as any other: bytes leave the kernel only in calls that do not wait, and what was taken
//! of a write is sent before anything later. What the socket does not take of the sealed records waits here, at most
//! twice [`WINDOW`] with what surrounds it; nothing more is taken before that is gone. A stream without TLS
//! meets one branch. No certificate and no name is chosen here. Called by layer.rs and stream.rs.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ClientHello};
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::layer::{Layer, SLICE};
use super::stream::{is_all, receive, send, send_vectored};
use super::{Deadline, Liveness, Stream, runtime};
use crate::time;

mod agreed;
pub mod kernel;
mod records;

pub use agreed::Agreed;
pub(super) use kernel::KernelSession;
use records::Records;

/// Most plain text taken of a write at a time: four records of the largest size.
pub(super) const WINDOW: usize = 64 << 10;

/// From so many bytes wanted on, they are taken from the socket together.
const BULK: usize = 16 << 10;

/// What surrounds the plain text of a record, at most: five bytes of head, and nonce, type and tag (RFC 5246 section 6.2.3.3,
/// RFC 8446 section 5.2).
const RECORD_OVERHEAD: usize = 32;

/// Plain text in each of the first records after a pause: a client can open what arrived without a wait for the rest
/// of a long record.
const SMALL_RECORD: usize = 4 << 10;

/// Plain text sent in small records; by then the kernel sends more than a long record in a round trip.
const SMALL_FOR: usize = 64 << 10;

/// A pause after which records are small again: the kernel's window has shrunk too.
const PAUSE_MS: u64 = 1000;

/// Records without a byte of payload that are read in a row (session tickets, key updates) before the socket is waited
/// for again.
const SILENT_RECORDS: usize = 16;

/// The end of a handshake that a server rejects: a fatal alert, `unrecognized_name` (RFC 6066 section 3).
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];

/// The TLS of one stream.
pub(super) struct Session {
    inner: RefCell<Inner>,
}

struct Inner {
    connection: Connection,
    /// Payload that is decrypted and was not read.
    readable: usize,
    /// No payload follows what is readable: the other end said so, or closed.
    ended: bool,
    /// What came cannot be trusted: nothing more is read.
    failed: bool,
    /// The last read of the socket took all that was there.
    drained: bool,
    /// Sealed records wait for what follows at once.
    held_back: bool,
    /// Records of one write are under way in the ring, where nothing may overtake them; what they hold waits in `lent`.
    in_ring: bool,
    lent: Vec<u8>,
    /// What was sent last is not whole: nothing more leaves, and no end is told.
    abandoned: bool,
    /// Payload sent since the last pause.
    sent: usize,
    sent_ms: u64,
    /// Of a handshake after which the kernel may go on.
    records: Option<Records>,
}

/// What a handshake is to go on with.
pub enum Choice {
    /// This configuration.
    With(Arc<ServerConfig>),
    /// The alert `unrecognized_name`.
    Reject,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// What the socket suffered; `TimedOut` when the deadline was first.
    Io(io::Error),
    /// The client closed.
    Closed,
    /// The server wants no client of this name.
    Rejected,
    /// What the client sent cannot be accepted, or it did not accept what it got; it was told so.
    Tls(rustls::Error),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Stream {
    /// Whether what is read and written here is encrypted on the wire.
    #[inline]
    pub fn is_tls(&self) -> bool {
        self.layer().is_some_and(Layer::is_tls)
    }

    /// Shows what the TLS handshake agreed on; `None` for plain text.
    pub fn tls_agreed<R>(&self, look: impl FnOnce(Agreed<'_>) -> R) -> Option<R> {
        self.layer().and_then(|layer| layer.tls_agreed(look))
    }

    /// Carries out a handshake as server: `choose` sees what the client wants. From then on the stream speaks TLS.
    /// `deadline`, armed by the caller, bounds it as a whole; it is the one that this connection waits with later.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The stream is of no further use.
    pub async fn accept_tls(
        &self,
        deadline: &Deadline,
        choose: impl FnOnce(&ClientHello<'_>) -> Choice,
    ) -> Result<(), HandshakeError> {
        let mut records = Records::default();
        let connection = self.accept_hello(deadline, &mut records, choose).await?;
        let session = Session::new(connection.into());
        session.inner.borrow_mut().records = records.is_exact.then_some(records);
        // The client hello may have brought more with it.
        let begun = session.inner.borrow_mut().process(self.fd());
        begun.map_err(HandshakeError::Tls)?;
        self.shake_hands(deadline, session).await
    }

    /// Goes on with a handshake until its end.
    async fn shake_hands(&self, deadline: &Deadline, session: Session) -> Result<(), HandshakeError> {
        loop {
            // The last flight of a TLS 1.3 server (its tickets) may leave with the first answer.
            let (handshaking, ended, waits_for_more) = session.progress();
            while waits_for_more && !session.flush(self.fd())? {
                self.writable(deadline).await?;
            }
            if !handshaking {
                break;
            }
            if ended {
                return Err(HandshakeError::Closed);
            }
            let taken = session.inner.borrow_mut().take_in(self.fd());
            match taken {
                Ok(()) => {}
                Err(TakeError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable(deadline).await?;
                }
                Err(TakeError::Io(error)) => return Err(HandshakeError::Io(error)),
                Err(TakeError::Tls(error)) => return Err(HandshakeError::Tls(error)),
            }
        }
        if session.is_for_kernel() && KernelSession::prepare(self.fd()).is_ok() {
            // Tickets that wait here would be overtaken.
            while !session.flush(self.fd())? {
                self.writable(deadline).await?;
            }
            let connection = session.inner.into_inner().connection;
            let taken_over = KernelSession::take_over(self.fd(), connection).map_err(|error| {
                HandshakeError::Tls(rustls::Error::General(format!("the kernel refused the keys: {error}")))
            })?;
            self.set_layer(Layer::Kernel(Box::new(taken_over)));
        } else {
            session.inner.borrow_mut().records = None;
            self.set_layer(Layer::Tls(Box::new(session)));
        }
        deadline.stay();
        Ok(())
    }

    /// Tells the other end that nothing follows ([`Stream::send_close`]), before the stream is shut down or closed. Where the kernel makes
    /// the records, it is waited for until the other end has them, `patience` at most without a step.
    pub async fn finish(&self, patience: Duration) {
        if let Some(Layer::Kernel(_)) = self.layer() {
            kernel::settle(self.fd(), patience).await;
        }
        self.send_close();
    }

    /// Carries out a handshake as client, for this name. From then on the stream speaks TLS. `deadline`, armed by the caller,
    /// bounds it as a whole.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The stream is of no further use.
    pub async fn connect_tls(
        &self,
        deadline: &Deadline,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<(), HandshakeError> {
        let connection = ClientConnection::new(config, name).map_err(HandshakeError::Tls)?;
        self.shake_hands(deadline, Session::new(connection.into())).await
    }

    /// The first half: the client hello, and the configuration it gets.
    async fn accept_hello(
        &self,
        deadline: &Deadline,
        records: &mut Records,
        choose: impl FnOnce(&ClientHello<'_>) -> Choice,
    ) -> Result<ServerConnection, HandshakeError> {
        let mut acceptor = Acceptor::default();
        let accepted = loop {
            match acceptor.read_tls(&mut Wire { records: Some(records), ..Wire::new(self.fd()) }) {
                Ok(0) => return Err(HandshakeError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable(deadline).await?;
                    continue;
                }
                Err(error) => return Err(HandshakeError::Io(error)),
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => break accepted,
                Ok(None) => {}
                Err((error, mut alert)) => {
                    // The client closes anyway: one that does not take it now needs it not.
                    let _ = alert.write_all(&mut Wire::new(self.fd()));
                    return Err(HandshakeError::Tls(error));
                }
            }
        };
        while !runtime::may_shake_hands() {
            // Ready at once, in the next turn.
            self.writable(deadline).await?;
        }
        match choose(&accepted.client_hello()) {
            Choice::With(config) => {
                records.is_exact = config.enable_secret_extraction && kernel::offered().is_any();
                accepted.into_connection(config).map_err(|(error, mut alert)| {
                    let _ = alert.write_all(&mut Wire::new(self.fd()));
                    HandshakeError::Tls(error)
                })
            }
            Choice::Reject => {
                let _ = send(self.fd(), &UNRECOGNIZED_NAME, false);
                Err(HandshakeError::Rejected)
            }
        }
    }
}

/// Why nothing could be taken in.
enum TakeError {
    Io(io::Error),
    Tls(rustls::Error),
}

impl From<TakeError> for io::Error {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Io(error) => error,
            TakeError::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl Session {
    fn new(mut connection: Connection) -> Self {
        // Bounded by what is taken at a time.
        connection.set_buffer_limit(None);
        let inner = Inner {
            connection,
            readable: 0,
            ended: false,
            failed: false,
            drained: false,
            held_back: false,
            in_ring: false,
            lent: Vec::new(),
            abandoned: false,
            sent: 0,
            sent_ms: 0,
            records: None,
        };
        Self { inner: RefCell::new(inner) }
    }

    pub(super) fn agreed<R>(&self, look: impl FnOnce(Agreed<'_>) -> R) -> R {
        look(Agreed::Live(&self.inner.borrow().connection))
    }

    /// The handshake is over, and the kernel can make and open the records from here on: nothing was read ahead.
    fn is_for_kernel(&self) -> bool {
        let inner = self.inner.borrow();
        inner.records.as_ref().is_some_and(Records::is_at_end)
            && inner.readable == 0
            && !inner.ended
            && KernelSession::suits(&inner.connection)
    }

    /// Of a handshake: whether it goes on, whether the other end has closed, and whether it will be waited for.
    fn progress(&self) -> (bool, bool, bool) {
        let inner = self.inner.borrow();
        let handshaking = inner.connection.is_handshaking();
        (handshaking, inner.ended, handshaking || inner.readable == 0)
    }

    /// Something can be read, or the end was seen, whatever the socket says.
    #[cold]
    pub(super) fn is_readable(&self) -> bool {
        let inner = self.inner.borrow();
        inner.readable > 0 || inner.ended || inner.failed
    }

    /// The last [`Session::take`] read the socket and found less than it asked for: the next wait is for more.
    pub(super) fn has_drained(&self) -> bool {
        self.inner.borrow().drained
    }

    /// Gives up to `max` bytes of payload to `put`, as [`Stream::try_recv`] reads.
    #[cold]
    pub(super) fn take(&self, wire: RawFd, max: usize, mut put: impl FnMut(&[u8])) -> io::Result<usize> {
        let mut inner = self.inner.borrow_mut();
        // What comes from here alone says nothing of the socket.
        inner.drained = false;
        for _ in 0..SILENT_RECORDS {
            let count = inner.read(max, &mut put)?;
            if count > 0 || max == 0 {
                return Ok(count);
            }
            if inner.failed {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if inner.ended {
                return Ok(0);
            }
            if max >= BULK {
                let count = inner.take_in_bulk(wire, max, &mut put)?;
                if count > 0 {
                    return Ok(count);
                }
            } else {
                match inner.take_in(wire) {
                    // What came before it counts.
                    Err(_) if inner.readable > 0 => {}
                    result => result?,
                }
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// As [`Stream::peek_closed`].
    #[cold]
    pub(super) fn peek(&self, wire: RawFd) -> Liveness {
        let mut inner = self.inner.borrow_mut();
        for _ in 0..SILENT_RECORDS {
            if inner.readable > 0 {
                return Liveness::HasData;
            }
            if inner.ended || inner.failed {
                return Liveness::Closed;
            }
            match inner.take_in(wire) {
                Ok(()) => {}
                Err(TakeError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Liveness::Closed,
            }
        }
        Liveness::Alive
    }

    /// Takes some of `slices` and sends what the socket takes of it: how much was taken. `more` follows at once.
    ///
    /// # Errors
    /// `WouldBlock` when earlier bytes still wait, which nothing may overtake.
    #[cold]
    pub(super) fn send(&self, wire: RawFd, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let mut inner = self.inner.borrow_mut();
        if !inner.held_back && !inner.flush(wire)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = inner.seal(slices)?;
        inner.held_back = more && taken < WINDOW;
        if !inner.held_back {
            inner.flush(wire)?;
        }
        Ok(taken)
    }

    /// Seals the whole of `buf`, which becomes the records: to be sent as they are, all of them, and then given back to
    /// [`Session::take_back`]. What still waits goes with them, before. `false`: `buf` is as it was, because it is too long.
    ///
    /// # Errors
    /// As [`Session::send`].
    #[cold]
    pub(super) fn lend(&self, buf: &mut Vec<u8>) -> io::Result<bool> {
        let mut inner = self.inner.borrow_mut();
        if buf.len() > WINDOW || inner.in_ring {
            return Ok(false);
        }
        inner.held_back = false;
        inner.seal(&[IoSlice::new(buf)])?;
        let count = buf.len() / SMALL_RECORD + 1;
        let mut records = Vec::with_capacity(buf.len() + count * RECORD_OVERHEAD);
        while inner.connection.wants_write() {
            inner.connection.write_tls(&mut records)?;
        }
        inner.lent = std::mem::replace(buf, records);
        inner.in_ring = true;
        Ok(true)
    }

    /// Records that [`Session::lend`] made are under way.
    #[cold]
    pub(super) fn has_lent(&self) -> bool {
        self.inner.borrow().in_ring
    }

    /// The records that [`Session::lend`] made are gone: `buf` becomes what it was.
    #[cold]
    pub(super) fn take_back(&self, buf: &mut Vec<u8>) {
        let mut inner = self.inner.borrow_mut();
        *buf = std::mem::take(&mut inner.lent);
        inner.in_ring = false;
    }

    /// Sends what waits; whether all of it is gone.
    #[cold]
    pub(super) fn flush(&self, wire: RawFd) -> io::Result<bool> {
        self.inner.borrow_mut().flush(wire)
    }

    /// Tells the other end that nothing follows, as far as the socket takes it.
    #[cold]
    pub(super) fn send_close(&self, wire: RawFd) {
        let mut inner = self.inner.borrow_mut();
        if inner.abandoned {
            return;
        }
        inner.connection.send_close_notify();
        let _ = inner.flush(wire);
    }

    /// See [`Stream::abandon`].
    #[cold]
    pub(super) fn abandon(&self) {
        self.inner.borrow_mut().abandoned = true;
    }
}

impl Inner {
    /// Gives up to `max` bytes of payload to `put`: how many.
    fn read(&mut self, max: usize, put: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let mut count = 0;
        while count < max {
            if self.readable == 0 && self.failed {
                self.readable = self.first_readable();
            }
            if self.readable == 0 {
                break;
            }
            let mut reader = self.connection.reader();
            let bytes = reader.fill_buf()?;
            let bytes = &bytes[..bytes.len().min(max - count)];
            if bytes.is_empty() {
                self.readable = 0;
                break;
            }
            put(bytes);
            let len = bytes.len();
            reader.consume(len);
            count += len;
            self.readable -= len.min(self.readable);
        }
        Ok(count)
    }

    /// What rustls holds of payload in one piece. How much there is in all it does not say when it fails.
    fn first_readable(&mut self) -> usize {
        self.connection.reader().fill_buf().map_or(0, <[u8]>::len)
    }

    /// Takes in what the socket has, once. Only when nothing is readable: what comes is bounded by that.
    fn take_in(&mut self, wire: RawFd) -> Result<(), TakeError> {
        let mut wire = Wire { fd: wire, drained: false, records: self.records.as_mut() };
        let taken = self.connection.read_tls(&mut wire);
        self.drained = wire.drained;
        if taken.map_err(TakeError::Io)? == 0 {
            self.ended = true;
            return Ok(());
        }
        let fd = wire.fd;
        self.process(fd).map_err(TakeError::Tls)
    }

    /// Takes in and reads up to `max` bytes, at least [`BULK`], in one recv(2): rustls by itself asks for a quarter of a record
    /// at a time. As no more is taken in than is read, less than a record stays behind.
    fn take_in_bulk(
        &mut self,
        wire: RawFd,
        max: usize,
        put: &mut impl FnMut(&[u8]),
    ) -> Result<usize, TakeError> {
        let mut slice = SLICE.take();
        slice.resize(WINDOW, 0);
        let result = self.open_slice(wire, &mut slice[..max.min(WINDOW)], max, put);
        SLICE.set(slice);
        result
    }

    fn open_slice(
        &mut self,
        wire: RawFd,
        slice: &mut [u8],
        max: usize,
        put: &mut impl FnMut(&[u8]),
    ) -> Result<usize, TakeError> {
        let received = receive(wire, slice);
        self.drained = is_all(&received, slice.len());
        let count = received.map_err(TakeError::Io)?;
        self.ended |= count == 0;
        let (mut rest, mut read) = (&slice[..count], 0);
        // Behind the other end's `close_notify` nothing counts.
        while !rest.is_empty() && !self.ended {
            if let Err(error) = self.open(&mut rest, wire) {
                self.failed = true;
                read += self.read(max - read, put).map_err(TakeError::Io)?;
                // What came before it counts; the error is met by the next one who reads.
                return if read > 0 { Ok(read) } else { Err(error) };
            }
            read += self.read(max - read, put).map_err(TakeError::Io)?;
        }
        Ok(read)
    }

    fn open(&mut self, bytes: &mut &[u8], wire: RawFd) -> Result<(), TakeError> {
        if self.connection.read_tls(bytes).map_err(TakeError::Io)? == 0 {
            // A record that says it is longer than any may be.
            return Err(TakeError::Io(io::ErrorKind::InvalidData.into()));
        }
        self.process(wire).map_err(TakeError::Tls)
    }

    /// Opens what was taken in; answers what asks for an answer.
    fn process(&mut self, wire: RawFd) -> Result<(), rustls::Error> {
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.readable = state.plaintext_bytes_to_read();
                self.ended |= state.peer_has_closed();
                Ok(())
            }
            Err(error) => {
                // The alert that says why. The connection is over, taken or not.
                let _ = self.flush(wire);
                self.failed = true;
                self.readable = self.first_readable();
                Err(error)
            }
        }
    }

    /// Seals some of `slices` into records: how much.
    fn seal(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let now = time::now().monotonic_ms;
        if now.saturating_sub(self.sent_ms) > PAUSE_MS {
            self.sent = 0;
        }
        self.sent_ms = now;
        let mut taken = 0;
        for slice in slices {
            let mut rest = &slice[..slice.len().min(WINDOW - taken)];
            while !rest.is_empty() {
                let most = if self.sent < SMALL_FOR { SMALL_RECORD } else { WINDOW };
                let count = self.connection.writer().write(&rest[..rest.len().min(most)])?;
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = &rest[count..];
                taken += count;
                self.sent += count;
            }
        }
        Ok(taken)
    }

    /// Sends sealed records: whether all are gone.
    fn flush(&mut self, wire: RawFd) -> io::Result<bool> {
        if self.in_ring {
            return Ok(false);
        }
        self.held_back = false;
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Wire::new(wire)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The socket as rustls reads and writes it.
struct Wire<'a> {
    fd: RawFd,
    /// The last read took all that was there.
    drained: bool,
    /// What counts the records that are read.
    records: Option<&'a mut Records>,
}

impl Wire<'_> {
    fn new(fd: RawFd) -> Self {
        Self { fd, drained: false, records: None }
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let max = self.records.as_ref().map_or(buf.len(), |records| records.most(buf.len()));
        let received = receive(self.fd, &mut buf[..max]);
        self.drained = is_all(&received, max);
        if let (Some(records), Ok(count)) = (&mut self.records, &received) {
            records.pass(&buf[..*count]);
        }
        received
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        send(self.fd, buf, false)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        send_vectored(self.fd, slices, false)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
