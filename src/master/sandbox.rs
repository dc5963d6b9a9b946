//! `sandbox on`: which files, directories and ports a configuration names. What it does not name is out of reach afterwards, for
//! a reload too: one that names more is refused, and the old configuration stays.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::config::model::{
    BindAddress, HandlerConf, ListenAddr, LogTarget, MainConf, PeerAddr, ProxyTarget,
};
use crate::config::template::{Part, Template};
use crate::config::{self, LoadOptions};
use crate::cycle::LogFiles;
use crate::io::confine::{self, Bounds, Enforced};
use crate::io::{granted, keeper, sys};
use crate::tls::Tls;

use super::StartError;

/// What the C library and this program read of the system: host names, users, the time zone, cores.
const SYSTEM: [&str; 16] = [
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/proc/sys/kernel",
    "/proc/self",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/null",
];

/// Names are looked up over TCP when the answer is long.
const DNS: u16 = 53;

/// What was enforced at the start, and for whom.
#[derive(Debug)]
pub(super) struct Sandbox {
    bounds: Bounds,
    user: Option<sys::Identity>,
}

impl Sandbox {
    /// Confines this process, with what it starts later; gives what is to be logged about it.
    ///
    /// # Errors
    /// What the configuration, or the kernel, does not allow.
    pub(super) fn close(
        conf: &MainConf,
        options: &LoadOptions,
        user: Option<&sys::Identity>,
    ) -> Result<(Self, Option<&'static str>), StartError> {
        let bounds = bounds(conf, options, user).map_err(StartError::emerg)?;
        let refused = |error: &std::io::Error| match error.kind() {
            std::io::ErrorKind::Unsupported => {
                "\"sandbox on\" needs Landlock (Linux 5.13, with \"landlock\" among its security modules)"
                    .to_owned()
            }
            _ => format!("\"sandbox on\" failed ({error})"),
        };
        let enforced = confine::confine(&bounds).map_err(|error| StartError::emerg(refused(&error)))?;
        let message = (enforced == Enforced::Partly)
            .then_some("this kernel confines files, but not all of ports and signals: Linux 6.12 does");
        Ok((Self { bounds, user: user.cloned() }, message))
    }

    /// Whether this configuration could be confined: for `-t`.
    ///
    /// # Errors
    /// What cannot be.
    pub(super) fn check(conf: &MainConf, options: &LoadOptions) -> Result<(), StartError> {
        bounds(conf, options, None).map(drop).map_err(StartError::emerg)
    }

    /// Whether a new configuration stays within it.
    ///
    /// # Errors
    /// What it names beyond that.
    pub(super) fn holds(&self, conf: &MainConf, options: &LoadOptions) -> Result<(), StartError> {
        let new = bounds(conf, options, self.user.as_ref());
        new.and_then(|new| within(&new, &self.bounds)).map_err(StartError::emerg)
    }
}

/// What this configuration names.
///
/// # Errors
/// A path that begins with a variable: it could be anything.
fn bounds(conf: &MainConf, options: &LoadOptions, user: Option<&sys::Identity>) -> Result<Bounds, String> {
    let mut bounds = Bounds { connect: Some(vec![DNS]), bind: Some(Vec::new()), ..Bounds::default() };
    bounds.read.extend(SYSTEM.iter().map(PathBuf::from));
    // The names in a backtrace.
    bounds.read.extend(std::env::current_exe());
    for location in &conf.http.locations {
        bounds.read.push(folder(&location.root.path, "root")?);
        if let Some(basic) = location.access.as_ref().and_then(|access| access.basic.as_ref()) {
            // Who writes such a file anew puts another one in its place.
            let file = literal(&basic.user_file, "auth_basic_user_file")?;
            let file = Path::new(OsStr::from_bytes(&basic.folder)).join(file);
            bounds.read.push(file.parent().unwrap_or(&file).to_owned());
        }
        bounds.write.push(location.client_body_temp_path.clone());
        bounds.write.push(location.proxy.temp_path.clone());
        if let Some(store) = &location.proxy.store {
            let path = store.path.as_ref().unwrap_or(&location.root.path);
            bounds.write.push(folder(path, "proxy_store")?);
        }
        if let (Some(from), Some(ports)) = (&location.proxy.bind, &mut bounds.bind) {
            match &from.address {
                BindAddress::Fixed(address) => ports.push(address.port()),
                // It may have a port of its own in each request.
                BindAddress::Evaluated(_) => bounds.bind = None,
            }
        }
        if let HandlerConf::Proxy(pass) = &location.handler
            && matches!(pass.target, ProxyTarget::Variables(_))
        {
            bounds.connect = None;
        }
    }
    let peers = conf.http.upstreams.iter().flat_map(|upstream| &upstream.peers);
    let ports = peers.filter_map(|peer| match &peer.addr {
        PeerAddr::Inet(addr) => Some(addr.port()),
        PeerAddr::Unix(_) => None,
    });
    if let Some(connect) = &mut bounds.connect {
        connect.extend(ports);
    }
    logs(conf, user, &mut bounds);
    if !keeper::is_there() {
        own_files(conf, options, &mut bounds);
    }
    tidy(&mut bounds);
    Ok(bounds)
}

