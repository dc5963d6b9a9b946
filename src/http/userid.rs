//! `userid`: by which cookie a client is known, and which one it gets (nginx's `ngx_http_userid_filter_module`).
//!
//! Sets no header: that is `filter`'s business. Called by `filter` and by `variables`.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write as _;
use std::net::IpAddr;

use super::exchange::Exchange;
use super::variables::{cookie, evaluate};
use crate::config::userid::{UseridConf, UseridMode};
use crate::http1::base64;
use crate::log::{Level, Raw};

/// Characters of a cookie's value that say who the client is: sixteen bytes in base64, without padding.
const TEXT: usize = 22;

/// What the last number of a version 2 cookie begins with, as in nginx.
const FIRST_V2: u32 = 0x0303_0302;

/// Sixteen bytes that are no one else's.
pub type Uid = [u8; 16];

/// Who the client says it is.
pub struct Got<'e> {
    /// The whole value.
    pub text: &'e [u8],
    /// What it stands for.
    pub uid: Uid,
}

thread_local! {
    /// What tells this core's cookies from those of others, and the number of the next one in both versions.
    static NEXT: (u32, Cell<u32>, Cell<u32>) =
        ((RandomState::new().build_hasher().finish() >> 32) as u32, Cell::new(1), Cell::new(FIRST_V2));
}

/// The cookie that the client sent.
pub fn got<'e>(exchange: &'e Exchange, conf: &UseridConf) -> Option<Got<'e>> {
    let text = cookie(exchange, conf.name.as_bytes())?;
    let Some(known) = text.get(..TEXT) else {
        exchange
            .log_error(Level::Error, format_args!("client sent too short userid cookie \"{}\"", Raw(text)));
        return None;
    };
    let mut bytes = Vec::with_capacity(16);
    if !base64::decode(known, &mut bytes) {
        exchange.log_error(Level::Error, format_args!("client sent invalid userid cookie \"{}\"", Raw(text)));
        return None;
    }
    let uid = bytes.try_into().ok()?;
    Some(Got { text, uid })
}

/// What the client is to be told: the sixteen bytes, and the text if it has one already (which then gets a mark).
pub fn set(exchange: &Exchange, conf: &UseridConf) -> Option<Uid> {
    if conf.mode == UseridMode::Log {
        return None;
    }
    if let Some(uid) = exchange.uid_set.get() {
        return Some(uid);
    }
    let uid = match got(exchange, conf) {
        Some(got) if !is_reset(exchange, conf, &got) => {
            let mark = conf.mark?;
            if got.text.get(TEXT) == Some(&mark) && got.text.get(TEXT + 1) == Some(&b'=') {
                return None;
            }
            got.uid
        }
        _ => make(exchange, conf),
    };
    exchange.uid_set.set(Some(uid));
    Some(uid)
}

/// `$uid_reset`: the client gets another cookie.
fn is_reset(exchange: &Exchange, conf: &UseridConf, got: &Got<'_>) -> bool {
    let mut reset = Vec::new();
    evaluate(exchange, &conf.reset, &mut reset);
    if reset.is_empty() || reset == b"0" {
        return false;
    }
    if reset == b"log" {
        let mut shown = Vec::new();
        write(&conf.name, &got.uid, &mut shown);
        exchange.log_error(Level::Notice, format_args!("userid cookie \"{}\" was reset", Raw(&shown)));
    }
    true
}

fn make(exchange: &Exchange, conf: &UseridConf) -> Uid {
    let seconds = (crate::time::now().unix_secs() & i64::from(u32::MAX)) as u32;
    let version1 = conf.mode == UseridMode::V1;
    let (start, number) = NEXT.with(|(start, v1, v2)| {
        let next = if version1 { v1 } else { v2 };
        let number = next.get();
        let after = number.wrapping_add(0x100);
        next.set(if !version1 && after < FIRST_V2 { FIRST_V2 } else { after });
        (*start, number)
    });
    let service = match (conf.service, exchange.client.local.ip()) {
        (Some(service), _) => service,
        (None, _) if version1 => 0,
        (None, Some(IpAddr::V4(ip))) => u32::from(ip),
        (None, Some(IpAddr::V6(ip))) => (u128::from(ip) & u128::from(u32::MAX)) as u32,
        (None, None) => 0,
    };
    let mut uid = [0; 16];
    for (place, word) in uid.chunks_exact_mut(4).zip([service, seconds, start, number]) {
        place.copy_from_slice(&if version1 { word.to_ne_bytes() } else { word.to_be_bytes() });
    }
    uid
}

/// `$uid_got`, `$uid_set`: the name, and the bytes as nginx prints them.
pub fn write(name: &str, uid: &Uid, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    for word in uid.as_chunks::<4>().0 {
        // Writing to memory does not fail.
        let _ = write!(out, "{:08X}", u32::from_ne_bytes(*word));
    }
}

/// The cookie's value.
pub fn encode(conf: &UseridConf, uid: &Uid) -> String {
    let mut text = base64::encode(uid);
    if let Some(mark) = conf.mark {
        text.truncate(TEXT);
        text.push(char::from(mark));
        text.push('=');
    }
    text
}
