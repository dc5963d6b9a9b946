//! One request on a connection that speaks HTTP/2: what is sent of it, and its answer as it is read.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};

use super::gone;

/// Bytes of a body taken at a time.
const SHARE: usize = 64 << 10;

/// Why there is no answer, or no whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The peer has reset the stream, with this code (RFC 9113 section 7).
    Rejected(u32),
    /// The peer has not looked at the request, and it may be sent again (`REFUSED_STREAM`, or GOAWAY below it): the code.
    Refused(u32),
    /// The connection is gone.
    Closed,
    /// What the peer sent is no HTTP/2.
    Protocol(String),
    /// The body could not be sent whole; whoever sent it knows why.
    Ours,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(code) => write!(f, "upstream rejected request with error {code}"),
            Self::Refused(code) => write!(f, "upstream sent goaway with error {code}"),
            Self::Closed => f.write_str("upstream prematurely closed connection"),
            Self::Protocol(why) => write!(f, "upstream sent invalid http2 frames ({why})"),
            Self::Ours => f.write_str("the request could not be sent whole"),
        }
    }
}

/// A request under way, or none.
#[derive(Default)]
pub(super) struct Turn {
    sending: Option<SendStream<Bytes>>,
    /// Bytes of body still to be sent, if its length was told.
    left: Option<u64>,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    /// What came and was not read yet.
    pending: Bytes,
    /// It is the head.
    pending_is_head: bool,
    /// The request's method is HEAD.
    is_head: bool,
    ended: bool,
    trailers: Vec<u8>,
    failure: Option<Failure>,
}

impl Turn {
    pub(super) fn begin(
        &mut self,
        response: ResponseFuture,
        sending: Option<SendStream<Bytes>>,
        length: Option<u64>,
        is_head: bool,
    ) {
        *self = Self { sending, left: length, response: Some(response), is_head, ..Self::default() };
    }

    pub(super) fn is_idle(&self) -> bool {
        self.response.is_none() && self.body.is_none() && self.failure.is_none()
    }

    /// Both sides have said all.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.pending.is_empty() && self.sending.is_none() && self.failure.is_none()
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.clone()
    }

    pub(super) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    pub(super) fn finish(&mut self) {
        if let Some(mut sending) = self.sending.take() {
            // A stream that is over needs no end.
            let _ = sending.send_data(Bytes::new(), true);
        }
    }

    pub(super) fn fail(&mut self) {
        if let Some(mut sending) = self.sending.take() {
            sending.send_reset(Reason::CANCEL);
        }
        self.failure.get_or_insert(Failure::Ours);
    }

    /// Ready when something is pending, or the end or a failure is known.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.pending.is_empty() && !self.ended && self.failure.is_none() {
            let polled = match (&mut self.response, &mut self.body) {
                (Some(response), _) => match Pin::new(response).poll(context) {
                    Poll::Ready(Ok(response)) => {
                        self.take_head(response);
                        Ok(())
                    }
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Pending => return Poll::Pending,
                },
                (None, Some(body)) => match body.poll_data(context) {
                    Poll::Ready(Some(data)) => data.map(|data| self.pending = data),
                    Poll::Ready(None) => match body.poll_trailers(context) {
                        Poll::Ready(Ok(fields)) => {
                            fields.iter().for_each(|fields| push_lines(fields, &mut self.trailers));
                            self.ended = true;
                            Ok(())
                        }
                        Poll::Ready(Err(error)) => Err(error),
                        Poll::Pending => return Poll::Pending,
                    },
                    Poll::Pending => return Poll::Pending,
                },
                (None, None) => {
                    self.failure = Some(Failure::Closed);
                    Ok(())
                }
            };
            if let Err(error) = polled {
                self.failure = Some(failure(&error));
            }
        }
        Poll::Ready(())
    }

    /// The head has come: its bytes are pending, in HTTP/1.1's form.
    fn take_head(&mut self, response: Response<RecvStream>) {
        let (head, body) = response.into_parts();
        self.response = None;
        self.ended = body.is_end_stream();
        self.body = Some(body);
        let mut lines = Vec::with_capacity(256);
        // Writing to memory cannot fail.
        let _ = write!(lines, "HTTP/1.1 {}\r\n", head.status.as_str());
        push_lines(&head.headers, &mut lines);
        let may_have_body = !self.is_head && !matches!(head.status.as_u16(), 100..200 | 204 | 304);
        if self.ended && may_have_body && !head.headers.contains_key(CONTENT_LENGTH) {
            // The end has come with the head: nothing follows.
            lines.extend_from_slice(b"content-length: 0\r\n");
        }
        lines.extend_from_slice(b"\r\n");
        (self.pending, self.pending_is_head) = (lines.into(), true);
    }

    /// As [`Carrier::recv`](crate::io::Carrier::recv), after [`Turn::poll_fill`] was ready.
    pub(super) fn take(&mut self, max: usize, put: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let count = self.pending.len().min(max);
        if count > 0 {
            put(&self.pending.split_to(count));
            if self.pending_is_head {
                self.pending_is_head = !self.pending.is_empty();
            } else if let Some(body) = &mut self.body {
                // Only a frame that was never sent could be too much.
                let _ = body.flow_control().release_capacity(count);
            }
            return Ok(count);
        }
        match &self.failure {
            None if self.ended => Ok(0),
            None => Err(io::ErrorKind::WouldBlock.into()),
            // Before a head that is the end of the connection, as with HTTP/1.1.
            Some(Failure::Closed) if self.body.is_none() => Ok(0),
            Some(_) => Err(gone()),
        }
    }

    pub(super) fn poll_capacity(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sending) = &mut self.sending else { return Poll::Ready(Ok(())) };
        if sending.capacity() > 0 {
            return Poll::Ready(Ok(()));
        }
        sending.reserve_capacity(SHARE);
        if sending.capacity() > 0 {
            return Poll::Ready(Ok(()));
        }
        match sending.poll_capacity(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(_))) => Poll::Ready(Ok(())),
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(gone())),
        }
    }

    pub(super) fn room(&mut self, wanted: usize) -> io::Result<usize> {
        let Some(sending) = &mut self.sending else { return Err(gone()) };
        sending.reserve_capacity(wanted.min(SHARE));
        match sending.capacity().min(wanted) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            room => Ok(room),
        }
    }

    pub(super) fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        if wanted == 0 {
            return Ok(0);
        }
        let room = self.room(wanted)?;
        let mut data = BytesMut::with_capacity(room);
        for slice in slices {
            data.extend_from_slice(&slice[..slice.len().min(room - data.len())]);
        }
        let Some(sending) = &mut self.sending else { return Err(gone()) };
        self.left = self.left.map(|left| left.saturating_sub(room as u64));
        let ends = self.left == Some(0);
        sending.send_data(data.freeze(), ends).map_err(|_| gone())?;
        if ends {
            self.sending = None;
        }
        Ok(room)
    }
}

fn push_lines(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn failure(error: &h2::Error) -> Failure {
    let code = error.reason().map_or(0, u32::from);
    if error.is_io() {
        return Failure::Closed;
    }
    if error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM)) {
        return Failure::Refused(code);
    }
    if error.is_remote() && error.is_reset() {
        return Failure::Rejected(code);
    }
    Failure::Protocol(error.to_string())
}
