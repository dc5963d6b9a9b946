//! Files from disk: which file, which status, which headers, byte for byte.

use std::time::{Duration, SystemTime};

use expect_test::expect;

use crate::differences;
use crate::support::{Origin, Server, lines};

fn site() -> Server {
    Server::setup()
        .file("root/a.txt", "0123456789abcdefghij")
        .file("root/empty.txt", "")
        .file("root/style.css", "body{}\n")
        .file("root/page.html", "<p>page\n")
        .file("root/dir/index.html", "<p>index\n")
        .file("root/bare/x.txt", "x")
        .file("root/with space/f ile.txt", "spaces")
        .file("root/caf\u{e9}.txt", "accent")
        .file("secret.txt", "SECRET")
        .start(
            "types { text/html html; text/css css; text/plain txt; }
            default_type application/octet-stream;
            server { listen {{port}}; root {{root}}; }",
        )
}

#[test]
fn get_and_head() {
    let server = site();
    server.check_get(
        "/a.txt",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Accept-Ranges: bytes

        0123456789abcdefghij"#]],
    );
    server.check(
        "HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Accept-Ranges: bytes

    "#]],
    );
    server.check_get(
        "/style.css",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/css
        Content-Length: 7
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-7"
        Accept-Ranges: bytes

        body{}
    "#]],
    );
    server.check_get(
        "/empty.txt",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-0"
        Accept-Ranges: bytes

    "#]],
    );
    server.check_get(
        "/a.txt?version=1&x=/../",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Accept-Ranges: bytes

        0123456789abcdefghij"#]],
    );
    server.check(
        "GET /a.txt HTTP/1.0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: "65937d25-14"
        Accept-Ranges: bytes

        0123456789abcdefghij"#]],
    );
    server.check(
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 20
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: "65937d25-14"
        Accept-Ranges: bytes

        0123456789abcdefghij"#]],
    );
}

