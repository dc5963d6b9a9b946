//! TLS as requests see it: whether the client's certificate lets them in, and the values of `$ssl_…`.
//!
//! All of it is asked of the connection when somebody wants to know; a connection in plain text meets one branch. The handshake
//! itself is the worker's business.

use std::cell::{Cell, OnceCell};
use std::fmt::Write as _;

use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

use super::client::Client;
use super::exchange::Exchange;
use super::variables::Presence::{self, Found, Missing};
use crate::config::ciphers;
use crate::config::model::{ServerId, VerifyClient};
use crate::config::tls_variables::TlsVariable;
use crate::cycle::Cycle;
use crate::http1::{Status, base64};
use crate::io::tls::Agreed;
use crate::log::Level;
use crate::tls::Invalid;
use crate::tls::x509::Certificate;

/// No cipher: what a client writes into their list to say that it knows of RFC 5746.
const RENEGOTIATION_INFO: u16 = 0x00FF;

/// Characters in a line of PEM.
const PEM_LINE: usize = 64;

/// What is kept with a connection beside its session.
#[derive(Default)]
pub struct ClientTls {
    /// The client's first message, where the configuration has a variable that shows it.
    pub hello: OnceCell<Box<Hello>>,
    /// What the last check of the client's certificate found.
    checked: Cell<Option<Checked>>,
}

/// What a client offered.
pub struct Hello {
    /// Ciphers by code.
    pub ciphers: Vec<u16>,
    /// Groups by code.
    pub groups: Vec<u16>,
}

#[derive(Clone, Copy)]
struct Checked {
    generation: u64,
    server: ServerId,
    result: Result<(), Invalid>,
}

/// The status that refuses a request on a connection with TLS to a server that asks clients for certificates: the host is another
/// one than was negotiated, or the client's certificate is missing or wrong.
#[cold]
pub(super) fn refuse(exchange: &Exchange, cycle: &Cycle) -> Option<Status> {
    let info = |text: std::fmt::Arguments<'_>| {
        exchange.log_error(Level::Info, format_args!("{text} while reading client request headers"));
    };
    if is_other_server(exchange, cycle) {
        info(format_args!(
            "client attempted to request the server name different from the one that was negotiated"
        ));
        return Some(Status(421));
    }
    let verify = cycle.server(exchange.server).tls.verify_client;
    match client_verify(exchange, cycle) {
        None if verify == VerifyClient::On => {
            info(format_args!("client sent no required SSL certificate"));
            Some(Status(496))
        }
        Some(Err(invalid)) if verify != VerifyClient::OptionalNoCa || !invalid.is_unknown_issuer() => {
            let Invalid { code, reason } = invalid;
            info(format_args!("client SSL certificate verify error: ({code}:{reason})"));
            Some(Status(495))
        }
        None | Some(_) => None,
    }
}

/// A name was negotiated (SNI), and the request has another one: its server would have asked for a certificate in its own way.
fn is_other_server(exchange: &Exchange, cycle: &Cycle) -> bool {
    let stream = &exchange.client.stream;
    let is_other = |agreed: Agreed<'_>| {
        agreed.server_name().is_some_and(|name| {
            name.as_bytes() != exchange.host
                && cycle.server_named(exchange.client.listen.get(), name).is_some()
        })
    };
    stream.tls_agreed(is_other) == Some(true)
}

/// The server that the client named in its handshake (SNI), if the configuration has it.
pub fn negotiated_server(client: &Client, cycle: &Cycle) -> Option<ServerId> {
    let named = |agreed: Agreed<'_>| {
        agreed.server_name().and_then(|name| cycle.server_named(client.listen.get(), name))
    };
    client.stream.tls_agreed(named).flatten()
}

/// What the server in force says to the client's certificate; `None`: it sent none.
fn client_verify(exchange: &Exchange, cycle: &Cycle) -> Option<Result<(), Invalid>> {
    let client = exchange.client.whole();
    let (generation, server) = (cycle.generation, exchange.server);
    if let Some(checked) = client.tls.checked.get()
        && (checked.generation, checked.server) == (generation, server)
    {
        return Some(checked.result);
    }
    let now = u64::try_from(crate::time::now().unix_secs()).unwrap_or_default();
    let verify = |chain: &[CertificateDer<'_>]| match cycle.client_check(server) {
        Some(check) => check.verify(chain, now),
        // Nobody to ask: nobody is trusted.
        None => Err(Invalid::UNKNOWN),
    };
    let result = client.stream.tls_agreed(|agreed| agreed.peer_certificates().map(verify))??;
    client.tls.checked.set(Some(Checked { generation, server, result }));
    Some(result)
}

