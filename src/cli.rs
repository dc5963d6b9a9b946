//! nginx's command line: switches, messages, exit codes; and one thing nginx has not, serving without a file.
//!
//! Everything is parsed into [`Command`] first and carried out then. Called by `main` alone.

mod arguments;
mod report;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{self, LoadOptions, Loaded};
use crate::io::{panics, runtime, signal, sys};
use crate::log::{Level, say};
use crate::master;

use arguments::{About, Command, Mode};
use report::Messages;

/// The program: from arguments to exit code.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    sys::avoid_huge_pages();
    panics::note_all();
    match arguments::parse(arguments) {
        Ok(command) => run(&command),
        Err(message) => {
            say(&format!("ringx: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> ExitCode {
    let version = report::version_line();
    match command.about {
        Some(About::Help) => say(&(version + report::USAGE)),
        Some(About::Build) => say(&(version + &report::build_lines())),
        Some(About::Version) => say(&version),
        None => {}
    }
    match command.mode {
        Mode::About => ExitCode::SUCCESS,
        Mode::DirectivesMarkdown => {
            report::dump(config::directives_markdown().as_bytes());
            ExitCode::SUCCESS
        }
        Mode::Test { dump } => test(command, &Messages::open(&command.load), dump),
        Mode::Signal(signal) => send_signal(command, &Messages::open(&command.load), signal),
        Mode::Serve => serve(command, &Messages::open(&command.load)),
    }
}

/// Loads the configuration and says what there is to say about it.
fn load(command: &Command, messages: &Messages) -> Result<Loaded, ExitCode> {
    match config::load(&command.load) {
        Ok(loaded) => {
            messages.record(&loaded.diagnostics);
            // What is accepted without effect is told to who asks (`-t`), and not at every start.
            say(&match command.mode {
                Mode::Test { .. } if !command.quiet => loaded.diagnostics.render("ringx"),
                _ => loaded.diagnostics.render_warnings("ringx"),
            });
            if let (Some(message), Mode::Test { .. } | Mode::Serve) = (runtime::unknown_mode(), command.mode)
            {
                messages.tell(Level::Warn, &message);
            }
            Ok(loaded)
        }
        Err(diagnostics) => {
            messages.record(&diagnostics);
            say(&diagnostics.render("ringx"));
            Err(ExitCode::FAILURE)
        }
    }
}

/// `-t` and `-T`: nginx's two sentences, the dump on standard output.
fn test(command: &Command, messages: &Messages, dump: bool) -> ExitCode {
    let file = command.load.file_path();
    let failed = || {
        say(&format!("ringx: configuration file {} test failed\n", file.display()));
        ExitCode::FAILURE
    };
    let Ok(Loaded { conf, diagnostics }) = load(command, messages) else { return failed() };
    if !command.quiet {
        say(&format!("ringx: the configuration file {} syntax is ok\n", file.display()));
    }
    if let Err(error) = master::check(&command.load, conf) {
        // The file's own logs have it.
        say(&format!("ringx: [{}] {}\n", error.level.as_str(), error.message));
        return failed();
    }
    if !command.quiet {
        say(&format!("ringx: configuration file {} test is successful\n", file.display()));
    }
    if dump {
        if let Some(text) = &command.load.text {
            report::dump(format!("# configuration file {}:\n{text}\n", file.display()).as_bytes());
        }
        report::dump(&diagnostics.dump());
    }
    ExitCode::SUCCESS
}

/// `-s`: the configuration says where the pid file is.
fn send_signal(command: &Command, messages: &Messages, signal: signal::Signal) -> ExitCode {
    let Ok(Loaded { conf, .. }) = load(command, messages) else { return ExitCode::FAILURE };
    let path: &PathBuf = &conf.pid;
    let pid = match master::read_pid(path) {
        Ok(pid) => pid,
        Err(error) => {
            let text = match error.kind() {
                ErrorKind::InvalidData => format!("invalid PID number \"{error}\" in \"{}\"", path.display()),
                _ => format!("open() \"{}\" failed ({})", path.display(), master::describe(&error)),
            };
            messages.tell(Level::Error, &text);
            return ExitCode::FAILURE;
        }
    };
    match signal::send(pid, signal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = master::describe(&error);
            messages.tell(Level::Alert, &format!("kill({pid}, {}) failed ({why})", signal.number()));
            ExitCode::FAILURE
        }
    }
}

fn serve(command: &Command, messages: &Messages) -> ExitCode {
    let Ok(Loaded { conf, .. }) = load(command, messages) else { return ExitCode::FAILURE };
    match master::run(&command.load, conf) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its logs have it already.
            say(&format!("ringx: [{}] {}\n", error.level.as_str(), error.message));
            ExitCode::FAILURE
        }
    }
}

/// What to load when the command line says so itself: `--listen`, `--proxy`, `--static`.
fn inline_options(text: String, prefix: PathBuf) -> LoadOptions {
    LoadOptions { text: Some(text), prefix, ..LoadOptions::default() }
}
