//! All sessions, behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use outcrop_ports::{McpBounds, McpSession, McpSessionKey};
use tokio::time::Instant;

use super::session::Session;

/// Sessions, and the orders in which they end and give way.
pub(super) struct Shelf {
    bounds: McpBounds,
    sessions: HashMap<McpSessionKey, Session>,
    /// How many each owner has.
    owners: HashMap<Arc<str>, usize>,
    /// By when they end.
    ends: BTreeSet<(Instant, [u8; 32])>,
    /// By the turn at which each was last used, the least lately first.
    order: BTreeMap<u64, McpSessionKey>,
    turn: u64,
    bytes: usize,
}

impl Shelf {
    pub(super) fn new(bounds: McpBounds) -> Self {
        Self {
            bounds,
            sessions: HashMap::new(),
            owners: HashMap::new(),
            ends: BTreeSet::new(),
            order: BTreeMap::new(),
            turn: 0,
            bytes: 0,
        }
    }

    /// Lets go of all that is over.
    pub(super) fn clear_away(&mut self, now: Instant) {
        while let Some((_, key)) = self.ends.first().filter(|(until, _)| *until <= now) {
            let key = McpSessionKey(*key);
            self.remove(&key);
        }
    }

    /// Keeps a new session, in the place of one of that name; `false` if its owner has enough.
    pub(super) fn open(&mut self, key: McpSessionKey, owner: &str, state: Bytes, until: Instant) -> bool {
        self.remove(&key);
        let (owner, has) = match self.owners.get_key_value(owner) {
            Some((owner, has)) => (Arc::clone(owner), *has),
            None => (Arc::from(owner), 0),
        };
        if has >= self.bounds.sessions_per_owner {
            return false;
        }
        self.owners.insert(Arc::clone(&owner), has + 1);
        self.ends.insert((until, key.0));
        self.sessions.insert(key, Session::new(owner, state, until));
        self.alter(&key, |_, _| ());
        true
    }

    pub(super) fn touch(&mut self, key: &McpSessionKey, owner: &str, until: Instant) -> Option<McpSession> {
        let session = self.sessions.get_mut(key).filter(|session| &*session.owner == owner)?;
        self.ends.remove(&(session.until, key.0));
        self.ends.insert((until, key.0));
        session.until = until;
        self.alter(key, |session, _| session.told())
    }

    pub(super) fn close(&mut self, key: &McpSessionKey, owner: &str) -> bool {
        let is_there = self.sessions.get(key).is_some_and(|session| &*session.owner == owner);
        if is_there {
            self.remove(key);
        }
        is_there
    }

    /// Does something with a session, which is the most lately used then; what is too much afterwards gives way.
    pub(super) fn alter<T>(
        &mut self,
        key: &McpSessionKey,
        alter: impl FnOnce(&mut Session, &McpBounds) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(key)?;
        let done = alter(session, &self.bounds);
        self.turn += 1;
        self.order.remove(&session.turn);
        self.order.insert(self.turn, *key);
        session.turn = self.turn;
        self.bytes -= session.weight;
        session.weight = session.weigh();
        self.bytes += session.weight;
        self.make_room();
        Some(done)
    }

    fn make_room(&mut self) {
        while self.sessions.len() > self.bounds.sessions || self.bytes > self.bounds.bytes {
            let Some((_, key)) = self.order.first_key_value() else { break };
            let key = *key;
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &McpSessionKey) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.ends.remove(&(session.until, key.0));
        self.order.remove(&session.turn);
        self.bytes -= session.weight;
        if let Some(has) = self.owners.get_mut(&session.owner) {
            *has -= 1;
            if *has == 0 {
                self.owners.remove(&session.owner);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn has(&self, key: &McpSessionKey) -> bool {
        self.sessions.contains_key(key)
    }

    /// Sessions and what they count, after a look at whether the tables agree.
    #[cfg(test)]
    pub(super) fn stands(&self) -> (usize, usize) {
        let weighed: usize = self.sessions.values().map(Session::weigh).sum();
        assert_eq!(weighed, self.bytes);
        for (key, session) in &self.sessions {
            assert!(self.ends.contains(&(session.until, key.0)));
            assert_eq!(self.order.get(&session.turn), Some(key));
        }
        let count = self.sessions.len();
        assert_eq!([self.ends.len(), self.order.len()], [count, count]);
        assert_eq!(self.owners.values().sum::<usize>(), count);
        assert!(self.owners.values().all(|has| *has > 0));
        (count, self.bytes)
    }
}
