//! `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags`: a cookie of the app as the client gets it.
//!
//! Takes a `Set-Cookie` value apart and puts it together as nginx does: when nothing fits, not a byte changes.

use std::ops::BitOr;

use crate::config::model::{CookieConf, CookieMatch, CookieRewriteConf};
use crate::config::template::Template;
use crate::http::{Exchange, variables};
use crate::http1::encode;
use crate::log::{Level, Raw};

/// A part of a `Set-Cookie` value: the cookie itself, which comes first, or an attribute.
struct Part {
    name: Vec<u8>,
    /// Behind `=`, if that is there.
    value: Option<Vec<u8>>,
}

/// What is to be with one attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wanted {
    /// What the app says.
    #[default]
    Kept,
    /// It is there, with this value if it has one.
    On(Option<&'static str>),
    /// It is not there.
    Off,
}

/// What `proxy_cookie_flags` names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    secure: Wanted,
    http_only: Wanted,
    same_site: Wanted,
}

impl BitOr for Wanted {
    type Output = Self;

    /// Of several the one that nginx looks at first.
    fn bitor(self, other: Self) -> Self {
        match (self, other) {
            (Self::Kept, wanted) | (wanted, Self::Kept) => wanted,
            (Self::On(a), Self::On(b)) if strictness(b) < strictness(a) => Self::On(b),
            (on @ Self::On(_), _) | (_, on @ Self::On(_)) => on,
            (Self::Off, Self::Off) => Self::Off,
        }
    }
}

/// nginx's order of looking.
fn strictness(value: Option<&str>) -> usize {
    ["Strict", "Lax", "None"].iter().position(|name| Some(*name) == value).unwrap_or(0)
}

/// The value of a `Set-Cookie` field as it goes on; `None` when it stays as it is, also where what came of it could not
/// stand in a header.
pub(super) fn rewrite(exchange: &mut Exchange, conf: &CookieConf, value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parse(value);
    parts.first()?.value.as_ref()?;
    let mut changed = false;
    for part in parts.iter_mut().skip(1) {
        let rules = match &part.name {
            name if name.eq_ignore_ascii_case(b"domain") => &conf.domains,
            name if name.eq_ignore_ascii_case(b"path") => &conf.paths,
            _ => continue,
        };
        let is_domain = part.name.len() == b"domain".len();
        let Some(old) = part.value.take() else { continue };
        let new = rules.iter().find_map(|rule| replace(exchange, rule, &old, is_domain));
        changed |= new.is_some();
        part.value = Some(new.unwrap_or(old));
    }
    if let Some(flags) = wanted_flags(exchange, conf, &parts[0].name) {
        set_flags(&mut parts, flags);
        changed = true;
    }
    if !changed {
        return None;
    }
    let joined = join(&parts);
    if !encode::is_safe_value(&joined) {
        let message = format_args!("\"proxy_cookie_*\" made a value with a control character");
        exchange.log_error(Level::Error, message);
        return None;
    }
    Some(joined)
}

/// nginx's `ngx_http_proxy_parse_cookie`.
fn parse(value: &[u8]) -> Vec<Part> {
    value
        .split(|b| *b == b';')
        .map(|part| match memchr::memchr(b'=', part) {
            Some(at) => Part {
                name: part[..at].trim_ascii().to_vec(),
                value: Some(part[at + 1..].trim_ascii().to_vec()),
            },
            None => Part { name: part.trim_ascii().to_vec(), value: None },
        })
        .collect()
}

fn join(parts: &[Part]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(&part.name);
        if let Some(value) = &part.value {
            joined.push(b'=');
            joined.extend_from_slice(value);
        }
    }
    joined
}

/// What one rule makes of an attribute's value; `None` when it does not fit. Paths are compared by their beginning,
/// domains whole and without a dot in front, which stays.
fn replace(
    exchange: &mut Exchange,
    rule: &CookieRewriteConf,
    old: &[u8],
    is_domain: bool,
) -> Option<Vec<u8>> {
    let mut new = Vec::new();
    let rest = match &rule.from {
        CookieMatch::Regex(pattern) => exchange.captures.take(pattern, old).then_some(&b""[..])?,
        CookieMatch::Text(from) if is_domain => {
            let bare = old.strip_prefix(b".");
            if !evaluated(exchange, from).eq_ignore_ascii_case(bare.unwrap_or(old)) {
                return None;
            }
            new.extend_from_slice(if bare.is_some() { b"." } else { b"" });
            b""
        }
        CookieMatch::Text(from) => old.strip_prefix(&evaluated(exchange, from)[..])?,
    };
    variables::evaluate(exchange, &rule.to, &mut new);
    new.extend_from_slice(rest);
    Some(new)
}

