//! Bodies that never enter this process: file to socket with sendfile(2), socket to socket and socket to file
//! through a pipe with splice(2).
//!
//! Nothing here waits or decides: each call moves what can be moved now, and the caller waits in the ring on
//! [`Transfer::WouldBlock`]. The ring's own splice operation is never used: the kernel hands each one to a
//! thread. Called by http's writer and the relays of handler.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{Stream, check, file, retry};

/// What a pipe should hold: with 1 MiB a large body costs a quarter of the CPU of 64 KiB buffers. The kernel
/// may refuse (`fs.pipe-max-size`, `fs.pipe-user-pages-soft`) and leave what it has.
const PIPE_SIZE: libc::c_int = 1 << 20;

/// Pipes one thread keeps for later.
const IDLE_PIPES: usize = 32;

/// Pipes one thread may have in use: two descriptors and up to 1 MiB of kernel memory each. Beyond it the
/// caller copies through a buffer.
const PIPES_IN_USE: usize = 512;

/// What a call moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// This many bytes, at least 1.
    Moved(usize),
    /// The source is at its end.
    Eof,
    /// Nothing can be moved now.
    WouldBlock,
}

/// sendfile(2) of up to `max` bytes from `offset`, which is advanced. A slow disk blocks. To a stream with TLS the bytes go
/// by way of this process, and [`Stream::flush`] must follow the last of them.
///
/// # Errors
/// What the socket suffered (`BrokenPipe`, `ConnectionReset`) or the file (`EIO`).
pub fn sendfile(to: &Stream, from: BorrowedFd<'_>, offset: &mut u64, max: usize) -> io::Result<Transfer> {
    if let Some(layer) = to.layer()
        && !layer.is_of_kernel()
    {
        return layer.send_file(to.fd(), from, offset, max);
    }
    let mut at = file::file_offset(*offset)?;
    let (to, from) = (to.fd(), from.as_raw_fd());
    // SAFETY: both descriptors are open while borrowed and `at` is an off_t on this stack frame.
    let moved = transfer(retry(|| unsafe { libc::sendfile(to, from, &raw mut at, max) }))?;
    if let Transfer::Moved(count) = moved {
        *offset += count as u64;
    }
    Ok(moved)
}

/// A pipe that holds bytes on their way. Returned to the thread's pool on drop when it is empty, else closed.
#[derive(Debug)]
pub struct Pipe {
    /// `None` only while it is dropped.
    ends: Option<Ends>,
    held: usize,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    /// A pipe from the pool, or a new one; `None` when the thread has too many in use or the process too many
    /// descriptors: then copy through a buffer.
    pub fn acquire() -> Option<Self> {
        POOL.with(|pool| {
            if pool.in_use.get() >= PIPES_IN_USE {
                return None;
            }
            let idle = pool.idle.borrow_mut().pop();
            let ends = match idle {
                Some(ends) => ends,
                None => create().ok()?,
            };
            pool.in_use.set(pool.in_use.get() + 1);
            Some(Self { ends: Some(ends), held: 0 })
        })
    }

    /// Bytes in the pipe.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Moves up to `max` bytes from a socket into the pipe. When the pipe holds bytes, `WouldBlock` may also
    /// mean that it is full: empty it before waiting for the socket.
    ///
    /// # Errors
    /// What the socket suffered.
    pub fn try_splice_in(&mut self, from: &Stream, max: usize) -> io::Result<Transfer> {
        if !from.is_bare() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let moved = splice(from.fd(), self.write_fd(), max, 0)?;
        if let Transfer::Moved(count) = moved {
            self.held += count;
        }
        Ok(moved)
    }

    /// Moves up to `max` bytes from the pipe to a socket. `more` says that another send follows. An empty pipe is `Eof`.
    ///
    /// # Errors
    /// What the socket suffered.
    pub fn try_splice_out(&mut self, to: &Stream, max: usize, more: bool) -> io::Result<Transfer> {
        if self.held == 0 {
            return Ok(Transfer::Eof);
        }
        if !to.takes_files() {
            // What would go there is no record and no frame.
            return Err(io::ErrorKind::Unsupported.into());
        }
        let flags = if more { libc::SPLICE_F_MORE } else { 0 };
        let moved = splice(self.read_fd(), to.fd(), self.held.min(max), flags)?;
        self.note_out(moved);
        Ok(moved)
    }

