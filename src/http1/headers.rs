//! The fields of a head: names and values as spans over the head's buffer, with a fast look-up of known names.
//!
//! One `Headers` lives as long as its connection: `clear` keeps the capacity, so a request costs no allocation.
//! Order and duplicates are kept as they came. The spans mean nothing without the buffer they were parsed from.

use super::Span;

macro_rules! known {
    ($($variant:ident = $name:literal,)*) => {
        /// A field name worth a look-up without a search. Names compare without regard to case (RFC 9110 section 5.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each variant is the field it names")]
        pub enum Known {
            $($variant,)*
            /// Any other name.
            Other,
        }

        impl Known {
            /// Every known name, in the order of their discriminants.
            pub const ALL: &[Known] = &[$(Known::$variant,)*];
            const NAMES: &[&str] = &[$($name,)*];
        }
    };
}

known! {
    Host = "host",
    Connection = "connection",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    ContentType = "content-type",
    Cookie = "cookie",
    Expect = "expect",
    Upgrade = "upgrade",
    Te = "te",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    Trailer = "trailer",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    XRealIp = "x-real-ip",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfMatch = "if-match",
    IfUnmodifiedSince = "if-unmodified-since",
    IfRange = "if-range",
    Range = "range",
    UserAgent = "user-agent",
    Referer = "referer",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    Accept = "accept",
    Authorization = "authorization",
    Via = "via",
    Date = "date",
    Server = "server",
    Location = "location",
    Refresh = "refresh",
    LastModified = "last-modified",
    Etag = "etag",
    AcceptRanges = "accept-ranges",
    ContentRange = "content-range",
    CacheControl = "cache-control",
    Expires = "expires",
    SetCookie = "set-cookie",
    Vary = "vary",
    ContentEncoding = "content-encoding",
    ContentDisposition = "content-disposition",
    WwwAuthenticate = "www-authenticate",
    XPad = "x-pad",
    XAccelRedirect = "x-accel-redirect",
    XAccelExpires = "x-accel-expires",
    XAccelLimitRate = "x-accel-limit-rate",
    XAccelBuffering = "x-accel-buffering",
    XAccelCharset = "x-accel-charset",
    Proxy = "proxy",
}

/// Longest name that [`Known`] can have.
const MAX_KNOWN_LEN: usize = 24;

/// A known name in lower case, filled up with [`CASE_BITS`] so that it compares as three words.
type Padded = [u8; MAX_KNOWN_LEN];

/// The bit that tells upper from lower case. Setting it in any other token byte never makes a known name's byte of it.
const CASE_BIT: u8 = 0x20;
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// Where each known name is in [`SLOTS`]: no two share a slot, so a look-up compares one name.
const SLOTS: [(Known, Padded); 256] = slots();

/// First, middle and last byte and the length tell all known names apart.
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    let (first, middle, last) = (name[0] | CASE_BIT, name[len / 2] | CASE_BIT, name[len - 1] | CASE_BIT);
    (len + first as usize + middle as usize * 7 + last as usize * 48) & 255
}

const fn slots() -> [(Known, Padded); 256] {
    let mut slots = [(Known::Other, [0; MAX_KNOWN_LEN]); 256];
    let mut i = 0;
    while i < Known::ALL.len() {
        let name = Known::NAMES[i].as_bytes();
        let at = slot(name);
        assert!(slots[at].1[0] == 0, "two names in one slot: choose other factors in slot()");
        let mut padded = [CASE_BIT; MAX_KNOWN_LEN];
        let mut j = 0;
        while j < name.len() {
            padded[j] = name[j];
            j += 1;
        }
        slots[at] = (Known::ALL[i], padded);
        i += 1;
    }
    slots
}

/// Three words of eight bytes.
fn words(bytes: &Padded) -> [u64; 3] {
    let word = |i: usize| u64::from_le_bytes(std::array::from_fn(|j| bytes[i * 8 + j]));
    [word(0), word(1), word(2)]
}

impl Known {
    /// The known name that `name` is, without regard to case. `name` must be a token (or lower case already).
    pub fn from_name(name: &[u8]) -> Known {
        if name.is_empty() || name.len() > MAX_KNOWN_LEN {
            return Known::Other;
        }
        let (known, padded) = &SLOTS[slot(name)];
        if known.as_str().len() != name.len() {
            return Known::Other;
        }
        let mut copy = [CASE_BIT; MAX_KNOWN_LEN];
        copy[..name.len()].copy_from_slice(name);
        let same = words(&copy).iter().zip(words(padded)).all(|(ours, known)| ours | CASE_BITS == known);
        if same { *known } else { Known::Other }
    }

