//! HTTP/2 frame by frame: the cases of h2spec (its generic, http2 and hpack groups) against RFC 9113 and RFC 7541.
//!
//! As there, a connection error may also be a closed connection, and a stream error a connection error. PROTOCOL_ERROR is taken
//! for any other code: RFC 9113 section 7 calls it the unspecific one, and the `h2` crate says little else.

use crate::differences::HTTP2_STRICT;
use crate::support::http2::*;
use crate::support::{Client, Origin, Server};

const NO_ERROR: u32 = 0;
const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const REFUSED: u32 = 7;
const COMPRESSION: u32 = 9;

/// What a case asks for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The answer on stream 1.
    Answer,
    /// PING is answered: what came before was accepted or ignored.
    Alive,
    /// An error of the connection with one of these codes.
    Connection(&'static [u32]),
    /// An error of the stream, or of the connection, with one of these codes.
    Stream(&'static [u32]),
    /// As `Stream`, or a page that refuses the request.
    Refused(&'static [u32]),
}

use Wanted::{Alive, Answer, Connection, Refused, Stream};

type Case = (&'static str, Wanted, fn(&mut Frames));

/// What nginx 1.22.1 takes without a word, does not wait for, or answers with another code than the RFC's.
const NOT_NGINX: &[&str] = &[
    "DATA behind RST_STREAM",
    "DATA on a closed stream",
    "DATA on an idle stream",
    "RST_STREAM on an idle stream",
    "WINDOW_UPDATE on an idle stream",
    "a block that is none",
    "a pseudo-field behind others",
    "a pseudo-field in trailers",
    "a table's size behind fields",
    "a text longer than the block",
    "connection",
    "keep-alive",
    "padding of a whole byte",
    "proxy-connection",
    "te",
    "too large DATA",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// `/` answers at once, `/file` with more than a window, `/app` when it has read the request's body.
fn server() -> (Origin, Server) {
    let origin = Origin::ok();
    let server = Server::setup().app(&origin).file("root/file", "x".repeat(100_000)).start(
        "server { listen {{port}} http2; root {{root}}; location = / { return 200 ok; } location = /app { proxy_pass http://{{app}}; } }",
    );
    (origin, server)
}

fn check(cases: &[Case]) {
    let (_origin, server) = server();
    let mut wrong = String::new();
    for (name, wanted, act) in cases {
        if NOT_NGINX.contains(name) && !HTTP2_STRICT.ringx_only() {
            continue;
        }
        let mut frames = Frames::connect(server.address());
        // Shown when it hangs.
        eprintln!("{name}");
        act(&mut frames);
        if let Some(why) = fault(&mut frames, *wanted) {
            wrong += &format!("{name}: wanted {wanted:?}, {why}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(Peer::connect(server.address()).get("/").text(), "ok");
}

/// What is not as it was wanted.
fn fault(frames: &mut Frames, wanted: Wanted) -> Option<String> {
    if matches!(wanted, Alive) {
        frames.send(PING, 0, 0, b"probing!");
    }
    let mut seen = Vec::new();
    loop {
        let outcome = match frames.next() {
            None => Outcome::Closed,
            Some(frame) => match frame.kind {
                GOAWAY => Outcome::GoAway(frame.code()),
                RST_STREAM => Outcome::Reset(frame.stream, frame.code()),
                HEADERS if matches!(wanted, Refused(_)) && !is_status_200(&frame) => return None,
                HEADERS => Outcome::Answer(frame.stream),
                PING if frame.flags == ACK && frame.payload == b"probing!" => Outcome::Pong,
                _ => continue,
            },
        };
        seen.push(outcome);
        let right = match (wanted, outcome) {
            (Answer, Outcome::Answer(1)) | (Alive, Outcome::Pong) => true,
            (Connection(_) | Stream(_) | Refused(_), Outcome::Closed) => true,
            (Connection(codes) | Stream(codes) | Refused(codes), Outcome::GoAway(code)) => {
                codes.contains(&code) || code == PROTOCOL
            }
            (Stream(codes) | Refused(codes), Outcome::Reset(_, code)) => {
                codes.contains(&code) || code == PROTOCOL
            }
            _ => false,
        };
        if right {
            return None;
        }
        let over = matches!(outcome, Outcome::Closed | Outcome::GoAway(_) | Outcome::Pong);
        if over || seen.len() > 8 {
            return Some(format!("got {seen:?}"));
        }
    }
}

/// The head of `GET /`.
fn plain() -> Vec<u8> {
    block(&pseudo("/"))
}

/// The head of a request whose body follows.
fn posted(more: &[(&'static str, &'static str)]) -> Vec<u8> {
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/app"), (":authority", "localhost")];
    block(&[&fields[..], more].concat())
}

fn with(more: &[(&'static str, &'static str)]) -> Vec<u8> {
    block(&[&pseudo("/")[..], more].concat())
}

const WHOLE: u8 = END_HEADERS | END_STREAM;
const PRIORITY_FLAG: u8 = 0x20;

#[test]
fn what_is_allowed_is_accepted() {
    check(&[
        ("a request", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &plain());
        }),
        ("PRIORITY on an idle stream", Answer, |f| {
            f.send(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]).get(1, "/");
        }),
        ("WINDOW_UPDATE on a half-closed stream", Answer, |f| {
            f.get(1, "/").send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        }),
        ("PRIORITY on a half-closed stream", Answer, |f| {
            f.get(1, "/").send(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]);
        }),
        ("RST_STREAM on a half-closed stream", Alive, |f| {
            f.get(1, "/").send(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        }),
        ("PRIORITY on a closed stream", Alive, |f| {
            f.get(1, "/");
            answered(f);
            f.send(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]);
        }),
        ("WINDOW_UPDATE and RST_STREAM on a stream that was just closed", Alive, |f| {
            f.get(1, "/");
            answered(f);
            f.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]).send(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        }),
        ("DATA", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 1, 1, b"x");
        }),
        ("several DATA", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 0, 1, b"x").send(DATA, 1, 1, b"y");
        }),
        ("padded DATA", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, PADDED | 1, 1, b"\x04data\0\0\0\0");
        }),
        ("DATA of the largest size", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 1, 1, &[b'x'; 16_384]);
        }),
        ("a padded head", Answer, |f| {
            let padded = [&[3][..], &plain(), &[0; 3]].concat();
            f.send(HEADERS, WHOLE | PADDED, 1, &padded);
        }),
        ("a head with a priority", Answer, |f| {
            let head = [&[0, 0, 0, 0, 16][..], &plain()].concat();
            f.send(HEADERS, WHOLE | PRIORITY_FLAG, 1, &head);
        }),
        ("a head in pieces", Answer, |f| {
            let head = plain();
            f.send(HEADERS, END_STREAM, 1, &head[..5]).send(CONTINUATION, 0, 1, &head[5..9]).send(
                CONTINUATION,
                END_HEADERS,
                1,
                &head[9..],
            );
        }),
        ("trailers", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 0, 1, b"x").send(
                HEADERS,
                WHOLE,
                1,
                &block(&[("x-t", "1")]),
            );
        }),
        // Malformed, but nobody ever sees it: trailers of requests are dropped.
        ("a pseudo-field in trailers", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(
                HEADERS,
                WHOLE,
                1,
                &block(&[(":method", "GET")]),
            );
        }),
        ("a length that is right", Answer, |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[("content-length", "2")])).send(DATA, 1, 1, b"xy");
        }),
        ("SETTINGS", Alive, |f| drop(f.send(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).next_of(SETTINGS))),
        ("unknown SETTINGS", Alive, |f| {
            drop(f.send(SETTINGS, 0, 0, &[0, 0xff, 0, 0, 0, 1]).next_of(SETTINGS));
        }),
        ("PING that is an answer", Alive, |f| {
            f.send(PING, ACK, 0, b"whatever");
        }),
        ("an unknown frame", Answer, |f| {
            f.send(0xff, 0, 0, b"12345678").get(1, "/");
        }),
        ("an unknown frame on a stream", Answer, |f| {
            f.send(0x16, 0xff, 1, b"12345678").get(1, "/");
        }),
        ("undefined flags", Alive, |f| {
            f.send(PING, 0x16, 0, b"12345678");
        }),
        ("the reserved bit", Answer, |f| {
            f.send(HEADERS, WHOLE, 1 | 1 << 31, &plain());
        }),
        ("WINDOW_UPDATE of the connection", Alive, |f| {
            f.send(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
        }),
        ("GOAWAY", Alive, |f| {
            f.send(GOAWAY, 0, 0, &[0; 8]);
        }),
        ("an empty authority is none", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &block(&pseudo("/")[..3]));
        }),
    ]);
}

