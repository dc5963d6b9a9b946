//! Sends a body that is changed on its way: read in slices, transformed, and sent as it comes.
//!
//! The way of bodies without a filter (sendfile, splice, content in memory) is `write`'s and not touched by this. A
//! long body does not hold its core: after its share of work the task waits in the ring like all others.

use std::io;

use super::body::{Body, Segment};
use super::exchange::Exchange;
use super::transform::{Then, Transform};
use crate::config::model::LocationConf;
use crate::files::OpenFile;
use crate::http1::encode;
use crate::io::file::read_exact_at;

/// Bytes of a body that are transformed at a time.
const SLICE: usize = 32 << 10;

/// Bytes of a body that are transformed before other connections get their turn.
const FAIR_SHARE: usize = 64 << 10;

/// Bytes that are sent at a time, at least, while there are more.
const SEND_SIZE: usize = 32 << 10;

/// A body on its way through a transform.
struct Passage<'a> {
    conf: &'a LocationConf,
    transform: &'a mut Transform,
    out: &'a mut Vec<u8>,
    /// What the transform made of a slice.
    made: &'a mut Vec<u8>,
    /// A slice of a file.
    slice: &'a mut Vec<u8>,
    share: usize,
}

impl Exchange {
    /// Sends `out` (the head) and what `transform` makes of `body`.
    pub(super) async fn send_filtered(
        &mut self,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        body: Body,
        mut transform: Transform,
    ) -> io::Result<()> {
        if let Body::Relay(relay) = body {
            return relay.pump(self, conf, out, Some(transform)).await;
        }
        let [mut made, mut slice] = transform.take_slices();
        let mut passage =
            Passage { conf, transform: &mut transform, out, made: &mut made, slice: &mut slice, share: 0 };
        let result = self.pass_body(&mut passage, &body).await;
        made.clear();
        slice.clear();
        transform.give_slices([made, slice]);
        result
    }

    async fn pass_body(&mut self, passage: &mut Passage<'_>, body: &Body) -> io::Result<()> {
        match body {
            Body::Empty | Body::Relay(_) => {}
            Body::Bytes(bytes) => self.pass_bytes(passage, bytes).await?,
            Body::Cached(file) => self.pass_file(passage, file, 0, file.size).await?,
            Body::Part { file, start, len } => self.pass_file(passage, file, *start, *len).await?,
            Body::Segments(file, segments) => {
                for segment in segments {
                    match segment {
                        Segment::Bytes(bytes) => self.pass_bytes(passage, bytes).await?,
                        Segment::File { start, len } => {
                            self.pass_file(passage, file, *start, *len).await?;
                        }
                    }
                }
            }
        }
        self.transform_slice(passage, b"", Then::Finish)?;
        if self.chunked {
            passage.out.extend_from_slice(b"0\r\n");
            self.push_trailers(passage.out);
            passage.out.extend_from_slice(b"\r\n");
        }
        self.send_out(passage.conf, passage.out).await
    }

    async fn pass_bytes(&mut self, passage: &mut Passage<'_>, bytes: &[u8]) -> io::Result<()> {
        for slice in bytes.chunks(SLICE) {
            self.transform_slice(passage, slice, Then::More)?;
            self.send_some(passage, slice.len()).await?;
        }
        Ok(())
    }

    async fn pass_file(
        &mut self,
        passage: &mut Passage<'_>,
        file: &OpenFile,
        start: u64,
        len: u64,
    ) -> io::Result<()> {
        if let Some(part) = file.content_part(start, len) {
            return self.pass_bytes(passage, part).await;
        }
        let Some(fd) = file.fd() else { return Err(io::ErrorKind::NotFound.into()) };
        let (mut offset, end) = (start, start + len);
        while offset < end {
            let count = usize::try_from(end - offset).unwrap_or(usize::MAX).min(SLICE);
            let mut slice = std::mem::take(passage.slice);
            slice.resize(count, 0);
            let read = read_exact_at(fd, &mut slice, offset);
            let made = read.and_then(|()| self.transform_slice(passage, &slice, Then::More));
            *passage.slice = slice;
            made?;
            offset += count as u64;
            self.send_some(passage, count).await?;
        }
        Ok(())
    }

    /// Appends what becomes of `slice` to what is to be sent.
    fn transform_slice(&mut self, passage: &mut Passage<'_>, slice: &[u8], then: Then) -> io::Result<()> {
        passage.made.clear();
        let made = passage.transform.run(slice, then, passage.made);
        if self.chunked {
            encode::push_chunk(passage.out, passage.made);
        } else {
            passage.out.extend_from_slice(passage.made);
        }
        made.map_err(|error| {
            self.log_error(crate::log::Level::Error, format_args!("{error}"));
            io::ErrorKind::ConnectionAborted.into()
        })
    }

    /// Sends what has come together; gives way to others after a share of work.
    async fn send_some(&mut self, passage: &mut Passage<'_>, work: usize) -> io::Result<()> {
        if passage.out.len() >= SEND_SIZE {
            self.send_out(passage.conf, passage.out).await?;
        }
        passage.share += work;
        if passage.share >= FAIR_SHARE {
            passage.share = 0;
            self.client.deadline.arm(passage.conf.send_timeout);
            self.client.stream.writable(&self.client.deadline).await?;
        }
        Ok(())
    }
}
