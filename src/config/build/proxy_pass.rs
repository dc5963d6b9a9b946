//! `proxy_pass` in all its forms, `proxy_redirect`, and the content handler of a location.
//!
//! A location whose handler is not supported must never fall through to static files: that could show source code.
//! It refuses its requests with the reason instead.

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::{HandlerConf, ProxyPassConf, ProxyRedirectConf, ProxyTarget};
use super::super::template::Template;
use super::addr::{self, Endpoint, UriPart, Url};
use super::context::Context;
use super::level::Place;
use super::proxy::RawProxy;

/// A content handler as written.
#[derive(Debug, Clone)]
pub(super) enum RawPass {
    /// `proxy_pass` without variables.
    Literal {
        /// The whole URL.
        url: String,
        /// Its parts.
        parsed: Url,
        /// TLS is spoken to it.
        tls: bool,
        /// For messages found after the parsing.
        at: Pos,
    },
    /// `proxy_pass` with variables.
    Variables {
        /// The whole URL.
        url: String,
        /// The same, compiled.
        template: Template,
        /// Where it stands.
        at: Pos,
    },
}

/// `proxy_redirect` as written.
#[derive(Debug, Clone)]
pub(super) enum RawRedirects {
    /// `off`.
    Off,
    /// The lines in order.
    Lines(std::sync::Arc<Vec<RawRedirect>>),
}

/// One line of `proxy_redirect`.
#[derive(Debug, Clone)]
pub(super) enum RawRedirect {
    /// From a prefix.
    Prefix(Template, Template),
    /// From a regular expression.
    Regex(super::super::pattern::Pattern, Template),
}

/// Reads `proxy_pass`.
pub(super) fn proxy_pass(cx: &mut Context, d: &Directive, place: Place<'_>, pass: &mut Option<RawPass>) {
    if matches!(pass, Some(RawPass::Literal { .. } | RawPass::Variables { .. })) {
        cx.duplicate(d);
        return;
    }
    let url = d.arg(0);
    if url.contains('$') {
        if let Some(template) = cx.template(d, url) {
            *pass = Some(RawPass::Variables { url: url.to_owned(), template, at: d.pos });
        }
        return;
    }
    let (tls, rest) = match strip_scheme(url, "https://") {
        Some(rest) => (true, Some(rest)),
        None => (false, strip_scheme(url, "http://")),
    };
    let Some(rest) = rest else {
        cx.error(d, "invalid URL prefix");
        return;
    };
    let parsed = match addr::parse_peer(rest, default_port(tls), UriPart::Allowed) {
        Ok(parsed) => parsed,
        Err(why) => {
            cx.error(d, format!("{why} in upstream \"{rest}\""));
            return;
        }
    };
    let replaces = !place.inside_if && place.location.is_some_and(super::location::Place::has_prefix);
    if parsed.uri.is_some() && !replaces {
        cx.error(
            d,
            "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named location, \
             or inside \"if\" statement, or inside \"limit_except\" block",
        );
        return;
    }
    *pass = Some(RawPass::Literal { url: url.to_owned(), parsed, tls, at: d.pos });
}

/// The port of a URL without one.
fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

pub(super) fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let head = url.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
}

/// Reads `proxy_redirect`, which for `default` looks at the `proxy_pass` of its own level.
pub(super) fn proxy_redirect(
    cx: &mut Context,
    d: &Directive,
    place: Place<'_>,
    pass: Option<&RawPass>,
    redirects: &mut Option<RawRedirects>,
) {
    if matches!(redirects, Some(RawRedirects::Off)) {
        cx.duplicate(d);
        return;
    }
    let line = if d.args().len() == 1 {
        match d.arg(0) {
            "off" if redirects.is_some() => {
                cx.duplicate(d);
                return;
            }
            "off" => {
                *redirects = Some(RawRedirects::Off);
                return;
            }
            "default" => match pass {
                None => {
                    cx.error(
                        d,
                        "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
                    );
                    return;
                }
                Some(RawPass::Variables { .. }) => {
                    cx.error(
                        d,
                        "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
                    );
                    return;
                }
                Some(RawPass::Literal { url, parsed, .. }) => {
                    let matched_prefix = place.location.map_or("", super::location::Place::matched_prefix);
                    Some(default_redirect(url, parsed, matched_prefix.as_bytes()))
                }
            },
            other => {
                cx.error(d, format!("invalid parameter \"{other}\""));
                return;
            }
        }
    } else {
        redirect_line(cx, d)
    };
    let Some(line) = line else { return };
    let lines = match redirects.take() {
        Some(RawRedirects::Lines(mut lines)) => {
            std::sync::Arc::make_mut(&mut lines).push(line);
            lines
        }
        _ => std::sync::Arc::new(vec![line]),
    };
    *redirects = Some(RawRedirects::Lines(lines));
}

