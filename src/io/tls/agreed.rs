//! What a handshake agreed on, for who wants to know later: asked of rustls's connection, or, once the kernel has that
//! connection's keys, of what was kept of it.

use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::CertificateDer;
use rustls::{Connection, HandshakeKind, ProtocolVersion, SupportedCipherSuite};

/// What was agreed on.
#[derive(Clone, Copy)]
pub enum Agreed<'a> {
    /// As the connection knows it.
    Live(&'a Connection),
    /// As it was when the handshake ended.
    Kept(&'a Kept),
}

/// A copy of it that outlives the connection.
pub struct Kept {
    server_name: Option<Box<str>>,
    alpn_protocol: Option<Box<[u8]>>,
    version: Option<ProtocolVersion>,
    suite: Option<SupportedCipherSuite>,
    group: Option<&'static dyn SupportedKxGroup>,
    kind: Option<HandshakeKind>,
    certificates: Option<Box<[CertificateDer<'static>]>>,
}

impl Kept {
    pub(super) fn of(connection: &Connection) -> Self {
        let agreed = Agreed::Live(connection);
        Self {
            server_name: agreed.server_name().map(Into::into),
            alpn_protocol: agreed.alpn_protocol().map(Into::into),
            version: agreed.version(),
            suite: agreed.suite(),
            group: agreed.group(),
            kind: agreed.kind(),
            certificates: agreed.peer_certificates().map(<[_]>::to_vec).map(Into::into),
        }
    }
}

impl<'a> Agreed<'a> {
    /// The name that the client asked for (SNI); `None` also where this end is the client.
    pub fn server_name(self) -> Option<&'a str> {
        match self {
            Self::Live(Connection::Server(connection)) => connection.server_name(),
            Self::Live(Connection::Client(_)) => None,
            Self::Kept(kept) => kept.server_name.as_deref(),
        }
    }

    /// The protocol inside (ALPN).
    pub fn alpn_protocol(self) -> Option<&'a [u8]> {
        match self {
            Self::Live(connection) => connection.alpn_protocol(),
            Self::Kept(kept) => kept.alpn_protocol.as_deref(),
        }
    }

    /// TLS 1.2 or 1.3.
    pub fn version(self) -> Option<ProtocolVersion> {
        match self {
            Self::Live(connection) => connection.protocol_version(),
            Self::Kept(kept) => kept.version,
        }
    }

    /// The cipher.
    pub fn suite(self) -> Option<SupportedCipherSuite> {
        match self {
            Self::Live(connection) => connection.negotiated_cipher_suite(),
            Self::Kept(kept) => kept.suite,
        }
    }

    /// The group of the key exchange.
    pub fn group(self) -> Option<&'static dyn SupportedKxGroup> {
        match self {
            Self::Live(connection) => connection.negotiated_key_exchange_group(),
            Self::Kept(kept) => kept.group,
        }
    }

    /// Whether a session was resumed.
    pub fn kind(self) -> Option<HandshakeKind> {
        match self {
            Self::Live(connection) => connection.handshake_kind(),
            Self::Kept(kept) => kept.kind,
        }
    }

    /// The other end's certificates, its own first.
    pub fn peer_certificates(self) -> Option<&'a [CertificateDer<'static>]> {
        match self {
            Self::Live(connection) => connection.peer_certificates(),
            Self::Kept(kept) => kept.certificates.as_deref(),
        }
    }
}
