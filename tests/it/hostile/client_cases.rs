//! What a client may send.

use super::{CLOSED, Case, SILENT, case, under};

/// A POST with these headers and this body.
pub(super) fn post(headers: &str, body: &str) -> Vec<u8> {
    latin1(&format!("POST /p HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}"))
}

/// A GET with this header line.
pub(super) fn with(header: &str) -> Vec<u8> {
    latin1(&format!("GET /h HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"))
}

/// A request that starts with this line.
pub(super) fn line(line: &str) -> Vec<u8> {
    latin1(&format!("{line}\r\nHost: localhost\r\n\r\n"))
}

/// Characters up to U+00FF as single bytes.
pub(super) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

pub(super) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub(super) const REFUSED: &[u16] = &[400, CLOSED];
pub(super) const UNKNOWN: &[u16] = &[400, 501, CLOSED];

/// Content-Length: RFC 9110 8.6, RFC 9112 6.3.
pub(super) fn lengths() -> Vec<Case> {
    under(
        "RFC 9110 8.6, RFC 9112 6.3",
        vec![
            case(
                "two lengths that differ",
                post("Content-Length: 4\r\nContent-Length: 44", &format!("bodyGET{SMUGGLED}")),
                REFUSED,
            ),
            case(
                "two lengths that agree",
                post("Content-Length: 4\r\nContent-Length: 4", "body"),
                &[400, 200, CLOSED],
            )
            .clean(),
            case("a list of lengths", post("Content-Length: 4, 4", "body"), REFUSED),
            case(
                "a list of different lengths",
                post("Content-Length: 4, 40", &format!("body{SMUGGLED}")),
                REFUSED,
            ),
            case("an empty length", post("Content-Length:", "body"), REFUSED),
            case("a length of spaces", post("Content-Length:    ", "body"), REFUSED),
            case("a signed length", post("Content-Length: +4", "body"), REFUSED)
                .by("CVE-2021-32715 (hyper), CVE-2023-40167 (Jetty), CVE-2018-7159 (Node.js)"),
            case("a negative length", post("Content-Length: -4", "body"), REFUSED),
            case("a hexadecimal length", post("Content-Length: 0x4", "body"), REFUSED),
            case("a length with a fraction", post("Content-Length: 4.0", "body"), REFUSED),
            case("a length with an exponent", post("Content-Length: 4e0", "body"), REFUSED),
            case("a length with a letter behind", post("Content-Length: 4a", "body"), REFUSED),
            case("a length with a space inside", post("Content-Length: 4 4", "body"), REFUSED),
            case("a length behind a vertical tab", post("Content-Length: \u{b}4", "body"), REFUSED),
            case("a length behind a no-break space", post("Content-Length: \u{a0}4", "body"), REFUSED),
            case("a quoted length", post("Content-Length: \"4\"", "body"), REFUSED),
            case(
                "a length beyond 63 bits",
                post("Content-Length: 9223372036854775812", "body"),
                &[400, 413, CLOSED],
            ),
            case(
                "a length beyond 64 bits",
                post("Content-Length: 18446744073709551620", "body"),
                &[400, 413, CLOSED],
            ),
            case(
                "a length of a hundred digits",
                post(&format!("Content-Length: {}", "9".repeat(100)), "body"),
                &[400, 413, CLOSED],
            ),
            case("a space before the colon", post("Content-Length : 4", "body"), REFUSED).stricter(),
            case("a tab before the colon", post("Content-Length\t: 4", "body"), REFUSED).stricter(),
            case("a folded length", post("Content-Length:\r\n 4", "body"), REFUSED).stricter(),
            case(
                "length and coding",
                post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"),
                REFUSED,
            ),
            case(
                "coding and length",
                post(
                    "Transfer-Encoding: chunked\r\nContent-Length: 4",
                    &format!("2c\r\n{SMUGGLED}\r\n0\r\n\r\n"),
                ),
                REFUSED,
            ),
            case("a length of zero and a body", post("Content-Length: 0", SMUGGLED), &[200])
                .clean()
                .requests(2),
            case("zeros before a length", post("Content-Length: 0004", "body"), &[200, 400])
                .clean()
                .has("body"),
            case(
                "a length that is not allowed to be large",
                post("Content-Length: 99999999999", ""),
                &[413, CLOSED],
            ),
            case(
                "a length in a GET",
                "GET /g HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody",
                &[200, 400],
            )
            .clean()
            .has("body"),
        ],
    )
}

