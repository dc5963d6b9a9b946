//! Names to addresses through getaddrinfo(3). Blocks: for start-up and reload only, never on a worker.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// All addresses of `host`, in the resolver's order, each once.
///
/// # Errors
/// When the name has no address or no resolver answers.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_localhost_resolve() {
        assert_eq!(resolve("127.0.0.1", 80).unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        assert!(resolve("localhost", 81).unwrap().iter().all(|a| a.ip().is_loopback() && a.port() == 81));
        assert!(resolve("no such name", 80).is_err());
    }
}
