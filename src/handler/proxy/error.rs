//! What can go wrong between us and a peer: its words in the log, its status, and whether the next peer may be asked.
//!
//! Decides nothing about sockets. The retry decision is [`Retry::allows`] and nowhere else.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::cgi::fastcgi::RecordError;
use crate::cgi::memcached::AnswerError;
use crate::config::model::NextUpstream;
use crate::http::BodyError;
use crate::http1::{Method, ResponseError, Status};
use crate::io::LocalAddr;
use crate::log::{Errno, Level};

/// A failed try at a peer.
#[derive(Debug)]
pub(super) enum PeerError {
    /// No connection: refused, no such socket, unreachable. With the name of a unix socket, as nginx logs it.
    Connect(io::Error, Option<Rc<str>>),
    /// The address of `proxy_bind` cannot be had.
    Bind(io::Error, Option<LocalAddr>),
    /// `proxy_connect_timeout`.
    ConnectTimeout,
    /// No TLS with the peer: why.
    Handshake(String),
    /// `proxy_connect_timeout` in the handshake.
    HandshakeTimeout,
    /// The connection broke while the request was sent.
    Send(io::Error),
    /// `proxy_send_timeout`.
    SendTimeout,
    /// The connection broke before the response head was whole.
    Read(io::Error),
    /// `proxy_read_timeout` before the response head was whole.
    ReadTimeout,
    /// End of file before the response head was whole.
    PrematureClose,
    /// A head that no HTTP/1.x server sends.
    Head(ResponseError),
    /// A line of the head that is no header: its beginning.
    HeaderLine(String),
    /// What memcached does not answer: the line, and the key that was asked for.
    Memcached(AnswerError, String, String),
    /// A FastCGI answer that is made of no records.
    Record(RecordError),
    /// A FastCGI answer that ended within its head.
    StdoutEnd,
    /// `fastcgi_catch_stderr`; the log has the text already.
    CaughtStderr,
    /// HTTP/2: the peer has reset the request, with this code.
    Rejected(u32),
    /// HTTP/2: the peer takes no more requests on this connection, and has not looked at this one.
    GoAway(u32),
    /// What is no HTTP/2.
    Frames(String),
    /// The head has no form in HTTP/2.
    NoForm,
    /// 101 that nobody asked for.
    UnexpectedUpgrade,
    /// More 1xx answers than any application has reason to send.
    TooManyInterim,
    /// The kernel did not give us what a connection needs, or the body's temporary file cannot be read: our own fault.
    Local(io::Error),
    /// The client closed its connection: nobody waits for the answer.
    /// With what was done then.
    ClientGone(&'static str),
    /// A streamed body could not be read from the client.
    ClientBody(BodyError),
}

/// What nginx says of the time before the connection stands.
pub(super) const CONNECTING: &str = "connecting to upstream";

/// What nginx says of the time in which TLS is agreed on.
pub(super) const SHAKING_HANDS: &str = "SSL handshaking to upstream";

/// What nginx says of the time in which the request is sent.
pub(super) const SENDING: &str = "sending request to upstream";

/// What nginx says of the time between the request and the head of the answer.
pub(super) const READING_HEAD: &str = "reading response header from upstream";

/// The kinds of failure that `proxy_next_upstream` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// `error`
    Error,
    /// `timeout`
    Timeout,
    /// `invalid_header`
    InvalidHeader,
    /// `http_500` and its like
    Status(u16),
    /// Not the peer's doing: no other one is asked.
    Ours,
}

