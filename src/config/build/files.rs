//! Files: `root`, `alias`, `index`, `try_files`, `types`, `autoindex`, `etag`, `open_file_cache*`.

use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::mime_types::SHIPPED;
use super::super::model::{
    AliasConf, AutoindexConf, AutoindexFormat, IfModifiedSince, LinksConf, OpenFileCacheConf, RootConf,
    TryFilesConf, TryFilesFallback, TryFilesItem,
};
use super::super::template::Template;
use super::super::types::Types;
use super::context::Context;
use super::level::{List, Place, inherit};
use super::location::is_unsupported;
use crate::http1::Status;

/// Files a core keeps when `open_file_cache` is not written.
const DEFAULT_CACHE_MAX: usize = 1000;
/// How long such a file is kept unused.
const DEFAULT_CACHE_INACTIVE: Duration = Duration::from_secs(20);
/// How long a file is trusted without a look at the disk when `open_file_cache_valid` is not written.
const DEFAULT_CACHE_VALID: Duration = Duration::from_secs(1);
/// nginx's default of `inactive=`.
const WRITTEN_CACHE_INACTIVE: Duration = Duration::from_secs(60);

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawFiles {
    pub root: Option<RootConf>,
    pub index: List<Template>,
    /// Not inherited, as in nginx.
    pub try_files: Option<TryFilesConf>,
    pub types: Option<Arc<Types>>,
    pub default_type: Option<String>,
    pub autoindex: Option<bool>,
    pub random_index: Option<bool>,
    pub autoindex_exact_size: Option<bool>,
    pub autoindex_localtime: Option<bool>,
    pub autoindex_format: Option<AutoindexFormat>,
    pub etag: Option<bool>,
    pub if_modified_since: Option<IfModifiedSince>,
    pub max_ranges: Option<u64>,
    /// `Some(None)` is `off`; else `max` and `inactive`.
    pub cache: Option<Option<(usize, Duration)>>,
    pub cache_valid: Option<Duration>,
    pub cache_min_uses: Option<u64>,
    pub cache_errors: Option<bool>,
    pub links: Option<Option<LinksConf>>,
}

impl RawFiles {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) -> bool {
        match d.name() {
            "root" | "alias" => self.root(cx, d, place),
            "index" => self.index(cx, d),
            "try_files" => cx.set(d, &mut self.try_files, try_files),
            "types" => self.types(cx, d),
            "default_type" => cx.text(d, &mut self.default_type),
            "autoindex" => cx.flag(d, &mut self.autoindex),
            "random_index" => cx.flag(d, &mut self.random_index),
            "autoindex_exact_size" => cx.flag(d, &mut self.autoindex_exact_size),
            "autoindex_localtime" => cx.flag(d, &mut self.autoindex_localtime),
            "autoindex_format" => cx.choice(
                d,
                &mut self.autoindex_format,
                &[
                    ("html", AutoindexFormat::Html),
                    ("xml", AutoindexFormat::Xml),
                    ("json", AutoindexFormat::Json),
                    ("jsonp", AutoindexFormat::Jsonp),
                ],
            ),
            "etag" => cx.flag(d, &mut self.etag),
            "if_modified_since" => cx.choice(
                d,
                &mut self.if_modified_since,
                &[
                    ("off", IfModifiedSince::Off),
                    ("exact", IfModifiedSince::Exact),
                    ("before", IfModifiedSince::Before),
                ],
            ),
            "max_ranges" => cx.number(d, &mut self.max_ranges),
            "open_file_cache" => cx.set(d, &mut self.cache, open_file_cache),
            "open_file_cache_valid" => cx.seconds(d, &mut self.cache_valid),
            "open_file_cache_min_uses" => cx.number(d, &mut self.cache_min_uses),
            "open_file_cache_errors" => cx.flag(d, &mut self.cache_errors),
            "disable_symlinks" => cx.set(d, &mut self.links, links),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.index.inherit(&outer.index);
        inherit!(self, outer;
            root, types, default_type, autoindex, random_index, autoindex_exact_size, autoindex_localtime, autoindex_format, etag,
            if_modified_since, max_ranges, cache, cache_valid, cache_min_uses, cache_errors, links);
    }

