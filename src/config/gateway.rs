//! What `uwsgi_*`, `fastcgi_*`, `scgi_*`, `memcached_*` and `grpc_*` say beyond what they share with `proxy_*`.
//!
//! Made by `build::gateway`, read by `handler::proxy` and `http::variables`.

use super::pattern::Pattern;
use super::template::Template;

/// What is spoken to the app of a location.
#[derive(Debug, Clone, Default)]
pub enum Protocol {
    /// `proxy_pass`.
    #[default]
    Http,
    /// `uwsgi_pass`.
    Uwsgi {
        /// `uwsgi_modifier1`.
        modifier1: u8,
        /// `uwsgi_modifier2`.
        modifier2: u8,
        /// `uwsgi_string`: bytes behind the variables.
        string: Box<[u8]>,
    },
    /// `fastcgi_pass`.
    Fastcgi {
        /// `fastcgi_keep_conn`.
        keep_conn: bool,
        /// `fastcgi_catch_stderr`: what in stderr makes an answer a failed one.
        catch_stderr: Vec<String>,
    },
    /// `scgi_pass`.
    Scgi,
    /// `memcached_pass`.
    Memcached(Box<MemcachedConf>),
    /// `grpc_pass`: HTTP/2, passed on in both directions at once.
    Grpc,
}

/// What is asked of memcached.
#[derive(Debug, Clone, Default)]
pub struct MemcachedConf {
    /// `$memcached_key`.
    pub key: Template,
    /// `memcached_gzip_flag`: a value with one of these bits is compressed; 0 where none is.
    pub gzip_flag: u32,
}

impl Protocol {
    /// Not one of those that carry CGI's variables.
    pub fn is_http(&self) -> bool {
        matches!(self, Self::Http | Self::Grpc)
    }

    /// `http://` stands before an address, and a URI may follow it.
    pub fn takes_url(&self) -> bool {
        matches!(self, Self::Http)
    }

    /// `grpc_pass`.
    pub fn is_grpc(&self) -> bool {
        matches!(self, Self::Grpc)
    }

    /// Answers without a body of the request, and GET and HEAD alone.
    pub fn is_memcached(&self) -> bool {
        matches!(self, Self::Memcached(_))
    }

    /// The same where TLS is spoken to the peer.
    pub fn tls_scheme(&self) -> &'static str {
        match self {
            Self::Http => "https://",
            Self::Uwsgi { .. } => "suwsgi://",
            Self::Grpc => "grpcs://",
            Self::Fastcgi { .. } | Self::Scgi | Self::Memcached(_) => self.scheme(),
        }
    }

    /// What stands before a peer's name in the error log.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Uwsgi { .. } => "uwsgi://",
            Self::Fastcgi { .. } => "fastcgi://",
            Self::Scgi => "scgi://",
            Self::Memcached(_) => "memcached://",
            Self::Grpc => "grpc://",
        }
    }
}

/// One `uwsgi_param`, `fastcgi_param` or `scgi_param`.
#[derive(Debug, Clone)]
pub struct ParamConf {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: Template,
    /// `if_not_empty`.
    pub if_not_empty: bool,
}

/// The variables of a request.
#[derive(Debug, Clone, Default)]
pub struct ParamsConf {
    /// In order.
    pub params: Vec<ParamConf>,
    /// What follows `HTTP_` in names of parameters: the client's fields that would become the same are not sent.
    pub replaced: Vec<String>,
}

/// How `$fastcgi_script_name` and `$fastcgi_path_info` are made of the URI.
#[derive(Debug, Default)]
pub struct FastcgiScriptConf {
    /// `fastcgi_index`: follows a script's name that ends with a slash.
    pub index: String,
    /// `fastcgi_split_path_info`: its first group is the script's name, its second the path.
    pub split: Option<Pattern>,
}
