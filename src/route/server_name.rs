//! `server_name`: exact, then the longest `*.x`, then the longest `x.*`, then regexes in order, then the default.

use std::collections::HashMap;

use crate::config::model::{HttpConf, ListenConf, ServerId, ServerName};
use crate::config::pattern::Pattern;

/// The chosen server, and the regex that chose it.
#[derive(Debug, Clone, Copy)]
pub struct ServerMatch<'r> {
    /// The server.
    pub server: ServerId,
    /// The matching `server_name ~…`, for its captures.
    pub pattern: Option<&'r Pattern>,
}

/// The names of all servers on one listening socket.
pub(super) struct NameTable {
    default: ServerId,
    exact: HashMap<Vec<u8>, ServerId>,
    /// `.example.com` of `*.example.com`.
    suffixes: HashMap<Vec<u8>, ServerId>,
    /// `example.` of `example.*`.
    prefixes: HashMap<Vec<u8>, ServerId>,
    patterns: Vec<(Pattern, ServerId)>,
    /// One server and no captures to take: nothing to look up.
    trivial: bool,
}

impl NameTable {
    pub(super) fn build(http: &HttpConf, listen: &ListenConf) -> Self {
        let mut table = Self {
            default: listen.default_server,
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            prefixes: HashMap::new(),
            patterns: Vec::new(),
            trivial: false,
        };
        for &id in &listen.servers {
            for name in &http.servers[id.0 as usize].names {
                table.insert(name, id);
            }
        }
        table.trivial = listen.servers.len() == 1 && table.patterns.is_empty();
        table
    }

    /// The first server in the file keeps a name that two claim.
    fn insert(&mut self, name: &ServerName, id: ServerId) {
        match name {
            ServerName::Exact(name) => {
                self.exact.entry(name.clone().into_bytes()).or_insert(id);
            }
            ServerName::LeadingWildcard(suffix) => {
                self.suffixes.entry(suffix.clone().into_bytes()).or_insert(id);
            }
            ServerName::Dotted(suffix) => {
                self.exact.entry(suffix.as_bytes()[1..].to_vec()).or_insert(id);
                self.suffixes.entry(suffix.clone().into_bytes()).or_insert(id);
            }
            ServerName::TrailingWildcard(prefix) => {
                self.prefixes.entry(prefix.clone().into_bytes()).or_insert(id);
            }
            ServerName::Regex(pattern) => self.patterns.push((pattern.clone(), id)),
        }
    }

    pub(super) fn find(&self, host: &[u8]) -> ServerMatch<'_> {
        if self.trivial {
            return ServerMatch { server: self.default, pattern: None };
        }
        self.find_named(host).unwrap_or(ServerMatch { server: self.default, pattern: None })
    }

    /// The server that has this name.
    pub(super) fn find_named(&self, host: &[u8]) -> Option<ServerMatch<'_>> {
        if let Some(&server) = self.exact.get(host) {
            return Some(ServerMatch { server, pattern: None });
        }
        let by_suffix = dots(host).filter(|&at| at > 0).find_map(|at| self.suffixes.get(&host[at..]));
        let by_prefix = || dots(host).rev().find_map(|at| self.prefixes.get(&host[..=at]));
        if let Some(&server) = by_suffix.or_else(by_prefix) {
            return Some(ServerMatch { server, pattern: None });
        }
        if !host.is_empty() {
            for (pattern, server) in &self.patterns {
                if pattern.is_match(host) {
                    return Some(ServerMatch { server: *server, pattern: Some(pattern) });
                }
            }
        }
        None
    }
}

/// Positions of the dots, left to right.
fn dots(host: &[u8]) -> impl DoubleEndedIterator<Item = usize> + '_ {
    host.iter().enumerate().filter(|(_, b)| **b == b'.').map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::{NameTable, ServerId, ServerName};
    use crate::config::pattern::Pattern;
    use std::collections::HashMap;

    fn table(names: &[ServerName]) -> NameTable {
        let mut table = NameTable {
            default: ServerId(99),
            exact: HashMap::new(),
            suffixes: HashMap::new(),
            prefixes: HashMap::new(),
            patterns: Vec::new(),
            trivial: false,
        };
        for (i, name) in names.iter().enumerate() {
            table.insert(name, ServerId(i as u32));
        }
        table
    }

    #[test]
    fn exact_then_longest_wildcards_then_regexes() {
        let table = table(&[
            ServerName::LeadingWildcard(".example.com".into()),
            ServerName::LeadingWildcard(".b.example.com".into()),
            ServerName::Exact("x.b.example.com".into()),
            ServerName::TrailingWildcard("mail.".into()),
            ServerName::Regex(Pattern::compile(r"^www\d+\.net$", false, |_| 0).unwrap()),
            ServerName::Dotted(".dotted.org".into()),
        ]);
        for (host, server) in [
            ("a.example.com", 0),
            ("a.b.example.com", 1),
            ("x.b.example.com", 2),
            ("example.com", 99),
            ("mail.example.net", 3),
            ("mail.example.com", 0),
            ("www12.net", 4),
            ("dotted.org", 5),
            ("a.dotted.org", 5),
            ("", 99),
        ] {
            assert_eq!(table.find(host.as_bytes()).server, ServerId(server), "{host}");
        }
    }
}
