//! From a URI to a path: `root`, `alias`, and the variables that show them.
//!
//! This only joins; whether the result may be opened is `handler::static_file`'s question.

use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::exchange::Exchange;
use super::variables::{self, Presence};
use crate::config::model::{AliasConf, LocationConf};

/// Appends the path of the URI in force: `root` + URI, or `alias` with the location's prefix cut from the URI.
/// An `alias` in a regex location is the whole path.
pub fn map_uri(exchange: &Exchange, conf: &LocationConf, out: &mut Vec<u8>) {
    variables::evaluate(exchange, &conf.root.path, out);
    let cut = match conf.root.alias {
        AliasConf::Root => 0,
        AliasConf::Prefix(len) => len,
        AliasConf::Whole if exchange.uri_below_alias => 0,
        AliasConf::Whole => return,
    };
    out.extend_from_slice(exchange.uri.get(cut..).unwrap_or_default());
}

/// `$request_filename`.
pub fn request_filename(exchange: &Exchange, out: &mut Vec<u8>) -> Presence {
    map_uri(exchange, exchange.location_conf(&exchange.cycle), out);
    Presence::Found
}

/// `$document_root`.
pub fn document_root(exchange: &Exchange, out: &mut Vec<u8>) -> Presence {
    variables::evaluate(exchange, &exchange.location_conf(&exchange.cycle).root.path, out);
    Presence::Found
}

/// `$realpath_root`: every symbolic link of the root resolved; missing when it cannot be.
pub fn realpath_root(exchange: &Exchange, out: &mut Vec<u8>) -> Presence {
    let mut root = Vec::new();
    document_root(exchange, &mut root);
    match crate::io::file::realpath(std::path::Path::new(std::ffi::OsStr::from_bytes(&root))) {
        Ok(path) => {
            out.extend_from_slice(&path.into_os_string().into_vec());
            Presence::Found
        }
        Err(_) => Presence::Missing,
    }
}
