//! Bytes between an app and a client: first memory, then a temporary file, then a pipe, in this order on their way out.
//!
//! Moves what can be moved now and never waits; [`Relay`](super::relay::Relay) decides when to wait for whom. Once a
//! byte lies in the file, everything after it goes there too until the client has caught up, so that order is kept.
//! The file never outgrows `proxy_max_temp_file_size`, and one that cannot be made or written costs no byte: then
//! nothing more is read from the app until the client has caught up.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::exchange::Exchange;
use super::transform::{Then, Transform};
use crate::config::model::{LocationConf, ProxyConf};
use crate::http1::encode;
use crate::io::{Pipe, Stream, Transfer, file, splice};

/// Most bytes of a file sent in one call.
const FILE_SHARE: usize = 512 << 10;

/// Most bytes given to one client before others get their turn.
const FAIR_SHARE: usize = 1 << 20;

/// Bytes taken back out of the pipe at a time.
const RECALL_SIZE: usize = 16 << 10;

/// What a flush achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is with the client's kernel.
    All,
    /// The client takes no more for now, or has had its share of this turn: wait until it is writable.
    Blocked,
}

/// What is on its way to one client.
pub(super) struct Flow<'c> {
    /// Bytes in memory, sent up to `sent`.
    out: Vec<u8>,
    sent: usize,
    chunked: bool,
    proxy: &'c ProxyConf,
    spool: Option<Spool>,
    /// What was read when the file could take no more: it comes behind the file and before the pipe. At most what
    /// one read from the app brings, and empty when nothing waits in the file.
    behind_spool: Vec<u8>,
    /// No temporary file: not wanted, or it could not be made or written.
    without_spool: bool,
    /// Why there is none, until somebody logs it.
    spool_error: Option<SpoolError>,
    pipe: Option<Pipe>,
    /// What payload goes through before anything else happens to it.
    pub(super) transform: Option<Transform>,
    /// The transform may hold bytes back.
    holds: bool,
    /// The client's bytes must come by this process: it speaks TLS.
    pub(super) copies: bool,
    /// The app's socket was seen readable: a pipe that takes nothing is then full.
    pub(super) app_ready: bool,
}

/// Why the temporary file is of no use.
#[derive(Debug)]
pub(super) struct SpoolError {
    /// The system call.
    pub(super) call: &'static str,
    /// What it said.
    pub(super) error: io::Error,
}

/// A temporary file without a name; bytes `read..write` wait in it.
struct Spool {
    file: OwnedFd,
    read: u64,
    write: u64,
}

impl<'c> Flow<'c> {
    /// Begins with what `out` holds (the head).
    pub(super) fn new(out: Vec<u8>, chunked: bool, proxy: &'c ProxyConf) -> Self {
        Self {
            out,
            sent: 0,
            chunked,
            proxy,
            spool: None,
            behind_spool: Vec::new(),
            without_spool: proxy.max_temp_file_size == 0,
            spool_error: None,
            pipe: None,
            transform: None,
            holds: false,
            copies: false,
            app_ready: false,
        }
    }

    /// For a body that is kept in memory, behind what `out` holds.
    pub(super) fn in_memory(out: Vec<u8>, proxy: &'c ProxyConf) -> Self {
        Self { without_spool: true, ..Self::new(out, false, proxy) }
    }

    /// All that lies in memory.
    pub(super) fn into_content(self) -> Vec<u8> {
        self.out
    }

