//! One request and its response in the making.
//!
//! An exchange lives as long as its connection and is cleared between requests, so that its buffers keep their
//! memory. Everything a variable can ask about lies here or in what it points to.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::rc::Rc;

use super::client::Client;
use super::derived::DerivedValues;
use super::pace::Pace;
use super::page::PageState;
use super::relay::Relay;
use super::request_body::RequestBody;
use super::response::Response;
use crate::config::model::{LocationConf, LocationId, ServerConf, ServerId};
use crate::config::pattern::Pattern;
use crate::cycle::{Cycle, CycleRef};
use crate::http1::{Known, Method, RequestHead, Status, base64};
use crate::io::{SockAddr, panics};
use crate::limits::Held;
use crate::log::{Errno, Level, Raw};
use crate::time::Now;

/// The internal redirect of one request that is one too many (nginx's `NGX_HTTP_MAX_URI_CHANGES` + 1).
pub const MAX_INTERNAL_REDIRECTS: u8 = 11;

/// One request, one response.
pub struct Exchange {
    /// The configuration this request is served under.
    pub cycle: CycleRef,
    /// The client; set while a request is read and served, empty while the exchange waits in its worker's pool.
    pub client: ClientSlot,
    /// The parsed head: offsets into `input`.
    pub request: RequestHead,
    /// What the client sent: the head in `0 .. request.len`, then body bytes and pipelined requests.
    pub input: Vec<u8>,
    /// How much of `input` this request has used: its head, and the body bytes taken so far.
    pub consumed: usize,
    /// When the first byte of the request was seen.
    pub started: Now,
    /// The method in force (an `error_page` turns it into GET).
    pub method: Method,
    /// The URI in force: decoded, dot-resolved, slashes merged.
    pub uri: Vec<u8>,
    /// The arguments in force, without `?`.
    pub args: Vec<u8>,
    /// The URI in force is the client's own, untouched (`proxy_pass` without URI part then sends its bytes).
    pub uri_is_original: bool,
    /// `rewrite … break` has changed the URI (or `rewrite` before `break`): `proxy_pass` sends it whole, whatever its own URI part is.
    pub uri_is_whole: bool,
    /// `rewrite` has changed the URI since the location was searched: it is searched again.
    pub uri_changed: bool,
    /// `$limit_rate`, bytes a second: what `set` or the app asks for, and once the response is sent what holds.
    pub limit_rate: Option<u64>,
    /// Bytes of the body before and behind compression.
    pub gzip_totals: Rc<Cell<(u64, u64)>>,
    /// What `userid` tells the client.
    pub uid_set: Cell<Option<super::userid::Uid>>,
    /// How fast the response goes; none is as fast as it can.
    pub(super) pace: Option<Pace>,
    /// `try_files` found the URI in force below the `alias` of a regex location: it is appended after all.
    pub uri_below_alias: bool,
    /// `$host`: lower-case, without port and trailing dot; empty when the request names none.
    pub host: Vec<u8>,
    /// The chosen server.
    pub server: ServerId,
    /// The chosen location (the server's own level before the search).
    pub location: LocationId,
    /// Captures of the last regex that matched.
    pub captures: Captures,
    /// Values of variables that are derived from others.
    pub derived: DerivedValues,
    /// The request was there before the one before it was answered (`$pipe`).
    pub pipelined: bool,
    /// The head was refused: `input` is not looked at any further.
    pub refused: bool,
    /// The request is internal (after an internal redirect): `internal` locations are open to it.
    pub internal: bool,
    /// Internal redirects left.
    pub redirects_left: u8,
    /// The error page being made is for this status.
    pub error_status: Option<Status>,
    /// `error_page` was already taken once (`recursive_error_pages off`).
    pub in_error_page: bool,
    /// Status to send instead of the page's own (`error_page` without `=`).
    pub status_override: Option<Status>,
    /// The client asked to keep the connection and may.
    pub keep_alive: bool,
    /// HEAD: the head of the response alone is sent.
    pub header_only: bool,
    /// The request's body.
    pub body: RequestBody,
    /// The response.
    pub response: Response,
    /// What the app's side did, for `$upstream_*` and logs.
    pub upstream: UpstreamTrace,
    /// The response is sent chunked.
    pub chunked: bool,
    /// The response was sent whole (`$request_completion`).
    pub completed: bool,
    /// Status for the log when nothing was sent.
    pub log_status: Option<Status>,
    /// Bytes sent to the client for this request, head included.
    pub bytes_sent: u64,
    /// Of these, the body's.
    pub body_bytes_sent: u64,
    /// `$request_length`: bytes read from the client for this request.
    pub request_length: u64,
    /// `$request_id`, made when first asked for (32 hex digits).
    pub request_id: std::cell::Cell<Option<[u8; 32]>>,
    /// Scratch for evaluated templates and response heads.
    pub scratch: Vec<u8>,
    /// `$limit_req_status`; set once a request.
    pub limit_req_status: Option<LimitStatus>,
    /// `$limit_conn_status`; set once a request.
    pub limit_conn_status: Option<LimitStatus>,
    /// What `limit_conn` counts, until the request is over.
    pub held_limits: Vec<Held>,
    /// The client's address as a trusted proxy tells it.
    pub told_remote: Option<SockAddr>,
    /// The same as text.
    told_remote_text: Vec<u8>,
    /// Scratch for the ranges a request asks for.
    pub ranges: Vec<(u64, u64)>,
    /// The relay of an earlier request, to be used again.
    pub spare_relay: Option<Box<Relay>>,
    /// How deep this request is inside another one's page (SSI); 0 is a client's own.
    pub depth: u8,
    /// What the commands of the page have set (SSI); a part has it while it is made.
    pub page: Option<Box<PageState>>,
    /// The charset of the page that this is a part of, where texts can be brought into it.
    pub page_charset: Option<Vec<u8>>,
    /// An empty or failed answer of this part is replaced by a text (SSI): an error needs no page.
    pub has_stub: bool,
    /// Nobody waits for this part: whether its client stays or leaves is nothing to it.
    pub(super) background: bool,
    /// `$request_method` of a part is that of the whole.
    pub(super) whole_method: Option<Method>,
    /// Parts that the client's page may still have.
    pub parts_left: u8,
    /// Nothing of a request is here: `clear` has nothing to do.
    is_clear: bool,
}

