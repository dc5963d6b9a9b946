//! MD5-crypt, which crypt(3) calls `$1$` and Apache `$apr1$`: they differ in that word alone.

use md5::{Digest, Md5};

use super::{Crypt64, NO_BYTE, same};

/// Longest salt, bytes.
const MAX_SALT: usize = 8;

const ROUNDS: usize = 1000;

const ORDER: [[u8; 3]; 6] =
    [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [NO_BYTE, NO_BYTE, 11]];

/// Whether `rest` (`salt$digest`) was made from `password` under this name.
pub(super) fn verify(password: &[u8], magic: &[u8], rest: &[u8]) -> bool {
    let mut parts = rest.splitn(2, |&b| b == b'$');
    let (Some(salt), Some(digest)) = (parts.next(), parts.next()) else { return false };
    salt.len() <= MAX_SALT && same(&Crypt64::of(&hash(password, magic, salt), &ORDER).0, digest)
}

fn hash(password: &[u8], magic: &[u8], salt: &[u8]) -> [u8; 16] {
    let mut outer = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    for part in password.chunks(inner.len()) {
        outer.update(&inner[..part.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        outer.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    let mut digest: [u8; 16] = outer.finalize().into();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        let odd = round & 1 == 1;
        next.update(if odd { password } else { &digest });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &digest[..] } else { password });
        digest = next.finalize().into();
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::verify;

    #[test]
    fn known_hashes() {
        assert!(verify(b"password", b"$1$", b"saltsalt$qjXMvbEw8oaL.CzflDtaK/"));
        assert!(verify(b"myPassword", b"$apr1$", b"r31.....$HqJZimcKQFAMYayBlzkrA/"));
        assert!(!verify(b"myPassword", b"$1$", b"r31.....$HqJZimcKQFAMYayBlzkrA/"));
        assert!(!verify(b"password", b"$1$", b"saltsaltx$qjXMvbEw8oaL.CzflDtaK/"));
    }
}
