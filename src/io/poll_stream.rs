//! A [`Stream`] in the form that crates for other runtimes ask for: tokio's `AsyncRead` and `AsyncWrite`, without its runtime.
//!
//! HTTP/2 comes from the `h2` crate, which reads and writes a connection through this, towards clients and towards apps. What is
//! read and written are the stream's own calls, so TLS is beneath. No deadline is kept here: whoever polls the
//! connection bounds its waits with one of its own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Outbox, Stream};

/// Bytes read in a row before other connections get their turn.
const READ_SHARE: usize = 256 * 1024;

/// What has a stream: the stream itself, or what holds it beside other things.
pub trait HasStream {
    /// The stream that is read and written.
    fn stream(&self) -> &Stream;
}

impl HasStream for Stream {
    fn stream(&self) -> &Stream {
        self
    }
}

impl<T: HasStream> HasStream for Rc<T> {
    fn stream(&self) -> &Stream {
        (**self).stream()
    }
}

/// A stream as `AsyncRead` and `AsyncWrite`. One task at a time may poll it.
pub struct PollStream<S> {
    inner: S,
    /// Where writes are gathered, if they are.
    outbox: Option<Rc<Outbox>>,
    /// Bytes read since the ring was last waited for.
    share: usize,
}

impl<S: HasStream> PollStream<S> {
    /// Reads and writes `inner`'s stream.
    pub fn new(inner: S) -> Self {
        Self { inner, outbox: None, share: 0 }
    }

    /// The same, with writes that are gathered in `outbox`: a flush leaves them there, and whoever polls the connection sends
    /// them when it has nothing more to do.
    pub fn gathering(inner: S, outbox: Rc<Outbox>) -> Self {
        Self { inner, outbox: Some(outbox), share: 0 }
    }

    /// What it was made of.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S: HasStream + Unpin> AsyncRead for PollStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.share >= READ_SHARE {
            // The kernel is asked again, and says so in the next turn.
            self.share = 0;
            ready!(self.inner.stream().poll_readable(context))?;
        }
        loop {
            if self.inner.stream().poll_news(context)?.is_pending() {
                self.share = 0;
                return Poll::Pending;
            }
            match self.inner.stream().try_recv(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    self.share += count;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.share = 0;
                    ready!(self.inner.stream().poll_readable(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: HasStream + Unpin> AsyncWrite for PollStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.inner.stream();
        if let Some(outbox) = &self.outbox {
            let kept = outbox.put(slices);
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
            ready!(outbox.poll_send(stream, context))?;
            return Poll::Ready(Ok(outbox.put(slices)));
        }
        loop {
            match stream.try_send_vectored(slices, false) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_writable(context))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outbox.is_some() {
            return Poll::Ready(Ok(()));
        }
        let stream = self.inner.stream();
        while !stream.flush()? {
            ready!(stream.poll_writable(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing follows (`close_notify` with TLS, and FIN).
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.outbox {
            Some(outbox) => ready!(outbox.poll_send(self.inner.stream(), context))?,
            None => ready!(self.as_mut().poll_flush(context))?,
        }
        match self.inner.stream().shutdown_write() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

#[cfg(test)]
mod tests;
