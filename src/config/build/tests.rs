//! Small configurations and what they mean, or what is said about them. The messages are nginx 1.22.1's.

use super::super::gateway::Protocol;
use super::super::load::{LoadOptions, load};
use super::super::model::{
    AliasConf, BalancerConf, CpuAffinity, HandlerConf, ListenAddr, LocationConf, LocationKind, LogTarget,
    MainConf, PeerAddr, ProxyRedirectConf, ProxyTarget, ServerName, TryFilesFallback,
};
use super::super::rewrite::Step;
use super::super::template::Template;
use crate::http1::Status;
use crate::log::Level;

fn options(text: &str) -> LoadOptions {
    LoadOptions {
        text: Some(text.to_owned()),
        prefix: std::env::temp_dir().join("ringx-build-tests/"),
        superuser: Some(true),
        ..LoadOptions::default()
    }
}

/// The model of a valid text, and its messages.
fn loaded(text: &str) -> (MainConf, Vec<String>) {
    match load(&options(text)) {
        Ok(loaded) => {
            let lines = loaded.diagnostics.lines().into_iter().map(|(_, line)| line).collect();
            (loaded.conf, lines)
        }
        Err(report) => panic!("{text}: {:?}", report.lines()),
    }
}

fn conf(text: &str) -> MainConf {
    loaded(text).0
}

/// The location of the one server that is written `name`.
fn location<'c>(conf: &'c MainConf, name: &str) -> &'c LocationConf {
    conf.http.locations.iter().find(|location| location.name == name).expect("the location is there")
}

/// What is refused about a text.
fn errors(text: &str) -> Vec<String> {
    match load(&options(text)) {
        Ok(_) => Vec::new(),
        Err(report) => {
            let emerg = report.lines().into_iter().filter(|(level, _)| *level == Level::Emerg);
            emerg.map(|(_, line)| line).collect()
        }
    }
}

/// One server with `inner` in it is refused for `message` (on the first line).
fn refused(inner: &str, message: &str) {
    let text = format!("server {{ listen 127.0.0.1:1; {inner} }}");
    let place = format!("{message} in command line");
    assert_eq!(errors(&text), [place], "{inner}");
}

fn literal(template: &Template) -> &str {
    std::str::from_utf8(template.as_literal().expect("no variables")).expect("UTF-8")
}

#[test]
fn the_seed() {
    let conf = conf(
        "server {
            listen 80;
            location /static/ { alias /var/www/myproject/static/; }
            location / { proxy_pass http://127.0.0.1:8000; }
        }",
    );
    assert_eq!(conf.http.listens.len(), 1);
    assert_eq!(conf.http.listens[0].addr, ListenAddr::Inet("0.0.0.0:80".parse().unwrap()));
    let statics = location(&conf, "/static/");
    assert_eq!(literal(&statics.root.path), "/var/www/myproject/static/");
    assert_eq!(statics.root.alias, AliasConf::Prefix(8));
    assert!(!statics.auto_redirect);
    let app = location(&conf, "/");
    let HandlerConf::Proxy(pass) = &app.handler else { panic!("not proxied") };
    let ProxyTarget::Literal { upstream, host, port, uri } = &pass.target else { panic!("not literal") };
    assert_eq!((host.as_str(), port.as_str(), uri), ("127.0.0.1:8000", "8000", &None));
    let upstream = &conf.http.upstreams[upstream.0 as usize];
    assert_eq!((upstream.name.as_str(), upstream.explicit), ("127.0.0.1:8000", false));
    assert_eq!(upstream.peers[0].addr, PeerAddr::Inet("127.0.0.1:8000".parse().unwrap()));
    assert_eq!(upstream.keepalive, 128);
    assert!(app.auto_redirect);
}

#[test]
fn main_context() {
    let conf = conf(
        "worker_processes 3; worker_cpu_affinity 01 10 11; worker_rlimit_nofile 4096; daemon off; pid run/x.pid;
         error_log stderr info; user www-data adm; events { worker_connections 99; use epoll; } http { }",
    );
    assert_eq!(conf.worker_processes, Some(3));
    assert_eq!(conf.worker_cpu_affinity, CpuAffinity::Masks(vec![vec![0], vec![1], vec![0, 1]]));
    assert_eq!((conf.worker_connections, conf.worker_rlimit_nofile), (99, Some(4096)));
    assert_eq!(conf.user, Some(("www-data".to_owned(), Some("adm".to_owned()))));
    assert!(!conf.daemon);
    assert!(conf.pid.ends_with("run/x.pid") && conf.pid.is_absolute());
    assert_eq!((&conf.error_log[0].target, conf.error_log[0].level), (&LogTarget::Stderr, Level::Info));
    assert!(conf.http.servers.is_empty());
}

#[test]
fn main_errors() {
    for (text, message) in [
        ("worker_processes x;", "\"worker_processes\" directive invalid value"),
        ("worker_processes 1; worker_processes 2;", "\"worker_processes\" directive is duplicate"),
        ("events { } events { }", "\"events\" directive is duplicate"),
        ("http { } http { }", "\"http\" directive is duplicate"),
        ("events { worker_connections x; }", "invalid number \"x\""),
        ("worker_cpu_affinity 012;", "invalid character \"2\" in \"worker_cpu_affinity\""),
        ("daemon maybe;", "invalid value \"maybe\" in \"daemon\" directive, it must be \"on\" or \"off\""),
        ("worker_rlimit_nofile x;", "\"worker_rlimit_nofile\" directive invalid number"),
        ("events { use foo; }", "invalid event type \"foo\""),
        ("error_log logs/x foo;", "invalid log level \"foo\""),
        ("error_log logs/x warn error;", "duplicate log level \"error\""),
    ] {
        assert_eq!(errors(text), [format!("{message} in command line")], "{text}");
    }
}

