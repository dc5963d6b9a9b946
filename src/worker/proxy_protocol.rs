//! What comes before everything else on a port with `listen … proxy_protocol`: who the client is, from a balancer.
//!
//! Takes not one byte more than the header has: what follows may be a handshake. Bounded in time by
//! `client_header_timeout` as a whole. Called by connection.rs, once a connection.

use std::io::ErrorKind;

use crate::http::Client;
use crate::http1::proxy_protocol::{MAX_HEADER, ProxyError, Read, read};
use crate::log::{Errno, Level};
use crate::shard::Shard;

/// Whether the client's first bytes are to be a header.
#[inline]
pub(super) fn is_due(shard: &Shard, client: &Client) -> bool {
    shard.cycle().listen(client.listen.get()).proxy_protocol && client.introduced.get().is_none()
}

/// Reads the header of a client that has sent something, or closed. `false`: the connection is over; the log says why.
pub(super) async fn run(shard: &Shard, client: &Client) -> bool {
    let cycle = shard.cycle();
    let server = cycle.server(cycle.listen(client.listen.get()).default_server);
    client.deadline.arm(server.client_header_timeout);
    let mut header = Vec::new();
    let Err((level, what)) = take(client, &mut header).await else {
        // It is not parked: what was told would be lost.
        client.deadline.stay();
        return true;
    };
    let logs = &cycle.location(server.root_location).error_log;
    let (remote, local) = (String::from_utf8_lossy(&client.remote_text), &client.listen_addr);
    cycle.logs.error(
        logs,
        level,
        client.serial,
        format_args!("{what} while reading PROXY protocol, client: {remote}, server: {local}"),
    );
    false
}

/// Looks at what came, takes what belongs to the header, and waits for the rest of it.
async fn take(client: &Client, header: &mut Vec<u8>) -> Result<(), (Level, String)> {
    let mut buffer = [0; MAX_HEADER];
    loop {
        let room = MAX_HEADER - header.len();
        let count = match client.stream.peek(&mut buffer[..room]) {
            Ok(0) => return Err((Level::Info, "client closed connection".to_owned())),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client.stream.readable(&client.deadline).await.map_err(|error| waited(&error))?;
                continue;
            }
            Err(error) => return Err((Level::Info, format!("recv() failed ({})", Errno(&error)))),
        };
        let before = header.len();
        header.extend_from_slice(&buffer[..count]);
        match read(header) {
            Ok(Read::Whole(len, told)) => {
                consume(client, &mut buffer[..len - before])?;
                let _ = client.introduced.set(told.map(Box::new));
                return Ok(());
            }
            Ok(Read::Partial) => consume(client, &mut buffer[..count])?,
            Err(error) => return Err((Level::Error, wrong(&error, header))),
        }
    }
}

/// Reads what was looked at.
fn consume(client: &Client, bytes: &mut [u8]) -> Result<(), (Level, String)> {
    match client.stream.try_recv(bytes) {
        Ok(count) if count == bytes.len() => Ok(()),
        // The kernel gives what it has shown.
        Ok(_) => Err((Level::Alert, "recv() gave less than it had shown".to_owned())),
        Err(error) => Err((Level::Info, format!("recv() failed ({})", Errno(&error)))),
    }
}

fn waited(error: &std::io::Error) -> (Level, String) {
    match error.kind() {
        ErrorKind::TimedOut => (Level::Info, "client timed out (110: Connection timed out)".to_owned()),
        _ => (Level::Info, format!("recv() failed ({})", Errno(error))),
    }
}

/// What is wrong, in nginx's words.
fn wrong(error: &ProxyError, header: &[u8]) -> String {
    match error {
        ProxyError::Broken => {
            let line = header.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
            format!("broken header: \"{}\"", String::from_utf8_lossy(line))
        }
        ProxyError::Version(version) => format!("unknown PROXY protocol version: {version}"),
        ProxyError::TooLarge => "header is too large".to_owned(),
        ProxyError::Short => "broken header: its addresses are cut short".to_owned(),
    }
}