    /// `root path`, `alias path`.
    fn root(&mut self, cx: &mut Context, d: &Directive, place: Place<'_>) {
        let alias = d.name() == "alias";
        if let Some(earlier) = &self.root {
            if (earlier.alias != AliasConf::Root) == alias {
                cx.duplicate(d);
            } else {
                let (this, other) = if alias { ("alias", "root") } else { ("root", "alias") };
                cx.error(
                    d,
                    format!("\"{this}\" directive is duplicate, \"{other}\" directive was specified earlier"),
                );
            }
            return;
        }
        if alias && place.location.is_some_and(|location| location.is_named()) {
            cx.error(d, "the \"alias\" directive cannot be used inside the named location");
            return;
        }
        let written = d.arg(0);
        for variable in ["document_root", "realpath_root"] {
            if written.contains(&format!("${variable}")) || written.contains(&format!("${{{variable}}}")) {
                cx.error(
                    d,
                    format!("the ${variable} variable cannot be used in the \"{}\" directive", d.name()),
                );
                return;
            }
        }
        let mut path = if written.starts_with('$') { written.to_owned() } else { cx.absolute_text(written) };
        if !alias && path.len() > 1 && path.ends_with('/') {
            path.pop();
        }
        let alias = match place.location {
            Some(location) if alias => location.alias(),
            _ => AliasConf::Root,
        };
        if let Some(path) = cx.template(d, &path) {
            if path.uses(is_unsupported) {
                let message = format!(
                    "\"{}\" has a variable that is not supported yet: no files are served from there",
                    d.name()
                );
                cx.warn(d, message);
            }
            self.root = Some(RootConf { path: Arc::new(path), alias });
        }
    }

    /// `index file ...`.
    fn index(&mut self, cx: &mut Context, d: &Directive) {
        let count = d.args().len();
        for i in 0..count {
            let name = d.arg(i);
            if name.is_empty() {
                cx.error(d, "index \"\" in \"index\" directive is invalid");
                return;
            }
            if name.starts_with('/') && i + 1 < count {
                cx.warn(d, "only the last index in \"index\" directive should be absolute");
            }
            if let Some(template) = cx.template(d, name) {
                self.index.push(template);
            }
        }
    }

    /// `types { type extension ...; }`: a second block of one level adds to the first.
    fn types(&mut self, cx: &mut Context, d: &Directive) {
        let mut types = self.types.take().map(|types| (*types).clone()).unwrap_or_default();
        for line in d.children() {
            for i in 0..line.args().len() {
                let (extension, mime) = (line.arg(i).to_ascii_lowercase(), line.name());
                if let Some(earlier) = types.insert(&extension, mime) {
                    cx.warn(
                        line,
                        format!(
                            "duplicate extension \"{extension}\", content type: \"{mime}\", \
                             previous content type: \"{earlier}\""
                        ),
                    );
                }
            }
        }
        self.types = Some(Arc::new(types));
    }

    /// For a file without `http`: the types that nginx ships, where an `include mime.types` would stand.
    pub(super) fn add_shipped_types(&mut self) {
        if self.types.is_none() {
            let shipped = SHIPPED
                .iter()
                .flat_map(|(mime, extensions)| extensions.iter().map(|extension| (*extension, *mime)));
            self.types = Some(Arc::new(shipped.collect()));
        }
    }

    /// `autoindex` resolved.
    pub(super) fn autoindex(&self) -> Option<AutoindexConf> {
        self.autoindex.unwrap_or(false).then(|| AutoindexConf {
            exact_size: self.autoindex_exact_size.unwrap_or(true),
            localtime: self.autoindex_localtime.unwrap_or(false),
            format: self.autoindex_format.unwrap_or(AutoindexFormat::Html),
        })
    }

