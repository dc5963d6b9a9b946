//! Clients' certificates: who is asked for one in the handshake, and whether it is valid. (Apps' are held against the same
//! check, by `apps`.)
//!
//! As in nginx, a handshake succeeds whatever certificate comes (if the client has its key): whether a request may pass is
//! decided when it is there, so that the answer can say why not.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use super::certificates::read;
use super::first_version;
use crate::config::model::{AppTlsConf, TlsConf, VerifyClient};

/// Why a certificate is not valid, in OpenSSL's number and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid {
    /// `X509_V_ERR_…`
    pub code: u16,
    /// `X509_verify_cert_error_string`
    pub reason: &'static str,
}

impl Invalid {
    /// Nobody is trusted.
    pub const UNKNOWN: Self = Self::new(21, "unable to verify the first certificate");

    /// Its authority is not there.
    pub(super) const NO_ISSUER: Self = Self::new(20, "unable to get local issuer certificate");

    /// It is over.
    pub(super) const EXPIRED: Self = Self::new(10, "certificate has expired");

    /// Its time is to come.
    pub(super) const NOT_YET: Self = Self::new(9, "certificate is not yet valid");

    /// It cannot be read.
    pub(super) const UNSPECIFIED: Self = Self::new(1, "unspecified certificate verification error");

    /// Nobody says whether it is revoked.
    const NO_CRL: Self = Self::new(3, "unable to get certificate CRL");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// Nobody that is trusted signed it: what `optional_no_ca` lets pass.
    pub fn is_unknown_issuer(self) -> bool {
        matches!(self.code, 18..=21)
    }
}

/// What a server holds clients' certificates against.
pub struct ClientCheck {
    trusted: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    revoked: Vec<CertRevocationList<'static>>,
    depth: u64,
    provider: Arc<CryptoProvider>,
}

/// The check of a request, and what a handshake asks.
type Loaded = (Arc<ClientCheck>, Arc<dyn ClientCertVerifier>);

impl std::fmt::Debug for ClientCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientCheck of {} authorities", self.anchors.len())
    }
}

impl ClientCheck {
    /// Reads the authorities and the lists of revoked certificates; `None` when the server asks for no certificates. The
    /// second value is what a handshake needs.
    ///
    /// # Errors
    /// nginx's words for a file that is not right.
    pub(super) fn load(conf: &TlsConf, provider: &Arc<CryptoProvider>) -> Result<Option<Loaded>, String> {
        let mut trusted = Vec::new();
        let mut hints = Vec::new();
        if let Some(path) =
            &conf.client_certificate.as_ref().filter(|_| conf.verify_client != VerifyClient::Off)
        {
            trusted.extend(authorities(path)?);
            let mut told = RootCertStore::empty();
            told.add_parsable_certificates(trusted.iter().cloned());
            hints = told.subjects();
        }
        if let Some(path) = &conf.trusted_certificate {
            trusted.extend(authorities(path)?);
        }
        let revoked = match &conf.crl {
            Some(path) => revoked(path)?,
            None => Vec::new(),
        };
        if conf.verify_client == VerifyClient::Off {
            return Ok(None);
        }
        let check = Self::new(trusted, revoked, conf.verify_depth, provider);
        let asks = Asks { hints, provider: Arc::clone(provider) };
        Ok(Some((Arc::new(check), Arc::new(asks))))
    }

    /// The same for apps' certificates.
    pub(super) fn of_apps(conf: &AppTlsConf, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let trusted = conf.trusted_certificate.as_deref().map(authorities).transpose()?.unwrap_or_default();
        let revoked = conf.crl.as_deref().map(revoked).transpose()?.unwrap_or_default();
        Ok(Self::new(trusted, revoked, conf.verify_depth, provider))
    }

