//! `config::load`: from the command line's file to the model, or to everything that is wrong with it.
//!
//! Called at start, for `-t` and `-T`, and by the master at each reload; the same options give the same result as
//! long as the files do.

use std::path::PathBuf;

use super::build::{self, BuildOptions};
use super::error::{self, Diagnostics, Severity};
use super::model::MainConf;
use super::source::Sources;
use crate::log::Level;

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `-c`: the main file, absolute.
    pub file: PathBuf,
    /// The configuration itself instead of a file (`--listen`, `--proxy`, `--static`).
    pub text: Option<String>,
    /// `-p`, absolute: relative paths start here.
    pub prefix: PathBuf,
    /// `-g`: directives of the main context, read before the file.
    pub globals: Option<String>,
    /// `-e`: the error log when the file names none.
    pub error_log: Option<String>,
    /// `--strict`: an unknown directive is an error, as in nginx.
    pub strict: bool,
    /// Started as root: a server without `listen` takes port 80 then, and `user` has a meaning.
    pub superuser: bool,
}

/// A configuration that may be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub conf: MainConf,
    /// Warnings and notices.
    pub diagnostics: Report,
}

/// Messages with the files they are about.
#[derive(Debug)]
pub struct Report {
    diagnostics: Diagnostics,
    sources: Sources,
}

impl Report {
    /// Each message on one line, in the order of the file, without the program's name and level.
    pub fn lines(&self) -> Vec<(Level, String)> {
        let line = |item: &&error::ConfigError| (level(item.severity), error::describe(item, &self.sources));
        self.diagnostics.sorted().iter().map(line).collect()
    }

    /// All messages as nginx prints them at start, with the source lines and advice.
    pub fn render(&self, program: &str) -> String {
        self.diagnostics.render(program, &self.sources)
    }

    /// All files as `-T` prints them.
    pub fn dump(&self) -> Vec<u8> {
        self.sources.dump()
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Emerg => Level::Emerg,
        Severity::Warn => Level::Warn,
        Severity::Notice => Level::Notice,
    }
}
