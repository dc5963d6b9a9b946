//! OpenSSL's language for ciphers, as `ssl_ciphers`, `ssl_ecdh_curve` and their kin speak it, and what of it can be offered.
//!
//! A list is read over all ciphers that OpenSSL 3.0 knows (without those of pre-shared keys), by OpenSSL's rules; then those
//! stay that TLS can do here. No I/O, no state. Called by `build`, and by `http` for the names of ciphers.

/// A cipher of TLS 1.2 and below: name, code, key exchange, authentication, encryption, digest, version. In the order in which
/// OpenSSL prefers them.
type Cipher = (&'static str, u16, &'static str, &'static str, &'static str, &'static str, &'static str);

/// What `ssl_ciphers` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherList {
    /// Ciphers of TLS 1.2 that can be offered, by their codes, the best first.
    pub codes: Vec<u16>,
    /// Names that are written and cannot be offered.
    pub left_out: Vec<String>,
}

/// Ciphers of TLS 1.3 by name.
pub const TLS13: [(&str, u16); 5] = [
    ("TLS_AES_256_GCM_SHA384", 0x1302),
    ("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
    ("TLS_AES_128_GCM_SHA256", 0x1301),
    ("TLS_AES_128_CCM_SHA256", 0x1304),
    ("TLS_AES_128_CCM_8_SHA256", 0x1305),
];

/// Can be offered.
const OFFERED: [u16; 9] = [0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F];

/// The name of a cipher as OpenSSL writes it.
pub fn name(code: u16) -> Option<&'static str> {
    let tls13 = TLS13.iter().find(|(_, known)| *known == code).map(|(name, _)| *name);
    tls13.or_else(|| TABLE.iter().find(|cipher| cipher.1 == code).map(|cipher| cipher.0))
}

/// The ciphers of TLS 1.2 that are offered when nothing is written.
pub fn default_codes() -> Vec<u16> {
    TABLE.iter().map(|cipher| cipher.1).filter(|code| OFFERED.contains(code)).collect()
}

/// Reads `HIGH:!aNULL:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=1` and its like; `None` where OpenSSL finds no cipher in it.
pub fn parse(text: &str) -> Option<CipherList> {
    let mut ranks: Vec<Rank> = TABLE.iter().map(|_| Rank::Out).collect();
    let mut order: Vec<usize> = Vec::new();
    let mut left_out = Vec::new();
    for word in text.split([':', ' ', ',', ';']).filter(|word| !word.is_empty()) {
        let (operator, selector) = match word.as_bytes()[0] {
            operator @ (b'!' | b'-' | b'+' | b'@') => (operator, &word[1..]),
            _ => (b' ', word),
        };
        if operator == b'@' {
            if selector == "STRENGTH" {
                // Stable: those of one strength keep their order.
                order.sort_by_key(|at| std::cmp::Reverse(bits(&TABLE[*at])));
            }
            continue;
        }
        if operator == b' ' && !left_out.iter().any(|name| name == selector) && is_left_out(selector) {
            left_out.push(selector.to_owned());
        }
        // What moves to the end keeps its order among itself.
        let from: Vec<usize> = if operator == b'+' { order.clone() } else { (0..TABLE.len()).collect() };
        let selected: Vec<usize> = from.into_iter().filter(|at| selects(selector, &TABLE[*at])).collect();
        for at in selected {
            match (operator, ranks[at]) {
                (b'!', _) => ranks[at] = Rank::Killed,
                (b'-', Rank::In) => ranks[at] = Rank::Out,
                (b'+', Rank::In) => {}
                (b' ', Rank::Out) => ranks[at] = Rank::In,
                _ => continue,
            }
            order.retain(|other| *other != at);
            if ranks[at] == Rank::In {
                order.push(at);
            }
        }
    }
    let killed = |name: &String| {
        TABLE.iter().position(|cipher| cipher.0 == name.as_str()).is_some_and(|at| ranks[at] != Rank::In)
    };
    left_out.retain(|name| !killed(name));
    let codes = order.iter().map(|at| TABLE[*at].1).filter(|code| OFFERED.contains(code)).collect();
    // OpenSSL takes a list in which only the ciphers of others are known for none.
    (!order.is_empty()).then_some(CipherList { codes, left_out })
}

