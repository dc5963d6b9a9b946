//! Severities of `error_log`.

/// Severity, most severe first, as in nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// emerg
    Emerg,
    /// alert
    Alert,
    /// crit
    Crit,
    /// error
    Error,
    /// warn
    Warn,
    /// notice
    Notice,
    /// info
    Info,
    /// debug
    Debug,
}

impl Level {
    /// The word in the configuration and in log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// Reads the word in the configuration (`debug_http` and its like count as `debug`).
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Emerg, Self::Alert, Self::Crit, Self::Error, Self::Warn, Self::Notice, Self::Info, Self::Debug]
            .into_iter()
            .find(|level| level.as_str() == word)
            .or_else(|| word.starts_with("debug_").then_some(Self::Debug))
    }
}
