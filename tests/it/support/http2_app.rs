//! An application that speaks HTTP/2: a thread per connection that runs a script for each request, through the `h2` crate.

use std::cell::Cell;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::http2::{Socket, TURN};

/// The application.
pub struct App {
    pub address: SocketAddr,
    /// Connections it took.
    connections: Arc<AtomicUsize>,
    /// What it was asked, a text for each request.
    asked: Arc<Mutex<Vec<String>>>,
    /// What its scripts noted.
    notes: Arc<Mutex<Vec<String>>>,
}

/// One request in the hands of the script.
pub struct Call {
    pub request: Request<RecvStream>,
    pub respond: SendResponse<Bytes>,
    /// The number of its connection.
    pub connection: usize,
    /// The number of the request on its connection.
    pub number: usize,
    ends: Rc<Cell<Ending>>,
    notes: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    None,
    GoAway,
    Close,
}

type Script = Pin<Box<dyn Future<Output = ()>>>;

impl App {
    /// Starts it; `script` makes of each call what is to be done.
    pub fn start<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> App
    where
        F: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = App {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            asked: Arc::default(),
            notes: Arc::default(),
        };
        let script = Arc::new(script);
        let (connections, asked, notes) =
            (Arc::clone(&app.connections), Arc::clone(&app.asked), Arc::clone(&app.notes));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = connections.fetch_add(1, Ordering::Relaxed) + 1;
                let (script, asked) = (Arc::clone(&script), Arc::clone(&asked));
                let notes = Arc::clone(&notes);
                thread::spawn(move || {
                    let make = |call| Box::pin(script(call)) as Script;
                    stream.set_nonblocking(true).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let socket = Socket::Tcp(stream);
                    serve(socket, number, &make, &asked, &notes);
                });
            }
        });
        app
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What it was asked since the last look.
    pub fn asked(&self) -> String {
        std::mem::take(&mut *self.asked.lock().unwrap()).join("\n")
    }

    /// What its scripts noted until now.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

fn serve(
    socket: Socket,
    connection: usize,
    script: &dyn Fn(Call) -> Script,
    asked: &Mutex<Vec<String>>,
    notes: &Arc<Mutex<Vec<String>>>,
) {
    let mut context = Context::from_waker(Waker::noop());
    let mut handshake = pin!(server::Builder::new().handshake::<_, Bytes>(socket));
    let mut h2 = loop {
        match handshake.as_mut().poll(&mut context) {
            Poll::Ready(Ok(h2)) => break h2,
            Poll::Ready(Err(_)) => return,
            Poll::Pending => thread::sleep(TURN),
        }
    };
    let ends = Rc::new(Cell::new(Ending::None));
    let (mut running, mut number) = (Vec::<Script>::new(), 0);
    loop {
        match h2.poll_accept(&mut context) {
            Poll::Ready(Some(Ok((request, respond)))) => {
                asked.lock().unwrap().push(text(&request));
                number += 1;
                let (ends, notes) = (Rc::clone(&ends), Arc::clone(notes));
                running.push(script(Call { request, respond, connection, number, ends, notes }));
                continue;
            }
            Poll::Ready(Some(Err(_)) | None) => {
                // What is under way hears of it.
                running.retain_mut(|script| script.as_mut().poll(&mut context).is_pending());
                return;
            }
            Poll::Pending => {}
        }
        running.retain_mut(|script| script.as_mut().poll(&mut context).is_pending());
        match ends.replace(Ending::None) {
            Ending::None => thread::sleep(TURN),
            Ending::GoAway => h2.graceful_shutdown(),
            Ending::Close => return,
        }
    }
}

/// A request's head, a line for each field.
fn text(request: &Request<RecvStream>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    let mut fields: Vec<_> = request.headers().iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in fields {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text
}

impl Call {
    pub fn path(&self) -> String {
        self.request.uri().path().to_owned()
    }

    pub fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push(text.into());
    }

    /// No more requests are taken on this connection once those that came are answered.
    pub fn go_away(&self) {
        self.ends.set(Ending::GoAway);
    }

    /// The connection ends at once.
    pub fn close(&self) {
        self.ends.set(Ending::Close);
    }

    /// All of the request's body.
    pub async fn body(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(Ok(data)) = self.request.body_mut().data().await {
            drop(self.request.body_mut().flow_control().release_capacity(data.len()));
            all.extend_from_slice(&data);
        }
        all
    }

    /// Answers: fields `name: value` in lines, a body, trailers in lines (none for `""`).
    pub async fn answer(&mut self, status: u16, fields: &str, body: &[u8], trailers: &str) {
        let ends = body.is_empty() && trailers.is_empty();
        let Ok(mut stream) = self.respond.send_response(head(status, fields), ends) else { return };
        let mut rest = body;
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
                return;
            };
            let (part, behind) = rest.split_at(room.min(rest.len()));
            rest = behind;
            if stream.send_data(Bytes::copy_from_slice(part), rest.is_empty() && trailers.is_empty()).is_err()
            {
                return;
            }
        }
        if !trailers.is_empty() {
            drop(stream.send_trailers(fields_of(trailers)));
        }
    }

    /// Resets the request.
    pub fn reset(&mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }

    /// Waits until the other end has given the request up: with which code.
    pub async fn given_up(&mut self) -> String {
        match std::future::poll_fn(|context| self.respond.poll_reset(context)).await {
            Ok(reason) => format!("{reason:?}"),
            Err(_) => "the connection ended".to_owned(),
        }
    }
}

/// A head without body.
pub fn head(status: u16, fields: &str) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status.try_into().unwrap();
    *response.headers_mut() = fields_of(fields);
    response
}

fn fields_of(lines: &str) -> HeaderMap {
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
    };
    lines.lines().map(field).collect()
}
