//! The kernel: rings, sockets, files, timers. The only room with `unsafe`, libc and monoio.
//!
//! It knows file descriptors, deadlines and buffers; it must never know HTTP or a directive. The ring waits
//! and carries whole-buffer sends; reading, sendfile and splice are direct non-blocking system calls made
//! once the ring said "ready". Everything here belongs to one thread: nothing is shared between cores
//! except what [`mailbox`] carries. Called by upstream, files, http, handler, worker and master.

#![allow(unsafe_code, reason = "this room is the boundary to the kernel; every other room is safe code")]

pub mod addr;
pub mod confine;
pub mod connect;
pub mod file;
pub mod granted;
pub mod keeper;
mod layer;
pub mod links;
pub mod listener;
pub mod log_file;
pub mod mailbox;
pub mod named;
pub mod notify;
pub mod outbox;
pub mod panics;
pub mod parking;
pub mod poll_stream;
mod ready;
pub mod runtime;
pub mod signal;
pub mod splice;
pub mod stream;
pub mod successor;
pub mod sys;
mod tasks;
pub mod timer;
pub mod tls;
mod watch;

pub use addr::{CompactAddr, LocalAddr, SockAddr};
pub use layer::Carrier;
pub use listener::{ListenOptions, ListenSocket, Listener};
pub use outbox::Outbox;
pub use parking::ParkingLot;
pub use poll_stream::{HasStream, PollStream};
pub use runtime::RingMode;
pub use splice::{Pipe, Transfer};
pub use stream::{Liveness, Side, Stream};
pub use timer::Deadline;

use std::io;

/// Turns the `-1` of a system call into the error in `errno`.
fn check(ret: libc::c_int) -> io::Result<libc::c_int> {
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(ret) }
}

/// The same for calls that return a byte count, made again while a signal interrupts them.
fn retry(mut call: impl FnMut() -> libc::ssize_t) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.raw_os_error() != Some(libc::EINTR) {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod test_support;
