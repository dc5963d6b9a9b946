//! The request's body: read whole before the app is bothered, streamed, or discarded.
//!
//! Up to `client_body_buffer_size` it stays in memory, then it goes to an unlinked temporary file (one with a name, and always,
//! with `client_body_in_file_only`); one of a moderate known
//! length stays in memory as long as the core's bodies together are few. Only `handler::proxy` asks for it; whatever
//! nobody asked for is discarded before the next request is read.

mod detached;

use std::cell::Cell;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use super::exchange::Exchange;
use crate::config::model::{BodyFile, LocationConf};
use crate::http1::chunked::Trailers;
use crate::http1::{BodyFraming, ChunkKind, ChunkedDecoder, Status};
use crate::io;
use crate::io::named::OwnName;
use crate::log::{Errno, Level};

pub use detached::DetachedBody;

/// Most bytes taken from the client in one read of a body.
const READ_SIZE: usize = 64 * 1024;

/// A body of a known length up to this stays in memory while there is room, whatever `client_body_buffer_size` says: a
/// temporary file costs four times the CPU.
const HELD_BODY: usize = 1024 * 1024;

/// The room for such bodies on one core.
const HELD_BODIES: usize = 32 * 1024 * 1024;

/// Bytes read in a row before other connections get their turn.
const READ_SHARE: usize = 1024 * 1024;

/// The interim answer to `Expect: 100-continue` (RFC 9110 section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is known of the body and what was read of it.
#[derive(Default)]
pub struct RequestBody {
    framing: BodyFraming,
    /// Bytes still to come with `Content-Length`.
    remaining: u64,
    decoder: ChunkedDecoder,
    finished: bool,
    expects_continue: bool,
    /// The body, or its beginning once `file` is set: empty then.
    pub memory: Vec<u8>,
    /// The whole body when it outgrew memory.
    pub file: Option<OwnedFd>,
    /// The name of `file`, if it has one (`client_body_in_file_only`).
    pub file_name: Option<OwnName>,
    /// Bytes of body read so far, decoded.
    pub length: u64,
    /// Part of the core's room that it has taken.
    held: Held,
    /// Bytes read since the client was last waited for.
    read_in_a_row: usize,
}

