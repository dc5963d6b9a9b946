//! Many connections that idle: those that a core parks behave as all others do.
//!
//! Which they are cannot be seen from outside, so the number is taken from the kernel: what the server's epoll sets
//! watch for input and nothing else.

use std::time::{Duration, Instant};

use crate::support::{Client, Server, get, oracle, wait_for};

/// Connections of a case: more than a core keeps as they are.
const MANY: usize = 400;

/// So many of them are parked in the end.
const PARKED: usize = MANY - 256;

/// EPOLLIN and EPOLLRDHUP, and what the kernel always adds.
const WATCHED: &str = "events:     2019 ";

fn server(http: &str) -> Server {
    Server::start(&format!(
        "worker_processes 1; pid {{{{dir}}}}/server.pid; error_log {{{{dir}}}}/error.log info;
         events {{ worker_connections 1024; }} http {{ access_log off; {http} }}"
    ))
}

/// How many connections are parked.
fn parked(server: &Server) -> usize {
    let Ok(files) = std::fs::read_dir(format!("/proc/{}/fdinfo", server.pid())) else { return 0 };
    let texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
    texts.map(|text| text.lines().filter(|line| is_watched(line)).count()).sum()
}

fn is_watched(line: &str) -> bool {
    line.starts_with("tfd:") && line.contains(WATCHED)
}

/// Waits until so many are parked; nginx parks nobody.
fn wait_parked(server: &Server, count: usize) {
    if oracle().is_none() {
        wait_for("the connections to be parked", || (parked(server) >= count).then_some(()));
    }
}

/// So many connections that asked once for `/`, with the answers.
fn asked(server: &Server, port: &str, count: usize) -> (Vec<Client>, Vec<String>) {
    let ask = |_| {
        let mut client = Client::connect(server.address_of(port));
        let text = client.send(get("/")).response().text();
        (client, text)
    };
    (0..count).map(ask).unzip()
}

/// No connection is open in the eyes of the server: otherwise it would wait for it.
fn ends(mut server: Server) {
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
}

const WHO: &str = "server { listen {{port}}; location / { return 200 \"$connection $connection_requests $remote_addr:$remote_port $server_addr:$server_port\"; } }";

#[test]
fn a_parked_connection_is_served_again() {
    let server = server(WHO);
    let (mut clients, first) = asked(&server, "port", MANY);
    for round in 0..2 {
        wait_parked(&server, PARKED);
        for (client, first) in clients.iter_mut().zip(&first) {
            let [serial, _, remote, local] = first.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{first}")
            };
            // Two requests in one write: what comes behind the first byte is not lost either.
            client.send(get("/").repeat(2));
            for count in [round * 2 + 2, round * 2 + 3] {
                assert_eq!(client.response().text(), format!("{serial} {count} {remote} {local}"));
            }
        }
    }
    drop(clients);
    ends(server);
}

#[test]
fn half_a_request_wakes_and_the_rest_may_take_its_time() {
    let server = server(WHO);
    let (mut clients, _) = asked(&server, "port", MANY);
    wait_parked(&server, PARKED);
    let request = get("/");
    let before = parked(&server);
    clients[0].send(&request[..10]);
    if oracle().is_none() {
        wait_for("it to come back", || (parked(&server) < before).then_some(()));
    }
    let answer = clients[0].send(&request[10..]).response().text();
    assert!(answer.contains(" 2 127.0.0.1:"), "{answer}");
}

#[test]
fn keepalive_timeout_closes_parked_connections() {
    let server = server("server { listen {{port}}; keepalive_timeout 4s; location / { return 200 ok; } }");
    let begun = Instant::now();
    let (mut clients, _) = asked(&server, "port", MANY);
    wait_parked(&server, PARKED / 2);
    // One that asks in between has its time from then on.
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(clients[0].send(get("/")).response().text(), "ok");
    let asked_again = Instant::now();
    for client in &mut clients[1..] {
        client.expect_close();
    }
    assert!(begun.elapsed() >= Duration::from_millis(4000), "closed after {:?}", begun.elapsed());
    clients[0].expect_close();
    let kept = asked_again.elapsed();
    assert!(kept >= Duration::from_millis(3950), "closed after {kept:?}");
    assert!(kept < Duration::from_secs(9), "closed after {kept:?}");
    wait_for("nobody to be parked", || (oracle().is_some() || parked(&server) == 0).then_some(()));
    ends(server);
}

