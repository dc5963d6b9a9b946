//! Addresses as the configuration writes them: `port`, `host:port`, `[v6]:port`, `unix:path`, with or without a URI.
//!
//! One parser for `listen`, `server` in `upstream` and `proxy_pass`, with nginx's error texts. Names are resolved
//! here, at load, and nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Longest path of a unix socket in bytes (`sun_path` less the closing NUL).
const MAX_UNIX_PATH: usize = 107;

/// What the parser found before the URI part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The path of a unix socket.
    Unix(PathBuf),
    /// `*`, or only a port: every IPv4 address.
    Wildcard,
    /// An address.
    Ip(IpAddr),
    /// A name that a resolver has to find.
    Name(String),
}

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Where.
    pub endpoint: Endpoint,
    /// The host as written, without the port; the path of a unix socket.
    pub host: String,
    /// First port; 0 for unix sockets.
    pub port: u16,
    /// Last port of a range (`listen` only), else the same.
    pub last_port: u16,
    /// No port was written.
    pub no_port: bool,
    /// From the first `/` or `?` on, or what follows the second colon of a unix address. `None` when there is none.
    pub uri: Option<String>,
}

/// Parses the argument of `listen`: a port alone is allowed, a URI is not.
///
/// # Errors
/// nginx's reason, for `… in "…" of the "listen" directive`.
pub(super) fn parse_listen(text: &str, default_port: u16) -> Result<Url, &'static str> {
    if let Some(path) = strip_unix(text) {
        return unix(path, None);
    }
    if text.contains('/') || text.contains('?') {
        return Err("invalid host");
    }
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let port_only = match text.split_once('-') {
        Some((from, to)) => all_digits(from) && all_digits(to),
        None => all_digits(text),
    };
    if port_only {
        let (port, last_port) = port_range(text)?;
        let endpoint = Endpoint::Wildcard;
        return Ok(Url { endpoint, host: String::new(), port, last_port, no_port: false, uri: None });
    }
    let mut url = inet(text, default_port, true)?;
    if url.host == "*" {
        url.endpoint = Endpoint::Wildcard;
    }
    Ok(url)
}

/// Parses `host[:port][/uri]` or `unix:path[:uri]`; `uri` says whether a URI part may follow.
///
/// # Errors
/// nginx's reason, for `… in upstream "…"`.
pub(super) fn parse_peer(text: &str, default_port: u16, uri: UriPart) -> Result<Url, &'static str> {
    if let Some(rest) = strip_unix(text) {
        return match (uri, rest.split_once(':')) {
            (UriPart::Allowed, Some((path, uri))) => unix(path, Some(uri)),
            _ => unix(rest, None),
        };
    }
    let authority_from = if text.starts_with('[') { text.find(']').unwrap_or(0) } else { 0 };
    let cut = text[authority_from..].find(['/', '?']).map(|at| at + authority_from);
    match (uri, cut) {
        (UriPart::Allowed, Some(cut)) => {
            let mut url = inet(&text[..cut], default_port, false)?;
            url.uri = Some(text[cut..].to_owned());
            Ok(url)
        }
        (UriPart::Refused, Some(_)) => Err("invalid host"),
        (_, None) => inet(text, default_port, false),
    }
}

/// May a URI follow the address?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UriPart {
    /// `proxy_pass`.
    Allowed,
    /// `server` in `upstream`.
    Refused,
}

impl Url {
    /// All socket addresses of an endpoint that is not a unix socket, in the resolver's order, each once.
    ///
    /// # Errors
    /// `host not found`.
    pub(super) fn resolve(&self) -> Result<Vec<SocketAddr>, &'static str> {
        match &self.endpoint {
            Endpoint::Unix(_) => Ok(Vec::new()),
            Endpoint::Wildcard => Ok(vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port))]),
            Endpoint::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            Endpoint::Name(name) => {
                let found = (name.as_str(), self.port).to_socket_addrs().map_err(|_| "host not found")?;
                let mut addrs: Vec<SocketAddr> = Vec::new();
                for addr in found {
                    if !addrs.contains(&addr) {
                        addrs.push(addr);
                    }
                }
                if addrs.is_empty() { Err("host not found") } else { Ok(addrs) }
            }
        }
    }
}

fn strip_unix(text: &str) -> Option<&str> {
    let head = text.get(..5)?;
    head.eq_ignore_ascii_case("unix:").then(|| &text[5..])
}

fn unix(path: &str, uri: Option<&str>) -> Result<Url, &'static str> {
    if path.is_empty() {
        return Err("no path in the unix domain socket");
    }
    if path.len() > MAX_UNIX_PATH {
        return Err("too long path in the unix domain socket");
    }
    Ok(Url {
        endpoint: Endpoint::Unix(PathBuf::from(path)),
        host: path.to_owned(),
        port: 0,
        last_port: 0,
        no_port: true,
        // `unix:/path:` alone is legal and means no URI.
        uri: uri.filter(|uri| !uri.is_empty()).map(str::to_owned),
    })
}

