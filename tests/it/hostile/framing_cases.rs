//! What was found in other servers' framing of requests: lengths, codings and chunks, each with where it is told of.

use super::client_cases::{REFUSED, SMUGGLED, UNKNOWN, latin1, post};
use super::{CLOSED, Case, SILENT, case};

/// Content-Length, as others have read it.
pub(super) fn lengths() -> Vec<Case> {
    let length = |name: &str, value: &str, by: &'static str| {
        case(name, post(&format!("Content-Length: {value}"), "body"), REFUSED).by(by)
    };
    vec![
        length("a length with an underscore", "4_0", "GHSA-753j-mpmx-qq6g (Tornado): int() of Python"),
        length("a length with a comma at its end", "4,", "RFC 9110 5.6.1: a recipient's lists only"),
        length("a length behind a comma", ",4", "RFC 9110 5.6.1"),
        length("a length with a semicolon", "4;q=1", "RFC 9110 8.6"),
        length("a length in octal", "0o4", "RFC 9110 8.6: int(x, 0)"),
        length("a length in binary", "0b100", "RFC 9110 8.6: int(x, 0)"),
        length(
            "a length in full-width digits",
            "\u{ef}\u{bc}\u{94}",
            "GHSA-753j-mpmx-qq6g: isdigit() of Unicode",
        ),
        length("a length with a superscript", "4\u{b2}", "isdigit() of Latin-1"),
        length("a length before a form feed", "4\u{c}", "CVE-2019-16789 (Waitress): strip() of Python"),
        length("a length before a unit separator", "4\u{1f}", "CVE-2019-16789: strip() of Python"),
        length("a length before a NUL", "4\0", "RFC 9110 5.5; CVE-2022-42252 (Tomcat)"),
        length("a length behind an escape", "\u{1b}4", "RFC 9110 5.5"),
        length("a length in brackets", "(4)", "RFC 9110 8.6"),
        length("a length with a percent sign", "%34", "RFC 9110 8.6"),
        length("a length of twenty digits", "18446744073709551616", "CVE-2021-40346's kin: 2^64 wraps to 0"),
        length("a length of 2^32 and four", "4294967300x", "RFC 9110 8.6"),
        length("true as a length", "true", "RFC 9110 8.6"),
        case("a length of 2^63", post("Content-Length: 9223372036854775808", "body"), &[400, 413, CLOSED])
            .by("RFC 9110 8.6: a signed integer would be negative"),
        case(
            "a length of 2^32 and four, allowed by its low half",
            post("Content-Length: 4294967300", &format!("body{SMUGGLED}")),
            &[400, 413, CLOSED],
        )
        .by("CVE-2017-7657 (Jetty): 32 bits of a length"),
        case(
            "three lengths of which two agree",
            post("Content-Length: 4\r\nContent-Length: 4\r\nContent-Length: 0", &format!("body{SMUGGLED}")),
            REFUSED,
        )
        .by("RFC 9112 6.3; CVE-2017-7658 (Jetty)"),
        case(
            "a length and another far behind it",
            post(&format!("Content-Length: 4\r\n{}Content-Length: 5", "X-A: b\r\n".repeat(60)), "body1"),
            REFUSED,
        )
        .by("CVE-2020-10108 (Twisted), CVE-2019-16792 (Waitress)"),
        case("two lengths in two cases", post("Content-Length: 4\r\ncontent-length: 5", "body1"), REFUSED)
            .by("RFC 9110 5.1; CVE-2019-20445 (Netty)"),
        case(
            "an empty length beside a length",
            post("Content-Length:\r\nContent-Length: 4", "body"),
            REFUSED,
        )
        .by("CVE-2023-40225 (HAProxy)"),
        case("an empty length with a request in its body", post("Content-Length: ", SMUGGLED), REFUSED)
            .by("CVE-2023-40225 (HAProxy), CVE-2023-40175 (Puma)"),
        case("an indented length", post("X-A: b\r\n Content-Length: 4", "body"), REFUSED)
            .by("CVE-2024-27982 (Node.js)")
            .stricter(),
        case(
            "an indented length as the first field",
            latin1(&format!("POST /p HTTP/1.1\r\n Content-Length: 43\r\nHost: localhost\r\n\r\n{SMUGGLED}")),
            REFUSED,
        )
        .by("CVE-2024-27982 (Node.js)")
        .stricter(),
        case("a length named by an underscore", post("Content_Length: 43", SMUGGLED), &[200, 400])
            .by("CGI: HTTP_CONTENT_LENGTH; docs of gunicorn's header_map")
            .clean()
            .requests(2)
            .not("(?i)content_length"),
        case("a length behind a dash that is none", post("Content\u{ad}Length: 43", SMUGGLED), REFUSED)
            .stricter()
            .by("RFC 9110 5.1; CVE-2021-43797 (Netty)")
            .clean(),
        case("a length with a CR in its name", post("Content\rLength: 43", SMUGGLED), REFUSED)
            .by("CVE-2020-8201 (Node.js): CR became a hyphen"),
        case("a length whose name ends in a NUL", post("Content-Length\0: 43", SMUGGLED), REFUSED)
            .by("CVE-2021-43797 (Netty), CVE-2023-25725 (HAProxy)"),
        case("a length behind an empty name", post(": x\r\nContent-Length: 43", SMUGGLED), REFUSED)
            .by("CVE-2023-25725 (HAProxy): an empty name ended the head")
            .clean(),
        case(
            "a name as long as a byte counts, then a length",
            post(&format!("Content-Length{}:\r\nContent-Length: 4", "a".repeat(256)), "body"),
            &[200, 400],
        )
        .by("CVE-2021-40346 (HAProxy): the length of a name wrapped")
        .clean()
        .has("body"),
        case(
            "a name of 270 bytes that begins like a length",
            post(&format!("Content-Length0{}:\r\nContent-Length: 4", "a".repeat(255)), "body"),
            &[200, 400],
        )
        .by("CVE-2021-40346 (HAProxy)")
        .clean()
        .has("body"),
        case(
            "a body for DELETE",
            latin1(&format!("DELETE /d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n\r\n{SMUGGLED}")),
            &[200],
        )
        .by("RFC 9110 9.3.5; PortSwigger 2022: CL.0")
        .clean()
        .answers(1),
        case(
            "a body for OPTIONS",
            latin1(&format!(
                "OPTIONS /o HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n\r\n{SMUGGLED}"
            )),
            &[200],
        )
        .by("CVE-2025-54142 (Akamai): OPTIONS with a body")
        .clean()
        .answers(1),
        case(
            "a body for HEAD",
            latin1(&format!("HEAD /h HTTP/1.1\r\nHost: localhost\r\nContent-Length: 43\r\n\r\n{SMUGGLED}")),
            &[200, 400],
        )
        .by("RFC 9110 9.3.2; PortSwigger 2022: CL.0")
        .clean()
        .answers(1),
    ]
}

