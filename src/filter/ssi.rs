//! `ssi`: which pages have commands. `phases::ssi` carries them out before the page is sent.

use crate::config::filters::SsiConf;
use crate::http::Exchange;

/// Marks a page whose commands are to be carried out, after whatever changes its body up to here.
pub(super) fn apply(exchange: &mut Exchange, conf: &SsiConf) {
    let response = &mut exchange.response;
    if response.content_length == Some(0) || !conf.types.contains(&response.content_type) {
        return;
    }
    response.before_ssi = Some(response.transform.take().unwrap_or_default());
    super::forget_validators(response, conf.last_modified);
    response.fields.remove(b"accept-ranges");
}