impl PeerError {
    /// The status for the client (499: for the log only).
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Connect(..)
            | Self::Handshake(_)
            | Self::Send(_)
            | Self::Read(_)
            | Self::PrematureClose
            | Self::Head(_)
            | Self::HeaderLine(_)
            | Self::Memcached(..)
            | Self::Record(_)
            | Self::StdoutEnd
            | Self::CaughtStderr
            | Self::Rejected(_)
            | Self::GoAway(_)
            | Self::Frames(_)
            | Self::UnexpectedUpgrade
            | Self::TooManyInterim => Status::BAD_GATEWAY,
            Self::ConnectTimeout | Self::HandshakeTimeout | Self::SendTimeout | Self::ReadTimeout => {
                Status::GATEWAY_TIME_OUT
            }
            Self::Local(_) | Self::Bind(..) | Self::NoForm => Status::INTERNAL_SERVER_ERROR,
            Self::ClientGone(_) => Status::CLIENT_CLOSED_REQUEST,
            Self::ClientBody(error) => error.status(),
        }
    }

    /// Which condition of `proxy_next_upstream` it is.
    pub(super) fn condition(&self) -> Condition {
        match self {
            Self::Connect(..)
            | Self::Handshake(_)
            | Self::Send(_)
            | Self::Read(_)
            | Self::GoAway(_)
            | Self::PrematureClose => Condition::Error,
            Self::ConnectTimeout | Self::HandshakeTimeout | Self::SendTimeout | Self::ReadTimeout => {
                Condition::Timeout
            }
            Self::Head(_)
            | Self::HeaderLine(_)
            | Self::Memcached(..)
            | Self::Record(_)
            | Self::StdoutEnd
            | Self::CaughtStderr
            | Self::Rejected(_)
            | Self::Frames(_)
            | Self::UnexpectedUpgrade
            | Self::TooManyInterim => Condition::InvalidHeader,
            Self::Bind(..) | Self::Local(_) | Self::NoForm | Self::ClientGone(_) | Self::ClientBody(_) => {
                Condition::Ours
            }
        }
    }

    /// Nothing but the connection is to blame: what a kept connection looks like that the peer just closed.
    pub(super) fn is_disconnect(&self) -> bool {
        matches!(self, Self::Send(_) | Self::Read(_) | Self::PrematureClose | Self::GoAway(_))
    }

    /// What was being done, in nginx's words.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Connect(..) | Self::Bind(..) | Self::ConnectTimeout => CONNECTING,
            Self::Handshake(_) | Self::HandshakeTimeout => SHAKING_HANDS,
            Self::Send(_) | Self::SendTimeout | Self::Local(_) | Self::NoForm | Self::ClientBody(_) => {
                SENDING
            }
            Self::Read(_)
            | Self::ReadTimeout
            | Self::PrematureClose
            | Self::Head(_)
            | Self::HeaderLine(_)
            | Self::Memcached(..)
            | Self::Record(_)
            | Self::StdoutEnd
            | Self::CaughtStderr
            | Self::Rejected(_)
            | Self::GoAway(_)
            | Self::Frames(_)
            | Self::UnexpectedUpgrade
            | Self::TooManyInterim => READING_HEAD,
            Self::ClientGone(action) => action,
        }
    }

    /// The status of the try for `$upstream_status`: none where the client is the cause.
    pub(super) fn peer_status(&self) -> Option<u16> {
        match self {
            Self::ClientGone(_) | Self::ClientBody(_) | Self::Bind(..) => None,
            _ => Some(self.status().0),
        }
    }

    /// How severe the log line is; `None` is no line.
    pub(super) fn level(&self) -> Option<Level> {
        match self {
            Self::Connect(error, _) if severe(error) => Some(Level::Crit),
            Self::Bind(..) => Some(Level::Crit),
            Self::CaughtStderr => None,
            Self::ClientGone(_) => Some(Level::Info),
            Self::ClientBody(error) => error.level(),
            Self::Local(_) => Some(Level::Alert),
            Self::Connect(..)
            | Self::ConnectTimeout
            | Self::Handshake(_)
            | Self::HandshakeTimeout
            | Self::Send(_)
            | Self::SendTimeout
            | Self::Read(_)
            | Self::ReadTimeout
            | Self::PrematureClose
            | Self::Head(_)
            | Self::HeaderLine(_)
            | Self::Memcached(..)
            | Self::Record(_)
            | Self::StdoutEnd
            | Self::Rejected(_)
            | Self::GoAway(_)
            | Self::Frames(_)
            | Self::NoForm
            | Self::UnexpectedUpgrade
            | Self::TooManyInterim => Some(Level::Error),
        }
    }
}

