//! Server-side includes: a page's commands carried out, before the page is sent.
//!
//! The page and its parts are put together in memory, up to a limit; parts are requests of their own that run through
//! the phases like any other, one after the other. Called by `phases` for pages that `filter` has marked.

mod parse;

use bytes::Bytes;

use crate::config::filters::SsiConf;
use crate::config::pattern::Pattern;
use crate::config::template::VariableId;
use crate::cycle::Cycle;
use crate::http::page::PageState;
use crate::http::variables::{self, Presence};
use crate::http::{Body, Exchange, MAX_PAGE, error_page};
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

/// What the commands of one page have come to.
struct Page {
    out: Vec<u8>,
    error_text: Vec<u8>,
    /// `config timefmt`
    date_format: Option<Vec<u8>>,
    condition: Condition,
    /// The `block` that is open: its name, and its text so far.
    block: Option<(Vec<u8>, Vec<u8>)>,
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
    if let Some(ssi) = conf.filters.as_deref().and_then(|filters| filters.ssi.as_ref()) {
        let Some(made) = carry_out_all(exchange, cycle, shard, ssi, &page).await else {
            exchange.response.clear();
            error_page::build(exchange, conf, Status(502));
            return;
        };
        page = made;
    }
    exchange.response.body = Body::Bytes(Bytes::from(page));
}

/// What the commands of a text make of it that stands in the place of a part.
pub(super) async fn expand_stub(
    part: &mut Exchange,
    cycle: &Cycle,
    shard: &Shard,
    text: &[u8],
) -> Option<Vec<u8>> {
    match part.location_conf(cycle).filters.as_deref().and_then(|filters| filters.ssi.as_ref()) {
        Some(ssi) => Box::pin(carry_out_all(part, cycle, shard, ssi, text)).await,
        None => Some(text.to_vec()),
    }
}

/// What the commands of a text make of it; `None` when that is too long (already logged).
async fn carry_out_all(
    exchange: &mut Exchange,
    cycle: &Cycle,
    shard: &Shard,
    conf: &SsiConf,
    page: &[u8],
) -> Option<Vec<u8>> {
    let mut made = Page {
        out: Vec::with_capacity(page.len()),
        error_text: if conf.silent_errors { Vec::new() } else { ERROR_TEXT.to_vec() },
        date_format: None,
        condition: Condition::Output { inside: false },
        block: None,
    };
    for piece in parse::pieces(page, conf.value_length) {
        let done = match piece {
            Piece::Text(text) => {
                made.write(text);
                Ok(())
            }
            Piece::Command(command) => made.carry_out(&command, exchange, cycle, shard).await,
            Piece::Invalid => {
                exchange.log_error(Level::Error, format_args!("invalid SSI command"));
                Err(Failed)
            }
        };
        if done.is_err() && made.writes() {
            made.out.extend_from_slice(&made.error_text);
        }
        if made.out.len() > MAX_PAGE {
            exchange.log_error(Level::Error, format_args!("a page with SSI is longer than {MAX_PAGE} bytes"));
            return None;
        }
    }
    Some(made.out)
}

impl Page {
    fn writes(&self) -> bool {
        matches!(self.condition, Condition::Output { .. }) && self.block.is_none()
    }

    fn write(&mut self, text: &[u8]) {
        if let Some((_, block)) = &mut self.block {
            block.extend_from_slice(text);
        } else if self.writes() {
            self.out.extend_from_slice(text);
        }
    }

    async fn carry_out(
        &mut self,
        command: &Command<'_>,
        exchange: &mut Exchange,
        cycle: &Cycle,
        shard: &Shard,
    ) -> Result<(), Failed> {
        match command.name {
            b"endblock" => {
                self.end_block(exchange);
                Ok(())
            }
            _ if self.block.is_some() => {
                // It is carried out where the block is needed.
                self.write(command.written);
                Ok(())
            }
            b"if" | b"elif" | b"else" | b"endif" => self.branch(command, exchange),
            _ if !self.writes() => Ok(()),
            b"include" => self.include(command, exchange, cycle, shard).await,
            b"echo" => self.echo(command, exchange),
            b"set" => {
                let name = required(command, b"var", exchange)?;
                let value = self.evaluate(required(command, b"value", exchange)?, exchange)?;
                state(exchange).set(name, value);
                Ok(())
            }
            b"config" => {
                // Both as they are written, in nginx too.
                if let Some(text) = command.parameter(b"errmsg") {
                    self.error_text = text.to_vec();
                }
                if let Some(text) = command.parameter(b"timefmt") {
                    self.date_format = Some(text.to_vec());
                }
                Ok(())
            }
            b"block" => {
                self.block = Some((required(command, b"name", exchange)?.to_vec(), Vec::new()));
                Ok(())
            }
            name => {
                exchange.log_error(Level::Error, format_args!("invalid SSI command: \"{}\"", Raw(name)));
                Err(Failed)
            }
        }
    }

