//! `userid` and its family.

use std::sync::Arc;

use super::super::ast::Directive;
use super::super::template::Template;
use super::super::userid::{UseridConf, UseridExpires, UseridMode};
use super::context::{Context, read_number};
use super::level::inherit;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawUserid {
    /// The inner `None` is `off`, here and below.
    mode: Option<Option<UseridMode>>,
    name: Option<String>,
    domain: Option<String>,
    path: Option<String>,
    expires: Option<UseridExpires>,
    p3p: Option<String>,
    mark: Option<Option<u8>>,
    service: Option<u32>,
    flags: Option<String>,
    reset: Option<Template>,
}

impl RawUserid {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "userid" => {
                let words = [
                    ("off", None),
                    ("log", Some(UseridMode::Log)),
                    ("v1", Some(UseridMode::V1)),
                    ("on", Some(UseridMode::On)),
                ];
                cx.choice(d, &mut self.mode, &words);
                // Its value is `set`'s, where there is one.
                self.reset = cx.template(d, "$uid_reset");
            }
            "userid_name" => cx.text(d, &mut self.name),
            "userid_domain" => cx.text(d, &mut self.domain),
            "userid_path" => cx.text(d, &mut self.path),
            "userid_p3p" => cx.text(d, &mut self.p3p),
            "userid_expires" => cx.set(d, &mut self.expires, expires),
            "userid_mark" => cx.set(d, &mut self.mark, mark),
            "userid_service" => cx.set(d, &mut self.service, |cx, d| {
                let number = read_number(d.arg(0)).and_then(|number| u32::try_from(number).ok());
                if number.is_none() {
                    cx.error(d, "invalid number");
                }
                number
            }),
            "userid_flags" => cx.set(d, &mut self.flags, flags),
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        inherit!(self, outer; mode, name, domain, path, expires, p3p, mark, service, flags, reset);
    }

    /// `None`: off.
    pub(super) fn resolve(self) -> Option<Arc<UseridConf>> {
        let mode = self.mode.flatten()?;
        let none = |text: &String| text != "none";
        let domain = self.domain.filter(none).map(|domain| format!("; domain={domain}"));
        let attributes = format!(
            "{}; path={}{}",
            domain.unwrap_or_default(),
            self.path.as_deref().unwrap_or("/"),
            self.flags.unwrap_or_default()
        );
        Some(Arc::new(UseridConf {
            mode,
            name: self.name.unwrap_or_else(|| "uid".to_owned()),
            attributes,
            expires: self.expires.unwrap_or_default(),
            p3p: self.p3p.filter(none),
            mark: self.mark.flatten(),
            service: self.service,
            reset: self.reset.unwrap_or_default(),
        }))
    }
}

fn expires(cx: &mut Context, d: &Directive) -> Option<UseridExpires> {
    match d.arg(0) {
        "off" => Some(UseridExpires::Never),
        "max" => Some(UseridExpires::Max),
        text => match cx.read_seconds(text).and_then(|time| i64::try_from(time.as_secs()).ok()) {
            Some(seconds) => Some(UseridExpires::After(seconds)),
            None => {
                cx.error(d, "invalid value");
                None
            }
        },
    }
}

fn mark(cx: &mut Context, d: &Directive) -> Option<Option<u8>> {
    match d.arg_bytes(0) {
        b"off" => Some(None),
        [byte] if byte.is_ascii_alphanumeric() || *byte == b'=' => Some(Some(*byte)),
        _ => {
            cx.error(d, "value must be \"off\" or a single letter, digit or \"=\"");
            None
        }
    }
}

/// As they stand in the cookie, in nginx's order.
fn flags(cx: &mut Context, d: &Directive) -> Option<String> {
    const FLAGS: [&str; 5] = ["secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none"];
    if d.args().len() == 1 && d.arg(0) == "off" {
        return Some(String::new());
    }
    if let Some(unknown) = d.args().iter().find(|arg| !FLAGS.contains(&arg.text())) {
        cx.error(d, format!("invalid value \"{}\"", unknown.text()));
        return None;
    }
    let written = |flag: &&&str| d.args().iter().any(|arg| arg.text() == **flag);
    Some(FLAGS.iter().filter(written).map(|flag| format!("; {flag}")).collect())
}
