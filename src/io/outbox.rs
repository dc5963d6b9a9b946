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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::test_support::{each_mode, near_pair};
    use std::future::poll_fn;
    use std::rc::Rc;

    /// More than one outbox and more than the sockets between take.
    const ALL: usize = 8 << 20;

    #[test]
    fn what_is_kept_arrives_whole_and_in_order() {
        each_mode(|| async {
            let (near, far) = near_pair();
            let done = Rc::new(Cell::new(false));
            let seen = Rc::clone(&done);
            crate::io::runtime::spawn(async move {
                let (mut got, mut buf) = (0, vec![0; 100_000]);
                while got < ALL {
                    poll_fn(|context| far.poll_readable(context)).await.unwrap();
                    while let Ok(count @ 1..) = far.try_recv(&mut buf) {
                        assert!(
                            buf[..count].iter().enumerate().all(|(i, &byte)| byte == ((got + i) % 251) as u8)
                        );
                        got += count;
                    }
                }
                seen.set(true);
            });
            let all: Vec<u8> = (0..ALL).map(|i| (i % 251) as u8).collect();
            let outbox = Outbox::default();
            let mut kept = 0;
            while kept < ALL {
                let (first, second) = all[kept..].split_at((ALL - kept).min(1000));
                let count = outbox.put(&[IoSlice::new(first), IoSlice::new(second)]);
                assert_eq!(count, (ALL - kept).min(LIMIT));
                kept += count;
                poll_fn(|context| outbox.poll_send(&near, context)).await.unwrap();
                assert!(outbox.is_empty());
            }
            while !done.get() {
                crate::io::timer::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
    }
}