#[test]
fn missing_forbidden_and_not_allowed() {
    let server = site();
    server.check_get(
        "/missing.txt",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}
    "#]],
    );
    server.check_get(
        "/bare/",
        expect![[r#"
        HTTP/1.1 403 Forbidden
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 403 Forbidden}
    "#]],
    );
    server.check(
        "POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
    server.check(
        "PUT /new.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
    server.check(
        "DELETE /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
    server.check(
        "OPTIONS /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
    server.check(
        "POST /missing.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}
    "#]],
    );
    server.check(
        "POST /dir/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
    server.check(
        "POST /dir HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://a:{port}/dir/
        Connection: keep-alive

        {page: 301 Moved Permanently}
    "#]],
    );
    let table = server.table(&["/a.txt/", "/a.txt/b", "/missing/x", "/dir/index.html/x", "/bare/x.txt/"]);
    expect![[r#"
        /a.txt/ -> 404
        /a.txt/b -> 404
        /missing/x -> 404
        /dir/index.html/x -> 404
        /bare/x.txt/ -> 404
    "#]]
    .assert_eq(&table);
    let log = server.wait_error("Not a directory");
    assert!(log.contains(r#"/root/missing.txt" failed (2: No such file or directory), client: 127.0.0.1, server: , request: "GET /missing.txt HTTP/1.1", host: "localhost""#), "{log}");
    assert!(log.contains(r#"/root/bare/" is forbidden, client: 127.0.0.1"#), "{log}");
}

#[test]
fn a_directory_without_its_slash_is_redirected() {
    let server = site();
    server.check_get(
        "/dir",
        expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://localhost:{port}/dir/
        Connection: keep-alive

        {page: 301 Moved Permanently}
    "#]],
    );
    server.check_get(
        "/dir?x=1&y",
        expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://localhost:{port}/dir/?x=1&y
        Connection: keep-alive

        {page: 301 Moved Permanently}
    "#]],
    );
    server.check_get(
        "/with%20space",
        expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://localhost:{port}/with%20space/
        Connection: keep-alive

        {page: 301 Moved Permanently}
    "#]],
    );
    server.check(
        "HEAD /bare HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
            HTTP/1.1 301 Moved Permanently
            Content-Type: text/html
            Content-Length: 157+{server}
            Location: http://a:{port}/bare/
            Connection: keep-alive

        "#]],
    );
    server.check(
        "GET /dir HTTP/1.0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://127.0.0.1:{port}/dir/
        Connection: close

        {page: 301 Moved Permanently}
    "#]],
    );
}

#[test]
fn names_are_decoded() {
    let server = site();
    let table = server.table(&[
        "/with%20space/f%20ile.txt",
        "/caf%C3%A9.txt",
        "/caf\u{e9}.txt",
        "/%61.txt",
        "/dir/../a.txt",
        "/./a.txt",
        "//a.txt",
        "/a.txt%00",
        "/a.txt%20",
        "/a%2etxt",
        "/dir%2Findex.html",
        "/dir//index.html",
    ]);
    expect![[r#"
        /with%20space/f%20ile.txt -> 200 spaces
        /caf%C3%A9.txt -> 200 accent
        /café.txt -> 200 accent
        /%61.txt -> 200 0123456789abcdefghij
        /dir/../a.txt -> 200 0123456789abcdefghij
        /./a.txt -> 200 0123456789abcdefghij
        //a.txt -> 200 0123456789abcdefghij
        /a.txt%00 -> 400
        /a.txt%20 -> 404
        /a%2etxt -> 200 0123456789abcdefghij
        /dir%2Findex.html -> 200 <p>index\n
        /dir//index.html -> 200 <p>index\n
    "#]]
    .assert_eq(&table);
}

#[test]
fn index_files() {
    let server = Server::setup()
        .file("root/index.html", "html")
        .file("root/sub/main.htm", "htm in sub")
        .file("root/other/index.php", "php")
        .file("root/deep/x/index.html", "deep")
        .directory("root/nothing")
        .start(
            r#"server { listen {{port}}; root {{root}};
                location /sub/ { index index.html main.htm; }
                location /other/ { index index.php; }
                location ~ \.php$ { return 200 "php handler for $uri"; }
                location /fall/ { alias {{root}}/nothing/; index a.html /sub/main.htm; }
                location /var/ { alias {{root}}/sub/; index $arg_i; }
                location = / { index /deep/x/index.html; }
                location = /deep/x/index.html { return 200 "internal redirect"; }
            }"#,
        );
    let table = server.table(&[
        "/",
        "/sub/",
        "/other/",
        "/nothing/",
        "/fall/",
        "/var/?i=main.htm",
        "/var/?i=no",
        "/deep/x/",
        "/deep/",
    ]);
    expect![[r#"
        / -> 200 internal redirect
        /sub/ -> 200 htm in sub
        /other/ -> 200 php handler for /other/index.php
        /nothing/ -> 403
        /fall/ -> 200 htm in sub
        /var/?i=main.htm -> 200 htm in sub
        /var/?i=no -> 403
        /deep/x/ -> 200 internal redirect
        /deep/ -> 403
    "#]]
    .assert_eq(&table);
}

#[test]
fn types_and_default_type() {
    let server = Server::setup()
        .file("root/a.html", "x")
        .file("root/a.HTML", "x")
        .file("root/a.tar.gz", "x")
        .file("root/noext", "x")
        .file("root/.html", "x")
        .file("root/a.", "x")
        .file("root/a.unknown", "x")
        .file("root/dir.html/noext", "x")
        .file("root/a.gif", "x")
        .file("root/a.jpg", "x")
        .start(
            r#"server { listen {{port}}; root {{root}};
                location /none/ { alias {{root}}/; types { } default_type ""; }
                location /own/ { alias {{root}}/; types { text/x-own html gz; image/x-own gif; } default_type text/x-default; }
                location /over/ { alias {{root}}/; types { } default_type "text/plain; charset=utf-8"; }
            }"#,
        );
    let mut text = String::new();
    for path in [
        "/a.html",
        "/a.HTML",
        "/a.tar.gz",
        "/noext",
        "/.html",
        "/a.",
        "/a.unknown",
        "/dir.html/noext",
        "/a.gif",
        "/a.jpg",
        "/none/a.html",
        "/own/a.html",
        "/own/a.HTML",
        "/own/a.tar.gz",
        "/own/noext",
        "/own/a.gif",
        "/own/a.jpg",
        "/over/a.html",
    ] {
        let response = server.get(path);
        text += &format!("{path} -> {} {:?}\n", response.status, response.headers("content-type"));
    }
    expect![[r#"
        /a.html -> 200 ["text/html"]
        /a.HTML -> 200 ["text/html"]
        /a.tar.gz -> 200 ["text/plain"]
        /noext -> 200 ["text/plain"]
        /.html -> 200 ["text/plain"]
        /a. -> 200 ["text/plain"]
        /a.unknown -> 200 ["text/plain"]
        /dir.html/noext -> 200 ["text/plain"]
        /a.gif -> 200 ["image/gif"]
        /a.jpg -> 200 ["image/jpeg"]
        /none/a.html -> 200 []
        /own/a.html -> 200 ["text/x-own"]
        /own/a.HTML -> 200 ["text/x-own"]
        /own/a.tar.gz -> 200 ["text/x-own"]
        /own/noext -> 200 ["text/x-default"]
        /own/a.gif -> 200 ["image/x-own"]
        /own/a.jpg -> 200 ["text/x-default"]
        /over/a.html -> 200 ["text/plain; charset=utf-8"]
    "#]]
    .assert_eq(&text);
}

#[test]
fn alias_in_every_kind_of_location() {
    let server = Server::setup()
        .file("files/a.txt", "a in files")
        .file("files/sub/b.txt", "b in sub")
        .file("files/sub/index.html", "index of sub")
        .file("secret.txt", "SECRET")
        .start(
            r#"server { listen {{port}};
                location /dir/ { alias {{dir}}/files/; }
                location = /one { alias {{dir}}/files/a.txt; }
                location ~ ^/re/(.+)\.htm$ { alias {{dir}}/files/$1.txt; }
                location ^~ /stop/ { alias {{dir}}/files/sub/; }
                location /noslash { alias {{dir}}/files; }
                location /user/ { alias {{dir}}/$arg_d/; }
                location /outer/ { alias {{dir}}/files/; location /outer/inner/ { alias {{dir}}/files/sub/; } }
            }"#,
        );
    let table = server.table(&[
        "/dir/a.txt",
        "/dir/sub/",
        "/dir/sub",
        "/dir",
        "/one",
        "/one/",
        "/re/a.htm",
        "/re/sub/b.htm",
        "/stop/b.txt",
        "/stop/",
        "/noslash/a.txt",
        "/noslash",
        "/noslash/",
        "/user/a.txt?d=files",
        "/user/b.txt?d=files/sub",
        "/outer/a.txt",
        "/outer/inner/b.txt",
        "/outer/inner/",
        "/dir/%2e%2e/secret.txt",
        "/dir/../secret.txt",
        "/dir/..%2fsecret.txt",
    ]);
    expect![[r#"
        /dir/a.txt -> 200 a in files
        /dir/sub/ -> 200 index of sub
        /dir/sub -> 301 http://localhost:{port}/dir/sub/
        /dir -> 404
        /one -> 200 a in files
        /one/ -> 404
        /re/a.htm -> 200 a in files
        /re/sub/b.htm -> 200 b in sub
        /stop/b.txt -> 200 b in sub
        /stop/ -> 200 index of sub
        /noslash/a.txt -> 200 a in files
        /noslash -> 301 http://localhost:{port}/noslash/
        /noslash/ -> 403
        /user/a.txt?d=files -> 200 a in files
        /user/b.txt?d=files/sub -> 200 b in sub
        /outer/a.txt -> 200 a in files
        /outer/inner/b.txt -> 200 b in sub
        /outer/inner/ -> 200 index of sub
        /dir/%2e%2e/secret.txt -> 404
        /dir/../secret.txt -> 404
        /dir/..%2fsecret.txt -> 404
    "#]]
    .assert_eq(&table);
}

#[test]
fn an_alias_is_never_left_by_two_dots() {
    if !differences::ALIAS_TRAVERSAL.ringx_only() {
        return;
    }
    let server = Server::setup()
        .file("root/static/a.css", "a{}")
        .file("root/secret.txt", "SECRET")
        .file("secret.txt", "SECRET")
        .start("server { listen {{port}}; location /static { alias {{root}}/static/; } }");
    let table = server.table(&[
        "/static/a.css",
        "/static../secret.txt",
        "/static../../secret.txt",
        "/static..%2fsecret.txt",
        "/static%2e%2e/secret.txt",
        "/static./a.css",
        "/static..",
        "/static../",
        "/static../static/a.css",
    ]);
    expect![[r#"
        /static/a.css -> 200 a{}
        /static../secret.txt -> 404
        /static../../secret.txt -> 404
        /static..%2fsecret.txt -> 404
        /static%2e%2e/secret.txt -> 404
        /static./a.css -> 200 a{}
        /static.. -> 404
        /static../ -> 404
        /static../static/a.css -> 404
    "#]]
    .assert_eq(&table);
}

#[test]
fn try_files_in_order() {
    let origin = Origin::echo();
    let server = Server::setup()
        .app(&origin)
        .file("root/a.txt", "a")
        .file("root/b.html", "b html")
        .file("root/d/index.html", "d index")
        .file("root/maint.html", "maintenance")
        .file("files/x.txt", "x in files")
        .directory("root/e")
        .start(
            r#"server { listen {{port}}; root {{root}};
                location / { try_files $uri $uri.html $uri/ =404; }
                location /app { try_files $uri @app; }
                location @app { proxy_pass http://{{app}}; }
                location /spa/ { try_files $uri /a.txt; }
                location /args/ { try_files $uri /target?from=$uri&$args; }
                location = /target { return 200 "target $args"; }
                location /code/ { try_files /none =418; }
                location /slash/ { try_files $uri/ /fallback; }
                location = /fallback { return 200 "fallback"; }
                location /alias/ { alias {{dir}}/files/; try_files $uri $uri.txt =404; }
                location /null { try_files /dev/null @app; }
                location /maint { try_files /maint.html $uri; }
                location /loop { try_files /none /loop; }
                location /dironly/ { try_files /d =404; }
                location /dirslash/ { try_files /d/ =404; }
            }"#,
        );
    let table = server.table(&[
        "/a.txt",
        "/b",
        "/d",
        "/d/",
        "/e/",
        "/nothing",
        "/spa/x/y",
        "/args/q?z=1",
        "/code/",
        "/slash/x",
        "/alias/x.txt",
        "/alias/x",
        "/alias/y",
        "/maint/any",
        "/dironly/",
        "/dirslash/",
        "/loop",
    ]);
    expect![[r#"
        /a.txt -> 200 a
        /b -> 200 b html
        /d -> 301 http://localhost:{port}/d/
        /d/ -> 200 d index
        /e/ -> 403
        /nothing -> 404
        /spa/x/y -> 200 a
        /args/q?z=1 -> 200 target from=/args/q&z=1
        /code/ -> 418
        /slash/x -> 200 fallback
        /alias/x.txt -> 200 x in files
        /alias/x -> 200 x in files
        /alias/y -> 404
        /maint/any -> 200 maintenance
        /dironly/ -> 404
        /dirslash/ -> 301 http://localhost:{port}/d/
        /loop -> 500
    "#]]
    .assert_eq(&table);
    assert!(server.get("/app/x?y=1").text().starts_with("GET /app/x?y=1 HTTP/1."));
    assert!(server.get("/null/z").text().starts_with("GET /null/z HTTP/1."));
    server.check(
        "POST /spa/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 405 Not Allowed
        Content-Type: text/html
        Content-Length: 145+{server}
        Connection: keep-alive

        {page: 405 Not Allowed}
    "#]],
    );
}

#[test]
fn autoindex_lists_a_directory() {
    let server = Server::setup()
        .file("root/list/a.txt", "a")
        .file("root/list/b & <c>.txt", vec![b'x'; 12345])
        .file("root/list/.hidden", "h")
        .file("root/list/Z.txt", "")
        .file("root/list/caf\u{e9}.txt", "accent")
        .file("root/list/a-very-long-name-that-does-not-fit-into-the-fifty-columns-of-the-list.txt", "long")
        .file("root/list/sub dir/x", "x")
        .file("root/list/q?#%.txt", "q")
        .start(
            "server { listen {{port}}; root {{root}}; autoindex on;
                location /size/ { alias {{root}}/list/; autoindex_exact_size off; }
                location /json/ { alias {{root}}/list/; autoindex_format json; }
                location /off/ { alias {{root}}/list/; autoindex off; } }",
        );
    let list = server.dir().join("root/list");
    std::fs::File::open(list.join("sub dir"))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(crate::support::MODIFIED))
        .unwrap();
    server.check_get("/list/", expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        <html>\r
        <head><title>Index of /list/</title></head>\r
        <body>\r
        <h1>Index of /list/</h1><hr><pre><a href="../">../</a>\r
        <a href="sub%20dir/">sub dir/</a>                                           02-Jan-2024 03:04                   -\r
        <a href="Z.txt">Z.txt</a>                                              02-Jan-2024 03:04                   0\r
        <a href="a-very-long-name-that-does-not-fit-into-the-fifty-columns-of-the-list.txt">a-very-long-name-that-does-not-fit-into-the-fif..&gt;</a> 02-Jan-2024 03:04                   4\r
        <a href="a.txt">a.txt</a>                                              02-Jan-2024 03:04                   1\r
        <a href="b%20%26%20%3Cc%3E.txt">b &amp; &lt;c&gt;.txt</a>                                        02-Jan-2024 03:04               12345\r
        <a href="caf%C3%A9.txt">caf\xc3\xa9.txt</a>                                          02-Jan-2024 03:04                   6\r
        <a href="q%3F%23%25.txt">q?#%.txt</a>                                           02-Jan-2024 03:04                   1\r
        </pre><hr></body>\r
        </html>\r
    "#]]);
    server.check_get("/size/", expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive

        <html>\r
        <head><title>Index of /size/</title></head>\r
        <body>\r
        <h1>Index of /size/</h1><hr><pre><a href="../">../</a>\r
        <a href="sub%20dir/">sub dir/</a>                                           02-Jan-2024 03:04       -\r
        <a href="Z.txt">Z.txt</a>                                              02-Jan-2024 03:04       0\r
        <a href="a-very-long-name-that-does-not-fit-into-the-fifty-columns-of-the-list.txt">a-very-long-name-that-does-not-fit-into-the-fif..&gt;</a> 02-Jan-2024 03:04       4\r
        <a href="a.txt">a.txt</a>                                              02-Jan-2024 03:04       1\r
        <a href="b%20%26%20%3Cc%3E.txt">b &amp; &lt;c&gt;.txt</a>                                        02-Jan-2024 03:04     12K\r
        <a href="caf%C3%A9.txt">caf\xc3\xa9.txt</a>                                          02-Jan-2024 03:04       6\r
        <a href="q%3F%23%25.txt">q?#%.txt</a>                                           02-Jan-2024 03:04       1\r
        </pre><hr></body>\r
        </html>\r
    "#]]);
    assert_eq!(server.get("/off/").status, 403);
    assert_eq!(server.get("/list").status, 301);
    server.check(
        "HEAD /list/ HTTP/1.1\r\nHost: a\r\n\r\n",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Connection: keep-alive

    "#]],
    );
    server.check(
        "POST /list/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"
        HTTP/1.1 403 Forbidden
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 403 Forbidden}
    "#]],
    );
}

#[test]
fn log_not_found_off_keeps_the_log_quiet() {
    let server = Server::setup()
        .directory("root")
        .start("server { listen {{port}}; root {{root}}; location /quiet/ { log_not_found off; } }");
    assert_eq!(server.get("/quiet/x").status, 404);
    assert_eq!(server.get("/loud/x").status, 404);
    let log = server.wait_error("loud/x");
    assert!(!log.contains("quiet/x"), "{log}");
}

#[test]
fn root_with_variables() {
    let server =
        Server::setup().file("sites/a.test/x.txt", "site a").file("sites/b.test/x.txt", "site b").start(
            r#"server { listen {{port}}; server_name a.test b.test; root {{dir}}/sites/$host;
            location /show { return 200 "$document_root $request_filename $realpath_root"; } }"#,
        );
    let get =
        |host: &str, path: &str| server.send(lines(&format!("GET {path} HTTP/1.1\nHost: {host}"))).text();
    assert_eq!(get("a.test", "/x.txt"), "site a");
    assert_eq!(get("B.test", "/x.txt"), "site b");
    expect!["{dir}/sites/a.test {dir}/sites/a.test/show/x {dir}/sites/a.test"]
        .assert_eq(&server.localised(&get("a.test", "/show/x")));
}
