//! The table of directives: what nginx knows of each, and what is done with it here.
//!
//! One entry per directive feeds the checks, the messages and `docs/directives.md`. The entries stand in
//! `directives/`, one file a family; nothing else in the program may hold a second list of names.

use std::collections::HashMap;
use std::ops::BitOr;
use std::sync::OnceLock;

use super::directives::FAMILIES;

/// Where a directive may stand: a set of contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts(pub u16);

impl Contexts {
    /// The outermost level.
    pub const MAIN: Self = Self(1);
    /// `events {}`
    pub const EVENTS: Self = Self(1 << 1);
    /// `http {}`
    pub const HTTP: Self = Self(1 << 2);
    /// `server {}`
    pub const SERVER: Self = Self(1 << 3);
    /// `location {}`
    pub const LOCATION: Self = Self(1 << 4);
    /// `upstream {}`
    pub const UPSTREAM: Self = Self(1 << 5);
    /// `if {}` in a server
    pub const SERVER_IF: Self = Self(1 << 6);
    /// `if {}` in a location
    pub const LOCATION_IF: Self = Self(1 << 7);
    /// `limit_except {}`
    pub const LIMIT_EXCEPT: Self = Self(1 << 8);
    /// Everywhere.
    pub const ANY: Self = Self(u16::MAX);

    const NAMES: [(Self, &'static str); 9] = [
        (Self::MAIN, "main"),
        (Self::EVENTS, "events"),
        (Self::HTTP, "http"),
        (Self::SERVER, "server"),
        (Self::LOCATION, "location"),
        (Self::UPSTREAM, "upstream"),
        (Self::SERVER_IF, "if in server"),
        (Self::LOCATION_IF, "if in location"),
        (Self::LIMIT_EXCEPT, "limit_except"),
    ];

    /// Do they share one?
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Their names, as the documentation writes them: `http, server, location`.
    pub fn names(self) -> String {
        if self == Self::ANY {
            return "any".to_owned();
        }
        let names: Vec<&str> =
            Self::NAMES.iter().filter(|(one, _)| self.intersects(*one)).map(|(_, name)| *name).collect();
        names.join(", ")
    }
}

impl BitOr for Contexts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How many arguments a directive takes: bit n stands for n of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arity(pub u16);

impl Arity {
    /// Any number.
    pub const ANY: Self = Self(u16::MAX);
    /// At least one.
    pub const ONE_OR_MORE: Self = Self(!1);
    /// At least two.
    pub const TWO_OR_MORE: Self = Self(!3);

    /// One of these numbers.
    pub const fn of(counts: &[u8]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < counts.len() {
            bits |= 1 << counts[i];
            i += 1;
        }
        Self(bits)
    }

    /// Is this number of arguments right?
    pub fn allows(self, count: usize) -> bool {
        self.0 & (1 << count.min(15)) != 0
    }
}

/// Does a directive have a block, and what stands in it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// It ends with `;`.
    None,
    /// Directives of this context.
    Of(Contexts),
    /// The context depends on where it stands (`if`).
    OfPlace,
    /// Entries that are no directives (`types`).
    Entries,
    /// Not read: belongs to something that is not supported (`map`, `stream`).
    Skipped,
}

