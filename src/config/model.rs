//! What a configuration means: every value resolved, inherited and defaulted.
//!
//! The written form (directives, options, contexts) ends in `build`; from here on nothing is optional that has a
//! default. Built once per load, immutable afterwards, shared by all workers inside a `Cycle`. No I/O, no state.

mod access;
mod cookies;
mod limits;
mod mirror;
mod proxy;
mod tls;

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::charsets::Charsets;
use super::derived::DerivedConf;
use super::gateway::FastcgiScriptConf;
use super::pattern::Pattern;
use super::rewrite::Script;
use super::template::{Template, VariableScope};
use crate::http1::Status;

pub use access::{
    AccessClients, AccessConf, AccessRule, AuthRequestConf, BasicAuthConf, LimitExceptConf, RealIpConf,
    RealIpHeader, SecureLinkConf,
};
pub use cookies::{CookieConf, CookieFlagsConf, CookieMatch, CookieRewriteConf};
pub use limits::{LimitConnConf, LimitReqConf, LimitZoneConf, LimitsConf, OnLimit, SizeConf};
pub use mirror::MirrorConf;
pub use proxy::{
    BindAddress, BindConf, NextUpstream, ProxyConf, ProxyPassConf, ProxyRedirectConf, ProxyTarget, StoreConf,
};
pub use tls::{AppTlsConf, CertificateConf, PemSource, SessionCacheConf, TlsConf, VerifyClient, Versions};

/// The whole file: nginx's main context and the one `http` block.
#[derive(Debug)]
pub struct MainConf {
    /// `worker_processes`: `None` is `auto` (one per usable core).
    pub worker_processes: Option<usize>,
    /// `worker_cpu_affinity`.
    pub worker_cpu_affinity: CpuAffinity,
    /// `worker_connections` (events).
    pub worker_connections: usize,
    /// `worker_rlimit_nofile`.
    pub worker_rlimit_nofile: Option<u64>,
    /// `worker_shutdown_timeout`; `None` waits for the last connection.
    pub worker_shutdown_timeout: Option<Duration>,
    /// `user`: name and group, used when started as root.
    pub user: Option<(String, Option<String>)>,
    /// `pid`, absolute.
    pub pid: PathBuf,
    /// `error_log` of the main context (also the default of all others).
    pub error_log: Arc<[ErrorLogConf]>,
    /// `daemon on|off`.
    pub daemon: bool,
    /// `sandbox on|off`.
    pub sandbox: bool,
    /// The prefix (`-p`), absolute, with a closing slash: relative paths start here.
    pub prefix: PathBuf,
    /// Directories for temporary files that no directive names, as locations have them: another one serves as well.
    pub default_temp_paths: Vec<PathBuf>,
    /// The `http` block (empty when the file has none).
    pub http: HttpConf,
}

/// `worker_cpu_affinity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpuAffinity {
    /// Not written, or `auto`: worker n on the n-th usable core, optionally restricted to these cores.
    Auto(Option<Vec<usize>>),
    /// One list of cores per worker; the last repeats.
    Masks(Vec<Vec<usize>>),
}

/// Severity in `error_log`, most severe first.
pub use crate::log::Level;

/// One `error_log` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLogConf {
    /// Where to.
    pub target: LogTarget,
    /// The least severe level that is written.
    pub level: Level,
}

/// Where a log goes.
#[derive(Debug, Clone)]
pub enum LogTarget {
    /// A file by absolute path.
    File(PathBuf),
    /// Standard error.
    Stderr,
}

impl LogTarget {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(path) => path.as_os_str().as_encoded_bytes(),
            Self::Stderr => b"",
        }
    }
}

