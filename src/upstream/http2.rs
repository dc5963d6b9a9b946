//! HTTP/2 to a peer: a connection that carries one request at a time, as nginx's do.
//!
//! Frames, header compression and flow control are the `h2` crate's. What is here makes of a request's turn what a connection of
//! HTTP/1.1 would bring: [`Http2`] is the carrier beneath a `Stream` that gives the head of the answer in HTTP/1.1's form and
//! then its body, so that whoever reads answers needs to know of no other protocol. What was not read is not released to the
//! peer, and no more is taken than the peer has room for: nothing is buffered beyond a window. The frames move in a task of their own
//! (`drive`), which ends with the connection. Made by connection.rs, used by `handler::proxy`.

mod turn;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::Request;

use crate::io::runtime::spawn;
use crate::io::{Carrier, HasStream, Liveness, Outbox, PollStream, Stream};
pub use turn::Failure;
use turn::Turn;

/// Bytes of an answer that a peer may have sent and that nobody has read yet.
const WINDOW: u32 = 256 << 10;

/// Bytes of a request that wait for the socket.
const SEND_BUFFER: usize = 64 << 10;

/// Bytes of a head that are decoded at most; what a location takes of it is `proxy_buffer_size`.
const HEAD_LIMIT: u32 = 256 << 10;

/// What is to be done while a request is under way, in the task that serves it: sending the rest of a body.
pub type Errand = Pin<Box<dyn Future<Output = Report>>>;

/// What is to be known of its end.
pub(super) type Report = Box<dyn Any>;

/// A connection's socket.
struct Socket(Stream);

impl HasStream for Socket {
    fn stream(&self) -> &Stream {
        &self.0
    }
}

/// A connection to a peer that speaks HTTP/2.
pub struct Http2 {
    socket: Rc<Socket>,
    requests: RefCell<Option<SendRequest<Bytes>>>,
    turn: RefCell<Turn>,
    errand: RefCell<Option<Errand>>,
    report: RefCell<Option<Report>>,
    driver: Rc<Driver>,
    /// Of the task that serves the request.
    waker: RefCell<Option<Waker>>,
}

/// How far an errand has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Driven {
    Nothing,
    ToItsEnd,
}

/// What the task that moves the frames is told, and tells.
#[derive(Default)]
struct Driver {
    waker: RefCell<Option<Waker>>,
    /// Nobody needs the connection any more.
    closing: Cell<bool>,
    /// It is gone.
    over: Cell<bool>,
}

impl Http2 {
    /// Begins with a connection on which nothing was said yet.
    ///
    /// # Errors
    /// None that a connection which stands can meet.
    pub(super) async fn begin(stream: Stream) -> io::Result<Rc<Self>> {
        let socket = Rc::new(Socket(stream));
        let outbox = Rc::new(Outbox::default());
        let (requests, connection) = client::Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(HEAD_LIMIT)
            .max_send_buffer_size(SEND_BUFFER)
            .handshake(PollStream::gathering(Rc::clone(&socket), Rc::clone(&outbox)))
            .await
            .map_err(io::Error::other)?;
        let driver = Rc::new(Driver::default());
        spawn(drive(connection, Rc::clone(&socket), outbox, Rc::clone(&driver)));
        Ok(Rc::new(Self {
            socket,
            requests: RefCell::new(Some(requests)),
            turn: RefCell::default(),
            errand: RefCell::new(None),
            report: RefCell::new(None),
            driver,
            waker: RefCell::new(None),
        }))
    }

    /// Sends the head of a request. `ends`: no body follows. Of what went before nothing is left.
    ///
    /// # Errors
    /// `ConnectionReset` when the connection takes no more requests.
    pub fn ask(&self, request: Request<()>, length: Option<u64>, ends: bool) -> io::Result<()> {
        self.rest();
        let is_head = request.method() == http::Method::HEAD;
        let mut requests = self.requests.borrow_mut();
        let requests = requests.as_mut().ok_or_else(gone)?;
        let (response, sending) = requests.send_request(request, ends).map_err(|_| gone())?;
        self.turn.borrow_mut().begin(response, (!ends).then_some(sending), length, is_head);
        Ok(())
    }

    /// The request's body is whole.
    pub fn finish(&self) {
        self.turn.borrow_mut().finish();
    }

    /// The request's body will not be whole: the peer learns that, and the answer is not waited for.
    pub fn fail(&self) {
        self.turn.borrow_mut().fail();
    }

    /// Gives the exchange's task something to do while it waits for the answer.
    pub fn carry(&self, errand: Errand) {
        *self.errand.borrow_mut() = Some(errand);
    }

    /// What it was given is not done yet.
    pub fn is_sending(&self) -> bool {
        self.errand.borrow().is_some()
    }

