//! `auth_request` as the documentations of oauth2-proxy, Authelia, Vouch, Anubis and ingress-nginx have it.

use expect_test::expect;

use crate::support::{Origin, OriginConnection, Server, lines, wait_for};

fn answer(connection: &mut OriginConnection, status: &str, fields: &str, body: &str) {
    connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len()));
}

/// `path -> status, Location, cookies, body` of a request with this cookie.
fn ask(server: &Server, path: &str, cookie: &str) -> String {
    let answer = server.send(lines(&format!(
        "GET {path} HTTP/1.1\nHost: site.example\nCookie: {cookie}\nConnection: close"
    )));
    let cookies = answer.headers("set-cookie").join(" & ");
    let text = answer.text();
    let body = if text.contains("<html>") { "page" } else { text.trim_end() };
    let location = server.localised(&answer.header("location"));
    format!("{path} ({cookie}) -> {} [{location}] [{cookies}] {body}\n", answer.status)
}

/// What the app saw of who it is.
fn app() -> Origin {
    Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let told = ["x-user", "x-email", "remote-user", "remote-groups", "x-access-token"]
                .map(|name| request.header(name).unwrap_or_default())
                .join("|");
            let body =
                format!("{} {told} {}", request.line().replace("HTTP/1.0", "HTTP/1.1"), request.body.len());
            answer(connection, "200 OK", "Content-Type: text/plain\r\n", &body);
        }
    })
}

