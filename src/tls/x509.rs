//! What `$ssl_client_…` variables say of a certificate: names, number and dates, as OpenSSL prints them (RFC 5280, RFC 2253).
//!
//! Reads DER without copying; nothing in a certificate panics. No judgement: whether it is valid says `clients`.

use std::io::Write as _;

use crate::time::Civil;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The explicit tag of the version, which the first version leaves out.
const VERSION: u8 = 0xA0;

/// Deepest nesting that matters here is known; most parts of a name that are printed.
const MAX_PARTS: usize = 64;

/// Attribute types of names and OpenSSL's short names of them.
const ATTRIBUTES: [(&[u8], &str); 22] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1], "UID"),
];

/// The parts of a certificate that are spoken of.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: Option<Civil>,
    not_after: Option<Civil>,
    /// All that is signed, with its head.
    signed: &'a [u8],
    first_version: bool,
    /// The key, with its head.
    spki: &'a [u8],
    /// How it is signed: an algorithm without its head.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// One element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of an element that has this tag, and what follows.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None` when it is none.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, der)?;
        let (mut rest, outer) = expect(SEQUENCE, certificate)?;
        let signed = &certificate[..certificate.len() - outer.len()];
        let (algorithm, outer) = expect(SEQUENCE, outer)?;
        let (signature, _) = expect(BIT_STRING, outer)?;
        let mut first_version = true;
        if let Some((VERSION, _, after)) = element(rest) {
            rest = after;
            first_version = false;
        }
        let (serial, rest) = expect(INTEGER, rest)?;
        let (signed_algorithm, rest) = expect(SEQUENCE, rest)?;
        if signed_algorithm != algorithm {
            return None;
        }
        let (issuer, rest) = expect(SEQUENCE, rest)?;
        let (validity, rest) = expect(SEQUENCE, rest)?;
        let (subject, rest) = expect(SEQUENCE, rest)?;
        let (_, behind_key) = expect(SEQUENCE, rest)?;
        let spki = &rest[..rest.len() - behind_key.len()];
        let (tag, not_before, rest) = element(validity)?;
        let (end_tag, not_after, _) = element(rest)?;
        Some(Self {
            serial,
            issuer,
            subject,
            not_before: date(tag, not_before),
            not_after: date(end_tag, not_after),
            signed,
            first_version,
            spki,
            algorithm,
            // No bit of its last byte is unused.
            signature: signature.strip_prefix(&[0])?,
        })
    }

    /// Version 1: without extensions.
    pub(super) fn is_first_version(&self) -> bool {
        self.first_version
    }

    /// The public key with its algorithm, in DER.
    pub(super) fn spki(&self) -> &'a [u8] {
        self.spki
    }

    /// The name of who signed it, without its head.
    pub(super) fn issuer(&self) -> &'a [u8] {
        self.issuer
    }

    /// The bytes that are signed.
    pub(super) fn signed_part(&self) -> &'a [u8] {
        self.signed
    }

    /// How they are signed, without the head.
    pub(super) fn algorithm(&self) -> &'a [u8] {
        self.algorithm
    }

    /// Their signature.
    pub(super) fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// From when and until when it is valid.
    pub(super) fn validity(&self) -> (Option<Civil>, Option<Civil>) {
        (self.not_before, self.not_after)
    }

    /// Its number in hexadecimal, as many digits as bytes.
    pub fn push_serial(&self, out: &mut Vec<u8>) {
        let digits = match self.serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        for byte in digits {
            let _ = write!(out, "{byte:02X}");
        }
    }

    /// Whom it is of, as RFC 2253 writes it: the last part first.
    pub fn push_subject(&self, out: &mut Vec<u8>) {
        push_rfc2253(self.subject, out);
    }

    /// Who signed it.
    pub fn push_issuer(&self, out: &mut Vec<u8>) {
        push_rfc2253(self.issuer, out);
    }

    /// Whom it is of, as old versions wrote it: `/C=GB/CN=name`.
    pub fn push_subject_legacy(&self, out: &mut Vec<u8>) {
        push_oneline(self.subject, out);
    }

    /// Who signed it.
    pub fn push_issuer_legacy(&self, out: &mut Vec<u8>) {
        push_oneline(self.issuer, out);
    }

    /// From when it is valid: `Nov 23 03:46:05 2026 GMT`.
    pub fn push_start(&self, out: &mut Vec<u8>) {
        push_date(self.not_before, out);
    }

    /// Until when.
    pub fn push_end(&self, out: &mut Vec<u8>) {
        push_date(self.not_after, out);
    }

    /// Whole days until it ends; 0 when it has.
    pub fn days_left(&self, unix_secs: i64) -> u64 {
        let end = self.not_after.and_then(Civil::to_unix).unwrap_or_default();
        u64::try_from((end - unix_secs) / 86400).unwrap_or_default()
    }
}