#[test]
fn quit_closes_parked_connections() {
    let mut server = server(WHO);
    let (clients, _) = asked(&server, "port", MANY);
    wait_parked(&server, PARKED);
    server.signal("QUIT");
    for mut client in clients {
        client.expect_close();
    }
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn a_client_that_closes_is_noticed() {
    let server = server(WHO);
    let (clients, _) = asked(&server, "port", MANY);
    wait_parked(&server, PARKED);
    drop(clients);
    wait_for("every end to be noticed", || {
        let log = server.error_log();
        (log.matches("client 127.0.0.1 closed keepalive connection").count() == MANY).then_some(())
    });
    wait_for("nobody to be parked", || (oracle().is_some() || parked(&server) == 0).then_some(()));
    ends(server);
}

#[test]
fn all_of_them_wake_at_once() {
    let server = server(WHO);
    let (mut clients, first) = asked(&server, "port", 700);
    for round in 0..2 {
        wait_parked(&server, 700 - 256);
        for client in &mut clients {
            client.send(get("/"));
        }
        for (client, first) in clients.iter_mut().zip(&first) {
            let serial = first.split(' ').next().unwrap();
            let answer = client.response().text();
            assert!(answer.starts_with(&format!("{serial} {} ", round + 2)), "{answer}");
        }
    }
    drop(clients);
    ends(server);
}

#[test]
fn a_reload_finds_parked_connections() {
    if oracle().is_some() {
        // Its old workers close their idle connections.
        return;
    }
    let conf = |text: &str, more: &str| {
        format!(
            "worker_processes 1; pid {{{{dir}}}}/server.pid; error_log {{{{dir}}}}/error.log info;
             events {{ worker_connections 1024; }}
             http {{ access_log off; server {{ listen {{{{port}}}}; location / {{ return 200 {text}; }} }} {more} }}"
        )
    };
    let mut server = Server::start(&conf("one", "server { listen {{port2}}; }"));
    let (mut clients, _) = asked(&server, "port", MANY / 2);
    let (mut others, _) = asked(&server, "port2", MANY / 2);
    wait_parked(&server, PARKED);
    server.rewrite(&conf("two", ""));
    server.signal("HUP");
    // Parked ones and others of the port that is gone.
    for client in &mut others {
        client.expect_close();
    }
    for client in &mut clients {
        assert_eq!(client.send(get("/")).response().text(), "two");
    }
    drop((clients, others));
    ends(server);
}

#[test]
fn parked_connections_make_room() {
    let server = Server::start(
        "worker_processes 1; pid {{dir}}/server.pid; error_log {{dir}}/error.log info;
         events { worker_connections 420; }
         http { access_log off; server { listen {{port}}; location / { return 200 ok; } } }",
    );
    let (mut old, _) = asked(&server, "port", 380);
    wait_parked(&server, 380 - 256);
    let (mut new, _) = asked(&server, "port", 150);
    for client in &mut new {
        assert_eq!(client.send(get("/")).response().text(), "ok");
    }
    // nginx says on the way, as a warning, that it reuses connections.
    assert!(!server.error_log().contains("[alert]"));
    // The oldest had to go.
    old[0].expect_close();
    drop((old, new));
    ends(server);
}

#[test]
fn connections_that_never_asked_are_parked_too() {
    let mut server = server(WHO);
    let mut clients: Vec<Client> = (0..MANY).map(|_| server.connect()).collect();
    wait_parked(&server, PARKED);
    assert!(clients[0].send(get("/")).response().text().contains(" 1 127.0.0.1:"));
    wait_parked(&server, PARKED);
    if oracle().is_none() {
        // The request of a new connection may be on its way when the server is told to end.
        server.signal("QUIT");
        wait_for("the port to be closed", || {
            std::net::TcpStream::connect(server.address()).is_err().then_some(())
        });
        assert!(clients[1].send(get("/")).response().text().contains(" 1 127.0.0.1:"));
        assert_eq!(server.wait_exit(), Some(0));
    }
}
