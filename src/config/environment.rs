//! `${NAME}` and `${NAME:-default}`: upper-case names from the environment, in every word of the file.
//!
//! This is what `envsubst` does to the templates of container images, done where words are known already: a value can
//! end neither a word in quotes nor a statement. Everything else behind a `$` is nginx's. Called by `check` between the
//! parser and the table, and by the parser for what it includes.

use std::collections::HashSet;

use super::ast::Arg;
use super::error::{ConfigError, Diagnostics, Pos, emerg};
use super::parser::Statement;

/// Defaults within defaults.
const MAX_NESTING: usize = 8;

/// Where names are looked up.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The environment of the process.
pub(super) fn process(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(std::os::unix::ffi::OsStringExt::into_vec)
}

/// Puts values in place of names, in all words but those of names that the configuration itself declares.
/// A statement of which a value is missing is taken out: what it would mean is not known.
pub(super) fn expand(statements: &mut Vec<Statement>, lookup: Lookup<'_>, diagnostics: &mut Diagnostics) {
    let mut declared = HashSet::new();
    for statement in &*statements {
        declare(statement, &mut declared);
    }
    expand_all(statements, &Names { lookup, declared: &declared }, diagnostics);
}

fn expand_all(statements: &mut Vec<Statement>, names: &Names<'_>, diagnostics: &mut Diagnostics) {
    statements.retain_mut(|statement| {
        let whole = expand_words(statement, names, diagnostics);
        if let Some(block) = &mut statement.block {
            expand_all(block, names, diagnostics);
        }
        whole || statement.block.is_some()
    });
}

/// The same for one word that is needed before all are known: the path of an `include`.
pub(super) fn expand_path(word: &[u8], lookup: Lookup<'_>) -> Result<Vec<u8>, String> {
    let names = Names { lookup, declared: &HashSet::new() };
    let mut out = Vec::new();
    for piece in pieces(word) {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Name { name, default, .. } => {
                out.extend(names.value(name, default, 0)?.unwrap_or_default());
            }
        }
    }
    Ok(out)
}

struct Names<'a> {
    lookup: Lookup<'a>,
    /// Names of `set`, `map` and their like, lower-case.
    declared: &'a HashSet<String>,
}

impl Names<'_> {
    /// The value of a name; `None`: it is nginx's.
    fn value(&self, name: &str, default: Option<&[u8]>, depth: usize) -> Result<Option<Vec<u8>>, String> {
        if self.declared.contains(&name.to_ascii_lowercase()) {
            return match default {
                None => Ok(None),
                Some(_) => Err(format!(
                    "\"{name}\" has a default as a variable of the environment, but the configuration declares a variable of that name"
                )),
            };
        }
        match ((self.lookup)(name), default) {
            (Some(value), None) => Ok(Some(value)),
            (Some(value), Some(_)) if !value.is_empty() => Ok(Some(value)),
            (_, Some(default)) => self.default(default, depth).map(Some),
            (None, None) => Err(format!("environment variable \"{name}\" is not set")),
        }
    }

    /// A default may name others.
    fn default(&self, text: &[u8], depth: usize) -> Result<Vec<u8>, String> {
        if depth >= MAX_NESTING {
            return Err(format!("more than {MAX_NESTING} defaults within each other"));
        }
        let mut out = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Name { name, default, written } => match self.value(name, default, depth + 1)? {
                    Some(value) => out.extend(value),
                    None => out.extend_from_slice(written),
                },
            }
        }
        Ok(out)
    }
}

/// Puts values into the words of one statement; `false`: one is missing, which has been said.
fn expand_words(statement: &mut Statement, names: &Names<'_>, diagnostics: &mut Diagnostics) -> bool {
    let named = |arg: &Arg| memchr::memmem::find(arg.bytes(), b"${").is_some();
    if !named(&statement.name) && !statement.args.iter().any(named) {
        return true;
    }
    let pos = statement.pos;
    let mut words = Vec::new();
    for arg in std::iter::once(&statement.name).chain(&statement.args) {
        if let Err(message) = expand_arg(arg, names, &mut words) {
            diagnostics.push(error(Pos { line: arg.line, ..pos }, message));
            return false;
        }
    }
    let mut words = words.into_iter();
    let Some(name) = words.next() else {
        diagnostics.error(pos, format!("\"{}\" is empty", statement.name.text()));
        return false;
    };
    statement.name = name;
    statement.args = words.collect();
    true
}

