//! Waits for an app that end when the client leaves: nobody is to keep an app at work for a client that has gone. Called by
//! the relay and by `handler::proxy`.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::http::client::Client;
use crate::io::stream::either_readable;
use crate::io::{Liveness, Side};
use crate::upstream::PeerConnection;

/// How long an app is waited for before the client's socket is watched too: nearly all answers come sooner, and
/// their requests then cost no second wait.
pub(super) const WATCH_CLIENT_AFTER: Duration = Duration::from_millis(100);

/// How often a client is looked at whose socket cannot be waited for, because there are bytes in it that nobody reads yet.
pub(super) const LOOK_AT_CLIENT: Duration = Duration::from_millis(500);

/// Why a wait for the app ended without readiness.
#[derive(Debug)]
pub enum WaitError {
    /// Nothing came in time.
    Timeout,
    /// The client closed its connection.
    ClientGone,
    /// The kernel refused to wait.
    Io(io::Error),
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::Timeout } else { Self::Io(error) }
    }
}

/// Waits until `connection` is readable, for `timeout` at most; after a while also for the client's close, if it is
/// given.
///
/// # Errors
/// See [`WaitError`].
pub async fn wait_for_app(
    connection: &PeerConnection,
    client: Option<&Client>,
    timeout: Duration,
) -> Result<(), WaitError> {
    let (stream, deadline) = (&connection.stream, &connection.deadline);
    let Some(client) = client.filter(|_| timeout > WATCH_CLIENT_AFTER) else {
        deadline.arm(timeout);
        return stream.readable(deadline).await.map_err(WaitError::from);
    };
    deadline.arm(WATCH_CLIENT_AFTER);
    match stream.readable(deadline).await {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
        other => return other.map_err(WaitError::from),
    }
    deadline.arm(timeout - WATCH_CLIENT_AFTER);
    loop {
        if either_readable(stream, &client.stream, deadline).await? == Side::A {
            return Ok(());
        }
        match client.stream.peek_closed() {
            Liveness::Closed => return Err(WaitError::ClientGone),
            // A pipelined request: the socket stays readable, and no wait for it says when the client leaves.
            Liveness::HasData => return unless_left(stream.readable(deadline), client).await,
            Liveness::Alive => {}
        }
    }
}

/// Waits for `wait`, and looks now and then whether the client has left meanwhile.
///
/// # Errors
/// See [`WaitError`].
pub async fn unless_left<T>(
    wait: impl Future<Output = io::Result<T>>,
    client: &Client,
) -> Result<T, WaitError> {
    let mut wait = pin!(wait);
    client.deadline.arm(LOOK_AT_CLIENT);
    poll_fn(|context| {
        if let Poll::Ready(result) = wait.as_mut().poll(context) {
            return Poll::Ready(result.map_err(WaitError::from));
        }
        while client.deadline.poll_over(context).is_ready() {
            if client.stream.has_left() {
                return Poll::Ready(Err(WaitError::ClientGone));
            }
            client.deadline.arm(LOOK_AT_CLIENT);
        }
        Poll::Pending
    })
    .await
}
