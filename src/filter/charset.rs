//! `charset`: what the `Content-Type` says about the encoding of a text.

use crate::config::filters::CharsetConf;
use crate::http::{Exchange, Response, variables};
use crate::http1::{Status, encode};
use crate::log::{Level, Raw};

/// `X-Accel-Charset`: a charset that the configuration knows, for any type that names none.
#[cold]
pub(super) fn obey(exchange: &mut Exchange) {
    let (told, content_type) = (&exchange.response.told_charset, &exchange.response.content_type);
    let known = &exchange.cycle.conf.http.charsets;
    if content_type.is_empty() || known.is_empty() {
        return;
    }
    if !known.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(told)) {
        let message = format_args!("unknown charset \"{}\" to override", Raw(told));
        exchange.log_error(Level::Error, message);
        return;
    }
    let redirects = matches!(exchange.response.status, Status::MOVED_PERMANENTLY | Status(302));
    if redirects || names_charset(content_type) {
        return;
    }
    let Response { content_type, told_charset, .. } = &mut exchange.response;
    content_type.extend_from_slice(b"; charset=");
    content_type.extend_from_slice(told_charset);
}

/// Adds `; charset=` to the types that are meant, unless the type names one or the app does.
pub(super) fn apply(exchange: &mut Exchange, conf: &CharsetConf) {
    let response = &exchange.response;
    if response.content_type.is_empty()
        || !response.told_charset.is_empty()
        || names_charset(&response.content_type)
        || !conf.types.contains(&response.content_type)
        // Netscape took a redirect's charset for that of the page behind it; nginx remembers.
        || matches!(response.status, Status::MOVED_PERMANENTLY | Status(302))
    {
        return;
    }
    let mut name = std::mem::take(&mut exchange.scratch);
    name.clear();
    variables::evaluate(exchange, &conf.name, &mut name);
    // With other parameters behind the type nginx writes no charset.
    let has_parameters = exchange.response.content_type.contains(&b';');
    if !name.is_empty() && !has_parameters && encode::is_safe_value(&name) {
        let content_type = &mut exchange.response.content_type;
        content_type.extend_from_slice(b"; charset=");
        content_type.extend_from_slice(&name);
    }
    exchange.scratch = name;
}

/// A parameter `charset=` stands behind the type.
fn names_charset(content_type: &[u8]) -> bool {
    content_type.split(|b| *b == b';').skip(1).any(|parameter| {
        let parameter = parameter.trim_ascii_start();
        parameter.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"charset="))
    })
}

#[cfg(test)]
mod tests {
    use super::names_charset;

    #[test]
    fn a_charset_that_is_named() {
        for (content_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("text/html;CHARSET=utf-8", true),
            ("text/html; x=1; charset=a", true),
            ("text/html", false),
            ("text/html; x=charset", false),
        ] {
            assert_eq!(names_charset(content_type.as_bytes()), expected, "{content_type}");
        }
    }
}
