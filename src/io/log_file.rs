//! Logs as descriptors: opened, replaced and written without ever waiting, whatever stands behind their names.
//!
//! A pipe whose reader sleeps takes nothing, and its lines are lost: who writes a log serves requests. Which log is meant,
//! and what becomes of an error, is decided by the caller. Called by cycle, master and cli.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::file::{c_path, fstat, open, write_all};
use super::{check, keeper, retry};

/// Opens a log for appending, created with nginx's mode 0644; where the user may not, the keeper does. Neither this nor a write to it ever waits: a pipe whose
/// reader is slow takes nothing instead (`EAGAIN`), and one that has no reader yet is filled until somebody reads it.
///
/// # Errors
/// As open(2).
pub fn append_open(path: &Path) -> io::Result<OwnedFd> {
    match open(&c_path(path)?, libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_NONBLOCK, 0o644) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && keeper::is_there() => {
            keeper::ask_for_fd(keeper::Ask::Append, path.as_os_str().as_bytes())
        }
        // fifo(7): nobody reads it. Linux lets it be opened in both directions.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            open(&c_path(path)?, libc::O_RDWR | libc::O_NONBLOCK, 0o644)
        }
        other => other,
    }
}

/// What a log's descriptor leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// A file, or something else that takes what it gets.
    File,
    /// A pipe, in an open description of our own that never waits.
    Pipe,
    /// Something that others have too and that may have to wait: each write asks first.
    Shared,
}

/// The descriptor of standard error as a log. A pipe is opened anew where that may be, because a description that does not
/// wait must not be shared with others, who would not wait then either.
///
/// # Errors
/// `EMFILE` and the like.
pub fn stderr_log() -> io::Result<(OwnedFd, LogKind)> {
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    if log_kind(stderr.as_fd()) == LogKind::File {
        return Ok((stderr, LogKind::File));
    }
    match append_open(Path::new("/proc/self/fd/2")) {
        Ok(own) => Ok((own, LogKind::Pipe)),
        Err(_) => Ok((stderr, LogKind::Shared)),
    }
}

/// What a descriptor from [`append_open`] leads to.
pub fn log_kind(fd: BorrowedFd<'_>) -> LogKind {
    match fstat(fd).map(|info| info.mode & libc::S_IFMT) {
        Ok(libc::S_IFREG) | Err(_) => LogKind::File,
        Ok(_) => LogKind::Pipe,
    }
}

/// Writes whole lines to a log and waits for nobody.
///
/// # Errors
/// As write(2): `StorageFull`; `WouldBlock` for a pipe that is full, which then has the first of the lines and never a
/// part of one (lines up to 4 KiB).
pub fn write_log(fd: BorrowedFd<'_>, kind: LogKind, mut lines: &[u8]) -> io::Result<()> {
    if kind == LogKind::File {
        return write_all(fd, lines);
    }
    while !lines.is_empty() {
        if kind == LogKind::Shared && !takes_bytes(fd) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (now, later) = lines.split_at(atomic_part(lines));
        write_all(fd, now)?;
        lines = later;
    }
    Ok(())
}

/// As many whole lines as a pipe takes at once or not at all (PIPE_BUF, pipe(7)); one at least.
fn atomic_part(lines: &[u8]) -> usize {
    let most = lines.len().min(libc::PIPE_BUF);
    let fits = memchr::memrchr(b'\n', &lines[..most]);
    fits.or_else(|| memchr::memchr(b'\n', lines)).map_or(lines.len(), |at| at + 1)
}

/// Whether the descriptor takes some bytes now.
fn takes_bytes(fd: BorrowedFd<'_>) -> bool {
    let mut asked = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: `asked` is one pollfd on this stack frame.
    retry(|| unsafe { libc::poll(&raw mut asked, 1, 0) as isize }).is_ok_and(|ready| ready > 0)
}

/// Makes `old` refer to what `new` refers to, in one step for every thread that writes to it: how a log is
/// reopened. `old` stays close-on-exec unless it is a standard stream.
///
/// # Errors
/// As dup3(2).
pub fn dup3_over(new: BorrowedFd<'_>, old: RawFd) -> io::Result<()> {
    let flags = if old > libc::STDERR_FILENO { libc::O_CLOEXEC } else { 0 };
    // SAFETY: dup3(2) takes no pointers. The caller owns the number `old`, which keeps denoting an open file.
    check(unsafe { libc::dup3(new.as_raw_fd(), old, flags) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read, Write};

    #[test]
    fn a_log_is_reopened_under_the_same_number() {
        let dir = std::env::temp_dir().join(format!("ringx-io-log-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (path, moved) = (dir.join("log"), dir.join("log.1"));
        let log = append_open(&path).unwrap();
        write_all(log.as_fd(), b"one\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        write_all(log.as_fd(), b"two\n").unwrap();
        let new = append_open(&path).unwrap();
        dup3_over(new.as_fd(), log.as_raw_fd()).unwrap();
        write_all(log.as_fd(), b"three\n").unwrap();
        assert_eq!(fs::read(&moved).unwrap(), b"one\ntwo\n");
        assert_eq!(fs::read(&path).unwrap(), b"three\n");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_pipe_gets_whole_lines_or_none() {
        assert_eq!(atomic_part(b"one\ntwo\n"), 8);
        assert_eq!(atomic_part(b"one\ntwo"), 4);
        assert_eq!(atomic_part(b"no end"), 6);
        let long = [vec![b'x'; 5000], b"\nnext\n".to_vec()].concat();
        assert_eq!(atomic_part(&long), 5001);
        let (mut reader, writer) = io::pipe().unwrap();
        let writer = append_open(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd()))).unwrap();
        let lines = "a line of a log that is not short\n".repeat(10_000);
        let written = write_log(writer.as_fd(), log_kind(writer.as_fd()), lines.as_bytes());
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut got = vec![0; 1 << 20];
        let count = reader.read(&mut got).unwrap();
        assert!(count > 4096 && count.is_multiple_of(34), "{count} bytes");
    }

    #[test]
    fn what_others_share_is_asked_first() {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[b'x'; 4096]).is_ok() {}
        ours.set_nonblocking(false).unwrap();
        let full = write_log(ours.as_fd(), LogKind::Shared, b"line\n");
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(theirs);
    }
}