/// Paths are compared as they are written, as in nginx: requests look for their log's buffer by it, and `Path` compares
/// component by component.
impl PartialEq for LogTarget {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for LogTarget {}

impl Hash for LogTarget {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

/// The `http` block.
#[derive(Debug, Default)]
pub struct HttpConf {
    /// Servers in the order of the file.
    pub servers: Vec<ServerConf>,
    /// All locations of all servers; index 0.. by [`LocationId`]. Each server's own level has one too.
    pub locations: Vec<LocationConf>,
    /// Listening sockets, one per distinct address.
    pub listens: Vec<ListenConf>,
    /// `upstream` blocks, and one implicit upstream for each literal `proxy_pass` host.
    pub upstreams: Vec<UpstreamConf>,
    /// `map`, `geo` and `split_clients`, by the number in `VariableId::Derived`.
    pub derived: Vec<DerivedConf>,
    /// `limit_req_zone` and `limit_conn_zone`.
    pub limit_zones: Vec<LimitZoneConf>,
    /// Charsets that are named, of which `X-Accel-Charset` may name one, and the tables between them.
    pub charsets: Charsets,
    /// Names of variables, for those that are looked up while a request is served (SSI).
    pub scope: VariableScope,
    /// TLS towards apps, by the number in [`ProxyConf::tls`].
    pub app_tls: Vec<AppTlsConf>,
    /// `$ssl_ciphers` or `$ssl_curves` is used: the client hello is kept.
    pub wants_client_hello: bool,
}

/// Index into [`HttpConf::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationId(pub u32);

/// Index into [`HttpConf::servers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerId(pub u32);

/// Index into [`HttpConf::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpstreamId(pub u32);

/// Index into [`HttpConf::listens`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenId(pub u32);

/// One listening socket (`listen`, first writer of the address wins the options, as in nginx).
#[derive(Debug, Clone)]
pub struct ListenConf {
    /// The address.
    pub addr: ListenAddr,
    /// `backlog=`; 511 when not written.
    pub backlog: i32,
    /// `ssl`: clients begin with a handshake.
    pub ssl: bool,
    /// `http2`: clients may speak that.
    pub http2: bool,
    /// `proxy_protocol`: before that a balancer says who they are.
    pub proxy_protocol: bool,
    /// `ipv6only=`: on for `[::]` addresses unless written.
    pub ipv6only: bool,
    /// `reuseport` was written (every TCP listener of ours uses it anyway).
    pub reuseport: bool,
    /// `rcvbuf=`, bytes.
    pub rcvbuf: Option<usize>,
    /// `sndbuf=`, bytes.
    pub sndbuf: Option<usize>,
    /// `fastopen=`: connections without a complete handshake that may wait.
    pub fastopen: Option<u32>,
    /// `so_keepalive=`; `None`: as the system does.
    pub so_keepalive: Option<TcpKeepaliveConf>,
    /// The server that answers when no name matches.
    pub default_server: ServerId,
    /// All servers on this socket, in file order.
    pub servers: Vec<ServerId>,
}

/// `so_keepalive=on|off|[idle]:[interval]:[count]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpKeepaliveConf {
    /// Idle connections are probed.
    pub on: bool,
    /// Idle time before the first probe; `None`: the system's.
    pub idle: Option<Duration>,
    /// Time between probes; `None`: the system's.
    pub interval: Option<Duration>,
    /// Probes without an answer; `None`: the system's.
    pub count: Option<u32>,
}

/// `listen` address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// A unix socket's absolute path.
    Unix(PathBuf),
}

/// One `server` block.
#[derive(Debug)]
pub struct ServerConf {
    /// `server_name`s in order; empty list means the one empty name.
    pub names: Vec<ServerName>,
    /// The first name as `$server_name` shows it (empty when none).
    pub primary_name: String,
    /// The server level itself as a pseudo-location: error pages, logs and limits before a location is found.
    pub root_location: LocationId,
    /// `ssl_*`
    pub tls: TlsConf,
    /// Top-level locations in file order (named ones too).
    pub locations: Vec<LocationId>,
    /// `client_header_buffer_size`, bytes.
    pub client_header_buffer_size: usize,
    /// `large_client_header_buffers` number and size in bytes.
    pub large_client_header_buffers: (usize, usize),
    /// `client_header_timeout`.
    pub client_header_timeout: Duration,
    /// `ignore_invalid_headers`.
    pub ignore_invalid_headers: bool,
    /// `underscores_in_headers`.
    pub underscores_in_headers: bool,
    /// `merge_slashes`.
    pub merge_slashes: bool,
    /// `http2…`
    pub http2: Http2Conf,
}

