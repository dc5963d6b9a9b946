//! A page cut into texts and commands: `<!--# name parameter="value" … -->`. No input is too odd for it.

/// What a command begins with.
const BEGIN: &[u8] = b"<!--#";

/// And what it ends with.
const END: &[u8] = b"-->";

/// Most parameters of one command (nginx's `NGX_HTTP_SSI_MAX_PARAMS`).
const MAX_PARAMETERS: usize = 16;

/// A piece of a page.
pub(super) enum Piece<'p> {
    /// To be written as it is.
    Text(&'p [u8]),
    /// To be carried out.
    Command(Command<'p>),
    /// It begins like a command.
    Invalid,
}

/// A command.
pub(super) struct Command<'p> {
    /// All of it, as it is written.
    pub(super) written: &'p [u8],
    /// Its name.
    pub(super) name: &'p [u8],
    parameters: Parameters<'p>,
}

impl Command<'_> {
    /// The value of the first parameter of that name.
    pub(super) fn parameter(&self, name: &[u8]) -> Option<&[u8]> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| &value[..])
    }
}

/// The pieces of a page, in order. No value is longer than `max_value` as it is written.
pub(super) fn pieces(page: &[u8], max_value: usize) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = page;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if !rest.starts_with(BEGIN) {
            let end = memchr::memmem::find(rest, BEGIN).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            rest = after;
            return Some(Piece::Text(text));
        }
        let inside = &rest[BEGIN.len()..];
        match command(inside, max_value) {
            Some((name, parameters, used)) => {
                let (written, after) = rest.split_at(BEGIN.len() + used);
                rest = after;
                Some(Piece::Command(Command { written, name, parameters }))
            }
            None => {
                // The end of what was meant to be a command; without one nothing behind it can be trusted.
                let end = memchr::memmem::find(inside, END).map_or(inside.len(), |at| at + END.len());
                rest = &inside[end..];
                Some(Piece::Invalid)
            }
        }
    })
}

/// Names and values.
type Parameters<'p> = Vec<(&'p [u8], Vec<u8>)>;

/// Reads a command behind its beginning; gives its name, its parameters and the bytes up to behind its end.
fn command(text: &[u8], max_value: usize) -> Option<(&[u8], Parameters<'_>, usize)> {
    let mut at = skip_blanks(text, 0);
    let start = at;
    while text.get(at).is_some_and(u8::is_ascii_lowercase) {
        at += 1;
    }
    let name = &text[start..at];
    let mut parameters = Vec::new();
    loop {
        let after = skip_blanks(text, at);
        if text[after..].starts_with(END) {
            return (!name.is_empty()).then_some((name, parameters, after + END.len()));
        }
        // A blank stands between all of them.
        if after == at || parameters.len() == MAX_PARAMETERS {
            return None;
        }
        let name_end = after + text[after..].iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_')?;
        let equals = skip_blanks(text, name_end);
        let quote = skip_blanks(text, equals + 1);
        if name_end == after || text.get(equals) != Some(&b'=') {
            return None;
        }
        let (value, end) = quoted(text, quote, max_value)?;
        parameters.push((&text[after..name_end], value));
        at = end;
    }
}

