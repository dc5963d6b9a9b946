//! Conditional requests and ranges of files.

use expect_test::expect;

use crate::support::{Server, lines};

/// A site of a few files, the first of them twenty bytes long with the ETag `"65937d25-14"`.
fn site() -> Server {
    Server::setup()
        .file("root/a.txt", "0123456789abcdefghij")
        .file("root/empty.txt", "")
        .file("root/style.css", "body{}\n")
        .start(
            "types { text/html html; text/css css; text/plain txt; }
            default_type application/octet-stream;
            server { listen {{port}}; root {{root}}; }",
        )
}

#[test]
fn single_ranges() {
    let server = site();
    let mut text = String::new();
    for range in [
        "bytes=0-0",
        "bytes=0-9",
        "bytes=5-",
        "bytes=-5",
        "bytes=-100",
        "bytes=19-",
        "bytes=20-",
        "bytes=0-1000",
        "bytes=5-4",
        "bytes=-0",
        "bytes=",
        "bytes=a-b",
        "bytes=1-x",
        "bytes= 1 - 2",
        "bytes=1-2,",
        "bytes=,1-2",
        "bytes=--1",
        "bytes=1",
        "bytes",
        "items=0-1",
        "BYTES=0-1",
        "bytes=0-1 ",
        "bytes=18446744073709551615-",
        "bytes=99999999999999999999-",
        "bytes=0-99999999999999999999",
        "bytes=-9223372036854775808",
        "bytes=0-19",
        "bytes=0-",
    ] {
        let response = server.send(lines(&format!("GET /a.txt HTTP/1.1\nHost: a\nRange: {range}")));
        let body = if response.status < 300 { response.text() } else { String::new() };
        text += &format!("{range} -> {} [{}] {body}\n", response.status, response.header("content-range"));
    }
    expect![[r#"
        bytes=0-0 -> 206 [bytes 0-0/20] 0
        bytes=0-9 -> 206 [bytes 0-9/20] 0123456789
        bytes=5- -> 206 [bytes 5-19/20] 56789abcdefghij
        bytes=-5 -> 206 [bytes 15-19/20] fghij
        bytes=-100 -> 206 [bytes 0-19/20] 0123456789abcdefghij
        bytes=19- -> 206 [bytes 19-19/20] j
        bytes=20- -> 416 [bytes */20] 
        bytes=0-1000 -> 206 [bytes 0-19/20] 0123456789abcdefghij
        bytes=5-4 -> 416 [bytes */20] 
        bytes=-0 -> 416 [bytes */20] 
        bytes= -> 200 [] 0123456789abcdefghij
        bytes=a-b -> 416 [bytes */20] 
        bytes=1-x -> 416 [bytes */20] 
        bytes= 1 - 2 -> 206 [bytes 1-2/20] 12
        bytes=1-2, -> 416 [bytes */20] 
        bytes=,1-2 -> 416 [bytes */20] 
        bytes=--1 -> 416 [bytes */20] 
        bytes=1 -> 416 [bytes */20] 
        bytes -> 200 [] 0123456789abcdefghij
        items=0-1 -> 200 [] 0123456789abcdefghij
        BYTES=0-1 -> 206 [bytes 0-1/20] 01
        bytes=0-1  -> 206 [bytes 0-1/20] 01
        bytes=18446744073709551615- -> 416 [bytes */20] 
        bytes=99999999999999999999- -> 416 [bytes */20] 
        bytes=0-99999999999999999999 -> 416 [bytes */20] 
        bytes=-9223372036854775808 -> 416 [bytes */20] 
        bytes=0-19 -> 206 [bytes 0-19/20] 0123456789abcdefghij
        bytes=0- -> 206 [bytes 0-19/20] 0123456789abcdefghij
    "#]]
    .assert_eq(&text);
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nRange: bytes=2-5"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Content-Range: bytes 2-5/20

        2345"#]],
    );
    server.check(
        lines("HEAD /a.txt HTTP/1.1\nHost: a\nRange: bytes=2-5"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"
        Content-Range: bytes 2-5/20

    "#]],
    );
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nRange: bytes=20-"),
        expect![[r#"
        HTTP/1.1 416 Requested Range Not Satisfiable
        Content-Type: text/html
        Content-Length: 185+{server}
        Connection: keep-alive
        Content-Range: bytes */20

        {page: 416 Requested Range Not Satisfiable}
    "#]],
    );
    server.check(
        lines("GET /a.txt HTTP/1.0\nRange: bytes=2-5"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: text/plain
        Content-Length: 4
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: close
        ETag: "65937d25-14"
        Content-Range: bytes 2-5/20

        2345"#]],
    );
    server.check(
        lines("GET /empty.txt HTTP/1.1\nHost: a\nRange: bytes=0-0"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-0"
        Accept-Ranges: bytes

    "#]],
    );
    server.check(
        lines("GET /empty.txt HTTP/1.1\nHost: a\nRange: bytes=-1"),
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 0
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-0"
        Accept-Ranges: bytes

    "#]],
    );
    server.check(
        lines("GET /missing HTTP/1.1\nHost: a\nRange: bytes=0-1"),
        expect![[r#"
        HTTP/1.1 404 Not Found
        Content-Type: text/html
        Content-Length: 141+{server}
        Connection: keep-alive

        {page: 404 Not Found}
    "#]],
    );
}

#[test]
fn several_ranges() {
    let server = site();
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nRange: bytes=0-1,5-6,-2"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: multipart/byteranges; boundary={boundary20}
        Content-Length: 285
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"

        \r
        --{boundary20}\r
        Content-Type: text/plain\r
        Content-Range: bytes 0-1/20\r
        \r
        01\r
        --{boundary20}\r
        Content-Type: text/plain\r
        Content-Range: bytes 5-6/20\r
        \r
        56\r
        --{boundary20}\r
        Content-Type: text/plain\r
        Content-Range: bytes 18-19/20\r
        \r
        ij\r
        --{boundary20}--\r
    "#]],
    );
    server.check(
        lines("GET /style.css HTTP/1.1\nHost: a\nRange: bytes=0-0, 2-2"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: multipart/byteranges; boundary={boundary20}
        Content-Length: 190
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-7"

        \r
        --{boundary20}\r
        Content-Type: text/css\r
        Content-Range: bytes 0-0/7\r
        \r
        b\r
        --{boundary20}\r
        Content-Type: text/css\r
        Content-Range: bytes 2-2/7\r
        \r
        d\r
        --{boundary20}--\r
    "#]],
    );
    server.check(
        lines("HEAD /a.txt HTTP/1.1\nHost: a\nRange: bytes=0-1,5-6"),
        expect![[r#"
        HTTP/1.1 206 Partial Content
        Content-Type: multipart/byteranges; boundary={boundary20}
        Content-Length: 198
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"

    "#]],
    );
    let mut text = String::new();
    for range in [
        "bytes=0-1,100-200",
        "bytes=100-,200-",
        "bytes=0-5,3-8",
        "bytes=0-19,0-19",
        "bytes=0-9,10-19",
        "bytes=0-1,5-4",
        "bytes=5-6,0-1",
        "bytes=0-1, ,5-6",
        "bytes=0-,0-",
        "bytes=0-,-9223372036854775808",
        "bytes=-17208,-9223372036854758792",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5",
    ] {
        let response = server.send(lines(&format!("GET /a.txt HTTP/1.1\nHost: a\nRange: {range}")));
        let kind = response.header("content-type");
        let kind = kind.split(';').next().unwrap_or_default();
        // The length of a page depends on the program's name.
        let length =
            if response.status == 416 { "page".to_owned() } else { response.header("content-length") };
        let content_range = response.header("content-range");
        text += &format!("{range} -> {} [{content_range}] {kind} {length}\n", response.status);
    }
    expect![[r#"
        bytes=0-1,100-200 -> 206 [bytes 0-1/20] text/plain 2
        bytes=100-,200- -> 416 [bytes */20] text/html page
        bytes=0-5,3-8 -> 206 [] multipart/byteranges 206
        bytes=0-19,0-19 -> 200 [] text/plain 20
        bytes=0-9,10-19 -> 206 [] multipart/byteranges 216
        bytes=0-1,5-4 -> 206 [bytes 0-1/20] text/plain 2
        bytes=5-6,0-1 -> 206 [] multipart/byteranges 198
        bytes=0-1, ,5-6 -> 416 [bytes */20] text/html page
        bytes=0-,0- -> 200 [] text/plain 20
        bytes=0-,-9223372036854775808 -> 416 [bytes */20] text/html page
        bytes=-17208,-9223372036854758792 -> 200 [] text/plain 20
        bytes=0-0,1-1,2-2,3-3,4-4,5-5 -> 206 [] multipart/byteranges 532
    "#]]
    .assert_eq(&text);
}

#[test]
fn max_ranges_and_if_range() {
    let server = Server::setup().file("root/a.txt", "0123456789").start(
        "server { listen {{port}}; root {{root}};
            location /none/ { alias {{root}}/; max_ranges 0; }
            location /two/ { alias {{root}}/; max_ranges 2; } }",
    );
    let mut text = String::new();
    for (path, headers) in [
        ("/none/a.txt", "Range: bytes=0-1"),
        ("/two/a.txt", "Range: bytes=0-1,3-4"),
        ("/two/a.txt", "Range: bytes=0-1,3-4,6-7"),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: \"65937d25-a\""),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: W/\"65937d25-a\""),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: \"other\""),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: Tue, 02 Jan 2024 03:04:05 GMT"),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: Tue, 02 Jan 2024 03:04:06 GMT"),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: Mon, 01 Jan 2024 03:04:05 GMT"),
        ("/a.txt", "Range: bytes=0-1\nIf-Range: x"),
        ("/a.txt", "Range: bytes=50-\nIf-Range: \"other\""),
        ("/a.txt", "Range: bytes=0-1\nIf-None-Match: \"65937d25-a\""),
        ("/a.txt", "Range: bytes=0-1\nIf-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT"),
    ] {
        let response = server.send(lines(&format!("GET {path} HTTP/1.1\nHost: a\n{headers}")));
        text += &format!(
            "{path} {} -> {} [{}] {}\n",
            headers.replace('\n', " & "),
            response.status,
            response.header("content-range"),
            response.header("accept-ranges"),
        );
    }
    expect![[r#"
        /none/a.txt Range: bytes=0-1 -> 200 [] 
        /two/a.txt Range: bytes=0-1,3-4 -> 206 [] 
        /two/a.txt Range: bytes=0-1,3-4,6-7 -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-Range: "65937d25-a" -> 206 [bytes 0-1/10] 
        /a.txt Range: bytes=0-1 & If-Range: W/"65937d25-a" -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-Range: "other" -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-Range: Tue, 02 Jan 2024 03:04:05 GMT -> 206 [bytes 0-1/10] 
        /a.txt Range: bytes=0-1 & If-Range: Tue, 02 Jan 2024 03:04:06 GMT -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-Range: Mon, 01 Jan 2024 03:04:05 GMT -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-Range: x -> 200 [] bytes
        /a.txt Range: bytes=50- & If-Range: "other" -> 200 [] bytes
        /a.txt Range: bytes=0-1 & If-None-Match: "65937d25-a" -> 304 [] 
        /a.txt Range: bytes=0-1 & If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT -> 304 [] 
    "#]]
    .assert_eq(&text);
}

#[test]
fn conditional_requests() {
    let server = site();
    let mut text = String::new();
    for condition in [
        "If-None-Match: \"65937d25-14\"",
        "If-None-Match: W/\"65937d25-14\"",
        "If-None-Match: \"other\"",
        "If-None-Match: \"x\", \"65937d25-14\"",
        "If-None-Match: \"x\",W/\"65937d25-14\" , \"y\"",
        "If-None-Match: *",
        "If-None-Match: 65937d25-14",
        "If-None-Match: \"other\"\nIf-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
        "If-None-Match: \"65937d25-14\"\nIf-Modified-Since: Tue, 02 Jan 2023 03:04:05 GMT",
        "If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
        "If-Modified-Since: Tue, 02 Jan 2024 03:04:06 GMT",
        "If-Modified-Since: Tue, 02 Jan 2024 03:04:04 GMT",
        "If-Modified-Since: Tuesday, 02-Jan-24 03:04:05 GMT",
        "If-Modified-Since: Tue Jan  2 03:04:05 2024",
        "If-Modified-Since: yesterday",
        "If-Match: \"65937d25-14\"",
        "If-Match: W/\"65937d25-14\"",
        "If-Match: \"other\"",
        "If-Match: *",
        "If-Match: \"other\", \"65937d25-14\"",
        "If-Unmodified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
        "If-Unmodified-Since: Tue, 02 Jan 2024 03:04:04 GMT",
        "If-Unmodified-Since: Tue, 02 Jan 2024 03:04:06 GMT",
        "If-Unmodified-Since: garbage",
        "If-Match: \"65937d25-14\"\nIf-Unmodified-Since: Tue, 02 Jan 2023 03:04:05 GMT",
        "If-Match: \"65937d25-14\"\nIf-None-Match: \"65937d25-14\"",
    ] {
        let response = server.send(lines(&format!("GET /a.txt HTTP/1.1\nHost: a\n{condition}")));
        text += &format!("{} <- {}\n", response.status, condition.replace('\n', " & "));
    }
    expect![[r#"
        304 <- If-None-Match: "65937d25-14"
        304 <- If-None-Match: W/"65937d25-14"
        200 <- If-None-Match: "other"
        304 <- If-None-Match: "x", "65937d25-14"
        304 <- If-None-Match: "x",W/"65937d25-14" , "y"
        304 <- If-None-Match: *
        200 <- If-None-Match: 65937d25-14
        200 <- If-None-Match: "other" & If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT
        200 <- If-None-Match: "65937d25-14" & If-Modified-Since: Tue, 02 Jan 2023 03:04:05 GMT
        304 <- If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT
        200 <- If-Modified-Since: Tue, 02 Jan 2024 03:04:06 GMT
        200 <- If-Modified-Since: Tue, 02 Jan 2024 03:04:04 GMT
        304 <- If-Modified-Since: Tuesday, 02-Jan-24 03:04:05 GMT
        304 <- If-Modified-Since: Tue Jan  2 03:04:05 2024
        200 <- If-Modified-Since: yesterday
        200 <- If-Match: "65937d25-14"
        412 <- If-Match: W/"65937d25-14"
        412 <- If-Match: "other"
        200 <- If-Match: *
        200 <- If-Match: "other", "65937d25-14"
        200 <- If-Unmodified-Since: Tue, 02 Jan 2024 03:04:05 GMT
        412 <- If-Unmodified-Since: Tue, 02 Jan 2024 03:04:04 GMT
        200 <- If-Unmodified-Since: Tue, 02 Jan 2024 03:04:06 GMT
        412 <- If-Unmodified-Since: garbage
        412 <- If-Match: "65937d25-14" & If-Unmodified-Since: Tue, 02 Jan 2023 03:04:05 GMT
        304 <- If-Match: "65937d25-14" & If-None-Match: "65937d25-14"
    "#]]
    .assert_eq(&text);
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nIf-None-Match: \"65937d25-14\""),
        expect![[r#"
        HTTP/1.1 304 Not Modified
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"

    "#]],
    );
    server.check(
        lines("HEAD /a.txt HTTP/1.1\nHost: a\nIf-None-Match: \"65937d25-14\""),
        expect![[r#"
        HTTP/1.1 304 Not Modified
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        ETag: "65937d25-14"

    "#]],
    );
    server.check(
        lines("GET /a.txt HTTP/1.1\nHost: a\nIf-Match: \"no\""),
        expect![[r#"
        HTTP/1.1 412 Precondition Failed
        Content-Type: text/html
        Content-Length: 161+{server}
        Connection: keep-alive

        {page: 412 Precondition Failed}
    "#]],
    );
}

#[test]
fn etag_and_if_modified_since_can_be_set() {
    let server = Server::setup().file("root/a.txt", "0123456789").start(
        "server { listen {{port}}; root {{root}};
            location /noetag/ { alias {{root}}/; etag off; }
            location /before/ { alias {{root}}/; if_modified_since before; }
            location /off/ { alias {{root}}/; if_modified_since off; } }",
    );
    server.check_get(
        "/noetag/a.txt",
        expect![[r#"
        HTTP/1.1 200 OK
        Content-Type: text/plain
        Content-Length: 10
        Last-Modified: Tue, 02 Jan 2024 03:04:05 GMT
        Connection: keep-alive
        Accept-Ranges: bytes

        0123456789"#]],
    );
    let status = |path: &str, headers: &str| {
        server.send(lines(&format!("GET {path} HTTP/1.1\nHost: a\n{headers}"))).status
    };
    assert_eq!(status("/before/a.txt", "If-Modified-Since: Tue, 02 Jan 2024 03:04:06 GMT"), 304);
    assert_eq!(status("/before/a.txt", "If-Modified-Since: Tue, 02 Jan 2024 03:04:04 GMT"), 200);
    assert_eq!(status("/off/a.txt", "If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT"), 200);
    assert_eq!(status("/noetag/a.txt", "If-None-Match: \"65937d25-a\""), 200);
    assert_eq!(status("/noetag/a.txt", "Range: bytes=0-1\nIf-Range: \"65937d25-a\""), 200);
}

#[test]
fn dates_as_clients_write_them() {
    let server =
        Server::setup().file("root/a.txt", "0123456789").start("server { listen {{port}}; root {{root}}; }");
    let mut text = String::new();
    for date in [
        "Tue, 02 Jan 2024 03:04:05 GMT",
        "Tuesday, 02-Jan-24 03:04:05 GMT",
        "Tue Jan  2 03:04:05 2024",
        "Tue Jan 02 03:04:05 2024",
        "Tue Jan 2 03:04:05 2024 GMT",
        "Tue, 02 Jan 2024 03:04:05 GMT; length=10",
        "Tuesday, 02-Jan-24 03:04:05 GMT; length=10",
        "Tue, 02 Jan 2024 03:04:05",
        "Tue, 02 Jan 2024 03:04:05 +0200",
        "Xyz,  02 Jan 2024 03:04:05 EST",
        ",02 Jan 2024 03:04:05x",
        "Tue, 2 Jan 2024 03:04:05 GMT",
        "Tue, 02-Jan-2024 03:04:05 GMT",
        "Tue, 02 Jan 2024 03:04",
        "Tue, 02 Jan 2024 03:04:60 GMT",
        "Thu, 29 Feb 2023 00:00:00 GMT",
        "02 Jan 2024",
        "Tue",
    ] {
        let status = |header: &str| {
            server.send(lines(&format!("GET /a.txt HTTP/1.1\nHost: a\n{header}: {date}"))).status
        };
        text += &format!(
            "{date} -> {} {} {}\n",
            status("If-Modified-Since"),
            status("If-Unmodified-Since"),
            status("Range: bytes=0-1\nIf-Range")
        );
    }
    expect![[r#"
        Tue, 02 Jan 2024 03:04:05 GMT -> 304 200 206
        Tuesday, 02-Jan-24 03:04:05 GMT -> 304 200 206
        Tue Jan  2 03:04:05 2024 -> 304 200 206
        Tue Jan 02 03:04:05 2024 -> 304 200 206
        Tue Jan 2 03:04:05 2024 GMT -> 304 200 206
        Tue, 02 Jan 2024 03:04:05 GMT; length=10 -> 304 200 206
        Tuesday, 02-Jan-24 03:04:05 GMT; length=10 -> 304 200 206
        Tue, 02 Jan 2024 03:04:05 -> 304 200 206
        Tue, 02 Jan 2024 03:04:05 +0200 -> 304 200 206
        Xyz,  02 Jan 2024 03:04:05 EST -> 304 200 206
        ,02 Jan 2024 03:04:05x -> 304 200 206
        Tue, 2 Jan 2024 03:04:05 GMT -> 200 412 200
        Tue, 02-Jan-2024 03:04:05 GMT -> 200 412 200
        Tue, 02 Jan 2024 03:04 -> 200 412 200
        Tue, 02 Jan 2024 03:04:60 GMT -> 200 412 200
        Thu, 29 Feb 2023 00:00:00 GMT -> 200 412 200
        02 Jan 2024 -> 200 412 200
        Tue -> 200 412 200
    "#]]
    .assert_eq(&text);
}
