//! An app's answer on its way to the client: read from its socket as it comes, sent as the client takes it.
//!
//! With `proxy_buffering on` a slow client never holds the app: what the client cannot take waits in memory up to
//! `proxy_buffers`, then in a temporary file. Large bodies of known length never enter this process (splice). The
//! app's connection goes back to its pool as soon as the answer is read. An answer that ends early is never made to
//! look whole. Made by `handler::proxy`, driven by `write`.

mod paced;
pub mod wait;

use std::io;
use std::rc::Rc;

use super::client::Client;
use super::exchange::Exchange;
use super::flow::{Flow, Flushed, SpoolError};
use super::transform::Transform;
use super::tunnel;
use crate::cgi::fastcgi::{Piece, RecordError, Records};
use crate::config::model::LocationConf;
use crate::http1::{BodyFraming, ChunkKind, ChunkedDecoder, Known, Trailers};
use crate::io::stream::writable_or_readable;
use crate::io::{Side, Transfer};
use crate::log::{Errno, Level, Raw};
use crate::upstream::{Lease, PeerConnection, Upstream};
use wait::{WaitError, wait_for_app};

/// Most bytes copied from an app's socket in one read.
const READ_SIZE: usize = 64 << 10;

/// From so many bytes left on, a plain body is spliced: what follows the head of a 64 KiB answer costs little more than
/// half as much so. Where the line lies below is not measured.
const SPLICE_FROM: u64 = 32 << 10;

/// Most bytes spliced in one call, and moved in one turn before other connections get theirs.
const FAIR_SHARE: usize = 512 << 10;

/// Most bytes of an app's stderr that one read can bring to the log.
const MAX_STDERR: usize = 2 << 10;

/// So many bytes of a body that nobody wants are read so that its connection can be used again.
const MAX_DROPPED: usize = 16 << 10;

/// The same for a body that is changed on its way, which costs far more a byte.
const TRANSFORM_SHARE: usize = 64 << 10;

/// Most bytes read at a time of a body whose pieces may become a thousand times as long.
const EXPANDING_READ: usize = 4 << 10;

/// An app's answer, its head already parsed.
#[derive(Default)]
pub struct Relay {
    source: Option<Source>,
    remaining: Remaining,
    decoder: ChunkedDecoder,
    /// The app lets the connection live on after this answer.
    keep_alive: bool,
    buffering: bool,
    /// Most bytes read at a time (`proxy_limit_rate`).
    most: usize,
    tunnel: bool,
    /// The answer ended early.
    cut: bool,
    /// Payload bytes read.
    received: u64,
    /// What follows the body and is no part of it (memcached).
    trailer: &'static [u8],
    /// The answer comes in FastCGI records.
    in_records: bool,
    /// FastCGI: how far the records have been read.
    records: Records,
    /// FastCGI: payload that `Content-Length` says is still to come.
    expected: Option<u64>,
    /// FastCGI: more payload than `Content-Length` says came, and was dropped.
    excess: bool,
    /// FastCGI: what the app said in stderr, to be logged.
    stderr: Vec<u8>,
}

/// The peer's side of an answer; given back once the answer is read.
pub struct Source {
    /// The connection, its input behind the head.
    pub connection: Box<PeerConnection>,
    /// Where it goes when it may be used again.
    pub upstream: Rc<Upstream>,
    /// The right to the peer.
    pub lease: Lease,
}

/// What is still to come from the app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Remaining {
    #[default]
    Nothing,
    Length(u64),
    Chunks,
    UntilClose,
    /// FastCGI records, up to the end of the request.
    Records,
}

/// What came of reading from the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    Some,
    Starved,
}

/// Writes to the error log what a FastCGI app said in stderr, as nginx does; `action` is what was being done.
pub fn log_stderr(exchange: &mut Exchange, text: &[u8], action: &str) {
    let ends = |b: &u8| matches!(b, b'\r' | b'\n' | b'.' | b' ');
    let end = text.iter().rposition(|b| !ends(b)).map_or(0, |at| at + 1);
    if let Some(last) = exchange.upstream.tries.last() {
        let peer = Rc::clone(&last.addr);
        exchange.note_upstream(&peer);
    }
    let text = Raw(&text[..end]);
    exchange.log_error(Level::Error, format_args!("FastCGI sent in stderr: \"{text}\" while {action}"));
}

