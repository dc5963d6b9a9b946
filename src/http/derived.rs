//! Variables that are derived from others (`map`, `geo`, `split_clients`): their values for one exchange.
//!
//! A value is made when it is first asked for and kept for the rest of the request, as nginx keeps it, unless it is
//! `volatile`. The buffers outlive the request: in steady state nothing is allocated, but for regular expressions with groups.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use super::exchange::Exchange;
use super::variables::{self, Presence};
use crate::config::derived::{Geo, Map, Mapped, Table};
use crate::config::pattern::Pattern;
use crate::config::template::{Part, Template, VariableId};
use crate::http1::Known;
use crate::http1::headers::list_items;
use crate::log::Level;

/// The values of one request.
#[derive(Clone, Default)]
pub struct DerivedValues {
    /// By the variable's place in the configuration.
    values: RefCell<Vec<(State, Vec<u8>)>>,
    /// Named groups of the regular expressions of maps that matched, by slot.
    groups: RefCell<Vec<(u16, Vec<u8>)>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    /// Being made: whoever asks now goes in circles.
    Begun,
    Known,
}

impl DerivedValues {
    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        for (state, _) in self.values.get_mut() {
            *state = State::Unknown;
        }
        self.groups.get_mut().clear();
    }

    /// Appends the value of a named group that a map has set.
    pub(super) fn group(&self, slot: u16, out: &mut Vec<u8>) -> Presence {
        let groups = self.groups.borrow();
        let Some((_, value)) = groups.iter().find(|(known, _)| *known == slot) else {
            return Presence::Missing;
        };
        out.extend_from_slice(value);
        Presence::Found
    }

    fn begin(&self, at: usize) -> State {
        let mut values = self.values.borrow_mut();
        if values.len() <= at {
            values.resize_with(at + 1, Default::default);
        }
        let state = values[at].0;
        if state == State::Unknown {
            values[at].0 = State::Begun;
        }
        state
    }

    fn end(&self, at: usize, value: &[u8], keep: bool) {
        let (state, kept) = &mut self.values.borrow_mut()[at];
        *state = if keep { State::Known } else { State::Unknown };
        if keep {
            kept.clear();
            kept.extend_from_slice(value);
        }
    }
}

/// Appends the value of a derived variable.
pub(super) fn value(e: &Exchange, at: u16, out: &mut Vec<u8>) -> Presence {
    let at = usize::from(at);
    let Some(conf) = e.cycle.conf.http.derived.get(at) else { return Presence::Missing };
    match e.derived.begin(at) {
        State::Known => {
            out.extend_from_slice(&e.derived.values.borrow()[at].1);
            return Presence::Found;
        }
        State::Begun => {
            e.log_error(Level::Error, format_args!("cycle while evaluating variable \"{}\"", conf.name));
            return Presence::Missing;
        }
        State::Unknown => {}
    }
    let start = out.len();
    variables::evaluate(e, &conf.source, out);
    match &conf.table {
        Table::Map(map) => mapped(e, map, start, out),
        Table::Geo(geo) => {
            let value = geo.find(address(e, geo, &out[start..]));
            out.truncate(start);
            out.extend_from_slice(value);
        }
        Table::Shares(shares) => {
            let value = shares.find(&out[start..]);
            out.truncate(start);
            out.extend_from_slice(value);
        }
    }
    e.derived.end(at, &out[start..], !conf.volatile);
    Presence::Found
}

/// Puts a map's value in the place of the key, which is `out` from `start` on.
fn mapped(e: &Exchange, map: &Map, start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    out.extend_from_within(start..end);
    out[end..].make_ascii_lowercase();
    match map.find(&out[start..end], &out[end..]) {
        Mapped::Matched(pattern, value) if pattern.has_groups() => {
            let mut groups = Vec::new();
            pattern.captures(&out[start..end], &mut groups);
            out.truncate(end);
            with_groups(e, pattern, value, &groups, start, out);
        }
        Mapped::Value(value) | Mapped::Matched(_, value) => {
            out.truncate(start);
            variables::evaluate(e, value, out);
        }
    }
}

/// The same, with the groups of the key in the value.
fn with_groups(
    e: &Exchange,
    pattern: &Pattern,
    value: &Template,
    groups: &[Option<(u32, u32)>],
    start: usize,
    out: &mut Vec<u8>,
) {
    let key = out.split_off(start);
    let group = |number: usize| match groups.get(number) {
        Some(Some((from, to))) => key.get(*from as usize..*to as usize).unwrap_or_default(),
        _ => b"",
    };
    {
        let mut kept = e.derived.groups.borrow_mut();
        for (number, slot) in &pattern.named {
            kept.retain(|(known, _)| known != slot);
            kept.push((*slot, group(*number).to_vec()));
        }
    }
    for part in value.parts() {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Var(VariableId::Capture(number)) => out.extend_from_slice(group(usize::from(*number))),
            Part::Var(id) => {
                variables::value(e, id, out);
            }
        }
    }
}

/// The address that a `geo` looks up: of the client, or what a proxy that is trusted says of it.
fn address(e: &Exchange, geo: &Geo, source: &[u8]) -> IpAddr {
    let parse = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<IpAddr>().ok());
    let Some(mut address) = parse(source) else { return Ipv4Addr::BROADCAST.into() };
    if geo.proxies.is_empty() {
        return address;
    }
    let trusted = |address: IpAddr| geo.proxies.iter().any(|network| network.contains(address));
    let mut told: Vec<&[u8]> = Vec::new();
    for field in e.request.headers.all(Known::XForwardedFor) {
        told.extend(list_items(field.value.of(&e.input)));
    }
    while trusted(address)
        && let Some(next) = told.pop().and_then(parse)
    {
        address = next;
        if !geo.recursive {
            break;
        }
    }
    address
}