/// Reads to the end of the first answer.
fn answered(frames: &mut Frames) {
    while let Some(frame) = frames.next() {
        if frame.stream == 1 && frame.flags & END_STREAM != 0 && matches!(frame.kind, DATA | HEADERS) {
            return;
        }
    }
    panic!("no answer");
}

#[test]
fn errors_of_connections() {
    check(&[
        // Section 4.2, 4.3
        ("too large HEADERS", Connection(&[FRAME_SIZE]), |f| {
            f.send(HEADERS, WHOLE, 1, &[0; 16_385]);
        }),
        ("too large DATA", Stream(&[FRAME_SIZE]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 1, 1, &[0; 16_385]);
        }),
        ("a block that is none", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[0x40, 0xff]);
        }),
        ("PRIORITY in a block", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_STREAM, 1, &plain()).send(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]).send(
                CONTINUATION,
                END_HEADERS,
                1,
                b"",
            );
        }),
        ("another stream's HEADERS in a block", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_STREAM, 1, &plain()).send(HEADERS, WHOLE, 3, &plain());
        }),
        // Section 5.1
        ("DATA on an idle stream", Connection(&[PROTOCOL, STREAM_CLOSED]), |f| {
            f.send(DATA, 1, 1, b"x");
        }),
        ("RST_STREAM on an idle stream", Connection(&[PROTOCOL]), |f| {
            f.send(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        }),
        ("WINDOW_UPDATE on an idle stream", Connection(&[PROTOCOL]), |f| {
            f.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
        }),
        ("CONTINUATION on an idle stream", Connection(&[PROTOCOL]), |f| {
            f.send(CONTINUATION, END_HEADERS, 1, &plain());
        }),
        ("DATA on a half-closed stream", Stream(&[STREAM_CLOSED]), |f| {
            f.get(1, "/file").send(DATA, 1, 1, b"x");
        }),
        ("HEADERS on a half-closed stream", Stream(&[STREAM_CLOSED]), |f| {
            f.get(1, "/file").send(HEADERS, WHOLE, 1, &plain());
        }),
        ("CONTINUATION on a half-closed stream", Stream(&[STREAM_CLOSED, PROTOCOL]), |f| {
            f.get(1, "/file").send(CONTINUATION, END_HEADERS, 1, &plain());
        }),
        ("DATA behind RST_STREAM", Stream(&[STREAM_CLOSED]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[]))
                .send(RST_STREAM, 0, 1, &[0, 0, 0, 8])
                .send(DATA, 1, 1, b"x");
        }),
        ("HEADERS behind RST_STREAM", Stream(&[STREAM_CLOSED, PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(RST_STREAM, 0, 1, &[0, 0, 0, 8]).send(
                HEADERS,
                WHOLE,
                1,
                &plain(),
            );
        }),
        ("CONTINUATION behind RST_STREAM", Connection(&[STREAM_CLOSED, PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(RST_STREAM, 0, 1, &[0, 0, 0, 8]).send(
                CONTINUATION,
                END_HEADERS,
                1,
                &plain(),
            );
        }),
        ("DATA on a closed stream", Stream(&[STREAM_CLOSED]), |f| {
            f.get(1, "/");
            answered(f);
            f.send(DATA, 1, 1, b"x");
        }),
        ("HEADERS on a closed stream", Stream(&[STREAM_CLOSED, PROTOCOL]), |f| {
            f.get(1, "/");
            answered(f);
            f.send(HEADERS, WHOLE, 1, &plain());
        }),
        // Section 5.1.1
        ("an even stream", Connection(&[PROTOCOL]), |f| {
            f.get(2, "/");
        }),
        ("a smaller stream", Connection(&[PROTOCOL, STREAM_CLOSED]), |f| {
            f.get(5, "/file").get(3, "/file");
        }),
        // Section 5.5
        ("an unknown frame in a block", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_STREAM, 1, &plain()).send(0xff, 0, 1, b"12345678").send(
                CONTINUATION,
                END_HEADERS,
                1,
                b"",
            );
        }),
        // Section 6.1 to 6.4
        ("DATA on no stream", Connection(&[PROTOCOL]), |f| {
            f.send(DATA, 1, 0, b"x");
        }),
        ("more padding than DATA", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, PADDED | 1, 1, b"\x06data\0");
        }),
        ("HEADERS on no stream", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 0, &plain());
        }),
        ("more padding than HEADERS", Connection(&[PROTOCOL]), |f| {
            let head = [&[200][..], &plain()].concat();
            f.send(HEADERS, WHOLE | PADDED, 1, &head);
        }),
        ("PRIORITY on no stream", Connection(&[PROTOCOL]), |f| {
            f.send(PRIORITY, 0, 0, &[0, 0, 0, 0, 1]);
        }),
        ("a short PRIORITY", Stream(&[FRAME_SIZE]), |f| {
            f.send(PRIORITY, 0, 1, &[0, 0, 0, 0]);
        }),
        ("RST_STREAM on no stream", Connection(&[PROTOCOL]), |f| {
            f.send(RST_STREAM, 0, 0, &[0, 0, 0, 8]);
        }),
        ("a short RST_STREAM", Connection(&[FRAME_SIZE]), |f| {
            f.get(1, "/file").send(RST_STREAM, 0, 1, &[0, 0, 8]);
        }),
        // Section 6.5
        ("an acknowledgement with SETTINGS", Connection(&[FRAME_SIZE]), |f| {
            f.send(SETTINGS, ACK, 0, &[0; 6]);
        }),
        ("SETTINGS on a stream", Connection(&[PROTOCOL]), |f| {
            f.send(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 100]);
        }),
        ("SETTINGS of half a setting", Connection(&[FRAME_SIZE]), |f| {
            f.send(SETTINGS, 0, 0, &[0; 3]);
        }),
        ("ENABLE_PUSH of 2", Connection(&[PROTOCOL]), |f| {
            f.send(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]);
        }),
        ("INITIAL_WINDOW_SIZE beyond", Connection(&[FLOW_CONTROL]), |f| {
            f.send(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]);
        }),
        ("MAX_FRAME_SIZE below", Connection(&[PROTOCOL]), |f| {
            f.send(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]);
        }),
        ("MAX_FRAME_SIZE beyond", Connection(&[PROTOCOL]), |f| {
            f.send(SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0]);
        }),
        // Section 6.6 to 6.10
        ("PUSH_PROMISE", Connection(&[PROTOCOL]), |f| {
            f.send(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &plain()].concat());
        }),
        ("PING on a stream", Connection(&[PROTOCOL]), |f| {
            f.send(PING, 0, 1, b"12345678");
        }),
        ("a short PING", Connection(&[FRAME_SIZE]), |f| {
            f.send(PING, 0, 0, b"123456");
        }),
        ("GOAWAY on a stream", Connection(&[PROTOCOL]), |f| {
            f.send(GOAWAY, 0, 1, &[0; 8]);
        }),
        ("WINDOW_UPDATE of nothing", Connection(&[PROTOCOL]), |f| {
            f.send(WINDOW_UPDATE, 0, 0, &[0; 4]);
        }),
        ("WINDOW_UPDATE of nothing on a stream", Stream(&[PROTOCOL]), |f| {
            f.get(1, "/file").send(WINDOW_UPDATE, 0, 1, &[0; 4]);
        }),
        ("a short WINDOW_UPDATE", Connection(&[FRAME_SIZE]), |f| {
            f.send(WINDOW_UPDATE, 0, 0, &[0, 0, 1]);
        }),
        ("a window beyond the largest", Connection(&[FLOW_CONTROL]), |f| {
            f.send(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).send(
                WINDOW_UPDATE,
                0,
                0,
                &[0x7f, 0xff, 0xff, 0xff],
            );
        }),
        ("a stream's window beyond the largest", Stream(&[FLOW_CONTROL]), |f| {
            f.get(1, "/file").send(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff]).send(
                WINDOW_UPDATE,
                0,
                1,
                &[0x7f, 0xff, 0xff, 0xff],
            );
        }),
        ("another frame among CONTINUATIONs", Connection(&[PROTOCOL]), |f| {
            let head = plain();
            f.send(HEADERS, END_STREAM, 1, &head[..5])
                .send(CONTINUATION, 0, 1, &head[5..9])
                .send(DATA, 1, 1, b"x");
        }),
        ("CONTINUATION on no stream", Connection(&[PROTOCOL]), |f| {
            let head = plain();
            f.send(HEADERS, END_STREAM, 1, &head[..5]).send(CONTINUATION, END_HEADERS, 0, &head[5..]);
        }),
        ("CONTINUATION behind a whole head", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(CONTINUATION, END_HEADERS, 1, &plain());
        }),
        ("CONTINUATION behind DATA", Connection(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 0, 1, b"x").send(
                CONTINUATION,
                END_HEADERS,
                1,
                &plain(),
            );
        }),
    ]);
}