/// HTTP/2 of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http2Conf {
    /// `http2 on`: clients may speak it, also where `listen` does not say so.
    pub on: bool,
    /// `http2_max_concurrent_streams`.
    pub max_concurrent_streams: u32,
    /// `http2_body_preread_size`, bytes: what a client may send of one body before anybody reads it.
    pub stream_window: u32,
}

/// One name of `server_name`, lower-case where it is literal.
#[derive(Debug, Clone)]
pub enum ServerName {
    /// `example.com`; also `_` and the empty name.
    Exact(String),
    /// `*.example.com`: holds `.example.com`.
    LeadingWildcard(String),
    /// `.example.com` matches `example.com` and all below: holds `.example.com`.
    Dotted(String),
    /// `example.*`: holds `example.`.
    TrailingWildcard(String),
    /// `~^www\d+\.example\.com$`.
    Regex(Pattern),
}

/// What selects a location.
#[derive(Debug, Clone)]
pub enum LocationKind {
    /// The server level, or an `if`-less pseudo-location: never matched by URI.
    ServerLevel,
    /// `location /x`, and `location ^~ /x` (`stops_regex`).
    Prefix {
        /// The decoded prefix.
        path: Vec<u8>,
        /// `^~`: regexes are not tried after this prefix won.
        stops_regex: bool,
    },
    /// `location = /x`.
    Exact(Vec<u8>),
    /// `location ~ x`, `location ~* x`.
    Regex(Pattern),
    /// `location @x`.
    Named(String),
    /// The block of an `if`: never searched. Holds the prefix of the location around it.
    If(Vec<u8>),
}

impl LocationKind {
    /// The literal prefix or exact path; empty for the other kinds. `alias` and a `proxy_pass` URI replace it.
    pub fn matched_prefix(&self) -> &[u8] {
        match self {
            Self::Prefix { path, .. } | Self::Exact(path) | Self::If(path) => path,
            Self::ServerLevel | Self::Regex(_) | Self::Named(_) => b"",
        }
    }
}