#[test]
fn globals_come_first() {
    let mut options = options("daemon off;");
    options.globals = Some("daemon on;".to_owned());
    let report = load(&options).unwrap_err();
    assert_eq!(report.lines()[0].1, "\"daemon\" directive is duplicate in command line");
}

#[test]
fn all_errors_of_a_file() {
    let text = "server { listen 0; sendfile maybe; location /a { root /x; root /y; } location /a { } }";
    let found = errors(text);
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn defaults_are_nginx_s() {
    let conf = conf("events { } http { server { location / { } } }");
    assert_eq!(conf.http.listens[0].addr, ListenAddr::Inet("0.0.0.0:80".parse().unwrap()));
    let server = &conf.http.servers[0];
    assert_eq!((server.client_header_buffer_size, server.large_client_header_buffers), (1024, (4, 8192)));
    assert_eq!(server.client_header_timeout.as_secs(), 60);
    assert!(server.ignore_invalid_headers && !server.underscores_in_headers && server.merge_slashes);
    let l = location(&conf, "/");
    assert!(literal(&l.root.path).ends_with("/html"));
    assert_eq!(l.root.alias, AliasConf::Root);
    assert_eq!(literal(&l.index[0]), "index.html");
    assert_eq!(
        (l.types.len(), l.types.get(b"jpg").unwrap(), l.default_type.as_str()),
        (3, "image/jpeg", "text/plain")
    );
    assert_eq!((l.client_max_body_size, l.client_body_buffer_size), (1 << 20, 16384));
    assert_eq!((l.keepalive_timeout.as_secs(), l.keepalive_header, l.keepalive_requests), (75, None, 1000));
    assert_eq!((l.lingering_time.as_secs(), l.lingering_timeout.as_secs()), (30, 5));
    assert_eq!((l.open_file_cache.max, l.open_file_cache.valid.as_secs()), (1000, 1));
    assert_eq!(
        (l.proxy.buffers, l.proxy.buffer_size, l.proxy.max_temp_file_size),
        ((8, 4096), 4096, 1 << 30)
    );
    assert!(l.proxy.http11 && l.proxy.buffering && l.proxy.request_buffering && !l.proxy.intercept_errors);
    assert!(
        l.proxy.next_upstream.error && l.proxy.next_upstream.timeout && !l.proxy.next_upstream.non_idempotent
    );
    assert!(l.etag && l.absolute_redirect && l.port_in_redirect && l.server_tokens && l.log_not_found);
    assert!(!l.sendfile && l.tcp_nodelay && !l.internal && l.autoindex.is_none());
    // Neither log's directory is there: nothing to write to.
    assert!(l.access_logs.is_empty());
    assert_eq!(l.error_log[0].target, LogTarget::Stderr);
    let mut unprivileged = options("server { }");
    unprivileged.superuser = Some(false);
    let conf = load(&unprivileged).unwrap().conf;
    assert_eq!(conf.http.listens[0].addr, ListenAddr::Inet("0.0.0.0:8000".parse().unwrap()));
}

#[test]
fn inheritance() {
    let conf = conf(
        "events { } http {
            client_max_body_size 5m; add_header A 1; add_header B 2; proxy_set_header X 1; proxy_read_timeout 5s;
            index a.html b.html; error_page 404 /404.html; types { text/css css; } proxy_hide_header H;
            server {
                proxy_pass_header Server; keepalive_timeout 5 20;
                location /same { }
                location /own {
                    add_header C 3; proxy_set_header Host $host; index c.html; error_page 500 502 =200 @x;
                    client_max_body_size 0; proxy_hide_header I;
                    location /own/inner { proxy_read_timeout 1d; }
                }
            }
            proxy_send_timeout 7;
        }",
    );
    let names = |l: &LocationConf| l.add_headers.iter().map(|h| h.name.clone()).collect::<Vec<_>>();
    let same = location(&conf, "/same");
    assert_eq!(names(same), ["A", "B"]);
    assert_eq!((same.client_max_body_size, same.proxy.read_timeout.as_secs()), (5 << 20, 5));
    assert_eq!((same.keepalive_timeout.as_secs(), same.keepalive_header), (5, Some(20)));
    assert_eq!(
        (same.index.len(), same.error_pages.len(), same.types.get(b"css").unwrap()),
        (2, 1, "text/css")
    );
    // A line of the outer level below the server counts too.
    assert_eq!(same.proxy.send_timeout.as_secs(), 7);
    let lines = |l: &LocationConf| l.proxy.set_headers.iter().map(|h| h.0.clone()).collect::<Vec<_>>();
    assert_eq!(lines(same), ["X", "Host"]);
    assert!(same.proxy.replaced_headers.contains_name(b"x"));
    assert!(same.proxy.hide_headers.contains_name(b"h"));
    assert!(!same.proxy.hide_headers.contains_name(b"server"));
    let inner = location(&conf, "/own/inner");
    assert_eq!((names(inner), lines(inner)), (vec!["C".to_owned()], vec!["Host".to_owned()]));
    assert_eq!((inner.index.len(), inner.error_pages.len(), inner.client_max_body_size), (1, 2, 0));
    assert_eq!((inner.error_pages[0].overwrite, literal(&inner.error_pages[0].target)), (Some(200), "@x"));
    assert_eq!(inner.proxy.read_timeout.as_secs(), 86400);
    assert!(inner.proxy.hide_headers.contains_name(b"i") && !inner.proxy.hide_headers.contains_name(b"h"));
}

