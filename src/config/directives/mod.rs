//! The directive table, one file a family. Rows read: name, places, number of arguments, block, arguments as the
//! documentation writes them, default, what becomes of it, what it does.

mod access;
mod content;
mod core;
mod events;
mod filters;
mod gateways;
mod headers;
mod http_core;
mod log;
mod others;
mod proxy;
mod rewrite;
mod static_files;
mod tls;
mod upstream;

use super::spec::{DirectiveSpec, Support};

/// One family per nginx module, in the order of the documentation.
pub(super) static FAMILIES: &[&[DirectiveSpec]] = &[
    core::CORE,
    core::ERRLOG,
    core::CONF,
    core::OPENSSL,
    core::REGEX,
    core::THREAD_POOL,
    core::GOOGLE_PERFTOOLS,
    events::EVENTS,
    events::EVENT_CORE,
    events::EPOLL,
    http_core::HTTP,
    http_core::HTTP_CORE,
    http_core::HTTP_HEADER_COUNT,
    static_files::HTTP_INDEX,
    static_files::HTTP_AUTOINDEX,
    static_files::HTTP_TRY_FILES,
    static_files::HTTP_RANDOM_INDEX,
    log::HTTP_LOG,
    headers::HTTP_HEADERS_FILTER,
    headers::HTTP_HEADERS_MORE_FILTER,
    rewrite::HTTP_REWRITE,
    rewrite::HTTP_MAP,
    rewrite::HTTP_GEO,
    rewrite::HTTP_SPLIT_CLIENTS,
    rewrite::HTTP_BROWSER,
    rewrite::HTTP_GEOIP,
    rewrite::HTTP_GEOIP2,
    upstream::HTTP_UPSTREAM,
    upstream::HTTP_UPSTREAM_KEEPALIVE,
    upstream::HTTP_UPSTREAM_HASH,
    upstream::HTTP_UPSTREAM_IP_HASH,
    upstream::HTTP_UPSTREAM_LEAST_CONN,
    upstream::HTTP_UPSTREAM_RANDOM,
    upstream::HTTP_UPSTREAM_ZONE,
    upstream::HTTP_UPSTREAM_STICKY,
    upstream::HTTP_UPSTREAM_HC,
    upstream::HTTP_STATUS,
    proxy::HTTP_PROXY,
    gateways::HTTP_FASTCGI,
    gateways::HTTP_UWSGI,
    gateways::HTTP_SCGI,
    gateways::HTTP_MEMCACHED,
    gateways::HTTP_GRPC,
    access::HTTP_ACCESS,
    access::HTTP_AUTH_BASIC,
    access::HTTP_AUTH_REQUEST,
    access::HTTP_AUTH_JWT,
    access::HTTP_AUTH_OIDC,
    access::HTTP_LIMIT_CONN,
    access::HTTP_LIMIT_REQ,
    access::HTTP_REALIP,
    access::HTTP_REFERER,
    access::HTTP_SECURE_LINK,
    tls::HTTP_SSL,
    tls::HTTP_V2,
    tls::HTTP_V3,
    filters::HTTP_GZIP_FILTER,
    filters::HTTP_GZIP_STATIC,
    filters::HTTP_GUNZIP_FILTER,
    filters::HTTP_BROTLI,
    filters::HTTP_CHARSET_FILTER,
    filters::HTTP_SSI_FILTER,
    filters::HTTP_SUB_FILTER,
    filters::HTTP_SUBS_FILTER,
    filters::HTTP_ADDITION_FILTER,
    filters::HTTP_SLICE_FILTER,
    filters::HTTP_COPY_FILTER,
    filters::HTTP_USERID_FILTER,
    filters::HTTP_IMAGE_FILTER,
    filters::HTTP_XSLT,
    content::HTTP_DAV,
    content::HTTP_EMPTY_GIF,
    content::HTTP_FLV,
    content::HTTP_MP4,
    content::HTTP_MIRROR,
    content::HTTP_STUB_STATUS,
    content::HTTP_PERL,
    content::HTTP_JS,
    others::STREAM,
    others::MAIL,
    others::RINGX,
];

/// It guards something: never ignored.
const fn refused(why: &'static str) -> Support {
    Support::Refused { why, unless: "" }
}

/// It guards something unless its only argument is this one.
const fn refused_unless(unless: &'static str, why: &'static str) -> Support {
    Support::Refused { why, unless }
}

/// `name [CONTEXT…] (arguments) {block} "syntax" = "default" => support, "doc";` to a slice of `DirectiveSpec`.
macro_rules! directives {
    ($family:ident, $module:literal; $(
        $name:ident [$($context:ident)+] ($($arity:tt)+) $({$($block:tt)+})?
        $syntax:literal = $default:literal => $support:expr, $doc:literal;
    )+) => {
        pub(super) const $family: &[$crate::config::spec::DirectiveSpec] = &[$(
            $crate::config::spec::DirectiveSpec {
                name: stringify!($name),
                module: $module,
                contexts: $crate::config::spec::Contexts(0 $(| $crate::config::spec::Contexts::$context.0)+),
                arity: $crate::config::directives::arity!($($arity)+),
                flag: $crate::config::directives::is_flag!($($arity)+),
                block: $crate::config::directives::block!($($($block)+)?),
                syntax: $syntax,
                default: $default,
                support: $support,
                doc: $doc,
            },
        )+];
    };
}

macro_rules! arity {
    (flag) => { $crate::config::spec::Arity::of(&[1]) };
    (any) => { $crate::config::spec::Arity::ANY };
    (1+) => { $crate::config::spec::Arity::ONE_OR_MORE };
    (2+) => { $crate::config::spec::Arity::TWO_OR_MORE };
    ($($count:literal)+) => { $crate::config::spec::Arity::of(&[$($count),+]) };
}

macro_rules! is_flag {
    (flag) => {
        true
    };
    ($($other:tt)+) => {
        false
    };
}

macro_rules! block {
    () => {
        $crate::config::spec::Block::None
    };
    (Of($context:ident)) => {
        $crate::config::spec::Block::Of($crate::config::spec::Contexts::$context)
    };
    ($other:ident) => {
        $crate::config::spec::Block::$other
    };
}

use {arity, block, directives, is_flag};