/// One location with everything it inherited.
#[derive(Debug)]
pub struct LocationConf {
    /// What selects it.
    pub kind: LocationKind,
    /// The text as written after `location`, for messages.
    pub name: String,
    /// The server it belongs to.
    pub server: ServerId,
    /// Nested locations in file order.
    pub children: Vec<LocationId>,
    /// `/x/` proxied: a request for `/x` is answered 301 to `/x/` (nginx's `auto_redirect`).
    pub auto_redirect: bool,
    /// `internal`.
    pub internal: bool,
    /// `limit_except`.
    pub limit_except: Option<LimitExceptConf>,
    /// `modern_browser` and `ancient_browser`; `None`: every browser is ancient.
    pub browsers: Option<Arc<super::browser::BrowserConf>>,
    /// `userid`; `None`: off.
    pub userid: Option<Arc<super::userid::UseridConf>>,
    /// `secure_link`
    pub secure_link: Option<SecureLinkConf>,
    /// `valid_referers`; `None`: every request is valid.
    pub referers: Option<Arc<super::referer::Referers>>,
    /// `set_real_ip_from`: who tells the client's address.
    pub real_ip: Option<RealIpConf>,
    /// `resolver`: who finds the hosts that variables name.
    pub resolver: Option<Arc<ResolverConf>>,
    /// `limit_req` and `limit_conn`.
    pub limits: Option<LimitsConf>,
    /// Who may come in; `None`: everybody.
    pub access: Option<AccessConf>,
    /// `mirror`.
    pub mirror: Option<Box<MirrorConf>>,
    /// `post_action`.
    pub post_action: Option<Box<[u8]>>,
    /// `rewrite`, `if`, `set`, `break` and `return`.
    pub script: Option<Box<Script>>,
    /// `uninitialized_variable_warn`.
    pub uninitialized_variable_warn: bool,
    /// The content handler.
    pub handler: HandlerConf,
    /// `root` or `alias`.
    pub root: RootConf,
    /// `index`, in order.
    pub index: Arc<[Template]>,
    /// `try_files`.
    pub try_files: Option<TryFilesConf>,
    /// `autoindex` and its options, `None` when off.
    pub autoindex: Option<AutoindexConf>,
    /// `random_index`
    pub random_index: bool,
    /// `types`: lower-case extension to MIME type.
    pub types: Arc<super::types::Types>,
    /// `default_type`.
    pub default_type: String,
    /// `etag`.
    pub etag: bool,
    /// `if_modified_since`.
    pub if_modified_since: IfModifiedSince,
    /// `error_page`s.
    pub error_pages: Arc<[ErrorPageConf]>,
    /// `recursive_error_pages`.
    pub recursive_error_pages: bool,
    /// `absolute_redirect`.
    pub absolute_redirect: bool,
    /// `port_in_redirect`.
    pub port_in_redirect: bool,
    /// `server_name_in_redirect`.
    pub server_name_in_redirect: bool,
    /// `server_tokens`: the version is shown.
    pub server_tokens: bool,
    /// `add_header`s of the level in force.
    pub add_headers: Arc<[AddHeaderConf]>,
    /// What changes bodies, or needs to see them; `None` when nothing does.
    pub filters: Option<Arc<super::filters::FilterConf>>,
    /// `expires`.
    pub expires: super::expires::ExpiresConf,
    /// `access_log`s; empty is `off`.
    pub access_logs: Arc<[AccessLogConf]>,
    /// `error_log`s.
    pub error_log: Arc<[ErrorLogConf]>,
    /// `log_not_found`.
    pub log_not_found: bool,
    /// `log_subrequest`.
    pub log_subrequest: bool,
    /// `client_max_body_size`, bytes; 0 is no limit.
    pub client_max_body_size: u64,
    /// `client_body_buffer_size`, bytes.
    pub client_body_buffer_size: usize,
    /// `client_body_timeout`, between two reads.
    pub client_body_timeout: Duration,
    /// `client_body_temp_path`, absolute.
    pub client_body_temp_path: PathBuf,
    /// Its levels: characters of the names of folders, 0 is no folder.
    pub client_body_temp_levels: [u8; 3],
    /// `client_body_in_file_only`.
    pub client_body_in_file_only: BodyFile,
    /// `limit_rate`, bytes a second; `None` is no limit.
    pub limit_rate: Option<SizeConf>,
    /// `limit_rate_after`, bytes.
    pub limit_rate_after: Option<SizeConf>,
    /// `send_timeout`, between two writes.
    pub send_timeout: Duration,
    /// `keepalive_timeout`; zero is no keep-alive.
    pub keepalive_timeout: Duration,
    /// Second argument of `keepalive_timeout`: seconds for the `Keep-Alive` header.
    pub keepalive_header: Option<u64>,
    /// `keepalive_requests`.
    pub keepalive_requests: u64,
    /// `keepalive_time`.
    pub keepalive_time: Duration,
    /// `lingering_close`.
    pub lingering_close: LingeringClose,
    /// `lingering_time`.
    pub lingering_time: Duration,
    /// `lingering_timeout`.
    pub lingering_timeout: Duration,
    /// `reset_timedout_connection`.
    pub reset_timedout_connection: bool,
    /// `sendfile`; here it only says whether files may go by sendfile(2) (both ways serve the same bytes).
    pub sendfile: bool,
    /// `tcp_nopush`.
    pub tcp_nopush: bool,
    /// `tcp_nodelay`.
    pub tcp_nodelay: bool,
    /// `chunked_transfer_encoding`.
    pub chunked_transfer_encoding: bool,
    /// `max_ranges`.
    pub max_ranges: u64,
    /// `open_file_cache*`.
    pub open_file_cache: OpenFileCacheConf,
    /// `disable_symlinks`.
    pub links: Option<LinksConf>,
    /// `proxy_*`, or those of the gateway that the requests go to.
    pub proxy: Arc<ProxyConf>,
    /// For `$fastcgi_script_name`.
    pub fastcgi_script: FastcgiScriptConf,
}

