//! `proxy_ssl_*` and `uwsgi_ssl_*`: TLS towards apps. Never opens a file: that is the room `tls`'s business.

use std::path::PathBuf;

use super::super::ast::Directive;
use super::super::ciphers;
use super::super::error::Pos;
use super::super::model::{AppTlsConf, CertificateConf, Versions};
use super::super::template::Template;
use super::context::Context;
use super::level::inherit;
use super::tls::{cipher_list, file, pem_source, source, versions};

/// As written at one level.
#[derive(Debug, Default)]
pub(super) struct RawAppTls {
    session_reuse: Option<bool>,
    versions: Option<Versions>,
    ciphers: Option<Vec<u16>>,
    name: Option<Template>,
    server_name: Option<bool>,
    verify: Option<bool>,
    verify_depth: Option<u64>,
    trusted_certificate: Option<PathBuf>,
    crl: Option<PathBuf>,
    certificate: Option<Vec<String>>,
    certificate_key: Option<Vec<String>>,
}

impl RawAppTls {
    /// Reads one directive under the proxy's name for it; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, name: &str) -> bool {
        match name {
            "proxy_ssl_session_reuse" => cx.flag(d, &mut self.session_reuse),
            "proxy_ssl_protocols" => versions(cx, d, &mut self.versions),
            "proxy_ssl_ciphers" => cx.set(d, &mut self.ciphers, |cx, d| cipher_list(cx, d, d.arg(0))),
            "proxy_ssl_name" => cx.set(d, &mut self.name, |cx, d| cx.template(d, d.arg_bytes(0))),
            "proxy_ssl_server_name" => cx.flag(d, &mut self.server_name),
            "proxy_ssl_verify" => cx.flag(d, &mut self.verify),
            "proxy_ssl_verify_depth" => cx.number(d, &mut self.verify_depth),
            "proxy_ssl_trusted_certificate" => file(cx, d, &mut self.trusted_certificate),
            "proxy_ssl_crl" => file(cx, d, &mut self.crl),
            "proxy_ssl_certificate" => one_source(cx, d, &mut self.certificate),
            "proxy_ssl_certificate_key" => one_source(cx, d, &mut self.certificate_key),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer;
            session_reuse, versions, ciphers, name, server_name, verify, verify_depth, trusted_certificate, crl,
            certificate, certificate_key);
    }

    /// Registers the resolved form: its number. `at` is where the app is named.
    pub(super) fn resolve(&self, cx: &mut Context, at: Pos, family: &str, http2: bool) -> usize {
        let present = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        let trusted_certificate = present(&self.trusted_certificate);
        let verify = self.verify.unwrap_or_default();
        if verify && trusted_certificate.is_none() {
            cx.error_at(at, format!("no {family}_ssl_trusted_certificate for {family}_ssl_verify"));
        }
        let first = |lines: &Option<Vec<String>>| {
            lines.as_ref().and_then(|lines| lines.first().cloned()).filter(|line| !line.is_empty())
        };
        let certificate = match (first(&self.certificate), first(&self.certificate_key)) {
            (Some(certificate), Some(key)) => {
                Some(CertificateConf { certificate: pem_source(cx, &certificate), key: pem_source(cx, &key) })
            }
            (Some(certificate), None) => {
                let message = format!(
                    "no \"{family}_ssl_certificate_key\" is defined for certificate \"{certificate}\""
                );
                cx.error_at(at, message);
                None
            }
            (None, _) => None,
        };
        let mut all_ciphers = vec![0x1302, 0x1303, 0x1301];
        all_ciphers.extend(self.ciphers.clone().unwrap_or_else(ciphers::default_codes));
        let conf = AppTlsConf {
            versions: self.versions.unwrap_or(Versions { tls12: true, tls13: true }),
            ciphers: all_ciphers,
            name: self.name.clone().unwrap_or_else(|| cx.builtin_template("$proxy_host")),
            http2,
            server_name: self.server_name.unwrap_or_default(),
            session_reuse: self.session_reuse.unwrap_or(true),
            verify,
            verify_depth: self.verify_depth.unwrap_or(1),
            trusted_certificate,
            crl: present(&self.crl),
            certificate,
        };
        cx.app_tls(conf)
    }
}

/// A line that may stand once per level.
fn one_source(cx: &mut Context, d: &Directive, lines: &mut Option<Vec<String>>) {
    if lines.is_some() {
        cx.duplicate(d);
    } else {
        source(cx, d, lines);
    }
}
