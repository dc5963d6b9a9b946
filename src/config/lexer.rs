//! Bytes to words: nginx's `ngx_conf_read_token`, state by state.
//!
//! Knows quotes, escapes, comments and `${…}`, and no directive. Must never panic, whatever the bytes.

/// Bytes in one word, as in nginx (`NGX_CONF_BUFFER`); a longer one is nearly always a missing quote.
const MAX_WORD: usize = 4096;

/// One word of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Its bytes, quotes and escapes resolved.
    pub text: Vec<u8>,
    /// Written in quotes.
    pub quoted: bool,
    /// The line it begins on.
    pub line: u32,
}

/// What ends a run of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`: there are no words.
    Close,
    /// End of file: there are no words.
    Eof,
}

/// A run of words and what ended it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    /// The words; none with `Close` and `Eof`.
    pub words: Vec<Word>,
    /// What ended it.
    pub end: End,
    /// The line of that end: what nginx's messages count by.
    pub line: u32,
}

/// A violation of the language.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LexError {
    /// nginx's message.
    pub message: String,
    /// The line it names.
    pub line: u32,
    /// What had been read of the statement.
    pub words: Vec<Word>,
    /// What else is known about it.
    pub note: Option<String>,
    /// How the reader can go on.
    pub recovery: Recovery,
}

/// Where reading goes on after a [`LexError`], to find the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// The statement is lost, the next one begins.
    NextStatement,
    /// A block without a name was opened.
    Opened,
    /// The block was closed in the middle of a statement.
    Closed,
    /// Nothing more can be read.
    Stop,
}

