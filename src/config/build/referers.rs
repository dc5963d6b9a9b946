//! `valid_referers`.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::referer::Referers;
use super::context::Context;

/// As written: all lines of a level together.
#[derive(Debug, Default)]
pub(super) struct RawReferers {
    written: Option<Referers>,
    frozen: Option<Arc<Referers>>,
    is_own: bool,
}

impl RawReferers {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        if d.name() != "valid_referers" {
            return false;
        }
        let referers = self.written.get_or_insert_default();
        for i in 0..d.args().len() {
            let word = d.arg(i);
            if let Some(source) = word.strip_prefix('~') {
                if source.is_empty() {
                    cx.error(d, format!("empty regex in \"{word}\""));
                } else if let Some(pattern) = cx.pattern(d, source, true) {
                    referers.add_pattern(pattern);
                }
            } else if let Err(message) = referers.add(word) {
                cx.error(d, message);
            }
        }
        true
    }

    /// Takes the outer level's lines when there are none here.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.is_own = self.written.is_some() || self.frozen.is_some();
        self.frozen = match self.written.take() {
            Some(written) => Some(Arc::new(written)),
            None => self.frozen.take().or_else(|| outer.frozen.clone()),
        };
    }

    /// `None`: every request is valid.
    pub(super) fn resolve(self, cx: &mut Context) -> Option<Arc<Referers>> {
        if self.is_own && self.frozen.as_ref().is_some_and(|referers| !referers.name_any()) {
            cx.diagnostics.error(
                None,
                "the \"none\" or \"blocked\" referers are specified in the \"valid_referers\" directive without any valid \
                 referer",
            );
        }
        self.frozen
    }
}
