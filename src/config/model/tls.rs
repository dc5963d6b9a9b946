//! TLS, resolved: what a server's `ssl_*` directives mean.

use std::path::PathBuf;

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
    /// `ssl_verify_client`
    pub verify_client: VerifyClient,
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
