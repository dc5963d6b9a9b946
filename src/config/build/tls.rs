//! `ssl_*` of servers: certificates, protocols, sessions, clients' certificates. Never opens a file: certificates are loaded by
//! the room `tls`.
//!
//! What OpenSSL can do and the TLS here cannot is left out and told once, in one notice.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::ciphers::{self, CipherList, Curve};
use super::super::error::Pos;
use super::super::model::{
    CertificateConf, ListenConf, PemSource, ServerConf, SessionCacheConf, TlsConf, VerifyClient, Versions,
};
use super::context::{Context, read_number};
use super::level::inherit;

/// `ssl_buffer_size` when not written.
const DEFAULT_BUFFER_SIZE: usize = 16 * 1024;
/// `ssl_session_timeout` when not written.
const DEFAULT_SESSION_TIMEOUT: Duration = Duration::from_secs(300);
/// Sessions of `builtin` without a number (OpenSSL's `SSL_SESSION_CACHE_MAX_SIZE_DEFAULT`).
const BUILTIN_SESSIONS: usize = 20 * 1024;
/// Smallest `shared:name:size`, bytes: eight pages.
const MIN_SHARED: u64 = 8 * 4096;

/// Commands of `ssl_conf_command` that OpenSSL knows and that mean nothing here.
const OTHER_COMMANDS: [&str; 9] = [
    "SignatureAlgorithms",
    "ClientSignatureAlgorithms",
    "DHParameters",
    "RecordPadding",
    "VerifyMode",
    "NumTickets",
    "Protocol",
    "ChainCAFile",
    "VerifyCAFile",
];
/// Flags of `ssl_conf_command Options` that OpenSSL knows.
const OPTIONS: [&str; 19] = [
    "SessionTicket",
    "EmptyFragments",
    "Bugs",
    "Compression",
    "ServerPreference",
    "NoResumptionOnRenegotiation",
    "DHSingle",
    "ECDHSingle",
    "UnsafeLegacyRenegotiation",
    "EncryptThenMac",
    "NoRenegotiation",
    "AllowNoDHEKEX",
    "PrioritizeChaCha",
    "MiddleboxCompat",
    "AntiReplay",
    "ExtendedMasterSecret",
    "CANames",
    "KTLS",
    "UnsafeLegacyServerConnect",
];

