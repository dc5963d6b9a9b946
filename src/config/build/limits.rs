//! `limit_req`, `limit_conn` and their zones.

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::{LimitConnConf, LimitReqConf, LimitZoneConf, LimitsConf, OnLimit};
use super::context::{Context, read_number};
use super::level::{List, inherit};
use super::location::is_unsupported;
use crate::log::Level;

/// Least size of a zone, bytes: eight pages, as in nginx.
const MIN_ZONE: u64 = 8 * 4096;

/// Most requests at once that `limit_conn` may allow.
const MAX_CONNECTIONS: u64 = 65535;

/// A `limit_req` or `limit_conn`, whose zone may be written later.
#[derive(Debug, Clone)]
struct Use<T> {
    zone: String,
    value: T,
}

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawLimits {
    requests: List<Use<LimitReqConf>>,
    connections: List<Use<LimitConnConf>>,
    request_zones: Vec<String>,
    connection_zones: Vec<String>,
    req_status: Option<u16>,
    req_level: Option<Level>,
    req_dry_run: Option<bool>,
    conn_status: Option<u16>,
    conn_level: Option<Level>,
    conn_dry_run: Option<bool>,
}

/// A zone that is used, for the check when all zones are known.
#[derive(Debug)]
pub(super) struct ZoneUse {
    name: String,
    of_requests: bool,
    at: Pos,
}

const LEVELS: [(&str, Level); 4] =
    [("info", Level::Info), ("notice", Level::Notice), ("warn", Level::Warn), ("error", Level::Error)];

impl RawLimits {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "limit_req" => self.limit_req(cx, d),
            "limit_conn" => self.limit_conn(cx, d),
            "limit_req_status" => cx.set(d, &mut self.req_status, status),
            "limit_conn_status" => cx.set(d, &mut self.conn_status, status),
            "limit_req_log_level" => cx.choice(d, &mut self.req_level, &LEVELS),
            "limit_conn_log_level" => cx.choice(d, &mut self.conn_level, &LEVELS),
            "limit_req_dry_run" => cx.flag(d, &mut self.req_dry_run),
            "limit_conn_dry_run" => cx.flag(d, &mut self.conn_dry_run),
            _ => return false,
        }
        true
    }

    fn limit_req(&mut self, cx: &mut Context, d: &Directive) {
        let mut zone = "";
        let (mut burst, mut delay) = (0, 0);
        for i in 0..d.args().len() {
            let word = d.arg(i);
            let number = |text: &str| read_number(text).filter(|n| *n > 0).map(|n| n.saturating_mul(1000));
            if let Some(name) = word.strip_prefix("zone=") {
                zone = name;
            } else if let Some(text) = word.strip_prefix("burst=") {
                match number(text) {
                    Some(number) => burst = number,
                    None => return cx.error(d, format!("invalid burst value \"{word}\"")),
                }
            } else if let Some(text) = word.strip_prefix("delay=") {
                match number(text) {
                    Some(number) => delay = number,
                    None => return cx.error(d, format!("invalid delay value \"{word}\"")),
                }
            } else if word == "nodelay" {
                delay = u64::MAX;
            } else {
                return cx.error(d, format!("invalid parameter \"{word}\""));
            }
        }
        if zone.is_empty() {
            return cx.error(d, "\"limit_req\" must have \"zone\" parameter");
        }
        if self.request_zones.iter().any(|known| known == zone) {
            return cx.duplicate(d);
        }
        self.request_zones.push(zone.to_owned());
        cx.limit_zone_uses.push(ZoneUse { name: zone.to_owned(), of_requests: true, at: d.pos });
        self.requests.push(Use { zone: zone.to_owned(), value: LimitReqConf { zone: 0, burst, delay } });
    }

    fn limit_conn(&mut self, cx: &mut Context, d: &Directive) {
        let (zone, number) = (d.arg(0), d.arg(1));
        if self.connection_zones.iter().any(|known| known == zone) {
            return cx.duplicate(d);
        }
        let most = match read_number(number).filter(|n| *n > 0) {
            Some(most) if most <= MAX_CONNECTIONS => u32::try_from(most).unwrap_or(u32::MAX),
            Some(_) => return cx.error(d, "connection limit must be less 65536"),
            None => return cx.error(d, format!("invalid number of connections \"{number}\"")),
        };
        self.connection_zones.push(zone.to_owned());
        cx.limit_zone_uses.push(ZoneUse { name: zone.to_owned(), of_requests: false, at: d.pos });
        self.connections.push(Use { zone: zone.to_owned(), value: LimitConnConf { zone: 0, most } });
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.requests.inherit(&outer.requests);
        self.connections.inherit(&outer.connections);
        inherit!(self, outer; req_status, req_level, req_dry_run, conn_status, conn_level, conn_dry_run);
    }

    /// `None`: nothing is limited.
    pub(super) fn resolve(self, cx: &Context) -> Option<LimitsConf> {
        let requests: Vec<LimitReqConf> = self
            .requests
            .get()
            .unwrap_or_default()
            .iter()
            .filter_map(|used| Some(LimitReqConf { zone: cx.limit_zone(&used.zone)?, ..used.value }))
            .collect();
        let connections: Vec<LimitConnConf> = self
            .connections
            .get()
            .unwrap_or_default()
            .iter()
            .filter_map(|used| Some(LimitConnConf { zone: cx.limit_zone(&used.zone)?, ..used.value }))
            .collect();
        if requests.is_empty() && connections.is_empty() {
            return None;
        }
        let on = |status: Option<u16>, level: Option<Level>, dry_run: Option<bool>| OnLimit {
            status: status.unwrap_or(503),
            level: level.unwrap_or(Level::Error),
            dry_run: dry_run.unwrap_or(false),
        };
        Some(LimitsConf {
            requests: requests.into(),
            on_requests: on(self.req_status, self.req_level, self.req_dry_run),
            connections: connections.into(),
            on_connections: on(self.conn_status, self.conn_level, self.conn_dry_run),
        })
    }
}