fn redirect_line(cx: &mut Context, d: &Directive) -> Option<RawRedirect> {
    let to = cx.template(d, d.arg_bytes(1))?;
    match d.arg(0).strip_prefix('~') {
        Some(source) => {
            let (source, caseless) = match source.strip_prefix('*') {
                Some(source) => (source, true),
                None => (source, false),
            };
            Some(RawRedirect::Regex(cx.pattern(d, source, caseless)?, to))
        }
        None => Some(RawRedirect::Prefix(cx.template(d, d.arg_bytes(0))?, to)),
    }
}

/// The redirects in force, `default` resolved against the location's own `proxy_pass`.
pub(super) fn resolve_redirects(raw: &RawProxy, matched_prefix: &[u8]) -> Vec<ProxyRedirectConf> {
    match &raw.redirects {
        Some(RawRedirects::Off) => Vec::new(),
        Some(RawRedirects::Lines(lines)) => lines
            .iter()
            .map(|line| match line.clone() {
                RawRedirect::Prefix(from, to) => ProxyRedirectConf::Prefix { from, to },
                RawRedirect::Regex(from, to) => ProxyRedirectConf::Regex { from, to },
            })
            .collect(),
        None if !raw.is_http() => Vec::new(),
        None => match &raw.pass {
            Some(RawPass::Literal { url, parsed, .. }) => match default_redirect(url, parsed, matched_prefix)
            {
                RawRedirect::Prefix(from, to) => vec![ProxyRedirectConf::Prefix { from, to }],
                RawRedirect::Regex(..) => Vec::new(),
            },
            Some(RawPass::Variables { .. }) | None => Vec::new(),
        },
    }
}

/// `proxy_redirect default`: the URL of `proxy_pass` becomes the location's prefix, or `/`.
fn default_redirect(url: &str, parsed: &Url, matched_prefix: &[u8]) -> RawRedirect {
    match parsed.uri {
        Some(_) => RawRedirect::Prefix(Template::literal(url.as_bytes()), Template::literal(matched_prefix)),
        None => RawRedirect::Prefix(Template::literal(format!("{url}/").as_bytes()), Template::literal(b"/")),
    }
}

/// The content handler of a location; `closed` says why it may not have any.
pub(super) fn resolve_handler(
    cx: &mut Context,
    closed: Option<&str>,
    pass: Option<&RawPass>,
    matched_prefix: &[u8],
) -> HandlerConf {
    let location_prefix = matched_prefix.to_vec();
    if let Some(reason) = closed {
        return HandlerConf::Refused(reason.to_owned());
    }
    match pass {
        None => HandlerConf::Static,
        Some(RawPass::Variables { url, template, .. }) => HandlerConf::Proxy(ProxyPassConf {
            target: ProxyTarget::Variables(template.clone()),
            tls: false,
            location_prefix,
            url: url.clone(),
        }),
        Some(RawPass::Literal { url, parsed, tls, at }) => {
            let Some(upstream) = cx.upstream_for(parsed, *at) else { return HandlerConf::Static };
            let (host, port) = match &parsed.endpoint {
                Endpoint::Unix(_) => ("localhost".to_owned(), String::new()),
                _ if parsed.port == default_port(*tls) => (parsed.host.clone(), parsed.port.to_string()),
                _ => (format!("{}:{}", parsed.host, parsed.port), parsed.port.to_string()),
            };
            let uri = parsed.uri.as_ref().map(|uri| uri.clone().into_bytes());
            let target = ProxyTarget::Literal { upstream, host, port, uri };
            HandlerConf::Proxy(ProxyPassConf { target, tls: *tls, location_prefix, url: url.clone() })
        }
    }
}
