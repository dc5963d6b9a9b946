//! The fields of a head: names and values as spans over the head's buffer, with a fast look-up of known names.
//!
//! One `Headers` lives as long as its connection: `clear` keeps the capacity, so a request costs no allocation.
//! Order and duplicates are kept as they came. The spans mean nothing without the buffer they were parsed from.

use super::Span;
use super::look::LOOK;
use wide::u8x16;

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

/// The bit that tells upper from lower case. Setting it in any other token byte never makes a known name's byte of it.
const CASE_BIT: u8 = 0x20;

/// How each known name is written, by its discriminant; [`Known::Other`] has no length.
static SPELLINGS: [Spelling; Known::ALL.len() + 1] = spellings();

/// How a known name is written, in lower case; aligned, so that a place in the table is found without a multiplication.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Spelling {
    begin: [u8; LOOK],
    /// Bits of a look that are behind the name's end.
    behind: u16,
    len: u8,
    /// What follows `begin` of a long one.
    end: [u8; MAX_KNOWN_LEN - LOOK],
}

/// The discriminant that each slot leads to: no two names share one, so a look-up compares one name.
static SLOTS: [Known; 256] = slots();

/// The first two bytes, the last two and the length tell all known names apart.
#[inline(always)]
const fn slot(first: [u8; 2], last: [u8; 2], len: usize) -> usize {
    let ends = u32::from_le_bytes([first[0], first[1], last[0], last[1]]) | u32::from_le_bytes([CASE_BIT; 4]);
    (ends.wrapping_add((len as u32) << 8).wrapping_mul(0x7604_e4b5) >> 24) as usize
}

const fn spellings() -> [Spelling; Known::ALL.len() + 1] {
    let none = Spelling { begin: [CASE_BIT; LOOK], behind: 0, len: 0, end: [CASE_BIT; MAX_KNOWN_LEN - LOOK] };
    let mut spellings = [none; Known::ALL.len() + 1];
    let mut i = 0;
    while i < Known::NAMES.len() {
        let name = Known::NAMES[i].as_bytes();
        assert!(name.len() <= MAX_KNOWN_LEN);
        let spelling = &mut spellings[i];
        spelling.len = name.len() as u8;
        spelling.behind = (u32::MAX << name.len()) as u16;
        let mut j = 0;
        while j < name.len() {
            if j < LOOK {
                spelling.begin[j] = name[j];
            } else {
                spelling.end[j - LOOK] = name[j];
            }
            j += 1;
        }
        i += 1;
    }
    spellings
}

const fn slots() -> [Known; 256] {
    let mut slots = [Known::Other; 256];
    let mut i = 0;
    while i < Known::NAMES.len() {
        let name = Known::NAMES[i].as_bytes();
        let len = name.len();
        let at = slot([name[0], name[1]], [name[len - 2], name[len - 1]], len);
        assert!(
            slots[at] as usize == Known::ALL.len(),
            "two names in one slot: choose another factor in slot()"
        );
        slots[at] = Known::ALL[i];
        i += 1;
    }
    slots
}

impl Known {
    /// The known name that `name` is, without regard to case. `name` must be a token (or lower case already).
    pub fn from_name(name: &[u8]) -> Known {
        let mut begin = [0; LOOK];
        let len = name.len().min(LOOK);
        begin[..len].copy_from_slice(&name[..len]);
        Known::of(name, u8x16::new(begin))
    }

    /// The known name that a variable like `$http_x_forwarded_for` asks for: `variable` (without the prefix) is in lower
    /// case with `_` for `-`.
    pub fn from_variable(variable: &[u8]) -> Known {
        let mut name = [0; MAX_KNOWN_LEN];
        let Some(name) = name.get_mut(..variable.len()) else { return Known::Other };
        for (to, from) in name.iter_mut().zip(variable) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        Known::from_name(name)
    }

    /// As [`Known::from_name`]; `begin` is what `name` begins with and what follows it.
    #[inline(always)]
    pub(super) fn of(name: &[u8], begin: u8x16) -> Known {
        let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else { return Known::Other };
        let known = SLOTS[slot(*first, *last, name.len())];
        let spelling = &SPELLINGS[known as usize];
        let same = (begin | u8x16::splat(CASE_BIT)).simd_eq(u8x16::new(spelling.begin)).to_bitmask();
        if usize::from(spelling.len) != name.len() || same as u16 | spelling.behind != u16::MAX {
            return Known::Other;
        }
        match name.get(LOOK..) {
            Some(rest @ [_, ..]) => known.if_ends(rest),
            _ => known,
        }
    }

    /// This name if it ends with `rest`, the bytes of a long one that a look does not show.
    fn if_ends(self, rest: &[u8]) -> Known {
        let same =
            rest.iter().zip(&SPELLINGS[self as usize].end).all(|(byte, lower)| *byte | CASE_BIT == *lower);
        if same { self } else { Known::Other }
    }

