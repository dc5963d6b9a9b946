//! `mirror`: the request goes to other locations too, whose answers nobody sees.
//!
//! Each is a request of its own in a task of its own, with a copy of the head and, if asked for, of the body: neither the
//! request nor its client waits for it, and none of its troubles becomes theirs. Called by `phases`.

use std::pin::pin;
use std::rc::Rc;

use crate::config::model::{LocationConf, MirrorConf};
use crate::handler::proxy;
use crate::http::{Exchange, Outcome};
use crate::io::runtime::{fenced, spawn};
use crate::log::Level;
use crate::shard::Shard;

/// Such requests under way on one core: a mirror that does not answer must not collect all memory.
const MAX_IN_BACKGROUND: usize = 512;

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
        start(exchange, conf, uri, mirror.request_body, shard);
    }
    None
}

fn start(exchange: &Exchange, conf: &LocationConf, uri: &[u8], with_body: bool, shard: &Shard) {
    if shard.in_background.get() >= MAX_IN_BACKGROUND {
        leave_out(exchange, shard);
        return;
    }
    let Some(owned) = shard.to_owned() else { return };
    let mut part = shard.exchange(&exchange.client);
    if !part.begin_beside(exchange, uri, conf, with_body) {
        shard.recycle(part);
        return;
    }
    shard.in_background.set(shard.in_background.get() + 1);
    spawn(async move {
        let counted = Counted(&owned);
        let mut task = pin!(answer(part, &owned));
        if let Err(panic) = fenced(task.as_mut()).await {
            let cycle = owned.cycle();
            cycle.logs.error(
                &cycle.conf.error_log,
                Level::Alert,
                0,
                format_args!("a mirrored request panicked: {panic}"),
            );
        }
        drop(counted);
    });
}

async fn answer(mut part: Box<Exchange>, shard: &Shard) {
    let cycle = Rc::clone(&part.cycle);
    super::run(&mut part, &cycle, shard).await;
    part.drop_body(part.location_conf(&cycle));
    super::log_part(&part, &cycle, shard);
    shard.recycle(part);
}

/// Says once a second that requests are not mirrored.
fn leave_out(exchange: &Exchange, shard: &Shard) {
    let second = crate::time::now().monotonic_ms / 1000;
    if shard.left_out_second.replace(second) != second {
        let said =
            format_args!("{MAX_IN_BACKGROUND} mirrored requests are under way, this one is not mirrored");
        exchange.log_error(Level::Warn, said);
    }
}

/// Counts a request that no client waits for.
struct Counted<'s>(&'s Shard);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.in_background.set(self.0.in_background.get() - 1);
    }
}
