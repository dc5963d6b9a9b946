//! Streams in both directions: who waits for whom, what is kept in memory meanwhile, and who hears of an end.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::setup;
use crate::differences::BOTH_DIRECTIONS;
use crate::support::http2::{Peer, post};
use crate::support::http2_app::{App, Call, head};
use crate::support::{Client, Origin, Server, oracle, wait_for};

fn start(app: &App) -> Server {
    setup(app).start(
        "server { listen {{port}} http2; client_max_body_size 0; location / { grpc_pass 127.0.0.1:{{app}}; } }",
    )
}

/// Sends as much as is taken within half a second in which nothing more is.
fn fill(peer: &mut Peer, stream: &mut h2::SendStream<Bytes>) -> usize {
    let mut sent = 0;
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) {
        stream.reserve_capacity(16 << 10);
        peer.turn();
        let room = stream.capacity();
        if room > 0 {
            stream.send_data(vec![7; room].into(), false).unwrap();
            sent += room;
            last = Instant::now();
        } else {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    sent
}

/// Nothing of the request was sent but its head when the answer comes, and each side waits for the other's word.
#[test]
fn both_directions_at_once() {
    let app = App::start(|mut call: Call| async move {
        let mut stream = call.respond.send_response(head(200, "x-head: first"), false).unwrap();
        while let Some(Ok(data)) = call.request.body_mut().data().await {
            drop(call.request.body_mut().flow_control().release_capacity(data.len()));
            stream.send_data(data.to_ascii_uppercase().into(), false).unwrap();
        }
        stream.send_data(Bytes::new(), true).unwrap();
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    let (status, mut body) = peer.head(response);
    assert_eq!(status, 200);
    for word in ["one", "two", "three"] {
        stream.send_data(word.into(), false).unwrap();
        let answer = peer.wait(body.data()).unwrap().unwrap();
        assert_eq!(answer, word.to_uppercase());
    }
    stream.send_data(Bytes::new(), true).unwrap();
    while let Some(data) = peer.wait(body.data()) {
        assert!(data.unwrap().is_empty());
    }
}

/// An app that reads nothing: the client can send no more than windows and buffers hold.
#[test]
fn what_the_app_does_not_read_is_not_taken_from_the_client() {
    let app = App::start(|mut call: Call| async move {
        let said = call.given_up().await;
        call.note(said);
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    let (_response, mut stream) = peer.begin(post("/"), false);
    let sent = fill(&mut peer, &mut stream);
    assert!((64 << 10..2 << 20).contains(&sent), "{sent} bytes were taken");
    // The client gives up while nothing of it can move.
    stream.send_reset(h2::Reason::CANCEL);
    peer.turn();
    wait_for("the app to hear of it", || app.notes().first().cloned());
}

/// A client that reads nothing: the app can send no more than windows and buffers hold.
#[test]
fn what_the_client_does_not_read_is_not_taken_from_the_app() {
    let app = App::start(|mut call: Call| async move {
        let mut stream = call.respond.send_response(head(200, ""), false).unwrap();
        let mut sent = 0;
        loop {
            stream.reserve_capacity(16 << 10);
            match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(room)) => {
                    stream.send_data(vec![7; room].into(), false).unwrap();
                    sent += room;
                    call.note(sent.to_string());
                }
                _ => return call.note("reset"),
            }
        }
    });
    let server = start(&app);
    let mut peer = Peer::with(server.address(), &mut h2::client::Builder::new());
    let (response, _stream) = peer.begin(post("/"), true);
    let (status, body) = peer.head(response);
    assert_eq!(status, 200);
    let (mut seen, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_millis(500) {
        peer.turn();
        let notes = app.notes().len();
        if notes != seen {
            (seen, last) = (notes, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent: usize = app.notes().last().unwrap().parse().unwrap();
    assert!((64 << 10..16 << 20).contains(&sent), "{sent} bytes were taken");
    drop((body, _stream));
    peer.turn();
    if oracle().is_some() {
        // It does not always tell the app, if the client leaves while the request is not sent.
        return;
    }
    wait_for("the app to be reset", || (app.notes().last()? == "reset").then_some(()));
}

/// Before the head of the answer, and while the request is still open.
#[test]
fn a_client_that_resets_is_heard_of() {
    let app = App::start(|mut call: Call| async move {
        let said = call.given_up().await;
        call.note(format!("{} {said}", call.path()));
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    for (path, ends) in [("/whole", true), ("/open", false)] {
        let (response, mut stream) = peer.begin(post(path), ends);
        let before = app.notes().len();
        wait_for("the app to be asked", || {
            peer.turn();
            app.asked().contains(path).then_some(())
        });
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        wait_for("the app to be reset", || {
            peer.turn();
            (app.notes().len() > before).then_some(())
        });
        assert_eq!(app.notes()[before].split(' ').next(), Some(path));
    }
}

/// The app resets in the middle of its answer: what came is no whole answer.
#[test]
fn an_answer_that_is_reset_is_not_whole() {
    let app = App::start(|mut call: Call| async move {
        let mut stream = call.respond.send_response(head(200, ""), false).unwrap();
        stream.send_data("half".into(), false).unwrap();
        // The client has seen it when it sends more.
        call.body().await;
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    let (status, mut body) = peer.head(response);
    assert_eq!((status, peer.wait(body.data()).unwrap().unwrap()), (200, "half".into()));
    stream.send_data("body".into(), true).unwrap();
    let error = peer.wait(body.data()).expect("a whole answer").unwrap_err();
    assert!(error.is_reset(), "{error}");
}

/// An app that says every word again.
fn echo() -> App {
    App::start(|mut call: Call| async move {
        let mut stream = call.respond.send_response(head(200, ""), false).unwrap();
        while let Some(Ok(data)) = call.request.body_mut().data().await {
            drop(call.request.body_mut().flow_control().release_capacity(data.len()));
            drop(stream.send_data(data, false));
        }
        drop(stream.send_data(Bytes::new(), true));
    })
}

/// A word goes to the app and comes back.
fn says(peer: &mut Peer, stream: &mut h2::SendStream<Bytes>, body: &mut h2::RecvStream, word: &'static str) {
    stream.send_data(word.into(), false).unwrap();
    let answer = peer.wait(body.data()).expect(word).expect(word);
    body.flow_control().release_capacity(answer.len()).unwrap();
    assert_eq!(answer, word);
}

/// Reload and graceful end: what is under way goes on to its end.
#[test]
fn streams_outlive_a_reload_and_a_graceful_end() {
    let app = echo();
    let mut server = start(&app);
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    let (_, mut body) = peer.head(response);
    says(&mut peer, &mut stream, &mut body, "before");
    server.signal("HUP");
    says(&mut peer, &mut stream, &mut body, "reloaded");
    server.signal("QUIT");
    says(&mut peer, &mut stream, &mut body, "ending");
    stream.send_data(Bytes::new(), true).unwrap();
    while let Some(data) = peer.wait(body.data()) {
        assert!(data.unwrap().is_empty());
    }
    drop(peer);
    assert_eq!(server.wait_exit(), Some(0));
}

/// The end, at once with a stream open, and in good order with a connection to the app kept.
#[test]
fn an_end_is_clean() {
    let app = echo();
    for signal in ["TERM", "QUIT"] {
        let mut server = start(&app);
        let mut peer = Peer::connect(server.address());
        assert_eq!(peer.ask(post("/"), b"kept").unwrap().text(), "kept");
        if signal == "TERM" {
            let (response, mut stream) = peer.begin(post("/"), false);
            let (_, mut body) = peer.head(response);
            says(&mut peer, &mut stream, &mut body, "open");
            server.signal(signal);
        } else {
            drop(peer);
            server.signal(signal);
        }
        assert_eq!(server.wait_exit(), Some(0));
        let log = server.error_log() + &server.stderr();
        assert!(!log.contains("panic"), "{signal}: {log}");
    }
}

/// The client is slow: its time is `client_body_timeout`, and the app's begins behind the request.
#[test]
fn whose_time_it_is() {
    let app = App::start(|mut call: Call| async move {
        let body = call.body().await;
        if call.path() == "/silent" {
            std::future::pending::<()>().await;
        }
        call.answer(200, "", &body, "").await;
    });
    let server = setup(&app).start(
        "server { listen {{port}} http2; location / { grpc_pass 127.0.0.1:{{app}};
           grpc_read_timeout 300ms; client_body_timeout 2s; }
           location /late { grpc_pass 127.0.0.1:{{app}}; client_body_timeout 300ms; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    for _ in 0..4 {
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            peer.turn();
            std::thread::sleep(Duration::from_millis(2));
        }
        stream.send_data("x".into(), false).unwrap();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    assert_eq!(peer.answer(response).unwrap().text(), "xxxx");
    assert_eq!(peer.ask(post("/silent"), b"x").unwrap().status, 504);
    let (response, mut stream) = peer.begin(post("/late"), false);
    stream.send_data("x".into(), false).unwrap();
    let answer = peer.answer(response);
    assert!(matches!(&answer, Ok(answer) if answer.status == 408) || answer.is_err(), "{answer:?}");
}

/// A request that the app has refused before it looked at it goes to it again, on another connection.
#[test]
fn a_request_that_was_refused_unseen_is_sent_again() {
    if oracle().is_some() {
        return;
    }
    let app = App::start(|mut call: Call| async move {
        if call.connection == 1 && call.number == 2 {
            call.reset(h2::Reason::REFUSED_STREAM);
        } else {
            let connection = call.connection.to_string();
            call.answer(200, "", connection.as_bytes(), "").await;
        }
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    for connection in ["1", "2", "2"] {
        assert_eq!(peer.ask(post("/"), b"").unwrap().text(), connection);
    }
    assert_eq!(app.connections(), 2);
}

/// Who does not speak HTTP/2 is told apart.
#[test]
fn an_app_of_http_1() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let server = Server::setup()
        .app(&origin)
        .start("server { listen {{port}} http2; location / { grpc_pass {{app}}; } }");
    let mut peer = Peer::connect(server.address());
    assert_eq!(peer.ask(post("/"), b"x").unwrap().status, 502);
    server.wait_error("while reading response header from upstream");
}

/// A client of HTTP/1.1 that sends while it reads; its connection carries another request when the app has read all.
#[test]
fn a_client_of_http_1_in_both_directions() {
    let app = echo();
    let server = setup(&app).start(
        "server { listen {{port}}; client_max_body_size 0; location / { grpc_pass 127.0.0.1:{{app}}; } }",
    );
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    let head = until(&mut client, "one\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    client.send("3\r\ntwo\r\n");
    until(&mut client, "two\r\n");
    client.send("0\r\n\r\n");
    until(&mut client, "0\r\n\r\n");
    // A whole body first: its end is known when the answer begins.
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(client.response().text(), "body");
    }
}

/// Reads to the end of `text`.
fn until(client: &mut Client, text: &str) -> String {
    let mut all = String::new();
    while !all.ends_with(text) {
        let some = client.read_some();
        assert!(!some.is_empty(), "the end instead of {text:?}: {all:?}");
        all += &String::from_utf8(some).unwrap();
    }
    all
}

/// Bodies larger than any window and than memory, to an app that sends them back as they come.
#[test]
fn large_bodies_both_ways() {
    if oracle().is_some() {
        return;
    }
    let app = echo();
    let server = setup(&app).start(
        "server { listen {{port}}; client_max_body_size 0; proxy_http_version 2;
           location /buffered { proxy_pass http://127.0.0.1:{{app}}; }
           location /streamed { proxy_pass http://127.0.0.1:{{app}}; proxy_request_buffering off; proxy_buffering off; } }",
    );
    let body: Vec<u8> = (0..3 << 20).map(|i| (i % 251 + i / 65536) as u8).collect();
    for path in ["/buffered", "/streamed"] {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(crate::support::DEADLINE)).unwrap();
        let head = format!("POST {path} HTTP/1.0\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let request = [head.as_bytes(), &body].concat();
        let mut answer = Vec::new();
        std::thread::scope(|scope| {
            let mut sender = socket.try_clone().unwrap();
            scope.spawn(move || sender.write_all(&request).unwrap());
            socket.read_to_end(&mut answer).unwrap();
        });
        let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        assert!(answer[at..] == body, "{path}: {} bytes", answer.len() - at);
    }
}

/// A body that grows too large while the app already listens.
#[test]
fn a_stream_that_is_too_large() {
    let app = App::start(|mut call: Call| async move {
        call.body().await;
        let said = call.given_up().await;
        call.note(said);
    });
    let server = setup(&app).start(
        "server { listen {{port}} http2; client_max_body_size 10; location / { grpc_pass 127.0.0.1:{{app}}; } }",
    );
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    stream.send_data("12345".into(), false).unwrap();
    wait_for("the app to be asked", || {
        peer.turn();
        app.asked().contains("POST").then_some(())
    });
    stream.send_data("1234567".into(), true).unwrap();
    assert_eq!(peer.answer(response).unwrap().status, 413);
    wait_for("the app to be reset", || app.notes().first().cloned());
}

/// The client reads nothing before all of its request is sent, which is more than windows and buffers hold; the answer is
/// long too.
#[test]
fn neither_direction_waits_for_the_other() {
    if !BOTH_DIRECTIONS.ringx_only() {
        return;
    }
    const LONG: usize = 24 << 20;
    let app = App::start(|mut call: Call| async move {
        let mut stream = call.respond.send_response(head(200, ""), false).unwrap();
        let (mut sent, mut heard, mut ended) = (0, 0, false);
        poll_fn(|context| {
            while let Poll::Ready(data) = call.request.body_mut().poll_data(context) {
                let Some(Ok(data)) = data else {
                    ended = true;
                    break;
                };
                drop(call.request.body_mut().flow_control().release_capacity(data.len()));
                heard += data.len();
            }
            while sent < LONG {
                stream.reserve_capacity((LONG - sent).min(64 << 10));
                match stream.poll_capacity(context) {
                    Poll::Ready(Some(Ok(room))) => {
                        stream.send_data(vec![7; room.min(LONG - sent)].into(), false).unwrap();
                        sent += room;
                    }
                    _ => break,
                }
            }
            if ended && sent >= LONG { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        call.note(heard.to_string());
        drop(stream.send_data(Bytes::new(), true));
    });
    let server = start(&app);
    let mut peer = Peer::with(server.address(), &mut h2::client::Builder::new());
    let (response, mut stream) = peer.begin(post("/"), false);
    let (_, mut body) = peer.head(response);
    let mut sent = 0;
    while sent < LONG {
        stream.reserve_capacity(64 << 10);
        let room = peer.wait(poll_fn(|context| stream.poll_capacity(context))).unwrap().unwrap();
        stream.send_data(vec![8; room].into(), false).unwrap();
        sent += room;
    }
    stream.send_data(Bytes::new(), true).unwrap();
    let mut got = 0;
    while let Some(data) = peer.wait(body.data()) {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        got += data.len();
    }
    assert_eq!((got, app.notes()), (LONG, vec![sent.to_string()]));
}

/// The request has come in pieces and is whole; then the client leaves.
#[test]
fn a_client_that_leaves_behind_its_request() {
    let app = App::start(|mut call: Call| async move {
        call.body().await;
        call.note("asked");
        let said = call.given_up().await;
        call.note(said);
    });
    let server = start(&app);
    let mut peer = Peer::connect(server.address());
    let (response, mut stream) = peer.begin(post("/"), false);
    stream.send_data("a".into(), false).unwrap();
    peer.turn();
    stream.send_data("b".into(), true).unwrap();
    wait_for("the app to be asked", || {
        peer.turn();
        (app.notes().len() == 1).then_some(())
    });
    stream.send_reset(h2::Reason::CANCEL);
    drop(response);
    wait_for("the app to be reset", || {
        peer.turn();
        (app.notes().len() == 2).then_some(())
    });
}