/// What becomes of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does what it does in nginx.
    Supported,
    /// Accepted without effect, because nothing here needs it: the reason.
    Accepted(&'static str),
    /// Not supported yet and ignored with a warning: what that means.
    Ignored(&'static str),
    /// Not supported yet; a location that has it answers every request with an error: what it would have done.
    Closed(&'static str),
    /// It guards something, so ignoring it would open what was closed: the configuration is refused.
    Refused {
        /// What it would have done.
        why: &'static str,
        /// With this as only argument it guards nothing and is ignored.
        unless: &'static str,
    },
}

/// One directive.
#[derive(Debug)]
pub struct DirectiveSpec {
    /// Its name.
    pub name: &'static str,
    /// nginx's module.
    pub module: &'static str,
    /// Where it may stand.
    pub contexts: Contexts,
    /// How many arguments it takes.
    pub arity: Arity,
    /// Takes `on` or `off` and nothing else.
    pub flag: bool,
    /// Its block.
    pub block: Block,
    /// Its arguments as the documentation writes them.
    pub syntax: &'static str,
    /// What holds when it is not written; empty when there is no such thing.
    pub default: &'static str,
    /// What is done with it.
    pub support: Support,
    /// What it does, in a line.
    pub doc: &'static str,
}

/// What keeps somebody or something out and is supported.
const GUARDS: [&str; 12] = [
    "allow",
    "auth_basic",
    "auth_basic_user_file",
    "auth_request",
    "deny",
    "internal",
    "limit_conn",
    "limit_except",
    "limit_req",
    "secure_link",
    "secure_link_md5",
    "valid_referers",
];

impl DirectiveSpec {
    /// It keeps somebody or something out: it must never be ignored in silence, nor a misspelling of it.
    pub fn guards(&self) -> bool {
        matches!(self.support, Support::Refused { .. }) || GUARDS.contains(&self.name)
    }

    /// It answers a location's requests.
    pub fn is_handler(&self) -> bool {
        matches!(self.support, Support::Closed(_)) || self.name.ends_with("_pass")
    }

    /// The whole line: `listen address …;`.
    pub fn usage(&self) -> String {
        let space = if self.syntax.is_empty() { "" } else { " " };
        let end = if self.block == Block::None { ";" } else { " { ... }" };
        format!("{}{space}{}{end}", self.name, self.syntax)
    }
}

/// All entries, family by family.
pub fn all() -> impl Iterator<Item = &'static DirectiveSpec> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The entries of a name: most have one; `server`, `keepalive_timeout` and a few more have one per place.
pub fn named(name: &str) -> impl Iterator<Item = &'static DirectiveSpec> + use<> {
    static BY_NAME: OnceLock<HashMap<&'static str, Vec<&'static DirectiveSpec>>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let mut map: HashMap<_, Vec<_>> = HashMap::new();
        for spec in all() {
            map.entry(spec.name).or_default().push(spec);
        }
        map
    });
    by_name.get(name).into_iter().flatten().copied()
}

