//! What is written into responses and redirects: `add_header`, `add_trailer`, `server_tokens`, `absolute_redirect` and its kin.

use super::super::ast::Directive;
use super::super::expires::{self, ExpiresConf};
use super::super::model::AddHeaderConf;
use super::context::Context;
use super::level::{Inherit, List, inherit};

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawHeaders {
    pub add_headers: List<AddHeaderConf>,
    pub add_header_inherit: Option<Inherit>,
    pub add_trailers: List<AddHeaderConf>,
    pub add_trailer_inherit: Option<Inherit>,
    pub expires: Option<ExpiresConf>,
    pub server_tokens: Option<bool>,
    pub absolute_redirect: Option<bool>,
    pub port_in_redirect: Option<bool>,
    pub server_name_in_redirect: Option<bool>,
}

impl RawHeaders {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "add_header" => {
                if let Some(header) = add_header(cx, d) {
                    self.add_headers.push(header);
                }
            }
            "add_trailer" => {
                if let Some(trailer) = add_header(cx, d) {
                    self.add_trailers.push(trailer);
                }
            }
            "add_header_inherit" => cx.choice(d, &mut self.add_header_inherit, &Inherit::WORDS),
            "add_trailer_inherit" => cx.choice(d, &mut self.add_trailer_inherit, &Inherit::WORDS),
            "expires" => cx.set(d, &mut self.expires, expires),
            // `build` shows a build name that we have not: the version then.
            "server_tokens" => {
                cx.choice(d, &mut self.server_tokens, &[("on", true), ("off", false), ("build", true)]);
            }
            "absolute_redirect" => cx.flag(d, &mut self.absolute_redirect),
            "port_in_redirect" => cx.flag(d, &mut self.port_in_redirect),
            "server_name_in_redirect" => cx.flag(d, &mut self.server_name_in_redirect),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; add_header_inherit, add_trailer_inherit);
        self.add_headers.inherit_as(&outer.add_headers, self.add_header_inherit.unwrap_or_default());
        self.add_trailers.inherit_as(&outer.add_trailers, self.add_trailer_inherit.unwrap_or_default());
        inherit!(self, outer; expires, server_tokens, absolute_redirect, port_in_redirect, server_name_in_redirect);
    }
}

fn expires(cx: &mut Context, d: &Directive) -> Option<ExpiresConf> {
    let (modified, last) = match d.args() {
        [_] => (false, 0),
        [word, _] if word.text() == "modified" => (true, 1),
        _ => {
            cx.error(d, "\"expires\" directive invalid value");
            return None;
        }
    };
    let value = cx.template(d, d.arg_bytes(last))?;
    if !value.is_literal() {
        return Some(ExpiresConf::Variables { value, modified });
    }
    let read = expires::parse(d.arg(last), modified);
    read.map_err(|message| cx.error(d, format!("\"expires\" directive {message}"))).ok()
}

fn add_header(cx: &mut Context, d: &Directive) -> Option<AddHeaderConf> {
    let always = match d.args().get(2) {
        None => false,
        Some(word) if word.text() == "always" => true,
        Some(word) => {
            cx.error(d, format!("invalid parameter \"{}\"", word.text()));
            return None;
        }
    };
    let name = header_name(cx, d)?;
    let value = cx.header_value(d, 1)?;
    Some(AddHeaderConf { name, value, always })
}

/// The first argument as a header name: one that would break the message's framing is refused.
pub(super) fn header_name(cx: &mut Context, d: &Directive) -> Option<String> {
    let name = d.arg(0);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        cx.error(d, format!("invalid header name \"{name}\""));
        return None;
    }
    Some(name.to_owned())
}