    fn new(
        trusted: Vec<CertificateDer<'static>>,
        revoked: Vec<CertRevocationList<'static>>,
        depth: u64,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let anchor = |der| anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned());
        let anchors = trusted.iter().filter_map(anchor).collect();
        Self { anchors, trusted, revoked, depth, provider: Arc::clone(provider) }
    }

    /// Whether the certificate that a client sent, with those behind it, is valid at this time (seconds since 1970).
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, chain: &[CertificateDer<'_>], unix_secs: u64) -> Result<(), Invalid> {
        self.verify_as(chain, unix_secs, KeyUsage::client_auth())
    }

    /// The same for a certificate of this use.
    pub(super) fn verify_as(
        &self,
        chain: &[CertificateDer<'_>],
        unix_secs: u64,
        usage: KeyUsage,
    ) -> Result<(), Invalid> {
        let Some((leaf, rest)) = chain.split_first() else {
            return Err(Invalid::NO_ISSUER);
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        if let Some(certificate) = first_version::parse(leaf) {
            first_version::verify(&certificate, &self.anchors, algorithms, unix_secs)?;
            return if self.revoked.is_empty() { Ok(()) } else { Err(Invalid::NO_CRL) };
        }
        let certificate = EndEntityCert::try_from(leaf).map_err(|error| invalid(&error, false))?;
        let self_signed = certificate.issuer() == certificate.subject();
        let lists: Vec<&CertRevocationList<'_>> = self.revoked.iter().collect();
        let revocation = match &lists[..] {
            [] => None,
            lists => RevocationOptionsBuilder::new(lists)
                .ok()
                .map(|options| options.with_depth(RevocationCheckDepth::Chain).build()),
        };
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(unix_secs));
        let verified =
            certificate.verify_for_usage(algorithms, &self.anchors, rest, time, usage, revocation, None);
        match verified {
            Ok(path) if path.intermediate_certificates().count() as u64 > self.depth => {
                Err(Invalid::new(22, "certificate chain too long"))
            }
            Ok(_) => Ok(()),
            // Its own authority, which is trusted: browsers' and devices' self-made certificates.
            Err(webpki::Error::CaUsedAsEndEntity) if self_signed && self.trusted.contains(leaf) => Ok(()),
            Err(error) => Err(invalid(&error, self_signed)),
        }
    }
}

fn invalid(error: &webpki::Error, self_signed: bool) -> Invalid {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => Invalid::EXPIRED,
        E::CertNotValidYet { .. } => Invalid::NOT_YET,
        E::CertRevoked => Invalid::new(23, "certificate revoked"),
        E::UnknownRevocationStatus => Invalid::NO_CRL,
        E::CrlExpired { .. } => Invalid::new(12, "CRL has expired"),
        E::RequiredEkuNotFoundContext(_) | E::CaUsedAsEndEntity => {
            Invalid::new(26, "unsuitable certificate purpose")
        }
        E::UnknownIssuer if self_signed => Invalid::new(18, "self-signed certificate"),
        E::UnknownIssuer => Invalid::UNKNOWN,
        E::EndEntityUsedAsCa => Invalid::new(79, "invalid CA certificate"),
        E::PathLenConstraintViolated => Invalid::new(25, "path length constraint exceeded"),
        E::MaximumPathDepthExceeded => Invalid::new(22, "certificate chain too long"),
        E::NameConstraintViolation => Invalid::new(47, "permitted subtree violation"),
        E::InvalidSignatureForPublicKey => Invalid::new(7, "certificate signature failure"),
        _ => Invalid::UNSPECIFIED,
    }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed =
        |why: String| format!("SSL_CTX_load_verify_locations(\"{}\") failed ({why})", path.display());
    let text = read(path).map_err(failed)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.iter().any(|der| anchor_from_trusted_cert(der).is_ok()) => Ok(found),
        Ok(_) => Err(failed("no certificate or crl found".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn revoked(path: &Path) -> Result<Vec<CertRevocationList<'static>>, String> {
    let failed = |why: String| format!("X509_LOOKUP_load_file(\"{}\") failed ({why})", path.display());
    let text = read(path).map_err(failed)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| failed(error.to_string()))?;
    if found.is_empty() {
        return Err(failed("no certificate or crl found".to_owned()));
    }
    let list = |der: &CertificateRevocationListDer<'_>| {
        OwnedCertRevocationList::from_der(der)
            .map(CertRevocationList::from)
            .map_err(|error| failed(format!("{error}: a list must be of version 2 and have a number")))
    };
    found.iter().map(list).collect()
}

