//! What goes wrong on a real day: the app stops and starts, it closes idle connections, clients read slowly.

use std::time::{Duration, Instant};

use crate::app::{Runner, Transport};
use crate::browser::Browser;
use crate::kit::kit;
use crate::support::Client;
use crate::whole_site::{FULL, SEED, behind, numbered};

#[test]
fn an_app_that_stops_is_502_and_is_back_at_once() {
    let Some(kit) = kit() else { return };
    for (transport, reason) in [
        (Transport::Tcp, "connect() failed (111: Connection refused) while connecting to upstream"),
        (Transport::Unix, "failed (2: No such file or directory) while connecting to upstream"),
    ] {
        for conf in [SEED, FULL] {
            let (mut app, server) = behind(kit, Runner::GunicornGthread, transport, conf);
            assert_eq!(server.get("/").status, 200);
            app.stop();
            for _ in 0..3 {
                assert_eq!(server.get("/").status, 502);
            }
            let log = server.wait_error(reason);
            assert!(log.contains(&app.address()), "the log names the peer: {log}");
            assert_eq!(server.get("/static/admin/css/base.css").status, 200, "files need no app");
            app.restart();
            assert_eq!(server.get("/").status, 200, "the very next request");
        }
    }
}

#[test]
fn idle_connections_that_gunicorn_closes_never_fail_a_request() {
    let Some(kit) = kit() else { return };
    let (app, server) = behind(kit, Runner::GunicornGthread, Transport::Tcp, FULL);
    let mut browser = Browser::new(&server);
    for round in 0..4 {
        // Four at once leave four idle connections behind, each of which Gunicorn closes after two seconds.
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let mut client = server.connect();
                client.send("GET /slow/?seconds=0.05 HTTP/1.1\r\nHost: localhost\r\n\r\n");
                client
            })
            .collect();
        for mut client in clients {
            assert_eq!(client.response().status, 200, "round {round}");
        }
        let posted = browser.post("/raw-upload/", "text/plain", b"a body that must not be sent twice");
        assert_eq!(posted.status, 200, "round {round}: a POST cannot be tried again: {}", posted.text());
        if round < 3 {
            std::thread::sleep(Duration::from_millis(2500));
        }
    }
    assert!(!server.error_log().contains("[error]"), "{}\n{}", server.error_log(), app.log());
}

/// Two sync workers, sixteen clients that take the head of a large answer and then nothing more: the workers must be
/// free again for the next visitor, and each client must still get its every byte in the end. Eight megabytes are more
/// than the kernel keeps in a socket (4 MB, net.ipv4.tcp_wmem), so the proxy has to hold the rest.
#[test]
fn slow_clients_do_not_hold_the_app() {
    let Some(kit) = kit() else { return };
    let (_app, server) = behind(kit, Runner::GunicornSync, Transport::Tcp, FULL);
    let expected = numbered(8 << 20);
    let mut clients: Vec<_> = (0..16)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /download/8192/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client
        })
        .collect();
    for client in &mut clients {
        assert!(head(client).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(server.get("/").status, 200, "both workers are free");
    for client in &mut clients {
        assert!(client.read_exact(expected.len()) == expected, "the file changed on its way");
    }
}

/// The whole site is one process that answers one request at a time, and a hundred clients take nothing of ten megabytes
/// each: the process is free again as soon as it has said them, and stays so.
#[test]
fn a_hundred_slow_clients_do_not_hold_the_only_worker() {
    let Some(kit) = kit() else { return };
    let (_app, server) = behind(kit, Runner::GunicornOne, Transport::Tcp, FULL);
    let expected = numbered(10 << 20);
    let mut clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET /download/10240/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
            // The next one waits for the worker: at the front of all of them is always one that takes nothing.
            assert!(head(&mut client).starts_with("HTTP/1.1 200 OK\r\n"));
            client
        })
        .collect();
    let since = Instant::now();
    for _ in 0..5 {
        assert_eq!(server.get("/").status, 200);
    }
    assert!(since.elapsed() < Duration::from_secs(5), "the worker was held for {:?}", since.elapsed());
    for client in clients.iter_mut().step_by(20) {
        assert!(client.read_exact(expected.len()) == expected, "the file changed on its way");
    }
    drop(clients);
    assert_eq!(server.get("/").status, 200);
}

/// Reads an answer up to its blank line, and leaves the body where it is.
fn head(client: &mut Client) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(client.read_exact(1));
    }
    String::from_utf8(head).unwrap()
}
