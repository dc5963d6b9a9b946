//! The rewrite module's directives of one level as a list of steps (nginx's script codes).
//!
//! Made by `build::rewrite`, run by `handler::rewrite`. An `if` stands before the steps of its block and says how many
//! of them are skipped when its condition is false.

use super::model::{LocationId, ReturnConf};
use super::pattern::Pattern;
use super::template::{Template, VariableId};
use crate::http1::Status;

/// `rewrite`, `if`, `set`, `break` and `return` of a server or a location, in the order of the file.
#[derive(Debug)]
pub struct Script {
    /// The steps; those of an `if` block follow it.
    pub steps: Vec<Step>,
    /// `rewrite_log`.
    pub log: bool,
}

/// One directive.
#[derive(Debug)]
pub enum Step {
    /// `rewrite`.
    Rewrite(RewriteConf),
    /// `return`.
    Return(ReturnConf),
    /// `break`.
    Break,
    /// `set`.
    Set {
        /// What is changed.
        target: SetTarget,
        /// To what.
        value: Template,
    },
    /// `if`.
    If {
        /// Its condition.
        condition: Condition,
        /// The location that its block makes; none at server level.
        location: Option<LocationId>,
        /// The number of steps in its block.
        len: usize,
    },
}

/// `rewrite regex replacement [flag]`.
#[derive(Debug)]
pub struct RewriteConf {
    /// What the URI must match.
    pub pattern: Pattern,
    /// The new URI; of a redirect the whole URL.
    pub uri: Template,
    /// The new arguments: what follows a written `?`. Always none for a redirect.
    pub args: Option<Template>,
    /// The arguments in force are appended (no `?` at the end of the replacement).
    pub add_args: bool,
    /// A redirect's replacement has a `?`.
    pub has_query: bool,
    /// What comes after.
    pub then: RewriteThen,
}

/// What follows a `rewrite` that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteThen {
    /// No flag: the next step, and the location is searched in the end.
    Next,
    /// `last`.
    Last,
    /// `break`.
    Break,
    /// `redirect`, `permanent`, or a replacement that begins with a scheme.
    Redirect(Status),
}

/// What a `set` may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTarget {
    /// A variable with a slot.
    Slot(u16),
    /// `$args`.
    Args,
    /// `$limit_rate`.
    LimitRate,
}

/// The condition of an `if`.
#[derive(Debug)]
pub enum Condition {
    /// `$variable`: neither empty nor `0`.
    True(VariableId),
    /// `$variable = text`, `!=`.
    Equal {
        /// The left side.
        variable: VariableId,
        /// The right side.
        value: Template,
        /// `!=`.
        negated: bool,
    },
    /// `$variable ~ regex`, `~*`, `!~`, `!~*`.
    Match {
        /// The left side.
        variable: VariableId,
        /// The right side.
        pattern: Pattern,
        /// `!~`, `!~*`.
        negated: bool,
    },
    /// `-f path` and its kin.
    File {
        /// The path.
        path: Template,
        /// What it must be.
        test: FileTest,
        /// `!-f` and its kin.
        negated: bool,
    },
}

/// A question about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    /// `-f`: a regular file.
    File,
    /// `-d`: a directory.
    Directory,
    /// `-e`: anything.
    Exists,
    /// `-x`: its owner may execute it.
    Executable,
}
