//! `index`: the file that stands for a directory, by an internal redirect that searches the location again.

use crate::config::model::LocationConf;
use crate::cycle::Cycle;
use crate::files::OpenError;
use crate::http::{Exchange, Outcome, variables};
use crate::http1::{Method, Status};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::lookup;
use super::static_file::{log_failed, map_path};

/// Redirects a URI with a closing slash to its index file, if there is one.
pub fn run(exchange: &mut Exchange, _cycle: &Cycle, conf: &LocationConf, shard: &Shard) -> Outcome {
    if !exchange.uri.ends_with(b"/") {
        return Outcome::Declined;
    }
    if !matches!(exchange.method, Method::Get | Method::Head | Method::Post) {
        return Outcome::Status(Status::NOT_ALLOWED);
    }
    let mut path = std::mem::take(&mut exchange.scratch);
    let outcome = match map_path(exchange, conf, &mut path) {
        Ok(()) => search(exchange, conf, shard, &mut path),
        Err(status) => Outcome::Status(status),
    };
    exchange.scratch = path;
    outcome
}

/// The directory has no index and is not listed.
pub fn forbidden(exchange: &mut Exchange, _cycle: &Cycle, conf: &LocationConf) -> Outcome {
    let mut path = std::mem::take(&mut exchange.scratch);
    path.clear();
    crate::http::path::map_uri(exchange, conf, &mut path);
    let shown = Raw(&path);
    exchange.log_error(Level::Error, format_args!("directory index of \"{shown}\" is forbidden"));
    exchange.scratch = path;
    Outcome::Status(Status::FORBIDDEN)
}

fn search(exchange: &mut Exchange, conf: &LocationConf, shard: &Shard, path: &mut Vec<u8>) -> Outcome {
    let directory_len = path.len();
    let mut directory_exists = false;
    for index in conf.index.iter() {
        path.truncate(directory_len);
        variables::evaluate(exchange, index, path);
        let name = &path[directory_len..];
        if name.starts_with(b"/") {
            exchange.uri.clear();
            exchange.uri.extend_from_slice(name);
            return Outcome::Redirect;
        }
        if super::static_file::leaves(path, &[&conf.root.path, index]) {
            super::static_file::refuse(exchange, &conf.root, path);
            return Outcome::Status(Status::NOT_FOUND);
        }
        let opened = lookup::open(exchange, conf, shard, path);
        let Err(error) = opened else {
            exchange.uri.extend_from_slice(&path[directory_len..]);
            return Outcome::Redirect;
        };
        if error.is_forbidden() || (error.is_not_found() && !error.is_absent()) {
            return Outcome::Status(missing(exchange, conf, path, error));
        }
        if !directory_exists && let Err(status) = test_directory(exchange, conf, shard, path, directory_len) {
            return Outcome::Status(status);
        }
        directory_exists = true;
        if !error.is_absent() {
            log_failed(exchange, Level::Crit, path, error);
            return Outcome::Status(Status::INTERNAL_SERVER_ERROR);
        }
    }
    Outcome::Declined
}

/// The index file at `path` is absent: is it the directory, the first `directory_len` bytes, that is?
fn test_directory(
    exchange: &Exchange,
    conf: &LocationConf,
    shard: &Shard,
    path: &[u8],
    directory_len: usize,
) -> Result<(), Status> {
    let directory = match &path[..directory_len] {
        [directory @ .., b'/'] if !directory.is_empty() => directory,
        directory => directory,
    };
    match lookup::probe(exchange, conf, shard, directory) {
        Ok(info) if info.is_dir() => Ok(()),
        Ok(_) => {
            let shown = Raw(directory);
            exchange.log_error(Level::Alert, format_args!("\"{shown}\" is not a directory"));
            Err(Status::INTERNAL_SERVER_ERROR)
        }
        Err(error) if error.is_absent() => Err(missing(exchange, conf, path, error)),
        // The index file could be looked for, so the directory may be searched though not looked at.
        Err(error) if error.is_denied() => Ok(()),
        Err(error) if error.is_forbidden() => Err(Status::FORBIDDEN),
        Err(error) => {
            log_failed(exchange, Level::Crit, directory, error);
            Err(Status::INTERNAL_SERVER_ERROR)
        }
    }
}

fn missing(exchange: &Exchange, conf: &LocationConf, path: &[u8], error: OpenError) -> Status {
    let path = Raw(path);
    if error.is_forbidden() {
        exchange.log_error(Level::Error, format_args!("\"{path}\" is forbidden {error}"));
        return Status::FORBIDDEN;
    }
    if conf.log_not_found {
        exchange.log_error(Level::Error, format_args!("\"{path}\" is not found {error}"));
    }
    Status::NOT_FOUND
}
