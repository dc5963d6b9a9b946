//! Certificates of version 1, which `openssl x509 -req` makes unless it is told of extensions. webpki does not read them.
//!
//! They are taken of clients, where a trusted authority itself has signed them; a certificate that signs others is never one of
//! them. Where lists of revoked certificates are asked for they are refused.

use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor};
use webpki::{RawPublicKeyEntity, spki_for_anchor};

use super::clients::Invalid;
use super::x509::Certificate;
use crate::time::Civil;

/// The certificate, if it is one of version 1.
pub(super) fn parse(der: &[u8]) -> Option<Certificate<'_>> {
    Certificate::parse(der).filter(|certificate| certificate.is_first_version())
}

/// Whether the key of the certificate made this signature, by one of these algorithms.
pub(super) fn has_signed(
    certificate: &Certificate<'_>,
    message: &[u8],
    signature: &[u8],
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
) -> bool {
    verifies(
        &SubjectPublicKeyInfoDer::from(certificate.spki()),
        message,
        signature,
        algorithms.iter().copied(),
    )
}

/// Whether one of these authorities signed the certificate, and whether its time is now (seconds since 1970).
pub(super) fn verify(
    certificate: &Certificate<'_>,
    anchors: &[TrustAnchor<'_>],
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    unix_secs: u64,
) -> Result<(), Invalid> {
    let fitting = || {
        let named = |algorithm: &&&'static dyn SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == certificate.algorithm()
        };
        algorithms.iter().filter(named).copied()
    };
    let signed = |anchor: &TrustAnchor<'_>| {
        verifies(&spki_for_anchor(anchor), certificate.signed_part(), certificate.signature(), fitting())
    };
    if !anchors.iter().any(|anchor| anchor.subject.as_ref() == certificate.issuer() && signed(anchor)) {
        return Err(Invalid::UNKNOWN);
    }
    let (start, end) = certificate.validity();
    let seconds = |date: Option<Civil>| date.and_then(Civil::to_unix).ok_or(Invalid::UNSPECIFIED);
    let now = i64::try_from(unix_secs).unwrap_or(i64::MAX);
    if now < seconds(start)? {
        return Err(Invalid::NOT_YET);
    }
    if now > seconds(end)? {
        return Err(Invalid::EXPIRED);
    }
    Ok(())
}

fn verifies(
    spki: &SubjectPublicKeyInfoDer<'_>,
    message: &[u8],
    signature: &[u8],
    mut algorithms: impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm>,
) -> bool {
    RawPublicKeyEntity::try_from(spki).is_ok_and(|key| {
        algorithms.any(|algorithm| key.verify_signature(algorithm, message, signature).is_ok())
    })
}
