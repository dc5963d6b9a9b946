//! `sandbox on`: the program reaches what its configuration names, with and without root's rights, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::privileges::{status, tasks};
use crate::support::{Origin, Response, Server, Setup, TempDir, wait_for};

const SITE: &str = "client_body_buffer_size 1k; client_max_body_size 10m; proxy_buffers 2 4k; proxy_buffer_size 4k;
     server { listen {{port}}; root {{root}}; location /app { proxy_pass http://{{app}}; } location /dead { proxy_pass http://127.0.0.1:{{dead}}; } }";

/// Whether the kernel can do it: the program says at start when it cannot.
fn offered() -> bool {
    let mut setup = Server::setup().ringx().global("sandbox on;");
    let conf = setup.fill(&setup.wrap("server { listen {{port}}; }"));
    let file = setup.dir().join("try.conf");
    fs::write(&file, format!("daemon on;\n{conf}")).unwrap();
    let (dir, file) = (setup.dir().display().to_string(), file.display().to_string());
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringx"));
        command.args(["-p", &dir, "-c", &file]).args(more).stdin(Stdio::null()).output().unwrap()
    };
    let started = run(&[]);
    if !started.status.success() {
        let said = String::from_utf8_lossy(&started.stderr);
        assert!(said.contains("needs Landlock"), "{said}");
        println!("SKIPPED: this kernel has no Landlock");
        return false;
    }
    assert!(run(&["-s", "stop"]).status.success());
    true
}

/// The site, with a link to a secret in a directory that is not named: `outside`.
fn setup(global: &str, app: &Origin, outside: &TempDir) -> Setup {
    let setup = Server::setup().ringx().global(global).app(app);
    let setup = setup.file("root/a.txt", "inside").value("outside", &outside.path.display().to_string());
    fs::write(outside.path.join("secret.txt"), "secret").unwrap();
    symlink(outside.path.join("secret.txt"), setup.dir().join("root/link.txt")).unwrap();
    symlink(setup.dir().join("root/a.txt"), setup.dir().join("root/within.txt")).unwrap();
    setup
}

fn shown(response: &Response) -> (u16, String) {
    (response.status, response.text().lines().next().unwrap_or_default().to_owned())
}

fn upload(server: &Server) -> Response {
    let body = "b".repeat(2 << 20);
    let head = format!("POST /app HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    server.send(format!("{head}{body}"))
}

fn holds(global: &str, environment: &'static str) {
    let (app, outside) = (Origin::echo(), TempDir::new());
    let mut server = setup(global, &app, &outside).env("RINGX_IO", environment).start(SITE);
    assert_eq!(shown(&server.get("/a.txt")), (200, "inside".to_owned()));
    assert_eq!(server.get("/within.txt").status, 200);
    assert_eq!(server.get("/link.txt").status, 403);
    assert!(server.error_log().contains("link.txt\" failed (13: Permission denied)"));
    assert_eq!(server.get("/app").status, 200);
    assert_eq!(upload(&server).status, 200);
    for task in tasks(server.pid()) {
        assert_eq!((status(&task, "Seccomp"), status(&task, "NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
    }

    // What stays within the bounds is taken up.
    server.rewrite(&SITE.replace("location /app", "location /new { return 200; } location /app"));
    server.signal("HUP");
    wait_for("the new configuration", || (server.get("/new").status == 200).then_some(()));
    assert_eq!((server.get("/a.txt").status, server.get("/link.txt").status), (200, 403));
    fs::rename(server.dir().join("access.log"), server.dir().join("access.log.1")).unwrap();
    server.signal("USR1");
    wait_for("the new log", || server.dir().join("access.log").exists().then_some(()));

    // What does not is refused, and the old one goes on.
    server.rewrite(&SITE.replace("root {{root}}", "root {{outside}}"));
    server.signal("HUP");
    let log = server.wait_error("the old one stays in force");
    let why = format!("\"sandbox\" was closed without \"{}\": this takes a restart", outside.path.display());
    assert!(log.contains(&why), "{log}");
    assert_eq!((server.get("/new").status, server.get("/a.txt").status), (200, 200));
    server.signal("TERM");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(!server.dir().join("server.pid").exists());
}

#[test]
fn the_program_reaches_what_its_configuration_names_alone() {
    if offered() {
        holds("worker_processes 2; sandbox on;", "defer");
        holds("worker_processes 1; sandbox on;", "epoll");
    }
}

#[test]
fn so_does_one_that_gave_roots_rights_up() {
    if crate::privileges::as_root() && offered() {
        holds("worker_processes 2; user nobody; sandbox on;", "defer");
    }
}

/// The same site without it, so that the cases above show what it does.
#[test]
fn without_it_links_lead_outside() {
    let (app, outside) = (Origin::echo(), TempDir::new());
    let server = setup("worker_processes 1;", &app, &outside).start(SITE);
    assert_eq!(shown(&server.get("/link.txt")), (200, "secret".to_owned()));
    assert!(tasks(server.pid()).iter().all(|task| status(task, "Seccomp") == "0"));
    assert!(tasks(server.pid()).iter().all(|task| status(task, "NoNewPrivs") == "1"));
}

#[test]
fn what_could_be_anywhere_cannot_be_confined() {
    let mut setup = Server::setup().ringx().global("sandbox on;");
    let (taken, said) = setup.test("server { listen {{port}}; root $host; }");
    assert!(!taken && said.contains("\"root\" begins with a variable"), "{said}");
}
