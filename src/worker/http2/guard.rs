//! What a client may send on an HTTP/2 connection that is no request: the frames are counted as their bytes come in.
//!
//! The `h2` crate bounds what each frame may make it keep. What is left is work: frames that cost a client next to nothing and
//! this side an answer or a look, for as long as it likes. Each kind has an allowance that grows with time; who uses it up
//! is told to be calm, and the connection ends. No honest client comes near it.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::Client;
use crate::io::PollStream;

/// SETTINGS, PING, PRIORITY, WINDOW_UPDATE, frames without content and of unknown types: so many at once, and a second.
const CONTROL: Allowance = Allowance { at_once: 10_000, a_second: 1_000 };

/// RST_STREAM: a request that is given up costs no less than one that is served, and this bounds how many are made only for
/// that (CVE-2023-44487).
const RESETS: Allowance = Allowance { at_once: 500, a_second: 100 };

/// For so many bytes sent the client may say once more that it has room (WINDOW_UPDATE).
const BYTES_A_FRAME: u64 = 2048;

/// Bytes of the connection's preface (RFC 9113 section 3.4), and of each frame's head (section 4.1).
const PREFACE: usize = 24;
const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

struct Allowance {
    at_once: u64,
    a_second: u64,
}

/// What was seen of a connection, shared between who reads it and who ends it.
#[derive(Default)]
pub(super) struct Guard {
    control: Bucket,
    resets: Bucket,
    flooded: Cell<bool>,
    /// Bytes sent in all.
    sent: Cell<u64>,
    /// Of these, those that no frame was allowed for yet.
    uncounted: Cell<u64>,
}

/// How much of an allowance is used up.
#[derive(Default)]
struct Bucket {
    used: Cell<u64>,
    since_ms: Cell<u64>,
}

impl Bucket {
    /// One more; `false`: that is too much.
    fn take(&self, allowance: &Allowance) -> bool {
        let now = crate::time::now().monotonic_ms;
        let back = now.saturating_sub(self.since_ms.get()).saturating_mul(allowance.a_second) / 1000;
        if back > 0 {
            self.used.set(self.used.get().saturating_sub(back));
            self.since_ms.set(now);
        }
        self.used.set(self.used.get() + 1);
        self.used.get() <= allowance.at_once
    }
}

impl Guard {
    /// The client has sent what no honest one sends.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.get()
    }

    /// The connection ends anyway: it is read once more, for its end.
    pub(super) fn forgive(&self) {
        self.flooded.set(false);
    }

    /// Bytes sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.get()
    }

    fn note_sent(&self, count: usize) {
        self.sent.set(self.sent.get() + count as u64);
        let uncounted = self.uncounted.get() + count as u64;
        self.uncounted.set(uncounted % BYTES_A_FRAME);
        self.control.used.set(self.control.used.get().saturating_sub(uncounted / BYTES_A_FRAME));
    }

    fn note_frame(&self, kind: u8, length: usize) {
        let fits = match kind {
            RST_STREAM => self.resets.take(&RESETS),
            DATA | HEADERS if length > 0 => true,
            _ => self.control.take(&CONTROL),
        };
        if !fits {
            self.flooded.set(true);
        }
    }
}

/// Finds the frames in the bytes of a connection.
struct Frames {
    /// Bytes until the next frame's head.
    skip: usize,
    head: [u8; FRAME_HEAD],
    /// Bytes of it that are here.
    filled: usize,
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8], guard: &Guard) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let count = (FRAME_HEAD - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
            if self.filled == FRAME_HEAD {
                let [high, middle, low, kind, ..] = self.head;
                let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                guard.note_frame(kind, length);
                (self.skip, self.filled) = (length, 0);
            }
        }
    }
}

/// A client's connection whose frames are counted.
pub(super) struct Guarded {
    inner: PollStream<Rc<Client>>,
    guard: Rc<Guard>,
    frames: Frames,
}

impl Guarded {
    pub(super) fn new(inner: PollStream<Rc<Client>>, guard: Rc<Guard>) -> Self {
        Self { inner, guard, frames: Frames { skip: PREFACE, head: [0; FRAME_HEAD], filled: 0 } }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.guard.is_flooded() {
            // Whoever polls the connection looks at that next.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buf))?;
        let Self { guard, frames, .. } = &mut *self;
        frames.read(&buf.filled()[before..], guard);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, buf))?;
        self.guard.note_sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, slices))?;
        self.guard.note_sent(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut bytes = vec![0_u8; PREFACE];
        for (kind, length) in [(DATA, 0_usize), (HEADERS, 300), (6, 8), (DATA, 5), (RST_STREAM, 4)] {
            bytes.extend_from_slice(&[0, (length >> 8) as u8, length as u8, kind, 0, 0, 0, 0, 1]);
            bytes.resize(bytes.len() + length, 0xff);
        }
        for size in [1, 2, 7, 9, 100, bytes.len()] {
            let guard = Guard::default();
            let mut frames = Frames { skip: PREFACE, head: [0; FRAME_HEAD], filled: 0 };
            bytes.chunks(size).for_each(|chunk| frames.read(chunk, &guard));
            assert_eq!((guard.control.used.get(), guard.resets.used.get()), (2, 1), "{size}");
            assert_eq!((frames.skip, frames.filled), (0, 0));
        }
    }

    #[test]
    fn what_is_sent_allows_for_frames() {
        let guard = Guard::default();
        for _ in 0..100 {
            guard.note_frame(8, 4);
        }
        guard.note_sent(3 * BYTES_A_FRAME as usize + 1);
        assert_eq!((guard.control.used.get(), guard.sent()), (97, 3 * BYTES_A_FRAME + 1));
        (0..20_000).for_each(|_| guard.note_frame(6, 8));
        assert!(guard.is_flooded());
    }
}
