//! `fastcgi_pass`: records there and back, the script's name, stderr, kept connections, and that pools, buffers, retries
//! and errors are the proxy's.

use std::sync::{Arc, Mutex};

use expect_test::expect;

use crate::differences;
use crate::support::gateway::{end_request, fastcgi_request, record, stderr, stdout};
use crate::support::{Origin, Server, get};

/// An application that answers each request with these bytes and closes.
fn answering(answer: impl Into<Vec<u8>>) -> Origin {
    let answer = answer.into();
    Origin::start(move |connection| {
        if fastcgi_request(connection).is_some() {
            connection.send(&answer);
        }
    })
}

/// A whole answer with this head and body.
fn whole(text: impl AsRef<[u8]>) -> Vec<u8> {
    [stdout(text), record(6, ""), end_request()].concat()
}

/// An application that answers with what it got, on connections that it keeps if it is asked to.
fn echo() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = fastcgi_request(connection) {
            let answer = format!("Content-Type: text/plain\n\n{}", request.text());
            if !connection.send(whole(answer)) || request.framing.ends_with("flags 0") {
                return;
            }
        }
    })
}

const PLAIN: &str = "server { listen {{port}}; location / { fastcgi_pass {{app}}; } }";

/// The text form of the answer to `GET /` when the application says this and closes.
fn answer(app: impl Into<Vec<u8>>) -> String {
    let origin = answering(app);
    let server = Server::proxying(&origin, PLAIN);
    server.text(&server.get("/"))
}

/// The first line of the error log that has this text, from the text on.
fn logged(server: &Server, text: &str) -> String {
    let log = server.wait_error(text);
    let line = log.lines().find(|line| line.contains(text)).unwrap();
    server.localised(&line[line.find(text).unwrap()..])
}

#[test]
fn the_variables_of_a_request() {
    let origin = echo();
    let server = Server::setup().app(&origin).value("long", &"x".repeat(200)).start(
        "server { listen {{port}}; server_name a.test; root /srv;
           location / {
             fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
             fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
             fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REQUEST_URI $request_uri;
             fastcgi_param HTTPS $https if_not_empty; fastcgi_param REDIRECT_STATUS 200; fastcgi_param EMPTY '';
             fastcgi_param LONG {{long}}; fastcgi_param HTTP_X_TAKEN ''; fastcgi_pass {{app}}; } }",
    );
    server.check(
        "POST /a%20b.php?x=1 HTTP/1.1\r\nHost: a.test:80\r\nX-One: 1\r\nX-Taken: t\r\nContent-Length: 5\r\n\r\nhello",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Transfer-Encoding: chunked
            Connection: keep-alive

            role 1 flags 0
            SCRIPT_FILENAME=/srv/a b.php
            QUERY_STRING=x=1
            REQUEST_METHOD=POST
            CONTENT_LENGTH=5
            REQUEST_URI=/a%20b.php?x=1
            REDIRECT_STATUS=200
            EMPTY=
            LONG=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            HTTP_HOST=a.test:80
            HTTP_X_ONE=1
            HTTP_CONTENT_LENGTH=5

            hello"#]],
    );
    server.check(get("/none"), expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        role 1 flags 0
        SCRIPT_FILENAME=/srv/none
        QUERY_STRING=
        REQUEST_METHOD=GET
        CONTENT_LENGTH=
        REQUEST_URI=/none
        REDIRECT_STATUS=200
        EMPTY=
        LONG=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        HTTP_HOST=localhost

    "#]]);
}