/// Transfer-Encoding, as others have read it.
pub(super) fn codings() -> Vec<Case> {
    let coded = |name: &str, value: &str, by: &'static str| {
        case(name, post(&format!("Transfer-Encoding: {value}"), "0\r\n\r\n"), UNKNOWN).by(by)
    };
    let smuggled = format!("0\r\n\r\n{SMUGGLED}");
    let with_length = |name: &str, field: &str, by: &'static str| {
        case(name, post(&format!("Content-Length: 48\r\n{field}"), &smuggled), UNKNOWN).by(by)
    };
    vec![
        coded("a vertical tab behind", "chunked\u{b}", "CVE-2019-18277 (HAProxy)"),
        coded("a form feed before", "\u{c}chunked", "CVE-2019-18277 (HAProxy)"),
        coded("chunked, identity", "chunked, identity", "CVE-2021-33037 (Tomcat)"),
        coded("identity, chunked", "identity, chunked", "CVE-2021-33037 (Tomcat)"),
        coded("chunked, chunked behind a blank list item", "chunked, , chunked", "RFC 9110 5.6.1"),
        coded("deflate", "deflate", "RFC 9112 6.1: 501"),
        coded("compress, chunked", "compress, chunked", "RFC 9112 7"),
        coded("chunked in single quotes", "'chunked'", "CVE-2019-15605 (Node.js)"),
        coded("chunked behind a colon", ": chunked", "http-garden; CVE-2022-32213 (llhttp)"),
        coded("chunked in brackets", "[chunked]", "http-garden"),
        coded("chunked with an equals sign", "chunked=", "RFC 9112 7"),
        coded("chunked twice in one word", "chunkedchunked", "CVE-2022-32213 (llhttp)"),
        coded("chunked with a Kelvin sign", "chun\u{e2}\u{84}\u{aa}ed", "case folding of Unicode"),
        coded("chunked with a dotted capital", "CHUNKED\u{cc}\u{87}", "case folding of Unicode"),
        coded("chunked and a comment", "chunked (x)", "RFC 9110 5.6.5"),
        coded("chunked behind a backspace", "\u{8}chunked", "RFC 9110 5.5"),
        coded("chunked before a DEL", "chunked\u{7f}", "RFC 9110 5.5"),
        coded("chunked behind a byte above ASCII", "\u{ff}chunked", "CVE-2019-15605 (Node.js)"),
        coded("chunked behind a byte order mark", "\u{ef}\u{bb}\u{bf}chunked", "decoding of UTF-8"),
        coded("null", "null", "CVE-2022-1705 (Go)"),
        coded("chunked behind CR", "\rchunked", "RFC 9112 2.2; CVE-2020-1935 (Tomcat)"),
        coded("trailers as a coding", "trailers", "RFC 9110 10.1.4: a word of TE"),
        with_length("length and identity", "Transfer-Encoding: identity", "CVE-2021-33037 (Tomcat)"),
        with_length("length and an unknown coding", "Transfer-Encoding: xchunked", "CVE-2024-1135 (Gunicorn)"),
        with_length("length and chunked, identity", "Transfer-Encoding: chunked, identity", "CVE-2024-6827 (Gunicorn)"),
        with_length("length and a coding in capitals", "TRANSFER-ENCODING: CHUNKED", "CVE-2023-47641 (aiohttp)"),
        with_length("length and a coding behind a tab", "Transfer-Encoding:\tchunked", "CVE-2020-7238 (Netty)"),
        with_length("length and a coding without a blank", "Transfer-Encoding:chunked", "RFC 9112 6.1"),
        with_length("length and a coding with blanks behind", "Transfer-Encoding: chunked    ", "CVE-2020-7238 (Netty)"),
        with_length("length and an empty coding", "Transfer-Encoding: ", "RFC 9112 6.1"),
        with_length("length and a coding with a space before the colon", "Transfer-Encoding : chunked", "CVE-2019-16869 (Netty), CVE-2019-16276 (Go), CVE-2021-22959 (llhttp)"),
        with_length("length and a coding with a NUL before the colon", "Transfer-Encoding\0: chunked", "CVE-2021-43797 (Netty)"),
        with_length("length and a coding that is folded", "Transfer-Encoding:\r\n\tchunked", "CVE-2022-32215 (llhttp)"),
        with_length("length and a coding behind a fold", "X-A: b\r\n\tTransfer-Encoding: chunked", "RFC 9112 5.2").stricter(),
        with_length("length and a coding behind a bare LF", "X-A: b\nTransfer-Encoding: chunked", "CVE-2022-32214 (llhttp), CVE-2021-41136 (Puma)"),
        with_length("length and a coding behind a bare CR", "X-A: b\rTransfer-Encoding: chunked", "CVE-2023-30589 (llhttp)").stricter(),
        with_length("length and a coding in a line without a colon", "Transfer-Encoding chunked", "CVE-2019-20444 (Netty)").stricter(),
        with_length("length and two codings", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "CVE-2020-8287 (Node.js)"),
        with_length("length and two codings, the other way", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "CVE-2020-8287 (Node.js)"),
        with_length("length and a coding that Connection names", "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding", "RFC 9110 7.6.1"),
        case("chunked, and a length that Connection names", post("Connection: Content-Length\r\nContent-Length: 4\r\nTransfer-Encoding: chunked", &smuggled), UNKNOWN)
            .by("CVE-2022-45059 (Varnish)"),
        case("a coding by an underscore, and a length", post("Content-Length: 4\r\nTransfer_Encoding: chunked", "body"), &[200, 400])
            .by("CGI: HTTP_TRANSFER_ENCODING; CVE-2020-25613 (WEBrick)")
            .clean()
            .has("body")
            .not("(?i)transfer_enc"),
        case("a coding with a dot for a dash", post("Content-Length: 4\r\nTransfer.Encoding: chunked", "body"), &[200, 400])
            .by("RFC 9110 5.1; PHP's variables")
            .clean()
            .has("body")
            .not("(?i)transfer.enc"),
        case("TE is no coding", post("Content-Length: 4\r\nTE: chunked", "body"), &[200])
            .by("RFC 9110 10.1.4")
            .clean()
            .has("body"),
        case("a coding in HTTP/1.0 with keep-alive", latin1(&format!("POST /p HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}")), REFUSED)
            .by("RFC 9112 6.1; CVE-2021-33037 (Tomcat)"),
        case("a coding in a GET", latin1(&format!("GET /g HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}")), &[200])
            .by("PortSwigger 2024: TE.0")
            .clean()
            .requests(2)
            .answers(2),
        case("a coding in an OPTIONS", latin1(&format!("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2b\r\n{SMUGGLED}\r\n0\r\n\r\n")), &[200])
            .by("TE.0 (Bugcrowd 2024): OPTIONS with chunks")
            .clean()
            .answers(1),
    ]
}