#[test]
fn malformed_requests() {
    check(&[
        ("a second head without an end", Stream(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[])).send(DATA, 0, 1, b"x").send(
                HEADERS,
                END_HEADERS,
                1,
                &block(&[("x-t", "1")]),
            );
        }),
        ("upper case", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("X-TEST", "ok")]));
        }),
        ("an unknown pseudo-field", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[(":test", "ok")]));
        }),
        ("a response's pseudo-field", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[(":status", "200")]));
        }),
        ("a pseudo-field behind others", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &block(&[&[("x-test", "ok")][..], &pseudo("/")].concat()));
        }),
        ("connection", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("connection", "keep-alive")]));
        }),
        ("keep-alive", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("keep-alive", "1")]));
        }),
        ("proxy-connection", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("proxy-connection", "close")]));
        }),
        ("upgrade", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("upgrade", "h2c")]));
        }),
        ("transfer-encoding", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("transfer-encoding", "chunked")]));
        }),
        ("te", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[("te", "trailers, deflate")]));
        }),
        ("an empty path", Refused(&[PROTOCOL]), |f| {
            f.get(1, "");
        }),
        ("no method", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &block(&pseudo("/")[1..]));
        }),
        ("no scheme", Refused(&[PROTOCOL]), |f| {
            let all = pseudo("/");
            f.send(HEADERS, WHOLE, 1, &block(&[all[0], all[2], all[3]]));
        }),
        ("no path", Refused(&[PROTOCOL]), |f| {
            let all = pseudo("/");
            f.send(HEADERS, WHOLE, 1, &block(&[all[0], all[1], all[3]]));
        }),
        ("two methods", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[(":method", "GET")]));
        }),
        ("two schemes", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[(":scheme", "http")]));
        }),
        ("two paths", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, WHOLE, 1, &with(&[(":path", "/")]));
        }),
        ("a length beyond the body", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[("content-length", "5")])).send(DATA, 1, 1, b"test");
        }),
        ("a length below several DATA", Refused(&[PROTOCOL]), |f| {
            f.send(HEADERS, END_HEADERS, 1, &posted(&[("content-length", "5")]))
                .send(DATA, 0, 1, b"test")
                .send(DATA, 1, 1, b"test");
        }),
        ("more streams than allowed", Stream(&[PROTOCOL, REFUSED]), |f| {
            // Nothing is taken, so nothing ends.
            f.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
            for stream in 0..129 {
                f.get(2 * stream + 1, "/file");
            }
            // The heads of those that are allowed, and the refusal of the last one.
            let mut left = 129;
            while left > 0
                && let Some(frame) = f.next()
                && frame.kind != GOAWAY
            {
                left -= i32::from(matches!(frame.kind, HEADERS | RST_STREAM));
            }
            f.get(259, "/file").get(261, "/file");
        }),
    ]);
}