/// What became of a request at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitStatus {
    /// It was within.
    Passed,
    /// It had to wait.
    Delayed,
    /// It was refused.
    Rejected,
    /// It would have had to wait.
    DelayedDryRun,
    /// It would have been refused.
    RejectedDryRun,
}

impl LimitStatus {
    /// As the variables show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Delayed => "DELAYED",
            Self::Rejected => "REJECTED",
            Self::DelayedDryRun => "DELAYED_DRY_RUN",
            Self::RejectedDryRun => "REJECTED_DRY_RUN",
        }
    }
}

/// What a handler decided.
#[derive(Debug)]
pub enum Outcome {
    /// `exchange.response` is the answer.
    Response,
    /// Not for this handler.
    Declined,
    /// The answer is the page of this status (`error_page` or the built-in one).
    Status(Status),
    /// Internal redirect: `exchange.uri` and `exchange.args` are set.
    Redirect,
    /// Internal redirect to a named location; URI and method stay.
    Named(LocationId),
    /// Close without an answer (444, the client is gone: status already set for the log).
    Close,
}

/// Groups of the last matching regex, kept with a copy of what they point into.
#[derive(Default)]
pub struct Captures {
    /// The text that was matched.
    pub subject: Vec<u8>,
    /// Ranges of the groups, the whole match first.
    pub groups: Vec<Option<(u32, u32)>>,
    /// Values of named groups and of `set` by slot, and whether they are set; they outlive the match that set them.
    named: Vec<(bool, Vec<u8>)>,
    /// Slots (of the first 64) whose emptiness was warned of.
    warned: std::cell::Cell<u64>,
}

impl Captures {
    /// `$1` and so on; empty when the group took no part.
    pub fn group(&self, index: usize) -> &[u8] {
        match self.groups.get(index) {
            Some(Some((start, end))) => self.subject.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => b"",
        }
    }

    /// Forgets all groups and names.
    pub fn clear(&mut self) {
        self.subject.clear();
        self.groups.clear();
        for (set, _) in &mut self.named {
            *set = false;
        }
        self.warned.set(0);
    }

