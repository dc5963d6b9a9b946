//! What becomes of the cookies an app sets, resolved: `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`.

use super::super::pattern::Pattern;
use super::super::template::Template;

/// The three directives of a location, of which at least one is written.
#[derive(Debug, Clone, Default)]
pub struct CookieConf {
    /// `proxy_cookie_domain`: the first that fits is used.
    pub domains: Vec<CookieRewriteConf>,
    /// `proxy_cookie_path`: the first that fits is used.
    pub paths: Vec<CookieRewriteConf>,
    /// `proxy_cookie_flags`: the first that names the cookie is used.
    pub flags: Vec<CookieFlagsConf>,
}

/// One `proxy_cookie_domain` or `proxy_cookie_path`.
#[derive(Debug, Clone)]
pub struct CookieRewriteConf {
    /// What is replaced.
    pub from: CookieMatch,
    /// By what.
    pub to: Template,
}

/// One `proxy_cookie_flags`.
#[derive(Debug, Clone)]
pub struct CookieFlagsConf {
    /// The cookie's name.
    pub cookie: CookieMatch,
    /// The flags' names.
    pub flags: Vec<Template>,
}

/// A text, or an expression, to compare with.
#[derive(Debug, Clone)]
pub enum CookieMatch {
    /// A text.
    Text(Template),
    /// `~`, and for paths `~*`.
    Regex(Pattern),
}
