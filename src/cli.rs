//! nginx's command line: switches, messages, exit codes; and one thing nginx has not, serving without a file.
//!
//! Everything is parsed into [`Command`] first and carried out then. Called by `main` alone.

mod arguments;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::{self, LoadOptions, Loaded};
use crate::io::signal;
use crate::log::Level;
use crate::master;

use arguments::{Command, Mode};

/// The program: from arguments to exit code.
pub fn main(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    match arguments::parse(arguments) {
        Ok(command) => run(&command),
        Err(message) => {
            eprintln!("ringx: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> ExitCode {
    match command.mode {
        Mode::Help => {
            eprint!("{}{}", report::version_line(), report::USAGE);
            ExitCode::SUCCESS
        }
        Mode::Version => {
            eprint!("{}", report::version_line());
            ExitCode::SUCCESS
        }
        Mode::Build => {
            eprint!("{}{}", report::version_line(), report::build_lines());
            ExitCode::SUCCESS
        }
        Mode::DirectivesMarkdown => {
            print!("{}", config::directives_markdown());
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
            eprint!("{messages}");
            Ok(loaded)
        }
        Err(diagnostics) => {
            eprint!("{}", diagnostics.render("ringx"));
            Err(ExitCode::FAILURE)
        }
    }
}

fn emerg(message: &str) {
    eprintln!("ringx: [{}] {message}", Level::Emerg.as_str());
}

/// `-t` and `-T`: nginx's two sentences, the dump on standard output.
fn test(command: &Command, dump: bool) -> ExitCode {
    let file = command.load.file_path();
    let failed = || {
        eprintln!("ringx: configuration file {} test failed", file.display());
        ExitCode::FAILURE
    };
    let Ok(Loaded { conf, diagnostics }) = load(command) else { return failed() };
    if !command.quiet {
        eprintln!("ringx: the configuration file {} syntax is ok", file.display());
    }
    if let Err(error) = master::check(conf) {
        emerg(&error.message);
        return failed();
    }
    if !command.quiet {
        eprintln!("ringx: configuration file {} test is successful", file.display());
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
            eprintln!("ringx: [error] invalid PID number \"{error}\" in \"{}\"", path.display());
            return ExitCode::FAILURE;
        }
        Err(error) => {
            let why = master::describe(&error);
            eprintln!("ringx: [error] open() \"{}\" failed ({why})", path.display());
            return ExitCode::FAILURE;
        }
    };
    match signal::send(pid, signal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = master::describe(&error);
            eprintln!("ringx: [alert] kill({pid}, {}) failed ({why})", signal.number());
            ExitCode::FAILURE
        }
    }
}

fn serve(command: &Command) -> ExitCode {
    let Ok(Loaded { conf, .. }) = load(command) else { return ExitCode::FAILURE };
    match master::run(&command.load, conf) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringx: [{}] {}", error.level.as_str(), error.message);
            ExitCode::FAILURE
        }
    }
}

/// What to load when the command line says so itself: `--listen`, `--proxy`, `--static`.
fn inline_options(text: String, prefix: PathBuf) -> LoadOptions {
    LoadOptions { text: Some(text), prefix, ..LoadOptions::default() }
}
