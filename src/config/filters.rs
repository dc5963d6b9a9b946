//! What changes responses on their way out, resolved: `gzip*`, `gzip_static`, `gunzip`, `sub_filter*`, `charset*`, `ssi*`, `add_before_body`, `add_after_body`, `add_trailer`.
//!
//! Part of the model: made by `build`, read by `filter` and `handler`. A location that uses none of it has no
//! [`FilterConf`] at all.

use std::sync::Arc;

use super::model::AddHeaderConf;
use super::pattern::Pattern;
use super::template::Template;

/// All filters of one location that work on bodies or need to see them.
#[derive(Debug, Default)]
pub struct FilterConf {
    /// `gzip on`.
    pub gzip: Option<GzipConf>,
    /// `gzip_static`.
    pub gzip_static: GzipStatic,
    /// `gunzip`.
    pub gunzip: bool,
    /// Which clients are served compressed bodies.
    pub gzip_clients: GzipClients,
    /// `sub_filter`s, `None` when there is none.
    pub sub: Option<SubConf>,
    /// `add_before_body` and `add_after_body`, `None` when there is neither.
    pub addition: Option<AdditionConf>,
    /// `charset` and `source_charset`, `None` when there is neither.
    pub charset: Option<CharsetConf>,
    /// `ssi on`.
    pub ssi: Option<SsiConf>,
    /// `add_trailer`s of the level in force.
    pub trailers: Arc<[AddHeaderConf]>,
}

/// `ssi*`.
#[derive(Debug)]
pub struct SsiConf {
    /// `ssi_types`.
    pub types: TypeSet,
    /// `ssi_silent_errors`.
    pub silent_errors: bool,
    /// `ssi_value_length`: most bytes of a parameter's value as it is written.
    pub value_length: usize,
    /// `ssi_last_modified`.
    pub last_modified: bool,
}

/// `add_before_body`, `add_after_body`, `addition_types`.
#[derive(Debug)]
pub struct AdditionConf {
    /// The URI of what stands before a body.
    pub before: Option<Box<[u8]>>,
    /// The URI of what stands behind it.
    pub after: Option<Box<[u8]>>,
    /// `addition_types`.
    pub types: TypeSet,
}

/// `sub_filter*`.
#[derive(Debug)]
pub struct SubConf {
    /// What is searched and what stands in its place, in order.
    pub pairs: Arc<[SubPair]>,
    /// `sub_filter_types`.
    pub types: TypeSet,
    /// `sub_filter_once`.
    pub once: bool,
    /// `sub_filter_last_modified`.
    pub last_modified: bool,
}

/// One `sub_filter`.
#[derive(Debug)]
pub struct SubPair {
    /// What is searched, without regard to case.
    pub find: Template,
    /// What stands in its place.
    pub put: Template,
}

/// `charset`, the types it is for, and what texts are before it.
#[derive(Debug)]
pub struct CharsetConf {
    /// The name that is added, `None` when off.
    pub name: Option<Template>,
    /// `source_charset`.
    pub source: Option<Template>,
    /// `override_charset`: also where the app names one.
    pub overrides: bool,
    /// `charset_types`.
    pub types: TypeSet,
}

/// `gzip on` and what it does to which answers.
#[derive(Debug)]
pub struct GzipConf {
    /// `gzip_types`.
    pub types: TypeSet,
    /// `gzip_min_length`, bytes; answers whose length is not known are compressed whatever it is.
    pub min_length: u64,
    /// `gzip_comp_level`, 1 to 9.
    pub level: u8,
}

/// `gzip_static`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GzipStatic {
    /// off (default)
    #[default]
    Off,
    /// on: for clients that take it
    On,
    /// always
    Always,
}

/// Which clients are served compressed bodies (nginx's `ngx_http_gzip_ok`).
#[derive(Debug, Default)]
pub struct GzipClients {
    /// `gzip_vary`.
    pub vary: bool,
    /// `gzip_http_version 1.0`: HTTP/1.0 clients too.
    pub http10: bool,
    /// `gzip_proxied`.
    pub proxied: GzipProxied,
    /// `gzip_disable msie6`.
    pub disable_msie6: bool,
    /// `gzip_disable` with regular expressions.
    pub disable: Arc<[Pattern]>,
}

/// `gzip_proxied`: which answers to requests that came through a proxy (`Via`) may be compressed. Bits as in nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GzipProxied(pub u16);

impl GzipProxied {
    /// off (default)
    pub const OFF: Self = Self(1);
    /// expired
    pub const EXPIRED: Self = Self(2);
    /// no-cache
    pub const NO_CACHE: Self = Self(4);
    /// no-store
    pub const NO_STORE: Self = Self(8);
    /// private
    pub const PRIVATE: Self = Self(16);
    /// no_last_modified
    pub const NO_LAST_MODIFIED: Self = Self(32);
    /// no_etag
    pub const NO_ETAG: Self = Self(64);
    /// auth
    pub const AUTH: Self = Self(128);
    /// any
    pub const ANY: Self = Self(256);

    /// The words of the directive.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("off", Self::OFF),
        ("expired", Self::EXPIRED),
        ("no-cache", Self::NO_CACHE),
        ("no-store", Self::NO_STORE),
        ("private", Self::PRIVATE),
        ("no_last_modified", Self::NO_LAST_MODIFIED),
        ("no_etag", Self::NO_ETAG),
        ("auth", Self::AUTH),
        ("any", Self::ANY),
    ];

    /// Is one of these written?
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Default for GzipProxied {
    fn default() -> Self {
        Self::OFF
    }
}

/// MIME types that a filter is for (`gzip_types` and its kin).
#[derive(Debug, Clone)]
pub enum TypeSet {
    /// `*`
    Any,
    /// These, in lower case.
    Only(Arc<[String]>),
}

impl TypeSet {
    /// Is it for a `Content-Type`? Parameters do not count; no type at all is never meant, but by `*`.
    pub fn contains(&self, content_type: &[u8]) -> bool {
        let Self::Only(types) = self else { return true };
        let bare = bare_type(content_type);
        !bare.is_empty() && types.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(bare))
    }
}

/// A `Content-Type` without its parameters.
pub fn bare_type(content_type: &[u8]) -> &[u8] {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    content_type[..end].trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_without_case_and_parameters() {
        let types = TypeSet::Only(Arc::from(["text/html".to_owned(), "text/css".to_owned()]));
        for (content_type, expected) in [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            ("text/css ;x", true),
            ("text/plain", false),
            ("", false),
            (";", false),
        ] {
            assert_eq!(types.contains(content_type.as_bytes()), expected, "{content_type}");
        }
        assert!(TypeSet::Any.contains(b"image/png"));
    }
}