#[test]
fn the_name_of_the_script() {
    let origin = echo();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; fastcgi_index index.php;
           fastcgi_param NAME $fastcgi_script_name; fastcgi_param INFO $fastcgi_path_info;
           fastcgi_pass_request_headers off;
           location / { fastcgi_pass {{app}}; }
           location ~ [.]php(/|$) { fastcgi_split_path_info ^(.+?\\.php)(/.*)?$; fastcgi_pass {{app}}; }
           location ~ ^/dir { fastcgi_split_path_info ^(/dir/)(.*)$; fastcgi_pass {{app}}; }
           location /plain { return 200 '[$fastcgi_script_name][$fastcgi_path_info]'; } }",
    );
    let mut text = String::new();
    for path in ["/", "/a/", "/a", "/b.php", "/b.php/c/d", "/x%20y.php/", "/dir/a/b", "/dirx", "/plain/"] {
        let body = server.get(path).text();
        text += &format!("{path} {}\n", body.replace('\n', " "));
    }
    expect![[r#"
        / role 1 flags 0 NAME=/index.php INFO=  
        /a/ role 1 flags 0 NAME=/a/index.php INFO=  
        /a role 1 flags 0 NAME=/a INFO=  
        /b.php role 1 flags 0 NAME=/b.php INFO=  
        /b.php/c/d role 1 flags 0 NAME=/b.php INFO=/c/d  
        /x%20y.php/ role 1 flags 0 NAME=/x y.php INFO=/  
        /dir/a/b role 1 flags 0 NAME=/dir/index.php INFO=a/b  
        /dirx role 1 flags 0 NAME=/dirx INFO=  
        /plain/ [/plain/index.php][]
    "#]]
    .assert_eq(&text);
}

#[test]
fn bodies_with_and_without_buffering() {
    for directives in [
        "",
        "fastcgi_request_buffering off;",
        "client_body_buffer_size 1k;",
        "client_body_buffer_size 400k;",
        "fastcgi_request_buffering off; client_body_buffer_size 1k;",
    ] {
        let origin = echo();
        let server = Server::setup().app(&origin).value("directives", directives).start(
            "server { listen {{port}}; location / { {{directives}} fastcgi_pass_request_headers off;
               fastcgi_param CONTENT_LENGTH $content_length; fastcgi_pass {{app}}; } }",
        );
        for size in [0, 1, 1000, 20_000, 32_768, 65_537, 300_000] {
            let mut request =
                format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").into_bytes();
            request.extend(std::iter::repeat_n(b'b', size));
            let body = if size > 1024 { format!("{{{size} bytes}}") } else { "b".repeat(size) };
            let expected = format!("role 1 flags 0\nCONTENT_LENGTH={size}\n\n{body}");
            assert_eq!(server.send(&request).text(), expected, "{directives}");
        }
        // Chunks are counted first, whatever is said about buffering.
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(server.send(chunked).text(), "role 1 flags 0\nCONTENT_LENGTH=5\n\nabcde", "{directives}");
    }
}

#[test]
fn a_body_is_what_was_sent() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&received);
    let origin = Origin::start(move |connection| {
        if let Some(request) = fastcgi_request(connection) {
            *kept.lock().unwrap() = request.body;
            connection.send(whole("Content-Type: a/b\n\nok"));
        }
    });
    let body: Vec<u8> = (0..100_001_u32).map(|n| (n % 251) as u8).collect();
    for directives in ["", "fastcgi_request_buffering off;", "client_body_buffer_size 1m;"] {
        let server = Server::setup()
            .app(&origin)
            .value("directives", directives)
            .start("server { listen {{port}}; location / { {{directives}} fastcgi_pass {{app}}; } }");
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(server.send([head.into_bytes(), body.clone()].concat()).text(), "ok");
        assert!(*received.lock().unwrap() == body, "{directives}");
        received.lock().unwrap().clear();
    }
}

#[test]
fn a_body_that_is_not_passed_on() {
    let origin = echo();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; location / { fastcgi_pass {{app}}; fastcgi_pass_request_body off; } }",
    );
    let text = server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").text();
    assert_eq!(text, "role 1 flags 0\nHTTP_HOST=a\nHTTP_CONTENT_LENGTH=5\n\n");
}