    /// Moves up to `max` bytes from the pipe into a file at `offset`, which is advanced. The file must not be in
    /// append mode. An empty pipe is `Eof`. A slow disk blocks.
    ///
    /// # Errors
    /// As write(2): `StorageFull`.
    pub fn splice_to_file(
        &mut self,
        to: BorrowedFd<'_>,
        offset: &mut u64,
        max: usize,
    ) -> io::Result<Transfer> {
        if self.held == 0 {
            return Ok(Transfer::Eof);
        }
        let mut at = file::file_offset(*offset)?;
        let (from, to, len) = (self.read_fd(), to.as_raw_fd(), self.held.min(max));
        let none = std::ptr::null_mut();
        // SAFETY: both descriptors are open while borrowed, `at` is an off_t on this stack frame, and a pipe
        // has no offset.
        let moved = transfer(retry(|| unsafe { libc::splice(from, none, to, &raw mut at, len, FLAGS) }))?;
        if let Transfer::Moved(count) = moved {
            *offset += count as u64;
        }
        self.note_out(moved);
        Ok(moved)
    }

    /// Reads bytes out of the pipe into memory: for a body whose way changes in the middle.
    ///
    /// # Errors
    /// As read(2).
    pub fn read_out(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(self.held);
        if len == 0 {
            return Ok(0);
        }
        let (from, pointer) = (self.read_fd(), buf.as_mut_ptr());
        // SAFETY: `buf` is ours to write over `len` bytes until the call returns.
        let count = retry(|| unsafe { libc::read(from, pointer.cast(), len) })?;
        self.held -= count;
        Ok(count)
    }

    fn note_out(&mut self, moved: Transfer) {
        if let Transfer::Moved(count) = moved {
            self.held -= count.min(self.held);
        }
    }

    fn read_fd(&self) -> RawFd {
        self.ends.as_ref().map_or(-1, |ends| ends.read.as_raw_fd())
    }

    fn write_fd(&self) -> RawFd {
        self.ends.as_ref().map_or(-1, |ends| ends.write.as_raw_fd())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let ends = self.ends.take().filter(|_| self.held == 0);
        // The thread may be ending, its pool gone: then the pipe is closed.
        let _ = POOL.try_with(|pool| {
            pool.in_use.set(pool.in_use.get().saturating_sub(1));
            let mut idle = pool.idle.borrow_mut();
            if let Some(ends) = ends.filter(|_| idle.len() < IDLE_PIPES) {
                idle.push(ends);
            }
        });
    }
}

struct PipePool {
    idle: RefCell<Vec<Ends>>,
    in_use: Cell<usize>,
}

thread_local! {
    static POOL: PipePool = const { PipePool { idle: RefCell::new(Vec::new()), in_use: Cell::new(0) } };
}

const FLAGS: libc::c_uint = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;

fn create() -> io::Result<Ends> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two descriptors.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let read = unsafe { OwnedFd::from_raw_fd(fds[0]) };
    // SAFETY: as above.
    let write = unsafe { OwnedFd::from_raw_fd(fds[1]) };
    // SAFETY: fcntl with an integer argument. A refusal leaves the default size, which works as well.
    unsafe { libc::fcntl(write.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_SIZE) };
    Ok(Ends { read, write })
}

fn splice(from: RawFd, to: RawFd, max: usize, flags: libc::c_uint) -> io::Result<Transfer> {
    let none = std::ptr::null_mut();
    // SAFETY: null offsets are right for sockets and pipes; both descriptors are open while their owners are
    // borrowed by the caller.
    transfer(retry(|| unsafe { libc::splice(from, none, to, none, max, FLAGS | flags) }))
}

fn transfer(result: io::Result<usize>) -> io::Result<Transfer> {
    match result {
        Ok(0) => Ok(Transfer::Eof),
        Ok(count) => Ok(Transfer::Moved(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Transfer::WouldBlock),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
