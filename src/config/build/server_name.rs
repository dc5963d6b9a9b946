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
    let doubled = kept.contains("..") || kept.contains('\0');
    if kind != Kind::Exact && (kept.contains('*') || doubled || kept.len() < 2) {
        return Err(invalid());
    }
    // `*` within an exact name never matches any host; nginx refuses it when the names are hashed.
    if kind == Kind::Exact && kept.contains('*') {
        return Err(format!("invalid server name or wildcard \"{text}\""));
    }
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

/// The names of one listening address, to find the second claim.
#[derive(Debug, Default)]
pub(super) struct Claims {
    exact: HashSet<String>,
    leading: HashSet<String>,
    trailing: HashSet<String>,
}

impl Claims {
    /// Claims `name`; what to show in the warning when it is taken already.
    pub(super) fn claim(&mut self, name: &ServerName) -> Option<String> {
        let (fresh, shown) = match name {
            ServerName::Exact(name) => (self.exact.insert(name.clone()), name.clone()),
            ServerName::LeadingWildcard(name) => (self.leading.insert(name.clone()), format!("*{name}")),
            ServerName::Dotted(name) => {
                let bare = self.exact.insert(name.trim_start_matches('.').to_owned());
                (self.leading.insert(name.clone()) && bare, name.clone())
            }
            ServerName::TrailingWildcard(name) => (self.trailing.insert(name.clone()), format!("{name}*")),
            ServerName::Regex(_) => return None,
        };
        (!fresh).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claims, Kind, ParsedName, parse};

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
        assert!(parse("a*b").is_err());
    }

    #[test]
    fn second_claims() {
        let mut claims = Claims::default();
        let mut claim = |kind: Kind, name: &str| claims.claim(&kind.name(name.to_owned()));
        assert_eq!(claim(Kind::Exact, "a"), None);
        assert_eq!(claim(Kind::Dotted, ".b"), None);
        assert_eq!(claim(Kind::Exact, "a"), Some("a".to_owned()));
        assert_eq!(claim(Kind::Exact, "b"), Some("b".to_owned()));
        assert_eq!(claim(Kind::Leading, ".b"), Some("*.b".to_owned()));
        assert_eq!(claim(Kind::Trailing, "a."), None);
    }
}
