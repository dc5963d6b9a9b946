//! A whole exchange: a client's stream of requests and an application's answers go through the program's own worker in
//! pieces that the input chooses, with closes and time between them, and what comes out is compared with what RFC 9112
//! makes of the bytes (`model`).
//!
//! The input: a byte of choices, the number of steps, the steps, and behind them the stream of requests and the answers, with
//! 0xff between them. What holds:
//!
//! * What reaches the application is well-formed, and is, in order, requests that the client sent: method, target, body.
//! * What reaches the client is well-formed. An answer is the application's, status and body, when that was well-formed; it never
//!   looks whole when the application's was not.
//! * A connection of the application carries no request after bytes that belong to no answer.
//! * A stream in pieces becomes what the same stream in one piece becomes.
//! * The worker never panics, and has forgotten the connection afterwards.

mod model;
mod stage;

use std::cell::RefCell;

use model::{Front, Request, Response};
use stage::{End, LONG, Stage};

/// Answers to requests that the input has no answer for.
const OTHERWISE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Longer heads of an application may be refused for that (`proxy_buffer_size`).
const MODEST: usize = 3000;

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Any bytes as a play of client and application.
pub fn exchange(input: &[u8]) {
    let Some(play) = Play::read(input) else { return };
    STAGE.with_borrow_mut(|stage| {
        let stage = stage.get_or_insert_with(Stage::new);
        let in_pieces = play.act(stage, &play.steps);
        in_pieces.judge(&play);
        if play.only_pieces {
            let whole = play.act(stage, &[]);
            whole.judge(&play);
            compare(&in_pieces, &whole);
        }
    });
}

/// An input taken apart.
struct Play<'i> {
    streamed: bool,
    /// Nothing but the pieces differs from an orderly exchange.
    only_pieces: bool,
    /// The application closes behind each answer.
    closes: bool,
    steps: Vec<Step>,
    requests: &'i [u8],
    answers: Vec<&'i [u8]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    ClientSends(usize),
    AppSends(usize),
    /// The application says something that nobody asked for.
    AppSpeaks,
    Passes(u64),
    ClientFinishes,
    ClientLeaves,
    AppLeaves,
}

