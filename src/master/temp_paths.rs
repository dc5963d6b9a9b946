//! Directories for temporary files: made before anything else, as nginx does, and owned by the workers' user. `-t` and
//! `-s` make none.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::model::MainConf;
use crate::io::keeper::{self, Ask};
use crate::io::sys::{self, Identity};

use super::{StartError, describe};

/// Makes every directory that a configuration needs. One that no directive names and that cannot be made is replaced
/// by the system's, which is everybody's and gets no owner.
///
/// # Errors
/// A directory that a directive names cannot be made.
pub(super) fn prepare(conf: &mut MainConf, owner: Option<&Identity>) -> Result<(), StartError> {
    let system = std::env::temp_dir();
    let mut known: Vec<(PathBuf, bool)> = vec![(system.clone(), true)];
    for location in &mut conf.http.locations {
        let mut usable = |path: &Path| -> Result<bool, StartError> {
            if let Some((_, usable)) = known.iter().find(|(known, _)| known == path) {
                return Ok(*usable);
            }
            let made = match keeper::ask(Ask::MakeTemp, path.as_os_str().as_bytes()) {
                Some(made) => made.map(drop),
                None => make(path, owner),
            };
            known.push((path.to_owned(), made.is_ok()));
            match made {
                Err(error) if !conf.default_temp_paths.iter().any(|default| default == path) => {
                    let text = format!("mkdir() \"{}\" failed ({})", path.display(), describe(&error));
                    Err(StartError::emerg(text))
                }
                made => Ok(made.is_ok()),
            }
        };
        if !usable(&location.client_body_temp_path)? {
            location.client_body_temp_path.clone_from(&system);
        }
        if !usable(&location.proxy.temp_path)? {
            Arc::make_mut(&mut location.proxy).temp_path.clone_from(&system);
        }
    }
    Ok(())
}

/// What the keeper makes when a reload names it. One that is there already stays whose it is: who owns it might have put
/// another one in its place.
pub(super) fn make_new(path: &Path, owner: &Identity) -> io::Result<()> {
    if path.is_dir() { Ok(()) } else { make(path, Some(owner)) }
}

/// Only the workers' user reads requests and answers that wait on disk, as with nginx. Directories above it are made too.
fn make(path: &Path, owner: Option<&Identity>) -> io::Result<()> {
    if !path.is_dir() {
        let create = || std::fs::DirBuilder::new().mode(0o700).create(path);
        let made = create().or_else(|error| match (error.kind(), path.parent()) {
            (io::ErrorKind::NotFound, Some(parent)) => {
                let above = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(parent);
                above.or(Err(error)).and_then(|()| create())
            }
            _ => Err(error),
        });
        match made {
            // No directory, or another start was faster: what needs it will tell, as in nginx.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            made => made?,
        }
    }
    owner.map_or(Ok(()), |owner| sys::chown(path, owner.uid))
}
