//! Panics, and what is left of a program that was killed.
//!
//! No input makes ringx panic that is known here. So strace (`--inject`) has the kernel lie: a system call says that it read
//! more than there was room for, and the code that believes it panics where it stands.

use std::process::{Command, Stdio};

use crate::support::{Client, Origin, Server, Setup, get, http2, lines, oracle, wait_for};

/// ringx under strace, or `None` where there is none (required in continuous integration).
fn lied_to(inject: &str, more: &[&str]) -> Option<Setup> {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var("CI").is_err(), "strace is needed (Debian: strace)");
    if oracle().is_some() || !found {
        println!("SKIPPED: strace is needed, and ringx");
        return None;
    }
    let call = inject.split(':').next().unwrap_or_default();
    let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
    // The tracer is no parent of the program's, which signals are sent to.
    let mut words = vec!["strace", "-D", "-f", "-q", "-o", "{{dir}}/strace.log", "-e", &trace, "-e", &inject];
    words.extend_from_slice(more);
    Some(Server::setup().ringx().under(&words))
}

const FILES: &str =
    "server { listen {{port}}; http2 on; root {{root}}; location = /canary { return 200 canary; } }";

/// Every read of this file says that it read a million bytes.
fn with_a_file_that_panics() -> Option<Server> {
    let setup = lied_to("pread64:retval=1000000", &["-P", "{{dir}}/root/panics.txt"])?;
    Some(setup.file("root/panics.txt", "text").file("root/a.txt", "whole").start(FILES))
}

#[test]
fn a_panic_ends_its_connection_alone_and_is_told() {
    let Some(server) = with_a_file_that_panics() else { return };
    let mut other = server.connect();
    assert_eq!(other.send(get("/a.txt")).response().text(), "whole");
    let mut client = server.connect();
    client.send(lines("GET /panics.txt?a=b HTTP/1.1\nHost: site\nReferer: http://r/"));
    assert!(client.response_to("GET").is_none(), "an answer after a panic");
    client.expect_close();
    assert_eq!(other.send(get("/a.txt")).response().text(), "whole", "the neighbour's connection goes on");
    let log = server.wait_error("ringx::handler::static_file::run at ");
    let line = log.lines().find(|line| line.contains("panicked")).unwrap();
    for part in [
        "[alert]",
        "a request panicked, its connection is closed: range start index 1000000 out of range for slice of length 4 at src/io/file.rs:",
        ", client: 127.0.0.1, server: , request: \"GET /panics.txt?a=b HTTP/1.1\", host: \"site\", referrer: \"http://r/\"",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let frames = log.lines().filter(|line| line.contains(" backtrace ")).collect::<Vec<_>>();
    let is_told =
        |frame: &&str| frame.contains("[alert]") && frame.contains(": *") && !frame.contains("panicking");
    assert!(frames.iter().all(is_told), "{frames:?}");
    assert_eq!(server.stderr().matches("panicked").count(), 0, "said once, in the log");

    // Again and again: nothing is held by what ended so, and the frames are looked for once a second.
    let since = std::time::Instant::now();
    for _ in 0..50 {
        assert!(server.connect().send(get("/panics.txt")).response_to("GET").is_none());
    }
    assert_eq!(server.get("/a.txt").text(), "whole");
    let log = server.wait_file("error.log", |log| log.matches("a request panicked").count() == 51);
    let told = log.matches("backtrace 0: ").count() as u64;
    assert!(told <= 2 * (2 + since.elapsed().as_secs()), "{told} in {:?}", since.elapsed());
}

#[test]
fn a_panic_in_a_stream_resets_it_alone() {
    let Some(server) = with_a_file_that_panics() else { return };
    let mut peer = http2::Peer::connect(server.address());
    let (panics, _) = peer.begin(http2::get("/panics.txt"), true);
    let (canary, _) = peer.begin(http2::get("/canary"), true);
    assert_eq!(peer.answer(canary).unwrap().text(), peer.get("/canary").text());
    let error = peer.answer(panics).map(|answer| answer.status).expect_err("an answer after a panic");
    assert!(error.is_reset() && error.is_remote(), "{error}");
    assert_eq!(peer.get("/canary").status, 200, "the connection goes on");
    server.wait_error("a request panicked, its stream is reset");
}

#[test]
fn a_worker_that_dies_is_replaced_and_its_port_never_closes() {
    // Each worker dies with the 40th look at its descriptors, again and again.
    let Some(setup) = lied_to("epoll_wait:retval=100000:when=40", &[]) else { return };
    let server = setup.global("worker_processes 1;").start(FILES);
    if !server.error_log().contains(": io_uring") {
        println!(
            "SKIPPED: without a ring the lie would be told to the event loop's own library, which believes it"
        );
        return;
    }
    let threads = || std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
    let open_files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    assert_eq!(server.get("/canary").text(), "canary");
    let before = (threads(), open_files());
    let replaced = || server.error_log().matches("worker 0 panicked and is replaced").count();
    let (mut answered, mut lost) = (0, 0);
    wait_for("three deaths", || {
        // Never refused: who comes while there is no worker waits for the next.
        let mut client = Client::connect(server.address());
        client.send(get("/canary"));
        match client.response_to("GET") {
            Some(response) => answered += usize::from(response.text() == "canary"),
            None => lost += 1,
        }
        (replaced() >= 3).then_some(())
    });
    assert!(
        answered > 3 && lost <= 4,
        "{answered} answered, {lost} lost: those alone that a worker died with"
    );
    assert_eq!(server.get("/canary").text(), "canary");
    let log = server.wait_error("worker 0 panicked and is replaced: range end index 100000 out of range");
    assert!(log.contains("backtrace 0: ") && log.contains(" at src/io/watch.rs:"), "{log}");
    // Nothing of the dead ones is left: their threads, rings and connections.
    wait_for("as many threads and descriptors", || {
        (threads() == before.0 && open_files() <= before.1 + 1).then_some(())
    });
}

#[test]
fn what_a_killed_program_leaves_does_not_keep_the_next_one_from_starting() {
    if oracle().is_some() {
        // nginx does not start where a unix socket's file is left (98: Address already in use).
        return;
    }
    let origin = Origin::ok();
    let conf = "server { listen {{port}}; listen unix:{{dir}}/server.sock; location / { return 200 one; }
        location /app { proxy_pass http://{{app}}; } }";
    let mut server = Server::setup().app(&origin).global("worker_processes 2;").start(conf);
    let ask = |server: &Server| {
        Client::connect_unix(&server.dir().join("server.sock")).send(get("/")).response().text().to_owned()
    };
    for round in 0..3 {
        assert_eq!((server.get("/app").status, ask(&server)), (200, "one".to_owned()), "{round}");
        let mut busy = server.connect();
        busy.send("GET / HT");
        let pid = server.pid();
        server.kill();
        let left = server.dir().join("server.pid");
        assert_eq!(std::fs::read_to_string(&left).unwrap().trim(), pid.to_string(), "the pid file is stale");
        assert!(server.dir().join("server.sock").exists(), "the socket's file is stale");
        server.start_again();
    }
    // What somebody listens on is not taken away from them.
    let said = crate::support::run(&["-c", server.conf_file().to_str().unwrap(), "-g", "daemon off;"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("still could not bind()"), "{}", said.stderr);
    assert_eq!(ask(&server), "one");
}