#[test]
fn oauth2_proxy() {
    let proxy = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let cookie = request.header("cookie").unwrap_or_default();
            let redirect = request.header("x-auth-request-redirect").unwrap_or_default();
            match &request.target()[..] {
                "/oauth2/auth" if cookie.contains("joe") => answer(
                    connection,
                    "202 Accepted",
                    "X-Auth-Request-User: joe\r\nX-Auth-Request-Email: joe@example.org\r\nSet-Cookie: _oauth2=new; Path=/; HttpOnly\r\n",
                    "",
                ),
                "/oauth2/auth" if cookie.contains("banned") => {
                    answer(connection, "403 Forbidden", "", "no\n");
                }
                "/oauth2/auth" => answer(connection, "401 Unauthorized", "", "Unauthorized\n"),
                "/oauth2/sign_in" => answer(
                    connection,
                    "403 Forbidden",
                    "Content-Type: text/plain\r\nSet-Cookie: csrf=1\r\n",
                    &format!("sign in {redirect} {}", request.line().split(' ').next().unwrap_or_default()),
                ),
                _ => answer(connection, "200 OK", "", &request.target()),
            }
        }
    });
    let app = app();
    let server = Server::setup().app(&app).named_app("oauth", &proxy).start(
        "server { listen {{port}}; server_name site.example;
            location /oauth2/ { proxy_pass http://{{oauth}}; proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
                proxy_set_header X-Auth-Request-Redirect $request_uri; }
            location = /oauth2/auth { proxy_pass http://{{oauth}}; proxy_set_header Host $host;
                proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Uri $request_uri;
                proxy_set_header Content-Length \"\"; proxy_pass_request_body off; }
            location / { auth_request /oauth2/auth; error_page 401 =403 /oauth2/sign_in;
                auth_request_set $user $upstream_http_x_auth_request_user;
                auth_request_set $email $upstream_http_x_auth_request_email;
                proxy_set_header X-User $user; proxy_set_header X-Email $email;
                auth_request_set $token $upstream_http_x_auth_request_access_token; proxy_set_header X-Access-Token $token;
                auth_request_set $auth_cookie $upstream_http_set_cookie; add_header Set-Cookie $auth_cookie;
                auth_request_set $auth_cookie_name_upstream_1 $upstream_cookie_auth_cookie_name_1;
                if ($auth_cookie ~* \"(; .*)\") { set $auth_cookie_name_0 $auth_cookie;
                    set $auth_cookie_name_1 \"auth_cookie_name_1=$auth_cookie_name_upstream_1$1\"; }
                if ($auth_cookie_name_upstream_1) { add_header Set-Cookie $auth_cookie_name_0;
                    add_header Set-Cookie $auth_cookie_name_1; }
                proxy_pass http://{{app}}; }
        }",
    );
    let mut seen = String::new();
    for (path, cookie) in
        [("/x?y=z", "s=joe"), ("/x?y=z", "s=banned"), ("/x?y=z", "none"), ("/oauth2/start", "none")]
    {
        seen += &ask(&server, path, cookie);
    }
    expect![[r#"
        /x?y=z (s=joe) -> 200 [] [_oauth2=new; Path=/; HttpOnly] GET /x?y=z HTTP/1.1 joe|joe@example.org||| 0
        /x?y=z (s=banned) -> 403 [] [] page
        /x?y=z (none) -> 403 [] [csrf=1] sign in /x?y=z GET
        /oauth2/start (none) -> 200 [] [] /oauth2/start
    "#]]
    .assert_eq(&seen);
}

#[test]
fn authelia() {
    let authelia = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let url = request.header("x-original-url").unwrap_or_default();
            let method = request.header("x-original-method").unwrap_or_default();
            if request.header("cookie").is_some_and(|cookie| cookie.contains("joe")) {
                answer(connection, "200 OK", "Remote-User: joe\r\nRemote-Groups: admins,dev\r\n", "200 OK");
            } else {
                let location = format!("Location: https://auth.example/?rd={url}&rm={method}\r\n");
                answer(
                    connection,
                    "401 Unauthorized",
                    &location,
                    "<a href=\"https://auth.example/\">401 Unauthorized</a>",
                );
            }
        }
    });
    let app = app();
    let server = Server::setup().app(&app).named_app("authelia", &authelia).start(
        "server { listen {{port}}; server_name site.example;
            location /internal/authelia/authz { internal; proxy_pass http://{{authelia}}/api/authz/auth-request;
                proxy_set_header X-Original-Method $request_method;
                proxy_set_header X-Original-URL $scheme://$http_host$request_uri; proxy_set_header X-Forwarded-For $remote_addr;
                proxy_set_header Content-Length \"\"; proxy_set_header Connection \"\"; proxy_pass_request_body off;
                proxy_next_upstream error timeout invalid_header http_500 http_502 http_503; proxy_redirect http:// $scheme://;
                proxy_http_version 1.1; proxy_buffers 4 32k; client_body_buffer_size 128k; send_timeout 5m; proxy_read_timeout 240; }
            location / { auth_request /internal/authelia/authz;
                auth_request_set $user $upstream_http_remote_user; auth_request_set $groups $upstream_http_remote_groups;
                proxy_set_header Remote-User $user; proxy_set_header Remote-Groups $groups;
                auth_request_set $redirection_url $upstream_http_location; error_page 401 =302 $redirection_url;
                proxy_pass http://{{app}}; } }",
    );
    let mut seen = String::new();
    for (path, cookie) in [("/x?y=z", "s=joe"), ("/x?y=z", "none"), ("/internal/authelia/authz", "s=joe")] {
        seen += &ask(&server, path, cookie);
    }
    expect![[r#"
        /x?y=z (s=joe) -> 200 [] [] GET /x?y=z HTTP/1.1 ||joe|admins,dev| 0
        /x?y=z (none) -> 302 [https://auth.example/?rd=http://site.example/x?y=z&rm=GET] [] page
        /internal/authelia/authz (s=joe) -> 404 [] [] page
    "#]]
    .assert_eq(&seen);
}

#[test]
fn vouch_anubis_and_ingress() {
    let checker = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let cookie = request.header("cookie").unwrap_or_default();
            if cookie.contains("joe") {
                answer(connection, "200 OK", "X-Vouch-User: joe\r\nSet-Cookie: auth=1; Path=/\r\n", "");
            } else {
                answer(
                    connection,
                    "401 Unauthorized",
                    "X-Vouch-Failcount: 1\r\nWWW-Authenticate: Vouch\r\n",
                    "no\n",
                );
            }
        }
    });
    let app = app();
    let server = Server::setup().app(&app).named_app("checker", &checker).start(
        "server { listen {{port}}; server_name site.example;
            location = /validate { proxy_pass http://{{checker}}/validate; proxy_set_header Host $http_host;
                proxy_pass_request_body off; proxy_set_header Content-Length \"\";
                auth_request_set $vouch_user $upstream_http_x_vouch_user; auth_request_set $err $upstream_http_x_vouch_err; }
            location /vouch/ { auth_request /validate; error_page 401 = @error401; auth_request_set $count $upstream_http_x_vouch_failcount;
                auth_request_set $vouch_user $upstream_http_x_vouch_user; proxy_set_header X-User $vouch_user; proxy_pass http://{{app}}; }
            location @error401 { return 302 https://vouch.example/login?url=$scheme://$http_host$request_uri&failcount=$count&error=$err; }
            location /anubis/ { auth_request /validate; error_page 401 = @redirectToAnubis; proxy_pass http://{{app}}; }
            location @redirectToAnubis { return 307 /.within.website/?redir=$request_uri; auth_request off; }
            location = /_external-auth { internal; set $target http://{{checker}}/check; proxy_pass_request_body off;
                proxy_set_header Content-Length \"\"; proxy_set_header X-Auth-Request-Redirect $request_uri; proxy_pass $target; }
            location /ingress/ { auth_request /_external-auth; auth_request_set $auth_cookie $upstream_http_set_cookie;
                add_header Set-Cookie $auth_cookie; proxy_pass http://{{app}}; }
        }",
    );
    let mut seen = String::new();
    for path in ["/vouch/x?a=b", "/anubis/x?a=b", "/ingress/x?a=b"] {
        for cookie in ["s=joe", "none"] {
            seen += &ask(&server, path, cookie);
        }
    }
    expect![[r#"
        /vouch/x?a=b (s=joe) -> 200 [] [] GET /vouch/x?a=b HTTP/1.1 joe|||| 0
        /vouch/x?a=b (none) -> 302 [https://vouch.example/login?url=http://site.example/vouch/x?a=b&failcount=1&error=] [] page
        /anubis/x?a=b (s=joe) -> 200 [] [] GET /anubis/x?a=b HTTP/1.1 |||| 0
        /anubis/x?a=b (none) -> 307 [http://site.example:{port}/.within.website/?redir=/anubis/x?a=b] [] page
        /ingress/x?a=b (s=joe) -> 200 [] [auth=1; Path=/] GET /ingress/x?a=b HTTP/1.1 |||| 0
        /ingress/x?a=b (none) -> 401 [] [] page
    "#]].assert_eq(&seen);
}

#[test]
fn uploads_wait_for_their_permission() {
    let judge = Origin::start(|connection| {
        while let Some(request) = connection.request() {
            let status = if request.header("x-key").is_some() { "204 Yes" } else { "403 No" };
            connection.send(format!(
                "HTTP/1.1 {status}\r\n{}\r\n",
                if status.starts_with('4') { "Content-Length: 0\r\n" } else { "" }
            ));
        }
    });
    let app = app();
    let server = Server::setup().app(&app).named_app("judge", &judge).start(
        "server { listen {{port}}; auth_request /auth; client_body_buffer_size 8k; proxy_http_version 1.1;
            location = /auth { proxy_pass http://{{judge}}; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }
            location / { proxy_pass http://{{app}}; }
            location /streamed/ { proxy_request_buffering off; proxy_pass http://{{app}}; } }",
    );
    let body = "b".repeat(100_000);
    let mut seen = String::new();
    for path in ["/x", "/streamed/x"] {
        for key in ["X-Key: k\r\n", ""] {
            let plain = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\n{key}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let chunked = format!(
                "PUT {path} HTTP/1.1\r\nHost: a\r\n{key}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            );
            let mut client = server.connect();
            for request in [plain, chunked] {
                let answer = client.send(request).response();
                let text = if answer.status == 200 { answer.text() } else { String::new() };
                seen += &format!("{path} {key:?}: {} {text}\n", answer.status);
            }
            // Head and body of the next request come in one go, behind a body that may have been refused.
            let next = format!("GET /next HTTP/1.1\r\nHost: a\r\n{key}\r\n").repeat(2);
            client.send(next);
            seen += &format!("{} {}\n", client.response().status, client.response().status);
        }
    }
    expect![[r#"
        /x "X-Key: k\r\n": 200 POST /x HTTP/1.1 |||| 100000
        /x "X-Key: k\r\n": 200 PUT /x HTTP/1.1 |||| 100005
        200 200
        /x "": 403 
        /x "": 403 
        403 403
        /streamed/x "X-Key: k\r\n": 200 POST /streamed/x HTTP/1.1 |||| 100000
        /streamed/x "X-Key: k\r\n": 200 PUT /streamed/x HTTP/1.1 |||| 100005
        200 200
        /streamed/x "": 403 
        /streamed/x "": 403 
        403 403
    "#]]
    .assert_eq(&seen);
    assert!(judge.requests().iter().all(|request| request.body.is_empty()));
}

#[test]
fn a_client_that_does_not_wait() {
    let judge = Origin::start(|connection| {
        while connection.request().is_some() {
            while !connection.closed_by_peer() {}
        }
    });
    let server = Server::setup().named_app("judge", &judge).file("root/f", "file").start(
        "server { listen {{port}}; root {{root}}; location / { auth_request /auth; }
            location = /auth { proxy_pass http://{{judge}}; } }",
    );
    let mut client = server.connect();
    client.send(lines("GET /f HTTP/1.1\nHost: localhost"));
    judge.wait_requests(1);
    drop(client);
    let log = server.wait_file("access.log", |log| !log.is_empty());
    assert!(log.contains("\"GET /f HTTP/1.1\" 499 0"), "{log}");
    wait_for("the end of the question", || {
        server.error_log().contains("subrequest: \"/auth\"").then_some(())
    });
}
