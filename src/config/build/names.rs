//! The names that a file declares anywhere: they are known before the first value is compiled.
//!
//! nginx looks variables up after the whole file is read, so a capture may be used above the regular expression
//! that has it. Variables of directives that are not supported yet are known too, and always empty.

use super::super::ast::Directive;
use super::super::template::VariableScope;

/// Directives that make a variable, and which argument names it (counted from 0).
const DECLARING: [(&str, usize); 9] = [
    ("perl_set", 0),
    ("js_set", 0),
    ("js_var", 0),
    ("set_by_lua", 0),
    ("set_by_lua_block", 0),
    ("userid", 0),
    ("upstream_cookie", 0),
    ("auth_jwt_claim_set", 0),
    ("geoip2", 0),
];

/// Directives whose arguments may be regular expressions with named groups.
const WITH_PATTERNS: [&str; 9] = [
    "location",
    "server_name",
    "proxy_redirect",
    "proxy_cookie_domain",
    "proxy_cookie_path",
    "proxy_cookie_flags",
    "if",
    "rewrite",
    "valid_referers",
];

/// Directives whose last argument names a variable that they derive from others.
const DERIVING: [&str; 3] = ["map", "geo", "split_clients"];

/// Collects all names of `directives` and of the blocks in them.
pub(super) fn collect(directives: &[Directive], scope: &mut VariableScope) {
    for d in directives {
        if let Some((_, which)) = DECLARING.iter().find(|(name, _)| *name == d.name())
            && let Some(at) = d.args().len().checked_sub(1)
            && let Some(name) = d.arg((*which).min(at)).strip_prefix('$')
        {
            scope.declare(name);
        }
        if d.name() == "set"
            && let Some(name) = d.arg(0).strip_prefix('$')
            && !["args", "limit_rate"].contains(&name.to_ascii_lowercase().as_str())
        {
            scope.set_slot(name);
        }
        // No value before, while one of `set` is empty before.
        if d.name() == "auth_request_set"
            && let Some(name) = d.arg(0).strip_prefix('$')
            && !["args", "limit_rate"].contains(&name.to_ascii_lowercase().as_str())
        {
            scope.capture_slot(name);
        }
        if WITH_PATTERNS.contains(&d.name()) {
            for i in 0..d.args().len() {
                groups(d.arg(i), |name| {
                    scope.capture_slot(name);
                });
            }
        }
        if DERIVING.contains(&d.name()) {
            if let Some(name) = d.args().last().and_then(|name| name.text().strip_prefix('$')) {
                scope.declare_derived(name);
            }
            for line in d.children().iter().filter(|line| line.name().starts_with('~')) {
                groups(line.name(), |name| {
                    scope.capture_slot(name);
                });
            }
        } else {
            collect(d.children(), scope);
        }
    }
}

/// Calls `found` with each `(?<name>`, `(?P<name>` and `(?'name'` of a regular expression.
fn groups(pattern: &str, mut found: impl FnMut(&str)) {
    for (at, _) in pattern.match_indices("(?") {
        let rest = &pattern[at + 2..];
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let (rest, close) = match rest.as_bytes().first() {
            Some(b'<') => (&rest[1..], '>'),
            Some(b'\'') => (&rest[1..], '\''),
            _ => continue,
        };
        if let Some((name, _)) = rest.split_once(close)
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            found(name);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn group_names() {
        let mut names = Vec::new();
        super::groups(r"^(?<a>x)(?P<b_1>y)(?'c'z)(?=no)(?<!no)(?<=no)(?:no)(?<d", |name| {
            names.push(name.to_owned());
        });
        assert_eq!(names, ["a", "b_1", "c"]);
    }
}
