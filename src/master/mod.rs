//! The master thread: listeners, signals, reload, pid file, privileges.
