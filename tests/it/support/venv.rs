//! A virtual environment of Python below `target/`, built once for all tests and all test processes that name it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says something to whoever runs the tests; `eprintln!` would be swallowed by the test runner.
pub fn announce(text: &str) {
    drop(writeln!(std::io::stderr(), "\n*** {text}\n"));
}

/// The environment of this name with these exact packages; it is built, and said so, where it is not there. Nobody else builds
/// it until the lock is dropped.
///
/// # Errors
/// No Python, no `venv`, or no package index: what the command said.
pub fn environment(name: &str, requirements: &Path) -> Result<(PathBuf, File), String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp lies in target/");
    let venv = target.join(name);
    let lock = File::create(target.join(format!("{name}.lock"))).map_err(|e| format!("lock: {e}"))?;
    lock.lock().map_err(|e| format!("lock: {e}"))?;

    let python = venv.join("bin/python");
    let version = output(Command::new("python3").arg("--version"))?;
    let wanted = format!("{version}{}", read(requirements));
    if read(&venv.join("requirements.stamp")) != wanted {
        announce(&format!("Building a virtual environment in {}", venv.display()));
        drop(fs::remove_dir_all(&venv));
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"];
        output(Command::new(&python).args(pip).args(["--timeout", "20", "--requirement"]).arg(requirements))?;
        fs::write(venv.join("requirements.stamp"), wanted).map_err(|e| e.to_string())?;
    }
    Ok((venv, lock))
}

/// Runs a command to its end; its error output becomes the reason when it fails.
///
/// # Errors
/// It cannot be run, or says that it failed.
pub fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let done = command.stdin(Stdio::null()).output().map_err(|e| format!("{shown}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(format!("{shown}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr)))
}

/// A file's text, empty where there is none.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
