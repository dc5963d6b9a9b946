//! Reading requests off a connection, and ending the connection so that the client can read the last answer.

use super::exchange::Exchange;
use super::tls;
use crate::config::model::{LingeringClose, LocationConf, ServerConf, VerifyClient};
use crate::cycle::Cycle;
use crate::http1::{BodyFraming, HeadLimits, Method, Progress, RequestError, Status, Version, target};
use crate::io::Liveness;
use crate::limits::counters;
use crate::log::Level;
use crate::route::ServerMatch;

/// What came of waiting for a request.
#[derive(Debug)]
pub enum Arrival {
    /// A request, parsed and with its server chosen.
    Request,
    /// A request that cannot be served: this status is to be answered, then the connection closes.
    Refused(Status),
    /// The client closed or was too slow before a whole head was there: the status is for the log, nothing is sent.
    /// `None`: not even one byte arrived.
    Closed(Option<Status>),
}

impl Exchange {
    /// Reads one request head; a pipelined one may already be in `input`.
    pub async fn read_request(&mut self, cycle: &Cycle, default_server: &ServerConf) -> Arrival {
        self.start_next();
        let limits = head_limits(default_server);
        let mut waited = false;
        loop {
            if !self.input.is_empty() {
                match self.request.parse(&self.input, &limits) {
                    Ok(Progress::Complete) => break,
                    Ok(Progress::Partial) => {}
                    Err(error) => {
                        return Arrival::Refused(self.refuse(error, cycle, default_server, &limits));
                    }
                }
            }
            match self.receive() {
                Ok(0) => return Arrival::Closed(self.note_closed(cycle)),
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    if !std::mem::replace(&mut waited, true) {
                        self.client.deadline.arm(default_server.client_header_timeout);
                    }
                    let ready = {
                        let _reading = counters::reading();
                        self.client.stream.readable(&self.client.deadline).await
                    };
                    if let Err(e) = ready {
                        let timed_out = e.kind() == std::io::ErrorKind::TimedOut;
                        let status = if timed_out { Status(408) } else { Status(400) };
                        if timed_out {
                            self.client.requests.set(self.client.requests.get() + 1);
                            let part = if self.request.has_line() { "headers" } else { "line" };
                            self.log_error(
                                Level::Info,
                                format_args!(
                                    "client timed out (110: Connection timed out) while reading client request {part}"
                                ),
                            );
                        }
                        return Arrival::Closed((timed_out || !self.input.is_empty()).then_some(status));
                    }
                }
                Err(_) => return Arrival::Closed((!self.input.is_empty()).then_some(Status(400))),
            }
        }
        self.accept_head(cycle, default_server)
    }

    /// recv(2) into `input`, which begins small and grows for clients that send more at once.
    fn receive(&mut self) -> std::io::Result<usize> {
        let max = self.input.capacity().clamp(FIRST_READ, HEAD_READ);
        let count = self.client.stream.recv_into(&mut self.input, max)?;
        if self.input.len() == self.input.capacity() && self.input.len() < HEAD_READ {
            self.input.reserve(max);
        }
        Ok(count)
    }

    /// Forgets the last request; bytes of the next one that already arrived move to the front.
    pub(super) fn start_next(&mut self) {
        self.input.drain(..self.consumed);
        self.consumed = 0;
        self.start();
        self.pipelined = !self.input.is_empty();
        self.started = crate::time::now();
    }

    /// The client closed before a whole head was there. Says so as nginx does; the status is for the access log.
    fn note_closed(&mut self, cycle: &Cycle) -> Option<Status> {
        if !self.input.is_empty() {
            self.client.requests.set(self.client.requests.get() + 1);
            let part = if self.request.has_line() { "headers" } else { "line" };
            self.log_error(
                Level::Info,
                format_args!("client prematurely closed connection while reading client request {part}"),
            );
            return Some(Status::BAD_REQUEST);
        }
        let logs = &self.location_conf(cycle).error_log;
        let client = String::from_utf8_lossy(&self.client.remote_text);
        let serial = self.client.serial;
        if self.client.requests.get() > 0 {
            let message = format_args!("client {client} closed keepalive connection");
            cycle.logs.error(logs, Level::Info, serial, message);
        } else {
            let server = &self.client.listen_addr;
            let message = format_args!(
                "client closed connection while waiting for request, client: {client}, server: {server}"
            );
            cycle.logs.error(logs, Level::Info, serial, message);
        }
        None
    }

    /// Takes the head of a request that came by HTTP/2 from `input`, where it was written as a whole, if it could be. `ended`: no
    /// body follows.
    pub(super) fn take_written_head(
        &mut self,
        written: Result<(), RequestError>,
        ended: bool,
        cycle: &Cycle,
        default_server: &ServerConf,
    ) -> Arrival {
        let limits = head_limits(default_server);
        if written.is_err() {
            // For the answer and the logs.
            self.input.extend_from_slice(b"\r\n\r\n");
        }
        let parsed = self.request.parse_http2(&self.input, &limits);
        if let Err(error) = written.and(parsed) {
            return Arrival::Refused(self.refuse(error, cycle, default_server, &limits));
        }
        if !ended && self.request.framing == BodyFraming::None {
            self.request.framing = BodyFraming::UntilClose;
        }
        self.accept_head(cycle, default_server)
    }

    /// Fills what follows from a whole head: URI, host, server, body.
    fn accept_head(&mut self, cycle: &Cycle, default_server: &ServerConf) -> Arrival {
        self.consumed = self.request.len;
        self.request_length = self.request.len as u64;
        self.keep_alive = self.request.keep_alive;
        self.client.requests.set(self.client.requests.get() + 1);
        if !self.take_line(default_server) {
            return Arrival::Refused(self.refuse_target());
        }
        if self.request.framing != BodyFraming::None || self.request.expect_continue {
            self.body.begin(self.request.framing, self.request.expect_continue);
        }
        self.choose_server(cycle);
        if self.client.lacks_tls.get() {
            return Arrival::Refused(self.refuse_plain());
        }
        if self.client.stream.is_tls()
            && self.server_conf(cycle).tls.verify_client != VerifyClient::Off
            && let Some(status) = tls::refuse(self, cycle)
        {
            return Arrival::Refused(status);
        }
        Arrival::Request
    }

    /// The port is for TLS.
    #[cold]
    fn refuse_plain(&self) -> Status {
        let said = "client sent plain HTTP request to HTTPS port while reading client request headers";
        self.log_error(Level::Info, format_args!("{said}"));
        Status::TO_HTTPS
    }

    /// Fills what follows from the request line and the host; `false`: the target climbs above `/` or is encoded badly.
    fn take_line(&mut self, default_server: &ServerConf) -> bool {
        let head = &self.request;
        self.method = head.method;
        self.header_only = head.method == Method::Head;
        self.args.extend_from_slice(head.query.map_or(b"".as_slice(), |query| query.of(&self.input)));
        let named = head.server_name.map_or(b"".as_slice(), |name| name.of(&self.input));
        self.host.extend_from_slice(named);
        if !head.server_name_is_lower {
            self.host.make_ascii_lowercase();
        }
        if head.path_is_plain {
            self.uri.clear();
            self.uri.extend_from_slice(head.path.of(&self.input));
            return true;
        }
        target::normalize(head.path.of(&self.input), default_server.merge_slashes, &mut self.uri).is_ok()
    }

    /// nginx refuses these at the request line, before it knows any header.
    fn refuse_target(&mut self) -> Status {
        self.request.headers.clear();
        self.uri.clear();
        self.args.clear();
        self.host.clear();
        let error = RequestError::TargetForm;
        self.log_error(Level::Info, format_args!("{error} while reading client request line"));
        self.give_up_on_input();
        self.request_length = u64::from(self.request.line.len) + LINE_END;
        error.status()
    }

    fn choose_server(&mut self, cycle: &Cycle) {
        let ServerMatch { server, pattern } = cycle.router.server(self.client.listen.get(), &self.host);
        self.server = server;
        self.location = cycle.server(server).root_location;
        if let Some(pattern) = pattern {
            self.captures.take(pattern, &self.host);
        }
    }

    /// The request line or a header cannot be trusted: so cannot anything after it. What was sound before the fault
    /// still says how to answer, and which server's logs and pages are meant.
    fn refuse(
        &mut self,
        error: RequestError,
        cycle: &Cycle,
        default_server: &ServerConf,
        limits: &HeadLimits,
    ) -> Status {
        self.client.requests.set(self.client.requests.get() + 1);
        self.request.salvage(&self.input, limits);
        if !self.request.has_line() {
            // Nor is its version known: the answer is as for a client of old.
            self.request.version = Version::Http10;
            self.method = self.request.method;
            self.header_only = self.method == Method::Head;
            self.log_error(Level::Info, format_args!("{error} while reading client request line"));
            self.give_up_on_input();
            return error.status();
        }
        if !self.take_line(default_server) {
            return self.refuse_target();
        }
        self.choose_server(cycle);
        self.log_error(Level::Info, format_args!("{error} while reading client request headers"));
        let length = if self.request.len > 0 { self.request.len } else { self.input.len() };
        self.request_length = length as u64;
        self.give_up_on_input();
        error.status()
    }

    fn give_up_on_input(&mut self) {
        self.keep_alive = false;
        self.refused = true;
        self.consumed = self.input.len();
    }

    /// Closes so that a client which is still sending can read the answer: shut down our side, then read and drop
    /// what comes for at most `lingering_time` (nginx's lingering close).
    pub async fn linger(&mut self, conf: &LocationConf) {
        // Of a refused head's connection nobody looked at what follows. Bytes that wait unread in the socket would make
        // the close a reset, and the end of the answer would be lost with it.
        let more_may_come = !self.body.is_finished()
            || self.consumed < self.input.len()
            || self.refused
            || self.client.stream.peek_closed() == Liveness::HasData;
        match conf.lingering_close {
            LingeringClose::Off => return,
            LingeringClose::On if !more_may_come => return,
            LingeringClose::On | LingeringClose::Always => {}
        }
        if self.client.stream.is_tls() {
            Box::pin(self.client.stream.finish(conf.send_timeout)).await;
        }
        if self.client.stream.shutdown_write().is_err() {
            return;
        }
        let end = self.client.deadline_after(conf.lingering_time);
        while crate::time::now().monotonic_ms < end {
            self.client.deadline.arm(conf.lingering_timeout);
            self.input.clear();
            match self.client.stream.recv_into(&mut self.input, LINGER_READ) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    if self.client.stream.readable(&self.client.deadline).await.is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        self.input.clear();
        self.consumed = 0;
    }
}

/// Bytes read at once while a head is awaited: any usual head with the beginning of its body. `client_header_buffer_size`
/// only bounds what nginx allocates.
const HEAD_READ: usize = 8 * 1024;

/// The same for an exchange that never saw more, and twice as much each time that was too little: most heads are
/// shorter, and there is a buffer for each request in flight.
const FIRST_READ: usize = 1024;

/// CR and LF behind the request line.
const LINE_END: u64 = 2;

/// Bytes dropped per read while lingering.
const LINGER_READ: usize = 16 * 1024;

/// Limits on a request head from `large_client_header_buffers` and its like.
fn head_limits(server: &ServerConf) -> HeadLimits {
    let (number, size) = server.large_client_header_buffers;
    let size = size.max(server.client_header_buffer_size);
    HeadLimits {
        max_line: u32::try_from(size).unwrap_or(u32::MAX),
        max_head: u32::try_from(number.saturating_mul(size)).unwrap_or(u32::MAX),
        ignore_invalid_headers: server.ignore_invalid_headers,
        underscores_in_headers: server.underscores_in_headers,
        ..HeadLimits::default()
    }
}
