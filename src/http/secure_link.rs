//! `$secure_link`: whether a link carries the MD5 of what `secure_link_md5` says, and until when it is valid (nginx's
//! `ngx_http_secure_link_module`). Decides nothing; called by `variables`.

use md5::{Digest, Md5};

use super::exchange::Exchange;
use super::variables::evaluate;
use crate::config::model::SecureLinkConf;
use crate::http1::base64;

/// Longest checksum in a link, bytes: sixteen in base64, padded.
const MAX_CHECKSUM: usize = 24;

/// What is known of a link whose checksum is right.
pub(super) struct Link {
    /// Its time is not over.
    pub valid: bool,
}

/// The link of a request; `None` when it is not there or its checksum is wrong.
pub(super) fn check(exchange: &Exchange, conf: &SecureLinkConf) -> Option<Link> {
    let (link, expires) = parts(exchange, conf);
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
    evaluate(exchange, &conf.md5, &mut text);
    let made = Md5::digest(&text);
    let differs =
        told.len() != made.len() || told.iter().zip(made).fold(0, |diff, (a, b)| diff | (a ^ b)) != 0;
    let now = crate::time::now().unix_secs();
    (!differs).then(|| Link { valid: expires.is_none_or(|at| at >= now) })
}

/// The time in a link, as written.
pub(super) fn expires(exchange: &Exchange, conf: &SecureLinkConf) -> Option<Vec<u8>> {
    parts(exchange, conf).1.filter(|text| seconds(text).is_some())
}

/// Checksum, and what follows a comma.
fn parts(exchange: &Exchange, conf: &SecureLinkConf) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut link = Vec::new();
    evaluate(exchange, &conf.link, &mut link);
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
