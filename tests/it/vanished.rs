//! Peers that vanish without a word: no FIN and no reset, as when a cable is pulled. They live in a network namespace of the case's own,
//! which suddenly has no address any more; time-outs are what ends the waits for them.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Origin, Server, oracle, wait_for};

/// A namespace on the other end of a cable; gone when dropped.
struct Elsewhere {
    name: String,
    /// Of this end, and of the other one.
    here: String,
    there: String,
}

fn ip(arguments: &str) -> bool {
    let run = Command::new("ip").args(arguments.split(' ')).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

impl Elsewhere {
    /// `None` where that is not allowed, which it says.
    fn new(number: u8) -> Option<Elsewhere> {
        let own = std::process::id();
        let name = format!("ringx{own}n{number}");
        // Addresses for tests (RFC 5737), a pair for each process and case.
        let pair = own % 32 * 8 + u32::from(number) * 4;
        let elsewhere = Elsewhere {
            here: format!("198.51.100.{}", pair + 1),
            there: format!("198.51.100.{}", pair + 2),
            name,
        };
        let Elsewhere { name, here, there } = &elsewhere;
        let cable = format!("rx{own}{number}");
        let made = ip(&format!("netns add {name}"))
            && ip(&format!("link add {cable}a type veth peer name {cable}b netns {name}"))
            && ip(&format!("addr add {here}/30 dev {cable}a"))
            && ip(&format!("link set {cable}a up"))
            && ip(&format!("-n {name} addr add {there}/30 dev {cable}b"))
            && ip(&format!("-n {name} link set {cable}b up"))
            && ip(&format!("-n {name} link set lo up"));
        if !made {
            println!("SKIPPED: a network namespace needs root, ip(8) and a kernel that allows it");
            assert!(std::env::var_os("CI").is_none() || ip("-V"), "ip(8) is missing");
            return None;
        }
        Some(elsewhere)
    }

    /// Runs a program there.
    fn run(&self, words: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// From here on nothing is answered there, and nothing comes from there.
    fn vanish(&self) {
        let Elsewhere { name, there, .. } = self;
        assert!(ip(&format!("-n {name} addr del {there}/30 dev rx{}b", &self.cable())));
    }

    fn cable(&self) -> String {
        self.name.trim_start_matches("ringx").replace('n', "")
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // The namespace lives as long as a process in it; its address would be in the way of the next one's.
        ip(&format!("link del rx{}a", self.cable()));
        ip(&format!("netns del {}", self.name));
    }
}

/// Ends a program that a case has started.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connections of clients that are open, but for the one that asks.
fn active(server: &Server) -> usize {
    let text = server.get("/status").text();
    text.lines().next().unwrap().trim_start_matches("Active connections:").trim().parse::<usize>().unwrap()
        - 1
}

#[test]
fn clients_that_vanish_are_let_go_of() {
    let Some(elsewhere) = Elsewhere::new(0) else { return };
    // Answers without end.
    let freed = Arc::new(AtomicUsize::new(0));
    let free = Arc::clone(&freed);
    let app = Origin::start(move |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
            while connection.send([b'x'; 65_536]) {}
            free.fetch_add(1, Ordering::SeqCst);
        }
    });
    let server = Server::setup().app(&app).file("root/big", vec![b'x'; 50_000_000]).start(
        "send_timeout 1s; client_body_timeout 1s; client_header_timeout 1s; keepalive_timeout 1s;
         server { listen {{port}}; root {{root}}; location /status { stub_status; }
             location /app { proxy_pass http://{{app}}; proxy_buffering off; }
             location /up { proxy_pass http://{{app}}; client_max_body_size 0; } }",
    );
    let url = |path: &str| format!("http://{}:{}/{path}", elsewhere.here, server.address().port());
    // One reads a file slowly, one an app's answer, one sends a body, one has been answered, and one has said half a head.
    let (file, answer, upload) = (url("big"), url("app"), url("up"));
    let half = format!(
        "exec 3<>/dev/tcp/{}/{}; printf 'GET / HTTP/1.1\\r\\n' >&3; read x",
        elsewhere.here,
        server.address().port()
    );
    let clients: Vec<Ends> = [
        &["curl", "-s", "--limit-rate", "10k", &file][..],
        &["curl", "-s", "--limit-rate", "10k", &answer],
        &["curl", "-s", "-T", "-", &upload],
        &["bash", "-c", &half],
    ]
    .map(|words| Ends(elsewhere.run(words)))
    .into();
    wait_for("four clients", || (active(&server) == 4).then_some(()));
    wait_for("the app's answer", || (app.requests().len() == 1).then_some(()));
    elsewhere.vanish();
    let begun = Instant::now();
    wait_for("the end of all of them", || (active(&server) == 0).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // The one that reads an answer holds no connection of the app.
    wait_for("the app's freedom", || (freed.load(Ordering::SeqCst) == 1).then_some(()));
    drop(clients);
}

#[test]
fn apps_that_vanish_are_504() {
    let Some(elsewhere) = Elsewhere::new(1) else { return };
    let program = oracle().unwrap_or_else(|| env!("CARGO_BIN_EXE_ringx").to_owned());
    let dir = std::env::temp_dir().join(&elsewhere.name);
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("page"), "a page").unwrap();
    let conf = dir.join("app.conf");
    let text = format!(
        "daemon off; pid {dir}/pid; error_log {dir}/log; events {{}} http {{ access_log off; server {{ listen {there}:8000; root {dir}; }} }}",
        dir = dir.display(),
        there = elsewhere.there,
    );
    std::fs::write(&conf, text).unwrap();
    let app = Ends(elsewhere.run(&[&program, "-c", conf.to_str().unwrap()]));
    let server = Server::setup().value("there", &elsewhere.there).start(
        "upstream app { server {{there}}:8000; keepalive 4; }
         server { listen {{port}}; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection '';
             proxy_connect_timeout 1s; proxy_read_timeout 1s; } }",
    );
    wait_for("the app", || (server.get("/page").status == 200).then_some(()));
    elsewhere.vanish();
    // On the kept connection first, and then on new ones.
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(server.get("/page").status, 504);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    let log = server.wait_error("while connecting to upstream");
    assert!(log.contains("while reading response header from upstream"), "{log}");
    drop(app);
    std::fs::remove_dir_all(&dir).unwrap();
}
