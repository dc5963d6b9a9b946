//! Clients that take nothing for a while: what waits for them is bounded, costs no CPU, and arrives whole.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Client, DEADLINE, Origin, OriginConnection, Server, get, oracle, wait_for};

/// More than all socket buffers and pipes on the way hold.
const SIZE: usize = 24_000_000;

/// How an application tells the end of its answer.
const FRAMINGS: [&str; 3] = ["length", "chunked", "close"];

/// Nobody needs so much CPU to wait: a process that spins takes all of the time.
const IDLE_SHARE: f64 = 0.2;

fn body() -> Vec<u8> {
    (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Answers with [`body`], framed as the target's end says.
fn big(connection: &mut OriginConnection, body: &[u8]) {
    let Some(request) = connection.request() else { return };
    let target = request.target();
    if target.ends_with("length") {
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"));
        connection.send(body);
    } else if target.ends_with("chunked") {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for part in body.chunks(50_001) {
            let chunk = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
            if !connection.send(chunk) {
                return;
            }
        }
        connection.send("0\r\n\r\n");
    } else {
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        connection.send(body);
    }
}

/// The program's processes: nginx does its work in children.
fn processes(server: &Server) -> Vec<u32> {
    let pid = server.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    std::iter::once(pid).chain(children.split_whitespace().map(|child| child.parse().unwrap())).collect()
}

/// CPU time used so far, in clock ticks: fields 14 and 15 of proc_pid_stat(5).
fn ticks(server: &Server) -> u64 {
    let of = |pid: u32| -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1;
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    };
    processes(server).into_iter().map(of).sum()
}

/// Waits until the program has stopped working: half a second in which it used next to no CPU.
fn wait_quiet(server: &Server) {
    let window = Duration::from_millis(500);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (before, begun) = (ticks(server), Instant::now());
        std::thread::sleep(window);
        // A tick is 10 ms (USER_HZ).
        let share = (ticks(server) - before) as f64 * 0.01 / begun.elapsed().as_secs_f64();
        if share < IDLE_SHARE {
            return;
        }
        assert!(Instant::now() < deadline, "waits for a client with {:.0} % of a core", share * 100.0);
    }
}

/// The sizes of the temporary files that are open: files of the test's directory that have no name any more.
fn temporary_files(server: &Server) -> Vec<u64> {
    let mut sizes = Vec::new();
    for pid in processes(server) {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            if target.starts_with(&*server.dir().to_string_lossy()) && target.ends_with(" (deleted)") {
                sizes.extend(fs::metadata(entry.path()).map(|file| file.len()));
            }
        }
    }
    sizes
}

/// After `begin`, asks for each framing over TCP and over a unix socket with clients that read nothing, waits until the program is
/// quiet, lets `look` look, and then reads everything.
fn wait_then_read(directives: &str, begin: impl Fn(&Server), look: impl Fn(&Server)) -> Server {
    let body = Arc::new(body());
    let served = Arc::clone(&body);
    let app = Origin::start(move |connection| big(connection, &served));
    let setup = Server::setup().app(&app).directory("files");
    let served = Arc::clone(&body);
    let unix = Origin::start_unix(&setup.dir().join("app.sock"), move |connection| big(connection, &served));
    let server = setup.start(&format!(
        "server {{ listen {{{{port}}}}; proxy_http_version 1.1; {directives}
            location /tcp/ {{ proxy_pass http://{{{{app}}}}; }}
            location /unix/ {{ proxy_pass http://unix:{{{{dir}}}}/app.sock; }} }}"
    ));
    begin(&server);
    let mut clients: Vec<(String, Client)> = ["tcp", "unix"]
        .iter()
        .flat_map(|transport| FRAMINGS.map(|framing| format!("/{transport}/{framing}")))
        .map(|target| {
            let mut client = server.connect();
            client.send(get(&target));
            (target, client)
        })
        .collect();
    wait_for("all requests at the application", || {
        (app.requests().len() + unix.requests().len() == clients.len()).then_some(())
    });
    wait_quiet(&server);
    look(&server);
    for (target, client) in &mut clients {
        let response = client.response();
        look(&server);
        assert!(!response.incomplete && response.body.len() == SIZE, "{target}: {}", response.body.len());
        assert!(response.body == *body, "{target}: another body");
    }
    server
}

#[test]
fn without_temporary_files_waiting_costs_nothing() {
    wait_then_read(
        "proxy_max_temp_file_size 0;",
        |_| (),
        |server| {
            assert_eq!(temporary_files(server), Vec::<u64>::new());
        },
    );
}

#[test]
fn a_temporary_file_keeps_to_its_size() {
    let most = Cell::new(0);
    wait_then_read(
        "proxy_temp_path {{dir}}/files; proxy_max_temp_file_size 1m;",
        |_| (),
        |server| {
            most.set(temporary_files(server).into_iter().fold(most.get(), u64::max));
            assert!(most.get() <= 1 << 20, "{} bytes", most.get());
        },
    );
    assert!(most.get() > 900_000, "the file was to be used: {} bytes", most.get());
}

#[test]
fn without_buffering_waiting_costs_nothing() {
    wait_then_read(
        "proxy_buffering off;",
        |_| (),
        |server| {
            assert_eq!(temporary_files(server), Vec::<u64>::new());
        },
    );
}

#[test]
fn a_temporary_file_that_cannot_be_made_costs_no_byte() {
    if oracle().is_some() {
        // nginx cuts the answer: `differences::TEMPORARY_FILE`.
        return;
    }
    // The directory becomes something else while the program runs: that stops root too.
    let ruin = |server: &Server| {
        let files = server.dir().join("files");
        fs::remove_dir_all(&files).unwrap();
        fs::write(&files, "").unwrap();
    };
    let server = wait_then_read("proxy_temp_path {{dir}}/files;", ruin, |_| ());
    let log = server.error_log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("[crit]")).collect();
    assert_eq!(lines.len(), 2 * FRAMINGS.len(), "once for each answer: {lines:?}");
    let path = server.dir().join("files");
    let expected =
        format!("open() \"{}\" failed (20: Not a directory) while reading upstream, ", path.display());
    for line in lines {
        assert!(line.contains(&expected) && line.contains(", upstream: \"http://"), "{line}");
    }
}

/// Bytes that nobody reads would make the server's close a reset, and what the client has not read yet would be lost.
#[test]
fn bytes_behind_the_last_request_do_not_cost_the_end_of_its_answer() {
    let size = 20_000_000;
    let server = Server::setup()
        .file("root/big", vec![b'd'; size])
        // However much a socket may hold elsewhere: the answer must not be gone before those bytes come.
        .start("server { listen {{port}} sndbuf=64k; root {{root}}; }");
    let mut client = server.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut got = client.read_some().len();
    client.send("more");
    got += client.read_to_end().len();
    assert!(got > size, "{got} of {size} bytes and a head");
}
