//! `location`: nginx's search (`ngx_http_core_find_location`).
//!
//! An exact location ends the search. Else the longest prefix wins, and inside it the same search goes on among the
//! nested locations; then this level's regexes are tried in file order, unless the prefix said `^~`.

use crate::config::model::{HttpConf, LocationId, LocationKind};
use crate::config::pattern::Pattern;

/// The result of a search.
#[derive(Debug, Clone, Copy)]
pub enum LocationMatch {
    /// This location.
    Found(LocationId),
    /// The regex of this location was given up: nobody knows whose the request is.
    GivenUp(LocationId),
    /// `/x` was asked and `/x/` is a proxied location: redirect to its name.
    AutoRedirect(LocationId),
    /// No location: the server's own level serves it.
    None,
}

/// The locations of one level.
pub(super) struct LocationTree {
    /// Sorted by path; exact locations before prefix ones of the same path.
    paths: Vec<PathEntry>,
    patterns: Vec<(Pattern, LocationId, LocationTree)>,
    named: Vec<(Vec<u8>, LocationId)>,
    /// Paths that redirect to their name, without their last slash, and where they are in `paths`.
    auto_redirects: Vec<(Vec<u8>, usize)>,
}

struct PathEntry {
    path: Vec<u8>,
    /// What `path` begins with: nearly every comparison ends here.
    begin: Begin,
    exact: Option<LocationId>,
    prefix: Option<PrefixEntry>,
    /// The entry with the longest prefix location that is a proper prefix of this path.
    parent: Option<usize>,
    auto_redirect: bool,
}

struct PrefixEntry {
    id: LocationId,
    stops_regex: bool,
    /// The locations inside it, if there are any.
    nested: Option<Box<LocationTree>>,
}

/// The first eight bytes of a path as a number, so that numbers sort as paths do; a short path ends in zeroes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Begin(u64);

impl Begin {
    const LEN: usize = 8;

    #[inline(always)]
    fn of(path: &[u8]) -> Begin {
        Begin(match path.first_chunk() {
            Some(begin) => u64::from_be_bytes(*begin),
            None => {
                path.iter().zip(1..).fold(0, |begin, (byte, at)| begin | u64::from(*byte) << (64 - 8 * at))
            }
        })
    }

    /// Whether a path that begins with `self` begins with all of a path of `len` bytes that begins with `other`, as far
    /// as the first bytes tell.
    #[inline(always)]
    fn begins_with(self, other: Begin, len: usize) -> bool {
        let behind = 64 - 8 * len.min(Begin::LEN) as u32;
        (self.0 ^ other.0).checked_shr(behind).unwrap_or(0) == 0
    }
}

impl LocationTree {
    pub(super) fn build(http: &HttpConf, ids: &[LocationId]) -> Self {
        let mut tree =
            Self { paths: Vec::new(), patterns: Vec::new(), named: Vec::new(), auto_redirects: Vec::new() };
        for &id in ids {
            let conf = &http.locations[id.0 as usize];
            match &conf.kind {
                LocationKind::ServerLevel | LocationKind::If(_) => {}
                LocationKind::Prefix { path, stops_regex } => {
                    let nested = Self::build(http, &conf.children);
                    let nested = (!nested.is_empty()).then(|| Box::new(nested));
                    let entry = tree.entry(path);
                    entry.auto_redirect |= conf.auto_redirect;
                    entry.prefix = Some(PrefixEntry { id, stops_regex: *stops_regex, nested });
                }
                LocationKind::Exact(path) => {
                    let entry = tree.entry(path);
                    entry.auto_redirect |= conf.auto_redirect;
                    entry.exact = Some(id);
                }
                LocationKind::Regex(pattern) => {
                    tree.patterns.push((pattern.clone(), id, Self::build(http, &conf.children)));
                }
                LocationKind::Named(name) => tree.named.push((name.clone().into_bytes(), id)),
            }
        }
        tree.paths.sort_by(|a, b| a.path.cmp(&b.path));
        for (at, entry) in tree.paths.iter().enumerate().filter(|(_, entry)| entry.auto_redirect) {
            // Every URI has its slash: "/" itself has no name without it.
            if let Some(bare @ [_, ..]) = entry.path.strip_suffix(b"/") {
                tree.auto_redirects.push((bare.to_vec(), at));
            }
        }
        tree.link_parents();
        tree
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.patterns.is_empty()
    }

    pub(super) fn named(&self, name: &[u8]) -> Option<LocationId> {
        self.named.iter().find(|(n, _)| n == name).map(|(_, id)| *id)
    }

    /// Searches, and calls `matched` with each regex on the way to the location, the outermost first.
    pub(super) fn find<'r>(&'r self, uri: &[u8], matched: &mut dyn FnMut(&'r Pattern)) -> LocationMatch {
        self.search(uri, matched).0
    }