#[test]
fn compressed_heads() {
    /// `GET /` with everything but the authority from the static table.
    const INDEXED: [u8; 3] = [0x82, 0x86, 0x84];
    const HOST: &[u8] = b"\x09localhost";
    check(&[
        ("indexed fields", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x01], HOST].concat());
        }),
        ("a literal to be indexed", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x41], HOST].concat());
        }),
        ("a literal with a new name", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x41], HOST, b"\x40\x06x-test\x01v"].concat());
        }),
        ("a literal that is never indexed", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x11], HOST, b"\x10\x06x-test\x01v"].concat());
        }),
        ("a table of another size", Answer, |f| {
            f.send(HEADERS, WHOLE, 1, &[&[0x20, 0x3f, 0xe1, 0x1f][..], &INDEXED, &[0x41], HOST].concat());
        }),
        ("a field from the dynamic table", Answer, |f| {
            f.send(HEADERS, WHOLE, 3, &[&INDEXED[..], &[0x41], HOST].concat());
            f.next_of(HEADERS);
            // A second request on a later stream would be 5; the first one is what is waited for.
            f.send(HEADERS, WHOLE, 5, &[&INDEXED[..], &[0xbe]].concat());
            let head = f.next_of(HEADERS).unwrap();
            assert_eq!((head.stream, is_status_200(&head)), (5, true));
            let mut other = Frames::connect(f.client.peer());
            other.get(1, "/");
            std::mem::swap(f, &mut other);
        }),
        ("a text in Huffman's code", Answer, |f| {
            f.send(
                HEADERS,
                WHOLE,
                1,
                &[&INDEXED[..], b"\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"].concat(),
            );
        }),
        ("an index that is not there", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0xff, 0x20]].concat());
        }),
        ("a literal whose name is not there", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], b"\x7f\x20\x01v"].concat());
        }),
        ("the index 0", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x80]].concat());
        }),
        ("a table's size behind fields", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0x41], HOST, &[0x20]].concat());
        }),
        ("a table beyond what is allowed", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&[0x3f, 0xe2, 0x1f][..], &INDEXED].concat());
        }),
        ("padding of a whole byte", Connection(&[COMPRESSION]), |f| {
            f.send(
                HEADERS,
                WHOLE,
                1,
                &[&INDEXED[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"].concat(),
            );
        }),
        ("padding of zeros", Connection(&[COMPRESSION]), |f| {
            f.send(
                HEADERS,
                WHOLE,
                1,
                &[&INDEXED[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"].concat(),
            );
        }),
        ("the end of text in a text", Connection(&[COMPRESSION]), |f| {
            f.send(
                HEADERS,
                WHOLE,
                1,
                &[&INDEXED[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f"].concat(),
            );
        }),
        ("an integer without end", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], &[0xff; 12]].concat());
        }),
        ("a text longer than the block", Connection(&[COMPRESSION]), |f| {
            f.send(HEADERS, WHOLE, 1, &[&INDEXED[..], b"\x00\x7ftoo short"].concat());
        }),
    ]);
}

