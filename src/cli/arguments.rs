//! From arguments to a [`Command`]. nginx's switches may be joined (`-tq`) and their values glued (`-cfile`).

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::LoadOptions;
use crate::io::signal::Signal;
use crate::master;

/// What to do, and with which configuration.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) about: Option<About>,
    pub(super) mode: Mode,
    pub(super) quiet: bool,
    pub(super) load: LoadOptions,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Serve,
    Test {
        dump: bool,
    },
    Signal(Signal),
    /// Nothing besides [`About`].
    About,
    DirectivesMarkdown,
}

/// What to say about the program first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Version,
    Build,
    Help,
}

/// Where the configuration is when `-c` does not say.
const DEFAULT_FILES: [&str; 2] = ["conf/nginx.conf", "/etc/nginx/nginx.conf"];

/// The raw switches.
#[derive(Default)]
struct Switches {
    help: bool,
    version: bool,
    build: bool,
    test: bool,
    dump: bool,
    quiet: bool,
    strict: bool,
    directives: bool,
    signal: Option<Signal>,
    file: Option<String>,
    prefix: Option<String>,
    globals: Option<String>,
    error_log: Option<String>,
    listen: Vec<String>,
    proxy: Option<String>,
    statics: Vec<String>,
}

/// Reads the arguments, the program's name excluded.
///
/// # Errors
/// nginx's message, without the program's name.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut switches = Switches::default();
    let mut rest = arguments.into_iter().map(|a| a.to_string_lossy().into_owned());
    while let Some(argument) = rest.next() {
        if let Some(long) = argument.strip_prefix("--") {
            switches.take_long(long, &mut rest)?;
        } else if let Some(letters) = argument.strip_prefix('-') {
            switches.take_letters(letters, &mut rest)?;
        } else {
            return Err(format!("invalid option: \"{argument}\""));
        }
    }
    switches.command()
}

impl Switches {
    fn take_letters(&mut self, letters: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let glued = &letters[at + letter.len_utf8()..];
            let mut value = |what: &str| match glued {
                "" => rest.next().ok_or(format!("option \"-{letter}\" requires {what}")),
                glued => Ok(glued.to_owned()),
            };
            match letter {
                '?' | 'h' => {
                    self.version = true;
                    self.help = true;
                }
                'v' => self.version = true,
                'V' => self.build = true,
                't' => self.test = true,
                'T' => {
                    self.test = true;
                    self.dump = true;
                }
                'q' => self.quiet = true,
                'p' => return value("directory name").map(|v| self.prefix = written(v)),
                'e' => return value("file name").map(|v| self.error_log = written(v)),
                'c' => return value("file name").map(|v| self.file = Some(v)),
                'g' => return value("parameter").map(|v| self.globals = written(v)),
                's' => {
                    let name = value("parameter")?;
                    self.signal = Some(signal(&name)?);
                    return Ok(());
                }
                _ => return Err(format!("invalid option: \"{letter}\"")),
            }
        }
        Ok(())
    }

    fn take_long(&mut self, long: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, glued) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let mut value = |what: &str| {
            glued.clone().or_else(|| rest.next()).ok_or(format!("option \"--{name}\" requires {what}"))
        };
        match name {
            "help" => self.help = true,
            "version" => self.version = true,
            "strict" => self.strict = true,
            "directives-markdown" => self.directives = true,
            "listen" => self.listen.push(value("an address")?),
            "proxy" => self.proxy = Some(value("an address")?),
            "static" => self.statics.push(value("/PREFIX=DIRECTORY")?),
            _ => return Err(format!("invalid option: \"--{name}\"")),
        }
        Ok(())
    }

    fn command(self) -> Result<Command, String> {
        let about = match self {
            _ if self.help => Some(About::Help),
            _ if self.build => Some(About::Build),
            _ if self.version => Some(About::Version),
            _ => None,
        };
        let mode = match self.signal {
            _ if self.directives => Mode::DirectivesMarkdown,
            _ if self.test => Mode::Test { dump: self.dump },
            _ if about.is_some() => Mode::About,
            Some(signal) => Mode::Signal(signal),
            None => Mode::Serve,
        };
        let load = self.load_options()?;
        Ok(Command { about, mode, quiet: self.quiet && self.test, load })
    }

    fn load_options(&self) -> Result<LoadOptions, String> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let prefix = self.prefix.as_ref().map_or_else(|| here.clone(), |prefix| here.join(prefix));
        if !self.listen.is_empty() || self.proxy.is_some() || !self.statics.is_empty() {
            if self.file.is_some() {
                return Err(
                    "\"-c\" cannot be used with \"--listen\", \"--proxy\" and \"--static\"".to_owned()
                );
            }
            let text = self.inline_configuration(&here)?;
            let mut load = super::inline_options(text, prefix);
            load.globals = self.globals.clone();
            load.strict = self.strict;
            load.find_user = Some(master::find_user);
            return Ok(load);
        }
        let file = match &self.file {
            Some(file) => prefix.join(file),
            None => DEFAULT_FILES
                .iter()
                .map(|file| prefix.join(file))
                .find(|file| file.exists())
                .unwrap_or_else(|| prefix.join(DEFAULT_FILES[0])),
        };
        Ok(LoadOptions {
            file,
            prefix,
            globals: self.globals.clone(),
            strict: self.strict,
            error_log: self.error_log.clone(),
            find_user: Some(master::find_user),
            ..LoadOptions::default()
        })
    }

    /// The configuration that `--listen`, `--proxy` and `--static` stand for.
    fn inline_configuration(&self, here: &std::path::Path) -> Result<String, String> {
        // A bare server, for the MIME types that come with it.
        let mut text = String::from("daemon off;\nerror_log stderr;\nserver {\n    access_log off;\n");
        if self.listen.is_empty() {
            return Err("\"--listen\" is needed with \"--proxy\" and \"--static\"".to_owned());
        }
        for listen in &self.listen {
            text.push_str(&format!("    listen {};\n", quoted(listen)?));
        }
        for pair in &self.statics {
            let Some((location, directory)) = pair.split_once('=').filter(|(at, _)| at.starts_with('/'))
            else {
                return Err(format!(
                    "invalid value \"{pair}\" of \"--static\", it must be /PREFIX=DIRECTORY"
                ));
            };
            let mut directory = here.join(directory).to_string_lossy().into_owned();
            if location.ends_with('/') && !directory.ends_with('/') {
                directory.push('/');
            }
            text.push_str(&format!(
                "    location {} {{ alias {}; }}\n",
                quoted(location)?,
                quoted(&directory)?
            ));
        }
        if let Some(proxy) = &self.proxy {
            let url = if proxy.contains("://") { proxy.clone() } else { format!("http://{proxy}") };
            text.push_str(&format!(
                "    location / {{\n        proxy_pass {};\n        proxy_set_header Host $http_host;\n        \
                 proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n        \
                 proxy_set_header X-Forwarded-Proto $scheme;\n    }}\n",
                quoted(&url)?
            ));
        }
        text.push_str("}\n");
        Ok(text)
    }
}