/// Chunks, as others have read them.
pub(super) fn chunks() -> Vec<Case> {
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    let sized = |name: &str, size: &str, by: &'static str| {
        case(name, chunked(&format!("{size}\r\nbody\r\n0\r\n\r\n")), REFUSED).by(by)
    };
    vec![
        sized(
            "a size with an underscore",
            "0_4",
            "CVE-2022-24761 (Waitress), GHSA-753j-mpmx-qq6g: int(x, 16)",
        ),
        sized("a size with an upper-case prefix", "0X4", "CVE-2022-24761 (Waitress)"),
        sized("a size behind a tab", "\t4", "CVE-2022-24801 (Twisted)"),
        sized("a size behind a vertical tab", "\u{b}4", "CVE-2022-24801 (Twisted): strip() of Python"),
        sized("a size before a tab", "4\t", "RFC 9112 7.1").stricter(),
        sized("a size before a space", "4 ", "RFC 9112 7.1; CVE-2023-46846 (Squid)").stricter(),
        sized("a size before a NUL", "4\0", "RFC 9112 7.1"),
        sized("a size with a space inside", "0 4", "RFC 9112 7.1").stricter(),
        sized("a size with a dot", "4.0", "RFC 9112 7.1"),
        sized("a size with a comma", "4,4", "RFC 9112 7.1"),
        sized("a size in braces", "{4}", "CVE-2025-66373 (Akamai): sizes that are none"),
        sized("a size of full-width digits", "\u{ef}\u{bc}\u{94}", "int() of Unicode"),
        sized("a size with an h", "4h", "RFC 9112 7.1"),
        sized("a size of a sign alone", "+", "CVE-2022-24801 (Twisted)"),
        sized("a size that is a minus zero", "-0", "CVE-2022-24801 (Twisted)"),
        sized("a size with a percent sign", "%34", "RFC 9112 7.1"),
        sized("a bare CR between size and extension", "4\r;a", "CVE-2025-55315 (Kestrel)"),
        sized("a bare CR behind a semicolon", "4;\r", "CVE-2025-55315 (Kestrel)").stricter(),
        sized("a DEL in an extension", "4;a\u{7f}", "RFC 9110 5.5").stricter(),
        case(
            "a size of 2^32 and four",
            chunked(&format!("100000004\r\nbody\r\n0\r\n\r\n{SMUGGLED}")),
            &[400, 413, CLOSED],
        )
        .by("CVE-2017-7657 (Jetty): 32 bits of a size"),
        case(
            "a size of 2^64 and four",
            chunked(&format!("10000000000000004\r\nbody\r\n0\r\n\r\n{SMUGGLED}")),
            &[400, 413, CLOSED],
        )
        .by("CVE-2021-32714 (hyper): a size that wraps"),
        case(
            "many zeros before a size",
            chunked(&format!("{}4\r\nbody\r\n0\r\n\r\n", "0".repeat(300))),
            &[200, 400],
        )
        .by("RFC 9112 7.1: any number of digits; CVE-2024-53868 (ATS)")
        .clean()
        .has("body"),
        case(
            "an extension ended by LF (TERM.EXT)",
            chunked(&format!("2;\nxx\r\n2f\r\n0\r\n\r\n{SMUGGLED}\r\n0\r\n\r\n")),
            &[400, CLOSED, SILENT, 408],
        )
        .by("Funky chunks 2025, TERM.EXT: CVE-2024-52304 (aiohttp), CVE-2025-58056 (Netty)"),
        case(
            "an extension that an LF does not end (EXT.TERM)",
            chunked(&format!("4;\nbody\r\n0\r\n\r\n{SMUGGLED}")),
            REFUSED,
        )
        .by("Funky chunks 2025, EXT.TERM; CVE-2021-22960 (llhttp)")
        .stricter(),
        case(
            "an extension ended by CR (TERM.EXT)",
            chunked(&format!("2;\rxx\r\n2f\r\n0\r\n\r\n{SMUGGLED}\r\n0\r\n\r\n")),
            REFUSED,
        )
        .by("Funky chunks 2025, TERM.EXT with CR: CVE-2025-55315 (Kestrel)")
        .stricter(),
        case(
            "data ended by two bytes that are no line end (TERM.SPILL)",
            chunked(&format!("2\r\nxxZZ2f\r\n0\r\n\r\n{SMUGGLED}")),
            REFUSED,
        )
        .by("Funky chunks 2025, SPILL: CVE-2025-43859 (h11)"),
        case(
            "data longer by one byte and an LF (SPILL.TERM)",
            chunked(&format!("5\r\nxxxxx\n2f\r\n0\r\n\r\n{SMUGGLED}")),
            REFUSED,
        )
        .by("Funky chunks 2025, SPILL.TERM; CVE-2025-43859 (h11)")
        .stricter(),
        case("data ended by a letter and LF", chunked(&format!("4\r\nbodyX\n0\r\n\r\n{SMUGGLED}")), REFUSED)
            .by("Funky chunks 2025, TERM.SPILL: CVE-2025-43859 (h11)"),
        case("data ended by CR and a letter", chunked(&format!("4\r\nbody\rX0\r\n\r\n{SMUGGLED}")), REFUSED)
            .by("Funky chunks 2025, TERM.SPILL: CVE-2025-43859 (h11)"),
        case("data ended by CR CR LF", chunked("4\r\nbody\r\r\n0\r\n\r\n"), REFUSED).by("RFC 9112 7.1"),
        case("data ended by LF CR", chunked("4\r\nbody\n\r0\r\n\r\n"), REFUSED)
            .by("RFC 9112 7.1; CVE-2025-43859 (h11)"),
        case(
            "a size line ended by LF and a request in it",
            chunked(&format!("2f\n{SMUGGLED}\r\n0\r\n\r\n")),
            REFUSED,
        )
        .by("CVE-2025-22871 (Go)")
        .stricter(),
        case("a size line ended by CR CR LF", chunked("4\r\r\nbody\r\n0\r\n\r\n"), REFUSED)
            .by("RFC 9112 7.1; CVE-2025-23167 (Node.js)")
            .stricter(),
        case("the last chunk's size ended by LF", chunked(&format!("0\n\r\n{SMUGGLED}")), REFUSED)
            .by("CVE-2025-22871 (Go)")
            .stricter(),
        case("the last chunk ended by CR alone", chunked(&format!("0\r\n\r{SMUGGLED}")), REFUSED)
            .by("CVE-2025-23167 (Node.js)")
            .stricter(),
        case("the last chunk without its empty line", chunked(&format!("0\r\n{SMUGGLED}")), REFUSED)
            .by("RFC 9112 7.1.2: a request line is no trailer; CVE-2024-35161 (ATS)")
            .stricter(),
        case(
            "a trailer with a space before the colon",
            chunked("4\r\nbody\r\n0\r\nX-T : y\r\n\r\n"),
            REFUSED,
        )
        .by("RFC 9112 5.1; CVE-2023-45648 (Tomcat)")
        .stricter(),
        case(
            "one trailer without end",
            chunked(&format!("4\r\nbody\r\n0\r\nX-T: {}\r\n\r\n", "y".repeat(90_000))),
            &[400, 413, 431, CLOSED],
        )
        .by("CVE-2023-46589 (Tomcat): a trailer beyond its bound")
        .stricter(),
        case("a trailer with a bare LF", chunked("4\r\nbody\r\n0\r\nX-T: y\nX-Evil: z\r\n\r\n"), REFUSED)
            .by("CVE-2025-53643 (aiohttp)")
            .stricter(),
        case("a trailer with a bare CR", chunked("4\r\nbody\r\n0\r\nX-T: y\rX-Evil: z\r\n\r\n"), REFUSED)
            .by("RFC 9112 2.2; CVE-2023-45648 (Tomcat)")
            .stricter(),
        case("a trailer with a NUL", chunked("4\r\nbody\r\n0\r\nX-T: y\0z\r\n\r\n"), REFUSED)
            .by("RFC 9110 5.5")
            .stricter(),
        case("a trailer that is folded", chunked("4\r\nbody\r\n0\r\nX-T: y\r\n z\r\n\r\n"), REFUSED)
            .by("RFC 9112 5.2")
            .stricter(),
        case("a trailer without a name", chunked("4\r\nbody\r\n0\r\n: y\r\n\r\n"), REFUSED)
            .by("RFC 9112 5.1; CVE-2023-25725's kin")
            .stricter(),
        case("a trailer that is a Host", chunked("4\r\nbody\r\n0\r\nHost: evil.test\r\n\r\n"), &[200, 400])
            .by("RFC 9110 6.5.1")
            .clean()
            .not("evil"),
        case(
            "a trailer that says who the client is",
            chunked("4\r\nbody\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nAuthorization: x\r\n\r\n"),
            &[200, 400],
        )
        .by("RFC 9110 6.5.1; CVE-2023-40175 (Puma)")
        .clean()
        .not("6\\.6\\.6|(?i)authorization"),
        case("a trailer of a chunk's size", chunked("4\r\nbody\r\n0\r\nX-T: 5\r\n\r\n0\r\n\r\n"), &[200])
            .by("RFC 9112 7.1.2: what follows is no request")
            .clean()
            .requests(1),
        case(
            "a trailer in a body that is streamed and cut",
            chunked("4\r\nbody\r\n0\r\nX-T: y\r\n"),
            &[408, CLOSED],
        )
        .by("RFC 9112 8: an incomplete body is no body")
        .seconds(6),
        case(
            "a bit more than the limit, in extensions",
            chunked(&format!("1;{}\r\nx\r\n0\r\n\r\n", "a=b;".repeat(4096))),
            &[400, 413, 431, CLOSED],
        )
        .by("CVE-2023-39326 (Go), CVE-2024-21647 (Puma)")
        .stricter(),
        case(
            "a chunk of a byte with a long extension, many times",
            chunked(&format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "e".repeat(900)).repeat(600))),
            &[200, 400, 413, 431, CLOSED],
        )
        .by("CVE-2023-39326 (Go): extensions are not counted as body")
        .clean()
        .stricter(),
        case(
            "a zero chunk with an extension",
            chunked(&format!("4\r\nbody\r\n0;a=b\r\n\r\n{SMUGGLED}")),
            &[200],
        )
        .by("RFC 9112 7.1.1")
        .clean()
        .requests(2)
        .answers(2)
        .has("body"),
        case(
            "a zero of many digits ends the body",
            chunked(&format!("4\r\nbody\r\n00000000\r\n\r\n{SMUGGLED}")),
            &[200, 400],
        )
        .by("RFC 9112 7.1: last-chunk is 1*(\"0\")")
        .clean()
        .requests(2)
        .has("body"),
        case(
            "a quoted extension with a line end",
            chunked("4;a=\"\r\nbody\r\n0\r\n\r\n\"\r\n0\r\n\r\n"),
            &[200, 400],
        )
        .by("RFC 9112 7.1.1: a quoted string holds no CR; CVE-2025-58056 (Netty)")
        .clean()
        .has("body")
        .answers(2),
    ]
}
