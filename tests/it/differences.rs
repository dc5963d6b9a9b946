//! What ringx does differently from nginx on purpose: each entry has its reason, and `docs/nginx-differences.md`
//! tells the operator the same. A case names its entry where it asks for one expectation or the other; nothing else may
//! differ.

#![allow(dead_code, reason = "the list is whole; what the renderer hides needs no case of its own")]

use crate::support::oracle;

/// One deliberate difference.
pub struct Difference {
    /// Words of its entry in `docs/nginx-differences.md`.
    pub documented: &'static str,
    /// Why ringx does not follow nginx here.
    pub reason: &'static str,
}

/// The product's name: `Server: ringx/…`, the footer of error pages, `ringx: [emerg]` on the command line.
/// The renderer in `support/render.rs` writes `{server}` and `{name}` for both.
#[allow(dead_code, reason = "holds in every case, none asks for it")]
pub const NAME: Difference = Difference {
    documented: "The program's name in messages",
    reason: "a program should not claim to be another one; the shape of each text stays nginx's",
};

/// ringx asks the application with HTTP/1.1 and keeps the connection (`Server::received` hides it).
pub const KEPT_ALIVE: Difference = Difference {
    documented: "Connections to the app are HTTP/1.1 and kept alive by default",
    reason: "a connection per request costs four times the CPU; nginx itself changed this default in 1.29.7",
};

/// `$uri` in a redirect or a header: nginx writes the decoded CR and LF out, and so lets a request write headers.
pub const INJECTION: Difference = Difference {
    documented: "A decoded CR, LF or NUL never becomes part of a head line",
    reason: "a decoded CR, LF or NUL never becomes part of a head line",
};

/// `location /static { alias /dir/; }` and `GET /static../secret`: nginx serves `/dir/../secret`.
pub const ALIAS_TRAVERSAL: Difference = Difference {
    documented: "`/static../secret` is 404",
    reason: "no configuration means this; `..` behind the prefix is 404",
};

/// A hostile URI and an expression that tries all ways to match it: nginx's bound is a hundred times higher.
pub const GIVEN_UP: Difference = Difference {
    documented: "An `if` or `rewrite` whose match takes more than 100,000 steps of back-tracking is 500",
    reason: "one URI must not hold a core for seconds",
};

/// Files are kept for `open_file_cache_valid`, 1 s when unset.
#[allow(dead_code, reason = "holds in every case, none asks for it")]
pub const FILE_CACHE: Difference = Difference {
    documented: "A file may be up to one second old",
    reason: "one stat a second and file instead of four system calls a request",
};

/// nginx's command returns before its pid file is there, and without one the daemon serves; what fails in a worker
/// is told by the log alone.
pub const BACKGROUND: Difference = Difference {
    documented: "the command returns when the pid file is written and the workers run",
    reason: "a script may go on at once, and knows",
};

/// nginx cannot bind `127.0.0.1:8080` while it listens on `*:8080`.
pub const NARROW_ADDRESS: Difference = Difference {
    documented: "A reload may change `listen 8080` to `listen 127.0.0.1:8080`",
    reason: "the sockets share their port anyway",
};

/// A 1xx from the application: nginx 1.22 takes it for the final answer.
pub const INTERIM: Difference = Difference {
    documented: "1xx answers of the app are skipped",
    reason: "RFC 9110 15.2: a client must be able to parse 1xx before the final answer",
};

/// One end of a tunnel says that it sends no more: nginx closes both.
#[allow(dead_code, reason = "its case does not run against nginx")]
pub const HALF_CLOSE: Difference = Difference {
    documented: "The end of one direction of a tunnel is passed on",
    reason: "what the other end still says arrives",
};

/// A temporary file that cannot be made or written: nginx cuts the answer of an application there.
#[allow(dead_code, reason = "its case does not run against nginx")]
pub const TEMPORARY_FILE: Difference = Difference {
    documented: "An answer for which there can be no temporary file",
    reason: "a client that is slow must not get a broken page because a disk is full",
};

