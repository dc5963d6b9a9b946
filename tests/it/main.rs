//! Black-box tests: the real program on free ports, its configuration inline, raw bytes on the wire.
//!
//! Every expectation was written by nginx: with `ORACLE=/usr/sbin/nginx` the same cases run against it, and
//! `UPDATE_EXPECT=1 ORACLE=/usr/sbin/nginx cargo test --test it` writes what it answers into the source.
//! What ringx does otherwise on purpose is named in `differences.rs`, and nowhere else.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and may read the clock")]
#![allow(unreachable_pub, reason = "one binary: `pub` says what a module offers to its neighbours")]

mod differences;
mod support;
mod symlinks;

mod access;
mod addition;
mod auth_idioms;
mod auth_request;
mod background;
mod chaos;
mod charset;
mod clock;
mod command_line;
mod conditional;
mod content_filters;
mod crash;
mod dead_peers;
mod differential;
mod environment;
mod error_page;
mod exhaustion;
mod fastcgi;
mod file_content;
mod gateway_remainder;
mod generated_sites;
mod grpc;
mod gzip;
mod headers;
mod hostile;
mod http2;
mod http2_floods;
mod http2_frames;
mod kernel_tls;
mod language;
mod limit_rate;
mod limits;
mod limits_shared;
mod listen;
mod location;
mod logs;
mod maps;
mod memcached;
mod memory;
mod mirror;
mod parked;
mod post_action;
mod privileges;
mod proxy_accel;
mod proxy_cookie;
mod proxy_failure;
mod proxy_log;
mod proxy_next;
mod proxy_protocol;
mod proxy_remainder;
mod proxy_request;
mod proxy_response;
mod proxy_store;
mod proxy_stream;
mod real_ip;
mod referers;
mod refused;
mod reload;
mod reload_load;
mod request_body;
mod resolver;
mod returns;
mod rewrite;
mod rewrite_app;
mod sandbox;
mod secure_link;
mod seed;
mod server_name;
mod slow_client;
mod small_modules;
mod ssi;
mod ssi_pages;
mod static_files;
mod systemd;
mod tls;
mod tls_config;
mod truncated;

mod upgrade;
mod uploads;
mod upstream;
mod uwsgi;
mod vanished;
mod variables;
