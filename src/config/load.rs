//! `config::load`: from the command line's file to the model, or to everything that is wrong with it.
//!
//! Called at start, for `-t` and `-T`, and by the master at each reload; the same options give the same result as
//! long as the files do.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::build::{self, BuildOptions};
use super::check::{self, Origin, Strictness, Written};
use super::error::{self, Diagnostics, Severity};
use super::model::MainConf;
use super::source::{FileAccess, Sources};
use super::spec::{self, Support};
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
    /// Load as if started as root, or not; `None` asks the system. Root's servers without `listen` take port 80.
    pub superuser: Option<bool>,
    /// Looks up the user and the group of `user`; without it every name is taken.
    pub find_user: Option<FindUser>,
    /// How files are looked at.
    pub access: FileAccess,
}

/// Looks up a user and a group; the error is the message.
pub type FindUser = fn(&str, Option<&str>) -> Result<(), String>;

impl LoadOptions {
    /// The main file, for messages.
    pub fn file_path(&self) -> &Path {
        if self.text.is_some() { Path::new("command line") } else { &self.file }
    }
}

/// A configuration that may be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub conf: MainConf,
    /// Warnings and notices, and the files they are about.
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

    /// All messages as nginx prints them, errors with the source line and advice below.
    pub fn render(&self, program: &str) -> String {
        self.diagnostics.render(program, &self.sources)
    }

    /// The same without notices.
    pub fn render_warnings(&self, program: &str) -> String {
        self.diagnostics.render_down_to(Severity::Warn, program, &self.sources)
    }

    /// All files as `-T` prints them.
    pub fn dump(&self) -> Vec<u8> {
        self.sources.dump()
    }
}

/// Reads, checks and resolves a configuration.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(options: &LoadOptions) -> Result<Loaded, Report> {
    let origin = match &options.text {
        Some(text) => Origin::Text(text, &options.prefix),
        None => Origin::File(&options.file),
    };
    let strictness = if options.strict { Strictness::Strict } else { Strictness::Lenient };
    let Written { directives, sources, diagnostics } =
        check::read(origin, options.globals.as_deref(), strictness, options.access);
    let build_options = BuildOptions {
        prefix: options.prefix.clone(),
        folder: match origin {
            Origin::File(file) => file.parent().unwrap_or(Path::new("/")).to_owned(),
            Origin::Text(_, folder) => folder.to_owned(),
        },
        error_log: options.error_log.as_deref(),
        superuser: options.superuser.unwrap_or_else(started_as_root),
        find_user: options.find_user,
        has_logs_folder: (options.access.exists)(&options.prefix.join("logs/.")),
        // Who tries the program without a file wants no directories where he stands.
        temp_dir: options.text.is_some().then(std::env::temp_dir),
    };
    let (conf, diagnostics) = build::build(&directives, build_options, diagnostics);
    let refused = diagnostics.has_errors();
    let report = Report { diagnostics, sources };
    if refused { Err(report) } else { Ok(Loaded { conf, diagnostics: report }) }
}

/// How much of one of nginx's modules is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleSupport {
    /// What it is used for: at least a quarter of its directives work (of the proxy module's, the cache's and TLS's do
    /// not yet), or all are accepted because nothing needs them.
    Works,
    /// A few of its directives work: of the rewrite module, `return` does.
    Partly,
    /// None of its directives works.
    Missing,
}

/// All of nginx's modules in the table, by name.
pub fn modules() -> BTreeMap<&'static str, ModuleSupport> {
    let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for spec in spec::all() {
        let (all, works, accepted) = counts.entry(spec.module).or_default();
        *all += 1;
        match spec.support {
            Support::Supported => *works += 1,
            Support::Accepted(_) => *accepted += 1,
            Support::Ignored(_) | Support::Closed(_) | Support::Refused { .. } => {}
        }
    }
    let support = |(all, works, accepted): (usize, usize, usize)| match works {
        _ if accepted + works == all => ModuleSupport::Works,
        0 => ModuleSupport::Missing,
        works if works * 4 >= all => ModuleSupport::Works,
        _ => ModuleSupport::Partly,
    };
    counts.into_iter().map(|(module, counts)| (module, support(counts))).collect()
}

/// The owner of `/proc/self` is the effective user.
fn started_as_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Emerg => Level::Emerg,
        Severity::Warn => Level::Warn,
        Severity::Notice => Level::Notice,
    }
}
