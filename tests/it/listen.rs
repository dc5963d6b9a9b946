//! `listen`: addresses, several servers on one socket, unix sockets, IPv6.

use expect_test::expect;

use crate::support::{Client, Server, get, lines};

#[test]
fn each_port_has_its_own_servers_and_default() {
    let server = Server::start(
        r#"
        server { listen {{port}}; server_name a.test; return 200 "a on $server_port"; }
        server { listen {{port}} default_server; listen {{port2}}; server_name b.test; return 200 "b on $server_port"; }
        server { listen {{port2}}; server_name a.test; return 200 "other a on $server_port"; }
        "#,
    );
    let mut text = String::new();
    for port in ["port", "port2"] {
        for host in ["a.test", "b.test", "c.test"] {
            let response = server.send_to(port, lines(&format!("GET / HTTP/1.1\nHost: {host}")));
            text += &format!("{port} {host} -> {}\n", response.text());
        }
    }
    expect![[r#"
        port a.test -> a on {port}
        port b.test -> b on {port}
        port c.test -> b on {port}
        port2 a.test -> other a on {port2}
        port2 b.test -> b on {port2}
        port2 c.test -> b on {port2}
    "#]]
    .assert_eq(&server.localised(&text));
}

#[test]
fn a_specific_address_beats_the_wildcard() {
    let server = Server::start(
        r#"
        server { listen {{port}}; return 200 "wildcard $server_addr"; }
        server { listen 127.0.0.2:{{port}}; return 200 "specific $server_addr"; }
        server { listen 127.0.0.3:{{port}} default_server; server_name x; return 200 "third $server_addr"; }
        "#,
    );
    for (address, expected) in [
        ([127, 0, 0, 1], "wildcard 127.0.0.1"),
        ([127, 0, 0, 2], "specific 127.0.0.2"),
        ([127, 0, 0, 3], "third 127.0.0.3"),
        ([127, 0, 0, 4], "wildcard 127.0.0.4"),
    ] {
        let mut client = Client::connect((address, server.port("port")).into());
        assert_eq!(client.send(get("/")).response().text(), expected);
    }
}

#[test]
fn a_unix_socket_serves_too() {
    let server = Server::start(
        r#"server { listen {{port}}; listen unix:{{dir}}/web.sock;
            return 200 "$remote_addr|$remote_port|$server_addr|$server_port|$scheme|$host"; }"#,
    );
    let path = server.dir().join("web.sock");
    let mut client = Client::connect_unix(&path);
    let response = client.send(get("/")).response();
    expect!["unix:||unix:{dir}/web.sock||http|localhost"].assert_eq(&server.localised(&response.text()));
    assert_eq!(response.status, 200);
}

#[test]
fn the_unix_socket_file_goes_when_the_server_stops() {
    let mut server = Server::start("server { listen {{port}}; listen unix:{{dir}}/web.sock; return 204; }");
    let path = server.dir().join("web.sock");
    assert!(path.exists());
    server.signal("QUIT");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(!path.exists(), "the socket file is left behind");
}

#[test]
fn ipv6_by_itself_and_together_with_ipv4() {
    if std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    let server = Server::start(
        r#"
        server { listen {{port}}; listen [::]:{{port}}; return 200 "$remote_addr $server_addr $host"; }
        server { listen {{port2}}; listen [::1]:{{port2}}; return 200 "loopback $remote_addr"; }
        server { listen [::]:{{port3}} ipv6only=off; return 200 "$remote_addr"; }
        "#,
    );
    let six = |port: &str| Client::connect((std::net::Ipv6Addr::LOCALHOST, server.port(port)).into());
    assert_eq!(
        six("port").send("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").response().text(),
        "::1 ::1 [::1]"
    );
    assert_eq!(server.get("/").text(), "127.0.0.1 127.0.0.1 localhost");
    assert_eq!(six("port2").send(get("/")).response().text(), "loopback ::1");
    assert_eq!(six("port3").send(get("/")).response().text(), "::1");
    assert_eq!(server.send_to("port3", get("/")).text(), "::ffff:127.0.0.1");
}

#[test]
fn socket_options_are_accepted() {
    let server = Server::start(
        "server { listen 127.0.0.1:{{port}} default_server backlog=64 reuseport rcvbuf=64k sndbuf=64k so_keepalive=on deferred; return 200 ok; }",
    );
    assert_eq!(server.get("/").text(), "ok");
}

#[test]
fn keepalive_probes_are_sent_when_asked_for() {
    let server = Server::start(
        "server { listen 127.0.0.1:{{port}} so_keepalive=1000:5:3; return 204; }
         server { listen 127.0.0.1:{{port2}} so_keepalive=off; return 204; }",
    );
    for (port, probed) in [("port", true), ("port2", false)] {
        let mut client = Client::connect(server.address_of(port));
        assert_eq!(client.send(get("/")).response().status, 204);
        let timer = keepalive_timer(server.port(port), client.local_port());
        assert_eq!(timer.is_some(), probed, "{port}");
        // In hundredths of a second, as the kernel writes it.
        assert!(timer.is_none_or(|left| (50_000..=100_000).contains(&left)), "{timer:?}");
    }
}

/// When the server's end of a connection sends its next probe, from /proc/net/tcp (proc_pid_net(5)).
fn keepalive_timer(local: u16, remote: u16) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, remote) = (format!(":{local:04X}"), format!(":{remote:04X}"));
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = fields.into_iter().find(|row| row[1].ends_with(&local) && row[2].ends_with(&remote));
    let (kind, left) = row.expect("the connection").get(5)?.split_once(':')?;
    (kind == "02").then(|| u32::from_str_radix(left, 16).unwrap())
}

#[test]
fn a_name_may_stand_for_an_address() {
    let server = Server::start("server { listen localhost:{{port}}; return 200 \"$server_addr\"; }");
    assert_eq!(server.get("/").text(), "127.0.0.1");
}

#[test]
fn several_workers_share_the_sockets() {
    let server = Server::setup()
        .global("worker_processes 2;")
        .start("server { listen {{port}}; location / { return 200 ok; } }");
    for _ in 0..50 {
        assert_eq!(server.get("/").text(), "ok");
    }
}
