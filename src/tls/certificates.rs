//! Certificates with their keys: read from files in PEM, checked against each other, and chosen among by what a client can
//! verify.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::config::model::{CertificateConf, PemSource};
use crate::log::Errno;

/// Longest file of certificates or of a key that is read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// The certificates of one server, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, with the name of the file.
    pub(super) fn load(
        confs: &[CertificateConf],
        stapling_file: Option<&Path>,
        provider: &CryptoProvider,
    ) -> Result<Self, String> {
        let stapled = stapling_file.map(stapled).transpose()?;
        let key = |pair: &CertificateConf| {
            let mut key = load(pair, provider)?;
            key.ocsp.clone_from(&stapled);
            Ok::<_, String>(Arc::new(key))
        };
        Ok(Self { keys: confs.iter().map(key).collect::<Result<_, _>>()? })
    }
}

impl ResolvesServerCert for Certificates {
    /// The first certificate for the scheme that the client likes best: of RSA and ECDSA a modern client gets ECDSA.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let [only] = &self.keys[..] {
            return Some(Arc::clone(only));
        }
        let fitting = |scheme| self.keys.iter().find(|key| key.key.choose_scheme(&[scheme]).is_some());
        hello.signature_schemes().iter().find_map(|scheme| fitting(*scheme)).cloned()
    }
}

fn load(conf: &CertificateConf, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = chain(&conf.certificate)
        .map_err(|why| format!("cannot load certificate \"{}\": {why}", shown(&conf.certificate)))?;
    let key = key(&conf.key, provider)
        .map_err(|why| format!("cannot load certificate key \"{}\": {why}", shown(&conf.key)))?;
    let pair = CertifiedKey::new(chain, key);
    if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = pair.keys_match() {
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
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(format!("it is longer than {MAX_FILE} bytes"));
    }
    std::fs::read(path).map_err(failed)
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
        assert_eq!(loaded.keys[0].cert.len(), 2);
        let can = |at: usize, scheme| loaded.keys[at].key.choose_scheme(&[scheme]).is_some();
        assert!(can(0, SignatureScheme::ECDSA_NISTP256_SHA256) && can(1, SignatureScheme::RSA_PSS_SHA256));
    }
}
