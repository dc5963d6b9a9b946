//! Server-side includes: a page's commands carried out, before the page is sent.
//!
//! The page and its parts are put together in memory, up to a limit; parts are requests of their own that run through
//! the phases like any other, one after the other. Called by `phases` for pages that `filter` has marked.

mod parse;

use bytes::Bytes;

use crate::config::pattern::Pattern;
use crate::config::template::{VariableId, VariableScope};
use crate::cycle::Cycle;
use crate::http::variables::{self, Presence};
use crate::http::{Body, Exchange, error_page};
use crate::http1::Status;
use crate::http1::target::{self, Escape, escape_html, parse_unsafe_uri};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::parts;
use parse::{Command, Piece};

/// What stands where a command failed.
const ERROR_TEXT: &[u8] = b"[an error occurred while processing the directive]";

/// What `echo` says of a variable without a value.
const NONE: &[u8] = b"(none)";

/// Most variables that one page may set.
const MAX_VARIABLES: usize = 100;

/// What the commands of one page have come to.
struct Page {
    out: Vec<u8>,
    variables: Vec<(Vec<u8>, Vec<u8>)>,
    error_text: Vec<u8>,
    condition: Condition,
}

/// Where the page stands between `if` and `endif`; nginx nests none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Outside, or in the branch that counts.
    Output { inside: bool },
    /// In a branch that does not count, before one that may.
    Skip,
    /// Behind the branch that counted.
    Done,
}

/// A command that could not be carried out; the error log says why.
struct Failed;

/// Replaces the body of a marked page by what its commands make of it.
pub(super) async fn expand(exchange: &mut Exchange, cycle: &Cycle, shard: &Shard) {
    let Some(before) = exchange.response.before_ssi.take() else { return };
    if exchange.header_only {
        return;
    }
    let conf = exchange.location_conf(cycle);
    let mut page = Vec::new();
    if let Err(error) = exchange.collect(conf, Some(before), &mut page).await {
        exchange.log_error(Level::Error, format_args!("a page with SSI could not be read: {error}"));
        exchange.response.clear();
        error_page::build(exchange, conf, Status(502));
        return;
    }
    let silent =
        conf.filters.as_deref().and_then(|filters| filters.ssi.as_ref()).is_some_and(|ssi| ssi.silent_errors);
    let mut made = Page {
        out: Vec::with_capacity(page.len()),
        variables: Vec::new(),
        error_text: if silent { Vec::new() } else { ERROR_TEXT.to_vec() },
        condition: Condition::Output { inside: false },
    };
    for piece in parse::pieces(&page) {
        let done = match piece {
            Piece::Text(text) if made.writes() => {
                made.out.extend_from_slice(text);
                Ok(())
            }
            Piece::Text(_) => Ok(()),
            Piece::Command(command) => made.carry_out(&command, exchange, cycle, shard).await,
            Piece::Invalid => {
                exchange.log_error(Level::Error, format_args!("invalid SSI command"));
                Err(Failed)
            }
        };
        if done.is_err() && made.writes() {
            made.out.extend_from_slice(&made.error_text);
        }
    }
    exchange.response.body = Body::Bytes(Bytes::from(made.out));
}

impl Page {
    fn writes(&self) -> bool {
        matches!(self.condition, Condition::Output { .. })
    }

    async fn carry_out(
        &mut self,
        command: &Command<'_>,
        exchange: &mut Exchange,
        cycle: &Cycle,
        shard: &Shard,
    ) -> Result<(), Failed> {
        match command.name {
            b"if" | b"elif" | b"else" | b"endif" => self.branch(command, exchange),
            _ if !self.writes() => Ok(()),
            b"include" => self.include(command, exchange, cycle, shard).await,
            b"echo" => self.echo(command, exchange),
            b"set" => {
                let name = required(command, b"var", exchange)?.to_vec();
                let value = self.evaluate(required(command, b"value", exchange)?, exchange);
                self.set(name, value);
                Ok(())
            }
            b"config" => {
                if let Some(text) = command.parameter(b"errmsg") {
                    self.error_text = self.evaluate(text, exchange);
                }
                Ok(())
            }
            b"block" | b"endblock" => Ok(()),
            name => {
                exchange.log_error(Level::Error, format_args!("invalid SSI command: \"{}\"", Raw(name)));
                Err(Failed)
            }
        }
    }

    fn branch(&mut self, command: &Command<'_>, exchange: &Exchange) -> Result<(), Failed> {
        use Condition::{Done, Output, Skip};
        let inside = self.condition != Output { inside: false };
        self.condition = match (command.name, inside) {
            (b"if", true) | (b"elif" | b"else" | b"endif", false) => {
                let name = Raw(command.name);
                exchange.log_error(Level::Error, format_args!("invalid context of SSI command: \"{name}\""));
                return Err(Failed);
            }
            (b"endif", _) => Output { inside: false },
            (b"else", _) if self.condition == Skip => Output { inside: true },
            (b"if", _) => self.test(command, exchange)?,
            (b"elif", _) if self.condition == Skip => self.test(command, exchange)?,
            _ => Done,
        };
        Ok(())
    }

