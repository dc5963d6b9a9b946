//! Parts of a page: each is asked for by a request of its own, and its body read into memory.
//!
//! Called by `ssi` and `addition`. A part that has not come whole is none: nothing of it may be shown.

use super::{Verdict, ssi};
use crate::cycle::Cycle;
use crate::http::Exchange;
use crate::http1::Status;
use crate::log::{Level, Raw};
use crate::shard::Shard;

/// Asks for a part and appends its body to `out`; gives its status, or `None` when it has come to nothing (already
/// logged). What the page and its commands have set is the part's too while it is made. `stub` takes the place of a body
/// that is empty, and of a page that says of an error.
pub(super) async fn fetch(
    exchange: &mut Exchange,
    cycle: &Cycle,
    shard: &Shard,
    (uri, args): (&[u8], &[u8]),
    stub: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Option<Status> {
    let mut part = shard.exchange(&exchange.client);
    if !part.begin_part(exchange, uri, args) {
        exchange.log_error(Level::Error, format_args!("too many parts while using \"{}\"", Raw(uri)));
        shard.recycle(part);
        return None;
    }
    part.swap_variables(exchange);
    std::mem::swap(&mut part.page, &mut exchange.page);
    part.has_stub = stub.is_some();
    let start = out.len();
    let mut whole = answer(&mut part, cycle, shard, out).await;
    if let Some(stub) = stub
        && out.len() == start
    {
        let text = ssi::expand_stub(&mut part, cycle, shard, stub).await;
        whole = text.is_some();
        out.extend_from_slice(&text.unwrap_or_default());
    }
    part.swap_variables(exchange);
    std::mem::swap(&mut part.page, &mut exchange.page);
    exchange.parts_left = part.parts_left;
    let status = part.logged_status();
    super::log_part(&part, cycle, shard);
    shard.recycle(part);
    whole.then_some(status)
}

/// Runs a part and appends its body; `false` when it has come to nothing.
async fn answer(part: &mut Exchange, cycle: &Cycle, shard: &Shard, out: &mut Vec<u8>) -> bool {
    if Box::pin(super::run(part, cycle, shard)).await == Verdict::Close {
        return false;
    }
    let conf = part.location_conf(cycle);
    let transform = part.response.transform.take();
    match part.collect(conf, transform, out).await {
        Ok(()) => true,
        Err(error) => {
            part.log_error(Level::Error, format_args!("a part of a page could not be read: {error}"));
            false
        }
    }
}
