//! Names and passwords: whose they are, and for which team that person acts.

use std::time::Duration;

use outcrop_ports::{PortError, Why};
use outcrop_types::{
    Classify, ErrorCode, LoginMethod, PresentedKey, Role, Scope, Session, Subject, Team, User, UserId,
};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::names::is_hidden;
use crate::passwords::{BUSY_FOR, PasswordError};
use crate::sessions::NewLogin;
use crate::throttle::Throttled;
use crate::{Acting, AuthService};

/// Longest name looked up, characters: none is longer.
const MAX_NAME_CHARS: usize = 100;

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Whatever is wrong: who does not know it, is not told.
    #[error("name or password is wrong")]
    Refused {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// Tried too often.
    #[error("too many attempts to log in; try again later")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
        /// What the log says.
        #[source]
        why: Why,
    },
    /// The password was right, and left open what for.
    #[error("you are in several teams; say for which one you log in, with its id or name as `team`")]
    WhichTeam,
    /// The password was not checked.
    #[error("{source}")]
    Password {
        /// Why.
        source: PasswordError,
    },
    /// A store failed.
    #[error("could not check the login")]
    Store {
        /// How.
        #[source]
        source: PortError,
    },
}

impl LoginError {
    pub(crate) fn refused(why: &'static str) -> Self {
        Self::Refused { why: Why(why.into()) }
    }

    /// When to come back.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Password { source: PasswordError::Busy } => Some(BUSY_FOR),
            _ => None,
        }
    }
}

impl Classify for LoginError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { .. } => ErrorCode::Unauthenticated,
            Self::Throttled { .. } => ErrorCode::RateLimited,
            Self::WhichTeam => ErrorCode::InvalidRequest,
            Self::Password { source } => source.code(),
            Self::Store { source } => source.code(),
        }
    }
}

impl From<PortError> for LoginError {
    fn from(source: PortError) -> Self {
        Self::Store { source }
    }
}

impl From<PasswordError> for LoginError {
    fn from(source: PasswordError) -> Self {
        Self::Password { source }
    }
}

/// Somebody whose name and password were right when they were checked.
pub(crate) struct Proven {
    /// Who.
    pub(crate) user: User,
    /// What the password was checked against.
    hash: SecretString,
}

/// A browser that is logged in.
pub(crate) struct BrowserLogin {
    /// Who.
    pub(crate) user: User,
    /// For which team.
    pub(crate) team: Team,
    /// As what.
    pub(crate) role: Role,
    /// What the browser shows from now on.
    pub(crate) cookie: PresentedKey,
    /// For how long.
    pub(crate) ttl: Duration,
}

impl AuthService {
    /// Logs a browser in with name and password.
    pub(crate) async fn log_in_browser(
        &self,
        acting: &Acting,
        name: &str,
        password: &SecretString,
        team: Option<&str>,
    ) -> Result<BrowserLogin, LoginError> {
        let proven = self.check_login(acting, name, password).await?;
        let (team, role) = self.choose_team(&proven.user, team).await?;
        let login = NewLogin {
            subject: Subject::User(proven.user.id),
            team: team.id,
            scope: Scope::default(),
            method: LoginMethod::Password,
        };
        let (session, cookie) = self.begin_browser_session(login).await?;
        self.confirm_login(&session, &proven, password).await?;
        let ttl = (session.expires_at - session.created_at).to_std().unwrap_or_default();
        Ok(BrowserLogin { user: proven.user, team, role, cookie, ttl })
    }

    /// Whose name and password these are. Attempts are counted before anything is looked at, and take as long for a
    /// name that nobody has.
    pub(crate) async fn check_login(
        &self,
        acting: &Acting,
        name: &str,
        password: &SecretString,
    ) -> Result<Proven, LoginError> {
        let name = name.trim();
        if let Some(throttled) = self.throttle_login(name, acting.client_ip()).await? {
            return Err(too_often(&throttled));
        }
        let found = match may_be_a_name(name) {
            true => self.ports().users.lookup_password(name).await?,
            false => None,
        };
        let (user, stored) = found.map_or((None, None), |(user, stored)| (Some(user), stored));
        let checked = self.passwords().check(password, stored.clone()).await?;
        let user = user.ok_or_else(|| LoginError::refused("nobody has this name"))?;
        let stored = stored.ok_or_else(|| LoginError::refused("the user has no password"))?;
        if !checked.fits {
            return Err(LoginError::refused("the password is wrong"));
        }
        if user.disabled_at.is_some() {
            return Err(LoginError::refused("the user is disabled"));
        }
        if checked.outdated {
            self.rehash(user.id, password, &stored).await;
        }
        Ok(Proven { user, hash: stored })
    }

