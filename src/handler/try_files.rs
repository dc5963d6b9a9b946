//! `try_files`: the first name that exists becomes the URI; else the last argument decides.

use crate::config::model::{AliasConf, LocationConf, TryFilesConf, TryFilesFallback, TryFilesItem};
use crate::cycle::Cycle;
use crate::http::{Exchange, Outcome, variables};
use crate::http1::{Status, target};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::lookup;
use super::static_file::{leaves, log_failed, refuse};

/// Declined means: go on in this location, perhaps with another URI.
pub fn run(
    exchange: &mut Exchange,
    cycle: &Cycle,
    conf: &LocationConf,
    try_files: &TryFilesConf,
    shard: &Shard,
) -> Outcome {
    let mut path = std::mem::take(&mut exchange.scratch);
    let found = try_files.items.iter().any(|item| take(exchange, conf, item, shard, &mut path));
    let outcome =
        if found { Outcome::Declined } else { fall_back(exchange, cycle, &try_files.fallback, &mut path) };
    exchange.scratch = path;
    outcome
}

/// Tests one argument; if it exists in the form asked for, it becomes the URI in force.
fn take(
    exchange: &mut Exchange,
    conf: &LocationConf,
    item: &TryFilesItem,
    shard: &Shard,
    path: &mut Vec<u8>,
) -> bool {
    path.clear();
    variables::evaluate(exchange, &conf.root.path, path);
    let root_len = path.len();
    variables::evaluate(exchange, &item.path, path);
    let cut = match conf.root.alias {
        AliasConf::Prefix(len) => len,
        AliasConf::Root | AliasConf::Whole => 0,
    };
    // A name made of variables begins with the location's prefix, which `alias` replaces; a literal one does not.
    if cut > 0 && !item.path.is_literal() && exchange.uri.get(..cut) == path.get(root_len..root_len + cut) {
        path.drain(root_len..root_len + cut);
    }
    if leaves(path, &[&conf.root.path, &item.path]) {
        refuse(exchange, &conf.root, path);
        return false;
    }
    match lookup::probe(exchange, conf, shard, path) {
        Ok(info) if info.is_dir() == item.is_dir => {}
        Ok(_) => return false,
        Err(error) => {
            if !error.is_not_found() {
                log_failed(exchange, Level::Crit, path, error);
            }
            return false;
        }
    }
    match conf.root.alias {
        AliasConf::Root => exchange.uri.clear(),
        AliasConf::Prefix(len) => exchange.uri.truncate(len),
        // nginx keeps the URI when a directory below such an alias was found.
        AliasConf::Whole if item.is_dir => return true,
        AliasConf::Whole => {
            exchange.uri.clear();
            exchange.uri_below_alias = true;
        }
    }
    exchange.uri.extend_from_slice(&path[root_len..]);
    true
}

fn fall_back(
    exchange: &mut Exchange,
    cycle: &Cycle,
    fallback: &TryFilesFallback,
    uri: &mut Vec<u8>,
) -> Outcome {
    match fallback {
        TryFilesFallback::Status(status) => Outcome::Status(*status),
        TryFilesFallback::Named(name) => match cycle.router.named(exchange.server, name.as_bytes()) {
            Some(location) => Outcome::Named(location),
            None => {
                exchange.log_error(Level::Error, format_args!("could not find named location \"{name}\""));
                Outcome::Status(Status::INTERNAL_SERVER_ERROR)
            }
        },
        TryFilesFallback::Uri(template) => {
            uri.clear();
            variables::evaluate(exchange, template, uri);
            if !uri.starts_with(b"/") {
                let shown = Raw(uri);
                exchange.log_error(Level::Error, format_args!("invalid URI \"{shown}\" in try_files"));
                return Outcome::Status(Status::INTERNAL_SERVER_ERROR);
            }
            let (path, args) = target::split_query(uri);
            exchange.uri.clear();
            exchange.uri.extend_from_slice(path);
            exchange.args.clear();
            exchange.args.extend_from_slice(args.unwrap_or_default());
            Outcome::Redirect
        }
    }
}
