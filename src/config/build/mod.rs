//! From checked directives to the model: inheritance, defaults, resolution of names, and nginx's rules between
//! directives. The written form (`Raw…`, options) ends here.
//!
//! Reads files and resolves host names, once per load; never opens a socket that listens and never touches the
//! request path. Called by `config::load` only.

mod access;
mod addr;
mod app_tls;
mod browser;
mod charsets;
mod client;
mod context;
mod cookies;
mod derived;
mod errors;
mod files;
mod filters;
mod gateway;
mod headers;
mod http;
mod http2;
mod level;
mod limits;
mod listen;
mod location;
mod logs;
mod main;
mod mirror;
mod names;
mod proxy;
mod proxy_pass;
mod real_ip;
mod referers;
mod resolver;
mod rewrite;
mod secure_link;
mod server;
mod server_name;
mod tls;
mod upstream;
mod userid;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::ast::Directive;
use super::error::Diagnostics;
use super::load::FindUser;
use super::model::MainConf;
use super::template::VariableScope;
use context::Context;

/// What a build needs besides the directives.
#[derive(Debug, Clone)]
pub(super) struct BuildOptions<'a> {
    /// `-p`.
    pub prefix: PathBuf,
    /// The folder of the configuration file.
    pub folder: PathBuf,
    /// `-e`.
    pub error_log: Option<&'a str>,
    /// Started as root.
    pub superuser: bool,
    /// Looks up the user and the group of `user`.
    pub find_user: Option<FindUser>,
    /// There is a folder `logs` below the prefix, for what is not written.
    pub has_logs_folder: bool,
    /// Where temporary files go that no directive sends elsewhere; `None`: to directories below the prefix.
    pub temp_dir: Option<PathBuf>,
}

/// Builds the model; whether it may be used is decided by the errors in the returned messages.
pub(super) fn build(
    directives: &[Directive],
    options: BuildOptions<'_>,
    diagnostics: Diagnostics,
) -> (MainConf, Diagnostics) {
    let mut scope = VariableScope::default();
    names::collect(directives, &mut scope);
    let error_log = options.error_log;
    let mut cx = Context::new(options, scope, diagnostics);
    let conf = main::main(&mut cx, directives, error_log);
    (conf, cx.diagnostics)
}
