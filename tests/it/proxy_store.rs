//! What the app's answer leaves behind, and what is cut from it: `proxy_store`, `proxy_store_access`, `proxy_force_ranges`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use expect_test::expect;

use crate::command_line::first_error;
use crate::support::{Origin, OriginConnection, Server, lines, wait_for};

/// An app whose answer depends on the end of the target.
fn app() -> Origin {
    Origin::start(|connection: &mut OriginConnection| {
        let Some(request) = connection.request() else { return };
        let target = request.target();
        let kind = target.rsplit('/').next().unwrap_or_default();
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nLast-Modified: Tue, 02 Jan 2024 03:04:05 GMT\r\nETag: \"tag\"\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\n";
        let body = "0123456789abcdef";
        connection.send(match kind.split('?').next().unwrap_or_default() {
            "chunked" => {
                format!("{head}Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n89abcdef\r\n0\r\n\r\n")
            }
            "close" => format!("{head}\r\n{body}"),
            "cut" => format!("{head}Content-Length: 20\r\n\r\n{body}"),
            "empty" => format!("{head}Content-Length: 0\r\n\r\n"),
            "404" => format!("HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{body}"),
            "none" => format!("{head}Accept-Ranges: none\r\nContent-Length: 16\r\n\r\n{body}"),
            "unbuffered" => format!("{head}X-Accel-Buffering: no\r\nContent-Length: 16\r\n\r\n{body}"),
            "long" => {
                let body = body.repeat(20_000);
                format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
            }
            _ if request.line().starts_with("HEAD") => format!("{head}Content-Length: 16\r\n\r\n"),
            _ => format!("{head}Content-Length: 16\r\n\r\n{body}"),
        });
    })
}

