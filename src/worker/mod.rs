//! One thread, one ring: accept, serve, drain.
