//! `daemon on`: what the command that starts a server says and returns, and what it leaves behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::differences::BACKGROUND;
use crate::support::{Client, Output, Port, TempDir, get, oracle, program, reserve, run, wait_for};

/// A configuration that goes to the background, in a directory of its own. A daemon that runs is stopped on drop.
struct Daemon {
    dir: TempDir,
    port: Port,
}

impl Daemon {
    fn new(conf: &str) -> Daemon {
        let (dir, port) = (TempDir::new(), reserve());
        let text = conf
            .replace("{dir}", &dir.path.display().to_string())
            .replace("{port}", &port.number.to_string());
        std::fs::write(dir.path.join("server.conf"), text).unwrap();
        Daemon { dir, port }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let dir = self.dir.path.to_str().unwrap();
        let (conf, log) = (format!("{dir}/server.conf"), format!("{dir}/error.log"));
        let mut all = vec!["-p", dir, "-e", &log, "-c", &conf];
        all.extend_from_slice(arguments);
        run(&all)
    }

    fn pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.dir.path.join("d.pid")).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    }

    fn listens(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.port.number)).is_ok()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            self.run(&["-s", "stop"]);
            wait_for("the daemon to end", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
        }
    }
}

const CONF: &str = "daemon on; master_process on; worker_processes 2; pid {dir}/d.pid; error_log {dir}/error.log info; events {}
    http { access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; server { listen 127.0.0.1:{port}; location / { return 200 daemon; } } }";

#[test]
fn the_command_returns_when_the_server_serves() {
    let daemon = Daemon::new(CONF);
    let output = daemon.run(&[]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let loud: Vec<&str> = output.stderr.lines().filter(|line| !line.contains("[notice]")).collect();
    assert!(loud.is_empty(), "{loud:?}");
    if BACKGROUND.ringx_only() {
        assert!(daemon.pid().is_some(), "no pid file");
    }
    let pid = wait_for("the pid file", || daemon.pid());
    let mode = std::fs::metadata(daemon.dir.path.join("d.pid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644, "whoever may write it chooses whom -s stop ends");
    let answer = Client::connect(([127, 0, 0, 1], daemon.port.number).into()).send(get("/")).response();
    assert_eq!(answer.text(), "daemon");
    // nginx forgets a signal that comes before its workers.
    if oracle().is_some() {
        wait_for("the workers", || daemon.log().contains("start worker process ").then_some(()));
    }
    let stopped = daemon.run(&["-s", "stop"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    wait_for("the daemon to end", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    assert!(!daemon.dir.path.join("d.pid").exists());
}

/// A start of this must return 1 and say this, and leave nothing behind.
#[track_caller]
fn fails(conf: &str, expected: &str) {
    let daemon = Daemon::new(conf);
    let output = daemon.run(&[]);
    assert_eq!(output.code, Some(1), "{conf}: {}", output.stderr);
    let text = output.stderr.replace(&daemon.dir.path.display().to_string(), "{dir}");
    assert!(text.contains(&format!("[emerg] {expected}")), "{conf}: {text}");
    assert!(daemon.log().contains(&expected.replace("{dir}", &daemon.dir.path.display().to_string())));
    if BACKGROUND.ringx_only() {
        assert!(!daemon.listens(), "{conf}: something listens");
        assert_eq!(daemon.pid(), None, "{conf}: a pid file is left behind");
        assert!(!daemon.dir.path.join("d.sock").exists(), "{conf}: a socket file is left behind");
    }
}

#[test]
fn what_fails_before_the_fork() {
    fails(
        &CONF.replace("127.0.0.1:{port}", "192.0.2.1:8099"),
        "bind() to 192.0.2.1:8099 failed (99: Cannot assign requested address)",
    );
    fails(
        &CONF.replace("{dir}/body", "/proc/no/such"),
        "mkdir() \"/proc/no/such\" failed (2: No such file or directory)",
    );
    fails(
        &CONF.replace("location /", "access_log {dir}/no/such.log; location /"),
        "open() \"{dir}/no/such.log\" failed (2: No such file or directory)",
    );
}

#[test]
fn a_pid_file_that_cannot_be_written() {
    if !BACKGROUND.ringx_only() {
        return;
    }
    let conf = CONF.replace("listen", "listen unix:{dir}/d.sock; listen");
    fails(
        &conf.replace("pid {dir}/d.pid", "pid {dir}/no/d.pid"),
        "open() \"{dir}/no/d.pid\" failed (2: No such file or directory)",
    );
    fails(&conf.replace("pid {dir}/d.pid", "pid {dir}"), "open() \"{dir}\" failed (21: Is a directory)");
}

#[test]
fn workers_that_cannot_start() {
    if !BACKGROUND.ringx_only() {
        return;
    }
    // Enough for the sockets, not for the loops.
    let conf = CONF.replace("daemon on;", "daemon on; worker_rlimit_nofile 12;");
    fails(&conf, "worker ");
    let output = Daemon::new(&conf.replace("daemon on;", "daemon off;")).run(&[]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
}

#[test]
fn a_port_in_use_fails_the_start() {
    let first = Daemon::new(CONF);
    assert_eq!(first.run(&[]).code, Some(0));
    wait_for("the pid file", || first.pid());
    let port = first.port.number.to_string();
    fails(
        &CONF.replace("{port}", &port).replace("d.pid", "e.pid"),
        &format!("bind() to 127.0.0.1:{port} failed (98: Address already in use)"),
    );
    assert!(first.listens());
}

#[test]
fn messages_that_nobody_reads_do_no_harm() {
    if oracle().is_some() {
        // Ended by SIGPIPE.
        return;
    }
    let daemon = Daemon::new("nonsense");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = std::process::Command::new(program())
        .args(["-t", "-c"])
        .arg(daemon.dir.path.join("server.conf"))
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