impl<'i> Play<'i> {
    fn read(input: &'i [u8]) -> Option<Play<'i>> {
        let [choices, count, rest @ ..] = input else { return None };
        let (steps, rest) = rest.split_at_checked(usize::from(*count) % 64)?;
        let only_pieces = choices & 2 == 0;
        let steps = steps.iter().map(|byte| step(*byte, only_pieces)).collect();
        let mut parts = rest.split(|b| *b == 0xff);
        let requests = parts.next()?;
        Some(Play {
            streamed: choices & 1 != 0,
            only_pieces,
            closes: choices & 4 != 0,
            steps,
            requests,
            answers: parts.collect(),
        })
    }

    /// Carries the steps out, then whatever is left to be sent, and lets everybody go home.
    fn act(&self, stage: &mut Stage, steps: &[Step]) -> Scene {
        let socket = if self.streamed { "streamed" } else { "buffered" };
        let mut scene = Scene { client: stage.client(socket), apps: Vec::new(), taken: Vec::new() };
        let mut rest = self.requests;
        for step in steps {
            match *step {
                Step::ClientSends(count) => scene.client.send(taken(&mut rest, count)),
                Step::AppSends(count) => drop(scene.answer(self, count)),
                Step::AppSpeaks => scene.speak(),
                Step::Passes(millis) => stage.passes(millis),
                Step::ClientFinishes => scene.client.finish(),
                Step::ClientLeaves => scene.client.leave(),
                Step::AppLeaves => scene.app().into_iter().for_each(|app| app.end.leave()),
            }
            scene.hear(stage, self);
        }
        scene.client.send(rest);
        scene.hear(stage, self);
        // One at a time, so that the order of what comes then is known.
        while scene.answer(self, usize::MAX) || scene.give_up() {
            scene.hear(stage, self);
        }
        scene.client.finish();
        scene.hear(stage, self);
        if !scene.client.ended {
            stage.passes(LONG);
            scene.hear(stage, self);
        }
        scene.client.leave();
        scene.apps.iter_mut().for_each(|app| app.end.leave());
        stage.settle();
        stage.expect_calm();
        let mut active = stage.active();
        if active != "Active connections: 1 " {
            // What a client left behind may be waited for as long as a time-out is.
            stage.passes(LONG);
            active = stage.active();
        }
        assert_eq!(active, "Active connections: 1 ", "a connection is not forgotten");
        scene
    }
}

fn step(byte: u8, only_pieces: bool) -> Step {
    let size = [1, 2, 3, 5, 9, 17, 40, 90, 200, 500, 1000, 4000][usize::from(byte >> 4) % 12];
    match byte % 16 {
        0..=5 => Step::ClientSends(size),
        6..=10 => Step::AppSends(size),
        _ if only_pieces => Step::ClientSends(size),
        11 => Step::AppSpeaks,
        // Every wait for real time costs as much as a hundred steps.
        12 if byte >> 4 == 0 => Step::Passes(LONG),
        12 => Step::AppSends(size),
        13 => Step::ClientFinishes,
        14 => Step::ClientLeaves,
        _ => Step::AppLeaves,
    }
}

/// Cuts the first `count` bytes off, or what there is.
fn taken<'b>(rest: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

/// One connection of the application.
struct App {
    end: End,
    /// The requests that came, and where in what was sent the answer to each begins.
    requests: Vec<(Request, usize)>,
    /// Bytes of requests that were understood.
    read: usize,
    /// What is left of answers to be sent.
    to_say: Vec<u8>,
}

impl App {
    /// The answer to a request of this connection, and where the bytes behind it begin.
    fn answer(&self, number: usize) -> (Front<Response>, usize) {
        let (request, start) = &self.requests[number];
        let end = self.requests.get(number + 1).map_or(self.end.sent.len(), |(_, start)| *start);
        let over = end == self.end.sent.len() && self.end.left;
        let front = model::response(&self.end.sent[*start..end], &request.method, over);
        let behind = match &front {
            Front::Whole(_, len) => start + len,
            Front::More | Front::Refused => end,
        };
        (front, behind)
    }

    /// Nothing may be asked here: something was said that is part of no answer, or an answer goes on.
    fn is_spoilt(&self) -> bool {
        match self.requests.len() {
            0 => !self.end.sent.is_empty(),
            count => {
                let (front, behind) = self.answer(count - 1);
                !matches!(front, Front::Whole(..)) || behind < self.end.sent.len()
            }
        }
    }
}

/// What became of a play.
struct Scene {
    client: End,
    apps: Vec<App>,
    /// Every request the application got, in order: connection and number.
    taken: Vec<(usize, usize)>,
}

impl Scene {
    /// Lets the worker do what it can, and hears what it has to say.
    fn hear(&mut self, stage: &Stage, play: &Play<'_>) {
        loop {
            stage.settle();
            let mut moved = self.client.take();
            while let Some(end) = stage.accept() {
                self.apps.push(App { end, requests: Vec::new(), read: 0, to_say: Vec::new() });
                moved = true;
            }
            for number in 0..self.apps.len() {
                moved |= self.apps[number].end.take();
                self.understand(number, play);
            }
            if !moved {
                return;
            }
        }
    }

    /// Takes the requests that have come on a connection, and gets their answers ready.
    fn understand(&mut self, number: usize, play: &Play<'_>) {
        loop {
            let app = &mut self.apps[number];
            let rest = &app.end.got[app.read..];
            let (request, len) = match model::request(rest) {
                Front::Whole(request, len) => (request, len),
                Front::More => return,
                Front::Refused => panic!("this reached the application: {}", rest.escape_ascii()),
            };
            assert!(!app.is_spoilt(), "asked on a connection that is out of step: {}", rest.escape_ascii());
            app.read += len;
            app.requests.push((request, app.end.sent.len()));
            self.taken.push((number, app.requests.len() - 1));
            let said = play.answers.get(self.taken.len() - 1).copied().unwrap_or(OTHERWISE);
            app.to_say.extend_from_slice(said);
        }
    }