/// As written at http or server level.
#[derive(Debug, Default)]
pub(super) struct RawTls {
    on: Option<bool>,
    certificates: Option<Vec<String>>,
    keys: Option<Vec<String>>,
    reject_handshake: Option<bool>,
    buffer_size: Option<usize>,
    versions: Option<Versions>,
    ciphers: Option<Vec<u16>>,
    ciphers13: Option<Vec<u16>>,
    curves: Option<Vec<Curve>>,
    prefer_server_ciphers: Option<bool>,
    kernel: Option<bool>,
    session_cache: Option<SessionCacheConf>,
    session_timeout: Option<Duration>,
    session_tickets: Option<bool>,
    session_ticket_keys: Option<Vec<PathBuf>>,
    stapling: Option<bool>,
    stapling_file: Option<PathBuf>,
    verify_client: Option<VerifyClient>,
    verify_depth: Option<u64>,
    client_certificate: Option<PathBuf>,
    trusted_certificate: Option<PathBuf>,
    crl: Option<PathBuf>,
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
            "ssl_protocols" => versions(cx, d, &mut self.versions),
            "ssl_ciphers" => cx.set(d, &mut self.ciphers, |cx, d| cipher_list(cx, d, d.arg(0))),
            "ssl_ecdh_curve" => cx.set(d, &mut self.curves, |cx, d| curve_list(cx, d, d.arg(0))),
            "ssl_prefer_server_ciphers" => cx.flag(d, &mut self.prefer_server_ciphers),
            "ssl_conf_command" => {
                self.command(cx, d);
            }
            "ssl_session_cache" => cx.set(d, &mut self.session_cache, session_cache),
            "ssl_session_timeout" => cx.seconds(d, &mut self.session_timeout),
            "ssl_session_tickets" => cx.flag(d, &mut self.session_tickets),
            "ssl_session_ticket_key" => {
                self.session_ticket_keys.get_or_insert_default().push(cx.conf_path(d.arg(0)));
            }
            "ssl_stapling" => cx.flag(d, &mut self.stapling),
            "ssl_stapling_file" => file(cx, d, &mut self.stapling_file),
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
            "ssl_verify_depth" => cx.number(d, &mut self.verify_depth),
            "ssl_client_certificate" => file(cx, d, &mut self.client_certificate),
            "ssl_trusted_certificate" => file(cx, d, &mut self.trusted_certificate),
            "ssl_crl" => file(cx, d, &mut self.crl),
            _ => return false,
        }
        true
    }

    /// `ssl_conf_command NAME VALUE`
    fn command(&mut self, cx: &mut Context, d: &Directive) {
        let (name, value) = (d.arg(0), d.arg(1));
        let refused = |cx: &mut Context, why: &str| {
            cx.error(d, format!("SSL_CONF_cmd(\"{name}\", \"{value}\") failed ({why})"));
        };
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        if is("Ciphersuites") {
            match ciphers::parse_tls13(value) {
                Some(CipherList { codes, left_out }) => {
                    cx.tls_left_out.extend(left_out);
                    if codes.is_empty() {
                        cx.warn(d, "none of these ciphers can be offered: all others of TLS 1.3 are");
                    } else {
                        self.ciphers13 = Some(codes);
                    }
                }
                None => refused(cx, "no cipher match"),
            }
        } else if is("CipherString") {
            self.ciphers = cipher_list(cx, d, value).or(self.ciphers.take());
        } else if is("Curves") || is("Groups") {
            self.curves = curve_list(cx, d, value).or(self.curves.take());
        } else if is("MinProtocol") || is("MaxProtocol") {
            let both = Versions { tls12: true, tls13: true };
            let versions = self.versions.get_or_insert(both);
            match (value, is("MinProtocol")) {
                ("TLSv1.3", true) => versions.tls12 = false,
                ("TLSv1.2", false) => versions.tls13 = false,
                ("None" | "SSLv3" | "TLSv1" | "TLSv1.1" | "TLSv1.2", true) | ("None" | "TLSv1.3", false) => {}
                ("SSLv3" | "TLSv1" | "TLSv1.1", false) => {
                    cx.warn(d, "this protocol cannot be served: TLSv1.2 is");
                    versions.tls13 = false;
                }
                _ => refused(cx, "bad value"),
            }
            if !versions.tls12 && !versions.tls13 {
                *versions = both;
                cx.warn(d, "no protocol is left: TLSv1.2 and TLSv1.3 are served");
            }
        } else if is("Options") {
            for word in value.split(',').map(str::trim) {
                let (on, flag) = match word.strip_prefix('-') {
                    Some(flag) => (false, flag),
                    None => (true, word.strip_prefix('+').unwrap_or(word)),
                };
                match OPTIONS.iter().find(|known| known.eq_ignore_ascii_case(flag)) {
                    Some(&"SessionTicket") => self.session_tickets = Some(on),
                    Some(&"ServerPreference") => self.prefer_server_ciphers = Some(on),
                    Some(&"KTLS") => self.kernel = Some(on),
                    Some(_) => {}
                    None => refused(cx, "bad value"),
                }
            }
        } else if OTHER_COMMANDS.iter().any(|known| is(known)) {
            cx.tls_left_out.insert(format!("ssl_conf_command {name}"));
        } else {
            refused(cx, "unknown cmd name");
        }
    }

    /// `ssl on`, here or at the outer level.
    pub(super) fn is_on(&self, outer: &Self) -> bool {
        self.on.or(outer.on).unwrap_or_default()
    }

    /// Resolves the server that begins at `pos` against the http level.
    pub(super) fn resolve(mut self, cx: &mut Context, outer: &Self, pos: Pos) -> TlsConf {
        inherit!(self, outer; on, certificates, keys, reject_handshake, buffer_size, versions, ciphers, ciphers13,
            curves, prefer_server_ciphers, kernel, session_cache, session_timeout, session_tickets, session_ticket_keys,
            stapling, stapling_file, verify_client, verify_depth, client_certificate, trusted_certificate, crl);
        for slot in [
            &mut self.stapling_file,
            &mut self.client_certificate,
            &mut self.trusted_certificate,
            &mut self.crl,
        ] {
            slot.take_if(|path| path.as_os_str().is_empty());
        }
        let certificates = self.certificates.unwrap_or_default();
        let keys = self.keys.unwrap_or_default();
        if self.on == Some(true) && certificates.is_empty() && self.reject_handshake != Some(true) {
            cx.error_at(pos, "no \"ssl_certificate\" is defined for the \"ssl\" directive");
        }
        if let Some(last) = certificates.last().filter(|_| keys.len() < certificates.len()) {
            cx.error_at(pos, format!("no \"ssl_certificate_key\" is defined for certificate \"{last}\""));
        }
        let verify_client = self.verify_client.unwrap_or_default();
        let has_authorities = self.client_certificate.is_some() || self.trusted_certificate.is_some();
        if matches!(verify_client, VerifyClient::On | VerifyClient::Optional)
            && !has_authorities
            && !certificates.is_empty()
        {
            cx.error_at(pos, "no ssl_client_certificate for ssl_verify_client");
        }
        let mut all_ciphers = self.ciphers13.unwrap_or_else(|| vec![0x1302, 0x1303, 0x1301]);
        all_ciphers.extend(self.ciphers.unwrap_or_else(ciphers::default_codes));
        if self.stapling == Some(true) && self.stapling_file.is_none() && !certificates.is_empty() {
            cx.tls_left_out.insert("\"ssl_stapling\" without \"ssl_stapling_file\"".to_owned());
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
            versions: self.versions.unwrap_or(Versions { tls12: true, tls13: true }),
            ciphers: all_ciphers,
            curves: self.curves.unwrap_or_else(|| ciphers::CURVES.to_vec()),
            prefer_server_ciphers: self.prefer_server_ciphers.unwrap_or_default(),
            kernel: self.kernel.unwrap_or_default(),
            session_cache: self.session_cache.unwrap_or_default(),
            session_timeout: self.session_timeout.unwrap_or(DEFAULT_SESSION_TIMEOUT),
            session_tickets: self.session_tickets.unwrap_or(true),
            session_ticket_keys: self.session_ticket_keys.unwrap_or_default(),
            stapling_file: self.stapling_file.filter(|_| self.stapling == Some(true)),
            verify_client,
            verify_depth: self.verify_depth.unwrap_or(1),
            client_certificate: self.client_certificate,
            trusted_certificate: self.trusted_certificate,
            crl: self.crl,
        }
    }
}

