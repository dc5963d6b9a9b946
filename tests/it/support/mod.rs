//! The harness: servers under test, clients that speak bytes, a scripted application, and the text form in which
//! answers are compared. Nothing here knows what nginx answers; the cases do.

#![allow(dead_code, unused_imports, reason = "two test programs share it, each uses a part")]

mod client;
pub mod gateway;
pub mod http2;
pub mod http2_app;
mod origin;
mod ports;
mod render;
mod server;
pub mod tls;
pub mod venv;

pub use client::{Client, Response, lines};
pub use origin::{Origin, OriginConnection, Received};
#[allow(unused_imports, reason = "the Django tests share this harness")]
pub use ports::{Port, reserve};
pub use render::{escape, render};
#[allow(unused_imports, reason = "the Django tests share this harness")]
pub use server::{MODIFIED, Output, Running, Server, Setup, TempDir, get, program, run, signal};

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The nginx to test instead of ringx, if `ORACLE` names one.
pub fn oracle() -> Option<String> {
    std::env::var("ORACLE").ok().filter(|path| !path.is_empty())
}

/// Polls until `ready` gives a value, or fails saying what was waited for.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}
