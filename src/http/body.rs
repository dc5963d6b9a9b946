//! The body of a response says how it can be sent. `write` acts on it; nobody else sends.

use std::rc::Rc;

use bytes::Bytes;

use super::relay::Relay;
use crate::files::OpenFile;

/// What follows the response head.
#[derive(Default)]
pub enum Body {
    /// Nothing (or HEAD, 204, 304).
    #[default]
    Empty,
    /// Bytes in memory: error pages, `return` text, listings.
    Bytes(Bytes),
    /// A whole file; one whose content is in the core's cache leaves with its head in one send.
    Cached(Rc<OpenFile>),
    /// One range of a file, whether its content is in the cache or not.
    Part {
        /// The file.
        file: Rc<OpenFile>,
        /// Offset of the first byte.
        start: u64,
        /// Number of bytes; `start + len` lies within the file.
        len: u64,
    },
    /// Several parts of one file and of memory, in order (`multipart/byteranges`).
    Segments(Rc<OpenFile>, Vec<Segment>),
    /// An app's answer, still in its socket.
    Relay(Box<Relay>),
}

/// A piece of a body made of segments.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Bytes `start .. start + len` of the file.
    File {
        /// Offset of the first byte.
        start: u64,
        /// Number of bytes.
        len: u64,
    },
    /// Bytes in memory (multipart boundaries).
    Bytes(Bytes),
}