#[test]
fn locations() {
    let conf = conf(
        r"server {
            location = /e { }
            location ^~/glued/ { alias /d/; location ~* \.png$ { } }
            location ~ ^/u/(?<who>\w+)/ { alias /home/$who/; }
            location @app { internal; proxy_pass http://unix:/run/a.sock; }
            location /d/ { internal; location /d/e { } }
        }",
    );
    let server = &conf.http.servers[0];
    assert_eq!(server.locations.len(), 5);
    let glued = location(&conf, "^~/glued/");
    assert!(matches!(&glued.kind, LocationKind::Prefix { path, stops_regex: true } if path == b"/glued/"));
    let nested = location(&conf, r"~* \.png$");
    assert!(matches!(&nested.kind, LocationKind::Regex(pattern) if pattern.caseless()));
    // A nested location cuts what the outer `alias` cuts.
    assert_eq!((nested.root.alias, glued.children.len()), (AliasConf::Prefix(7), 1));
    assert_eq!(location(&conf, r"~ ^/u/(?<who>\w+)/").root.alias, AliasConf::Whole);
    assert_eq!(conf.http.scope.slot_name(0), "who");
    assert!(matches!(&location(&conf, "@app").kind, LocationKind::Named(name) if name == "@app"));
    assert!(location(&conf, "/d/e").internal);
    assert!(matches!(&location(&conf, "= /e").kind, LocationKind::Exact(path) if path == b"/e"));
}

#[test]
fn location_errors() {
    for (inner, message) in [
        ("location % /a { }", "invalid location modifier \"%\""),
        ("location /a { location /b { } }", "location \"/b\" is outside location \"/a\""),
        (
            "location = /a { location /a/b { } }",
            "location \"/a/b\" cannot be inside the exact location \"/a\"",
        ),
        ("location @a { location /b { } }", "location \"/b\" cannot be inside the named location \"@a\""),
        ("location /a { location @b { } }", "named location \"@b\" can be on the server level only"),
        ("location /a { } location ^~ /a { }", "duplicate location \"/a\""),
        ("location = /a { } location =/a { }", "duplicate location \"/a\""),
        ("location /a { root /x; root /y; }", "\"root\" directive is duplicate"),
        (
            "location /a { root /x; alias /y; }",
            "\"alias\" directive is duplicate, \"root\" directive was specified earlier",
        ),
        ("location @a { alias /y; }", "the \"alias\" directive cannot be used inside the named location"),
        ("root $document_root/x;", "the $document_root variable cannot be used in the \"root\" directive"),
    ] {
        refused(inner, message);
    }
    assert!(
        errors("server { location ~ a { } location ~ a { } location @a { } location @a { } }").is_empty()
    );
    assert!(errors("server { location ~ \"(\" { } }")[0].starts_with("pcre2_compile() failed: "));
}

#[test]
fn servers_and_names() {
    let (conf, warnings) = loaded(
        r"server { listen 1; server_name .A.b c.*; }
          server { listen 1; server_name *.d ~^(?<sub>\w+)\.e$ '' a.b; }
          server { listen 1 default_server; listen [::]:1; server_name x; }",
    );
    let names = &conf.http.servers[0].names;
    assert!(matches!(&names[0], ServerName::Dotted(name) if name == ".a.b"));
    assert!(matches!(&names[1], ServerName::TrailingWildcard(name) if name == "c."));
    assert_eq!(conf.http.servers[0].primary_name, "a.b");
    assert_eq!(conf.http.servers[1].primary_name, "*.d");
    assert!(
        matches!(&conf.http.servers[1].names[1], ServerName::Regex(pattern) if pattern.source() == r"^(?<sub>\w+)\.e$")
    );
    assert_eq!(conf.http.listens[0].default_server.0, 2);
    assert!(conf.http.listens[1].ipv6only);
    assert_eq!(warnings, ["conflicting server name \"a.b\" on 0.0.0.0:1, ignored"]);
}

