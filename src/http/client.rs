//! The client's end of a connection: what stays the same from request to request.

use std::cell::Cell;

use crate::config::model::ListenId;
use crate::io::{Deadline, SockAddr, Stream};

/// One accepted connection. Shared by reference (`Rc`) between the connection task and whatever waits on it.
pub struct Client {
    /// The socket.
    pub stream: Stream,
    /// The one deadline of this connection: armed before every wait on the client.
    pub deadline: Deadline,
    /// The client's address.
    pub remote: SockAddr,
    /// `$remote_addr` as text (`unix:` for unix sockets).
    pub remote_text: Box<[u8]>,
    /// The address it connected to.
    pub local: SockAddr,
    /// The socket it was accepted on.
    pub listen: ListenId,
    /// `$connection`: serial number, unique in this process.
    pub serial: u64,
    /// When it was accepted, `Now::monotonic_ms`.
    pub accepted_ms: u64,
    /// `$connection_requests`.
    pub requests: Cell<u64>,
}
