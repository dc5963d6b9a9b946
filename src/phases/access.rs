//! The access phase: all that has a say about who may come in, put together as `satisfy` asks.
//!
//! Whoever is not let in gets a status here; a location without any of it never comes here. Called by `phases`.

use super::auth_request;
use crate::config::model::AccessConf;
use crate::cycle::Cycle;
use crate::handler::{access, auth_basic};
use crate::http::exchange::{Exchange, Outcome};
use crate::http1::Status;
use crate::log::Level;
use crate::shard::Shard;

/// What one check says.
enum Say {
    /// Nothing.
    Nothing,
    /// Come in.
    Yes,
    /// Stay out.
    No(Status),
}

/// `None`: the client may come in.
pub(super) async fn run(
    exchange: &mut Exchange,
    cycle: &Cycle,
    shard: &Shard,
    conf: &AccessConf,
) -> Option<Outcome> {
    let mut refusal = None;
    let say = by_address(exchange, conf);
    if let Some(decided) = weigh(exchange, conf, say, &mut refusal) {
        return settle(exchange, conf, decided).await;
    }
    if let Some(basic) = &conf.basic {
        let say = match auth_basic::run(exchange, shard, basic).await {
            auth_basic::Verdict::Declined => Say::Nothing,
            auth_basic::Verdict::Allowed => Say::Yes,
            auth_basic::Verdict::Refused(status) => Say::No(status),
        };
        if let Some(decided) = weigh(exchange, conf, say, &mut refusal) {
            return settle(exchange, conf, decided).await;
        }
    }
    if let Some(auth) = &conf.auth_request {
        let say = match Box::pin(auth_request::run(exchange, cycle, shard, auth)).await {
            auth_request::Verdict::Allowed => Say::Yes,
            auth_request::Verdict::Refused(status) => Say::No(status),
            auth_request::Verdict::Close => return Some(Outcome::Close),
        };
        if let Some(decided) = weigh(exchange, conf, say, &mut refusal) {
            return settle(exchange, conf, decided).await;
        }
    }
    if refusal == Some(Status(403)) {
        forbidden_by_rule(exchange);
    }
    settle(exchange, conf, refusal).await
}

fn by_address(exchange: &Exchange, conf: &AccessConf) -> Say {
    match access::verdict(exchange, &conf.rules) {
        None => Say::Nothing,
        Some(true) => Say::Yes,
        Some(false) => {
            if !conf.satisfy_any {
                forbidden_by_rule(exchange);
            }
            Say::No(Status(403))
        }
    }
}

/// `Some` when nothing else is to be asked: let in, or refused with this. With `satisfy any` a refusal is kept until
/// nobody is left who could allow it; 401 is the one that counts.
fn weigh(
    exchange: &mut Exchange,
    conf: &AccessConf,
    say: Say,
    refusal: &mut Option<Status>,
) -> Option<Option<Status>> {
    match say {
        Say::Nothing => None,
        Say::Yes if conf.satisfy_any => {
            exchange.response.fields.remove(b"www-authenticate");
            Some(None)
        }
        Say::Yes => None,
        Say::No(status @ Status(401 | 403)) if conf.satisfy_any => {
            if *refusal != Some(Status(401)) {
                *refusal = Some(status);
            }
            None
        }
        Say::No(status) => Some(Some(status)),
    }
}

fn forbidden_by_rule(exchange: &Exchange) {
    exchange.log_error(Level::Error, format_args!("access forbidden by rule"));
}

/// `auth_delay` holds up who guesses.
async fn settle(exchange: &Exchange, conf: &AccessConf, refusal: Option<Status>) -> Option<Outcome> {
    let status = refusal?;
    if status == Status(401) && !conf.auth_delay.is_zero() {
        exchange.log_error(Level::Info, format_args!("delaying unauthorized request"));
        crate::io::timer::sleep(conf.auth_delay).await;
    }
    Some(Outcome::Status(status))
}
