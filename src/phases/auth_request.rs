//! `auth_request`: another location is asked whether the request may pass.
//!
//! It is asked by a request of its own, with the head of the client's and without its body; what it answers is never sent,
//! only its status counts, and what `auth_request_set` takes from it. Called by `phases::access`.

use crate::config::model::AuthRequestConf;
use crate::config::rewrite::SetTarget;
use crate::cycle::Cycle;
use crate::handler::rewrite;
use crate::http::Exchange;
use crate::http::variables;
use crate::http1::{Known, Status};
use crate::log::{Level, Raw};
use crate::shard::Shard;

/// What the other location says.
pub(super) enum Verdict {
    /// The request may pass.
    Allowed,
    /// It may not, or nobody knows.
    Refused(Status),
    /// There is nobody left to answer to.
    Close,
}

/// Asks; for 401 the response says what the client is to prove.
pub(super) async fn run(
    exchange: &mut Exchange,
    cycle: &Cycle,
    shard: &Shard,
    conf: &AuthRequestConf,
) -> Verdict {
    let mut part = shard.exchange(&exchange.client);
    if !part.begin_part(exchange, &conf.uri, b"") {
        exchange.log_error(
            Level::Error,
            format_args!("subrequests cycle while processing \"{}\"", Raw(&conf.uri)),
        );
        shard.recycle(part);
        return Verdict::Refused(Status::INTERNAL_SERVER_ERROR);
    }
    part.header_only = true;
    part.swap_variables(exchange);
    let answered = super::run(&mut part, cycle, shard).await;
    part.drop_body(part.location_conf(cycle));
    super::log_part(&part, cycle, shard);
    let verdict = match answered {
        super::Verdict::Respond => {
            take_variables(exchange, &mut part, conf);
            judge(exchange, &part)
        }
        super::Verdict::Close => {
            exchange.log_status = part.log_status;
            Verdict::Close
        }
    };
    part.swap_variables(exchange);
    shard.recycle(part);
    verdict
}

/// `auth_request_set`: values as they are for the request that asked.
fn take_variables(exchange: &mut Exchange, part: &mut Exchange, conf: &AuthRequestConf) {
    let mut value = std::mem::take(&mut part.scratch);
    for (target, template) in conf.sets.iter() {
        value.clear();
        variables::evaluate(part, template, &mut value);
        // The variables are lent to the part until all is over.
        let owner = if matches!(target, SetTarget::Slot(_)) { &mut *part } else { &mut *exchange };
        rewrite::assign(owner, *target, &mut value);
    }
    part.scratch = value;
}

fn judge(exchange: &mut Exchange, part: &Exchange) -> Verdict {
    match part.logged_status() {
        Status(200..300) => Verdict::Allowed,
        Status(403) => Verdict::Refused(Status(403)),
        Status(401) => {
            ask_client(exchange, part);
            Verdict::Refused(Status(401))
        }
        Status(other) => {
            exchange.log_error(Level::Error, format_args!("auth request unexpected status: {other}"));
            Verdict::Refused(Status::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Passes on what the other location's app asks the client for, also where `proxy_hide_header` hides it.
fn ask_client(exchange: &mut Exchange, part: &Exchange) {
    let trace = &part.upstream;
    if trace.tries.is_empty() {
        return;
    }
    for field in trace.head.headers.all(Known::WwwAuthenticate) {
        exchange.response.fields.push(field.name.of(&trace.head_bytes), field.value.of(&trace.head_bytes));
    }
}
