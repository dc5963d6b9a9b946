//! Session tickets: sealed with keys that all cores share, that change by themselves, and that outlive a reload.
//!
//! A ticket is `name of the key | salt | sealed (when it ends, session) | tag`. Its own key is derived from the ring's and the
//! salt, so no nonce is ever used twice. The context of a server is authenticated with it: a session of one that checks
//! clients otherwise is not resumed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use ring::{aead, hkdf};
use rustls::server::ProducesTickets;

use crate::log::Errno;
use crate::time;

/// What tells the servers apart whose sessions must not mix.
pub(super) type Context = [u8; 32];

const NAME: usize = 16;
const SALT: usize = 32;
/// Bytes in front of the session: when the ticket ends, seconds since 1970.
const EXPIRY: usize = 8;
/// A key that nobody wrote seals for at least and at most so long.
const MIN_USE: Duration = Duration::from_secs(600);
const MAX_USE: Duration = Duration::from_secs(12 * 3600);
/// Most keys that are kept: with the longest use that is sessions of two weeks.
const MAX_KEYS: usize = 32;

/// The keys that seal and open tickets.
#[derive(Debug)]
pub(super) struct TicketKeys {
    /// The newest first.
    keys: RwLock<Vec<Arc<Key>>>,
    /// Written in files: they stay.
    fixed: bool,
}

struct Key {
    name: [u8; NAME],
    secret: hkdf::Prk,
    /// `Now::monotonic_ms`
    made_ms: u64,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Key {
    fn new(name: [u8; NAME], secret: &[u8]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ringx session tickets");
        Self { name, secret: salt.extract(secret), made_ms: time::now().monotonic_ms }
    }

    fn random() -> Option<Self> {
        let (mut name, mut secret) = ([0; NAME], [0; 32]);
        let random = SystemRandom::new();
        random.fill(&mut name).ok()?;
        random.fill(&mut secret).ok()?;
        Some(Self::new(name, &secret))
    }

    /// The key of one ticket.
    fn of_ticket(&self, salt: &[u8]) -> Option<aead::LessSafeKey> {
        let info = [salt];
        let okm = self.secret.expand(&info, &aead::AES_256_GCM).ok()?;
        Some(aead::LessSafeKey::new(aead::UnboundKey::from(okm)))
    }
}

impl TicketKeys {
    /// Keys that nobody knows and that change.
    pub(super) fn random() -> Self {
        Self { keys: RwLock::new(Key::random().into_iter().map(Arc::new).collect()), fixed: false }
    }

    /// `ssl_session_ticket_key`: the first seals, all open.
    ///
    /// # Errors
    /// nginx's message for a file that is not right.
    pub(super) fn from_files(paths: &[PathBuf]) -> Result<Self, String> {
        let key = |path: &PathBuf| read(path).map(Arc::new);
        Ok(Self { keys: RwLock::new(paths.iter().map(key).collect::<Result<_, _>>()?), fixed: true })
    }

    /// The key that seals at `now_ms`.
    fn newest_at(&self, lifetime: Duration, now_ms: u64) -> Option<Arc<Key>> {
        let age = |key: &Arc<Key>| Duration::from_millis(now_ms.saturating_sub(key.made_ms));
        let longest = lifetime.clamp(MIN_USE, MAX_USE);
        let newest = self.keys.read().unwrap_or_else(PoisonError::into_inner).first().cloned();
        if newest.as_ref().is_some_and(|key| self.fixed || age(key) < longest) {
            return newest;
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.first().is_none_or(|key| age(key) >= longest) {
            let fresh = Key { made_ms: now_ms, ..Key::random()? };
            keys.insert(0, Arc::new(fresh));
            keys.truncate(MAX_KEYS);
        }
        keys.first().cloned()
    }

    fn named(&self, name: &[u8]) -> Option<Arc<Key>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.name == name).cloned()
    }
}

/// 48 or 80 bytes, of which the first 16 are the name.
fn read(path: &Path) -> Result<Key, String> {
    let content = crate::io::granted::read(path)
        .map_err(|error| format!("open() \"{}\" failed ({})", path.display(), Errno(&error)))?;
    match content.split_first_chunk::<NAME>() {
        Some((name, secret)) if matches!(content.len(), 48 | 80) => Ok(Key::new(*name, secret)),
        _ => Err(format!("\"{}\" must be 48 or 80 bytes", path.display())),
    }
}

