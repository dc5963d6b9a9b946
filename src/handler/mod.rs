//! What a location does with a request: files, listings, `return`, and the application behind `proxy_pass`.
//!
//! A handler fills `exchange.response`, or says what else is to happen; it never writes to the client. Called by
//! `phases` alone.

pub mod access;
pub mod auth_basic;
pub mod autoindex;
pub mod fixed;
pub mod flv;
pub mod gzip_static;
pub mod index;
mod lookup;
pub mod proxy;
pub mod random_index;
pub mod realip;
pub mod return_;
pub mod rewrite;
pub mod static_file;
pub mod try_files;
