//! From listening socket, host and URI to server and location.
//!
//! Compiled once per cycle; a look-up allocates nothing and awaits nothing. Whoever needs the captures of a matched
//! pattern runs it again: a look-up names it.

mod location;
mod server_name;

pub use location::LocationMatch;
pub use server_name::ServerMatch;

use crate::config::model::{HttpConf, ListenId, ServerId};
use crate::config::pattern::Pattern;

/// All look-ups of one configuration.
pub struct Router {
    listens: Vec<server_name::NameTable>,
    servers: Vec<location::LocationTree>,
}

impl Router {
    /// Compiles the tables.
    pub fn build(http: &HttpConf) -> Self {
        Self {
            listens: http.listens.iter().map(|listen| server_name::NameTable::build(http, listen)).collect(),
            servers: http
                .servers
                .iter()
                .map(|server| location::LocationTree::build(http, &server.locations))
                .collect(),
        }
    }

    /// The server for a host (lower-case, no port; empty when the request names none).
    pub fn server(&self, listen: ListenId, host: &[u8]) -> ServerMatch<'_> {
        self.listens[listen.0 as usize].find(host)
    }

    /// The server that has this name.
    pub fn server_named(&self, listen: ListenId, host: &[u8]) -> Option<ServerMatch<'_>> {
        self.listens[listen.0 as usize].find_named(host)
    }

    /// The location for a decoded URI; `matched` gets each regex on the way to it, the outermost first.
    pub fn location<'r>(
        &'r self,
        server: ServerId,
        uri: &[u8],
        mut matched: impl FnMut(&'r Pattern),
    ) -> LocationMatch {
        self.servers[server.0 as usize].find(uri, &mut matched)
    }

    /// A named location (`@name`, with the `@`).
    pub fn named(&self, server: ServerId, name: &[u8]) -> Option<crate::config::model::LocationId> {
        self.servers[server.0 as usize].named(name)
    }
}
