//! TLS: from a server's `ssl_*` lines to what rustls needs for its handshakes.
//!
//! Certificates and keys are read here, at start and at each reload; a configuration whose files are wrong is refused with
//! nginx's words. No socket and no session is known here: `cycle` says which server's configuration a handshake gets, and
//! whoever owns the connection carries the handshake out.

mod certificates;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

use crate::config::model::{HttpConf, ServerConf, ServerId};
use certificates::Certificates;

/// What ALPN offers, the best first.
const PROTOCOLS: [&[u8]; 3] = [b"http/1.1", b"http/1.0", b"http/0.9"];

/// The TLS of one configuration, by server.
#[derive(Debug, Default)]
pub struct Tls {
    servers: Vec<Option<Arc<ServerConfig>>>,
    /// Without a certificate, for sockets whose servers all refuse handshakes.
    bare: Option<Arc<ServerConfig>>,
}

impl Tls {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// The message for the log: the file, and what is wrong with it.
    pub fn load(http: &HttpConf) -> Result<Self, String> {
        let unused = |server: &ServerConf| server.tls.certificates.is_empty();
        if http.servers.iter().all(unused) && !http.listens.iter().any(|listen| listen.ssl) {
            return Ok(Self::default());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let load = |server: &ServerConf| match server.tls.certificates.is_empty() {
            true => Ok(None),
            false => {
                let certificates = Certificates::load(&server.tls.certificates, &provider)?;
                server_config(certificates, &provider).map(Some)
            }
        };
        let bare = server_config(Certificates::default(), &provider)?;
        let servers = http.servers.iter().map(load).collect::<Result<_, _>>()?;
        Ok(Self { servers, bare: Some(bare) })
    }

    /// A handshake that ends with an alert.
    pub fn bare(&self) -> Option<&Arc<ServerConfig>> {
        self.bare.as_ref()
    }

    /// What a server's handshakes need; `None`: it has no certificate of its own.
    pub fn of_server(&self, id: ServerId) -> Option<&Arc<ServerConfig>> {
        self.servers.get(id.0 as usize)?.as_ref()
    }
}

fn server_config(
    certificates: Certificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}
