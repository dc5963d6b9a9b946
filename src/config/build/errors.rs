//! `error_page`, `recursive_error_pages` and `return`.

use super::super::ast::Directive;
use super::super::model::{ErrorPageConf, ReturnConf};
use super::context::Context;
use super::level::{List, inherit};
use crate::http1::Status;

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawErrors {
    pub pages: List<ErrorPageConf>,
    pub recursive: Option<bool>,
    /// Not inherited; the first of a level wins, the others are never reached.
    pub return_: Option<ReturnConf>,
}

impl RawErrors {
    /// Reads one directive; false when it is of another family.
    pub(super) fn apply(&mut self, cx: &mut Context, d: &Directive) -> bool {
        match d.name() {
            "error_page" => {
                for page in error_pages(cx, d).unwrap_or_default() {
                    self.pages.push(page);
                }
            }
            "recursive_error_pages" => cx.flag(d, &mut self.recursive),
            "return" => {
                let parsed = return_(cx, d);
                if self.return_.is_none() {
                    self.return_ = parsed;
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes what is not written from the outer level.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.pages.inherit(&outer.pages);
        inherit!(self, outer; recursive);
    }
}

/// `error_page code ... [=[response]] uri`.
fn error_pages(cx: &mut Context, d: &Directive) -> Option<Vec<ErrorPageConf>> {
    let args: Vec<&str> = (0..d.args().len()).map(|i| d.arg(i)).collect();
    let (uri, mut codes) = args.split_last()?;
    let mut overwrite = None;
    if let Some((last, rest)) = codes.split_last()
        && let Some(code) = last.strip_prefix('=')
    {
        let parsed = if code.is_empty() { Some(0) } else { code.parse::<u16>().ok() };
        if rest.is_empty() || parsed.is_none() {
            cx.error(d, format!("invalid value \"{last}\""));
            return None;
        }
        overwrite = parsed;
        codes = rest;
    }
    let mut pages = Vec::with_capacity(codes.len());
    for code in codes {
        let status = match code.parse::<u16>() {
            Ok(499) | Err(_) => {
                cx.error(d, format!("invalid value \"{code}\""));
                return None;
            }
            Ok(status @ 300..=599) => status,
            Ok(_) => {
                cx.error(d, format!("value \"{code}\" must be between 300 and 599"));
                return None;
            }
        };
        // nginx's own codes go out as 400 unless the page says otherwise.
        let overwrite = overwrite.or(matches!(status, 494..=497).then_some(400));
        pages.push(ErrorPageConf { status, overwrite, target: cx.template(d, uri)? });
    }
    Some(pages)
}

/// `return code [text]`, `return code URL`, `return URL`.
fn return_(cx: &mut Context, d: &Directive) -> Option<ReturnConf> {
    let first = d.arg(0);
    let digits = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    let code = first.parse::<u16>().ok().filter(|code| digits && *code <= 999);
    match code {
        Some(code) => {
            let text = if d.args().len() > 1 { Some(cx.template(d, d.arg_bytes(1))?) } else { None };
            Some(ReturnConf { status: Status(code), text })
        }
        None => {
            let url = ["http://", "https://", "$scheme"].iter().any(|prefix| first.starts_with(prefix));
            if d.args().len() > 1 || !url {
                cx.error(d, format!("invalid return code \"{first}\""));
                return None;
            }
            Some(ReturnConf { status: Status(302), text: Some(cx.template(d, first)?) })
        }
    }
}
