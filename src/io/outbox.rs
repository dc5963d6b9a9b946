//! What is written to a connection piece by piece and sent together: HTTP/2 writes frame by frame, and a send for each would
//! cost more than all else that a small response needs.
//!
//! Who writes through a [`PollStream`] with an outbox and has nothing more to write sends it ([`Outbox::poll_send`]); it sends
//! itself only what is too much to keep. Called by poll_stream.rs and by who drives the connection.
//!
//! [`PollStream`]: super::PollStream

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::Stream;

/// Bytes that are kept, as much as TLS takes at once.
const LIMIT: usize = super::tls::WINDOW;

thread_local! {
    /// The memory of one that is empty.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes on their way to one connection.
#[derive(Default)]
pub struct Outbox {
    bytes: RefCell<Vec<u8>>,
    /// How many of them were sent.
    sent: Cell<usize>,
}

impl Outbox {
    /// Nothing waits here.
    pub fn is_empty(&self) -> bool {
        self.bytes.borrow().is_empty()
    }

    /// Keeps what there is room for: how many bytes.
    pub(super) fn put(&self, slices: &[IoSlice<'_>]) -> usize {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.capacity() == 0 {
            *bytes = SPARE.take();
        }
        let before = bytes.len();
        for slice in slices {
            let room = LIMIT - bytes.len();
            bytes.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        bytes.len() - before
    }

    /// Sends everything. Ready when the socket has taken it.
    ///
    /// # Errors
    /// As [`Stream::try_send`]; what was kept is of no use then.
    pub fn poll_send(&self, stream: &Stream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.bytes.borrow_mut();
        while self.sent.get() < bytes.len() {
            match stream.try_send(&bytes[self.sent.get()..], false) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.sent.set(self.sent.get() + count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_writable(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if !bytes.is_empty() {
            bytes.clear();
            self.sent.set(0);
            SPARE.set(std::mem::take(&mut bytes));
        }
        while !stream.flush()? {
            ready!(stream.poll_writable(context))?;
        }
        Poll::Ready(Ok(()))
    }
}
