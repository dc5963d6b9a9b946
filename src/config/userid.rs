//! `userid*`, resolved. Part of the model: made by `build`, read by `filter` and `http`.

use super::template::Template;

/// A cookie by which clients are recognised.
#[derive(Debug)]
pub struct UseridConf {
    /// `userid`
    pub mode: UseridMode,
    /// `userid_name`
    pub name: String,
    /// What follows the value: `; domain=…; path=…; secure…`, without `expires`.
    pub attributes: String,
    /// `userid_expires`
    pub expires: UseridExpires,
    /// `userid_p3p`
    pub p3p: Option<String>,
    /// `userid_mark`
    pub mark: Option<u8>,
    /// `userid_service`
    pub service: Option<u32>,
    /// `$uid_reset`
    pub reset: Template,
}

/// `userid`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseridMode {
    /// Cookies are read for the log.
    Log,
    /// They are set in the form of version 1.
    V1,
    /// They are set in the form of version 2.
    On,
}

/// `userid_expires`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UseridExpires {
    /// With the client's session.
    #[default]
    Never,
    /// After so many seconds.
    After(i64),
    /// At the end of 2037.
    Max,
}
