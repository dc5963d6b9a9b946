//! One client connection and its exchanges.
