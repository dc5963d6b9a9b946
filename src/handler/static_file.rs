//! A file from disk: `root` and `alias`, GET and HEAD.
//!
//! The one place where a URI becomes a path that is opened, and where a path that would leave its root is refused.
//! Called by `phases`; `index`, `try_files` and `autoindex` use its path.

use crate::config::model::{AliasConf, LocationConf, RootConf};
use crate::config::template::{Part, Template};
use crate::cycle::Cycle;
use crate::files::{OpenError, OpenFile, mime};
use crate::http::{Body, Exchange, Outcome, path};
use crate::http1::target::{self, Escape};
use crate::http1::{Method, Status};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::lookup;

/// Answers with the file that the URI names, or redirects to the directory it names.
pub fn run(exchange: &mut Exchange, _cycle: &Cycle, conf: &LocationConf, shard: &Shard) -> Outcome {
    if !matches!(exchange.method, Method::Get | Method::Head | Method::Post) {
        return Outcome::Status(Status::NOT_ALLOWED);
    }
    if exchange.uri.ends_with(b"/") {
        return Outcome::Declined;
    }
    let mut path = std::mem::take(&mut exchange.scratch);
    let outcome = match map_path(exchange, conf, &mut path) {
        Ok(()) => serve(exchange, conf, shard, &path),
        Err(status) => Outcome::Status(status),
    };
    exchange.scratch = path;
    outcome
}

fn serve(exchange: &mut Exchange, conf: &LocationConf, shard: &Shard, path: &[u8]) -> Outcome {
    let opened = lookup::open(exchange, conf, shard, path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return Outcome::Status(failed_open(exchange, conf, path, error)),
    };
    if file.is_dir() {
        return redirect_to_directory(exchange);
    }
    if !file.is_file() {
        let shown = Raw(path);
        exchange.log_error(Level::Crit, format_args!("\"{shown}\" is not a regular file"));
        return Outcome::Status(Status::NOT_FOUND);
    }
    if exchange.method == Method::Post {
        return Outcome::Status(Status::NOT_ALLOWED);
    }
    describe(exchange, conf, &file);
    exchange.response.body = Body::Cached(file);
    Outcome::Response
}

/// Fills the response's head for a file that stands for the URI in force.
pub(super) fn describe(exchange: &mut Exchange, conf: &LocationConf, file: &OpenFile) {
    let response = &mut exchange.response;
    response.status = Status::OK;
    response.content_length = Some(file.size);
    response.last_modified = Some(file.mtime);
    response.etag.clear();
    response.etag_at = response.fields.len();
    if conf.etag {
        response.etag.extend_from_slice(file.etag());
    }
    // An app that hands a file over (`X-Accel-Redirect`) has named its type.
    if response.content_type.is_empty() {
        let content_type = mime::content_type(&exchange.uri, &conf.types, &conf.default_type);
        response.content_type.extend_from_slice(content_type.as_bytes());
    }
    response.allow_ranges = true;
    response.allow_not_modified = true;
}

/// 301 to the same URI with a slash, arguments kept.
fn redirect_to_directory(exchange: &mut Exchange) -> Outcome {
    let location = &mut exchange.response.location;
    location.clear();
    target::escape(&exchange.uri, Escape::Uri, location);
    location.push(b'/');
    if !exchange.args.is_empty() {
        location.push(b'?');
        location.extend_from_slice(&exchange.args);
    }
    Outcome::Status(Status::MOVED_PERMANENTLY)
}

/// Logs why a path could not be opened, and says with which status that is answered.
fn failed_open(exchange: &Exchange, conf: &LocationConf, path: &[u8], error: OpenError) -> Status {
    let (level, status) = if error.is_not_found() {
        (Level::Error, Status::NOT_FOUND)
    } else if error.is_forbidden() {
        (Level::Error, Status::FORBIDDEN)
    } else {
        (Level::Crit, Status::INTERNAL_SERVER_ERROR)
    };
    if status != Status::NOT_FOUND || conf.log_not_found {
        log_failed(exchange, level, path, error);
    }
    status
}

/// `open() "/path" failed (2: No such file or directory)`.
pub(super) fn log_failed(exchange: &Exchange, level: Level, path: &[u8], error: OpenError) {
    let path = Raw(path);
    exchange.log_error(level, format_args!("{} \"{path}\" failed {error}", error.call));
}

/// The path of the URI in force.
///
/// # Errors
/// 404 when it would leave the directory that the configuration names (see [`leaves`]); 500 for an `alias` whose prefix
/// a `rewrite … break` has taken away.
pub(super) fn map_path(exchange: &Exchange, conf: &LocationConf, path: &mut Vec<u8>) -> Result<(), Status> {
    path.clear();
    if exchange.uri_is_whole && conf.root.alias != AliasConf::Root {
        let name = &conf.name;
        let message = format_args!("\"alias\" cannot be used in location \"{name}\" where URI was rewritten");
        exchange.log_error(Level::Error, message);
        return Err(Status::INTERNAL_SERVER_ERROR);
    }
    path::map_uri(exchange, conf, path);
    if leaves(path, &[&conf.root.path]) {
        refuse(exchange, &conf.root, path);
        return Err(Status::NOT_FOUND);
    }
    Ok(())
}

/// Tells the operator about a path that was refused.
pub(super) fn refuse(exchange: &Exchange, root: &RootConf, path: &[u8]) {
    let path = Raw(path);
    let directive = match root.alias {
        crate::config::model::AliasConf::Root => "root",
        _ => "alias",
    };
    exchange
        .log_error(Level::Warn, format_args!("\"{path}\" leaves the directory of \"{directive}\", refused"));
}

/// Whether a joined path has a `..` segment that the configuration itself does not have.
///
/// The URI has none when it is normalized, but a join can make one: `location /static { alias /srv/static/; }` turns
/// `/static../secret` into `/srv/static/../secret`, and captures and arguments in a path can hold anything.
pub(super) fn leaves(path: &[u8], configured: &[&Template]) -> bool {
    if !target::has_two_dots(path) {
        return false;
    }
    let literals = configured.iter().flat_map(|template| template.parts()).map(|part| match part {
        Part::Literal(text) => parent_segments(text),
        Part::Var(_) => 0,
    });
    parent_segments(path) > literals.sum()
}

fn parent_segments(path: &[u8]) -> usize {
    path.split(|b| *b == b'/').filter(|segment| *segment == b"..").count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::VariableScope;

    #[test]
    fn a_join_must_not_climb() {
        let root = Template::literal(b"/srv/static/");
        let climbing = Template::literal(b"/etc/ringx/../www");
        let variable = Template::compile(b"/srv/$host", &VariableScope::default()).unwrap();
        for (path, template, expected) in [
            ("/srv/static/../secret", &root, true),
            ("/srv/static/a/..", &root, true),
            ("/srv/static/a..b/..c/d..", &root, false),
            ("/srv/static/...", &root, false),
            ("/etc/ringx/../www/a", &climbing, false),
            ("/etc/ringx/../www/../a", &climbing, true),
            ("/srv/../a", &variable, true),
            ("/srv/example.com/a", &variable, false),
        ] {
            assert_eq!(leaves(path.as_bytes(), &[template]), expected, "{path}");
        }
    }
}
