//! `$secure_link`: whether a link carries the MD5 of what `secure_link_md5` says, and until when it is valid (nginx's
//! `ngx_http_secure_link_module`). Decides nothing; called by `variables`.

use md5::{Digest, Md5};

use super::exchange::Exchange;
use super::variables::evaluate;
use crate::config::model::SecureLinkConf;
use crate::config::template::Template;
use crate::http1::base64;

/// Longest checksum in a link, bytes: sixteen in base64, padded.
const MAX_CHECKSUM: usize = 24;

/// Bytes of the checksum in a path: sixteen in hexadecimal digits.
const DIGITS: usize = 32;

/// Appends `$secure_link`; `false`: it has no value.
pub(super) fn write(exchange: &Exchange, conf: &SecureLinkConf, out: &mut Vec<u8>) -> bool {
    match conf {
        SecureLinkConf::Md5 { link, md5 } => {
            let valid = check(exchange, link, md5);
            out.extend(valid.map(|valid| if valid { b'1' } else { b'0' }));
            valid.is_some()
        }
        SecureLinkConf::Secret(secret) => secret_link(exchange, secret, out).is_some(),
    }
}

/// `/prefix/checksum/link`, as the client sent it: the link, when the checksum is that of it and the secret.
fn secret_link(exchange: &Exchange, secret: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut target = Vec::new();
    exchange.request.push_origin_form(&exchange.input, &mut target);
    let mut parts = target.get(1..)?.splitn(3, |b| *b == b'/').skip(1);
    let (told, link) = (parts.next()?, parts.next()?);
    if told.len() != DIGITS || link.is_empty() {
        return None;
    }
    let made = Md5::new().chain_update(link).chain_update(secret).finalize();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut differs = 0;
    for (pair, byte) in told.as_chunks::<2>().0.iter().zip(made) {
        differs |= (digit(pair[0])? << 4 | digit(pair[1])?) ^ u32::from(byte);
    }
    (differs == 0).then(|| out.extend_from_slice(link))
}

/// Whether the time of a link is not over; `None` when it is not there or its checksum is wrong.
fn check(exchange: &Exchange, link: &Template, md5: &Template) -> Option<bool> {
    let (link, expires) = parts(exchange, link);
    let expires = match expires {
        Some(text) => Some(seconds(&text)?),
        None => None,
    };
    if link.len() > MAX_CHECKSUM {
        return None;
    }
    let mut told = Vec::new();
    if !base64::decode_url(&link, &mut told) {
        return None;
    }
    let mut text = Vec::new();
    evaluate(exchange, md5, &mut text);
    let made = Md5::digest(&text);
    let differs =
        told.len() != made.len() || told.iter().zip(made).fold(0, |diff, (a, b)| diff | (a ^ b)) != 0;
    let now = crate::time::now().unix_secs();
    (!differs).then(|| expires.is_none_or(|at| at >= now))
}

/// The time in a link, as written.
pub(super) fn expires(exchange: &Exchange, conf: &SecureLinkConf) -> Option<Vec<u8>> {
    let SecureLinkConf::Md5 { link, .. } = conf else { return None };
    parts(exchange, link).1.filter(|text| seconds(text).is_some())
}

/// Checksum, and what follows a comma.
fn parts(exchange: &Exchange, template: &Template) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut link = Vec::new();
    evaluate(exchange, template, &mut link);
    let expires = memchr::memchr(b',', &link).map(|comma| {
        let rest = link.split_off(comma + 1);
        link.truncate(comma);
        rest
    });
    (link, expires)
}

/// Seconds since 1970, above zero.
fn seconds(text: &[u8]) -> Option<i64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok()?.parse().ok().filter(|&at: &i64| digits && at > 0)
}
