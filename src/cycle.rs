//! One loaded configuration and all that is built from it: immutable, shared by every worker.
