//! nginx's command line.