    /// `open_file_cache*` resolved: our own small cache when nothing is written.
    pub(super) fn open_file_cache(&self) -> OpenFileCacheConf {
        let written = self.cache.flatten();
        let (max, inactive) = written.unwrap_or((DEFAULT_CACHE_MAX, DEFAULT_CACHE_INACTIVE));
        let valid = self.cache_valid.unwrap_or(DEFAULT_CACHE_VALID);
        OpenFileCacheConf {
            max,
            inactive,
            // Without `open_file_cache` nginx looks at the disk each time: then never staler than by default.
            valid: if written.is_some() { valid } else { valid.min(DEFAULT_CACHE_VALID) },
            min_uses: self.cache_min_uses.and_then(|uses| u32::try_from(uses).ok()).unwrap_or(1),
            errors: self.cache_errors.unwrap_or(false),
        }
    }
}

/// nginx's three types when no `types` block is in force.
pub(super) fn default_types() -> Types {
    Types::from_iter([("html", "text/html"), ("gif", "image/gif"), ("jpg", "image/jpeg")])
}

/// `try_files file ... uri`, `try_files file ... =code`.
fn try_files(cx: &mut Context, d: &Directive) -> Option<TryFilesConf> {
    let last = d.args().len().checked_sub(1)?;
    let mut items = Vec::with_capacity(last);
    for i in 0..last {
        let text = d.arg(i);
        let (path, is_dir) = match text.strip_suffix('/') {
            Some(path) => (path, true),
            None => (text, false),
        };
        items.push(TryFilesItem { path: cx.template(d, path)?, is_dir });
    }
    let text = d.arg(last);
    let fallback = if let Some(code) = text.strip_prefix('=') {
        let code = code.parse::<u16>().ok().filter(|code| *code <= 999);
        let Some(code) = code else {
            cx.error(d, format!("invalid code \"{text}\""));
            return None;
        };
        TryFilesFallback::Status(Status(code))
    } else if text.starts_with('@') {
        TryFilesFallback::Named(text.to_owned())
    } else {
        TryFilesFallback::Uri(cx.template(d, text)?)
    };
    Some(TryFilesConf { items, fallback })
}

/// `open_file_cache off`, `open_file_cache max=N [inactive=time]`.
fn open_file_cache(cx: &mut Context, d: &Directive) -> Option<Option<(usize, Duration)>> {
    let (mut max, mut inactive, mut off) = (None, WRITTEN_CACHE_INACTIVE, false);
    for i in 0..d.args().len() {
        let text = d.arg(i);
        let valid = match text.split_once('=') {
            Some(("max", value)) => {
                max = value.parse::<usize>().ok().filter(|max| *max > 0);
                max.is_some()
            }
            Some(("inactive", value)) => match cx.read_seconds(value) {
                Some(time) => {
                    inactive = time;
                    true
                }
                None => false,
            },
            None if text == "off" => {
                off = true;
                true
            }
            _ => false,
        };
        if !valid {
            cx.error(d, format!("invalid \"open_file_cache\" parameter \"{text}\""));
            return None;
        }
    }
    if off {
        return Some(None);
    }
    if max.is_none() {
        cx.error(d, "\"open_file_cache\" must have the \"max\" parameter");
    }
    max.map(|max| Some((max, inactive)))
}

/// `disable_symlinks off | on | if_not_owner [from=part]`.
fn links(cx: &mut Context, d: &Directive) -> Option<Option<LinksConf>> {
    let (mut mode, mut from) = (None, None);
    for i in 0..d.args().len() {
        let text = d.arg(i);
        match text.strip_prefix("from=") {
            Some(part) => from = Some(cx.template(d, part)?),
            None if matches!(text, "off" | "on" | "if_not_owner") => mode = Some(text),
            None => {
                cx.error(d, format!("invalid parameter \"{text}\""));
                return None;
            }
        }
    }
    let message = match mode {
        None => "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter".to_owned(),
        Some(_) if d.args().len() > 1 && from.is_none() => {
            format!("duplicate parameters \"{} {}\"", d.arg(0), d.arg(1))
        }
        Some("off") if from.is_some() => "\"from=\" cannot be used with \"off\" parameter".to_owned(),
        Some("off") => return Some(None),
        Some(mode) => return Some(Some(LinksConf { same_owner: mode == "if_not_owner", from })),
    };
    cx.error(d, message);
    None
}
