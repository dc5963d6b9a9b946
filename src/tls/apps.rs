//! TLS towards apps (`proxy_ssl_*`): what a connection is opened with, and whether the app is who it should be.
//!
//! As in nginx an app's certificate is looked at only where `proxy_ssl_verify` is on.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::certificates;
use super::clients::{ClientCheck, Invalid};
use crate::config::model::AppTlsConf;

/// Sessions that are kept of apps, for each configuration of TLS towards them.
const SESSIONS: usize = 256;

/// What connections to apps are opened with.
///
/// # Errors
/// nginx's words for a file that is not right.
pub(super) fn client_config(conf: &AppTlsConf) -> Result<Arc<ClientConfig>, String> {
    let provider = super::provider(&conf.ciphers, &crate::config::ciphers::CURVES);
    let check = match conf.verify {
        true => Some(ClientCheck::of_apps(conf, &provider)?),
        false => None,
    };
    let verifier = Arc::new(Verifier { check, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&super::protocol_versions(conf.versions))
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &conf.certificate {
        Some(pair) => {
            let key = Arc::new(certificates::load(pair, &provider)?);
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = conf.server_name;
    if conf.http2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    config.resumption =
        if conf.session_reuse { Resumption::in_memory_sessions(SESSIONS) } else { Resumption::disabled() };
    Ok(Arc::new(config))
}

/// Whom a connection is for, out of `proxy_ssl_name`: a port behind it does not count. What is no name is nobody's: no SNI is
/// sent, and no certificate is right.
pub fn server_name(written: &[u8]) -> ServerName<'static> {
    const NOBODY: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let text = std::str::from_utf8(written).unwrap_or_default();
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => text.split(':').next().unwrap_or_default(),
    };
    ServerName::try_from(host.to_owned()).unwrap_or(ServerName::IpAddress(NOBODY.into()))
}

struct Verifier {
    check: Option<ClientCheck>,
    provider: Arc<CryptoProvider>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier of apps, {:?}", self.check)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(check) = &self.check else { return Ok(ServerCertVerified::assertion()) };
        let mut chain = vec![certificate.clone()];
        chain.extend_from_slice(intermediates);
        check.verify_as(&chain, now.as_secs(), KeyUsage::server_auth()).map_err(|invalid| {
            let Invalid { code, reason } = invalid;
            Error::General(format!("upstream SSL certificate verify error: ({code}:{reason})"))
        })?;
        let names = EndEntityCert::try_from(certificate)
            .and_then(|certificate| certificate.verify_is_valid_for_subject_name(server_name));
        let shown = server_name.to_str();
        names
            .map(|()| ServerCertVerified::assertion())
            .map_err(|_| Error::General(format!("upstream SSL certificate does not match \"{shown}\"")))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.check.is_none() {
            // Whoever it is will do, with a certificate of whatever form.
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.check.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::server_name;

    #[test]
    fn names_without_their_ports() {
        for (written, name) in [
            ("app.example", "app.example"),
            ("app.example:8443", "app.example"),
            ("my_app", "my_app"),
            ("127.0.0.1:443", "127.0.0.1"),
            ("[::1]:443", "::1"),
            ("", "0.0.0.0"),
            ("no name", "0.0.0.0"),
        ] {
            assert_eq!(server_name(written.as_bytes()).to_str(), name, "{written}");
        }
    }
}
