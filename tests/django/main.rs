//! A real Django site behind the real program: Gunicorn (sync and gthread workers, and its uwsgi protocol), uWSGI, Uvicorn,
//! and FastCGI and SCGI by flup, over TCP and over a
//! unix socket, with the configuration most people copy and with the one Gunicorn's documentation gives.
//!
//! The virtual environment is built under `target/django-venv` from `site/requirements.txt`. Where that cannot be done
//! the tests say `SKIPPED` and pass; with `CI=true` they fail. `ORACLE=/usr/sbin/nginx` runs them against nginx.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and may read the clock")]
#![allow(unreachable_pub, reason = "one binary: `pub` says what a module offers to its neighbours")]

#[path = "../it/support/mod.rs"]
mod support;

mod app;
mod browser;
mod kit;
mod websocket;

mod demo;
mod faults;
mod sockets;
mod whole_site;
