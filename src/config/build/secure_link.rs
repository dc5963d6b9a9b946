//! `secure_link` and `secure_link_md5`, or `secure_link_secret`.

use super::super::ast::Directive;
use super::super::error::Pos;
use super::super::model::SecureLinkConf;
use super::super::template::Template;
use super::context::Context;
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawSecureLink {
    link: Option<Template>,
    md5: Option<Template>,
    secret: Option<String>,
    /// Where that stands.
    secret_at: Option<Pos>,
}

impl RawSecureLink {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "secure_link" => cx.set(d, &mut self.link, |cx, d| cx.template(d, d.arg_bytes(0))),
            "secure_link_md5" => cx.set(d, &mut self.md5, |cx, d| cx.template(d, d.arg_bytes(0))),
            "secure_link_secret" => {
                cx.text(d, &mut self.secret);
                self.secret_at = Some(d.pos);
            }
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; link, md5, secret, secret_at);
    }

    /// `None`: no link is secure.
    pub(super) fn resolve(self, cx: &mut Context) -> Option<SecureLinkConf> {
        match (self.link, self.md5, self.secret) {
            (Some(link), Some(md5), None) => Some(SecureLinkConf::Md5 { link, md5 }),
            (None, None, Some(secret)) => Some(SecureLinkConf::Secret(secret)),
            (_, _, Some(_)) => {
                if let Some(at) = self.secret_at {
                    let message =
                        "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\"";
                    cx.error_at(at, message);
                }
                None
            }
            _ => None,
        }
    }
}
