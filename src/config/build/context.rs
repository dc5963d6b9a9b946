//! What all of `build` shares while one configuration is read: messages, names, sockets, upstreams, formats.
//!
//! Also the readers of single values: each checks for a second writing and says what is wrong as nginx does.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::ast::Directive;
use super::super::charsets::Charsets;
use super::super::derived::DerivedConf;
use super::super::error::{Diagnostics, Pos};
use super::super::load::FindUser;
use super::super::model::{
    AccessLogConf, AppTlsConf, ErrorLogConf, LimitZoneConf, LocationConf, LocationId, LogFormat, SizeConf,
    UpstreamId,
};
use super::super::pattern::Pattern;
use super::super::template::{Template, VariableScope};
use super::super::types::Types;
use super::super::value;
use super::BuildOptions;
use super::addr::Url;
use super::limits::ZoneUse;
use super::listen::ListenTable;
use super::logs;
use super::upstream::Upstreams;

/// The state of one load.
pub(super) struct Context {
    /// All messages so far.
    pub diagnostics: Diagnostics,
    /// Named captures and declared variables.
    pub scope: VariableScope,
    /// Variables derived from others.
    pub derived: Vec<DerivedConf>,
    /// Sockets.
    pub listens: ListenTable,
    /// Upstreams.
    pub upstreams: Upstreams,
    /// `limit_req_zone` and `limit_conn_zone`.
    pub limit_zones: Vec<LimitZoneConf>,
    /// Charsets and the tables between them.
    pub charsets: Charsets,
    /// Where they are used.
    pub limit_zone_uses: Vec<ZoneUse>,
    /// TLS towards apps.
    pub app_tls: Vec<AppTlsConf>,
    /// What TLS directives name and the TLS here does not offer, for one notice.
    pub tls_left_out: BTreeSet<String>,
    /// Started as root.
    pub superuser: bool,
    /// Looks up a user and a group.
    pub find_user: Option<FindUser>,
    prefix: PathBuf,
    has_logs_folder: bool,
    folder: Arc<[u8]>,
    locations: Vec<LocationConf>,
    formats: HashMap<String, Arc<LogFormat>>,
    main_error_log: Option<Arc<[ErrorLogConf]>>,
    default_access_log: Option<Arc<[AccessLogConf]>>,
    default_types: Option<Arc<Types>>,
    default_index: Option<Arc<[Template]>>,
    temp_dir: Option<PathBuf>,
    /// Directories that no directive names.
    pub default_temp_paths: BTreeSet<PathBuf>,
}

impl Context {
    /// The state before the first directive.
    pub(super) fn new(options: BuildOptions<'_>, scope: VariableScope, diagnostics: Diagnostics) -> Self {
        let mut cx = Self {
            diagnostics,
            scope,
            derived: Vec::new(),
            listens: ListenTable::default(),
            upstreams: Upstreams::default(),
            limit_zones: Vec::new(),
            charsets: Charsets::default(),
            limit_zone_uses: Vec::new(),
            app_tls: Vec::new(),
            tls_left_out: BTreeSet::new(),
            superuser: options.superuser,
            find_user: options.find_user,
            prefix: options.prefix,
            has_logs_folder: options.has_logs_folder,
            folder: folder_bytes(&options.folder),
            locations: Vec::new(),
            formats: HashMap::new(),
            main_error_log: None,
            default_access_log: None,
            default_types: None,
            default_index: None,
            temp_dir: options.temp_dir,
            default_temp_paths: BTreeSet::new(),
        };
        let template = cx.builtin_template(logs::COMBINED);
        let escape = super::super::model::LogEscape::Default;
        cx.add_log_format(LogFormat { name: "combined".to_owned(), template, escape });
        cx
    }

    // Messages.

    /// An error at a directive.
    pub(super) fn error(&mut self, d: &Directive, message: impl Into<String>) {
        self.diagnostics.error(d.pos, message);
    }

    /// An error at a place kept from before.
    pub(super) fn error_at(&mut self, at: Pos, message: impl Into<String>) {
        self.diagnostics.error(at, message);
    }

