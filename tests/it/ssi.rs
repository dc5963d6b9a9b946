//! `ssi`: pages put together from parts.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

const TYPES: &str = "types { text/html html; text/plain txt; }";

#[test]
fn parts_are_included() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let line = request.line();
            let fields = ["host", "x-own", "content-length", "range"]
                .map(|name| format!("{name}={}", request.header(name).unwrap_or_default()))
                .join(" ");
            match &request.target()[..] {
                "/chunked" => connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                ),
                "/error" => connection.send("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"),
                _ => {
                    let body = format!("({line}|{fields})");
                    connection.send(format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    ))
                }
            };
        }
    });
    let server = Server::setup()
        .app(&origin)
        .file("root/index.html", "<head><!--#include virtual=\"/title.html\" --></head>\n")
        .file("root/title.html", "<title>included</title>")
        .file("root/nested.html", "1 <!--# include virtual=\"/index.html\" --> 2")
        .file(
            "root/dir/relative.html",
            "[<!--#include virtual=\"here.txt\" -->|<!--#include file=\"here.txt\" -->]",
        )
        .file("root/dir/here.txt", "here")
        .file("root/loop.html", "x<!--#include virtual=\"/loop.html\" -->")
        .file("root/missing.html", "a<!--#include virtual=\"/none\" -->b")
        .file("root/secret.html", "a<!--#include virtual=\"/inner/\" -->b")
        .file(
            "root/app.html",
            "<!--#include virtual=\"/app/part?x=1&y=$arg_y\" -->;<!--#include virtual=\"/app/chunked\" -->",
        )
        .file("root/app-error.html", "a<!--#include virtual=\"/app/error\" -->b")
        .file("root/plain.txt", "<!--#include virtual=\"/title.html\" -->")
        .file("root/unsafe.html", "a<!--#include virtual=\"/../x\" -->b")
        .file("root/gz.html", "<!--#include virtual=\"/title.html\" -->".repeat(40))
        .file("root/empty.html", "")
        .file("root/denied.html", "a<!--#include virtual=\"/denied/\" -->b")
        .start(&format!(
            "{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; add_header X-Own $uri;
                location /inner/ {{ internal; return 200 'inner $uri'; }}
                location /app/ {{ proxy_pass http://{{{{app}}}}/; proxy_set_header X-Own own; }}
                location /denied/ {{ deny all; alias {{{{root}}}}/dir/; index here.txt; }}
                location = /gz.html {{ gzip on; }}
                location = /off {{ ssi off; alias {{{{root}}}}/index.html; default_type text/html; }}
                location /dated/ {{ alias {{{{root}}}}/; ssi_last_modified on; }}
                location /sub/ {{ alias {{{{root}}}}/; sub_filter head HEAD; sub_filter included TITLE; }}
                location /silent/ {{ alias {{{{root}}}}/; ssi_silent_errors on; }} }}"
        ));
    server.check_get(
        "/index.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive
        X-Own: /index.html

        <head><title>included</title></head>
    "#]],
    );
    server.check_get(
        "/dated/index.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Transfer-Encoding: chunked
        Connection: keep-alive
        ETag: W/"65937d25-34"
        X-Own: /dated/index.html

        <head><title>included</title></head>
    "#]],
    );
    server.check(
        lines("HEAD /index.html HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Connection: keep-alive
        X-Own: /index.html

    "#]],
    );
    server.check_get(
        "/missing.html",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html
        Transfer-Encoding: chunked
        Connection: keep-alive
        X-Own: /missing.html

        a<html>\r
        <head><title>404 Not Found</title></head>\r
        <body>\r
        <center><h1>404 Not Found</h1></center>\r
        <hr><center>{server}</center>\r
        </body>\r
        </html>\r
        b"#]],
    );
    let mut text = String::new();
    for path in [
        "/nested.html",
        "/dir/relative.html",
        "/secret.html",
        "/app.html?y=2",
        "/app-error.html",
        "/plain.txt",
        "/unsafe.html",
        "/silent/unsafe.html",
        "/sub/index.html",
        "/off",
        "/denied.html",
        "/empty.html",
    ] {
        let response = server.get(path);
        text += &format!("{path}: {} {}\n", response.status, server.localised(&response.text()));
    }
    let range = lines("GET /app.html?y=2 HTTP/1.1\nHost: other\nRange: bytes=0-1");
    let response = server.send(range);
    text += &format!("range: {} {}\n", response.status, server.localised(&response.text()));
    let text = text.replace(" HTTP/1.0|", " HTTP/1.1|");
    expect![[r#"
        /nested.html: 200 1 <head><title>included</title></head>
         2
        /dir/relative.html: 200 [here|here]
        /secret.html: 200 ainner /inner/b
        /app.html?y=2: 200 (GET /part?x=1&y=2 HTTP/1.1|host=127.0.0.1:{app} x-own=own content-length= range=);hello
        /app-error.html: 200 aoopsb
        /plain.txt: 200 <!--#include virtual="/title.html" -->
        /unsafe.html: 200 a[an error occurred while processing the directive]b
        /silent/unsafe.html: 200 ab
        /sub/index.html: 200 <HEAD><title>included</title></head>

        /off: 200 <head><!--#include virtual="/title.html" --></head>

        /denied.html: 200 ahereb
        /empty.html: 200 
        range: 200 (GET /part?x=1&y=2 HTTP/1.1|host=127.0.0.1:{app} x-own=own content-length= range=bytes=0-1);hello
    "#]].assert_eq(&text);
    let packed = server.send(lines("GET /gz.html HTTP/1.1\nHost: a\nAccept-Encoding: gzip"));
    let (unpacked, whole) = super::gzip::unzip(&packed.body);
    assert!(whole && unpacked == "<title>included</title>".repeat(40).as_bytes());
    assert!(server.get("/loop.html").text().starts_with("xxx"), "a loop ends");
}

#[test]
fn commands() {
    let page = |text: &str| format!("{text}\n");
    let server = Server::setup()
        .file("root/echo.html", page(r#"<!--#echo var="arg_a" -->|<!--#echo var="ARG_A" encoding="none" -->|<!--#echo var="arg_a" encoding="url" -->"#))
        .file("root/default.html", page(r#"<!--#echo var="none" -->|<!--#echo var="none" default="d$arg_a" -->|<!--#echo var="arg_b" -->"#))
        .file("root/set.html", page(r#"<!--#set var="x" value="v$arg_a" --><!--#echo var="x" -->|<!--#set var="x" value="${x}2" --><!--#echo var="X" -->"#))
        .file("root/if.html", page(r#"<!--#if expr="$arg_a" -->yes<!--#else -->no<!--#endif -->|<!--#if expr="$arg_a = b" -->b<!--#elif expr="$arg_a = c" -->c<!--#else -->other<!--#endif -->"#))
        .file("root/not.html", page(r#"<!--#if expr="$arg_a != b" -->not b<!--#endif -->|<!--#if expr="$arg_a = /^c+/" -->cs<!--#else -->no cs<!--#endif -->"#))
        .file("root/skipped.html", page(r#"<!--#if expr="$arg_none" --><!--#include virtual="/echo.html" --><!--#set var="y" value="1" --><!--#endif --><!--#echo var="y" -->"#))
        .file("root/invalid.html", page(r#"a<!--#nothing a="b" -->b<!--#echo -->c<!--#include virtual="/a" file="/b" -->d"#))
        .file("root/errmsg.html", page(r#"<!--#config errmsg="[bad]" -->a<!--#nothing -->b"#))
        .file("root/context.html", page(r#"a<!--#endif -->b<!--#else -->c"#))
        .file("root/kept.html", page(r#"<!--#include virtual="/part.txt" set="p" -->a<!--#echo var="p" encoding="none" -->b"#))
        .file("root/part.txt", "<part>")
        .file("root/cut.html", page("a<!-- no command -->b<!-- #echo -->"))
        .start(&format!("{TYPES} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on; }}"));
    let mut text = String::new();
    for path in [
        "/echo.html?a=<b%20c>&b",
        "/default.html?a=1&b=",
        "/set.html?a=1",
        "/if.html",
        "/if.html?a=b",
        "/if.html?a=c",
        "/if.html?a=d",
        "/not.html?a=b",
        "/not.html?a=ccc",
        "/skipped.html",
        "/invalid.html",
        "/errmsg.html",
        "/context.html",
        "/kept.html",
        "/cut.html",
    ] {
        text += &format!("{path}: {}", server.get(path).text());
    }
    expect![[r#"
        /echo.html?a=<b%20c>&b: &lt;b%20c&gt;|<b%20c>|%3Cb%2520c%3E
        /default.html?a=1&b=: (none)|d$arg_a|
        /set.html?a=1: v1|v12
        /if.html: no|other
        /if.html?a=b: yes|b
        /if.html?a=c: yes|c
        /if.html?a=d: yes|other
        /not.html?a=b: |no cs
        /not.html?a=ccc: not b|cs
        /skipped.html: (none)
        /invalid.html: a[an error occurred while processing the directive]b[an error occurred while processing the directive]c[an error occurred while processing the directive]d
        /errmsg.html: a[bad]b
        /context.html: a[an error occurred while processing the directive]b[an error occurred while processing the directive]c
        /kept.html: a<part>b
        /cut.html: a<!-- no command -->b<!-- #echo -->
    "#]].assert_eq(&text);
}
