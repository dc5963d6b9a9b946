//! The limits of a location: `limit_req`, then `limit_conn`, in nginx's order, before anybody is asked who he is.
//!
//! Each counts a request once, however often it is redirected. Called by `phases`.

use std::time::Duration;

use crate::config::model::{LimitReqConf, LimitZoneConf, LimitsConf};
use crate::cycle::Cycle;
use crate::http::exchange::{Exchange, LimitStatus, Outcome};
use crate::http::variables;
use crate::http1::Status;
use crate::io::{Liveness, timer};
use crate::limits::{Asked, Pin};
use crate::log::{Level, Raw};

/// Longest key of `limit_req`, bytes.
const MAX_REQUEST_KEY: usize = 65535;

/// Longest key of `limit_conn`, bytes.
const MAX_CONNECTION_KEY: usize = 255;

/// `None`: the request may go on.
pub(super) async fn run(exchange: &mut Exchange, cycle: &Cycle, conf: &LimitsConf) -> Option<Outcome> {
    if exchange.limit_req_status.is_none() && !conf.requests.is_empty() {
        match requests(exchange, cycle, conf) {
            Decision::Pass => {}
            Decision::Refuse(status) => return Some(Outcome::Status(status)),
            Decision::Delay(time) => {
                timer::sleep(time).await;
                if exchange.client.stream.peek_closed() == Liveness::Closed {
                    exchange.log_error(Level::Info, format_args!("client prematurely closed connection"));
                    exchange.log_status = Some(Status(499));
                    return Some(Outcome::Close);
                }
            }
        }
    }
    if exchange.limit_conn_status.is_none() && !conf.connections.is_empty() {
        return connections(exchange, cycle, conf).map(Outcome::Status);
    }
    None
}

enum Decision {
    Pass,
    Delay(Duration),
    Refuse(Status),
}

/// What the zones of `limit_req` say together: the request counts in all of them or in none.
fn requests(exchange: &mut Exchange, cycle: &Cycle, conf: &LimitsConf) -> Decision {
    let now = crate::time::now().monotonic_ms;
    let on = conf.on_requests;
    let dry = if on.dry_run { ", dry run" } else { "" };
    let mut waiting: Vec<(&LimitReqConf, Pin)> = Vec::new();
    // What holds the request up the longest.
    let mut longest: Option<(u64, u64, &LimitZoneConf)> = None;
    let mut asked_any = false;
    for (at, limit) in conf.requests.iter().enumerate() {
        let zone = &cycle.conf.http.limit_zones[limit.zone];
        let Some(buckets) = cycle.limits.requests(limit.zone) else { continue };
        let Some(key) = key(exchange, zone, MAX_REQUEST_KEY) else { continue };
        asked_any = true;
        let rate = zone.rate.unwrap_or(1000);
        let is_last = at + 1 == conf.requests.len();
        let excess = match buckets.ask(&key, rate, limit.burst, now, is_last) {
            Asked::Fits(pin) => {
                waiting.push((limit, pin));
                continue;
            }
            Asked::Counted(excess) => excess,
            refused @ (Asked::Busy(_) | Asked::Full) => {
                for (limit, pin) in waiting {
                    if let Some(buckets) = cycle.limits.requests(limit.zone) {
                        buckets.let_go(pin);
                    }
                }
                match refused {
                    Asked::Busy(excess) => {
                        let (whole, part, name) = (excess / 1000, excess % 1000, &zone.name);
                        let message = format_args!(
                            "limiting requests{dry}, excess: {whole}.{part:03} by zone \"{name}\""
                        );
                        exchange.log_error(on.level, message);
                    }
                    _ => exchange.log_error(
                        Level::Alert,
                        format_args!("could not allocate node in limit_req zone \"{}\"", zone.name),
                    ),
                }
                if on.dry_run {
                    exchange.limit_req_status = Some(LimitStatus::RejectedDryRun);
                    return Decision::Pass;
                }
                exchange.limit_req_status = Some(LimitStatus::Rejected);
                return Decision::Refuse(Status(on.status));
            }
        };
        note_delay(&mut longest, limit, zone, excess);
    }
    if !asked_any {
        return Decision::Pass;
    }
    for (limit, pin) in waiting {
        let zone = &cycle.conf.http.limit_zones[limit.zone];
        if let Some(buckets) = cycle.limits.requests(limit.zone) {
            let excess = buckets.account(pin, zone.rate.unwrap_or(1000), now);
            note_delay(&mut longest, limit, zone, excess);
        }
    }
    let Some((delay, excess, zone)) = longest else {
        exchange.limit_req_status = Some(LimitStatus::Passed);
        return Decision::Pass;
    };
    let (whole, part, name) = (excess / 1000, excess % 1000, &zone.name);
    exchange.log_error(
        quieter(on.level),
        format_args!("delaying request{dry}, excess: {whole}.{part:03}, by zone \"{name}\""),
    );
    if on.dry_run {
        exchange.limit_req_status = Some(LimitStatus::DelayedDryRun);
        return Decision::Pass;
    }
    exchange.limit_req_status = Some(LimitStatus::Delayed);
    Decision::Delay(Duration::from_millis(delay))
}

fn note_delay<'c>(
    longest: &mut Option<(u64, u64, &'c LimitZoneConf)>,
    limit: &LimitReqConf,
    zone: &'c LimitZoneConf,
    excess: u64,
) {
    let rate = zone.rate.unwrap_or(1000).max(1);
    let delay = excess.saturating_sub(limit.delay).saturating_mul(1000) / rate;
    if delay > longest.map_or(0, |(delay, ..)| delay) {
        *longest = Some((delay, excess, zone));
    }
}

/// A delay is logged one level below a refusal.
fn quieter(level: Level) -> Level {
    match level {
        Level::Error => Level::Warn,
        Level::Warn => Level::Notice,
        _ => Level::Info,
    }
}

/// What `limit_conn` says: the status of a refusal.
fn connections(exchange: &mut Exchange, cycle: &Cycle, conf: &LimitsConf) -> Option<Status> {
    let on = conf.on_connections;
    for limit in conf.connections.iter() {
        let zone = &cycle.conf.http.limit_zones[limit.zone];
        let Some(counts) = cycle.limits.connections(limit.zone) else { continue };
        let Some(key) = key(exchange, zone, MAX_CONNECTION_KEY) else { continue };
        exchange.limit_conn_status = Some(LimitStatus::Passed);
        match counts.enter(&key, limit.most) {
            Ok(held) => exchange.held_limits.push(held),
            Err(_) => {
                let dry = if on.dry_run { ", dry run," } else { "" };
                let name = &zone.name;
                exchange.log_error(on.level, format_args!("limiting connections{dry} by zone \"{name}\""));
                exchange.held_limits.clear();
                if on.dry_run {
                    exchange.limit_conn_status = Some(LimitStatus::RejectedDryRun);
                    return None;
                }
                exchange.limit_conn_status = Some(LimitStatus::Rejected);
                return Some(Status(on.status));
            }
        }
    }
    None
}

/// What a zone counts this request by; `None`: not at all.
fn key(exchange: &Exchange, zone: &LimitZoneConf, longest: usize) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    variables::evaluate(exchange, &zone.key, &mut key);
    if key.is_empty() {
        return None;
    }
    if key.len() > longest {
        exchange.log_error(
            Level::Error,
            format_args!(
                "the value of the \"{}\" key is more than {longest} bytes: \"{}\"",
                zone.key_text,
                Raw(&key)
            ),
        );
        return None;
    }
    Some(key)
}
