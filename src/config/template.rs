//! Complex values: text with variables in it, compiled once.
//!
//! Which variables exist is decided here; what they are worth for a request is `http::variables`' business.

use std::sync::atomic::{AtomicBool, Ordering};

use super::tls_variables::TlsVariable;
use crate::http1::proxy_protocol::Tlv;

/// A compiled value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Bytes as written.
    Literal(Box<[u8]>),
    /// A variable's value.
    Var(VariableId),
}

/// Names that a configuration declares: variables with a slot, and those of modules that are not supported yet.
#[derive(Debug, Default)]
pub struct VariableScope {
    /// Named captures and variables of `set` in the order of their slots.
    slots: Vec<Slot>,
    /// Variables derived from others (`map`, `geo`, `split_clients`), lower-case.
    pub derived: Vec<String>,
    /// Names that exist but have no value here (of directives that were listed and ignored).
    pub declared: Vec<String>,
    /// A template names `$ssl_ciphers` or `$ssl_curves`.
    wants_client_hello: AtomicBool,
}

/// A variable whose value is kept with the request.
#[derive(Debug)]
struct Slot {
    /// Lower-case.
    name: String,
    /// A regular expression sets it: it has no value before (one of `set` is empty before).
    captured: bool,
}

impl VariableScope {
    /// The slot of a named capture, made when new. A variable of `set` of the same name is the same variable.
    pub fn capture_slot(&mut self, name: &str) -> u16 {
        self.slot(name, true)
    }

    /// The slot of a variable of `set` and its like, made when new.
    pub fn set_slot(&mut self, name: &str) -> u16 {
        self.slot(name, false)
    }

    fn slot(&mut self, name: &str, captured: bool) -> u16 {
        let at =
            self.slots.iter().position(|slot| slot.name.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
                self.slots.push(Slot { name: name.to_ascii_lowercase(), captured });
                self.slots.len() - 1
            });
        self.slots[at].captured |= captured;
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// A template names `$ssl_ciphers` or `$ssl_curves`.
    pub fn wants_client_hello(&self) -> bool {
        self.wants_client_hello.load(Ordering::Relaxed)
    }

    /// The name of a variable that has a slot (`VariableId::Named`, `VariableId::Set`).
    pub fn slot_name(&self, slot: usize) -> &str {
        self.slots.get(slot).map_or("", |slot| &slot.name)
    }

    /// Makes a derived variable known.
    pub fn declare_derived(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if !self.derived.contains(&name) && !VariableId::is_fixed(&name) {
            self.derived.push(name);
        }
    }

