//! TLS as a client: one that takes any certificate, as what is tested is the server's side of a handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, DigitallySignedStruct, Error, ServerConfig,
    ServerConnection, SignatureScheme, StreamOwned, SupportedProtocolVersion,
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
    // What is wrong with a certificate is the server's to say.
    let key = rustls::crypto::ring::default_provider().key_provider.load_private_key(key).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    Arc::new(builder(versions, |_| true).with_client_cert_resolver(Arc::new(shown)))
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

/// Asks and gives every byte that came, from the first of the handshake to the end of the connection.
pub fn answer_on_the_wire(mut socket: TcpStream, config: &Arc<ClientConfig>, request: &[u8]) -> Vec<u8> {
    let name = ServerName::try_from("a.example").unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    connection.writer().write_all(request).unwrap();
    let mut all = Vec::new();
    let mut chunk = vec![0; 4096];
    loop {
        while connection.wants_write() {
            connection.write_tls(&mut socket).unwrap();
        }
        let count = socket.read(&mut chunk).unwrap();
        if count == 0 {
            return all;
        }
        all.extend_from_slice(&chunk[..count]);
        let mut rest = &chunk[..count];
        while !rest.is_empty() && connection.read_tls(&mut rest).unwrap() > 0 {
            let state = connection.process_new_packets().unwrap();
            let mut payload = vec![0; state.plaintext_bytes_to_read()];
            connection.reader().read_exact(&mut payload).unwrap();
        }
    }
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

/// An address that speaks TLS with this certificate and passes what comes on to another one, in both directions.
pub fn terminator(
    to: SocketAddr,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(socket) = socket else { return };
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || pass_on(StreamOwned::new(connection, socket), to));
        }
    });
    address
}

/// Carries bytes both ways until one side ends.
fn pass_on(mut outer: StreamOwned<ServerConnection, TcpStream>, to: SocketAddr) -> std::io::Result<()> {
    const TURN: Duration = Duration::from_millis(2);
    let mut inner = TcpStream::connect(to)?;
    let mut buffer = [0; 16 << 10];
    inner.set_read_timeout(Some(TURN))?;
    outer.sock.set_read_timeout(Some(TURN))?;
    loop {
        match outer.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => inner.write_all(&buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        match inner.read(&mut buffer) {
            Ok(0) => {
                outer.conn.send_close_notify();
                return outer.flush();
            }
            Ok(count) => outer.write_all(&buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
