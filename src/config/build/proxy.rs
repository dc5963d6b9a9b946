//! `proxy_*` of one location: timeouts, buffers, headers, `proxy_next_upstream`.
//!
//! The gateways (`uwsgi_*` and so on) have nearly all of these too: read and resolved here, as another [`Family`].
//! Where to (`proxy_pass`) and how redirects come back (`proxy_redirect`) is `proxy_pass`'s.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::model::{BindAddress, BindConf, NextUpstream, ProxyConf, SizeConf, StoreConf};
use super::super::template::Template;
use super::super::value;
use super::app_tls::RawAppTls;
use super::context::Context;
use super::cookies::RawCookies;
use super::gateway::{Family, RawGateways};
use super::headers::header_name;
use super::level::{Place, inherit};
use super::proxy_pass::{RawPass, RawRedirects, proxy_pass, proxy_redirect};
use crate::http1::Known;
use crate::http1::headers::FieldNames;

/// Response headers of the app that never reach the client unless `proxy_pass_header` says so; a
/// family has some more.
const HIDDEN: [&str; 5] =
    ["x-accel-expires", "x-accel-redirect", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset"];

/// Request headers of the client that are never passed on as they are: ours to write, or meant for one hop
/// (RFC 9110, section 7.6.1).
const REPLACED: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "keep-alive",
    "proxy-connection",
    "expect",
    "upgrade",
];

/// The header lines of `proxy_set_header`, name and value.
type HeaderLines = Vec<(String, Template)>;
/// The same as the model has them.
type SetHeaders = Vec<(String, Known, Template)>;

/// `proxy_http_version`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HttpVersion {
    V10,
    V11,
    V2,
}

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawProxy {
    /// Whose directives they are.
    family: Family,
    /// Not inherited.
    pub pass: Option<RawPass>,
    pub redirects: Option<RawRedirects>,
    cookies: RawCookies,
    tls: RawAppTls,
    set_headers: Option<HeaderLines>,
    hide_headers: Option<Vec<String>>,
    pass_headers: Option<Vec<String>>,
    ignore_headers: Option<FieldNames>,
    version: Option<HttpVersion>,
    method: Option<Template>,
    connect_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    limit_rate: Option<SizeConf>,
    buffering: Option<bool>,
    buffers: Option<(usize, usize)>,
    buffer_size: Option<usize>,
    max_temp_file_size: Option<u64>,
    temp_path: Option<(String, [u8; 3])>,
    request_buffering: Option<bool>,
    intercept_errors: Option<bool>,
    next_upstream: Option<NextUpstream>,
    next_upstream_tries: Option<u64>,
    next_upstream_timeout: Option<Duration>,
    ignore_client_abort: Option<bool>,
    set_body: Option<Template>,
    pass_request_headers: Option<bool>,
    pass_request_body: Option<bool>,
    socket_keepalive: Option<bool>,
    pass_trailers: Option<bool>,
    force_ranges: Option<bool>,
    store: Option<RawStore>,
    store_access: Option<u32>,
    /// The inner one is none for `off`.
    bind: Option<Option<BindConf>>,
}

impl RawProxy {
    /// Nothing written yet.
    pub(super) fn of(family: Family) -> Self {
        Self { family, ..Self::default() }
    }

