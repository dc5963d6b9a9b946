//! error_log and access_log: bytes to files.
//!
//! This room formats lines and keeps buffers; it opens no file by itself and knows no directive. The master opens
//! files and replaces their descriptors on USR1.

mod access_log;
mod errno;
mod error_log;
mod level;
mod raw;

pub use access_log::AccessBuffer;
pub use errno::Errno;
pub use error_log::format_line;
pub use level::Level;
pub use raw::Raw;

/// Writes text to standard error. That nobody reads it (a pipe whose reader left) is no reason to fail.
pub fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}
