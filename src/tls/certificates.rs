//! Certificates with their keys: read from files in PEM, checked against each other, chosen among by what a client can
//! verify, and read anew when the files change. A handshake holds the lock for one look.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::first_version;
use crate::config::model::{CertificateConf, PemSource};
use crate::io::granted;
use crate::log::Errno;

/// Longest file of certificates or of a key that is read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// The certificates of one server, in the order of the file.
#[derive(Debug)]
pub(super) struct Certificates {
    keys: RwLock<Vec<Arc<CertifiedKey>>>,
    files: Files,
    /// What the files looked like.
    stamps: Mutex<Stamps>,
}

/// Where they come from.
#[derive(Debug, Default)]
struct Files {
    pairs: Vec<CertificateConf>,
    stapling_file: Option<PathBuf>,
}

#[derive(Debug)]
struct Stamps {
    /// Of what is in use, or was refused.
    loaded: Vec<Stamp>,
    /// At the last look.
    seen: Vec<Stamp>,
}

/// Device, inode, length and change of a file; `None`: it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl Files {
    fn load(&self, provider: &CryptoProvider) -> Result<Vec<Arc<CertifiedKey>>, String> {
        let stapled = self.stapling_file.as_deref().map(stapled).transpose()?;
        let key = |pair: &CertificateConf| {
            let mut key = load(pair, provider)?;
            key.ocsp.clone_from(&stapled);
            Ok(Arc::new(key))
        };
        self.pairs.iter().map(key).collect()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let sources = self.pairs.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        let paths = sources.filter_map(|source| match source {
            PemSource::File(path) => Some(path.as_path()),
            PemSource::Text(_) => None,
        });
        paths.chain(self.stapling_file.as_deref())
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path: &Path| {
            let meta = granted::open(path).and_then(|file| file.metadata()).ok()?;
            Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
        };
        self.paths().map(stamp).collect()
    }
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, with the name of the file.
    pub(super) fn load(
        pairs: &[CertificateConf],
        stapling_file: Option<&Path>,
        provider: &CryptoProvider,
    ) -> Result<Self, String> {
        let files = Files { pairs: pairs.to_vec(), stapling_file: stapling_file.map(Path::to_owned) };
        // First the stamps: a file that changes between the two is taken up later.
        let loaded = files.stamps();
        let keys = RwLock::new(files.load(provider)?);
        let stamps = Mutex::new(Stamps { seen: loaded.clone(), loaded });
        Ok(Self { keys, files, stamps })
    }

    /// None: no handshake succeeds.
    pub(super) fn none() -> Self {
        let stamps = Mutex::new(Stamps { loaded: Vec::new(), seen: Vec::new() });
        Self { keys: RwLock::default(), files: Files::default(), stamps }
    }

    /// Takes files up anew that have changed and rest since the last look, so that a certificate is not read before its key
    /// is written. Gives the first file's name when it did so.
    ///
    /// # Errors
    /// What is wrong with them; those in use stay. It is said once.
    pub(super) fn refresh(&self, provider: &CryptoProvider) -> Result<Option<String>, String> {
        let now = self.files.stamps();
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = stamps.seen == now;
        stamps.seen.clone_from(&now);
        if !rests || stamps.loaded == now {
            return Ok(None);
        }
        stamps.loaded = now;
        let keys = self.files.load(provider)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(self.files.paths().next().map(|path| path.display().to_string()))
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate for the scheme that the client likes best: of RSA and ECDSA a modern client gets ECDSA.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let [only] = &keys[..] {
            return Some(Arc::clone(only));
        }
        let fitting = |scheme| keys.iter().find(|key| key.key.choose_scheme(&[scheme]).is_some());
        hello.signature_schemes().iter().find_map(|scheme| fitting(*scheme)).cloned()
    }
}

/// Reads one pair.
pub(super) fn load(conf: &CertificateConf, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = chain(&conf.certificate)
        .map_err(|why| format!("cannot load certificate \"{}\": {why}", shown(&conf.certificate)))?;
    let key = key(&conf.key, provider)
        .map_err(|why| format!("cannot load certificate key \"{}\": {why}", shown(&conf.key)))?;
    let pair = CertifiedKey::new(chain, key);
    let of_first_version = first_version::parse(&pair.cert[0]);
    let spki = of_first_version.map(|certificate| certificate.spki());
    let mismatch = match (spki, pair.key.public_key()) {
        (Some(spki), Some(key)) => spki != key.as_ref(),
        _ => matches!(pair.keys_match(), Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))),
    };
    if mismatch {
        return Err(format!(
            "SSL_CTX_use_PrivateKey(\"{}\") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)",
            shown(&conf.key)
        ));
    }
    Ok(pair)
}

