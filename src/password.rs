//! Passwords as they stand in a user file (`auth_basic_user_file`), and whether one is right.
//!
//! The forms are nginx's: `{PLAIN}`, `{SHA}`, `{SSHA}`, `$apr1$`, and of crypt(3) MD5 (`$1$`), SHA-256 and SHA-512 (`$5$`,
//! `$6$`) and bcrypt (`$2a$`, `$2b$`, `$2x$`, `$2y$`). An unknown form is never right. No I/O, no state; slow on purpose
//! for most forms, so the loop of a core must not call [`verify`] for a hash that [`is_slow`]. Called by `shard`.

mod md5_crypt;

use sha1::{Digest, Sha1};

use crate::http1::base64;

/// Longest password that crypt(3) takes, bytes: its cost grows with the length.
const MAX_CRYPT_PASSWORD: usize = 512;

/// Longest salt of `$5$` and `$6$`, bytes.
const MAX_SHA_CRYPT_SALT: usize = 16;

/// Bytes of a SHA-1 digest.
const SHA1_LEN: usize = 20;

/// Whether checking a password against this takes long enough to be felt by others.
pub fn is_slow(hash: &[u8]) -> bool {
    hash.starts_with(b"$")
}

/// Whether `hash` was made from `password`. A password ends at its first zero byte, as in C.
pub fn verify(password: &[u8], hash: &[u8]) -> bool {
    let password = password.split(|&b| b == 0).next().unwrap_or_default();
    if let Some(plain) = hash.strip_prefix(b"{PLAIN}") {
        return same(password, plain);
    }
    if let Some(digest) = hash.strip_prefix(b"{SHA}") {
        return same(base64::encode(&Sha1::digest(password)).as_bytes(), digest);
    }
    if let Some(salted) = hash.strip_prefix(b"{SSHA}") {
        return verify_ssha(password, salted);
    }
    if let Some(rest) = hash.strip_prefix(b"$apr1$") {
        return md5_crypt::verify(password, b"$apr1$", rest);
    }
    if password.len() > MAX_CRYPT_PASSWORD {
        return false;
    }
    match hash {
        [b'$', b'1', b'$', rest @ ..] => md5_crypt::verify(password, b"$1$", rest),
        [b'$', b'5', b'$', rest @ ..] => verify_sha_crypt(rest, |salt, rounds| {
            Crypt64::of(&sha_crypt::sha256_crypt(password, salt, rounds), &SHA256_ORDER)
        }),
        [b'$', b'6', b'$', rest @ ..] => verify_sha_crypt(rest, |salt, rounds| {
            Crypt64::of(&sha_crypt::sha512_crypt(password, salt, rounds), &SHA512_ORDER)
        }),
        [b'$', b'2', ..] => {
            std::str::from_utf8(hash).is_ok_and(|hash| bcrypt::verify(password, hash).unwrap_or(false))
        }
        _ => false,
    }
}

/// Equal, in a time that does not tell where they differ.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

/// `{SSHA}`: base64 of a SHA-1 digest and the salt that was hashed behind the password.
fn verify_ssha(password: &[u8], salted: &[u8]) -> bool {
    let mut decoded = Vec::new();
    if !base64::decode(salted, &mut decoded) {
        return false;
    }
    let Some((digest, salt)) = decoded.split_at_checked(SHA1_LEN) else { return false };
    let made = Sha1::new().chain_update(password).chain_update(salt).finalize();
    same(&made, digest)
}

/// `[rounds=N$]salt$digest`.
fn verify_sha_crypt(rest: &[u8], make: impl FnOnce(&[u8], sha_crypt::Params) -> Crypt64) -> bool {
    let mut parts = rest.split(|&b| b == b'$');
    let mut salt = parts.next().unwrap_or_default();
    let mut rounds = sha_crypt::Params::RECOMMENDED_ROUNDS;
    if let Some(written) = salt.strip_prefix(b"rounds=") {
        let Some(number) = std::str::from_utf8(written).ok().and_then(|text| text.parse().ok()) else {
            return false;
        };
        rounds = number;
        salt = parts.next().unwrap_or_default();
    }
    let (Some(digest), None) = (parts.next(), parts.next()) else { return false };
    let Ok(params) = sha_crypt::Params::new(rounds) else { return false };
    salt.len() <= MAX_SHA_CRYPT_SALT && same(&make(salt, params).0, digest)
}

/// A digest in the alphabet and the order of bytes of crypt(3).
struct Crypt64(Vec<u8>);

impl Crypt64 {
    /// Takes three bytes at a time in this order; [`NO_BYTE`] stands for none.
    fn of(digest: &[u8], order: &[[u8; 3]]) -> Self {
        const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let byte = |at: u8| digest.get(usize::from(at)).copied().map_or(0, u32::from);
        let mut out = Vec::new();
        for &[high, middle, low] in order {
            let bits = byte(high) << 16 | byte(middle) << 8 | byte(low);
            let chars = match (high, middle) {
                (NO_BYTE, NO_BYTE) => 2,
                (NO_BYTE, _) => 3,
                _ => 4,
            };
            out.extend((0..chars).map(|i| ALPHABET[(bits >> (6 * i) & 63) as usize]));
        }
        Self(out)
    }
}

/// No digest has so many bytes.
const NO_BYTE: u8 = 255;

const SHA256_ORDER: [[u8; 3]; 11] = [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
    [NO_BYTE, 31, 30],
];

const SHA512_ORDER: [[u8; 3]; 22] = [
    [0, 21, 42],
    [22, 43, 1],
    [44, 2, 23],
    [3, 24, 45],
    [25, 46, 4],
    [47, 5, 26],
    [6, 27, 48],
    [28, 49, 7],
    [50, 8, 29],
    [9, 30, 51],
    [31, 52, 10],
    [53, 11, 32],
    [12, 33, 54],
    [34, 55, 13],
    [56, 14, 35],
    [15, 36, 57],
    [37, 58, 16],
    [59, 17, 38],
    [18, 39, 60],
    [40, 61, 19],
    [62, 20, 41],
    [NO_BYTE, NO_BYTE, 63],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by htpasswd and by crypt(3).
    const RIGHT: &[(&str, &str)] = &[
        ("secret", "{PLAIN}secret"),
        ("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        ("password", "$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe"),
    ];

    #[test]
    fn the_right_password_and_no_other() {
        for (password, hash) in RIGHT {
            assert!(verify(format!("{password}\0x").as_bytes(), hash.as_bytes()), "{hash}");
            for wrong in ["", "secreT", "password1", "Hello world", hash] {
                assert!(!verify(wrong.as_bytes(), hash.as_bytes()), "{wrong} {hash}");
            }
        }
    }

    #[test]
    fn broken_hashes_are_never_right() {
        for hash in [
            "",
            "secret",
            "{MD5}x",
            "{SSHA}",
            "{SSHA}!!",
            "{SHA}",
            "$",
            "$1$",
            "$5$",
            "$6$rounds=$a$b",
            "$2y$",
            "$6$rounds=1$salt$x",
            "$apr1$",
            "$2y$05$short",
            "$5$saltstring",
        ] {
            assert!(!verify(b"secret", hash.as_bytes()), "{hash}");
            assert!(!verify(b"", hash.as_bytes()), "{hash}");
        }
        assert!(!verify(&[b'a'; 600], b"$1$salt$x"));
    }
}
