//! `auth_request`: another location is asked whether a request may pass.

use expect_test::expect;

use crate::differences::CHALLENGES;
use crate::support::{Origin, Server, Setup, lines};

/// Answers as the query of `X-Original-URI` says, 200 without one; tells what it was asked in `X-Seen`.
fn judge() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let asked = request.header("x-original-uri").unwrap_or_default();
            let answer = asked.split_once('?').map_or("ok", |(_, query)| query);
            let seen = format!(
                "{}; method={} length={} own={}",
                request.target(),
                request.header("x-original-method").unwrap_or_default(),
                request.header("content-length").unwrap_or_default(),
                request.header("x-own").unwrap_or_default()
            );
            let (status, more) = match answer {
                "no" => ("403 Forbidden", String::new()),
                "who" => ("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"r\"\r\n".to_owned()),
                "gone" => ("410 Gone", String::new()),
                "moved" => ("302 Found", "Location: http://login.example/\r\n".to_owned()),
                "created" => ("201 Created", String::new()),
                "close" => return,
                user => ("200 OK", format!("X-User: {user}\r\nSet-Cookie: s={user}\r\n")),
            };
            let body = "b".repeat(if answer == "long" { 100_000 } else { 20 });
            if !connection.send(format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nX-Seen: {seen}\r\n{more}\r\n{body}",
                body.len()
            )) {
                return;
            }
        }
    })
}

/// The location that asks the judge.
const ASK: &str = "location = /auth {
        internal; proxy_pass http://{{judge}}/verify; proxy_pass_request_body off;
        proxy_set_header Content-Length \"\"; proxy_set_header X-Original-URI $request_uri;
        proxy_set_header X-Original-Method $request_method; }";

fn setup(judge: &Origin) -> Setup {
    Server::setup().named_app("judge", judge).file("root/f", "file").file("root/index.html", "index")
}

/// What each of the paths asks the client to prove.
fn asked_for(server: &Server, paths: &[&str]) -> String {
    let line = |path: &&str| {
        let answer = server.get(path);
        format!("{path} -> {} {:?}\n", answer.status, answer.headers("www-authenticate"))
    };
    paths.iter().map(line).collect()
}

