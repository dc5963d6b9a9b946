//! Readiness of one descriptor in one direction: the poll operation that outlives the wait that began it.
//!
//! A wait that is given up (the other side was ready first, the deadline fired) leaves its operation in the
//! ring, and the next wait takes it up. So giving up costs no cancellation and no allocation, and since a
//! poll operation holds no bytes, nothing can be lost with it. The price is that readiness may be stale: a
//! caller that finds `WouldBlock` waits again. Called by stream.rs and listener.rs.

use std::cell::{RefCell, UnsafeCell};
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use monoio::io::AsyncWriteRent;
use monoio::net::UnixStream;

use super::runtime;

/// A descriptor that the loop of this thread knows, with at most one poll in flight per direction.
///
/// monoio's `UnixStream` is its smallest handle for any descriptor: of it only the poll and send operations are
/// used, which are the same for TCP, unix and listening sockets. The descriptor is closed when the last
/// operation on it has completed.
pub(super) struct Polled {
    handle: Rc<UnsafeCell<UnixStream>>,
    read: Direction,
    write: Direction,
}

type Direction = RefCell<Option<Pin<Box<dyn Rearm>>>>;

impl Polled {
    /// Takes a non-blocking descriptor into this thread's loop.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let raw = fd.into_raw_fd();
        // SAFETY: `raw` was owned by `fd` and has been released by it, so it is open and ours alone.
        let socket = unsafe { std::os::unix::net::UnixStream::from_raw_fd(raw) };
        let handle = UnixStream::from_std(socket)?;
        Ok(Self {
            handle: Rc::new(UnsafeCell::new(handle)),
            read: RefCell::new(None),
            write: RefCell::new(None),
        })
    }

    /// Another one for the same descriptor, with waits of its own.
    pub(super) fn share(&self) -> Self {
        Self { handle: Rc::clone(&self.handle), read: RefCell::new(None), write: RefCell::new(None) }
    }

    pub(super) fn fd(&self) -> RawFd {
        stream(&self.handle).as_raw_fd()
    }

    /// Ready when a read would not block, at end of file, or when the socket is in error.
    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll(&self.read, context, || {
            let handle = Rc::clone(&self.handle);
            Box::pin(Rearming::new(move || {
                let handle = Rc::clone(&handle);
                async move { stream(&handle).readable(false).await }
            }))
        })
    }

    /// Ready when a write would not block, or when the socket is in error.
    pub(super) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll(&self.write, context, || {
            let handle = Rc::clone(&self.handle);
            Box::pin(Rearming::new(move || {
                let handle = Rc::clone(&handle);
                async move { stream(&handle).writable(false).await }
            }))
        })
    }

    /// One send operation in the ring, which waits there while the socket buffer is full. The buffer comes
    /// back with the result. A wait that is dropped leaves buffer and descriptor to the operation, which is
    /// cancelled; whether it sent anything is then unknown.
    pub(super) async fn ring_send<B: monoio::buf::IoBuf>(&self, buffer: B) -> (io::Result<usize>, B) {
        let pointer = self.handle.get();
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

fn poll(
    direction: &Direction,
    context: &mut Context<'_>,
    create: impl FnOnce() -> Pin<Box<dyn Rearm>>,
) -> Poll<io::Result<()>> {
    let mut operation = direction.borrow_mut();
    let result = operation.get_or_insert_with(create).as_mut().poll_next(context);
    if result.is_ready() {
        runtime::completed();
    }
    result
}

/// A future that can be begun again in place, so that one box serves all waits of a connection.
trait Rearm {
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

struct Rearming<M, F> {
    begin: M,
    operation: Option<F>,
}

impl<M, F> Rearming<M, F>
where
    M: Fn() -> F,
    F: Future<Output = io::Result<()>>,
{
    fn new(begin: M) -> Self {
        Self { begin, operation: None }
    }
}

impl<M, F> Rearm for Rearming<M, F>
where
    M: Fn() -> F,
    F: Future<Output = io::Result<()>>,
{
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // SAFETY: `operation` is the only pinned field: it is never moved, only written in place after the
        // former value was dropped in place (`Option` assignment), and the type has no Drop of its own.
        let this = unsafe { self.get_unchecked_mut() };
        let operation = this.operation.get_or_insert_with(&this.begin);
        // SAFETY: as above, `operation` stays where it is until it is dropped.
        let pinned = unsafe { Pin::new_unchecked(operation) };
        let result = pinned.poll(context);
        if result.is_ready() {
            this.operation = None;
        }
        result
    }
}
