//! HTTP/2: one stream as its exchange sees it, a connection for one request.
//!
//! The exchange reads the request's body from its client's [`Stream`](crate::io::Stream) and writes the response's to it, as
//! with HTTP/1.1; here these bytes become DATA frames, with the flow control of both directions: what was not read is not
//! released to the client, and no more is taken than the client has room for. The heads are put into HTTP/1.1's form and out of
//! it (`head`), where the one parser and the one writer are. The connection itself, frames and all, is the `h2`
//! crate's, driven by `worker::http2`.

mod head;

pub use head::read_request;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;

use super::client::Client;
use super::connection::Arrival;
use super::exchange::Exchange;
use crate::config::model::ServerConf;
use crate::cycle::Cycle;
use crate::http1::BodyFraming;
use crate::io::{Carrier, Liveness, Stream};

/// Bytes of a response taken at a time, and so asked of the client's window for one stream while others have something to send
/// too.
const SHARE: usize = 64 * 1024;

/// A stream of an HTTP/2 connection. Its client's `Stream` carries the bodies; the heads and the end pass here.
pub struct Http2 {
    connection: Rc<Client>,
    /// The request's head, until it is taken.
    head: RefCell<Option<Parts>>,
    receiving: RefCell<Receiving>,
    sending: RefCell<Sending>,
    /// Of the task that serves the stream.
    waker: RefCell<Option<Waker>>,
}

struct Receiving {
    /// `None` once the exchange is over.
    body: Option<RecvStream>,
    /// What came in the last frame and was not read yet.
    pending: Bytes,
    /// The client has ended its side.
    ended: bool,
    /// Nobody is to learn of that end: the request has no body, or said how long it is.
    end_is_known: bool,
    /// The client has given up the stream, or the connection is gone.
    broken: bool,
}

enum Sending {
    /// No response yet.
    Waiting(SendResponse<Bytes>),
    /// Its head was sent.
    Begun {
        stream: SendStream<Bytes>,
        /// Bytes of body still to come, if its length was told.
        left: Option<u64>,
        /// Complete lines that follow the body.
        trailers: Vec<u8>,
    },
    /// The end was sent, or the stream is gone.
    Over,
}

impl Http2 {
    /// A stream whose request's head has come on `connection`.
    pub fn new(
        connection: Rc<Client>,
        request: http::Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) -> Self {
        let (head, body) = request.into_parts();
        let ended = body.is_end_stream();
        let receiving =
            Receiving { body: Some(body), pending: Bytes::new(), ended, end_is_known: ended, broken: false };
        Self {
            connection,
            head: RefCell::new(Some(head)),
            receiving: RefCell::new(receiving),
            sending: RefCell::new(Sending::Waiting(respond)),
            waker: RefCell::new(None),
        }
    }

    /// The connection's client.
    pub fn connection(&self) -> &Rc<Client> {
        &self.connection
    }

    /// Sends the response's head: complete lines in HTTP/1.1's form with the empty one. `ends`: no body follows.
    ///
    /// # Errors
    /// `ConnectionReset` when the client has given up the stream.
    pub(super) fn send_head(&self, lines: &[u8], length: Option<u64>, ends: bool) -> io::Result<()> {
        let mut sending = self.sending.borrow_mut();
        let Sending::Waiting(respond) = &mut *sending else { return Err(gone()) };
        let response = head::response(lines).ok_or(io::ErrorKind::InvalidData)?;
        let stream = respond.send_response(response, ends).map_err(|_| gone())?;
        *sending =
            if ends { Sending::Over } else { Sending::Begun { stream, left: length, trailers: Vec::new() } };
        Ok(())
    }

    /// Keeps fields, complete lines, that are to follow the body.
    pub fn keep_trailers(&self, lines: &[u8]) {
        if let Sending::Begun { trailers, .. } = &mut *self.sending.borrow_mut() {
            trailers.extend_from_slice(lines);
        }
    }

