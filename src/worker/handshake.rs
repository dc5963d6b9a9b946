//! What comes before the first request on a port for TLS: the handshake, or that the client does not know of it.
//!
//! Bounded in time by `client_header_timeout` as a whole, and in each turn of the loop by `io`. Called by connection.rs,
//! once a connection.

use std::io::ErrorKind;
use std::sync::Arc;

use rustls::server::ClientHello;

use crate::cycle::Handshake;
use crate::http::{Client, Hello};
use crate::io::tls::{Choice, HandshakeError};
use crate::log::{Errno, Level};
use crate::shard::Shard;

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shaken {
    /// The stream speaks TLS.
    Tls,
    /// The client speaks plain HTTP, which is answered with 497.
    Plain,
    /// The connection is over; the log says why.
    Failed,
}

/// Whether the client's first bytes are to be a handshake.
#[inline]
pub(super) fn is_due(shard: &Shard, client: &Client) -> bool {
    shard.cycle().listen(client.listen.get()).ssl && !client.stream.is_tls()
}

/// Shakes hands with a client that has sent something, or closed.
pub(super) async fn run(shard: &Shard, client: &Client) -> Shaken {
    let cycle = shard.cycle();
    let listen = client.listen.get();
    let server = cycle.server(cycle.listen(listen).default_server);
    client.deadline.arm(server.client_header_timeout);
    let mut begun = true;
    let result = match first_byte(client).await {
        Ok(Some(byte)) if !begins_tls(byte) => return Shaken::Plain,
        Ok(first) => {
            begun = first.is_some();
            let choose = |hello: &ClientHello<'_>| {
                if cycle.conf.http.wants_client_hello {
                    keep(client, hello);
                }
                match cycle.tls_named(listen, hello.server_name()) {
                    Some(Handshake::With(config)) => Choice::With(Arc::clone(config)),
                    Some(Handshake::Rejected) | None => Choice::Reject,
                }
            };
            client.stream.accept_tls(&client.deadline, choose).await
        }
        Err(error) => Err(error),
    };
    let Err(error) = result else { return Shaken::Tls };
    let logs = &cycle.location(server.root_location).error_log;
    let (remote, local) = (String::from_utf8_lossy(&client.remote_text), &client.listen_addr);
    cycle.logs.error(
        logs,
        Level::Info,
        client.serial,
        format_args!("{} while SSL handshaking, client: {remote}, server: {local}", what(&error, begun)),
    );
    Shaken::Failed
}

/// For `$ssl_ciphers` and `$ssl_curves`.
fn keep(client: &Client, hello: &ClientHello<'_>) {
    let groups = hello.named_groups().unwrap_or_default();
    let _ = client.tls.hello.set(Box::new(Hello {
        ciphers: hello.cipher_suites().iter().map(|suite| u16::from(*suite)).collect(),
        groups: groups.iter().map(|group| u16::from(*group)).collect(),
    }));
}

/// What OpenSSL would take for the beginning of a handshake: a record of one, or a hello of SSL 2.
fn begins_tls(byte: u8) -> bool {
    byte == 0x16 || byte & 0x80 != 0
}

/// `None`: the client closed.
async fn first_byte(client: &Client) -> Result<Option<u8>, HandshakeError> {
    let mut byte = [0];
    loop {
        match client.stream.peek(&mut byte) {
            Ok(count) => return Ok((count > 0).then_some(byte[0])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client.stream.readable(&client.deadline).await?;
            }
            Err(error) => return Err(HandshakeError::Io(error)),
        }
    }
}

/// What happened, in nginx's words, but for OpenSSL's.
fn what(error: &HandshakeError, begun: bool) -> String {
    match error {
        HandshakeError::Closed if !begun => "client closed connection".to_owned(),
        HandshakeError::Closed => "peer closed connection in SSL handshake".to_owned(),
        HandshakeError::Io(error) if error.kind() == ErrorKind::TimedOut => {
            "client timed out (110: Connection timed out)".to_owned()
        }
        HandshakeError::Io(error) => {
            format!("peer closed connection in SSL handshake ({})", Errno(error))
        }
        HandshakeError::Rejected => {
            "SSL_do_handshake() failed (SSL: error:0A0000E2:SSL routines::callback failed)".to_owned()
        }
        HandshakeError::Tls(error) => format!("SSL_do_handshake() failed (SSL: {error})"),
    }
}