    /// `proxy_*` itself.
    pub(super) fn is_http(&self) -> bool {
        self.family == Family::Http
    }

    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) -> bool {
        let Some(name) = self.name_in_proxy(d) else { return false };
        match &*name {
            "proxy_pass" => proxy_pass(cx, d, place, &mut self.pass),
            "proxy_redirect" => proxy_redirect(cx, d, place, self.pass.as_ref(), &mut self.redirects),
            "proxy_set_header" => {
                if let Some(name) = header_name(cx, d)
                    && let Some(value) = cx.header_value(d, 1)
                {
                    self.set_headers.get_or_insert_default().push((name, value));
                }
            }
            "proxy_hide_header" => push_name(d, &mut self.hide_headers),
            "proxy_pass_header" => push_name(d, &mut self.pass_headers),
            "proxy_ignore_headers" => ignore_headers(cx, d, &mut self.ignore_headers),
            "proxy_http_version" => {
                let known = [("1.1", HttpVersion::V11), ("1.0", HttpVersion::V10), ("2", HttpVersion::V2)];
                cx.choice(d, &mut self.version, &known);
            }
            "proxy_method" => cx.set(d, &mut self.method, |cx, d| cx.template(d, d.arg(0))),
            "proxy_connect_timeout" => cx.time(d, &mut self.connect_timeout),
            "proxy_send_timeout" => cx.time(d, &mut self.send_timeout),
            "proxy_read_timeout" => cx.time(d, &mut self.read_timeout),
            "proxy_limit_rate" => cx.size_or_template(d, &mut self.limit_rate),
            "proxy_buffering" => cx.flag(d, &mut self.buffering),
            "proxy_buffers" => cx.set(d, &mut self.buffers, proxy_buffers),
            "proxy_buffer_size" => cx.buffer(d, &mut self.buffer_size),
            "proxy_max_temp_file_size" => cx.size(d, &mut self.max_temp_file_size),
            "proxy_temp_path" => cx.folder(d, &mut self.temp_path),
            "proxy_request_buffering" => cx.flag(d, &mut self.request_buffering),
            "proxy_intercept_errors" => cx.flag(d, &mut self.intercept_errors),
            "proxy_next_upstream" => cx.set(d, &mut self.next_upstream, next_upstream),
            "proxy_next_upstream_tries" => cx.number(d, &mut self.next_upstream_tries),
            "proxy_next_upstream_timeout" => cx.time(d, &mut self.next_upstream_timeout),
            "proxy_ignore_client_abort" => cx.flag(d, &mut self.ignore_client_abort),
            "proxy_set_body" => cx.set(d, &mut self.set_body, |cx, d| cx.template(d, d.arg_bytes(0))),
            "proxy_pass_request_headers" => cx.flag(d, &mut self.pass_request_headers),
            "proxy_pass_request_body" => cx.flag(d, &mut self.pass_request_body),
            "proxy_pass_trailers" => cx.flag(d, &mut self.pass_trailers),
            "proxy_force_ranges" => cx.flag(d, &mut self.force_ranges),
            "proxy_store" => cx.set(d, &mut self.store, store),
            "proxy_store_access" => cx.set(d, &mut self.store_access, store_access),
            "proxy_bind" => cx.set(d, &mut self.bind, bind),
            "proxy_socket_keepalive" => cx.flag(d, &mut self.socket_keepalive),
            _ if self.tls.apply(cx, d, &name) => {}
            _ => return self.is_http() && self.cookies.apply(cx, d),
        }
        true
    }

    /// The directive's name, that of a gateway's under which the proxy has it; `None` for those of other families.
    fn name_in_proxy<'d>(&self, d: &'d Directive) -> Option<Cow<'d, str>> {
        match self.family {
            Family::Http => Some(Cow::Borrowed(d.name())),
            _ => d.name().split_once('_').map(|(_, what)| Cow::Owned(format!("proxy_{what}"))),
        }
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.cookies.inherit(&outer.cookies);
        self.tls.inherit(&outer.tls);
        inherit!(self, outer;
            redirects, set_headers, hide_headers, pass_headers, ignore_headers, version, method, connect_timeout, send_timeout, read_timeout,
            limit_rate, buffering, buffers, buffer_size, max_temp_file_size, temp_path, request_buffering, intercept_errors,
            next_upstream, next_upstream_tries, next_upstream_timeout, ignore_client_abort, set_body, pass_request_headers,
            pass_request_body, socket_keepalive, pass_trailers, force_ranges, store, store_access, bind);
    }

    /// The resolved form; `matched_prefix` is what the default `proxy_redirect` puts in place of the URL.
    pub(super) fn resolve(
        &self,
        cx: &mut Context,
        gateways: &RawGateways,
        matched_prefix: &[u8],
    ) -> ProxyConf {
        const TIMEOUT: Duration = Duration::from_secs(60);
        let is_grpc = self.family == Family::Grpc;
        let http2 = is_grpc || (self.is_http() && self.version == Some(HttpVersion::V2));
        // A gateway is told the length of a body before: chunks are read first, as for HTTP/1.0.
        let http11 = http2 || (self.is_http() && self.version != Some(HttpVersion::V10));
        let (set_headers, replaced_headers) = self.resolve_headers(cx, http11);
        ProxyConf {
            protocol: gateways.protocol(self.family),
            params: gateways.params(self.family),
            set_headers,
            replaced_headers,
            hide_headers: self.resolve_hidden(),
            ignore_headers: self.ignore_headers.clone().unwrap_or_default(),
            pass_headers: self.pass_headers.clone().unwrap_or_default(),
            cookies: self.cookies.resolve(),
            redirects: super::proxy_pass::resolve_redirects(self, matched_prefix),
            http11,
            http2,
            method: self.method.clone(),
            connect_timeout: self.connect_timeout.unwrap_or(TIMEOUT),
            send_timeout: self.send_timeout.unwrap_or(TIMEOUT),
            read_timeout: self.read_timeout.unwrap_or(TIMEOUT),
            limit_rate: self.limit_rate.clone().filter(SizeConf::is_limit),
            buffering: !is_grpc && self.buffering.unwrap_or(true),
            buffers: self.buffers.unwrap_or((8, 4096)),
            buffer_size: self.buffer_size.unwrap_or(4096),
            max_temp_file_size: self.max_temp_file_size.unwrap_or(1 << 30),
            temp_path: self.temp_path(cx),
            request_buffering: !is_grpc && self.request_buffering.unwrap_or(true),
            intercept_errors: self.intercept_errors.unwrap_or(false),
            next_upstream: self.next_upstream.unwrap_or(NextUpstream {
                error: true,
                timeout: true,
                invalid_header: false,
                non_idempotent: false,
                statuses: [None; 7],
            }),
            next_upstream_tries: self
                .next_upstream_tries
                .and_then(|tries| u32::try_from(tries).ok())
                .unwrap_or(0),
            next_upstream_timeout: self.next_upstream_timeout.unwrap_or_default(),
            ignore_client_abort: self.ignore_client_abort.unwrap_or(false),
            set_body: self.set_body.clone(),
            pass_request_headers: self.pass_request_headers.unwrap_or(true),
            pass_request_body: self.family != Family::Memcached && self.pass_request_body.unwrap_or(true),
            pass_trailers: self.pass_trailers.unwrap_or(true),
            force_ranges: self.family == Family::Memcached || self.force_ranges.unwrap_or(false),
            store: self.resolve_store(),
            bind: self.bind.clone().flatten(),
            socket_keepalive: self.socket_keepalive.unwrap_or(false),
            tls: self.resolve_tls(cx, http2),
        }
    }

    fn resolve_tls(&self, cx: &mut Context, http2: bool) -> Option<usize> {
        let family = match self.family {
            Family::Http => "proxy",
            Family::Uwsgi => "uwsgi",
            Family::Grpc => "grpc",
            Family::Fastcgi | Family::Scgi | Family::Memcached => return None,
        };
        match &self.pass {
            Some(RawPass::Literal { tls: true, at, .. } | RawPass::Variables { at, .. }) => {
                Some(self.tls.resolve(cx, *at, family, http2))
            }
            _ => None,
        }
    }

    fn resolve_store(&self) -> Option<StoreConf> {
        let path = match self.store.as_ref()? {
            RawStore::Off => return None,
            RawStore::On => None,
            RawStore::Path(path) => Some(path.clone()),
        };
        Some(StoreConf { path, access: self.store_access.unwrap_or(OWNER_ONLY) })
    }

    fn temp_path(&self, cx: &mut Context) -> PathBuf {
        let written = self.temp_path.as_ref().map(|(path, _)| path.as_str());
        cx.temp_path(written, self.family.temp_folder())
    }

    /// `proxy_set_header` with nginx's defaults, and the client's headers that these take the place of.
    fn resolve_headers(&self, cx: &mut Context, http11: bool) -> (SetHeaders, FieldNames) {
        if !self.is_http() && self.family != Family::Grpc {
            return (SetHeaders::new(), FieldNames::default());
        }
        let mut lines = self.set_headers.clone().unwrap_or_default();
        let written =
            |lines: &HeaderLines, name: &str| lines.iter().any(|line| line.0.eq_ignore_ascii_case(name));
        if !written(&lines, "Host") {
            lines.push(("Host".to_owned(), cx.builtin_template("$proxy_host")));
        }
        // Keep-alive is the default of HTTP/1.1; an HTTP/1.0 peer is told that there is none.
        if !http11 && !written(&lines, "Connection") {
            lines.push(("Connection".to_owned(), cx.builtin_template("close")));
        }
        let replaced = REPLACED.into_iter().chain(lines.iter().map(|line| line.0.as_str())).collect();
        let known = |(name, value): (String, Template)| {
            let known = Known::from_name(name.as_bytes());
            (name, known, value)
        };
        (lines.into_iter().map(known).collect(), replaced)
    }

    fn resolve_hidden(&self) -> FieldNames {
        let named = self.hide_headers.iter().flatten().map(String::as_str);
        let mut hidden: FieldNames =
            HIDDEN.iter().chain(self.family.hidden()).copied().chain(named).collect();
        for name in self.pass_headers.iter().flatten() {
            hidden.remove(name.as_bytes());
        }
        hidden
    }
}