/// Says that a name has no value, and what to do about it.
pub(super) fn error(pos: Pos, message: String) -> ConfigError {
    let unset = message.ends_with("is not set");
    let error = emerg(pos, message);
    if unset { error.note("set it, or write a default: ${NAME:-default}") } else { error }
}

/// Appends what a word becomes: a value with blanks in a word without quotes makes several, an empty one may make none.
fn expand_arg(arg: &Arg, names: &Names<'_>, words: &mut Vec<Arg>) -> Result<(), String> {
    let mut word = Vec::new();
    let mut begun = arg.quoted;
    let new = |text| Arg::new(text, arg.quoted, arg.line);
    for piece in pieces(arg.bytes()) {
        let (name, default, written) = match piece {
            Piece::Text(text) => {
                word.extend_from_slice(text);
                begun = true;
                continue;
            }
            Piece::Name { name, default, written } => (name, default, written),
        };
        let value = names.value(name, default, 0)?;
        let Some(value) = value else {
            word.extend_from_slice(written);
            begun = true;
            continue;
        };
        if arg.quoted {
            word.extend(value);
            continue;
        }
        for (at, part) in value.split(u8::is_ascii_whitespace).enumerate() {
            if at > 0 && std::mem::take(&mut begun) {
                words.push(new(std::mem::take(&mut word)));
            }
            begun |= !part.is_empty();
            word.extend_from_slice(part);
        }
    }
    if begun {
        words.push(new(word));
    }
    Ok(())
}

/// A part of a word.
enum Piece<'a> {
    Text(&'a [u8]),
    Name {
        name: &'a str,
        /// What follows `:-`.
        default: Option<&'a [u8]>,
        /// The whole, from `${` to `}`.
        written: &'a [u8],
    },
}

/// Takes a word apart.
fn pieces(text: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((piece, after)) = name_at(rest) {
            rest = after;
            return Some(piece);
        }
        let begins = memchr::memmem::find_iter(rest, b"${").find(|at| name_at(&rest[*at..]).is_some());
        let (text, after) = rest.split_at(begins.unwrap_or(rest.len()));
        rest = after;
        Some(Piece::Text(text))
    })
}

/// The name that stands at the beginning, and what follows it.
fn name_at(text: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let inner = text.strip_prefix(b"${")?;
    let is_name = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    let len = inner.iter().position(|b| !is_name(b))?;
    let (name, rest) = inner.split_at(len);
    if !name.iter().any(u8::is_ascii_uppercase) || name.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let (default, after) = match rest {
        [b'}', after @ ..] => (None, after),
        [b':', b'-', rest @ ..] => {
            let end = closing(rest)?;
            (Some(&rest[..end]), &rest[end + 1..])
        }
        _ => return None,
    };
    let name = std::str::from_utf8(name).ok()?;
    let written = &text[..text.len() - after.len()];
    Some((Piece::Name { name, default, written }, after))
}

