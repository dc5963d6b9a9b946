//! Requests beside a client's own that nobody waits for: each in a task of its own, a bounded number of them at once.
//!
//! Neither the client nor its request waits for one, and none of its troubles becomes theirs. Called by `mirror` and
//! `post_action`.

use std::pin::pin;
use std::rc::Rc;

use super::Entry;
use crate::http::Exchange;
use crate::io::runtime::{fenced, spawn};
use crate::log::Level;
use crate::shard::Shard;

/// Such requests under way on one core: an app that does not answer must not collect all memory.
const MAX_IN_BACKGROUND: usize = 512;

/// Starts one that `begin` makes ready, and says where it enters the phases; `None` gives it up.
pub(super) fn start(exchange: &Exchange, shard: &Shard, begin: impl FnOnce(&mut Exchange) -> Option<Entry>) {
    if shard.in_background.get() >= MAX_IN_BACKGROUND {
        leave_out(exchange, shard);
        return;
    }
    let Some(owned) = shard.to_owned() else { return };
    let mut part = shard.exchange(&exchange.client);
    let Some(entry) = begin(&mut part) else {
        shard.recycle(part);
        return;
    };
    shard.in_background.set(shard.in_background.get() + 1);
    spawn(async move {
        let counted = Counted(&owned);
        let mut task = pin!(answer(part, &owned, entry));
        if let Err(panic) = fenced(task.as_mut()).await {
            owned.log_panic(0, "a request in the background panicked", panic);
        }
        drop(counted);
    });
}

async fn answer(mut part: Box<Exchange>, shard: &Shard, entry: Entry) {
    let cycle = Rc::clone(&part.cycle);
    super::drive(&mut part, &cycle, shard, entry).await;
    part.drop_body(part.location_conf(&cycle));
    super::log_part(&part, &cycle, shard);
    shard.recycle(part);
}

/// Says once a second that requests are left out.
fn leave_out(exchange: &Exchange, shard: &Shard) {
    let second = crate::time::now().monotonic_ms / 1000;
    if shard.left_out_second.replace(second) != second {
        let said = format_args!(
            "{MAX_IN_BACKGROUND} requests are under way in the background, this one is left out"
        );
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
