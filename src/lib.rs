//! ringx: a reverse proxy and static file server that reads nginx's configuration.
//!
//! A request is a value that moves one way through the rooms below. Each room has one job and knows only
//! the rooms of a lower layer; only `io` touches the kernel. `tests/tidy.rs` holds both rules.
//!
//! | layer | rooms |
//! |---|---|
//! | 0 | [`time`] |
//! | 1 | [`log`], [`http1`], [`cgi`] |
//! | 2 | [`config`], [`io`], [`password`] |
//! | 3 | [`route`], [`upstream`], [`files`], [`limits`], [`tls`] |
//! | 4 | [`cycle`] |
//! | 5 | [`http`] |
//! | 6 | [`filter`], [`shard`] |
//! | 7 | [`handler`] |
//! | 8 | [`phases`] |
//! | 9 | [`worker`] |
//! | 10 | [`master`] |
//! | 11 | [`cli`] |

pub mod cgi;
pub mod cli;
pub mod config;
pub mod cycle;
pub mod files;
pub mod filter;
pub mod handler;
pub mod http;
pub mod http1;
pub mod io;
pub mod limits;
pub mod log;
pub mod master;
pub mod password;
pub mod phases;
pub mod route;
pub mod shard;
pub mod time;
pub mod tls;
pub mod upstream;
pub mod worker;
