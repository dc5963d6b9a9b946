//! Reload, quit and what they must not break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::differences;
use crate::support::{Client, Origin, Server, get, lines, oracle, wait_for};

const ONE: &str = "server { listen {{port}}; location / { return 200 one; } }";

#[test]
fn a_reload_brings_the_new_file() {
    let mut server = Server::start(ONE);
    assert_eq!(server.get("/").text(), "one");
    server.rewrite("server { listen {{port}}; location / { return 200 two; } }");
    assert_eq!(server.get("/").text(), "one", "a file counts only after the reload");
    server.signal("HUP");
    wait_for("the new configuration", || (server.get("/").text() == "two").then_some(()));
    assert!(server.running());
}

#[test]
fn an_invalid_file_leaves_the_old_configuration() {
    let mut server = Server::start(ONE);
    server.rewrite("server { listen {{port}}; location / { return 200 two; }");
    server.signal("HUP");
    server.wait_error("[emerg]");
    let log = server.wait_error("unexpected end of file, expecting \"}\" in");
    assert!(log.contains("/server.conf:"), "{log}");
    for _ in 0..5 {
        assert_eq!(server.get("/").text(), "one");
    }
    server.rewrite("server { listen {{port}}; location / { return 200 three; } }");
    server.signal("HUP");
    wait_for("the repaired configuration", || (server.get("/").text() == "three").then_some(()));
}