    /// Makes a name known that will always be empty.
    pub fn declare(&mut self, name: &str) {
        if !self.declared.iter().any(|n| n == name) {
            self.declared.push(name.to_owned());
        }
    }
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VariableId {
    /// `$host`
    Host,
    /// `$uri`
    Uri,
    /// `$document_uri`
    DocumentUri,
    /// `$request_uri`
    RequestUri,
    /// `$args`
    Args,
    /// `$query_string`
    QueryString,
    /// `$is_args`
    IsArgs,
    /// `$arg_NAME`
    Arg(Box<str>),
    /// `$cookie_NAME`
    Cookie(Box<str>),
    /// `$http_NAME`: a request header; lower-case, `_` for `-`
    Http(Box<str>),
    /// `$sent_http_NAME`: a response header
    SentHttp(Box<str>),
    /// `$upstream_cookie_NAME`: a cookie the app sets
    UpstreamCookie(Box<str>),
    /// `$upstream_http_NAME`: a header of the app's response
    UpstreamHttp(Box<str>),
    /// `$upstream_addr`
    UpstreamAddr,
    /// `$upstream_status`
    UpstreamStatus,
    /// `$upstream_connect_time`
    UpstreamConnectTime,
    /// `$upstream_header_time`
    UpstreamHeaderTime,
    /// `$upstream_response_time`
    UpstreamResponseTime,
    /// `$upstream_response_length`
    UpstreamResponseLength,
    /// `$upstream_bytes_received`
    UpstreamBytesReceived,
    /// `$upstream_bytes_sent`
    UpstreamBytesSent,
    /// `$request_method`
    RequestMethod,
    /// `$request`
    Request,
    /// `$request_port`
    RequestPort,
    /// `$is_request_port`
    IsRequestPort,
    /// `$request_time`
    RequestTime,
    /// `$request_length`
    RequestLength,
    /// `$request_id`
    RequestId,
    /// `$request_body`
    RequestBody,
    /// `$request_body_file`
    RequestBodyFile,
    /// `$request_filename`
    RequestFilename,
    /// `$request_completion`
    RequestCompletion,
    /// `$remote_addr`
    RemoteAddr,
    /// `$remote_port`
    RemotePort,
    /// `$remote_user`
    RemoteUser,
    /// `$binary_remote_addr`
    BinaryRemoteAddr,
    /// `$proxy_add_x_forwarded_for`
    ProxyAddXForwardedFor,
    /// `$proxy_host`
    ProxyHost,
    /// `$proxy_port`
    ProxyPort,
    /// `$proxy_protocol_addr`
    ProxyProtocolAddr,
    /// `$proxy_protocol_port`
    ProxyProtocolPort,
    /// `$proxy_protocol_server_addr`
    ProxyProtocolServerAddr,
    /// `$proxy_protocol_server_port`
    ProxyProtocolServerPort,
    /// `$proxy_protocol_tlv_NAME`
    ProxyProtocolTlv(Tlv),
    /// `$scheme`
    Scheme,
    /// `$realip_remote_addr`
    RealipRemoteAddr,
    /// `$realip_remote_port`
    RealipRemotePort,
    /// `$invalid_referer`
    InvalidReferer,
    /// `$secure_link`
    SecureLink,
    /// `$secure_link_expires`
    SecureLinkExpires,
    /// `$modern_browser`
    ModernBrowser,
    /// `$ancient_browser`
    AncientBrowser,
    /// `$msie`
    Msie,
    /// `$uid_got`
    UidGot,
    /// `$uid_set`
    UidSet,
    /// `$gzip_ratio`
    GzipRatio,
    /// `$http2`
    Http2,
    /// `$http3`
    Http3,
    /// `$tcpinfo_NAME`
    TcpInfo(TcpInfo),
    /// `$limit_rate`
    LimitRate,
    /// `$limit_req_status`
    LimitReqStatus,
    /// `$limit_conn_status`
    LimitConnStatus,
    /// `$https`
    Https,
    /// `$status`
    Status,
    /// `$bytes_sent`
    BytesSent,
    /// `$body_bytes_sent`
    BodyBytesSent,
    /// `$msec`
    Msec,
    /// `$time_local`
    TimeLocal,
    /// `$time_iso8601`
    TimeIso8601,
    /// `$connection`
    Connection,
    /// `$connections_active`
    ConnectionsActive,
    /// `$connections_reading`
    ConnectionsReading,
    /// `$connections_writing`
    ConnectionsWriting,
    /// `$connections_waiting`
    ConnectionsWaiting,
    /// `$connection_requests`
    ConnectionRequests,
    /// `$connection_time`
    ConnectionTime,
    /// `$date_local`
    DateLocal,
    /// `$date_gmt`
    DateGmt,
    /// `$pid`
    Pid,
    /// `$pipe`
    Pipe,
    /// `$server_name`
    ServerName,
    /// `$server_addr`
    ServerAddr,
    /// `$server_port`
    ServerPort,
    /// `$server_protocol`
    ServerProtocol,
    /// `$hostname`
    Hostname,
    /// `$document_root`
    DocumentRoot,
    /// `$realpath_root`
    RealpathRoot,
    /// `$nginx_version`
    NginxVersion,
    /// `$fastcgi_script_name`
    FastcgiScriptName,
    /// `$fastcgi_path_info`
    FastcgiPathInfo,
    /// `$content_length`
    ContentLength,
    /// `$content_type`
    ContentType,
    /// `$1` to `$9`
    Capture(u8),
    /// A named capture by slot
    Named(u16),
    /// A variable of `set` by slot
    Set(u16),
    /// A variable of `set` by slot, and what it is worth before
    SetOr(u16, Box<VariableId>),
    /// A variable derived from others by its number (`HttpConf::derived`)
    Derived(u16),
    /// `$ssl_…`
    Tls(TlsVariable),
    /// A variable of a module that is not supported yet: always empty
    Unsupported(Box<str>),
}

/// What `$tcpinfo_NAME` asks the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpInfo {
    /// Round trip, microseconds.
    Rtt,
    /// Its variation, microseconds.
    RttVar,
    /// Segments that may be under way.
    SndCwnd,
    /// Bytes that may come in.
    RcvSpace,
}

