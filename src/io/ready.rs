//! One descriptor in this thread's loop: its readiness, and sends that ride in the ring.
//!
//! A wait that is given up (the other side was ready first, the deadline fired) leaves nothing behind, and since
//! readiness holds no bytes, nothing can be lost with it. The price is that readiness may be stale: a caller that
//! finds `WouldBlock` waits again. Called by stream.rs, listener.rs, timer.rs and parking.rs.

use std::cell::UnsafeCell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll};

use monoio::io::AsyncWriteRent;
use monoio::net::UnixStream;

use super::watch::Watch;
use super::{RingMode, runtime};

/// A descriptor that the loop of this thread knows.
///
/// It is closed when the last operation on it has completed.
pub(super) struct Polled {
    /// Before the handle: a watch must end before its descriptor is closed. A share has none.
    watch: Option<Watch>,
    handle: Rc<Handle>,
}

enum Handle {
    /// monoio's `UnixStream` is its smallest handle for any descriptor: of it only the send operation is used, which
    /// is the same for TCP and unix sockets.
    Ring(UnsafeCell<UnixStream>),
    /// Without the ring the loop need not know it.
    Plain(OwnedFd),
}

impl Polled {
    /// Takes a non-blocking descriptor into this thread's loop.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let watch = Watch::new(fd.as_raw_fd());
        if runtime::mode() == RingMode::Epoll {
            return Ok(Self { watch: Some(watch), handle: Rc::new(Handle::Plain(fd)) });
        }
        let raw = fd.into_raw_fd();
        // SAFETY: `raw` was owned by `fd` and has been released by it, so it is open and ours alone.
        let socket = unsafe { std::os::unix::net::UnixStream::from_raw_fd(raw) };
        let handle = UnixStream::from_std(socket)?;
        Ok(Self { watch: Some(watch), handle: Rc::new(Handle::Ring(UnsafeCell::new(handle))) })
    }

    /// Another one for the same descriptor, which keeps it open. It is not to be waited for: that is `Unsupported`.
    pub(super) fn share(&self) -> Self {
        Self { watch: None, handle: Rc::clone(&self.handle) }
    }

    pub(super) fn fd(&self) -> RawFd {
        match &*self.handle {
            Handle::Ring(handle) => stream(handle).as_raw_fd(),
            Handle::Plain(fd) => fd.as_raw_fd(),
        }
    }

    /// Ready when a read would not block, at end of file, or when the socket is in error.
    #[inline]
    pub(super) fn poll_readable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.watch()?.poll_readable(context)
    }

    /// As [`Polled::poll_readable`], but ready too when nobody knows.
    #[inline]
    pub(super) fn poll_news(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.watch()?.poll_news(context)
    }

    /// Ready when a write would not block, or when the socket is in error.
    #[inline]
    pub(super) fn poll_writable(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.watch()?.poll_writable(context)
    }

    /// A read found nothing, or less than it asked for: the next wait is for something new.
    #[inline]
    pub(super) fn drained(&self) {
        if let Some(watch) = &self.watch {
            watch.drained();
        }
    }

    /// The caller found out by itself that a read would not block.
    pub(super) fn told(&self) {
        if let Some(watch) = &self.watch {
            watch.told();
        }
    }

    #[inline]
    fn watch(&self) -> io::Result<&Watch> {
        self.watch.as_ref().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// One send operation in the ring, which waits there while the socket buffer is full. The buffer comes
    /// back with the result. A wait that is dropped leaves buffer and descriptor to the operation, which is
    /// cancelled; whether it sent anything is then unknown.
    pub(super) async fn ring_send<B: monoio::buf::IoBuf>(&self, buffer: B) -> (io::Result<usize>, B) {
        let Handle::Ring(handle) = &*self.handle else {
            return (Err(io::ErrorKind::Unsupported.into()), buffer);
        };
        let pointer = handle.get();
        // SAFETY: the pointer is to a live UnixStream, and `write` only copies the descriptor out of it before
        // it returns its future: the contract of monoio's `Split`, on which its own split halves rest. (They
        // cannot be used: dropping the write half shuts the connection down.)
        let writer = unsafe { &mut *pointer };
        let result = writer.write(buffer).await;
        runtime::awake();
        result
    }
}

/// The shared view of the handle.
fn stream(handle: &UnsafeCell<UnixStream>) -> &UnixStream {
    let pointer: *const UnixStream = handle.get();
    // SAFETY: the pointer is to a live UnixStream. It is never replaced or moved out of; the one place that
    // takes it mutably is `ring_send`, which only copies the descriptor out of it.
    unsafe { &*pointer }
}