/// The name that is spelled most like `name`: one that is allowed in `here` if any is close, else any.
/// With its distance in slips of the finger.
pub fn nearest(name: &str, here: Contexts) -> Option<(&'static DirectiveSpec, usize)> {
    // One slip in three letters is a typo, more is another word.
    let limit = (name.len() / 3).clamp(1, 3);
    let wanted = name.replace('-', "_").to_ascii_lowercase();
    let mut best: Option<(usize, &'static DirectiveSpec, usize)> = None;
    for spec in all() {
        if spec.name.len().abs_diff(wanted.len()) > limit {
            continue;
        }
        let distance = edit_distance(wanted.as_bytes(), spec.name.as_bytes());
        // A name that may stand here beats one that may not, then the closer one, then the first in the table.
        let rank = distance * 2 + usize::from(!spec.contexts.intersects(here)) * 3;
        if distance <= limit && best.is_none_or(|(known, ..)| rank < known) {
            best = Some((rank, spec, distance));
        }
    }
    best.map(|(_, spec, distance)| (spec, distance))
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// `docs/directives.md`.
pub fn directives_markdown() -> String {
    let mut out = String::from(HEAD);
    for family in FAMILIES {
        let Some(first) = family.first() else { continue };
        out.push_str(&format!("\n## {}\n\n", first.module));
        out.push_str("| directive | where | default | |\n|---|---|---|---|\n");
        for spec in family.iter() {
            let status = match spec.support {
                Support::Supported => "yes".to_owned(),
                Support::Accepted(why) => format!("accepted: {why}"),
                Support::Ignored(effect) => format!("**ignored**: {effect}"),
                Support::Closed(what) => format!("**answers 502**: {what}"),
                Support::Refused { why, unless: "" } => format!("**refused**: {why}"),
                Support::Refused { why, unless } => format!("**refused** (unless `{unless}`): {why}"),
            };
            let default = match spec.default {
                "" => String::new(),
                text => format!("`{}`", cell(text)),
            };
            let doc = if spec.doc.is_empty() { String::new() } else { format!("{} ", spec.doc) };
            out.push_str(&format!(
                "| `{}` | {} | {default} | {doc}({status}) |\n",
                cell(&spec.usage()),
                spec.contexts.names(),
            ));
        }
    }
    out
}

/// Modules in the table that are not nginx's own.
#[cfg(test)]
const OF_OTHERS: [&str; 5] = [
    "ngx_http_headers_more_filter_module",
    "ngx_http_geoip2_module",
    "ngx_http_brotli_module",
    "ngx_http_subs_filter_module",
    "ringx",
];

/// One sentence about the table, for the README.
#[cfg(test)]
fn directive_counts() -> String {
    let [mut supported, mut accepted, mut ignored, mut refused] = [0_usize; 4];
    for spec in all().filter(|spec| !OF_OTHERS.contains(&spec.module)) {
        *match spec.support {
            Support::Supported => &mut supported,
            Support::Accepted(_) => &mut accepted,
            Support::Ignored(_) => &mut ignored,
            Support::Closed(_) | Support::Refused { .. } => &mut refused,
        } += 1;
    }
    let all = supported + accepted + ignored + refused;
    format!(
        "Of {all} directives of nginx's modules (those of its commercial version among them) {supported} work, {accepted} are accepted because nothing\nhere needs them, {ignored} are ignored with a warning, and {refused} are refused or answered 502, because they guard something or\nanswer by themselves."
    )
}

const HEAD: &str = "# Directives

Generated from the program's own table; a test holds this file against it.

*yes*: works as in nginx. *accepted*: read and checked, no effect, because nothing here needs it. *ignored*: not supported
yet, reported with file and line at every start. *answers 502*: a location with it refuses every request.
*refused*: it guards something, so the configuration is not loaded. `--strict` refuses all that is ignored.
";

/// Text of a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{Block, Contexts, Support, all, directive_counts, directives_markdown, named, nearest};

    #[test]
    fn docs_are_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/directives.md");
        let generated = directives_markdown();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == generated, "docs/directives.md is stale: UPDATE_DOCS=1 cargo test docs");
    }

    #[test]
    fn docs_and_readme_count_alike() {
        const BEGIN: &str = "<!-- counted: UPDATE_DOCS=1 cargo test --lib docs -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once("\n\n").unwrap();
        let generated = format!("{before}{BEGIN}{}\n\n{after}", directive_counts());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == generated, "README.md counts wrong: UPDATE_DOCS=1 cargo test --lib docs");
    }

    #[test]
    fn no_two_entries_for_one_place() {
        let specs: Vec<_> = all().collect();
        for (i, a) in specs.iter().enumerate() {
            for b in &specs[i + 1..] {
                assert!(a.name != b.name || !a.contexts.intersects(b.contexts), "{}", a.name);
            }
        }
    }

    #[test]
    fn entries_are_whole() {
        for spec in all() {
            assert!(!spec.flag || spec.arity.allows(1), "{}", spec.name);
            assert!(spec.support != Support::Supported || !spec.doc.is_empty(), "{}", spec.name);
            assert!(spec.support != Support::Supported || spec.block != Block::Skipped, "{}", spec.name);
        }
        assert_eq!(named("server").count(), 2);
    }

    #[test]
    fn spelling() {
        let near = |name, here| nearest(name, here).map(|(spec, _)| spec.name);
        assert_eq!(near("prox_pass", Contexts::LOCATION), Some("proxy_pass"));
        assert_eq!(near("lsiten", Contexts::SERVER), Some("listen"));
        assert_eq!(near("Root", Contexts::SERVER), Some("root"));
        assert_eq!(near("sever", Contexts::HTTP), Some("server"));
        assert_eq!(near("completely_else", Contexts::HTTP), None);
    }
}