#[test]
fn server_errors() {
    for (inner, message) in [
        ("server_name *;", "server name \"*\" is invalid"),
        ("server_name ~;", "empty regex in server name \"~\""),
        ("listen 127.0.0.1:1;", "a duplicate listen 127.0.0.1:1"),
        ("listen 2 backlog=x;", "invalid backlog \"backlog=x\""),
        ("client_max_body_size x;", "\"client_max_body_size\" directive invalid value"),
        (
            "client_max_body_size 1; client_max_body_size 1;",
            "\"client_max_body_size\" directive is duplicate",
        ),
        ("keepalive_timeout 10 x;", "\"keepalive_timeout\" directive invalid value"),
        ("if_modified_since x;", "invalid value \"x\""),
        ("expires 1x;", "\"expires\" directive invalid value"),
        ("expires x 1d;", "\"expires\" directive invalid value"),
        (
            "expires modified @1h;",
            "\"expires\" directive daily time cannot be used with \"modified\" parameter",
        ),
        ("expires 1; expires 1;", "\"expires\" directive is duplicate"),
        ("add_header a b c;", "invalid parameter \"c\""),
        ("add_header a $nope;", "unknown \"nope\" variable"),
        ("add_header a \"b\nc: d\";", "line break in the value of \"add_header\""),
        ("return 4x4;", "invalid return code \"4x4\""),
        ("return 1000;", "invalid return code \"1000\""),
        ("return /x;", "invalid return code \"/x\""),
        ("error_page 200 /x;", "value \"200\" must be between 300 and 599"),
        ("error_page 404 =xx /x;", "invalid value \"=xx\""),
        ("error_page 499 /x;", "invalid value \"499\""),
        ("try_files $uri =xx;", "invalid code \"=xx\""),
        ("try_files a b; try_files a b;", "\"try_files\" directive is duplicate"),
        ("index \"\";", "index \"\" in \"index\" directive is invalid"),
        ("open_file_cache foo;", "invalid \"open_file_cache\" parameter \"foo\""),
        ("open_file_cache inactive=10;", "\"open_file_cache\" must have the \"max\" parameter"),
        ("access_log logs/x foo;", "unknown log format \"foo\""),
        ("access_log logs/x combined foo=1;", "invalid parameter \"foo=1\""),
        ("access_log off x;", "invalid parameter \"x\""),
        ("access_log logs/x combined buffer=x;", "invalid buffer size \"x\""),
        ("access_log logs/x combined flush=1s;", "no buffer is defined for access_log \"logs/x\""),
        ("proxy_http_version 1.2;", "invalid value \"1.2\""),
        ("proxy_next_upstream foo;", "invalid value \"foo\""),
        ("proxy_buffers 1 4k;", "there must be at least 2 \"proxy_buffers\""),
        ("proxy_buffers 0 4k;", "\"proxy_buffers\" directive invalid value"),
    ] {
        refused(inner, message);
    }
}