/// A certificate and those that lead to its authority.
fn chain(source: &PemSource) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = text(source)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is not PEM ({error})"))?;
    if chain.is_empty() {
        return Err(
            "no certificate is in it (nothing begins with \"-----BEGIN CERTIFICATE-----\")".to_owned()
        );
    }
    Ok(chain)
}

fn key(source: &PemSource, provider: &CryptoProvider) -> Result<Arc<dyn rustls::sign::SigningKey>, String> {
    let text = text(source)?;
    let has = |words: &[u8]| memchr::memmem::find(&text, words).is_some();
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(
            "it is encrypted, which is not supported (\"openssl pkey -in FILE -out FILE\" writes it plain)"
                .to_owned(),
        );
    }
    let der = match PrivateKeyDer::from_pem_slice(&text) {
        Ok(der) => der,
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            return Err("no private key is in it".to_owned());
        }
        Err(error) => return Err(format!("it is not PEM ({error})")),
    };
    provider.key_provider.load_private_key(der).map_err(|error| {
        format!("{error}; supported are RSA from 2048 bits, ECDSA on P-256 and P-384, and Ed25519")
    })
}

/// `ssl_stapling_file`: an OCSP response in DER.
fn stapled(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("cannot load OCSP response \"{}\": {why}", path.display());
    let response = read(path).map_err(failed)?;
    // A sequence that fills the file.
    match response.first() {
        Some(0x30) => Ok(response),
        _ => Err(failed("it is not DER".to_owned())),
    }
}

fn text(source: &PemSource) -> Result<Vec<u8>, String> {
    match source {
        PemSource::File(path) => read(path),
        PemSource::Text(text) => Ok(text.clone().into_bytes()),
    }
}

/// A small file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("open() failed ({})", Errno(&error));
    let file = granted::open(path).map_err(failed)?;
    let mut content = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_FILE {
        return Err(format!("it is longer than {MAX_FILE} bytes"));
    }
    Ok(content)
}

/// How messages show it: a text of its own may hold a key.
fn shown(source: &PemSource) -> String {
    match source {
        PemSource::File(path) => path.display().to_string(),
        PemSource::Text(_) => "data:".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustls::SignatureScheme;

    use super::{CertificateConf, Certificates, PemSource};

    fn file(name: &str) -> PemSource {
        PemSource::File(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name))
    }

    fn load(pairs: &[(PemSource, PemSource)]) -> Result<Certificates, String> {
        let pair = |(certificate, key): &(PemSource, PemSource)| CertificateConf {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let confs: Vec<_> = pairs.iter().map(pair).collect();
        Certificates::load(&confs, None, &rustls::crypto::ring::default_provider())
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file() {
        let text = |text: &str| PemSource::Text(text.to_owned());
        for (certificate, key, message) in [
            (file("none"), file("a.key"), "/none\": open() failed (2: No such file or directory)"),
            (file("a.key"), file("a.key"), "/a.key\": no certificate is in it"),
            (file("a.pem"), file("none"), "cannot load certificate key \""),
            (file("a.pem"), file("a.pem"), "/a.pem\": no private key is in it"),
            (file("a.pem"), file("encrypted.key"), "/encrypted.key\": it is encrypted"),
            (file("a.pem"), file("b.key"), "/b.key\") failed (SSL: error:05800074:"),
            (file("a.pem"), file("rsa.key"), "routines::key values mismatch)"),
            (file("a.pem"), text("secret"), "\"data:\": no private key is in it"),
            (text("-----BEGIN CERTIFICATE-----\n"), file("a.key"), "cannot load certificate \"data:\": "),
        ] {
            let said = load(&[(certificate, key)]).unwrap_err();
            assert!(said.contains(message), "{said}\n{message}");
        }
    }

    #[test]
    fn a_chain_and_a_text_of_its_own() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
        let text = |name: &str| PemSource::Text(std::fs::read_to_string(folder.join(name)).unwrap());
        let loaded =
            load(&[(text("deep.pem"), text("deep.key")), (file("rsa.pem"), file("rsa.key"))]).unwrap();
        assert_eq!(loaded.keys.read().unwrap()[0].cert.len(), 2);
        let can = |at: usize, scheme| loaded.keys.read().unwrap()[at].key.choose_scheme(&[scheme]).is_some();
        assert!(can(0, SignatureScheme::ECDSA_NISTP256_SHA256) && can(1, SignatureScheme::RSA_PSS_SHA256));
    }
}
