//! TLS: from a server's `ssl_*` lines to what rustls needs for its handshakes.
//!
//! Certificates and keys are read here, at start and at each reload; a configuration whose files are wrong is refused with
//! nginx's words. No socket and no session is known here: `cycle` says which server's configuration a handshake gets, and
//! whoever owns the connection carries the handshake out.

mod apps;
mod certificates;
mod clients;
mod first_version;
mod sessions;
mod tickets;
pub mod x509;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{default_provider, kx_group};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, StoresServerSessions};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::config::ciphers::Curve;
use crate::config::model::{HttpConf, SessionCacheConf, TlsConf, VerifyClient, Versions};
use crate::config::model::{ServerConf, ServerId};
pub use apps::server_name;
use certificates::Certificates;
pub use clients::{ClientCheck, Invalid};
use sessions::{SessionStore, Sessions};
use tickets::{Context, TicketKeys, Tickets};

/// What rustls counts to a record beside its content, bytes.
const RECORD_HEAD: usize = 5;

/// With that, the longest there is (RFC 8446 section 5.1).
const LONGEST_RECORD: usize = (16 << 10) + RECORD_HEAD;

/// What ALPN offers, the best first; the first one where HTTP/2 is on.
const PROTOCOLS: [&[u8]; 4] = [b"h2", b"http/1.1", b"http/1.0", b"http/0.9"];

/// Bytes that a session of `builtin:sessions` may take.
const BUILTIN_SESSION: usize = 1024;

/// The TLS of one configuration, by server.
#[derive(Debug, Default)]
pub struct Tls {
    servers: Vec<Option<Server>>,
    /// Without a certificate, for sockets whose servers all refuse handshakes.
    bare: Option<Arc<ServerConfig>>,
    shared: Shared,
    /// Towards apps, by the number in the configuration.
    apps: Vec<Arc<ClientConfig>>,
}

#[derive(Debug)]
struct Server {
    config: Arc<ServerConfig>,
    /// The same for sockets and servers with HTTP/2.
    http2: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    check: Option<Arc<ClientCheck>>,
}

/// What outlives a reload.
#[derive(Debug, Clone, Default)]
struct Shared {
    /// Of servers that name no files.
    keys: Option<Arc<TicketKeys>>,
    /// `ssl_session_cache shared:…`
    stores: HashMap<String, Arc<SessionStore>>,
}

impl Tls {
    /// Loads what the configuration names; sessions of the `old` one can still be resumed.
    ///
    /// # Errors
    /// The message for the log: the file, and what is wrong with it.
    pub fn load(http: &HttpConf, old: Option<&Self>) -> Result<Self, String> {
        let apps = http.app_tls.iter().map(apps::client_config).collect::<Result<_, _>>()?;
        let unused = |server: &ServerConf| server.tls.certificates.is_empty();
        if http.servers.iter().all(unused) && !http.listens.iter().any(|listen| listen.ssl) {
            return Ok(Self { apps, ..Self::default() });
        }
        let had = old.map(|old| old.shared.clone()).unwrap_or_default();
        let keys = had.keys.unwrap_or_else(|| Arc::new(TicketKeys::random()));
        let mut maker = Maker { had: had.stores, stores: HashMap::new(), keys };
        let load = |server: &ServerConf| match unused(server) {
            true => Ok(None),
            false => maker.server(&server.tls).map(Some),
        };
        let servers = http.servers.iter().map(load).collect::<Result<_, _>>()?;
        let bare = bare()?;
        let shared = Shared { keys: Some(maker.keys), stores: maker.stores };
        Ok(Self { servers, bare: Some(bare), shared, apps })
    }

    /// What a server's handshakes need, with HTTP/2 among what is offered or without; `None`: it has no certificate of its own.
    pub fn of_server(&self, id: ServerId, http2: bool) -> Option<&Arc<ServerConfig>> {
        let server = self.servers.get(id.0 as usize)?.as_ref()?;
        Some(if http2 { &server.http2 } else { &server.config })
    }

    /// What a server holds clients' certificates against, when it asks for them.
    pub fn client_check(&self, id: ServerId) -> Option<&ClientCheck> {
        self.servers.get(id.0 as usize)?.as_ref()?.check.as_deref()
    }

    /// Takes up anew the certificates whose files have changed: what is to be logged. Of the master, now and then.
    pub fn refresh(&self) -> Vec<Result<String, String>> {
        let servers = self.servers.iter().flatten();
        let refreshed =
            |server: &Server| server.certificates.refresh(server.config.crypto_provider()).transpose();
        servers.filter_map(refreshed).collect()
    }

