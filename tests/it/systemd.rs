//! What systemd does for a service: it opens its ports, and hears from it how it is.

use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};

use crate::support::{Client, DEADLINE, Server, get, oracle, wait_for};

/// As systemd starts a program with one socket: descriptor 3, and who it is for.
const ACTIVATE: [&str; 4] = [
    "sh",
    "-c",
    "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=web; exec \"$@\"",
    "sh",
];

#[test]
fn a_port_that_systemd_opened_is_taken_over_and_left_to_it() {
    if oracle().is_some() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let conf = format!(
        "server {{ listen {{{{port}}}}; listen 127.0.0.1:{port}; location / {{ return 200 $server_port; }} }}"
    );
    let mut server = Server::setup()
        .stdin(listener.try_clone().unwrap())
        .under(&ACTIVATE)
        .global("worker_processes 2;")
        .start(&conf);
    let ask = || Client::connect(listener.local_addr().unwrap()).send(get("/")).response().text().to_owned();
    for _ in 0..20 {
        assert_eq!(ask(), port.to_string());
    }
    server.signal("HUP");
    server.wait_error("reconfigured");
    assert_eq!(ask(), port.to_string());
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(std::net::TcpStream::connect(server.address()).is_err(), "its own port is closed");
    // Who comes now waits for the next start.
    let mut client = Client::connect(listener.local_addr().unwrap());
    client.send(get("/"));
    server.start_again();
    assert_eq!(client.response().text(), port.to_string());
}

#[test]
fn a_unix_socket_that_systemd_opened_stays() {
    if oracle().is_some() {
        return;
    }
    let setup = Server::setup();
    let path = setup.dir().join("web.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut server = setup.stdin(listener).under(&ACTIVATE).start(
        "server { listen {{port}}; listen unix:{{dir}}/web.sock; listen unix:{{dir}}/own.sock; return 204; }",
    );
    assert_eq!(Client::connect_unix(&path).send(get("/")).response().status, 204);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(path.exists() && !server.dir().join("own.sock").exists());
}

#[test]
fn what_nobody_asked_for_is_said_and_closed() {
    if oracle().is_some() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        Server::setup().stdin(listener).under(&ACTIVATE).start("server { listen {{port}}; return 204; }");
    server.wait_error(&format!("a socket for {address} came with the start, which no \"listen\" names"));
    assert_eq!(server.get("/").status, 204);
    // Meant for another process, or no sockets at all: as if nothing had been said.
    for script in [
        "export LISTEN_FDS=1 LISTEN_PID=1; exec \"$@\"",
        "export LISTEN_FDS=3 LISTEN_PID=$$; exec \"$@\"",
        "export NGINX='0;1;x;77;'; exec \"$@\"",
    ] {
        let server = Server::setup()
            .under(&["sh", "-c", script, "sh"])
            .start("server { listen {{port}}; return 204; }");
        assert_eq!(server.get("/").status, 204);
    }
}

#[test]
fn the_service_manager_hears_how_it_is() {
    if oracle().is_some() {
        return;
    }
    let setup = Server::setup();
    let manager = UnixDatagram::bind(setup.dir().join("notify")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let said = || {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let mut server = setup
        .under(&["sh", "-c", "export NOTIFY_SOCKET={{dir}}/notify; exec \"$@\"", "sh"])
        .start("server { listen {{port}}; return 200 one; }");
    assert_eq!(said(), format!("READY=1\nMAINPID={}", server.pid()));
    server.rewrite("server { listen {{port}}; return 200 two; }");
    server.signal("HUP");
    let reloading = said();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(reloading[27..].parse::<u64>().is_ok_and(|usec| usec > 0), "{reloading}");
    assert_eq!(said(), "READY=1");
    wait_for("the new configuration", || (server.get("/").text() == "two").then_some(()));

    // The next executable says nothing of itself until it is the one.
    server.signal("USR2");
    let new = wait_for("the next process", || {
        server.read("server.pid").trim().parse().ok().filter(|pid: &u32| *pid != server.pid())
    });
    server.signal("QUIT");
    assert_eq!(said(), format!("MAINPID={new}"));
    assert_eq!(server.wait_exit(), Some(0));
    crate::support::signal(new, "QUIT");
    assert_eq!(said(), "STOPPING=1");
}
