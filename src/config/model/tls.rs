//! TLS, resolved: what a server's `ssl_*` directives mean.

use std::path::PathBuf;
use std::time::Duration;

use super::super::ciphers::Curve;
use super::super::template::Template;

/// A server's TLS. Whether a socket speaks it, `ListenConf::ssl` says.
#[derive(Debug, Clone)]
pub struct TlsConf {
    /// `ssl_certificate` and `ssl_certificate_key`, in order: one for each kind of key. Without any the server has no TLS of
    /// its own, and the default server's serves its clients.
    pub certificates: Vec<CertificateConf>,
    /// `ssl_reject_handshake`
    pub reject_handshake: bool,
    /// `ssl_buffer_size`, bytes: the most that one record of an answer holds.
    pub buffer_size: usize,
    /// `ssl_protocols`: TLS 1.2 and TLS 1.3; one of them at least.
    pub versions: Versions,
    /// `ssl_ciphers` and `ssl_conf_command Ciphersuites`: what is offered, by code, the best first.
    pub ciphers: Vec<u16>,
    /// `ssl_ecdh_curve`, the best first.
    pub curves: Vec<Curve>,
    /// `ssl_prefer_server_ciphers`: the order is ours, not the client's.
    pub prefer_server_ciphers: bool,
    /// `ssl_conf_command Options KTLS`: the kernel makes the records, where it offers that.
    pub kernel: bool,
    /// `ssl_session_cache`
    pub session_cache: SessionCacheConf,
    /// `ssl_session_timeout`
    pub session_timeout: Duration,
    /// `ssl_session_tickets`
    pub session_tickets: bool,
    /// `ssl_session_ticket_key`: the first encrypts.
    pub session_ticket_keys: Vec<PathBuf>,
    /// `ssl_stapling_file`, where `ssl_stapling` is on.
    pub stapling_file: Option<PathBuf>,
    /// `ssl_verify_client`
    pub verify_client: VerifyClient,
    /// `ssl_verify_depth`: certificates between the client's and a trusted one.
    pub verify_depth: u64,
    /// `ssl_client_certificate`: authorities that clients are told of.
    pub client_certificate: Option<PathBuf>,
    /// `ssl_trusted_certificate`: more of them, which are not told.
    pub trusted_certificate: Option<PathBuf>,
    /// `ssl_crl`
    pub crl: Option<PathBuf>,
}

/// TLS towards apps: `proxy_ssl_*`.
#[derive(Debug, Clone, PartialEq)]
pub struct AppTlsConf {
    /// `proxy_ssl_protocols`
    pub versions: Versions,
    /// `proxy_ssl_ciphers`, by code.
    pub ciphers: Vec<u16>,
    /// `proxy_ssl_name`: whom the app's certificate must name, and what SNI says.
    pub name: Template,
    /// HTTP/2 is asked for (ALPN).
    pub http2: bool,
    /// `proxy_ssl_server_name`: SNI is sent.
    pub server_name: bool,
    /// `proxy_ssl_session_reuse`
    pub session_reuse: bool,
    /// `proxy_ssl_verify`
    pub verify: bool,
    /// `proxy_ssl_verify_depth`
    pub verify_depth: u64,
    /// `proxy_ssl_trusted_certificate`
    pub trusted_certificate: Option<PathBuf>,
    /// `proxy_ssl_crl`
    pub crl: Option<PathBuf>,
    /// `proxy_ssl_certificate` and `proxy_ssl_certificate_key`: what is shown to apps that ask.
    pub certificate: Option<CertificateConf>,
}

/// Protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Versions {
    /// TLS 1.2
    pub tls12: bool,
    /// TLS 1.3
    pub tls13: bool,
}

/// `ssl_session_cache`
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum SessionCacheConf {
    /// `none`, `off`: no session is kept here.
    #[default]
    None,
    /// `builtin[:sessions]`: this server's own.
    Builtin(usize),
    /// `shared:name:size`: of all servers that name it.
    Shared {
        /// Its name.
        name: String,
        /// Bytes.
        size: usize,
    },
}

/// A certificate with its chain, and its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateConf {
    /// `ssl_certificate`
    pub certificate: PemSource,
    /// `ssl_certificate_key`
    pub key: PemSource,
}

/// Where a text in PEM comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PemSource {
    /// A file by absolute path.
    File(PathBuf),
    /// `data:…`: the text itself.
    Text(String),
}

/// `ssl_verify_client`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VerifyClient {
    /// Clients are not asked for a certificate.
    #[default]
    Off,
    /// A request without a valid certificate is answered 400.
    On,
    /// Asked for; one that is sent must be valid.
    Optional,
    /// Asked for; one that is sent may be signed by anybody.
    OptionalNoCa,
}