    /// The first connection of the application that both sides hold.
    fn app(&mut self) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| !app.end.left && !app.end.ended)
    }

    /// The application says the next bytes it has to say; `false` when there are none.
    fn answer(&mut self, play: &Play<'_>, count: usize) -> bool {
        let ready = |app: &&mut App| !app.to_say.is_empty() && !app.end.left && !app.end.ended;
        let Some(app) = self.apps.iter_mut().find(ready) else { return false };
        let piece: Vec<u8> = app.to_say.drain(..count.min(app.to_say.len())).collect();
        app.end.send(&piece);
        if app.to_say.is_empty() && play.closes {
            app.end.finish();
        }
        true
    }

    /// What the application owes does not come any more, on one connection; `false` when it owes nothing.
    fn give_up(&mut self) -> bool {
        let owes = |app: &&mut App| !app.end.left && !app.end.ended && app.is_spoilt();
        let Some(app) = self.apps.iter_mut().find(owes) else { return false };
        app.end.finish();
        true
    }

    /// The application says something of its own accord.
    fn speak(&mut self) {
        if let Some(app) = self.app() {
            app.end.send(OTHERWISE);
        }
    }

    fn judge(&self, play: &Play<'_>) {
        let (sent, next) = requests(&self.client.sent);
        let places = self.places(&sent);
        let answers = self.answers(&sent, next, play);
        assert!(answers.len() <= sent.len() + 1, "{} answers to {} requests", answers.len(), sent.len());
        let mut orderly = play.only_pieces;
        for (at, (front, whole)) in answers.iter().enumerate() {
            let Some(asked) = places.iter().rposition(|place| *place == at) else {
                let refused = matches!(front, Front::Whole(r, _) if r.status >= 400);
                // A request that is not whole may have its 100 Continue, or be answered early while it is streamed.
                let begun = at >= sent.len() && (!whole || (play.streamed && !play.only_pieces));
                assert!(refused || begun, "who answered? {front:?}");
                continue;
            };
            let (number, request) = self.taken[asked];
            let app = &self.apps[number];
            let (said, behind) = app.answer(request);
            orderly &= behind == app.end.sent.len() || request + 1 < app.requests.len();
            agree(&said, front, *whole, orderly);
        }
        let got_all = answers.len() >= sent.len() || self.client.ended;
        assert!(got_all, "{} answers to {} requests", answers.len(), sent.len());
    }

    /// Which of the requests that were sent each of those is that the application got.
    fn places(&self, sent: &[Request]) -> Vec<usize> {
        let mut next = 0;
        let mut places = Vec::new();
        for (at, (number, request)) in self.taken.iter().enumerate() {
            let got = &self.apps[*number].requests[*request].0;
            if at > 0 && self.may_repeat(self.taken[at - 1]) && sent[next - 1] == *got {
                places.push(next - 1);
                continue;
            }
            let Some(offset) = sent[next..].iter().position(|request| request == got) else {
                panic!("the client did not send {got:?}, or not so; it sent {sent:?}");
            };
            places.push(next + offset);
            next += offset + 1;
        }
        places
    }

    /// Whether a request may be sent again: it is harmless, and its connection, kept from another request, was closed with nothing
    /// said, as happens when the application closes what it holds for idle (RFC 9110 9.2.2, RFC 9112 9.3.1).
    fn may_repeat(&self, (number, request): (usize, usize)) -> bool {
        let app = &self.apps[number];
        let (asked, start) = &app.requests[request];
        let harmless = !matches!(&asked.method[..], b"POST" | b"PATCH" | b"LOCK");
        harmless && request > 0 && app.end.left && *start == app.end.sent.len()
    }

    /// The answers that the client got; of the last one whether it looks whole.
    fn answers(&self, sent: &[Request], next: &[u8], play: &Play<'_>) -> Vec<(Front<Response>, bool)> {
        let mut answers = Vec::new();
        let mut rest = &self.client.got[..];
        while !rest.is_empty() {
            let method = sent.get(answers.len()).map_or(next, |request| &request.method);
            let front = model::response(rest, method, self.client.ended);
            match &front {
                Front::Whole(_, len) => {
                    let (_, behind) = rest.split_at(*len);
                    rest = behind;
                    answers.push((front, true));
                }
                Front::More => {
                    answers.push((front, false));
                    break;
                }
                // A body of another length than its head says would be found here, too.
                Front::Refused => panic!("the client got {}", rest.escape_ascii()),
            }
            assert!(answers.len() <= play.requests.len(), "more answers than bytes");
        }
        answers
    }
}