/// Variables without a parameter.
const PLAIN: &[(&str, VariableId)] = &[
    ("ancient_browser", VariableId::AncientBrowser),
    ("args", VariableId::Args),
    ("binary_remote_addr", VariableId::BinaryRemoteAddr),
    ("body_bytes_sent", VariableId::BodyBytesSent),
    ("bytes_sent", VariableId::BytesSent),
    ("connection", VariableId::Connection),
    ("connection_requests", VariableId::ConnectionRequests),
    ("connection_time", VariableId::ConnectionTime),
    ("connections_active", VariableId::ConnectionsActive),
    ("connections_reading", VariableId::ConnectionsReading),
    ("connections_waiting", VariableId::ConnectionsWaiting),
    ("connections_writing", VariableId::ConnectionsWriting),
    ("content_length", VariableId::ContentLength),
    ("content_type", VariableId::ContentType),
    ("date_gmt", VariableId::DateGmt),
    ("date_local", VariableId::DateLocal),
    ("document_root", VariableId::DocumentRoot),
    ("document_uri", VariableId::DocumentUri),
    ("fastcgi_path_info", VariableId::FastcgiPathInfo),
    ("fastcgi_script_name", VariableId::FastcgiScriptName),
    ("gzip_ratio", VariableId::GzipRatio),
    ("host", VariableId::Host),
    ("hostname", VariableId::Hostname),
    ("http2", VariableId::Http2),
    ("http3", VariableId::Http3),
    ("https", VariableId::Https),
    ("invalid_referer", VariableId::InvalidReferer),
    ("is_args", VariableId::IsArgs),
    ("is_request_port", VariableId::IsRequestPort),
    ("limit_conn_status", VariableId::LimitConnStatus),
    ("limit_rate", VariableId::LimitRate),
    ("limit_req_status", VariableId::LimitReqStatus),
    ("modern_browser", VariableId::ModernBrowser),
    ("msec", VariableId::Msec),
    ("msie", VariableId::Msie),
    ("nginx_version", VariableId::NginxVersion),
    ("pid", VariableId::Pid),
    ("pipe", VariableId::Pipe),
    ("proxy_add_x_forwarded_for", VariableId::ProxyAddXForwardedFor),
    ("proxy_host", VariableId::ProxyHost),
    ("proxy_port", VariableId::ProxyPort),
    ("proxy_protocol_addr", VariableId::ProxyProtocolAddr),
    ("proxy_protocol_port", VariableId::ProxyProtocolPort),
    ("proxy_protocol_server_addr", VariableId::ProxyProtocolServerAddr),
    ("proxy_protocol_server_port", VariableId::ProxyProtocolServerPort),
    ("query_string", VariableId::QueryString),
    ("realip_remote_addr", VariableId::RealipRemoteAddr),
    ("realip_remote_port", VariableId::RealipRemotePort),
    ("realpath_root", VariableId::RealpathRoot),
    ("remote_addr", VariableId::RemoteAddr),
    ("remote_port", VariableId::RemotePort),
    ("remote_user", VariableId::RemoteUser),
    ("request", VariableId::Request),
    ("request_body", VariableId::RequestBody),
    ("request_body_file", VariableId::RequestBodyFile),
    ("request_completion", VariableId::RequestCompletion),
    ("request_filename", VariableId::RequestFilename),
    ("request_id", VariableId::RequestId),
    ("request_length", VariableId::RequestLength),
    ("request_method", VariableId::RequestMethod),
    ("request_port", VariableId::RequestPort),
    ("request_time", VariableId::RequestTime),
    ("request_uri", VariableId::RequestUri),
    ("scheme", VariableId::Scheme),
    ("secure_link", VariableId::SecureLink),
    ("secure_link_expires", VariableId::SecureLinkExpires),
    ("server_addr", VariableId::ServerAddr),
    ("server_name", VariableId::ServerName),
    ("server_port", VariableId::ServerPort),
    ("server_protocol", VariableId::ServerProtocol),
    ("status", VariableId::Status),
    ("tcpinfo_rcv_space", VariableId::TcpInfo(TcpInfo::RcvSpace)),
    ("tcpinfo_rtt", VariableId::TcpInfo(TcpInfo::Rtt)),
    ("tcpinfo_rttvar", VariableId::TcpInfo(TcpInfo::RttVar)),
    ("tcpinfo_snd_cwnd", VariableId::TcpInfo(TcpInfo::SndCwnd)),
    ("time_iso8601", VariableId::TimeIso8601),
    ("time_local", VariableId::TimeLocal),
    ("uid_got", VariableId::UidGot),
    ("uid_set", VariableId::UidSet),
    ("upstream_addr", VariableId::UpstreamAddr),
    ("upstream_bytes_received", VariableId::UpstreamBytesReceived),
    ("upstream_bytes_sent", VariableId::UpstreamBytesSent),
    ("upstream_connect_time", VariableId::UpstreamConnectTime),
    ("upstream_header_time", VariableId::UpstreamHeaderTime),
    ("upstream_response_length", VariableId::UpstreamResponseLength),
    ("upstream_response_time", VariableId::UpstreamResponseTime),
    ("upstream_status", VariableId::UpstreamStatus),
    ("uri", VariableId::Uri),
];