    /// The body was sent whole: its end, or trailers.
    pub(super) fn finish(&self) {
        let sent = std::mem::replace(&mut *self.sending.borrow_mut(), Sending::Over);
        if let Sending::Begun { mut stream, trailers, .. } = sent {
            // A stream that the client has given up needs no end.
            let _ = match head::fields(&trailers) {
                fields if fields.is_empty() => stream.send_data(Bytes::new(), true),
                fields => stream.send_trailers(fields),
            };
        }
    }

    /// The response could not be sent whole, or there is to be none: the client learns that (`INTERNAL_ERROR`, as in nginx).
    pub fn reset(&self) {
        match std::mem::replace(&mut *self.sending.borrow_mut(), Sending::Over) {
            Sending::Waiting(mut respond) => respond.send_reset(Reason::INTERNAL_ERROR),
            Sending::Begun { mut stream, .. } => stream.send_reset(Reason::INTERNAL_ERROR),
            Sending::Over => {}
        }
    }

    /// Lets go of the stream; a client that is still sending is told to stop (RFC 9113 section 8.1), as nothing more is read.
    pub fn release(&self) {
        self.reset();
        let body = {
            let mut receiving = self.receiving.borrow_mut();
            receiving.broken = true;
            receiving.pending = Bytes::new();
            receiving.body.take()
        };
        drop(body);
    }

    fn keep_waker(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Looks with the waker that waits, so that it goes on waiting.
    fn look<R>(&self, look: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let waker = self.waker.borrow().clone();
        look(&mut Context::from_waker(waker.as_ref().unwrap_or(Waker::noop())))
    }

    /// Whether the client has given up the stream.
    fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        match &mut *self.sending.borrow_mut() {
            Sending::Waiting(respond) => respond.poll_reset(context).map(|_| ()),
            Sending::Begun { stream, .. } => stream.poll_reset(context).map(|_| ()),
            Sending::Over => Poll::Ready(()),
        }
    }
}

impl Http2 {
    /// The client has given up the stream, whatever of it has not been read.
    pub fn is_given_up(&self, context: &mut Context<'_>) -> bool {
        self.poll_gone(context).is_ready()
    }
}

