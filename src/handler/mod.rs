//! Content handlers: what one location does with a request.