/// Where the `}` is that ends a default; it may hold names in braces of its own.
fn closing(text: &[u8]) -> Option<usize> {
    let mut open = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'{' if at > 0 && text[at - 1] == b'$' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Notes the variables that a statement and its block declare: `set $NAME`, `map … $NAME`, `(?<NAME>…)`.
fn declare(statement: &Statement, into: &mut HashSet<String>) {
    let at = match statement.name.text() {
        "set" | "auth_request_set" | "perl_set" | "js_set" | "js_var" => Some(0),
        "map" | "split_clients" => Some(1),
        "geo" => statement.args.len().checked_sub(1),
        _ => None,
    };
    let declared = at.and_then(|at| statement.args.get(at)).and_then(|arg| arg.text().strip_prefix('$'));
    into.extend(declared.map(str::to_ascii_lowercase));
    for arg in std::iter::once(&statement.name).chain(&statement.args) {
        for (at, opening) in arg.text().match_indices("(?") {
            let rest = &arg.text()[at + opening.len()..];
            let rest = rest.strip_prefix('P').unwrap_or(rest);
            if let Some((name, _)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                into.insert(name.to_ascii_lowercase());
            }
        }
    }
    for child in statement.block.iter().flatten() {
        declare(child, into);
    }
}

#[cfg(test)]
mod tests {
    use super::{HashSet, Names, expand_arg, expand_path};
    use crate::config::ast::Arg;

    fn lookup(name: &str) -> Option<Vec<u8>> {
        let value = match name {
            "APP" => "app:8000",
            "NAMES" => " a.example  b.example ",
            "EMPTY" => "",
            "DOLLAR" => "$",
            "LOOP" => "${APP}",
            _ => return None,
        };
        Some(value.as_bytes().to_vec())
    }

    fn words(text: &str, quoted: bool) -> Result<Vec<String>, String> {
        let declared = HashSet::from(["mine".to_owned()]);
        let mut words = Vec::new();
        let arg = Arg::new(text.as_bytes().to_vec(), quoted, 1);
        expand_arg(&arg, &Names { lookup: &lookup, declared: &declared }, &mut words)?;
        Ok(words.iter().map(|word| word.text().to_owned()).collect())
    }

    #[test]
    fn names_and_defaults() {
        for (text, expected) in [
            ("http://${APP}/x", "http://app:8000/x"),
            ("${APP}${APP:-y}", "app:8000app:8000"),
            ("${NONE:-y}", "y"),
            ("${NONE:-}z", "z"),
            ("${EMPTY:-y}", "y"),
            ("${NONE:-${APP}}", "app:8000"),
            ("${NONE:-${host}x}", "${host}x"),
            ("${NONE:-a}b}", "ab}"),
            ("${DOLLAR}host", "$host"),
            ("${LOOP}", "${APP}"),
            ("${MINE}", "${MINE}"),
            ("${host}$APP${2}$", "${host}$APP${2}$"),
            ("${Host}${9A}${APP", "${Host}${9A}${APP"),
            ("${APP-x}${}${_}", "${APP-x}${}${_}"),
            ("a${NONE:-\\}", "a\\"),
        ] {
            assert_eq!(words(text, false).as_deref(), Ok(&[expected.to_owned()][..]), "{text}");
            assert_eq!(words(text, true).as_deref(), Ok(&[expected.to_owned()][..]), "{text}");
        }
    }

    #[test]
    fn words_from_one_value() {
        assert_eq!(words("${NAMES}", false).unwrap(), ["a.example", "b.example"]);
        assert_eq!(words("x${NAMES}y", false).unwrap(), ["x", "a.example", "b.example", "y"]);
        assert_eq!(words("${NAMES}", true).unwrap(), [" a.example  b.example "]);
        assert!(words("${EMPTY}", false).unwrap().is_empty());
        assert_eq!(words("${EMPTY}", true).unwrap(), [""]);
        assert_eq!(words("a b${EMPTY}", false).unwrap(), ["a b"]);
    }

    #[test]
    fn what_has_no_value() {
        let unset = "environment variable \"NONE\" is not set";
        assert_eq!(words("x${NONE}", false).unwrap_err(), unset);
        assert_eq!(words("${NONE:-${NONE}}", true).unwrap_err(), unset);
        assert!(words("${MINE:-x}", true).unwrap_err().contains("declares"));
        let nested = format!("{}x{}", "${NONE:-".repeat(20), "}".repeat(20));
        assert!(words(&nested, true).unwrap_err().contains("within each other"));
        assert_eq!(expand_path(b"/etc/${APP}/*.conf", &lookup).unwrap(), b"/etc/app:8000/*.conf");
        assert_eq!(expand_path(b"/etc/${NONE}", &lookup).unwrap_err(), unset);
    }
}
