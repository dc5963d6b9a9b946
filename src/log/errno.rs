//! System errors as nginx writes them.

use std::fmt;
use std::io;

/// An I/O error as nginx prints it: `111: Connection refused`.
#[derive(Debug)]
pub struct Errno<'a>(pub &'a io::Error);

impl fmt::Display for Errno<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match self.0.raw_os_error() {
            Some(code) => write!(f, "{code}: {}", text.split(" (os error").next().unwrap_or(&text)),
            None => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_text() {
        assert_eq!(Errno(&io::Error::from_raw_os_error(111)).to_string(), "111: Connection refused");
        assert_eq!(Errno(&io::ErrorKind::TimedOut.into()).to_string(), "timed out");
    }
}