/// A value between quotes, without the backslashes that protect; gives it and where it ends.
fn quoted(text: &[u8], at: usize, max: usize) -> Option<(Vec<u8>, usize)> {
    let quote = *text.get(at).filter(|b| matches!(b, b'"' | b'\''))?;
    let mut value = Vec::new();
    let start = at + 1;
    let mut at = start;
    loop {
        if at - start > max {
            return None;
        }
        match text.get(at)? {
            byte if *byte == quote => return Some((value, at + 1)),
            b'\\' => {
                let protected = *text.get(at + 1)?;
                if protected != quote && protected != b'\\' {
                    value.push(b'\\');
                }
                value.push(protected);
                at += 2;
            }
            byte => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

fn skip_blanks(text: &[u8], from: usize) -> usize {
    let from = from.min(text.len());
    text[from..].iter().position(|b| !b.is_ascii_whitespace()).map_or(text.len(), |count| from + count)
}

/// A piece of a value.
pub(super) enum Part<'v> {
    /// To be taken as it is.
    Text(&'v [u8]),
    /// `$name` or `${name}`.
    Variable(&'v [u8]),
    /// A `$` that begins no name.
    Invalid,
}

/// The texts and variables of a value, in order. A backslash protects a `$` and another backslash, if there is any `$`.
pub(super) fn variables(value: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let has_any = memchr::memchr(b'$', value).is_some();
    let mut rest = value;
    std::iter::from_fn(move || {
        if !has_any && !rest.is_empty() {
            return Some(Part::Text(std::mem::take(&mut rest)));
        }
        match rest {
            [] => None,
            [b'$', behind @ ..] => {
                let Some((name, after)) = take_name(behind) else {
                    rest = &[];
                    return Some(Part::Invalid);
                };
                rest = after;
                Some(Part::Variable(name))
            }
            [b'\\', b'$' | b'\\', ..] => {
                let (text, after) = rest[1..].split_at(1);
                rest = after;
                Some(Part::Text(text))
            }
            [_, behind @ ..] => {
                let end = memchr::memchr2(b'$', b'\\', behind).map_or(rest.len(), |at| at + 1);
                let (text, after) = rest.split_at(end);
                rest = after;
                Some(Part::Text(text))
            }
        }
    })
}

/// The name behind a `$`, and what follows it.
fn take_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let braced = text.strip_prefix(b"{");
    let inner = braced.unwrap_or(text);
    let (name, after) = inner.split_at(inner.iter().take_while(|b| is_name(b)).count());
    let after = if braced.is_some() { after.strip_prefix(b"}")? } else { after };
    (!name.is_empty()).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(page: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        pieces(page.as_bytes(), 256)
            .map(|piece| match piece {
                Piece::Text(bytes) => format!("[{}]", text(bytes)),
                Piece::Invalid => "!".to_owned(),
                Piece::Command(command) => {
                    let parameters: String = command
                        .parameters
                        .iter()
                        .map(|(name, value)| format!(" {}={}", text(name), text(value)))
                        .collect();
                    format!("<{}{parameters}>", text(command.name))
                }
            })
            .collect()
    }

    #[test]
    fn pages() {
        for (page, expected) in [
            ("", ""),
            ("text <!-- comment -->", "[text <!-- comment -->]"),
            ("a<!--#include virtual=\"/x\" -->b", "[a]<include virtual=/x>[b]"),
            ("<!--# include  virtual = '/x?a=\"b\"'-->", "<include virtual=/x?a=\"b\">"),
            ("<!--#set var=\"a\" value=\"x\\\"y\\n\" -->", "<set var=a value=x\"y\\n>"),
            ("<!--#else-->x<!--# endif -->", "<else>[x]<endif>"),
            ("<!--#include virtual=/x -->b", "![b]"),
            ("<!--#include virtual=\"/x\"file=\"y\" -->b", "![b]"),
            ("<!--# -->b", "![b]"),
            ("<!--#echo var=\"a", "!"),
            ("a<!--#", "[a]!"),
            ("a<!--", "[a<!--]"),
        ] {
            assert_eq!(shown(page), expected, "{page}");
        }
    }

    #[test]
    fn values() {
        for (value, expected) in [
            ("", ""),
            ("a$b c", "[a]<b>[ c]"),
            ("${b}c$d_1.", "<b>[c]<d_1>[.]"),
            ("$", "!"),
            ("a$-${b", "[a]!"),
            ("a${b", "[a]!"),
            ("\\$b\\\\c\\d$e", "[$][b][\\][c][\\d]<e>"),
            ("\\\\d", "[\\\\d]"),
        ] {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let parts: String = variables(value.as_bytes())
                .map(|part| match part {
                    Part::Text(bytes) => format!("[{}]", text(bytes)),
                    Part::Variable(name) => format!("<{}>", text(name)),
                    Part::Invalid => "!".to_owned(),
                })
                .collect();
            assert_eq!(parts, expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_texts_stay(page in "(<!--#|-->|include| |a=|\"|'|\\\\|x){0,30}") {
            let texts: usize = pieces(page.as_bytes(), 256)
                .map(|piece| if let Piece::Text(bytes) = piece { bytes.len() } else { 0 })
                .sum();
            prop_assert!(texts <= page.len());
            prop_assert_eq!(page.contains("<!--#"), texts < page.len());
        }
    }
}
