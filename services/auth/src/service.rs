//! The service as one value: its ports, its options, and what all of its operations share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{
    AuditLog, Changes, Clock, IdGen, KeyStore, Limiter, Outbound, PolicyStore, PromptStore,
    ServiceAccountStore, SessionStore, SigningKeyStore, TeamStore, UserStore,
};
use outcrop_types::{AuditDraft, AuditEvent, AuditSealer, Change, KeyHasher, PresentedKey, SecretKind};
use tokio::sync::Semaphore;

use crate::AuthOptions;
use crate::federation::Issuers;
use crate::last_used::LastUsed;
use crate::passwords::Passwords;
use crate::refusals::Refusals;
use crate::signing::Signing;
use crate::static_key::StaticMarks;

/// How often a change that could not be announced is announced again, and how often at most.
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(1);
const ANNOUNCE_TRIES: usize = 60;
/// Most announcements that wait to be made again; further ones are left to the gateways' time-out.
const MAX_ANNOUNCING: usize = 256;

/// What the service works on.
#[derive(Clone)]
pub struct AuthPorts {
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// People.
    pub users: Arc<dyn UserStore>,
    /// Teams and their members.
    pub teams: Arc<dyn TeamStore>,
    /// Programs.
    pub accounts: Arc<dyn ServiceAccountStore>,
    /// Logins.
    pub sessions: Arc<dyn SessionStore>,
    /// What signs access tokens.
    pub signing_keys: Arc<dyn SigningKeyStore>,
    /// How much may be used.
    pub policies: Arc<dyn PolicyStore>,
    /// What teams have written for their people to fill in.
    pub prompts: Arc<dyn PromptStore>,
    /// What was done and what was refused.
    pub audit: Arc<dyn AuditLog>,
    /// How gateways learn of changes.
    pub changes: Arc<dyn Changes>,
    /// Counts login attempts over all replicas.
    pub limiter: Arc<dyn Limiter>,
    /// Counts them in this process, while the other cannot be reached.
    pub local_limiter: Arc<dyn Limiter>,
    /// Identity providers and STS.
    pub outbound: Arc<dyn Outbound>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids, and randomness.
    pub ids: Arc<dyn IdGen>,
}

/// Who there is, what they may, and which credentials they show. Cheap to clone; all clones are one service.
#[derive(Clone)]
pub struct AuthService(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ports: AuthPorts,
    pub(crate) options: AuthOptions,
    pub(crate) last_used: LastUsed,
    passwords: Passwords,
    refusals: Refusals,
    signing: Signing,
    issuers: Issuers,
    static_marks: StaticMarks,
    announcing: Arc<Semaphore>,
}

impl AuthService {
    /// Puts the service together.
    #[must_use]
    pub fn new(ports: AuthPorts, options: AuthOptions) -> Self {
        let announcing = Arc::new(Semaphore::new(MAX_ANNOUNCING));
        // Whom we trust to say who somebody is may also say that a token is for this very server.
        let ours = options.public_url_is_set.then(|| options.mcp_url());
        let issuers = Issuers::new(&options.federation, ours.as_deref());
        let static_marks = StaticMarks::of(&options);
        Self(Arc::new(Inner {
            ports,
            options,
            last_used: LastUsed::default(),
            passwords: Passwords::default(),
            refusals: Refusals::default(),
            signing: Signing::default(),
            issuers,
            static_marks,
            announcing,
        }))
    }

    pub(crate) fn ports(&self) -> &AuthPorts {
        &self.0.ports
    }

    pub(crate) fn options(&self) -> &AuthOptions {
        &self.0.options
    }

    pub(crate) fn last_used(&self) -> &LastUsed {
        &self.0.last_used
    }

    pub(crate) fn static_marks(&self) -> &StaticMarks {
        &self.0.static_marks
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn signing(&self) -> &Signing {
        &self.0.signing
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.0.options.hasher
    }

    /// What checks rows of the audit log.
    #[must_use]
    pub fn audit_sealer(&self) -> &AuditSealer {
        &self.0.options.audit_sealer
    }

    /// An event on its way into the audit log.
    pub(crate) fn draft(&self, event: AuditEvent) -> AuditDraft {
        AuditDraft::new(event, self.0.options.audit_sealer.clone())
    }

    /// A new secret of this kind.
    pub(crate) fn new_secret(&self, kind: SecretKind) -> PresentedKey {
        let (mut id, mut secret) = ([0; 16], [0; 86]);
        self.0.ports.ids.fill(&mut id);
        self.0.ports.ids.fill(&mut secret);
        PresentedKey::generate_as(kind, id, secret)
    }

    /// Tells all replicas of a change that has been written. What cannot be told now is told again for a minute,
    /// beside the request; gateways that hear nothing at all fall back to asking every second.
    pub(crate) async fn announce(&self, change: Change) {
        let Err(error) = self.0.ports.changes.announce(&change).await else { return };
        tracing::warn!(error = error.chain(), ?change, "a change could not be announced; trying again");
        let Ok(permit) = Arc::clone(&self.0.announcing).try_acquire_owned() else { return };
        let changes = Arc::clone(&self.0.ports.changes);
        tokio::spawn(async move {
            for _ in 0..ANNOUNCE_TRIES {
                tokio::time::sleep(ANNOUNCE_AGAIN).await;
                if changes.announce(&change).await.is_ok() {
                    break;
                }
            }
            drop(permit);
        });
    }
}

impl fmt::Debug for AuthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthService(…)")
    }
}
