//! `proxy_redirect`: the app's own address in `Location` and `Refresh` becomes the one the client knows.

use std::borrow::Cow;

use crate::config::model::ProxyRedirectConf;
use crate::http::{Exchange, variables};
use crate::http1::encode;
use crate::log::Level;

/// Rewrites `value` from `from` on by the first rule that matches; `None` when none does, or when what came of it
/// cannot stand in a header (a decoded line end).
pub(super) fn rewrite(
    exchange: &mut Exchange,
    rules: &[ProxyRedirectConf],
    value: &[u8],
    from: usize,
) -> Option<Vec<u8>> {
    if rules.is_empty() {
        return None;
    }
    let rewritten = first_match(exchange, rules, value, from)?;
    if !encode::is_safe_value(&rewritten) {
        exchange.log_error(
            Level::Error,
            format_args!("\"proxy_redirect\" made a value with a control character"),
        );
        return None;
    }
    Some(rewritten)
}

fn first_match(
    exchange: &mut Exchange,
    rules: &[ProxyRedirectConf],
    value: &[u8],
    from: usize,
) -> Option<Vec<u8>> {
    let (kept, subject) = value.split_at_checked(from)?;
    rules.iter().find_map(|rule| match rule {
        ProxyRedirectConf::Prefix { from, to } => {
            let prefix = evaluated(exchange, from);
            let rest = subject.strip_prefix(&prefix[..])?;
            let mut new = kept.to_vec();
            variables::evaluate(exchange, to, &mut new);
            new.extend_from_slice(rest);
            Some(new)
        }
        ProxyRedirectConf::Regex { from, to } => {
            if !exchange.captures.take(from, subject) {
                return None;
            }
            let mut new = kept.to_vec();
            variables::evaluate(exchange, to, &mut new);
            Some(new)
        }
    })
}

/// Where the URL of a `Refresh` value begins: behind `url=`, any case.
pub(super) fn refresh_url(value: &[u8]) -> Option<usize> {
    value.windows(4).position(|w| w.eq_ignore_ascii_case(b"url=")).map(|at| at + 4)
}

/// The template's value, borrowed when it holds no variable.
fn evaluated<'t>(exchange: &Exchange, template: &'t crate::config::template::Template) -> Cow<'t, [u8]> {
    match template.as_literal() {
        Some(literal) => Cow::Borrowed(literal),
        None => {
            let mut value = Vec::new();
            variables::evaluate(exchange, template, &mut value);
            Cow::Owned(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::refresh_url;

    #[test]
    fn refresh_is_rewritten_behind_url() {
        assert_eq!(refresh_url(b"3; URL=http://a/"), Some(7));
        assert_eq!(refresh_url(b"3"), None);
        assert_eq!(refresh_url(b"url"), None);
    }
}
