//! `add_before_body` and `add_after_body`: which bodies have something added. `phases::addition` fetches it.

use crate::config::filters::AdditionConf;
use crate::http::Exchange;
use crate::http1::Status;

/// Marks a body that is to have parts before or behind it.
pub(super) fn apply(exchange: &mut Exchange, conf: &AdditionConf) {
    let response = &mut exchange.response;
    if response.status == Status::OK && conf.types.contains(&response.content_type) {
        response.has_addition = true;
        super::forget_length(response);
    }
}
