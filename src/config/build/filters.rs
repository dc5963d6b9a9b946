//! Filters of responses: `gzip*`, `gzip_static`, `gunzip`, `sub_filter*`, `add_before_body`, `add_after_body`, `charset*`,
//! `ssi*`.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::filters::{
    AdditionConf, CharsetConf, FilterConf, GzipClients, GzipConf, GzipProxied, GzipStatic, SsiConf, SubConf,
    SubPair, TypeSet,
};
use super::super::model::AddHeaderConf;
use super::super::pattern::Pattern;
use super::super::template::Template;
use super::context::Context;
use super::level::{List, inherit};

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawFilters {
    gzip: Option<bool>,
    gzip_types: Option<TypeSet>,
    gzip_min_length: Option<u64>,
    gzip_comp_level: Option<u64>,
    gzip_static: Option<GzipStatic>,
    gunzip: Option<bool>,
    gzip_vary: Option<bool>,
    gzip_http10: Option<bool>,
    gzip_proxied: Option<GzipProxied>,
    gzip_disable_msie6: Option<bool>,
    gzip_disable: List<Pattern>,
    subs: List<SubPair>,
    sub_types: Option<TypeSet>,
    sub_once: Option<bool>,
    sub_last_modified: Option<bool>,
    /// Empty: nothing.
    before_body: Option<Box<[u8]>>,
    after_body: Option<Box<[u8]>>,
    addition_types: Option<TypeSet>,
    /// The inner `None` is `off`.
    charset: Option<Option<Template>>,
    source_charset: Option<Template>,
    override_charset: Option<bool>,
    charset_types: Option<TypeSet>,
    ssi: Option<bool>,
    ssi_types: Option<TypeSet>,
    ssi_silent_errors: Option<bool>,
    ssi_last_modified: Option<bool>,
    ssi_value_length: Option<u64>,
}

/// The types that nginx gives a charset.
const CHARSET_TYPES: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/plain",
    "text/vnd.wap.wml",
    "application/javascript",
    "application/rss+xml",
];

