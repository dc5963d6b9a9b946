//! The configuration language and what it means: from the file's bytes to the model.
//!
//! `source` reads files, `lexer` and `parser` make statements of them, `environment` puts the environment's values in
//! place of `${NAME}`, `check` holds these against the table in
//! `spec` and `directives` and makes the tree in `ast`; `build` resolves that to `model`. `error` collects what is
//! wrong on the whole way. [`load`] is the one way in.

pub mod ast;
pub mod browser;
mod build;
pub mod charsets;
mod check;
pub mod cidr;
pub mod ciphers;
pub mod derived;
mod directives;
mod environment;
pub mod error;
pub mod expires;
pub mod filters;
pub mod gateway;
mod glob;
mod lexer;
mod load;
mod mime_types;
pub mod model;
mod parser;
pub mod pattern;
pub mod referer;
pub mod rewrite;
pub mod source;
pub mod spec;
pub mod template;
pub mod tls_variables;
pub mod types;
pub mod userid;
pub mod value;

pub use load::{FindUser, LoadOptions, Loaded, ModuleSupport, Report, load, modules};
pub use source::FileAccess;
pub use spec::directives_markdown;
