//! `fastcgi_pass`.
