//! `charset_map`, `source_charset`, `override_charset`: texts in another character set.

use expect_test::expect;

use crate::support::{Origin, Server, lines};

/// Two single-byte sets of a few letters and their UTF-8.
const MAPS: &str = "
    types { text/html html; text/plain txt; image/png png; }
    map $arg_to $to { default $arg_to; }
    map $arg_from $from { default $arg_from; }
    charset_map one two { C1 E1; C2 E2; # comment
        C3 F0; }
    charset_map one utf-8 { C1 D0B0; C2 D0B1; C3 E282AC; C4 C3A9; }
    charset_map two utf-8 { E1 D0B0; E2 D0B1; F0 E282AC; }";

#[test]
fn texts_are_recoded() {
    let server = Server::setup()
        .file("root/one.html", b"a\xc1\xc2\xc3z")
        .file("root/two.html", b"a\xe1\xe2\xf0z")
        .file("root/utf.html", "a\u{430}\u{431}\u{20ac}\u{e9}z \u{416} \u{1f600}")
        .file("root/bad.html", b"a\x80\xc0\xafb \xe2<\xacc \xf7\xbf\xbf\xbfd \xe0\x80\x80e \xe2\x82")
        .file("root/image.png", b"a\xc1")
        .start(&format!(
            "{MAPS} server {{ listen {{{{port}}}}; root {{{{root}}}};
                location /one-utf/ {{ alias {{{{root}}}}/; source_charset one; charset utf-8; }}
                location /one-two/ {{ alias {{{{root}}}}/; source_charset one; charset two; }}
                location /two-one/ {{ alias {{{{root}}}}/; source_charset TWO; charset ONE; }}
                location /utf-one/ {{ alias {{{{root}}}}/; source_charset utf-8; charset one; }}
                location /same/ {{ alias {{{{root}}}}/; source_charset one; charset one; }}
                location /any/ {{ alias {{{{root}}}}/; source_charset one; charset two; charset_types *; }}
                location /gzip/ {{ alias {{{{root}}}}/; source_charset one; charset utf-8; gzip on; gzip_min_length 1; }}
                location /sub/ {{ alias {{{{root}}}}/; source_charset one; charset utf-8; sub_filter a A; }}
                location /variable/ {{ alias {{{{root}}}}/; source_charset $from; charset $to; }} }}"
        ));
    let mut text = String::new();
    for target in [
        "/one-utf/one.html",
        "/one-two/one.html",
        "/two-one/two.html",
        "/utf-one/utf.html",
        "/utf-one/bad.html",
        "/same/one.html",
        "/one-utf/image.png",
        "/any/image.png",
        "/sub/one.html",
        "/variable/one.html?from=one&to=two",
        "/variable/one.html?from=one&to=utf-8",
        "/variable/one.html?from=one&to=other",
        "/variable/one.html?from=other&to=OTHER",
    ] {
        text += &format!("{target}\n{}\n", server.text(&server.get(target)));
    }
    let missing = "no \"charset_map\" between the charsets \"one\" and \"other\"";
    assert_eq!(server.wait_error(missing).matches(missing).count(), 1);
    server.check(
        lines("GET /one-two/one.html HTTP/1.1\nHost: localhost\nRange: bytes=1-2"),
        expect![[r#"
            HTTP/1.1 206 Partial Content
            Content-Type: text/html; charset=two
            Content-Length: 2
            Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
            Connection: keep-alive
            ETag: "65937d25-5"
            Content-Range: bytes 1-2/5

            \xe1\xe2"#]],
    );
    server.check(
        lines("GET /one-utf/one.html HTTP/1.1\nHost: localhost\nRange: bytes=1-2"),
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/html; charset=utf-8
            Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
            Transfer-Encoding: chunked
            Connection: keep-alive
            ETag: "65937d25-5"

            a\xd0\xb0\xd0\xb1\xe2\x82\xacz"#]],
    );
    server.check(
        lines("HEAD /one-utf/one.html HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/html; charset=utf-8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-5"

    "#]],
    );
    let packed = server.send(lines("GET /gzip/one.html HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip"));
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.header("content-type"), "text/html; charset=utf-8");
}

#[test]
fn answers_of_the_app_are_recoded() {
    let origin = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let (kind, body): (&str, &[u8]) = match &request.target()[..] {
                "/one" => ("text/html; charset=one", b"\xc1\xc2"),
                "/quoted" => ("text/html; x=1; charset=\"ONE\"", b"\xc1\xc2"),
                "/same" => ("text/html; charset=UTF-8; x=2", "\u{430}".as_bytes()),
                "/other" => ("text/html; charset=other", b"\xc1\xc2"),
                "/encoded" => ("text/html; charset=one\r\nContent-Encoding: br", b"\xc1\xc2"),
                "/moved" => ("text/html; charset=one\r\nX-Status: 302", b"\xc1\xc2"),
                "/told" => ("text/html\r\nX-Accel-Charset: utf-8", b"\xc1\xc2"),
                "/untold" => ("text/html; charset=two\r\nX-Accel-Charset: one", b"\xe1\xe2"),
                "/parameter" => ("text/html; x=1", b"\xc1\xc2"),
                "/image" => ("image/png; charset=one", b"\xc1\xc2"),
                _ => ("text/html", b"\xc1\xc2"),
            };
            let status = if kind.ends_with("302") { "302 Found" } else { "200 OK" };
            let mut answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            answer.extend_from_slice(body);
            connection.send(answer);
        }
    });
    let server = Server::setup().app(&origin).start(&format!(
        "{MAPS} proxy_hide_header X-Status; server {{ listen {{{{port}}}}; charset utf-8; source_charset one;
            location /keep/ {{ proxy_pass http://{{{{app}}}}/; }}
            location /over/ {{ override_charset on; proxy_pass http://{{{{app}}}}/; }}
            location /off/ {{ charset off; override_charset on; proxy_pass http://{{{{app}}}}/; }} }}"
    ));
    let mut text = String::new();
    for (place, names) in [
        ("/keep", &["/", "/one", "/other", "/told", "/parameter"][..]),
        ("/over", &["/", "/one", "/quoted", "/same", "/other", "/encoded", "/moved", "/untold", "/image"]),
        ("/off", &["/", "/one", "/told", "/untold"]),
    ] {
        for name in names {
            let answer = server.get(&format!("{place}{name}"));
            let (kind, length) = (answer.header("content-type"), answer.header("content-length"));
            let body = answer.body.escape_ascii();
            text += &format!("{place}{name}: {} {kind:?} length {length:?} {body}\n", answer.status);
        }
    }
    expect![[r#"
        /keep/: 200 "text/html; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /keep/one: 200 "text/html; charset=one" length "2" \xc1\xc2
        /keep/other: 200 "text/html; charset=other" length "2" \xc1\xc2
        /keep/told: 200 "text/html; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /keep/parameter: 200 "text/html; x=1" length "2" \xc1\xc2
        /over/: 200 "text/html; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /over/one: 200 "text/html; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /over/quoted: 200 "text/html; x=1; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /over/same: 200 "text/html; charset=UTF-8; x=2" length "2" \xd0\xb0
        /over/other: 200 "text/html; charset=other" length "2" \xc1\xc2
        /over/encoded: 200 "text/html; charset=one" length "2" \xc1\xc2
        /over/moved: 302 "text/html" length "" \xd0\xb0\xd0\xb1
        /over/untold: 200 "text/html; charset=one" length "2" \xc1\xc2
        /over/image: 200 "image/png; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /off/: 200 "text/html" length "2" \xc1\xc2
        /off/one: 200 "text/html; charset=one" length "2" \xc1\xc2
        /off/told: 200 "text/html; charset=utf-8" length "" \xd0\xb0\xd0\xb1
        /off/untold: 200 "text/html; charset=one" length "2" \xc1\xc2
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_character_in_pieces() {
    let origin = Origin::start(|connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in [
                &b"1\r\n\xe2\r\n"[..],
                b"1\r\n\x82\r\n",
                b"2\r\n\xac\xd0\r\n",
                b"3\r\n\xb0z\xf0\r\n0\r\n\r\n",
            ] {
                connection.send(piece);
            }
        }
    });
    let server = Server::setup().app(&origin).start(&format!(
        "{MAPS} server {{ listen {{{{port}}}}; charset one; override_charset on; proxy_buffering off;
            location / {{ proxy_pass http://{{{{app}}}}; }} }}"
    ));
    let answer = server.get("/");
    expect![[r#"text/html; charset=one \xc3\xc1z"#]].assert_eq(&format!(
        "{} {}",
        answer.header("content-type"),
        answer.body.escape_ascii()
    ));
}

#[test]
fn parts_come_into_the_charset_of_their_page() {
    let server = Server::setup()
        .file(
            "root/page.html",
            [
                &b"\xc1[<!--#include virtual=\"/two/two.html\" -->|<!--#include virtual=\"/plain/two.html\" -->|"[..],
                b"<!--#include virtual=\"/utf/utf.html\" -->]",
            ]
            .concat(),
        )
        .file("root/two.html", b"\xe1\xe2\xf0")
        .file("root/utf.html", "\u{430}\u{431}")
        .start(&format!(
            "{MAPS} server {{ listen {{{{port}}}}; root {{{{root}}}}; ssi on;
                location /page.html {{ source_charset one; charset utf-8; }}
                location /to-one/ {{ alias {{{{root}}}}/; source_charset one; charset one; }}
                location /none/ {{ alias {{{{root}}}}/; }}
                location /two/ {{ alias {{{{root}}}}/; source_charset two; }}
                location /utf/ {{ alias {{{{root}}}}/; source_charset utf-8; }}
                location /plain/ {{ alias {{{{root}}}}/; }} }}"
        ));
    let mut text = String::new();
    for target in ["/page.html", "/to-one/page.html", "/none/page.html"] {
        let answer = server.get(target);
        text += &format!("{target}: {:?} {}\n", answer.header("content-type"), answer.body.escape_ascii());
    }
    expect![[r#"
        /page.html: "text/html; charset=utf-8" \xd0\xb0[\xd0\xb0\xd0\xb1\xe2\x82\xac|\xe1\xe2\xf0|\xd0\xb0\xd0\xb1]
        /to-one/page.html: "text/html; charset=one" \xc1[\xc1\xc2\xc3|\xe1\xe2\xf0|\xc1\xc2]
        /none/page.html: "text/html" \xc1[\xe1\xe2\xf0|\xe1\xe2\xf0|\xd0\xb0\xd0\xb1]
    "#]].assert_eq(&text);
}