impl Source {
    /// Gives the connection back to its pool (`reusable`) or closes it.
    pub fn finish(self, reusable: bool) {
        self.lease.succeeded();
        if reusable {
            self.upstream.keep(self.connection, crate::time::now().monotonic_ms);
        }
    }
}

impl Relay {
    /// Makes it ready for an answer with a body.
    pub fn begin(&mut self, source: Source, framing: BodyFraming, keep_alive: bool, buffering: bool) {
        self.decoder.reset(Trailers::Keep);
        self.remaining = match framing {
            BodyFraming::None | BodyFraming::Length(0) => Remaining::Nothing,
            BodyFraming::Length(length) => Remaining::Length(length),
            BodyFraming::Chunked => Remaining::Chunks,
            BodyFraming::UntilClose => Remaining::UntilClose,
        };
        self.source = Some(source);
        (self.keep_alive, self.buffering) = (keep_alive, buffering);
        (self.tunnel, self.cut, self.received) = (false, false, 0);
        self.most = usize::MAX;
        (self.in_records, self.excess) = (false, false);
        self.trailer = b"";
    }

    /// These bytes follow the body, and are dropped.
    pub fn expect_trailer(&mut self, trailer: &'static [u8]) {
        self.trailer = trailer;
        // Behind an empty body nobody looks for them.
        self.keep_alive &= self.is_open();
    }

    /// Takes what follows the body: the connection is kept if it is there, whole and alone.
    fn take_trailer(&mut self, exchange: &Exchange) {
        let Some(source) = &mut self.source else { return };
        let input = &mut source.connection.input;
        if !self.trailer.starts_with(&input[..input.len().min(self.trailer.len())]) {
            exchange.log_error(
                Level::Error,
                format_args!("memcached sent invalid trailer while reading upstream"),
            );
        }
        self.keep_alive &= input == self.trailer;
        input.clear();
    }

    /// What follows a chunked body is not passed on.
    pub fn drop_trailers(&mut self) {
        self.decoder.reset(Trailers::Drop);
    }

    /// Makes it ready for a tunnel: raw bytes both ways after the head of a 101.
    pub fn begin_tunnel(&mut self, source: Source) {
        self.begin(source, BodyFraming::UntilClose, false, false);
        self.tunnel = true;
    }

    /// Takes a FastCGI answer whose head was read; `records` knows how far. `framing` is what the head says.
    pub fn begin_records(
        &mut self,
        source: Source,
        records: Records,
        framing: BodyFraming,
        keep_alive: bool,
        buffering: bool,
    ) {
        self.begin(source, BodyFraming::UntilClose, keep_alive, buffering);
        self.remaining = Remaining::Records;
        self.in_records = true;
        self.records = records;
        self.stderr.clear();
        self.expected = match framing {
            BodyFraming::Length(length) => Some(length),
            BodyFraming::None | BodyFraming::Chunked | BodyFraming::UntilClose => None,
        };
    }

    /// The answer goes out without its body (HEAD, an error page in its place): the connection is closed unless
    /// nothing is outstanding on it.
    pub fn finish_without_body(mut self: Box<Self>, exchange: &mut Exchange) {
        self.release(exchange);
        exchange.spare_relay = Some(self);
    }

    /// The same for a short answer of which all may have come: what is there is read first, nothing is waited for.
    pub(super) fn finish_arrived(mut self: Box<Self>, exchange: &mut Exchange, conf: &LocationConf) {
        let mut scratch = std::mem::take(&mut exchange.scratch);
        scratch.clear();
        let mut flow = Flow::in_memory(scratch, &conf.proxy);
        while self.keep_alive && !self.tunnel && self.is_open() && flow.waiting() < MAX_DROPPED {
            if !matches!(self.fill(exchange, conf, &mut flow), Ok(Filled::Some)) {
                break;
            }
        }
        exchange.scratch = flow.into_buffer();
        self.finish_without_body(exchange);
    }

    /// Sends `out` (the head) and the body, as `transform` changes it, to the client.
    ///
    /// # Errors
    /// What the client's socket suffered; `ConnectionAborted` when the app's answer ended early (already logged). The
    /// client's connection must then be closed without more bytes.
    pub async fn pump(
        mut self: Box<Self>,
        exchange: &mut Exchange,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        transform: Option<Transform>,
    ) -> io::Result<()> {
        let result = if self.tunnel {
            match self.source.take() {
                Some(source) => tunnel::run(exchange, conf, source, out).await,
                None => Ok(()),
            }
        } else {
            self.transfer(exchange, conf, out, transform).await
        };
        self.release(exchange);
        exchange.spare_relay = Some(self);
        result
    }

