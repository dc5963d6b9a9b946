//! The rewrite module at work: runs the script of a server or a location, step by step, as nginx's script engine does.
//!
//! It changes the URI, the arguments, variables and (through `if`) the location in force; whether the location is
//! searched again is left to `phases`, which calls this. Never sends anything.

use crate::config::model::LocationConf;
use crate::config::rewrite::{Condition, FileTest, RewriteConf, RewriteThen, Script, SetTarget, Step};
use crate::config::template::{Part, Template, VariableId};
use crate::config::value;
use crate::cycle::Cycle;
use crate::handler::return_;
use crate::handler::static_file::log_failed;
use crate::http::{Exchange, Outcome, variables};
use crate::http1::Status;
use crate::http1::target::{self, Escape};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::lookup;

/// Runs `script` to its end; gives what it decided, if it did.
pub fn run(exchange: &mut Exchange, cycle: &Cycle, script: &Script, shard: &Shard) -> Option<Outcome> {
    // Values are built here while the exchange is read.
    let mut value = std::mem::take(&mut exchange.scratch);
    let outcome = run_steps(exchange, cycle, script, shard, &mut value);
    exchange.scratch = value;
    outcome
}

fn run_steps(
    exchange: &mut Exchange,
    cycle: &Cycle,
    script: &Script,
    shard: &Shard,
    value: &mut Vec<u8>,
) -> Option<Outcome> {
    let mut at = 0;
    // nginx's `e->quote`: captures are encoded until the first `rewrite` that matches.
    let mut quotes = true;
    while let Some(step) = script.steps.get(at) {
        at += 1;
        match step {
            Step::Break => {
                exchange.uri_is_whole |= std::mem::take(&mut exchange.uri_changed);
                return None;
            }
            Step::Return(conf) => {
                return Some(return_::run(exchange, cycle, exchange.location_conf(cycle), conf));
            }
            Step::Set { target, value: template } => {
                build(exchange, template, quotes, value);
                assign(exchange, *target, value);
            }
            Step::If { condition, location, len } => {
                match holds(exchange, cycle, script, condition, shard, quotes, value) {
                    Ok(false) => at += len,
                    Ok(true) => exchange.location = location.unwrap_or(exchange.location),
                    Err(status) => return Some(Outcome::Status(status)),
                }
            }
            Step::Rewrite(conf) => {
                match rewrite(exchange, script, conf, value) {
                    Ok(true) => quotes = false,
                    Ok(false) => continue,
                    Err(status) => return Some(Outcome::Status(status)),
                }
                match conf.then {
                    RewriteThen::Next => {}
                    RewriteThen::Last | RewriteThen::Break => return None,
                    RewriteThen::Redirect(status) => return Some(Outcome::Status(status)),
                }
            }
        }
    }
    None
}

/// One `rewrite`; false when the URI does not match.
fn rewrite(
    exchange: &mut Exchange,
    script: &Script,
    conf: &RewriteConf,
    value: &mut Vec<u8>,
) -> Result<bool, Status> {
    let matched = exchange.captures.search(&conf.pattern, &exchange.uri);
    if !matched_or_log(exchange, script, conf.pattern.source(), None, matched)? {
        return Ok(false);
    }
    exchange.internal = true;
    exchange.uri_is_original = false;
    exchange.uri_changed = conf.then != RewriteThen::Break;
    exchange.uri_is_whole |= conf.then == RewriteThen::Break;
    if let RewriteThen::Redirect(_) = conf.then {
        redirect(exchange, script, conf, value);
        return Ok(true);
    }
    build(exchange, &conf.uri, false, value);
    let end = value.len();
    if let Some(args) = &conf.args {
        append(exchange, args, true, value);
        if conf.add_args && !exchange.args.is_empty() {
            value.push(b'&');
            value.extend_from_slice(&exchange.args);
        }
        exchange.args.clear();
        exchange.args.extend_from_slice(&value[end..]);
    } else if !conf.add_args {
        exchange.args.clear();
    }
    exchange.uri.clear();
    exchange.uri.extend_from_slice(&value[..end]);
    if script.log {
        let (uri, args) = (Raw(&exchange.uri), Raw(&exchange.args));
        exchange.log_error(Level::Notice, format_args!("rewritten data: \"{uri}\", args: \"{args}\""));
    }
    if exchange.uri.is_empty() {
        exchange.log_error(Level::Error, format_args!("the rewritten URI has a zero length"));
        return Err(Status::INTERNAL_SERVER_ERROR);
    }
    Ok(true)
}

/// The URL of a redirect becomes the response's `Location`.
fn redirect(exchange: &mut Exchange, script: &Script, conf: &RewriteConf, value: &mut Vec<u8>) {
    build(exchange, &conf.uri, true, value);
    let mut location = std::mem::take(&mut exchange.response.location);
    location.clear();
    target::unescape_redirect(value, &mut location);
    if conf.add_args && !exchange.args.is_empty() {
        location.push(if conf.has_query { b'&' } else { b'?' });
        location.extend_from_slice(&exchange.args);
    }
    if script.log {
        exchange.log_error(Level::Notice, format_args!("rewritten redirect: \"{}\"", Raw(&location)));
    }
    exchange.response.location = location;
}

