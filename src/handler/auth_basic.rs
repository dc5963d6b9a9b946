//! `auth_basic`: asks for a name and a password (RFC 7617) and looks them up in the user file. Never lets anybody in on
//! an error.

use std::rc::Rc;
use std::time::Duration;

use crate::config::model::{BasicAuthConf, OpenFileCacheConf};
use crate::files::OpenFile;
use crate::http::exchange::Exchange;
use crate::http::variables;
use crate::http1::Status;
use crate::io::file;
use crate::log::{Level, Raw};
use crate::shard::Shard;

/// Largest user file, bytes.
const MAX_USER_FILE: u64 = 16 << 20;

/// A user file is looked at anew for each request: who was taken out of it is out.
const ALWAYS_FRESH: OpenFileCacheConf = OpenFileCacheConf {
    max: 64,
    inactive: Duration::from_secs(60),
    valid: Duration::ZERO,
    min_uses: 1,
    errors: false,
};

/// What became of the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `off` for this request.
    Declined,
    /// They are right.
    Allowed,
    /// They are not: 401, or why they could not be looked at.
    Refused(Status),
}

/// Checks the credentials of a request.
pub async fn run(exchange: &mut Exchange, shard: &Shard, conf: &BasicAuthConf) -> Verdict {
    let mut realm = Vec::new();
    variables::evaluate(exchange, &conf.realm, &mut realm);
    if realm == b"off" {
        return Verdict::Declined;
    }
    let mut credentials = Vec::new();
    let Some(user_len) = exchange.credentials(&mut credentials) else {
        exchange
            .log_error(Level::Info, format_args!("no user/password was provided for basic authentication"));
        return ask(exchange, &realm);
    };
    let (user, password) = (&credentials[..user_len], &credentials[user_len + 1..]);
    let path = user_file(exchange, conf);
    let found = match look_up(exchange, shard, &path, user) {
        Ok(found) => found,
        Err(status) => return Verdict::Refused(status),
    };
    let Some(hash) = found else {
        let (user, path) = (Raw(user), Raw(&path));
        exchange.log_error(Level::Error, format_args!("user \"{user}\" was not found in \"{path}\""));
        return ask(exchange, &realm);
    };
    match shard.passwords.verify(password, &hash).await {
        Ok(true) => Verdict::Allowed,
        Ok(false) => {
            exchange.log_error(Level::Error, format_args!("user \"{}\": password mismatch", Raw(user)));
            ask(exchange, &realm)
        }
        Err(_) => {
            exchange.log_error(Level::Error, format_args!("too many passwords wait to be checked"));
            Verdict::Refused(Status(503))
        }
    }
}

/// 401 with the question. A line break in the realm (from a variable) would be a second header.
fn ask(exchange: &mut Exchange, realm: &[u8]) -> Verdict {
    exchange.response.fields.push_with(b"WWW-Authenticate", |out| {
        out.extend_from_slice(b"Basic realm=\"");
        out.extend(realm.iter().filter(|b| !matches!(b, b'\r' | b'\n' | 0)));
        out.push(b'"');
    });
    Verdict::Refused(Status(401))
}

fn user_file(exchange: &Exchange, conf: &BasicAuthConf) -> Vec<u8> {
    let mut path = Vec::new();
    variables::evaluate(exchange, &conf.user_file, &mut path);
    if !path.starts_with(b"/") {
        path.splice(0..0, conf.folder.iter().copied());
    }
    path
}

/// The hash beside a user's name in the file, if there is one.
fn look_up(exchange: &Exchange, shard: &Shard, path: &[u8], user: &[u8]) -> Result<Option<Vec<u8>>, Status> {
    let opened = shard.files.borrow_mut().open(path, &ALWAYS_FRESH, crate::time::now());
    let opened = opened.map_err(|error| {
        let (level, status) =
            if error.is_absent() { (Level::Error, Status(403)) } else { (Level::Crit, Status(500)) };
        exchange.log_error(level, format_args!("{} \"{}\" failed {error}", error.call, Raw(path)));
        status
    })?;
    if let Some(content) = &opened.content {
        return Ok(find(content, user));
    }
    match read(&opened) {
        Some(content) => Ok(find(&content, user)),
        None => {
            exchange.log_error(Level::Crit, format_args!("read() \"{}\" failed", Raw(path)));
            Err(Status(500))
        }
    }
}

/// The content of a file that is too large to be kept.
fn read(file: &Rc<OpenFile>) -> Option<Vec<u8>> {
    if file.size > MAX_USER_FILE {
        return None;
    }
    let mut content = vec![0; usize::try_from(file.size).ok()?];
    file::read_exact_at(file.fd()?, &mut content, 0).ok()?;
    Some(content)
}

/// `name:hash`, a line each, perhaps with `:comment` behind; `#` makes a whole line one.
fn find(content: &[u8], user: &[u8]) -> Option<Vec<u8>> {
    content.split(|&b| b == b'\n').filter(|line| !line.starts_with(b"#")).find_map(|line| {
        let hash = line.strip_prefix(user)?.strip_prefix(b":")?;
        hash.split(|b| matches!(b, b':' | b'\r')).next().map(<[u8]>::to_vec)
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn lines_of_a_user_file() {
        let file = b"# users\nann:{PLAIN}a:the first\r\nannette:{PLAIN}b\r\n\nann:second\nlast:{PLAIN}c";
        for (user, hash) in [
            ("ann", Some("{PLAIN}a")),
            ("annette", Some("{PLAIN}b")),
            ("last", Some("{PLAIN}c")),
            ("an", None),
            ("# users", None),
        ] {
            assert_eq!(find(file, user.as_bytes()), hash.map(|hash| hash.as_bytes().to_vec()), "{user}");
        }
    }
}
