//! Statements to directives: each is looked up in the table and held against its places, its number of arguments
//! and its block; what is unknown or not supported is ignored aloud, or refused when it guards something.
//!
//! Values and the rules between directives are `build`'s business. Called by `load` only.

use std::collections::BTreeSet;
use std::path::Path;

use super::ast::{Arg, Directive};
use super::environment;
use super::error::{ConfigError, Diagnostics, Pos, emerg, warning};
use super::parser::{self, Form, Statement};
use super::source::{FileAccess, Sources};
use super::spec::{self, Arity, Block, Contexts, DirectiveSpec, Support};
use super::value;

/// What is done with directives that are unknown or not supported and guard nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// A warning each.
    Lenient,
    /// `--strict`: an error each.
    Strict,
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A file, by absolute path.
    File(&'a Path),
    /// Text that stands for one; includes are relative to the folder.
    Text(&'a str, &'a Path),
}

/// A configuration as written and checked.
#[derive(Debug)]
pub(super) struct Written {
    /// The main context.
    pub directives: Vec<Directive>,
    /// The files.
    pub sources: Sources,
    /// What is wrong with it so far.
    pub diagnostics: Diagnostics,
}

/// Reads and checks a configuration; `globals` is the argument of `-g`.
pub(super) fn read(
    origin: Origin<'_>,
    globals: Option<&str>,
    strictness: Strictness,
    access: FileAccess,
) -> Written {
    let folder = match origin {
        Origin::File(file) => file.parent().unwrap_or(Path::new("/")),
        Origin::Text(_, folder) => folder,
    };
    let mut sources = Sources::new(folder, access);
    let mut diagnostics = Diagnostics::default();
    let mut order = 0;
    let mut statements = Vec::new();
    let texts = [
        (globals.map(|text| sources.add_text(text)), Form::CommandLine),
        (
            Some(match origin {
                Origin::File(file) => sources.read(file),
                Origin::Text(text, _) => sources.add_text(text),
            }),
            Form::File,
        ),
    ];
    for (file, form) in texts.into_iter().filter_map(|(file, form)| Some((file?, form))) {
        match file {
            Ok(file) => {
                statements.extend(parser::parse(&mut sources, file, form, &mut order, &mut diagnostics));
            }
            Err(message) => diagnostics.error(None, message),
        }
    }
    environment::expand(&mut statements, &environment::process, &mut diagnostics);
    let mut checker = Checker { diagnostics, strictness, accepted: BTreeSet::new() };
    let directives = checker.main(statements);
    let diagnostics = checker.finish();
    Written { directives, sources, diagnostics }
}

/// An entry of a block that holds no directives (`types`).
static ENTRY: DirectiveSpec = ENTRY_OF_ANY_PLACE;

const ENTRY_OF_ANY_PLACE: DirectiveSpec = DirectiveSpec {
    name: "",
    module: "",
    contexts: Contexts::ANY,
    arity: Arity::ANY,
    flag: false,
    block: Block::None,
    syntax: "",
    default: "",
    support: Support::Supported,
    doc: "",
};

/// What stands in for a misspelled content handler: without it the location would serve files that nobody meant
/// to serve.
static MISSPELLED_HANDLER: DirectiveSpec =
    DirectiveSpec { support: Support::Closed("its name is unknown"), ..ENTRY_OF_ANY_PLACE };

/// Behind the name of a content handler that is missing here.
const ANSWERED_502: &str = ", requests to this location are answered 502";

/// An unknown name is a misspelled one up to so many slips away from a directive that may stand there: it was meant,
/// and the site would be served without it. (Modules of others have names that are further away, or rows.)
const MAX_SLIPS: usize = 2;

