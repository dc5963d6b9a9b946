//! One level of the configuration as written (http, server, location): every value optional.
//!
//! Each family of directives has its raw form, which knows how to read its directives and what an inner level
//! inherits. The resolved form is `model::LocationConf`.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::spec::Support;
use super::access::RawAccess;
use super::browser::RawBrowsers;
use super::client::RawClient;
use super::context::Context;
use super::errors::RawErrors;
use super::files::RawFiles;
use super::filters::RawFilters;
use super::gateway::RawGateways;
use super::headers::RawHeaders;
use super::limits::RawLimits;
use super::logs::RawLogs;
use super::mirror::RawMirror;
use super::proxy::RawProxy;
use super::real_ip::RawRealIp;
use super::referers::RawReferers;
use super::resolver::RawResolver;
use super::rewrite::RawRewrite;
use super::secure_link::RawSecureLink;
use super::userid::RawUserid;

/// Copies each named field that is not set here from the outer level.
macro_rules! inherit {
    ($inner:expr, $outer:expr; $($field:ident),+ $(,)?) => {
        $(if $inner.$field.is_none() { $inner.$field.clone_from(&$outer.$field); })+
    };
}
pub(super) use inherit;

/// A list of which one line at an inner level hides all lines of the outer ones.
#[derive(Debug)]
pub(super) struct List<T> {
    written: Vec<T>,
    frozen: Option<Arc<[T]>>,
}

/// What becomes of the outer level's lines (`add_header_inherit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Inherit {
    /// One line of this level hides them.
    #[default]
    On,
    /// They do not count.
    Off,
    /// They come behind the lines of this level.
    Merge,
}

impl Inherit {
    /// The words of the directive.
    pub(super) const WORDS: [(&'static str, Self); 3] =
        [("on", Self::On), ("off", Self::Off), ("merge", Self::Merge)];
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { written: Vec::new(), frozen: None }
    }
}

impl<T> List<T> {
    /// Adds a line of this level.
    pub(super) fn push(&mut self, item: T) {
        self.written.push(item);
    }

    /// Closes the level: its own lines, else those of the (already closed) outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.frozen = if self.written.is_empty() {
            outer.frozen.clone()
        } else {
            Some(std::mem::take(&mut self.written).into())
        };
    }

    /// The same where a directive says how.
    pub(super) fn inherit_as(&mut self, outer: &Self, how: Inherit)
    where
        T: Clone,
    {
        match how {
            Inherit::On => self.inherit(outer),
            Inherit::Off => self.inherit(&Self::default()),
            Inherit::Merge => {
                if !self.written.is_empty() {
                    self.written.extend(outer.frozen.iter().flat_map(|lines| lines.iter().cloned()));
                }
                self.inherit(outer);
            }
        }
    }

    /// The lines in force; `None` when no level wrote any.
    pub(super) fn get(&self) -> Option<Arc<[T]>> {
        self.frozen.clone()
    }
}

/// All families of one level.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub access: RawAccess,
    pub browsers: RawBrowsers,
    pub client: RawClient,
    pub closed: Closed,
    /// Of this level only.
    pub content: Option<ContentHandler>,
    pub errors: RawErrors,
    pub files: RawFiles,
    pub gateways: RawGateways,
    pub filters: RawFilters,
    pub headers: RawHeaders,
    pub limits: RawLimits,
    pub logs: RawLogs,
    pub mirror: RawMirror,
    pub proxy: RawProxy,
    pub real_ip: RawRealIp,
    pub resolver: RawResolver,
    pub referers: RawReferers,
    pub secure_link: RawSecureLink,
    pub rewrite: RawRewrite,
    pub userid: RawUserid,
}

/// Directives that are not supported and that nothing may take the place of: requests are refused instead.
#[derive(Debug, Default)]
pub(super) struct Closed {
    /// A content handler: of this level only.
    handler: Option<String>,
    /// Anything else: inner levels too.
    guard: Option<String>,
}

impl Closed {
    fn apply(&mut self, d: &Directive) -> bool {
        let Support::Closed(what) = d.spec.support else { return false };
        let reason = format!("\"{}\" is not supported: {what}", d.name());
        if d.name().ends_with("_pass") {
            self.handler = Some(reason);
        } else {
            self.guard = Some(reason);
        }
        true
    }

    fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; guard);
    }

    /// Why the level's requests are refused.
    pub(super) fn reason(&self) -> Option<&str> {
        self.guard.as_deref().or(self.handler.as_deref())
    }
}

/// Content handlers that need nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentHandler {
    /// `empty_gif`
    EmptyGif,
    /// `stub_status`
    StubStatus,
    /// `flv`
    Flv,
}

