//! nginx's command line: switches, messages, exit codes; and one thing nginx has not, serving without a file.
//!
//! Everything is parsed into [`Command`] first and carried out then. Called by `main` alone.

mod arguments;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{self, LoadOptions, Loaded};
use crate::io::{runtime, signal};
use crate::log::{Level, say};
use crate::master;

use arguments::{Command, Mode};

/// The program: from arguments to exit code.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    match arguments::parse(arguments) {
        Ok(command) => run(&command),
        Err(message) => {
            say(&format!("ringx: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> ExitCode {
    match command.mode {
        Mode::Help => {
            say(&(report::version_line() + report::USAGE));
            ExitCode::SUCCESS
        }
        Mode::Version => {
            say(&report::version_line());
            ExitCode::SUCCESS
        }
        Mode::Build => {
            say(&(report::version_line() + &report::build_lines()));
            ExitCode::SUCCESS
        }
        Mode::DirectivesMarkdown => {
            report::dump(config::directives_markdown().as_bytes());
            ExitCode::SUCCESS
        }
        Mode::Test { dump } => test(command, dump),
        Mode::Signal(signal) => send_signal(command, signal),
        Mode::Serve => serve(command),
    }
}

/// Loads the configuration; messages go to standard error.
fn load(command: &Command) -> Result<Loaded, ExitCode> {
    match config::load(&command.load) {
        Ok(loaded) => {
            // What is accepted without effect is told to who asks (`-t`), and not at every start.
            let messages = match command.mode {
                Mode::Test { .. } if !command.quiet => loaded.diagnostics.render("ringx"),
                _ => loaded.diagnostics.render_warnings("ringx"),
            };
            say(&messages);
            if let (Some(message), Mode::Test { .. } | Mode::Serve) = (runtime::unknown_mode(), command.mode)
            {
                say(&format!("ringx: [{}] {message}\n", Level::Warn.as_str()));
            }
            Ok(loaded)
        }
        Err(diagnostics) => {
            say(&diagnostics.render("ringx"));
            Err(ExitCode::FAILURE)
        }
    }
}

fn emerg(message: &str) {
    say(&format!("ringx: [{}] {message}\n", Level::Emerg.as_str()));
}

/// `-t` and `-T`: nginx's two sentences, the dump on standard output.
fn test(command: &Command, dump: bool) -> ExitCode {
    let file = command.load.file_path();
    let failed = || {
        say(&format!("ringx: configuration file {} test failed\n", file.display()));
        ExitCode::FAILURE
    };
    let Ok(Loaded { conf, diagnostics }) = load(command) else { return failed() };
    if !command.quiet {
        say(&format!("ringx: the configuration file {} syntax is ok\n", file.display()));
    }
    if let Err(error) = master::check(conf) {
        emerg(&error.message);
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
fn send_signal(command: &Command, signal: signal::Signal) -> ExitCode {
    let Ok(Loaded { conf, .. }) = load(command) else { return ExitCode::FAILURE };
    let path: &PathBuf = &conf.pid;
    let pid = match master::read_pid(path) {
        Ok(pid) => pid,
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            say(&format!("ringx: [error] invalid PID number \"{error}\" in \"{}\"\n", path.display()));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            let why = master::describe(&error);
            say(&format!("ringx: [error] open() \"{}\" failed ({why})\n", path.display()));
            return ExitCode::FAILURE;
        }
    };
    match signal::send(pid, signal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = master::describe(&error);
            say(&format!("ringx: [alert] kill({pid}, {}) failed ({why})\n", signal.number()));
            ExitCode::FAILURE
        }
    }
}

fn serve(command: &Command) -> ExitCode {
    let Ok(Loaded { conf, .. }) = load(command) else { return ExitCode::FAILURE };
    match master::run(&command.load, conf) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("ringx: [{}] {}\n", error.level.as_str(), error.message));
            ExitCode::FAILURE
        }
    }
}

/// What to load when the command line says so itself: `--listen`, `--proxy`, `--static`.
fn inline_options(text: String, prefix: PathBuf) -> LoadOptions {
    LoadOptions { text: Some(text), prefix, ..LoadOptions::default() }
}
