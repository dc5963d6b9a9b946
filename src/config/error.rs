//! What is wrong with a configuration: every error and warning of one run, in nginx's words and shape.
//!
//! Source, parser, check and build all report into one [`Diagnostics`]; it is shown in the order of the file.
//! Nothing here prints: `cli` and `master` decide where the lines go.

use std::fmt::Write as _;

use super::source::Sources;

/// Errors and warnings kept in one run; later ones are only counted.
const MAX_DIAGNOSTICS: usize = 500;
/// Characters of a source line that a message shows.
const MAX_EXCERPT: usize = 160;

/// A place in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// Rank in the order of reading, over all files.
    pub order: u32,
    /// The file.
    pub file: FileId,
    /// The line, from 1.
    pub line: u32,
}

/// Index into [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// nginx's level words, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Emerg,
    /// Something written has no effect.
    Warn,
    /// Worth knowing.
    Notice,
}

impl Severity {
    /// The word in brackets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Warn => "warn",
            Self::Notice => "notice",
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// How bad.
    pub severity: Severity,
    /// nginx's text, without ` in FILE:LINE`.
    pub message: String,
    /// Where; `None` when it is about no line.
    pub pos: Option<Pos>,
    /// What nginx does not say: allowed places, the nearest spelling, the remedy.
    pub notes: Vec<String>,
}

impl ConfigError {
    /// Adds a line of advice.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Everything one run found.
#[derive(Debug, Default)]
pub struct Diagnostics {
    items: Vec<ConfigError>,
    errors: usize,
    dropped: usize,
}

impl Diagnostics {
    /// Reports an error.
    pub fn error(&mut self, pos: impl Into<Option<Pos>>, message: impl Into<String>) {
        self.push(emerg(pos, message));
    }

    /// Reports a warning.
    pub fn warn(&mut self, pos: impl Into<Option<Pos>>, message: impl Into<String>) {
        self.push(warning(pos, message));
    }

    /// Reports a notice.
    pub fn notice(&mut self, pos: impl Into<Option<Pos>>, message: impl Into<String>) {
        self.push(ConfigError { severity: Severity::Notice, ..emerg(pos, message) });
    }

    /// Reports a ready-made message.
    pub fn push(&mut self, error: ConfigError) {
        self.errors += usize::from(error.severity == Severity::Emerg);
        // The first error must always be shown, however many warnings came before it.
        if self.items.len() < MAX_DIAGNOSTICS || (error.severity == Severity::Emerg && self.errors == 1) {
            self.items.push(error);
        } else {
            self.dropped += 1;
        }
    }

    /// True when the configuration must be refused.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All messages in the order of the file; those about no line come last.
    pub fn sorted(&self) -> Vec<&ConfigError> {
        let mut items: Vec<&ConfigError> = self.items.iter().collect();
        items.sort_by_key(|item| item.pos.map_or(u32::MAX, |pos| pos.order));
        items
    }

    /// All messages as lines `PROGRAM: [emerg] message in FILE:LINE`, each followed by its indented notes.
    pub fn render(&self, program: &str, sources: &Sources) -> String {
        self.render_down_to(Severity::Notice, program, sources)
    }

    /// The same without what is less severe than `least`.
    pub fn render_down_to(&self, least: Severity, program: &str, sources: &Sources) -> String {
        let mut out = String::new();
        for item in self.sorted().into_iter().filter(|item| item.severity <= least) {
            let head = describe(item, sources);
            let _ = writeln!(out, "{program}: [{}] {head}", item.severity.word());
            for note in details(item, sources) {
                let _ = writeln!(out, "    {note}");
            }
        }
        if self.dropped > 0 && least == Severity::Notice {
            let _ = writeln!(out, "{program}: [notice] {} more messages are not shown", self.dropped);
        }
        out
    }
}

/// An error, to add notes to.
pub fn emerg(pos: impl Into<Option<Pos>>, message: impl Into<String>) -> ConfigError {
    ConfigError { severity: Severity::Emerg, message: message.into(), pos: pos.into(), notes: Vec::new() }
}

/// A warning, to add notes to.
pub fn warning(pos: impl Into<Option<Pos>>, message: impl Into<String>) -> ConfigError {
    ConfigError { severity: Severity::Warn, ..emerg(pos, message) }
}

/// The message with its place, on one line: what `error_log` gets.
pub fn describe(item: &ConfigError, sources: &Sources) -> String {
    let mut line = item.message.clone();
    if let Some(pos) = item.pos {
        let _ = write!(line, " in {}", sources.place(pos));
    }
    // A name out of the file may hold anything; a message stays on its line.
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The line's text (errors only) and the notes.
fn details(item: &ConfigError, sources: &Sources) -> Vec<String> {
    let mut lines = Vec::new();
    if item.severity == Severity::Emerg
        && let Some(text) = item.pos.and_then(|pos| sources.line(pos))
    {
        let shown: String = text.chars().take(MAX_EXCERPT).collect();
        if !shown.is_empty() {
            lines.push(shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect());
        }
    }
    lines.extend(item.notes.iter().cloned());
    lines
}
