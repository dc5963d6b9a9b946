//! Words to statements: blocks are matched and `include` is followed; no directive has a meaning here but that one.
//!
//! Goes on after an error to find the next. Called by `check`, and through it by whoever loads a configuration.

use std::path::PathBuf;

use super::ast::Arg;
use super::environment;
use super::error::{ConfigError, Diagnostics, FileId, Pos, Severity, emerg};
use super::glob;
use super::lexer::{End, LexError, Lexer, Recovery, Word};
use super::source::Sources;

/// Files including files; nginx has no limit of its own and dies of open files.
const MAX_INCLUDE_DEPTH: usize = 32;
/// Blocks within blocks.
const MAX_BLOCK_DEPTH: usize = 100;
/// Statements of one configuration, all files together.
const MAX_STATEMENTS: u32 = 2_000_000;
/// Syntax errors of one file after which it is given up: it is probably no configuration.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A directive as written, not yet looked up in the table.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Its first word.
    pub name: Arg,
    /// The other words.
    pub args: Vec<Arg>,
    /// What stands between `{` and `}`.
    pub block: Option<Vec<Statement>>,
    /// Line of the `;` or `{`.
    pub pos: Pos,
    /// Line of the `}`, or `pos`.
    pub end: Pos,
}

/// What a file may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A file.
    File,
    /// The argument of `-g`: no blocks.
    CommandLine,
}

/// Reads `file` and all it includes. Errors go to `diagnostics`; what could be read is returned all the same.
pub(super) fn parse(
    sources: &mut Sources,
    file: FileId,
    form: Form,
    order: &mut u32,
    diagnostics: &mut Diagnostics,
) -> Vec<Statement> {
    let mut parser = Parser { sources, order, diagnostics, form, open_files: vec![file], depth: 0 };
    parser.file(file)
}

struct Parser<'a> {
    sources: &'a mut Sources,
    order: &'a mut u32,
    diagnostics: &'a mut Diagnostics,
    form: Form,
    /// The file being read and those that include it.
    open_files: Vec<FileId>,
    /// Open blocks over all open files.
    depth: usize,
}

/// One file while it is read.
struct Reading<'t> {
    file: FileId,
    lexer: Lexer<'t>,
    errors: usize,
}

/// How a block ended.
#[derive(PartialEq, Eq)]
enum Ended {
    /// At `}`.
    Closed,
    /// At the end of the file, or where the file was given up.
    File,
}