    /// The name in lower case; the empty string for `Other`.
    pub fn as_str(self) -> &'static str {
        Known::NAMES.get(self as usize).copied().unwrap_or("")
    }

    /// Whether the field is meant for one hop only and must not be passed on (RFC 9110 section 7.6.1).
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::Te
                | Known::Trailer
                | Known::TransferEncoding
                | Known::Upgrade
        )
    }
}

/// One field line: where its name and its value (without surrounding white space) lie in the head's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField {
    /// The name as it was sent.
    pub name: Span,
    /// The value without white space at its ends.
    pub value: Span,
    /// What the name is, if it is a known one.
    pub known: Known,
}

/// "No such field" in the index: one more than any index a head can have, see [`Headers::push`].
const ABSENT: u16 = u16::MAX;

/// The fields of one head, in order, reusable.
#[derive(Clone, Debug)]
pub struct Headers {
    fields: Vec<HeaderField>,
    /// Index of the first field of each known name.
    first: [u16; Known::ALL.len()],
}

impl Default for Headers {
    fn default() -> Self {
        Headers { fields: Vec::new(), first: [ABSENT; Known::ALL.len()] }
    }
}

impl Headers {
    /// Forgets every field and keeps the memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.first = [ABSENT; Known::ALL.len()];
    }

    /// Adds a field. Returns false, and adds nothing, when the head has as many fields as an index can name (65,535).
    pub fn push(&mut self, field: HeaderField) -> bool {
        if self.fields.len() >= ABSENT as usize {
            return false;
        }
        if let Some(first) = self.first.get_mut(field.known as usize)
            && *first == ABSENT
        {
            *first = self.fields.len() as u16;
        }
        self.fields.push(field);
        true
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields in the order they came.
    pub fn iter(&self) -> std::slice::Iter<'_, HeaderField> {
        self.fields.iter()
    }

    /// Whether the field is there.
    pub fn has(&self, known: Known) -> bool {
        self.first(known).is_some()
    }

    /// The first field of this name.
    pub fn first(&self, known: Known) -> Option<&HeaderField> {
        self.fields.get(*self.first.get(known as usize)? as usize)
    }

    /// All fields of this name, in order. Nothing for `Known::Other`.
    pub fn all(&self, known: Known) -> impl Iterator<Item = &HeaderField> {
        let from = self.first.get(known as usize).map_or(usize::MAX, |i| *i as usize);
        self.fields.get(from..).unwrap_or_default().iter().filter(move |f| f.known == known)
    }

    /// The value of the first field of this name.
    pub fn get<'b>(&self, known: Known, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.first(known).map(|f| f.value.of(buf))
    }

    /// The value of the first field whose name is `name_lowercase`, known or not.
    pub fn find<'b>(&self, name_lowercase: &[u8], buf: &'b [u8]) -> Option<&'b [u8]> {
        match Known::from_name(name_lowercase) {
            Known::Other => self
                .fields
                .iter()
                .find(|f| f.known == Known::Other && f.name.of(buf).eq_ignore_ascii_case(name_lowercase))
                .map(|f| f.value.of(buf)),
            known => self.get(known, buf),
        }
    }

    /// Whether a comma-separated list field (`Connection`, `Upgrade`, …) holds `token` in any of its lines,
    /// without regard to case.
    pub fn list_has(&self, known: Known, token: &[u8], buf: &[u8]) -> bool {
        self.all(known).any(|f| list_items(f.value.of(buf)).any(|item| item.eq_ignore_ascii_case(token)))
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a HeaderField;
    type IntoIter = std::slice::Iter<'a, HeaderField>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The items of a comma-separated list without the white space around them; empty items are skipped
/// (RFC 9110 section 5.6.1.2).
pub fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim_ows).filter(|item| !item.is_empty())
}