/// An application that does not begin its answer with a status line is HTTP/0.9 for nginx, which passes it on.
pub const NO_HTTP_09: Difference = Difference {
    documented: "An app's answer that is not HTTP/1.x is 502",
    reason: "what is not HTTP is an error that the operator should see (502), not a page",
};

/// Messages whose length can be read in two ways: nginx 1.22 picks one of them.
pub const STRICT_FRAMING: Difference = Difference {
    documented: "From the app, more than one `Content-Length`",
    reason: "RFC 9112 6.3: where two readers can disagree about the end of a message, requests can be smuggled",
};

/// A kept client connection takes up a new configuration at its next request.
pub const RELOAD: Difference = Difference {
    documented: "A reload is taken up by each connection at its next request",
    reason: "no new workers: WebSockets, kept connections and caches live on",
};

/// `GET http://host?x=1`: nginx passes `?x=1` on.
pub const ABSOLUTE_TARGET: Difference = Difference {
    documented: "without a path it is passed on as",
    reason: "RFC 9112 3.2.1: the origin form of an empty path is a slash",
};

/// A bare `server {}` file gets the usual MIME types with its `http {}`.
pub const BARE_TYPES: Difference = Difference {
    documented: "with the usual MIME types",
    reason: "it is the file people have; without MIME types browsers refuse the style sheets",
};

/// `$http_name` of a header that comes twice: nginx took the first before 1.23, and joins since.
pub const JOINED: Difference = Difference {
    documented: "`$http_NAME` of a header that comes more than once",
    reason: "RFC 9110 5.3, and nginx itself since 1.23.0",
};

/// A Host that would not survive in a URL.
pub const STRICT_HOST: Difference =
    Difference { documented: "A Host with userinfo", reason: "the host becomes part of URLs" };

/// Behind a 412 nginx closes, although its answer says keep-alive.
pub const KEPT_BEHIND_412: Difference = Difference {
    documented: "A connection is kept behind a 412",
    reason: "a client may already have sent the next request",
};

/// Trailers of the application's answer: nginx 1.22 drops them.
pub const TRAILERS: Difference = Difference {
    documented: "Trailers of the app's chunked answer are passed on",
    reason: "RFC 9110 6.5: dropping them loses what the application said",
};

/// `proxy_set_header Host $host` of a client of old that named none: nginx sends no Host, also in HTTP/1.1.
pub const HOST_ALWAYS: Difference = Difference {
    documented: "`Host` is always sent to the app in HTTP/1.1",
    reason: "RFC 9112 3.2, and nginx itself since 1.31.4",
};

/// A client's repeated fields, and `Proxy`, as variables: nginx 1.22 sends several of one name, and `HTTP_PROXY`.
pub const CGI_FIELDS: Difference = Difference {
    documented: "A field that a client sends several times is one variable",
    reason: "of several with one name an app takes any; nginx itself since 1.23. `HTTP_PROXY` is CVE-2016-5385",
};

/// A FastCGI answer that just stops: nginx takes the close for its end where no length says otherwise.
pub const FASTCGI_END: Difference = Difference {
    documented: "A FastCGI answer without `FCGI_END_REQUEST`",
    reason: "so an app that crashed looks: an answer that ended early must not look whole",
};

/// A uwsgi app that answers in chunks: nginx drops `Transfer-Encoding` and passes the chunks on as the body.
pub const CHUNKED_UWSGI: Difference = Difference {
    documented: "A uwsgi or SCGI app's HTTP/1.1 answer in chunks is understood",
    reason: "the client would get the framing as content",
};

/// Several `WWW-Authenticate` fields of what `auth_request` asks.
pub const CHALLENGES: Difference = Difference {
    documented: "all `WWW-Authenticate` fields of its answer reach the client",
    reason: "the client chooses among them; nginx itself since 1.23.0",
};

/// A client whose request is mirrored: nginx holds its connection until the mirror has answered.
pub const NOT_WAITED_FOR: Difference = Difference {
    documented: "the connection's next request and its close do not wait for the mirror",
    reason: "a slow mirror must not slow clients down",
};

/// An app's answer without length, cut short, to a client of HTTP/1.0 over TLS.
pub const CUT_OVER_TLS: Difference = Difference {
    documented: "no `close_notify` follows an answer that was cut short",
    reason: "where the end of the connection is the end of the answer, it would make half of one look whole",
};