/// What the first rule for this cookie asks for; `None` when there is none, or when it asks for nothing.
fn wanted_flags(exchange: &mut Exchange, conf: &CookieConf, cookie: &[u8]) -> Option<Flags> {
    let rule = conf.flags.iter().find(|rule| match &rule.cookie {
        CookieMatch::Regex(pattern) => exchange.captures.take(pattern, cookie),
        CookieMatch::Text(name) => evaluated(exchange, name).eq_ignore_ascii_case(cookie),
    })?;
    let mut flags = Flags::default();
    for template in &rule.flags {
        let name = evaluated(exchange, template);
        match name.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"secure" => flags.secure = flags.secure | Wanted::On(None),
            b"nosecure" => flags.secure = flags.secure | Wanted::Off,
            b"httponly" => flags.http_only = flags.http_only | Wanted::On(None),
            b"nohttponly" => flags.http_only = flags.http_only | Wanted::Off,
            b"samesite=strict" => flags.same_site = flags.same_site | Wanted::On(Some("Strict")),
            b"samesite=lax" => flags.same_site = flags.same_site | Wanted::On(Some("Lax")),
            b"samesite=none" => flags.same_site = flags.same_site | Wanted::On(Some("None")),
            b"nosamesite" => flags.same_site = flags.same_site | Wanted::Off,
            _ => exchange
                .log_error(Level::Error, format_args!("invalid proxy_cookie_flags flag \"{}\"", Raw(&name))),
        }
    }
    (flags != Flags::default()).then_some(flags)
}

fn set_flags(parts: &mut Vec<Part>, flags: Flags) {
    for (name, wanted) in
        [("Secure", flags.secure), ("HttpOnly", flags.http_only), ("SameSite", flags.same_site)]
    {
        let is_meant = |part: &Part| part.name.eq_ignore_ascii_case(name.as_bytes());
        match wanted {
            Wanted::Kept => {}
            Wanted::Off => {
                let mut at = 0;
                parts.retain(|part| {
                    at += 1;
                    at == 1 || !is_meant(part)
                });
            }
            Wanted::On(value) => {
                let flag = Part {
                    name: name.as_bytes().to_vec(),
                    value: value.map(|value| value.as_bytes().to_vec()),
                };
                match parts.iter_mut().skip(1).find(|part| is_meant(part)) {
                    None => parts.push(flag),
                    Some(part) if value.is_some() => *part = flag,
                    // Written as the app writes it.
                    Some(_) => {}
                }
            }
        }
    }
}

fn evaluated(exchange: &Exchange, template: &Template) -> Vec<u8> {
    let mut value = Vec::new();
    variables::evaluate(exchange, template, &mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::{Flags, Wanted, join, parse, set_flags};

    #[test]
    fn a_cookie_is_taken_apart_and_put_together() {
        for (value, expected) in [
            ("a=b", "a=b"),
            (" a = b ;Path = / ; Secure", "a=b; Path=/; Secure"),
            ("a=b=c;;x", "a=b=c; ; x"),
            ("", ""),
        ] {
            assert_eq!(join(&parse(value.as_bytes())), expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn flags_are_set_changed_and_removed() {
        let with = |value: &str, flags| {
            let mut parts = parse(value.as_bytes());
            set_flags(&mut parts, flags);
            String::from_utf8(join(&parts)).unwrap()
        };
        let on = Flags {
            secure: Wanted::On(None),
            http_only: Wanted::On(None),
            same_site: Wanted::On(Some("Lax")),
        };
        assert_eq!(with("a=b", on), "a=b; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(with("a=b; samesite=x; secure", on), "a=b; SameSite=Lax; secure; HttpOnly");
        let off = Flags { secure: Wanted::Off, http_only: Wanted::Off, same_site: Wanted::Off };
        assert_eq!(with("secure=b; samesite=x; secure; path=/", off), "secure=b; path=/");
    }

    #[test]
    fn of_two_that_exclude_each_other_nginx_takes_one() {
        assert_eq!(Wanted::Off | Wanted::On(None), Wanted::On(None));
        assert_eq!(Wanted::On(Some("None")) | Wanted::On(Some("Lax")), Wanted::On(Some("Lax")));
        assert_eq!(Wanted::Kept | Wanted::Off, Wanted::Off);
    }
}
