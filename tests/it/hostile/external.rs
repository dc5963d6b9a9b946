//! A table of hostile inputs from a JSON file, in the form `[{name, side, server, bytes, expect: {…}}]`.

use fancy_regex::Regex;
use serde_json::Value;

use super::{CLOSED, Case, Range, Reaches, SILENT, case};

pub(super) fn run(path: &str, range: &Range) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let all: Value = serde_json::from_str(&text).unwrap();
    let all = all.as_array().expect("a list of cases");
    let mut failed = Vec::new();
    for entry in all {
        let parsed = parse(entry);
        let outcome = match (entry["side"].as_str(), entry["server"].as_str()) {
            (Some("upstream"), _) => range.run_answer(&parsed).map(drop),
            (_, Some("static")) => range.run("port2", &parsed),
            (_, Some("ws")) => range.run("port3", &parsed),
            _ => range.run("port", &parsed),
        };
        if let Err(why) = outcome {
            failed.push(format!("{}: {why}", parsed.name));
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), all.len(), failed.join("\n"));
}

fn parse(entry: &Value) -> Case {
    let expect = &entry["expect"];
    let status: Vec<u16> = expect["status"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|value| match (value.as_u64(), value.as_str()) {
            (Some(status), _) => u16::try_from(status).unwrap(),
            (_, Some("close")) => CLOSED,
            _ => SILENT,
        })
        .collect();
    let text = |key: &str| expect[key].as_str().map(str::to_owned);
    let number = |key: &str| expect[key].as_u64().and_then(|n| usize::try_from(n).ok());
    let mut parsed =
        case(entry["name"].as_str().unwrap_or("?"), unescape(entry["bytes"].as_str().unwrap_or("")), &status);
    entry["ref"].as_str().unwrap_or_default().clone_into(&mut parsed.reference);
    parsed.reaches = match expect["origin"].as_str() {
        Some("none" | "noreq") => Reaches::Nothing,
        Some("clean") => Reaches::Clean,
        _ => Reaches::Any,
    };
    parsed.max_requests = number("max_reqs").unwrap_or(2);
    parsed.max_answers = number("max_responses").or(number("responses")).unwrap_or(usize::MAX);
    parsed.origin_has = text("origin_has");
    parsed.origin_not = text("origin_not");
    parsed.client_not = [text("client_not"), text("body_not"), text("hdr_not")].into_iter().flatten().next();
    parsed.max_seconds = number("max_secs").map_or(8, |n| n as u64);
    parsed.max_bytes = number("max_bytes").unwrap_or(1_000_000);
    parsed.incomplete = expect["incomplete"].as_bool().unwrap_or(false);
    parsed.last = number("final").and_then(|n| u16::try_from(n).ok());
    if let Some(method) = expect["method"].as_str().or(entry["method"].as_str()) {
        method.clone_into(&mut parsed.method);
    }
    parsed
}

/// `\r \n \t \\ \xNN` and `{{REP:text:count}}`.
fn unescape(text: &str) -> Vec<u8> {
    let repeat = Regex::new(r"\{\{REP:(.*?):(\d+)\}\}").unwrap();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(found) = repeat.captures(rest).unwrap() {
        let whole = found.get(0).unwrap();
        bytes.extend(plain(&rest[..whole.start()]));
        // The repeated text may have its escapes doubled.
        let part = plain(&found[1].replace("\\\\", "\\"));
        let count: usize = found[2].parse().unwrap();
        bytes.extend(part.repeat(count));
        rest = &rest[whole.end()..];
    }
    bytes.extend(plain(rest));
    bytes
}

fn plain(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        match chars.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some(other) => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
            }
            None => bytes.push(b'\\'),
        }
    }
    bytes
}
