//! `map`, `geo` and `split_clients`: their blocks.

use std::net::Ipv4Addr;

use super::super::ast::Directive;
use super::super::cidr::Cidr;
use super::super::derived::{DerivedConf, Geo, Map, Shares, Table};
use super::super::template::VariableId;
use super::context::Context;

/// Reads one of them.
pub(super) fn derived(cx: &mut Context, d: &Directive) {
    let last = d.args().len().saturating_sub(1);
    let written = d.arg(last);
    let Some(name) = written.strip_prefix('$').filter(|name| !name.is_empty()) else {
        cx.error(d, format!("invalid variable name \"{written}\""));
        return;
    };
    let name = name.to_ascii_lowercase();
    if VariableId::is_fixed(&name) {
        cx.error(d, format!("the duplicate \"{name}\" variable"));
        return;
    }
    let source = match (d.name(), last) {
        ("geo", 0) => Some(cx.builtin_template("$remote_addr")),
        ("geo", _) if !d.arg(0).starts_with('$') => {
            cx.error(d, format!("invalid variable name \"{}\"", d.arg(0)));
            None
        }
        _ => cx.template(d, d.arg_bytes(0)),
    };
    let (table, volatile) = match d.name() {
        "map" => map(cx, d),
        "geo" => geo(cx, d),
        _ => (Table::Shares(shares(cx, d)), false),
    };
    if let Some(source) = source {
        cx.derived.retain(|known| known.name != name);
        cx.derived.push(DerivedConf { name, source, volatile, table });
    }
}

fn map(cx: &mut Context, d: &Directive) -> (Table, bool) {
    let mut map = Map::default();
    let mut default = None;
    let mut volatile = false;
    for line in d.children() {
        if line.args().is_empty() && line.name() == "hostnames" {
            map.hostnames = true;
            continue;
        }
        if line.args().is_empty() && line.name() == "volatile" {
            volatile = true;
            continue;
        }
        if line.args().len() != 1 {
            cx.error(line, "invalid number of the map parameters");
            continue;
        }
        let Some(value) = cx.template(line, line.arg_bytes(0)) else { continue };
        let key = line.name_bytes();
        if key == b"default" {
            if default.replace(value).is_some() {
                cx.error(line, "duplicate default map parameter");
            }
        } else if let Some(source) = line.name().strip_prefix('~') {
            let (source, caseless) = source.strip_prefix('*').map_or((source, false), |rest| (rest, true));
            if let Some(pattern) = cx.pattern(line, source, caseless) {
                map.insert_pattern(pattern, value);
            }
        } else if !map.insert(key.strip_prefix(b"\\").unwrap_or(key), value) {
            cx.error(line, format!("conflicting parameter \"{}\"", line.name()));
        }
    }
    map.default = default.unwrap_or_default();
    (Table::Map(map), volatile)
}

fn geo(cx: &mut Context, d: &Directive) -> (Table, bool) {
    let mut geo = Geo::default();
    let mut volatile = false;
    let mut ranges = false;
    let mut any = false;
    for line in d.children() {
        match (line.name(), line.args().len()) {
            ("ranges", 0) => {
                if any {
                    cx.error(
                        line,
                        "the \"ranges\" directive must be the first directive inside \"geo\" block",
                    );
                }
                ranges = true;
            }
            ("proxy_recursive", 0) => geo.recursive = true,
            ("volatile", 0) => volatile = true,
            (_, 1) => geo_line(cx, line, &mut geo, ranges),
            _ => cx.error(line, "invalid number of the geo parameters"),
        }
        any = true;
    }
    (Table::Geo(geo), volatile)
}

fn geo_line(cx: &mut Context, line: &Directive, geo: &mut Geo, ranges: bool) {
    let value = line.arg_bytes(0);
    match line.name() {
        "default" => geo.default = value.into(),
        "proxy" => {
            if let Some(network) = network(cx, line, line.arg(0)) {
                geo.proxies.push(network);
            }
        }
        "delete" if ranges => match range(line.arg(0)) {
            Some((first, last)) => geo.insert_range(first, last, &geo.default.clone()),
            None => cx.error(line, format!("invalid range \"{}\"", line.arg(0))),
        },
        "delete" => {
            if let Some(network) = network(cx, line, line.arg(0))
                && !geo.remove(network)
            {
                cx.warn(line, format!("no network \"{}\" to delete", line.arg(0)));
            }
        }
        written if ranges => match range(written) {
            Some((first, last)) => geo.insert_range(first, last, value),
            None => cx.error(line, format!("invalid range \"{written}\"")),
        },
        written => {
            if let Some(network) = network(cx, line, written)
                && let Some(old) = geo.insert(network, value)
            {
                let (value, old) =
                    (String::from_utf8_lossy(value), String::from_utf8_lossy(&old).into_owned());
                cx.warn(
                    line,
                    format!("duplicate network \"{written}\", value: \"{value}\", old value: \"{old}\""),
                );
            }
        }
    }
}

/// A network; bits that do not count are warned of.
fn network(cx: &mut Context, line: &Directive, text: &str) -> Option<Cidr> {
    let text = if text == "255.255.255.255" { "255.255.255.255/32" } else { text };
    match Cidr::parse(text) {
        Some((network, exact_no_more)) => {
            if exact_no_more {
                cx.warn(line, format!("low address bits of {text} are meaningless"));
            }
            Some(network)
        }
        None => {
            cx.error(line, format!("invalid network \"{text}\""));
            None
        }
    }
}

/// `192.0.2.1-192.0.2.9`
fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse::<Ipv4Addr>().ok()?, last.parse::<Ipv4Addr>().ok()?);
    let (first, last) = (u32::from(first), u32::from(last));
    (first <= last).then_some((first, last))
}

fn shares(cx: &mut Context, d: &Directive) -> Shares {
    let mut shares = Shares::default();
    let mut end = 0;
    for line in d.children() {
        if line.args().len() != 1 {
            cx.error(line, "invalid number of the split_clients parameters");
            continue;
        }
        if line.name() == "*" {
            shares.push(None, line.arg_bytes(0));
            continue;
        }
        let Some(share) = line.name().strip_suffix('%').and_then(hundredths).filter(|share| *share > 0)
        else {
            cx.error(line, format!("invalid percent value \"{}\"", line.name()));
            continue;
        };
        end += share;
        if end > 10_000 {
            cx.error_at_end(d, "percent total is greater than 100%");
            return shares;
        }
        shares.push(Some(end), line.arg_bytes(0));
    }
    shares
}

/// `12.5` as 1250; at most two digits behind the point.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() > 4 || part.len() > 2 || !digits(whole) || !digits(part) || text.is_empty() {
        return None;
    }
    format!("{whole}{part:0<2}").parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn shares_in_hundredths() {
        for (text, value) in [
            ("0.5", Some(50)),
            ("50", Some(5000)),
            ("33.33", Some(3333)),
            ("1.234", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(super::hundredths(text), value, "{text}");
        }
        assert_eq!(super::range("10.0.0.1-10.0.0.3"), Some((0x0a00_0001, 0x0a00_0003)));
        assert_eq!(super::range("10.0.0.3-10.0.0.1"), None);
    }
}