    /// What connections to apps are opened with.
    pub fn of_app(&self, number: usize) -> Option<&Arc<ClientConfig>> {
        self.apps.get(number)
    }

    /// A handshake that ends with an alert.
    pub fn bare(&self) -> Option<&Arc<ServerConfig>> {
        self.bare.as_ref()
    }
}

fn bare() -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(Certificates::none()))))
}

/// Makes the servers of one configuration.
struct Maker {
    /// Of the configuration before.
    had: HashMap<String, Arc<SessionStore>>,
    stores: HashMap<String, Arc<SessionStore>>,
    keys: Arc<TicketKeys>,
}

impl Maker {
    fn server(&mut self, conf: &TlsConf) -> Result<Server, String> {
        let provider = provider(&conf.ciphers, &conf.curves);
        let certificates =
            Arc::new(Certificates::load(&conf.certificates, conf.stapling_file.as_deref(), &provider)?);
        let client_check = ClientCheck::load(conf, &provider)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&protocol_versions(conf.versions))
            .map_err(|error| error.to_string())?;
        let (check, builder) = match client_check {
            Some((check, asks)) => (Some(check), builder.with_client_cert_verifier(asks)),
            None => (None, builder.with_no_client_auth()),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS[1..].iter().map(|name| name.to_vec()).collect();
        config.ignore_client_order = conf.prefer_server_ciphers;
        config.enable_secret_extraction = conf.kernel;
        config.max_fragment_size =
            Some(conf.buffer_size.saturating_add(RECORD_HEAD).clamp(32, LONGEST_RECORD));
        let context = context(conf);
        config.session_storage = self.session_storage(conf, context);
        if conf.session_tickets {
            let keys = match &conf.session_ticket_keys[..] {
                [] => Arc::clone(&self.keys),
                paths => Arc::new(TicketKeys::from_files(paths)?),
            };
            config.ticketer = Arc::new(Tickets { keys, context, lifetime: conf.session_timeout });
        }
        let mut http2 = config.clone();
        http2.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(Server { config: Arc::new(config), http2: Arc::new(http2), certificates, check })
    }

    /// `ssl_session_cache`
    fn session_storage(&mut self, conf: &TlsConf, context: Context) -> Arc<dyn StoresServerSessions> {
        let store =
            match &conf.session_cache {
                SessionCacheConf::None => return Arc::new(NoServerSessionStorage {}),
                SessionCacheConf::Builtin(sessions) => {
                    Arc::new(SessionStore::new(sessions.saturating_mul(BUILTIN_SESSION)))
                }
                SessionCacheConf::Shared { name, size } => {
                    let had = self.had.get(name).filter(|store| store.size() == *size);
                    let store = self.stores.entry(name.clone());
                    Arc::clone(store.or_insert_with(|| {
                        had.cloned().unwrap_or_else(|| Arc::new(SessionStore::new(*size)))
                    }))
                }
            };
        Arc::new(Sessions { store, context, timeout: conf.session_timeout })
    }
}

fn protocol_versions(versions: Versions) -> Vec<&'static SupportedProtocolVersion> {
    let tls13 = versions.tls13.then_some(&TLS13);
    tls13.into_iter().chain(versions.tls12.then_some(&TLS12)).collect()
}

/// These ciphers and groups, in this order.
fn provider(ciphers: &[u16], curves: &[Curve]) -> Arc<CryptoProvider> {
    let all = default_provider();
    let suite =
        |code: &u16| all.cipher_suites.iter().find(|suite| u16::from(suite.suite()) == *code).copied();
    let group = |curve: &Curve| match curve {
        Curve::X25519 => kx_group::X25519,
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
    };
    Arc::new(CryptoProvider {
        cipher_suites: ciphers.iter().filter_map(suite).collect(),
        kx_groups: curves.iter().map(group).collect(),
        ..all
    })
}

/// Sessions of servers that check clients otherwise must not be resumed here: their clients were not asked for what this one
/// asks for.
fn context(conf: &TlsConf) -> Context {
    let mut hash = digest::Context::new(&digest::SHA256);
    let path =
        |path: &Option<PathBuf>| path.as_ref().map(|path| path.as_os_str().as_encoded_bytes().to_vec());
    match conf.verify_client {
        VerifyClient::Off => hash.update(b"open"),
        verify => {
            hash.update(format!("{verify:?}").as_bytes());
            for path in [path(&conf.client_certificate), path(&conf.trusted_certificate), path(&conf.crl)] {
                hash.update(&path.unwrap_or_default());
                hash.update(b"\0");
            }
        }
    }
    let mut context = Context::default();
    context.copy_from_slice(hash.finish().as_ref());
    context
}
