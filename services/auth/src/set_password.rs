//! Setting a password: the first one by an invitation, a new one by the old one.

use outcrop_ports::{Changed, PortError, Why};
use outcrop_types::{
    AuditDraft, Change, Classify, ErrorCode, Invitation, Limits, PresentedKey, Principal, SecretKind,
    Subject, User, UserId,
};
use secrecy::{ExposeSecret, SecretString};

use crate::login::LoginError;
use crate::passwords::{BadPassword, PasswordError, SALT_BYTES, check_new};
use crate::{Acting, AuthService};

/// Why no password was set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetPasswordError {
    /// Whatever is wrong with it.
    #[error("the invitation is not valid, or not any more")]
    Invitation {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// The new one does not do.
    #[error("{source}")]
    Bad {
        /// The field that holds it.
        field: &'static str,
        /// Why.
        source: BadPassword,
    },
    /// The old one does not do.
    #[error("{source}")]
    Login {
        /// Why.
        source: LoginError,
    },
    /// The new one was not hashed.
    #[error("{source}")]
    Hash {
        /// Why.
        source: PasswordError,
    },
    /// A store failed.
    #[error("could not set the password")]
    Store {
        /// How.
        #[source]
        source: PortError,
    },
}

impl SetPasswordError {
    fn invitation(why: &'static str) -> Self {
        Self::Invitation { why: Why(why.into()) }
    }

    /// The field at fault.
    pub(crate) const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Invitation { .. } => Some("invitation"),
            Self::Bad { field, .. } => Some(field),
            _ => None,
        }
    }

    /// When to come back.
    pub(crate) const fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Login { source } => source.retry_after(),
            Self::Hash { source: PasswordError::Busy } => Some(crate::passwords::BUSY_FOR),
            _ => None,
        }
    }
}

impl Classify for SetPasswordError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invitation { .. } | Self::Bad { .. } => ErrorCode::InvalidRequest,
            Self::Login { source } => source.code(),
            Self::Hash { source } => source.code(),
            Self::Store { source } => source.code(),
        }
    }
}

impl From<LoginError> for SetPasswordError {
    fn from(source: LoginError) -> Self {
        Self::Login { source }
    }
}

impl From<PasswordError> for SetPasswordError {
    fn from(source: PasswordError) -> Self {
        Self::Hash { source }
    }
}

impl From<PortError> for SetPasswordError {
    fn from(source: PortError) -> Self {
        Self::Store { source }
    }
}

impl AuthService {
    /// Sets the password of whom the invitation is for. The invitation is used up; one with which a password was
    /// refused is not.
    pub(crate) async fn accept_invitation(
        &self,
        acting: &Acting,
        invitation: &SecretString,
        password: &SecretString,
    ) -> Result<(), SetPasswordError> {
        let (invitation, user) = self.invited(invitation).await?;
        check_new(password, &user.name)
            .map_err(|source| SetPasswordError::Bad { field: "password", source })?;
        let hash = self.hash_password(password).await?;
        let audit = self.password_event(acting, user.id, "by an invitation").await?;
        let now = self.ports().clock.now();
        let users = &self.ports().users;
        if users.redeem_invitation(&invitation.id, &hash, now, &audit).await? != Changed::Done {
            return Err(SetPasswordError::invitation("it was used or withdrawn meanwhile"));
        }
        tracing::info!(user.id = %user.id, "password set by an invitation");
        self.announce(Change::Subject(Subject::User(user.id))).await;
        Ok(())
    }

    /// Changes a password, for whoever knows the old one. All logins end.
    pub(crate) async fn change_password(
        &self,
        acting: &Acting,
        name: &str,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<(), SetPasswordError> {
        let bad = |source| SetPasswordError::Bad { field: "new_password", source };
        check_new(new, name.trim()).map_err(bad)?;
        if old.expose_secret() == new.expose_secret() {
            return Err(bad(BadPassword::Same));
        }
        let user = self.check_login(acting, name, old).await?.user;
        let hash = self.hash_password(new).await?;
        let audit = self.password_event(acting, user.id, "by the old password").await?;
        let now = self.ports().clock.now();
        if self.ports().users.set_password(user.id, &hash, now, &audit).await? != Changed::Done {
            return Err(LoginError::refused("the user was removed meanwhile").into());
        }
        tracing::info!(user.id = %user.id, "password changed");
        self.announce(Change::Subject(Subject::User(user.id))).await;
        Ok(())
    }

    /// The hash of a new password, with a salt of its own.
    pub(crate) async fn hash_password(&self, password: &SecretString) -> Result<SecretString, PasswordError> {
        let mut salt = [0; SALT_BYTES];
        self.ports().ids.fill(&mut salt);
        self.passwords().hash(password, salt).await
    }

    async fn invited(&self, text: &SecretString) -> Result<(Invitation, User), SetPasswordError> {
        let presented = PresentedKey::parse_as(SecretKind::Invitation, text.expose_secret().trim())
            .map_err(|_| SetPasswordError::invitation("it is not a well-formed invitation"))?;
        let found = self.ports().users.lookup_invitation(presented.id()).await;
        // Hashed before the answer is looked at: an unknown id costs as much time as a wrong secret.
        let hash = self.hasher().hash(&presented);
        let invitation = found?.filter(|it| it.hash == hash).ok_or_else(|| {
            SetPasswordError::invitation(
                "there is none, it was used or withdrawn, or its secret part is wrong",
            )
        })?;
        if invitation.expires_at <= self.ports().clock.now() {
            return Err(SetPasswordError::invitation("it has expired"));
        }
        let user = self.ports().users.lookup_user(invitation.user).await?;
        let user = user.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or_else(|| SetPasswordError::invitation("its user is disabled or removed"))?;
        Ok((invitation, user))
    }

    /// The event, in the name of the user: who holds the invitation or the old password is taken for that person.
    async fn password_event(
        &self,
        acting: &Acting,
        user: UserId,
        how: &str,
    ) -> Result<AuditDraft, PortError> {
        let memberships = self.ports().teams.list_memberships(user).await?;
        // An event names the team that was acted for. Somebody in none stays nameless; the target says who it was.
        let acting = memberships.first().map_or_else(
            || acting.clone(),
            |(membership, _)| {
                acting.known_as(Principal {
                    subject: Subject::User(user),
                    team: membership.team,
                    role: membership.role,
                    key: None,
                    limits: Limits::default(),
                    scope: None,
                })
            },
        );
        let mut event = self.event(&acting, "password.set", user, None);
        event.detail = Some(how.to_owned());
        Ok(self.draft(event))
    }
}