    /// `$a`, `$a = text`, `$a != text`, `$a = /regex/`.
    fn test(&self, command: &Command<'_>, exchange: &Exchange) -> Result<Condition, Failed> {
        let expression = required(command, b"expr", exchange)?;
        let invalid = || {
            let shown = Raw(expression);
            exchange.log_error(Level::Error, format_args!("invalid SSI expression: \"{shown}\""));
            Failed
        };
        let operator = expression.iter().position(|b| *b == b'=' || *b == b'!');
        let (left, rest) = expression.split_at(operator.unwrap_or(expression.len()));
        let left = self.evaluate(left.trim_ascii(), exchange);
        let (negated, right) = match rest {
            [] => (false, None),
            [b'=', right @ ..] => (false, Some(right.trim_ascii())),
            [b'!', b'=', right @ ..] => (true, Some(right.trim_ascii())),
            _ => return Err(invalid()),
        };
        let holds = match right {
            None => !left.is_empty(),
            Some([b'/', pattern @ .., b'/']) => {
                let source = std::str::from_utf8(pattern).map_err(|_| invalid())?;
                let pattern = Pattern::compile(source, false, |_| 0).map_err(|_| invalid())?;
                pattern.is_match(&left)
            }
            Some(text) => left == self.evaluate(text, exchange),
        };
        Ok(if holds != negated { Condition::Output { inside: true } } else { Condition::Skip })
    }

    async fn include(
        &mut self,
        command: &Command<'_>,
        exchange: &mut Exchange,
        cycle: &Cycle,
        shard: &Shard,
    ) -> Result<(), Failed> {
        let targets = (command.parameter(b"virtual"), command.parameter(b"file"));
        let ((Some(written), None) | (None, Some(written))) = targets else {
            let said = "inclusion may be either virtual=\"\" or file=\"\"";
            exchange.log_error(Level::Error, format_args!("{said}"));
            return Err(Failed);
        };
        let mut target = self.evaluate(written, exchange);
        if !target.starts_with(b"/") {
            let directory = memchr::memrchr(b'/', &exchange.uri).map_or(0, |at| at + 1);
            target.splice(..0, exchange.uri[..directory].iter().copied());
        }
        let mut uri = Vec::new();
        let Ok(args) = parse_unsafe_uri(&target, &mut uri) else {
            exchange.log_error(Level::Error, format_args!("unsafe URI \"{}\" was detected", Raw(&target)));
            return Err(Failed);
        };
        let mut body = Vec::new();
        let asked = (&uri[..], args.unwrap_or_default());
        if parts::fetch(exchange, cycle, shard, asked, &mut body).await.is_none() {
            return Err(Failed);
        }
        match command.parameter(b"set") {
            Some(name) => self.set(name.to_vec(), body),
            None => self.out.extend_from_slice(&body),
        }
        Ok(())
    }

    fn echo(&mut self, command: &Command<'_>, exchange: &Exchange) -> Result<(), Failed> {
        let name = required(command, b"var", exchange)?;
        let mut value = Vec::new();
        if !self.look_up(name, exchange, &mut value) {
            value = match command.parameter(b"default") {
                // As it is written, in nginx too.
                Some(text) => text.to_vec(),
                None => NONE.to_vec(),
            };
        }
        match command.parameter(b"encoding") {
            None | Some(b"entity") => escape_html(&value, &mut self.out),
            Some(b"none") => self.out.extend_from_slice(&value),
            Some(b"url") => target::escape(&value, Escape::Html, &mut self.out),
            Some(other) => {
                let said = format_args!("unknown encoding \"{}\" in the \"echo\" command", Raw(other));
                exchange.log_error(Level::Error, said);
                return Err(Failed);
            }
        }
        Ok(())
    }

    fn set(&mut self, name: Vec<u8>, value: Vec<u8>) {
        match self.variables.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, old)) => *old = value,
            None => {
                self.variables.push((name, value));
                self.variables.truncate(MAX_VARIABLES);
            }
        }
    }

    /// Appends the value of a variable of the page or of the request; `false` when there is none.
    fn look_up(&self, name: &[u8], exchange: &Exchange, out: &mut Vec<u8>) -> bool {
        if let Some((_, value)) = self.variables.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            out.extend_from_slice(value);
            return true;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match VariableId::find(&name, &VariableScope::default()) {
            Ok(id) => variables::value(exchange, &id, out) == Presence::Found,
            Err(_) => false,
        }
    }

    /// A text with the values of its `$variables`.
    fn evaluate(&self, text: &[u8], exchange: &Exchange) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parse::variables(text) {
            match part {
                parse::Part::Text(text) => out.extend_from_slice(text),
                parse::Part::Variable(name) => {
                    self.look_up(name, exchange, &mut out);
                }
            }
        }
        out
    }
}

fn required<'c>(command: &'c Command<'_>, name: &[u8], exchange: &Exchange) -> Result<&'c [u8], Failed> {
    command.parameter(name).ok_or_else(|| {
        let (name, command) = (Raw(name), Raw(command.name));
        let said = format_args!("mandatory \"{name}\" parameter is absent in \"{command}\" SSI command");
        exchange.log_error(Level::Error, said);
        Failed
    })
}
