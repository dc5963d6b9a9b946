//! `secure_link` and `secure_link_md5`.

use super::super::ast::Directive;
use super::super::model::SecureLinkConf;
use super::super::template::Template;
use super::context::Context;
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawSecureLink {
    link: Option<Template>,
    md5: Option<Template>,
}

impl RawSecureLink {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "secure_link" => cx.set(d, &mut self.link, |cx, d| cx.template(d, d.arg_bytes(0))),
            "secure_link_md5" => cx.set(d, &mut self.md5, |cx, d| cx.template(d, d.arg_bytes(0))),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; link, md5);
    }

    /// `None`: no link is secure.
    pub(super) fn resolve(self) -> Option<SecureLinkConf> {
        Some(SecureLinkConf { link: self.link?, md5: self.md5? })
    }
}
