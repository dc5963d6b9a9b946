//! A configuration as a tree of directives, one a line: what a message about a line means can be found, and what a
//! difference does not need can be taken away.

/// A directive, with what stands in its block.
#[derive(Clone, Debug)]
pub struct Node {
    /// The directive without its `;` or `{`.
    text: String,
    block: Option<Vec<Node>>,
}

impl Node {
    /// `text;`
    pub fn line(text: impl Into<String>) -> Node {
        Node { text: text.into(), block: None }
    }

    /// `text { … }`
    pub fn block(text: impl Into<String>, block: Vec<Node>) -> Node {
        Node { text: text.into(), block: Some(block) }
    }

    /// The directive's name.
    pub fn name(&self) -> String {
        self.text.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// The directives of a line that names several, each by itself.
    pub fn parts(self) -> Vec<Node> {
        if self.block.is_some() || self.text.ends_with(" }") {
            return vec![self];
        }
        self.text.split(';').map(Node::line).collect()
    }

    /// Replaces a text in the directive and all that stands in it.
    pub fn replace(&mut self, text: &str, with: &str) {
        self.text = self.text.replace(text, with);
        self.block.iter_mut().flatten().for_each(|node| node.replace(text, with));
    }

    /// Leaves out what begins with a tilde in the block.
    pub fn without_regexes(&mut self) {
        if let Some(block) = &mut self.block {
            block.retain(|node| !node.text.starts_with('~'));
        }
    }

    fn write(&self, depth: usize, text: &mut String) {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&self.text);
        match &self.block {
            None if self.text.ends_with(" }") => text.push('\n'),
            None => text.push_str(";\n"),
            Some(block) => {
                text.push_str(" {\n");
                for node in block {
                    node.write(depth + 1, text);
                }
                text.push_str(&"  ".repeat(depth));
                text.push_str("}\n");
            }
        }
    }
}

/// The text of these directives, one a line.
pub fn text(nodes: &[Node]) -> String {
    let mut text = String::new();
    for node in nodes {
        node.write(0, &mut text);
    }
    text
}

/// Takes away the directive whose first line this is (counted from 0), and gives its text.
pub fn remove_line(nodes: &mut Vec<Node>, line: usize) -> Option<String> {
    fn remove(nodes: &mut Vec<Node>, at: &mut usize, line: usize) -> Option<String> {
        let mut index = 0;
        while index < nodes.len() {
            if *at == line {
                return Some(nodes.remove(index).text);
            }
            *at += 1;
            if let Some(block) = &mut nodes[index].block {
                if let Some(found) = remove(block, at, line) {
                    return Some(found);
                }
                if *at == line {
                    // The closing brace: what is wrong is the block.
                    return Some(nodes.remove(index).text);
                }
                *at += 1;
            }
            index += 1;
        }
        None
    }
    remove(nodes, &mut 0, line)
}

/// The smallest part of `nodes` found for which `still` holds, in at most `budget` questions: runs of neighbours are
/// left out, halved until they are single directives, on every level.
pub fn smallest(nodes: Vec<Node>, budget: &mut usize, still: &mut dyn FnMut(&[Node]) -> bool) -> Vec<Node> {
    shrink(nodes, budget, &mut |part| still(part))
}

fn shrink(mut nodes: Vec<Node>, budget: &mut usize, still: &mut dyn FnMut(&[Node]) -> bool) -> Vec<Node> {
    let mut run = nodes.len().max(1);
    loop {
        let mut start = 0;
        while start < nodes.len() && *budget > 0 {
            let mut fewer = nodes.clone();
            fewer.drain(start..nodes.len().min(start + run));
            *budget -= 1;
            if still(&fewer) {
                nodes = fewer;
            } else {
                start += run;
            }
        }
        if run == 1 || *budget == 0 {
            break;
        }
        run = run.div_ceil(2);
    }
    for index in 0..nodes.len() {
        if let Some(block) = nodes[index].block.clone() {
            let inner = shrink(block, budget, &mut |part| {
                let mut whole = nodes.clone();
                whole[index].block = Some(part.to_vec());
                still(&whole)
            });
            nodes[index].block = Some(inner);
        }
    }
    nodes
}

#[test]
fn what_is_not_needed_is_taken_away() {
    let inner = vec![Node::line("a"), Node::line("b")];
    let nodes = vec![Node::line("x"), Node::block("server", inner), Node::line("y")];
    let mut budget = 100;
    let small = smallest(nodes.clone(), &mut budget, &mut |part| text(part).contains("  b;"));
    assert_eq!(text(&small), "server {\n  b;\n}\n");
    let mut rest = nodes;
    assert_eq!(remove_line(&mut rest, 3).as_deref(), Some("b"));
    assert_eq!(text(&rest), "x;\nserver {\n  a;\n}\ny;\n");
}