/// Asks clients for a certificate and takes any whose key they have.
#[derive(Debug)]
struct Asks {
    hints: Vec<DistinguishedName>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Asks {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if let Some(certificate) = first_version::parse(certificate) {
            let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
            let of_scheme = known.map_or(&[][..], |(_, algorithms)| algorithms);
            return match first_version::has_signed(&certificate, message, signed.signature(), of_scheme) {
                true => Ok(HandshakeSignatureValid::assertion()),
                false => Err(CertificateError::BadSignature.into()),
            };
        }
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if let Some(certificate) = first_version::parse(certificate) {
            let key = SubjectPublicKeyInfoDer::from(certificate.spki());
            return verify_tls13_signature_with_raw_key(message, &key, signed, algorithms);
        }
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
    }

    fn chain(name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(file(name)).unwrap().map(Result::unwrap).collect()
    }

    fn check(crl: bool, depth: u64) -> ClientCheck {
        let trusted = authorities(&file("authority.pem")).unwrap();
        let revoked = if crl { revoked(&file("revoked.crl")).unwrap() } else { Vec::new() };
        ClientCheck::new(trusted, revoked, depth, &Arc::new(rustls::crypto::ring::default_provider()))
    }

    #[test]
    fn valid_and_invalid_certificates() {
        let now = super::super::tickets::now_secs();
        let year = 365 * 86400;
        let verified =
            |name: &str, crl, depth, at| check(crl, depth).verify(&chain(name), at).map_err(|i| i.code);
        assert_eq!(verified("client.pem", false, 1, now), Ok(()));
        assert_eq!(verified("client.pem", true, 1, now), Ok(()));
        assert_eq!(verified("revoked.pem", false, 1, now), Ok(()));
        assert_eq!(verified("revoked.pem", true, 1, now), Err(23));
        assert_eq!(verified("stranger.pem", false, 1, now), Err(21));
        assert_eq!(verified("deep.pem", false, 1, now), Ok(()));
        assert_eq!(verified("deep.pem", false, 0, now), Err(22));
        // Nobody says of the intermediate authority's certificates which are revoked.
        assert_eq!(verified("deep.pem", true, 1, now), Err(3));
        assert_eq!(verified("client.pem", false, 1, now + 200 * year), Err(10));
        assert_eq!(verified("client.pem", false, 1, 0), Err(9));
        assert_eq!(verified("authority.pem", false, 1, now), Ok(()));
        assert_eq!(verified("authority.pem", false, 1, now + 200 * year), Err(10));
        assert_eq!(verified("other_authority.pem", false, 1, now).unwrap_err(), 26);
        assert_eq!(check(false, 1).verify(&[], now).unwrap_err().code, 20);
        assert_eq!(check(false, 1).verify(&[CertificateDer::from(vec![48, 0])], now).unwrap_err().code, 1);
    }

    #[test]
    fn certificates_of_version_1() {
        let now = super::super::tickets::now_secs();
        let year = 365 * 86400;
        let old = chain("old.pem");
        assert_eq!(check(false, 1).verify(&old, now), Ok(()));
        assert_eq!(check(true, 1).verify(&old, now), Err(Invalid::NO_CRL));
        assert_eq!(check(false, 1).verify(&old, now + 200 * year), Err(Invalid::EXPIRED));
        assert_eq!(check(false, 1).verify(&old, 0), Err(Invalid::NOT_YET));
        let others = authorities(&file("other_authority.pem")).unwrap();
        let others = ClientCheck::new(others, Vec::new(), 1, &check(false, 1).provider);
        assert_eq!(others.verify(&old, now), Err(Invalid::UNKNOWN));
        // The signature is over every byte.
        let check = check(false, 1);
        for at in (0..old[0].len()).step_by(3) {
            let mut changed = old[0].to_vec();
            changed[at] ^= 1;
            assert!(check.verify(&[CertificateDer::from(changed)], now).is_err(), "byte {at}");
        }
    }

    #[test]
    fn files_that_are_not_right() {
        for (path, why) in
            [("none", "No such file or directory)"), ("a.key", "(no certificate or crl found)")]
        {
            let said = authorities(&file(path)).unwrap_err();
            assert!(said.starts_with("SSL_CTX_load_verify_locations(\"") && said.contains(why), "{said}");
            let said = revoked(&file(path)).unwrap_err();
            assert!(said.starts_with("X509_LOOKUP_load_file(\"") && said.contains(why), "{said}");
        }
    }
}