    /// Forgets `$1` and so on.
    pub fn clear_groups(&mut self) {
        self.groups.clear();
    }

    /// Takes over what is named in another request; no groups by number.
    pub(super) fn copy_named(&mut self, other: &Self) {
        self.named.clone_from(&other.named);
    }

    /// Exchanges what is named with another request; the groups by number stay.
    pub(super) fn swap_named(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.named, &mut other.named);
        std::mem::swap(&mut self.warned, &mut other.warned);
    }

    /// Gives a variable its value, which is taken out of `value`; the old one's memory is left there.
    pub fn set(&mut self, slot: usize, value: &mut Vec<u8>) {
        if self.named.len() <= slot {
            self.named.resize(slot + 1, (false, Vec::new()));
        }
        self.named[slot].0 = true;
        std::mem::swap(&mut self.named[slot].1, value);
    }

    /// True once a request for each slot: it is empty and that is to be warned of.
    pub fn first_warning(&self, slot: usize) -> bool {
        let bit = 1_u64.checked_shl(slot as u32).unwrap_or(0);
        let seen = self.warned.replace(self.warned.get() | bit);
        bit != 0 && seen & bit == 0
    }

    /// The value of a named group by slot.
    pub fn named(&self, slot: usize) -> Option<&[u8]> {
        match self.named.get(slot) {
            Some((true, value)) => Some(value),
            _ => None,
        }
    }

    /// Takes over the groups of `pattern` on `subject` if it matches; a pattern without groups leaves none.
    pub fn take(&mut self, pattern: &Pattern, subject: &[u8]) -> bool {
        self.search(pattern, subject).unwrap_or(false)
    }

    /// Like `take`, for who must know of a match that was given up.
    ///
    /// # Errors
    /// The engine's message: the match was given up.
    pub fn search(&mut self, pattern: &Pattern, subject: &[u8]) -> Result<bool, String> {
        let found = pattern.search(subject, &mut self.groups)?;
        if found && pattern.has_groups() {
            self.keep(pattern, subject);
        }
        Ok(found)
    }

    /// Keeps what the groups point into, and the named ones.
    fn keep(&mut self, pattern: &Pattern, subject: &[u8]) {
        self.subject.clear();
        self.subject.extend_from_slice(subject);
        for &(group, slot) in &pattern.named {
            let slot = usize::from(slot);
            if self.named.len() <= slot {
                self.named.resize(slot + 1, (false, Vec::new()));
            }
            let mut value = std::mem::take(&mut self.named[slot].1);
            value.clear();
            value.extend_from_slice(self.group(group));
            self.named[slot] = (true, value);
        }
    }
}

/// What happened on the app's side, one entry per peer tried.
#[derive(Default)]
pub struct UpstreamTrace {
    /// In order; the last is the one that answered.
    pub tries: Vec<UpstreamTry>,
    /// The fields of the app's response head, for `$upstream_http_*` (the raw head and its offsets).
    pub head_bytes: Vec<u8>,
    /// The head as a gateway's app sent it, before it was put into HTTP's form.
    pub raw_head: Vec<u8>,
    /// Parsed head belonging to `head_bytes`.
    pub head: crate::http1::ResponseHead,
    /// `$proxy_host`.
    pub proxy_host: Vec<u8>,
    /// `$proxy_port`.
    pub proxy_port: Vec<u8>,
    /// The URI sent to peers.
    pub uri: Vec<u8>,
    /// The body that `proxy_set_body` makes.
    pub made_body: Vec<u8>,
    /// The key that chooses a peer (`hash`).
    pub hash_key: Vec<u8>,
    /// TLS is spoken to the peers.
    pub tls: bool,
    /// Whom they must be, for TLS.
    pub tls_name: Vec<u8>,
    /// The next try is the first one in another group.
    redirected: bool,
    /// URL of the peer being asked, for error log lines; set only when a line is about to be written.
    pub url: Option<String>,
}