fn inet(text: &str, default_port: u16, range: bool) -> Result<Url, &'static str> {
    let (host, port) = if text.starts_with('[') {
        let close = text.find(']').ok_or("invalid host")?;
        let (host, rest) = text.split_at(close + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err("invalid host"),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let (first, last) = match port {
        Some(port) if range => port_range(port)?,
        Some(port) => {
            let port = port_number(port)?;
            (port, port)
        }
        None => (default_port, default_port),
    };
    if host.is_empty() {
        return Err("no host");
    }
    let endpoint = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => Endpoint::Ip(v6.parse::<Ipv6Addr>().map_err(|_| "invalid IPv6 address")?.into()),
        None => match host.parse::<Ipv4Addr>() {
            Ok(v4) => Endpoint::Ip(v4.into()),
            Err(_) => Endpoint::Name(host.to_owned()),
        },
    };
    Ok(Url {
        endpoint,
        host: host.to_owned(),
        port: first,
        last_port: last,
        no_port: port.is_none(),
        uri: None,
    })
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err("invalid port"),
    }
}

fn port_range(text: &str) -> Result<(u16, u16), &'static str> {
    match text.split_once('-') {
        None => port_number(text).map(|port| (port, port)),
        Some((from, to)) => {
            let (from, to) = (port_number(from)?, port_number(to)?);
            if from > to { Err("invalid port range") } else { Ok((from, to)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, UriPart, parse_listen, parse_peer};

    #[test]
    fn listen_forms() {
        let url = parse_listen("8080", 80).unwrap();
        assert_eq!((url.endpoint, url.port), (Endpoint::Wildcard, 8080));
        assert_eq!(parse_listen("*:81", 80).unwrap().endpoint, Endpoint::Wildcard);
        let url = parse_listen("127.0.0.1", 80).unwrap();
        assert_eq!((url.port, url.no_port), (80, true));
        let url = parse_listen("[::]:8080", 80).unwrap();
        assert_eq!(url.endpoint, Endpoint::Ip("::".parse().unwrap()));
        assert_eq!(parse_listen("[::1]", 80).unwrap().port, 80);
        let url = parse_listen("8080-8082", 80).unwrap();
        assert_eq!((url.port, url.last_port), (8080, 8082));
        let url = parse_listen("unix:/run/x.sock", 80).unwrap();
        assert_eq!(url.endpoint, Endpoint::Unix("/run/x.sock".into()));
    }

    #[test]
    fn listen_errors() {
        for (text, why) in [
            ("0", "invalid port"),
            ("99999", "invalid port"),
            ("127.0.0.1:", "invalid port"),
            (":80", "no host"),
            ("[::1", "invalid host"),
            ("[::g]:80", "invalid IPv6 address"),
            ("[::1]80", "invalid host"),
            ("127.0.0.1:80/x", "invalid host"),
            ("unix:", "no path in the unix domain socket"),
            ("8082-8080", "invalid port range"),
        ] {
            assert_eq!(parse_listen(text, 80), Err(why), "{text}");
        }
    }

    #[test]
    fn peer_forms() {
        let url = parse_peer("app:8000/x?y", 80, UriPart::Allowed).unwrap();
        assert_eq!((url.host.as_str(), url.port, url.uri.as_deref()), ("app", 8000, Some("/x?y")));
        let url = parse_peer("[::1]:8000/", 80, UriPart::Allowed).unwrap();
        assert_eq!((url.host.as_str(), url.uri.as_deref()), ("[::1]", Some("/")));
        let url = parse_peer("unix:/a.sock:/u", 80, UriPart::Allowed).unwrap();
        assert_eq!((url.host.as_str(), url.uri.as_deref()), ("/a.sock", Some("/u")));
        assert_eq!(parse_peer("unix:/a.sock:", 80, UriPart::Allowed).unwrap().uri, None);
        assert_eq!(parse_peer("a/b", 80, UriPart::Refused), Err("invalid host"));
        assert_eq!(parse_peer("a:x", 80, UriPart::Refused), Err("invalid port"));
    }

    #[test]
    fn resolving() {
        let url = parse_peer("127.0.0.1:1", 80, UriPart::Refused).unwrap();
        assert_eq!(url.resolve().unwrap(), vec!["127.0.0.1:1".parse().unwrap()]);
        let url = parse_peer("no.such.host.invalid", 80, UriPart::Refused).unwrap();
        assert_eq!(url.resolve(), Err("host not found"));
    }
}