/// nginx logs what is not a plain network failure (a missing socket file, a permission) one level higher.
fn severe(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TIMED_OUT: &str = "upstream timed out (110: Connection timed out)";
        match self {
            Self::Connect(error, None) => write!(f, "connect() failed ({})", Errno(error)),
            Self::Connect(error, Some(name)) => write!(f, "connect() to {name} failed ({})", Errno(error)),
            Self::Bind(error, Some(local)) => write!(f, "bind({local}) failed ({})", Errno(error)),
            Self::Bind(error, None) => write!(f, "bind() failed ({})", Errno(error)),
            Self::ConnectTimeout | Self::HandshakeTimeout | Self::SendTimeout | Self::ReadTimeout => {
                f.write_str(TIMED_OUT)
            }
            Self::Handshake(why) => f.write_str(why),
            Self::Send(error) => write!(f, "send() failed ({})", Errno(error)),
            Self::Read(error) => write!(f, "recv() failed ({})", Errno(error)),
            Self::PrematureClose => f.write_str("upstream prematurely closed connection"),
            Self::Head(error) => write!(f, "{error}"),
            Self::Memcached(error @ AnswerError::Response, line, _) => write!(f, "{error}: \"{line}\""),
            Self::Memcached(error, line, key) => write!(f, "{error} \"{line}\" for key \"{key}\""),
            Self::HeaderLine(name) => write!(f, "upstream sent invalid header: \"{name}...\""),
            Self::Record(error) => write!(f, "{error}"),
            Self::StdoutEnd => f.write_str("upstream prematurely closed FastCGI stdout"),
            Self::CaughtStderr => f.write_str("upstream said in stderr that it failed"),
            Self::Rejected(code) => write!(f, "upstream rejected request with error {code}"),
            Self::GoAway(code) => write!(f, "upstream sent goaway with error {code}"),
            Self::Frames(why) => write!(f, "upstream sent invalid http2 frames ({why})"),
            Self::NoForm => f.write_str("the request has no form in HTTP/2"),
            Self::UnexpectedUpgrade => f.write_str("upstream sent \"101\" to a request without upgrade"),
            Self::TooManyInterim => f.write_str("upstream sent too many interim responses"),
            Self::Local(error) => write!(f, "cannot serve the request ({})", Errno(error)),
            Self::ClientGone(_) => {
                f.write_str("client prematurely closed connection, so upstream connection is closed too")
            }
            Self::ClientBody(error) => write!(f, "{error}"),
        }?;
        write!(f, " while {}", self.action())
    }
}

/// What the retry decision looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry<'c> {
    /// `proxy_next_upstream`.
    pub(super) conditions: &'c NextUpstream,
    /// Peers left to ask.
    pub(super) tries_left: u32,
    /// `proxy_next_upstream_timeout`; zero is no limit.
    pub(super) timeout: Duration,
    /// Since the first try began.
    pub(super) elapsed: Duration,
    /// The request's method.
    pub(super) method: Method,
    /// A byte of the request left for the failed peer.
    pub(super) sent: bool,
    /// Bytes of a body that is not buffered were taken: it cannot be sent again.
    pub(super) body_gone: bool,
}

