//! What the machine has no more of: descriptors, disk, room for logs, io_uring. What is under way goes on, what cannot be
//! done is refused and told, and all is well again when there is some.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::differences::{FILE_LIMIT, LOG_PIPES};
use crate::support::{Client, Origin, Server, Setup, get, oracle, reserve, wait_for};

/// Whether this machine lets a test have mount points of its own; says that it is skipped where not.
fn mounts(test: &str) -> bool {
    let allowed = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    if !allowed {
        println!("SKIPPED {test}: mount points of its own need root and unshare(1)");
    }
    allowed
}

/// A file system of this size at `{{dir}}/NAME`, which only the program sees.
fn small_disk(setup: Setup, name: &str, size: &str) -> Setup {
    setup.directory(name).after(&format!("mount -t tmpfs -o size={size} tmpfs $dir/{name}"))
}

/// A file of the program's own mount points.
fn inside(server: &Server, path: &str) -> Vec<u8> {
    let seen = format!("/proc/{}/root{}/{path}", server.pid(), server.dir().display());
    fs::read(&seen).unwrap_or_else(|e| panic!("{seen}: {e}"))
}

/// How often `text` is in the error log.
fn told(server: &Server, text: &str) -> usize {
    server.error_log().matches(text).count()
}

// --- descriptors

#[test]
fn without_descriptors_accepting_pauses_and_those_who_are_in_are_served() {
    let app = Origin::ok();
    let server = Server::setup()
        .app(&app)
        .file("root/page", "a page")
        .limited("ulimit -n 64")
        .global("worker_processes 1;")
        .start("server { listen {{port}}; root {{root}}; location /app { proxy_pass http://{{app}}; } location /ok { return 200 ok; } }");
    let mut inside = server.connect();
    assert_eq!(inside.send(get("/ok")).response().text(), "ok");
    let mut others = [server.connect(), server.connect()];
    for client in &mut others {
        assert_eq!(client.send(get("/ok")).response().text(), "ok");
    }
    let crowd: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    server.wait_error("accept4() failed (24: Too many open files)");
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(inside.send(get("/ok")).response().text(), "ok");
    }
    // What needs another descriptor is served or refused, and then the connection may end (500).
    for (client, path) in others.iter_mut().zip(["/app", "/page"]) {
        let status = client.send(get(path)).response().status;
        assert!([200, 500, 502, 503].contains(&status), "{path}: {status}");
    }
    assert_eq!(inside.send(get("/ok")).response().text(), "ok");
    std::thread::sleep(Duration::from_millis(1200));
    let pauses = told(&server, "accept4() failed");
    let most = since.elapsed().as_millis() / 500 + 3;
    assert!(pauses as u128 <= most, "accepting did not rest: {pauses} failures in {:?}", since.elapsed());
    drop(crowd);
    // Waits in the kernel until accepting resumes, and is then served.
    assert_eq!(server.get("/ok").text(), "ok");
    assert_eq!(server.get("/page").text(), "a page");
    assert_eq!(server.get("/app").text(), "ok");
    assert_eq!(inside.send(get("/app")).response().text(), "ok");
    assert!(!server.error_log().contains("panicked"), "{}", server.error_log());
}

/// The machine has no descriptors for anybody: the same, and the loop sleeps meanwhile.
#[test]
fn a_machine_without_descriptors_is_waited_for() {
    if oracle().is_some() {
        return;
    }
    let Some(server) = confined(&[(libc::SYS_accept4, libc::ENFILE.unsigned_abs())], "return 200 ok;") else {
        return;
    };
    let _waiting = server.connect();
    server.wait_error("accept4() failed (23: Too many open files in system)");
    std::thread::sleep(Duration::from_millis(1200));
    let pauses = told(&server, "accept4() failed");
    assert!((2..=5).contains(&pauses), "{pauses} failures in a good second");
}

// --- disks