fn push_name(d: &Directive, names: &mut Option<Vec<String>>) {
    names.get_or_insert_default().push(d.arg(0).to_ascii_lowercase());
}

/// `proxy_ignore_headers field ...`: those that say what is to be done with an answer.
fn ignore_headers(cx: &mut Context, d: &Directive, names: &mut Option<FieldNames>) {
    const OBEYED: [&str; 9] = [
        "X-Accel-Redirect",
        "X-Accel-Expires",
        "X-Accel-Limit-Rate",
        "X-Accel-Buffering",
        "X-Accel-Charset",
        "Expires",
        "Cache-Control",
        "Set-Cookie",
        "Vary",
    ];
    let names = names.get_or_insert_default();
    for i in 0..d.args().len() {
        let name = d.arg(i);
        if !OBEYED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            cx.error(d, format!("invalid value \"{name}\""));
            return;
        }
        if names.contains_name(name.as_bytes()) {
            cx.warn(d, format!("duplicate value \"{name}\""));
        }
        names.insert(name.as_bytes());
    }
}

/// `proxy_buffers number size`.
fn proxy_buffers(cx: &mut Context, d: &Directive) -> Option<(usize, usize)> {
    let (number, size) = cx.buffers_of(d)?;
    if number < 2 {
        cx.error(d, format!("there must be at least 2 \"{}\"", d.name()));
        return None;
    }
    Some((number, size))
}

