//! What goes to apps and how, resolved: `proxy_pass` and its like, and the directives around them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::gateway::{ParamsConf, Protocol};
use super::super::pattern::Pattern;
use super::super::template::Template;
use super::{CookieConf, SizeConf, UpstreamId};
use crate::http1::Known;
use crate::http1::headers::FieldNames;

/// `proxy_pass`.
#[derive(Debug)]
pub struct ProxyPassConf {
    /// Where to and with which URI.
    pub target: ProxyTarget,
    /// `https://`, `suwsgi://`. With variables each URL says it anew.
    pub tls: bool,
    /// The location's prefix that a URI part replaces (length of the matched prefix).
    pub location_prefix: Vec<u8>,
    /// The written URL, for messages and `proxy_redirect default`.
    pub url: String,
}

/// The forms of `proxy_pass`.
#[derive(Debug)]
pub enum ProxyTarget {
    /// Without variables.
    Literal {
        /// The (perhaps implicit) upstream.
        upstream: UpstreamId,
        /// `$proxy_host`: name and port as written (`localhost` for unix sockets).
        host: String,
        /// `$proxy_port`.
        port: String,
        /// The URI part; `None` sends the original request line's URI.
        uri: Option<Vec<u8>>,
    },
    /// With variables: evaluated per request; the host is looked up among all upstreams, then must be an IP address.
    Variables(Template),
}

/// `proxy_*` directives of one location, or `uwsgi_*`, `fastcgi_*`, `scgi_*`.
#[derive(Debug, Clone)]
pub struct ProxyConf {
    /// What is spoken to the app.
    pub protocol: Protocol,
    /// `uwsgi_param` and its like.
    pub params: ParamsConf,
    /// `proxy_set_header` of the level in force, defaults (`Host`, `Connection`) included when not overridden.
    /// A header with an empty value is not sent. Names as written.
    pub set_headers: Vec<(String, Known, Template)>,
    /// Client headers that are never passed on because `set_headers` names them or nginx drops them.
    pub replaced_headers: FieldNames,
    /// `proxy_hide_header` and nginx's own hidden ones minus `proxy_pass_header`.
    pub hide_headers: FieldNames,
    /// `proxy_ignore_headers`: fields of the app that are not obeyed.
    pub ignore_headers: FieldNames,
    /// `proxy_pass_header`: lower-case.
    pub pass_headers: Vec<String>,
    /// `proxy_cookie_*`; `None` leaves cookies alone.
    pub cookies: Option<Arc<CookieConf>>,
    /// `proxy_redirect`.
    pub redirects: Vec<ProxyRedirectConf>,
    /// `proxy_http_version` is 1.1 or later (else 1.0). Default here: 1.1.
    pub http11: bool,
    /// HTTP/2 is spoken: `proxy_http_version 2`, `grpc_pass`.
    pub http2: bool,
    /// `proxy_method`; `None` passes the client's on.
    pub method: Option<Template>,
    /// `proxy_connect_timeout`.
    pub connect_timeout: Duration,
    /// `proxy_send_timeout`.
    pub send_timeout: Duration,
    /// `proxy_read_timeout`.
    pub read_timeout: Duration,
    /// `proxy_limit_rate`, bytes a second; `None` is no limit.
    pub limit_rate: Option<SizeConf>,
    /// `proxy_buffering`.
    pub buffering: bool,
    /// `proxy_buffers` number × size plus nothing else: bytes of memory one response may hold.
    pub buffers: (usize, usize),
    /// `proxy_buffer_size`: bound on the response head, bytes.
    pub buffer_size: usize,
    /// `proxy_max_temp_file_size`, bytes; 0 is no temporary file.
    pub max_temp_file_size: u64,
    /// `proxy_temp_path`, absolute.
    pub temp_path: PathBuf,
    /// `proxy_request_buffering`.
    pub request_buffering: bool,
    /// `proxy_intercept_errors`.
    pub intercept_errors: bool,
    /// `proxy_next_upstream`.
    pub next_upstream: NextUpstream,
    /// `proxy_next_upstream_tries`; 0 is no limit.
    pub next_upstream_tries: u32,
    /// `proxy_next_upstream_timeout`; zero is no limit.
    pub next_upstream_timeout: Duration,
    /// `proxy_ignore_client_abort`.
    pub ignore_client_abort: bool,
    /// `proxy_set_body`; `None` passes the client's on.
    pub set_body: Option<Template>,
    /// `proxy_pass_request_headers`.
    pub pass_request_headers: bool,
    /// `proxy_pass_request_body`.
    pub pass_request_body: bool,
    /// `proxy_pass_trailers`; on unless written, unlike nginx.
    pub pass_trailers: bool,
    /// `proxy_force_ranges`.
    pub force_ranges: bool,
    /// `proxy_store`.
    pub store: Option<StoreConf>,
    /// `proxy_bind`.
    pub bind: Option<BindConf>,
    /// `proxy_socket_keepalive`.
    pub socket_keepalive: bool,
    /// How TLS is spoken to the app, where it is or may be: the number in `HttpConf::app_tls`.
    pub tls: Option<usize>,
}

/// `proxy_store` and `proxy_store_access`.
#[derive(Debug, Clone)]
pub struct StoreConf {
    /// The file; `None` (`on`) is where `root` or `alias` has it.
    pub path: Option<Template>,
    /// Its mode.
    pub access: u32,
}

/// `proxy_bind`.
#[derive(Debug, Clone)]
pub struct BindConf {
    /// Where connections to the app come from.
    pub address: BindAddress,
    /// `transparent`: it may be the client's.
    pub transparent: bool,
}

/// The address of `proxy_bind`.
#[derive(Debug, Clone)]
pub enum BindAddress {
    /// Address and port; port 0 is any.
    Fixed(SocketAddr),
    /// Evaluated for each request; empty is any.
    Evaluated(Template),
}

/// `proxy_redirect`.
#[derive(Debug, Clone)]
pub enum ProxyRedirectConf {
    /// Prefix replacement (also what `default` resolves to).
    Prefix {
        /// What the header must begin with.
        from: Template,
        /// What it becomes.
        to: Template,
    },
    /// `proxy_redirect ~re to`.
    Regex {
        /// The pattern.
        from: Pattern,
        /// What it becomes; captures allowed.
        to: Template,
    },
}

/// The conditions of `proxy_next_upstream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextUpstream {
    /// error
    pub error: bool,
    /// timeout
    pub timeout: bool,
    /// invalid_header
    pub invalid_header: bool,
    /// non_idempotent
    pub non_idempotent: bool,
    /// http_500, 502, 503, 504, 403, 404, 429 as a list of statuses
    pub statuses: [Option<u16>; 7],
}

impl ProxyConf {
    /// The app gets the client's body.
    pub fn passes_body(&self) -> bool {
        self.pass_request_body && self.set_body.is_none()
    }
}
