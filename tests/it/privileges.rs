//! Started as root with a `user`: nothing of root's rights is left, and what only root may is there all the same.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use ringx::io::sys;
use rustls::version::TLS13;

use crate::support::{Client, Server, lines, tls, wait_for};

/// Whether the cases of this file can run: they begin as root, as continuous integration does.
pub fn as_root() -> bool {
    if !sys::is_root() {
        println!("SKIPPED: privileges are dropped only when started as root");
    }
    sys::is_root()
}

/// The lines of /proc/PID/task/TID/status by their names.
pub fn status(task: &Path, name: &str) -> String {
    let text = fs::read_to_string(task.join("status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every thread of a process.
pub fn tasks(pid: u32) -> Vec<std::path::PathBuf> {
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path()).collect()
}

/// The keeper's process id.
fn keeper(server: &Server) -> u32 {
    let pid = server.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap_or_else(|_| panic!("one child, not {children:?}"))
}

fn is_gone(pid: u32) -> Option<()> {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    (state.is_empty() || state.contains(") Z ")).then_some(())
}

#[test]
fn every_thread_has_the_users_rights_and_no_more() {
    if !as_root() {
        return;
    }
    let mut server = Server::setup()
        .ringx()
        .global("worker_processes 2; user nobody;")
        // What a process has inherited stays when it changes its user, unless it is given up.
        .under(&["setpriv", "--inh-caps", "+net_raw"])
        .file("root/a.txt", "a")
        .file("root/secret.txt", "s")
        .start("server { listen {{port}}; root {{root}}; }");
    fs::set_permissions(server.dir().join("root/secret.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!((server.get("/a.txt").status, server.get("/secret.txt").status), (200, 403));

    let nobody = sys::identity("nobody", None).unwrap();
    let four = |id: u32| vec![id.to_string(); 4].join(" ");
    let groups = nobody.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let tasks = tasks(server.pid());
    assert!(tasks.len() >= 3, "a master and two workers");
    for task in &tasks {
        let of = |name| status(task, name);
        assert_eq!(
            (of("Uid"), of("Gid"), of("Groups")),
            (four(nobody.uid), four(nobody.gid), groups.clone())
        );
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(of(set), "0000000000000000", "{set} of {}", task.display());
        }
        assert_eq!(of("NoNewPrivs"), "1");
    }

    // Who stays root holds nothing that a client can reach.
    let keeper = keeper(&server);
    let process = format!("/proc/{keeper}");
    assert_eq!(fs::read_to_string(format!("{process}/comm")).unwrap(), "ringx-keeper\n");
    assert_eq!(status(Path::new(&process), "NoNewPrivs"), "1");
    let open: Vec<_> =
        fs::read_dir(format!("{process}/fd")).unwrap().map(|fd| fd.unwrap().file_name()).collect();
    assert_eq!(open.len(), 4, "the standard streams and the way to the program: {open:?}");
    server.signal("TERM");
    assert_eq!(server.wait_exit(), Some(0));
    wait_for("the keeper to end with the program", || is_gone(keeper));
    assert!(!server.dir().join("server.pid").exists(), "the pid file goes, though its directory is root's");
}

#[test]
fn the_keeper_ends_with_a_program_that_is_killed() {
    if !as_root() {
        return;
    }
    let server = Server::setup()
        .ringx()
        .global("worker_processes 1; user nobody;")
        .start("server { listen {{port}}; }");
    let keeper = keeper(&server);
    let killed = std::process::Command::new("kill").args(["-KILL", &server.pid().to_string()]).status();
    assert!(killed.unwrap().success());
    wait_for("the keeper to end", || is_gone(keeper));
}

/// A port that only root may bind, if there is a free one.
fn low_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (700..1000).find(free).expect("a free port below 1024")
}

#[test]
fn a_reload_has_what_only_root_may_read_write_and_bind() {
    if !as_root() {
        return;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
    let pem = |name: &str| fs::read(format!("{folder}/{name}")).unwrap();
    let mut server = Server::setup()
        .ringx()
        .global("worker_processes 1; user nobody;")
        .file("private/sites/a.conf", "server { listen {{port}}; return 200 old; }")
        .file("private/server.pem", pem("a.pem"))
        .file("private/server.key", pem("a.key"))
        .start("server { listen {{port}}; return 200 old; }");
    let dir = server.dir().to_owned();
    // Nobody but root looks in there, as with letsencrypt's.
    fs::set_permissions(dir.join("private"), fs::Permissions::from_mode(0o700)).unwrap();
    let (low, at) = (low_port(), dir.display().to_string());
    fs::write(
        dir.join("private/sites/a.conf"),
        format!(
            "server {{ listen 127.0.0.1:{low} ssl; listen unix:{at}/socket; access_log {at}/new.log; \
             ssl_certificate {at}/private/server.pem; ssl_certificate_key {at}/private/server.key; \
             client_body_temp_path {at}/bodies; return 200 $server_port; }}"
        ),
    )
    .unwrap();
    server.rewrite("server { listen {{port}}; return 200 new; } include {{dir}}/private/sites/*.conf;");
    server.signal("HUP");
    server.wait_error("reconfigured");
    wait_for("the new configuration", || (server.get("/").text() == "new").then_some(()));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, low));
    let ask = || {
        // Without a session from before, which would show the old certificate.
        let mut client = Client::connect_tls(address, &tls::client(&[&TLS13]), "localhost");
        let shown = client.tls().peer_certificates().unwrap()[0].to_vec();
        (client.send(lines("GET / HTTP/1.1\nHost: localhost")).response().text(), shown)
    };
    let (text, first) = ask();
    assert_eq!(text, low.to_string());
    let mut unix = Client::connect_unix(&dir.join("socket"));
    assert_eq!(unix.send(lines("GET / HTTP/1.1\nHost: localhost")).response().status, 200);
    assert!(dir.join("bodies").is_dir());

    // Logs are opened anew in a directory of root's.
    server.wait_file("new.log", |log| log.lines().count() == 2);
    fs::rename(dir.join("new.log"), dir.join("new.log.1")).unwrap();
    server.signal("USR1");
    wait_for("the new log", || dir.join("new.log").exists().then_some(()));
    ask();
    server.wait_file("new.log", |log| log.lines().count() == 1);

    // A renewed certificate is taken up without a signal.
    fs::write(dir.join("private/server.pem"), pem("b.pem")).unwrap();
    fs::write(dir.join("private/server.key"), pem("b.key")).unwrap();
    wait_for("the new certificate", || (ask().1 != first).then_some(()));

    // What the file does not name any more is closed, and its socket's file goes.
    server.rewrite("server { listen {{port}}; return 200 last; }");
    server.signal("HUP");
    wait_for("the last configuration", || (server.get("/").text() == "last").then_some(()));
    assert!(!dir.join("socket").exists());
}

#[test]
fn a_log_in_a_directory_of_the_user_is_opened_anew_by_the_user() {
    if !as_root() {
        return;
    }
    let nobody = sys::identity("nobody", None).unwrap();
    let setup = Server::setup().ringx().global("worker_processes 1; user nobody;").directory("logs");
    std::os::unix::fs::chown(setup.dir().join("logs"), Some(nobody.uid), None).unwrap();
    let server = setup.start("access_log {{dir}}/logs/a.log; server { listen {{port}}; return 200; }");
    server.signal("HUP");
    server.wait_error("reconfigured");
    // What the user could have put there, root does not open for it.
    fs::remove_file(server.dir().join("logs/a.log")).unwrap();
    fs::write(server.dir().join("victim"), "root's\n").unwrap();
    std::os::unix::fs::symlink(server.dir().join("victim"), server.dir().join("logs/a.log")).unwrap();
    server.signal("USR1");
    server.wait_error("logs/a.log\" failed (13: Permission denied)");
    server.get("/");
    assert_eq!(server.read("victim"), "root's\n");
}