/// `resolver` and `resolver_timeout`.
#[derive(Debug, PartialEq, Eq)]
pub struct ResolverConf {
    /// Name servers, in order.
    pub servers: Vec<std::net::SocketAddr>,
    /// How long an answer holds, in place of what it says itself.
    pub valid: Option<std::time::Duration>,
    /// Addresses of version 4 are asked for.
    pub ipv4: bool,
    /// Addresses of version 6 are asked for.
    pub ipv6: bool,
    /// How long a request waits for the answer.
    pub timeout: std::time::Duration,
}

/// Which content handler a location has (`proxy_pass` wins over files; its script runs before either).
#[derive(Debug)]
pub enum HandlerConf {
    /// index, autoindex, static file.
    Static,
    /// `proxy_pass`, `uwsgi_pass`, `fastcgi_pass`, `scgi_pass`.
    Proxy(ProxyPassConf),
    /// `empty_gif`
    EmptyGif,
    /// `stub_status`
    StubStatus,
    /// `flv`
    Flv,
    /// A content handler that is not supported: every request is refused, and the log says why.
    Refused(String),
}

/// `return code [text|URL]`.
#[derive(Debug)]
pub struct ReturnConf {
    /// The status; 444 closes.
    pub status: Status,
    /// Text of the body, or the URL of a redirect.
    pub text: Option<Template>,
}

/// `root` or `alias`, absolute.
#[derive(Debug, Clone)]
pub struct RootConf {
    /// The path (relative ones already joined to the prefix unless they begin with a variable).
    pub path: Arc<Template>,
    /// What of the URI is appended to the path.
    pub alias: AliasConf,
}

/// `root`, or which `alias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasConf {
    /// `root`: the whole URI is appended.
    Root,
    /// `alias` in a prefix or exact location: this many bytes at the front of the URI are cut. A nested location
    /// that inherits the `alias` cuts what its parent cuts.
    Prefix(usize),
    /// `alias` in a regex location: the path is the file, nothing is appended.
    Whole,
}

/// `try_files`.
#[derive(Debug)]
pub struct TryFilesConf {
    /// All but the last argument; `is_dir`: it was written with a closing slash (cut off here).
    pub items: Vec<TryFilesItem>,
    /// The last argument.
    pub fallback: TryFilesFallback,
}

/// A tested argument of `try_files`.
#[derive(Debug)]
pub struct TryFilesItem {
    /// The path below root, without the closing slash of a directory item.
    pub path: Template,
    /// Must be a directory.
    pub is_dir: bool,
}

/// Last argument of `try_files`.
#[derive(Debug)]
pub enum TryFilesFallback {
    /// `=404`.
    Status(Status),
    /// `@named`.
    Named(String),
    /// A URI with optional arguments: internal redirect.
    Uri(Template),
}

/// `autoindex`.
#[derive(Debug, Clone)]
pub struct AutoindexConf {
    /// `autoindex_exact_size`.
    pub exact_size: bool,
    /// `autoindex_localtime`.
    pub localtime: bool,
    /// `autoindex_format`.
    pub format: AutoindexFormat,
}

/// `autoindex_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoindexFormat {
    /// html
    Html,
    /// xml
    Xml,
    /// json
    Json,
    /// jsonp
    Jsonp,
}

/// `if_modified_since`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfModifiedSince {
    /// off
    Off,
    /// exact (default)
    Exact,
    /// before
    Before,
}

/// `client_body_in_file_only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFile {
    /// off: only what is large, without a name (default)
    Off,
    /// on: every body, and the file stays
    On,
    /// clean: every body, until the request is over
    Clean,
}

/// `lingering_close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LingeringClose {
    /// off
    Off,
    /// on: when more data may come (default)
    On,
    /// always
    Always,
}

/// One status of one `error_page` line.
#[derive(Debug)]
pub struct ErrorPageConf {
    /// The status it is for.
    pub status: u16,
    /// `=`: 0 takes the status of the page's own processing; `=code`: that; `None` keeps the error's.
    pub overwrite: Option<u16>,
    /// Where to: URI or URL template, or `@named`.
    pub target: Template,
}