    /// Goes on with what was given.
    fn drive(&self, context: &mut Context<'_>) -> Driven {
        let errand = self.errand.borrow_mut().take();
        let Some(mut errand) = errand else { return Driven::Nothing };
        match errand.as_mut().poll(context) {
            Poll::Pending => {
                *self.errand.borrow_mut() = Some(errand);
                Driven::Nothing
            }
            Poll::Ready(report) => {
                *self.report.borrow_mut() = Some(report);
                Driven::ToItsEnd
            }
        }
    }

    /// How the errand ended, once.
    pub fn report(&self) -> Option<Report> {
        self.report.borrow_mut().take()
    }

    /// Waits for `other`, and goes on with what was given meanwhile.
    pub async fn meanwhile<T>(&self, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        poll_fn(|context| {
            self.drive(context);
            other.as_mut().poll(context)
        })
        .await
    }

    /// Why there is no answer, or no whole one.
    pub fn failure(&self) -> Option<Failure> {
        self.turn.borrow().failure()
    }

    /// Both ends have said all.
    pub fn is_over(&self) -> bool {
        self.turn.borrow().is_over() && !self.is_sending()
    }

    /// What followed the answer's body, complete lines; nothing before its end was read.
    pub fn trailers(&self) -> Vec<u8> {
        self.turn.borrow_mut().take_trailers()
    }

    /// Between two requests: lets go of the last one.
    pub(super) fn rest(&self) {
        let errand = self.errand.borrow_mut().take();
        let turn = std::mem::take(&mut *self.turn.borrow_mut());
        let report = self.report.borrow_mut().take();
        drop((errand, turn, report));
    }

    /// Ends the connection. What is under way on it is reset.
    pub(super) fn close(&self) {
        self.rest();
        let requests = self.requests.borrow_mut().take();
        drop(requests);
        self.driver.closing.set(true);
        let waker = self.driver.waker.borrow_mut().take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Looks with the waker that waits, so that it goes on waiting.
    fn look<R>(&self, look: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let waker = self.waker.borrow().clone();
        look(&mut Context::from_waker(waker.as_ref().unwrap_or(Waker::noop())))
    }

    fn keep_waker(&self, context: &Context<'_>) {
        keep(&self.waker, context);
    }

    /// The connection takes another request.
    fn is_open(&self) -> bool {
        let mut requests = self.requests.borrow_mut();
        let ready = |requests: &mut SendRequest<Bytes>| {
            !matches!(requests.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
        };
        !self.driver.over.get() && requests.as_mut().is_some_and(ready)
    }
}

impl std::fmt::Debug for Http2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2").field("stream", &self.socket.0).finish_non_exhaustive()
    }
}

fn keep(place: &RefCell<Option<Waker>>, context: &Context<'_>) {
    let mut waker = place.borrow_mut();
    if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
        *waker = Some(context.waker().clone());
    }
}

/// Moves the frames of a connection until it ends.
async fn drive(
    mut connection: client::Connection<PollStream<Rc<Socket>>, Bytes>,
    socket: Rc<Socket>,
    outbox: Rc<Outbox>,
    driver: Rc<Driver>,
) {
    poll_fn(|context| {
        keep(&driver.waker, context);
        let ended = Pin::new(&mut connection).poll(context).is_ready();
        let sent = outbox.poll_send(&socket.0, context);
        // What the peer takes at once of the last frames, it gets.
        if ended || matches!(sent, Poll::Ready(Err(_))) || driver.closing.get() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    driver.over.set(true);
    socket.0.send_close();
    // Whoever waits for an answer hears of the end by this.
    drop(connection);
}

impl Carrier for Http2 {
    fn connection(&self) -> &Stream {
        &self.socket.0
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.keep_waker(context);
        if self.drive(context) == Driven::ToItsEnd {
            // Whoever waits looks what to wait for from here on.
            return Poll::Ready(Ok(()));
        }
        let mut turn = self.turn.borrow_mut();
        if turn.is_idle() {
            // Nothing is expected but the end.
            drop(turn);
            return if self.is_open() { Poll::Pending } else { Poll::Ready(Ok(())) };
        }
        turn.poll_fill(context).map(Ok)
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.keep_waker(context);
        self.turn.borrow_mut().poll_capacity(context)
    }

    fn recv(&self, max: usize, put: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let mut turn = self.turn.borrow_mut();
        if self.look(|context| turn.poll_fill(context)).is_pending() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        turn.take(max, put)
    }

    fn room(&self, wanted: usize) -> io::Result<usize> {
        self.turn.borrow_mut().room(wanted)
    }

    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.turn.borrow_mut().send(slices)
    }

    fn liveness(&self) -> Liveness {
        let turn = self.turn.borrow();
        if self.is_open() && (turn.is_idle() || (turn.is_over() && !self.is_sending())) {
            Liveness::Alive
        } else {
            Liveness::Closed
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
