//! Where a request's body lies while it is served: `client_body_in_file_only`, `client_body_temp_path`, `$request_body`,
//! `$request_body_file`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use expect_test::expect;

use crate::command_line::first_error;
use crate::support::{Origin, OriginConnection, Server, lines, wait_for};

/// An app that says what it was sent, and what is in the file that `X-File` names, while it is asked.
fn reader() -> Origin {
    Origin::start(|connection: &mut OriginConnection| {
        while let Some(request) = connection.request() {
            let mut text = String::new();
            let name = request.header("x-file").unwrap_or_default();
            write!(
                text,
                "{}\nbody {:?}\nfile {name}",
                request.line(),
                String::from_utf8_lossy(&request.body)
            )
            .unwrap();
            if let Ok(content) = fs::read(&name) {
                let mode = fs::metadata(&name).unwrap().permissions().mode() & 0o777;
                write!(text, " mode {mode:o} size {}", content.len()).unwrap();
                if content.len() < 100 {
                    write!(text, " {:?}", String::from_utf8_lossy(&content)).unwrap();
                }
            }
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
        }
    })
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// What the application saw.
fn seen(server: &Server, request: impl AsRef<[u8]>) -> String {
    server.localised(&server.send(request).text())
}

#[test]
fn bodies_are_kept_in_files_for_the_application() {
    let origin = reader();
    let server = Server::proxying(
        &origin,
        "proxy_set_header X-File $request_body_file;
         proxy_http_version 1.1;
         log_format body '$request_uri [$request_body] [$request_body_file]';
         access_log {{dir}}/body.log body;
         server {
             listen {{port}};
             client_body_temp_path {{dir}}/bodies;
             location / { proxy_pass http://{{app}}; }
             location /small { client_body_buffer_size 1k; proxy_pass http://{{app}}; }
             location /on { client_body_in_file_only on; client_body_temp_path {{dir}}/on; proxy_pass http://{{app}}; }
             location /clean { client_body_in_file_only clean; client_body_temp_path {{dir}}/clean; proxy_pass http://{{app}}; }
             location /levels { client_body_in_file_only on; client_body_temp_path {{dir}}/levels 1 2; proxy_pass http://{{app}}; }
             location /alone {
                 client_body_in_file_only clean;
                 client_body_temp_path {{dir}}/alone;
                 proxy_pass_request_body off;
                 proxy_set_header Content-Length '';
                 proxy_set_header X-File $request_body_file;
                 proxy_pass http://{{app}};
             }
             location /stream { client_body_in_file_only on; proxy_request_buffering off; proxy_pass http://{{app}}; }
         }",
    );
    let mut text = String::new();
    for (path, body) in [
        ("/", "in memory"),
        ("/on", "first"),
        ("/clean", "second"),
        ("/levels", "third"),
        ("/alone", "fourth"),
    ] {
        writeln!(text, "{path}: {}", seen(&server, post(path, body))).unwrap();
    }
    expect![[r#"
        /: POST / HTTP/1.1
        body "in memory"
        file 
        /on: POST /on HTTP/1.1
        body "first"
        file {dir}/on/0000000001 mode 600 size 5 "first"
        /clean: POST /clean HTTP/1.1
        body "second"
        file {dir}/clean/0000000002 mode 600 size 6 "second"
        /levels: POST /levels HTTP/1.1
        body "third"
        file {dir}/levels/3/00/0000000003 mode 600 size 5 "third"
        /alone: POST /alone HTTP/1.1
        body ""
        file {dir}/alone/0000000004 mode 600 size 6 "fourth"
    "#]]
    .assert_eq(&text);
    let mut text = String::new();
    let chunked = |path: &str| {
        lines(&format!("POST {path} HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n6\nchunks\n0"))
    };
    for request in [
        chunked("/clean/chunked"),
        post("/clean/empty", ""),
        lines("GET /clean/none HTTP/1.1\nHost: localhost"),
        post("/alone/empty", ""),
    ] {
        writeln!(text, "{}", seen(&server, request)).unwrap();
    }
    expect![[r#"
        POST /clean/chunked HTTP/1.1
        body "chunks"
        file {dir}/clean/0000000005 mode 600 size 6 "chunks"
        POST /clean/empty HTTP/1.1
        body ""
        file {dir}/clean/0000000006 mode 600 size 0 ""
        GET /clean/none HTTP/1.1
        body ""
        file 
        POST /alone/empty HTTP/1.1
        body ""
        file {dir}/alone/0000000007 mode 600 size 0 ""
    "#]]
    .assert_eq(&text);
    let long = "x".repeat(300_000);
    let answer = seen(&server, post("/alone/long", &long));
    assert!(answer.ends_with("mode 600 size 300000"), "{answer}");
    let answer = seen(&server, post("/on/long", &long));
    assert!(answer.contains("xxx") && answer.ends_with("mode 600 size 300000"), "{}", &answer[..100]);
    // Passed on as it comes: no file, and the app has got it.
    let before = origin.requests().len();
    let mut client = server.connect();
    client.send("POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc");
    origin.wait_requests(before + 1);
    client.send("def");
    assert_eq!(server.localised(&client.response().text()), "POST /stream HTTP/1.1\nbody \"abcdef\"\nfile ");
    // Of the clean ones nothing is left, of the others everything.
    for dir in ["clean", "alone"] {
        wait_for("files to be removed", || files(&server.dir().join(dir)).is_empty().then_some(()));
    }
    assert_eq!(files(&server.dir().join("on")).len(), 2);
    assert_eq!(files(&server.dir().join("levels")).len(), 1);
    let log = server.wait_file("body.log", |log| log.lines().count() == 12);
    expect![[r#"
        / [in memory] [-]
        /on [-] [{dir}/on/0000000001]
        /clean [-] [{dir}/clean/0000000002]
        /levels [-] [{dir}/levels/3/00/0000000003]
        /alone [-] [{dir}/alone/0000000004]
        /clean/chunked [-] [{dir}/clean/0000000005]
        /clean/empty [-] [{dir}/clean/0000000006]
        /clean/none [-] [-]
        /alone/empty [-] [{dir}/alone/0000000007]
        /alone/long [-] [{dir}/alone/0000000008]
        /on/long [-] [{dir}/on/0000000009]
        /stream [-] [-]
    "#]]
    .assert_eq(&server.localised(&log));
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_body_in_memory_is_a_variable() {
    let origin = Origin::echo();
    let server = Server::proxying(
        &origin,
        "log_format body escape=json '$request_uri [$request_body]';
         access_log {{dir}}/body.log body;
         server {
             listen {{port}};
             location / { proxy_set_header X-Body $request_body; proxy_pass http://{{app}}; }
             location /set { proxy_set_body '{\"was\": \"$request_body\", \"uri\": \"$uri\"}'; proxy_pass http://{{app}}; }
             location /large { client_body_buffer_size 1k; proxy_pass http://{{app}}; }
             location /unread { return 200 '[$request_body]'; }
         }",
    );
    let mut text = String::new();
    for (path, body) in [("/", "a=b&c=d"), ("/", ""), ("/set", "a"), ("/unread", "a")] {
        writeln!(text, "{}\n", seen(&server, post(path, body))).unwrap();
    }
    server.send(post("/large", &"x".repeat(8000)));
    let log = server.wait_file("body.log", |log| log.lines().count() == 5);
    // nginx asks with HTTP/1.0 unless told otherwise.
    let text = text.replace(" HTTP/1.0", " HTTP/1.1").replace("Connection: close\n", "");
    expect![[r#"
        POST / HTTP/1.1
        X-Body: a=b&c=d
        Host: 127.0.0.1:{app}
        Content-Length: 7

        a=b&c=d

        POST / HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 0



        POST /set HTTP/1.1
        Host: 127.0.0.1:{app}
        Content-Length: 27

        {"was": "a", "uri": "/set"}

        []

        / [a=b&c=d]
        / []
        /set [a]
        /unread []
        /large []
    "#]]
    .assert_eq(&(text + &log));
}

#[test]
fn mistakes() {
    let mut text = String::new();
    for directive in [
        "client_body_in_file_only maybe;",
        "client_body_in_file_only on; client_body_in_file_only on;",
        "client_body_temp_path /tmp/x 0;",
        "client_body_temp_path /tmp/x a;",
        "client_body_temp_path /tmp/x 9 9;",
        "client_body_temp_path /tmp/x 1 2 3 4;",
        "client_body_in_single_buffer maybe;",
    ] {
        let conf = format!("events {{}} http {{ {directive} }}");
        writeln!(text, "{directive}\n    {}", first_error(&conf)).unwrap();
    }
    expect![[r#"
        client_body_in_file_only maybe;
            {name}: [emerg] invalid value "maybe" in {dir}/server.conf:1
        client_body_in_file_only on; client_body_in_file_only on;
            {name}: [emerg] "client_body_in_file_only" directive is duplicate in {dir}/server.conf:1
        client_body_temp_path /tmp/x 0;
            {name}: [emerg] "client_body_temp_path" directive invalid value in {dir}/server.conf:1
        client_body_temp_path /tmp/x a;
            {name}: [emerg] "client_body_temp_path" directive invalid value in {dir}/server.conf:1
        client_body_temp_path /tmp/x 9 9;
            {name}: [emerg] "client_body_temp_path" directive invalid value in {dir}/server.conf:1
        client_body_temp_path /tmp/x 1 2 3 4;
            {name}: [emerg] invalid number of arguments in "client_body_temp_path" directive in {dir}/server.conf:1
        client_body_in_single_buffer maybe;
            {name}: [emerg] invalid value "maybe" in "client_body_in_single_buffer" directive, it must be "on" or "off" in {dir}/server.conf:1
    "#]].assert_eq(&text);
}
