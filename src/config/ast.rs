//! The written form: directives with their arguments and blocks, every one tied to its table entry.
//!
//! Made by `check` from the parser's statements; read by `build`. Nothing in here has a meaning yet.

use super::error::Pos;
use super::spec::DirectiveSpec;

/// One argument as the lexer left it: quotes and escapes are resolved, variables are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    text: String,
    /// Only when the bytes are not UTF-8 (`text` shows them with U+FFFD then).
    raw: Option<Vec<u8>>,
    /// It was written in quotes.
    pub quoted: bool,
    /// The line it begins on.
    pub line: u32,
}

impl Arg {
    /// An argument from the bytes of the file.
    pub fn new(bytes: Vec<u8>, quoted: bool, line: u32) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { text, raw: None, quoted, line },
            Err(e) => {
                let bytes = e.into_bytes();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Self { text, raw: Some(bytes), quoted, line }
            }
        }
    }

    /// The text; bytes that are not UTF-8 are shown as U+FFFD.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes as written.
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// One directive at a place where its table entry allows it, with a number of arguments that is allowed too.
#[derive(Debug, Clone)]
pub struct Directive {
    pub(super) name: Arg,
    pub(super) args: Vec<Arg>,
    pub(super) block: Option<Vec<Directive>>,
    /// Where it stands: the line of its `;` or `{`, as nginx counts.
    pub pos: Pos,
    /// The line of the block's `}`; the same as `pos` without a block.
    pub end: Pos,
    /// Its entry in the table.
    pub spec: &'static DirectiveSpec,
}

impl Directive {
    /// Its name; in a block of plain entries (`types`) the entry's first word.
    pub fn name(&self) -> &str {
        self.name.text()
    }

    /// The same, as written.
    pub fn name_bytes(&self) -> &[u8] {
        self.name.bytes()
    }

    /// The arguments.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// The argument at `index` as text, empty when there is none.
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", Arg::text)
    }

    /// The argument at `index` as written, empty when there is none.
    pub fn arg_bytes(&self, index: usize) -> &[u8] {
        self.args.get(index).map_or(b"", Arg::bytes)
    }

    /// What its block holds; empty without a block.
    pub fn children(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or(&[])
    }

    /// It has a block, perhaps an empty one.
    pub fn has_block(&self) -> bool {
        self.block.is_some()
    }
}
