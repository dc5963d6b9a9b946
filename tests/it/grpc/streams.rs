//! Streams in both directions: who waits for whom, what is kept in memory meanwhile, and who hears of an end.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::setup;
use crate::support::http2::{Peer, post};
use crate::support::http2_app::{App, Call, head};
use crate::support::{Server, wait_for};

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
