//! Where requests are served: the state of a request in flight, apart from the connection's own.
//!
//! A connection waits for its client with next to no memory, and takes a seat only while it serves requests. The
//! future in a seat never ends: it serves one connection after the other, so that taking a seat costs no allocation.
//! Whoever drives it (the connection's task, in `worker`) also fences its panics: a seat that panicked is dropped.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::Shard;
use crate::http::Client;

/// A future that serves connections, and the desk where it is handed them.
pub struct Seat {
    future: Pin<Box<dyn Future<Output = ()>>>,
    desk: Rc<Desk>,
}

/// What passes between a connection's task and its seat.
#[derive(Default)]
struct Desk {
    arrived: Cell<Option<(Rc<Shard>, Rc<Client>)>>,
    served: Cell<Option<bool>>,
}

impl Seat {
    /// A seat in which `serve` runs: it serves the requests that are there and says whether the connection is kept.
    pub fn new<S>(serve: S) -> Self
    where
        S: AsyncFn(Rc<Shard>, Rc<Client>) -> bool + 'static,
    {
        let desk = Rc::new(Desk::default());
        let theirs = Rc::clone(&desk);
        let future = Box::pin(async move {
            loop {
                let (shard, client) = poll_fn(|_| match theirs.arrived.take() {
                    Some(arrived) => Poll::Ready(arrived),
                    None => Poll::Pending,
                })
                .await;
                let kept = serve(shard, client).await;
                theirs.served.set(Some(kept));
            }
        });
        Self { future, desk }
    }

    /// Serves what `client` sent; whether the connection is kept.
    pub async fn serve(&mut self, shard: &Rc<Shard>, client: &Rc<Client>) -> bool {
        self.desk.arrived.set(Some((Rc::clone(shard), Rc::clone(client))));
        poll_fn(|context| {
            // Never ready: it goes on to wait for the next connection, which this task alone can bring.
            let _ = self.future.as_mut().poll(context);
            self.desk.served.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
