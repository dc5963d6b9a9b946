//! Connections to peers: a non-blocking connect(2), then the ring waits for its outcome. Takes an address,
//! never a name. Called by upstream.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::addr::{self, LocalAddr, RawAddr, SockAddr};
use super::stream::writable_or_readable;
use super::{Deadline, Side, Stream, check};

/// A connection whose outcome may still be unknown.
pub struct Connecting {
    stream: Stream,
    under_way: bool,
}

/// Connects to `addr`, with TCP_NODELAY on.
///
/// # Errors
/// What connect(2) says; `TimedOut` without an OS error when `deadline` expires first. A unix socket whose
/// backlog is full is an error at once (`EAGAIN`, kind `WouldBlock`), as in nginx.
pub async fn connect(addr: &SockAddr, deadline: &Deadline) -> io::Result<Stream> {
    let connecting = begin(addr, None)?;
    connecting.wait(deadline).await?;
    connecting.finish()
}

/// Why no connection could be begun.
#[derive(Debug)]
pub enum BeginError {
    /// The address it was to come from: what bind(2) says.
    Bind(io::Error),
    /// What socket(2) and connect(2) say.
    Connect(io::Error),
}

impl From<io::Error> for BeginError {
    fn from(error: io::Error) -> Self {
        Self::Connect(error)
    }
}

impl From<BeginError> for io::Error {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Bind(error) | BeginError::Connect(error) => error,
        }
    }
}

/// Begins to connect to `addr`, from `local` if that is given, with TCP_NODELAY on.
///
/// # Errors
/// As [`connect`], and what bind(2) says.
pub fn begin(addr: &SockAddr, local: Option<&LocalAddr>) -> Result<Connecting, BeginError> {
    let raw = RawAddr::new(addr)?;
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: socket(2) takes no pointers.
    let fd = check(unsafe { libc::socket(raw.family(), kind, 0) })?;
    // SAFETY: the kernel just gave us this descriptor; nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if !addr.is_unix() {
        addr::set_option(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    if let Some(local) = local {
        bind(&fd, local).map_err(BeginError::Bind)?;
    }
    // SAFETY: `raw` is a complete address of the length it says, alive during the call.
    let begun = check(unsafe { libc::connect(fd.as_raw_fd(), raw.as_ptr(), raw.len()) });
    // Only now into the loop: epoll reports a socket that never began to connect as hung up.
    match begun {
        Ok(_) => Ok(Connecting { stream: Stream::from_fd(fd)?, under_way: false }),
        // After EINTR the connection goes on in the background: connect(2).
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
            Ok(Connecting { stream: Stream::from_fd(fd)?, under_way: true })
        }
        Err(error) => Err(error.into()),
    }
}

fn bind(socket: &OwnedFd, local: &LocalAddr) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    if local.transparent {
        let (level, option) = if local.addr.is_ipv4() {
            (libc::IPPROTO_IP, libc::IP_TRANSPARENT)
        } else {
            (libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT)
        };
        addr::set_option(fd, level, option, 1)?;
    }
    if local.addr.port() == 0 {
        // The port is chosen when it connects, so that it may be used towards other peers too; an old kernel chooses now.
        let _ = addr::set_option(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1);
    }
    let raw = RawAddr::new(&SockAddr::Inet(local.addr))?;
    // SAFETY: `raw` is a complete address of the length it says, alive during the call.
    check(unsafe { libc::bind(fd, raw.as_ptr(), raw.len()) })?;
    Ok(())
}

impl Connecting {
    /// Waits for the outcome; a wait that was given up may be taken up again.
    ///
    /// # Errors
    /// `TimedOut` without an OS error when `deadline` expires first.
    pub async fn wait(&self, deadline: &Deadline) -> io::Result<()> {
        if self.under_way { self.stream.writable(deadline).await } else { Ok(()) }
    }

    /// As [`Connecting::wait`], and ends with `Side::B` when `watched` becomes readable first.
    ///
    /// # Errors
    /// As [`Connecting::wait`].
    pub async fn wait_watching(&self, watched: &Stream, deadline: &Deadline) -> io::Result<Side> {
        if self.under_way { writable_or_readable(&self.stream, watched, deadline).await } else { Ok(Side::A) }
    }

    /// The connection, once the outcome is known.
    ///
    /// # Errors
    /// What connect(2) says.
    pub fn finish(self) -> io::Result<Stream> {
        if self.under_way {
            self.stream.take_error()?;
        }
        Ok(self.stream)
    }
}