#[test]
fn answers_in_all_their_forms() {
    expect![[r#"
        HTTP/1.1 200 Own
        Date: {date}
        Content-Type: text/html
        Content-Length: 2
        Connection: keep-alive
        Server: app
        X-Powered-By: PHP
        Set-Cookie: a=1
        X-Pad: p
        Location: /relative

        ok"#]].assert_eq(&answer(whole(
        "Status: 200 Own\r\nServer: app\r\nContent-Type: text/html\r\nX-Powered-By: PHP\r\nX-Accel-Expires: 5\r\n\
         Set-Cookie: a=1\r\nX-Pad: p\r\nLocation: /relative\r\nContent-Length: 2\r\n\r\nok",
    )));
    expect![[r#"
        HTTP/1.1 404 Nowhere
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        gone"#]]
    .assert_eq(&answer(whole("Status: 404 Nowhere\nContent-Type: text/plain\n\ngone")));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

    "#]]
    .assert_eq(&answer(whole("Content-Type: text/plain\r\n\r\n")));
    expect![[r#"
        HTTP/1.1 200 OK
        Transfer-Encoding: chunked
        Connection: keep-alive
        X-A: b

        not a status line here"#]]
    .assert_eq(&answer(whole("HTTP/1.1 500 Oh\nX-A: b\n\nnot a status line here")));
    expect![[r#"
        HTTP/1.1 302 Moved Temporarily
        Transfer-Encoding: chunked
        Connection: keep-alive
        Location: http://elsewhere/

    "#]]
    .assert_eq(&answer(whole("Location: http://elsewhere/\n\n")));
    expect![[r#"
        HTTP/1.1 304 Not Modified
        Connection: keep-alive
        ETag: "x"

    "#]]
    .assert_eq(&answer(whole("Status: 304 Not Modified\nETag: \"x\"\n\n")));
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: a/b
        Transfer-Encoding: chunked
        Connection: keep-alive

        2\r
        ok"#]]
    .assert_eq(&answer(whole("Transfer-Encoding: chunked\nContent-Type: a/b\n\n2\r\nok")));
    // A head and a body in many records, some of them in the middle of a line.
    let pieces: Vec<u8> = "Content-Type: te|xt/plain\r|\n\r|\nbo|dy|".split('|').flat_map(stdout).collect();
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        body"#]]
    .assert_eq(&answer([pieces, end_request()].concat()));
}

#[test]
fn answers_that_come_byte_by_byte() {
    let bytes = whole("Content-Type: text/plain\r\n\r\nslow but whole");
    let origin = Origin::start(move |connection| {
        if fastcgi_request(connection).is_some() {
            for byte in &bytes {
                connection.send([*byte]);
            }
        }
    });
    let server = Server::proxying(&origin, PLAIN);
    assert_eq!(server.get("/").text(), "slow but whole");
}

#[test]
fn answers_that_are_refused() {
    for bad in ["Status: abc\n\n", "A: \0\n\n"] {
        assert!(answer(whole(bad)).starts_with("HTTP/1.1 502 Bad Gateway\n"), "{bad:?}");
    }
    let mut text = String::new();
    for (case, bytes) in [
        ("nothing", Vec::new()),
        ("http", b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        ("half a record", stdout("Content-Type: a/b\n")[..20].to_vec()),
        ("half a head", whole("Content-Type: a/b\n")),
        ("the end alone", end_request()),
        ("version", vec![2, 6, 0, 1, 0, 0, 0, 0]),
        ("high id", vec![1, 6, 1, 1, 0, 0, 0, 0]),
        ("low id", vec![1, 6, 0, 2, 0, 0, 0, 0]),
        ("type", record(9, "values")),
        ("long", whole(format!("A: {}\n\n", "x".repeat(5000)))),
    ] {
        let origin = answering(bytes);
        let server = Server::proxying(&origin, PLAIN);
        let status = server.get("/").status;
        let said = logged(&server, "upstream ");
        let said = said.split(" while ").next().unwrap();
        text += &format!("{case}: {status} {said}\n");
    }
    expect![[r#"
        nothing: 502 upstream prematurely closed connection
        http: 502 upstream sent unsupported FastCGI protocol version: 72
        half a record: 502 upstream prematurely closed connection
        half a head: 502 upstream prematurely closed FastCGI stdout
        the end alone: 502 upstream sent unexpected FastCGI record: 3
        version: 502 upstream sent unsupported FastCGI protocol version: 2
        high id: 502 upstream sent unexpected FastCGI request id high byte: 1
        low id: 502 upstream sent unexpected FastCGI request id low byte: 2
        type: 502 upstream sent invalid FastCGI record type: 9
        long: 502 upstream sent too big header
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_refused_record_in_the_log() {
    let origin = answering(record(9, "values"));
    let server = Server::proxying(&origin, PLAIN);
    assert_eq!(server.get("/x?y").status, 502);
    expect![[r#"upstream sent invalid FastCGI record type: 9 while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /x?y HTTP/1.1", upstream: "fastcgi://127.0.0.1:{app}", host: "localhost""#]].assert_eq(&logged(&server, "upstream sent invalid FastCGI"));
}

#[test]
fn an_answer_cut_short_is_visible_to_the_client() {
    for (case, bytes) in [
        ("stdout ends", whole("Content-Length: 100\n\nonly this")),
        ("request ends", [stdout("Content-Length: 100\n\nonly this"), end_request()].concat()),
    ] {
        let origin = answering(bytes);
        let server = Server::proxying(&origin, PLAIN);
        let response = server.get("/");
        assert!(response.incomplete, "{case}");
        assert_eq!(response.text(), "only this", "{case}");
    }
}

#[test]
fn an_answer_without_its_end_is_cut_short() {
    if !differences::FASTCGI_END.ringx_only() {
        return;
    }
    let text = "Content-Type: a/b\n\nonly this";
    for (bytes, said) in [
        (stdout(text), "upstream prematurely closed connection while reading upstream"),
        ([stdout(text), vec![9; 8]].concat(), "upstream sent unsupported FastCGI protocol version: 9"),
        ([stdout(text), record(9, "values")].concat(), "upstream sent invalid FastCGI record type: 9"),
    ] {
        let origin = answering(bytes);
        let server = Server::proxying(&origin, PLAIN);
        let response = server.get("/");
        assert_eq!((response.text().as_str(), response.incomplete), ("only this", true), "{said}");
        server.wait_error(said);
    }
}

#[test]
fn more_than_the_length_says_is_dropped() {
    let origin = answering(whole("Content-Length: 4\nContent-Type: a/b\n\nbody and more"));
    let server = Server::proxying(&origin, PLAIN);
    let response = server.get("/");
    assert_eq!((response.text().as_str(), response.incomplete), ("body", false));
    server.wait_error("upstream sent more data than specified in \"Content-Length\" header");

    let origin = answering(whole("Content-Length: 4\nContent-Type: a/b\n\nbody"));
    let server = Server::proxying(&origin, PLAIN);
    assert_eq!(server.get("/").text(), "body");
    // What comes later in the log tells that this did not come.
    drop(origin);
    assert_eq!(server.get("/later").status, 502);
    assert!(!server.wait_error("GET /later").contains("more data"));
}

#[test]
fn stderr_goes_to_the_log() {
    let origin = answering(
        [
            stderr("PHP message: oh. \r\n"),
            stdout("Content-Type: a/b\n\n"),
            stdout("one "),
            stderr("later\n"),
            whole("two"),
        ]
        .concat(),
    );
    let server = Server::proxying(&origin, PLAIN);
    assert_eq!(server.get("/x").text(), "one two");
    expect![[r#"FastCGI sent in stderr: "PHP message: oh" while reading response header from upstream, client: 127.0.0.1, server: , request: "GET /x HTTP/1.1", upstream: "fastcgi://127.0.0.1:{app}", host: "localhost""#]].assert_eq(&logged(&server, "FastCGI sent in stderr: \"PHP"));
    assert!(logged(&server, "FastCGI sent in stderr: \"later").contains("while reading upstream"));
}

#[test]
fn stderr_may_be_a_failure() {
    let failing = answering([stderr("Primary script: fatal"), whole("Content-Type: a/b\n\nwrong")].concat());
    let origin = answering(whole("Content-Type: a/b\n\nright"));
    let server = Server::setup().app(&origin).named_app("failing", &failing).start(
        "upstream group { server {{failing}}; server {{app}} backup; }
         server { listen {{port}}; fastcgi_catch_stderr other; fastcgi_catch_stderr fatal;
           location / { fastcgi_pass group; }
           location /next { fastcgi_pass group; fastcgi_next_upstream error invalid_header; }
           location /own { fastcgi_catch_stderr other; fastcgi_pass group; } }",
    );
    assert_eq!(server.get("/own").text(), "wrong");
    assert_eq!(server.get("/next").text(), "right");
}

#[test]
fn stderr_before_the_body_is_read_does_not_stop_it() {
    let origin = Origin::start(|connection| {
        // The head of the request, and only then the rest.
        connection.read_raw(16);
        connection.send(stderr("a warning"));
        if let Some(request) = fastcgi_request_without_begin(connection) {
            connection.send(whole(format!("Content-Type: a/b\n\n{}", request)));
        }
    });
    let mut request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n".to_vec();
    request.extend(std::iter::repeat_n(b'b', 3_000_000));
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; client_max_body_size 5m; location / { fastcgi_pass {{app}}; } }",
    );
    assert_eq!(server.send(&request).text(), "3000000");
}

/// Reads the records behind `BEGIN_REQUEST`; gives the size of the body.
fn fastcgi_request_without_begin(connection: &mut crate::support::OriginConnection) -> Option<usize> {
    let mut size = 0;
    loop {
        let header = connection.read_raw(8);
        let length = usize::from(u16::from_be_bytes([*header.get(4)?, *header.get(5)?]));
        connection.read_raw(length + usize::from(header[6]));
        match header[1] {
            5 if length == 0 => return Some(size),
            5 => size += length,
            _ => {}
        }
    }
}

#[test]
fn large_answers_come_whole() {
    let body: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    for (head, directives) in [
        ("Content-Type: a/b\n\n".to_owned(), ""),
        (format!("Content-Length: {}\r\n\r\n", body.len()), ""),
        ("Content-Type: a/b\n\n".to_owned(), "fastcgi_buffering off;"),
        (
            format!("Content-Length: {}\r\n\r\n", body.len()),
            "fastcgi_max_temp_file_size 0; fastcgi_keep_conn on;",
        ),
        ("Content-Type: a/b\n\n".to_owned(), "fastcgi_buffers 4 4k; fastcgi_busy_buffers_size 8k;"),
    ] {
        let origin = answering(whole([head.as_bytes(), &body].concat()));
        let server = Server::setup()
            .app(&origin)
            .value("directives", directives)
            .start("server { listen {{port}}; location / { {{directives}} fastcgi_pass {{app}}; } }");
        let response = server.get("/");
        assert!(!response.incomplete, "{directives}");
        assert!(response.body == body, "{directives}: {} bytes", response.body.len());
    }
}

#[test]
fn connections_are_kept_when_asked_for() {
    let origin = echo();
    let server = Server::proxying(
        &origin,
        "upstream group { server {{app}}; keepalive 4; }
         server { listen {{port}}; fastcgi_pass_request_headers off;
           location /kept { fastcgi_keep_conn on; fastcgi_pass group; }
           location /closed { fastcgi_pass group; } }",
    );
    for _ in 0..3 {
        assert_eq!(server.get("/kept").text(), "role 1 flags 1\n\n");
    }
    assert_eq!(origin.connections(), 1);
    let body = "POST /kept HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(server.send(body).text(), "role 1 flags 1\n\nhello");
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(get("/kept"));
        assert_eq!(client.response().text(), "role 1 flags 1\n\n");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let origin = Origin::start(|connection| {
        if fastcgi_request(connection).is_some() {
            connection.send(whole("Content-Type: a/b\n\nonce"));
        }
    });
    let server = Server::proxying(
        &origin,
        "upstream group { server {{app}}; keepalive 4; }
         server { listen {{port}}; location / { fastcgi_keep_conn on; fastcgi_pass group; } }",
    );
    for _ in 0..5 {
        assert_eq!(server.get("/").text(), "once");
    }
    assert_eq!(origin.connections(), 5);
}

#[test]
fn head_and_304_have_no_body() {
    let origin = answering(whole("Content-Type: a/b\r\nContent-Length: 5\r\n\r\nhello"));
    let server = Server::proxying(&origin, PLAIN);
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.response_to("HEAD").unwrap();
    expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: a/b
        Content-Length: 5
        Connection: keep-alive

    "#]]
    .assert_eq(&server.text(&head));
    client.send(get("/"));
    assert_eq!(client.response().text(), "hello");
}

#[test]
fn the_next_server_is_asked() {
    let origin = answering(whole("Content-Type: a/b\n\nthe next"));
    let busy = answering(whole("Status: 503 Busy\n\n"));
    let broken = answering("garbage");
    let server = Server::setup().app(&origin).named_app("busy", &busy).named_app("broken", &broken).start(
        "upstream dead { server 127.0.0.1:{{dead}}; server {{app}} backup; }
         upstream busy { server {{busy}}; server {{app}} backup; }
         upstream broken { server {{broken}}; server {{app}} backup; }
         server { listen {{port}};
           location /dead { fastcgi_pass dead; }
           location /busy { fastcgi_pass busy; fastcgi_next_upstream http_503; }
           location /kept { fastcgi_pass busy; }
           location /broken { fastcgi_pass broken; fastcgi_next_upstream invalid_header; }
           location /tries { fastcgi_pass broken; fastcgi_next_upstream invalid_header;
                             fastcgi_next_upstream_tries 1; } }",
    );
    let mut text = String::new();
    for path in ["/dead", "/busy", "/broken"] {
        let response = server.get(path);
        text += &format!("{path} {} {}\n", response.status, response.text());
    }
    expect![[r#"
        /dead 200 the next
        /busy 200 the next
        /broken 200 the next
    "#]]
    .assert_eq(&text);
}

#[test]
fn errors_are_intercepted_and_accel_headers_obeyed() {
    let origin = Origin::start(|connection| {
        let Some(request) = fastcgi_request(connection) else { return };
        connection.send(whole(match request.variable("PATH") {
            "/error" => "Status: 500 Oh\n\nfrom the app".to_owned(),
            "/accel" => "X-Accel-Redirect: /inside?a=b\nSet-Cookie: c=1\n\nnever".to_owned(),
            "/hidden" => "X-A: 1\nX-B: 2\nStatus: 200 Fine\nX-Accel-Expires: 7\n\nbody".to_owned(),
            path => format!("Content-Type: a/b\n\n{path}"),
        }));
    });
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; fastcgi_param PATH $uri; error_page 500 = /page; fastcgi_intercept_errors on;
           location / { fastcgi_pass {{app}}; fastcgi_hide_header X-A; fastcgi_pass_header Status; }
           location /page { return 200 'the page'; }
           location /inside { internal; return 200 'inside $args'; } }",
    );
    assert_eq!(server.get("/error").text(), "the page");
    server.check_get(
        "/accel",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 10
        Connection: keep-alive
        Set-Cookie: c=1

        inside a=b"#]],
    );
    server.check_get(
        "/hidden",
        expect![[r#"
        HTTP/1.1 200 Fine
        Transfer-Encoding: chunked
        Connection: keep-alive
        X-B: 2
        Status: 200 Fine

        body"#]],
    );
}

#[test]
fn too_many_variables() {
    let origin = echo();
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; large_client_header_buffers 16 8k; location / { fastcgi_pass {{app}}; } }",
    );
    let mut request = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned();
    for n in 0..10 {
        request += &format!("X-{n}: {}\r\n", "x".repeat(7000));
    }
    assert_eq!(server.send(request + "\r\n").status, 500);
    let said = logged(&server, "fastcgi request");
    assert!(said.starts_with("fastcgi request record is too big: 70"), "{said}");
}

#[test]
fn answers_are_compressed() {
    let body = "compressible ".repeat(20_000);
    let origin =
        answering(whole(format!("Content-Type: text/html\nContent-Length: {}\n\n{body}", body.len())));
    let server = Server::proxying(
        &origin,
        "server { listen {{port}}; gzip on; location / { fastcgi_pass {{app}}; } }",
    );
    let response = server.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(response.header("content-encoding"), "gzip");
    assert!(response.body.starts_with(b"\x1f\x8b") && response.body.len() < body.len() / 10);
    assert!(!response.incomplete);
    assert_eq!(server.get("/").text(), body);
}

#[test]
fn an_upgrade_is_refused() {
    if !differences::INTERIM.ringx_only() {
        return;
    }
    let origin = answering(whole("Status: 101 Switching Protocols\nUpgrade: echo\nConnection: Upgrade\n\n"));
    let server = Server::proxying(&origin, PLAIN);
    let response = server.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(response.status, 502);
}

#[test]
fn what_debian_includes() {
    let origin = echo();
    let server = Server::setup()
        .app(&origin)
        .file(
            "fastcgi_params",
            "fastcgi_param QUERY_STRING $query_string;\nfastcgi_param REQUEST_METHOD $request_method;\n
             fastcgi_param CONTENT_TYPE $content_type;\nfastcgi_param CONTENT_LENGTH $content_length;\n
             fastcgi_param SCRIPT_NAME $fastcgi_script_name;\nfastcgi_param DOCUMENT_URI $document_uri;\n
             fastcgi_param SERVER_PROTOCOL $server_protocol;\nfastcgi_param REQUEST_SCHEME $scheme;\n
             fastcgi_param HTTPS $https if_not_empty;\nfastcgi_param GATEWAY_INTERFACE CGI/1.1;\n",
        )
        .file("root/index.php", "<?php")
        .start(
            "server { listen {{port}}; root {{root}}; index index.php;
               location ~ \\.php$ { include {{dir}}/fastcgi_params; fastcgi_pass {{app}}; } }",
        );
    server.check_get(
        "/",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Transfer-Encoding: chunked
        Connection: keep-alive

        role 1 flags 0
        QUERY_STRING=
        REQUEST_METHOD=GET
        CONTENT_TYPE=
        CONTENT_LENGTH=
        SCRIPT_NAME=/index.php
        DOCUMENT_URI=/index.php
        SERVER_PROTOCOL=HTTP/1.1
        REQUEST_SCHEME=http
        GATEWAY_INTERFACE=CGI/1.1
        HTTP_HOST=localhost

    "#]],
    );
}

/// `snippets/fastcgi-php.conf`, and a location with `if` in it.
#[test]
fn scripts_with_a_path_behind_their_name() {
    let origin = echo();
    let server = Server::setup()
        .app(&origin)
        .file("root/a.php", "<?php")
        .file(
            "snippet.conf",
            "fastcgi_split_path_info ^(.+?\\.php)(/.*)$;\ntry_files $fastcgi_script_name =404;\n
             set $path_info $fastcgi_path_info;\nfastcgi_param PATH_INFO $path_info;\nfastcgi_index index.php;\n",
        )
        .start(
            "server { listen {{port}}; root {{root}}; fastcgi_pass_request_headers off;
               location ~ \\.php(/|$) {
                 include {{dir}}/snippet.conf;
                 fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass {{app}};
                 if ($arg_no) { return 403; }
                 if ($arg_yes) { set $unused 1; } } }",
        );
    let mut text = String::new();
    for path in ["/a.php", "/a.php/b/c?d", "/a.php/b?yes=1", "/a.php?no=1", "/b.php/a"] {
        let response = server.get(path);
        let body = if response.status == 200 { response.text() } else { String::new() };
        let body = body.replace(&server.dir().display().to_string(), "{dir}").replace('\n', " ");
        text += &format!("{path} {} {body}\n", response.status);
    }
    expect![[r#"
        /a.php 200 role 1 flags 0 PATH_INFO= SCRIPT_FILENAME={dir}/root/a.php  
        /a.php/b/c?d 200 role 1 flags 0 PATH_INFO=/b/c SCRIPT_FILENAME={dir}/root/a.php  
        /a.php/b?yes=1 200 role 1 flags 0 PATH_INFO=/b SCRIPT_FILENAME={dir}/root/a.php  
        /a.php?no=1 403 
        /b.php/a 404 
    "#]]
    .assert_eq(&text);
}
