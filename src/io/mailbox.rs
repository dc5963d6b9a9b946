//! Messages from the master to a worker's loop (or between any two threads): a queue and a byte on a socket
//! pair that wakes the loop. Control plane only: a lock and an allocation per message. Called by master
//! and worker.

use std::future::poll_fn;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc;

use super::Stream;

/// Creates a mailbox. The sender may be cloned; the other end is opened by the thread that receives.
///
/// # Errors
/// `EMFILE` and the like.
pub fn mailbox<T: Send>() -> io::Result<(Sender<T>, Mailbox<T>)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let (queue, messages) = mpsc::channel();
    Ok((Sender { queue, bell: Arc::new(near) }, Mailbox { messages, bell: far.into() }))
}

/// The sending end.
#[derive(Debug)]
pub struct Sender<T> {
    queue: mpsc::Sender<T>,
    bell: Arc<UnixStream>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<T: Send> Sender<T> {
    /// Puts a message into the queue and rings.
    ///
    /// # Errors
    /// Gives the message back when the receiving thread is gone.
    pub fn send(&self, message: T) -> Result<(), T> {
        self.queue.send(message).map_err(|mpsc::SendError(message)| message)?;
        // A full socket means that rings enough wait to be heard already.
        let _ = (&*self.bell).write(&[0]);
        Ok(())
    }
}

/// The receiving end on its way to its thread.
#[derive(Debug)]
pub struct Mailbox<T> {
    messages: mpsc::Receiver<T>,
    bell: OwnedFd,
}

impl<T> Mailbox<T> {
    /// Takes the mailbox into this thread's loop.
    ///
    /// # Errors
    /// With epoll, when the descriptor cannot be registered.
    pub fn open(self) -> io::Result<Receiver<T>> {
        Ok(Receiver { messages: self.messages, bell: Stream::from_fd(self.bell)? })
    }
}

/// The receiving end in a loop.
#[derive(Debug)]
pub struct Receiver<T> {
    messages: mpsc::Receiver<T>,
    bell: Stream,
}

impl<T> Receiver<T> {
    /// The next message in order; `None` once every sender is gone and the queue is empty. A wait that is
    /// dropped loses nothing.
    pub async fn recv(&self) -> Option<T> {
        loop {
            match self.messages.try_recv() {
                Ok(message) => return Some(message),
                Err(mpsc::TryRecvError::Disconnected) => return None,
                Err(mpsc::TryRecvError::Empty) => {}
            }
            poll_fn(|context| self.bell.poll_readable(context)).await.ok()?;
            // The rings are heard before the queue is looked at, so none can fall in between.
            let mut rings = [0; 64];
            while matches!(self.bell.try_recv(&mut rings), Ok(count) if count == rings.len()) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::test_support::each_mode;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn every_message_arrives_in_order_and_the_end_is_seen() {
        each_mode(|| async {
            let (sender, mailbox) = mailbox::<u32>().unwrap();
            let receiver = mailbox.open().unwrap();
            // More rings than the socket pair holds.
            let writer = thread::spawn(move || {
                for number in 0..20_000 {
                    sender.send(number).unwrap();
                    if number == 10 {
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            });
            for expected in 0..20_000 {
                assert_eq!(receiver.recv().await, Some(expected));
            }
            assert_eq!(receiver.recv().await, None);
            writer.join().unwrap();
        });
    }

    #[test]
    fn a_message_for_nobody_comes_back() {
        let (sender, mailbox) = mailbox::<&str>().unwrap();
        drop(mailbox);
        assert_eq!(sender.clone().send("hello"), Err("hello"));
    }
}
