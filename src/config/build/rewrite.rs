//! `rewrite`, `if`, `set`, `break` and `return`, in the order in which they stand.
//!
//! An `if` is a location without a name inside its location, as nginx builds it: it inherits like one, takes over the
//! content handler, and does not inherit `try_files`.

use super::super::ast::Directive;
use super::super::model::{LocationKind, ReturnConf};
use super::super::rewrite::{Condition, FileTest, RewriteConf, RewriteThen, Script, SetTarget, Step};
use super::super::template::VariableId;
use super::context::Context;
use super::level::{Level, Place, inherit};
use super::location::{self, Resolved};
use crate::http1::Status;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawRewrite {
    /// Not inherited.
    steps: Vec<RawStep>,
    log: Option<bool>,
    warn: Option<bool>,
}

#[derive(Debug)]
enum RawStep {
    Plain(Step),
    If(Condition, Box<Level>),
}

impl RawRewrite {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) -> bool {
        match d.name() {
            "rewrite" => self.push(rewrite(cx, d).map(Step::Rewrite)),
            "return" => self.push(return_(cx, d).map(Step::Return)),
            "break" => self.push(Some(Step::Break)),
            "set" => self.push(set(cx, d)),
            "if" => self.if_(cx, d, place),
            "rewrite_log" => cx.flag(d, &mut self.log),
            "uninitialized_variable_warn" => cx.flag(d, &mut self.warn),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; log, warn);
    }

    /// `uninitialized_variable_warn`.
    pub(super) fn warns(&self) -> bool {
        self.warn.unwrap_or(true)
    }

    fn push(&mut self, step: Option<Step>) {
        self.steps.extend(step.map(RawStep::Plain));
    }

    fn if_(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) {
        let condition = condition(cx, d);
        let mut level = Level::default();
        for line in d.children() {
            level.apply(cx, line, Place { inside_if: true, ..place });
        }
        self.steps.extend(condition.map(|condition| RawStep::If(condition, Box::new(level))));
    }
}

/// Resolves the steps of a level that has inherited, and the locations that its `if`s make.
pub(super) fn resolve(cx: &mut Context, outer: &mut Resolved) -> Option<Box<Script>> {
    let raw = std::mem::take(&mut outer.level.rewrite.steps);
    let mut steps = Vec::with_capacity(raw.len());
    for step in raw {
        match step {
            RawStep::Plain(step) => steps.push(step),
            RawStep::If(condition, mut level) => {
                let block = std::mem::take(&mut level.rewrite.steps);
                let location = match &outer.kind {
                    LocationKind::ServerLevel => None,
                    kind => {
                        level.inherit(&outer.level);
                        level.inherit_handler(&outer.level);
                        let inner = Resolved {
                            kind: LocationKind::If(kind.matched_prefix().to_vec()),
                            name: outer.name.clone(),
                            children: Vec::new(),
                            internal: outer.internal,
                            limit_except: None,
                            server: outer.server,
                            level: *level,
                        };
                        Some(location::finish(cx, inner))
                    }
                };
                steps.push(Step::If { condition, location, len: block.len() });
                // No `if` stands in another one.
                steps.extend(block.into_iter().filter_map(|step| match step {
                    RawStep::Plain(step) => Some(step),
                    RawStep::If(..) => None,
                }));
            }
        }
    }
    let log = outer.level.rewrite.log.unwrap_or(false);
    (!steps.is_empty()).then(|| Box::new(Script { steps, log }))
}

/// A replacement that begins like this is a redirect.
const SCHEMES: [&str; 3] = ["http://", "https://", "$scheme"];

/// `rewrite regex replacement [flag]`.
fn rewrite(cx: &mut Context, d: &Directive) -> Option<RewriteConf> {
    let written = d.arg(1);
    let pattern = cx.pattern(d, d.arg(0), false)?;
    if written.is_empty() {
        cx.error(d, "empty replacement");
        return None;
    }
    let (text, add_args) = match d.arg_bytes(1) {
        [text @ .., b'?'] => (text, false),
        text => (text, true),
    };
    let to_url = SCHEMES.iter().any(|scheme| written.starts_with(scheme));
    let then = match d.args().get(2).map(|flag| flag.text()) {
        Some("redirect") => RewriteThen::Redirect(Status::FOUND),
        Some("permanent") => RewriteThen::Redirect(Status::MOVED_PERMANENTLY),
        Some("last" | "break") | None if to_url => RewriteThen::Redirect(Status::FOUND),
        Some("last") => RewriteThen::Last,
        Some("break") => RewriteThen::Break,
        None => RewriteThen::Next,
        Some(flag) => {
            cx.error(d, format!("invalid parameter \"{flag}\""));
            return None;
        }
    };
    let query = memchr::memchr(b'?', text);
    let (uri, args) = match query {
        Some(at) if !matches!(then, RewriteThen::Redirect(_)) => {
            (cx.template(d, &text[..at])?, Some(cx.template(d, &text[at + 1..])?))
        }
        _ => (cx.template(d, text)?, None),
    };
    Some(RewriteConf { pattern, uri, args, add_args, has_query: query.is_some(), then })
}