impl ContentHandler {
    fn named(name: &str) -> Option<Self> {
        match name {
            "empty_gif" => Some(Self::EmptyGif),
            "stub_status" => Some(Self::StubStatus),
            "flv" => Some(Self::Flv),
            _ => None,
        }
    }
}

/// Where a level's directives stand, for those whose meaning depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The enclosing location, `None` at http and server level.
    pub location: Option<&'a super::location::Place>,
    /// In an `if` of that place.
    pub inside_if: bool,
}

impl Level {
    /// Reads one directive; false when it belongs to none of the families.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) -> bool {
        let content = ContentHandler::named(d.name());
        if content.is_some() || d.name().ends_with("_pass") {
            self.forget_handlers(d.name());
            self.content = content;
        }
        if content.is_some() {
            return true;
        }
        self.closed.apply(d)
            || self.files.apply(cx, d, place)
            || self.access.apply(cx, d)
            || self.client.apply(cx, d)
            || self.errors.apply(cx, d)
            || self.filters.apply(cx, d)
            || self.headers.apply(cx, d)
            || self.limits.apply(cx, d)
            || self.secure_link.apply(cx, d)
            || self.real_ip.apply(cx, d)
            || self.resolver.apply(cx, d)
            || self.referers.apply(cx, d)
            || self.logs.apply(cx, d)
            || self.mirror.apply(cx, d)
            || self.proxy.apply(cx, d, place)
            || self.gateways.apply(cx, d, place)
            || self.rewrite.apply(cx, d, place)
            || self.browsers.apply(cx, d)
            || self.userid.apply(cx, d)
    }

    /// Of several content handlers the last one counts, as in nginx; `name` is the directive of the next one.
    fn forget_handlers(&mut self, name: &str) {
        if name != "proxy_pass" {
            self.proxy.pass = None;
        }
        self.gateways.forget_handlers(name);
        self.closed.handler = None;
    }

    /// Takes the content handler of the location that this nameless one stands in, unless it has its own.
    pub(super) fn inherit_handler(&mut self, outer: &Self) {
        if self.proxy.pass.is_none()
            && self.gateways.passing().is_none()
            && self.closed.handler.is_none()
            && self.content.is_none()
        {
            self.proxy.pass.clone_from(&outer.proxy.pass);
            self.gateways.inherit_handler(&outer.gateways);
            self.closed.handler.clone_from(&outer.closed.handler);
            self.content = outer.content;
        }
    }

    /// Takes what is not written here from the outer level, which has inherited already.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.access.inherit(&outer.access);
        self.client.inherit(&outer.client);
        self.closed.inherit(&outer.closed);
        self.errors.inherit(&outer.errors);
        self.files.inherit(&outer.files);
        self.filters.inherit(&outer.filters);
        self.headers.inherit(&outer.headers);
        self.limits.inherit(&outer.limits);
        self.secure_link.inherit(&outer.secure_link);
        self.real_ip.inherit(&outer.real_ip);
        self.resolver.inherit(&outer.resolver);
        self.referers.inherit(&outer.referers);
        self.logs.inherit(&outer.logs);
        self.mirror.inherit(&outer.mirror);
        self.proxy.inherit(&outer.proxy);
        self.gateways.inherit(&outer.gateways);
        self.rewrite.inherit(&outer.rewrite);
        self.browsers.inherit(&outer.browsers);
        self.userid.inherit(&outer.userid);
    }
}

#[cfg(test)]
mod tests {
    use super::{Inherit, List};

    #[test]
    fn a_directive_says_what_becomes_of_outer_lines() {
        let mut outer = List::default();
        outer.push(1);
        outer.inherit(&List::default());
        for (how, own, expected) in [
            (Inherit::On, &[2][..], Some(&[2][..])),
            (Inherit::On, &[], Some(&[1])),
            (Inherit::Off, &[2], Some(&[2])),
            (Inherit::Off, &[], None),
            (Inherit::Merge, &[2, 3], Some(&[2, 3, 1])),
            (Inherit::Merge, &[], Some(&[1])),
        ] {
            let mut inner = List::default();
            own.iter().for_each(|line| inner.push(*line));
            inner.inherit_as(&outer, how);
            assert_eq!(inner.get().as_deref(), expected, "{how:?} {own:?}");
        }
    }

    #[test]
    fn one_inner_line_hides_all_outer_ones() {
        let (mut outer, none) = (List::default(), List::default());
        outer.push(1);
        outer.push(2);
        outer.inherit(&none);
        let (mut silent, mut own) = (List::default(), List::default());
        own.push(3);
        silent.inherit(&outer);
        own.inherit(&outer);
        assert_eq!(silent.get().as_deref(), Some(&[1, 2][..]));
        assert_eq!(own.get().as_deref(), Some(&[3][..]));
        assert!(none.get().is_none());
    }
}
