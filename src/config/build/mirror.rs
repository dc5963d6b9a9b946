//! Requests beside others: `mirror`, `mirror_request_body`, `post_action`.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::model::MirrorConf;
use super::context::Context;
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawMirror {
    /// Empty: `off`.
    uris: Option<Arc<[Box<[u8]>]>>,
    request_body: Option<bool>,
    /// Empty: none.
    post_action: Option<Box<[u8]>>,
}

impl RawMirror {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "mirror" => self.mirror(cx, d),
            "mirror_request_body" => cx.flag(d, &mut self.request_body),
            "post_action" => cx.set(d, &mut self.post_action, |_, d| Some(d.arg_bytes(0).into())),
            _ => return false,
        }
        true
    }

    /// One more URI, or none at all; not both.
    fn mirror(&mut self, cx: &mut Context, d: &Directive) {
        let known = self.uris.as_deref().unwrap_or_default();
        let uri = Some(d.arg_bytes(0)).filter(|uri| *uri != b"off");
        if self.uris.is_some() && (known.is_empty() || uri.is_none()) {
            return cx.duplicate(d);
        }
        self.uris = Some(known.iter().cloned().chain(uri.map(Into::into)).collect());
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; uris, request_body, post_action);
    }

    /// `post_action`
    pub(super) fn post_action(&self) -> Option<Box<[u8]>> {
        self.post_action.clone().filter(|target| !target.is_empty())
    }

    /// `None`: nothing is mirrored.
    pub(super) fn resolve(self) -> Option<Box<MirrorConf>> {
        let uris = self.uris.filter(|uris| !uris.is_empty())?;
        Some(Box::new(MirrorConf { uris, request_body: self.request_body.unwrap_or(true) }))
    }
}
