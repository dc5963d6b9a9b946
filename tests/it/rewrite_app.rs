//! The rewrite module with an application behind it, and as sites use it.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

#[test]
fn what_the_app_is_asked() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /whole/ { rewrite ^/whole/(.*)$ /w/$1 break; proxy_pass http://{{app}}; }
            location /part/ { rewrite ^/part/(.*)$ /p/$1 break; proxy_pass http://{{app}}/base/; }
            location /miss/ { rewrite ^/other/(.*)$ /p/$1 break; proxy_pass http://{{app}}/base/; }
            location /plain-break/ { break; proxy_pass http://{{app}}/base/; }
            location /rewrite-break/ { rewrite ^ /rb; break; proxy_pass http://{{app}}/base/; }
            location /raw/ { set $x 1; proxy_pass http://{{app}}; }
            location /args/ { set $args "a=b"; proxy_pass http://{{app}}; }
            location /args-base/ { set $args "a=b"; proxy_pass http://{{app}}/base/; }
            location /query/ { rewrite ^/query/(.*)$ /q?p=$1 break; proxy_pass http://{{app}}; }
            location /again/ { rewrite ^/again/(.*)$ /part2/$1 last; }
            location /part2/ { proxy_pass http://{{app}}/base/; }
            location /if/ { if ($arg_x) { proxy_pass http://{{app}}; } proxy_pass http://{{app}}/base/; }
            location /if-inherits/ { proxy_pass http://{{app}}/base/; proxy_set_header X-At location;
                if ($arg_h) { add_header X-If yes; } if ($arg_t) { set $unused 1; } }
            location /if-only/ { if ($arg_x) { proxy_pass http://{{app}}; } return 200 "not asked"; }
            location /if-rewrite/ { if ($arg_x) { rewrite ^ /other break; } proxy_pass http://{{app}}; }
            location ~ ^/regex/(.*)$ { set $path $1; proxy_pass http://{{app}}/r/$path$is_args$args; }
            location /host/ { set $app "{{app}}"; proxy_pass http://$app; }
            location /host-uri/ { set $app "{{app}}"; rewrite ^/host-uri/(.*)$ /hu/$1 break; proxy_pass http://$app; }
            location /both/ { set $app "{{app}}"; rewrite ^/both/(.*)$ /b/$1 break; proxy_pass http://$app/base; }
        }"#,
    );
    let mut text = String::new();
    for asked in [
        "/whole/a%20b%2Fc?x=1",
        "/whole/a\"<b",
        "/part/a%20b?x=1",
        "/miss/a?x=1",
        "/plain-break/a%20b",
        "/rewrite-break/a?x",
        "/raw/a%20b//c/../d?x",
        "/args/a%20b//c?x",
        "/args/a\"<b?x",
        "/args-base/a%20b?x",
        "/query/a%20b?x=1",
        "/again/a",
        "/if/a",
        "/if/a?x=1",
        "/if-inherits/a",
        "/if-inherits/a%20b?h=1",
        "/if-inherits/a?t=1",
        "/if-only/a",
        "/if-rewrite/a",
        "/if-rewrite/a?x=1",
        "/regex/a%20b?x=1",
        "/regex/ab?x=1",
        "/host/a%20b?x",
        "/host-uri/a%20b?x",
        "/both/a?x",
    ] {
        let before = origin.requests().len();
        let response = server.send(lines(&format!("GET {asked} HTTP/1.1\nHost: localhost")));
        let got = match origin.requests().get(before) {
            Some(request) => format!("{} {}", request.target(), request.header("x-at").unwrap_or_default()),
            None => format!("({} {})", response.status, response.text().lines().last().unwrap_or_default()),
        };
        text += &format!("{asked} -> {}\n", server.localised(&got).trim_end());
    }
    expect![[r#"
        /whole/a%20b%2Fc?x=1 -> /w/a%20b/c?x=1
        /whole/a"<b -> /w/a%22%3Cb
        /part/a%20b?x=1 -> /p/a%20b?x=1
        /miss/a?x=1 -> /base/a?x=1
        /plain-break/a%20b -> /base/a%20b
        /rewrite-break/a?x -> /rb?x
        /raw/a%20b//c/../d?x -> /raw/a%20b//c/../d?x
        /args/a%20b//c?x -> /args/a%20b/c?a=b
        /args/a"<b?x -> /args/a"<b?a=b
        /args-base/a%20b?x -> /base/a%20b?a=b
        /query/a%20b?x=1 -> /q?p=a%20b&x=1
        /again/a -> /base/a
        /if/a -> /base/a
        /if/a?x=1 -> /if/a?x=1
        /if-inherits/a -> /base/a location
        /if-inherits/a%20b?h=1 -> /base/a%20b?h=1 location
        /if-inherits/a?t=1 -> /base/a?t=1 location
        /if-only/a -> (200 not asked)
        /if-rewrite/a -> /if-rewrite/a
        /if-rewrite/a?x=1 -> /other?x=1
        /regex/a%20b?x=1 -> /r/a%20b?x=1
        /regex/ab?x=1 -> /r/ab?x=1
        /host/a%20b?x -> /host/a%20b?x
        /host-uri/a%20b?x -> /hu/a%20b?x
        /both/a?x -> /base
    "#]]
    .assert_eq(&text);
}

#[test]
fn real_configurations() {
    let origin = Origin::ok();
    let server = Server::setup().app(&origin).file("root/index.php", "php\n").file("root/app.js", "js\n").file("root/maintenance.html", "down\n").start(
        r#"server { listen {{port}}; root {{root}};
            if ($request_method !~ ^(GET|HEAD|POST|OPTIONS)$) { return 405; }
            if ($request_method = OPTIONS) { return 204; }
            rewrite ^/(.*)/$ /$1 permanent;
            location /maintained/ {
                if (-f $document_root/maintenance.html) { return 503; }
                proxy_pass http://{{app}};
            }
            error_page 503 @maintenance;
            location @maintenance { rewrite ^(.*)$ /maintenance.html break; }
            location /front { if (!-e $request_filename) { rewrite ^(.+)$ /index.php?q=$1 last; } }
            location ~ \.php$ { return 200 "$uri $args"; }
            location /v {
                set $mobile 0;
                if ($http_user_agent ~* (android|iphone)) { set $mobile 1; }
                if ($cookie_full = 1) { set $mobile 0; }
                if ($mobile = 1) { return 302 $scheme://m.$host$request_uri; }
                return 200 "full";
            }
            location ~* "^/asset/(?<file>.+)\.(?<hash>[0-9a-f]{8})\.(?<kind>js|css)$" { rewrite ^ /$file.$kind break; expires max; }
            location /cors { if ($http_origin ~* ^https?://(.*\.)?ok\.test$) { add_header Access-Control-Allow-Origin $http_origin; } proxy_pass http://{{app}}; }
        }"#,
    );
    expect![[r#"
        /dir/ -> 301 http://localhost:{port}/dir
        /maintained/x -> 503
        /front/page?x=1 -> 200 /index.php q=/front/page&x=1
        /v -> 200 full
        /asset/app.0123abcd.js -> 200 js\n
        /asset/app.0123abc.js -> 404
    "#]]
    .assert_eq(&server.table(&[
        "/dir/",
        "/maintained/x",
        "/front/page?x=1",
        "/v",
        "/asset/app.0123abcd.js",
        "/asset/app.0123abc.js",
    ]));
    let mut text = String::new();
    for request in [
        "DELETE / HTTP/1.1\nHost: localhost",
        "OPTIONS / HTTP/1.1\nHost: localhost",
        "GET /v HTTP/1.1\nHost: localhost\nUser-Agent: iPhone",
        "GET /v HTTP/1.1\nHost: localhost\nUser-Agent: iPhone\nCookie: full=1",
        "GET /cors HTTP/1.1\nHost: localhost\nOrigin: https://a.ok.test",
        "GET /cors HTTP/1.1\nHost: localhost\nOrigin: https://bad.test",
    ] {
        let response = server.send(lines(request));
        let shown = [response.header("location"), response.header("access-control-allow-origin")].join(" ");
        text += &format!("{} -> {} {}\n", request.replace('\n', ", "), response.status, shown.trim());
    }
    expect![[r#"
        DELETE / HTTP/1.1, Host: localhost -> 405 
        OPTIONS / HTTP/1.1, Host: localhost -> 204 
        GET /v HTTP/1.1, Host: localhost, User-Agent: iPhone -> 302 http://m.localhost/v
        GET /v HTTP/1.1, Host: localhost, User-Agent: iPhone, Cookie: full=1 -> 200 
        GET /cors HTTP/1.1, Host: localhost, Origin: https://a.ok.test -> 200 https://a.ok.test
        GET /cors HTTP/1.1, Host: localhost, Origin: https://bad.test -> 200 
    "#]]
    .assert_eq(&text);
}
