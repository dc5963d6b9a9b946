//! Character sets by name, and the tables between them (`charset_map`).
//!
//! Part of the model: made by `build`, read by `filter`, which finds a table, and by a body's transform, which uses it.

use std::sync::Arc;

/// All character sets that the configuration names.
#[derive(Debug, Default)]
pub struct Charsets {
    names: Vec<String>,
    maps: Vec<CharsetMap>,
}

/// One `charset_map`, read in both directions.
#[derive(Debug)]
struct CharsetMap {
    from: usize,
    to: usize,
    forth: Arc<Recoding>,
    back: Arc<Recoding>,
}

/// What becomes of a text in another character set.
#[derive(Debug)]
pub enum Recoding {
    /// A byte for each byte.
    Bytes(Box<[u8; 256]>),
    /// A character of UTF-8 for each byte.
    ToUtf8(Box<[[u8; 4]; 256]>),
    /// A byte for each character of UTF-8, by code point, in order.
    FromUtf8(Box<[(u16, u8)]>),
}

impl Recoding {
    /// The text stays as long as it is.
    pub fn keeps_length(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }
}

impl Charsets {
    /// The number of a name, with a new one for a name that is not there yet.
    pub fn add(&mut self, name: &str) -> usize {
        self.find(name.as_bytes()).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// The number of a name, whatever its case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.names.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))
    }

    /// A name as it was written first.
    pub fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("", String::as_str)
    }

    /// No character set is named at all.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// There are tables.
    pub fn has_maps(&self) -> bool {
        !self.maps.is_empty()
    }

    /// Adds a `charset_map`.
    pub fn add_map(&mut self, (from, to): (usize, usize), forth: Recoding, back: Recoding) {
        self.maps.push(CharsetMap { from, to, forth: Arc::new(forth), back: Arc::new(back) });
    }

    /// The table that leads from one to the other.
    pub fn table(&self, from: usize, to: usize) -> Option<&Arc<Recoding>> {
        self.maps.iter().find_map(|map| match () {
            () if (map.from, map.to) == (from, to) => Some(&map.forth),
            () if (map.to, map.from) == (from, to) => Some(&map.back),
            () => None,
        })
    }
}