/// A name of the table and how many slips away it is.
type Nearest = (&'static DirectiveSpec, usize);

/// What the table says to a name at a place.
enum Found {
    /// Its entry.
    Entry(&'static DirectiveSpec),
    /// There is none; perhaps this was meant.
    Misspelled(Option<Nearest>),
    /// It may not stand here, which has been said.
    Misplaced,
}

struct Checker {
    diagnostics: Diagnostics,
    strictness: Strictness,
    /// Names that were accepted without effect, for one notice.
    accepted: BTreeSet<&'static str>,
}

impl Checker {
    /// The main context; a file without `http {}` that holds what belongs there gets one.
    fn main(&mut self, statements: Vec<Statement>) -> Vec<Directive> {
        let Some(first) = statements.iter().find(|s| is_bare_http(s)) else {
            return self.block(statements, Contexts::MAIN);
        };
        if statements.iter().any(|s| s.name.text() == "http") {
            return self.block(statements, Contexts::MAIN);
        }
        let (name, pos) = (Arg::new(b"http".to_vec(), false, first.pos.line), first.pos);
        let (inner, outer): (Vec<_>, Vec<_>) = statements.into_iter().partition(is_bare_http);
        let mut directives = self.block(outer, Contexts::MAIN);
        let children = self.block(inner, Contexts::HTTP);
        if let Some(spec) = spec::named("http").next() {
            directives.push(Directive { name, args: Vec::new(), block: Some(children), pos, end: pos, spec });
        }
        directives
    }

    fn finish(mut self) -> Diagnostics {
        if !self.accepted.is_empty() {
            let names: Vec<&str> = self.accepted.iter().copied().collect();
            let message = format!("accepted, without effect here: {}", names.join(", "));
            self.diagnostics.notice(None, message);
        }
        self.diagnostics
    }

    fn block(&mut self, statements: Vec<Statement>, here: Contexts) -> Vec<Directive> {
        statements.into_iter().filter_map(|statement| self.statement(statement, here)).collect()
    }

    /// One statement; `None` when it is wrong or ignored for being unknown.
    fn statement(&mut self, statement: Statement, here: Contexts) -> Option<Directive> {
        let spec = match self.look_up(&statement, here) {
            Found::Entry(spec) => spec,
            Found::Misspelled(meant) => {
                let error = self.unknown(&statement, here, meant);
                self.diagnostics.push(error);
                return misspelled_handler(statement, here, meant);
            }
            Found::Misplaced => return None,
        };
        if let Err(error) = fits(&statement, spec) {
            self.diagnostics.push(error);
            return None;
        }
        self.support(&statement, spec);
        let Statement { name, args, block, pos, end } = statement;
        let block = block.map(|inner| match spec.block {
            Block::Of(context) => self.block(inner, context),
            Block::OfPlace if here.intersects(Contexts::SERVER) => self.block(inner, Contexts::SERVER_IF),
            Block::OfPlace => self.block(inner, Contexts::LOCATION_IF),
            Block::Entries => {
                for nested in inner.iter().filter(|line| line.block.is_some()) {
                    self.diagnostics.error(nested.pos, "unexpected \"{\"");
                }
                inner.into_iter().map(entry).collect()
            }
            Block::Skipped | Block::None => inner.into_iter().map(entry).collect(),
        });
        Some(Directive { name, args, block, pos, end, spec })
    }

    /// The table's entry for this place.
    fn look_up(&mut self, statement: &Statement, here: Contexts) -> Found {
        let name = statement.name.text();
        let mut known = spec::named(name).peekable();
        if known.peek().is_none() {
            return Found::Misspelled(spec::nearest(name, here));
        }
        let mut places = Contexts(0);
        for spec in known {
            if spec.contexts.intersects(here) {
                return Found::Entry(spec);
            }
            places = places | spec.contexts;
        }
        let message = format!("\"{name}\" directive is not allowed here");
        let mut error = emerg(statement.pos, message).note(format!("allowed in: {}", places.names()));
        if here == Contexts::MAIN && places.intersects(Contexts::HTTP) {
            error = error.note("there is a \"http\" block: it belongs in there");
        }
        self.diagnostics.push(error);
        Found::Misplaced
    }

    /// What to say of a name that is not in the table.
    fn unknown(&self, statement: &Statement, here: Contexts, nearest: Option<Nearest>) -> ConfigError {
        let name = statement.name.text();
        let guarded = match nearest {
            Some((spec, _)) if spec.guards() => true,
            // A block that is dropped whole may be the one that shuts something.
            Some((spec, _)) if statement.block.is_some() && spec.block != Block::None => true,
            _ => sounds_guarding(name),
        };
        let misspelled =
            nearest.is_some_and(|(spec, distance)| distance <= MAX_SLIPS && spec.contexts.intersects(here));
        let guarded = guarded || statement.block.as_deref().is_some_and(holds_guard);
        let message = format!("unknown directive \"{name}\"");
        let error = if guarded {
            emerg(statement.pos, message).note("it may guard something, so it is not ignored")
        } else if misspelled || self.strictness == Strictness::Strict {
            emerg(statement.pos, message)
        } else if is_misspelled_handler(here, nearest) {
            warning(statement.pos, message + ANSWERED_502)
        } else {
            warning(statement.pos, message + ", ignored")
        };
        let hint = nearest.map(|(spec, _)| format!("did you mean \"{}\"?", spec.name));
        hint.into_iter().fold(error, ConfigError::note)
    }

    /// Says what becomes of a directive that does not do here what it does in nginx.
    fn support(&mut self, statement: &Statement, spec: &'static DirectiveSpec) {
        let name = spec.name;
        let message = format!("\"{name}\" directive is not supported yet");
        match spec.support {
            Support::Supported => {}
            Support::Accepted(_) => {
                self.accepted.insert(name);
            }
            Support::Ignored(effect) => {
                self.unsupported(statement.pos, message, &format!(", ignored ({effect})"));
            }
            Support::Closed(_) => self.unsupported(statement.pos, message, ANSWERED_502),
            Support::Refused { unless, .. }
                if statement.args.len() == 1 && statement.args[0].text() == unless => {}
            Support::Refused { why, .. } => {
                let note = format!("{why}, so it is not ignored");
                self.diagnostics.push(emerg(statement.pos, message).note(note));
            }
        }
    }

    /// An error when strict, else a warning that says what follows.
    fn unsupported(&mut self, pos: Pos, message: String, effect: &str) {
        match self.strictness {
            Strictness::Strict => self.diagnostics.error(pos, message),
            Strictness::Lenient => self.diagnostics.warn(pos, message + effect),
        }
    }
}

/// Terminator, number of arguments and `on`/`off`, in nginx's order.
fn fits(statement: &Statement, spec: &'static DirectiveSpec) -> Result<(), ConfigError> {
    let name = spec.name;
    let wrong = |message: String| {
        let error = emerg(statement.pos, message).note(format!("syntax: {}", spec.usage()));
        Err(missing_semicolon(statement).into_iter().fold(error, ConfigError::note))
    };
    match (spec.block, &statement.block) {
        (Block::None, Some(_)) => return wrong(format!("directive \"{name}\" is not terminated by \";\"")),
        (Block::None, None) | (_, Some(_)) => {}
        (_, None) => return wrong(format!("directive \"{name}\" has no opening \"{{\"")),
    }
    if !spec.arity.allows(statement.args.len()) {
        return wrong(format!("invalid number of arguments in \"{name}\" directive"));
    }
    if spec.flag && value::flag(statement.args[0].text()).is_none() {
        let written = statement.args[0].text();
        let message =
            format!("invalid value \"{written}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
        return Err(emerg(statement.pos, message));
    }
    Ok(())
}

/// An argument on a later line that is a directive's name: the `;` before it was forgotten.
fn missing_semicolon(statement: &Statement) -> Option<String> {
    let mut before = &statement.name;
    for arg in &statement.args {
        if arg.line > before.line && !arg.quoted && spec::named(arg.text()).next().is_some() {
            return Some(format!(
                "is a \";\" missing at the end of line {}, before \"{}\"?",
                before.line,
                arg.text()
            ));
        }
        before = arg;
    }
    None
}

/// Known, not allowed at the main level, but in `http`.
fn is_bare_http(statement: &Statement) -> bool {
    let mut places = Contexts(0);
    for spec in spec::named(statement.name.text()) {
        places = places | spec.contexts;
    }
    places.intersects(Contexts::HTTP) && !places.intersects(Contexts::MAIN)
}

/// An entry of a block that holds no directives.
fn entry(statement: Statement) -> Directive {
    let Statement { name, args, block, pos, end } = statement;
    let block = block.map(|inner| inner.into_iter().map(entry).collect());
    Directive { name, args, block, pos, end, spec: &ENTRY }
}

/// Keeps a misspelled content handler in the tree as one that answers with an error.
fn misspelled_handler(statement: Statement, here: Contexts, meant: Option<Nearest>) -> Option<Directive> {
    let Statement { name, args, pos, end, .. } = statement;
    let spec = &MISSPELLED_HANDLER;
    is_misspelled_handler(here, meant).then_some(Directive { name, args, block: None, pos, end, spec })
}

fn is_misspelled_handler(here: Contexts, meant: Option<Nearest>) -> bool {
    here == Contexts::LOCATION && meant.is_some_and(|(spec, _)| spec.is_handler())
}

/// A directive somewhere in these that guards something.
fn holds_guard(statements: &[Statement]) -> bool {
    statements.iter().any(|s| {
        spec::named(s.name.text()).any(DirectiveSpec::guards)
            || sounds_guarding(s.name.text()) && spec::named(s.name.text()).next().is_none()
            || s.block.as_deref().is_some_and(holds_guard)
    })
}

/// Does a part of the name speak of keeping somebody out?
fn sounds_guarding(name: &str) -> bool {
    const WORDS: [&str; 34] = [
        "access",
        "acl",
        "allow",
        "allowed",
        "auth",
        "authn",
        "authz",
        "ban",
        "blacklist",
        "captcha",
        "csrf",
        "deny",
        "denied",
        "firewall",
        "forbid",
        "internal",
        "jwt",
        "ldap",
        "limit",
        "modsecurity",
        "naxsi",
        "oauth",
        "oidc",
        "password",
        "protect",
        "restrict",
        "saml",
        "secure",
        "security",
        "ssl",
        "tls",
        "verify",
        "waf",
        "whitelist",
    ];
    name.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphabetic()).any(|part| WORDS.contains(&part))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