/// Reads a list of ciphers of TLS 1.3; `None` where OpenSSL refuses it.
pub fn parse_tls13(text: &str) -> Option<CipherList> {
    let mut list = CipherList { codes: Vec::new(), left_out: Vec::new() };
    for word in text.split(':').filter(|word| !word.is_empty()) {
        let (_, code) = TLS13.iter().find(|(name, _)| *name == word)?;
        if OFFERED.contains(code) {
            list.codes.push(*code);
        } else {
            list.left_out.push(word.to_owned());
        }
    }
    Some(list)
}

/// A group for the exchange of keys that can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// X25519
    X25519,
    /// P-256
    P256,
    /// P-384
    P384,
}

/// What is offered when nothing is written.
pub const CURVES: [Curve; 3] = [Curve::X25519, Curve::P256, Curve::P384];

/// Groups that OpenSSL knows and that cannot be offered.
const OTHER_CURVES: [&str; 22] = [
    "X448",
    "secp521r1",
    "P-521",
    "secp256k1",
    "secp224r1",
    "P-224",
    "secp192r1",
    "prime192v1",
    "P-192",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "ffdhe2048",
    "ffdhe3072",
    "ffdhe4096",
    "ffdhe6144",
    "ffdhe8192",
    "X25519MLKEM768",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
    "MLKEM768",
    "sect571r1",
];

/// Reads `X25519:prime256v1`: what can be offered, and what is left out. The error is the word that nobody knows.
pub fn parse_curves(text: &str) -> Result<(Vec<Curve>, Vec<String>), String> {
    let (mut curves, mut left_out) = (Vec::new(), Vec::new());
    for word in text.split(':').filter(|word| !word.is_empty()) {
        let curve = match word {
            "auto" => return Ok((CURVES.to_vec(), Vec::new())),
            _ if word.eq_ignore_ascii_case("X25519") => Curve::X25519,
            "prime256v1" | "P-256" | "secp256r1" => Curve::P256,
            "secp384r1" | "P-384" => Curve::P384,
            _ if OTHER_CURVES.iter().any(|other| other.eq_ignore_ascii_case(word)) => {
                left_out.push(word.to_owned());
                continue;
            }
            _ => return Err(word.to_owned()),
        };
        if !curves.contains(&curve) {
            curves.push(curve);
        }
    }
    Ok((curves, left_out))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// In the list.
    In,
    /// Not (yet), or taken out again.
    Out,
    /// Out for good (`!`).
    Killed,
}

/// A single cipher by name that cannot be offered. (A word for many is no reason to speak.)
fn is_left_out(word: &str) -> bool {
    match TABLE.iter().find(|cipher| cipher.0 == word) {
        Some(cipher) => !OFFERED.contains(&cipher.1),
        // Of other builds: DES-CBC3-SHA and its like.
        None => word.contains('-') && !word.contains('+') && !word.starts_with("TLS_"),
    }
}

/// Does a word, or words joined by `+`, mean this cipher?
fn selects(selector: &str, cipher: &Cipher) -> bool {
    selector.split('+').all(|word| is(word, cipher))
}