#[test]
fn ranges_of_answers() {
    let origin = app();
    let server = Server::proxying(
        &origin,
        "server {
             listen {{port}};
             location / { proxy_force_ranges on; proxy_pass http://{{app}}; }
             location /plain/ { proxy_pass http://{{app}}; }
             location /none/ { proxy_force_ranges on; max_ranges 0; proxy_pass http://{{app}}; }
             location /sub/ { proxy_force_ranges on; sub_filter_types *; sub_filter 0 zero; proxy_pass http://{{app}}; }
             location /added/ { proxy_force_ranges on; add_header X-Added yes always; proxy_pass http://{{app}}; }
             location /unbuffered/ { proxy_force_ranges on; proxy_buffering off; proxy_pass http://{{app}}; }
         }",
    );
    let mut text = String::new();
    for (target, fields) in [
        ("/whole", ""),
        ("/first", "Range: bytes=0-3"),
        ("/middle", "Range: bytes=4-7"),
        ("/last", "Range: bytes=-3"),
        ("/two", "Range: bytes=0-1,4-5"),
        ("/far", "Range: bytes=99-"),
        ("/tagged", "Range: bytes=2-3\nIf-Range: \"tag\""),
        ("/tagged", "Range: bytes=2-3\nIf-Range: \"other\""),
        ("/dated", "Range: bytes=2-3\nIf-Range: Tue, 02 Jan 2024 03:04:05 GMT"),
        ("/dated", "Range: bytes=2-3\nIf-Range: Tue, 02 Jan 2024 03:04:06 GMT"),
        ("/chunked", "Range: bytes=0-3"),
        ("/404", "Range: bytes=0-3"),
        ("/none", "Range: bytes=0-3"),
        ("/plain/x", "Range: bytes=0-3"),
        ("/none/x", "Range: bytes=0-3"),
        ("/sub/x", "Range: bytes=0-3"),
        ("/added/x", "Range: bytes=0-3"),
        ("/added/x", "Range: bytes=99-"),
        ("/unbuffered/x", "Range: bytes=14-99"),
    ] {
        let request = lines(format!("GET {target} HTTP/1.1\nHost: localhost\n{fields}").trim_end());
        writeln!(text, "{target} {fields}\n{}\n", server.text(&server.send(request))).unwrap();
    }
    expect![[r#"
        /whole 
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Accept-Ranges: bytes

        0123456789abcdef

        /first Range: bytes=0-3
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 0-3/16

        0123

        /middle Range: bytes=4-7
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 4-7/16

        4567

        /last Range: bytes=-3
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 3
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 13-15/16

        def

        /two Range: bytes=0-1,4-5
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Accept-Ranges: bytes

        0123456789abcdef

        /far Range: bytes=99-
        HTTP/1.1 416 Requested Range Not Satisfiable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        Content-Range: bytes */16

        {page: 416 Requested Range Not Satisfiable}


        /tagged Range: bytes=2-3
        If-Range: "tag"
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 2-3/16

        23

        /tagged Range: bytes=2-3
        If-Range: "other"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Accept-Ranges: bytes

        0123456789abcdef

        /dated Range: bytes=2-3
        If-Range: Tue, 02 Jan 2024 03:04:05 GMT
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 2-3/16

        23

        /dated Range: bytes=2-3
        If-Range: Tue, 02 Jan 2024 03:04:06 GMT
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Accept-Ranges: bytes

        0123456789abcdef

        /chunked Range: bytes=0-3
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b

        0123456789abcdef

        /404 Range: bytes=0-3
        HTTP/1.1 404 Not Found
        Content-Length: 16
        Connection: keep-alive

        0123456789abcdef

        /none Range: bytes=0-3
        HTTP/1.1 301 Moved Permanently
        Content-Type: text/html
        Content-Length: 157+{server}
        Location: http://localhost:{port}/none/
        Connection: keep-alive

        {page: 301 Moved Permanently}


        /plain/x Range: bytes=0-3
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b

        0123456789abcdef

        /none/x Range: bytes=0-3
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 16
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b

        0123456789abcdef

        /sub/x Range: bytes=0-3
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive
        Set-Cookie: a=b

        zero123456789abcdef

        /added/x Range: bytes=0-3
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        X-Added: yes
        Content-Range: bytes 0-3/16

        0123

        /added/x Range: bytes=99-
        HTTP/1.1 416 Requested Range Not Satisfiable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        Set-Cookie: a=b
        X-Added: yes
        Content-Range: bytes */16
        X-Added: yes

        {page: 416 Requested Range Not Satisfiable}


        /unbuffered/x Range: bytes=14-99
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 2
        Connection: keep-alive
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        ETag: "tag"
        Set-Cookie: a=b
        Content-Range: bytes 14-15/16

        ef

    "#]]
    .assert_eq(&text);
    server.check(
        lines("HEAD /x HTTP/1.1\nHost: localhost\nRange: bytes=1-2"),
        expect![[r#"
            HTTP/1.1 206 Partial Content
            Content-Type: text/plain
            Content-Length: 2
            Connection: keep-alive
            Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
            ETag: "tag"
            Set-Cookie: a=b
            Content-Range: bytes 1-2/16

        "#]],
    );
    let long = server.send(lines("GET /long HTTP/1.1\nHost: localhost\nRange: bytes=300001-300017"));
    assert_eq!((long.status, long.text()), (206, "123456789abcdef01".to_owned()));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(lines("GET /first HTTP/1.1\nHost: localhost\nRange: bytes=3-3"));
        assert_eq!(client.response().text(), "3");
    }
}

#[test]
fn answers_are_stored() {
    let origin = app();
    let server = Server::setup().directory("store").app(&origin).start(
        "server {
             listen {{port}};
             proxy_temp_path {{dir}}/store/temp;
             root {{dir}}/store/root;
             location / { proxy_store on; proxy_store_access user:rw group:rw all:r; proxy_pass http://{{app}}; }
             location /path/ { proxy_store {{dir}}/store/$arg_d$uri; proxy_pass http://{{app}}; }
             location /alias/ { alias {{dir}}/store/aliased/; proxy_store on; proxy_pass http://{{app}}; }
             location /off/ { proxy_store off; proxy_pass http://{{app}}; }
             location /unbuffered/ { proxy_store on; proxy_buffering off; proxy_pass http://{{app}}; }
             location /sub/ { proxy_store on; sub_filter_types *; sub_filter 0 zero; proxy_pass http://{{app}}; }
             location /range/ { proxy_store on; proxy_force_ranges on; proxy_pass http://{{app}}; }
             location /blocked/ { proxy_store {{dir}}/file/below; proxy_pass http://{{app}}; }
         }",
    );
    fs::write(server.dir().join("file"), "").unwrap();
    for target in [
        "/plain",
        "/chunked",
        "/close",
        "/cut",
        "/empty",
        "/404",
        "/unbuffered",
        "/long",
        "/deep/er/down",
        "/args?x",
        "/path/given?d=other",
        "/alias/below/plain",
        "/off/plain",
        "/unbuffered/plain",
        "/sub/plain",
        "/blocked/x",
        "/plain",
    ] {
        server.get(target);
    }
    let range = server.send(lines("GET /range/x HTTP/1.1\nHost: localhost\nRange: bytes=1-2"));
    assert_eq!((range.status, range.text()), (206, "12".to_owned()));
    server.send("HEAD /head HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.send("POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab");
    // The last one is there soon after its answer.
    wait_for("the stored file", || fs::metadata(server.dir().join("store/root/post")).ok());
    expect![[r#"
        /aliased 700
        /aliased/below 700
        /aliased/below/plain 600 16 1704164645 0123456789abcdef
        /other 700
        /other/path 700
        /other/path/given 600 16 1704164645 0123456789abcdef
        /root 755
        /root/args 664 16 1704164645 0123456789abcdef
        /root/chunked 664 16 1704164645 0123456789abcdef
        /root/close 664 16 1704164645 0123456789abcdef
        /root/deep 755
        /root/deep/er 755
        /root/deep/er/down 664 16 1704164645 0123456789abcdef
        /root/empty 664 0 1704164645 
        /root/long 664 320000 1704164645 0123456789abcdef
        /root/plain 664 16 1704164645 0123456789abcdef
        /root/post 664 16 1704164645 0123456789abcdef
        /root/range 700
        /root/range/x 600 16 1704164645 0123456789abcdef
        /root/sub 700
        /root/sub/plain 600 16 1704164645 0123456789abcdef
        /temp 700
    "#]]
    .assert_eq(&tree(&server.dir().join("store"), ""));
    let log = server.error_log();
    assert!(log.contains("[crit]") && log.contains("file/below"), "{log}");
}

/// All below a folder: name, mode, size, time and beginning.
fn tree(dir: &std::path::Path, name: &str) -> String {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut text = String::new();
    for path in entries {
        let name = format!("{name}/{}", path.file_name().unwrap().to_string_lossy());
        let meta = fs::metadata(&path).unwrap();
        let mode = meta.mode() & 0o777;
        if meta.is_dir() {
            text += &format!("{name} {mode:o}\n{}", tree(&path, &name));
        } else {
            let content = fs::read_to_string(&path).unwrap();
            text += &format!("{name} {mode:o} {} {} {:.16}\n", meta.size(), meta.mtime(), content);
        }
    }
    text
}

#[test]
fn mistakes() {
    let mut text = String::new();
    for directive in [
        "proxy_store on; proxy_store off;",
        "proxy_store_access foo:rw;",
        "proxy_store_access user:rx;",
        "proxy_store_access user:rw; proxy_store_access user:r;",
        "uwsgi_store_access everybody;",
        "proxy_force_ranges maybe;",
    ] {
        let conf = format!("events {{}} http {{ {directive} }}");
        writeln!(text, "{directive}\n    {}", first_error(&conf)).unwrap();
    }
    expect![[r#"
        proxy_store on; proxy_store off;
            {name}: [emerg] "proxy_store" directive is duplicate in {dir}/server.conf:1
        proxy_store_access foo:rw;
            {name}: [emerg] invalid value "foo:rw" in {dir}/server.conf:1
        proxy_store_access user:rx;
            {name}: [emerg] invalid value "user:rx" in {dir}/server.conf:1
        proxy_store_access user:rw; proxy_store_access user:r;
            {name}: [emerg] "proxy_store_access" directive is duplicate in {dir}/server.conf:1
        uwsgi_store_access everybody;
            {name}: [emerg] invalid value "everybody" in {dir}/server.conf:1
        proxy_force_ranges maybe;
            {name}: [emerg] invalid value "maybe" in "proxy_force_ranges" directive, it must be "on" or "off" in {dir}/server.conf:1
    "#]].assert_eq(&text);
}