/// `ssl_protocols`
pub(super) fn versions(cx: &mut Context, d: &Directive, slot: &mut Option<Versions>) {
    cx.set(d, slot, |cx, d| {
        let mut versions = Versions { tls12: false, tls13: false };
        let mut known = true;
        for arg in d.args() {
            match arg.text() {
                word if word.eq_ignore_ascii_case("TLSv1.2") => versions.tls12 = true,
                word if word.eq_ignore_ascii_case("TLSv1.3") => versions.tls13 = true,
                word if ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"]
                    .iter()
                    .any(|old| old.eq_ignore_ascii_case(word)) =>
                {
                    cx.tls_left_out.insert(word.to_owned());
                }
                word => {
                    known = false;
                    cx.error(d, format!("invalid value \"{word}\""));
                }
            }
        }
        if versions.tls12 || versions.tls13 || !known {
            return Some(versions);
        }
        cx.warn(d, "none of these protocols can be served: TLSv1.2 and TLSv1.3 are");
        Some(Versions { tls12: true, tls13: true })
    });
}

/// A line of `ssl_certificate` or `ssl_certificate_key`.
pub(super) fn source(cx: &mut Context, d: &Directive, lines: &mut Option<Vec<String>>) {
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

pub(super) fn pem_source(cx: &Context, text: &str) -> PemSource {
    match text.strip_prefix("data:") {
        Some(text) => PemSource::Text(text.to_owned()),
        None => PemSource::File(cx.conf_path(text)),
    }
}

/// A file; an empty name takes back what the outer level names.
pub(super) fn file(cx: &mut Context, d: &Directive, slot: &mut Option<PathBuf>) {
    cx.set(d, slot, |cx, d| Some(if d.arg(0).is_empty() { PathBuf::new() } else { cx.conf_path(d.arg(0)) }));
}

pub(super) fn cipher_list(cx: &mut Context, d: &Directive, text: &str) -> Option<Vec<u16>> {
    let Some(CipherList { codes, left_out }) = ciphers::parse(text) else {
        let why = "(SSL: error:0A0000B9:SSL routines::no cipher match)";
        cx.error(d, format!("SSL_CTX_set_cipher_list(\"{text}\") failed {why}"));
        return None;
    };
    cx.tls_left_out.extend(left_out);
    if codes.is_empty() {
        cx.warn(d, "none of these ciphers can be offered: the usual ones of TLS 1.2 are");
        return Some(ciphers::default_codes());
    }
    Some(codes)
}

fn curve_list(cx: &mut Context, d: &Directive, text: &str) -> Option<Vec<Curve>> {
    let (curves, left_out) = match ciphers::parse_curves(text) {
        Ok(parsed) => parsed,
        Err(word) => {
            let why = format!(
                "(SSL: error:0A080106:SSL routines::passed invalid argument:group '{word}' cannot be set)"
            );
            cx.error(d, format!("SSL_CTX_set1_curves_list(\"{text}\") failed {why}"));
            return None;
        }
    };
    cx.tls_left_out.extend(left_out);
    if curves.is_empty() {
        cx.warn(d, "none of these curves can be offered: X25519, prime256v1 and secp384r1 are");
        return Some(ciphers::CURVES.to_vec());
    }
    Some(curves)
}

/// `off`, `none`, `builtin[:sessions]`, `shared:name:size`, or both of the last.
fn session_cache(cx: &mut Context, d: &Directive) -> Option<SessionCacheConf> {
    let mut conf = SessionCacheConf::None;
    for arg in d.args() {
        let word = arg.text();
        let invalid = |cx: &mut Context| cx.error(d, format!("invalid session cache \"{word}\""));
        let (kind, rest) = word.split_once(':').map_or((word, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("off" | "none", None) => conf = SessionCacheConf::None,
            ("builtin", rest) => {
                let sessions = rest.map_or(Some(BUILTIN_SESSIONS as u64), read_number);
                let Some(sessions) = sessions.and_then(|sessions| usize::try_from(sessions).ok()) else {
                    invalid(cx);
                    return None;
                };
                // Of both, the one that all cores share serves better.
                if conf == SessionCacheConf::None {
                    conf = SessionCacheConf::Builtin(sessions);
                }
            }
            ("shared", Some(rest)) => {
                let parts = rest.split_once(':').filter(|(name, _)| !name.is_empty());
                let Some((name, size)) = parts.and_then(|(name, size)| Some((name, cx.read_size(size)?)))
                else {
                    invalid(cx);
                    return None;
                };
                if size < MIN_SHARED {
                    cx.error(d, format!("session cache \"{word}\" is too small"));
                    return None;
                }
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                conf = SessionCacheConf::Shared { name: name.to_owned(), size };
            }
            _ => {
                invalid(cx);
                return None;
            }
        }
    }
    Some(conf)
}

/// A socket that speaks TLS needs a certificate: the default server's, or, where that one refuses handshakes, one of each
/// other server.
pub(super) fn check(cx: &mut Context, listens: &[ListenConf], servers: &[ServerConf], places: &[Pos]) {
    if !cx.tls_left_out.is_empty() {
        let names: Vec<String> = std::mem::take(&mut cx.tls_left_out).into_iter().collect();
        cx.diagnostics.notice(None, format!("TLS does without what it does not offer: {}", names.join(", ")));
    }
    check_caches(cx, servers, places);
    if cx.diagnostics.has_errors() {
        return;
    }
    let has_any = |id: usize| servers.get(id).is_some_and(|server| !server.tls.certificates.is_empty());
    let rejects = |id: usize| servers.get(id).is_some_and(|server| server.tls.reject_handshake);
    for listen in listens.iter().filter(|listen| listen.ssl) {
        let default = listen.default_server.0 as usize;
        let mut others = listen.servers.iter().map(|id| id.0 as usize);
        let lacking = match (has_any(default), rejects(default)) {
            (true, _) => None,
            (false, false) => Some(default),
            (false, true) => others.find(|id| !has_any(*id) && !rejects(*id)),
        };
        if let Some(pos) = lacking.and_then(|id| places.get(id)) {
            let message = "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive";
            cx.error_at(*pos, message);
        }
    }
}

/// A cache that servers share has one size.
fn check_caches(cx: &mut Context, servers: &[ServerConf], places: &[Pos]) {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for (server, pos) in servers.iter().zip(places) {
        let SessionCacheConf::Shared { name, size } = &server.tls.session_cache else { continue };
        let known = *sizes.entry(name).or_insert(*size);
        if known != *size {
            let message = format!(
                "the size {size} of shared memory zone \"{name}\" conflicts with already declared size {known}"
            );
            cx.error_at(*pos, message);
        }
    }
}