/// Which quotes a word is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// Reads one file.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    /// Starts at line 1.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line reached.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Reads the next statement's words up to `;`, `{`, `}` or the end.
    ///
    /// # Errors
    /// With nginx's message; reading can go on as [`LexError::recovery`] says.
    pub(super) fn next(&mut self) -> Result<Sentence, LexError> {
        let mut words = Vec::new();
        loop {
            let Some(byte) = self.skip_space(&mut words)? else {
                return match words.is_empty() {
                    true => Ok(Sentence { words, end: End::Eof, line: self.line }),
                    false => Err(self.end_of_file(words)),
                };
            };
            match byte {
                b';' | b'{' if words.is_empty() => {
                    self.at += 1;
                    let recovery = if byte == b'{' { Recovery::Opened } else { Recovery::NextStatement };
                    return Err(self.unexpected(byte, words, recovery));
                }
                b'}' if !words.is_empty() => {
                    self.at += 1;
                    return Err(self.unexpected(byte, words, Recovery::Closed));
                }
                b';' | b'{' | b'}' => {
                    self.at += 1;
                    return Ok(Sentence { words, end: end_of(byte), line: self.line });
                }
                b'"' | b'\'' => match self.quoted(byte) {
                    Ok((word, None)) => words.push(word),
                    Ok((word, Some(end))) => {
                        words.push(word);
                        return Ok(Sentence { words, end, line: self.line });
                    }
                    Err(e) => return Err(LexError { words, ..e }),
                },
                _ => match self.bare() {
                    Ok((word, None)) => words.push(word),
                    Ok((word, Some(end))) => {
                        words.push(word);
                        return Ok(Sentence { words, end, line: self.line });
                    }
                    Err(e) => return Err(LexError { words, ..e }),
                },
            }
        }
    }

    /// Skips blanks and comments; the byte that comes next, not yet taken.
    fn skip_space(&mut self, words: &mut Vec<Word>) -> Result<Option<u8>, LexError> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                b'#' => {
                    let rest = &self.text[self.at..];
                    let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    // The `\n` itself is counted by the next turn.
                    self.at += len;
                    continue;
                }
                0 if words.is_empty() && self.text[self.at..].iter().all(|b| *b == 0) => {
                    // A file padded with zeros by a crash: say so instead of naming an invisible directive.
                    self.at = self.text.len();
                    return Err(LexError {
                        message: "unexpected zero bytes at the end of the file".to_owned(),
                        line: self.line,
                        words: std::mem::take(words),
                        note: None,
                        recovery: Recovery::Stop,
                    });
                }
                _ => return Ok(Some(byte)),
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// A word in quotes; what must follow is a blank, `;`, `{` or `)`.
    fn quoted(&mut self, quote: u8) -> Result<(Word, Option<End>), LexError> {
        let line = self.line;
        self.at += 1;
        let start = self.at;
        let kind = if quote == b'"' { Quote::Double } else { Quote::Single };
        loop {
            let byte = self.take(start, line, kind)?;
            match byte {
                b'\\' => {
                    self.take(start, line, kind)?;
                }
                b if b == quote => break,
                _ => {}
            }
        }
        let word = Word { text: unescape(&self.text[start..self.at - 1]), quoted: true, line };
        let end = match self.text.get(self.at) {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b')') => None,
            Some(b @ (b';' | b'{')) => {
                self.at += 1;
                Some(end_of(*b))
            }
            Some(&other) => return Err(self.unexpected(other, Vec::new(), Recovery::NextStatement)),
        };
        Ok((word, end))
    }

    /// A word without quotes; it ends at a blank, `;` or `{` (but `${` is part of it).
    fn bare(&mut self) -> Result<(Word, Option<End>), LexError> {
        let line = self.line;
        let start = self.at;
        let mut after_dollar = false;
        loop {
            let byte = self.take(start, line, Quote::None)?;
            match byte {
                b'{' if after_dollar => {}
                b'\\' => {
                    self.take(start, line, Quote::None)?;
                    after_dollar = false;
                }
                b'$' => after_dollar = true,
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => {
                    let word = Word { text: unescape(&self.text[start..self.at - 1]), quoted: false, line };
                    let end = matches!(byte, b';' | b'{').then(|| end_of(byte));
                    return Ok((word, end));
                }
                _ => after_dollar = false,
            }
        }
    }

    /// The next byte of a word that began at `start`.
    fn take(&mut self, start: usize, line: u32, quote: Quote) -> Result<u8, LexError> {
        let Some(&byte) = self.text.get(self.at) else {
            let open = match quote {
                Quote::None => None,
                Quote::Single | Quote::Double => {
                    Some(format!("a quote is opened in line {line} and never closed"))
                }
            };
            return Err(LexError { note: open, ..self.end_of_file(Vec::new()) });
        };
        if self.at - start >= MAX_WORD {
            let message = match quote {
                Quote::None => {
                    let shown = String::from_utf8_lossy(&self.text[start..start + 10]);
                    format!("too long parameter \"{shown}...\" started")
                }
                Quote::Single => missing_quote('\''),
                Quote::Double => missing_quote('"'),
            };
            self.at = self.text.len();
            return Err(LexError { message, line, words: Vec::new(), note: None, recovery: Recovery::Stop });
        }
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
        }
        Ok(byte)
    }

    fn unexpected(&mut self, byte: u8, words: Vec<Word>, recovery: Recovery) -> LexError {
        let message = format!("unexpected \"{}\"", char::from(byte));
        let line = self.line;
        if recovery == Recovery::NextStatement && byte != b';' {
            self.skip_statement();
        }
        LexError { message, line, words, note: None, recovery }
    }

    /// Goes behind the next `;`, or in front of the next `{` or `}`, or to the next line: whichever comes first.
    fn skip_statement(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            if matches!(byte, b'{' | b'}' | b'\n') {
                return;
            }
            self.at += 1;
            if byte == b';' {
                return;
            }
        }
    }

    fn end_of_file(&mut self, words: Vec<Word>) -> LexError {
        LexError {
            message: "unexpected end of file, expecting \";\" or \"}\"".to_owned(),
            line: self.line,
            words,
            note: None,
            recovery: Recovery::Stop,
        }
    }
}

fn end_of(byte: u8) -> End {
    match byte {
        b';' => End::Semicolon,
        b'{' => End::Open,
        _ => End::Close,
    }
}

fn missing_quote(quote: char) -> String {
    format!("too long parameter, probably missing terminating \"{quote}\" character")
}

/// Only `\"`, `\'`, `\\`, `\t`, `\r` and `\n` are escapes; any other backslash stays (regular expressions need it).
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let (byte, width) = match (raw[at], raw.get(at + 1)) {
            (b'\\', Some(&quoted @ (b'"' | b'\'' | b'\\'))) => (quoted, 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        at += width;
    }
    out
}
