//! WebSockets to an ASGI app.

use crate::app::{Runner, Transport};
use crate::kit::kit;
use crate::websocket::{BINARY, CLOSE, PING, PONG, TEXT, WebSocket};
use crate::whole_site::{FULL, behind, numbered};

#[test]
fn an_echo_returns_every_message() {
    let Some(kit) = kit() else { return };
    for transport in [Transport::Tcp, Transport::Unix] {
        let (_app, server) = behind(kit, Runner::Uvicorn, transport, FULL);
        let mut socket = WebSocket::open(&server, "/ws/echo/").map_err(|r| r.text()).unwrap();
        socket.send(TEXT, b"hello");
        assert_eq!(socket.receive(), (TEXT, b"hello".to_vec()));
        socket.send(TEXT, b"");
        assert_eq!(socket.receive(), (TEXT, Vec::new()));
        for size in [125, 126, 65_535, 65_536, 900_000] {
            let message = numbered(size + 16)[..size].to_vec();
            socket.send(BINARY, &message);
            assert!(socket.receive() == (BINARY, message), "{size} bytes");
        }
        socket.send_fragments(TEXT, &[b"in ", b"three ", b"frames"]);
        assert_eq!(socket.receive(), (TEXT, b"in three frames".to_vec()));
        socket.send(PING, b"are you there");
        assert_eq!(socket.receive(), (PONG, b"are you there".to_vec()));
        socket.send(TEXT, b"close");
        assert_eq!(socket.receive(), (CLOSE, 1000u16.to_be_bytes().to_vec()));
        socket.send(CLOSE, &1000u16.to_be_bytes());
        socket.expect_end();
    }
}

#[test]
fn many_messages_may_be_under_way() {
    let Some(kit) = kit() else { return };
    let (_app, server) = behind(kit, Runner::Uvicorn, Transport::Tcp, FULL);
    let mut sockets: Vec<_> = (0..10).map(|_| WebSocket::open(&server, "/ws/echo/").ok().unwrap()).collect();
    for socket in &mut sockets {
        for n in 0..50 {
            socket.send(TEXT, format!("message {n}").as_bytes());
        }
    }
    for socket in &mut sockets {
        for n in 0..50 {
            assert_eq!(socket.receive(), (TEXT, format!("message {n}").into_bytes()));
        }
    }
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    let Some(kit) = kit() else { return };
    let (_app, server) = behind(kit, Runner::Uvicorn, Transport::Tcp, FULL);
    let refused = WebSocket::open(&server, "/ws/elsewhere/").err().expect("no WebSocket there");
    assert_eq!(refused.status, 403);
    // The seed's location passes no Upgrade on: the app sees an ordinary GET.
    let plain = WebSocket::open(&server, "/meta/upgrade").err().expect("no WebSocket there");
    assert_eq!(plain.status, 200);
    assert!(!plain.text().contains("HTTP_UPGRADE"), "{}", plain.text());
}

#[test]
fn a_socket_outlives_a_reload() {
    let Some(kit) = kit() else { return };
    let (_app, mut server) = behind(kit, Runner::Uvicorn, Transport::Tcp, FULL);
    let mut socket = WebSocket::open(&server, "/ws/echo/").ok().unwrap();
    socket.send(TEXT, b"before");
    assert_eq!(socket.receive(), (TEXT, b"before".to_vec()));
    server.rewrite(&FULL.replace("client_max_body_size 32m;", "location = /reloaded { return 204; }"));
    server.signal("HUP");
    crate::support::wait_for("the new configuration", || {
        (server.get("/reloaded").status == 204).then_some(())
    });
    socket.send(TEXT, b"after");
    assert_eq!(socket.receive(), (TEXT, b"after".to_vec()));
}