/// One peer tried. Times in milliseconds; `None` prints as `-`.
#[derive(Debug, Clone)]
pub struct UpstreamTry {
    /// `$upstream_addr` (shared text of the peer).
    pub addr: Rc<str>,
    /// `$upstream_status`.
    pub status: Option<u16>,
    /// `$upstream_connect_time`.
    pub connect_ms: Option<u64>,
    /// `$upstream_header_time`.
    pub header_ms: Option<u64>,
    /// `$upstream_response_time`.
    pub response_ms: Option<u64>,
    /// `$upstream_bytes_received`.
    pub bytes_received: u64,
    /// `$upstream_bytes_sent`.
    pub bytes_sent: u64,
    /// `$upstream_response_length`.
    pub response_length: u64,
    /// When it began, `Now::monotonic_ms`.
    pub began_ms: u64,
    /// The request came here by an internal redirect from another group: ` : ` stands before it in variables.
    pub other_group: bool,
}

impl UpstreamTrace {
    /// Forgets all; keeps memory.
    pub fn clear(&mut self) {
        self.tries.clear();
        self.head_bytes.clear();
        self.proxy_host.clear();
        self.proxy_port.clear();
        self.uri.clear();
        self.hash_key.clear();
        self.tls_name.clear();
        self.tls = false;
        self.redirected = false;
        self.url = None;
    }

    /// The request goes to a group, maybe after another one.
    pub fn begin_group(&mut self) {
        self.redirected = !self.tries.is_empty();
    }

    /// A peer is asked from `now` (ms) on.
    pub fn note_try(&mut self, addr: Rc<str>, now: u64) {
        self.tries.push(UpstreamTry {
            addr,
            status: None,
            connect_ms: None,
            header_ms: None,
            response_ms: None,
            bytes_received: 0,
            bytes_sent: 0,
            response_length: 0,
            began_ms: now,
            other_group: std::mem::take(&mut self.redirected),
        });
    }

    /// The connection to it stands.
    pub fn note_connected(&mut self, now: u64) {
        if let Some(last) = self.tries.last_mut() {
            last.connect_ms = Some(now.saturating_sub(last.began_ms));
        }
    }

    /// Bytes of the request were sent.
    pub fn note_sent(&mut self, count: usize) {
        if let Some(last) = self.tries.last_mut() {
            last.bytes_sent += count as u64;
        }
    }

    /// Bytes of the answer were read.
    pub fn note_received(&mut self, count: usize) {
        if let Some(last) = self.tries.last_mut() {
            last.bytes_received += count as u64;
        }
    }

    /// The head of the answer is there.
    pub fn note_head(&mut self, now: u64) {
        let status = self.head.status;
        if let Some(last) = self.tries.last_mut() {
            last.status = Some(status);
            last.header_ms = Some(now.saturating_sub(last.began_ms));
        }
    }

    /// This peer has failed, with this `$upstream_status`.
    pub fn note_failed(&mut self, status: Option<u16>) {
        self.note_end(0);
        if let Some(last) = self.tries.last_mut() {
            last.status = status;
        }
    }

    /// It is over with this peer, after so many bytes of body.
    pub fn note_end(&mut self, body: u64) {
        let now = crate::time::now().monotonic_ms;
        if let Some(last) = self.tries.last_mut() {
            last.response_ms = Some(now.saturating_sub(last.began_ms));
            last.response_length = body;
        }
    }
}

/// The client of an exchange.
#[derive(Default)]
pub struct ClientSlot(Option<Rc<Client>>);

impl std::ops::Deref for ClientSlot {
    type Target = Rc<Client>;

    fn deref(&self) -> &Rc<Client> {
        self.0.as_ref().expect("an exchange is given its client before anything else happens to it")
    }
}

