//! `uwsgi_*`, `fastcgi_*`, `scgi_*`, `memcached_*`, `grpc_*`: what they share with `proxy_*` is read there, under the same names; here is the rest.

use super::super::ast::Directive;
use super::super::gateway::{FastcgiScriptConf, MemcachedConf, ParamConf, ParamsConf, Protocol};
use super::super::pattern::Pattern;
use super::super::template::Template;
use super::addr::{self, UriPart};
use super::context::Context;
use super::level::inherit;
use super::proxy::RawProxy;
use super::proxy_pass::{RawPass, strip_scheme};

/// Which of the families a [`RawProxy`] belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Family {
    /// `proxy_*`
    #[default]
    Http,
    /// `uwsgi_*`
    Uwsgi,
    /// `fastcgi_*`
    Fastcgi,
    /// `scgi_*`
    Scgi,
    /// `memcached_*`
    Memcached,
    /// `grpc_*`
    Grpc,
}

impl Family {
    /// The gateway that a directive is about; none for `proxy_*` and everything else.
    fn of(name: &str) -> Option<Self> {
        match name.split_once('_')?.0 {
            "uwsgi" => Some(Self::Uwsgi),
            "fastcgi" => Some(Self::Fastcgi),
            "scgi" => Some(Self::Scgi),
            "memcached" => Some(Self::Memcached),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }

    /// The folder of temporary files where none is named.
    pub(super) fn temp_folder(self) -> &'static str {
        match self {
            Self::Http | Self::Memcached | Self::Grpc => "proxy_temp",
            Self::Uwsgi => "uwsgi_temp",
            Self::Fastcgi => "fastcgi_temp",
            Self::Scgi => "scgi_temp",
        }
    }

    /// Response headers of the app that never reach the client unless `…_pass_header` says so.
    pub(super) fn hidden(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["date", "server", "x-pad"],
            Self::Grpc => &["date", "server"],
            Self::Uwsgi | Self::Memcached => &[],
            Self::Fastcgi | Self::Scgi => &["status"],
        }
    }
}

/// The gateways of one level, as written.
#[derive(Debug)]
pub(super) struct RawGateways {
    uwsgi: RawGateway,
    fastcgi: RawGateway,
    scgi: RawGateway,
    memcached: RawGateway,
    grpc: RawGateway,
    memcached_key: Option<Template>,
    memcached_gzip_flag: Option<u64>,
    modifier1: Option<u8>,
    modifier2: Option<u8>,
    string: Option<Box<[u8]>>,
    keep_conn: Option<bool>,
    catch_stderr: Option<Vec<String>>,
    index: Option<String>,
    split: Option<Pattern>,
}

/// One gateway.
#[derive(Debug)]
struct RawGateway {
    /// What the proxy has too.
    shared: RawProxy,
    params: Option<Vec<ParamConf>>,
}

impl Default for RawGateways {
    fn default() -> Self {
        let gateway = |family| RawGateway { shared: RawProxy::of(family), params: None };
        Self {
            uwsgi: gateway(Family::Uwsgi),
            fastcgi: gateway(Family::Fastcgi),
            scgi: gateway(Family::Scgi),
            memcached: gateway(Family::Memcached),
            grpc: gateway(Family::Grpc),
            memcached_key: None,
            memcached_gzip_flag: None,
            modifier1: None,
            modifier2: None,
            string: None,
            keep_conn: None,
            catch_stderr: None,
            index: None,
            split: None,
        }
    }
}

