//! Another executable in the place of the one that runs: USR2, WINCH, HUP and QUIT, under load, forth and back.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use ringx::io::sys;

use crate::privileges::{as_root, status, tasks};
use crate::support::{
    Client, DEADLINE, Origin, Server, TempDir, get, lines, oracle, reserve, signal, wait_for,
};

const NGINX: &str = "/usr/sbin/nginx";

/// A process of an upgrade, which ends with its test.
struct Generation(u32);

impl Generation {
    /// The one that has the pid file now, if it is another one than this.
    fn unless(server: &Server, last: u32) -> Option<Generation> {
        let pid = server.read("server.pid").trim().parse().ok()?;
        (pid != last).then(|| Generation(pid))
    }

    fn runs(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    }

    fn wait_end(&self) {
        wait_for("the process to end", || (!self.runs()).then_some(()));
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.runs() {
            signal(self.0, "TERM");
        }
    }
}

/// USR2, and the process that it starts.
fn upgrade(server: &Server) -> Generation {
    let old = format!("{}\n", server.pid());
    server.signal("USR2");
    let new = wait_for("the next process", || Generation::unless(server, server.pid()));
    assert_eq!(server.read("server.pid.oldbin"), old);
    new
}

fn once(mut client: Client) {
    client.send(lines("GET / HTTP/1.1\nHost: a\nConnection: close"));
    let response = client.response();
    assert_eq!((response.status, response.incomplete), (200, false));
}

/// Asks on one connection until the server says that it is over, or closes it while no request is under way.
fn keep_asking(address: SocketAddr, app: bool, stop: &AtomicBool, count: &AtomicUsize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let path = if app { "/app" } else { "/" };
    for number in 0.. {
        let mut answer = Vec::new();
        let asked = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let ended = asked.and_then(|()| read_answer(&mut stream, &mut answer));
        let text = String::from_utf8_lossy(&answer);
        if ended.is_err() && answer.is_empty() && number > 0 {
            // Closed in the moment of the request: it was not taken up, and may be sent again (RFC 9112, 9.3.1).
            return;
        }
        assert!(ended.is_ok() && text.starts_with("HTTP/1.1 200 "), "{ended:?} {text}");
        count.fetch_add(1, Ordering::SeqCst);
        if stop.load(Ordering::SeqCst) || text.to_ascii_lowercase().contains("\r\nconnection: close") {
            return;
        }
    }
}

/// Reads a head and the body that its Content-Length says.
fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
        if let Some(head) = text.find("\r\n\r\n") {
            let length = text[..head].split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.unwrap_or_default().trim().parse().expect("a length");
            if answer.len() >= head + 4 + length {
                return Ok(());
            }
        }
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Clients that ask without end: on new connections and on one that is kept, over TCP and over a unix socket.
struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(address: SocketAddr, socket: &Path) -> Load {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..4)
            .map(|kind| {
                let (stop, count, socket) = (Arc::clone(&stop), Arc::clone(&count), socket.to_owned());
                std::thread::spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        match kind {
                            0 => once(Client::connect_unix(&socket)),
                            1 => once(Client::connect(address)),
                            _ => keep_asking(address, kind == 3, &stop, &count),
                        }
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        Load { stop, count, clients }
    }

    /// Until some more requests were answered.
    fn goes_on(&self) {
        let before = self.count.load(Ordering::SeqCst);
        wait_for("load", || (self.count.load(Ordering::SeqCst) >= before + 40).then_some(()));
    }

    /// No request failed.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a request failed");
        }
        self.count.load(Ordering::SeqCst)
    }
}

