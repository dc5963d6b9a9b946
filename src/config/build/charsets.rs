//! `charset_map`: its blocks, and whether there is one wherever it is needed.

use std::collections::BTreeMap;

use super::super::ast::Directive;
use super::super::charsets::{Charsets, Recoding};
use super::super::model::LocationConf;
use super::context::Context;

/// What stands for a character that has none in the other set.
const UNKNOWN: u8 = b'?';

/// Most bytes of a character of UTF-8 that a table may name (nginx: up to U+FFFF).
const MAX_CHARACTER: usize = 3;

/// Reads one block.
pub(super) fn map(cx: &mut Context, d: &Directive) {
    let (from, to) = (cx.charsets.add(d.arg(0)), cx.charsets.add(d.arg(1)));
    let (from_name, to_name) = (d.arg(0), d.arg(1));
    if from == to {
        cx.error(d, format!("\"charset_map\" between the same charsets \"{from_name}\" and \"{to_name}\""));
        return;
    }
    if cx.charsets.table(from, to).is_some() {
        cx.error(d, format!("duplicate \"charset_map\" between \"{from_name}\" and \"{to_name}\""));
        return;
    }
    if from_name.eq_ignore_ascii_case("utf-8") {
        cx.error(d, "\"charset_map\" lists bytes: utf-8 is to be its second charset");
        return;
    }
    let (forth, back) =
        if to_name.eq_ignore_ascii_case("utf-8") { utf8_entries(cx, d) } else { byte_entries(cx, d) };
    cx.charsets.add_map((from, to), forth, back);
}

/// `80 88;`: a byte in each of the two sets.
fn byte_entries(cx: &mut Context, d: &Directive) -> (Recoding, Recoding) {
    let plain = |byte: u8| if byte.is_ascii() { byte } else { UNKNOWN };
    let mut forth: Box<[u8; 256]> = Box::new(std::array::from_fn(|byte| plain(byte as u8)));
    let mut back = forth.clone();
    for line in d.children() {
        let Some(from) = entry(cx, line) else { continue };
        let Some(to) = byte(line.arg(0)) else {
            cx.error(line, format!("invalid value \"{}\"", line.arg(0)));
            continue;
        };
        forth[usize::from(from)] = to;
        back[usize::from(to)] = from;
    }
    (Recoding::Bytes(forth), Recoding::Bytes(back))
}

/// `80 E282AC;`: a byte, and the bytes of its character in UTF-8.
fn utf8_entries(cx: &mut Context, d: &Directive) -> (Recoding, Recoding) {
    let plain = |byte: u8| [1, if byte.is_ascii() { byte } else { UNKNOWN }, 0, 0];
    let mut forth: Box<[[u8; 4]; 256]> = Box::new(std::array::from_fn(|byte| plain(byte as u8)));
    let mut back = BTreeMap::new();
    for line in d.children() {
        let Some(from) = entry(cx, line) else { continue };
        let Some((character, code)) = utf8(line.arg(0)) else {
            cx.error(line, format!("invalid value \"{}\"", line.arg(0)));
            continue;
        };
        forth[usize::from(from)] = character;
        back.insert(code, from);
    }
    // Byte 0 is none, as in nginx.
    let back = back.into_iter().filter(|(_, byte)| *byte != 0).collect();
    (Recoding::ToUtf8(forth), Recoding::FromUtf8(back))
}

/// The first word of an entry, which must have one more.
fn entry(cx: &mut Context, line: &Directive) -> Option<u8> {
    if line.args().len() != 1 {
        cx.error(line, "invalid parameters number");
        return None;
    }
    let value = byte(line.name());
    if value.is_none() {
        cx.error(line, format!("invalid value \"{}\"", line.name()));
    }
    value
}

/// A byte in hexadecimal.
fn byte(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(text, 16).ok())?
}

/// Length and bytes of a character in hexadecimal, and its code point.
fn utf8(text: &str) -> Option<([u8; 4], u16)> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() / 2 > MAX_CHARACTER {
        return None;
    }
    let mut character = [0; 4];
    for (to, pair) in character[1..].iter_mut().zip(digits.chunks(2)) {
        *to = byte(std::str::from_utf8(pair).ok()?)?;
    }
    let len = digits.len() / 2;
    let read = std::str::from_utf8(&character[1..=len]).ok()?;
    let mut characters = read.chars();
    let (Some(one), None) = (characters.next(), characters.next()) else { return None };
    // At most three.
    character[0] = len as u8;
    Some((character, u16::try_from(u32::from(one)).ok()?))
}

/// Where both charsets of a level are known there must be a table between them.
pub(super) fn check(cx: &mut Context, locations: &[LocationConf]) {
    let mut missing = Vec::new();
    for location in locations {
        let Some((from, to)) = pair(&cx.charsets, location) else { continue };
        if from != to && cx.charsets.table(from, to).is_none() && !missing.contains(&(from, to)) {
            missing.push((from, to));
        }
    }
    for (from, to) in missing {
        let (from, to) = (cx.charsets.name(from), cx.charsets.name(to));
        let message = format!("no \"charset_map\" between the charsets \"{from}\" and \"{to}\"");
        cx.diagnostics.error(None, message);
    }
}

/// `source_charset` and `charset` of a location, where both are names.
fn pair(charsets: &Charsets, location: &LocationConf) -> Option<(usize, usize)> {
    let conf = location.filters.as_deref()?.charset.as_ref()?;
    let from = charsets.find(conf.source.as_ref()?.as_literal()?)?;
    let to = charsets.find(conf.name.as_ref()?.as_literal()?)?;
    Some((from, to))
}
