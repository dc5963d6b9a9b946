//! `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`, as written.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::model::{CookieConf, CookieFlagsConf, CookieMatch, CookieRewriteConf};
use super::context::Context;
use super::level::inherit;

/// As written; an empty list is `off`.
#[derive(Debug, Default)]
pub(super) struct RawCookies {
    domains: Option<Vec<CookieRewriteConf>>,
    paths: Option<Vec<CookieRewriteConf>>,
    flags: Option<Vec<CookieFlagsConf>>,
}

impl RawCookies {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "proxy_cookie_domain" => push(cx, d, &mut self.domains, domain),
            "proxy_cookie_path" => push(cx, d, &mut self.paths, path),
            "proxy_cookie_flags" => push(cx, d, &mut self.flags, flags),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; domains, paths, flags);
    }

    /// The resolved form; `None` when cookies stay as they are.
    pub(super) fn resolve(&self) -> Option<Arc<CookieConf>> {
        let conf = CookieConf {
            domains: self.domains.clone().unwrap_or_default(),
            paths: self.paths.clone().unwrap_or_default(),
            flags: self.flags.clone().unwrap_or_default(),
        };
        let unused = conf.domains.is_empty() && conf.paths.is_empty() && conf.flags.is_empty();
        (!unused).then(|| Arc::new(conf))
    }
}

/// `off`, or one line more.
fn push<T>(
    cx: &mut Context,
    d: &Directive,
    lines: &mut Option<Vec<T>>,
    read: impl FnOnce(&mut Context, &Directive) -> Option<T>,
) {
    let is_off = lines.as_ref().is_some_and(Vec::is_empty);
    if is_off || (lines.is_some() && d.args().len() == 1) {
        cx.duplicate(d);
    } else if d.args().len() > 1 {
        if let Some(line) = read(cx, d) {
            lines.get_or_insert_default().push(line);
        }
    } else if d.arg(0) == "off" {
        *lines = Some(Vec::new());
    } else {
        cx.error(d, format!("invalid parameter \"{}\"", d.arg(0)));
    }
}

/// `proxy_cookie_domain domain replacement`: case and a dot in front do not matter.
fn domain(cx: &mut Context, d: &Directive) -> Option<CookieRewriteConf> {
    let (from, to) = (d.arg(0), d.arg_bytes(1));
    if let Some(source) = from.strip_prefix('~') {
        let from = CookieMatch::Regex(cx.pattern(d, source, true)?);
        return Some(CookieRewriteConf { from, to: cx.template(d, to)? });
    }
    let from = CookieMatch::Text(cx.template(d, from.strip_prefix('.').unwrap_or(from))?);
    Some(CookieRewriteConf { from, to: cx.template(d, to.strip_prefix(b".").unwrap_or(to))? })
}

/// `proxy_cookie_path path replacement`.
fn path(cx: &mut Context, d: &Directive) -> Option<CookieRewriteConf> {
    let to = cx.template(d, d.arg_bytes(1))?;
    let from = match d.arg(0).strip_prefix('~') {
        Some(source) => {
            let caseless = source.strip_prefix('*');
            CookieMatch::Regex(cx.pattern(d, caseless.unwrap_or(source), caseless.is_some())?)
        }
        None => CookieMatch::Text(cx.template(d, d.arg_bytes(0))?),
    };
    Some(CookieRewriteConf { from, to })
}

/// `proxy_cookie_flags cookie flag ...`.
fn flags(cx: &mut Context, d: &Directive) -> Option<CookieFlagsConf> {
    let cookie = match d.arg(0).strip_prefix('~') {
        Some(source) => CookieMatch::Regex(cx.pattern(d, source, true)?),
        None => CookieMatch::Text(cx.template(d, d.arg_bytes(0))?),
    };
    let flags = (1..d.args().len()).map(|i| cx.template(d, d.arg_bytes(i))).collect::<Option<_>>()?;
    Some(CookieFlagsConf { cookie, flags })
}
