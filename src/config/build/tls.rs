//! `ssl_*` of servers: certificates and keys, and what a socket that speaks TLS needs. Never opens a file: certificates
//! are loaded by the room `tls`.

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::{CertificateConf, ListenConf, PemSource, ServerConf, TlsConf, VerifyClient};
use super::context::Context;
use super::level::inherit;

/// `ssl_buffer_size` when not written.
const DEFAULT_BUFFER_SIZE: usize = 16 * 1024;

/// As written at http or server level.
#[derive(Debug, Default)]
pub(super) struct RawTls {
    on: Option<bool>,
    certificates: Option<Vec<String>>,
    keys: Option<Vec<String>>,
    reject_handshake: Option<bool>,
    buffer_size: Option<usize>,
    verify_client: Option<VerifyClient>,
}

impl RawTls {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "ssl" => {
                let instead =
                    "the \"ssl\" directive is deprecated, use the \"listen ... ssl\" directive instead";
                cx.warn(d, instead);
                cx.flag(d, &mut self.on);
            }
            "ssl_certificate" => source(cx, d, &mut self.certificates),
            "ssl_certificate_key" => source(cx, d, &mut self.keys),
            "ssl_reject_handshake" => cx.flag(d, &mut self.reject_handshake),
            "ssl_buffer_size" => cx.buffer(d, &mut self.buffer_size),
            "ssl_verify_client" => cx.choice(
                d,
                &mut self.verify_client,
                &[
                    ("off", VerifyClient::Off),
                    ("on", VerifyClient::On),
                    ("optional", VerifyClient::Optional),
                    ("optional_no_ca", VerifyClient::OptionalNoCa),
                ],
            ),
            _ => return false,
        }
        true
    }

    /// `ssl on`, here or at the outer level.
    pub(super) fn is_on(&self, outer: &Self) -> bool {
        self.on.or(outer.on).unwrap_or_default()
    }

    /// Resolves the server that begins at `pos` against the http level.
    pub(super) fn resolve(mut self, cx: &mut Context, outer: &Self, pos: Pos) -> TlsConf {
        inherit!(self, outer; on, certificates, keys, reject_handshake, buffer_size, verify_client);
        let certificates = self.certificates.unwrap_or_default();
        let keys = self.keys.unwrap_or_default();
        if self.on == Some(true) && certificates.is_empty() && self.reject_handshake != Some(true) {
            cx.error_at(pos, "no \"ssl_certificate\" is defined for the \"ssl\" directive");
        }
        if let Some(last) = certificates.last().filter(|_| keys.len() < certificates.len()) {
            cx.error_at(pos, format!("no \"ssl_certificate_key\" is defined for certificate \"{last}\""));
        }
        let pairs = certificates.iter().zip(&keys);
        TlsConf {
            certificates: pairs
                .map(|(certificate, key)| CertificateConf {
                    certificate: pem_source(cx, certificate),
                    key: pem_source(cx, key),
                })
                .collect(),
            reject_handshake: self.reject_handshake.unwrap_or_default(),
            buffer_size: self.buffer_size.unwrap_or(DEFAULT_BUFFER_SIZE),
            verify_client: self.verify_client.unwrap_or_default(),
        }
    }
}

/// A line of `ssl_certificate` or `ssl_certificate_key`.
fn source(cx: &mut Context, d: &Directive, lines: &mut Option<Vec<String>>) {
    let text = d.arg(0);
    if text.contains('$') {
        cx.error(
            d,
            format!("variables in \"{}\" are not supported: certificates are loaded at start", d.name()),
        );
    } else if text.starts_with("engine:") || text.starts_with("store:") {
        cx.error(d, format!("\"{}\" can be a file or \"data:\" only, not \"{text}\"", d.name()));
    } else {
        lines.get_or_insert_default().push(text.to_owned());
    }
}

fn pem_source(cx: &Context, text: &str) -> PemSource {
    match text.strip_prefix("data:") {
        Some(text) => PemSource::Text(text.to_owned()),
        None => PemSource::File(cx.conf_path(text)),
    }
}

/// A socket that speaks TLS needs a certificate: the default server's, or, where that one refuses handshakes, one of each
/// other server.
pub(super) fn check(cx: &mut Context, listens: &[ListenConf], servers: &[ServerConf], places: &[Pos]) {
    if cx.diagnostics.has_errors() {
        return;
    }
    let has_any = |id: usize| servers.get(id).is_some_and(|server| !server.tls.certificates.is_empty());
    let rejects = |id: usize| servers.get(id).is_some_and(|server| server.tls.reject_handshake);
    for listen in listens.iter().filter(|listen| listen.ssl) {
        let default = listen.default_server.0 as usize;
        let others = listen.servers.iter().map(|id| id.0 as usize);
        let lacking = match (has_any(default), rejects(default)) {
            (true, _) => None,
            (false, false) => Some(default),
            (false, true) => others.into_iter().find(|id| !has_any(*id) && !rejects(*id)),
        };
        if let Some(pos) = lacking.and_then(|id| places.get(id)) {
            let message = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
            cx.error_at(*pos, message);
        }
    }
}
