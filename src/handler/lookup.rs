//! Files by their paths, through the core's cache, or past it where a location says which links are followed
//! (`disable_symlinks`): what may be opened then depends on more than the path.
//!
//! Called by all handlers that open or look at what a request names.

use std::rc::Rc;

use crate::config::model::{LinksConf, LocationConf};
use crate::files::{OpenError, OpenFile};
use crate::http::{Exchange, variables};
use crate::io::file::FileInfo;
use crate::io::links::Follow;
use crate::shard::Shard;

/// The file at this path.
///
/// # Errors
/// What open(2) said.
pub(super) fn open(
    exchange: &Exchange,
    conf: &LocationConf,
    shard: &Shard,
    path: &[u8],
) -> Result<Rc<OpenFile>, OpenError> {
    let now = crate::time::now();
    match conf.links.as_ref().and_then(|links| restriction(exchange, links, path)) {
        None => shard.files.borrow_mut().open(path, &conf.open_file_cache, now),
        Some((from, follow)) => OpenFile::open_restricted(path, from, follow, now).map(Rc::new),
    }
}

/// What is at this path.
///
/// # Errors
/// What stat(2) said, or open(2) where links are restricted.
pub(super) fn probe(
    exchange: &Exchange,
    conf: &LocationConf,
    shard: &Shard,
    path: &[u8],
) -> Result<FileInfo, OpenError> {
    match conf.links.as_ref().and_then(|links| restriction(exchange, links, path)) {
        None => shard.files.borrow_mut().probe(path, &conf.open_file_cache, crate::time::now()),
        Some((from, follow)) => OpenFile::probe_restricted(path, from, follow),
    }
}

/// From which byte on which links are followed; `None` is all.
fn restriction(exchange: &Exchange, links: &LinksConf, path: &[u8]) -> Option<(usize, Follow)> {
    let follow = if links.same_owner { Follow::SameOwner } else { Follow::Never };
    let Some(from) = &links.from else { return Some((0, follow)) };
    let mut text = Vec::new();
    variables::evaluate(exchange, from, &mut text);
    begins(path, &text).map(|from| (from, follow))
}

/// Where `from=` ends on this path, as nginx reads it: at its start when it is another path or ends within a name; `None` when it
/// is the path itself.
fn begins(path: &[u8], from: &[u8]) -> Option<usize> {
    let Some(rest) = path.strip_prefix(from).filter(|_| !from.is_empty()) else { return Some(0) };
    match (rest.first(), from.last()) {
        (None, _) => None,
        (Some(b'/'), _) => Some(from.len()),
        (_, Some(b'/')) => Some(from.len() - 1),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_trusted_up_to_a_whole_name() {
        for (path, from, expected) in [
            ("/srv/www/a", "/srv/www", Some(8)),
            ("/srv/www/a", "/srv/www/", Some(8)),
            ("/srv/www/a", "/srv/ww", Some(0)),
            ("/srv/www/a", "/srv/www/b", Some(0)),
            ("/srv/www/a", "/srv/www/a/b", Some(0)),
            ("/srv/www/a", "", Some(0)),
            ("/srv/www/a", "/", Some(0)),
            ("/srv/www/a", "/srv/www/a", None),
        ] {
            assert_eq!(begins(path.as_bytes(), from.as_bytes()), expected, "{path} from {from}");
        }
    }
}
