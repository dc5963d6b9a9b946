//! Who may come in: `allow`, `deny`, `auth_basic`, `auth_request`, `satisfy`.

use std::time::Duration;

use super::super::ast::Directive;
use super::super::cidr::Cidr;
use super::super::model::{AccessClients, AccessConf, AccessRule, AuthRequestConf, BasicAuthConf};
use super::super::rewrite::SetTarget;
use super::super::template::Template;
use super::context::Context;
use super::level::{List, inherit};
use super::rewrite;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawAccess {
    rules: List<AccessRule>,
    basic: Option<Template>,
    user_file: Option<Template>,
    /// Empty: `off`.
    auth_request: Option<Vec<u8>>,
    auth_sets: List<(SetTarget, Template)>,
    satisfy_any: Option<bool>,
    auth_delay: Option<Duration>,
}

impl RawAccess {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "allow" | "deny" => {
                if let Some(who) = clients(cx, d) {
                    self.rules.push(AccessRule { allow: d.name() == "allow", who });
                }
            }
            "auth_basic" => cx.set(d, &mut self.basic, |cx, d| cx.header_value(d, 0)),
            "auth_basic_user_file" => cx.set(d, &mut self.user_file, |cx, d| cx.template(d, d.arg_bytes(0))),
            "auth_request" => cx.set(d, &mut self.auth_request, |_, d| match d.arg_bytes(0) {
                b"off" => Some(Vec::new()),
                uri => Some(uri.to_vec()),
            }),
            "auth_request_set" => {
                if let Some(target) = rewrite::target(cx, d)
                    && let Some(value) = cx.template(d, d.arg_bytes(1))
                {
                    self.auth_sets.push((target, value));
                }
            }
            "satisfy" => cx.choice(d, &mut self.satisfy_any, &[("all", false), ("any", true)]),
            "auth_delay" => cx.time(d, &mut self.auth_delay),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.rules.inherit(&outer.rules);
        self.auth_sets.inherit(&outer.auth_sets);
        inherit!(self, outer; basic, user_file, auth_request, satisfy_any, auth_delay);
    }

    /// `None`: everybody may come in.
    pub(super) fn resolve(self, cx: &Context) -> Option<AccessConf> {
        let rules = self.rules.get().unwrap_or_default();
        let basic = match (self.basic, self.user_file) {
            // Without a file nobody is asked, as in nginx.
            (Some(realm), Some(user_file)) if realm.as_literal() != Some(b"off") => {
                Some(BasicAuthConf { realm, user_file, folder: cx.conf_folder() })
            }
            _ => None,
        };
        let sets = self.auth_sets.get().unwrap_or_default();
        let auth_request = self
            .auth_request
            .filter(|uri| !uri.is_empty())
            .map(|uri| AuthRequestConf { uri: uri.into(), sets });
        if rules.is_empty() && basic.is_none() && auth_request.is_none() {
            return None;
        }
        Some(AccessConf {
            rules,
            basic,
            auth_request,
            satisfy_any: self.satisfy_any.unwrap_or(false),
            auth_delay: self.auth_delay.unwrap_or_default(),
        })
    }
}

fn clients(cx: &mut Context, d: &Directive) -> Option<AccessClients> {
    match d.arg(0) {
        "all" => return Some(AccessClients::All),
        "unix:" => return Some(AccessClients::Unix),
        _ => {}
    }
    Some(AccessClients::Net(network(cx, d)?))
}

/// The first argument as a network.
pub(super) fn network(cx: &mut Context, d: &Directive) -> Option<Cidr> {
    let text = d.arg(0);
    let Some((net, has_extra_bits)) = Cidr::parse(text) else {
        cx.error(d, format!("invalid parameter \"{text}\""));
        return None;
    };
    if has_extra_bits {
        cx.warn(d, format!("low address bits of {text} are meaningless"));
    }
    Some(net)
}