/// Appends the value of a `$ssl_…` variable.
#[cold]
pub(super) fn variable(exchange: &Exchange, variable: TlsVariable, out: &mut Vec<u8>) -> Presence {
    let value = exchange.client.stream.tls_agreed(|agreed| match variable {
        TlsVariable::AlpnProtocol => append(out, agreed.alpn_protocol()),
        TlsVariable::Protocol => append(out, agreed.version().map(protocol)),
        TlsVariable::Cipher => {
            let suite = agreed.suite().map(|suite| u16::from(suite.suite()));
            append(out, suite.and_then(ciphers::name).map(str::as_bytes))
        }
        TlsVariable::Curve => match agreed.group() {
            Some(group) => push_group(u16::from(group.name()), out),
            None => Missing,
        },
        TlsVariable::ServerName => append(out, agreed.server_name().map(str::as_bytes)),
        TlsVariable::SessionReused => match agreed.kind() {
            Some(HandshakeKind::Resumed) => append(out, Some(b"r")),
            _ => append(out, Some(b".")),
        },
        TlsVariable::Ciphers => match exchange.client.whole().tls.hello.get() {
            Some(hello) if agreed.kind() != Some(HandshakeKind::Resumed) => {
                push_list(&hello.ciphers, out, |code, out| match ciphers::name(code) {
                    Some(name) => out.extend_from_slice(name.as_bytes()),
                    None if code == RENEGOTIATION_INFO => {
                        out.extend_from_slice(b"TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
                    }
                    None => push_code(code, out),
                })
            }
            _ => Missing,
        },
        TlsVariable::Curves => match exchange.client.whole().tls.hello.get() {
            Some(hello) => push_list(&hello.groups, out, |code, out| {
                push_group(code, out);
            }),
            _ => Missing,
        },
        TlsVariable::ClientVerify => Missing,
        TlsVariable::Nothing => Missing,
        of_certificate => match agreed.peer_certificates() {
            Some([certificate, ..]) => certificate_value(of_certificate, certificate, out),
            _ => Missing,
        },
    });
    match (variable, value) {
        (TlsVariable::ClientVerify, Some(_)) => push_verdict(exchange, out),
        (_, Some(presence)) => presence,
        (_, None) => Missing,
    }
}

/// `$ssl_client_verify`
fn push_verdict(exchange: &Exchange, out: &mut Vec<u8>) -> Presence {
    match client_verify(exchange, &exchange.cycle) {
        None => append(out, Some(b"NONE")),
        Some(Ok(())) => append(out, Some(b"SUCCESS")),
        Some(Err(invalid)) => {
            out.extend_from_slice(b"FAILED:");
            append(out, Some(invalid.reason.as_bytes()))
        }
    }
}

fn certificate_value(variable: TlsVariable, der: &CertificateDer<'_>, out: &mut Vec<u8>) -> Presence {
    match variable {
        TlsVariable::ClientRawCert => push_pem(der, out, b"\n"),
        TlsVariable::ClientCert => {
            push_pem(der, out, b"\n\t");
            out.truncate(out.len() - 2);
        }
        TlsVariable::ClientEscapedCert => {
            let mut pem = Vec::new();
            push_pem(der, &mut pem, b"\n");
            push_uri_escaped(&pem, out);
        }
        TlsVariable::ClientFingerprint => {
            for byte in digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref() {
                push_hex(*byte, out);
            }
        }
        other => {
            let Some(certificate) = Certificate::parse(der) else { return Missing };
            match other {
                TlsVariable::ClientSerial => certificate.push_serial(out),
                TlsVariable::ClientSubject => certificate.push_subject(out),
                TlsVariable::ClientSubjectLegacy => certificate.push_subject_legacy(out),
                TlsVariable::ClientIssuer => certificate.push_issuer(out),
                TlsVariable::ClientIssuerLegacy => certificate.push_issuer_legacy(out),
                TlsVariable::ClientStart => certificate.push_start(out),
                TlsVariable::ClientEnd => certificate.push_end(out),
                TlsVariable::ClientRemain => {
                    let days = certificate.days_left(crate::time::now().unix_secs());
                    crate::http1::encode::push_decimal(out, days);
                }
                _ => return Missing,
            }
        }
    }
    Found
}

fn append(out: &mut Vec<u8>, value: Option<&[u8]>) -> Presence {
    match value {
        Some(value) => {
            out.extend_from_slice(value);
            Found
        }
        None => Missing,
    }
}

fn protocol(version: ProtocolVersion) -> &'static [u8] {
    match version {
        ProtocolVersion::TLSv1_2 => b"TLSv1.2",
        ProtocolVersion::TLSv1_3 => b"TLSv1.3",
        _ => b"",
    }
}

/// Names or codes, joined by colons.
fn push_list(codes: &[u16], out: &mut Vec<u8>, push: impl Fn(u16, &mut Vec<u8>)) -> Presence {
    for (at, code) in codes.iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        push(*code, out);
    }
    Found
}

/// A group as OpenSSL names it.
fn push_group(code: u16, out: &mut Vec<u8>) -> Presence {
    let name = match NamedGroup::from(code) {
        NamedGroup::X25519 => "X25519",
        NamedGroup::secp256r1 => "prime256v1",
        NamedGroup::secp384r1 => "secp384r1",
        NamedGroup::secp521r1 => "secp521r1",
        NamedGroup::X448 => "X448",
        NamedGroup::FFDHE2048 => "ffdhe2048",
        NamedGroup::FFDHE3072 => "ffdhe3072",
        NamedGroup::FFDHE4096 => "ffdhe4096",
        NamedGroup::FFDHE6144 => "ffdhe6144",
        NamedGroup::FFDHE8192 => "ffdhe8192",
        _ => {
            push_code(code, out);
            return Found;
        }
    };
    out.extend_from_slice(name.as_bytes());
    Found
}

fn push_code(code: u16, out: &mut Vec<u8>) {
    let mut text = String::new();
    let _ = write!(text, "0x{code:04x}");
    out.extend_from_slice(text.as_bytes());
}

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// A certificate in PEM, each line ended by `end`.
fn push_pem(der: &[u8], out: &mut Vec<u8>, end: &[u8]) {
    let text = base64::encode(der);
    let lines = text.as_bytes().chunks(PEM_LINE);
    let lines = std::iter::once(&b"-----BEGIN CERTIFICATE-----"[..]).chain(lines);
    for line in lines.chain([&b"-----END CERTIFICATE-----"[..]]) {
        out.extend_from_slice(line);
        out.extend_from_slice(end);
    }
}

/// Everything but letters, digits and `-._~` as `%0A` (nginx's `NGX_ESCAPE_URI_COMPONENT`).
fn push_uri_escaped(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}
