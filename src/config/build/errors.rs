//! `error_page` and `recursive_error_pages`.

use super::super::ast::Directive;
use super::super::model::ErrorPageConf;
use super::context::Context;
use super::level::{List, inherit};

/// As written.
#[derive(Debug, Default)]
pub(super) struct RawErrors {
    pub pages: List<ErrorPageConf>,
    pub recursive: Option<bool>,
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