#[test]
fn proxy_pass_forms() {
    let conf = conf(
        "upstream app { server 127.0.0.1:9; }
         server {
            location /a/ { proxy_pass http://app; }
            location /b/ { proxy_pass http://127.0.0.1:81/x/; }
            location /c { proxy_pass http://127.0.0.1:81; proxy_redirect off; }
            location /d/ { proxy_pass http://unix:/run/a.sock:/u/; }
            location ~ ^/e/(.*) { proxy_pass http://app/y/$1; }
            location /f { proxy_pass http://127.0.0.1:80; proxy_redirect default; proxy_redirect ~^/(x) /$1; }
            location /g { proxy_pass https://127.0.0.1; }
            location /h { grpc_pass grpcs://127.0.0.1:50051; }
            location /i/ { proxy_pass http://app; location /i/j { } }
         }",
    );
    let pass = |name: &str| match &location(&conf, name).handler {
        HandlerConf::Proxy(pass) => pass,
        other => panic!("{other:?}"),
    };
    let literal_of = |name: &str| match &pass(name).target {
        ProxyTarget::Literal { upstream, host, port, uri } => {
            let uri = uri.as_ref().map(|uri| String::from_utf8(uri.clone()).unwrap());
            (upstream.0, host.clone(), port.clone(), uri)
        }
        ProxyTarget::Variables(_) => panic!("variables"),
    };
    let redirect = |name: &str| match &location(&conf, name).proxy.redirects[0] {
        ProxyRedirectConf::Prefix { from, to } => (literal(from).to_owned(), literal(to).to_owned()),
        ProxyRedirectConf::Regex { .. } => panic!("regex"),
    };
    assert_eq!(literal_of("/a/"), (0, "app".to_owned(), "80".to_owned(), None));
    assert_eq!(redirect("/a/"), ("http://app/".to_owned(), "/".to_owned()));
    assert_eq!(literal_of("/b/"), (1, "127.0.0.1:81".to_owned(), "81".to_owned(), Some("/x/".to_owned())));
    assert_eq!(redirect("/b/"), ("http://127.0.0.1:81/x/".to_owned(), "/b/".to_owned()));
    assert_eq!(pass("/b/").location_prefix, b"/b/");
    // The implicit upstream of one host and port is shared.
    assert_eq!(literal_of("/c").0, 1);
    assert!(location(&conf, "/c").proxy.redirects.is_empty());
    assert_eq!(literal_of("/d/"), (2, "localhost".to_owned(), String::new(), Some("/u/".to_owned())));
    assert!(matches!(&pass("~ ^/e/(.*)").target, ProxyTarget::Variables(_)));
    assert_eq!(literal_of("/f").1, "127.0.0.1");
    assert_eq!(
        (redirect("/f").0.as_str(), location(&conf, "/f").proxy.redirects.len()),
        ("http://127.0.0.1:80/", 2)
    );
    assert!(pass("/g").tls && !pass("/f").tls);
    assert_eq!((literal_of("/g").1, literal_of("/g").2), ("127.0.0.1".to_owned(), "443".to_owned()));
    assert!(pass("/h").tls && location(&conf, "/h").proxy.http2 && !location(&conf, "/g").proxy.http2);
    assert!(!location(&conf, "/h").proxy.buffering && !location(&conf, "/h").proxy.request_buffering);
    assert!(matches!(&location(&conf, "/i/j").handler, HandlerConf::Static));
}

#[test]
fn limit_and_access_errors() {
    let zone = "limit_req_zone $uri zone=a:1m rate=1r/s; limit_conn_zone $uri zone=c:1m;";
    for (inner, message) in [
        (
            "server { location / { valid_referers none; } }",
            "referers are specified in the \"valid_referers\"",
        ),
        ("server { location / { valid_referers a.*.b; } }", "invalid hostname or wildcard \"a.*.b\""),
        ("server { limit_req zone=b; }", "zero size shared memory zone \"b\""),
        (
            "server { limit_req zone=c; }",
            "the shared memory zone \"c\" is already declared for a different use",
        ),
        ("server { limit_req burst=1; }", "\"limit_req\" must have \"zone\" parameter"),
        ("server { limit_req zone=a burst=0; }", "invalid burst value \"burst=0\""),
        ("server { limit_req zone=a; limit_req zone=a; }", "\"limit_req\" directive is duplicate"),
        ("server { limit_conn c 0; }", "invalid number of connections \"0\""),
        ("server { limit_conn c 65536; }", "connection limit must be less 65536"),
        ("server { limit_req_status 399; }", "value must be between 400 and 599"),
        ("limit_req_zone $uri zone=x:1k rate=1r/s;", "zone \"zone=x:1k\" is too small"),
        ("limit_req_zone $uri zone=x rate=1r/s;", "invalid zone size \"zone=x\""),
        ("limit_req_zone $uri zone=x:1m rate=0r/s;", "invalid rate \"rate=0r/s\""),
        ("limit_conn_zone $host zone=a:1m;", "is already declared for a different use"),
        ("limit_req_zone $geoip_x zone=s:1m rate=1r/s; server { limit_req zone=s; }", "is not supported yet"),
        ("server { allow 10.0.0.0/33; }", "invalid parameter \"10.0.0.0/33\""),
        ("server { deny nobody; }", "invalid parameter \"nobody\""),
        ("server { location / { limit_except FOO { deny all; } } }", "invalid method \"FOO\""),
        ("server { satisfy some; }", "invalid value \"some\""),
    ] {
        let found = errors(&format!("events {{}} http {{ {zone} {inner} }}"));
        assert!(found.iter().any(|error| error.contains(message)), "{inner}: {found:?}");
    }
}

#[test]
fn rewrite_errors() {
    for (inner, message) in [
        ("if ($uri ~) { }", "invalid condition \"$uri\""),
        ("if ($uri == a) { }", "unexpected \"==\" in condition"),
        ("if (a = b) { }", "invalid condition \"a\""),
        ("if (-g x) { }", "invalid condition \"-g\""),
        ("if (! -f x) { }", "invalid condition \"!\""),
        ("if $uri { }", "invalid condition \"$uri\""),
        ("if (!$uri) { }", "invalid condition \"!$uri\""),
        ("if ($1) { }", "unknown \"1\" variable"),
        ("if ($nope) { }", "unknown \"nope\" variable"),
        ("set $host x;", "the duplicate \"host\" variable"),
        ("set $ x;", "invalid variable name \"$\""),
        ("set x y;", "invalid variable name \"x\""),
        ("rewrite a \"\";", "empty replacement"),
        ("rewrite a b nope;", "invalid parameter \"nope\""),
        ("return 1000;", "invalid return code \"1000\""),
    ] {
        let said = errors(&format!("server {{ location / {{ {inner} }} }}"));
        assert!(said.iter().any(|line| line.contains(message)), "{inner}: {said:?}");
    }
}

#[test]
fn proxy_pass_errors() {
    const NO_URI: &str = "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside \
                          named location, or inside \"if\" statement, or inside \"limit_except\" block";
    for (inner, message) in [
        ("location ~ x { proxy_pass http://127.0.0.1/b; }", NO_URI),
        ("location @x { proxy_pass http://127.0.0.1/b; }", NO_URI),
        ("location /x { proxy_pass 127.0.0.1; }", "invalid URL prefix"),
        ("location /x { proxy_pass http://; }", "no host in upstream \"\""),
        (
            "location /x { proxy_pass http://127.0.0.1:999999/; }",
            "invalid port in upstream \"127.0.0.1:999999/\"",
        ),
        (
            "location /x { proxy_pass http://nohost.invalid/; }",
            "host not found in upstream \"nohost.invalid\"",
        ),
        (
            "location / { proxy_pass http://a$uri; proxy_pass http://b$uri; }",
            "\"proxy_pass\" directive is duplicate",
        ),
        (
            "location / { proxy_redirect default; }",
            "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
        ),
        (
            "location / { proxy_pass http://$host; proxy_redirect default; }",
            "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
        ),
        ("location / { proxy_redirect foo; }", "invalid parameter \"foo\""),
        (
            "location / { proxy_redirect off; proxy_redirect a b; }",
            "\"proxy_redirect\" directive is duplicate",
        ),
        (
            "location / { proxy_redirect a b; proxy_redirect off; }",
            "\"proxy_redirect\" directive is duplicate",
        ),
    ] {
        refused(inner, message);
    }
}

#[test]
fn upstreams() {
    let (conf, warnings) = loaded(
        "upstream u {
            ip_hash; least_conn;
            server 127.0.0.1:1 weight=5 max_fails=0 fail_timeout=1m max_conns=7;
            server unix:/run/a.sock down; server 127.0.0.1 backup;
            keepalive 4; keepalive_requests 5; keepalive_time 6m; keepalive_timeout 7s;
         }
         upstream h { hash $request_uri consistent; server 127.0.0.1; }",
    );
    let u = &conf.http.upstreams[0];
    assert!(matches!(u.balancer, BalancerConf::LeastConn));
    assert_eq!(warnings, ["load balancing method redefined in command line"]);
    assert_eq!(
        (u.keepalive, u.keepalive_requests, u.keepalive_time.as_secs(), u.keepalive_timeout.as_secs()),
        (4, 5, 360, 7)
    );
    let p = &u.peers[0];
    assert_eq!((p.weight, p.max_fails, p.fail_timeout.as_secs(), p.max_conns), (5, 0, 60, 7));
    assert_eq!((u.peers[1].name.as_str(), u.peers[1].down), ("unix:/run/a.sock", true));
    assert_eq!(
        (u.peers[2].name.as_str(), u.peers[2].backup, u.peers[2].max_fails),
        ("127.0.0.1:80", true, 1)
    );
    assert!(matches!(&conf.http.upstreams[1].balancer, BalancerConf::Hash { consistent: true, .. }));
}

#[test]
fn upstream_errors() {
    for (inner, message) in [
        ("", "no servers are inside upstream"),
        ("server 127.0.0.1:x;", "invalid port in upstream \"127.0.0.1:x\""),
        ("server 127.0.0.1 foo;", "invalid parameter \"foo\""),
        ("server 127.0.0.1 weight=0;", "invalid parameter \"weight=0\""),
        ("server nohost.invalid;", "host not found in upstream \"nohost.invalid\""),
        ("server 127.0.0.1 backup;", "no servers in upstream \"u\""),
        ("server 127.0.0.1 fail_timeout=zz;", "invalid parameter \"fail_timeout=zz\""),
        ("server 127.0.0.1/x;", "invalid host in upstream \"127.0.0.1/x\""),
        (
            "ip_hash; server 127.0.0.1; server 127.0.0.1 backup;",
            "balancing method does not support parameter \"backup\"",
        ),
        ("server 127.0.0.1; keepalive 3; keepalive 4;", "\"keepalive\" directive is duplicate"),
    ] {
        let text = format!("upstream u {{ {inner} }} server {{ }}");
        assert_eq!(errors(&text), [format!("{message} in command line")], "{inner}");
    }
    let told = conf("upstream u { server 127.0.0.1 resolve; } server { }");
    assert_eq!(told.http.upstreams[0].peers.len(), 1);
    let text = "upstream u { server 127.0.0.1; } upstream u { server 127.0.0.1; } server { }";
    assert_eq!(errors(text), ["duplicate upstream \"u\" in command line"]);
    let text = "upstream u { server 127.0.0.1; } server { location / { proxy_pass http://u:8080; } }";
    assert_eq!(errors(text), ["upstream \"u\" may not have port 8080 in command line"]);
}

#[test]
fn logs() {
    let conf = conf(
        "log_format main escape=json '$host ' '$status';
         access_log /l/a main buffer=4k flush=5s if=$arg_log;
         server {
            location /same { }
            location /off { access_log off; error_log /l/e warn; }
            location /own { access_log /l/b; }
         }",
    );
    let same = &location(&conf, "/same").access_logs[0];
    assert_eq!((same.buffer, same.flush.map(|t| t.as_secs())), (Some(4096), Some(5)));
    assert_eq!((same.format.name.as_str(), same.format.template.parts().len()), ("main", 3));
    assert!(same.condition.is_some());
    let off = location(&conf, "/off");
    assert!(off.access_logs.is_empty());
    assert_eq!(
        (&off.error_log[0].target, off.error_log[0].level),
        (&LogTarget::File("/l/e".into()), Level::Warn)
    );
    assert_eq!(location(&conf, "/own").access_logs[0].format.name, "combined");
    for (text, message) in [
        ("log_format a x; log_format a y; server { }", "duplicate \"log_format\" name \"a\""),
        ("log_format combined x; server { }", "duplicate \"log_format\" name \"combined\""),
        ("log_format a escape=foo x; server { }", "unknown log format escaping \"foo\""),
    ] {
        assert_eq!(errors(text), [format!("{message} in command line")], "{text}");
    }
}

#[test]
fn default_logs_below_an_existing_directory() {
    let prefix = std::env::temp_dir().join(format!("ringx-build-logs-{}", std::process::id()));
    std::fs::create_dir_all(prefix.join("logs")).unwrap();
    let options = LoadOptions { prefix: prefix.clone(), ..options("server { location / { } }") };
    let conf = load(&options).unwrap().conf;
    let l = location(&conf, "/");
    assert_eq!(l.access_logs[0].target, LogTarget::File(prefix.join("logs/access.log")));
    assert_eq!(l.error_log[0].target, LogTarget::File(prefix.join("logs/error.log")));
    assert_eq!(conf.pid, prefix.join("logs/ringx.pid"));
    assert_eq!(l.proxy.temp_path, std::env::temp_dir(), "no file, so no directories of its own");
    std::fs::write(prefix.join("x.conf"), "server { location / { } }").unwrap();
    let options = LoadOptions { text: None, file: prefix.join("x.conf"), ..options };
    let conf = load(&options).unwrap().conf;
    assert_eq!(location(&conf, "/").proxy.temp_path, prefix.join("proxy_temp"));
    assert_eq!(conf.default_temp_paths, [prefix.join("client_body_temp"), prefix.join("proxy_temp")]);
    assert!(!prefix.join("proxy_temp").exists(), "loading makes nothing");
    std::fs::remove_dir_all(&prefix).unwrap();
}

#[test]
fn open_file_cache() {
    let cache = |text: &str| {
        let conf = conf(&format!("server {{ {text} location / {{ }} }}"));
        let cache = &location(&conf, "/").open_file_cache;
        (cache.max, cache.inactive.as_secs(), cache.valid.as_secs(), cache.min_uses, cache.errors)
    };
    assert_eq!(cache(""), (1000, 20, 1, 1, false));
    assert_eq!(cache("open_file_cache off; open_file_cache_valid 60s;"), (1000, 20, 1, 1, false));
    assert_eq!(cache("open_file_cache max=5 inactive=7s;"), (5, 7, 1, 1, false));
    let written = "open_file_cache max=5; open_file_cache_valid 30s; open_file_cache_min_uses 2;
                   open_file_cache_errors on;";
    assert_eq!(cache(written), (5, 60, 30, 2, true));
}

#[test]
fn gateways() {
    let conf = conf(
        "upstream app { server 127.0.0.1:9; }
         uwsgi_param OUTER o; uwsgi_read_timeout 7s; fastcgi_index index.php; proxy_read_timeout 8s;
         server {
            location /a { uwsgi_pass app; uwsgi_modifier1 5; uwsgi_intercept_errors on; uwsgi_buffers 4 8k; }
            location /b { uwsgi_pass uwsgi://127.0.0.1:3031; uwsgi_param A 1; uwsgi_param HTTP_X ''; }
            location /c { fastcgi_pass unix:/run/php.sock; fastcgi_keep_conn on; fastcgi_catch_stderr oh;
                          fastcgi_split_path_info ^(.+?[.]php)(/.*)$; }
            location /d { scgi_pass $host:4000; }
            location /e { uwsgi_pass suwsgi://127.0.0.1:1; }
            location /f { proxy_pass http://app; location /f/in { } }
         }",
    );
    let proxy = |name: &str| &location(&conf, name).proxy;
    assert!(matches!(proxy("/a").protocol, Protocol::Uwsgi { modifier1: 5, modifier2: 0, .. }));
    assert_eq!((proxy("/a").read_timeout.as_secs(), proxy("/a").buffers), (7, (4, 8192)));
    assert!(proxy("/a").intercept_errors && !proxy("/a").http11 && proxy("/a").redirects.is_empty());
    let names = |name: &str| -> Vec<String> {
        proxy(name).params.params.iter().map(|param| param.name.clone()).collect()
    };
    assert_eq!((names("/a"), names("/b")), (vec!["OUTER".to_owned()], vec!["A".to_owned()]));
    assert_eq!(proxy("/b").params.replaced, ["X"]);
    assert!(
        matches!(&proxy("/c").protocol, Protocol::Fastcgi { keep_conn: true, catch_stderr } if catch_stderr == &["oh"])
    );
    assert_eq!(location(&conf, "/c").fastcgi_script.index, "index.php");
    assert!(location(&conf, "/c").fastcgi_script.split.is_some());
    assert!(matches!(proxy("/d").protocol, Protocol::Scgi));
    let is_tls = |name: &str| matches!(&location(&conf, name).handler, HandlerConf::Proxy(pass) if pass.tls);
    assert!(is_tls("/e") && !is_tls("/b") && proxy("/e").tls.is_some() && proxy("/d").tls.is_none());
    assert!(proxy("/f").protocol.is_http() && proxy("/f").read_timeout.as_secs() == 8);
    assert!(matches!(location(&conf, "/f/in").handler, HandlerConf::Static));
}

#[test]
fn gateways_that_are_wrong() {
    for (text, message) in [
        ("uwsgi_pass 127.0.0.1;", "no port in upstream \"127.0.0.1\""),
        ("fastcgi_pass nosuch;", "no port in upstream \"nosuch\""),
        ("uwsgi_pass http://127.0.0.1:1;", "invalid host in upstream \"http://127.0.0.1:1\""),
        ("fastcgi_pass fastcgi://127.0.0.1:1;", "invalid host in upstream \"fastcgi://127.0.0.1:1\""),
        ("scgi_pass unix:;", "no path in the unix domain socket in upstream \"unix:\""),
        ("uwsgi_pass 127.0.0.1:1; uwsgi_pass 127.0.0.1:2;", "\"uwsgi_pass\" directive is duplicate"),
        ("uwsgi_modifier1 256;", "value must be between 0 and 255"),
        ("uwsgi_modifier2 x;", "\"uwsgi_modifier2\" directive invalid number"),
        ("fastcgi_param A b c;", "invalid parameter \"c\""),
        ("fastcgi_split_path_info ^(.*)$;", "pattern \"^(.*)$\" must have 2 captures"),
        ("scgi_buffers 1 4k;", "there must be at least 2 \"scgi_buffers\""),
        ("fastcgi_keep_conn on; fastcgi_keep_conn on;", "\"fastcgi_keep_conn\" directive is duplicate"),
    ] {
        refused(&format!("location / {{ {text} }}"), message);
    }
}

#[test]
fn what_is_closed() {
    let conf = conf(
        "server {
            location /app { perl handler; }
            location /files { }
         }",
    );
    assert!(matches!(&location(&conf, "/app").handler, HandlerConf::Refused(why) if why.contains("perl")));
    assert!(matches!(&location(&conf, "/files").handler, HandlerConf::Static));
}

#[test]
fn variables_that_are_always_empty_open_nothing() {
    let (conf, warnings) = loaded(
        "server {
            root $geoip_country_code;
            access_log /l/a combined if=$geoip_country_code;
            location / { }
            location /own { root /srv; }
            location /app { proxy_pass http://127.0.0.1; }
         }",
    );
    assert!(matches!(&location(&conf, "/").handler, HandlerConf::Refused(_)));
    assert!(matches!(&location(&conf, "/own").handler, HandlerConf::Static));
    assert!(matches!(&location(&conf, "/app").handler, HandlerConf::Proxy(_)));
    assert!(location(&conf, "/").access_logs[0].condition.is_none());
    assert_eq!(warnings.iter().filter(|line| line.contains("variable that is not supported")).count(), 2);
}

#[test]
fn return_and_try_files() {
    let conf = conf(
        "server {
            return 301 https://$host$request_uri; return 200;
            location /a { return http://x/; }
            location /b { return 204; }
            location /c { try_files $uri $uri/ /index.html?$args; }
            location /d { try_files /dev/null @app; }
            location /e { try_files $uri =404; }
            error_page 494 497 /x;
         }",
    );
    let status = |l: &LocationConf| match l.script.as_ref()?.steps.first()? {
        Step::Return(conf) => Some((conf.status, conf.text.is_some())),
        _ => None,
    };
    let server = &conf.http.locations[conf.http.servers[0].root_location.0 as usize];
    assert_eq!(status(server), Some((Status(301), true)));
    assert_eq!(status(location(&conf, "/a")), Some((Status(302), true)));
    assert_eq!(status(location(&conf, "/b")), Some((Status(204), false)));
    assert_eq!(status(location(&conf, "/c")), None);
    let tried = |name: &str| location(&conf, name).try_files.as_ref().unwrap();
    assert_eq!(tried("/c").items.iter().map(|item| item.is_dir).collect::<Vec<_>>(), [false, true]);
    assert!(matches!(&tried("/c").fallback, TryFilesFallback::Uri(_)));
    assert!(matches!(&tried("/d").fallback, TryFilesFallback::Named(name) if name == "@app"));
    assert!(matches!(&tried("/e").fallback, TryFilesFallback::Status(Status(404))));
    assert_eq!(location(&conf, "/a").error_pages[0].overwrite, Some(400));
}

#[test]
fn maps_that_are_wrong() {
    for (made, message) in [
        ("map $uri v { }", "invalid variable name \"v\""),
        ("map $uri $host { }", "the duplicate \"host\" variable"),
        ("map $uri $v { a 1; A 2; }", "conflicting parameter \"A\""),
        ("map $uri $v { default 1; default 2; }", "duplicate default map parameter"),
        ("map $uri $v { a 1 2; }", "invalid number of the map parameters"),
        ("map $uri $v { a $nothing_here; }", "unknown \"nothing_here\" variable"),
        ("geo $v { 10.0.0.0/33 a; }", "invalid network \"10.0.0.0/33\""),
        ("geo $v { a b c; }", "invalid number of the geo parameters"),
        ("split_clients $uri $v { 60% a; 50% b; }", "percent total is greater than 100%"),
        ("split_clients $uri $v { x a; }", "invalid percent value \"x\""),
        ("charset_map a A { }", "\"charset_map\" between the same charsets \"a\" and \"A\""),
        ("charset_map a b { } charset_map b a { }", "duplicate \"charset_map\" between \"b\" and \"a\""),
        ("charset_map a b { 80; }", "invalid parameters number"),
        ("charset_map a b { 180 80; }", "invalid value \"180\""),
        ("charset_map a b { 80 x; }", "invalid value \"x\""),
        ("charset_map a utf-8 { 80 F09F9880; }", "invalid value \"F09F9880\""),
        ("charset_map a utf-8 { 80 D0B; }", "invalid value \"D0B\""),
        ("charset_map utf-8 a { }", "utf-8 is to be its second charset"),
        ("source_charset a; charset b;", "no \"charset_map\" between the charsets \"a\" and \"b\""),
    ] {
        let said = errors(&format!("http {{ {made} server {{ }} }} events {{ }}"));
        assert!(said.iter().any(|line| line.contains(message)), "{made}: {said:?}");
    }
}

#[test]
fn http3_has_no_sockets() {
    let (conf, said) =
        loaded("server { listen 127.0.0.1:1; listen 127.0.0.1:1 quic reuseport; listen 127.0.0.1:2 quic; }");
    assert_eq!(conf.http.listens.len(), 1);
    assert!(said.iter().filter(|line| line.contains("opens no socket")).count() == 2, "{said:?}");
}

#[test]
fn tls_that_cannot_be_offered_is_told_once() {
    let (conf, said) = loaded(
        "server { listen 127.0.0.1:1; ssl_protocols TLSv1 TLSv1.2; ssl_ecdh_curve X448:X25519; }
         server { listen 127.0.0.1:2; ssl_protocols TLSv1; ssl_ciphers AES128-SHA; ssl_conf_command Options -SessionTicket; }",
    );
    let notice: Vec<&String> = said.iter().filter(|line| line.starts_with("TLS does without")).collect();
    assert_eq!(notice, ["TLS does without what it does not offer: AES128-SHA, TLSv1, X448"]);
    let [first, second] = &conf.http.servers[..] else { panic!("two servers") };
    assert!(first.tls.versions.tls12 && !first.tls.versions.tls13 && first.tls.session_tickets);
    assert!(second.tls.versions.tls12 && second.tls.versions.tls13 && !second.tls.session_tickets);
    assert_eq!(second.tls.ciphers.len(), 9);
    let sizes = "server { ssl_session_cache shared:a:1m; } server { ssl_session_cache shared:a:2m; }";
    let conflict =
        "the size 2097152 of shared memory zone \"a\" conflicts with already declared size 1048576";
    assert_eq!(errors(sizes).len(), 1);
    assert!(errors(sizes)[0].starts_with(conflict), "{:?}", errors(sizes));
}