/// Is the condition of an `if` true?
fn holds(
    exchange: &mut Exchange,
    cycle: &Cycle,
    script: &Script,
    condition: &Condition,
    shard: &Shard,
    quotes: bool,
    value: &mut Vec<u8>,
) -> Result<bool, Status> {
    match condition {
        Condition::True(variable) => {
            read(exchange, variable, value);
            Ok(!value.is_empty() && value != b"0")
        }
        Condition::Equal { variable, value: other, negated } => {
            read(exchange, variable, value);
            let len = value.len();
            append(exchange, other, quotes, value);
            Ok((value[..len] == value[len..]) != *negated)
        }
        Condition::Match { variable, pattern, negated } => {
            read(exchange, variable, value);
            let matched = exchange.captures.search(pattern, value);
            Ok(matched_or_log(exchange, script, pattern.source(), Some(value), matched)? != *negated)
        }
        Condition::File { path, test, negated } => {
            build(exchange, path, quotes, value);
            Ok(is_so(exchange, exchange.location_conf(cycle), shard, value, *test) != *negated)
        }
    }
}

/// What the file system says to a path.
fn is_so(exchange: &Exchange, conf: &LocationConf, shard: &Shard, path: &[u8], test: FileTest) -> bool {
    let found = lookup::probe(exchange, conf, shard, path);
    match found {
        Ok(info) => match test {
            FileTest::File => info.is_file(),
            FileTest::Directory => info.is_dir(),
            FileTest::Exists => true,
            FileTest::Executable => info.is_executable(),
        },
        Err(error) => {
            if !error.is_not_found() {
                log_failed(exchange, Level::Crit, path, error);
            }
            false
        }
    }
}

/// Logs how a match went (`rewrite_log`; on `subject`, else on the URI). Without a match there are no groups.
///
/// # Errors
/// 500 for an expression that was given up: a condition that keeps somebody out must not become false by it.
fn matched_or_log(
    exchange: &mut Exchange,
    script: &Script,
    source: &str,
    subject: Option<&[u8]>,
    matched: Result<bool, String>,
) -> Result<bool, Status> {
    let shown = Raw(subject.unwrap_or(&exchange.uri));
    match &matched {
        Err(why) => {
            let message = format_args!("matching failed: {why} on \"{shown}\" using \"{source}\"");
            exchange.log_error(Level::Alert, message);
            return Err(Status::INTERNAL_SERVER_ERROR);
        }
        Ok(matched) if script.log => {
            let verb = if *matched { "matches" } else { "does not match" };
            exchange.log_error(Level::Notice, format_args!("\"{source}\" {verb} \"{shown}\""));
        }
        Ok(_) => {}
    }
    if matched == Ok(false) {
        exchange.captures.clear_groups();
    }
    Ok(matched == Ok(true))
}

/// The value of one variable.
fn read(exchange: &Exchange, variable: &VariableId, value: &mut Vec<u8>) {
    value.clear();
    variables::value(exchange, variable, value);
}

/// The value of a template.
fn build(exchange: &Exchange, template: &Template, quotes: bool, value: &mut Vec<u8>) {
    value.clear();
    append(exchange, template, quotes, value);
}

/// Appends a template's value. With `quotes`, `$1` and so on are encoded if the client encoded anything.
fn append(exchange: &Exchange, template: &Template, quotes: bool, value: &mut Vec<u8>) {
    for part in template.parts() {
        match part {
            Part::Literal(bytes) => value.extend_from_slice(bytes),
            Part::Var(VariableId::Capture(group)) if quotes && is_quoted(exchange) => {
                target::escape(exchange.captures.group(usize::from(*group)), Escape::Args, value);
            }
            Part::Var(variable) => {
                variables::value(exchange, variable, value);
            }
        }
    }
}

/// The client wrote `%` or `+` in its path (nginx's `quoted_uri` and `plus_in_uri`).
fn is_quoted(exchange: &Exchange) -> bool {
    let written = exchange.request.path.of(&exchange.input);
    memchr::memchr2(b'%', b'+', written).is_some()
}

/// Gives a variable its value, which is taken out of `value`.
pub fn assign(exchange: &mut Exchange, target: SetTarget, value: &mut Vec<u8>) {
    match target {
        SetTarget::Slot(slot) => exchange.captures.set(usize::from(slot), value),
        SetTarget::Args => {
            std::mem::swap(&mut exchange.args, value);
            exchange.uri_is_original = false;
        }
        SetTarget::LimitRate => {
            let size = std::str::from_utf8(value).ok().and_then(value::size);
            if size.is_none() {
                let message = format_args!("invalid $limit_rate \"{}\"", Raw(value));
                exchange.log_error(Level::Error, message);
            }
            exchange.limit_rate = size.or(exchange.limit_rate);
        }
    }
}
