//! TLS as a client: one that takes any certificate, as what is tested is the server's side of a handshake.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, Error, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

/// A connection after its handshake.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A client for these versions, which takes any certificate and keeps sessions for further connections.
pub fn client(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    client_verifying(versions, |_| true)
}

/// The same, of which these signatures can be verified.
pub fn client_verifying(
    versions: &[&'static SupportedProtocolVersion],
    verifies: impl Fn(SignatureScheme) -> bool,
) -> Arc<ClientConfig> {
    Arc::new(builder(versions, verifies).with_no_client_auth())
}

/// The same with a certificate of its own, followed by those that lead to its authority.
pub fn client_with(
    versions: &[&'static SupportedProtocolVersion],
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Arc<ClientConfig> {
    Arc::new(builder(versions, |_| true).with_client_auth_cert(chain, key).unwrap())
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
    verifies: impl Fn(SignatureScheme) -> bool,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let schemes = schemes.into_iter().filter(|scheme| verifies(*scheme)).collect();
    let verifier = Arc::new(TakesAny(Arc::clone(&provider), schemes));
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
}

pub(super) fn handshake(socket: TcpStream, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Tls> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    stream.flush()?;
    Ok(stream)
}

/// Connects and sends all that there is to say in one go: the end of the handshake, `request`, and `close_notify`. Gives the
/// connection, of which nothing was read since.
pub fn all_at_once(mut socket: TcpStream, config: &Arc<ClientConfig>, request: &[u8]) -> Tls {
    let name = ServerName::try_from("a.example").unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    // Kept until it may be sent.
    connection.writer().write_all(request).unwrap();
    while connection.is_handshaking() {
        while connection.wants_write() {
            connection.write_tls(&mut socket).unwrap();
        }
        connection.read_tls(&mut socket).unwrap();
        connection.process_new_packets().unwrap();
    }
    connection.send_close_notify();
    let mut all = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut all).unwrap();
    }
    socket.write_all(&all).unwrap();
    StreamOwned::new(connection, socket)
}

#[derive(Debug)]
struct TakesAny(Arc<CryptoProvider>, Vec<SignatureScheme>);

impl ServerCertVerifier for TakesAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.clone()
    }
}