    /// The name in lower case; the empty string for `Other`.
    pub fn as_str(self) -> &'static str {
        Known::NAMES.get(self as usize).copied().unwrap_or("")
    }

    /// One bit for each known name, none for `Other`.
    const fn bit(self) -> u64 {
        if self as usize == Known::ALL.len() { 0 } else { 1 << self as u32 }
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

/// What a `Connection` field asks for (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
}

/// What [`Headers::only`] found.
#[derive(Clone, Copy, Debug)]
pub enum Only<'h> {
    /// There is no such field.
    None,
    /// This is it.
    Field(&'h HeaderField),
    /// All fields have to be looked at.
    Unclear,
}

/// A set of field names to look fields up in, made once: known names are bits, the others are compared.
#[derive(Clone, Debug, Default)]
pub struct FieldNames {
    known: u64,
    others: Vec<Box<[u8]>>,
}

const _: () = assert!(Known::ALL.len() < 64, "each known name has a bit, and all others one");

impl FieldNames {
    /// A set of known names.
    pub const fn known(names: &[Known]) -> FieldNames {
        let mut known = 0;
        let mut i = 0;
        while i < names.len() {
            known |= names[i].bit();
            i += 1;
        }
        FieldNames { known, others: Vec::new() }
    }

    /// Adds a name, in any case.
    pub fn insert(&mut self, name: &[u8]) {
        match Known::from_name(name) {
            Known::Other if !self.contains_name(name) => self.others.push(name.into()),
            Known::Other => {}
            known => self.known |= known.bit(),
        }
    }

    /// Takes a name away, in any case.
    pub fn remove(&mut self, name: &[u8]) {
        self.known &= !Known::from_name(name).bit();
        self.others.retain(|other| !other.eq_ignore_ascii_case(name));
    }

    /// Whether a name is in the set, in any case.
    pub fn contains_name(&self, name: &[u8]) -> bool {
        match Known::from_name(name) {
            Known::Other => self.others.iter().any(|other| other.eq_ignore_ascii_case(name)),
            known => self.has(known),
        }
    }

    /// Whether the known name is in the set.
    pub fn has(&self, known: Known) -> bool {
        // `Other` has a bit in no set.
        self.known >> known as u32 & 1 != 0
    }

    /// Whether the field's name is in the set; `buf` holds it.
    pub fn contains(&self, field: &HeaderField, buf: &[u8]) -> bool {
        match field.known {
            Known::Other if self.others.is_empty() => false,
            Known::Other => {
                let name = field.name.of(buf);
                self.others.iter().any(|other| other.eq_ignore_ascii_case(name))
            }
            known => self.has(known),
        }
    }
}

impl<N: AsRef<[u8]>> FromIterator<N> for FieldNames {
    fn from_iter<I: IntoIterator<Item = N>>(names: I) -> Self {
        let mut set = FieldNames::default();
        for name in names {
            set.insert(name.as_ref());
        }
        set
    }
}

/// Most fields a head can have, so that an index fits 16 bits.
const MAX_FIELDS: usize = u16::MAX as usize;

/// The fields of one head, in order, reusable.
#[derive(Clone, Debug)]
pub struct Headers {
    fields: Vec<HeaderField>,
    /// Bits of the known names that came, and of those that came more than once.
    seen: u64,
    repeated: u64,
    /// A name has a `_`, which variables take for a `-`.
    underscored: bool,
    even: bool,
    /// Index of the first field of each known name that was seen.
    first: [u16; Known::ALL.len() + 1],
}

impl Default for Headers {
    fn default() -> Self {
        Headers {
            fields: Vec::new(),
            seen: 0,
            repeated: 0,
            underscored: false,
            even: false,
            first: [0; Known::ALL.len() + 1],
        }
    }
}

impl Headers {
    /// Forgets every field and keeps the memory.
    pub fn clear(&mut self) {
        self.fields.clear();
        (self.seen, self.repeated, self.underscored, self.even) = (0, 0, false, false);
    }

    /// Adds a field. Returns false, and adds nothing, when the head has as many fields as an index can name (65,535).
    #[inline(always)]
    pub fn push(&mut self, field: HeaderField) -> bool {
        if self.fields.len() == self.fields.capacity() && !self.grow() {
            return false;
        }
        // `Other` has a bit and a place of its own here, so that no field is a special case; nobody asks for them.
        let bit = 1 << field.known as u32;
        self.repeated |= self.seen & bit;
        if self.seen & bit == 0 {
            self.seen |= bit;
            self.first[field.known as usize] = self.fields.len() as u16;
        }
        self.fields.push(field);
        true
    }