#[test]
fn the_status_decides() {
    let judge = judge();
    let server = setup(&judge).start(&format!(
        "server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK}
            location / {{ auth_request /auth; }}
            location /dead/ {{ auth_request /dead-auth; alias {{{{root}}}}/; }}
            location = /dead-auth {{ proxy_pass http://127.0.0.1:{{{{dead}}}}; }}
            location /none/ {{ auth_request /nothing/here; alias {{{{root}}}}/; }}
            location /204/ {{ auth_request /return204; alias {{{{root}}}}/; }}
            location = /return204 {{ return 204; }}
            location /401/ {{ auth_request /return401; alias {{{{root}}}}/; }}
            location = /return401 {{ add_header WWW-Authenticate own always; return 401; }}
            location /text/ {{ auth_request /text-auth; alias {{{{root}}}}/; }}
            location = /text-auth {{ return 200 text; }}
            location /file/ {{ auth_request /f; alias {{{{root}}}}/; }}
            location /paged/ {{ auth_request /paged-auth; alias {{{{root}}}}/; }}
            location = /paged-auth {{ error_page 404 =200 /f; return 404; }}
            location /off/ {{ auth_request off; alias {{{{root}}}}/; }}
            location /hidden/ {{ auth_request /hidden-auth; alias {{{{root}}}}/; }}
            location = /hidden-auth {{ proxy_hide_header WWW-Authenticate; proxy_pass http://{{{{judge}}}};
                proxy_set_header X-Original-URI $request_uri; }}
            location /rewritten/ {{ auth_request /first; alias {{{{root}}}}/; }}
            location = /first {{ rewrite ^ /return204; }}
            location /closed/ {{ auth_request /closed-auth; alias {{{{root}}}}/; }}
            location = /closed-auth {{ return 444; }}
        }}"
    ));
    let paths = [
        "/f",
        "/f?no",
        "/f?who",
        "/f?gone",
        "/f?moved",
        "/f?created",
        "/f?close",
        "/f?long",
        "/",
        "/?no",
        "/missing",
        "/missing?no",
        "/auth",
        "/dead/f",
        "/none/f",
        "/204/f",
        "/401/f",
        "/text/f",
        "/file/f",
        "/paged/f",
        "/off/f",
        "/hidden/f?who",
        "/rewritten/f",
    ];
    expect![[r#"
        /f -> 200 file
        /f?no -> 403
        /f?who -> 401
        /f?gone -> 500
        /f?moved -> 500
        /f?created -> 200 file
        /f?close -> 500
        /f?long -> 200 file
        / -> 200 index
        /?no -> 403
        /missing -> 404
        /missing?no -> 403
        /auth -> 404
        /dead/f -> 500
        /none/f -> 500
        /204/f -> 200 file
        /401/f -> 401
        /text/f -> 200 file
        /file/f -> 200 file
        /paged/f -> 200 file
        /off/f -> 200 file
        /hidden/f?who -> 401
        /rewritten/f -> 200 file
    "#]]
    .assert_eq(&server.table(&paths));
    expect![[r#"
        /f?who -> 401 ["Bearer realm=\"r\""]
        /hidden/f?who -> 401 ["Bearer realm=\"r\""]
        /401/f -> 401 []
        /f?gone -> 500 []
    "#]]
    .assert_eq(&asked_for(&server, &["/f?who", "/hidden/f?who", "/401/f", "/f?gone"]));
}

#[test]
fn what_the_other_location_is_asked() {
    let judge = Origin::ok();
    let server = setup(&judge).start(
        "map $uri $mapped { default other; /f mapped-f; /auth mapped-auth; }
        server { listen {{port}}; root {{root}}; client_max_body_size 1k;
            location = /auth { internal; proxy_pass http://{{judge}}; proxy_pass_request_body off;
                proxy_set_header Content-Length \"\"; proxy_set_header X-Original-URI $request_uri;
                proxy_set_header X-Uri $uri$is_args$args; proxy_set_header X-Method $request_method;
                proxy_set_header X-Length $content_length; proxy_set_header X-Set $set;
                proxy_set_header X-Mapped $mapped; proxy_set_header X-Addr $remote_addr; }
            location = /auth-whole { proxy_pass http://{{judge}}/v?whole; }
            location = /auth-host { proxy_pass http://{{judge}}$request_uri; proxy_method POST;
                proxy_set_header Host $host; }
            location / { set $set $mapped; auth_request /auth; }
            location /whole/ { auth_request /auth-whole; alias {{root}}/; }
            location /host/ { auth_request /auth-host; alias {{root}}/; }
            location /posted { auth_request /auth; return 200 returned; }
            location /app/ { auth_request /auth; proxy_pass http://{{judge}}/inner/; }
        }",
    );
    for request in [
        "GET /f?a=b HTTP/1.1\nHost: a.example\nX-Own: x\nAuthorization: Bearer t\nCookie: a=b",
        "HEAD /f HTTP/1.1\nHost: localhost",
        "GET / HTTP/1.1\nHost: localhost",
        "GET /whole/f?x HTTP/1.1\nHost: localhost",
        "GET /host/f?x HTTP/1.1\nHost: localhost",
        "GET /posted HTTP/1.1\nHost: localhost",
    ] {
        server.send(lines(request));
    }
    server.send("POST /app/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
    server.send(
        "PUT /app/y HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    );
    let asked: String = judge.requests().iter().map(|request| server.received(request)).collect();
    expect![[r#"
        GET /auth HTTP/1.1
        X-Original-URI: /f?a=b
        X-Uri: /auth
        X-Method: GET
        X-Set: mapped-f
        X-Mapped: mapped-f
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}
        X-Own: x
        Authorization: Bearer t
        Cookie: a=b

        GET /auth HTTP/1.1
        X-Original-URI: /f
        X-Uri: /auth
        X-Method: HEAD
        X-Set: mapped-f
        X-Mapped: mapped-f
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}

        GET /auth HTTP/1.1
        X-Original-URI: /
        X-Uri: /auth
        X-Method: GET
        X-Set: other
        X-Mapped: other
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}

        GET /auth HTTP/1.1
        X-Original-URI: /
        X-Uri: /auth
        X-Method: GET
        X-Set: other
        X-Mapped: other
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}

        GET /v?whole HTTP/1.1
        Host: 127.0.0.1:{judge}

        POST /host/f?x HTTP/1.1
        Host: localhost

        GET /auth HTTP/1.1
        X-Original-URI: /app/x
        X-Uri: /auth
        X-Method: POST
        X-Length: 4
        X-Mapped: mapped-auth
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}

        POST /inner/x HTTP/1.1
        Host: 127.0.0.1:{judge}
        Content-Length: 4

        bodyGET /auth HTTP/1.1
        X-Original-URI: /app/y
        X-Uri: /auth
        X-Method: PUT
        X-Mapped: mapped-auth
        X-Addr: 127.0.0.1
        Host: 127.0.0.1:{judge}

        PUT /inner/y HTTP/1.1
        Host: 127.0.0.1:{judge}
        Content-Length: 4

        body"#]]
    .assert_eq(&asked);
}

#[test]
fn variables_of_the_answer() {
    let judge = judge();
    let app = Origin::echo();
    let server = setup(&judge).app(&app).start(&format!(
        "log_format seen '$status $user|$seen|$code|$cookie';
        access_log {{{{dir}}}}/seen.log seen;
        server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK}
            auth_request_set $user $upstream_http_x_user;
            auth_request_set $seen $upstream_http_x_seen;
            auth_request_set $code $upstream_status;
            auth_request_set $cookie $sent_http_set_cookie;
            location /f {{ auth_request /auth; add_header X-User $user; add_header X-Seen $seen always;
                add_header X-Code $code always; add_header Set-Cookie $cookie; }}
            location /app/ {{ auth_request /auth; proxy_pass http://{{{{app}}}}; proxy_http_version 1.1;
                proxy_set_header Connection \"\"; proxy_set_header X-User $user;
                proxy_set_header X-Code $code; proxy_set_header X-Upstream '$upstream_status'; }}
            location /returned {{ auth_request /auth; return 200 '<$user|$code>'; }}
            location /try/ {{ auth_request /auth; try_files /none/$user @shown; }}
            location @shown {{ return 200 'shown <$user|$code|$uri>'; }}
            location /own/ {{ auth_request /auth; auth_request_set $user \"own:$upstream_http_x_user:$code\";
                auth_request_set $code '[$user]'; try_files /none @shown; }}
            location /denied/ {{ auth_request /auth; error_page 401 403 = @denied; }}
            location @denied {{ return 200 'denied <$user|$code|$uri>'; }}
            location /args/ {{ auth_request /auth; auth_request_set $args u=$upstream_http_x_user; try_files /n @args; }}
            location @args {{ return 200 '$args $arg_u'; }}
            location /set/ {{ auth_request /sets; try_files /n @set; }}
            location /sets {{ set $by_part part; set $twice part; return 204; }}
            location @set {{ set $twice $twice-again; return 200 '<$by_part $twice>'; }}
        }}"
    ));
    server.check_get(
        "/f?joe",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 4
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-4"
        X-User: joe
        X-Seen: /verify; method=GET length= own=
        X-Code: 200
        Set-Cookie: s=joe
        Accept-Ranges: bytes

        file"#]],
    );
    server.check_get(
        "/f?no",
        expect![[r#"
        HTTP/1.1 403 Forbidden
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive
        X-Seen: /verify; method=GET length= own=
        X-Code: 403

        {page: 403 Forbidden}
    "#]],
    );
    server.check_get(
        "/app/x?joe",
        expect![[r#"
            HTTP/1.1 200 OK
            Content-Type: text/plain
            Content-Length: 71
            Connection: keep-alive

            GET /app/x?joe HTTP/1.1
            X-User: joe
            X-Code: 200
            Host: 127.0.0.1:{app}

        "#]],
    );
    expect![[r#"
        /returned?joe -> 200 <|>
        /try/x?joe -> 200 shown <joe|200|/try/x>
        /own/x?joe -> 200 shown <own:joe:|[own:joe:]|/own/x>
        /denied/x?joe -> 404
        /denied/x?no -> 200 denied <|403|/denied/x>
        /denied/x?who -> 200 denied <|401|/denied/x>
        /denied/x?gone -> 500
        /args/x?joe -> 200 u=joe joe
        /set/x -> 200 <part part-again>
    "#]]
    .assert_eq(&server.table(&[
        "/returned?joe",
        "/try/x?joe",
        "/own/x?joe",
        "/denied/x?joe",
        "/denied/x?no",
        "/denied/x?who",
        "/denied/x?gone",
        "/args/x?joe",
        "/set/x",
    ]));
    let log = server.wait_file("seen.log", |log| log.lines().count() >= 12);
    expect![[r#"
        200 joe|/verify; method=GET length= own=|200|s=joe
        403 |/verify; method=GET length= own=|403|
        200 joe|/verify; method=GET length= own=|200|s=joe
        200 -|-|-|-
        200 joe|/verify; method=GET length= own=|200|s=joe
        200 own:joe:|-|[own:joe:]|-
        404 joe|/verify; method=GET length= own=|200|s=joe
        200 |/verify; method=GET length= own=|403|
        200 |/verify; method=GET length= own=|401|
        500 |/verify; method=GET length= own=|410|
        200 -|-|-|-
        200 |||
    "#]]
    .assert_eq(&log);
}

#[test]
fn with_other_checks() {
    let judge = judge();
    let server = setup(&judge).file("users", "u:{PLAIN}p").start(&format!(
        "server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK} auth_request /auth;
            location /all/ {{ alias {{{{root}}}}/; allow all; auth_basic b; auth_basic_user_file {{{{dir}}}}/users; }}
            location /denied/ {{ alias {{{{root}}}}/; deny all; }}
            location /any/ {{ alias {{{{root}}}}/; satisfy any; deny all; }}
            location /any-allowed/ {{ alias {{{{root}}}}/; satisfy any; allow all; }}
            location /any-basic/ {{ alias {{{{root}}}}/; satisfy any; auth_basic b; auth_basic_user_file {{{{dir}}}}/users; }}
            location /off/ {{ alias {{{{root}}}}/; auth_request off; }}
            location /limited/ {{ alias {{{{root}}}}/; auth_request off; limit_except GET {{ deny all; }} }}
            location /nested/ {{ alias {{{{root}}}}/; location /nested/in/ {{ alias {{{{root}}}}/; auth_request /no; }} }}
            location = /no {{ return 403; }}
            location /login/ {{ alias {{{{root}}}}/; error_page 401 = @login; }}
            location @login {{ auth_request off; return 302 /login?to=$request_uri; }}
            location /again/ {{ alias {{{{root}}}}/; error_page 401 = @again; }}
            location @again {{ return 302 /login?to=$request_uri; }}
            location /page/ {{ alias {{{{root}}}}/; error_page 401 403 /page.html; error_page 500 =200 /f; }}
            location = /page.html {{ return 200 page; }}
            location /guarded-page/ {{ alias {{{{root}}}}/; error_page 401 403 /all-page/f; }}
            location /all-page/ {{ alias {{{{root}}}}/; }}
            if ($arg_stop) {{ return 418; }}
        }}"
    ));
    let paths = [
        "/all/f",
        "/all/f?no",
        "/denied/f",
        "/any/f",
        "/any/f?no",
        "/any/f?who",
        "/any/f?gone",
        "/any-allowed/f?no",
        "/any-basic/f",
        "/any-basic/f?no",
        "/any-basic/f?who",
        "/off/f?no",
        "/limited/f?no",
        "/nested/f",
        "/nested/f?no",
        "/nested/in/f",
        "/login/f?who",
        "/login/f",
        "/again/f?who",
        "/page/f?who",
        "/page/f?no",
        "/page/f?gone",
        "/guarded-page/f?no",
        "/f?stop=1",
    ];
    expect![[r#"
        /all/f -> 401
        /all/f?no -> 401
        /denied/f -> 403
        /any/f -> 200 file
        /any/f?no -> 403
        /any/f?who -> 401
        /any/f?gone -> 500
        /any-allowed/f?no -> 200 file
        /any-basic/f -> 200 file
        /any-basic/f?no -> 401
        /any-basic/f?who -> 401
        /off/f?no -> 200 file
        /limited/f?no -> 200 file
        /nested/f -> 200 file
        /nested/f?no -> 403
        /nested/in/f -> 403
        /login/f?who -> 302 http://localhost:{port}/login?to=/login/f?who
        /login/f -> 200 file
        /again/f?who -> 302 http://localhost:{port}/login?to=/again/f?who
        /page/f?who -> 401
        /page/f?no -> 403
        /page/f?gone -> 500
        /guarded-page/f?no -> 403
        /f?stop=1 -> 418
    "#]]
    .assert_eq(&server.table(&paths));
    let paths = ["/any-basic/f?who", "/any-basic/f?no", "/any-basic/f?ok", "/page/f?who", "/login/f?who"];
    expect![[r#"
        /any-basic/f?who -> 401 ["Basic realm=\"b\"", "Bearer realm=\"r\""]
        /any-basic/f?no -> 401 ["Basic realm=\"b\""]
        /any-basic/f?ok -> 200 []
        /page/f?who -> 401 ["Bearer realm=\"r\""]
        /login/f?who -> 302 ["Bearer realm=\"r\""]
    "#]]
    .assert_eq(&asked_for(&server, &paths));
    // Once for each location that is entered: the index is another one.
    let before = judge.requests().len();
    server.get("/");
    assert_eq!(judge.requests().len() - before, 2);
}

#[test]
fn the_error_log_says_why() {
    let judge = judge();
    let server = setup(&judge).start(&format!(
        "server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK}
            location / {{ auth_request /auth; }}
            location /none/ {{ auth_request /nothing; }}
            location /dead/ {{ auth_request /dead-auth; }}
            location = /dead-auth {{ proxy_pass http://127.0.0.1:{{{{dead}}}}; }}
        }}"
    ));
    for path in ["/f?gone", "/none/f", "/dead/f"] {
        server.get(path);
    }
    let log = server.wait_error("unexpected status: 502");
    for line in [
        "auth request unexpected status: 410",
        "auth request unexpected status: 404, client: 127.0.0.1, server: , request: \"GET /none/f HTTP/1.1\", host: \"localhost\"",
        "root/nothing\" failed (2: No such file or directory), client: 127.0.0.1, server: , request: \"GET /none/f HTTP/1.1\", subrequest: \"/nothing\", host: \"localhost\"",
        "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: \"GET /dead/f HTTP/1.1\", subrequest: \"/dead-auth\", upstream: \"http://127.0.0.1:",
    ] {
        assert!(log.contains(line), "no line with {line} in {log}");
    }
}

#[test]
fn a_client_that_leaves_and_a_connection_that_is_kept() {
    let judge = judge();
    let server = setup(&judge).start(&format!(
        "upstream judge {{ server {{{{judge}}}}; keepalive 4; }}
        server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK} location / {{ auth_request /auth; }}
            location /other/ {{ auth_request /closing; alias {{{{root}}}}/; }}
            location = /closing {{ return 444; }} }}"
    ));
    let mut client = server.connect();
    let seen: Vec<u16> = ["/f", "/f?no", "/f?who", "/f?long", "/f"]
        .map(|path| {
            client.send(lines(&format!("GET {path} HTTP/1.1\nHost: localhost")));
            client.response_to("GET").map_or(0, |response| response.status)
        })
        .to_vec();
    assert_eq!(seen, [200, 403, 401, 200, 200]);
    server.connect().send(lines("GET /other/f HTTP/1.1\nHost: localhost")).expect_close();
}

#[test]
fn all_that_the_client_is_asked_for() {
    let judge = Origin::answering(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: Bearer\r\nContent-Length: 3\r\n\r\nno\n",
    );
    let server = setup(&judge).start(&format!(
        "server {{ listen {{{{port}}}}; root {{{{root}}}}; {ASK} auth_request /auth; location / {{}} }}"
    ));
    let asked = server.get("/f").headers("www-authenticate");
    assert_eq!(asked, CHALLENGES.pick(&["Basic realm=\"a\""][..], &["Basic realm=\"a\"", "Bearer"]));
    if !CHALLENGES.ringx_only() {
        return;
    }
    server.get("/f");
    server.get("/f");
    assert_eq!((judge.requests().len(), judge.connections()), (3, 1));
}

#[test]
fn what_is_refused() {
    for (conf, message) in [
        ("auth_request /a; auth_request /b;", "\"auth_request\" directive is duplicate"),
        ("auth_request_set user $host;", "invalid variable name \"user\""),
        ("auth_request_set $host x;", "the duplicate \"host\" variable"),
        ("auth_request_set $user $nope;", "unknown \"nope\" variable"),
    ] {
        let mut setup = Server::setup();
        let conf = setup.fill(&format!("server {{ listen {{{{port}}}}; location / {{ {conf} }} }}"));
        let conf = setup.wrap(&conf);
        let conf = setup.fill(&conf);
        let setup = setup.file("test.conf", &conf);
        let file = setup.dir().join("test.conf").display().to_string();
        let output = crate::support::run(&["-t", "-c", &file]);
        assert!(output.code != Some(0) && output.stderr.contains(message), "{message}: {}", output.stderr);
    }
}