impl Exchange {
    /// An exchange without a client, for the pool.
    pub fn new(cycle: CycleRef) -> Self {
        Self {
            cycle,
            client: ClientSlot::default(),
            request: RequestHead::default(),
            input: Vec::new(),
            consumed: 0,
            started: Now::default(),
            method: Method::Get,
            uri: Vec::new(),
            args: Vec::new(),
            uri_is_original: true,
            uri_is_whole: false,
            uri_changed: false,
            limit_rate: None,
            gzip_totals: Rc::default(),
            uid_set: Cell::new(None),
            pace: None,
            uri_below_alias: false,
            host: Vec::new(),
            server: ServerId(0),
            location: LocationId(0),
            captures: Captures::default(),
            derived: DerivedValues::default(),
            pipelined: false,
            refused: false,
            internal: false,
            redirects_left: MAX_INTERNAL_REDIRECTS,
            error_status: None,
            in_error_page: false,
            status_override: None,
            keep_alive: false,
            header_only: false,
            body: RequestBody::default(),
            response: Response::default(),
            upstream: UpstreamTrace::default(),
            chunked: false,
            completed: false,
            log_status: None,
            bytes_sent: 0,
            body_bytes_sent: 0,
            request_length: 0,
            request_id: std::cell::Cell::new(None),
            scratch: Vec::new(),
            limit_req_status: None,
            limit_conn_status: None,
            held_limits: Vec::new(),
            told_remote: None,
            told_remote_text: Vec::new(),
            ranges: Vec::new(),
            spare_relay: None,
            depth: 0,
            page: None,
            page_charset: None,
            has_stub: false,
            background: false,
            whole_method: None,
            parts_left: super::part::MAX_PARTS,
            is_clear: true,
        }
    }

    /// Takes up a client.
    pub fn attach(&mut self, client: Rc<Client>, cycle: CycleRef) {
        self.cycle = cycle;
        self.client = ClientSlot(Some(client));
        self.input.clear();
        self.consumed = 0;
    }

    /// Lets go of the client; nothing of the request stays but the buffers' memory, up to `keep` bytes each.
    pub fn detach(&mut self, keep: usize) {
        self.clear();
        self.client = ClientSlot(None);
        self.input.clear();
        self.consumed = 0;
        for buffer in [&mut self.input, &mut self.scratch, &mut self.body.memory, &mut self.upstream.raw_head]
        {
            buffer.shrink_to(keep);
        }
    }

    /// Forgets the request and its response, and is ready for the next one; `input` stays.
    pub(super) fn start(&mut self) {
        if !self.is_clear {
            self.clear();
        }
        self.is_clear = false;
    }

    fn clear(&mut self) {
        self.is_clear = true;
        self.request.reset();
        self.method = Method::Get;
        self.uri.clear();
        self.args.clear();
        self.uri_is_original = true;
        self.uri_is_whole = false;
        self.uri_changed = false;
        self.limit_rate = None;
        self.gzip_totals.set((0, 0));
        self.uid_set.set(None);
        self.pace = None;
        self.uri_below_alias = false;
        self.host.clear();
        self.captures.clear();
        self.derived.clear();
        self.pipelined = false;
        self.refused = false;
        self.internal = false;
        self.redirects_left = MAX_INTERNAL_REDIRECTS;
        self.error_status = None;
        self.in_error_page = false;
        self.status_override = None;
        self.keep_alive = false;
        self.header_only = false;
        self.body.begin(crate::http1::BodyFraming::None, false);
        self.response.clear();
        self.upstream.clear();
        self.chunked = false;
        self.completed = false;
        self.log_status = None;
        self.bytes_sent = 0;
        self.body_bytes_sent = 0;
        self.request_length = 0;
        self.request_id.set(None);
        self.limit_req_status = None;
        self.limit_conn_status = None;
        self.held_limits.clear();
        self.told_remote = None;
        self.depth = 0;
        self.page = None;
        self.page_charset = None;
        self.has_stub = false;
        self.background = false;
        self.whole_method = None;
        self.parts_left = super::part::MAX_PARTS;
    }

    /// `$status`.
    pub fn logged_status(&self) -> Status {
        self.log_status.or(self.status_override).unwrap_or(self.response.status)
    }

    /// Writes to the `error_log`s of the location in force, with the request's particulars behind the message.
    pub fn log_error(&self, level: Level, message: fmt::Arguments<'_>) {
        let conf = self.cycle.location(self.location);
        if !conf.error_log.iter().any(|log| level <= log.level) {
            return;
        }
        let details = self.particulars();
        let serial = self.client.serial;
        self.cycle.logs.error(&conf.error_log, level, serial, format_args!("{message}{details}"));
    }

