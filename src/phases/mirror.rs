//! `mirror`: the request goes to other locations too, whose answers nobody sees.
//!
//! Each is a request of its own, with a copy of the head and, if asked for, of the body. Called by `phases`.

use super::{Entry, background};
use crate::config::model::{LocationConf, MirrorConf};
use crate::handler::proxy;
use crate::http::{Exchange, Outcome};
use crate::shard::Shard;

/// Starts the requests; what is decided is that the body cannot be read.
pub(super) async fn run(
    exchange: &mut Exchange,
    conf: &LocationConf,
    mirror: &MirrorConf,
    shard: &Shard,
) -> Option<Outcome> {
    if mirror.request_body
        && let Err(error) = exchange.read_body(conf).await
    {
        return Some(proxy::refuse_body(exchange, &error));
    }
    for uri in mirror.uris.iter() {
        background::start(exchange, shard, |part| {
            let begins = part.begin_beside(exchange, uri, conf, mirror.request_body);
            begins.then_some(Entry::Server)
        });
    }
    None
}
