//! A store of logins in which something happens at a moment of the test's choice.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use outcrop_ports::{PortError, Rotation, SessionStore};
use outcrop_types::{AuditDraft, KeyId, RefreshToken, Session, SessionId};

use super::gate::Gate;
use crate::world::World;

type Hook = Mutex<Option<BoxFuture<'static, ()>>>;

pub(crate) struct Hooked {
    store: Arc<dyn SessionStore>,
    before_insert: Hook,
    after_revoke: Hook,
    /// The logins that were kept.
    kept: Mutex<Vec<SessionId>>,
}

impl Hooked {
    /// A platform with such a store.
    pub(crate) async fn gate() -> (Gate, Arc<Self>) {
        let mut hooked = None;
        let world = World::with(|ports, _| {
            let this = Arc::new(Self {
                store: ports.sessions.clone(),
                before_insert: Hook::default(),
                after_revoke: Hook::default(),
                kept: Mutex::default(),
            });
            ports.sessions = this.clone();
            hooked = Some(this);
        })
        .await;
        (Gate::of(world), hooked.unwrap())
    }

    /// Happens once, when the next login is about to be kept.
    pub(crate) fn before_insert(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.before_insert.lock().unwrap() = Some(Box::pin(what));
    }

    /// Happens once, when the next login has been ended, before anybody is told so.
    pub(crate) fn after_revoke(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.after_revoke.lock().unwrap() = Some(Box::pin(what));
    }

    /// The login that was kept last, as it is now.
    pub(crate) async fn last(&self) -> Session {
        let id = *self.kept.lock().unwrap().last().unwrap();
        self.store.lookup_session(id).await.unwrap().unwrap()
    }
}

async fn happen(hook: &Hook) {
    let what = hook.lock().unwrap().take();
    if let Some(what) = what {
        what.await;
    }
}

#[async_trait]
impl SessionStore for Hooked {
    async fn insert_session(
        &self,
        session: &Session,
        refresh: Option<&RefreshToken>,
    ) -> Result<(), PortError> {
        happen(&self.before_insert).await;
        self.kept.lock().unwrap().push(session.id);
        self.store.insert_session(session, refresh).await
    }

    async fn lookup_session(&self, id: SessionId) -> Result<Option<Session>, PortError> {
        self.store.lookup_session(id).await
    }

    async fn lookup_session_by_cookie(&self, cookie: &KeyId) -> Result<Option<Session>, PortError> {
        self.store.lookup_session_by_cookie(cookie).await
    }

    async fn lookup_refresh(&self, id: &KeyId) -> Result<Option<(RefreshToken, Session)>, PortError> {
        self.store.lookup_refresh(id).await
    }

    async fn rotate_refresh(
        &self,
        used: &RefreshToken,
        next: &RefreshToken,
        now: DateTime<Utc>,
        reuse: &AuditDraft,
    ) -> Result<Rotation, PortError> {
        self.store.rotate_refresh(used, next, now, reuse).await
    }

    async fn revoke_session(&self, id: SessionId, now: DateTime<Utc>) -> Result<bool, PortError> {
        let revoked = self.store.revoke_session(id, now).await;
        happen(&self.after_revoke).await;
        revoked
    }

    async fn prune_sessions(&self, before: DateTime<Utc>) -> Result<u64, PortError> {
        self.store.prune_sessions(before).await
    }
}
