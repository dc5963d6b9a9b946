//! `grpc_pass`, and HTTP/2 to the apps of `proxy_pass`.

mod real;
