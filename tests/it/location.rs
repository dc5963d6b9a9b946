//! `location`: which one wins, what it is matched against, what its captures hold.

use expect_test::expect;

use crate::support::{Origin, Server};

#[test]
fn exact_then_longest_prefix_then_regex_in_file_order() {
    let server = Server::start(
        r#"server { listen {{port}};
            location = /      { return 200 "exact root"; }
            location /        { return 200 "prefix /"; }
            location /a       { return 200 "prefix /a"; }
            location /a/b/    { return 200 "prefix /a/b/"; }
            location = /a/b/c { return 200 "exact /a/b/c"; }
            location ^~ /img/ { return 200 "stop /img/"; }
            location ~ \.php$ { return 200 "regex php"; }
            location ~* \.(gif|png)$ { return 200 "regex image"; }
            location ~ ^/a/   { return 200 "regex ^/a/"; }
        }"#,
    );
    let table = server.table(&[
        "/",
        "/?x=1",
        "/x",
        "/a",
        "/ab",
        "/a/",
        "/a/b",
        "/a/b/",
        "/a/b/c",
        "/a/b/c/",
        "/a/b/c?d",
        "/x.php",
        "/a/x.php",
        "/img/x.php",
        "/img/x.PNG",
        "/x.PNG",
        "/x.PHP",
        "/img",
        "/imgx/y.gif",
        "/x.php/y",
        "/A/x",
    ]);
    expect![[r#"
        / -> 200 exact root
        /?x=1 -> 200 exact root
        /x -> 200 prefix /
        /a -> 200 prefix /a
        /ab -> 200 prefix /a
        /a/ -> 200 regex ^/a/
        /a/b -> 200 regex ^/a/
        /a/b/ -> 200 regex ^/a/
        /a/b/c -> 200 exact /a/b/c
        /a/b/c/ -> 200 regex ^/a/
        /a/b/c?d -> 200 exact /a/b/c
        /x.php -> 200 regex php
        /a/x.php -> 200 regex php
        /img/x.php -> 200 stop /img/
        /img/x.PNG -> 200 stop /img/
        /x.PNG -> 200 regex image
        /x.PHP -> 200 prefix /
        /img -> 200 prefix /
        /imgx/y.gif -> 200 regex image
        /x.php/y -> 200 prefix /
        /A/x -> 200 prefix /
    "#]]
    .assert_eq(&table);
}

#[test]
fn modifiers_may_be_glued_to_the_path() {
    let server = Server::start(
        r#"server { listen {{port}};
            location ^~/admin  { return 200 "stop"; }
            location =/exact   { return 200 "exact"; }
            location ~*\.PNG$  { return 200 "ignoring case"; }
            location ~\.css$   { return 200 "regex"; }
            location /         { return 200 "root"; }
        }"#,
    );
    let table = server.table(&["/admin/x.png", "/exact", "/exact/", "/x.png", "/x.css", "/x.CSS", "/"]);
    expect![[r#"
        /admin/x.png -> 200 stop
        /exact -> 200 exact
        /exact/ -> 200 root
        /x.png -> 200 ignoring case
        /x.css -> 200 regex
        /x.CSS -> 200 root
        / -> 200 root
    "#]]
    .assert_eq(&table);
}

#[test]
fn nested_locations_and_their_regexes() {
    let server = Server::start(
        r#"server { listen {{port}};
            location / {
                location /in/ { return 200 "nested prefix"; }
                location = /in/exact { return 200 "nested exact"; }
                location ~ \.txt$ { return 200 "nested regex"; }
                return 200 "outer";
            }
            location /shop/ {
                location ~ \.txt$ { return 200 "shop txt"; }
                location /shop/cart/ { location ~ \.js$ { return 200 "cart js"; } return 200 "cart"; }
                return 200 "shop";
            }
            location ~ \.js$ { return 200 "server js"; }
            location ~ ^/re/(?<what>[a-z]+) {
                location ~ /deep$ { return 200 "deep $what"; }
                return 200 "re $what";
            }
        }"#,
    );
    let table = server.table(&[
        "/",
        "/in/",
        "/in/x",
        "/in/exact",
        "/x.txt",
        "/in/x.txt",
        "/shop/x",
        "/shop/x.txt",
        "/shop/cart/",
        "/shop/cart/x.js",
        "/shop/x.js",
        "/shop/cart/x.txt",
        "/x.js",
        "/re/abc",
        "/re/abc/deep",
        "/re/abc/deeper",
    ]);
    expect![[r#"
        / -> 200 outer
        /in/ -> 200 nested prefix
        /in/x -> 200 nested prefix
        /in/exact -> 200 nested exact
        /x.txt -> 200 nested regex
        /in/x.txt -> 200 nested regex
        /shop/x -> 200 shop
        /shop/x.txt -> 200 shop txt
        /shop/cart/ -> 200 cart
        /shop/cart/x.js -> 200 cart js
        /shop/x.js -> 200 server js
        /shop/cart/x.txt -> 200 shop txt
        /x.js -> 200 server js
        /re/abc -> 200 re abc
        /re/abc/deep -> 200 deep abc
        /re/abc/deeper -> 200 re abc
    "#]]
    .assert_eq(&table);
}

#[test]
fn captures_by_number_and_by_name() {
    let server = Server::start(
        r#"server { listen {{port}};
            location ~ ^/n/(\d+)/([a-z]*)/?(.*)$ { return 200 "1=$1 2=$2 3=$3 4=$4"; }
            location ~ ^/u/(?<user>\w+)/(?P<page>\w+)$ { return 200 "user=$user page=${page}!"; }
            location ~* ^/c/(x+)$ { return 200 "$1"; }
            location ~ "^/q/[a-z]{2,3}$" { return 200 "two or three"; }
            location ~ ^/(?!api)no-[a-z]+$ { return 200 "lookahead"; }
            location ~ ^/alt/(cat|dog)s?$ { return 200 "animal $1"; }
            location ~ ^/lazy/(.*?)-(.*)$ { return 200 "lazy $1|$2"; }
            location / { return 200 "none:$1"; }
        }"#,
    );
    let table = server.table(&[
        "/n/12/ab/rest/x",
        "/n/12//",
        "/n/x/ab",
        "/u/joe/home",
        "/u/joe",
        "/c/XxX",
        "/q/ab",
        "/q/abcd",
        "/no-way",
        "/alt/dogs",
        "/alt/cat",
        "/lazy/a-b-c",
        "/n/1/%41b%20c/d%2Fe",
    ]);
    expect![[r#"
        /n/12/ab/rest/x -> 200 1=12 2=ab 3=rest/x 4=
        /n/12// -> 200 1=12 2= 3= 4=
        /n/x/ab -> 200 none:
        /u/joe/home -> 200 user=joe page=home!
        /u/joe -> 200 none:
        /c/XxX -> 200 XxX
        /q/ab -> 200 two or three
        /q/abcd -> 200 none:
        /no-way -> 200 lookahead
        /alt/dogs -> 200 animal dog
        /alt/cat -> 200 animal cat
        /lazy/a-b-c -> 200 lazy a|b-c
        /n/1/%41b%20c/d%2Fe -> 200 1=1 2= 3=Ab c/d/e 4=
    "#]]
    .assert_eq(&table);
}

#[test]
fn matching_sees_the_decoded_and_resolved_path() {
    let server = Server::start(
        r#"server { listen {{port}};
            location /a/b { return 200 "a-b $uri"; }
            location = "/with space" { return 200 "space $uri"; }
            location /%41 { return 200 "literal percent"; }
            location ~ é { return 200 "accent"; }
            location / { return 200 "$uri|$args|$request_uri"; }
        }"#,
    );
    let table = server.table(&[
        "/%61/%62",
        "/a//b",
        "/a/./b",
        "/a/x/../b",
        "/x/../a/b/..",
        "/with%20space",
        "/with+space",
        "/A",
        "/%2541",
        "/caf%c3%a9",
        "//a/b",
        "/./a/b",
        "/a/b/../../..",
        "/..",
        "/a%2fb",
        "/a%2F..%2Fb",
        "/x%3Fy?z",
        "/x%23y",
        "/a/b?c=/../d",
        "/a/...",
        "/a/..b",
        "/.a/",
        "/a/.",
        "/a/..",
        "/%",
        "/%4",
        "/%zz",
        "/%00",
        "/a?b%00",
        "/x%",
        "/%0a",
        "/a%5cb",
        "/a\\b",
        "/%2e%2e/a",
        "/a/%2e%2e/%2e%2e",
        "/a/b;c=d",
        "/%25",
        "/a%20b%3fc",
    ]);
    expect![[r#"
        /%61/%62 -> 200 a-b /a/b
        /a//b -> 200 a-b /a/b
        /a/./b -> 200 a-b /a/b
        /a/x/../b -> 200 a-b /a/b
        /x/../a/b/.. -> 200 /a/||/x/../a/b/..
        /with%20space -> 200 space /with space
        /with+space -> 200 /with+space||/with+space
        /A -> 200 /A||/A
        /%2541 -> 200 literal percent
        /caf%c3%a9 -> 200 accent
        //a/b -> 200 a-b /a/b
        /./a/b -> 200 a-b /a/b
        /a/b/../../.. -> 400
        /.. -> 400
        /a%2fb -> 200 a-b /a/b
        /a%2F..%2Fb -> 200 /b||/a%2F..%2Fb
        /x%3Fy?z -> 200 /x?y|z|/x%3Fy?z
        /x%23y -> 200 /x#y||/x%23y
        /a/b?c=/../d -> 200 a-b /a/b
        /a/... -> 200 /a/...||/a/...
        /a/..b -> 200 /a/..b||/a/..b
        /.a/ -> 200 /.a/||/.a/
        /a/. -> 200 /a/||/a/.
        /a/.. -> 200 /||/a/..
        /% -> 400
        /%4 -> 400
        /%zz -> 400
        /%00 -> 400
        /a?b%00 -> 200 /a|b%00|/a?b%00
        /x% -> 400
        /%0a -> 200 /\n||/%0a
        /a%5cb -> 200 /a\b||/a%5cb
        /a\b -> 200 /a\b||/a\b
        /%2e%2e/a -> 400
        /a/%2e%2e/%2e%2e -> 400
        /a/b;c=d -> 200 a-b /a/b;c=d
        /%25 -> 200 /%||/%25
        /a%20b%3fc -> 200 /a b?c||/a%20b%3fc
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_prefix_with_a_handler_redirects_the_name_without_slash() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /app/ { proxy_pass http://{{app}}; }
            location /up/ { proxy_pass http://{{app}}/x/; }
            location /files/ { alias {{root}}/; }
            location /text/ { return 200 "text"; }
            location = /exact/ { proxy_pass http://{{app}}; }
            location ^~ /stop/ { proxy_pass http://{{app}}; }
            location ~ ^/regex/ { proxy_pass http://{{app}}; }
            location /in/ { location /in/ner/ { proxy_pass http://{{app}}; } }
        }"#,
    );
    let table = server.table(&[
        "/app",
        "/app?a=1&b",
        "/up",
        "/files",
        "/text",
        "/exact",
        "/stop",
        "/regex",
        "/in",
        "/in/ner",
        "/apple",
        "/ap",
        "/app/",
        "/%61pp",
    ]);
    expect![[r#"
        /app -> 301 http://localhost:{port}/app/
        /app?a=1&b -> 301 http://localhost:{port}/app/?a=1&b
        /up -> 301 http://localhost:{port}/up/
        /files -> 404
        /text -> 404
        /exact -> 301 http://localhost:{port}/exact/
        /stop -> 301 http://localhost:{port}/stop/
        /regex -> 404
        /in -> 404
        /in/ner -> 301 http://localhost:{port}/in/ner/
        /apple -> 404
        /ap -> 404
        /app/ -> 200 ok
        /%61pp -> 301 http://localhost:{port}/app/
    "#]]
    .assert_eq(&table);
    server.check_get(
        "/app?x=1",
        expect![[r#"
            HTTP/1.1 301 Moved Permanently
            Content-Type: text/html
            Content-Length: 157+{server}
            Location: http://localhost:{port}/app/?x=1
            Connection: keep-alive

            {page: 301 Moved Permanently}
        "#]],
    );
    server.check(
        "POST /app HTTP/1.1\r\nHost: other.test:99\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
            HTTP/1.1 301 Moved Permanently
            Content-Type: text/html
            Content-Length: 157+{server}
            Location: http://other.test:{port}/app/
            Connection: keep-alive

            {page: 301 Moved Permanently}
        "#]],
    );
}

#[test]
fn a_location_for_the_bare_name_wins_over_the_redirect() {
    let origin = Origin::ok();
    let server = Server::proxying(
        &origin,
        r#"server { listen {{port}};
            location /app/ { proxy_pass http://{{app}}; }
            location = /app { return 200 "mine"; }
            location /two/ { proxy_pass http://{{app}}; }
            location /two { return 200 "two"; }
            location / { return 200 "root"; }
        }"#,
    );
    let table = server.table(&["/app", "/two", "/twofold", "/app/x"]);
    expect![[r#"
        /app -> 200 mine
        /two -> 200 two
        /twofold -> 200 two
        /app/x -> 200 ok
    "#]]
    .assert_eq(&table);
}

#[test]
fn named_locations_are_reached_from_inside_only() {
    let server = Server::start(
        r#"server { listen {{port}}; root {{root}};
            location / { try_files $uri @fallback; }
            location /err/ { error_page 404 = @missing; }
            location @fallback { return 200 "fallback for $uri?$args"; }
            location @missing { return 200 "missing $uri"; }
        }"#,
    );
    let table = server.table(&["/x?y=1", "/@fallback", "/err/x", "/err/%20y", "/@missing"]);
    expect![[r#"
        /x?y=1 -> 200 fallback for /x?y=1
        /@fallback -> 200 fallback for /@fallback?
        /err/x -> 200 missing /err/x
        /err/%20y -> 200 missing /err/ y
        /@missing -> 200 fallback for /@missing?
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_server_without_a_matching_location_uses_the_server_itself() {
    let server = Server::setup()
        .file("root/x.txt", "file of the server")
        .start("server { listen {{port}}; root {{root}}; location /only/ { return 200 only; } }");
    let table = server.table(&["/x.txt", "/only/", "/only", "/nothing", "/"]);
    expect![[r#"
        /x.txt -> 200 file of the server
        /only/ -> 200 only
        /only -> 404
        /nothing -> 404
        / -> 403
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_return_of_the_server_comes_before_every_location() {
    let server = Server::start(
        r#"server { listen {{port}}; return 200 "server $uri"; location / { return 200 "location"; } }"#,
    );
    let table = server.table(&["/", "/a/../b", "/%20"]);
    expect![[r#"
        / -> 200 server /
        /a/../b -> 200 server /b
        /%20 -> 200 server /
    "#]]
    .assert_eq(&table);
}

#[test]
fn merge_slashes_can_be_switched_off() {
    let server = Server::start(
        r#"server { listen {{port}}; merge_slashes off;
            location /a//b { return 200 "double"; }
            location / { return 200 "$uri"; }
        }"#,
    );
    let table = server.table(&["/a//b", "/a/b", "//x", "/x//../y", "/x///y", "/a//./b"]);
    expect![[r#"
        /a//b -> 200 double
        /a/b -> 200 /a/b
        //x -> 200 //x
        /x//../y -> 200 /x/y
        /x///y -> 200 /x///y
        /a//./b -> 200 double
    "#]]
    .assert_eq(&table);
}

#[test]
fn many_prefixes_of_each_other() {
    let server = Server::start(
        r#"server { listen {{port}};
            location /a { return 200 "/a"; }
            location /aa { return 200 "/aa"; }
            location /aaa/ { return 200 "/aaa/"; }
            location /aab { return 200 "/aab"; }
            location /b/a/c { return 200 "/b/a/c"; }
            location /b/a { return 200 "/b/a"; }
            location /b { return 200 "/b"; }
            location /b/ab { return 200 "/b/ab"; }
            location = /b/ab { return 200 "= /b/ab"; }
            location = /aa { return 200 "= /aa"; }
        }"#,
    );
    let table = server.table(&[
        "/a", "/aa", "/aaa", "/aaa/", "/aaab", "/aab", "/aabc", "/ab", "/b", "/ba", "/b/", "/b/a", "/b/ab",
        "/b/abc", "/b/a/c", "/b/a/d", "/b/a/cd", "/B", "/c",
    ]);
    expect![[r#"
        /a -> 200 /a
        /aa -> 200 = /aa
        /aaa -> 200 /aa
        /aaa/ -> 200 /aaa/
        /aaab -> 200 /aa
        /aab -> 200 /aab
        /aabc -> 200 /aab
        /ab -> 200 /a
        /b -> 200 /b
        /ba -> 200 /b
        /b/ -> 200 /b
        /b/a -> 200 /b/a
        /b/ab -> 200 = /b/ab
        /b/abc -> 200 /b/ab
        /b/a/c -> 200 /b/a/c
        /b/a/d -> 200 /b/a
        /b/a/cd -> 200 /b/a/c
        /B -> 404
        /c -> 404
    "#]]
    .assert_eq(&table);
}