impl Parser<'_> {
    fn file(&mut self, file: FileId) -> Vec<Statement> {
        // The text is copied because an include grows the table of files that it stands in.
        let text = self.sources.text(file).to_vec();
        let mut reading = Reading { file, lexer: Lexer::new(&text), errors: 0 };
        let mut statements = Vec::new();
        while self.block(&mut reading, &mut statements) == Ended::Closed {
            let line = reading.lexer.line();
            self.syntax_error(&mut reading, line, "unexpected \"}\"", None);
        }
        statements
    }

    /// Reads statements up to the `}` that closes them or the end of the file.
    fn block(&mut self, reading: &mut Reading<'_>, into: &mut Vec<Statement>) -> Ended {
        loop {
            if reading.errors >= MAX_SYNTAX_ERRORS || *self.order >= MAX_STATEMENTS {
                return Ended::File;
            }
            match reading.lexer.next() {
                Ok(sentence) => match sentence.end {
                    End::Close => return Ended::Closed,
                    End::Eof => return Ended::File,
                    End::Semicolon => {
                        if let Some(statement) = self.statement(reading.file, sentence.words, sentence.line) {
                            self.simple(statement, into);
                        }
                    }
                    End::Open => {
                        if self.form == Form::CommandLine {
                            let message = "block directives are not supported in -g option";
                            self.syntax_error(reading, sentence.line, message, None);
                            return Ended::File;
                        }
                        let statement = self.statement(reading.file, sentence.words, sentence.line);
                        let (block, end) = self.inner(reading, statement.as_ref());
                        into.extend(statement.map(|head| Statement { block: Some(block), end, ..head }));
                        if reading.errors > 0 && self.given_up(reading) {
                            return Ended::File;
                        }
                    }
                },
                Err(error) => {
                    let recovery = error.recovery;
                    self.lex_error(reading, error);
                    match recovery {
                        Recovery::NextStatement => {}
                        Recovery::Opened => {
                            // What stands in a block without a name belongs nowhere.
                            self.inner(reading, None);
                        }
                        Recovery::Closed => return Ended::Closed,
                        Recovery::Stop => return Ended::File,
                    }
                }
            }
        }
    }

    fn given_up(&self, reading: &Reading<'_>) -> bool {
        reading.errors >= MAX_SYNTAX_ERRORS
    }

    /// Reads the inside of a block whose `{` was just read.
    fn inner(&mut self, reading: &mut Reading<'_>, head: Option<&Statement>) -> (Vec<Statement>, Pos) {
        let mut block = Vec::new();
        if self.depth >= MAX_BLOCK_DEPTH {
            let line = reading.lexer.line();
            self.syntax_error(
                reading,
                line,
                &format!("more than {MAX_BLOCK_DEPTH} blocks in each other"),
                None,
            );
            reading.errors = MAX_SYNTAX_ERRORS;
            return (block, self.pos(reading.file, line));
        }
        self.depth += 1;
        let ended = self.block(reading, &mut block);
        self.depth -= 1;
        let line = reading.lexer.line();
        if ended == Ended::File && reading.errors == 0 {
            let opened = head
                .map(|h| format!("\"{}\" is opened in line {} and never closed", h.name.text(), h.pos.line));
            self.syntax_error(reading, line, "unexpected end of file, expecting \"}\"", opened);
        }
        (block, self.pos(reading.file, line))
    }

    fn statement(&mut self, file: FileId, words: Vec<Word>, line: u32) -> Option<Statement> {
        let pos = self.pos(file, line);
        let mut args = words.into_iter().map(|word| Arg::new(word.text, word.quoted, word.line));
        let name = args.next()?;
        Some(Statement { name, args: args.collect(), block: None, pos, end: pos })
    }

    fn simple(&mut self, statement: Statement, into: &mut Vec<Statement>) {
        if statement.name.bytes() != b"include" {
            into.push(statement);
            return;
        }
        match statement.args.as_slice() {
            [pattern] => {
                let pos = Pos { line: pattern.line, ..statement.pos };
                match environment::expand_path(pattern.bytes(), &environment::process) {
                    Ok(path) => self.include(&path, statement.pos, into),
                    Err(message) => self.diagnostics.push(environment::error(pos, message)),
                }
            }
            _ => {
                let message = "invalid number of arguments in \"include\" directive";
                self.diagnostics.push(emerg(statement.pos, message).note("syntax: include file | mask;"));
            }
        }
    }

    fn include(&mut self, written: &[u8], pos: Pos, into: &mut Vec<Statement>) {
        let full = self.sources.full_path(written);
        let paths: Vec<PathBuf> = if glob::has_wildcards(written) {
            glob::expand(std::os::unix::ffi::OsStrExt::as_bytes(full.as_os_str()), self.sources.access())
        } else {
            vec![full]
        };
        for path in paths {
            match self.sources.read(&path) {
                Ok(file) if self.open_files.contains(&file) => {
                    let message = format!("\"{}\" includes itself", path.display());
                    self.diagnostics.error(pos, message);
                }
                Ok(_) if self.open_files.len() >= MAX_INCLUDE_DEPTH => {
                    let message = format!("more than {MAX_INCLUDE_DEPTH} files include each other");
                    self.diagnostics.error(pos, message);
                }
                Ok(file) => {
                    self.open_files.push(file);
                    let depth = std::mem::take(&mut self.depth);
                    into.extend(self.file(file));
                    self.depth = depth;
                    self.open_files.pop();
                }
                Err(message) => self.diagnostics.error(pos, message),
            }
        }
    }

    fn lex_error(&mut self, reading: &mut Reading<'_>, error: LexError) {
        let mut message = error.message;
        if self.form == Form::CommandLine {
            message = message.replace("file, expecting \";\" or \"}\"", "parameter, expecting \";\"");
        }
        let begun = error.words.first().map(|first| {
            let name = String::from_utf8_lossy(&first.text).into_owned();
            format!("\"{name}\" in line {} is not terminated by \";\"", first.line)
        });
        self.syntax_error(reading, error.line, &message, error.note.or(begun));
    }

    fn syntax_error(&mut self, reading: &mut Reading<'_>, line: u32, message: &str, note: Option<String>) {
        reading.errors += 1;
        let pos = self.pos(reading.file, line);
        self.diagnostics.push(ConfigError {
            severity: Severity::Emerg,
            message: message.to_owned(),
            pos: Some(pos),
            notes: note.into_iter().collect(),
        });
    }

    fn pos(&mut self, file: FileId, line: u32) -> Pos {
        let order = *self.order;
        *self.order = order.saturating_add(1);
        Pos { order, file, line }
    }
}
