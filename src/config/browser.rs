//! `modern_browser` and `ancient_browser`: what a `User-Agent` says, as nginx's `ngx_http_browser_module` reads it.

use super::template::Template;

/// How a modern browser is recognised: its name in the configuration, where the search begins, what is searched, and
/// how many bytes of that precede the version. In nginx's order.
const KINDS: [(&str, usize, &str, usize); 5] = [
    ("opera", 0, "Opera", "Opera ".len()),
    ("msie", "Mozilla/4.0 (compatible; ".len(), "MSIE ", "MSIE ".len()),
    ("gecko", "Mozilla/5.0 (".len(), "rv:", "rv:".len()),
    ("safari", "Mozilla/5.0 (".len(), "Safari/", "Safari/".len()),
    ("konqueror", "Mozilla/5.0 (compatible; ".len(), "Konqueror/", "Konqueror/".len()),
];

/// What a version's first number counts; the next ones a hundredth of the one before.
const SCALE: u64 = 1_000_000;

/// What is known of browsers.
#[derive(Debug, Clone, Default)]
pub struct BrowserConf {
    /// Which of [`KINDS`], from which version on; in their order.
    pub modern: Vec<(usize, u64)>,
    /// `modern_browser unlisted`
    pub unlisted: bool,
    /// Parts of the names of ancient ones.
    pub ancient: Vec<Box<[u8]>>,
    /// `ancient_browser netscape4`
    pub netscape4: bool,
    /// `modern_browser_value`; `None` is `1`.
    pub modern_value: Option<Template>,
    /// `ancient_browser_value`; `None` is `1`.
    pub ancient_value: Option<Template>,
}

impl BrowserConf {
    /// Adds a line of `modern_browser`.
    ///
    /// # Errors
    /// nginx's message.
    pub fn add_modern(&mut self, name: &str, version: &str) -> Result<(), String> {
        let kind = KINDS.iter().position(|kind| kind.0 == name);
        let kind = kind.ok_or_else(|| format!("unknown browser name \"{name}\""))?;
        let (digits, read) = read_version(version.as_bytes());
        if digits != version.len() {
            return Err(format!("invalid browser version \"{version}\""));
        }
        self.modern.push((kind, read));
        self.modern.sort_by_key(|(kind, _)| *kind);
        Ok(())
    }

    /// Whether the browser of that name is a modern one; otherwise it is ancient.
    pub fn is_modern(&self, agent: Option<&[u8]>) -> bool {
        let Some(agent) = agent else { return self.unlisted };
        for (kind, least) in &self.modern {
            let (_, skip, name, before_version) = KINDS[*kind];
            let Some(at) = agent.get(skip..).and_then(|rest| memchr::memmem::find(rest, name.as_bytes()))
            else {
                continue;
            };
            let version = agent.get(skip + at + before_version..).unwrap_or_default();
            return read_version(version).1 >= *least;
        }
        if self.netscape4
            && agent.len() > "Mozilla/4.72 ".len()
            && agent.starts_with(b"Mozilla/")
            && matches!(agent[8], b'1'..=b'4')
        {
            return false;
        }
        let is_listed = self.ancient.iter().any(|name| memchr::memmem::find(agent, name).is_some());
        !is_listed && self.unlisted
    }
}

/// The version that `text` begins with, and its length.
fn read_version(text: &[u8]) -> (usize, u64) {
    let len = text.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(text.len());
    let mut scale = SCALE;
    let mut version = 0_u64;
    for part in text[..len].split(|b| *b == b'.') {
        let digit = |number: u64, byte: &u8| number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        let number = part.iter().fold(0, digit);
        version = version.saturating_add(number.saturating_mul(scale));
        scale /= 100;
    }
    (len, version)
}

/// `$msie`: Internet Explorer, or who says so, but Opera.
pub fn is_msie(agent: &[u8]) -> bool {
    let named = memchr::memmem::find(agent, b"MSIE ").is_some_and(|at| at + 7 < agent.len());
    named && memchr::memmem::find(agent, b"Opera").is_none()
}

#[cfg(test)]
mod tests {
    use super::BrowserConf;

    #[test]
    fn versions_and_names() {
        let mut conf = BrowserConf { unlisted: true, netscape4: true, ..BrowserConf::default() };
        conf.ancient.push(b"Lynx"[..].into());
        conf.add_modern("gecko", "1.0.5").unwrap();
        conf.add_modern("opera", "9").unwrap();
        for (agent, expected) in [
            ("Mozilla/5.0 (X11; rv:1.0.5) Gecko", true),
            ("Mozilla/5.0 (X11; rv:1.0.4.9) Gecko", false),
            ("Mozilla/5.0 (X11; rv:99999999999999999999999) Gecko", true),
            ("Opera/9.1 (X11; rv:0.1)", true),
            ("Mozilla/4.0 (compatible) Opera", false),
            ("Lynx/2", false),
            ("Mozilla/4.7 [en] (X11)", false),
            ("curl", true),
            ("", true),
        ] {
            assert_eq!(conf.is_modern(Some(agent.as_bytes())), expected, "{agent}");
        }
        assert!(conf.is_modern(None) && !BrowserConf::default().is_modern(None));
        assert_eq!(conf.add_modern("links", "1").unwrap_err(), "unknown browser name \"links\"");
        assert_eq!(conf.add_modern("msie", "x").unwrap_err(), "invalid browser version \"x\"");
    }
}
