//! What may stand between a socket and whoever reads and writes its [`Stream`]: TLS, or a connection that carries several streams.
//!
//! A stream with a layer behaves as any other: nothing here waits, and what was taken of a write is sent before anything
//! later. One without meets one branch. Called by stream.rs and splice.rs.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::tls::{Agreed, KernelSession, Session, WINDOW};
use super::{Liveness, Stream, Transfer, file};

/// One of the streams that a connection carries (HTTP/2), as the connection's protocol moves its bytes.
pub trait Carrier {
    /// The connection.
    fn connection(&self) -> &Stream;

    /// Ready when [`Carrier::recv`] would say something: bytes, the end, or an error.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when [`Carrier::send`] would say something.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Gives up to `max` bytes to `put`: how many, 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock`, or what the stream suffered.
    fn recv(&self, max: usize, put: &mut dyn FnMut(&[u8])) -> io::Result<usize>;

    /// How many of `wanted` bytes would be taken now, at least one.
    ///
    /// # Errors
    /// As [`Carrier::send`].
    fn room(&self, wanted: usize) -> io::Result<usize>;

    /// Takes some of the bytes: how many.
    ///
    /// # Errors
    /// `WouldBlock` when none are taken now; `ConnectionReset` when none will be.
    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// As [`Stream::peek_closed`].
    fn liveness(&self) -> Liveness;
}

/// The layer of one stream.
pub(super) enum Layer {
    Tls(Box<Session>),
    /// TLS of the kernel: what is read and written is plain.
    Kernel(Box<KernelSession>),
    /// The stream is a part of a connection.
    Part(Rc<dyn Carrier>),
}

thread_local! {
    /// A piece of a file on its way into records or frames, or records on their way out of the socket; given back after each
    /// use.
    pub(super) static SLICE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Layer {
    /// Shows what the TLS beneath has agreed on, of the connection if this is a part of one.
    #[cold]
    pub(super) fn tls_agreed<R>(&self, look: impl FnOnce(Agreed<'_>) -> R) -> Option<R> {
        match self {
            Self::Tls(session) => Some(session.agreed(look)),
            Self::Kernel(session) => Some(look(Agreed::Kept(session.kept()))),
            Self::Part(carrier) => carrier.connection().tls_agreed(look),
        }
    }

    /// TLS is beneath.
    #[cold]
    pub(super) fn is_tls(&self) -> bool {
        match self {
            Self::Tls(_) | Self::Kernel(_) => true,
            Self::Part(carrier) => carrier.connection().is_tls(),
        }
    }

    pub(super) fn is_of_kernel(&self) -> bool {
        matches!(self, Self::Kernel(_))
    }

    pub(super) fn is_part(&self) -> bool {
        matches!(self, Self::Part(_))
    }

    /// As [`Stream::try_recv`].
    #[cold]
    pub(super) fn recv(&self, wire: RawFd, buf: &mut [u8]) -> io::Result<usize> {
        if let Self::Kernel(session) = self {
            return session.recv(wire, buf);
        }
        let mut at = 0;
        let max = buf.len();
        let put = |bytes: &[u8]| {
            buf[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        self.take(wire, max, put)
    }

    /// As [`Stream::recv_into`], `max` bytes at most.
    #[cold]
    pub(super) fn recv_into(&self, wire: RawFd, buf: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        match self {
            Self::Kernel(session) => session.recv_into(wire, buf, max),
            _ => self.take(wire, max, |bytes| buf.extend_from_slice(bytes)),
        }
    }

    fn take(&self, wire: RawFd, max: usize, mut put: impl FnMut(&[u8])) -> io::Result<usize> {
        match self {
            Self::Tls(session) => session.take(wire, max, put),
            // Read without a detour.
            Self::Kernel(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::Part(carrier) => carrier.recv(max, &mut put),
        }
    }

    /// See [`Session::has_drained`]. A part reads no socket.
    #[cold]
    pub(super) fn has_drained(&self) -> bool {
        match self {
            Self::Tls(session) => session.has_drained(),
            Self::Kernel(session) => session.has_drained(),
            Self::Part(_) => false,
        }
    }

    /// As [`Stream::peek_closed`].
    #[cold]
    pub(super) fn peek(&self, wire: RawFd) -> Liveness {
        match self {
            Self::Tls(session) => session.peek(wire),
            Self::Kernel(session) => session.peek(wire),
            Self::Part(carrier) => carrier.liveness(),
        }
    }

    /// As [`Stream::try_send_vectored`].
    #[cold]
    pub(super) fn send(&self, wire: RawFd, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match self {
            Self::Tls(session) => session.send(wire, slices, more),
            Self::Kernel(session) => session.send(wire, slices),
            Self::Part(carrier) => carrier.send(slices),
        }
    }

    /// As [`Stream::flush`]. What a carrier took is its own business.
    #[cold]
    pub(super) fn flush(&self, wire: RawFd) -> io::Result<bool> {
        match self {
            Self::Tls(session) => session.flush(wire),
            Self::Kernel(_) | Self::Part(_) => Ok(true),
        }
    }

    /// See [`Session::lend`]; the bytes of a part never ride.
    #[cold]
    pub(super) fn lend(&self, buf: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Tls(session) => session.lend(buf),
            // As it is.
            Self::Kernel(_) => Ok(true),
            Self::Part(_) => Ok(false),
        }
    }

    /// See [`Session::has_lent`].
    #[cold]
    pub(super) fn has_lent(&self) -> bool {
        match self {
            Self::Tls(session) => session.has_lent(),
            Self::Kernel(_) | Self::Part(_) => false,
        }
    }

    /// See [`Session::take_back`].
    #[cold]
    pub(super) fn take_back(&self, buf: &mut Vec<u8>) {
        if let Self::Tls(session) = self {
            session.take_back(buf);
        }
    }

    /// See [`Stream::send_close`]. A part's end is told by its carrier.
    #[cold]
    pub(super) fn send_close(&self, wire: RawFd) {
        match self {
            Self::Tls(session) => session.send_close(wire),
            Self::Kernel(session) => session.send_close(wire),
            Self::Part(_) => {}
        }
    }

    /// See [`Stream::abandon`].
    #[cold]
    pub(super) fn abandon(&self) {
        match self {
            Self::Tls(session) => session.abandon(),
            Self::Kernel(session) => session.abandon(),
            Self::Part(_) => {}
        }
    }

    /// As [`splice::sendfile`](super::splice::sendfile), by way of this process.
    #[cold]
    pub(super) fn send_file(
        &self,
        wire: RawFd,
        from: BorrowedFd<'_>,
        offset: &mut u64,
        max: usize,
    ) -> io::Result<Transfer> {
        let room = match self {
            Self::Tls(session) if !session.flush(wire)? => return Ok(Transfer::WouldBlock),
            // The kernel's takes files as they are (`Stream::takes_files`).
            Self::Tls(_) | Self::Kernel(_) => max.min(WINDOW),
            Self::Part(carrier) => match carrier.room(max.min(WINDOW)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Transfer::WouldBlock),
                room => room?,
            },
        };
        let mut slice = SLICE.take();
        slice.resize(WINDOW, 0);
        let sent = match file::read_at(from, &mut slice[..room], *offset) {
            Ok(0) => Ok(Transfer::Eof),
            Ok(count) => self.send(wire, &[IoSlice::new(&slice[..count])], count < max).map(Transfer::Moved),
            Err(error) => Err(error),
        };
        SLICE.set(slice);
        if let Ok(Transfer::Moved(count)) = sent {
            *offset += count as u64;
        }
        sent
    }
}
