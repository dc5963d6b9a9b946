//! Zones of `limit_req` and `limit_conn`: counts by key that all cores share and that outlive a reload.
//!
//! The one thing on the way of a request that cores share, and only in locations that ask for it: a limit must be exact.
//! A zone is split into shards by key, each behind a lock that is held for a look-up and never across a wait. A zone
//! never holds more than its size. No configuration, no clock and no log is known here. Called by `cycle`, which owns
//! the zones, and `phases`.
//!
//! Beside them stand the counters of `stub_status`, which no core shares: see [`counters`].

mod connections;
pub mod counters;
mod requests;
mod table;

pub use connections::{ConnectionZone, Held};
pub use requests::{Asked, Pin, Rate, RequestZone};
