//! Making, listing and revoking keys.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{ApiKey, Classify, ErrorCode, KeyId, Limits, Page, PresentedKey, Role, Subject, TeamId};

use crate::AuthService;

const MAX_NAME_CHARS: usize = 100;

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// A name for people, 1 to 100 characters.
    pub name: String,
    /// The team it acts for.
    pub team: TeamId,
    /// The person or program it acts as.
    pub subject: Subject,
    /// The role it acts in.
    pub role: Role,
    /// Limits on it.
    pub limits: Limits,
    /// When it ends by itself, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The name does not do.
    #[error("`name` must have 1 to {MAX_NAME_CHARS} characters and no control characters")]
    Name,
    /// It would be over before it began.
    #[error("`expires_at` must lie in the future")]
    Expired,
    /// A limit that admits nothing.
    #[error("`limits.requests_per_minute` must be at least 1")]
    Limit,
    /// There is no such team.
    #[error("there is no team `{team}`")]
    NoTeam {
        /// The team asked for.
        team: TeamId,
    },
    /// The store failed.
    #[error("could not create the key")]
    Store {
        /// How.
        #[source]
        source: PortError,
    },
}

impl Classify for CreateKeyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Name | Self::Expired | Self::Limit => ErrorCode::InvalidRequest,
            Self::NoTeam { .. } => ErrorCode::NotFound,
            Self::Store { source } => source.code(),
        }
    }
}

impl AuthService {
    /// Makes a key. The presented form exists only in this answer.
    pub async fn create_key(&self, new: NewKey) -> Result<(PresentedKey, ApiKey), CreateKeyError> {
        self.check_new_key(&new)?;
        let team = self.users.lookup_team(new.team).await;
        if team.map_err(|source| CreateKeyError::Store { source })?.is_none() {
            return Err(CreateKeyError::NoTeam { team: new.team });
        }
        let (presented, key) = self.mint(new);
        self.keys.insert_key(&key).await.map_err(|source| CreateKeyError::Store { source })?;
        tracing::info!(api_key.prefix = key.id.prefix(), team.id = %key.team, role = %key.role, "API key created");
        Ok((presented, key))
    }

    /// Keys, newest first, of one team or of all.
    pub async fn list_keys(
        &self,
        team: Option<TeamId>,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, PortError> {
        self.keys.list_keys(team, after, limit).await
    }

    /// The key with this id.
    pub async fn lookup_key(&self, id: &KeyId) -> Result<Option<ApiKey>, PortError> {
        self.keys.lookup_key(id).await
    }

    /// Revokes a key; doing so again changes nothing. `None` if there is no such key.
    pub async fn revoke_key(&self, id: &KeyId) -> Result<Option<ApiKey>, PortError> {
        let revoked = self.keys.revoke_key(id, self.clock.now()).await?;
        if let Some(key) = &revoked {
            tracing::info!(api_key.prefix = key.id.prefix(), team.id = %key.team, "API key revoked");
        }
        Ok(revoked)
    }

    fn check_new_key(&self, new: &NewKey) -> Result<(), CreateKeyError> {
        let chars = new.name.chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&chars) || new.name.chars().any(char::is_control) {
            return Err(CreateKeyError::Name);
        }
        if new.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(CreateKeyError::Expired);
        }
        if new.limits.requests_per_minute == Some(0) {
            return Err(CreateKeyError::Limit);
        }
        Ok(())
    }

    /// A key and its record, not yet stored.
    pub(crate) fn mint(&self, new: NewKey) -> (PresentedKey, ApiKey) {
        let (mut id, mut secret) = ([0; 16], [0; 86]);
        self.ids.fill(&mut id);
        self.ids.fill(&mut secret);
        let presented = PresentedKey::generate(id, secret);
        let key = ApiKey {
            id: presented.id().clone(),
            hash: self.hasher.hash(&presented),
            name: new.name,
            team: new.team,
            subject: new.subject,
            role: new.role,
            limits: new.limits,
            created_at: self.clock.now(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        (presented, key)
    }
}
