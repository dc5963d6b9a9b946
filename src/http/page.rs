//! What the commands of a page (SSI) have set: one state for the page and all of its parts, as in nginx.

/// Most variables, and most blocks, that one page may have.
const MAX_NAMES: usize = 100;

/// Variables, groups and blocks of a page.
#[derive(Debug, Default)]
pub struct PageState {
    /// Of `set`, of `include … set=`, and named groups.
    variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of the last regular expression that matched, the whole match first.
    groups: Vec<Vec<u8>>,
    /// Texts of `block`.
    blocks: Vec<(Vec<u8>, Vec<u8>)>,
}

impl PageState {
    /// The value of a variable, or of a group by its number.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        if let [digit @ b'0'..=b'9'] = name
            && let Some(group) = self.groups.get(usize::from(digit - b'0'))
        {
            return Some(group);
        }
        find(&self.variables, name)
    }

    /// Gives a variable its value.
    pub fn set(&mut self, name: &[u8], value: Vec<u8>) {
        keep(&mut self.variables, name, value);
    }

    /// Takes over the groups of a match.
    pub fn set_groups(&mut self, groups: Vec<Vec<u8>>) {
        self.groups = groups;
    }

    /// The text of a block.
    pub fn block(&self, name: &[u8]) -> Option<&[u8]> {
        find(&self.blocks, name)
    }

    /// Keeps the text of a block; of two with one name the first counts.
    pub fn add_block(&mut self, name: &[u8], text: Vec<u8>) {
        if self.block(name).is_none() {
            keep(&mut self.blocks, name, text);
        }
    }
}

fn find<'s>(list: &'s [(Vec<u8>, Vec<u8>)], name: &[u8]) -> Option<&'s [u8]> {
    list.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
}

fn keep(list: &mut Vec<(Vec<u8>, Vec<u8>)>, name: &[u8], value: Vec<u8>) {
    match list.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some(at) => list[at].1 = value,
        None if list.len() < MAX_NAMES => list.push((name.to_vec(), value)),
        None => {}
    }
}
