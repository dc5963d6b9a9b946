//! Files as the kernel gives them: large ones, changing ones, links, and what the cache may keep.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use expect_test::expect;

use crate::support::{Server, lines, wait_for};

fn site() -> Server {
    Server::setup()
        .file("root/a.txt", "0123456789abcdefghij")
        .file("root/dir/index.html", "<p>index\n")
        .file("secret.txt", "SECRET")
        .start("server { listen {{port}}; root {{root}}; }")
}

#[test]
fn a_changed_file_is_seen() {
    let server = site();
    assert_eq!(server.get("/a.txt").text(), "0123456789abcdefghij");
    let path = server.dir().join("root/a.txt");
    let fresh = server.dir().join("root/a.new");
    std::fs::write(&fresh, "new").unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    // ringx keeps a file for a second when open_file_cache is not set (differences::FILE_CACHE).
    wait_for("the new content", || (server.get("/a.txt").text() == "new").then_some(()));
    std::fs::remove_file(&path).unwrap();
    wait_for("the file to be gone", || (server.get("/a.txt").status == 404).then_some(()));
    std::fs::write(&path, "back").unwrap();
    wait_for("the file to be back", || (server.get("/a.txt").text() == "back").then_some(()));
}

#[test]
fn a_file_changed_in_place_is_never_mixed() {
    let server = site();
    let path = server.dir().join("root/a.txt");
    assert_eq!(server.get("/a.txt").text().len(), 20);
    std::fs::write(&path, "shorter").unwrap();
    wait_for("the shorter content", || {
        let response = server.get("/a.txt");
        // Whatever moment this was: the length must be the body's own.
        assert!(!response.incomplete, "a body shorter than its Content-Length");
        assert_eq!(response.header("content-length").parse::<usize>().unwrap(), response.body.len());
        (response.text() == "shorter").then_some(())
    });
}

#[test]
fn open_file_cache_keeps_a_file_for_its_time() {
    let server = Server::setup().file("root/a.txt", "old").start(
        "open_file_cache max=100 inactive=20s; open_file_cache_valid 60s; open_file_cache_min_uses 1; open_file_cache_errors on;
        server { listen {{port}}; root {{root}}; }",
    );
    assert_eq!(server.get("/a.txt").text(), "old");
    assert_eq!(server.get("/missing.txt").status, 404);
    let path = server.dir().join("root/a.txt");
    let fresh = server.dir().join("root/fresh");
    std::fs::write(&fresh, "new content").unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    std::fs::write(server.dir().join("root/missing.txt"), "found").unwrap();
    assert_eq!(server.get("/a.txt").text(), "old", "open_file_cache_valid 60s must hold");
    assert_eq!(server.get("/missing.txt").status, 404, "open_file_cache_errors on must hold");
}

#[test]
fn open_file_cache_valid_bounds_staleness() {
    let server = Server::setup().file("root/a.txt", "old").start(
        "open_file_cache max=100; open_file_cache_valid 1s; server { listen {{port}}; root {{root}}; }",
    );
    assert_eq!(server.get("/a.txt").text(), "old");
    let fresh = server.dir().join("root/fresh");
    std::fs::write(&fresh, "new content").unwrap();
    std::fs::rename(&fresh, server.dir().join("root/a.txt")).unwrap();
    let since = std::time::Instant::now();
    wait_for("the new content", || (server.get("/a.txt").text() == "new content").then_some(()));
    assert!(since.elapsed() < Duration::from_secs(4), "stale for {:?}", since.elapsed());
}

#[test]
fn a_large_file_arrives_whole() {
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for directives in ["", "sendfile on; tcp_nopush on;", "sendfile off;"] {
        let server = Server::setup()
            .file("root/big.bin", &content)
            .start(&format!("server {{ listen {{{{port}}}}; root {{{{root}}}}; {directives} }}"));
        let response = server.get("/big.bin");
        assert_eq!(response.header("content-length"), "3000000");
        assert!(response.body == content, "the body differs ({directives})");
        let part = server.send(lines("GET /big.bin HTTP/1.1\nHost: a\nRange: bytes=1000000-2999998"));
        assert_eq!(part.header("content-range"), "bytes 1000000-2999998/3000000");
        assert!(part.body == content[1_000_000..2_999_999], "the range differs ({directives})");
        // Two at once on one connection, and a small one behind them: nothing may be mixed up.
        let mut client = server.connect();
        client.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /big.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /nope HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.response().body == content);
        assert!(client.response().body == content);
        assert_eq!(client.response().status, 404);
    }
}

#[test]
fn a_slow_reader_gets_a_large_file_whole() {
    let content = vec![b'z'; 2_000_000];
    let server =
        Server::setup().file("root/big", &content).start("server { listen {{port}}; root {{root}}; }");
    let mut client = server.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut got = Vec::new();
    loop {
        let some = client.read_some();
        if some.is_empty() {
            break;
        }
        got.extend_from_slice(&some);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(got.ends_with(&content), "{} bytes", got.len());
}

#[test]
fn symbolic_links_are_followed() {
    let server = site();
    let root = server.dir().join("root");
    symlink("a.txt", root.join("link.txt")).unwrap();
    symlink(server.dir().join("secret.txt"), root.join("outside.txt")).unwrap();
    symlink("dir", root.join("dirlink")).unwrap();
    symlink("nowhere", root.join("broken")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let table = server.table(&["/link.txt", "/outside.txt", "/dirlink/", "/dirlink", "/broken", "/loop"]);
    expect![[r#"
        /link.txt -> 200 0123456789abcdefghij
        /outside.txt -> 200 SECRET
        /dirlink/ -> 200 <p>index\n
        /dirlink -> 301 http://localhost:{port}/dirlink/
        /broken -> 404
        /loop -> 403
    "#]]
    .assert_eq(&table);
}

#[test]
fn special_files_are_not_served() {
    let server = site();
    let made = std::process::Command::new("mkfifo").arg(server.dir().join("root/fifo")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(server.dir().join("root/socket")).unwrap();
    let table = server.table(&["/fifo", "/socket"]);
    expect![[r#"
        /fifo -> 404
        /socket -> 500
    "#]]
    .assert_eq(&table);
}

#[test]
fn an_unreadable_file_is_403() {
    let server = site();
    let path = server.dir().join("root/a.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // Root may read everything: then there is nothing to see here.
        assert_eq!(server.get("/a.txt").status, 200);
        return;
    }
    assert_eq!(server.get("/a.txt").status, 403);
}

#[test]
fn open_file_cache_min_uses() {
    let server = Server::setup().file("root/a.txt", "1").start(
        "open_file_cache max=10 inactive=60s; open_file_cache_valid 60s; open_file_cache_min_uses 2;
        server { listen {{port}}; root {{root}}; }",
    );
    let mut seen = String::new();
    for text in ["1", "2", "3", "4"] {
        let next = server.dir().join("root/next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, server.dir().join("root/a.txt")).unwrap();
        seen += &server.get("/a.txt").text();
    }
    assert_eq!(seen, "1222");
}
