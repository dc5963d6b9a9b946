//! error_log and access_log: bytes to files.
//!
//! This room formats lines and keeps buffers; it opens no file by itself and knows no directive. The master opens
//! files and replaces their descriptors on USR1.

mod level;

pub use level::Level;
