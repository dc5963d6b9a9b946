//! `post_action`: a request that follows another one when that is answered, for who counts.
//!
//! Its variables say how the answer went. Called by `worker`, for client's own requests only.

use super::{Entry, background};
use crate::cycle::Cycle;
use crate::http::Exchange;
use crate::log::{Level, Raw};
use crate::shard::Shard;

/// Starts what follows a request that was answered; `target` is a URI or the name of a location.
pub fn post_action(exchange: &Exchange, cycle: &Cycle, shard: &Shard, target: &[u8]) {
    let named = if target.starts_with(b"@") {
        let Some(location) = cycle.router.named(exchange.server, target) else {
            let name = Raw(target);
            exchange.log_error(Level::Error, format_args!("could not find named location \"{name}\""));
            return;
        };
        Some(location)
    } else {
        None
    };
    background::start(exchange, shard, |part| {
        let begins = part.begin_behind(exchange, if named.is_some() { &exchange.uri } else { target });
        begins.then(|| match named {
            Some(location) => {
                part.location = location;
                part.args.extend_from_slice(&exchange.args);
                part.method = exchange.method;
                Entry::Location
            }
            None => Entry::Server,
        })
    });
}
