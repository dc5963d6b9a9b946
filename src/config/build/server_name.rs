//! `server_name`: the kinds of names, and names that two servers claim on one address.
//!
//! Names are kept in lower case; a name that an earlier server on the address has is warned about and ignored.

use std::collections::HashSet;

use super::super::model::ServerName;

/// A name as it was read, before regular expressions are compiled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParsedName {
    /// All but regular expressions.
    Literal(Kind, String),
    /// The expression without `~`, and whether case counts (it does not as soon as a capital is in it).
    Regex {
        /// The expression.
        source: String,
        /// Without regard to case.
        caseless: bool,
    },
}

/// Kinds of literal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `a.b`
    Exact,
    /// `*.a.b`
    Leading,
    /// `.a.b`
    Dotted,
    /// `a.b.*`
    Trailing,
}

/// Reads one argument.
///
/// # Errors
/// nginx's message without ` in FILE:LINE`.
pub(super) fn parse(text: &str) -> Result<ParsedName, String> {
    let invalid = || format!("server name \"{text}\" is invalid");
    if let Some(source) = text.strip_prefix('~') {
        if source.is_empty() {
            return Err(format!("empty regex in server name \"{text}\""));
        }
        let caseless = source.bytes().any(|b| b.is_ascii_uppercase());
        return Ok(ParsedName::Regex { source: source.to_owned(), caseless });
    }
    let name = text.to_ascii_lowercase();
    if name.starts_with('*') && (name.len() < 3 || !name.starts_with("*.")) || name == "." {
        return Err(invalid());
    }
    let (kind, kept) = if let Some(rest) = name.strip_prefix('*') {
        (Kind::Leading, rest.to_owned())
    } else if name.starts_with('.') {
        (Kind::Dotted, name.clone())
    } else if let Some(rest) = name.strip_suffix(".*") {
        (Kind::Trailing, format!("{rest}."))
    } else {
        (Kind::Exact, name.clone())
    };
    Ok(ParsedName::Literal(kind, kept))
}

impl Kind {
    /// The model's name.
    pub(super) fn name(self, text: String) -> ServerName {
        match self {
            Self::Exact => ServerName::Exact(text),
            Self::Leading => ServerName::LeadingWildcard(text),
            Self::Dotted => ServerName::Dotted(text),
            Self::Trailing => ServerName::TrailingWildcard(text),
        }
    }
}

/// Why a name cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// An earlier server has it.
    Taken,
    /// No host can ever have such a name; nginx finds out only where several servers share an address.
    Invalid,
}

/// The names of one listening address, to find the second claim.
#[derive(Debug, Default)]
pub(super) struct Claims {
    exact: HashSet<String>,
    leading: HashSet<String>,
    trailing: HashSet<String>,
}

impl Claims {
    /// Claims `name`.
    ///
    /// # Errors
    /// Why it is not to be had, with the name as messages show it.
    pub(super) fn claim(&mut self, name: &ServerName) -> Result<(), (Claim, String)> {
        let (shown, wildcards) = match name {
            ServerName::Exact(name) | ServerName::Dotted(name) => (name.clone(), 0),
            ServerName::LeadingWildcard(name) => (format!("*{name}"), 1),
            ServerName::TrailingWildcard(name) => (format!("{name}*"), 1),
            ServerName::Regex(_) => return Ok(()),
        };
        if shown.matches('*').count() > wildcards || shown.contains("..") || shown.contains('\0') {
            return Err((Claim::Invalid, shown));
        }
        let fresh = match name {
            ServerName::Exact(name) => self.exact.insert(name.clone()),
            ServerName::LeadingWildcard(name) => self.leading.insert(name.clone()),
            ServerName::Dotted(name) => {
                let bare = self.exact.insert(name.trim_start_matches('.').to_owned());
                self.leading.insert(name.clone()) && bare
            }
            ServerName::TrailingWildcard(name) => self.trailing.insert(name.clone()),
            ServerName::Regex(_) => true,
        };
        if fresh { Ok(()) } else { Err((Claim::Taken, shown)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, Kind, ParsedName, parse};

    #[test]
    fn kinds() {
        for (text, kind, kept) in [
            ("Example.COM", Kind::Exact, "example.com"),
            ("_", Kind::Exact, "_"),
            ("", Kind::Exact, ""),
            ("*.a.b", Kind::Leading, ".a.b"),
            (".a.b", Kind::Dotted, ".a.b"),
            ("mail.*", Kind::Trailing, "mail."),
        ] {
            assert_eq!(parse(text), Ok(ParsedName::Literal(kind, kept.to_owned())), "{text}");
        }
        let regex = |source: &str, caseless| Ok(ParsedName::Regex { source: source.to_owned(), caseless });
        assert_eq!(parse("~^www\\d+$"), regex("^www\\d+$", false));
        assert_eq!(parse("~^WWW$"), regex("^WWW$", true));
    }

    #[test]
    fn errors() {
        for text in ["*", "*a", ".", "*."] {
            assert_eq!(parse(text), Err(format!("server name \"{text}\" is invalid")));
        }
        assert_eq!(parse("~"), Err("empty regex in server name \"~\"".to_owned()));
    }

    #[test]
    fn second_claims() {
        let mut claims = Claims::default();
        let mut claim = |kind: Kind, name: &str| claims.claim(&kind.name(name.to_owned()));
        let taken = |shown: &str| Err((Claim::Taken, shown.to_owned()));
        assert_eq!(claim(Kind::Exact, "a"), Ok(()));
        assert_eq!(claim(Kind::Dotted, ".b"), Ok(()));
        assert_eq!(claim(Kind::Exact, "a"), taken("a"));
        assert_eq!(claim(Kind::Exact, "b"), taken("b"));
        assert_eq!(claim(Kind::Leading, ".b"), taken("*.b"));
        assert_eq!(claim(Kind::Trailing, "a."), Ok(()));
        for (kind, name, shown) in
            [(Kind::Exact, "a*b", "a*b"), (Kind::Exact, "a..b", "a..b"), (Kind::Leading, ".a.*", "*.a.*")]
        {
            assert_eq!(claim(kind, name), Err((Claim::Invalid, shown.to_owned())));
        }
    }
}