fn is(word: &str, cipher: &Cipher) -> bool {
    let (name, _, exchange, authentication, encryption, digest, version) = *cipher;
    let anonymous = authentication == "None";
    let plain = encryption == "None";
    match word {
        "ALL" | "DEFAULT" => !plain && (word == "ALL" || !anonymous),
        "COMPLEMENTOFALL" | "eNULL" | "NULL" => plain,
        "HIGH" => !plain,
        "FIPS" => !plain && (encryption.starts_with("AES") && !encryption.starts_with("AESCCM8")),
        "aNULL" => anonymous,
        "kRSA" => exchange == "RSA",
        "aRSA" => authentication == "RSA",
        "RSA" => exchange == "RSA" && authentication == "RSA",
        "kDHE" | "kEDH" | "DH" => exchange == "DH",
        "DHE" | "EDH" => exchange == "DH" && !anonymous,
        "ADH" => exchange == "DH" && anonymous,
        "kECDHE" | "kEECDH" | "ECDH" => exchange == "ECDH",
        "ECDHE" | "EECDH" => exchange == "ECDH" && !anonymous,
        "AECDH" => exchange == "ECDH" && anonymous,
        "aDSS" | "DSS" => authentication == "DSS",
        "aECDSA" | "ECDSA" => authentication == "ECDSA",
        "AES" => encryption.starts_with("AES"),
        "AES128" => encryption.starts_with("AES") && encryption.ends_with("(128)"),
        "AES256" => encryption.starts_with("AES") && encryption.ends_with("(256)"),
        "AESGCM" => encryption.starts_with("AESGCM"),
        "AESCCM" => encryption.starts_with("AESCCM"),
        "AESCCM8" => encryption.starts_with("AESCCM8"),
        "CHACHA20" => encryption.starts_with("CHACHA20"),
        "CAMELLIA" => encryption.starts_with("Camellia"),
        "CAMELLIA128" => encryption == "Camellia(128)",
        "CAMELLIA256" => encryption == "Camellia(256)",
        "ARIA" | "ARIAGCM" => encryption.starts_with("ARIA"),
        "ARIA128" => encryption == "ARIAGCM(128)",
        "ARIA256" => encryption == "ARIAGCM(256)",
        "MD5" => digest == "MD5",
        "SHA1" | "SHA" => digest == "SHA1",
        "SHA256" => digest == "SHA256",
        "SHA384" => digest == "SHA384",
        "SSLv3" => version == "SSLv3",
        "TLSv1" | "TLSv1.0" => version == "TLSv1",
        "TLSv1.2" => version == "TLSv1.2",
        "SUITEB128" | "SUITEB128C2" => {
            matches!(name, "ECDHE-ECDSA-AES128-GCM-SHA256" | "ECDHE-ECDSA-AES256-GCM-SHA384")
        }
        "SUITEB128ONLY" => name == "ECDHE-ECDSA-AES128-GCM-SHA256",
        "SUITEB192" => name == "ECDHE-ECDSA-AES256-GCM-SHA384",
        word => word == name,
    }
}

fn bits(cipher: &Cipher) -> u16 {
    if cipher.4.ends_with("(256)") {
        256
    } else if cipher.4.ends_with("(128)") {
        128
    } else {
        0
    }
}