/// `return code [text]`, `return code URL`, `return URL`.
fn return_(cx: &mut Context, d: &Directive) -> Option<ReturnConf> {
    let first = d.arg(0);
    let digits = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    let code = first.parse::<u16>().ok().filter(|code| digits && *code <= 999);
    match code {
        Some(code) => {
            let text = if d.args().len() > 1 { Some(cx.template(d, d.arg_bytes(1))?) } else { None };
            Some(ReturnConf { status: Status(code), text })
        }
        None => {
            let url = SCHEMES.iter().any(|scheme| first.starts_with(scheme));
            if d.args().len() > 1 || !url {
                cx.error(d, format!("invalid return code \"{first}\""));
                return None;
            }
            Some(ReturnConf { status: Status(302), text: Some(cx.template(d, first)?) })
        }
    }
}

/// `set $variable value`.
fn set(cx: &mut Context, d: &Directive) -> Option<Step> {
    Some(Step::Set { target: target(cx, d)?, value: cx.template(d, d.arg_bytes(1))? })
}

/// What a directive whose first argument is `$variable` sets.
pub(super) fn target(cx: &mut Context, d: &Directive) -> Option<SetTarget> {
    let Some(name) = d.arg(0).strip_prefix('$').filter(|name| !name.is_empty()) else {
        cx.error(d, format!("invalid variable name \"{}\"", d.arg(0)));
        return None;
    };
    Some(match name.to_ascii_lowercase().as_str() {
        "args" => SetTarget::Args,
        "limit_rate" => SetTarget::LimitRate,
        name if VariableId::is_fixed(name) => {
            cx.error(d, format!("the duplicate \"{name}\" variable"));
            return None;
        }
        name => SetTarget::Slot(cx.scope.set_slot(name)),
    })
}

/// The condition in the parentheses of an `if`.
fn condition(cx: &mut Context, d: &Directive) -> Option<Condition> {
    let words = match words(d) {
        Ok(words) => words,
        Err(message) => {
            cx.error(d, message);
            return None;
        }
    };
    match words.as_slice() {
        [name] => Some(Condition::True(variable(cx, d, name)?)),
        [name, operator, value] if name.starts_with('$') => {
            let variable = variable(cx, d, name)?;
            let negated = operator.starts_with('!');
            match *operator {
                "=" | "!=" => Some(Condition::Equal { variable, value: cx.template(d, value)?, negated }),
                "~" | "~*" | "!~" | "!~*" => {
                    let pattern = cx.pattern(d, value, operator.ends_with('*'))?;
                    Some(Condition::Match { variable, pattern, negated })
                }
                _ => {
                    cx.error(d, format!("unexpected \"{operator}\" in condition"));
                    None
                }
            }
        }
        [operator, path] if !operator.starts_with('$') => {
            let test = match operator.strip_prefix('!').unwrap_or(operator) {
                "-f" => FileTest::File,
                "-d" => FileTest::Directory,
                "-e" => FileTest::Exists,
                "-x" => FileTest::Executable,
                _ => {
                    cx.error(d, format!("invalid condition \"{operator}\""));
                    return None;
                }
            };
            Some(Condition::File { path: cx.template(d, path)?, test, negated: operator.starts_with('!') })
        }
        words => {
            cx.error(d, format!("invalid condition \"{}\"", words.first().unwrap_or(&"")));
            None
        }
    }
}

/// The words between the parentheses, which may stand alone or be glued to their neighbours.
fn words(d: &Directive) -> Result<Vec<&str>, String> {
    let mut words: Vec<&str> = (0..d.args().len()).map(|i| d.arg(i)).collect();
    let invalid = |word: &str| format!("invalid condition \"{word}\"");
    match words.first().map(|word| (*word, word.strip_prefix('('))) {
        Some((_, Some(""))) => {
            words.remove(0);
        }
        Some((_, Some(rest))) => words[0] = rest,
        Some((word, None)) => return Err(invalid(word)),
        None => return Err(invalid("")),
    }
    let last = words.len().checked_sub(1).ok_or_else(|| invalid("("))?;
    match words[last].strip_suffix(')') {
        Some("") => {
            words.pop();
        }
        Some(rest) => words[last] = rest,
        None => return Err(invalid(words[last])),
    }
    Ok(words)
}

/// `$name` as a variable; `$1` and so on are none here, as in nginx.
fn variable(cx: &mut Context, d: &Directive, word: &str) -> Option<VariableId> {
    let found = match word.strip_prefix('$') {
        None | Some("") => Err(format!("invalid condition \"{word}\"")),
        Some(name) if name.bytes().all(|b| b.is_ascii_digit()) => Err(format!("unknown \"{name}\" variable")),
        Some(name) => VariableId::find(name, &cx.scope),
    };
    found.map_err(|message| cx.error(d, message)).ok()
}
