//! `add_before_body` and `add_after_body`: parts that stand before and behind a body.
//!
//! They are read before anything is sent; the body itself goes on its way as it comes. Called by `phases` for responses
//! that `filter` has marked.

use bytes::Bytes;

use super::parts;
use crate::config::filters::AdditionConf;
use crate::cycle::Cycle;
use crate::http::{Body, Exchange, error_page};
use crate::http1::Status;
use crate::shard::Shard;

/// Reads the parts and has them sent around the body. A page that cannot have them is 502.
pub(super) async fn run(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard, conf: &AdditionConf) {
    exchange.response.has_addition = false;
    if exchange.header_only {
        return;
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (uri, out) in [(&conf.before, &mut before), (&conf.after, &mut after)] {
        if let Some(uri) = uri
            && parts::fetch(exchange, cycle, shard, (uri, b""), None, out).await.is_none()
        {
            exchange.response.clear();
            error_page::build(exchange, exchange.location_conf(cycle), Status::BAD_GATEWAY);
            return;
        }
    }
    if matches!(exchange.response.body, Body::Empty) {
        exchange.response.body = Body::Bytes(Bytes::new());
    }
    let mut transform = exchange.response.transform.take().unwrap_or_default();
    transform.surround(before, after);
    exchange.response.transform = Some(transform);
}