impl RawGateways {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, place: super::level::Place<'_>) -> bool {
        let Some(family) = Family::of(d.name()) else { return false };
        let gateway = match family {
            Family::Uwsgi => &mut self.uwsgi,
            Family::Fastcgi => &mut self.fastcgi,
            Family::Memcached => &mut self.memcached,
            Family::Grpc => &mut self.grpc,
            Family::Scgi | Family::Http => &mut self.scgi,
        };
        match d.name() {
            "uwsgi_pass" | "fastcgi_pass" | "scgi_pass" | "grpc_pass" => {
                pass(cx, d, family, &mut gateway.shared.pass);
            }
            "memcached_pass" => {
                pass(cx, d, family, &mut gateway.shared.pass);
                self.memcached_key = cx.template(d, "$memcached_key");
            }
            "memcached_gzip_flag" => cx.number(d, &mut self.memcached_gzip_flag),
            "uwsgi_param" | "fastcgi_param" | "scgi_param" => {
                if let Some(param) = param(cx, d) {
                    gateway.params.get_or_insert_default().push(param);
                }
            }
            "uwsgi_modifier1" => cx.set(d, &mut self.modifier1, modifier),
            "uwsgi_string" => cx.set(d, &mut self.string, |_, d| Some(d.arg_bytes(0).into())),
            "uwsgi_modifier2" => cx.set(d, &mut self.modifier2, modifier),
            "fastcgi_keep_conn" => cx.flag(d, &mut self.keep_conn),
            "fastcgi_catch_stderr" => self.catch_stderr.get_or_insert_default().push(d.arg(0).to_owned()),
            "fastcgi_index" => cx.text(d, &mut self.index),
            "fastcgi_split_path_info" => {
                if let Some(pattern) = split(cx, d) {
                    self.split = Some(pattern);
                }
            }
            _ => return gateway.shared.apply(cx, d, place),
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        for (inner, outer) in [
            (&mut self.uwsgi, &outer.uwsgi),
            (&mut self.fastcgi, &outer.fastcgi),
            (&mut self.scgi, &outer.scgi),
            (&mut self.memcached, &outer.memcached),
            (&mut self.grpc, &outer.grpc),
        ] {
            inner.shared.inherit(&outer.shared);
            inherit!(inner, outer; params);
        }
        inherit!(self, outer; memcached_key, memcached_gzip_flag, modifier1, modifier2, string, keep_conn, catch_stderr, index, split);
    }

    /// Passes requests nowhere, but where directive `name` says.
    pub(super) fn forget_handlers(&mut self, name: &str) {
        for (directive, gateway) in [
            ("uwsgi_pass", &mut self.uwsgi),
            ("fastcgi_pass", &mut self.fastcgi),
            ("scgi_pass", &mut self.scgi),
            ("memcached_pass", &mut self.memcached),
            ("grpc_pass", &mut self.grpc),
        ] {
            if directive != name {
                gateway.shared.pass = None;
            }
        }
    }

    /// Takes what the outer level passes requests to.
    pub(super) fn inherit_handler(&mut self, outer: &Self) {
        self.uwsgi.shared.pass.clone_from(&outer.uwsgi.shared.pass);
        self.fastcgi.shared.pass.clone_from(&outer.fastcgi.shared.pass);
        self.scgi.shared.pass.clone_from(&outer.scgi.shared.pass);
        self.memcached.shared.pass.clone_from(&outer.memcached.shared.pass);
        self.grpc.shared.pass.clone_from(&outer.grpc.shared.pass);
    }

    /// The gateway this level passes requests to.
    pub(super) fn passing(&self) -> Option<&RawProxy> {
        [&self.uwsgi, &self.fastcgi, &self.scgi, &self.memcached, &self.grpc]
            .map(|gateway| &gateway.shared)
            .into_iter()
            .find(|g| g.pass.is_some())
    }

