//! Cookies of the app on their way to the client: `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`.

use expect_test::{Expect, expect};

use crate::command_line::first_error;
use crate::support::{Origin, Server, get};

/// Cookies that the app sets, in many forms.
const COOKIES: [&str; 20] = [
    "a=1",
    "a=1; Domain=app.test; Path=/one/",
    "a=1; domain=.APP.test; path=/one",
    "a=1; Domain=.app.test",
    "a=1; Domain=www.app.test; Path=/One/x",
    "a=1; Domain=; Path=",
    "a=1; Domain; Path",
    "a=1;domain = app.test ;  path=/one/two; Secure; HttpOnly; SameSite=Lax",
    "secure=1; secure; samesite=None",
    "one=1; HTTPONLY; Path=/two/",
    "two=2; SameSite; Path=/one/; Path=/two/",
    "three",
    "",
    ";",
    "=x; Path=/one/",
    "four=a=b; Path=/one/=x",
    "five=\"a; Path=/one/\"",
    "six=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=1;",
    "SID=1; Path=/one/; Path=/one/",
    "seven=7; Domain=other.test; Path=/",
];

fn app() -> Origin {
    let lines: String = COOKIES.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
    Origin::answering(format!("HTTP/1.1 200 OK\r\n{lines}X-Other: Path=/one/\r\nContent-Length: 0\r\n\r\n"))
}

/// The cookies that a location with these directives passes on, of those that it changes.
fn changed(server: &Server, path: &str) -> String {
    let answer = server.get(path);
    let cookies = answer.headers("set-cookie");
    assert_eq!(cookies.len(), COOKIES.len(), "{cookies:?}");
    let pairs = COOKIES.iter().zip(cookies);
    pairs.filter(|(app, now)| **app != now.as_str()).map(|(_, now)| format!("{now}\n")).collect()
}

fn check(directives: &str, expected: Expect) {
    let origin = app();
    let conf = format!(
        "server {{ listen {{{{port}}}}; location / {{ proxy_pass http://{{{{app}}}}; {directives} }} }}"
    );
    let server = Server::proxying(&origin, &conf);
    expected.assert_eq(&changed(&server, "/?d=app.test&p=one&f=secure&n=Two"));
}