/// Transfer-Encoding: RFC 9112 6.1.
pub(super) fn codings() -> Vec<Case> {
    let coded = |name: &str, value: &str| {
        case(name, post(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n"), UNKNOWN)
    };
    under(
        "RFC 9112 6.1",
        vec![
            coded("an unknown coding", "chonked"),
            coded("identity", "identity"),
            coded("gzip alone", "gzip"),
            coded("gzip before chunked", "gzip, chunked"),
            coded("chunked before gzip", "chunked, gzip"),
            coded("chunked twice", "chunked, chunked"),
            coded("a comma before", ",chunked"),
            coded("a comma behind", "chunked,"),
            coded("an empty coding", ""),
            coded("a quoted coding", "\"chunked\""),
            coded("a parameter", "chunked;q=0.5"),
            coded("a vertical tab before", "\u{b}chunked"),
            coded("a form feed behind", "chunked\u{c}"),
            coded("a letter before", "xchunked"),
            coded("a letter behind", "chunkedx"),
            coded("two words", "chunked identity"),
            coded("a NUL behind", "chunked\0"),
            case(
                "two codings in two headers",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
                UNKNOWN,
            ),
            case(
                "identity in a second header",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
                UNKNOWN,
            ),
            case(
                "a space before the colon of the coding",
                post("Transfer-Encoding : chunked", "0\r\n\r\n"),
                REFUSED,
            )
            .stricter(),
            case("a folded coding", post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), UNKNOWN).stricter(),
            case(
                "a coding behind a fold",
                post("X-A: b\r\n Transfer-Encoding: chunked", "0\r\n\r\n"),
                REFUSED,
            )
            .stricter(),
            case(
                "a coding in HTTP/1.0",
                "POST /p HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                REFUSED,
            ),
            case(
                "a coding with a length in HTTP/1.0",
                "POST /p HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                REFUSED,
            ),
            case("another case", post("TRANSFER-ENCODING: CHUNKED", "4\r\nbody\r\n0\r\n\r\n"), &[200])
                .clean()
                .has("body"),
            case(
                "a coding named by an underscore",
                post("Transfer_Encoding: chunked\r\nContent-Length: 4", "body"),
                &[200, 400],
            )
            .clean()
            .not("(?i)transfer_encoding"),
        ],
    )
}

/// Chunks: RFC 9112 7.1. With the request buffered nothing of a broken one may reach the application.
pub(super) fn chunks() -> Vec<Case> {
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    under(
        "RFC 9112 7.1",
        vec![
            case("a sign before the size", chunked("+4\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("a negative size", chunked("-4\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("a prefix before the size", chunked("0x4\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("a space before the size", chunked(" 4\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("a letter behind the size", chunked("4g\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("no size", chunked("\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case("an extension without a size", chunked(";a\r\nbody\r\n0\r\n\r\n"), REFUSED),
            case(
                "a size beyond 64 bits",
                chunked("10000000000000004\r\nbody\r\n0\r\n\r\n"),
                &[400, 413, CLOSED],
            ),
            case("a size that wraps", chunked("FFFFFFFFFFFFFFF0\r\nbody\r\n0\r\n\r\n"), &[400, 413, CLOSED]),
            case(
                "a size of the sign bit",
                chunked("8000000000000000\r\nbody\r\n0\r\n\r\n"),
                &[400, 413, CLOSED],
            ),
            case(
                "a size of a hundred digits",
                chunked(&format!("{}4\r\nbody\r\n0\r\n\r\n", "f".repeat(100))),
                &[400, 413, CLOSED],
            ),
            case("data longer than its size", chunked("4\r\nbodyX\r\n0\r\n\r\n"), REFUSED),
            case("data without its CRLF", chunked("4\r\nbody0\r\n\r\n"), REFUSED),
            case("data ended by LF", chunked("4\r\nbody\n0\r\n\r\n"), REFUSED).stricter(),
            case("data ended by CR", chunked("4\r\nbody\r0\r\n\r\n"), REFUSED),
            case("a size ended by LF", chunked("4\nbody\r\n0\r\n\r\n"), REFUSED).stricter(),
            case("a size ended by CR", chunked("4\rbody\r\n0\r\n\r\n"), REFUSED).stricter(),
            case("a bare CR in an extension", chunked("4;a\rb\r\nbody\r\n0\r\n\r\n"), REFUSED).stricter(),
            case(
                "an LF in an extension",
                chunked(&format!("2;\nxx\r\n4c\r\n0\r\n\r\n{SMUGGLED}")),
                &[400, CLOSED, SILENT, 408],
            ),
            case("a NUL in an extension", chunked("4;a=\0\r\nbody\r\n0\r\n\r\n"), REFUSED).stricter(),
            case("the last chunk ended by LF", chunked("4\r\nbody\r\n0\n\n"), REFUSED).stricter(),
            case(
                "a trailer that is a length",
                chunked("4\r\nbody\r\n0\r\nContent-Length: 40\r\n\r\n"),
                &[200, 400],
            )
            .clean()
            .not("40"),
            case(
                "a trailer that is a coding",
                chunked("4\r\nbody\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n"),
                &[200, 400],
            )
            .clean()
            .not("gzip"),
            case("a trailer that is no header", chunked("4\r\nbody\r\n0\r\nno header\r\n\r\n"), REFUSED)
                .stricter(),
            case(
                "endless trailers",
                chunked(&format!("4\r\nbody\r\n0\r\n{}\r\n", "X-T: y\r\n".repeat(20_000))),
                &[400, 413, 431, CLOSED],
            )
            .stricter(),
            case(
                "an endless extension",
                chunked(&format!("4;{}\r\nbody\r\n0\r\n\r\n", "x".repeat(300_000))),
                &[400, 413, 431, CLOSED],
            )
            .stricter(),
            case(
                "a million chunks of a byte",
                chunked(&format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(200_000))),
                &[200, 400, 413],
            )
            .clean(),
            case("zeros before a size", chunked("0000004\r\nbody\r\n0\r\n\r\n"), &[200, 400])
                .clean()
                .has("body"),
            case("an extension", chunked("4;name=\"va;lue\"\r\nbody\r\n0\r\n\r\n"), &[200])
                .clean()
                .has("body"),
            case("an upper-case size", chunked("A\r\n0123456789\r\n0\r\n\r\n"), &[200])
                .clean()
                .has("0123456789"),
            case(
                "a second request behind the last chunk",
                chunked(&format!("4\r\nbody\r\n0\r\n\r\n{SMUGGLED}")),
                &[200],
            )
            .clean()
            .requests(2)
            .answers(2),
            case("a request inside a chunk", chunked(&format!("2b\r\n{SMUGGLED}\r\n0\r\n\r\n")), &[200])
                .clean()
                .requests(1)
                .answers(1),
        ],
    )
}

/// Request lines: RFC 9112 3.
pub(super) fn request_lines() -> Vec<Case> {
    let refused = |name: &str, text: &str| case(name, line(text), &[400, 405, 501, 505, CLOSED]);
    under(
        "RFC 9112 3",
        vec![
            case("a TLS hello", latin1("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}"), REFUSED),
            case("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 405, 505, CLOSED]),
            refused("a NUL in the method", "G\0T / HTTP/1.1"),
            refused("a colon in the method", "G:T / HTTP/1.1"),
            refused("a method in brackets", "(GET) / HTTP/1.1"),
            refused("no method", " / HTTP/1.1"),
            refused("no target", "GET HTTP/1.1"),
            refused("a target without a slash", "GET x HTTP/1.1"),
            refused("an exclamation mark", "GET ! HTTP/1.1"),
            refused("a space in the target", "GET /a b HTTP/1.1").stricter(),
            refused("two spaces before the version", "GET /  HTTP/1.1").stricter(),
            refused("a tab before the target", "GET\t/ HTTP/1.1"),
            refused("a NUL in the target", "GET /\0 HTTP/1.1"),
            refused("a DEL in the target", "GET /\u{7f} HTTP/1.1").stricter(),
            refused("a control byte in the target", "GET /\u{1} HTTP/1.1"),
            refused("version 2.0", "GET / HTTP/2.0"),
            refused("version 9.9", "GET / HTTP/9.9"),
            refused("version 1.10", "GET / HTTP/1.10").stricter(),
            refused("version 1", "GET / HTTP/1"),
            refused("a version in lower case", "GET / http/1.1"),
            refused("another protocol", "GET / ICAP/1.0"),
            refused("words behind the version", "GET / HTTP/1.1 x"),
            refused("CONNECT", "CONNECT localhost:443 HTTP/1.1"),
            refused("CONNECT to a path", "CONNECT /x HTTP/1.1").stricter(),
            refused("TRACE", "TRACE / HTTP/1.1"),
            refused("an absolute target without a host", "GET http:///x HTTP/1.1"),
            refused("an absolute target with userinfo", "GET http://u@localhost/x HTTP/1.1").stricter(),
            case("a method in lower case", line("get / HTTP/1.1"), &[400, 405, 501]).stricter(),
            case("an LF in the middle", "GET /\nHTTP/1.1\r\nHost: localhost\r\n\r\n", REFUSED).stricter(),
            case("a bare CR before the version", "GET /\rHTTP/1.1\r\nHost: localhost\r\n\r\n", REFUSED)
                .stricter(),
            case("a line ended by LF", "GET / HTTP/1.1\nHost: localhost\r\n\r\n", REFUSED).stricter(),
            case("HTTP/0.9", "GET /\r\n", REFUSED).stricter(),
            case("an encoded CRLF", line("GET /%0d%0aX-Evil:%201 HTTP/1.1"), &[200, 400])
                .clean()
                .not("(?im)^x-evil"),
            case(
                "an encoded space and version",
                line("GET /%20HTTP/1.1%0d%0aHost:%20evil HTTP/1.1"),
                &[200, 400],
            )
            .clean()
            .not("(?im)^host: *evil"),
            case("another host in the target", line("GET http://evil.test/x HTTP/1.1"), &[200, 400]).clean(),
            case(
                "bytes above ASCII in the target",
                latin1("GET /\u{e9}\u{ff} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                &[200, 400],
            )
            .clean(),
            case("a fragment", line("GET /a#b HTTP/1.1"), &[200, 400]).clean(),
        ],
    )
}

/// Header fields: RFC 9112 5, RFC 9110 5.5, 7.2.
pub(super) fn headers() -> Vec<Case> {
    under("RFC 9112 5, RFC 9110 5.5 and 7.2", vec![
        case("no Host", "GET / HTTP/1.1\r\nX-A: b\r\n\r\n", REFUSED),
        case("two Hosts", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n", REFUSED),
        case("two Hosts that agree", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", REFUSED),
        case("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", &[400, 200]).clean(),
        case("a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n", REFUSED),
        case("a Host with userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", REFUSED).stricter(),
        case("a Host with a NUL", "GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n", REFUSED),
        case("a Host with a space", "GET / HTTP/1.1\r\nHost: local host\r\n\r\n", REFUSED),
        case("a Host with a comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", &[200, 400]).clean(),
        case("a Host before a space", "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", REFUSED),
        case("a first header with a space before it", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", REFUSED).stricter(),
        case("a second line with a space before it", "GET / HTTP/1.1\r\nHost: localhost\r\n X-A: b\r\n\r\n", REFUSED).stricter(),
        case("a fold", with("X-A: b\r\n c"), &[200, 400, CLOSED]).clean(),
        case("a bare CR in a value", with("X-A: b\rX-Evil: c"), REFUSED).stricter(),
        case("a bare LF in a value", with("X-A: b\nX-Evil: c"), REFUSED).stricter(),
        case("a NUL in a value", with("X-A: b\0c"), REFUSED),
        case("a bell in a value", with("X-A: b\u{7}c"), REFUSED).stricter(),
        case("a NUL in a name", with("X\0A: b"), REFUSED),
        case("a name without a colon", with("nonsense"), &[200, 400]).clean().not("nonsense").stricter(),
        case("an empty name", with(": b"), &[200, 400]).clean().not("(?m)^:"),
        case("a name with a space", with("X A: b"), &[200, 400]).clean().not("X A"),
        case("a name with bytes above ASCII", with("X-\u{e9}: b"), &[200, 400]).clean(),
        case("a name with brackets", with("X(A): b"), &[200, 400]).clean().not("X\\(A"),
        case("an underscore in a name", with("X_Forwarded_For: 6.6.6.6"), &[200, 400]).clean().not("X_Forwarded"),
        case("a value above ASCII", with("X-A: \u{e9}\u{ff}"), &[200, 400]).clean(),
        case("Proxy", with("Proxy: http://evil.test/"), &[200]).clean().not("(?im)^proxy:").stricter(),
        case("Connection that names Host", with("Connection: Host, X-Real-IP"), &[200, 400]).clean().has("(?im)^x-real-ip:"),
        case("Connection that names Content-Length", post("Connection: Content-Length\r\nContent-Length: 4", "body"), &[200, 400]).clean().has("body"),
        case("an unknown expectation", post("Expect: the-worst\r\nContent-Length: 4", "body"), &[200, 400, 417]).clean(),
        case("an expectation without a body", with("Expect: 100-continue"), &[100, 200]).clean(),
        case("an internal redirect of the client", with("X-Accel-Redirect: /secret.txt"), &[200]).any(),
        case("HTTP/1.0 with keep-alive, pipelined", "GET /1 HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nHost: localhost\r\n\r\n", &[200]).clean().requests(2).answers(2),
    ])
}

/// Too much, too slow, nothing.
pub(super) fn floods() -> Vec<Case> {
    under(
        "RFC 9110 5.4 and 15.5.9",
        vec![
            case(
                "a long method",
                format!("{} / HTTP/1.1\r\nHost: localhost\r\n\r\n", "A".repeat(200_000)),
                &[400, 414, 501, CLOSED],
            ),
            case(
                "a long target",
                format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000)),
                &[414, 400, CLOSED],
            ),
            case(
                "a long header",
                format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n", "a".repeat(200_000)),
                &[400, 431, CLOSED],
            ),
            case(
                "a long name",
                format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}: b\r\n\r\n", "a".repeat(70_000)),
                &[400, 431, CLOSED],
            ),
            case(
                "many headers",
                format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: b\r\n".repeat(20_000)),
                &[400, 431, CLOSED],
            ),
            case(
                "a head that never ends",
                format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}", "X: y\r\n".repeat(300_000)),
                &[400, 431, CLOSED],
            ),
            case("a line that never ends", format!("GET /{}", "x".repeat(2_000_000)), &[400, 414, CLOSED]),
            case("blank lines only", "\r\n".repeat(100_000), &[400, 408, CLOSED, SILENT]),
            case("nothing but spaces", " ".repeat(200_000), &[400, 414, CLOSED]),
            case("half a head, and silence", "GET / HTTP/1.1\r\nHost: loc", &[408, CLOSED]).seconds(6),
            case("half a body, and silence", post("Content-Length: 10", "half"), &[408, CLOSED]).seconds(6),
            case(
                "half a chunk, and silence",
                post("Transfer-Encoding: chunked", "a\r\nhalf"),
                &[408, CLOSED],
            )
            .seconds(6),
        ],
    )
}

/// Upgrades: only a client that asks for one may get a tunnel, and only if the application agrees.
pub(super) fn upgrades() -> Vec<Case> {
    under("RFC 9110 7.8", vec![
        case("HTTP/2 over an upgrade", "GET /u HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", &[200, 400]).clean(),
        case("an upgrade that the application ignores", format!("GET /u HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{SMUGGLED}"), &[200, 400]).clean().requests(2).answers(2),
        case("an upgrade in HTTP/1.0", "GET /u HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", &[200, 400]).clean(),
        case("an upgrade with a body", "POST /u HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nbody", &[200, 400]).clean().not("(?im)^upgrade:").stricter(),
        case("an upgrade to something with a line break", "GET /u HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: a\rX-Evil: 1\r\n\r\n", REFUSED).stricter(),
    ])
}
