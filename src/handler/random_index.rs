//! `random_index`: any file of a directory stands for it.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::config::model::LocationConf;
use crate::files::directory::{self, EntryKind};
use crate::http::{Exchange, Outcome};
use crate::http1::Method;

use super::autoindex::failed;
use super::static_file::map_path;

/// Redirects a URI with a closing slash to one of the directory's files, if there are any.
pub fn run(exchange: &mut Exchange, conf: &LocationConf) -> Outcome {
    if !matches!(exchange.method, Method::Get | Method::Head | Method::Post) {
        return Outcome::Declined;
    }
    let mut path = std::mem::take(&mut exchange.scratch);
    let outcome = match map_path(exchange, conf, &mut path) {
        Ok(()) => choose(exchange, &path),
        Err(status) => Outcome::Status(status),
    };
    exchange.scratch = path;
    outcome
}

fn choose(exchange: &mut Exchange, path: &[u8]) -> Outcome {
    let directory = match path {
        [directory @ .., b'/'] if !directory.is_empty() => directory,
        path => path,
    };
    let mut names = match directory::list(directory) {
        Ok(names) => names,
        Err(error) => return Outcome::Status(failed(exchange, directory, error)),
    };
    names.retain(|name| name.kind == EntryKind::File);
    if names.is_empty() {
        return Outcome::Declined;
    }
    // Randomly keyed: good enough to choose by.
    let number = RandomState::new().build_hasher().finish();
    let chosen = usize::try_from(number % names.len() as u64).unwrap_or(0);
    exchange.uri.extend_from_slice(&names[chosen].name);
    Outcome::Redirect
}