    /// The buffer, empty, for further use.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.out.clear();
        self.out
    }

    /// Nothing waits for the client.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && self.is_memory_only()
    }

    /// Nothing waits in the file or the pipe.
    pub(super) fn is_memory_only(&self) -> bool {
        !self.is_spooling() && !self.is_splicing()
    }

    /// Bytes wait in the pipe.
    pub(super) fn is_splicing(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0)
    }

    /// May more be read from the app? Without buffering only when the client has taken everything; else as long as
    /// memory or the file takes it. What waits in the pipe is no reason to read: a full one takes nothing.
    pub(super) fn has_room(&self, buffering: bool, flushed: Flushed) -> bool {
        match flushed {
            Flushed::All => true,
            Flushed::Blocked if !buffering => false,
            Flushed::Blocked if self.is_memory_only() && self.waiting() < self.memory() => true,
            Flushed::Blocked => self.may_spool(),
        }
    }

    /// Why the temporary file is of no use, once.
    pub(super) fn take_spool_error(&mut self) -> Option<SpoolError> {
        self.spool_error.take()
    }

    /// Can payload go through a pipe? Takes one from the core's pool.
    pub(super) fn can_splice(&mut self) -> bool {
        if self.transform.is_some() || self.copies {
            return false;
        }
        if !self.chunked && self.pipe.is_none() {
            self.pipe = Pipe::acquire();
        }
        self.pipe.is_some()
    }

    /// Appends payload, as a chunk where the client gets chunks.
    pub(super) fn push(&mut self, data: &[u8]) -> io::Result<()> {
        if self.transform.is_some() { self.push_through(data, Then::More) } else { self.push_payload(data) }
    }

    /// Most bytes to be read from the app at a time.
    pub(super) fn read_size(&self, usual: usize, expanding: usize) -> usize {
        if self.transform.as_ref().is_some_and(Transform::expands) { expanding } else { usual }
    }

    /// Gives the client what the transform holds back.
    pub(super) fn flush_transform(&mut self) -> io::Result<()> {
        if self.holds { self.push_through(b"", Then::Flush) } else { Ok(()) }
    }

    /// Apart from the way of bodies that are sent as they are.
    #[cold]
    fn push_through(&mut self, data: &[u8], then: Then) -> io::Result<()> {
        let Some(transform) = &mut self.transform else { return Ok(()) };
        let [mut made, spare] = transform.take_slices();
        let result = transform.run(data, then, &mut made);
        self.holds = then == Then::More;
        let pushed = self.push_payload(&made);
        made.clear();
        if let Some(transform) = &mut self.transform {
            transform.give_slices([made, spare]);
        }
        // The error is told apart from what sockets and files suffer.
        pushed.and(result.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.0)))
    }

    fn push_payload(&mut self, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        if self.chunked {
            if self.is_spooling() || self.must_spool() {
                let mut head = [0; encode::MAX_CHUNK_HEAD];
                let head = encode::chunk_head(&mut head, data.len() as u64);
                return self.push_raw(&[head, data, b"\r\n"]);
            }
            encode::push_chunk(&mut self.out, data);
            return Ok(());
        }
        self.push_raw(&[data])
    }

    /// Appends what ends the body: the last chunk and `trailers`, which are complete lines.
    pub(super) fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        if self.transform.is_some() {
            self.push_through(b"", Then::Finish)?;
            self.transform = None;
        }
        if self.chunked { self.push_raw(&[b"0\r\n", trailers, b"\r\n"]) } else { Ok(()) }
    }

    /// Moves up to `max` bytes from the app's socket into the pipe. A full pipe is emptied into the file when the app
    /// must not wait (`buffering`).
    pub(super) fn splice_in(&mut self, from: &Stream, max: usize, buffering: bool) -> io::Result<Transfer> {
        let moved = self.try_splice_in(from, max)?;
        let full = moved == Transfer::WouldBlock && self.app_ready && self.is_splicing();
        if full && buffering && self.spill_pipe() {
            return self.try_splice_in(from, max);
        }
        Ok(moved)
    }

    fn try_splice_in(&mut self, from: &Stream, max: usize) -> io::Result<Transfer> {
        let Some(pipe) = &mut self.pipe else { return Ok(Transfer::WouldBlock) };
        let moved = pipe.try_splice_in(from, max)?;
        if let Transfer::Moved(_) = moved {
            self.app_ready = false;
            if self.is_spooling() {
                self.spill_pipe();
            }
        }
        Ok(moved)
    }

    /// Gives the client what it takes now; counts it in `bytes_sent`.
    pub(super) fn flush(&mut self, client: &Stream, bytes_sent: &mut u64) -> io::Result<Flushed> {
        self.flush_some(client, bytes_sent, FAIR_SHARE)
    }

    /// The same, up to `most` bytes.
    #[inline]
    pub(super) fn flush_some(
        &mut self,
        client: &Stream,
        bytes_sent: &mut u64,
        most: usize,
    ) -> io::Result<Flushed> {
        let mut share = 0;
        while share < most {
            let more = !self.is_memory_only();
            let moved = if self.waiting() > 0 {
                let end = self.out.len().min(self.sent.saturating_add(most - share));
                match client.try_send(&self.out[self.sent..end], more) {
                    Ok(count) => {
                        self.sent += count;
                        Transfer::Moved(count)
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Transfer::WouldBlock,
                    Err(error) => return Err(error),
                }
            } else {
                self.out.clear();
                self.sent = 0;
                self.flush_spool_or_pipe(client, most - share)?
            };
            match moved {
                Transfer::Moved(count) => {
                    *bytes_sent += count as u64;
                    share += count;
                }
                Transfer::WouldBlock => return Ok(Flushed::Blocked),
                Transfer::Eof => return Ok(if client.flush()? { Flushed::All } else { Flushed::Blocked }),
            }
        }
        Ok(Flushed::Blocked)
    }

    fn flush_spool_or_pipe(&mut self, client: &Stream, most: usize) -> io::Result<Transfer> {
        if let Some(spool) = self.spool.as_mut().filter(|spool| spool.read < spool.write) {
            let max =
                usize::try_from(spool.write - spool.read).unwrap_or(usize::MAX).min(FILE_SHARE).min(most);
            let moved = splice::sendfile(client, spool.file.as_fd(), &mut spool.read, max)?;
            if spool.read >= spool.write {
                // Never written again from the start: the kernel may still be sending from the file's pages.
                self.spool = None;
                if !self.behind_spool.is_empty() {
                    std::mem::swap(&mut self.out, &mut self.behind_spool);
                }
            }
            return match moved {
                Transfer::Eof => Err(io::ErrorKind::UnexpectedEof.into()),
                moved => Ok(moved),
            };
        }
        match &mut self.pipe {
            Some(pipe) => pipe.try_splice_out(client, most, false),
            None => Ok(Transfer::Eof),
        }
    }

    /// Sends what lies in memory, waiting as needed: the short way for an answer that is whole and has no pace.
    pub(super) async fn send_all(&mut self, exchange: &mut Exchange, conf: &LocationConf) -> io::Result<()> {
        let sent = exchange.send_now(&mut self.out)?;
        if self.out.is_empty() { Ok(()) } else { exchange.send_rest(conf, &mut self.out, sent).await }
    }

    /// Bytes that lie in memory.
    pub(super) fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    fn memory(&self) -> usize {
        self.proxy.buffers.0.saturating_mul(self.proxy.buffers.1)
    }

    fn is_spooling(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| spool.read < spool.write)
    }

    fn must_spool(&self) -> bool {
        self.waiting() >= self.memory() && self.may_spool()
    }

    fn may_spool(&self) -> bool {
        !self.without_spool && self.behind_spool.is_empty() && self.spool_room() > 0
    }

    /// Bytes the file may still take.
    fn spool_room(&self) -> u64 {
        let written = self.spool.as_ref().map_or(0, |spool| spool.write);
        self.proxy.max_temp_file_size.saturating_sub(written)
    }

    fn push_raw(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.recall_pipe()?;
        for part in parts {
            self.place(part);
        }
        Ok(())
    }

    /// Puts `part` behind everything that is not in the pipe.
    fn place(&mut self, part: &[u8]) {
        let spooled = if self.is_spooling() || self.must_spool() { self.write_to_spool(part) } else { 0 };
        let rest = &part[spooled..];
        if self.is_spooling() {
            self.behind_spool.extend_from_slice(rest);
        } else {
            self.out.extend_from_slice(rest);
        }
    }

    /// Writes as much of `part` as the file may take; gives how much that is.
    fn write_to_spool(&mut self, part: &[u8]) -> usize {
        if !self.may_spool() {
            return 0;
        }
        let count = part.len().min(usize::try_from(self.spool_room()).unwrap_or(usize::MAX));
        let Some(spool) = self.open_spool() else { return 0 };
        match file::write_all_at(spool.file.as_fd(), &part[..count], spool.write) {
            Ok(()) => {
                spool.write += count as u64;
                count
            }
            Err(error) => {
                self.give_up_spool("pwrite()", error);
                0
            }
        }
    }

    /// Moves what the pipe holds to the end of the file, as much as that may take. `false` when nothing moved: the
    /// rest stays in the pipe, which is sent behind the file.
    fn spill_pipe(&mut self) -> bool {
        let mut spilled = false;
        while self.is_splicing() && self.may_spool() {
            let room = usize::try_from(self.spool_room()).unwrap_or(usize::MAX);
            if self.open_spool().is_none() {
                break;
            }
            let (Some(spool), Some(pipe)) = (&mut self.spool, &mut self.pipe) else { break };
            match pipe.splice_to_file(spool.file.as_fd(), &mut spool.write, room) {
                Ok(Transfer::Moved(_)) => spilled = true,
                Ok(_) => self.give_up_spool("splice()", io::ErrorKind::WriteZero.into()),
                Err(error) => self.give_up_spool("splice()", error),
            }
        }
        spilled
    }

    /// Takes what the pipe holds back into memory or the file: bytes that are copied come next, and the pipe is last
    /// on the way out.
    #[inline]
    fn recall_pipe(&mut self) -> io::Result<()> {
        if self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0) { self.recall_held() } else { Ok(()) }
    }

    /// Apart, so that its buffer costs only those who need it.
    #[cold]
    #[inline(never)]
    fn recall_held(&mut self) -> io::Result<()> {
        let mut buffer = [0; RECALL_SIZE];
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held() > 0) {
            match pipe.read_out(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.place(&buffer[..count]),
            }
        }
        Ok(())
    }

    /// The temporary file, made when first needed; `None` when it cannot be made.
    fn open_spool(&mut self) -> Option<&mut Spool> {
        if self.spool.is_none() {
            match file::create_temp(&self.proxy.temp_path) {
                Ok(file) => self.spool = Some(Spool { file, read: 0, write: 0 }),
                Err(error) => self.give_up_spool("open()", error),
            }
        }
        self.spool.as_mut()
    }

    /// No more goes to the file; what lies in it is still sent.
    fn give_up_spool(&mut self, call: &'static str, error: io::Error) {
        self.without_spool = true;
        self.spool_error = Some(SpoolError { call, error });
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
pub(super) mod tests;