/// `YYMMDDHHMMSSZ`, or with four digits of a year.
fn date(tag: u8, text: &[u8]) -> Option<Civil> {
    let text = text.strip_suffix(b"Z")?;
    let (century, text) = match (tag, text.len()) {
        (UTC_TIME, 12) => (None, text),
        (GENERALIZED_TIME, 14) => (Some(u16::from(two(&text[..2])?)), &text[2..]),
        _ => return None,
    };
    let year = u16::from(two(text)?);
    // RFC 5280, 4.1.2.5.1.
    let century = century.unwrap_or(if year >= 50 { 19 } else { 20 });
    let field = |at: usize| two(&text[at..]);
    Some(Civil {
        year: century * 100 + year,
        month: field(2)?,
        day: field(4)?,
        hour: field(6)?,
        minute: field(8)?,
        second: field(10)?,
        weekday: 0,
    })
}

fn two(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| text.get(at).filter(|b| b.is_ascii_digit()).map(|b| b - b'0');
    Some(digit(0)? * 10 + digit(1)?)
}

fn push_date(date: Option<Civil>, out: &mut Vec<u8>) {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some(Civil { year, month, day, hour, minute, second, .. }) = date else { return };
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).unwrap_or(&"Bad");
    let _ = write!(out, "{month} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT");
}

/// One attribute of a name, and whether it goes with the one before (a relative name of several).
struct Part<'a> {
    oid: &'a [u8],
    tag: u8,
    value: &'a [u8],
    /// The value with its head.
    der: &'a [u8],
    joined: bool,
}

fn parts(mut name: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while let Some((mut set, rest)) = expect(SET, name) {
        let mut joined = false;
        while let Some((attribute, after)) = expect(SEQUENCE, set) {
            if let Some((oid, der)) = expect(OID, attribute)
                && let Some((tag, value, _)) = element(der)
                && parts.len() < MAX_PARTS
            {
                parts.push(Part { oid, tag, value, der, joined });
            }
            joined = true;
            set = after;
        }
        name = rest;
    }
    parts
}

fn push_rfc2253(name: &[u8], out: &mut Vec<u8>) {
    let mut separator = None;
    for part in parts(name).iter().rev() {
        out.extend(separator);
        separator = Some(if part.joined { b'+' } else { b',' });
        match short_name(part.oid) {
            Some(short) => {
                out.extend_from_slice(short.as_bytes());
                out.push(b'=');
                push_escaped(&utf8(part), out);
            }
            None => {
                push_dotted(part.oid, out);
                out.extend_from_slice(b"=#");
                for byte in part.der {
                    let _ = write!(out, "{byte:02X}");
                }
            }
        }
    }
}

fn push_oneline(name: &[u8], out: &mut Vec<u8>) {
    for part in parts(name) {
        out.push(if part.joined { b'+' } else { b'/' });
        match short_name(part.oid) {
            Some(short) => out.extend_from_slice(short.as_bytes()),
            None => push_dotted(part.oid, out),
        }
        out.push(b'=');
        for byte in part.value {
            match byte {
                b' '..=b'~' => out.push(*byte),
                _ => {
                    let _ = write!(out, "\\x{byte:02X}");
                }
            }
        }
    }
}

fn short_name(oid: &[u8]) -> Option<&'static str> {
    ATTRIBUTES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// `1.2.840.113549`
