//! What was found in other proxies' reading of answers, each with where it is told of. The application closes behind each
//! unless a case says that it keeps the connection.

use super::{CLOSED, Case, case};

const BAD: &[u16] = &[502];

/// Heads and framing of answers.
pub(super) fn heads() -> Vec<Case> {
    let said = |name: &str, bytes: &str, status: &[u16], by: &'static str| {
        case(name, super::client_cases::latin1(bytes), status).any().by(by)
    };
    let framed = |name: &str, headers: &str, by: &'static str| {
        case(name, super::client_cases::latin1(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nok")), BAD)
            .any()
            .stricter()
            .by(by)
    };
    vec![
        framed("two lengths that agree", "Content-Length: 2\r\nContent-Length: 2", "RFC 9112 6.3"),
        framed("a list of lengths that agree", "Content-Length: 2, 2", "RFC 9112 6.3"),
        framed("a hexadecimal length", "Content-Length: 0x2", "RFC 9110 8.6"),
        framed("a length with an underscore", "Content-Length: 0_2", "GHSA-753j-mpmx-qq6g: int() of Python"),
        framed("a length with a blank inside", "Content-Length: 0 2", "RFC 9110 8.6"),
        framed("a length of 2^63", "Content-Length: 9223372036854775808", "RFC 9110 8.6"),
        framed("a length behind a vertical tab", "Content-Length: \u{b}2", "CVE-2019-16789's kin"),
        framed("a length with a decimal point", "Content-Length: 2.0", "RFC 9110 8.6"),
        framed("chunked, chunked", "Transfer-Encoding: chunked, chunked", "RFC 9112 7"),
        framed("chunked, identity", "Transfer-Encoding: chunked, identity", "RFC 9112 6.1"),
        framed("identity", "Transfer-Encoding: identity", "RFC 9112 6.1"),
        framed("chunked behind a vertical tab", "Transfer-Encoding: \u{b}chunked", "CVE-2019-18277's kin"),
        framed("chunked with a parameter", "Transfer-Encoding: chunked;a=b", "RFC 9112 7"),
        framed(
            "coding and length",
            "Transfer-Encoding: chunked\r\nContent-Length: 2",
            "RFC 9112 6.3; CVE-2024-24795 (Apache httpd)",
        ),
        framed("a coding with a space before the colon", "Transfer-Encoding : chunked", "RFC 9112 5.1"),
        framed("a tab before a colon", "X-A\t: b\r\nContent-Length: 2", "RFC 9112 5.1"),
        framed("a name with brackets", "X(A): b\r\nContent-Length: 2", "RFC 9110 5.1"),
        framed("a name with a NUL", "X\0A: b\r\nContent-Length: 2", "RFC 9110 5.1"),
        framed("a name above ASCII", "X-\u{e9}: b\r\nContent-Length: 2", "RFC 9110 5.1"),
        framed("an empty name", ": b\r\nContent-Length: 2", "RFC 9110 5.1; CVE-2023-25725's kin"),
        framed(
            "a line without a colon",
            "nonsense\r\nContent-Length: 2",
            "RFC 9112 5; CVE-2022-37436 (Apache httpd): a head cut at a bad line",
        ),
        framed("an indented first field", " X-A: b\r\nContent-Length: 2", "RFC 9112 2.2"),
        framed(
            "a bell in a value",
            "X-A: b\u{7}c\r\nContent-Length: 2",
            "RFC 9110 5.5; CVE-2023-38709 (Apache httpd)",
        ),
        framed("a DEL in a value", "X-A: b\u{7f}c\r\nContent-Length: 2", "RFC 9110 5.5"),
        framed("a NUL in a cookie", "Set-Cookie: a=b\0\r\nContent-Length: 2", "RFC 9110 5.5"),
        framed(
            "a bare CR in a redirect",
            "Location: /x\rX-Evil: 1\r\nContent-Length: 2",
            "CVE-2023-27522 (Apache httpd, mod_proxy_uwsgi)",
        ),
        framed(
            "a bare LF before a second head",
            "X-A: b\nHTTP/1.1 200 OK\r\nContent-Length: 2",
            "CVE-2024-24795 (Apache httpd)",
        ),
        said(
            "a bare LF as the end of the head",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            BAD,
            "RFC 9112 2.2",
        )
        .stricter(),
        said(
            "a CR LF CR as the end of the head",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\rok",
            BAD,
            "CVE-2025-23167's kin",
        ),
        said(
            "a status line with two spaces",
            "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
            BAD,
            "RFC 9112 4",
        )
        .stricter(),
        said(
            "a status line with a tab",
            "HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\nok",
            BAD,
            "RFC 9112 4",
        )
        .stricter(),
        said("a status with a sign", "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok", BAD, "RFC 9112 4")
            .stricter(),
        said(
            "a status line of another version",
            "HTTP/3.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
            &[502, 200],
            "RFC 9110 6.2",
        ),
        said("a reason with a NUL", "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok", BAD, "RFC 9112 4")
            .stricter(),
        said("a reason with a CR", "HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok", BAD, "RFC 9112 2.2")
            .stricter(),
        said(
            "blank lines before a status line",
            "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            &[502, 200],
            "RFC 9112 2.2",
        ),
        said(
            "a bare LF before a status line",
            "\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            BAD,
            "RFC 9112 2.2",
        )
        .stricter(),
        said(
            "a blank before a status line",
            " HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            BAD,
            "RFC 9112 4",
        )
        .stricter(),
        said(
            "a status line in lower case",
            "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            BAD,
            "RFC 9112 2.3",
        )
        .stricter(),
        said("a frame of HTTP/2", "\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0d", BAD, "RFC 9113 3.4").stricter(),
        said("a request for an answer", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", BAD, "RFC 9112 2.1").stricter(),
        said("an alert of TLS", "\u{15}\u{3}\u{1}\0\u{2}\u{2}F", BAD, "RFC 8446 6").stricter(),
    ]
}

/// Bodies, interim answers, and what follows an answer.
pub(super) fn bodies() -> Vec<Case> {
    let said = |name: &str, bytes: &str, status: &[u16], by: &'static str| {
        case(name, super::client_cases::latin1(bytes), status).any().by(by)
    };
    let chunks = |name: &str, body: &str, by: &'static str| {
        let bytes = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        case(name, super::client_cases::latin1(&bytes), &[200, 502, CLOSED]).any().cut_short().by(by)
    };
    let kept = |name: &str, bytes: &str, status: &[u16], by: &'static str| {
        said(name, bytes, status, by).kept().never("POISON")
    };
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
    vec![
        chunks("a size with a prefix", "0x2\r\nok\r\n0\r\n\r\n", "RFC 9112 7.1"),
        chunks("a size with a sign", "+2\r\nok\r\n0\r\n\r\n", "RFC 9112 7.1"),
        chunks("a size with an underscore", "0_2\r\nok\r\n0\r\n\r\n", "int(x, 16) of Python"),
        chunks("a size behind a blank", " 2\r\nok\r\n0\r\n\r\n", "RFC 9112 7.1"),
        chunks("an empty size", "\r\nok\r\n0\r\n\r\n", "RFC 9112 7.1"),
        chunks("a size of 2^64 and two", "10000000000000002\r\nok\r\n0\r\n\r\n", "CVE-2021-32714's kin"),
        chunks("a size that is negative in 64 bits", "8000000000000000\r\nok\r\n0\r\n\r\n", "CVE-2013-2028 (nginx)"),
        chunks("a size ended by LF", "2\nok\r\n0\r\n\r\n", "CVE-2025-22871's kin").stricter(),
        chunks("a size ended by CR", "2\rok\r\n0\r\n\r\n", "RFC 9112 2.2"),
        chunks("a bare CR in an extension", "2;a\rb\r\nok\r\n0\r\n\r\n", "CVE-2025-55315's kin").stricter(),
        chunks("a bare LF in an extension", "2;a\nok\r\n0\r\n\r\n", "Funky chunks 2025, EXT.TERM").stricter(),
        chunks("data ended by LF", "2\r\nok\n0\r\n\r\n", "RFC 9112 7.1").stricter(),
        chunks("data ended by two letters", "2\r\nokXX2\r\nok\r\n0\r\n\r\n", "Funky chunks 2025, SPILL; CVE-2025-43859's kin"),
        chunks("data ended by a letter and LF", "2\r\nokX\n0\r\n\r\n", "Funky chunks 2025, SPILL"),
        chunks("data ended by CR and a letter", "2\r\nok\rX0\r\n\r\n", "Funky chunks 2025, SPILL"),
        chunks("half a last chunk", "2\r\nok\r\n0", "RFC 9112 8"),
        chunks("a last chunk without its empty line", "2\r\nok\r\n0\r\n", "RFC 9112 8"),
        chunks("a trailer cut short", "2\r\nok\r\n0\r\nX-T: y", "RFC 9112 8"),
        chunks("a trailer with a bare CR", "2\r\nok\r\n0\r\nX-T: y\rX-Evil: z\r\n\r\n", "RFC 9112 2.2").never("\r(?!\n)"),
        chunks("a trailer without a colon", "2\r\nok\r\n0\r\nnonsense\r\n\r\n", "RFC 9112 5").stricter(),
        chunks("a trailer with a NUL", "2\r\nok\r\n0\r\nX-T: y\0\r\n\r\n", "RFC 9110 5.5").stricter(),
        said("a trailer that is a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 40\r\n\r\n", &[200, 502], "RFC 9110 6.5.1").never("(?i)content-length: 40"),
        said("a trailer that is a cookie", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n", &[200, 502], "RFC 9110 6.5.1").never("(?i)transfer-encoding: gzip"),
        said("chunks in HTTP/1.0 without a coding", "HTTP/1.0 200 OK\r\n\r\n2\r\nok\r\n0\r\n\r\n", &[200], "RFC 9112 6.3: the body as it stands").never("Content-Length: 2\r"),
        kept("an answer behind the answer", &format!("{ok}{poison}"), &[200], "response queue poisoning (PortSwigger 2021)"),
        kept("an answer behind chunks", &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{poison}"), &[200], "response queue poisoning (PortSwigger 2021)"),
        kept("one byte behind the answer", &format!("{ok}X"), &[200], "CVE-2025-4366's kin (Pingora): what is left on a kept connection"),
        kept("a line end behind the answer", &format!("{ok}\r\n"), &[200], "RFC 9112 2.2"),
        kept("an answer behind a 204", &format!("HTTP/1.1 204 No Content\r\n\r\n{poison}"), &[204], "RFC 9112 6.3 rule 1"),
        kept("a 204 with a length and a body", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nPOISON", &[204, 502], "RFC 9112 6.3 rule 1"),
        kept("a 204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nPOISON\r\n0\r\n\r\n", &[204, 502], "RFC 9112 6.3 rule 1"),
        kept("a 304 with chunks", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nPOISON\r\n0\r\n\r\n", &[304, 502], "RFC 9112 6.3 rule 1"),
        kept("a 205 with a body", "HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok", &[205, 502], "RFC 9110 15.3.6"),
        Case { method: "HEAD".to_owned(), ..kept("a body for HEAD on a kept connection", poison, &[200, 502], "RFC 9110 9.3.2; CL.0 towards the client") },
        Case { method: "HEAD".to_owned(), ..kept("chunks for HEAD on a kept connection", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nPOISON\r\n0\r\n\r\n", &[200, 502], "RFC 9112 6.3 rule 1") },
        kept("an answer behind an answer that closes", &format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok{poison}"), &[200], "RFC 9112 9.6"),
        said("100 and garbage", "HTTP/1.1 100 Continue\r\n\r\nPOISON\r\n\r\n", BAD, "RFC 9110 15.2").never("POISON").stricter(),
        said("100 with a length", "HTTP/1.1 100 Continue\r\nContent-Length: 6\r\n\r\nPOISON", &[502, 504], "RFC 9112 6.3 rule 1: its head is all of it").never("POISON").stricter(),
        said("100 and nothing", "HTTP/1.1 100 Continue\r\n\r\n", BAD, "RFC 9110 15.2").stricter(),
        said("199 and 200", "HTTP/1.1 199 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &[199, 200], "RFC 9110 15.2").finally(200).stricter(),
        said("103 with a length, and 200", "HTTP/1.1 103 Early Hints\r\nContent-Length: 100\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &[103, 200, 502], "RFC 9112 6.3 rule 1").stricter(),
        said("101 with a body of an answer", &format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n{poison}"), BAD, "RFC 9110 7.8: not asked for; Bishop Fox 2020").never("POISON").stricter(),
        said("101 without its fields", "HTTP/1.1 101 Switching Protocols\r\n\r\nPOISON", BAD, "RFC 9110 7.8").never("POISON").stricter(),
        said("less than its length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", &[200, 502], "RFC 9112 8").cut_short(),
        said("much less than its length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nok", &[200, 502], "RFC 9112 8").cut_short(),
        said("nothing of its length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &[200, 502], "RFC 9112 8").cut_short(),
        said("a redirect with an encoded line end", "HTTP/1.1 302 Found\r\nLocation: /a%0d%0aX-Evil:%201\r\nContent-Length: 0\r\n\r\n", &[302], "CVE-2023-27522's kin: stays encoded").never("(?im)^x-evil"),
        said("an upgrade nobody asked for, in a 200", "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok", &[200], "RFC 9110 7.8: CVE-2016-4975's kin").never("(?im)^connection: .*upgrade"),
        said("hop-by-hop fields of the app", "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok", &[200], "RFC 9110 7.6.1").never("(?im)^keep-alive"),
    ]
}