/// Variables of nginx's modules that are not supported yet; they are empty.
const UNSUPPORTED: &[&str] = &[
    "geoip_country_code",
    "proxy_internal_body_length",
    "proxy_internal_chunked",
    "session_log_id",
    "slice_range",
    "uid_reset",
    "upstream_cache_age",
    "upstream_cache_key",
    "upstream_cache_last_modified",
    "upstream_cache_status",
    "upstream_last_server_name",
    "upstream_queue_time",
];

impl Template {
    /// Compiles `$name`, `${name}` and `$1`; a `$` before anything else is an error as in nginx.
    ///
    /// # Errors
    /// nginx's message: `unknown "x" variable`, `invalid variable name`.
    pub fn compile(text: &[u8], scope: &VariableScope) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            literal.extend_from_slice(&rest[..dollar]);
            let (name, after) = take_name(&rest[dollar + 1..])?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into_boxed_slice()));
            }
            parts.push(Part::Var(VariableId::find(name, scope)?));
            rest = after;
        }
        literal.extend_from_slice(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into_boxed_slice()));
        }
        Ok(Self { parts })
    }

    /// A template without variables.
    pub fn literal(text: &[u8]) -> Self {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.into())] };
        Self { parts }
    }

    /// Its pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// True without variables.
    pub fn is_literal(&self) -> bool {
        self.as_literal().is_some()
    }

    /// The text, when there are no variables.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// True when any variable fits.
    pub fn uses(&self, wanted: impl Fn(&VariableId) -> bool) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Var(id) if wanted(id)))
    }
}

impl VariableId {
    /// A name of the table that nothing may change.
    pub fn is_fixed(name: &str) -> bool {
        PLAIN.binary_search_by(|(known, _)| known.cmp(&name)).is_ok()
    }

    /// The variable of a name, without `$`.
    ///
    /// # Errors
    /// `unknown "x" variable`.
    pub fn find(name: &str, scope: &VariableScope) -> Result<Self, String> {
        if let [digit @ b'1'..=b'9'] = name.as_bytes() {
            return Ok(Self::Capture(digit - b'0'));
        }
        let Some(at) = scope.slots.iter().position(|slot| slot.name.eq_ignore_ascii_case(name)) else {
            return Self::find_other(name, scope);
        };
        let slot = u16::try_from(at).unwrap_or(u16::MAX);
        Ok(match Self::find_other(name, scope) {
            Ok(before) => Self::SetOr(slot, Box::new(before)),
            Err(_) if scope.slots[at].captured => Self::Named(slot),
            Err(_) => Self::Set(slot),
        })
    }

