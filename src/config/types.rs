//! `types` as it is looked up: an extension to its content type, by names that strangers write.
//!
//! Extensions of up to eight bytes, which all but a few are, are numbers: looking one up is a multiplication and a
//! comparison. (A map of strings costs 300 instructions more for a file, which is a request of 7,500.)

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The longest extension that is a number.
const SHORT: usize = 8;

/// Extensions, in lower case, and their types.
#[derive(Clone, Debug, Default)]
pub struct Types {
    short: HashMap<u64, String, BuildHasherDefault<Mix>>,
    long: HashMap<String, String>,
}

impl Types {
    /// Adds an extension, or gives it another type: the earlier one.
    pub(super) fn insert(&mut self, extension: &str, kind: &str) -> Option<String> {
        let extension = extension.to_ascii_lowercase();
        match number(extension.as_bytes()) {
            Some(number) => self.short.insert(number, kind.to_owned()),
            None => self.long.insert(extension, kind.to_owned()),
        }
    }

    /// The type of an extension, in whatever case.
    pub fn get(&self, extension: &[u8]) -> Option<&str> {
        let found = match number(extension) {
            Some(number) => self.short.get(&number),
            None => {
                let text = std::str::from_utf8(extension).ok().filter(|_| !self.long.is_empty())?;
                self.long.get(&text.to_ascii_lowercase())
            }
        };
        found.map(String::as_str)
    }

    /// How many extensions have a type.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Types {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut types = Self::default();
        for (extension, kind) in pairs {
            types.insert(extension, kind);
        }
        types
    }
}

/// The bytes of a short extension in lower case, as one number. Its length is in it too: no byte of an extension that
/// somebody wrote into a file is zero, and one that was sent with zeroes in front is longer than what it looks like.
fn number(extension: &[u8]) -> Option<u64> {
    if extension.len() > SHORT || extension.first() == Some(&0) {
        return None;
    }
    Some(extension.iter().fold(0, |number, byte| number << 8 | u64::from(byte.to_ascii_lowercase())))
}

/// Spreads a number over the table. What the table holds is the operator's, so nobody can make it slow.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: the upper bits, which the table takes some of, depend on all of the number.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_extensions_are_found_without_regard_to_case() {
        let types = Types::from_iter([("css", "text/css"), ("WebManifest", "application/manifest+json")]);
        assert_eq!(types.get(b"css"), Some("text/css"));
        assert_eq!(types.get(b"CsS"), Some("text/css"));
        assert_eq!(types.get(b"webmanifesT"), Some("application/manifest+json"));
        for unknown in
            [b"".as_slice(), b"cs", b"csss", b"\0css", b"css\0", b"webmanifestx", b"\xff", &[b'x'; 5000]]
        {
            assert_eq!(types.get(unknown), None, "{unknown:?}");
        }
        assert_eq!(types.len(), 2);
    }

    #[test]
    fn the_earlier_type_is_told() {
        let mut types = Types::default();
        assert_eq!(types.insert("a", "one"), None);
        assert_eq!(types.insert("A", "two").as_deref(), Some("one"));
        assert_eq!(types.get(b"a"), Some("two"));
    }

    #[test]
    fn every_short_extension_has_its_own_number() {
        let shipped = super::super::mime_types::SHIPPED.iter().flat_map(|(_, extensions)| *extensions);
        let mut numbers: Vec<u64> = shipped.filter_map(|extension| number(extension.as_bytes())).collect();
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}