impl Receiving {
    /// Ready when something is pending, or the end or a failure is known.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.pending.is_empty() && !self.ended && !self.broken {
            let Some(body) = &mut self.body else {
                self.broken = true;
                break;
            };
            match body.poll_data(context) {
                Poll::Ready(Some(Ok(data))) => self.pending = data,
                Poll::Ready(Some(Err(_))) => self.broken = true,
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

impl Carrier for Http2 {
    fn connection(&self) -> &Stream {
        &self.connection.stream
    }

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.keep_waker(context);
        let mut receiving = self.receiving.borrow_mut();
        if receiving.poll_fill(context).is_pending() {
            return Poll::Pending;
        }
        if receiving.pending.is_empty() && receiving.ended && receiving.end_is_known && !receiving.broken {
            // What may still come is that the client loses interest.
            return self.poll_gone(context).map(|()| {
                receiving.broken = true;
                Ok(())
            });
        }
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.keep_waker(context);
        let Sending::Begun { stream, .. } = &mut *self.sending.borrow_mut() else {
            return Poll::Ready(Ok(()));
        };
        if stream.capacity() > 0 {
            return Poll::Ready(Ok(()));
        }
        stream.reserve_capacity(SHARE);
        if stream.capacity() > 0 {
            return Poll::Ready(Ok(()));
        }
        match stream.poll_capacity(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(_))) => Poll::Ready(Ok(())),
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(gone())),
        }
    }

    fn recv(&self, max: usize, put: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let mut receiving = self.receiving.borrow_mut();
        if self.look(|context| receiving.poll_fill(context)).is_pending() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if receiving.broken {
            return Err(gone());
        }
        let count = receiving.pending.len().min(max);
        if count == 0 {
            receiving.end_is_known |= max > 0;
            return Ok(0);
        }
        put(&receiving.pending.split_to(count));
        if let Some(body) = &mut receiving.body {
            // Only a frame that was never sent could be too much.
            let _ = body.flow_control().release_capacity(count);
        }
        Ok(count)
    }

    fn room(&self, wanted: usize) -> io::Result<usize> {
        let Sending::Begun { stream, .. } = &mut *self.sending.borrow_mut() else { return Err(gone()) };
        stream.reserve_capacity(wanted.min(SHARE));
        match stream.capacity().min(wanted) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            room => Ok(room),
        }
    }

    fn send(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        if wanted == 0 {
            return Ok(0);
        }
        let room = self.room(wanted)?;
        let mut data = BytesMut::with_capacity(room);
        for slice in slices {
            data.extend_from_slice(&slice[..slice.len().min(room - data.len())]);
        }
        let mut sending = self.sending.borrow_mut();
        let Sending::Begun { stream, left, trailers } = &mut *sending else { return Err(gone()) };
        *left = left.map(|left| left.saturating_sub(room as u64));
        let ends = *left == Some(0) && trailers.is_empty();
        stream.send_data(data.freeze(), ends).map_err(|_| gone())?;
        if ends {
            *sending = Sending::Over;
        }
        Ok(room)
    }

    fn liveness(&self) -> Liveness {
        let mut receiving = self.receiving.borrow_mut();
        if !receiving.pending.is_empty() {
            return Liveness::HasData;
        }
        if receiving.broken || self.look(|context| self.poll_gone(context)).is_ready() {
            return Liveness::Closed;
        }
        match self.look(|context| receiving.poll_fill(context)) {
            Poll::Ready(()) if receiving.broken => Liveness::Closed,
            Poll::Ready(()) if !receiving.ended || !receiving.end_is_known => Liveness::HasData,
            Poll::Ready(()) | Poll::Pending => Liveness::Alive,
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Exchange {
    /// As [`Exchange::read_request`], for a client that is a stream: its head is there.
    #[cold]
    pub fn take_stream(&mut self, cycle: &Cycle, default_server: &ServerConf) -> Arrival {
        let Some(stream) = self.client.http2.clone() else { return Arrival::Closed(None) };
        let Some(parts) = stream.head.borrow_mut().take() else { return Arrival::Closed(None) };
        self.start_next();
        let written = head::write_request(&parts, &mut self.input);
        let ended = stream.receiving.borrow().ended;
        let arrival = self.take_written_head(written, ended, cycle, default_server);
        let known = self.body.framing() != BodyFraming::UntilClose;
        stream.receiving.borrow_mut().end_is_known |= known;
        arrival
    }

    /// Hands the head, which was written to `out`, to the stream; nothing is left there.
    #[cold]
    pub(super) fn begin_stream(&mut self, stream: &Http2, out: &mut Vec<u8>) -> io::Result<()> {
        let length = self.response.content_length.filter(|_| !self.response.has_trailers);
        let ends = self.header_only || (length == Some(0));
        let result = stream.send_head(out, length, ends);
        self.bytes_sent += out.len() as u64;
        out.clear();
        result
    }

    /// The response's body was sent as `result` says: so ends the stream.
    #[cold]
    pub(super) fn end_stream(&mut self, stream: &Http2, result: &io::Result<()>) {
        if result.is_err() {
            return stream.reset();
        }
        if self.response.has_trailers && !stream.has_trailers() {
            let mut lines = Vec::new();
            self.push_trailers(&mut lines);
            stream.keep_trailers(&lines);
        }
        stream.finish();
    }
}

impl Http2 {
    fn has_trailers(&self) -> bool {
        matches!(&*self.sending.borrow(), Sending::Begun { trailers, .. } if !trailers.is_empty())
    }
}
