//! Words to the service manager (`sd_notify(3)`): ready, reloading, stopping, who is the main process.
//!
//! The way is opened at start, with the rights of then. That nobody listens is no error. Called by master.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier(Option<UnixDatagram>);

impl Notifier {
    /// By the variable `NOTIFY_SOCKET`.
    pub fn open() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").and_then(|address| connect(&address).ok()))
    }

    /// Says these lines, `NAME=VALUE`.
    pub fn say(&self, lines: &str) {
        if let Some(socket) = &self.0 {
            let _ = socket.send(lines.as_bytes());
        }
    }

    /// Says that the configuration is read again; `READY=1` ends that.
    pub fn reloading(&self) {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()));
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not listen must not hold the master up.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The clock that systemd compares with.
fn monotonic_usec() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec on this stack frame.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}
