//! What the tests of this room share: a loop per rung, and a connected pair of TCP sockets.

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use super::{RingMode, Stream, runtime};

/// Runs the test on every rung that this kernel offers (epoll always).
pub(super) fn each_mode<F: Future<Output = ()>>(test: impl Fn() -> F) {
    let mut tried = Vec::new();
    for wanted in RingMode::LADDER {
        let (mode, ()) = runtime::run(Some(wanted), &test).unwrap();
        tried.push(mode);
    }
    assert_eq!(tried.last(), Some(&RingMode::Epoll));
}

/// Our end in the loop and the other end as a plain blocking socket.
pub(super) fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    (Stream::from_fd(OwnedFd::from(near)).unwrap(), far)
}
