//! What an application may answer.

use super::{CLOSED, Case, case, under};

const BAD: &[u16] = &[502];

/// Answers to a plain GET; the application closes behind each.
pub(super) fn answers() -> Vec<Case> {
    let said = |name: &str, bytes: &str, status: &[u16]| case(name, bytes, status).any();
    let framed = |name: &str, headers: &str| {
        case(name, format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nok"), BAD).any().stricter()
    };
    under("RFC 9112 4 to 8", vec![
        said("nothing", "", BAD),
        said("half a status line", "HTTP/1.1 2", BAD),
        said("half a head", "HTTP/1.1 200 OK\r\nContent-Le", BAD),
        said("no HTTP", "hello\r\n\r\n", BAD).stricter(),
        said("a page without a head", "<html>hello</html>", BAD).stricter(),
        said("a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", BAD).stricter(),
        said("a status of two digits", "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n", BAD).stricter(),
        said("a status of letters", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", BAD).stricter(),
        said("a status of zero", "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", BAD).stricter(),
        said("another protocol", "ICAP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", BAD).stricter(),
        said("HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", &[502, 200]),
        said("no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", &[200]),
        framed("a signed length", "Content-Length: +2"),
        framed("a negative length", "Content-Length: -2"),
        framed("a length of letters", "Content-Length: two"),
        framed("an empty length", "Content-Length:"),
        framed("two lengths", "Content-Length: 2\r\nContent-Length: 3"),
        framed("a list of lengths", "Content-Length: 2, 3"),
        framed("a length beyond 64 bits", "Content-Length: 99999999999999999999"),
        framed("length and coding", "Content-Length: 2\r\nTransfer-Encoding: chunked"),
        framed("an unknown coding", "Transfer-Encoding: xyz"),
        framed("gzip, chunked", "Transfer-Encoding: gzip, chunked"),
        framed("an empty coding", "Transfer-Encoding:"),
        said("two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", BAD).stricter(),
        said("a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", BAD).stricter(),
        framed("a name with a space", "X A: b\r\nContent-Length: 2").maybe_served(),
        framed("a space before the colon", "Content-Length : 2"),
        framed("a NUL in a value", "X-A: b\0c\r\nContent-Length: 2"),
        said("a bare CR in a value", "HTTP/1.1 200 OK\r\nX-A: b\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok", &[502, 200]).never("\r(?!\n)").stricter(),
        said("a bare LF in a value", "HTTP/1.1 200 OK\r\nX-A: b\nX-Evil: 1\r\nContent-Length: 2\r\n\r\nok", &[502]).stricter(),
        said("a fold", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok", &[502, 200]).never("\r\n c\r\n").stricter(),
        said("a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", &[200, 502]).cut_short(),
        said("chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", &[200, 502]).cut_short(),
        said("a chunk cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nok", &[200, 502]).cut_short(),
        said("a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n2z\r\nok\r\n0\r\n\r\n", &[200, 502, CLOSED]).cut_short(),
        said("a chunk size that wraps", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF0\r\nok\r\n", &[200, 502, CLOSED]).cut_short(),
        said("no CRLF behind a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n", &[200, 502, CLOSED]).cut_short(),
        said("more than was promised", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", &[200]).never("POISON"),
        said("more behind the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nPOISON", &[200]).never("POISON"),
        said("a 204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nPOISON", &[204, 502]).never("POISON"),
        said("a 304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nPOISON", &[304, 502]).never("POISON"),
        Case { method: "HEAD".to_owned(), ..said("a body for HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", &[200, 502]).never("POISON") },
        said("100 and 200", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &[100, 200]).finally(200).stricter(),
        said("103 and 200", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &[103, 200]).finally(200).stricter(),
        case("interim answers without end", "HTTP/1.1 102 Processing\r\n\r\n".repeat(5000), &[102, 502, 504, CLOSED]).any().seconds(8).stricter(),
        said("101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw", &[502]).stricter(),
        said("a redirect to a secret", "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /../secret.txt\r\nContent-Length: 0\r\n\r\n", &[404, 403, 500, 502, 400]),
        said("a redirect with a line break", "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /a%0d%0aX-Evil:1\r\nContent-Length: 0\r\n\r\n", &[200, 404, 403, 500, 502, 400]).never("(?im)^x-evil"),
        case("a head that is too large", format!("HTTP/1.1 200 OK\r\nX-A: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(100_000)), BAD).any(),
        case("headers without end", format!("HTTP/1.1 200 OK\r\n{}", "X-A: b\r\n".repeat(100_000)), BAD).any(),
        case("a line without end", format!("HTTP/1.1 200 {}", "x".repeat(1_000_000)), BAD).any(),
    ])
}

impl Case {
    /// The application's mistake may also be repaired.
    fn maybe_served(mut self) -> Case {
        self.status.push(200);
        self
    }
}
