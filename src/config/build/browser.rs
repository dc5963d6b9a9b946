//! `modern_browser`, `ancient_browser` and their values.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::browser::BrowserConf;
use super::super::template::Template;
use super::context::Context;
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawBrowsers {
    /// `modern_browser` and `ancient_browser`; each is inherited for itself.
    modern: Option<BrowserConf>,
    ancient: Option<BrowserConf>,
    modern_value: Option<Template>,
    ancient_value: Option<Template>,
}

impl RawBrowsers {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "modern_browser" => {
                let modern = self.modern.get_or_insert_default();
                match d.args() {
                    [word] if word.text() == "unlisted" => modern.unlisted = true,
                    [_] => cx.error(d, format!("unknown browser name \"{}\"", d.arg(0))),
                    _ => {
                        if let Err(message) = modern.add_modern(d.arg(0), d.arg(1)) {
                            cx.error(d, message);
                        }
                    }
                }
            }
            "ancient_browser" => {
                let ancient = self.ancient.get_or_insert_default();
                for name in d.args() {
                    match name.bytes() {
                        b"netscape4" => ancient.netscape4 = true,
                        name => ancient.ancient.push(name.into()),
                    }
                }
            }
            "modern_browser_value" => cx.set(d, &mut self.modern_value, value),
            "ancient_browser_value" => cx.set(d, &mut self.ancient_value, value),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; modern, ancient, modern_value, ancient_value);
    }

    /// `None`: nothing is written, and every browser is ancient.
    pub(super) fn resolve(self) -> Option<Arc<BrowserConf>> {
        let Self { modern, ancient, modern_value, ancient_value } = self;
        if modern.is_none() && ancient.is_none() && modern_value.is_none() && ancient_value.is_none() {
            return None;
        }
        let (modern, ancient) = (modern.unwrap_or_default(), ancient.unwrap_or_default());
        Some(Arc::new(BrowserConf {
            ancient: ancient.ancient,
            netscape4: ancient.netscape4,
            modern_value,
            ancient_value,
            ..modern
        }))
    }
}

/// As written: nginx knows no variables in it.
#[expect(clippy::unnecessary_wraps, reason = "what `Context::set` takes")]
fn value(_: &mut Context, d: &Directive) -> Option<Template> {
    Some(Template::literal(d.arg_bytes(0)))
}