impl RawFilters {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "gzip" => cx.flag(d, &mut self.gzip),
            "gzip_types" => add_types(cx, d, &mut self.gzip_types, &["text/html"]),
            "gzip_min_length" => cx.size(d, &mut self.gzip_min_length),
            "gzip_comp_level" => cx.set(d, &mut self.gzip_comp_level, comp_level),
            "gzip_static" => cx.choice(
                d,
                &mut self.gzip_static,
                &[("off", GzipStatic::Off), ("on", GzipStatic::On), ("always", GzipStatic::Always)],
            ),
            "gunzip" => cx.flag(d, &mut self.gunzip),
            "gzip_vary" => cx.flag(d, &mut self.gzip_vary),
            "gzip_http_version" => cx.choice(d, &mut self.gzip_http10, &[("1.0", true), ("1.1", false)]),
            "gzip_proxied" => self.gzip_proxied(cx, d),
            "gzip_disable" => self.gzip_disable(cx, d),
            "sub_filter" => self.sub_filter(cx, d),
            "sub_filter_types" => add_types(cx, d, &mut self.sub_types, &["text/html"]),
            "sub_filter_once" => cx.flag(d, &mut self.sub_once),
            "sub_filter_last_modified" => cx.flag(d, &mut self.sub_last_modified),
            "add_before_body" => cx.set(d, &mut self.before_body, |_, d| Some(d.arg_bytes(0).into())),
            "add_after_body" => cx.set(d, &mut self.after_body, |_, d| Some(d.arg_bytes(0).into())),
            "addition_types" => add_types(cx, d, &mut self.addition_types, &["text/html"]),
            "charset" => cx.set(d, &mut self.charset, |cx, d| match d.arg(0) {
                "off" => Some(None),
                _ => charset(cx, d).map(Some),
            }),
            "source_charset" => cx.set(d, &mut self.source_charset, charset),
            "override_charset" => cx.flag(d, &mut self.override_charset),
            "charset_types" => add_types(cx, d, &mut self.charset_types, &["text/html"]),
            "ssi" => cx.flag(d, &mut self.ssi),
            "ssi_types" => add_types(cx, d, &mut self.ssi_types, &["text/html"]),
            "ssi_silent_errors" => cx.flag(d, &mut self.ssi_silent_errors),
            "ssi_value_length" => cx.size(d, &mut self.ssi_value_length),
            "ssi_last_modified" => cx.flag(d, &mut self.ssi_last_modified),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.gzip_disable.inherit(&outer.gzip_disable);
        self.subs.inherit(&outer.subs);
        inherit!(self, outer;
            gzip, gzip_types, gzip_min_length, gzip_comp_level, gzip_static, gunzip, gzip_vary, gzip_http10,
            gzip_proxied, gzip_disable_msie6, sub_types, sub_once, sub_last_modified, before_body, after_body, addition_types, charset, source_charset, override_charset, charset_types, ssi, ssi_types,
            ssi_silent_errors, ssi_last_modified, ssi_value_length);
    }

    /// What is in force, with the `add_trailer`s in force; `None` when nothing is.
    pub(super) fn resolve(&self, trailers: Option<Arc<[AddHeaderConf]>>) -> Option<Arc<FilterConf>> {
        let conf = FilterConf {
            gzip: self.gzip.unwrap_or(false).then(|| self.gzip()),
            gzip_static: self.gzip_static.unwrap_or_default(),
            gunzip: self.gunzip.unwrap_or(false),
            gzip_clients: self.gzip_clients(),
            sub: self.subs.get().map(|pairs| self.sub(pairs)),
            addition: self.addition(),
            charset: self.charset(),
            ssi: self.ssi.unwrap_or(false).then(|| SsiConf {
                types: self.ssi_types.clone().unwrap_or_else(|| only(&["text/html"])),
                silent_errors: self.ssi_silent_errors.unwrap_or(false),
                value_length: self
                    .ssi_value_length
                    .and_then(|bytes| usize::try_from(bytes).ok())
                    .unwrap_or(256),
                last_modified: self.ssi_last_modified.unwrap_or(false),
            }),
            trailers: trailers.unwrap_or_default(),
        };
        let in_use = conf.gzip.is_some()
            || conf.gzip_static != GzipStatic::Off
            || conf.gunzip
            || conf.sub.is_some()
            || conf.addition.is_some()
            || conf.charset.is_some()
            || conf.ssi.is_some()
            || !conf.trailers.is_empty();
        in_use.then(|| Arc::new(conf))
    }

    fn gzip(&self) -> GzipConf {
        GzipConf {
            types: self.gzip_types.clone().unwrap_or_else(|| only(&["text/html"])),
            min_length: self.gzip_min_length.unwrap_or(20),
            level: self.gzip_comp_level.and_then(|level| u8::try_from(level).ok()).unwrap_or(1),
        }
    }

    fn gzip_clients(&self) -> GzipClients {
        GzipClients {
            vary: self.gzip_vary.unwrap_or(false),
            http10: self.gzip_http10.unwrap_or(false),
            proxied: self.gzip_proxied.unwrap_or_default(),
            disable_msie6: self.gzip_disable_msie6.unwrap_or(false),
            disable: self.gzip_disable.get().unwrap_or_default(),
        }
    }

    fn sub(&self, pairs: Arc<[SubPair]>) -> SubConf {
        SubConf {
            pairs,
            types: self.sub_types.clone().unwrap_or_else(|| only(&["text/html"])),
            once: self.sub_once.unwrap_or(true),
            last_modified: self.sub_last_modified.unwrap_or(false),
        }
    }

    fn charset(&self) -> Option<CharsetConf> {
        let (name, source) = (self.charset.clone().flatten(), self.source_charset.clone());
        (name.is_some() || source.is_some()).then(|| CharsetConf {
            name,
            source,
            overrides: self.override_charset.unwrap_or(false),
            types: self.charset_types.clone().unwrap_or_else(|| only(&CHARSET_TYPES)),
        })
    }

    fn addition(&self) -> Option<AdditionConf> {
        let uri = |written: &Option<Box<[u8]>>| written.clone().filter(|uri| !uri.is_empty());
        let (before, after) = (uri(&self.before_body), uri(&self.after_body));
        (before.is_some() || after.is_some()).then(|| AdditionConf {
            before,
            after,
            types: self.addition_types.clone().unwrap_or_else(|| only(&["text/html"])),
        })
    }

    fn sub_filter(&mut self, cx: &mut Context, d: &Directive) {
        if d.arg(0).is_empty() {
            cx.error(d, "empty search pattern");
            return;
        }
        if let (Some(find), Some(put)) = (cx.template(d, d.arg_bytes(0)), cx.template(d, d.arg_bytes(1))) {
            self.subs.push(SubPair { find, put });
        }
    }

    /// Several lines of one level add up, as nginx's bit masks do.
    fn gzip_proxied(&mut self, cx: &mut Context, d: &Directive) {
        for arg in d.args() {
            let word = GzipProxied::WORDS.iter().find(|(word, _)| *word == arg.text());
            let Some((_, bit)) = word else {
                cx.error(d, format!("invalid value \"{}\"", arg.text()));
                return;
            };
            let before = self.gzip_proxied.map_or(0, |written| written.0);
            if before & bit.0 != 0 {
                cx.warn(d, format!("duplicate value \"{}\"", arg.text()));
            }
            self.gzip_proxied = Some(GzipProxied(before | bit.0));
        }
    }

    fn gzip_disable(&mut self, cx: &mut Context, d: &Directive) {
        for arg in d.args() {
            if arg.text() == "msie6" {
                self.gzip_disable_msie6 = Some(true);
            } else if let Some(pattern) = cx.pattern(d, arg.text(), true) {
                self.gzip_disable.push(pattern);
            }
        }
    }
}

/// The name of a charset, or variables that make one.
fn charset(cx: &mut Context, d: &Directive) -> Option<Template> {
    let name = d.arg(0);
    if !name.starts_with('$') {
        cx.charsets.add(name);
    }
    cx.header_value(d, 0)
}

fn comp_level(cx: &mut Context, d: &Directive) -> Option<u64> {
    let level = super::context::read_number(d.arg(0));
    match level {
        None => cx.error(d, "invalid number"),
        Some(1..=9) => return level,
        Some(_) => cx.error(d, "value must be between 1 and 9"),
    }
    None
}

/// `*`, or MIME types besides those that are always meant. A second line of one level adds to the first.
fn add_types(cx: &mut Context, d: &Directive, slot: &mut Option<TypeSet>, always: &[&str]) {
    let mut all: Vec<String> = match slot {
        Some(TypeSet::Any) => return,
        Some(TypeSet::Only(before)) => before.to_vec(),
        None => always.iter().map(|name| (*name).to_owned()).collect(),
    };
    for arg in d.args() {
        let name = arg.text().to_ascii_lowercase();
        if name == "*" {
            *slot = Some(TypeSet::Any);
            return;
        }
        if all.contains(&name) {
            cx.warn(d, format!("duplicate MIME type \"{}\"", arg.text()));
        } else {
            all.push(name);
        }
    }
    *slot = Some(TypeSet::Only(all.into()));
}

fn only(names: &[&str]) -> TypeSet {
    TypeSet::Only(names.iter().map(|name| (*name).to_owned()).collect())
}
