//! Request methods (RFC 9110 section 9): a closed enum of those that some branch asks for, `Other` for the rest.
//!
//! Methods are case-sensitive: `get` is not GET. The text of an `Other` method is in the head's buffer.

/// A request method. [`Method::Other`] is any valid token that is not listed; its text stays in the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the method it names")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Mkcol,
    Copy,
    Move,
    Options,
    Propfind,
    Proppatch,
    Lock,
    Unlock,
    Patch,
    Trace,
    Connect,
    /// Some other method: `as_str` cannot tell its name.
    Other,
}

impl Method {
    /// Every named method.
    pub const NAMED: [Method; 16] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Delete,
        Method::Mkcol,
        Method::Copy,
        Method::Move,
        Method::Options,
        Method::Propfind,
        Method::Proppatch,
        Method::Lock,
        Method::Unlock,
        Method::Patch,
        Method::Trace,
        Method::Connect,
    ];

    /// The method with this exact name, `Other` if it has no variant. Does not judge the bytes.
    pub fn from_bytes(name: &[u8]) -> Method {
        match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"MKCOL" => Method::Mkcol,
            b"COPY" => Method::Copy,
            b"MOVE" => Method::Move,
            b"OPTIONS" => Method::Options,
            b"PROPFIND" => Method::Propfind,
            b"PROPPATCH" => Method::Proppatch,
            b"LOCK" => Method::Lock,
            b"UNLOCK" => Method::Unlock,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }

    /// The method's name; the empty string for `Other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Mkcol => "MKCOL",
            Method::Copy => "COPY",
            Method::Move => "MOVE",
            Method::Options => "OPTIONS",
            Method::Propfind => "PROPFIND",
            Method::Proppatch => "PROPPATCH",
            Method::Lock => "LOCK",
            Method::Unlock => "UNLOCK",
            Method::Patch => "PATCH",
            Method::Trace => "TRACE",
            Method::Connect => "CONNECT",
            Method::Other => "",
        }
    }

    /// Whether a request may be sent again after it reached a peer, by nginx's rule for `proxy_next_upstream`
    /// without `non_idempotent`: all but POST, LOCK and PATCH.
    ///
    /// An unknown method counts as not idempotent, which is stricter than nginx.
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Lock | Method::Patch | Method::Connect | Method::Other)
    }
}

/// Whether `b` may stand in a method name. nginx takes upper-case letters, `_` and `-` only, which is narrower than
/// a token (RFC 9110 section 9.1), so that a lower-case `get` can never be taken for GET further on.
pub fn is_method_byte(b: u8) -> bool {
    b.is_ascii_uppercase() || b == b'_' || b == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_case_matters() {
        for method in Method::NAMED {
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), method);
            assert!(method.as_str().bytes().all(is_method_byte));
            assert_eq!(Method::from_bytes(method.as_str().to_lowercase().as_bytes()), Method::Other);
        }
        assert_eq!(Method::from_bytes(b"M-SEARCH"), Method::Other);
        assert_eq!(Method::from_bytes(b""), Method::Other);
    }

    #[test]
    fn what_may_be_repeated() {
        assert!(Method::Get.is_idempotent() && Method::Put.is_idempotent() && Method::Delete.is_idempotent());
        assert!(
            !Method::Post.is_idempotent() && !Method::Patch.is_idempotent() && !Method::Other.is_idempotent()
        );
    }
}