    /// What is spoken to the apps of a family.
    pub(super) fn protocol(&self, family: Family) -> Protocol {
        match family {
            Family::Http => Protocol::Http,
            Family::Uwsgi => Protocol::Uwsgi {
                modifier1: self.modifier1.unwrap_or(0),
                modifier2: self.modifier2.unwrap_or(0),
                string: self.string.clone().unwrap_or_default(),
            },
            Family::Fastcgi => Protocol::Fastcgi {
                keep_conn: self.keep_conn.unwrap_or(false),
                catch_stderr: self.catch_stderr.clone().unwrap_or_default(),
            },
            Family::Scgi => Protocol::Scgi,
            Family::Grpc => Protocol::Grpc,
            Family::Memcached => Protocol::Memcached(Box::new(MemcachedConf {
                key: self.memcached_key.clone().unwrap_or_default(),
                gzip_flag: self.memcached_gzip_flag.and_then(|flag| u32::try_from(flag).ok()).unwrap_or(0),
            })),
        }
    }

    /// The variables in front of a request.
    pub(super) fn params(&self, family: Family) -> ParamsConf {
        let written = match family {
            Family::Http | Family::Memcached | Family::Grpc => return ParamsConf::default(),
            Family::Uwsgi => &self.uwsgi.params,
            Family::Fastcgi => &self.fastcgi.params,
            Family::Scgi => &self.scgi.params,
        };
        let mut conf = ParamsConf::default();
        for param in written.iter().flatten() {
            match param.name.strip_prefix("HTTP_") {
                Some(field) if !field.is_empty() => conf.replaced.push(field.to_owned()),
                _ => {
                    conf.params.push(param.clone());
                    continue;
                }
            }
            // `HTTP_X ""` only takes the client's own away.
            if param.value.as_literal() != Some(b"") {
                conf.params.push(param.clone());
            }
        }
        conf
    }

    /// What `$fastcgi_script_name` and `$fastcgi_path_info` are made with.
    pub(super) fn script(&self) -> FastcgiScriptConf {
        FastcgiScriptConf { index: self.index.clone().unwrap_or_default(), split: self.split.clone() }
    }
}

/// Reads `uwsgi_pass` and its like: an address or a group, without a URI.
fn pass(cx: &mut Context, d: &Directive, family: Family, pass: &mut Option<RawPass>) {
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
    let (secure, plain) = match family {
        Family::Uwsgi => (strip_scheme(url, "suwsgi://"), strip_scheme(url, "uwsgi://")),
        Family::Grpc => (strip_scheme(url, "grpcs://"), strip_scheme(url, "grpc://")),
        Family::Http | Family::Fastcgi | Family::Scgi | Family::Memcached => (None, None),
    };
    let tls = secure.is_some();
    let rest = secure.or(plain).unwrap_or(url);
    match addr::parse_peer(rest, 0, UriPart::Refused) {
        Ok(parsed) => *pass = Some(RawPass::Literal { url: url.to_owned(), parsed, tls, at: d.pos }),
        Err(why) => cx.error(d, format!("{why} in upstream \"{rest}\"")),
    }
}

/// Reads `uwsgi_param` and its like.
fn param(cx: &mut Context, d: &Directive) -> Option<ParamConf> {
    let value = cx.template(d, d.arg_bytes(1))?;
    let if_not_empty = d.args().len() == 3;
    if if_not_empty && d.arg(2) != "if_not_empty" {
        cx.error(d, format!("invalid parameter \"{}\"", d.arg(2)));
        return None;
    }
    Some(ParamConf { name: d.arg(0).to_owned(), value, if_not_empty })
}

fn modifier(cx: &mut Context, d: &Directive) -> Option<u8> {
    match super::context::read_number(d.arg(0)) {
        Some(number @ 0..=255) => u8::try_from(number).ok(),
        Some(_) => {
            cx.error(d, "value must be between 0 and 255");
            None
        }
        None => {
            cx.error(d, format!("\"{}\" directive invalid number", d.name()));
            None
        }
    }
}

fn split(cx: &mut Context, d: &Directive) -> Option<Pattern> {
    let source = d.arg(0);
    let pattern = cx.pattern(d, source, false)?;
    if pattern.groups() != 2 {
        cx.error(d, format!("pattern \"{source}\" must have 2 captures"));
        return None;
    }
    Some(pattern)
}
