//! What a location does with a request: files, listings, `return`, and the application behind `proxy_pass`.
//!
//! A handler fills `exchange.response`, or says what else is to happen; it never writes to the client. Called by
//! `phases` alone.

pub mod autoindex;
pub mod index;
pub mod return_;
pub mod static_file;
pub mod try_files;

#[allow(missing_docs, reason = "replaced by the proxy's own files")]
pub mod proxy {
    use crate::{config::model::*, cycle::Cycle, http::*, shard::Shard};
    pub async fn run(
        _e: &mut Exchange,
        _c: &Cycle,
        _l: &LocationConf,
        _p: &ProxyPassConf,
        _s: &Shard,
    ) -> Outcome {
        Outcome::Declined
    }
}
