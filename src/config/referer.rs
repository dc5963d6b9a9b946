//! `valid_referers`: which `Referer` fields are valid (nginx's `ngx_http_referer_module`). No I/O; called by `build`,
//! which reads the lines, and by `http::variables` for `$invalid_referer`.

use super::model::ServerName;
use super::pattern::Pattern;

/// Longest host of a `Referer`, bytes.
const MAX_HOST: usize = 256;

/// A `Referer` shorter than this is no URL (`http://i.ru`), bytes.
const MIN_URL: usize = 11;

/// The lines of one level.
#[derive(Debug, Default)]
pub struct Referers {
    /// `none`: without the field.
    none: bool,
    /// `blocked`: a field that is no URL.
    blocked: bool,
    /// `server_names`
    server_names: bool,
    hosts: Vec<Host>,
    /// Of what follows the scheme.
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Host {
    name: ServerName,
    /// The URI must begin so; empty is any.
    uri: Vec<u8>,
}

impl Referers {
    /// Adds a parameter that is no regular expression.
    ///
    /// # Errors
    /// nginx's message.
    pub(super) fn add(&mut self, word: &str) -> Result<(), String> {
        match word {
            "none" => self.none = true,
            "blocked" => self.blocked = true,
            "server_names" => self.server_names = true,
            _ => {
                let (host, uri) = word.split_at(word.find('/').unwrap_or(word.len()));
                let host = &host.to_ascii_lowercase();
                let name =
                    host_name(host).ok_or_else(|| format!("invalid hostname or wildcard \"{host}\""))?;
                self.hosts.push(Host { name, uri: uri.as_bytes().to_vec() });
            }
        }
        Ok(())
    }

    /// Adds a regular expression.
    pub(super) fn add_pattern(&mut self, pattern: Pattern) {
        self.patterns.push(pattern);
    }

    /// Whether there is any host to be valid.
    pub(super) fn name_any(&self) -> bool {
        !self.hosts.is_empty() || !self.patterns.is_empty() || self.server_names
    }

    /// Whether a request with this field is valid; `names` are its server's.
    pub fn allow(&self, referer: Option<&[u8]>, names: &[ServerName]) -> bool {
        let Some(referer) = referer else { return self.none };
        let Some(rest) = without_scheme(referer) else { return self.blocked };
        let end = rest.iter().position(|b| matches!(b, b'/' | b':')).unwrap_or(rest.len());
        if end > MAX_HOST {
            return false;
        }
        let host = rest[..end].to_ascii_lowercase();
        let best =
            self.hosts.iter().filter_map(|h| Some((rank(&h.name, &host)?, h))).max_by_key(|(rank, _)| *rank);
        if let Some((_, found)) = best {
            let uri = rest.iter().position(|&b| b == b'/').map_or(&b""[..], |at| &rest[at..]);
            return uri.starts_with(&found.uri);
        }
        let of_server = |name: &ServerName| match name {
            ServerName::Regex(pattern) => pattern.is_match(&host),
            _ => rank(name, &host).is_some(),
        };
        (self.server_names && names.iter().any(of_server)) || self.patterns.iter().any(|p| p.is_match(rest))
    }
}

fn without_scheme(referer: &[u8]) -> Option<&[u8]> {
    if referer.len() < MIN_URL {
        return None;
    }
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (head, rest) = referer.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    })
}

/// A host, lower-case, with or without a wildcard.
fn host_name(host: &str) -> Option<ServerName> {
    let name = if let Some(rest) = host.strip_prefix("*.") {
        (ServerName::LeadingWildcard(format!(".{rest}")), rest)
    } else if let Some(rest) = host.strip_prefix('.') {
        (ServerName::Dotted(host.to_owned()), rest)
    } else if let Some(rest) = host.strip_suffix(".*") {
        (ServerName::TrailingWildcard(format!("{rest}.")), rest)
    } else {
        (ServerName::Exact(host.to_owned()), host)
    };
    let (name, rest) = name;
    (!rest.is_empty() && !rest.contains('*') && !rest.contains("..")).then_some(name)
}

/// How well a name fits a host: an exact one before a wildcard in front, that before one behind, the longest first.
fn rank(name: &ServerName, host: &[u8]) -> Option<(u8, usize)> {
    match name {
        ServerName::Exact(exact) => (exact.as_bytes() == host).then_some((3, 0)),
        ServerName::Dotted(suffix) if suffix.as_bytes().get(1..) == Some(host) => Some((3, 0)),
        ServerName::Dotted(suffix) | ServerName::LeadingWildcard(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix.as_bytes())).then_some((2, suffix.len()))
        }
        ServerName::TrailingWildcard(prefix) => {
            host.starts_with(prefix.as_bytes()).then_some((1, prefix.len()))
        }
        ServerName::Regex(_) => None,
    }
}