    /// The second value: a regex has decided, and the levels around ask theirs no more.
    fn search<'r>(&'r self, uri: &[u8], matched: &mut dyn FnMut(&'r Pattern)) -> (LocationMatch, bool) {
        let mut best = LocationMatch::None;
        let mut stops_regex = false;
        match self.find_static(uri) {
            StaticMatch::Exact(id) => return (LocationMatch::Found(id), false),
            StaticMatch::AutoRedirect(id) => return (LocationMatch::AutoRedirect(id), false),
            StaticMatch::Prefix(entry) => {
                stops_regex = entry.stops_regex;
                best = LocationMatch::Found(entry.id);
                if let Some(nested) = &entry.nested {
                    match nested.search(uri, matched) {
                        (LocationMatch::None, _) => {}
                        decided @ ((LocationMatch::AutoRedirect(_) | LocationMatch::GivenUp(_), _)
                        | (_, true)) => {
                            return decided;
                        }
                        (found @ LocationMatch::Found(id), false) => {
                            best = found;
                            if nested.is_exact(uri, id) {
                                return (best, false);
                            }
                        }
                    }
                }
            }
            StaticMatch::None => {}
        }
        if !stops_regex {
            for (pattern, id, nested) in &self.patterns {
                match pattern.try_match(uri) {
                    Ok(false) => {}
                    Ok(true) => {
                        matched(pattern);
                        return match nested.search(uri, matched).0 {
                            LocationMatch::None => (LocationMatch::Found(*id), true),
                            found => (found, true),
                        };
                    }
                    Err(_) => return (LocationMatch::GivenUp(*id), true),
                }
            }
        }
        (best, false)
    }

    /// True when `id` is an exact location for `uri` somewhere below: nginx ends its search there.
    fn is_exact(&self, uri: &[u8], id: LocationId) -> bool {
        match self.find_static(uri) {
            StaticMatch::Exact(found) => found == id,
            StaticMatch::Prefix(entry) => {
                entry.nested.as_ref().is_some_and(|nested| nested.is_exact(uri, id))
            }
            StaticMatch::AutoRedirect(_) | StaticMatch::None => false,
        }
    }

    fn find_static(&self, uri: &[u8]) -> StaticMatch<'_> {
        // The last path that sorts at or before the URI: the URI's prefixes are it or among its parents.
        let begin = Begin::of(uri);
        let end = self.paths.partition_point(|entry| entry.sorts_at_or_before(uri, begin));
        let same = end > 0 && self.paths[end - 1].path == uri;
        if !same && let Some((_, at)) = self.auto_redirects.iter().find(|(bare, _)| bare == uri) {
            let entry = &self.paths[*at];
            let id = entry.exact.or(entry.prefix.as_ref().map(|p| p.id));
            return id.map_or(StaticMatch::None, StaticMatch::AutoRedirect);
        }
        let mut at = end.checked_sub(1);
        while let Some(i) = at {
            let entry = &self.paths[i];
            if entry.is_prefix_of(uri, begin) {
                if let Some(id) = entry.exact
                    && entry.path.len() == uri.len()
                {
                    return StaticMatch::Exact(id);
                }
                if let Some(prefix) = &entry.prefix {
                    return StaticMatch::Prefix(prefix);
                }
            }
            at = entry.parent;
        }
        StaticMatch::None
    }

    fn entry(&mut self, path: &[u8]) -> &mut PathEntry {
        let at = self.paths.iter().position(|entry| entry.path == path).unwrap_or_else(|| {
            self.paths.push(PathEntry {
                path: path.to_vec(),
                begin: Begin::of(path),
                exact: None,
                prefix: None,
                parent: None,
                auto_redirect: false,
            });
            self.paths.len() - 1
        });
        &mut self.paths[at]
    }

    fn link_parents(&mut self) {
        for i in 0..self.paths.len() {
            self.paths[i].parent = (0..i).rev().find(|&j| {
                self.paths[j].prefix.is_some() && self.paths[i].path.starts_with(&self.paths[j].path)
            });
        }
    }
}

impl PathEntry {
    #[inline(always)]
    fn sorts_at_or_before(&self, uri: &[u8], begin: Begin) -> bool {
        if self.begin != begin {
            return self.begin < begin;
        }
        self.path.len() <= Begin::LEN.min(uri.len()) || self.path.as_slice() <= uri
    }

    #[inline(always)]
    fn is_prefix_of(&self, uri: &[u8], begin: Begin) -> bool {
        let len = self.path.len();
        begin.begins_with(self.begin, len)
            && len <= uri.len()
            && (len <= Begin::LEN || uri.starts_with(&self.path))
    }
}

enum StaticMatch<'r> {
    Exact(LocationId),
    Prefix(&'r PrefixEntry),
    AutoRedirect(LocationId),
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What the first bytes say as numbers is what the paths say.
        #[test]
        fn paths_compare_as_their_bytes_do(path in "/?[a-b\\x00\\xff/]{0,10}", uri in "/?[a-b\\x00\\xff/]{0,10}") {
            let (path, uri) = (path.as_bytes(), uri.as_bytes());
            for uri in [uri, &[path, uri].concat()] {
                let begin = Begin::of(uri);
                let entry = PathEntry {
                    path: path.to_vec(),
                    begin: Begin::of(path),
                    exact: None,
                    prefix: None,
                    parent: None,
                    auto_redirect: false,
                };
                prop_assert_eq!(entry.sorts_at_or_before(uri, begin), path <= uri);
                prop_assert_eq!(entry.is_prefix_of(uri, begin), uri.starts_with(path));
            }
        }
    }
}