#[rustfmt::skip]
const TABLE: &[Cipher] = &[
    ("ECDHE-ECDSA-AES256-GCM-SHA384", 0xC02C, "ECDH", "ECDSA", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-RSA-AES256-GCM-SHA384", 0xC030, "ECDH", "RSA", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("DHE-DSS-AES256-GCM-SHA384", 0x00A3, "DH", "DSS", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES256-GCM-SHA384", 0x009F, "DH", "RSA", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", 0xCCA9, "ECDH", "ECDSA", "CHACHA20/POLY1305(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-RSA-CHACHA20-POLY1305", 0xCCA8, "ECDH", "RSA", "CHACHA20/POLY1305(256)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-CHACHA20-POLY1305", 0xCCAA, "DH", "RSA", "CHACHA20/POLY1305(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES256-CCM8", 0xC0AF, "ECDH", "ECDSA", "AESCCM8(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES256-CCM", 0xC0AD, "ECDH", "ECDSA", "AESCCM(256)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES256-CCM8", 0xC0A3, "DH", "RSA", "AESCCM8(256)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES256-CCM", 0xC09F, "DH", "RSA", "AESCCM(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-ARIA256-GCM-SHA384", 0xC05D, "ECDH", "ECDSA", "ARIAGCM(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ARIA256-GCM-SHA384", 0xC061, "ECDH", "RSA", "ARIAGCM(256)", "AEAD", "TLSv1.2"),
    ("DHE-DSS-ARIA256-GCM-SHA384", 0xC057, "DH", "DSS", "ARIAGCM(256)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-ARIA256-GCM-SHA384", 0xC053, "DH", "RSA", "ARIAGCM(256)", "AEAD", "TLSv1.2"),
    ("ADH-AES256-GCM-SHA384", 0x00A7, "DH", "None", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02B, "ECDH", "ECDSA", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-RSA-AES128-GCM-SHA256", 0xC02F, "ECDH", "RSA", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("DHE-DSS-AES128-GCM-SHA256", 0x00A2, "DH", "DSS", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES128-GCM-SHA256", 0x009E, "DH", "RSA", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES128-CCM8", 0xC0AE, "ECDH", "ECDSA", "AESCCM8(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES128-CCM", 0xC0AC, "ECDH", "ECDSA", "AESCCM(128)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES128-CCM8", 0xC0A2, "DH", "RSA", "AESCCM8(128)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-AES128-CCM", 0xC09E, "DH", "RSA", "AESCCM(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-ARIA128-GCM-SHA256", 0xC05C, "ECDH", "ECDSA", "ARIAGCM(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-ARIA128-GCM-SHA256", 0xC060, "ECDH", "RSA", "ARIAGCM(128)", "AEAD", "TLSv1.2"),
    ("DHE-DSS-ARIA128-GCM-SHA256", 0xC056, "DH", "DSS", "ARIAGCM(128)", "AEAD", "TLSv1.2"),
    ("DHE-RSA-ARIA128-GCM-SHA256", 0xC052, "DH", "RSA", "ARIAGCM(128)", "AEAD", "TLSv1.2"),
    ("ADH-AES128-GCM-SHA256", 0x00A6, "DH", "None", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("ECDHE-ECDSA-AES256-SHA384", 0xC024, "ECDH", "ECDSA", "AES(256)", "SHA384", "TLSv1.2"),
    ("ECDHE-RSA-AES256-SHA384", 0xC028, "ECDH", "RSA", "AES(256)", "SHA384", "TLSv1.2"),
    ("DHE-RSA-AES256-SHA256", 0x006B, "DH", "RSA", "AES(256)", "SHA256", "TLSv1.2"),
    ("DHE-DSS-AES256-SHA256", 0x006A, "DH", "DSS", "AES(256)", "SHA256", "TLSv1.2"),
    ("ECDHE-ECDSA-CAMELLIA256-SHA384", 0xC073, "ECDH", "ECDSA", "Camellia(256)", "SHA384", "TLSv1.2"),
    ("ECDHE-RSA-CAMELLIA256-SHA384", 0xC077, "ECDH", "RSA", "Camellia(256)", "SHA384", "TLSv1.2"),
    ("DHE-RSA-CAMELLIA256-SHA256", 0x00C4, "DH", "RSA", "Camellia(256)", "SHA256", "TLSv1.2"),
    ("DHE-DSS-CAMELLIA256-SHA256", 0x00C3, "DH", "DSS", "Camellia(256)", "SHA256", "TLSv1.2"),
    ("ADH-AES256-SHA256", 0x006D, "DH", "None", "AES(256)", "SHA256", "TLSv1.2"),
    ("ADH-CAMELLIA256-SHA256", 0x00C5, "DH", "None", "Camellia(256)", "SHA256", "TLSv1.2"),
    ("ECDHE-ECDSA-AES128-SHA256", 0xC023, "ECDH", "ECDSA", "AES(128)", "SHA256", "TLSv1.2"),
    ("ECDHE-RSA-AES128-SHA256", 0xC027, "ECDH", "RSA", "AES(128)", "SHA256", "TLSv1.2"),
    ("DHE-RSA-AES128-SHA256", 0x0067, "DH", "RSA", "AES(128)", "SHA256", "TLSv1.2"),
    ("DHE-DSS-AES128-SHA256", 0x0040, "DH", "DSS", "AES(128)", "SHA256", "TLSv1.2"),
    ("ECDHE-ECDSA-CAMELLIA128-SHA256", 0xC072, "ECDH", "ECDSA", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("ECDHE-RSA-CAMELLIA128-SHA256", 0xC076, "ECDH", "RSA", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("DHE-RSA-CAMELLIA128-SHA256", 0x00BE, "DH", "RSA", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("DHE-DSS-CAMELLIA128-SHA256", 0x00BD, "DH", "DSS", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("ADH-AES128-SHA256", 0x006C, "DH", "None", "AES(128)", "SHA256", "TLSv1.2"),
    ("ADH-CAMELLIA128-SHA256", 0x00BF, "DH", "None", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("ECDHE-ECDSA-AES256-SHA", 0xC00A, "ECDH", "ECDSA", "AES(256)", "SHA1", "TLSv1"),
    ("ECDHE-RSA-AES256-SHA", 0xC014, "ECDH", "RSA", "AES(256)", "SHA1", "TLSv1"),
    ("DHE-RSA-AES256-SHA", 0x0039, "DH", "RSA", "AES(256)", "SHA1", "SSLv3"),
    ("DHE-DSS-AES256-SHA", 0x0038, "DH", "DSS", "AES(256)", "SHA1", "SSLv3"),
    ("DHE-RSA-CAMELLIA256-SHA", 0x0088, "DH", "RSA", "Camellia(256)", "SHA1", "SSLv3"),
    ("DHE-DSS-CAMELLIA256-SHA", 0x0087, "DH", "DSS", "Camellia(256)", "SHA1", "SSLv3"),
    ("AECDH-AES256-SHA", 0xC019, "ECDH", "None", "AES(256)", "SHA1", "TLSv1"),
    ("ADH-AES256-SHA", 0x003A, "DH", "None", "AES(256)", "SHA1", "SSLv3"),
    ("ADH-CAMELLIA256-SHA", 0x0089, "DH", "None", "Camellia(256)", "SHA1", "SSLv3"),
    ("ECDHE-ECDSA-AES128-SHA", 0xC009, "ECDH", "ECDSA", "AES(128)", "SHA1", "TLSv1"),
    ("ECDHE-RSA-AES128-SHA", 0xC013, "ECDH", "RSA", "AES(128)", "SHA1", "TLSv1"),
    ("DHE-RSA-AES128-SHA", 0x0033, "DH", "RSA", "AES(128)", "SHA1", "SSLv3"),
    ("DHE-DSS-AES128-SHA", 0x0032, "DH", "DSS", "AES(128)", "SHA1", "SSLv3"),
    ("DHE-RSA-CAMELLIA128-SHA", 0x0045, "DH", "RSA", "Camellia(128)", "SHA1", "SSLv3"),
    ("DHE-DSS-CAMELLIA128-SHA", 0x0044, "DH", "DSS", "Camellia(128)", "SHA1", "SSLv3"),
    ("AECDH-AES128-SHA", 0xC018, "ECDH", "None", "AES(128)", "SHA1", "TLSv1"),
    ("ADH-AES128-SHA", 0x0034, "DH", "None", "AES(128)", "SHA1", "SSLv3"),
    ("ADH-CAMELLIA128-SHA", 0x0046, "DH", "None", "Camellia(128)", "SHA1", "SSLv3"),
    ("AES256-GCM-SHA384", 0x009D, "RSA", "RSA", "AESGCM(256)", "AEAD", "TLSv1.2"),
    ("AES256-CCM8", 0xC0A1, "RSA", "RSA", "AESCCM8(256)", "AEAD", "TLSv1.2"),
    ("AES256-CCM", 0xC09D, "RSA", "RSA", "AESCCM(256)", "AEAD", "TLSv1.2"),
    ("ARIA256-GCM-SHA384", 0xC051, "RSA", "RSA", "ARIAGCM(256)", "AEAD", "TLSv1.2"),
    ("AES128-GCM-SHA256", 0x009C, "RSA", "RSA", "AESGCM(128)", "AEAD", "TLSv1.2"),
    ("AES128-CCM8", 0xC0A0, "RSA", "RSA", "AESCCM8(128)", "AEAD", "TLSv1.2"),
    ("AES128-CCM", 0xC09C, "RSA", "RSA", "AESCCM(128)", "AEAD", "TLSv1.2"),
    ("ARIA128-GCM-SHA256", 0xC050, "RSA", "RSA", "ARIAGCM(128)", "AEAD", "TLSv1.2"),
    ("AES256-SHA256", 0x003D, "RSA", "RSA", "AES(256)", "SHA256", "TLSv1.2"),
    ("CAMELLIA256-SHA256", 0x00C0, "RSA", "RSA", "Camellia(256)", "SHA256", "TLSv1.2"),
    ("AES128-SHA256", 0x003C, "RSA", "RSA", "AES(128)", "SHA256", "TLSv1.2"),
    ("CAMELLIA128-SHA256", 0x00BA, "RSA", "RSA", "Camellia(128)", "SHA256", "TLSv1.2"),
    ("AES256-SHA", 0x0035, "RSA", "RSA", "AES(256)", "SHA1", "SSLv3"),
    ("CAMELLIA256-SHA", 0x0084, "RSA", "RSA", "Camellia(256)", "SHA1", "SSLv3"),
    ("AES128-SHA", 0x002F, "RSA", "RSA", "AES(128)", "SHA1", "SSLv3"),
    ("CAMELLIA128-SHA", 0x0041, "RSA", "RSA", "Camellia(128)", "SHA1", "SSLv3"),
    ("ECDHE-ECDSA-NULL-SHA", 0xC006, "ECDH", "ECDSA", "None", "SHA1", "TLSv1"),
    ("ECDHE-RSA-NULL-SHA", 0xC010, "ECDH", "RSA", "None", "SHA1", "TLSv1"),
    ("AECDH-NULL-SHA", 0xC015, "ECDH", "None", "None", "SHA1", "TLSv1"),
    ("NULL-SHA256", 0x003B, "RSA", "RSA", "None", "SHA256", "TLSv1.2"),
    ("NULL-SHA", 0x0002, "RSA", "RSA", "None", "SHA1", "SSLv3"),
    ("NULL-MD5", 0x0001, "RSA", "RSA", "None", "MD5", "SSLv3"),
];

#[cfg(test)]
mod tests {
    use super::{Curve, OFFERED, default_codes, name, parse, parse_curves, parse_tls13};

    const EA256: u16 = 0xC02C;
    const RA256: u16 = 0xC030;
    const ECHACHA: u16 = 0xCCA9;
    const RCHACHA: u16 = 0xCCA8;
    const EA128: u16 = 0xC02B;
    const RA128: u16 = 0xC02F;

    /// Each list as `openssl ciphers` 3.0 answers it.
    #[test]
    fn lists_mean_what_openssl_says() {
        let all = [EA256, RA256, ECHACHA, RCHACHA, EA128, RA128];
        for (text, codes) in [
            ("HIGH:!aNULL:!MD5", &all[..]),
            ("HIGH:!MEDIUM:!LOW:!aNULL:!NULL:!SHA", &all),
            (
                "ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:ECDH+3DES:RSA+3DES:!aNULL:!MD5:!DSS",
                &[EA256, RA256, EA128, RA128],
            ),
            (
                "EECDH+CHACHA20:EECDH+AES128:RSA+AES128:EECDH+AES256:!MD5",
                &[ECHACHA, RCHACHA, EA128, RA128, EA256, RA256],
            ),
            ("AES256+EECDH:AES256+EDH:!aNULL", &[EA256, RA256]),
            ("DEFAULT:+AES256", &[ECHACHA, RCHACHA, EA128, RA128, EA256, RA256]),
            ("ALL:!AES256:@STRENGTH", &[ECHACHA, RCHACHA, EA128, RA128]),
            ("AES128:-SHA256:AES:+AESGCM", &[EA128, RA128, EA256, RA256]),
            ("TLSv1.2+FIPS:kRSA+FIPS:!eNULL:!aNULL", &[EA256, RA256, EA128, RA128]),
            ("!ECDSA:ALL, ECDHE-ECDSA-AES128-GCM-SHA256;@SECLEVEL=1", &[RA256, RCHACHA, RA128]),
            ("AES128-SHA", &[]),
        ] {
            assert_eq!(parse(text).unwrap().codes, codes, "{text}");
        }
        assert_eq!(default_codes(), all);
        for text in ["", "FOO", "PSK", "!HIGH", "@STRENGTH", "HIGH:!ALL"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_cannot_be_offered_are_told() {
        let list = parse(
            "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:DES-CBC3-SHA:AES128-SHA:HIGH:!AES128-SHA:!RC4",
        );
        assert_eq!(list.unwrap().left_out, ["DHE-RSA-AES128-GCM-SHA256", "DES-CBC3-SHA"]);
        let list = parse_tls13("TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256").unwrap();
        assert_eq!((list.codes, list.left_out), (vec![0x1301], vec!["TLS_AES_128_CCM_SHA256".to_owned()]));
        assert_eq!(parse_tls13("TLS_FOO"), None);
    }

    #[test]
    fn groups() {
        let (curves, left_out) = parse_curves("X25519:X448:secp384r1:secp256k1").unwrap();
        assert_eq!(curves, [Curve::X25519, Curve::P384]);
        assert_eq!(left_out, ["X448", "secp256k1"]);
        assert_eq!(parse_curves("P-256:nope").unwrap_err(), "nope");
    }

    #[test]
    fn every_cipher_that_is_offered_has_a_name() {
        assert!(OFFERED.iter().all(|code| name(*code).is_some()));
        assert_eq!(name(RA128), Some("ECDHE-RSA-AES128-GCM-SHA256"));
        assert_eq!(name(0x5600), None);
    }
}
