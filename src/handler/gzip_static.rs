//! `gzip_static`: `FILE.gz` in place of `FILE`, as it lies there.
//!
//! Runs before `static_file` and declines whatever it cannot serve. Nothing is compressed here.

use crate::config::filters::{FilterConf, GzipStatic};
use crate::config::model::LocationConf;
use crate::filter;
use crate::http::{Body, Exchange, Outcome};
use crate::http1::{Method, Status};
use crate::log::{Level, Raw};
use crate::shard::Shard;

use super::{lookup, static_file};

/// Answers with the compressed file beside the one that the URI names.
pub fn run(exchange: &mut Exchange, conf: &LocationConf, filters: &FilterConf, shard: &Shard) -> Outcome {
    if !matches!(exchange.method, Method::Get | Method::Head) {
        return Outcome::Declined;
    }
    let accepted =
        filters.gzip_static == GzipStatic::Always || filter::accepts_gzip(exchange, &filters.gzip_clients);
    if !accepted && !filters.gzip_clients.vary {
        return Outcome::Declined;
    }
    let mut path = std::mem::take(&mut exchange.scratch);
    let outcome = match static_file::map_path(exchange, conf, &mut path) {
        Ok(()) => {
            path.extend_from_slice(b".gz");
            serve(exchange, conf, filters, shard, &path, accepted)
        }
        Err(status) => Outcome::Status(status),
    };
    exchange.scratch = path;
    outcome
}

fn serve(
    exchange: &mut Exchange,
    conf: &LocationConf,
    filters: &FilterConf,
    shard: &Shard,
    path: &[u8],
    accepted: bool,
) -> Outcome {
    let opened = lookup::open(exchange, conf, shard, path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => {
            if !error.is_not_found() {
                let level = if error.is_forbidden() { Level::Error } else { Level::Crit };
                static_file::log_failed(exchange, level, path, error);
            }
            return Outcome::Declined;
        }
    };
    if filters.gzip_static == GzipStatic::On {
        exchange.response.gzip_vary = filters.gzip_clients.vary;
        if !accepted {
            return Outcome::Declined;
        }
    }
    if file.is_dir() {
        return Outcome::Declined;
    }
    if !file.is_file() {
        let shown = Raw(path);
        exchange.log_error(Level::Crit, format_args!("\"{shown}\" is not a regular file"));
        return Outcome::Status(Status::NOT_FOUND);
    }
    static_file::describe(exchange, conf, &file);
    exchange.response.allow_ranges = false;
    exchange.response.fields.push(b"Content-Encoding", b"gzip");
    exchange.response.body = Body::Cached(file);
    Outcome::Response
}