    /// Appends the body, as `transform` changes it, to `out`, which may grow to `limit` bytes.
    ///
    /// # Errors
    /// `ConnectionAborted` when the app's answer ended early (already logged), `FileTooLarge`, and what `transform` says.
    pub(super) async fn collect(
        mut self: Box<Self>,
        exchange: &mut Exchange,
        conf: &LocationConf,
        transform: Transform,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<()> {
        let mut flow = Flow::in_memory(std::mem::take(out), &conf.proxy);
        flow.transform = Some(transform);
        let result = self.gather(exchange, conf, &mut flow, limit).await;
        *out = flow.into_content();
        self.release(exchange);
        exchange.spare_relay = Some(self);
        result
    }

    async fn gather(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
        limit: usize,
    ) -> io::Result<()> {
        if self.tunnel {
            return Err(io::ErrorKind::Unsupported.into());
        }
        while self.is_open() {
            if self.fill(exchange, conf, flow)? == Filled::Starved {
                self.wait(exchange, conf, flow, false).await?;
            }
            if flow.waiting() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        if self.cut { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    async fn transfer(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        out: &mut Vec<u8>,
        transform: Option<Transform>,
    ) -> io::Result<()> {
        let mut flow = Flow::new(std::mem::take(out), exchange.chunked, &conf.proxy);
        flow.transform = transform;
        flow.copies = !exchange.client.stream.takes_files()
            || self.source.as_ref().is_some_and(|source| !source.connection.stream.is_bare());
        let result = self.run(exchange, conf, &mut flow).await;
        *out = flow.into_buffer();
        result?;
        if self.cut { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    async fn run(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
    ) -> io::Result<()> {
        if exchange.pace.is_some() || conf.proxy.limit_rate.is_some() {
            return Box::pin(self.run_paced(exchange, conf, flow)).await;
        }
        // What arrived with the head, and what may have arrived since: a small answer then leaves in one send.
        let mut filled = self.fill(exchange, conf, flow)?;
        if filled == Filled::Some && self.is_open() {
            filled = self.fill(exchange, conf, flow)?;
        }
        let fair_share = if flow.transform.is_some() { TRANSFORM_SHARE } else { FAIR_SHARE } as u64;
        self.settle(flow, filled)?;
        if !self.is_open() && flow.is_memory_only() {
            return flow.send_all(exchange, conf).await;
        }
        let client = Rc::clone(&exchange.client);
        client.deadline.arm(conf.send_timeout);
        let mut share = 0;
        loop {
            let before = exchange.bytes_sent;
            let flushed = flow.flush(&client.stream, &mut exchange.bytes_sent)?;
            if exchange.bytes_sent > before {
                client.deadline.arm(conf.send_timeout);
                share += exchange.bytes_sent - before;
            }
            if !self.is_open() && flow.is_empty() && client.stream.flush()? {
                return Ok(());
            }
            let reads = self.is_open() && flow.has_room(self.buffering, flushed);
            if !reads && flushed == Flushed::Blocked {
                self.wait_for_client(&client).await?;
                share = 0;
                continue;
            }
            let blocked = flushed == Flushed::Blocked;
            // Both sides may be quick for long: after its share of work this task waits in the ring like all others.
            let pauses = share >= fair_share;
            if reads && (filled == Filled::Starved || (pauses && blocked)) {
                self.wait(exchange, conf, flow, blocked).await?;
                if blocked && client.deadline.expired() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                share = 0;
            } else if pauses {
                // The client's kernel may have taken all and still not be writable: the app must not wait for that.
                if reads && self.buffering {
                    self.wait(exchange, conf, flow, true).await?;
                } else {
                    self.wait_for_client(&client).await?;
                }
                share = 0;
            }
            if reads && self.is_open() {
                let before = self.received;
                filled = self.fill(exchange, conf, flow)?;
                share += self.received - before;
                self.settle(flow, filled)?;
            }
        }
    }

    /// What a transform holds back leaves it when the app pauses and is not buffered, and when no more will come.
    #[inline]
    fn settle(&self, flow: &mut Flow<'_>, filled: Filled) -> io::Result<()> {
        if flow.transform.is_some() && (self.cut || (filled == Filled::Starved && !self.buffering)) {
            return flow.flush_transform();
        }
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.remaining != Remaining::Nothing
    }

    /// Waits until the client takes more.
    #[inline]
    async fn wait_for_client(&self, client: &Client) -> io::Result<()> {
        let http2 = self.source.as_ref().and_then(|source| source.connection.http2.as_ref());
        match http2.filter(|http2| http2.is_sending()) {
            None => client.stream.writable(&client.deadline).await,
            // The rest of the request does not wait for the answer to be taken.
            Some(http2) => Box::pin(http2.meanwhile(client.stream.writable(&client.deadline))).await,
        }
    }

    /// Waits for the app; while the client is blocked also for the client.
    async fn wait(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
        blocked: bool,
    ) -> io::Result<()> {
        let Some(source) = &self.source else { return Ok(()) };
        let read_timeout = conf.proxy.read_timeout;
        let result = if blocked {
            let (client, connection) = (&exchange.client, &source.connection);
            connection.deadline.arm(read_timeout.min(conf.send_timeout));
            match writable_or_readable(&client.stream, &connection.stream, &connection.deadline).await {
                Ok(side) => {
                    flow.app_ready = side == Side::B;
                    Ok(())
                }
                Err(error)
                    if error.kind() == io::ErrorKind::TimedOut && conf.send_timeout <= read_timeout =>
                {
                    return Err(error);
                }
                Err(error) => Err(WaitError::from(error)),
            }
        } else {
            let client = (!conf.proxy.ignore_client_abort).then_some(&**exchange.client);
            // Who reads the rest of the request notices that the client has gone.
            let client = client.filter(|_| !source.connection.is_sending());
            wait_for_app(&source.connection, client, read_timeout).await
        };
        match result {
            Ok(()) => Ok(()),
            Err(WaitError::ClientGone) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(WaitError::Io(error)) => Err(error),
            Err(WaitError::Timeout) => {
                self.end_early(exchange, format_args!("upstream timed out (110: Connection timed out)"));
                Ok(())
            }
        }
    }

    /// Takes from the app what is there, once.
    fn fill(
        &mut self,
        exchange: &mut Exchange,
        conf: &LocationConf,
        flow: &mut Flow<'_>,
    ) -> io::Result<Filled> {
        let filled = self.take(exchange, flow);
        if let Some(failure) = flow.take_spool_error() {
            self.log_spool_error(exchange, conf, &failure);
        }
        filled
    }

    fn take(&mut self, exchange: &mut Exchange, flow: &mut Flow<'_>) -> io::Result<Filled> {
        let Some(source) = &mut self.source else { return Ok(Filled::Starved) };
        let connection = &mut source.connection;
        if connection.input.is_empty() {
            if self.remaining.splices(self.received, flow) {
                return self.splice(exchange, flow);
            }
            if self.received >= READ_SIZE as u64 {
                // A long answer that must be copied: fewer, larger reads.
                connection.input.reserve(READ_SIZE);
            }
            // Also beyond a body of known length: an app that sends more than it announced is found out by that.
            match connection.recv(flow.read_size(READ_SIZE, EXPANDING_READ).min(self.most)) {
                Ok(0) => {
                    self.end_of_file(exchange, flow)?;
                    return Ok(Filled::Some);
                }
                Ok(count) => exchange.upstream.note_received(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Filled::Starved),
                Err(error) => {
                    let failure = connection.http2.as_ref().and_then(|http2| http2.failure());
                    match failure {
                        None => self.end_early(exchange, format_args!("recv() failed ({})", Errno(&error))),
                        Some(failure) => self.end_early(exchange, format_args!("{failure}")),
                    }
                    return Ok(Filled::Some);
                }
            }
        }
        self.take_input(exchange, flow)?;
        Ok(Filled::Some)
    }

    /// Moves the payload in the connection's buffer into the flow.
    fn take_input(&mut self, exchange: &mut Exchange, flow: &mut Flow<'_>) -> io::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let mut input = std::mem::take(&mut source.connection.input);
        let result = self.take_payload(&input, flow);
        match result {
            Ok(used) => {
                input.drain(..used);
            }
            Err(TakeError::Flow(error)) => return Err(error),
            Err(TakeError::Broken(why)) => {
                input.clear();
                self.log_stderr(exchange);
                self.end_early(exchange, format_args!("{why}"));
                return Ok(());
            }
            Err(TakeError::Record(why)) => {
                self.log_stderr(exchange);
                self.end_early(exchange, format_args!("{why}"));
                return Ok(());
            }
        }
        self.log_stderr(exchange);
        if let Some(source) = &mut self.source {
            source.connection.input = input;
        }
        if !self.is_open() {
            self.end_flow(exchange, flow)?;
            if !self.trailer.is_empty() {
                self.take_trailer(exchange);
            }
            self.note_excess(exchange);
            self.release(exchange);
        }
        Ok(())
    }

    /// Appends the payload of `input` to the flow; gives the bytes used.
    fn take_payload(&mut self, input: &[u8], flow: &mut Flow<'_>) -> Result<usize, TakeError> {
        match self.remaining {
            Remaining::Nothing => Ok(0),
            Remaining::Length(left) => {
                let used = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                flow.push(&input[..used])?;
                self.received += used as u64;
                self.remaining = Remaining::after(left, used);
                Ok(used)
            }
            Remaining::UntilClose => {
                flow.push(input)?;
                self.received += input.len() as u64;
                Ok(input.len())
            }
            Remaining::Records => self.take_records(input, flow),
            Remaining::Chunks => {
                let mut used = 0;
                loop {
                    let rest = &input[used..];
                    let step = self
                        .decoder
                        .decode(rest)
                        .map_err(|_| TakeError::Broken("upstream sent invalid chunked response"))?;
                    used += step.consumed;
                    match step.kind {
                        ChunkKind::Data { start, len } => {
                            flow.push(&rest[start..start + len])?;
                            self.received += len as u64;
                        }
                        ChunkKind::NeedMore => return Ok(used),
                        ChunkKind::End => {
                            self.remaining = Remaining::Nothing;
                            return Ok(used);
                        }
                    }
                }
            }
        }
    }

    /// The same for FastCGI records. A connection that is not to be kept ends with its stdout.
    fn take_records(&mut self, input: &[u8], flow: &mut Flow<'_>) -> Result<usize, TakeError> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            let step = self.records.decode(rest).map_err(TakeError::Record)?;
            used += step.consumed;
            let misses_some = self.expected.is_some_and(|left| left > 0);
            match step.piece {
                Piece::NeedMore => return Ok(used),
                Piece::Stdout { start, len } => {
                    let wanted = self
                        .expected
                        .map_or(len, |left| usize::try_from(left).map_or(len, |left| left.min(len)));
                    flow.push(&rest[start..start + wanted])?;
                    self.received += wanted as u64;
                    self.expected = self.expected.map(|left| left - wanted as u64);
                    self.excess |= wanted < len;
                }
                Piece::Stderr { start, len } => {
                    let room = MAX_STDERR.saturating_sub(self.stderr.len()).min(len);
                    self.stderr.extend_from_slice(&rest[start..start + room]);
                }
                Piece::StdoutEnd if misses_some => {
                    return Err(TakeError::Broken("upstream prematurely closed FastCGI stdout"));
                }
                Piece::End if misses_some => {
                    return Err(TakeError::Broken("upstream prematurely closed FastCGI request"));
                }
                Piece::StdoutEnd if self.keep_alive => {}
                Piece::StdoutEnd | Piece::End => {
                    self.remaining = Remaining::Nothing;
                    return Ok(used);
                }
            }
        }
    }

    fn log_stderr(&mut self, exchange: &mut Exchange) {
        if !self.stderr.is_empty() {
            log_stderr(exchange, &self.stderr, "reading upstream");
            self.stderr.clear();
        }
    }

    /// Moves payload from the app's socket into the flow's pipe.
    fn splice(&mut self, exchange: &mut Exchange, flow: &mut Flow<'_>) -> io::Result<Filled> {
        let Some(source) = &mut self.source else { return Ok(Filled::Starved) };
        source.connection.note_spliced();
        let left = match self.remaining {
            Remaining::Length(left) => usize::try_from(left).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        match flow.splice_in(&source.connection.stream, left.min(FAIR_SHARE).min(self.most), self.buffering) {
            Ok(Transfer::Moved(count)) => {
                self.received += count as u64;
                exchange.upstream.note_received(count);
                if let Remaining::Length(left) = self.remaining {
                    self.remaining = Remaining::after(left, count);
                }
                if !self.is_open() {
                    // What follows is still in the socket.
                    self.keep_alive &= self.trailer.is_empty();
                    self.release(exchange);
                }
                Ok(Filled::Some)
            }
            Ok(Transfer::Eof) => {
                self.end_of_file(exchange, flow)?;
                Ok(Filled::Some)
            }
            Ok(Transfer::WouldBlock) => Ok(Filled::Starved),
            Err(error) => {
                self.end_early(exchange, format_args!("recv() failed ({})", Errno(&error)));
                Ok(Filled::Some)
            }
        }
    }

    /// Says so when the app sent more than it announced; the rest is not looked at, and the connection closes.
    fn note_excess(&self, exchange: &mut Exchange) {
        let Some(source) = &self.source else { return };
        // Behind a FastCGI answer stands the end of the request.
        let more = self.excess || !(self.in_records || source.connection.input.is_empty());
        if more && exchange.upstream.head.headers.has(Known::ContentLength) {
            exchange.note_upstream(&source.lease.peer().name);
            let said = "upstream sent more data than specified in \"Content-Length\" header";
            exchange.log_error(Level::Warn, format_args!("{said} while reading upstream"));
        }
    }

    /// The body is whole: its trailers, and those that the configuration adds, follow.
    fn end_flow(&mut self, exchange: &Exchange, flow: &mut Flow<'_>) -> io::Result<()> {
        if exchange.response.has_trailers {
            exchange.push_trailers(&mut self.decoder.trailers);
        }
        if let Some(stream) = &exchange.client.http2 {
            stream.keep_trailers(&self.decoder.trailers);
        }
        flow.end(&self.decoder.trailers)
    }

    /// The app closed: the end of an answer without length, too early for any other.
    fn end_of_file(&mut self, exchange: &mut Exchange, flow: &mut Flow<'_>) -> io::Result<()> {
        if self.remaining == Remaining::UntilClose {
            if let Some(source) = &self.source
                && let Some(http2) = &source.connection.http2
                && exchange.location_conf(&exchange.cycle).proxy.pass_trailers
            {
                self.decoder.trailers.extend_from_slice(&http2.trailers());
            }
            self.remaining = Remaining::Nothing;
            self.end_flow(exchange, flow)?;
            self.release(exchange);
        } else {
            self.end_early(exchange, format_args!("upstream prematurely closed connection"));
        }
        Ok(())
    }

    /// The answer will not become whole: what was read of it is still sent, then the client's connection is closed.
    fn end_early(&mut self, exchange: &mut Exchange, why: std::fmt::Arguments<'_>) {
        if let Some(source) = &self.source {
            exchange.note_upstream(&source.lease.peer().name);
        }
        exchange.log_error(Level::Error, format_args!("{why} while reading upstream"));
        self.remaining = Remaining::Nothing;
        self.cut = true;
        self.keep_alive = false;
        self.release(exchange);
    }

    /// The temporary file is of no use: from here on a slow client holds the app.
    fn log_spool_error(&self, exchange: &mut Exchange, conf: &LocationConf, failure: &SpoolError) {
        if let Some(source) = &self.source {
            exchange.note_upstream(&source.lease.peer().name);
        }
        let (call, path, why) = (failure.call, conf.proxy.temp_path.display(), Errno(&failure.error));
        exchange
            .log_error(Level::Crit, format_args!("{call} \"{path}\" failed ({why}) while reading upstream"));
    }

    /// Gives the peer's side back, at the latest when the answer is sent.
    fn release(&mut self, exchange: &mut Exchange) {
        let Some(source) = self.source.take() else { return };
        exchange.upstream.note_end(self.received);
        let reusable = self.keep_alive && !self.is_open() && source.connection.input.is_empty();
        source.finish(reusable);
    }
}

enum TakeError {
    Flow(io::Error),
    /// What is wrong with the answer.
    Broken(&'static str),
    Record(RecordError),
}

impl From<io::Error> for TakeError {
    fn from(error: io::Error) -> Self {
        Self::Flow(error)
    }
}

impl Remaining {
    fn after(left: u64, used: usize) -> Self {
        match left.saturating_sub(used as u64) {
            0 => Self::Nothing,
            left => Self::Length(left),
        }
    }

    fn splices(self, received: u64, flow: &mut Flow<'_>) -> bool {
        let long = match self {
            Self::Length(left) => left >= SPLICE_FROM || flow.is_splicing(),
            Self::UntilClose => received >= SPLICE_FROM,
            Self::Nothing | Self::Chunks | Self::Records => false,
        };
        long && flow.can_splice()
    }
}