    /// A variable that has no slot.
    fn find_other(name: &str, scope: &VariableScope) -> Result<Self, String> {
        if let Some(at) = scope.derived.iter().position(|derived| derived.eq_ignore_ascii_case(name)) {
            return Ok(Self::Derived(u16::try_from(at).unwrap_or(u16::MAX)));
        }
        if scope.declared.iter().any(|n| n == name) {
            return Ok(Self::Unsupported(name.into()));
        }
        let name = name.to_ascii_lowercase();
        if let Ok(at) = PLAIN.binary_search_by(|(n, _)| n.cmp(&name.as_str())) {
            return Ok(PLAIN[at].1.clone());
        }
        type Make = fn(Box<str>) -> VariableId;
        let prefixed: [(&str, Make); 6] = [
            ("arg_", Self::Arg),
            ("cookie_", Self::Cookie),
            ("http_", Self::Http),
            ("sent_http_", Self::SentHttp),
            ("upstream_cookie_", Self::UpstreamCookie),
            ("upstream_http_", Self::UpstreamHttp),
        ];
        for (prefix, make) in prefixed {
            match name.strip_prefix(prefix) {
                // `$arg_` alone is a name, and never has a value.
                Some("") => return Ok(Self::Unsupported(name.into())),
                Some(rest) => return Ok(make(rest.into())),
                None => {}
            }
        }
        if let Some(variable) = TlsVariable::find(&name) {
            if variable.is_of_hello() {
                scope.wants_client_hello.store(true, Ordering::Relaxed);
            }
            return Ok(Self::Tls(variable));
        }
        if let Some(tlv) = name.strip_prefix("proxy_protocol_tlv_") {
            let known = Tlv::named(tlv).map(Self::ProxyProtocolTlv);
            return Ok(known.unwrap_or_else(|| Self::Unsupported(name.into())));
        }
        let family = ["sent_trailer_", "upstream_trailer_", "geoip_", "jwt_claim_"];
        if UNSUPPORTED.binary_search(&name.as_str()).is_ok() || family.iter().any(|f| name.starts_with(f)) {
            return Ok(Self::Unsupported(name.into()));
        }
        Err(format!("unknown \"{name}\" variable"))
    }
}

/// The name behind a `$`, and what follows it.
fn take_name(text: &[u8]) -> Result<(&str, &[u8]), String> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let (name, rest) = match text {
        [b'{', inner @ ..] => {
            let end = inner.iter().position(|b| !is_name(b)).unwrap_or(inner.len());
            if inner.get(end) != Some(&b'}') {
                let shown = String::from_utf8_lossy(&inner[..end]);
                return Err(format!("the closing bracket in \"{shown}\" variable is missing"));
            }
            (&inner[..end], &inner[end + 1..])
        }
        [b'1'..=b'9', ..] => text.split_at(1),
        _ => text.split_at(text.iter().position(|b| !is_name(b)).unwrap_or(text.len())),
    };
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() => Ok((name, rest)),
        _ => Err("invalid variable name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{PLAIN, Part, Template, UNSUPPORTED, VariableId, VariableScope};

    #[test]
    fn names_in_all_forms() {
        let mut scope = VariableScope::default();
        scope.capture_slot("app");
        let template = Template::compile(b"a$host/${uri}b$1$2x$app-$http_x_y", &scope).unwrap();
        let lit = |s: &str| Part::Literal(s.as_bytes().into());
        assert_eq!(
            template.parts(),
            [
                lit("a"),
                Part::Var(VariableId::Host),
                lit("/"),
                Part::Var(VariableId::Uri),
                lit("b"),
                Part::Var(VariableId::Capture(1)),
                Part::Var(VariableId::Capture(2)),
                lit("x"),
                Part::Var(VariableId::Named(0)),
                lit("-"),
                Part::Var(VariableId::Http("x_y".into())),
            ]
        );
    }

    #[test]
    fn wrong_names() {
        let scope = VariableScope::default();
        for (text, message) in [
            ("$nope", "unknown \"nope\" variable"),
            ("$", "invalid variable name"),
            ("a$-", "invalid variable name"),
            ("${host", "the closing bracket in \"host\" variable is missing"),
        ] {
            assert_eq!(Template::compile(text.as_bytes(), &scope).unwrap_err(), message, "{text}");
        }
    }

    #[test]
    fn tables_are_sorted() {
        assert!(PLAIN.is_sorted_by(|a, b| a.0 < b.0));
        assert!(UNSUPPORTED.is_sorted());
    }
}