/// `value` without spaces and tabs at its ends (OWS, RFC 9110 section 5.6.3).
pub fn trim_ows(value: &[u8]) -> &[u8] {
    let is_ows = |b: &u8| *b == b' ' || *b == b'\t';
    let start = value.iter().position(|b| !is_ows(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !is_ows(b)).map_or(start, |i| i + 1);
    &value[start..end]
}

/// Whether a field name is the one that a variable like `$http_x_forwarded_for` asks for: `variable` (without the
/// prefix) is in lower case with `_` where the field name has `-` or `_`.
pub fn matches_variable(name: &[u8], variable: &[u8]) -> bool {
    name.len() == variable.len()
        && name.iter().zip(variable).all(|(n, v)| {
            let n = if *n == b'-' { b'_' } else { n.to_ascii_lowercase() };
            n == *v
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(buf: &mut Vec<u8>, name: &str, value: &str) -> HeaderField {
        let start = buf.len();
        buf.extend_from_slice(name.as_bytes());
        let middle = buf.len();
        buf.extend_from_slice(value.as_bytes());
        HeaderField {
            name: Span::new(start, middle),
            value: Span::new(middle, buf.len()),
            known: Known::from_name(name.as_bytes()),
        }
    }

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for known in Known::ALL {
            let name = known.as_str();
            assert_eq!(name, name.to_lowercase());
            assert_eq!(Known::from_name(name.as_bytes()), *known, "{name}");
            assert_eq!(Known::from_name(name.to_uppercase().as_bytes()), *known, "{name}");
        }
        for other in ["", "x", "hosts", "hos", "content_length", "a-very-long-name-that-nobody-knows"] {
            assert_eq!(Known::from_name(other.as_bytes()), Known::Other, "{other}");
        }
        assert_eq!(Known::Other.as_str(), "");
    }

    #[test]
    fn look_up_by_known_name_and_by_text() {
        let mut buf = Vec::new();
        let mut headers = Headers::default();
        for (name, value) in [("Host", "a"), ("X-One", "1"), ("Cookie", "k=1"), ("cookie", "l=2")] {
            assert!(headers.push(field(&mut buf, name, value)));
        }
        assert_eq!(headers.get(Known::Host, &buf), Some(&b"a"[..]));
        assert_eq!(headers.get(Known::Range, &buf), None);
        assert_eq!(headers.find(b"x-one", &buf), Some(&b"1"[..]));
        assert_eq!(headers.find(b"cookie", &buf), Some(&b"k=1"[..]));
        assert_eq!(headers.find(b"x-two", &buf), None);
        let cookies: Vec<_> = headers.all(Known::Cookie).map(|f| f.value.of(&buf)).collect();
        assert_eq!(cookies, [&b"k=1"[..], b"l=2"]);
        assert_eq!(headers.all(Known::Other).count(), 0);

        headers.clear();
        assert!(headers.is_empty() && !headers.has(Known::Host));
        assert_eq!(headers.all(Known::Cookie).count(), 0);
    }

    #[test]
    fn number_of_fields_is_bounded() {
        let mut headers = Headers::default();
        let field = HeaderField { name: Span::EMPTY, value: Span::EMPTY, known: Known::Other };
        for _ in 0..ABSENT {
            assert!(headers.push(field));
        }
        assert!(!headers.push(field));
        assert_eq!(headers.len(), ABSENT as usize);
    }

    #[test]
    fn lists() {
        let items: Vec<_> = list_items(b" close ,, \tUpgrade,x y").collect();
        assert_eq!(items, [&b"close"[..], b"Upgrade", b"x y"]);
        assert_eq!(list_items(b" , ").count(), 0);

        let mut buf = Vec::new();
        let mut headers = Headers::default();
        headers.push(field(&mut buf, "Connection", "Upgrade"));
        headers.push(field(&mut buf, "connection", "x, CLOSE"));
        assert!(headers.list_has(Known::Connection, b"close", &buf));
        assert!(!headers.list_has(Known::Connection, b"keep-alive", &buf));
    }

    #[test]
    fn trims_only_the_ends() {
        assert_eq!(trim_ows(b" \ta b\t "), b"a b");
        assert_eq!(trim_ows(b" \t "), b"");
        assert_eq!(trim_ows(b""), b"");
    }

    #[test]
    fn variable_names() {
        assert!(matches_variable(b"X-Forwarded-For", b"x_forwarded_for"));
        assert!(matches_variable(b"x_forwarded_for", b"x_forwarded_for"));
        assert!(!matches_variable(b"X-Forwarded", b"x_forwarded_for"));
    }
}