#[test]
fn answers_pass_a_full_disk() {
    if oracle().is_some() || !mounts("answers_pass_a_full_disk") {
        // nginx cuts the answer: `differences::TEMPORARY_FILE`.
        return;
    }
    let size = 20_000_000;
    let body: Vec<u8> = (0..size as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for framing in [format!("Content-Length: {size}"), "Connection: close".to_owned()] {
        let answer = [format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes(), &body].concat();
        let app = Origin::answering_once(answer);
        let server = small_disk(Server::setup().app(&app), "small", "512k").start(
            "proxy_temp_path {{dir}}/small; server { listen {{port}}; location / { proxy_pass http://{{app}}; } }",
        );
        let mut client = server.connect();
        client.send(get("/"));
        server.wait_error("failed (28: No space left on device) while reading upstream");
        let response = client.response();
        assert!(!response.incomplete && response.body == body, "{framing}: {} bytes", response.body.len());
        assert_eq!(told(&server, "(28: No space left on device)"), 1, "once for an answer");
    }
}

#[test]
fn uploads_that_do_not_fit_are_refused() {
    if oracle().is_some() || !mounts("uploads_that_do_not_fit_are_refused") {
        return;
    }
    let app = Origin::ok();
    let server = small_disk(Server::setup().app(&app), "small", "512k").start(
        "client_body_temp_path {{dir}}/small; client_body_buffer_size 16k; client_max_body_size 0;
         server { listen {{port}}; location / { proxy_pass http://{{app}}; } }",
    );
    let post = |size: usize| {
        let mut request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for _ in 0..size / 1000 {
            request += &format!("3e8\r\n{}\r\n", "b".repeat(1000));
        }
        request + "0\r\n\r\n"
    };
    assert_eq!(server.send(post(2_000_000)).status, 500);
    server.wait_error("(28: No space left on device)");
    assert_eq!(app.requests().len(), 0, "the application hears nothing of it");
    // What the refused one took is free again.
    assert_eq!(server.send(post(300_000)).text(), "ok");
    assert_eq!(app.last().body.len(), 300_000);
}

#[test]
fn a_full_disk_costs_log_lines_and_no_request() {
    if oracle().is_some() || !mounts("a_full_disk_costs_log_lines_and_no_request") {
        return;
    }
    let server = small_disk(Server::setup(), "small", "16k").start(
        "log_format long '$uri xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';
         server { listen {{port}}; access_log {{dir}}/small/access.log long;
            access_log {{dir}}/small/late.log long buffer=4k flush=10ms; location / { return 200 ok; } }",
    );
    let mut client = server.connect();
    for _ in 0..400 {
        assert_eq!(client.send(get("/full")).response().text(), "ok");
    }
    let text = "small/access.log\" failed (28: No space left on device)";
    let log = server.wait_error(text);
    let line = log.lines().find(|line| line.contains(text)).unwrap();
    assert!(line.contains("[alert]") && line.contains("write() to \""), "{line}");
    assert_eq!(told(&server, text), 1, "once a minute");
    let lines = String::from_utf8(inside(&server, "small/access.log")).unwrap();
    assert!(lines.len() > 1000 && lines.len() <= 16 << 10, "{} bytes", lines.len());
}

/// The error log itself is on the full disk: nobody can be told, and nothing else happens.
#[test]
fn an_error_log_that_cannot_be_written_harms_nobody() {
    let server = Server::start(
        "error_log /dev/full debug; access_log /dev/full; server { listen {{port}}; root {{root}}; location /ok { return 200 ok; } }",
    );
    for _ in 0..50 {
        assert_eq!(server.get("/missing").status, 404);
        assert_eq!(server.get("/ok").text(), "ok");
    }
}

/// A file may not grow for ever (RLIMIT_FSIZE): the signal that comes with it ends nobody.
#[test]
fn a_limit_for_files_costs_log_lines_and_no_request() {
    if !FILE_LIMIT.ringx_only() {
        return;
    }
    let setup = Server::setup().limited("ulimit -f 16");
    let server =
        setup.start("server { listen {{port}}; access_log {{dir}}/long.log; location / { return 200 ok; } }");
    let mut client = server.connect();
    for _ in 0..400 {
        assert_eq!(client.send(get("/a-request-with-a-line")).response().text(), "ok");
    }
    let text = "long.log\" failed (27: File too large)";
    server.wait_error(text);
    assert_eq!(server.get("/").text(), "ok");
}

#[test]
fn a_pid_file_that_does_not_fit_is_no_start() {
    if oracle().is_some() || !mounts("a_pid_file_that_does_not_fit_is_no_start") {
        return;
    }
    let line = "mount -t tmpfs -o size=4k tmpfs $dir/small && ! head -c 5000 /dev/zero > $dir/small/fill";
    let port = reserve();
    let (code, said) = Server::setup().directory("small").after(line).fails(&format!(
        "pid {{{{dir}}}}/small/server.pid; error_log stderr; events {{}}
         http {{ access_log off; server {{ listen {}; }} }}",
        port.number
    ));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("small/server.pid") && said.contains("(28: No space left on device)"), "{said}");
}

#[test]
fn a_file_system_that_is_read_only_is_served_from() {
    if oracle().is_some() || !mounts("a_file_system_that_is_read_only_is_served_from") {
        return;
    }
    let line = "mount --bind $dir/root $dir/root && mount -o remount,ro,bind $dir/root";
    let app = Origin::ok();
    let setup = || Server::setup().app(&app).file("root/page", "a page").after(line);
    let server = setup().start(
        "server { listen {{port}}; root {{root}}; location /up { client_body_in_file_only clean; proxy_pass http://{{app}}; } }",
    );
    assert_eq!(server.get("/page").text(), "a page");
    assert_eq!(server.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").text(), "ok");
    // A log there is refused at the start, with its name.
    let (code, said) = setup().fails(
        "error_log stderr; pid {{dir}}/server.pid; events {} http { access_log {{root}}/access.log; server { listen {{port}}; } }",
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("root/access.log\" failed (30: Read-only file system)"), "{said}");
}

// --- logs that nobody reads

fn pipe(setup: &Setup, name: &str) {
    let made = Command::new("mkfifo").arg(setup.dir().join(name)).status().unwrap();
    assert!(made.success());
}

/// Pipes hold 64 KiB: after that a write to one waits for whoever reads it, which is nobody.
#[test]
fn a_log_pipe_that_nobody_reads_blocks_nothing() {
    if !LOG_PIPES.ringx_only() {
        return;
    }
    for buffer in ["", "buffer=32k flush=10ms"] {
        let setup = Server::setup();
        for name in ["access.pipe", "error.pipe"] {
            pipe(&setup, name);
        }
        let server = setup.start(&format!(
            "error_log {{{{dir}}}}/error.log info; access_log {{{{dir}}}}/access.pipe combined {buffer}; keepalive_requests 10000;
             server {{ listen {{{{port}}}}; root {{{{root}}}}; error_log {{{{dir}}}}/error.pipe;
                location /ok {{ return 200 ok; }} }}"
        ));
        let mut client = server.connect();
        for number in 0..1500 {
            assert_eq!(client.send(get(&format!("/ok?{number}"))).response().text(), "ok");
            assert_eq!(client.send(get(&format!("/missing?{number}"))).response().status, 404);
        }
        let log = server.wait_error("access.pipe\" failed (11: Resource temporarily unavailable)");
        assert!(log.contains("error.pipe\" failed (11: Resource temporarily unavailable)"), "{log}");
        assert_eq!(log.matches("access.pipe\" failed").count(), 1, "once a minute");
        // Whoever begins to read finds whole lines, and the next ones too.
        let mut reader = fs::File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(server.dir().join("access.pipe"))
            .unwrap();
        let mut got = read_available(&mut reader);
        client.send(get("/ok?later")).response();
        got += &wait_for("a line behind the lost ones", || {
            let more = read_available(&mut reader);
            (!more.is_empty()).then_some(more)
        });
        assert!(got.ends_with('\n') && got.contains("GET /ok?0 "), "{} bytes", got.len());
        assert!(got.lines().all(|line| line.starts_with("127.0.0.1 - - [")), "a line was torn");
    }
}

/// What is in a pipe now.
fn read_available(reader: &mut fs::File) -> String {
    let mut all = Vec::new();
    match reader.read_to_end(&mut all) {
        Err(e) if e.kind() == ErrorKind::WouldBlock => {}
        ended => panic!("the program has closed its log: {ended:?}"),
    }
    String::from_utf8(all).unwrap()
}

/// Standard error is often a pipe to whatever collects logs.
#[test]
fn a_standard_error_that_nobody_reads_blocks_nothing() {
    if !LOG_PIPES.ringx_only() {
        return;
    }
    let setup = Server::setup();
    pipe(&setup, "collector");
    let collector = setup.dir().join("collector");
    // Open in both directions, so that opening it waits for nobody.
    let _held = fs::File::options().read(true).write(true).open(&collector).unwrap();
    let server = setup.limited(&format!("exec 2>>{}", collector.display())).start(
        "access_log /dev/stderr; keepalive_requests 10000; server { listen {{port}}; root {{root}}; error_log stderr; location /ok { return 200 ok; } }",
    );
    let mut client = server.connect();
    for number in 0..1500 {
        assert_eq!(client.send(get(&format!("/ok?{number}"))).response().text(), "ok");
        assert_eq!(client.send(get(&format!("/missing?{number}"))).response().status, 404);
    }
    server.wait_error("stderr\" failed (11: Resource temporarily unavailable)");
}

// --- io_uring

/// A server whose system calls of these numbers fail with these errors, by a seccomp filter of the thread that starts it.
fn confined(refused: &[(i64, u32)], conf: &'static str) -> Option<Server> {
    let refused = refused.to_vec();
    let start = move || {
        for (call, error) in refused {
            let rules = [(call, Vec::new())].into_iter().collect();
            let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
            let filter =
                SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error), arch).unwrap();
            if let Err(error) = seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()) {
                println!("SKIPPED: no seccomp filter can be set: {error}");
                return None;
            }
        }
        Some(Server::start(&format!("server {{ listen {{{{port}}}}; {conf} }}")))
    };
    std::thread::spawn(start).join().unwrap()
}

