//! The rewrite module: `rewrite`, `if`, `set`, `break`, `return`, and how they turn the phases.

use expect_test::expect;

use crate::differences;
use crate::support::{Server, lines};

/// What a URI has become, everywhere in these cases.
const SHOW: &str = r#"return 200 "$uri|$args|$request_uri|$document_uri|$is_args";"#;

fn showing(conf: &str) -> Server {
    Server::setup().value("show", SHOW).start(conf)
}

#[test]
fn flags_of_rewrite() {
    let server = showing(
        r#"server { listen {{port}};
            location /last/ { rewrite ^/last/(.*)$ /show/$1 last; return 200 "not reached"; }
            location /break/ { rewrite ^/break/(.*)$ /show/$1 break; {{show}} }
            location /next/ { rewrite ^/next/(.*)$ /next2/$1; rewrite ^/next2/(.*)$ /show/2$1; }
            location /next-return/ { rewrite ^ /show/x; return 200 "here $uri"; }
            location /next-break/ { rewrite ^ /show/x; break; rewrite ^ /y; }
            location /redirect/ { rewrite ^/redirect/(.*)$ /to/$1 redirect; }
            location /permanent/ { rewrite ^/permanent/(.*)$ /to/$1 permanent; }
            location /http/ { rewrite ^/http/(.*)$ http://other.test/$1; return 200 "not reached"; }
            location /https/ { rewrite ^/https/(.*)$ https://other.test/$1?a=b last; }
            location /scheme/ { rewrite ^/scheme/(.*)$ $scheme://other.test/$1 permanent; }
            location /nomatch/ { rewrite ^/other /show/x last; return 200 "on"; }
            location /noslash/ { rewrite ^/noslash/(.*)$ show/$1 break; {{show}} }
            location /case/ { rewrite ^/CASE/ /show/x last; return 200 "case matters"; }
            location /empty/ { rewrite ^/empty/(.*)$ $1 last; }
            location /show/ { {{show}} }
            location / { return 200 "root $uri"; }
        }"#,
    );
    expect![[r#"
        /last/a -> 200 /show/a||/last/a|/show/a|
        /last/a?x=1 -> 200 /show/a|x=1|/last/a?x=1|/show/a|?
        /last/a%20b%2Fc%3Fd -> 200 /show/a b/c?d||/last/a%20b%2Fc%3Fd|/show/a b/c?d|
        /break/a -> 404
        /break/a%20b?x=1&y -> 404
        /next/a -> 200 /show/2a||/next/a|/show/2a|
        /next/a?x -> 200 /show/2a|x|/next/a?x|/show/2a|?
        /next-return/a -> 200 here /show/x
        /next-break/a -> 404
        /redirect/a?x=1 -> 302 http://localhost:{port}/to/a?x=1
        /redirect/a%20b%25%2Bc%3Fd+e -> 302 http://localhost:{port}/to/a%20b%25+c?d%2Be
        /redirect/%C3%A9%7E%0 -> 400
        /permanent/a -> 301 http://localhost:{port}/to/a
        /http/a?x=1 -> 302 http://other.test/a?x=1
        /http/a%20b -> 302 http://other.test/a%20b
        /https/a?x=1 -> 302 https://other.test/a?a=b&x=1
        /scheme/a -> 301 http://other.test/a
        /nomatch/a -> 200 on
        /noslash/a -> 404
        /case/a -> 200 case matters
        /empty/ -> 500
        /empty/a -> 404
    "#]]
    .assert_eq(&server.table(&[
        "/last/a",
        "/last/a?x=1",
        "/last/a%20b%2Fc%3Fd",
        "/break/a",
        "/break/a%20b?x=1&y",
        "/next/a",
        "/next/a?x",
        "/next-return/a",
        "/next-break/a",
        "/redirect/a?x=1",
        "/redirect/a%20b%25%2Bc%3Fd+e",
        "/redirect/%C3%A9%7E%0",
        "/permanent/a",
        "/http/a?x=1",
        "/http/a%20b",
        "/https/a?x=1",
        "/scheme/a",
        "/nomatch/a",
        "/noslash/a",
        "/case/a",
        "/empty/",
        "/empty/a",
    ]));
}

#[test]
fn arguments_of_rewrite() {
    let server = showing(
        r#"server { listen {{port}};
            location /keep/ { rewrite ^/keep/(.*)$ /show/$1 last; }
            location /drop/ { rewrite ^/drop/(.*)$ /show/$1? last; }
            location /add/ { rewrite ^/add/(.*)$ /show/?p=$1 last; }
            location /only/ { rewrite ^/only/(.*)$ /show/?p=$1? last; }
            location /two/ { rewrite ^/two/(.*)$ /show?a/b?p=$1 last; }
            location /var/ { rewrite ^/var/(.*)$ /show/$arg_to last; }
            location /argvar/ { rewrite ^ /show/?all=$args&to=$arg_to? last; }
            location /uri/ { rewrite ^ /show$uri?u=$uri last; }
            location /red/ { rewrite ^/red/(.*)$ /to?p=$1 redirect; }
            location /reddrop/ { rewrite ^/reddrop/(.*)$ /to/$1? redirect; }
            location /redonly/ { rewrite ^/redonly/(.*)$ /to?p=$1? redirect; }
            location /show { {{show}} }
            location / { return 200 "root $uri $args"; }
        }"#,
    );
    expect![[r#"
        /keep/a?x=1 -> 200 /show/a|x=1|/keep/a?x=1|/show/a|?
        /keep/a? -> 200 /show/a||/keep/a?|/show/a|
        /drop/a?x=1 -> 200 /show/a||/drop/a?x=1|/show/a|
        /add/a -> 200 /show/|p=a|/add/a|/show/|?
        /add/a?x=1 -> 200 /show/|p=a&x=1|/add/a?x=1|/show/|?
        /add/a%20b%26c?x=1 -> 200 /show/|p=a%20b%26c&x=1|/add/a%20b%26c?x=1|/show/|?
        /add/a+b -> 200 /show/|p=a%2Bb|/add/a+b|/show/|?
        /add/a&b -> 200 /show/|p=a&b|/add/a&b|/show/|?
        /only/a?x=1 -> 200 /show/|p=a|/only/a?x=1|/show/|?
        /two/a?x=1 -> 200 /show|a/b?p=a&x=1|/two/a?x=1|/show|?
        /var/?to=a%20b -> 200 /show/a%20b|to=a%20b|/var/?to=a%20b|/show/a%20b|?
        /argvar/?to=a%20b -> 200 /show/|all=to=a%20b&to=a%20b|/argvar/?to=a%20b|/show/|?
        /uri/a%20b -> 200 /show/uri/a b|u=/uri/a b|/uri/a%20b|/show/uri/a b|?
        /red/a?x=1 -> 302 http://localhost:{port}/to?p=a&x=1
        /red/a%20b%26c?x=1 -> 302 http://localhost:{port}/to?p=a%20b%26c&x=1
        /reddrop/a?x=1 -> 302 http://localhost:{port}/to/a
        /redonly/a?x=1 -> 302 http://localhost:{port}/to?p=a
    "#]]
    .assert_eq(&server.table(&[
        "/keep/a?x=1",
        "/keep/a?",
        "/drop/a?x=1",
        "/add/a",
        "/add/a?x=1",
        "/add/a%20b%26c?x=1",
        "/add/a+b",
        "/add/a&b",
        "/only/a?x=1",
        "/two/a?x=1",
        "/var/?to=a%20b",
        "/argvar/?to=a%20b",
        "/uri/a%20b",
        "/red/a?x=1",
        "/red/a%20b%26c?x=1",
        "/reddrop/a?x=1",
        "/redonly/a?x=1",
    ]));
}

#[test]
fn groups_and_names() {
    let server = Server::start(
        r#"server { listen {{port}}; server_name ~^(?<sub>[a-z]+)\.(test)$ localhost;
            location ~ ^/loc/(?<first>\w+)/(\w+)$ { return 200 "$1 $2 $first [$sub]"; }
            location ~ ^/again/(\w+)/(\w+)$ { set $two $2; if ($two ~ x) { return 200 "no"; } return 200 "[$1]"; }
            location ~ ^/over/(\w+)$ { set $old $1; rewrite ^/over/(.)(.*)$ /over/$2 break; return 200 "$old $1 $2"; }
            location ~ ^/miss/(\w+)$ { rewrite ^/other/(.*)$ /x; return 200 "[$1]"; }
            location ~ ^/ifmiss/(\w+)$ { if ($host ~ zzz) { } return 200 "[$1]"; }
            location ~ ^/ifhit/(\w+)$ { if ($host ~ local) { } return 200 "[$1]"; }
            location ~ ^/ifgroup/(\w+)$ { if ($host ~ lo(.*)) { } return 200 "[$1]"; }
            location ~ ^/ifnot/(\w+)$ { if ($host !~ lo(?<tail>.*)) { } return 200 "[$1][$tail]"; }
            location ~ ^/optional/(a)?(b)$ { return 200 "[$1][$2][$3]"; }
            location /named/ { rewrite ^/named/(?<who>\w+)-(?<what>\w+)$ /x/$what/$who; }
            location /later/ { rewrite ^/later/(?<keep>\w+) /later2/; }
            location ~ ^/later2/(.*) { return 200 "keeps $keep"; }
            location /x/ { return 200 "$uri $who $what"; }
            location /nine/ { rewrite ^/nine/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)$ /x/$9$8$7$6$5$4$3$2$1$10; }
            location ~ ^/outer/(?<app>\w+)/(.*)$ {
                location ~ in$ { return 200 "[$1][$2][$app]"; }
                location ~ i(x)$ { return 200 "[$1][$2][$app]"; }
                return 200 "[$1][$2][$app]";
            }
            if ($arg_s ~ (.*)) { set $unused 1; }
            location ~ ^/bare { return 200 "[$1]"; }
            location /prefix { return 200 "[$1]"; }
            location /quoted/ { rewrite "^/quoted/(\d{2,3})$" /x/$1; return 200 "not two or three"; }
        }"#,
    );
    let table = server.table(&[
        "/loc/a/b",
        "/again/a/b",
        "/over/abc",
        "/miss/abc",
        "/ifmiss/abc",
        "/ifhit/abc",
        "/ifgroup/abc",
        "/ifnot/abc",
        "/optional/b",
        "/optional/ab",
        "/named/a-b",
        "/named/a",
        "/later/abc",
        "/nine/abcdefghij",
        "/quoted/1",
        "/quoted/12",
        "/outer/a/in",
        "/outer/a/ix",
        "/outer/a/x",
        "/bare?s=1",
        "/prefix?s=1",
    ]);
    expect![[r#"
        /loc/a/b -> 200 a b a []
        /again/a/b -> 200 []
        /over/abc -> 404
        /miss/abc -> 200 []
        /ifmiss/abc -> 200 []
        /ifhit/abc -> 200 []
        /ifgroup/abc -> 200 [calhost]
        /ifnot/abc -> 200 [calhost][calhost]
        /optional/b -> 200 [][b][]
        /optional/ab -> 200 [a][b][]
        /named/a-b -> 200 /x/b/a a b
        /named/a -> 404
        /later/abc -> 200 keeps abc
        /nine/abcdefghij -> 200 /x/ihgfedcbaa0
        /quoted/1 -> 200 not two or three
        /quoted/12 -> 200 not two or three
        /outer/a/in -> 200 [][][a]
        /outer/a/ix -> 200 [x][][a]
        /outer/a/x -> 200 [a][x][a]
        /bare?s=1 -> 200 []
        /prefix?s=1 -> 200 [1]
    "#]]
    .assert_eq(&table);
    let named = server.send(lines("GET /loc/a/b HTTP/1.1\nHost: www.test"));
    expect!["a b a [www]"].assert_eq(&named.text());
}

#[test]
fn conditions() {
    let server = Server::setup().file("root/plain", "x").file("root/sub/in", "x").start(
        r#"server { listen {{port}}; root {{root}};
            location / {
                set $is "";
                if ($arg_a) { set $is "${is} a"; }
                if ($arg_b = yes) { set $is "${is} b=yes"; }
                if ($arg_b != yes) { set $is "${is} b!=yes"; }
                if ($arg_c ~ ^V) { set $is "${is} c~V"; }
                if ($arg_c ~* ^v) { set $is "${is} c~*v"; }
                if ($arg_c !~ ^V) { set $is "${is} c!~V"; }
                if ($arg_c !~* ^v) { set $is "${is} c!~*v"; }
                if ( $arg_d = "$arg_b" ) { set $is "${is} d=b"; }
                if ($request_method = GET ) { set $is "${is} get"; }
                return 200 "$is";
            }
            location /f/ {
                set $is "";
                if (-f {{root}}/$arg_p) { set $is "${is} f"; }
                if (!-f {{root}}/$arg_p) { set $is "${is} !f"; }
                if (-d {{root}}/$arg_p) { set $is "${is} d"; }
                if (!-d {{root}}/$arg_p) { set $is "${is} !d"; }
                if (-e {{root}}/$arg_p) { set $is "${is} e"; }
                if (!-e {{root}}/$arg_p) { set $is "${is} !e"; }
                if (-x {{root}}/$arg_p) { set $is "${is} x"; }
                if (!-x {{root}}/$arg_p) { set $is "${is} !x"; }
                return 200 "$is";
            }
        }"#,
    );
    expect![[r#"
        / -> 200  b!=yes c!~V c!~*v d=b get
        /?a=0 -> 200  b!=yes c!~V c!~*v d=b get
        /?a=00 -> 200  a b!=yes c!~V c!~*v d=b get
        /?a= -> 200  b!=yes c!~V c!~*v d=b get
        /?a=x&b=yes -> 200  a b=yes c!~V c!~*v get
        /?b=YES -> 200  b!=yes c!~V c!~*v get
        /?c=Vx -> 200  b!=yes c~V c~*v d=b get
        /?c=vx -> 200  b!=yes c~*v c!~V d=b get
        /?b=1&d=1 -> 200  b!=yes c!~V c!~*v d=b get
        /f/?p=plain -> 200  f !d e !x
        /f/?p=sub -> 200  !f d e x
        /f/?p=sub/in -> 200  f !d e !x
        /f/?p=none -> 200  !f !d !e !x
        /f/?p=plain/x -> 200  !f !d !e !x
        /f/?p= -> 200  !f d e x
    "#]]
    .assert_eq(&server.table(&[
        "/",
        "/?a=0",
        "/?a=00",
        "/?a=",
        "/?a=x&b=yes",
        "/?b=YES",
        "/?c=Vx",
        "/?c=vx",
        "/?b=1&d=1",
        "/f/?p=plain",
        "/f/?p=sub",
        "/f/?p=sub/in",
        "/f/?p=none",
        "/f/?p=plain/x",
        "/f/?p=",
    ]));
}

#[test]
fn an_if_is_a_location() {
    let server = Server::setup()
        .file("root/a.txt", "a in root\n")
        .file("root/other/a.txt", "a in other\n")
        .file("root/a/index.html", "index\n")
        .start(
            r#"default_type text/plain; server { listen {{port}}; root {{root}}; add_header X-Level server;
            location / {
                add_header X-Level location;
                add_header X-More location;
                if ($arg_h) { add_header X-Level "if $arg_h"; }
                if ($arg_r) { root {{root}}/other; }
                if ($arg_e) { expires 1h; }
                if ($arg_t) { return 200 "text of if"; }
                if ($arg_p) { error_page 404 = @missing; }
            }
            location /try/ {
                try_files /a.txt =404;
                if ($arg_h) { add_header X-If yes; }
            }
            location /always/ { return 200 "return comes first"; try_files /a.txt =404; }
            location @missing { return 200 "missing $uri"; }
            if ($http_user_agent = bad) { return 403 "go away"; }
            set $from_server "s";
            location /set/ { return 200 "$from_server"; }
        }"#,
        );
    let mut text = String::new();
    for target in [
        "/a.txt",
        "/a.txt?h=1",
        "/a.txt?r=1",
        "/a.txt?h=1&r=1",
        "/a.txt?e=1",
        "/a.txt?t=1",
        "/none",
        "/none?p=1",
        "/none?p=1&h=1",
        "/a/?h=1",
        "/a?h=1",
        "/try/x",
        "/try/x?h=1",
        "/always/",
        "/set/",
    ] {
        let response = server.get(target);
        let headers: Vec<String> = ["x-level", "x-more", "x-if", "content-type", "location"]
            .iter()
            .map(|name| response.headers(name).join("+"))
            .collect();
        let caches = response.header("cache-control");
        let body = response.text().lines().last().unwrap_or_default().to_owned();
        let line = format!("{target} -> {} {} {caches} {}", response.status, headers.join("|"), body.trim());
        text += &server.localised(&line);
        text.push('\n');
    }
    expect![[r#"
        /a.txt -> 200 location|location||text/plain|  a in root
        /a.txt?h=1 -> 200 if 1|||text/plain|  a in root
        /a.txt?r=1 -> 200 location|location||text/plain|  a in other
        /a.txt?h=1&r=1 -> 200 location|location||text/plain|  a in other
        /a.txt?e=1 -> 200 location|location||text/plain| max-age=3600 a in root
        /a.txt?t=1 -> 200 location|location||text/plain|  text of if
        /none -> 404 |||text/html|  </html>
        /none?p=1 -> 200 server|||text/plain|  missing /none
        /none?p=1&h=1 -> 200 server|||text/plain|  missing /none
        /a/?h=1 -> 200 if 1|||text/html|  index
        /a?h=1 -> 301 if 1|||text/html|http://localhost:{port}/a/?h=1  </html>
        /try/x -> 200 server|||text/plain|  a in root
        /try/x?h=1 -> 404 |||text/html|  </html>
        /always/ -> 200 server|||text/plain|  return comes first
        /set/ -> 200 server|||text/plain|  s
    "#]]
    .assert_eq(&text);
    let bad = server.send(lines("GET / HTTP/1.1\nHost: localhost\nUser-Agent: bad"));
    expect![[r#"
        HTTP/1.1 403 Forbidden
        Content-Type: text/plain
        Content-Length: 7
        Connection: keep-alive

        go away"#]]
    .assert_eq(&server.text(&bad));
}

#[test]
fn set_and_what_it_may_set() {
    let server = Server::start(
        r#"server { listen {{port}};
            set $base /srv;
            location /text/ { set $a one; set $b "$a two"; set $a "$a-$b"; return 200 "$a|$b|${base}x|$BASE"; }
            location /self/ { set $x a; set $x $x$x; set $x "$x-$x"; return 200 $x; }
            location /args/ { set $args "n=$arg_n&m=2"; return 200 "$args|$arg_m|$query_string|$is_args|$request_uri"; }
            location /noargs/ { set $args ""; return 200 "[$args]$is_args"; }
            location /after/ { rewrite ^ /show/; set $args "z=$arg_x"; }
            location /show/ { return 200 "$uri $args"; }
            location /empty/ { set $e ""; return 200 "[$e][$never]"; }
            location /other/ { set $never x; return 200 x; }
            location ~ ^/quoted/(.*)$ { set $q $1; return 200 "$q|$1"; }
            location ~ ^/unquoted/(.*)$ { rewrite ^/unquoted/(.*)$ /x/$1 break; set $q $1; return 200 "$q|$1|$uri"; }
            location /http/ { set $http_x_y z; set $arg_q a; set $cookie_c b; return 200 "$http_x_y $arg_q $cookie_c"; }
            location /rate/ { set $limit_rate 1m; return 200 ok; }
            location /chain/ {
                set $way "a";
                if ($arg_x = 1) { set $way "${way}b"; }
                if ($arg_y = 1) { set $way "${way}c"; }
                if ($way = abc) { return 200 "both"; }
                return 200 $way;
            }
        }"#,
    );
    expect![[r#"
        /text/ -> 200 one-one two|one two|/srvx|/srv
        /self/ -> 200 aa-aa
        /args/?n=1 -> 200 n=1&m=2|2|n=1&m=2|?|/args/?n=1
        /noargs/?n=1 -> 200 []
        /after/?x=1 -> 200 /show/ z=1
        /empty/ -> 200 [][]
        /quoted/a%20b+c -> 200 a%20b%2Bc|a b+c
        /quoted/a+b -> 200 a%2Bb|a+b
        /quoted/ab -> 200 ab|ab
        /unquoted/a%20b -> 404
        /http/ -> 200 z a b
        /rate/ -> 200 ok
        /chain/ -> 200 a
        /chain/?x=1 -> 200 ab
        /chain/?x=1&y=1 -> 200 both
        /chain/?y=1 -> 200 ac
    "#]]
    .assert_eq(&server.table(&[
        "/text/",
        "/self/",
        "/args/?n=1",
        "/noargs/?n=1",
        "/after/?x=1",
        "/empty/",
        "/quoted/a%20b+c",
        "/quoted/a+b",
        "/quoted/ab",
        "/unquoted/a%20b",
        "/http/",
        "/rate/",
        "/chain/",
        "/chain/?x=1",
        "/chain/?x=1&y=1",
        "/chain/?y=1",
    ]));
}

#[test]
fn server_level_comes_before_the_location() {
    let server = showing(
        r#"server { listen {{port}};
            rewrite ^/old/(.*)$ /new/$1;
            rewrite ^/new/deep/(.*)$ /new/deeper/$1 last;
            rewrite ^/stop/(.*)$ /new/$1 break;
            if ($uri ~ ^/if/(.*)$) { rewrite ^ /new/if/$1 last; }
            if ($arg_gone) { return 410; }
            if ($host = other.test) { return 301 http://main.test$request_uri; }
            rewrite ^/(.*)/x/y$ /$1/z;
            location /new/ { {{show}} }
            location / { return 200 "root $uri"; }
        }
        server { listen {{port}}; server_name nothing.test; rewrite ^/a$ /b; set $x 1; }"#,
    );
    expect![[r#"
        /old/a -> 200 /new/a||/old/a|/new/a|
        /old/deep/a -> 200 /new/deeper/a||/old/deep/a|/new/deeper/a|
        /new/a?gone=1 -> 410
        /new/a?x=1 -> 200 /new/a|x=1|/new/a?x=1|/new/a|?
        /stop/x/y -> 200 /new/x/y||/stop/x/y|/new/x/y|
        /if/a -> 200 /new/if/||/if/a|/new/if/|
        /p/x/y -> 200 root /p/z
        /%6Fld/a -> 200 /new/a||/%6Fld/a|/new/a|
    "#]]
    .assert_eq(&server.table(&[
        "/old/a",
        "/old/deep/a",
        "/new/a?gone=1",
        "/new/a?x=1",
        "/stop/x/y",
        "/if/a",
        "/p/x/y",
        "/%6Fld/a",
    ]));
    let other = server.send(lines("GET /a?b HTTP/1.1\nHost: other.test"));
    expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Connection: keep-alive
        Location: http://main.test/a?b

        {page: 301 Moved Permanently}
    "#]]
    .assert_eq(&server.text(&other));
}

#[test]
fn turning_in_circles_ends_with_500() {
    let server = showing(
        r#"server { listen {{port}};
            location /loop/ { rewrite ^/loop/(.*)$ /loop/x$1 last; }
            location /nine/ { rewrite ^/nine/xxxxxxxxx$ /show/ last; rewrite ^/nine/(.*)$ /nine/x$1 last; }
            location /ten/ { rewrite ^/ten/xxxxxxxxxx$ /show/ last; rewrite ^/ten/(.*)$ /ten/x$1 last; }
            location /page/ { error_page 404 /page/; rewrite ^/page/$ /page/again last; return 404; }
            location /show/ { {{show}} }
        }"#,
    );
    expect![[r#"
        /loop/ -> 500
        /nine/ -> 200 /show/||/nine/|/show/|
        /ten/ -> 500
        /page/ -> 404
    "#]]
    .assert_eq(&server.table(&["/loop/", "/nine/", "/ten/", "/page/"]));
    let log = server.wait_error("redirection cycle");
    assert!(
        log.contains("rewrite or internal redirection cycle while processing \"/loop/xxxxxxxxxxx\""),
        "{log}"
    );
}

#[test]
fn redirects_inside_run_it_again() {
    let server =
        Server::setup().file("root/file.html", "file\n").file("root/dir/index.html", "index\n").start(
            r#"server { listen {{port}}; root {{root}};
            set $seen "$seen.";
            error_page 404 /missing;
            error_page 418 = @tea;
            error_page 403 =200 /moved/403;
            location = /missing { return 200 "missing $uri $seen"; }
            location /tea/ { rewrite ^ /cup; return 418; }
            location @tea { rewrite ^/(.*)$ /pot/$1 last; }
            location /plain-tea/ { return 418; }
            location /pot/ { return 200 "pot $uri"; }
            location /cup { return 200 "cup $uri"; }
            location /403/ { return 403; }
            error_page 405 /no-content;
            location /405/ { return 405; }
            location = /no-content { return 204; }
            location /moved/ { rewrite ^/moved/(.*)$ /now/$1 last; }
            location /now/ { return 200 "now $uri"; }
            location /fall/ { try_files $uri /now$uri; }
            location /fall-named/ { try_files $uri @tea; }
            location /tried/ { rewrite ^/tried/(.*)$ /$1 break; try_files $uri =405; }
            location /indexed/ { rewrite ^/indexed/ /dir/ last; }
            location /inner/ { internal; return 200 "inner $uri"; }
            location /to-inner/ { rewrite ^ /inner/x last; }
            location /none/ { }
        }"#,
        );
    expect![[r#"
        /none/x -> 404
        /tea/x -> 200 pot /pot/cup
        /plain-tea/x -> 200 pot /pot/plain-tea/x
        /403/ -> 200 now /now/403
        /405/ -> 405
        /moved/a -> 200 now /now/a
        /fall/x -> 200 now /now/fall/x
        /fall-named/x -> 200 pot /pot/fall-named/x
        /tried/file.html -> 200 file\n
        /tried/none -> 405
        /indexed/ -> 200 index\n
        /inner/x -> 404
        /to-inner/ -> 200 inner /inner/x
    "#]]
    .assert_eq(&server.table(&[
        "/none/x",
        "/tea/x",
        "/plain-tea/x",
        "/403/",
        "/405/",
        "/moved/a",
        "/fall/x",
        "/fall-named/x",
        "/tried/file.html",
        "/tried/none",
        "/indexed/",
        "/inner/x",
        "/to-inner/",
    ]));
}

#[test]
fn files_of_a_rewritten_uri() {
    let server = Server::setup()
        .file("root/dir/page.html", "page\n")
        .file("root/dir/a b.html", "space\n")
        .file("root/dir/index.html", "index\n")
        .start(
        r#"server { listen {{port}}; root {{root}};
            location /pages/ { rewrite ^/pages/(.*)$ /dir/$1.html break; }
            location /aliased/ { alias {{root}}/dir/; rewrite ^/aliased/old/(.*)$ /aliased/$1 break; }
            location /if-alias/ { alias {{root}}/dir/; if ($arg_x) { add_header X y; } }
            location /todir/ { rewrite ^ /dir break; }
            location /missing/ { if (!-e $request_filename) { rewrite ^/missing/(.*)$ /pages/$1 last; } }
            location /clean/ { if (-f $document_root/dir/$arg_f.html) { rewrite ^ /dir/$arg_f.html break; } return 403; }
        }"#,
    );
    expect![[r#"
        /pages/page -> 200 page\n
        /pages/a%20b -> 200 space\n
        /pages/none -> 404
        /aliased/page.html -> 200 page\n
        /aliased/old/page.html -> 500
        /if-alias/page.html -> 200 page\n
        /if-alias/page.html?x=1 -> 200 page\n
        /if-alias/?x=1 -> 200 index\n
        /todir/ -> 301 http://localhost:{port}/dir/
        /todir/?q -> 301 http://localhost:{port}/dir/?q
        /missing/page -> 200 page\n
        /clean/?f=page -> 200 page\n
    "#]]
    .assert_eq(&server.table(&[
        "/pages/page",
        "/pages/a%20b",
        "/pages/none",
        "/aliased/page.html",
        "/aliased/old/page.html",
        "/if-alias/page.html",
        "/if-alias/page.html?x=1",
        "/if-alias/?x=1",
        "/todir/",
        "/todir/?q",
        "/missing/page",
        "/clean/?f=page",
    ]));
}

#[test]
fn what_is_logged() {
    let server = Server::setup().start(
        r#"log_format vars "$uri [$maybe] [$group]"; server { listen {{port}}; error_log {{dir}}/notice.log notice;
            access_log {{dir}}/vars.log vars;
            location /log/ { rewrite_log on; rewrite ^/nothing x; rewrite ^/log/(.*)$ /to/$1?q last; }
            location /to/ { rewrite_log on; if ($uri ~ to(.*)) { rewrite ^ /away permanent; } }
            location /warn/ { set $x "$maybe$maybe"; return 200 "[$x][$maybe]"; }
            location /quiet/ { uninitialized_variable_warn off; return 200 "[$maybe]"; }
            location /set/ { set $maybe ""; return 200 ok; }
            location /group/ { if ($uri ~ (?<group>p$)) { } return 200 "[$group]"; }
        }"#,
    );
    expect![[r#"
        /log/a%20b -> 301 http://localhost:{port}/away?q
        /warn/ -> 200 [][]
        /quiet/ -> 200 []
        /set/ -> 200 ok
        /group/ -> 200 []
    "#]]
    .assert_eq(&server.table(&["/log/a%20b", "/warn/", "/quiet/", "/set/", "/group/"]));
    let lines = server.wait_file("vars.log", |log| log.lines().count() == 5);
    let log = server.wait_file("notice.log", |log| log.matches("[warn]").count() == 3);
    let log: String = log
        .lines()
        .filter_map(|line| {
            let message = line.split_once(": *")?.1.split_once(' ')?.1;
            let level = line.split_once('[')?.1.split_once(']')?.0;
            Some(format!("{level} {}\n", message.split(", client").next()?.split(" while logging").next()?))
        })
        .collect();
    expect![[r#"
        notice "^/nothing" does not match "/log/a b"
        notice "^/log/(.*)$" matches "/log/a b"
        notice rewritten data: "/to/a b", args: "q"
        notice "to(.*)" matches "/to/a b"
        notice "^" matches "/to/a b"
        notice rewritten redirect: "/away?q"
        warn using uninitialized "maybe" variable
        warn using uninitialized "maybe" variable
        warn using uninitialized "maybe" variable
    "#]]
    .assert_eq(&log);
    expect![[r#"
        /to/a b [] [-]
        /warn/ [] [-]
        /quiet/ [] [-]
        /set/ [] [-]
        /group/ [] [-]
    "#]]
    .assert_eq(&lines);
}

#[test]
fn two_dots_that_a_rewrite_makes_do_not_leave_the_root() {
    if !differences::ALIAS_TRAVERSAL.ringx_only() {
        return;
    }
    let server =
        Server::setup().file("root/files/a", "a").file("root/secret", "s").file("secret", "s").start(
            "server { listen {{port}}; root {{root}};
            location /dl { rewrite ^/dl(.*)$ /files/$1 break; }
            location /set { set $name $arg_n; root {{root}}/files/$name; }
        }",
        );
    let table = server.table(&["/dl/a", "/dl../secret", "/set?n=..", "/set/secret?n=.."]);
    expect![[r#"
        /dl/a -> 200 a
        /dl../secret -> 404
        /set?n=.. -> 404
        /set/secret?n=.. -> 404
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_match_that_is_given_up_lets_nobody_in() {
    if !differences::GIVEN_UP.ringx_only() {
        return;
    }
    let server = Server::start(
        r#"server { listen {{port}};
            location / { if ($uri ~ ^/(a|aa|a(?=a))+\1b$) { return 403; } return 200 in; }
            location ~ ^/of/(a|aa|a(?=a))+\1b$ { return 403; }
            location /of/nested/ { location ~ (a|aa|a(?=a))+\1b$ { return 403; } }
        }"#,
    );
    let long = "a".repeat(200);
    for (place, statuses) in
        [("/", [403, 200, 500]), ("/of/", [403, 200, 500]), ("/of/nested/", [403, 404, 500])]
    {
        let answers = ["aaab", "c", &long].map(|path| server.get(&format!("{place}{path}")).status);
        assert_eq!(answers, statuses, "{place}");
    }
    assert_eq!(server.error_log().matches("[alert]").count(), 3);
}