#[test]
fn domains() {
    check("proxy_cookie_domain off;", expect![[""]]);
    check(
        "proxy_cookie_domain app.test outer.test;",
        expect![[r#"
        a=1; Domain=outer.test; Path=/one/
        a=1; domain=.outer.test; path=/one
        a=1; Domain=.outer.test
        a=1; domain=outer.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
    "#]],
    );
    check(
        "proxy_cookie_domain .app.test .$host;",
        expect![[r#"
        a=1; Domain=localhost; Path=/one/
        a=1; domain=.localhost; path=/one
        a=1; Domain=.localhost
        a=1; domain=localhost; path=/one/two; Secure; HttpOnly; SameSite=Lax
    "#]],
    );
    check(
        "proxy_cookie_domain $arg_d outer.test;",
        expect![[r#"
        a=1; Domain=outer.test; Path=/one/
        a=1; domain=.outer.test; path=/one
        a=1; Domain=.outer.test
        a=1; domain=outer.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
    "#]],
    );
    check(
        "proxy_cookie_domain ~^www\\.(.+)\\.TEST$ $1.outer; proxy_cookie_domain ~\\.test$ second;",
        expect![[r#"
            a=1; Domain=second; Path=/one/
            a=1; domain=second; path=/one
            a=1; Domain=second
            a=1; Domain=app.outer; Path=/One/x
            a=1; domain=second; path=/one/two; Secure; HttpOnly; SameSite=Lax
            seven=7; Domain=second; Path=/
        "#]],
    );
    check(
        "proxy_cookie_domain ~^(?<first>[a-z]+)\\. $first; proxy_cookie_domain other.test never;",
        expect![[r#"
            a=1; Domain=app; Path=/one/
            a=1; Domain=www; Path=/One/x
            a=1; domain=app; path=/one/two; Secure; HttpOnly; SameSite=Lax
            seven=7; Domain=other; Path=/
        "#]],
    );
    check(
        "proxy_cookie_domain \"\" empty;",
        expect![[r#"
        a=1; Domain=empty; Path=
    "#]],
    );
    check(
        "proxy_cookie_domain app.test \"\";",
        expect![[r#"
        a=1; Domain=; Path=/one/
        a=1; domain=.; path=/one
        a=1; Domain=.
        a=1; domain=; path=/one/two; Secure; HttpOnly; SameSite=Lax
    "#]],
    );
}

#[test]
fn paths() {
    check("proxy_cookie_path off;", expect![[""]]);
    check(
        "proxy_cookie_path /one/ /;",
        expect![[r#"
        a=1; Domain=app.test; Path=/
        a=1; domain=app.test; path=/two; Secure; HttpOnly; SameSite=Lax
        two=2; SameSite; Path=/; Path=/two/
        =x; Path=/
        four=a=b; Path=/=x
        five="a; Path=/"
        SID=1; Path=/; Path=/
    "#]],
    );
    check(
        "proxy_cookie_path /$arg_p/ /$arg_p/$arg_d/;",
        expect![[r#"
        a=1; Domain=app.test; Path=/one/app.test/
        a=1; domain=app.test; path=/one/app.test/two; Secure; HttpOnly; SameSite=Lax
        two=2; SameSite; Path=/one/app.test/; Path=/two/
        =x; Path=/one/app.test/
        four=a=b; Path=/one/app.test/=x
        five="a; Path=/one/app.test/"
        SID=1; Path=/one/app.test/; Path=/one/app.test/
    "#]],
    );
    check(
        "proxy_cookie_path ~^/one/(.*)$ /$1; proxy_cookie_path /two/ /2/;",
        expect![[r#"
        a=1; Domain=app.test; Path=/
        a=1; domain=app.test; path=/two; Secure; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/2/
        two=2; SameSite; Path=/; Path=/2/
        =x; Path=/
        four=a=b; Path=/=x
        five="a; Path=/"
        SID=1; Path=/; Path=/
    "#]],
    );
    check(
        "proxy_cookie_path ~*^/ONE /x;",
        expect![[r#"
        a=1; Domain=app.test; Path=/x
        a=1; domain=.APP.test; path=/x
        a=1; Domain=www.app.test; Path=/x
        a=1; domain=app.test; path=/x; Secure; HttpOnly; SameSite=Lax
        two=2; SameSite; Path=/x; Path=/two/
        =x; Path=/x
        four=a=b; Path=/x
        five="a; Path=/x
        SID=1; Path=/x; Path=/x
    "#]],
    );
    check(
        "proxy_cookie_path / \"/; Secure\";",
        expect![[r#"
        a=1; Domain=app.test; Path=/; Secureone/
        a=1; domain=.APP.test; path=/; Secureone
        a=1; Domain=www.app.test; Path=/; SecureOne/x
        a=1; domain=app.test; path=/; Secureone/two; Secure; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/; Securetwo/
        two=2; SameSite; Path=/; Secureone/; Path=/; Securetwo/
        =x; Path=/; Secureone/
        four=a=b; Path=/; Secureone/=x
        five="a; Path=/; Secureone/"
        SID=1; Path=/; Secureone/; Path=/; Secureone/
        seven=7; Domain=other.test; Path=/; Secure
    "#]],
    );
    check(
        "proxy_cookie_path \"\" /p;",
        expect![[r#"
        a=1; Domain=app.test; Path=/p/one/
        a=1; domain=.APP.test; path=/p/one
        a=1; Domain=www.app.test; Path=/p/One/x
        a=1; Domain=; Path=/p
        a=1; domain=app.test; path=/p/one/two; Secure; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/p/two/
        two=2; SameSite; Path=/p/one/; Path=/p/two/
        =x; Path=/p/one/
        four=a=b; Path=/p/one/=x
        five="a; Path=/p/one/"
        SID=1; Path=/p/one/; Path=/p/one/
        seven=7; Domain=other.test; Path=/p/
    "#]],
    );
}

#[test]
fn flags() {
    check("proxy_cookie_flags off;", expect![[""]]);
    check(
        "proxy_cookie_flags a secure httponly samesite=strict;",
        expect![[r#"
        a=1; Secure; HttpOnly; SameSite=Strict
        a=1; Domain=app.test; Path=/one/; Secure; HttpOnly; SameSite=Strict
        a=1; domain=.APP.test; path=/one; Secure; HttpOnly; SameSite=Strict
        a=1; Domain=.app.test; Secure; HttpOnly; SameSite=Strict
        a=1; Domain=www.app.test; Path=/One/x; Secure; HttpOnly; SameSite=Strict
        a=1; Domain=; Path=; Secure; HttpOnly; SameSite=Strict
        a=1; Domain; Path; Secure; HttpOnly; SameSite=Strict
        a=1; domain=app.test; path=/one/two; Secure; HttpOnly; SameSite=Strict
    "#]],
    );
    check(
        "proxy_cookie_flags A nosecure nohttponly nosamesite;",
        expect![[r#"
        a=1; domain=app.test; path=/one/two
    "#]],
    );
    check(
        "proxy_cookie_flags ~ samesite=lax;",
        expect![[r#"
        a=1; SameSite=Lax
        a=1; Domain=app.test; Path=/one/; SameSite=Lax
        a=1; domain=.APP.test; path=/one; SameSite=Lax
        a=1; Domain=.app.test; SameSite=Lax
        a=1; Domain=www.app.test; Path=/One/x; SameSite=Lax
        a=1; Domain=; Path=; SameSite=Lax
        a=1; Domain; Path; SameSite=Lax
        a=1; domain=app.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
        secure=1; secure; SameSite=Lax
        one=1; HTTPONLY; Path=/two/; SameSite=Lax
        two=2; SameSite=Lax; Path=/one/; Path=/two/
        =x; Path=/one/; SameSite=Lax
        four=a=b; Path=/one/=x; SameSite=Lax
        five="a; Path=/one/"; SameSite=Lax
        six=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=1; ; SameSite=Lax
        SID=1; Path=/one/; Path=/one/; SameSite=Lax
        seven=7; Domain=other.test; Path=/; SameSite=Lax
    "#]],
    );
    check(
        "proxy_cookie_flags ~^(one|S) secure; proxy_cookie_flags ~. nosecure;",
        expect![[r#"
        a=1; domain=app.test; path=/one/two; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/two/; Secure
        six=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=1; ; Secure
        SID=1; Path=/one/; Path=/one/; Secure
        seven=7; Domain=other.test; Path=/; Secure
    "#]],
    );
    check(
        "proxy_cookie_flags $arg_n $arg_f $arg_none;",
        expect![[r#"
        two=2; SameSite; Path=/one/; Path=/two/; Secure
    "#]],
    );
    check("proxy_cookie_flags a nonsense; proxy_cookie_flags a secure;", expect![[""]]);
    check(
        "proxy_cookie_flags a SAMESITE=LAX HttpOnly;",
        expect![[r#"
            a=1; HttpOnly; SameSite=Lax
            a=1; Domain=app.test; Path=/one/; HttpOnly; SameSite=Lax
            a=1; domain=.APP.test; path=/one; HttpOnly; SameSite=Lax
            a=1; Domain=.app.test; HttpOnly; SameSite=Lax
            a=1; Domain=www.app.test; Path=/One/x; HttpOnly; SameSite=Lax
            a=1; Domain=; Path=; HttpOnly; SameSite=Lax
            a=1; Domain; Path; HttpOnly; SameSite=Lax
            a=1; domain=app.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
        "#]],
    );
    check(
        "proxy_cookie_flags a secure nosecure; proxy_cookie_flags secure nosamesite samesite=lax;",
        expect![[r#"
            a=1; Secure
            a=1; Domain=app.test; Path=/one/; Secure
            a=1; domain=.APP.test; path=/one; Secure
            a=1; Domain=.app.test; Secure
            a=1; Domain=www.app.test; Path=/One/x; Secure
            a=1; Domain=; Path=; Secure
            a=1; Domain; Path; Secure
            a=1; domain=app.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
            secure=1; secure; SameSite=Lax
        "#]],
    );
    check(
        "proxy_cookie_flags two httponly samesite=none;",
        expect![[r#"
        two=2; SameSite=None; Path=/one/; Path=/two/; HttpOnly
    "#]],
    );
}

#[test]
fn all_three_and_inheritance() {
    let origin = app();
    let server = Server::proxying(
        &origin,
        "proxy_cookie_path /one/ /http/;
         server {
             listen {{port}};
             proxy_cookie_domain app.test server.test;
             proxy_cookie_flags ~^(one|seven)$ secure;
             location /inherits { proxy_pass http://{{app}}; }
             location /own { proxy_cookie_path /two/ /own/; proxy_pass http://{{app}}; }
             location /off { proxy_cookie_domain off; proxy_cookie_path off; proxy_cookie_flags off; proxy_pass http://{{app}}; }
             location /hidden { proxy_hide_header Set-Cookie; proxy_pass http://{{app}}; }
         }",
    );
    expect![[r#"
        a=1; Domain=server.test; Path=/http/
        a=1; domain=.server.test; path=/one
        a=1; Domain=.server.test
        a=1; domain=server.test; path=/http/two; Secure; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/two/; Secure
        two=2; SameSite; Path=/http/; Path=/two/
        =x; Path=/http/
        four=a=b; Path=/http/=x
        five="a; Path=/http/"
        SID=1; Path=/http/; Path=/http/
        seven=7; Domain=other.test; Path=/; Secure
    "#]]
    .assert_eq(&changed(&server, "/inherits"));
    expect![[r#"
        a=1; Domain=server.test; Path=/one/
        a=1; domain=.server.test; path=/one
        a=1; Domain=.server.test
        a=1; domain=server.test; path=/one/two; Secure; HttpOnly; SameSite=Lax
        one=1; HTTPONLY; Path=/own/; Secure
        two=2; SameSite; Path=/one/; Path=/own/
        seven=7; Domain=other.test; Path=/; Secure
    "#]]
    .assert_eq(&changed(&server, "/own"));
    expect![[""]].assert_eq(&changed(&server, "/off"));
    assert!(server.get("/hidden").headers("set-cookie").is_empty());
}

#[test]
fn cookies_of_an_internal_redirect_are_changed_too() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/one/\r\nX-Accel-Redirect: /file\r\nX-Up: up\r\nContent-Length: 0\r\n\r\n",
    );
    let server = Server::setup().file("root/file", "content\n").app(&origin).start(
        "server {
             listen {{port}};
             root {{root}};
             location / { proxy_cookie_path ~. /$upstream_http_x_up/; proxy_pass http://{{app}}; }
             location /file {}
         }",
    );
    server.check(
        get("/"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 8
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Set-Cookie: a=1; Path=/up/
        ETag: "65937d25-8"
        Accept-Ranges: bytes

        content
    "#]],
    );
}

#[test]
fn mistakes() {
    let mut text = String::new();
    for directives in [
        "proxy_cookie_domain off; proxy_cookie_domain a b;",
        "proxy_cookie_path a b; proxy_cookie_path off;",
        "proxy_cookie_flags off; proxy_cookie_flags off;",
        "proxy_cookie_path on;",
        "proxy_cookie_flags a;",
        "proxy_cookie_domain a $nope;",
        "proxy_cookie_flags a secure httponly nosamesite nosecure;",
    ] {
        text += &format!(
            "{directives}\n    {}\n",
            first_error(&format!(
                "events {{}} http {{ server {{ location / {{ proxy_pass http://127.0.0.1:1; {directives} }} }} }}"
            ))
        );
    }
    expect![[r#"
        proxy_cookie_domain off; proxy_cookie_domain a b;
            {name}: [emerg] "proxy_cookie_domain" directive is duplicate in {dir}/server.conf:1
        proxy_cookie_path a b; proxy_cookie_path off;
            {name}: [emerg] "proxy_cookie_path" directive is duplicate in {dir}/server.conf:1
        proxy_cookie_flags off; proxy_cookie_flags off;
            {name}: [emerg] "proxy_cookie_flags" directive is duplicate in {dir}/server.conf:1
        proxy_cookie_path on;
            {name}: [emerg] invalid parameter "on" in {dir}/server.conf:1
        proxy_cookie_flags a;
            {name}: [emerg] invalid parameter "a" in {dir}/server.conf:1
        proxy_cookie_domain a $nope;
            {name}: [emerg] unknown "nope" variable
        proxy_cookie_flags a secure httponly nosamesite nosecure;
            {name}: [emerg] invalid number of arguments in "proxy_cookie_flags" directive in {dir}/server.conf:1
    "#]].assert_eq(&text);
}