/// The tickets of one server.
#[derive(Debug)]
pub(super) struct Tickets {
    pub(super) keys: Arc<TicketKeys>,
    pub(super) context: Context,
    pub(super) lifetime: Duration,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.lifetime.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.newest_at(self.lifetime, time::now().monotonic_ms)?;
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).ok()?;
        let expiry = now_secs().saturating_add(self.lifetime.as_secs());
        let mut sealed = Vec::with_capacity(EXPIRY + session.len() + 16);
        sealed.extend_from_slice(&expiry.to_be_bytes());
        sealed.extend_from_slice(session);
        let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
        key.of_ticket(&salt)?
            .seal_in_place_append_tag(nonce, aead::Aad::from(self.context), &mut sealed)
            .ok()?;
        Some([&key.name[..], &salt, &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (salt, sealed) = rest.split_at_checked(SALT)?;
        let key = self.keys.named(name)?;
        let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
        let mut sealed = sealed.to_vec();
        let opened =
            key.of_ticket(salt)?.open_in_place(nonce, aead::Aad::from(self.context), &mut sealed).ok()?;
        let (expiry, session) = opened.split_first_chunk::<EXPIRY>()?;
        (now_secs() < u64::from_be_bytes(*expiry)).then(|| session.to_vec())
    }
}

/// Seconds since 1970.
pub(super) fn now_secs() -> u64 {
    u64::try_from(time::now().unix_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(keys: &Arc<TicketKeys>, context: u8, lifetime: u64) -> Tickets {
        Tickets { keys: Arc::clone(keys), context: [context; 32], lifetime: Duration::from_secs(lifetime) }
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_same_context_alone() {
        let keys = Arc::new(TicketKeys::random());
        let ticket = tickets(&keys, 1, 60).encrypt(b"session").unwrap();
        assert_eq!(tickets(&keys, 1, 60).decrypt(&ticket).unwrap(), b"session");
        assert_eq!(tickets(&keys, 2, 60).decrypt(&ticket), None);
        assert_eq!(tickets(&Arc::new(TicketKeys::random()), 1, 60).decrypt(&ticket), None);
        for at in 0..ticket.len() {
            let mut other = ticket.clone();
            other[at] ^= 1;
            assert_eq!(tickets(&keys, 1, 60).decrypt(&other), None, "byte {at}");
            assert_eq!(tickets(&keys, 1, 60).decrypt(&ticket[..at]), None, "{at} bytes");
        }
        let over = tickets(&keys, 1, 0).encrypt(b"session").unwrap();
        assert_eq!(tickets(&keys, 1, 60).decrypt(&over), None);
    }

    #[test]
    fn a_key_whose_time_is_over_makes_room_and_still_opens() {
        let keys = Arc::new(TicketKeys::random());
        let tickets = tickets(&keys, 0, 60);
        let old = tickets.encrypt(b"old").unwrap();
        let now = keys.newest_at(tickets.lifetime, time::now().monotonic_ms).unwrap().name;
        let later = time::now().monotonic_ms + 601_000;
        let next = keys.newest_at(tickets.lifetime, later).unwrap().name;
        assert_ne!(now, next);
        assert_eq!(tickets.decrypt(&old).unwrap(), b"old");
        for turn in 0..2 * MAX_KEYS as u64 {
            keys.newest_at(tickets.lifetime, later + turn * 601_000).unwrap();
        }
        assert_eq!(keys.keys.read().unwrap().len(), MAX_KEYS);
        assert_eq!(tickets.decrypt(&old), None);
    }

    #[test]
    fn keys_from_files() {
        let folder = std::env::temp_dir().join(format!("ringx-ticket-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (first, second) = (file("first", &[1; 48]), file("second", &[2; 80]));
        let load = |paths: &[PathBuf]| TicketKeys::from_files(paths).map(Arc::new);
        let ticket =
            tickets(&load(std::slice::from_ref(&second)).unwrap(), 0, 60).encrypt(b"session").unwrap();
        let both = tickets(&load(&[first, second]).unwrap(), 0, 60);
        assert_eq!(both.decrypt(&ticket).unwrap(), b"session");
        let wrong = load(&[file("short", &[0; 47])]).unwrap_err();
        assert!(wrong.ends_with("/short\" must be 48 or 80 bytes"), "{wrong}");
        let none = load(&[folder.join("none")]).unwrap_err();
        assert!(none.ends_with("/none\" failed (2: No such file or directory)"), "{none}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
