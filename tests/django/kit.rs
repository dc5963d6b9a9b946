//! What every Django test needs once: Python with the site's requirements, and a prepared site (database, an admin
//! user, collected static files) to copy from. Built under `target/`, once for all tests and all test processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::venv::{announce, environment, output, read};

/// The admin user of the prepared site.
pub const USER: &str = "admin";
/// Its password.
pub const PASSWORD: &str = "correct horse battery";

/// A Python that has Django, and a site that is ready to be served.
pub struct Kit {
    /// The interpreter of the virtual environment.
    pub python: PathBuf,
    /// The prepared state: `db.sqlite3` and `static/`.
    pub state: PathBuf,
}

/// The kit, or `None` (said loudly) where Python or the package index cannot be reached. With `CI=true` that fails.
pub fn kit() -> Option<&'static Kit> {
    static KIT: OnceLock<Result<Kit, String>> = OnceLock::new();
    let kit = KIT.get_or_init(|| {
        let kit = build();
        if let Err(reason) = &kit {
            announce(&format!("SKIPPED: the Django tests cannot run here: {reason}"));
        }
        kit
    });
    match kit {
        Ok(kit) => Some(kit),
        Err(reason) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("the Django tests are required when CI=true: {reason}")
        }
        Err(_) => None,
    }
}

/// The directory of the Django project.
pub fn site() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django/site")
}

fn build() -> Result<Kit, String> {
    let (venv, _lock) = environment("django-venv", &site().join("requirements.txt"))?;
    let python = venv.join("bin/python");
    let state = venv.join("state");
    let wanted = sources(&site());
    if read(&state.join("site.stamp")) != wanted {
        drop(fs::remove_dir_all(&state));
        fs::create_dir_all(&state).map_err(|e| e.to_string())?;
        manage(&python, &state, &["migrate", "--verbosity=0"])?;
        manage(
            &python,
            &state,
            &["createsuperuser", "--noinput", "--username", USER, "--email", "admin@localhost"],
        )?;
        manage(&python, &state, &["collectstatic", "--noinput", "--verbosity=0"])?;
        fs::write(state.join("site.stamp"), wanted).map_err(|e| e.to_string())?;
    }
    Ok(Kit { python, state })
}

fn manage(python: &Path, state: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(python);
    command.arg("manage.py").args(arguments).current_dir(site());
    command
        .env("SITE_STATE", state)
        .env("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    output(&mut command)
}

/// The text of every file of the site: the prepared state belongs to exactly these.
fn sources(dir: &Path) -> String {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        if path.ends_with("__pycache__") {
            continue;
        }
        if path.is_dir() {
            text += &sources(&path);
        } else {
            text += &format!("--- {}\n{}", path.display(), read(&path));
        }
    }
    text
}
