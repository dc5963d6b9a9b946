//! `add_before_body` and `add_after_body`: parts around a body.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

const TYPES: &str = "types { text/html html; text/plain txt; }";

#[test]
fn bodies_get_a_head_and_a_foot() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let answer = match &request.target()[..] {
                "/plain" => "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody",
                "/empty" => "Content-Type: text/html\r\nContent-Length: 0\r\n\r\n",
                "/tag" => {
                    "Content-Type: text/html\r\nETag: \"a\"\r\nLast-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\nAccept-Ranges: bytes\r\nContent-Length: 4\r\n\r\nbody"
                }
                "/cut" => {
                    connection
                        .send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 40\r\n\r\nbody");
                    return;
                }
                _ => "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            };
            connection.send(format!("HTTP/1.1 200 OK\r\n{answer}"));
        }
    });
    let server = Server::setup()
        .app(&origin)
        .file("root/page.html", "<p>page</p>\n")
        .file("root/empty.html", "")
        .file("root/page.txt", "text")
        .file("root/head.html", "[head]")
        .file("root/foot.html", "[foot]")
        .file("root/ssi.html", "<!--#include virtual=\"/page.txt\" -->!")
        .file("root/index.html", "index")
        .file("root/big.html", "0123456789".repeat(20_000))
        .start(&format!(
            "{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}};
                location /around/ {{ alias {{{{root}}}}/; add_before_body /head.html; add_after_body /foot.html; }}
                location /before/ {{ alias {{{{root}}}}/; add_before_body /head.html; }}
                location /after/ {{ alias {{{{root}}}}/; add_after_body /foot.html; error_page 404 =200 /after/page.html; }}
                location /all/ {{ alias {{{{root}}}}/; add_after_body /foot.html; addition_types *; }}
                location /typed/ {{ alias {{{{root}}}}/; add_after_body /foot.html; addition_types text/plain; }}
                location /missing/ {{ alias {{{{root}}}}/; add_after_body /nothing; add_before_body /hidden; }}
                location /hidden {{ internal; return 200 'uri=$uri request_uri=$request_uri args=$args;'; }}
                location /app/ {{ proxy_pass http://{{{{app}}}}/; add_before_body /head.html; add_after_body /app-foot; }}
                location /app-foot {{ proxy_pass http://{{{{app}}}}/foot; }}
                location /gz/ {{ alias {{{{root}}}}/; gzip on; gzip_min_length 1; add_before_body /head.html; }}
                location /ssi/ {{ alias {{{{root}}}}/; ssi on; add_before_body /head.html; add_after_body /foot.html; }}
                location /sub/ {{ alias {{{{root}}}}/; sub_filter head HEAD; sub_filter page PAGE; sub_filter_once off; add_before_body /head.html; }}
                location /nested/ {{ alias {{{{root}}}}/; add_before_body /around/page.html; }}
                location /returned {{ default_type text/html; add_after_body /foot.html; return 200 returned; }}
                location /outer/ {{ alias {{{{root}}}}/; add_before_body /head.html;
                    location /outer/in/ {{ alias {{{{root}}}}/; add_before_body ''; add_after_body /foot.html; }} }}
                location /denied/ {{ alias {{{{root}}}}/; deny all; add_after_body /foot.html; }}
            }}"
        ));
    expect![[r#"
        /around/page.html -> 200 [head]<p>page</p>\n[foot]
        /around/empty.html -> 200 [head][foot]
        /around/page.txt -> 200 text
        /around/ -> 200 [head]index[foot]
        /around/none.html -> 404
        /before/page.html -> 200 [head]<p>page</p>\n
        /after/page.html -> 200 <p>page</p>\n[foot]
        /after/none.html -> 200 <p>page</p>\n[foot]
        /all/page.txt -> 200 text[foot]
        /typed/page.txt -> 200 text[foot]
        /typed/page.html -> 200 <p>page</p>\n[foot]
        /app/ -> 200 [head]bodybody
        /app/plain -> 200 body
        /app/empty -> 200 [head]body
        /app/tag -> 200 [head]bodybody
        /ssi/ssi.html -> 200 [head]text![foot]
        /sub/page.html -> 200 [head]<p>PAGE</p>\n
        /nested/page.html -> 200 <p>page</p>\n<p>page</p>\n
        /returned -> 200 returned[foot]
        /outer/page.html -> 200 [head]<p>page</p>\n
        /outer/in/page.html -> 200 <p>page</p>\n[foot]
        /denied/page.html -> 403
    "#]]
    .assert_eq(&server.table(&[
        "/around/page.html",
        "/around/empty.html",
        "/around/page.txt",
        "/around/",
        "/around/none.html",
        "/before/page.html",
        "/after/page.html",
        "/after/none.html",
        "/all/page.txt",
        "/typed/page.txt",
        "/typed/page.html",
        "/app/",
        "/app/plain",
        "/app/empty",
        "/app/tag",
        "/ssi/ssi.html",
        "/sub/page.html",
        "/nested/page.html",
        "/returned",
        "/outer/page.html",
        "/outer/in/page.html",
        "/denied/page.html",
    ]));
    server.check_get(
        "/around/page.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"65937d25-c"

        [head]<p>page</p>
        [foot]"#]],
    );
    server.check_get(
        "/app/tag",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"a"
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT

        [head]bodybody"#]],
    );
    server.check_get(
        "/missing/page.html?a=b",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"65937d25-c"

        uri=/hidden request_uri=/missing/page.html?a=b args=;<p>page</p>
        <html>\r
        <head><title>404 Not Found</title></head>\r
        <body>\r
        <center><h1>404 Not Found</h1></center>\r
        <hr><center>{server}</center>\r
        </body>\r
        </html>\r
    "#]],
    );
    server.check(
        lines("HEAD /around/page.html HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: W/"65937d25-c"

    "#]],
    );
    server.check(
        lines("GET /around/page.html HTTP/1.1\nHost: localhost\nRange: bytes=2-4"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"65937d25-c"

        [head]<p>page</p>
        [foot]"#]],
    );
    server.check_until_close(
        lines("GET /around/page.html HTTP/1.0\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: W/"65937d25-c"

        [head]<p>page</p>
        [foot]
        ~
        {closed}
    "#]],
    );
    let big = server.get("/around/big.html").text();
    assert_eq!(big.len(), 200_012);
    assert!(big.starts_with("[head]0123") && big.ends_with("6789[foot]"), "{}", &big[big.len() - 20..]);
    let gzipped = server
        .send(lines("GET /gz/page.html HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip\nConnection: close"));
    assert_eq!(gzipped.header("content-encoding"), "gzip");
    let cut = server.until_close(server.connect(), lines("GET /app/cut HTTP/1.1\nHost: localhost"));
    assert!(cut.contains("body") && !cut.contains("\r\n0\r\n"), "{cut}");
}