#[test]
fn a_ring_that_is_refused_is_epoll() {
    if oracle().is_some() || std::env::var_os("RINGX_IO").is_some() {
        return;
    }
    for (calls, error) in [
        (vec![libc::SYS_io_uring_setup], libc::EPERM),
        (vec![libc::SYS_io_uring_setup], libc::ENOSYS),
        (vec![libc::SYS_io_uring_setup], libc::ENOMEM),
        (vec![libc::SYS_io_uring_setup], libc::EMFILE),
        (vec![libc::SYS_io_uring_enter], libc::EPERM),
        (vec![libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register], libc::EPERM),
    ] {
        let refused: Vec<_> = calls.iter().map(|call| (*call, error.unsigned_abs())).collect();
        let Some(server) = confined(&refused, "return 200 ok;") else { return };
        assert_eq!(server.get("/").text(), "ok");
        let said = server.wait_file("stderr.log", |text| text.contains("serving http"));
        let line = said.lines().find(|line| line.contains("epoll")).unwrap_or_default();
        assert!(line.contains(" refused ("), "{calls:?}, {error}: the reason is missing: {said}");
    }
}

/// Rings need no locked memory (since Linux 5.12), and no other limit that services are often given stops a start.
#[test]
fn limits_of_memory_stop_no_start() {
    for limit in ["ulimit -l 0", "ulimit -s 2048", "ulimit -c 0"] {
        let server = Server::setup()
            .file("root/page", "x".repeat(300_000))
            .limited(limit)
            .start("server { listen {{port}}; root {{root}}; location /ok { return 200 ok; } }");
        assert_eq!(server.get("/ok").text(), "ok", "{limit}");
        assert_eq!(server.get("/page").body.len(), 300_000, "{limit}");
    }
}