const CONF: &str = "server { listen {{port}}; listen unix:{{dir}}/server.sock; location / { return 200 one; }
    location /app { proxy_pass http://{{app}}; } }";

/// nginx in the foreground, as the cases run it, refuses to be replaced.
fn start(origin: &Origin, workers: usize) -> Server {
    Server::setup().ringx().app(origin).global(&format!("worker_processes {workers};")).start(CONF)
}

fn is_closed(server: &Server) -> Option<()> {
    TcpStream::connect(server.address()).is_err().then_some(())
}

#[test]
fn the_next_process_takes_over_without_a_lost_request() {
    let origin = Origin::ok();
    let mut server = start(&origin, 2);
    let load = Load::on(server.address(), &server.dir().join("server.sock"));
    load.goes_on();
    let new = upgrade(&server);
    load.goes_on();
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    load.goes_on();
    assert!(!server.dir().join("server.pid.oldbin").exists());
    assert!(server.dir().join("server.sock").exists());
    assert_eq!(server.read("server.pid"), format!("{}\n", new.0));
    assert!(load.end() > 100);
    signal(new.0, "QUIT");
    new.wait_end();
    // What it was given it closes, when nobody is left to share it with.
    assert!(is_closed(&server).is_some(), "the port of a program that has ended");
    assert!(!server.dir().join("server.pid").exists() && !server.dir().join("server.sock").exists());
}

#[test]
fn the_way_back_loses_none_either() {
    let origin = Origin::ok();
    let server = start(&origin, 1);
    let load = Load::on(server.address(), &server.dir().join("server.sock"));
    let new = upgrade(&server);
    load.goes_on();
    let threads = || tasks(server.pid()).len();
    assert_eq!(threads(), 2);
    server.signal("WINCH");
    wait_for("the workers to rest", || (threads() == 1).then_some(()));
    load.goes_on();
    server.signal("HUP");
    wait_for("the workers to come back", || (threads() == 2).then_some(()));
    signal(new.0, "QUIT");
    new.wait_end();
    wait_for("the old pid file", || {
        (server.read("server.pid").trim() == server.pid().to_string()).then_some(())
    });
    assert!(!server.dir().join("server.pid.oldbin").exists() && server.dir().join("server.sock").exists());
    load.goes_on();
    // And once more: nothing of the first try is in the way.
    let again = upgrade(&server);
    load.goes_on();
    signal(again.0, "QUIT");
    again.wait_end();
    load.goes_on();
    load.end();
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn workers_come_back_when_the_next_process_dies_while_they_rest() {
    let origin = Origin::ok();
    let server = start(&origin, 2);
    let new = upgrade(&server);
    server.signal("WINCH");
    wait_for("the workers to rest", || (tasks(server.pid()).len() == 1).then_some(()));
    signal(new.0, "TERM");
    new.wait_end();
    wait_for("the workers to come back", || (tasks(server.pid()).len() == 3).then_some(()));
    assert_eq!(server.get("/").text(), "one");
    server.signal("WINCH");
    server.signal("HUP");
    server.wait_error("reconfigured");
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn another_number_of_workers_takes_all_sockets() {
    let origin = Origin::ok();
    for (before, after) in [(1, 3), (3, 1)] {
        let mut server = start(&origin, before);
        let text = server.read("server.conf");
        let text = text.replace(&format!("processes {before}"), &format!("processes {after}"));
        std::fs::write(server.conf_file(), text).unwrap();
        let load = Load::on(server.address(), &server.dir().join("server.sock"));
        let new = upgrade(&server);
        server.signal("QUIT");
        assert_eq!(server.wait_exit(), Some(0));
        load.goes_on();
        load.end();
        // Whichever queue the kernel chooses, somebody takes from it.
        for _ in 0..40 {
            assert_eq!(server.get("/").text(), "one");
        }
        assert_eq!(tasks(new.0).len(), after + 1);
    }
}

#[test]
fn a_process_that_cannot_start_leaves_the_old_one_as_it_was() {
    let origin = Origin::ok();
    let mut server = start(&origin, 1);
    let pid = server.read("server.pid");
    let good = server.read("server.conf");
    std::fs::write(server.conf_file(), "nonsense").unwrap();
    let back = |server: &Server| {
        wait_for("the pid file to come back", || {
            (server.read("server.pid") == pid && !server.dir().join("server.pid.oldbin").exists())
                .then_some(())
        });
    };
    server.signal("USR2");
    server.wait_error("start new binary process");
    back(&server);
    assert_eq!(server.get("/").text(), "one");
    assert!(server.dir().join("server.sock").exists());
    // It is as free as before: to reload, to be upgraded, to end.
    std::fs::write(server.conf_file(), good.replace("200 one", "200 two")).unwrap();
    server.signal("HUP");
    wait_for("the new configuration", || (server.get("/").text() == "two").then_some(()));
    let new = upgrade(&server);
    signal(new.0, "TERM");
    new.wait_end();
    back(&server);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(is_closed(&server).is_some() && !server.dir().join("server.sock").exists());
}

#[test]
fn an_executable_that_is_gone_changes_nothing() {
    let origin = Origin::ok();
    let server = Server::setup().ringx().app(&origin).copied("program").start(CONF);
    let pid = server.read("server.pid");
    std::fs::remove_file(server.dir().join("program")).unwrap();
    server.signal("USR2");
    server.wait_error("execve() failed while executing new binary process");
    wait_for("the pid file to come back", || (server.read("server.pid") == pid).then_some(()));
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn only_one_at_a_time() {
    let origin = Origin::ok();
    let server = start(&origin, 1);
    let new = upgrade(&server);
    server.signal("USR2");
    server.wait_error("the changing binary signal is ignored");
    signal(new.0, "USR2");
    server.wait_file("error.log", |log| log.matches("the changing binary signal is ignored").count() == 2);
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn nothing_is_handed_down_but_the_sockets() {
    let origin = Origin::ok();
    let mut server = start(&origin, 2);
    let count = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!(server.get("/app").status, 200);
    let new = upgrade(&server);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    let first = count(new.0);
    // From generation to generation: a descriptor that is passed on by mistake would add up.
    let mut generations = vec![new];
    for _ in 0..3 {
        let last = generations.last().unwrap().0;
        signal(last, "USR2");
        let next = wait_for("the next process", || Generation::unless(&server, last));
        wait_for("its workers", || (tasks(next.0).len() == 3).then_some(()));
        signal(last, "QUIT");
        generations.last().unwrap().wait_end();
        assert_eq!(server.get("/").text(), "one");
        assert!(count(next.0) <= first + 1, "{} descriptors, {first} at first", count(next.0));
        generations.push(next);
    }
}

#[test]
fn from_nginx_to_ringx() {
    if oracle().is_some() || !Path::new(NGINX).exists() {
        println!("SKIPPED: needs {NGINX}");
        return;
    }
    let (origin, dir, port) = (Origin::ok(), TempDir::new(), reserve());
    let (at, address) =
        (dir.path.display().to_string(), SocketAddr::from((Ipv4Addr::LOCALHOST, port.number)));
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};"));
    // In the foreground nginx refuses as long as it has the parent that it was started by.
    let conf = format!(
        "daemon on; user root; worker_processes 2; pid {at}/server.pid; error_log {at}/error.log info; events {{}}
        http {{ {} access_log off; server {{ listen 127.0.0.1:{}; listen unix:{at}/server.sock; location / {{ return 200 one; }}
            location /app {{ proxy_pass http://{}; }} }} }}",
        temp.concat(),
        port.number,
        origin.address
    );
    std::fs::write(dir.path.join("server.conf"), conf).unwrap();
    let program = dir.path.join("program");
    std::fs::copy(NGINX, &program).unwrap();
    let started = std::process::Command::new(&program)
        .args(["-p", &at, "-e", "start.log", "-c", "server.conf"])
        .status();
    assert!(started.unwrap().success());
    let pid = || std::fs::read_to_string(dir.path.join("server.pid")).ok()?.trim().parse().ok();
    let old = Generation(wait_for("nginx", pid));
    let log = || std::fs::read_to_string(dir.path.join("error.log")).unwrap_or_default();
    wait_for("the workers of nginx", || (log().matches("start worker process ").count() == 2).then_some(()));
    let load = Load::on(address, &dir.path.join("server.sock"));
    load.goes_on();
    std::fs::remove_file(&program).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_ringx"), &program).unwrap();
    signal(old.0, "USR2");
    let new = wait_for("ringx", || pid().filter(|pid| *pid != old.0).map(Generation));
    wait_for("the workers of ringx", || log().contains("ringx/").then_some(()));
    signal(old.0, "QUIT");
    old.wait_end();
    load.goes_on();
    load.end();
    let answer = Client::connect(address).send(get("/")).response();
    assert!(answer.header("server").starts_with("ringx"), "{}", answer.header("server"));
    signal(new.0, "QUIT");
    new.wait_end();
    assert!(TcpStream::connect(address).is_err() && !dir.path.join("server.sock").exists());
}

#[test]
fn root_starts_the_next_one_for_a_program_that_gave_its_rights_up() {
    if !as_root() {
        return;
    }
    let origin = Origin::ok();
    let mut server =
        Server::setup().ringx().app(&origin).global("worker_processes 2; user nobody;").start(CONF);
    let load = Load::on(server.address(), &server.dir().join("server.sock"));
    let new = upgrade(&server);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    load.goes_on();
    load.end();
    let nobody = sys::identity("nobody", None).unwrap();
    for task in tasks(new.0) {
        assert_eq!(status(&task, "Uid").split(' ').next(), Some(nobody.uid.to_string().as_str()));
        assert_eq!(status(&task, "CapEff"), "0000000000000000");
    }
    assert!(!server.dir().join("server.pid.oldbin").exists());
    // Its keeper is one of its own, as after any start.
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", new.0)).unwrap();
    let keeper: u32 = children.trim().parse().expect("one child");
    assert_eq!(std::fs::read_to_string(format!("/proc/{keeper}/comm")).unwrap(), "ringx-keeper\n");
    signal(new.0, "HUP");
    server.wait_error("reconfigured");
    assert_eq!(server.get("/").text(), "one");
    signal(new.0, "QUIT");
    new.wait_end();
    assert!(!server.dir().join("server.sock").exists() && !server.dir().join("server.pid").exists());
    Generation(keeper).wait_end();
}

#[test]
fn the_way_back_under_root() {
    if !as_root() {
        return;
    }
    let origin = Origin::ok();
    let mut server =
        Server::setup().ringx().app(&origin).global("worker_processes 1; user nobody;").start(CONF);
    let new = upgrade(&server);
    signal(new.0, "QUIT");
    new.wait_end();
    wait_for("the old pid file", || {
        (server.read("server.pid").trim() == server.pid().to_string()).then_some(())
    });
    assert_eq!(server.get("/").text(), "one");
    assert!(server.dir().join("server.sock").exists());
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(!server.dir().join("server.sock").exists() && !server.dir().join("server.pid").exists());
}

#[test]
fn a_sandbox_is_left_by_way_of_the_keeper_alone() {
    if !as_root() {
        return;
    }
    let origin = Origin::ok();
    let begin = |global: &str| Server::setup().ringx().app(&origin).global(global).start(CONF);
    let mut server = begin("worker_processes 1; user nobody; sandbox on;");
    let new = upgrade(&server);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert_eq!(server.get("/app").status, 200);
    assert_eq!(status(&tasks(new.0)[0], "Seccomp"), "2", "the next one closes its own");
    // Who may start no program says so, and starts none.
    let server = begin("worker_processes 1; sandbox on;");
    server.signal("USR2");
    server.wait_error(
        "the changing binary signal is ignored: \"sandbox on\" lets nobody start a program but the keeper",
    );
    assert_eq!(server.read("server.pid").trim(), server.pid().to_string());
    assert_eq!(server.get("/app").status, 200);
}