/// `-g "$EXTRA"` where there is nothing extra.
fn written(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

/// A value as a quoted word of the configuration language.
fn quoted(value: &str) -> Result<String, String> {
    if value.contains(['"', '\\', '$', '\n', '\r', '\0']) {
        return Err(format!(
            "invalid value \"{value}\": quotes, backslashes, \"$\" and line breaks are not possible here"
        ));
    }
    Ok(format!("\"{value}\""))
}

fn signal(name: &str) -> Result<Signal, String> {
    match name {
        "stop" => Ok(Signal::Terminate),
        "quit" => Ok(Signal::Quit),
        "reopen" => Ok(Signal::Reopen),
        "reload" => Ok(Signal::Reload),
        _ => Err(format!("invalid option: \"-s {name}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Signal, parse};

    fn command(arguments: &[&str]) -> Result<super::Command, String> {
        parse(arguments.iter().map(Into::into))
    }

    #[test]
    fn joined_and_glued_switches() {
        let command = command(&["-tq", "-p/tmp/x", "-c", "a.conf", "-gdaemon off;"]).unwrap();
        assert_eq!(command.mode, Mode::Test { dump: false });
        assert!(command.quiet);
        assert_eq!(command.load.file.to_str(), Some("/tmp/x/a.conf"));
        assert_eq!(command.load.globals.as_deref(), Some("daemon off;"));
    }

    #[test]
    fn messages_are_nginxs() {
        for (arguments, message) in [
            (&["x"][..], "invalid option: \"x\""),
            (&["-x"], "invalid option: \"x\""),
            (&["-c"], "option \"-c\" requires file name"),
            (&["-p"], "option \"-p\" requires directory name"),
            (&["-g"], "option \"-g\" requires parameter"),
            (&["-s", "foo"], "invalid option: \"-s foo\""),
        ] {
            assert_eq!(command(arguments).unwrap_err(), message, "{arguments:?}");
        }
        assert_eq!(command(&["-s", "reload"]).unwrap().mode, Mode::Signal(Signal::Reload));
    }

    #[test]
    fn a_server_without_a_file() {
        let arguments = ["--listen", "8080", "--proxy", "127.0.0.1:8000", "--static", "/static/=./static"];
        let text = command(&arguments).unwrap().load.text.unwrap();
        assert!(text.contains("listen \"8080\";"), "{text}");
        assert!(text.contains("location \"/static/\" { alias \""), "{text}");
        assert!(text.contains("proxy_pass \"http://127.0.0.1:8000\";"), "{text}");
        for wrong in [
            &["--proxy", "127.0.0.1:8000"][..],
            &["--listen", "1", "--static", "/s"],
            &["--listen", "1", "--static", "s=."],
            &["--listen", "1", "-c", "x"],
            &["--listen", "\""],
        ] {
            assert!(command(wrong).is_err(), "{wrong:?}");
        }
    }
}
