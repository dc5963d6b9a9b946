//! error_log and access_log: bytes to files.
