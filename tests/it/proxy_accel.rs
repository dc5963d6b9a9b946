//! What an application asks of the proxy: `X-Accel-Redirect` and `X-Accel-Charset`.

use std::fmt::Write as _;

use expect_test::expect;

use crate::support::{Origin, OriginConnection, Server, lines};

#[test]
fn an_application_sends_the_request_elsewhere() {
    let origin = Origin::start(|connection: &mut OriginConnection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            let to = target.split_once("?to=").map_or("/file", |(_, to)| to);
            connection.send(format!(
                "HTTP/1.1 200 OK\r\nX-Accel-Redirect: {to}\r\nContent-Type: text/x-app\r\nSet-Cookie: a=b\r\n\
                 Content-Disposition: attachment\r\nCache-Control: private\r\nExpires: 0\r\nX-Other: gone\r\n\
                 X-Accel-Buffering: no\r\nETag: \"app\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n\
                 Content-Length: 4\r\n\r\nbody"
            ));
        }
    });
    let server = Server::setup().file("root/file", "content\n").file("root/in/a b", "inner\n").app(&origin).start(
        "server {
             listen {{port}};
             root {{root}};
             location /app { proxy_pass http://{{app}}; }
             location /ignored { proxy_ignore_headers X-Accel-Redirect; proxy_pass http://{{app}}; }
             location /shown { proxy_ignore_headers X-Accel-Redirect; proxy_pass_header X-Accel-Redirect; proxy_pass http://{{app}}; }
             location /hidden { proxy_hide_header Set-Cookie; proxy_pass http://{{app}}; }
             location /in/ { internal; }
             location /echo { return 200 '$request_method $uri $args\\n'; }
             location @named { return 200 'named $uri\\n'; }
         }",
    );
    let mut text = String::new();
    for target in [
        "/app",
        "/app?to=/in/a%20b",
        "/app?to=/echo?x=1%26y",
        "/app?to=@named",
        "/app?to=@nowhere",
        "/app?to=/missing",
        "/app?to=/../file",
        "/app?to=file",
        "/app?to=http://elsewhere.test/",
        "/app?to=/app",
        "/ignored",
        "/shown",
        "/hidden",
    ] {
        writeln!(text, "{target}\n{}", server.text(&server.get(target))).unwrap();
    }
    for method in ["POST", "PUT"] {
        let request =
            format!("{method} /app?to=/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab");
        writeln!(text, "{method}\n{}", server.text(&server.send(request))).unwrap();
    }
    expect![[r#"
        /app
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        ETag: "65937d25-8"
        Accept-Ranges: bytes

        content

        /app?to=/in/a%20b
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 6
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        ETag: "65937d25-6"
        Accept-Ranges: bytes

        inner

        /app?to=/echo?x=1%26y
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 18
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        GET /echo x=1%26y

        /app?to=@named
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 11
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        named /app

        /app?to=@nowhere
        HTTP/1.1 500 Internal Server Error
        Content-Type: text/html
        Content-Length: 165+{server}
        Connection: close
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        {page: 500 Internal Server Error}

        /app?to=/missing
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        {page: 404 Not Found}

        /app?to=/../file
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        {page: 404 Not Found}

        /app?to=file
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        {page: 404 Not Found}

        /app?to=http://elsewhere.test/
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        {page: 404 Not Found}

        /app?to=/app
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        ETag: "65937d25-8"
        Accept-Ranges: bytes

        content

        /ignored
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 4
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        X-Other: gone
        ETag: "app"
        Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT

        body
        /shown
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 4
        Connection: keep-alive
        X-Accel-Redirect: /file
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        X-Other: gone
        ETag: "app"
        Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT

        body
        /hidden
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        ETag: "65937d25-8"
        Accept-Ranges: bytes

        content

        POST
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 11
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        GET /echo 

        PUT
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 11
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0

        GET /echo 

    "#]]
    .assert_eq(&text);
    server.check(
        lines("HEAD /app HTTP/1.1\nHost: localhost"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/x-app
        Content-Length: 8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Disposition: attachment
        Cache-Control: private
        Expires: 0
        ETag: "65937d25-8"
        Accept-Ranges: bytes

    "#]],
    );
}

#[test]
fn the_application_names_its_charset() {
    let origin = Origin::start(|connection: &mut OriginConnection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let (kind, charset) = query.split_once('&').unwrap_or((query, ""));
            let status = if path.ends_with("/moved") { "302 Found" } else { "200 OK" };
            let to = if path.ends_with("/elsewhere") { "X-Accel-Redirect: /file.html\r\n" } else { "" };
            connection.send(format!(
                "HTTP/1.1 {status}\r\n{to}{kind}\r\nX-Accel-Charset: {charset}\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let server = Server::setup().file("root/file.html", "page\n").app(&origin).start(
        "server {
             listen {{port}};
             root {{root}};
             location / { proxy_pass http://{{app}}; }
             location /koi { charset koi8-r; proxy_pass http://{{app}}; }
             location /utf { charset utf-8; proxy_pass http://{{app}}; }
             location /off { charset off; proxy_pass http://{{app}}; }
             location /deaf { charset utf-8; proxy_ignore_headers X-Accel-Charset; proxy_pass http://{{app}}; }
             location /shown { proxy_pass_header X-Accel-Charset; proxy_pass http://{{app}}; }
             location /file.html { }
         }",
    );
    let mut text = String::new();
    for target in [
        "/?Content-Type:text/html",
        "/?Content-Type:text/html&utf-8",
        "/?Content-Type:text/html&KOI8-R",
        "/?Content-Type:text/html&nope",
        "/?Content-Type:image/png&utf-8",
        "/?X-None:&utf-8",
        "/utf?Content-Type:text/html",
        "/utf?Content-Type:text/html&koi8-r",
        "/utf?Content-Type:text/html&nope",
        "/utf?Content-Type:text/html;charset=koi8-r&utf-8",
        "/utf?Content-Type:text/html;x=y&utf-8",
        "/off?Content-Type:text/html&utf-8",
        "/deaf?Content-Type:text/html&koi8-r",
        "/shown?Content-Type:text/html&koi8-r",
        "/moved?Content-Type:text/html&koi8-r",
        "/elsewhere?Content-Type:text/x&koi8-r",
        "/elsewhere?X-None:&koi8-r",
    ] {
        let answer = server.get(target);
        let shown = answer.header("x-accel-charset");
        writeln!(text, "{target} -> {} {} {shown}", answer.status, answer.header("content-type")).unwrap();
    }
    expect![[r#"
        /?Content-Type:text/html -> 200 text/html 
        /?Content-Type:text/html&utf-8 -> 200 text/html; charset=utf-8 
        /?Content-Type:text/html&KOI8-R -> 200 text/html; charset=KOI8-R 
        /?Content-Type:text/html&nope -> 200 text/html 
        /?Content-Type:image/png&utf-8 -> 200 image/png; charset=utf-8 
        /?X-None:&utf-8 -> 200  
        /utf?Content-Type:text/html -> 200 text/html; charset=utf-8 
        /utf?Content-Type:text/html&koi8-r -> 200 text/html; charset=koi8-r 
        /utf?Content-Type:text/html&nope -> 200 text/html 
        /utf?Content-Type:text/html;charset=koi8-r&utf-8 -> 200 text/html;charset=koi8-r 
        /utf?Content-Type:text/html;x=y&utf-8 -> 200 text/html;x=y; charset=utf-8 
        /off?Content-Type:text/html&utf-8 -> 200 text/html; charset=utf-8 
        /deaf?Content-Type:text/html&koi8-r -> 200 text/html; charset=utf-8 
        /shown?Content-Type:text/html&koi8-r -> 200 text/html; charset=koi8-r koi8-r
        /moved?Content-Type:text/html&koi8-r -> 302 text/html 
        /elsewhere?Content-Type:text/x&koi8-r -> 200 text/x; charset=koi8-r 
        /elsewhere?X-None:&koi8-r -> 200 text/html; charset=koi8-r 
    "#]]
    .assert_eq(&text);
    let log = server.error_log();
    assert_eq!(log.matches("unknown charset \"nope\" to override").count(), 2, "{log}");
}
