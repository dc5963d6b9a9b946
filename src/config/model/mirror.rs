//! `mirror`, resolved.

use std::sync::Arc;

/// `mirror` with `mirror_request_body`.
#[derive(Debug)]
pub struct MirrorConf {
    /// What is asked besides, without arguments; at least one.
    pub uris: Arc<[Box<[u8]>]>,
    /// `mirror_request_body`.
    pub request_body: bool,
}
