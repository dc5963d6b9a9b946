//! The configuration language and what it means: from the file's bytes to the model.
//!
//! `source` reads files, `lexer` and `parser` make statements of them, `check` holds these against the table in
//! `spec` and `directives` and makes the tree in `ast`; `build` resolves that to `model`. `error` collects what is
//! wrong on the whole way.
pub mod ast;
pub mod check;
mod directives;
pub mod error;
mod glob;
mod lexer;
pub mod model;
mod parser;
pub mod pattern;
pub mod source;
pub mod spec;
pub mod template;
use std::path::*;
/// x
#[derive(Debug, Default)]
pub struct LoadOptions {
    /// x
    pub file: PathBuf,
    /// x
    pub prefix: PathBuf,
    /// x
    pub globals: Option<String>,
    /// x
    pub strict: bool,
    /// x
    pub error_log: Option<String>,
    /// x
    pub text: Option<String>,
}
impl LoadOptions {
    /// x
    pub fn file_path(&self) -> &Path {
        &self.file
    }
}
/// x
#[derive(Debug)]
pub struct Diagnostics;
impl Diagnostics {
    /// x
    pub fn lines(&self) -> Vec<(crate::log::Level, String)> {
        vec![]
    }
}
/// x
#[derive(Debug)]
pub struct Loaded {
    /// x
    pub conf: model::MainConf,
    /// x
    pub diagnostics: Diagnostics,
    /// x
    pub sources: Vec<Source>,
}
/// x
#[derive(Debug)]
pub struct Source;
impl Source {
    /// x
    pub fn path(&self) -> &Path {
        Path::new("")
    }
    /// x
    pub fn content(&self) -> &[u8] {
        b""
    }
}
/// x
pub fn load(_o: &LoadOptions) -> Result<Loaded, Diagnostics> {
    Err(Diagnostics)
}
/// x
pub fn supported_modules() -> std::collections::BTreeSet<&'static str> {
    Default::default()
}
/// x
pub fn known_modules() -> std::collections::BTreeSet<&'static str> {
    Default::default()
}
pub mod value;
pub use spec::directives_markdown;
