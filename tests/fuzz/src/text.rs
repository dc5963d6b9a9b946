//! Configuration text: templates.

use ringx::config::template::{Part, Template, VariableScope};

/// Any bytes as a value with variables.
pub fn template(input: &[u8]) {
    let mut scope = VariableScope::default();
    scope.capture_slot("named");
    scope.declare("declared");
    let compiled = match Template::compile(input, &scope) {
        Ok(compiled) => compiled,
        Err(message) => {
            assert!(input.contains(&b'$') && !message.is_empty());
            return;
        }
    };
    let mut was_literal = false;
    let mut rest = input;
    for part in compiled.parts() {
        match part {
            Part::Literal(text) => {
                assert!(!text.is_empty() && !was_literal, "literals are whole and never empty");
                assert!(!text.contains(&b'$'));
                rest = rest
                    .strip_prefix(&text[..])
                    .unwrap_or_else(|| panic!("{text:?} is not next in {rest:?}"));
                was_literal = true;
            }
            Part::Var(_) => {
                // `$` and a name, or `${name}`: how long the name is, the next literal tells.
                assert_eq!(rest.first(), Some(&b'$'));
                rest = skip_variable(rest);
                was_literal = false;
            }
        }
    }
    assert!(rest.is_empty(), "{:?} is lost", String::from_utf8_lossy(rest));
    assert_eq!(compiled.is_literal(), !input.contains(&b'$'));
    if !input.contains(&b'$') {
        assert_eq!(compiled, Template::literal(input));
        assert_eq!(compiled.as_literal(), Some(input));
    }
}

fn skip_variable(text: &[u8]) -> &[u8] {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let run = |from: usize| text[from..].iter().take_while(|b| is_name(b)).count();
    let len = match text {
        [b'$', b'{', ..] => 2 + run(2) + 1,
        [b'$', b'1'..=b'9', ..] => 2,
        _ => 1 + run(1),
    };
    &text[len..]
}