/// Logs that the program opens itself: the keeper opens the others.
fn logs(conf: &MainConf, user: Option<&sys::Identity>, bounds: &mut Bounds) {
    for target in LogFiles::targets(conf) {
        if let LogTarget::File(path) = target
            && user.is_none_or(|user| granted::is_in_reach(path, user))
        {
            bounds.write.extend(path.parent().map(Path::to_owned));
        }
    }
}

/// Without a keeper: the configuration's own files, the pid file, addresses. Who writes a file anew puts another one in its
/// place, so that the directory is what counts.
fn own_files(conf: &MainConf, options: &LoadOptions, bounds: &mut Bounds) {
    let mut options = options.clone();
    options.access = super::keeper::ACCESS;
    let ((), looked_at) = granted::noting(|| {
        if let Ok(loaded) = config::load(&options) {
            let _ = Tls::load(&loaded.conf.http, None);
        }
    });
    for path in looked_at {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        for path in [path, real] {
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            bounds.read.extend(folder.map(Path::to_owned));
        }
    }
    bounds.write.extend(conf.pid.parent().map(Path::to_owned));
    for listen in &conf.http.listens {
        match &listen.addr {
            ListenAddr::Inet(addr) => bounds.bind.iter_mut().for_each(|ports| ports.push(addr.port())),
            ListenAddr::Unix(path) => bounds.write.extend(path.parent().map(Path::to_owned)),
        }
    }
}

/// Each once, in an order that does not depend on the file's.
fn tidy(bounds: &mut Bounds) {
    for paths in [&mut bounds.read, &mut bounds.write] {
        paths.sort();
        paths.dedup();
    }
    for ports in bounds.connect.iter_mut().chain(&mut bounds.bind) {
        ports.sort_unstable();
        ports.dedup();
    }
}

/// Whether a configuration stays within what is enforced.
///
/// # Errors
/// What it names beyond that.
fn within(new: &Bounds, enforced: &Bounds) -> Result<(), String> {
    let beyond = |what: String| Err(format!("\"sandbox\" was closed without {what}: this takes a restart"));
    let readable = |path: &&PathBuf| {
        !confine::is_within(path, &enforced.read) && !confine::is_within(path, &enforced.write)
    };
    if let Some(path) = new.read.iter().find(readable) {
        return beyond(format!("\"{}\"", path.display()));
    }
    if let Some(path) = new.write.iter().find(|path| !confine::is_within(path, &enforced.write)) {
        return beyond(format!("writing to \"{}\"", path.display()));
    }
    let ports =
        [("connections to", &new.connect, &enforced.connect), ("listening on", &new.bind, &enforced.bind)];
    for (what, new, enforced) in ports {
        match (new, enforced) {
            (_, None) => {}
            (None, Some(_)) => return beyond(format!("{what} any port")),
            (Some(new), Some(enforced)) => {
                if let Some(port) = new.iter().find(|port| !enforced.contains(port)) {
                    return beyond(format!("{what} port {port}"));
                }
            }
        }
    }
    Ok(())
}

/// The directory that everything lies in which a path with variables can mean.
fn folder(template: &Template, directive: &str) -> Result<PathBuf, String> {
    let whole = template.parts().len() == 1;
    let text = literal(template, directive)?;
    let path = Path::new(text);
    // What stands before a variable ends in the middle of a name, unless it ends with a slash.
    let ends = whole || text.as_bytes().ends_with(b"/");
    Ok(if ends { path } else { path.parent().unwrap_or(path) }.to_owned())
}

fn literal<'t>(template: &'t Template, directive: &str) -> Result<&'t OsStr, String> {
    match template.parts().first() {
        Some(Part::Literal(text)) => Ok(OsStr::from_bytes(text)),
        _ => Err(format!("\"{directive}\" begins with a variable, which \"sandbox on\" cannot confine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_stays_within_what_is_enforced() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        let enforced = Bounds {
            read: paths(&["/srv/www"]),
            write: paths(&["/var/tmp/x"]),
            connect: Some(vec![53, 8000]),
            bind: Some(vec![80]),
        };
        assert_eq!(within(&enforced, &enforced), Ok(()));
        let less = Bounds {
            read: paths(&["/srv/www/a", "/var/tmp/x/y"]),
            connect: Some(vec![]),
            bind: Some(vec![]),
            ..Bounds::default()
        };
        assert_eq!(within(&less, &enforced), Ok(()));
        let of = |change: &dyn Fn(&mut Bounds)| {
            let mut new = enforced.clone();
            change(&mut new);
            within(&new, &enforced).unwrap_err()
        };
        assert!(of(&|new| new.read = paths(&["/srv/wwwx"])).contains("without \"/srv/wwwx\""));
        assert!(of(&|new| new.write = paths(&["/srv/www"])).contains("writing to \"/srv/www\""));
        assert!(of(&|new| new.connect = None).contains("any port"));
        assert!(of(&|new| new.connect = Some(vec![8001])).contains("connections to port 8001"));
        assert!(of(&|new| new.bind = Some(vec![443])).contains("listening on port 443"));
        assert!(of(&|new| new.bind = None).contains("listening on any port"));
        assert_eq!(within(&enforced, &Bounds { connect: None, ..enforced.clone() }), Ok(()));
    }
}
