//! Sessions that are kept here (`ssl_session_cache`): of clients that take no ticket, or where tickets are off.
//!
//! One store for all cores; its lock is held for one look-up in a handshake. It never holds more bytes than its size.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::server::StoresServerSessions;

use super::tickets::{Context, now_secs};

/// What an entry costs beside its bytes.
const OVERHEAD: usize = 128;

/// All sessions of one cache.
#[derive(Debug)]
pub(super) struct SessionStore {
    /// Bytes.
    size: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    sessions: HashMap<Vec<u8>, Session>,
    /// Keys, the oldest first; some may be gone.
    order: VecDeque<Vec<u8>>,
    bytes: usize,
}

#[derive(Debug)]
struct Session {
    value: Vec<u8>,
    /// Seconds since 1970.
    expiry: u64,
}

impl Held {
    fn remove(&mut self, key: &[u8]) -> Option<Session> {
        let session = self.sessions.remove(key)?;
        self.bytes -= cost(key, &session.value);
        Some(session)
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    // The key is in the table and in the order.
    2 * key.len() + value.len() + OVERHEAD
}

impl SessionStore {
    /// An empty store of so many bytes.
    pub(super) fn new(size: usize) -> Self {
        Self { size, held: Mutex::default() }
    }

    /// Bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: Vec<u8>, value: Vec<u8>, expiry: u64) -> bool {
        let cost = cost(&key, &value);
        if cost > self.size {
            return false;
        }
        let mut held = self.held();
        if let Some(known) = held.sessions.get_mut(&key).filter(|known| known.value.len() == value.len()) {
            // It keeps its place in the order.
            *known = Session { value, expiry };
            return true;
        }
        if held.sessions.contains_key(&key) {
            return false;
        }
        while held.bytes + cost > self.size
            && let Some(oldest) = held.order.pop_front()
        {
            held.remove(&oldest);
        }
        if held.order.len() > 2 * held.sessions.len() + 16 {
            let Held { sessions, order, .. } = &mut *held;
            order.retain(|key| sessions.contains_key(key));
        }
        held.bytes += cost;
        held.order.push_back(key.clone());
        held.sessions.insert(key, Session { value, expiry });
        true
    }
}

/// The sessions of one server in a store.
#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) store: Arc<SessionStore>,
    pub(super) context: Context,
    pub(super) timeout: Duration,
}

impl Sessions {
    fn key(&self, id: &[u8]) -> Vec<u8> {
        [&self.context[..], id].concat()
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, id: Vec<u8>, value: Vec<u8>) -> bool {
        self.store.put(self.key(&id), value, now_secs().saturating_add(self.timeout.as_secs()))
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let held = self.store.held();
        held.sessions
            .get(&self.key(id))
            .filter(|session| now_secs() < session.expiry)
            .map(|session| session.value.clone())
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        let session = self.store.held().remove(&self.key(id))?;
        (now_secs() < session.expiry).then_some(session.value)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(store: &Arc<SessionStore>, context: u8, timeout: u64) -> Sessions {
        Sessions { store: Arc::clone(store), context: [context; 32], timeout: Duration::from_secs(timeout) }
    }

    #[test]
    fn sessions_of_a_context_until_their_end() {
        let store = Arc::new(SessionStore::new(10_000));
        let (mine, other, short) = (sessions(&store, 1, 60), sessions(&store, 2, 60), sessions(&store, 1, 0));
        assert!(mine.put(b"id".to_vec(), b"value".to_vec()));
        assert_eq!(mine.get(b"id").unwrap(), b"value");
        assert_eq!(other.get(b"id"), None);
        assert_eq!(mine.take(b"id").unwrap(), b"value");
        assert_eq!(mine.take(b"id"), None);
        assert!(short.put(b"over".to_vec(), b"value".to_vec()));
        assert_eq!((mine.get(b"over"), mine.take(b"over")), (None, None));
    }

    #[test]
    fn it_never_holds_more_than_its_size() {
        let store = Arc::new(SessionStore::new(10_000));
        let mine = sessions(&store, 1, 60);
        for id in 0..10_000_u32 {
            assert!(mine.put(id.to_be_bytes().to_vec(), vec![0; 100]));
            if id % 3 == 0 {
                assert!(mine.take(&id.to_be_bytes()).is_some());
            }
            let held = store.held();
            assert!(held.bytes <= 10_000 && held.order.len() <= 2 * held.sessions.len() + 17);
        }
        assert!(mine.get(&9998_u32.to_be_bytes()).is_some() && mine.get(&1_u32.to_be_bytes()).is_none());
        assert!(!mine.put(b"big".to_vec(), vec![0; 10_000]));
    }
}
