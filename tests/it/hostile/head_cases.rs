//! What was found in other servers' reading of heads: request lines, hosts, names, options of a connection, upgrades,
//! each with where it is told of.

use super::client_cases::{REFUSED, SMUGGLED, latin1, line, post, with};
use super::{CLOSED, Case, SILENT, case};

/// Request lines and targets.
pub(super) fn lines() -> Vec<Case> {
    let refused = |name: &str, text: &str, by: &'static str| {
        case(name, line(text), &[400, 405, 501, 505, CLOSED]).by(by)
    };
    let whole = |name: &str, bytes: String, by: &'static str| case(name, latin1(&bytes), REFUSED).by(by);
    vec![
        refused(
            "a vertical tab in the request line",
            "GET\u{b}/\u{b}HTTP/1.1",
            "RFC 9112 3; CVE-2017-2666 (Undertow)",
        ),
        refused(
            "a form feed before the version",
            "GET /\u{c}HTTP/1.1",
            "RFC 9112 3; CVE-2016-8743 (Apache httpd)",
        ),
        refused("a no-break space for a space", "GET\u{a0}/ HTTP/1.1", "RFC 9112 3"),
        refused("a space before the method", " GET / HTTP/1.1", "CVE-2016-8743 (Apache httpd)"),
        refused("a byte order mark before the method", "\u{ef}\u{bb}\u{bf}GET / HTTP/1.1", "RFC 9112 3"),
        refused("a space behind the version", "GET / HTTP/1.1 ", "RFC 9112 3").stricter(),
        refused("a version with a letter", "GET / HTTP/1.1x", "RFC 9112 2.3"),
        refused("a version with a comma", "GET / HTTP/1,1", "RFC 9112 2.3"),
        refused("a version with a plus", "GET / HTTP/+1.1", "RFC 9112 2.3: strtol"),
        refused("a version with zeros", "GET / HTTP/01.01", "RFC 9112 2.3"),
        refused("version 1.1 behind a NUL", "GET / HTTP/1.0\0HTTP/1.1", "RFC 9112 2.3"),
        refused("version 0.9 by name", "GET / HTTP/0.9", "CVE-2017-7656 (Jetty)").stricter(),
        refused("version 3.0", "GET / HTTP/3.0", "RFC 9110 15.6.6"),
        refused("a method with a line end", "GET\r\nX-Evil: 1 / HTTP/1.1", "CVE-2023-49082 (aiohttp)"),
        refused("a method with a slash", "GET/x / HTTP/1.1", "RFC 9110 9.1"),
        refused("a method above ASCII", "G\u{c9}T / HTTP/1.1", "CVE-2024-23829 (aiohttp)"),
        refused("two targets", "GET /a /b HTTP/1.1", "CVE-2024-40725's kin; RFC 9112 3").stricter(),
        refused("a target that looks like a version", "GET /a HTTP/1.1 HTTP/1.1", "RFC 9112 3").stricter(),
        refused("a star for GET", "GET * HTTP/1.1", "RFC 9112 3.2.4"),
        refused("an authority for GET", "GET localhost:80 HTTP/1.1", "RFC 9112 3.2.3"),
        refused("a target of one question mark", "GET ? HTTP/1.1", "RFC 9112 3.2"),
        refused("a target that begins with a backslash", "GET \\ HTTP/1.1", "RFC 9112 3.2"),
        refused("an at sign as target", "GET @evil.test/ HTTP/1.1", "Kettle 2017: cracking the lens"),
        refused("a scheme of another kind", "GET ftp://localhost/ HTTP/1.1", "RFC 9110 7.4").stricter(),
        refused("a scheme of a file", "GET file:///etc/passwd HTTP/1.1", "RFC 9110 7.4").stricter(),
        refused("an absolute target with an empty port", "GET http://:80/x HTTP/1.1", "RFC 9110 4.2.1"),
        refused(
            "an absolute target with a space in its host",
            "GET http://local host/x HTTP/1.1",
            "RFC 9112 3.2.2",
        ),
        refused(
            "an absolute target with a backslash",
            "GET http://localhost\\@evil.test/ HTTP/1.1",
            "WHATWG URL and RFC 3986 differ",
        )
        .stricter(),
        refused(
            "an absolute target with a fragment",
            "GET http://localhost/#x HTTP/1.1",
            "CVE-2023-45539 (HAProxy)",
        )
        .stricter(),
        refused(
            "a fragment behind what is allowed",
            "GET /public#/../admin HTTP/1.1",
            "CVE-2023-45539 (HAProxy)",
        )
        .stricter(),
        refused("a fragment in the query", "GET /?a#b HTTP/1.1", "CVE-2023-45539 (HAProxy)").stricter(),
        refused("a target with a CR", "GET /a\rb HTTP/1.1", "RFC 9112 2.2"),
        refused("a target with a vertical tab", "GET /a\u{b}b HTTP/1.1", "CVE-2017-2666 (Undertow)"),
        refused("a target with an escape", "GET /\u{1b}[2J HTTP/1.1", "RFC 9112 3.2; CVE-2003-0020: logs"),
        refused("an encoded NUL", "GET /a%00b HTTP/1.1", "CVE-2013-4547's kin: what a C string ends at"),
        refused("half an encoded byte", "GET /a%2 HTTP/1.1", "RFC 3986 2.1"),
        refused("an encoded byte that is none", "GET /a%g1 HTTP/1.1", "RFC 3986 2.1"),
        refused(
            "a path that climbs above the root",
            "GET /../../x HTTP/1.1",
            "RFC 3986 5.2.4; CVE-2021-41773 (Apache httpd)",
        ),
        refused("an encoded path that climbs", "GET /%2e%2e/x HTTP/1.1", "CVE-2021-41773 (Apache httpd)"),
        refused(
            "CONNECT with a body",
            "CONNECT localhost:80 HTTP/1.1\r\nContent-Length: 4",
            "RFC 9110 9.3.6",
        ),
        refused("CONNECT of a URL", "CONNECT http://localhost/ HTTP/1.1", "RFC 9112 3.2.3").stricter(),
        refused(
            "TRACE with Max-Forwards",
            "TRACE / HTTP/1.1\r\nMax-Forwards: 0",
            "RFC 9110 9.3.8; cross-site tracing",
        ),
        refused("the preface of HTTP/2 with a path", "PRI / HTTP/2.0", "RFC 9113 3.4"),
        whole(
            "HTTP/0.9 with a body that is a request",
            format!("GET /\r\n\r\n{SMUGGLED}"),
            "CVE-2017-7656 (Jetty)",
        )
        .stricter(),
        whole(
            "HTTP/0.9 with a version's shape",
            format!("GET /HTTP/1.1\r\nHost: localhost\r\n\r\n{SMUGGLED}"),
            "RFC 9112 3",
        )
        .stricter(),
        whole(
            "a line ended by CR alone",
            format!("GET / HTTP/1.1\rHost: localhost\r\n\r\n{SMUGGLED}"),
            "CVE-2023-30589 (llhttp)",
        ),
        whole(
            "a head ended by LF LF",
            format!("GET / HTTP/1.1\r\nHost: localhost\n\n{SMUGGLED}"),
            "CVE-2022-32214 (llhttp), CVE-2019-16785 (Waitress)",
        )
        .stricter(),
        whole(
            "a head ended by CR CR",
            format!("GET / HTTP/1.1\r\nHost: localhost\r\r{SMUGGLED}"),
            "CVE-2023-30589 (llhttp)",
        ),
        whole(
            "a head ended by CR LF CR and a letter",
            "GET / HTTP/1.1\r\nHost: localhost\r\n\rX: y\r\n\r\n".to_owned(),
            "CVE-2025-23167 (Node.js)",
        ),
        whole(
            "a head ended by CR CR LF",
            "GET / HTTP/1.1\r\nHost: localhost\r\r\n\r\n".to_owned(),
            "CVE-2022-35256 (llhttp)",
        )
        .stricter(),
        whole(
            "three empty lines before a request",
            "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "RFC 9112 2.2: at least one is to be ignored",
        )
        .stricter(),
        case("an empty line before a request", "\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", &[200])
            .by("RFC 9112 2.2")
            .clean(),
        whole(
            "an LF before a request",
            "\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "RFC 9112 2.2",
        )
        .stricter(),
        whole(
            "a NUL before a request",
            "\0GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "RFC 9112 2.2",
        ),
        case("the host of an absolute target wins", line("GET http://inner.test/x HTTP/1.1"), &[200, 400])
            .by("RFC 9112 3.2.2")
            .clean()
            .has("(?im)^host: *inner\\.test")
            .not("(?im)^host: *localhost"),
        case("an absolute target in capitals", line("GET HTTP://localhost/x HTTP/1.1"), &[200, 400])
            .by("RFC 3986 3.1")
            .clean(),
        case("an absolute target with a port", line("GET http://localhost:1/x HTTP/1.1"), &[200, 400])
            .by("RFC 9112 3.2.2")
            .clean()
            .requests(1),
        case("an absolute target without a path", line("GET http://localhost HTTP/1.1"), &[200, 400])
            .by("RFC 9112 3.2.1")
            .clean()
            .has("^GET / "),
        case("an absolute target with a query alone", line("GET http://localhost?x HTTP/1.1"), &[200, 400])
            .by("RFC 9112 3.2.1")
            .clean()
            .has("^GET /\\?x ")
            .stricter(),
        case("two slashes at the front", line("GET //evil.test/x HTTP/1.1"), &[200, 400])
            .by("CVE-2024-53008 (HAProxy)")
            .clean()
            .has("^GET //evil.test/x HTTP"),
        case("an encoded slash is kept", line("GET /a%2fb HTTP/1.1"), &[200])
            .by("RFC 3986 2.2")
            .clean()
            .has("^GET /a%2fb "),
        case("an encoded question mark is kept", line("GET /a%3fb HTTP/1.1"), &[200])
            .by("CVE-2024-38474 (Apache httpd)")
            .clean()
            .has("^GET /a%3fb "),
        case("an encoded hash is kept", line("GET /a%23b HTTP/1.1"), &[200])
            .by("CVE-2023-45539's kin")
            .clean()
            .has("^GET /a%23b "),
        case("encoded twice is kept", line("GET /a%252e%252e/b HTTP/1.1"), &[200])
            .by("CVE-2021-42013 (Apache httpd)")
            .clean()
            .has("^GET /a%252e%252e/b "),
        case("a semicolon is kept", line("GET /a;x=y/../b HTTP/1.1"), &[200])
            .by("Tomcat's path parameters; Orange 2018")
            .clean()
            .has("^GET /a;x=y/../b "),
        case("a query with bad parts is kept", line("GET /?a=%zz&b;c HTTP/1.1"), &[200])
            .by("CVE-2022-2880 (Go)")
            .clean()
            .has("^GET /\\?a=%zz&b;c "),
        case("OPTIONS of a star", line("OPTIONS * HTTP/1.1"), &[200, 400, 405]).by("RFC 9112 3.2.4").clean(),
        case(
            "a method of 64 letters",
            line(&format!("{} / HTTP/1.1", "A".repeat(64))),
            &[200, 400, 405, 501],
        )
        .by("RFC 9110 9.1")
        .clean(),
        case(
            "an unknown method with a body",
            latin1("PURGE /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"),
            &[200, 405],
        )
        .by("RFC 9110 9.1")
        .clean()
        .has("body"),
    ]
}

