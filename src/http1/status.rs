//! Status codes with nginx's reason phrases and nginx's error page titles, which are not always the RFC's words.
//!
//! Source of both lists: what nginx sends for `return CODE` (ngx_http_header_filter_module,
//! ngx_http_special_response). 444, 494-497 and 499 are nginx's own codes: see [`Status::on_the_wire`].

/// An HTTP status code, 100 to 999 on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

#[allow(missing_docs, reason = "each constant is the status it names")]
impl Status {
    pub const CONTINUE: Status = Status(100);
    pub const SWITCHING_PROTOCOLS: Status = Status(101);
    pub const OK: Status = Status(200);
    pub const NO_CONTENT: Status = Status(204);
    pub const PARTIAL_CONTENT: Status = Status(206);
    pub const MOVED_PERMANENTLY: Status = Status(301);
    pub const FOUND: Status = Status(302);
    pub const SEE_OTHER: Status = Status(303);
    pub const NOT_MODIFIED: Status = Status(304);
    pub const TEMPORARY_REDIRECT: Status = Status(307);
    pub const PERMANENT_REDIRECT: Status = Status(308);
    pub const BAD_REQUEST: Status = Status(400);
    pub const FORBIDDEN: Status = Status(403);
    pub const NOT_FOUND: Status = Status(404);
    pub const NOT_ALLOWED: Status = Status(405);
    pub const REQUEST_TIMEOUT: Status = Status(408);
    pub const LENGTH_REQUIRED: Status = Status(411);
    pub const PRECONDITION_FAILED: Status = Status(412);
    pub const REQUEST_ENTITY_TOO_LARGE: Status = Status(413);
    pub const REQUEST_URI_TOO_LARGE: Status = Status(414);
    pub const RANGE_NOT_SATISFIABLE: Status = Status(416);
    pub const MISDIRECTED_REQUEST: Status = Status(421);
    /// nginx: close the connection without an answer.
    pub const CLOSE: Status = Status(444);
    /// nginx: a request header too large for its buffers; goes out as 400.
    pub const REQUEST_HEADER_TOO_LARGE: Status = Status(494);
    /// nginx: plain HTTP on a TLS port; goes out as 400.
    pub const TO_HTTPS: Status = Status(497);
    /// nginx: the client closed the connection before the answer; only ever logged.
    pub const CLIENT_CLOSED_REQUEST: Status = Status(499);
    pub const INTERNAL_SERVER_ERROR: Status = Status(500);
    pub const NOT_IMPLEMENTED: Status = Status(501);
    pub const BAD_GATEWAY: Status = Status(502);
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    pub const GATEWAY_TIME_OUT: Status = Status(504);
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    pub const INSUFFICIENT_STORAGE: Status = Status(507);
}

