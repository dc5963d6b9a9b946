//! The bodies of the fuzz targets: each takes any bytes and panics when a law of its room does not hold.
//!
//! Used twice: by the libFuzzer entry points in `fuzz_targets/`, and by the smoke run in `tests/fuzz_smoke.rs`, which
//! needs nothing but the stable toolchain. Laws are stated against what a room promises in its documentation, never
//! against how it does it.

mod body;
mod codecs;
mod conf;
mod exchange;
mod gateway;
mod head;
mod pieces;
mod text;
mod uri;

pub use body::{chunked, range};
pub use codecs::{certificate, memcached, password, proxy_protocol, variables};
pub use conf::configuration;
pub use exchange::exchange;
pub use gateway::{cgi_head, records};
pub use head::{request_head, response_head};
pub use pieces::Random;
pub use text::template;
pub use uri::normalize;

/// A target's name, which is its corpus directory's, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("request_head", request_head),
    ("response_head", response_head),
    ("chunked", chunked),
    ("records", records),
    ("cgi_head", cgi_head),
    ("normalize", normalize),
    ("range", range),
    ("template", template),
    ("configuration", configuration),
    ("variables", variables),
    ("memcached", memcached),
    ("proxy_protocol", proxy_protocol),
    ("certificate", certificate),
    ("password", password),
    ("exchange", exchange),
];