/// Host: RFC 9112 3.2.
pub(super) fn hosts() -> Vec<Case> {
    let host = |name: &str, value: &str, by: &'static str| {
        case(name, latin1(&format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n")), REFUSED).by(by)
    };
    vec![
        host("a Host with a query", "localhost?x", "RFC 9112 3.2").stricter(),
        host("a Host with a fragment", "localhost#x", "RFC 9112 3.2").stricter(),
        host("a Host with a backslash", "localhost\\x", "RFC 9112 3.2").stricter(),
        host("a Host with a port of letters", "localhost:x", "RFC 9112 3.2").stricter(),
        host(
            "a Host with a port that climbs into a path",
            "localhost:80/x",
            "RFC 9112 3.2; PortSwigger: Host header attacks",
        ),
        host(
            "a Host with a port and userinfo",
            "localhost:80@evil.test",
            "RFC 9112 3.2; PortSwigger: Host header attacks",
        )
        .stricter(),
        host("a Host with a quote", "local\"host", "RFC 9112 3.2: it becomes part of pages").stricter(),
        host("a Host with an open bracket", "[::1", "RFC 3986 3.2.2").stricter(),
        host("a Host with a bracket too many", "[::1]]", "RFC 3986 3.2.2").stricter(),
        host("a Host with a tab", "local\thost", "RFC 9112 3.2"),
        host("a Host with a DEL", "local\u{7f}host", "RFC 9110 5.5").stricter(),
        host("a Host of two dots", "..", "RFC 9112 3.2: `$host` in a path"),
        host("a Host that climbs", "../../etc", "RFC 9112 3.2: `root /sites/$host`"),
        host("a Host of a slash", "/", "RFC 9112 3.2"),
        case(
            "a Host in a second line of a fold",
            latin1("GET / HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 5.2")
        .stricter(),
        case(
            "a Host with an indented double",
            latin1("GET / HTTP/1.1\r\nHost: localhost\r\n Host: evil.test\r\n\r\n"),
            REFUSED,
        )
        .by("PortSwigger: Host header attacks")
        .stricter(),
        case(
            "two Hosts in two cases",
            latin1("GET / HTTP/1.1\r\nHost: localhost\r\nhOST: evil.test\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 3.2"),
        case(
            "an empty Host and another",
            latin1("GET / HTTP/1.1\r\nHost:\r\nHost: localhost\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 3.2"),
        case(
            "two Hosts in HTTP/1.0",
            latin1("GET / HTTP/1.0\r\nHost: localhost\r\nHost: evil.test\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 3.2"),
        case("no Host in HTTP/1.0", latin1("GET / HTTP/1.0\r\n\r\n"), &[200])
            .stricter()
            .by("RFC 9112 3.2")
            .clean(),
        case("an absolute target and no Host", latin1("GET http://localhost/ HTTP/1.1\r\n\r\n"), &[400, 200])
            .by("RFC 9112 3.2")
            .clean(),
        case(
            "an absolute target and a broken Host",
            latin1("GET http://localhost/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 3.2"),
        case(
            "a Host of 70,000 bytes",
            latin1(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(70_000))),
            &[400, 431, CLOSED],
        )
        .by("RFC 9110 5.4"),
        case("X-Forwarded-Host is the operator's to set", with("X-Forwarded-Host: evil.test"), &[200])
            .by("RFC 7239 8.1: passed on unless set")
            .clean()
            .requests(1),
    ]
}

/// Names and values of fields.
pub(super) fn fields() -> Vec<Case> {
    let refused = |name: &str, header: &str, by: &'static str| case(name, with(header), REFUSED).by(by);
    vec![
        refused("a space before a colon", "X-A : b", "CVE-2019-16276 (Go), CVE-2021-22959 (llhttp)")
            .stricter(),
        refused("a tab before a colon", "X-A\t: b", "RFC 9112 5.1").stricter(),
        refused("a vertical tab before a colon", "X-A\u{b}: b", "CVE-2019-16789 (Waitress)").stricter(),
        refused("a name with a line separator", "X\u{85}A: b", "splitlines() of Python").stricter(),
        refused("a name in quotes", "\"X-A\": b", "RFC 9110 5.1").stricter(),
        refused("a name with a slash", "X/A: b", "RFC 9110 5.1").stricter(),
        refused("a name with an at sign", "X@A: b", "RFC 9110 5.1").stricter(),
        refused("a name with a comma", "X,A: b", "RFC 9110 5.1").stricter(),
        refused("a name with an equals sign", "X=A: b", "RFC 9110 5.1").stricter(),
        refused("a name with a DEL", "X\u{7f}A: b", "CVE-2021-43797 (Netty)").stricter(),
        refused("a name of a colon", ":: b", "RFC 9110 5.1").stricter(),
        refused("a name that begins with a colon", ":authority: evil.test", "RFC 9113 8.3: pseudo-headers")
            .stricter(),
        refused("a field of a NUL alone", "\0", "RFC 9112 5"),
        refused("a value with a vertical tab", "X-A: b\u{b}c", "RFC 9110 5.5").stricter(),
        refused("a value with a form feed", "X-A: b\u{c}c", "RFC 9110 5.5").stricter(),
        refused("a value with an escape", "X-A: \u{1b}[2J", "RFC 9110 5.5: terminals that show a log")
            .stricter(),
        refused("a value that ends in a NUL", "X-A: b\0", "RFC 9110 5.5"),
        refused("a value that is a CR", "X-A: \rb", "CVE-2023-30589 (llhttp)").stricter(),
        refused("two folds", "X-A: b\r\n c\r\n\td", "RFC 9112 5.2").stricter(),
        refused("a fold of blanks alone", "X-A: b\r\n \r\nX-B: c", "RFC 9112 5.2; CVE-2022-32215 (llhttp)")
            .stricter(),
        refused("a fold behind the first line", "X-A:\r\n b", "RFC 9112 5.2").stricter(),
        refused(
            "a fold that carries the end of the head",
            "X-A: b\r\n \r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x",
            "CVE-2025-32094 (Akamai): obs-fold",
        )
        .stricter(),
        case("a line separator of Latin-1 in a value", with("X-A: b\u{85}X-Evil: c"), &[200, 400])
            .by("splitlines() of Python")
            .clean()
            .requests(1),
        case("a line separator of UTF-8 in a value", with("X-A: b\u{e2}\u{80}\u{a8}X-Evil: c"), &[200, 400])
            .by("splitlines() of Python")
            .clean()
            .requests(1),
        case("a letter that becomes an LF by truncation", with("X-A: b\u{c4}\u{8a}X-Evil: c"), &[200, 400])
            .by("Node.js, Latin-1 of U+010A; CVE-2018-12116")
            .clean()
            .not("(?m)^X-Evil"),
        case("an encoded line end in a value", with("X-A: b%0d%0aX-Evil: c"), &[200])
            .by("RFC 9110 5.5: plain text")
            .clean()
            .not("(?m)^X-Evil"),
        case("a line end of RFC 2047 in a value", with("X-A: =?utf-8?Q?=0AX-Evil:_c?="), &[200])
            .by("RFC 2047; Werkzeug")
            .clean()
            .not("(?m)^X-Evil"),
        case("a name with a dot", with("X.A: b"), &[200, 400]).by("PHP's variables").clean().not("X\\.A"),
        case("a name with other token bytes", with("X!#$%&'*+.^`|~A: b"), &[200, 400])
            .by("RFC 9110 5.6.2: a token, but no variable")
            .clean()
            .not("(?m)^X!"),
        case("an underscore for a dash in what the proxy sets", with("X_Real_IP: 6.6.6.6"), &[200])
            .by("WSGI: HTTP_X_REAL_IP; CVE-2023-27522's kin")
            .clean()
            .not("6\\.6\\.6"),
        case("an underscore in a user", with("Remote_User: admin"), &[200])
            .by("WSGI: HTTP_REMOTE_USER; Django CVE-2015-0219")
            .clean()
            .not("admin"),
        case("a scheme by an underscore", with("X_Forwarded_Proto: https"), &[200])
            .by("Django CVE-2015-0219")
            .clean()
            .not("(?i)x_forw"),
        case("a scheme of the client's", with("X-Forwarded-Proto: https"), &[200])
            .by("RFC 7239 8.1: what is set replaces")
            .clean()
            .not("(?im)^x-forwarded-proto: *https"),
        case("an address of the client's", with("X-Real-IP: 6.6.6.6"), &[200])
            .by("RFC 7239 8.1")
            .clean()
            .not("6\\.6\\.6"),
        case("two addresses of the client's", with("X-Real-IP: 6.6.6.6\r\nx-real-ip: 7.7.7.7"), &[200])
            .by("RFC 7239 8.1")
            .clean()
            .not("6\\.6\\.6|7\\.7\\.7"),
        case("the client is appended to what it says", with("X-Forwarded-For: 6.6.6.6"), &[200])
            .by("RFC 7239 5.2")
            .clean()
            .has("(?im)^x-forwarded-for: 6\\.6\\.6\\.6, 127\\.0\\.0\\.1$"),
        case(
            "the client is appended to two of them",
            with("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7"),
            &[200],
        )
        .by("RFC 9110 5.3; CVE-2024-45410's kin")
        .clean()
        .has("(?im)^x-forwarded-for: .*, 127\\.0\\.0\\.1$")
        .requests(1),
        case("httpoxy", with("pRoXy: http://evil.test/"), &[200])
            .by("CVE-2016-5385")
            .clean()
            .not("evil")
            .stricter(),
        case("a field of every letter's case", with("x-a: 1\r\nX-A: 2"), &[200])
            .by("RFC 9110 5.3")
            .clean()
            .has("(?m)^x-a: 1\n[^$]*X-A: 2"),
        case("a cookie with control bytes", with("Cookie: a=\u{1}b"), REFUSED)
            .by("RFC 6265 4.1.1")
            .stricter(),
        case("two cookies", with("Cookie: a=b\r\nCookie: c=d"), &[200])
            .by("RFC 6265 5.4")
            .clean()
            .requests(1),
        case("ranges without end", with(&format!("Range: bytes={}", "0-,".repeat(1300))), &[200])
            .by("CVE-2011-3192 (Apache httpd)")
            .clean()
            .requests(1),
        case("1001 fields", with("A: b\r\n".repeat(1001).trim_end()), &[400, 431, CLOSED])
            .by("RFC 9110 5.4")
            .stricter(),
    ]
}

/// Connection, Expect and other words between neighbours: RFC 9110 7.6.1 and 10.1.1.
pub(super) fn hops() -> Vec<Case> {
    let named = |name: &str, option: &str, kept: &str, by: &'static str| {
        case(
            name,
            with(&format!(
                "Connection: close, {option}\r\nX-Forwarded-For: 6.6.6.6\r\nCookie: a=b\r\nAuthorization: c"
            )),
            &[200],
        )
        .by(by)
        .clean()
        .has(kept)
    };
    vec![
        named("Connection names X-Forwarded-For", "X-Forwarded-For", "(?im)^x-forwarded-for: .*127\\.0\\.0\\.1", "CVE-2022-31813 (Apache httpd), CVE-2021-33197 (Go)"),
        named("Connection names X-Forwarded-Proto", "X-Forwarded-Proto", "(?im)^x-forwarded-proto: http", "CVE-2024-45410 (Traefik)"),
        named("Connection names X-Real-IP in capitals", "X-REAL-IP", "(?im)^x-real-ip: 127", "CVE-2024-45410 (Traefik)"),
        named("Connection names Host", "Host", "(?im)^host: localhost", "CVE-2022-45059 (Varnish)"),
        named("Connection names a cookie", "Cookie", "(?im)^cookie: a=b", "Davison 2019: abusing hop-by-hop headers"),
        named("Connection names Authorization", "Authorization", "(?im)^authorization: c", "Davison 2019: abusing hop-by-hop headers"),
        case("Connection names a length of a body that is a request", post("Connection: Content-Length, keep-alive\r\nContent-Length: 43", SMUGGLED), &[200])
            .by("CVE-2022-45059 (Varnish)")
            .clean()
            .requests(1)
            .answers(1)
            .has("(?im)^content-length: 43"),
        case("Keep-Alive is not passed on", with("Keep-Alive: timeout=1000"), &[200]).by("RFC 9110 7.6.1").clean().not("(?im)^keep-alive"),
        case("Proxy-Connection is not passed on", with("Proxy-Connection: keep-alive"), &[200]).by("RFC 9112 C.2.2").clean().not("(?im)^proxy-connection").stricter(),
        case("TE is not passed on", with("TE: trailers\r\nConnection: TE"), &[200]).by("RFC 9110 10.1.4").clean().not("(?im)^connection: .*te"),
        case("two Connections that differ", with("Connection: keep-alive\r\nConnection: close"), &[200]).by("RFC 9112 9.3: close wins").clean().requests(1),
        case("a Connection of a thousand options", with(&format!("Connection: {}", "x, ".repeat(1000))), &[200, 400]).by("RFC 9110 7.6.1").clean(),
        case("close, and a request behind it", latin1(&format!("GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n{SMUGGLED}")), &[200])
            .by("RFC 9112 9.6: nothing behind close is processed")
            .clean()
            .requests(1)
            .answers(1),
        case("a word that begins with close", latin1(&format!("GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: closed\r\n\r\n{SMUGGLED}")), &[200])
            .by("RFC 9110 7.6.1: options are words")
            .clean()
            .requests(2)
            .stricter(),
        case("an expectation in other letters", post("Expect: 100-CONTINUE\r\nContent-Length: 4", "body"), &[100, 200]).by("RFC 9110 10.1.1").clean().has("body").requests(1),
        case("an expectation with a letter more", post("Expect: x 100-continue\r\nContent-Length: 43", SMUGGLED), &[200, 417]).by("Kettle 2025: Expect, obfuscated; CVE-2025-32094 (Akamai)").clean().requests(1).answers(1),
        case("an expectation behind a line end", post("Expect:\n 100-continue\r\nContent-Length: 43", SMUGGLED), REFUSED).by("CVE-2025-32094 (Akamai)").stricter(),
        case("two expectations", post("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 4", "body"), REFUSED).by("RFC 9110 5.3").stricter(),
        case("an expectation and a request instead of the body", post("Expect: 100-continue\r\nContent-Length: 43", SMUGGLED), &[100, 200]).by("Kettle 2025: 0.CL by Expect").clean().requests(1).answers(2),
        case("an expectation of a GET with a length", latin1(&format!("GET /e HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 43\r\n\r\n{SMUGGLED}")), &[100, 200]).by("Kettle 2025: Expect").clean().requests(1).answers(2),
        case("an expectation with chunks", post("Expect: 100-continue\r\nTransfer-Encoding: chunked", &format!("4\r\nbody\r\n0\r\n\r\n{SMUGGLED}")), &[100, 200]).by("RFC 9110 10.1.1").clean().requests(2).answers(3).has("body"),
        case("an expectation in HTTP/1.0", latin1("POST /e HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody"), &[200]).by("RFC 9110 10.1.1: ignored").clean().answers(1).has("body"),
        case("a method in another one's field", with("X-HTTP-Method-Override: DELETE"), &[200]).by("RFC 9110 9.1: a field like any other").clean().has("^GET "),
        case("Max-Forwards of an OPTIONS", latin1("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nMax-Forwards: 0\r\n\r\n"), &[200]).by("RFC 9110 7.6.2: a gateway passes on").clean().requests(1),
        case("half a request behind a whole one", latin1("GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHo"), &[200]).by("CVE-2024-49768 (Waitress)").clean().requests(1).seconds(6),
        case("a good request, a bad one, and a good one", latin1(&format!("GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nBAD\r\n\r\n{SMUGGLED}")), &[200]).by("CVE-2024-49768 (Waitress), CVE-2023-46137 (Twisted)").clean().requests(1).answers(2),
        case("nothing but half of an end", latin1("GET / HTTP/1.1\r\nHost: localhost\r\n\r"), &[408, CLOSED, SILENT]).by("RFC 9112 8").seconds(6),
    ]
}

/// Upgrades (at a location that passes them on): RFC 9110 7.8.
pub(super) fn upgrades() -> Vec<Case> {
    let asked = |name: &str, fields: &str, by: &'static str| {
        case(name, with(fields), &[200, 400]).by(by).clean().requests(1)
    };
    let behind = |name: &str, fields: &str, by: &'static str| {
        let bytes = format!("GET /u HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{SMUGGLED}");
        case(name, latin1(&bytes), &[200, 400]).by(by).clean().requests(2).answers(2)
    };
    vec![
        asked(
            "h2c without its settings",
            "Connection: Upgrade\r\nUpgrade: h2c",
            "Bishop Fox 2020: h2c smuggling",
        ),
        asked(
            "h2c with its settings not named",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
            "Bishop Fox 2020: h2c smuggling",
        ),
        asked(
            "h2c behind websocket",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket, h2c\r\nHTTP2-Settings: AAMAAABk",
            "Bishop Fox 2020; RFC 9110 7.8",
        ),
        asked(
            "TLS over an upgrade",
            "Connection: Upgrade\r\nUpgrade: TLS/1.2",
            "RFC 2817; CVE-2025-49812 (Apache httpd)",
        ),
        asked("an upgrade without its option", "Upgrade: websocket", "RFC 9110 7.8"),
        asked("the option without an upgrade", "Connection: Upgrade", "RFC 9110 7.8"),
        behind(
            "a WebSocket of another version, and a request",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 1337\r\nSec-WebSocket-Key: x",
            "0ang3el 2019: websocket-smuggle",
        ),
        behind(
            "a preface of HTTP/2 behind an upgrade",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
            "RFC 9113 3.4; Bishop Fox 2020",
        ),
        case(
            "an upgrade with chunks",
            post(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked",
                &format!("2b\r\n{SMUGGLED}\r\n0\r\n\r\n"),
            ),
            &[200, 400],
        )
        .by("RFC 9110 7.8")
        .clean()
        .requests(1)
        .answers(1)
        .not("(?im)^upgrade:")
        .stricter(),
        case(
            "an upgrade with an expectation",
            post(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\nContent-Length: 4",
                "body",
            ),
            &[100, 200, 400],
        )
        .by("RFC 9110 7.8")
        .clean()
        .requests(1)
        .not("(?im)^upgrade:")
        .stricter(),
        case(
            "the preface of HTTP/2 and frames",
            latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"),
            &[400, 405, 505, CLOSED],
        )
        .by("RFC 9113 3.4"),
        case(
            "an upgrade whose name has a line end",
            with("Connection: Upgrade\r\nUpgrade: web\nsocket"),
            REFUSED,
        )
        .by("RFC 9110 5.5")
        .stricter(),
    ]
}
