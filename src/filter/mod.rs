//! Response to response: conditional requests, ranges, added headers.