    /// Whose request it is and which, as it stands behind a message.
    fn particulars(&self) -> String {
        let server = &self.cycle.server(self.server).primary_name;
        let client = Raw(self.remote_text());
        let mut details = String::new();
        let _ = write!(details, ", client: {client}, server: {server}");
        let line = self.request.line_so_far(&self.input);
        if !line.is_empty() {
            let _ = write!(details, ", request: \"{}\"", Raw(line));
            if self.is_part() {
                let _ = write!(details, ", subrequest: \"{}\"", Raw(&self.uri));
            }
            if let Some(upstream) = &self.upstream.url {
                let _ = write!(details, ", upstream: \"{upstream}\"");
            }
            if let Some(host) = self.request.headers.get(Known::Host, &self.input) {
                let _ = write!(details, ", host: \"{}\"", Raw(host));
            }
            if let Some(referer) = self.request.headers.get(Known::Referer, &self.input) {
                let _ = write!(details, ", referrer: \"{}\"", Raw(referer));
            }
        }
        details
    }

    /// Makes error log lines name the peer (or the group) being asked.
    pub fn note_upstream(&mut self, name: &str) {
        let separator = if name.starts_with("unix:") { ":" } else { "" };
        let uri = Raw(&self.upstream.uri);
        let protocol = &self.location_conf(&self.cycle).proxy.protocol;
        let scheme = if self.upstream.tls { protocol.tls_scheme() } else { protocol.scheme() };
        self.upstream.url = Some(format!("{scheme}{name}{separator}{uri}"));
    }

    /// A response could not be sent whole.
    pub fn note_send_error(&self, error: &std::io::Error) {
        let (level, what) = match error.kind() {
            // The app's answer ended early, which the relay has logged.
            std::io::ErrorKind::ConnectionAborted => return,
            // A body that is not what it says it is.
            std::io::ErrorKind::InvalidData => return self.log_error(Level::Error, format_args!("{error}")),
            std::io::ErrorKind::TimedOut => {
                (Level::Info, "client timed out (110: Connection timed out)".to_owned())
            }
            _ => (Level::Info, format!("send() failed ({})", Errno(error))),
        };
        self.log_error(level, format_args!("{what} while sending to client"));
    }

    /// The server in force.
    pub fn server_conf<'c>(&self, cycle: &'c Cycle) -> &'c ServerConf {
        cycle.server(self.server)
    }

    /// The location in force.
    pub fn location_conf<'c>(&self, cycle: &'c Cycle) -> &'c LocationConf {
        cycle.location(self.location)
    }

    /// Whose close ends a wait for the app: the client, unless it is to be ignored.
    pub fn watched_client(&self, conf: &LocationConf) -> Option<&Client> {
        (!conf.proxy.ignore_client_abort && !self.background).then_some(&*self.client)
    }

    /// The client's address, as a trusted proxy tells it if there is one.
    pub fn remote(&self) -> &SockAddr {
        self.told_remote.as_ref().unwrap_or(&self.client.remote)
    }

    /// The same as `$remote_addr` shows it.
    pub fn remote_text(&self) -> &[u8] {
        if self.told_remote.is_some() { &self.told_remote_text } else { &self.client.remote_text }
    }

    /// A trusted proxy tells this address.
    pub fn set_remote(&mut self, address: SockAddr) {
        let mut text = std::mem::take(&mut self.told_remote_text);
        text.clear();
        let _ = match address.ip() {
            Some(ip) => std::io::Write::write_fmt(&mut text, format_args!("{ip}")),
            None => std::io::Write::write_all(&mut text, b"unix:"),
        };
        self.told_remote_text = text;
        self.told_remote = Some(address);
    }

    /// Appends `user:password` of Basic authorization (RFC 7617) and gives the length of the user's name; `None` when
    /// the client sent none, with what was appended meaningless.
    pub fn credentials(&self, out: &mut Vec<u8>) -> Option<usize> {
        let value = self.request.headers.get(Known::Authorization, &self.input)?;
        let (scheme, encoded) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let start = out.len();
        if !base64::decode(encoded.trim_ascii(), out) {
            return None;
        }
        out[start..].iter().position(|&b| b == b':').filter(|&user| user > 0)
    }

    /// Value of a request header by lower-case name, first occurrence.
    pub fn header(&self, name: &[u8]) -> Option<&[u8]> {
        self.request.headers.find(name, &self.input)
    }
}
/// One that is dropped while a panic unwinds is most often the one that it came in.
impl Drop for Exchange {
    fn drop(&mut self) {
        panics::describe(|| self.particulars());
    }
}