#[test]
fn an_empty_file_leaves_the_old_configuration() {
    let server = Server::start(ONE);
    std::fs::write(server.conf_file(), "").unwrap();
    server.signal("HUP");
    server.wait_error("no \"events\" section in configuration");
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn a_reload_after_quit_opens_nothing() {
    let (tell, told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.request();
        told.lock().unwrap().recv_timeout(crate::support::DEADLINE).unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    });
    let mut server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    server.signal("QUIT");
    let refused = || std::net::TcpStream::connect(server.address()).is_err().then_some(());
    wait_for("the port to be closed", refused);
    server.signal("HUP");
    server.wait_error("signal 1 (SIGHUP) received");
    // Whatever the signal did is done once the next one is heard of.
    server.signal("USR1");
    server.wait_error("signal 10 (SIGUSR1) received");
    assert!(refused().is_some(), "a reload opened the port of a server that ends");
    tell.send(()).unwrap();
    assert_eq!(client.response().text(), "last");
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn a_reload_opens_and_closes_ports() {
    let mut server = Server::start(
        "server { listen {{port}}; location / { return 200 first; } } server { listen {{port2}}; location / { return 200 second; } }",
    );
    assert_eq!(server.send_to("port2", get("/")).text(), "second");
    server.rewrite(
        "server { listen {{port}}; location / { return 200 new; } } server { listen {{port3}}; location / { return 200 third; } }",
    );
    server.signal("HUP");
    wait_for("the new port", || std::net::TcpStream::connect(server.address_of("port3")).ok());
    assert_eq!(server.send_to("port3", get("/")).text(), "third");
    wait_for("the old port to be closed", || {
        std::net::TcpStream::connect(server.address_of("port2")).is_err().then_some(())
    });
    wait_for("the new answer", || (server.get("/").text() == "new").then_some(()));
}

#[test]
fn a_port_that_cannot_be_bound_leaves_the_old_configuration() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut server = Server::start(ONE);
    server.rewrite(&format!(
        "server {{ listen {{{{port}}}}; location / {{ return 200 two; }} }} server {{ listen 127.0.0.1:{port}; }}"
    ));
    server.signal("HUP");
    server.wait_error(&format!("bind() to 127.0.0.1:{port} failed (98: Address already in use)"));
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn a_reload_narrows_and_widens_an_address() {
    let answer = |server: &Server, host: &str| -> Option<String> {
        let address: std::net::SocketAddr = format!("{host}:{}", server.port("port")).parse().unwrap();
        std::net::TcpStream::connect(address).ok()?;
        Some(Client::connect(address).send(get("/")).response().text().to_owned())
    };
    let conf = |listen: &str, name: &str| {
        format!("server {{ listen {listen}{{{{port}}}}; location / {{ return 200 {name}; }} }}")
    };
    let mut server = Server::start(&conf("", "all"));
    assert_eq!(answer(&server, "127.0.0.2").as_deref(), Some("all"));
    server.rewrite(&conf("127.0.0.1:", "local"));
    server.signal("HUP");
    if !differences::NARROW_ADDRESS.ringx_only() {
        server.wait_error("still could not bind()");
        return;
    }
    wait_for("the narrow address", || {
        (answer(&server, "127.0.0.1")? == "local" && answer(&server, "127.0.0.2").is_none()).then_some(())
    });
    server.rewrite(&conf("", "again"));
    server.signal("HUP");
    wait_for("the wide address", || (answer(&server, "127.0.0.2")? == "again").then_some(()));
    wait_for("one configuration", || (answer(&server, "127.0.0.1")? == "again").then_some(()));
}

#[test]
fn a_reload_that_fails_leaves_no_socket_behind() {
    let mut server = Server::start(ONE);
    server.rewrite(&format!(
        "server {{ listen unix:{{{{dir}}}}/new.sock; }} server {{ listen 192.0.2.1:8099; }} {ONE}"
    ));
    server.signal("HUP");
    server.wait_error("bind() to 192.0.2.1:8099 failed (99: Cannot assign requested address)");
    // Whatever the signal did is done once the next one is heard of.
    server.signal("USR1");
    server.wait_error("signal 10 (SIGUSR1) received");
    assert!(oracle().is_some() || !server.dir().join("new.sock").exists());
    assert_eq!(server.get("/").text(), "one");
}

#[test]
fn a_pid_file_that_cannot_be_written_leaves_the_old_configuration() {
    let mut server = Server::start(ONE);
    server.rewrite("server { listen {{port}}; location / { return 200 two; } }");
    let text = server.read("server.conf").replace("/server.pid", "/no/such/server.pid");
    std::fs::write(server.conf_file(), text).unwrap();
    server.signal("HUP");
    server.wait_error("/no/such/server.pid");
    server.signal("USR1");
    server.wait_error("signal 10 (SIGUSR1) received");
    assert_eq!(server.get("/").text(), "one");
    assert!(server.dir().join("server.pid").exists());
}

#[test]
fn no_request_fails_while_the_file_is_reloaded() {
    let origin = Origin::ok();
    let conf = |n: usize| {
        format!(
            "server {{ listen {{{{port}}}}; location / {{ return 200 {n:03}; }} location /app {{ proxy_pass http://{{{{app}}}}; }} }}"
        )
    };
    let mut server = Server::setup().app(&origin).global("worker_processes 2;").start(&conf(0));
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let address = server.address();
    let clients: Vec<_> = (0..3)
        .map(|i| {
            let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    // A new connection each time: whatever is accepted must be answered.
                    let path = if i == 0 { "/app" } else { "/" };
                    let mut client = Client::connect(address);
                    client.send(lines(&format!("GET {path} HTTP/1.1\nHost: a\nConnection: close")));
                    let response = client.response();
                    assert_eq!(response.status, 200);
                    assert!(!response.incomplete);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for n in 1..=5 {
        server.rewrite(&conf(n));
        server.signal("HUP");
        let expected = format!("{n:03}");
        wait_for("the next configuration", || (server.get("/").text() == expected).then_some(()));
        // Each reload meets requests under way, however busy the machine is.
        let before = count.load(Ordering::SeqCst);
        wait_for("load", || (count.load(Ordering::SeqCst) >= before + 5).then_some(()));
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("a request failed during a reload");
    }
    assert!(count.load(Ordering::SeqCst) > 20, "the load was no load");
}

#[test]
fn a_request_in_flight_survives_a_reload() {
    let (tell, told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        while connection.request().is_some() {
            told.lock().unwrap().recv_timeout(crate::support::DEADLINE).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let conf = |name: &str| {
        format!(
            "server {{ listen {{{{port}}}}; location / {{ proxy_pass http://{{{{app}}}}; }} location /n {{ return 200 {name}; }} }}"
        )
    };
    let mut server = Server::setup().app(&origin).start(&conf("old"));
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    server.rewrite(&conf("new"));
    server.signal("HUP");
    wait_for("the new configuration", || (server.get("/n").text() == "new").then_some(()));
    tell.send(()).unwrap();
    assert_eq!(client.response().text(), "slow");
}

#[test]
fn a_websocket_survives_a_reload() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        loop {
            let bytes = connection.read_raw(1);
            if bytes.is_empty() {
                return;
            }
            connection.send(bytes);
        }
    });
    let conf = |name: &str| {
        format!(
            "server {{ listen {{{{port}}}}; location /n {{ return 200 {name}; }}
                location / {{ proxy_pass http://{{{{app}}}}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection upgrade; }} }}"
        )
    };
    let mut server = Server::setup().app(&origin).start(&conf("old"));
    let mut client = server.connect();
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    assert_eq!(client.response().status, 101);
    client.send("x");
    assert_eq!(client.read_exact(1), b"x");
    for name in ["two", "three"] {
        server.rewrite(&conf(name));
        server.signal("HUP");
        wait_for("the new configuration", || (server.get("/n").text() == name).then_some(()));
        client.send("still here");
        assert_eq!(client.read_exact(10), b"still here");
    }
}

#[test]
fn an_idle_connection_may_be_used_after_a_reload() {
    let mut server = Server::start(ONE);
    let mut client = server.connect();
    assert_eq!(client.send(get("/")).response().text(), "one");
    server.rewrite("server { listen {{port}}; location / { return 200 two; } }");
    server.signal("HUP");
    wait_for("the new configuration", || (server.get("/").text() == "two").then_some(()));
    client.send(get("/"));
    let answer = client.response_to("GET");
    // nginx closes it, or the old worker answers once more (differences::RELOAD).
    if differences::RELOAD.ringx_only() {
        assert_eq!(answer.expect("a kept connection was closed by a reload").text(), "two");
    }
}

#[test]
fn idle_connections_end_with_their_port() {
    let two = "server { listen {{port}}; location / { return 200 one; } }
        server { listen {{port2}}; location / { return 200 two; } }";
    let mut server = Server::start(two);
    let mut kept = server.connect();
    assert_eq!(kept.send(get("/")).response().text(), "one");
    let mut idle = Client::connect(server.address_of("port2"));
    assert_eq!(idle.send(get("/")).response().text(), "two");
    server.rewrite(ONE);
    server.signal("HUP");
    idle.expect_close();
    if differences::RELOAD.ringx_only() {
        assert_eq!(kept.send(get("/")).response().text(), "one", "the other port's connections stay");
    }
}

#[test]
fn quit_lets_requests_finish() {
    let (tell, told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let origin = Origin::start(move |connection| {
        connection.request();
        told.lock().unwrap().recv_timeout(crate::support::DEADLINE).unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
    });
    // Workers with nothing to do end at once: their ports must be closed too.
    let mut server = Server::setup().app(&origin).global("worker_processes 3;").start(
        "server { listen {{port}}; location / { proxy_pass http://{{app}}; } location = /idle { return 204; } }",
    );
    let mut idle = server.connect();
    assert_eq!(idle.send(get("/idle")).response().status, 204);
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    server.signal("QUIT");
    wait_for("the port to be closed", || {
        std::net::TcpStream::connect(server.address()).is_err().then_some(())
    });
    assert!(server.running(), "it must wait for the request");
    tell.send(()).unwrap();
    let response = client.response();
    assert_eq!(response.text(), "last");
    assert_eq!(response.header("connection"), "close");
    idle.expect_close();
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn term_does_not_wait() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let mut server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    let since = std::time::Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(5));
    client.expect_close();
}

#[test]
fn worker_shutdown_timeout_bounds_a_quit() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let mut server = Server::setup()
        .app(&origin)
        .global("worker_processes 1; worker_shutdown_timeout 500ms;")
        .start("server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    client.read_to_end();
}

#[test]
fn term_ends_a_quit_that_waits() {
    let origin = Origin::start(|connection| {
        connection.request();
        connection.closed_by_peer();
    });
    let mut server =
        Server::proxying(&origin, "server { listen {{port}}; location / { proxy_pass http://{{app}}; } }");
    let mut client = server.connect();
    client.send(get("/"));
    origin.wait_requests(1);
    server.signal("QUIT");
    server.wait_error("signal 3 (SIGQUIT) received");
    // Once more changes nothing.
    server.signal("QUIT");
    wait_for("the port to be closed", || {
        std::net::TcpStream::connect(server.address()).is_err().then_some(())
    });
    assert!(server.running(), "it must wait for the request");
    server.signal("TERM");
    assert_eq!(server.wait_exit(), Some(0));
    client.expect_close();
    assert!(!server.dir().join("server.pid").exists());
}

#[test]
fn what_a_terminal_sends_changes_nothing() {
    let mut server = Server::start(ONE);
    server.signal("WINCH");
    server.wait_error("signal 28 (SIGWINCH) received");
    assert_eq!(server.get("/").text(), "one");
    assert!(server.running());
}

#[test]
fn a_log_that_cannot_be_reopened_is_named_and_the_old_one_goes_on() {
    let conf = "server { listen {{port}}; access_log {{dir}}/logs/a.log; location / { return 200 one; } }";
    let server = Server::setup().directory("logs").start(conf);
    assert_eq!(server.get("/").text(), "one");
    server.wait_file("logs/a.log", |text| text.lines().count() == 1);
    std::fs::rename(server.dir().join("logs"), server.dir().join("moved")).unwrap();
    server.signal("USR1");
    server.wait_error("/logs/a.log\" failed (2: No such file or directory)");
    assert_eq!(server.get("/").text(), "one");
    server.wait_file("moved/a.log", |text| text.lines().count() == 2);
    std::fs::create_dir(server.dir().join("logs")).unwrap();
    server.signal("USR1");
    server.wait_file("logs/a.log", str::is_empty);
    wait_for("the new log", || server.dir().join("logs/a.log").exists().then_some(()));
    assert_eq!(server.get("/").text(), "one");
    server.wait_file("logs/a.log", |text| text.lines().count() == 1);
}

#[test]
fn a_reload_changes_the_number_of_workers() {
    let conf = "server { listen {{port}}; listen unix:{{dir}}/server.sock; location / { return 200 one; } }";
    let mut server = Server::setup().ringx().global("worker_processes 1;").start(conf);
    let process = format!("/proc/{}", server.pid());
    let count = |what: &str| std::fs::read_dir(format!("{process}/{what}")).unwrap().count();
    let stop = Arc::new(AtomicBool::new(false));
    let (address, socket) = (server.address(), server.dir().join("server.sock"));
    let clients: Vec<_> = (0..3)
        .map(|kind| {
            let (stop, socket) = (Arc::clone(&stop), socket.clone());
            std::thread::spawn(move || {
                let request = lines("GET / HTTP/1.1\nHost: a\nConnection: close");
                while !stop.load(Ordering::SeqCst) {
                    let mut client =
                        if kind == 0 { Client::connect_unix(&socket) } else { Client::connect(address) };
                    assert_eq!(client.send(&request).response().text(), "one");
                }
            })
        })
        .collect();
    let change = |workers: usize| {
        let text = server.read("server.conf");
        let begin = text.find("worker_processes").unwrap();
        let end = begin + text[begin..].find(';').unwrap();
        let text = format!("{}worker_processes {workers}{}", &text[..begin], &text[end..]);
        std::fs::write(server.conf_file(), text).unwrap();
        server.signal("HUP");
        wait_for("as many workers", || (count("task") == workers + 1).then_some(()));
        // Whichever queue the kernel chooses, somebody takes from it.
        for _ in 0..20 {
            assert_eq!(server.get("/").text(), "one");
        }
    };
    for workers in [4, 1, 3, 2] {
        change(workers);
    }
    let before = count("fd");
    for _ in 0..4 {
        for workers in [4, 1, 3, 2] {
            change(workers);
        }
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("a request failed while workers came and went");
    }
    // Sockets are as many as there were ever workers, however often they come and go.
    wait_for("as many descriptors as before", || (count("fd") <= before + 2).then_some(()));
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(std::net::TcpStream::connect(address).is_err());
}