    /// A warning at a directive.
    pub(super) fn warn(&mut self, d: &Directive, message: impl Into<String>) {
        self.diagnostics.warn(d.pos, message);
    }

    /// An error that shows at the end of a block.
    pub(super) fn error_at_end(&mut self, d: &Directive, message: impl Into<String>) {
        self.error_at(d.end, message);
    }

    /// `"x" directive is duplicate`.
    pub(super) fn duplicate(&mut self, d: &Directive) {
        self.error(d, format!("\"{}\" directive is duplicate", d.name()));
    }

    /// All derived variables, in the order in which templates know them.
    pub(super) fn take_derived(&mut self) -> Vec<DerivedConf> {
        let mut derived = std::mem::take(&mut self.derived);
        derived.sort_by_key(|conf| self.scope.derived.iter().position(|name| *name == conf.name));
        derived
    }

    // Single values.

    /// Reads a directive that may stand once per level.
    pub(super) fn set<T>(
        &mut self,
        d: &Directive,
        slot: &mut Option<T>,
        read: impl FnOnce(&mut Self, &Directive) -> Option<T>,
    ) {
        if slot.is_some() {
            self.duplicate(d);
        } else {
            *slot = read(self, d);
        }
    }

    /// `on` or `off`.
    pub(super) fn flag(&mut self, d: &Directive, slot: &mut Option<bool>) {
        self.set(d, slot, |cx, d| match d.arg(0) {
            word if word.eq_ignore_ascii_case("on") => Some(true),
            word if word.eq_ignore_ascii_case("off") => Some(false),
            word => {
                let name = d.name();
                cx.error(
                    d,
                    format!("invalid value \"{word}\" in \"{name}\" directive, it must be \"on\" or \"off\""),
                );
                None
            }
        });
    }