    /// Makes place for more fields, if a head may have more.
    #[cold]
    fn grow(&mut self) -> bool {
        let capacity = self.fields.capacity();
        self.fields.reserve_exact(capacity.max(8).min(MAX_FIELDS - capacity));
        self.fields.capacity() > capacity
    }

    /// Says that a name has a `_`.
    pub(super) fn note_underscore(&mut self) {
        self.underscored = true;
    }

    /// Says whether [`Headers::are_even`].
    pub(super) fn note_even(&mut self, even: bool) {
        self.even = even;
    }

    /// Whether each line is a name, `: `, its value, which is not empty, and CRLF, and stands right behind the one before: none
    /// was dropped.
    pub fn are_even(&self) -> bool {
        self.even
    }

    /// The only field of this name, when nothing else could be meant by a variable that names it.
    pub fn only(&self, known: Known) -> Only<'_> {
        match known {
            Known::Other => Only::Unclear,
            known if self.underscored || self.is_repeated(known) => Only::Unclear,
            known => self.first(known).map_or(Only::None, Only::Field),
        }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The field at this place in the order they came.
    pub fn at(&self, index: usize) -> Option<HeaderField> {
        self.fields.get(index).copied()
    }

    /// All fields in the order they came.
    pub fn iter(&self) -> std::slice::Iter<'_, HeaderField> {
        self.fields.iter()
    }

    /// Whether the field is there.
    pub fn has(&self, known: Known) -> bool {
        self.seen & known.bit() != 0
    }

    /// Whether the field came more than once.
    pub fn is_repeated(&self, known: Known) -> bool {
        self.repeated & known.bit() != 0
    }

    /// Whether any field of `names` came more than once; only known names count.
    pub fn repeats_any(&self, names: &FieldNames) -> bool {
        self.repeated & names.known != 0
    }

    /// The first field of this name.
    pub fn first(&self, known: Known) -> Option<&HeaderField> {
        if !self.has(known) {
            return None;
        }
        self.fields.get(*self.first.get(known as usize)? as usize)
    }

    /// All fields of this name, in order. Nothing for `Known::Other`.
    pub fn all(&self, known: Known) -> impl Iterator<Item = &HeaderField> {
        let from = if self.has(known) { self.first[known as usize] as usize } else { usize::MAX };
        let to = if self.is_repeated(known) { usize::MAX } else { from.saturating_add(1) };
        let fields = self.fields.get(from..to.min(self.fields.len())).unwrap_or_default();
        fields.iter().filter(move |f| f.known == known)
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

    /// The options in all `Connection` lines that this server knows.
    pub fn connection_options(&self, buf: &[u8]) -> ConnectionOptions {
        let Some(field) = self.first(Known::Connection) else { return ConnectionOptions::default() };
        if !self.is_repeated(Known::Connection) && field.value.of(buf) == b"keep-alive" {
            // As nearly all clients write it.
            return ConnectionOptions { keep_alive: true, ..ConnectionOptions::default() };
        }
        self.listed_connection_options(buf)
    }

    fn listed_connection_options(&self, buf: &[u8]) -> ConnectionOptions {
        let mut options = ConnectionOptions::default();
        for field in self.all(Known::Connection) {
            for item in list_items(field.value.of(buf)) {
                options.close |= item.eq_ignore_ascii_case(b"close");
                options.keep_alive |= item.eq_ignore_ascii_case(b"keep-alive");
                options.upgrade |= item.eq_ignore_ascii_case(b"upgrade");
            }
        }
        options
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
        for _ in 0..MAX_FIELDS {
            assert!(headers.push(field));
        }
        assert!(!headers.push(field));
        assert_eq!(headers.len(), MAX_FIELDS);
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
        let options = headers.connection_options(&buf);
        assert_eq!(options, ConnectionOptions { close: true, keep_alive: false, upgrade: true });
        headers.push(field(&mut buf, "Connection", "keep-alive"));
        assert!(headers.connection_options(&buf).keep_alive);
    }

    #[test]
    fn trims_only_the_ends() {
        assert_eq!(trim_ows(b" \ta b\t "), b"a b");
        assert_eq!(trim_ows(b" \t "), b"");
        assert_eq!(trim_ows(b""), b"");
    }

    #[test]
    fn variable_names() {
        assert_eq!(Known::from_variable(b"x_forwarded_for"), Known::XForwardedFor);
        assert_eq!(Known::from_variable(b"a_variable_longer_than_any_known_name"), Known::Other);
        assert!(matches_variable(b"X-Forwarded-For", b"x_forwarded_for"));
        assert!(matches_variable(b"x_forwarded_for", b"x_forwarded_for"));
        assert!(!matches_variable(b"X-Forwarded", b"x_forwarded_for"));
    }
}