/// One `add_header`.
#[derive(Debug, Clone)]
pub struct AddHeaderConf {
    /// Name as written.
    pub name: String,
    /// Value; an empty result is not sent.
    pub value: Template,
    /// `always`.
    pub always: bool,
}

/// One `access_log`.
#[derive(Debug)]
pub struct AccessLogConf {
    /// Where to, absolute. Path templates with variables are not supported: refused at load.
    pub target: LogTarget,
    /// The named `log_format`.
    pub format: Arc<LogFormat>,
    /// `buffer=`, bytes.
    pub buffer: Option<usize>,
    /// `flush=`.
    pub flush: Option<Duration>,
    /// `if=`: logged unless empty or "0".
    pub condition: Option<Template>,
}

/// One `log_format`.
#[derive(Debug)]
pub struct LogFormat {
    /// Its name.
    pub name: String,
    /// The joined text.
    pub template: Template,
    /// `escape=`.
    pub escape: LogEscape,
}

/// `escape=` of `log_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    /// `\xXX` for `"`, `\` and bytes below 32 or above 126
    Default,
    /// JSON string escapes
    Json,
    /// none
    None,
}

/// `open_file_cache*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFileCacheConf {
    /// `max=`; our own default when the directive is not written or `off`.
    pub max: usize,
    /// `inactive=`.
    pub inactive: Duration,
    /// `open_file_cache_valid`; 1 s when unset.
    pub valid: Duration,
    /// `open_file_cache_min_uses`.
    pub min_uses: u32,
    /// `open_file_cache_errors`.
    pub errors: bool,
}

/// `disable_symlinks`, when it is not `off`.
#[derive(Debug, Clone)]
pub struct LinksConf {
    /// `if_not_owner`: links that belong to the owner of what they lead to are followed.
    pub same_owner: bool,
    /// `from=`: up to there all are.
    pub from: Option<Template>,
}

/// An `upstream` block, or the implicit one of a literal `proxy_pass`.
#[derive(Debug)]
pub struct UpstreamConf {
    /// Its name, or `host:port`.
    pub name: String,
    /// Written as a block (else implicit).
    pub explicit: bool,
    /// The peers: host names already resolved to all their addresses.
    pub peers: Vec<PeerConf>,
    /// How a peer is chosen.
    pub balancer: BalancerConf,
    /// `keepalive`: idle connections kept per worker; 32 when unset, 0 never.
    pub keepalive: usize,
    /// `keepalive_requests`.
    pub keepalive_requests: u64,
    /// `keepalive_time`.
    pub keepalive_time: Duration,
    /// `keepalive_timeout`.
    pub keepalive_timeout: Duration,
}

/// The balancing method.
#[derive(Debug, Clone)]
pub enum BalancerConf {
    /// Smooth weighted round robin.
    RoundRobin,
    /// `least_conn`.
    LeastConn,
    /// `ip_hash`.
    IpHash,
    /// `hash key [consistent]`.
    Hash {
        /// The key.
        key: Template,
        /// `consistent` (ketama).
        consistent: bool,
    },
    /// `random [two]`.
    Random {
        /// Of two, the one with fewer connections.
        two: bool,
    },
}

/// One address of one `server` line in `upstream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConf {
    /// The address.
    pub addr: PeerAddr,
    /// As `$upstream_addr` and messages show it.
    pub name: String,
    /// The `server` argument as written.
    pub server: String,
    /// `weight=`.
    pub weight: u32,
    /// `max_fails=`; 0 never marks it down.
    pub max_fails: u32,
    /// `fail_timeout=`.
    pub fail_timeout: Duration,
    /// `max_conns=` (per worker share decided by upstream); 0 is no limit.
    pub max_conns: u32,
    /// `backup`.
    pub backup: bool,
    /// `down`.
    pub down: bool,
}

/// Where a peer listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerAddr {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// A unix socket path.
    Unix(PathBuf),
}