/// The requests of a stream, and the method of what is behind them: an answer to HEAD has no body, refused or not.
fn requests(stream: &[u8]) -> (Vec<Request>, &[u8]) {
    let mut requests = Vec::new();
    let mut rest = stream;
    while let Front::Whole(request, len) = model::request(rest) {
        rest = &rest[len..];
        requests.push(request);
    }
    let line = rest.trim_ascii_start();
    (requests, line.split(|b| *b == b' ').next().unwrap_or_default())
}

/// Whether what the client got is what the application said. `orderly`: nobody left early, so that it must be.
fn agree(said: &Front<Response>, got: &Front<Response>, whole: bool, orderly: bool) {
    match (said, got) {
        (Front::Whole(said, len), Front::Whole(got, _)) => {
            let own = got.status >= 500 && got.status != said.status;
            if own && (!orderly || *len - said.body.len() > MODEST || is_order(said)) {
                return;
            }
            assert_eq!((said.status, &said.body), (got.status, &got.body), "not what the application said");
        }
        (Front::Whole(said, _), _) => assert!(!orderly, "of {said:?} came {got:?}"),
        (Front::More | Front::Refused, Front::Whole(got, _)) => {
            // Over TCP a reset tells it; a unix socket has none.
            let told_by_close = model::all(&got.fields, b"content-length").is_empty()
                && model::all(&got.fields, b"transfer-encoding").is_empty();
            let marked = got.status >= 500 || told_by_close;
            assert!(whole && marked, "of {said:?} this was made: {got:?}");
        }
        (Front::More | Front::Refused, _) => {}
    }
}

/// Whether an answer tells the server what to do.
fn is_order(said: &Response) -> bool {
    said.fields.iter().any(|(name, _)| name.starts_with(b"x-accel-"))
}

/// The same bytes in other pieces have the same effect.
fn compare(pieces: &Scene, whole: &Scene) {
    let orderly = |scene: &Scene| {
        scene.apps.iter().all(|app| {
            let fine = |number| {
                let (front, behind) = app.answer(number);
                let next = app.requests.get(number + 1).map_or(app.end.sent.len(), |(_, start)| *start);
                matches!(front, Front::Whole(..)) && behind == next
            };
            (0..app.requests.len()).all(fine)
        })
    };
    // What follows an answer belongs to the next one or to none, as it comes early or late.
    if !orderly(pieces) || !orderly(whole) {
        return;
    }
    let taken = |scene: &Scene| -> Vec<Request> {
        scene.taken.iter().map(|(app, number)| scene.apps[*app].requests[*number].0.clone()).collect()
    };
    assert_eq!(taken(pieces), taken(whole), "the application got something else");
    let (sent, next) = requests(&pieces.client.sent);
    if pieces.client.sent == whole.client.sent {
        let got = |scene: &Scene| -> Vec<(u16, Vec<u8>)> {
            let mut rest = &scene.client.got[..];
            let mut all = Vec::new();
            while let Front::Whole(response, len) =
                model::response(rest, sent.get(all.len()).map_or(next, |r| &r.method), true)
            {
                // Of two faults the one that came first is told of: which, depends on the pieces.
                let own = all.len() >= sent.len() && response.status >= 400;
                all.push(if own { (400, Vec::new()) } else { (response.status, response.body) });
                rest = &rest[len..];
                if len == 0 {
                    break;
                }
            }
            all
        };
        assert_eq!(got(pieces), got(whole), "the client got something else");
    }
}