    /// What follows is written, also in a branch that does not count, as in nginx.
    fn end_block(&mut self, exchange: &mut Exchange) {
        if let Some((name, text)) = self.block.take() {
            state(exchange).add_block(&name, text);
        }
        self.condition = Condition::Output { inside: self.condition != Condition::Output { inside: false } };
    }

    fn branch(&mut self, command: &Command<'_>, exchange: &mut Exchange) -> Result<(), Failed> {
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
    fn test(&self, command: &Command<'_>, exchange: &mut Exchange) -> Result<Condition, Failed> {
        let expression = required(command, b"expr", exchange)?;
        let operator = expression.iter().position(|b| *b == b'=' || *b == b'!');
        let (left, behind) = expression.split_at(operator.unwrap_or(expression.len()));
        let left = self.evaluate(left.trim_ascii(), exchange)?;
        let (negated, right) = match behind {
            [] => (false, None),
            [b'=', right @ ..] => (false, Some(right.trim_ascii())),
            [b'!', b'=', right @ ..] => (true, Some(right.trim_ascii())),
            _ => return Err(invalid(expression, exchange)),
        };
        let holds = match right {
            None => !left.is_empty(),
            Some([b'/', pattern @ .., b'/']) => {
                matches(pattern, &left, exchange).ok_or_else(|| invalid(expression, exchange))?
            }
            Some(text) => left == self.evaluate(text, exchange)?,
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
        let (written, kept, stub) = included(command, exchange)?;
        let mut target = self.evaluate(written, exchange)?;
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
        let got = parts::fetch(exchange, cycle, shard, asked, stub.as_deref(), &mut body).await;
        let status = got.ok_or(Failed)?;
        match kept {
            Some(name) => {
                // Only what succeeded is kept.
                body.truncate(if status.0 < 300 { body.len() } else { 0 });
                state(exchange).set(name, body);
            }
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

    /// Appends the value of a variable of the page or of the request; `false` when there is none.
    fn look_up(&self, name: &[u8], exchange: &Exchange, out: &mut Vec<u8>) -> bool {
        if let Some(value) = exchange.page.as_deref().and_then(|page| page.get(name)) {
            out.extend_from_slice(value);
            return true;
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let presence = match VariableId::find(&name, &exchange.cycle.conf.http.scope) {
            // `$1` and so on are the page's alone.
            Err(_) | Ok(VariableId::Capture(_)) => Presence::Missing,
            Ok(id @ (VariableId::DateLocal | VariableId::DateGmt)) => {
                let format = self.date_format.as_deref().unwrap_or(variables::DATE_FORMAT);
                variables::date(out, format, id == VariableId::DateGmt)
            }
            Ok(id) => variables::value(exchange, &id, out),
        };
        presence == Presence::Found
    }

    /// A text with the values of its `$variables`.
    fn evaluate(&self, text: &[u8], exchange: &Exchange) -> Result<Vec<u8>, Failed> {
        let mut out = Vec::new();
        for part in parse::variables(text) {
            match part {
                parse::Part::Text(text) => out.extend_from_slice(text),
                parse::Part::Variable(name) => {
                    self.look_up(name, exchange, &mut out);
                }
                parse::Part::Invalid => {
                    let said = format_args!("invalid variable name in \"{}\"", Raw(text));
                    exchange.log_error(Level::Error, said);
                    return Err(Failed);
                }
            }
            if out.len() > MAX_PAGE {
                let said = format_args!("a value of SSI is longer than {MAX_PAGE} bytes");
                exchange.log_error(Level::Error, said);
                return Err(Failed);
            }
        }
        Ok(out)
    }
}

/// What all commands of the page and its parts have set.
fn state(exchange: &mut Exchange) -> &mut PageState {
    exchange.page.get_or_insert_default()
}

fn invalid(expression: &[u8], exchange: &Exchange) -> Failed {
    let shown = Raw(expression);
    exchange.log_error(Level::Error, format_args!("invalid SSI expression: \"{shown}\""));
    Failed
}

/// Whether a regular expression matches, whose groups the page has then; `None` when it is none.
fn matches(pattern: &[u8], subject: &[u8], exchange: &mut Exchange) -> Option<bool> {
    let source = std::str::from_utf8(pattern).ok()?;
    let mut names = Vec::new();
    let pattern = Pattern::compile(source, false, |name| {
        names.push(name.to_owned());
        u16::try_from(names.len() - 1).unwrap_or(u16::MAX)
    });
    let pattern = pattern.ok()?;
    let mut ranges = Vec::new();
    // Unlike `search` this gives the whole match also for an expression without groups.
    if !pattern.captures(subject, &mut ranges) {
        return Some(false);
    }
    let group = |range: &Option<(u32, u32)>| match range {
        Some((from, to)) => subject.get(*from as usize..*to as usize).unwrap_or_default().to_vec(),
        None => Vec::new(),
    };
    // Groups behind the last one that took part are none.
    let taking_part = ranges.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let page = state(exchange);
    page.set_groups(ranges[..taking_part].iter().map(group).collect());
    for (number, slot) in &pattern.named {
        if let (Some(name), Some(range)) = (names.get(usize::from(*slot)), ranges.get(*number)) {
            page.set(name.as_bytes(), group(range));
        }
    }
    Some(true)
}

/// What an `include` asks for, the variable that is to have it, and the text that may stand in its place.
type Included<'c> = (&'c [u8], Option<&'c [u8]>, Option<Vec<u8>>);

fn included<'c>(command: &'c Command<'_>, exchange: &Exchange) -> Result<Included<'c>, Failed> {
    let refuse = |said: std::fmt::Arguments<'_>| {
        exchange.log_error(Level::Error, said);
        Failed
    };
    let (by_uri, by_file) = (command.parameter(b"virtual"), command.parameter(b"file"));
    let (kept, stub) = (command.parameter(b"set"), command.parameter(b"stub"));
    let written = match (by_uri, by_file) {
        (Some(written), None) | (None, Some(written)) => written,
        (Some(uri), Some(file)) => {
            let (uri, file) = (Raw(uri), Raw(file));
            return Err(refuse(format_args!("inclusion may be either virtual=\"{uri}\" or file=\"{file}\"")));
        }
        (None, None) => return Err(refuse(format_args!("no parameter in \"include\" SSI command"))),
    };
    if kept.is_some() && stub.is_some() {
        let said = "\"set\" and \"stub\" cannot be used together in \"include\" SSI command";
        return Err(refuse(format_args!("{said}")));
    }
    // Parts are waited for anyway.
    match (command.parameter(b"wait"), by_file) {
        (None, _) => {}
        (Some(_), Some(file)) => {
            return Err(refuse(format_args!("\"wait\" cannot be used with file=\"{}\"", Raw(file))));
        }
        (Some(wait), None) => {
            if !wait.eq_ignore_ascii_case(b"yes") && !wait.eq_ignore_ascii_case(b"no") {
                let wait = Raw(wait);
                return Err(refuse(format_args!("invalid value \"{wait}\" in the \"wait\" parameter")));
            }
        }
    }
    let stub = match stub {
        None => None,
        Some(name) => match exchange.page.as_deref().and_then(|page| page.block(name)) {
            Some(text) => Some(text.to_vec()),
            None => {
                let name = Raw(name);
                return Err(refuse(format_args!("\"stub\"=\"{name}\" for \"include\" not found")));
            }
        },
    };
    Ok((written, kept, stub))
}

fn required<'c>(command: &'c Command<'_>, name: &[u8], exchange: &Exchange) -> Result<&'c [u8], Failed> {
    command.parameter(name).ok_or_else(|| {
        let (name, command) = (Raw(name), Raw(command.name));
        let said = format_args!("mandatory \"{name}\" parameter is absent in \"{command}\" SSI command");
        exchange.log_error(Level::Error, said);
        Failed
    })
}