    /// One of the words.
    pub(super) fn choice<T: Copy>(&mut self, d: &Directive, slot: &mut Option<T>, words: &[(&str, T)]) {
        self.set(d, slot, |cx, d| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(d.arg(0)));
            if found.is_none() {
                cx.error(d, format!("invalid value \"{}\"", d.arg(0)));
            }
            found.map(|(_, value)| *value)
        });
    }

    /// A text.
    pub(super) fn text(&mut self, d: &Directive, slot: &mut Option<String>) {
        self.set(d, slot, |_, d| Some(d.arg(0).to_owned()));
    }

    /// A folder for temporary files, and its levels: characters of the names of folders in it.
    pub(super) fn folder(&mut self, d: &Directive, slot: &mut Option<(String, [u8; 3])>) {
        /// Digits of a file's name, from which the folders' names are cut.
        const NAME: usize = 10;
        self.set(d, slot, |cx, d| {
            let mut levels = [0; 3];
            let mut right = true;
            for (level, arg) in levels.iter_mut().zip(d.args().iter().skip(1)) {
                *level = value::number(arg.text()).and_then(|level| u8::try_from(level).ok()).unwrap_or(0);
                right &= *level > 0;
            }
            right &= levels.iter().map(|level| usize::from(*level)).sum::<usize>() <= NAME;
            cx.checked(d, right.then(|| (d.arg(0).to_owned(), levels)))
        });
    }

    /// A size in bytes.
    pub(super) fn size(&mut self, d: &Directive, slot: &mut Option<u64>) {
        self.set(d, slot, |cx, d| {
            let value = cx.read_size(d.arg(0));
            cx.checked(d, value)
        });
    }

    /// A size in bytes, or variables that make one.
    pub(super) fn size_or_template(&mut self, d: &Directive, slot: &mut Option<SizeConf>) {
        self.set(d, slot, |cx, d| {
            let template = cx.template(d, d.arg(0))?;
            if !template.is_literal() {
                return Some(SizeConf::Evaluated(template));
            }
            let value = cx.read_size(d.arg(0));
            cx.checked(d, value).map(SizeConf::Fixed)
        });
    }

    /// A size of a buffer in memory, bytes.
    pub(super) fn buffer(&mut self, d: &Directive, slot: &mut Option<usize>) {
        self.set(d, slot, |cx, d| {
            let value = cx.read_size(d.arg(0)).and_then(|size| usize::try_from(size).ok());
            cx.checked(d, value)
        });
    }

    /// A time.
    pub(super) fn time(&mut self, d: &Directive, slot: &mut Option<Duration>) {
        self.set(d, slot, |cx, d| cx.time_of(d, 0));
    }

    /// A number.
    pub(super) fn number(&mut self, d: &Directive, slot: &mut Option<u64>) {
        self.set(d, slot, |cx, d| {
            let value = read_number(d.arg(0));
            if value.is_none() {
                cx.error(d, format!("\"{}\" directive invalid number", d.name()));
            }
            value
        });
    }

    /// A time that knows years and months but no milliseconds.
    pub(super) fn seconds(&mut self, d: &Directive, slot: &mut Option<Duration>) {
        self.set(d, slot, |cx, d| {
            let value = value::seconds(d.arg(0));
            cx.checked(d, value)
        });
    }

    /// The time in one argument.
    pub(super) fn time_of(&mut self, d: &Directive, i: usize) -> Option<Duration> {
        let value = self.read_time(d.arg(i));
        self.checked(d, value)
    }

    /// `number size`, both above zero.
    pub(super) fn buffers_of(&mut self, d: &Directive) -> Option<(usize, usize)> {
        let number = read_number(d.arg(0)).and_then(|number| usize::try_from(number).ok());
        let size = self.read_size(d.arg(1)).and_then(|size| usize::try_from(size).ok());
        let pair = match (number, size) {
            (Some(number), Some(size)) if number > 0 && size > 0 => Some((number, size)),
            _ => None,
        };
        self.checked(d, pair)
    }

    fn checked<T>(&mut self, d: &Directive, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.error(d, format!("\"{}\" directive invalid value", d.name()));
        }
        value
    }

    /// `8k`, `1m`.
    pub(super) fn read_size(&self, text: &str) -> Option<u64> {
        value::size(text)
    }

    /// A time of whole seconds.
    pub(super) fn read_seconds(&self, text: &str) -> Option<Duration> {
        value::seconds(text)
    }

    /// `30s`, `1h30m`; seconds without a unit.
    pub(super) fn read_time(&self, text: &str) -> Option<Duration> {
        value::time(text)
    }

    /// A compiled value.
    pub(super) fn template(&mut self, d: &Directive, text: impl AsRef<[u8]>) -> Option<Template> {
        match Template::compile(text.as_ref(), &self.scope) {
            Ok(template) => Some(template),
            Err(message) => {
                self.error(d, message);
                None
            }
        }
    }

    /// A compiled value of a header: a line break in it would be a second header.
    pub(super) fn header_value(&mut self, d: &Directive, i: usize) -> Option<Template> {
        let text = d.arg_bytes(i);
        if text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            self.error(d, format!("line break in the value of \"{}\"", d.name()));
            return None;
        }
        self.template(d, text)
    }

    /// A value of our own.
    pub(super) fn builtin_template(&self, text: &str) -> Template {
        Template::compile(text.as_bytes(), &self.scope).unwrap_or_default()
    }

    /// A compiled regular expression.
    pub(super) fn pattern(&mut self, d: &Directive, source: &str, caseless: bool) -> Option<Pattern> {
        let scope = &mut self.scope;
        match Pattern::compile(source, caseless, |name| scope.capture_slot(name)) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                self.error(d, format!("pcre2_compile() failed: {why} in \"{source}\""));
                None
            }
        }
    }

    // Paths.

    /// A path against the prefix.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.prefix.join(path)
    }

    /// A path against the folder of the configuration file.
    pub(super) fn conf_path(&self, path: &str) -> PathBuf {
        Path::new(std::ffi::OsStr::from_bytes(&self.folder)).join(path)
    }

    /// The same as [`Context::absolute`] as text.
    pub(super) fn absolute_text(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let prefix = self.prefix.to_string_lossy();
        if prefix.ends_with('/') { format!("{prefix}{path}") } else { format!("{prefix}/{path}") }
    }

    /// A directory for temporary files: as written, else `name` below the prefix. Who starts makes it.
    pub(super) fn temp_path(&mut self, written: Option<&str>, name: &'static str) -> PathBuf {
        if let Some(written) = written {
            return self.absolute(written);
        }
        let path = self.temp_dir.clone().unwrap_or_else(|| self.prefix.join(name));
        self.default_temp_paths.insert(path.clone());
        path
    }

    // Things that are registered.

    /// The format of a name.
    pub(super) fn log_format(&self, name: &str) -> Option<Arc<LogFormat>> {
        self.formats.get(name).cloned()
    }

    /// Makes a format known.
    pub(super) fn add_log_format(&mut self, format: LogFormat) {
        self.formats.insert(format.name.clone(), Arc::new(format));
    }

    /// Registers TLS towards apps: its number. Locations that say the same share it.
    pub(super) fn app_tls(&mut self, conf: AppTlsConf) -> usize {
        self.app_tls.iter().position(|known| *known == conf).unwrap_or_else(|| {
            self.app_tls.push(conf);
            self.app_tls.len() - 1
        })
    }

    /// Registers a resolved location.
    pub(super) fn add_location(&mut self, conf: LocationConf) -> LocationId {
        let id = LocationId(u32::try_from(self.locations.len()).unwrap_or(u32::MAX));
        self.locations.push(conf);
        id
    }

    /// All locations, once everything is resolved.
    pub(super) fn take_locations(&mut self) -> Vec<LocationConf> {
        std::mem::take(&mut self.locations)
    }

    /// The upstream of a `proxy_pass` without variables.
    pub(super) fn upstream_for(&mut self, url: &Url, at: Pos) -> Option<UpstreamId> {
        match self.upstreams.find_or_add(url) {
            Ok(id) => Some(id),
            Err(message) => {
                self.error_at(at, message);
                None
            }
        }
    }

    /// The index of a zone.
    pub(super) fn limit_zone(&self, name: &str) -> Option<usize> {
        self.limit_zones.iter().position(|zone| zone.name == name)
    }

    // Defaults that many locations share.

    /// The main context's error logs.
    pub(super) fn set_main_error_log(&mut self, logs: Arc<[ErrorLogConf]>) {
        self.main_error_log = Some(logs);
    }

    /// The error logs of a level that has none.
    pub(super) fn main_error_log(&mut self) -> Arc<[ErrorLogConf]> {
        let folder = self.logs_folder();
        let default = || Arc::new([logs::default_error_log(folder.as_deref())]) as Arc<[ErrorLogConf]>;
        self.main_error_log.get_or_insert_with(default).clone()
    }

    /// The access logs of a level that says nothing.
    pub(super) fn default_access_log(&mut self) -> Arc<[AccessLogConf]> {
        if self.default_access_log.is_none() {
            let (combined, folder) = (self.log_format("combined"), self.logs_folder());
            let log = combined.and_then(|combined| logs::default_access_log(folder.as_deref(), combined));
            self.default_access_log = Some(log.into_iter().collect());
        }
        self.default_access_log.clone().unwrap_or_default()
    }

    /// The types of a level that has none.
    pub(super) fn default_types(&mut self) -> Arc<Types> {
        self.default_types.get_or_insert_with(|| Arc::new(super::files::default_types())).clone()
    }

    /// `index.html`.
    pub(super) fn default_index(&mut self) -> Arc<[Template]> {
        self.default_index.get_or_insert_with(|| Arc::new([Template::literal(b"index.html")])).clone()
    }

    /// The prefix.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// `logs/` below the prefix, where what is not written goes, if it is there.
    pub(super) fn logs_folder(&self) -> Option<PathBuf> {
        self.has_logs_folder.then(|| self.prefix.join("logs"))
    }

    /// The folder of the configuration file, with a slash at its end.
    pub(super) fn conf_folder(&self) -> Arc<[u8]> {
        Arc::clone(&self.folder)
    }

    /// The machine's name, lower-case.
    pub(super) fn hostname(&self) -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().to_ascii_lowercase()
    }
}

fn folder_bytes(folder: &Path) -> Arc<[u8]> {
    let mut bytes = folder.as_os_str().as_encoded_bytes().to_vec();
    if !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    bytes.into()
}

/// Decimal digits only.
pub(super) fn read_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}