fn push_dotted(oid: &[u8], out: &mut Vec<u8>) {
    let mut value: u64 = 0;
    let mut first = true;
    for byte in oid {
        value = value.wrapping_shl(7) | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            let _ = match (first, value) {
                (true, 0..80) => write!(out, "{}.{}", value / 40, value % 40),
                (true, _) => write!(out, "2.{}", value - 80),
                (false, _) => write!(out, ".{value}"),
            };
            (value, first) = (0, false);
        }
    }
}

/// A text in UTF-8, whatever string it is in.
fn utf8(part: &Part<'_>) -> Vec<u8> {
    const T61_STRING: u8 = 0x14;
    const BMP_STRING: u8 = 0x1E;
    match part.tag {
        BMP_STRING => {
            let units = part.value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect::<String>()
                .into_bytes()
        }
        T61_STRING => part.value.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes(),
        _ => part.value.to_vec(),
    }
}

/// RFC 2253, 2.4; bytes that are not ASCII as `\C3`, as nginx asks OpenSSL to.
fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    for (at, byte) in text.iter().enumerate() {
        let outer = at == 0 || at + 1 == text.len();
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend_from_slice(&[b'\\', *byte]),
            b'#' if at == 0 => out.extend_from_slice(b"\\#"),
            b' ' if outer => out.extend_from_slice(b"\\ "),
            b' '..=b'~' => out.push(*byte),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_openssl_says_of_a_certificate() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls/client.pem");
        let der = CertificateDer::from_pem_file(path).unwrap();
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(text(|out| certificate.push_serial(out)), "3141592653");
        assert_eq!(text(|out| certificate.push_subject(out)), "CN=client,OU=Clients,O=The\\, Tests,C=GB");
        assert_eq!(
            text(|out| certificate.push_subject_legacy(out)),
            "/C=GB/O=The, Tests/OU=Clients/CN=client"
        );
        assert_eq!(text(|out| certificate.push_issuer(out)), "CN=authority,O=Tests");
        assert_eq!(text(|out| certificate.push_issuer_legacy(out)), "/O=Tests/CN=authority");
        assert!(text(|out| certificate.push_end(out)).ends_with(" GMT"));
        let end = certificate.not_after.and_then(Civil::to_unix).unwrap();
        assert_eq!(certificate.days_left(end - 86400 * 2 - 1), 2);
        assert_eq!(certificate.days_left(end + 1_000_000), 0);
    }

    #[test]
    fn nothing_in_a_certificate_panics() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls/client.pem");
        let der = CertificateDer::from_pem_file(path).unwrap().to_vec();
        for at in 0..der.len() {
            for other in [0, 1, 0x7F, 0x80, 0x84, 0xFF, der[at] ^ 1] {
                let mut changed = der.clone();
                changed[at] = other;
                for bytes in [&changed[..], &changed[..at]] {
                    if let Some(certificate) = Certificate::parse(bytes) {
                        text_lossy(certificate);
                    }
                }
            }
        }
    }

    fn text_lossy(certificate: Certificate<'_>) {
        let mut out = Vec::new();
        certificate.push_serial(&mut out);
        certificate.push_subject(&mut out);
        certificate.push_issuer_legacy(&mut out);
        certificate.push_start(&mut out);
        certificate.push_end(&mut out);
        certificate.days_left(0);
    }

    #[test]
    fn names_with_everything() {
        let attribute = |oid: &[u8], tag: u8, value: &[u8]| {
            let element = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
            element(SEQUENCE, &[element(OID, oid), element(tag, value)].concat())
        };
        let set = |attributes: &[Vec<u8>]| {
            let content = attributes.concat();
            [&[SET, content.len() as u8], &content[..]].concat()
        };
        let name = [
            set(&[
                attribute(&[0x55, 4, 3], 0x0C, "é #a+".as_bytes()),
                attribute(&[0x55, 4, 10], 0x13, b"#x "),
            ]),
            set(&[attribute(&[0x2A, 0x86, 0x48, 3], 0x13, b"ab")]),
            set(&[attribute(&[0x55, 4, 11], 0x1E, &[0, b'u', 0x20, 0xAC])]),
        ]
        .concat();
        assert_eq!(
            text(|out| push_rfc2253(&name, out)),
            "OU=u\\E2\\82\\AC,1.2.840.3=#13026162,O=\\#x\\ +CN=\\C3\\A9 #a\\+"
        );
    }
}