    /// Lets a login that was kept stand only if what it was given for still holds. A change of the password, or of the
    /// user, ends the logins that are there; one that was under way meanwhile was not, and must not outlive it.
    pub(crate) async fn confirm_login(
        &self,
        session: &Session,
        proven: &Proven,
        password: &SecretString,
    ) -> Result<(), LoginError> {
        let Err(error) = self.still_holds(proven, password).await else { return Ok(()) };
        // Nobody has been given the login yet. Where it cannot be ended, it is nobody's until it ends by itself.
        if let Err(error) = self.ports().sessions.revoke_session(session.id, self.ports().clock.now()).await {
            tracing::warn!(session.id = %session.id, error = error.chain(), "a refused login could not be ended");
        }
        Err(error)
    }

    async fn still_holds(&self, proven: &Proven, password: &SecretString) -> Result<(), LoginError> {
        let found = self.ports().users.lookup_password(&proven.user.name).await?;
        let found = found.filter(|(user, _)| user.id == proven.user.id && user.disabled_at.is_none());
        let Some((_, Some(hash))) = found else {
            return Err(LoginError::refused("the user was disabled, removed or renamed meanwhile"));
        };
        let same = hash.expose_secret().as_bytes().ct_eq(proven.hash.expose_secret().as_bytes());
        // The same password may have been hashed anew, by this login or by another one at the same time.
        if bool::from(same) || self.passwords().check(password, Some(hash)).await?.fits {
            return Ok(());
        }
        Err(LoginError::refused("the password was changed meanwhile"))
    }

    /// Hashes a password anew at the cost of now. If that cannot be done, it is tried at the next login.
    async fn rehash(&self, user: UserId, password: &SecretString, old: &SecretString) {
        let Ok(new) = self.hash_password(password).await else { return };
        match self.ports().users.rehash_password(user, old, &new).await {
            Ok(done) => tracing::debug!(user.id = %user, done, "password hashed anew"),
            Err(error) => tracing::warn!(error = error.chain(), "a password could not be hashed anew"),
        }
    }

    /// The team that a user acts for, and as what: the one asked for by id or name, else the only one.
    pub(crate) async fn choose_team(
        &self,
        user: &User,
        asked: Option<&str>,
    ) -> Result<(Team, Role), LoginError> {
        let team = match asked {
            Some(asked) => self.team_called(asked.trim()).await?,
            None => self.only_team(user).await?,
        };
        let standing = self.ports().users.lookup_standing(Subject::User(user.id), team.id).await?;
        let role = standing.ok_or_else(|| LoginError::refused("the user is not in this team"))?;
        Ok((team, role))
    }

    async fn team_called(&self, asked: &str) -> Result<Team, LoginError> {
        let teams = &self.ports().teams;
        let team = match asked.parse() {
            Ok(id) => teams.lookup_team(id).await?,
            Err(_) if may_be_a_name(asked) => teams.lookup_team_by_name(asked).await?,
            Err(_) => None,
        };
        team.filter(|team| team.disabled_at.is_none())
            .ok_or_else(|| LoginError::refused("there is no such team, or it is disabled"))
    }

    async fn only_team(&self, user: &User) -> Result<Team, LoginError> {
        let memberships = self.ports().teams.list_memberships(user.id).await?;
        let mut teams = memberships.into_iter().map(|(_, team)| team).filter(|it| it.disabled_at.is_none());
        match (teams.next(), teams.next()) {
            (Some(team), None) => Ok(team),
            (None, _) => Err(LoginError::refused("the user is in no team")),
            (Some(_), Some(_)) => Err(LoginError::WhichTeam),
        }
    }
}

/// Whether a name can be in the store at all; what cannot is not asked for.
fn may_be_a_name(text: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(is_hidden)
}

fn too_often(throttled: &Throttled) -> LoginError {
    let why = if throttled.account {
        "too many attempts for this account"
    } else {
        "too many attempts from this address"
    };
    LoginError::Throttled { retry_after: throttled.retry_after, why: Why(why.into()) }
}