/// `proxy_store` as written.
#[derive(Debug, Clone)]
enum RawStore {
    Off,
    On,
    Path(Template),
}

/// The mode of a stored file where none is written, and what any mode has.
const OWNER_ONLY: u32 = 0o600;

/// `proxy_store on | off | string`.
fn store(cx: &mut Context, d: &Directive) -> Option<RawStore> {
    match d.arg(0) {
        "off" => Some(RawStore::Off),
        "on" => Some(RawStore::On),
        _ => cx.template(d, d.arg_bytes(0)).map(RawStore::Path),
    }
}

/// `proxy_store_access user:rw group:rw all:r`.
fn store_access(cx: &mut Context, d: &Directive) -> Option<u32> {
    let mut mode = OWNER_ONLY;
    for i in 0..d.args().len() {
        let right = d.arg(i).split_once(':').and_then(|(who, what)| {
            let shift = [("user", 6), ("group", 3), ("all", 0)].iter().find(|(name, _)| *name == who)?.1;
            let bits = [("rw", 6), ("r", 4)].iter().find(|(name, _)| *name == what)?.1;
            Some(bits << shift)
        });
        let Some(right) = right else {
            cx.error(d, format!("invalid value \"{}\"", d.arg(i)));
            return None;
        };
        mode |= right;
    }
    Some(mode)
}

/// `proxy_bind address [transparent] | off`.
fn bind(cx: &mut Context, d: &Directive) -> Option<Option<BindConf>> {
    let text = d.arg(0);
    if text == "off" && d.args().len() == 1 {
        return Some(None);
    }
    let template = cx.template(d, text)?;
    let address = if template.is_literal() {
        let Some(addr) = value::address(text) else {
            cx.error(d, format!("invalid address \"{text}\""));
            return None;
        };
        BindAddress::Fixed(addr)
    } else {
        BindAddress::Evaluated(template)
    };
    let transparent = d.args().len() > 1;
    if transparent && d.arg(1) != "transparent" {
        cx.error(d, format!("invalid parameter \"{}\"", d.arg(1)));
        return None;
    }
    Some(Some(BindConf { address, transparent }))
}

/// `proxy_next_upstream error | timeout | ... | off`.
fn next_upstream(cx: &mut Context, d: &Directive) -> Option<NextUpstream> {
    let mut next = NextUpstream {
        error: false,
        timeout: false,
        invalid_header: false,
        non_idempotent: false,
        statuses: [None; 7],
    };
    let mut off = false;
    for i in 0..d.args().len() {
        let word = match d.arg(i) {
            "invalid_response" if d.name().starts_with("memcached") => "invalid_header",
            "not_found" if d.name().starts_with("memcached") => "http_404",
            word => word,
        };
        let earlier = match word {
            "error" => std::mem::replace(&mut next.error, true),
            "timeout" => std::mem::replace(&mut next.timeout, true),
            "invalid_header" => std::mem::replace(&mut next.invalid_header, true),
            "non_idempotent" => std::mem::replace(&mut next.non_idempotent, true),
            "off" => std::mem::replace(&mut off, true),
            // About nginx's cache, which is not here: no effect.
            "updating" => false,
            "http_500" | "http_502" | "http_503" | "http_504" | "http_403" | "http_404" | "http_429" => {
                let status = word.strip_prefix("http_").and_then(|code| code.parse::<u16>().ok());
                let earlier = next.statuses.contains(&status);
                if !earlier && let Some(free) = next.statuses.iter_mut().find(|slot| slot.is_none()) {
                    *free = status;
                }
                earlier
            }
            _ => {
                cx.error(d, format!("invalid value \"{word}\""));
                return None;
            }
        };
        if earlier {
            cx.warn(d, format!("duplicate value \"{word}\""));
        }
    }
    if off {
        next = NextUpstream {
            error: false,
            timeout: false,
            invalid_header: false,
            non_idempotent: false,
            statuses: [None; 7],
        };
    }
    Some(next)
}

/// Shares the resolved form.
pub(super) fn shared(conf: ProxyConf) -> Arc<ProxyConf> {
    Arc::new(conf)
}