/// An app's answer that is cut short, to a client that was told neither length nor chunks.
pub const CUT_WITHOUT_LENGTH: Difference = Difference {
    documented: "An answer that the app cuts short ends in a reset where only the close tells its end",
    reason: "where the end of the connection is the end of the answer, it would make half of one look whole",
};

/// A log that is a pipe, or standard error, whose reader sleeps.
pub const LOG_PIPES: Difference = Difference {
    documented: "A log that is a pipe is never waited for",
    reason: "a collector of logs that hangs must not stop the site",
};

/// A log that has reached RLIMIT_FSIZE.
pub const FILE_LIMIT: Difference = Difference {
    documented: "A log that has reached the limit for files (RLIMIT_FSIZE) loses lines",
    reason: "a log that is full is no reason to serve nobody",
};

/// A block with commands that stands in for an empty part.
pub const STUB_COMMANDS: Difference = Difference {
    documented: "commands in a block that stands in for an empty part are carried out",
    reason: "they are in a block that stands in for an error",
};

/// How long a page with commands may become.
pub const PAGES_IN_MEMORY: Difference = Difference {
    documented: "A page with SSI and its parts is put together in memory before it is sent, up to 4 MiB",
    reason: "the head is not sent before the page is whole",
};

/// An app's chunks that end in what is none.
pub const BAD_CHUNK: Difference = Difference {
    documented: "What came before a broken chunk goes to the client, and then the connection ends",
    reason: "how much of it is lost would hang on what was read together with the fault",
};

/// Frames that are not what RFC 9113 allows, and the end of a connection that the client has said goodbye to.
pub const HTTP2_STRICT: Difference = Difference {
    documented: "A frame that is not allowed where it comes ends the connection or its stream",
    reason: "RFC 9113, 5.1 and 8.1: what one side lets pass the next one may understand otherwise",
};

/// A gRPC client that reads nothing before it has sent everything, and an app that answers all the while.
pub const BOTH_DIRECTIONS: Difference = Difference {
    documented: "A request body goes on to an app of HTTP/2 while the client takes nothing of the answer",
    reason: "a client and an app that both send first would wait for each other for ever",
};

impl Difference {
    /// Whether the case should run at all: nginx does the opposite, so it only counts for ringx.
    pub fn ringx_only(&self) -> bool {
        assert!(!self.reason.is_empty(), "{} has no reason", self.documented);
        oracle().is_none()
    }

    /// The expectation that counts for the program under test.
    pub fn pick<T>(&self, nginx: T, ringx: T) -> T {
        assert!(!self.reason.is_empty(), "{} has no reason", self.documented);
        if oracle().is_some() { nginx } else { ringx }
    }
}

#[test]
fn every_difference_is_documented() {
    let docs = include_str!("../../docs/nginx-differences.md");
    let all = [
        &NAME,
        &KEPT_ALIVE,
        &INJECTION,
        &ALIAS_TRAVERSAL,
        &FILE_CACHE,
        &INTERIM,
        &NO_HTTP_09,
        &STRICT_FRAMING,
        &RELOAD,
        &ABSOLUTE_TARGET,
        &BARE_TYPES,
        &JOINED,
        &STRICT_HOST,
        &HOST_ALWAYS,
        &TRAILERS,
        &KEPT_BEHIND_412,
        &CGI_FIELDS,
        &FASTCGI_END,
        &CHUNKED_UWSGI,
        &BACKGROUND,
        &NARROW_ADDRESS,
        &CHALLENGES,
        &NOT_WAITED_FOR,
        &STUB_COMMANDS,
        &CUT_WITHOUT_LENGTH,
        &LOG_PIPES,
        &FILE_LIMIT,
        &PAGES_IN_MEMORY,
        &HTTP2_STRICT,
        &BAD_CHUNK,
        &BOTH_DIRECTIONS,
    ];
    for difference in all {
        assert!(
            docs.contains(difference.documented),
            "not in docs/nginx-differences.md: {}",
            difference.documented
        );
        assert!(!difference.reason.is_empty(), "{}", difference.documented);
    }
}