thread_local! {
    /// Bytes of [`HELD_BODIES`] that are taken.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Bytes taken of [`HELD_BODIES`], given back on drop.
#[derive(Default)]
struct Held(usize);

impl Held {
    fn take(bytes: usize) -> Option<Held> {
        let taken = HELD.get() + bytes;
        (taken <= HELD_BODIES).then(|| {
            HELD.set(taken);
            Held(bytes)
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(HELD.get() - self.0);
    }
}

/// Why a body could not be read.
#[derive(Debug)]
pub enum BodyError {
    /// Larger than `client_max_body_size`: 413. Bytes taken so far, and bytes of the chunk that is too much.
    TooLarge(u64, u64),
    /// `client_body_timeout` between two reads: 408, closed without an answer as in nginx.
    Timeout,
    /// The client closed: 400 in the log.
    Closed,
    /// The client's connection broke: 400 in the log.
    Broken(std::io::Error),
    /// Not chunked as RFC 9112 section 7.1 asks: 400.
    Malformed,
    /// The temporary file: 500. With the system call and the directory.
    File(&'static str, PathBuf, std::io::Error),
}

impl BodyError {
    /// The status for the log and, where the client is still there, the answer.
    pub fn status(&self) -> Status {
        match self {
            Self::TooLarge(..) => Status(413),
            Self::Timeout => Status(408),
            Self::Closed | Self::Broken(_) | Self::Malformed => Status(400),
            Self::File(..) => Status(500),
        }
    }

    /// An answer makes sense.
    pub fn answerable(&self) -> bool {
        match self {
            Self::TooLarge(..) | Self::Malformed | Self::File(..) => true,
            Self::Timeout | Self::Closed | Self::Broken(_) => false,
        }
    }

    /// How severe the line in the error log is; `None` is no line: of a timeout the access log tells.
    pub fn level(&self) -> Option<Level> {
        match self {
            Self::TooLarge(..) | Self::Malformed => Some(Level::Error),
            Self::Closed | Self::Broken(_) => Some(Level::Info),
            Self::File(..) => Some(Level::Crit),
            Self::Timeout => None,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(taken, chunk) => {
                write!(f, "client intended to send too large chunked body: {taken}+{chunk} bytes")
            }
            Self::Timeout => f.write_str("client timed out (110: Connection timed out)"),
            Self::Closed => f.write_str("client prematurely closed connection"),
            Self::Broken(error) => write!(f, "recv() failed ({})", Errno(error)),
            Self::Malformed => f.write_str("client sent invalid chunked body"),
            Self::File(call, path, error) => {
                write!(f, "{call} \"{}\" failed ({})", path.display(), Errno(error))
            }
        }
    }
}

impl RequestBody {
    /// Starts on the body of a new request.
    #[inline]
    pub fn begin(&mut self, framing: BodyFraming, expects_continue: bool) {
        self.framing = framing;
        self.remaining = match framing {
            BodyFraming::Length(n) => n,
            BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilClose => 0,
        };
        self.finished = match framing {
            BodyFraming::None | BodyFraming::Length(0) => true,
            BodyFraming::Length(_) | BodyFraming::Chunked | BodyFraming::UntilClose => false,
        };
        self.decoder.reset(Trailers::Drop);
        self.expects_continue = expects_continue;
        self.memory.clear();
        self.file = None;
        self.file_name = None;
        self.length = 0;
        if self.held.0 > 0 {
            self.held = Held::default();
        }
        self.read_in_a_row = 0;
    }

    /// Becomes a copy of a body that was read whole. What is too much for memory goes to a temporary file.
    ///
    /// # Errors
    /// What the temporary file suffered.
    pub(super) fn copy(&mut self, whole: &Self, conf: &LocationConf) -> Result<(), BodyError> {
        self.begin(whole.framing, false);
        self.remaining = 0;
        self.finished = true;
        self.length = whole.length;
        if let Some(file) = &whole.file {
            let path = &conf.client_body_temp_path;
            // Whoever sends it reads at offsets of its own.
            let copy = file.try_clone().map_err(|error| BodyError::File("dup()", path.clone(), error))?;
            self.file = Some(copy);
            return Ok(());
        }
        match Held::take(whole.memory.len()) {
            Some(held) => {
                self.held = held;
                self.memory.extend_from_slice(&whole.memory);
                Ok(())
            }
            None => self.store(conf, &whole.memory),
        }
    }

    /// Appends to the temporary file, which is made when there is none.
    fn store(&mut self, conf: &LocationConf, bytes: &[u8]) -> Result<(), BodyError> {
        let path = &conf.client_body_temp_path;
        let failed = |call| move |error| BodyError::File(call, path.clone(), error);
        if self.file.is_none() {
            self.file = Some(if conf.client_body_in_file_only == BodyFile::Off {
                io::file::create_temp(path).map_err(failed("open()"))?
            } else {
                let levels = conf.client_body_temp_levels;
                let (file, mut name) = io::named::create(path, levels).map_err(failed("open()"))?;
                if conf.client_body_in_file_only == BodyFile::On {
                    name.stay();
                }
                self.file_name = Some(name);
                file
            });
        }
        if let Some(file) = &self.file {
            io::file::write_all(file.as_fd(), bytes).map_err(failed("write()"))?;
        }
        Ok(())
    }

    /// The request has a body of at least one byte, or chunks.
    pub fn is_present(&self) -> bool {
        !matches!(self.framing, BodyFraming::None)
    }

    /// How the client framed it.
    pub fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// The client did not say how long it is.
    pub fn is_of_unknown_length(&self) -> bool {
        matches!(self.framing, BodyFraming::Chunked | BodyFraming::UntilClose)
    }

    /// All of it was taken from the connection.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The client still waits for `100 Continue` before it sends.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue && !self.finished
    }

    /// Takes what `input` holds from `*at` on, appends the decoded bytes to `out`. A chunk that makes the body longer
    /// than `limit` bytes (0: none) is refused as soon as its size is known.
    fn take(&mut self, input: &[u8], at: &mut usize, out: &mut Vec<u8>, limit: u64) -> Result<(), BodyError> {
        if self.finished {
            return Ok(());
        }
        match self.framing {
            BodyFraming::None => self.finished = true,
            BodyFraming::UntilClose => {
                let available = input.get(*at..).unwrap_or_default();
                let length = self.length + available.len() as u64;
                if limit != 0 && length > limit {
                    return Err(BodyError::TooLarge(self.length, available.len() as u64));
                }
                out.extend_from_slice(available);
                *at += available.len();
                self.length = length;
            }
            BodyFraming::Length(_) => {
                let available = input.get(*at..).unwrap_or_default();
                let n = available.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                out.extend_from_slice(&available[..n]);
                *at += n;
                self.remaining -= n as u64;
                self.length += n as u64;
                self.finished = self.remaining == 0;
            }
            BodyFraming::Chunked => loop {
                let available = input.get(*at..).unwrap_or_default();
                let step = self.decoder.decode(available).map_err(|_| BodyError::Malformed)?;
                match step.kind {
                    ChunkKind::Data { start, len } => {
                        let chunk = self.decoder.chunk_remaining().saturating_add(len as u64);
                        if limit != 0 && limit.saturating_sub(self.length) < chunk {
                            return Err(BodyError::TooLarge(self.length, chunk));
                        }
                        out.extend_from_slice(&available[start..start + len]);
                        self.length += len as u64;
                    }
                    ChunkKind::NeedMore => {
                        *at += step.consumed;
                        return Ok(());
                    }
                    ChunkKind::End => {
                        *at += step.consumed;
                        self.finished = true;
                        return Ok(());
                    }
                }
                *at += step.consumed;
            },
        }
        Ok(())
    }
}

impl Exchange {
    /// Reads the whole body into memory or a temporary file.
    ///
    /// # Errors
    /// See [`BodyError`]; nothing was answered yet.
    pub async fn read_body(&mut self, conf: &LocationConf) -> Result<(), BodyError> {
        let saves = conf.client_body_in_file_only != BodyFile::Off;
        if self.body.is_finished() {
            // A body that was read for another location stays where it is.
            let is_new = saves && self.body.memory.is_empty();
            return if is_new { self.save_body(conf, &mut Vec::new()) } else { Ok(()) };
        }
        let mut memory = std::mem::take(&mut self.body.memory);
        let mut result = self.read_body_into(conf, &mut memory).await;
        if saves && result.is_ok() {
            result = self.save_body(conf, &mut memory);
        }
        self.body.memory = memory;
        result
    }

    /// `client_body_in_file_only`: a body that was read whole has a file with a name, however short it is.
    #[cold]
    fn save_body(&mut self, conf: &LocationConf, memory: &mut Vec<u8>) -> Result<(), BodyError> {
        if self.body.is_present() && self.body.file.is_none() { self.spill(conf, memory) } else { Ok(()) }
    }

    async fn read_body_into(&mut self, conf: &LocationConf, memory: &mut Vec<u8>) -> Result<(), BodyError> {
        self.take_body(memory, conf.client_max_body_size)?;
        let limit = self.memory_limit(conf, memory);
        loop {
            if memory.len() > limit {
                self.spill(conf, memory)?;
            }
            if self.body.is_finished() {
                if self.body.file.is_some() {
                    self.spill(conf, memory)?;
                }
                return Ok(());
            }
            if matches!(self.body.framing, BodyFraming::Length(_)) {
                self.read_into(conf.client_body_timeout, memory).await?;
            } else {
                self.read_more(conf.client_body_timeout).await?;
                self.take_body(memory, conf.client_max_body_size)?;
            }
        }
    }

    /// The body where nginx would have it in memory too (`$request_body`); else nothing.
    pub fn body_in_memory(&self) -> &[u8] {
        let limit = self.location_conf(&self.cycle).client_body_buffer_size;
        // nginx makes its buffer a quarter larger where that makes room for all.
        if self.body.file.is_none() && self.body.memory.len() <= limit + limit / 4 {
            &self.body.memory
        } else {
            b""
        }
    }

    /// How much of the body may stay in memory; makes room for one that is held whole.
    fn memory_limit(&mut self, conf: &LocationConf, memory: &mut Vec<u8>) -> usize {
        let usual = conf.client_body_buffer_size;
        match self.body.framing {
            BodyFraming::Length(length) if length > usual as u64 && length <= HELD_BODY as u64 => {
                let length = length as usize;
                let Some(held) = Held::take(length) else { return usual };
                self.body.held = held;
                memory.reserve_exact(length - memory.len());
                length
            }
            _ => usual,
        }
    }

    /// The next piece of the body, decoded, appended to `out`; `false` when the body is finished.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn next_body_chunk(
        &mut self,
        conf: &LocationConf,
        out: &mut Vec<u8>,
    ) -> Result<bool, BodyError> {
        let before = out.len();
        loop {
            self.take_body(out, conf.client_max_body_size)?;
            if out.len() > before || self.body.is_finished() {
                return Ok(!self.body.is_finished());
            }
            self.read_more(conf.client_body_timeout).await?;
        }
    }

    /// Takes into memory what arrived of the body with the head. If that is all of it, the body is as good as read
    /// whole: its length is known, and it can be sent again.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn keep_arrived_body(&mut self, conf: &LocationConf) -> Result<(), BodyError> {
        let mut memory = std::mem::take(&mut self.body.memory);
        let result = self.take_arrived_body(conf, &mut memory);
        self.body.memory = memory;
        result
    }

    /// Takes body bytes that already arrived, without waiting.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub fn take_arrived_body(&mut self, conf: &LocationConf, out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.take_body(out, conf.client_max_body_size)
    }

    /// All that is still to come of the body lies in `input`: reading it waits for nothing.
    pub fn body_has_arrived(&self) -> bool {
        let arrived = self.input.get(self.consumed..).unwrap_or_default();
        match self.body.framing {
            BodyFraming::None => true,
            BodyFraming::UntilClose => self.body.finished,
            BodyFraming::Length(_) => arrived.len() as u64 >= self.body.remaining,
            BodyFraming::Chunked => {
                let mut decoder = self.body.decoder.clone();
                let mut rest = arrived;
                loop {
                    match decoder.decode(rest) {
                        Ok(step) if step.kind == ChunkKind::End => return true,
                        Ok(step) if step.kind != ChunkKind::NeedMore => rest = &rest[step.consumed..],
                        Ok(_) | Err(_) => return false,
                    }
                }
            }
        }
    }

    /// Reads and drops the rest of the body. `false` when the connection cannot be used again: the client closed,
    /// sent garbage, was slower than `timeout` between two reads, or sent for longer than `lingering_time`.
    pub async fn discard_body(&mut self, timeout: Duration, lingering_time: Duration) -> bool {
        if self.body.expects_continue() && self.consumed == self.input.len() {
            // The client was never told to go on: it may send the body or leave it, so nothing after it is certain.
            return false;
        }
        let end = self.client.deadline_after(lingering_time);
        let mut sink = std::mem::take(&mut self.scratch);
        let reusable = loop {
            sink.clear();
            if let Err(error) = self.take_body(&mut sink, 0) {
                self.log_body_error(&error);
                break false;
            }
            if self.body.is_finished() {
                break true;
            }
            if crate::time::now().monotonic_ms >= end || self.read_more(timeout).await.is_err() {
                break false;
            }
        };
        sink.clear();
        self.scratch = sink;
        reusable
    }

    /// Says in the error log why the body could not be read.
    pub fn log_body_error(&self, error: &BodyError) {
        if let Some(level) = error.level() {
            self.log_error(level, format_args!("{error}"));
        }
    }

    /// Takes what arrived of the body, and counts it in `$request_length`.
    fn take_body(&mut self, out: &mut Vec<u8>, limit: u64) -> Result<(), BodyError> {
        let before = self.consumed;
        let result = self.body.take(&self.input, &mut self.consumed, out, limit);
        if result.is_ok() {
            self.request_length += (self.consumed - before) as u64;
        }
        result
    }

    /// Waits for bytes of the body and appends them to `input`, whose used-up part is dropped first.
    async fn read_more(&mut self, timeout: Duration) -> Result<(), BodyError> {
        self.compact_input();
        let mut input = std::mem::take(&mut self.input);
        let result = self.receive_body(timeout, &mut input, READ_SIZE).await;
        self.input = input;
        result.map(|_| ())
    }

    /// Waits for bytes of a body of known length, all of whose bytes in `input` were taken, and appends them to `out`.
    async fn read_into(&mut self, timeout: Duration, out: &mut Vec<u8>) -> Result<(), BodyError> {
        let max = usize::try_from(self.body.remaining).map_or(READ_SIZE, |left| left.min(READ_SIZE));
        out.reserve(max);
        let count = self.receive_body(timeout, out, max).await? as u64;
        self.body.remaining -= count;
        self.body.length += count;
        self.body.finished = self.body.remaining == 0;
        self.request_length += count;
        Ok(())
    }

    /// Waits for the client's next bytes and appends `max` of them at most to `out`; gives how many.
    async fn receive_body(
        &mut self,
        timeout: Duration,
        out: &mut Vec<u8>,
        max: usize,
    ) -> Result<usize, BodyError> {
        if self.body.expects_continue {
            self.body.expects_continue = false;
            self.send_continue(timeout).await?;
        }
        self.client.deadline.arm(timeout);
        loop {
            if self.body.read_in_a_row < READ_SHARE {
                match self.client.stream.recv_into(out, max) {
                    Ok(0) if self.body.framing == BodyFraming::UntilClose => {
                        self.body.finished = true;
                        return Ok(0);
                    }
                    Ok(0) => return Err(BodyError::Closed),
                    Ok(count) => {
                        self.body.read_in_a_row += count;
                        return Ok(count);
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(BodyError::Broken(error)),
                }
            }
            self.body.read_in_a_row = 0;
            self.client.stream.readable(&self.client.deadline).await.map_err(|e| wait_error(&e))?;
        }
    }

    async fn send_continue(&mut self, timeout: Duration) -> Result<(), BodyError> {
        self.client.deadline.arm(timeout);
        let (sent, _) = self.client.stream.send_all(CONTINUE.to_vec(), &self.client.deadline).await;
        sent.map_err(|e| wait_error(&e))
    }

    /// Drops body bytes that were taken; the head's bytes stay, variables point into them.
    fn compact_input(&mut self) {
        let head = self.request.len;
        if self.consumed > head {
            self.input.drain(head..self.consumed);
            self.consumed = head;
        }
    }

    fn spill(&mut self, conf: &LocationConf, memory: &mut Vec<u8>) -> Result<(), BodyError> {
        self.body.store(conf, memory)?;
        memory.clear();
        Ok(())
    }
}

fn wait_error(error: &std::io::Error) -> BodyError {
    if error.kind() == std::io::ErrorKind::TimedOut { BodyError::Timeout } else { BodyError::Closed }
}
