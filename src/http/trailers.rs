//! Fields that follow a body (`add_trailer`), and what is common to all fields that the configuration adds.

use super::exchange::Exchange;
use super::variables;
use crate::config::filters::FilterConf;
use crate::config::model::AddHeaderConf;
use crate::http1::encode::{self, push_field};
use crate::http1::is_value_byte;

/// The statuses that get `expires`, and fields without `always` (nginx's `ngx_http_headers_filter`).
pub fn is_safe_status(status: u16) -> bool {
    matches!(status, 200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308)
}

impl Exchange {
    /// Puts the value of a field that the configuration adds into `value`, which is empty.
    pub fn evaluate_field(&self, field: &AddHeaderConf, value: &mut Vec<u8>) {
        variables::evaluate(self, &field.value, value);
        if !encode::is_safe_value(value) {
            // `$uri` and captures are decoded: a line break in them must not become a field of its own.
            value.retain(|b| is_value_byte(*b));
        }
    }

    /// A trailer counts at this status; what it says is not known yet.
    pub fn will_have_trailers(&self, conf: &FilterConf) -> bool {
        self.trailers_in_force(conf).any(|trailer| !trailer.value.parts().is_empty())
    }

    /// Appends the trailers, complete lines, as things are behind the body.
    pub(super) fn push_trailers(&self, out: &mut Vec<u8>) {
        let conf = self.cycle.location(self.location);
        let Some(filters) = conf.filters.as_deref().filter(|_| self.response.has_trailers) else { return };
        let mut value = Vec::new();
        for trailer in self.trailers_in_force(filters) {
            value.clear();
            self.evaluate_field(trailer, &mut value);
            if !value.is_empty() {
                push_field(out, trailer.name.as_bytes(), &value);
            }
        }
    }

    fn trailers_in_force<'c>(
        &self,
        conf: &'c FilterConf,
    ) -> impl Iterator<Item = &'c AddHeaderConf> + use<'c> {
        let safe = is_safe_status(self.response.status.0);
        conf.trailers.iter().filter(move |trailer| safe || trailer.always)
    }
}
