//! HTTP/1.x as bytes: parsing and framing without I/O (RFC 9112).
