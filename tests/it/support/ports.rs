//! Free TCP ports, reserved for as long as a test needs them, also against other test processes.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below Linux's ephemeral range (32768..), so that no outgoing connection can take a port between its reservation
/// and the moment the program under test binds it.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// A reserved TCP port: nobody else gets it while this value lives.
pub struct Port {
    pub number: u16,
    /// An abstract socket name is the lock: the kernel frees it even if the test process is killed.
    _lock: UnixListener,
}

/// Reserves a port that nobody listens on.
pub fn reserve() -> Port {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(7919);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = u16::try_from(FIRST + start.wrapping_add(step) % COUNT).unwrap();
        let name = SocketAddr::from_abstract_name(format!("ringx-test-port-{number}")).unwrap();
        let Ok(lock) = UnixListener::bind_addr(&name) else { continue };
        if TcpListener::bind(("0.0.0.0", number)).is_ok() {
            return Port { number, _lock: lock };
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