#[test]
fn windows_bound_what_is_sent() {
    let (_origin, server) = server();
    // One byte, then what was allowed more (sections 6.9.1 and 6.9.2).
    let mut frames = Frames::connect(server.address());
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]).get(1, "/file");
    let sizes = |frames: &mut Frames, count: usize| {
        let mut sizes = Vec::new();
        while sizes.iter().sum::<usize>() < count {
            sizes.push(frames.next_of(DATA).unwrap().payload.len());
        }
        sizes
    };
    assert_eq!(sizes(&mut frames, 1), [1]);
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 3]);
    assert_eq!(sizes(&mut frames, 2), [2]);
    // A window below zero takes that many until there is room again.
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 3]);
    frames.send(PING, 0, 0, b"12345678");
    assert_eq!(frames.outcome(), Outcome::Pong);
    frames.send(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 5]);
    assert_eq!(sizes(&mut frames, 5).iter().sum::<usize>(), 5);
    // The connection's window bounds all streams.
    let mut frames = Frames::connect(server.address());
    frames.send(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]).get(1, "/file");
    assert_eq!(sizes(&mut frames, 65_535).iter().sum::<usize>(), 65_535);
    frames.send(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 7]);
    assert_eq!(sizes(&mut frames, 7).iter().sum::<usize>(), 7);
}

#[test]
fn what_is_no_preface_ends_the_connection() {
    let (_origin, server) = server();
    let mut client = Client::connect(server.address());
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").send(frame(SETTINGS, 0, 0, b""));
    let said = client.read_to_end();
    assert!(!said.windows(4).any(|bytes| bytes == b"HTTP"), "{said:?}");
}

#[test]
fn goaway_ends_what_is_done() {
    if !HTTP2_STRICT.ringx_only() {
        return;
    }
    let (_origin, server) = server();
    let mut frames = Frames::connect(server.address());
    frames.get(1, "/");
    answered(&mut frames);
    frames.send(GOAWAY, 0, 0, &[0; 8]);
    loop {
        match frames.outcome() {
            Outcome::GoAway(NO_ERROR) => {}
            outcome => break assert_eq!(outcome, Outcome::Closed),
        }
    }
}
