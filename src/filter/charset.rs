//! `charset*`: what the `Content-Type` says about the encoding of a text, and into which one the text is brought.
//!
//! nginx's `ngx_http_charset_header_filter`: the charset a text is to have, the one it has, and the table between them.

use crate::config::filters::{CharsetConf, TypeSet};
use crate::config::template::Template;
use crate::http::{Exchange, named_charset, variables};
use crate::http1::{Status, encode};
use crate::log::{Level, Raw};

/// Gives a text the charset that is asked for, by the app (`X-Accel-Charset`) or the configuration.
pub(super) fn apply(exchange: &mut Exchange, conf: Option<&CharsetConf>) {
    let Some(wanted) = wanted(exchange, conf) else { return };
    let Some(named) = source(exchange, conf) else {
        set(exchange, &wanted);
        return;
    };
    bring(exchange, &named, &wanted);
}

/// Brings the text of a part into the charset of its page.
#[cold]
pub(super) fn apply_to_part(exchange: &mut Exchange, conf: Option<&CharsetConf>) {
    let Some(wanted) = exchange.page_charset.take() else { return };
    if let Some(named) = source(exchange, conf) {
        bring(exchange, &named, &wanted);
    }
    exchange.page_charset = Some(wanted);
}

/// The charset that the text is to have; `None` where it stays as it is.
fn wanted(exchange: &mut Exchange, conf: Option<&CharsetConf>) -> Option<Vec<u8>> {
    let response = &exchange.response;
    let (told, content_type) = (&response.told_charset, &response.content_type);
    let known = &exchange.cycle.conf.http.charsets;
    if content_type.is_empty() {
        return None;
    }
    if !told.is_empty() {
        if known.is_empty() {
            return None;
        }
        if known.find(told).is_none() {
            let message = format_args!("unknown charset \"{}\" to override", Raw(told));
            exchange.log_error(Level::Error, message);
            return None;
        }
        return Some(told.clone());
    }
    let conf = conf?;
    let template = conf.name.as_ref()?;
    let means = match named_charset(content_type) {
        Some(_) => conf.overrides,
        // A type with other parameters is none of those that are listed.
        None => match &conf.types {
            TypeSet::Any => true,
            only @ TypeSet::Only(_) => !content_type.contains(&b';') && only.contains(content_type),
        },
    };
    if !means {
        return None;
    }
    let name = evaluate(exchange, template);
    (!name.is_empty() && encode::is_safe_value(&name)).then_some(name)
}

/// The charset that the text has, as its type or `source_charset` says.
fn source(exchange: &Exchange, conf: Option<&CharsetConf>) -> Option<Vec<u8>> {
    let content_type = &exchange.response.content_type;
    if let Some((_, name)) = named_charset(content_type) {
        return Some(name.to_vec());
    }
    let name = evaluate(exchange, conf?.source.as_ref()?);
    (!name.is_empty()).then_some(name)
}

/// A name; one that the configuration has written is spelled as it was for the first time.
fn evaluate(exchange: &Exchange, template: &Template) -> Vec<u8> {
    let known = &exchange.cycle.conf.http.charsets;
    if let Some(number) = template.as_literal().and_then(|name| known.find(name)) {
        return known.name(number).as_bytes().to_vec();
    }
    let mut name = Vec::new();
    variables::evaluate(exchange, template, &mut name);
    name
}

/// Brings a text from one charset into another, if there is a table.
fn bring(exchange: &mut Exchange, from: &[u8], to: &[u8]) {
    let known = &exchange.cycle.conf.http.charsets;
    let (source, target) = (known.find(from), known.find(to));
    if let (Some(source), Some(target)) = (source, target) {
        if source == target {
            forget_named(exchange);
            set(exchange, to);
            return;
        }
        let is_encoded =
            exchange.response.fields.get(b"content-encoding").is_some_and(|value| !value.is_empty());
        if is_encoded {
            return;
        }
        if let Some(table) = known.table(source, target).cloned() {
            forget_named(exchange);
            set(exchange, to);
            let response = &mut exchange.response;
            if !table.keeps_length() {
                response.content_length = None;
                response.allow_ranges = false;
            }
            response.transform.get_or_insert_default().recode(table);
            return;
        }
    } else if source == target && from.eq_ignore_ascii_case(to) {
        set(exchange, to);
        return;
    }
    let message =
        format_args!("no \"charset_map\" between the charsets \"{}\" and \"{}\"", Raw(from), Raw(to));
    exchange.log_error(Level::Error, message);
}

/// Drops the charset of the type, and what stands behind it.
fn forget_named(exchange: &mut Exchange) {
    if exchange.is_part() {
        return;
    }
    let content_type = &mut exchange.response.content_type;
    if let Some((end, _)) = named_charset(content_type) {
        content_type.truncate(end);
    }
}

/// Adds `; charset=`, unless the type still names one.
fn set(exchange: &mut Exchange, name: &[u8]) {
    let response = &mut exchange.response;
    // Netscape took a redirect's charset for that of the page behind it; nginx remembers.
    let redirects = matches!(response.status, Status::MOVED_PERMANENTLY | Status(302));
    if redirects || exchange.depth > 0 || named_charset(&response.content_type).is_some() {
        return;
    }
    response.content_type.extend_from_slice(b"; charset=");
    response.content_type.extend_from_slice(name);
}
