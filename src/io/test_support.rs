//! What the tests of this room share: a loop per rung, a connected pair of TCP sockets, and an allocator that
//! counts per thread (the unit tests' global one: the steady state of a connection is to allocate nothing).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
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
    // Two small sends in a row must not wait for an acknowledgement.
    near.set_nodelay(true).unwrap();
    (Stream::from_fd(OwnedFd::from(near)).unwrap(), far)
}

/// Both ends in the loop.
pub(super) fn near_pair() -> (Stream, Stream) {
    let (near, far) = pair();
    far.set_nonblocking(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, Stream::from_fd(OwnedFd::from(far)).unwrap())
}

/// Allocations of this thread so far.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    // A thread that ends may still free and allocate when its counter is gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local integer only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same as the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same as the system allocator's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same as the system allocator's.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same as the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}
