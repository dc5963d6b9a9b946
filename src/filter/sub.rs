//! `sub_filter`: whose bodies are searched for what.

use crate::config::filters::SubConf;
use crate::http::{Exchange, variables};

/// Has the body searched when it is of one of the types.
pub(super) fn apply(exchange: &mut Exchange, conf: &SubConf) {
    let response = &exchange.response;
    if response.content_length == Some(0) || !conf.types.contains(&response.content_type) {
        return;
    }
    let mut transform = exchange.response.transform.take().unwrap_or_default();
    let searched = transform.substitute(conf.once, |sub| {
        for pair in conf.pairs.iter() {
            sub.add(|find, put| {
                variables::evaluate(exchange, &pair.find, find);
                variables::evaluate(exchange, &pair.put, put);
            });
        }
    });
    let response = &mut exchange.response;
    response.transform = (searched || !transform.is_plain()).then_some(transform);
    if !searched {
        return;
    }
    super::forget_validators(response, conf.last_modified);
}
