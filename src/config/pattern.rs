//! A compiled regular expression of the configuration (`location ~`, `server_name ~`, `proxy_redirect ~`).
//!
//! fancy-regex in ASCII bytes mode stands in for PCRE without UTF: look-around and named groups work, any byte
//! may be matched, and the number of back-tracking steps is bounded so that a hostile URI cannot hold a core.

use std::fmt;

use fancy_regex::{BytesMode, Regex, RegexBuilder};

/// Steps of back-tracking after which a match counts as failed (PCRE's `pcre_match_limit` has this purpose).
const BACKTRACK_LIMIT: usize = 100_000;

/// A compiled pattern.
pub struct Pattern {
    source: String,
    caseless: bool,
    regex: Regex,
    /// Slots of the named groups: (group number, index into the slots of `HttpConf::scope`).
    pub named: Vec<(usize, u16)>,
}

impl Pattern {
    /// Compiles `source`; `slot_of` registers each group name and gives its slot.
    ///
    /// # Errors
    /// The engine's message, for `pcre2_compile() failed: … in "…"`.
    pub fn compile(
        source: &str,
        caseless: bool,
        mut slot_of: impl FnMut(&str) -> u16,
    ) -> Result<Self, String> {
        let regex = RegexBuilder::new(source)
            .case_insensitive(caseless)
            .bytes_mode(BytesMode::Ascii)
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map_err(|e| e.to_string())?;
        let named =
            regex.capture_names().enumerate().filter_map(|(i, n)| n.map(|n| (i, slot_of(n)))).collect();
        Ok(Self { source: source.to_owned(), caseless, regex, named })
    }

    /// The text as written, without `~`.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Compiled without regard to case.
    pub fn caseless(&self) -> bool {
        self.caseless
    }

    /// True when the pattern sets `$1` and so on, or named variables.
    pub fn has_groups(&self) -> bool {
        self.regex.captures_len() > 1
    }

    /// How many groups there are, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Does it match anywhere in `subject`? A match that runs into the step limit counts as none.
    pub fn is_match(&self, subject: &[u8]) -> bool {
        self.try_match(subject).unwrap_or(false)
    }

    /// Like `is_match`, for who must know of a match that was given up.
    ///
    /// # Errors
    /// The engine's message: the step limit was reached.
    pub fn try_match(&self, subject: &[u8]) -> Result<bool, String> {
        self.regex.is_match(subject).map_err(|e| e.to_string())
    }

    /// Like `is_match` and `captures`, for who must know of a match that was given up.
    ///
    /// # Errors
    /// The engine's message: the step limit was reached.
    pub fn search(&self, subject: &[u8], groups: &mut Vec<Option<(u32, u32)>>) -> Result<bool, String> {
        if !self.has_groups() {
            let found = self.try_match(subject)?;
            if found {
                groups.clear();
            }
            return Ok(found);
        }
        match self.regex.captures(subject) {
            Ok(None) => Ok(false),
            Ok(Some(found)) => {
                groups.clear();
                groups.extend(
                    (0..found.len()).map(|i| found.get(i).map(|m| (m.start() as u32, m.end() as u32))),
                );
                Ok(true)
            }
            Err(e) => Err(e.to_string()),
        }
    }

    /// Matches and appends each group's range (group 0 first; `None` where a group took no part) to `groups`.
    /// Costs an allocation: the engine makes a table of the groups for each match.
    pub fn captures(&self, subject: &[u8], groups: &mut Vec<Option<(u32, u32)>>) -> bool {
        let Ok(Some(found)) = self.regex.captures(subject) else { return false };
        groups.clear();
        for i in 0..found.len() {
            groups.push(found.get(i).map(|m| (m.start() as u32, m.end() as u32)));
        }
        true
    }
}

impl Clone for Pattern {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            caseless: self.caseless,
            regex: self.regex.clone(),
            named: self.named.clone(),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{}{:?}", if self.caseless { "*" } else { "" }, self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn compile(source: &str) -> Pattern {
        Pattern::compile(source, false, |_| 0).unwrap()
    }

    #[test]
    fn groups_and_look_around() {
        let pattern = compile(r"^/(?!admin)(?<app>\w+)/(x)?");
        let mut groups = Vec::new();
        assert!(pattern.captures(b"/blog/y", &mut groups));
        assert_eq!(groups[1], Some((1, 5)));
        assert_eq!(groups[2], None);
        assert!(!pattern.captures(b"/admin/y", &mut groups));
        assert_eq!(pattern.named, vec![(1, 0)]);
    }

    #[test]
    fn any_byte_may_be_matched() {
        assert!(compile(r"^/.\.css$").is_match(b"/\xff.css"));
    }
}