fn status(cx: &mut Context, d: &Directive) -> Option<u16> {
    let Some(number) = read_number(d.arg(0)) else {
        cx.error(d, format!("\"{}\" directive invalid number", d.name()));
        return None;
    };
    let status = u16::try_from(number).ok().filter(|status| (400..=599).contains(status));
    if status.is_none() {
        cx.error(d, "value must be between 400 and 599");
    }
    status
}

/// Reads `limit_req_zone` or `limit_conn_zone`.
pub(super) fn zone(cx: &mut Context, d: &Directive) {
    let of_requests = d.name() == "limit_req_zone";
    let Some(key) = cx.template(d, d.arg_bytes(0)) else { return };
    let (mut name, mut size) = ("", 0);
    // One request a second unless it is written, as in nginx.
    let mut rate = 1000;
    for i in 1..d.args().len() {
        let word = d.arg(i);
        if let Some(text) = word.strip_prefix("zone=") {
            let Some((before, bytes)) = text.split_once(':') else {
                return cx.error(d, format!("invalid zone size \"{word}\""));
            };
            let Some(bytes) = cx.read_size(bytes) else {
                return cx.error(d, format!("invalid zone size \"{word}\""));
            };
            if bytes < MIN_ZONE {
                return cx.error(d, format!("zone \"{word}\" is too small"));
            }
            (name, size) = (before, usize::try_from(bytes).unwrap_or(usize::MAX));
        } else if let Some(text) = word.strip_prefix("rate=").filter(|_| of_requests) {
            let (digits, scale) = match (text.strip_suffix("r/s"), text.strip_suffix("r/m")) {
                (Some(digits), _) => (digits, 1),
                (_, Some(digits)) => (digits, 60),
                _ => (text, 1),
            };
            match read_number(digits).filter(|n| *n > 0) {
                Some(number) => rate = number.saturating_mul(1000) / scale,
                None => return cx.error(d, format!("invalid rate \"{word}\"")),
            }
        } else {
            return cx.error(d, format!("invalid parameter \"{word}\""));
        }
    }
    if name.is_empty() {
        return cx.error(d, format!("\"{}\" must have \"zone\" parameter", d.name()));
    }
    if let Some(taken) = cx.limit_zones.iter().find(|zone| zone.name == name) {
        let message = if taken.rate.is_some() == of_requests {
            format!("{} \"{name}\" is already bound to key \"{}\"", d.name(), taken.key_text)
        } else {
            format!("the shared memory zone \"{name}\" is already declared for a different use")
        };
        return cx.error(d, message);
    }
    let (name, key_text) = (name.to_owned(), d.arg(0).to_owned());
    cx.limit_zones.push(LimitZoneConf { name, key, key_text, size, rate: of_requests.then_some(rate) });
}

/// Every zone that is used must be there, and count by something.
pub(super) fn check(cx: &mut Context) {
    for used in std::mem::take(&mut cx.limit_zone_uses) {
        let name = &used.name;
        let found = cx.limit_zones.iter().find(|zone| zone.name == *name);
        let message = match found {
            None => format!("zero size shared memory zone \"{name}\""),
            Some(zone) if zone.rate.is_some() != used.of_requests => {
                format!("the shared memory zone \"{name}\" is already declared for a different use")
            }
            Some(zone) if zone.key.uses(is_unsupported) => {
                format!(
                    "zone \"{name}\" limits by \"{}\", of which a variable is not supported yet",
                    zone.key_text
                )
            }
            Some(_) => continue,
        };
        cx.error_at(used.at, message);
    }
}