impl Retry<'_> {
    /// May the next peer be asked after `condition`?
    pub(super) fn allows(&self, condition: Condition) -> bool {
        let wanted = match condition {
            Condition::Error => self.conditions.error,
            Condition::Timeout => self.conditions.timeout,
            Condition::InvalidHeader => self.conditions.invalid_header,
            Condition::Status(status) => self.conditions.statuses.contains(&Some(status)),
            Condition::Ours => false,
        };
        let repeatable = !self.sent || self.method.is_idempotent() || self.conditions.non_idempotent;
        let in_time = self.timeout.is_zero() || self.elapsed < self.timeout;
        wanted && repeatable && in_time && self.tries_left > 0 && !self.body_gone
    }

    /// May the request go to the same peer again, on a fresh connection, after a kept one broke before any byte of the
    /// answer? Like a failed try, but the peer has done nothing wrong: neither `proxy_next_upstream` nor the number of
    /// peers limits it.
    pub(super) fn allows_fresh_connection(method: Method, sent: bool, body_gone: bool) -> bool {
        !body_gone && (!sent || method.is_idempotent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: NextUpstream = NextUpstream {
        error: true,
        timeout: true,
        invalid_header: false,
        non_idempotent: false,
        statuses: [Some(503), None, None, None, None, None, None],
    };

    fn retry(method: Method) -> Retry<'static> {
        Retry {
            conditions: &DEFAULT,
            tries_left: 1,
            timeout: Duration::ZERO,
            elapsed: Duration::from_secs(5),
            method,
            sent: true,
            body_gone: false,
        }
    }

    #[test]
    fn conditions_are_those_of_the_directive() {
        let get = retry(Method::Get);
        assert!(get.allows(Condition::Error));
        assert!(get.allows(Condition::Timeout));
        assert!(get.allows(Condition::Status(503)));
        assert!(!get.allows(Condition::InvalidHeader));
        assert!(!get.allows(Condition::Status(500)));
        assert!(!get.allows(Condition::Ours));
        assert!(!Retry { tries_left: 0, ..get }.allows(Condition::Error));
    }

    #[test]
    fn what_was_sent_and_is_not_idempotent_is_never_sent_again() {
        for method in [Method::Post, Method::Lock, Method::Patch] {
            let sent = retry(method);
            assert!(!sent.allows(Condition::Error));
            assert!(!Retry::allows_fresh_connection(method, true, false));
            let unsent = Retry { sent: false, ..sent };
            assert!(unsent.allows(Condition::Error));
            assert!(Retry::allows_fresh_connection(method, false, false));
            let allowed = NextUpstream { non_idempotent: true, ..DEFAULT };
            assert!(Retry { conditions: &allowed, ..sent }.allows(Condition::Error));
        }
    }

    #[test]
    fn a_streamed_body_goes_out_once() {
        let put = Retry { body_gone: true, ..retry(Method::Put) };
        assert!(!put.allows(Condition::Error));
        assert!(!Retry::allows_fresh_connection(Method::Put, true, true));
        // Also when the connection broke before it took the first byte: the piece was read from the client.
        assert!(!Retry { sent: false, ..put }.allows(Condition::Error));
        assert!(!Retry::allows_fresh_connection(Method::Put, false, true));
    }

    #[test]
    fn time_is_bounded() {
        let get = Retry { timeout: Duration::from_secs(5), ..retry(Method::Get) };
        assert!(!get.allows(Condition::Error));
        assert!(Retry { elapsed: Duration::from_secs(4), ..get }.allows(Condition::Error));
    }

    #[test]
    fn words_are_nginx_words() {
        let refused = PeerError::Connect(io::Error::from_raw_os_error(111), None);
        assert_eq!(
            refused.to_string(),
            "connect() failed (111: Connection refused) while connecting to upstream"
        );
        assert_eq!((refused.status(), refused.level()), (Status::BAD_GATEWAY, Some(Level::Error)));
        let missing = PeerError::Connect(io::Error::from_raw_os_error(2), Some("unix:/x".into()));
        assert_eq!(missing.level(), Some(Level::Crit));
        assert_eq!(
            missing.to_string(),
            "connect() to unix:/x failed (2: No such file or directory) while connecting to upstream"
        );
        assert_eq!(
            PeerError::ReadTimeout.to_string(),
            "upstream timed out (110: Connection timed out) while reading response header from upstream"
        );
        assert_eq!(PeerError::ReadTimeout.status(), Status::GATEWAY_TIME_OUT);
        assert_eq!(
            PeerError::Head(ResponseError::TooLarge).to_string(),
            "upstream sent too big header while reading response header from upstream"
        );
    }
}