impl Status {
    /// nginx's reason phrase; empty where nginx has none (the status line is then `HTTP/1.1 418 ` with its space).
    pub fn reason(self) -> &'static str {
        match self.0 {
            // 1xx is ours: nginx writes these lines by hand.
            100 => "Continue",
            101 => "Switching Protocols",
            200 => "OK",
            201 => "Created",
            202 => "Accepted",
            204 => "No Content",
            206 => "Partial Content",
            302 => "Moved Temporarily",
            304 => "Not Modified",
            401 => "Unauthorized",
            494..=497 => "Bad Request",
            498 => "",
            _ => match self.page_title().split_once(' ') {
                Some((_, reason)) => reason,
                None => "",
            },
        }
    }

    /// Title and heading of nginx's built-in error page, such as `404 Not Found`; empty if nginx has no page for the
    /// status. Pages exist for redirects too.
    pub fn page_title(self) -> &'static str {
        match self.0 {
            301 => "301 Moved Permanently",
            302 => "302 Found",
            303 => "303 See Other",
            307 => "307 Temporary Redirect",
            308 => "308 Permanent Redirect",
            400 => "400 Bad Request",
            401 => "401 Authorization Required",
            402 => "402 Payment Required",
            403 => "403 Forbidden",
            404 => "404 Not Found",
            405 => "405 Not Allowed",
            406 => "406 Not Acceptable",
            408 => "408 Request Time-out",
            409 => "409 Conflict",
            410 => "410 Gone",
            411 => "411 Length Required",
            412 => "412 Precondition Failed",
            413 => "413 Request Entity Too Large",
            414 => "414 Request-URI Too Large",
            415 => "415 Unsupported Media Type",
            416 => "416 Requested Range Not Satisfiable",
            421 => "421 Misdirected Request",
            429 => "429 Too Many Requests",
            494 => "400 Request Header Or Cookie Too Large",
            495 => "400 The SSL certificate error",
            496 => "400 No required SSL certificate was sent",
            497 => "400 The plain HTTP request was sent to HTTPS port",
            // nginx's table repeats its 404 page here.
            498 => "404 Not Found",
            500 => "500 Internal Server Error",
            501 => "501 Not Implemented",
            502 => "502 Bad Gateway",
            503 => "503 Service Temporarily Unavailable",
            504 => "504 Gateway Time-out",
            505 => "505 HTTP Version Not Supported",
            507 => "507 Insufficient Storage",
            _ => "",
        }
    }

    /// Heading of the error page and the second line below it, which only 494 to 497 have.
    pub fn page_heading(self) -> (&'static str, &'static str) {
        match self.0 {
            494..=497 => ("400 Bad Request", self.page_title().split_at("400 ".len()).1),
            _ => (self.page_title(), ""),
        }
    }

    /// The status that the client sees: nginx's own 494 to 497 go out as 400.
    pub fn on_the_wire(self) -> Status {
        match self.0 {
            494..=497 => Status::BAD_REQUEST,
            _ => self,
        }
    }

    /// 3xx with a Location, as nginx's page table has them.
    pub fn is_redirect(self) -> bool {
        matches!(self.0, 301 | 302 | 303 | 307 | 308)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> u16 {
        status.0
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status line, title and heading that nginx 1.22.1 sent for `return CODE`, for each code that had any.
    #[test]
    fn nginx_words() {
        for (code, reason, title) in [
            (200, "OK", ""),
            (201, "Created", ""),
            (204, "No Content", ""),
            (301, "Moved Permanently", "301 Moved Permanently"),
            (302, "Moved Temporarily", "302 Found"),
            (304, "Not Modified", ""),
            (401, "Unauthorized", "401 Authorization Required"),
            (404, "Not Found", "404 Not Found"),
            (413, "Request Entity Too Large", "413 Request Entity Too Large"),
            (414, "Request-URI Too Large", "414 Request-URI Too Large"),
            (416, "Requested Range Not Satisfiable", "416 Requested Range Not Satisfiable"),
            (418, "", ""),
            (444, "", ""),
            (494, "Bad Request", "400 Request Header Or Cookie Too Large"),
            (498, "", "404 Not Found"),
            (500, "Internal Server Error", "500 Internal Server Error"),
            (503, "Service Temporarily Unavailable", "503 Service Temporarily Unavailable"),
            (504, "Gateway Time-out", "504 Gateway Time-out"),
            (506, "", ""),
            (508, "", ""),
        ] {
            assert_eq!(Status(code).reason(), reason, "{code}");
            assert_eq!(Status(code).page_title(), title, "{code}");
        }
    }

    #[test]
    fn own_codes_go_out_as_400() {
        assert_eq!(Status(497).on_the_wire(), Status::BAD_REQUEST);
        assert_eq!(Status(502).on_the_wire(), Status::BAD_GATEWAY);
        assert_eq!(Status(494).page_heading(), ("400 Bad Request", "Request Header Or Cookie Too Large"));
        assert_eq!(Status(404).page_heading(), ("404 Not Found", ""));
    }

    #[test]
    fn titles_begin_with_their_code() {
        for code in 0..=u16::MAX {
            let title = Status(code).page_title();
            if !title.is_empty() && !(494..=498).contains(&code) {
                assert!(title.starts_with(&code.to_string()), "{code}");
            }
        }
    }
}
