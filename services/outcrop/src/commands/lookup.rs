//! What people name on the command line.

use outcrop_auth::{Acting, AdminError, AuthService};
use outcrop_types::{Subject, Team, TeamId, User};

use crate::failure::Failure;

/// In whose name keys are made. A platform that was never started gets its admin here; the key that comes with
/// it is nobody's, and is revoked.
pub(crate) async fn first_admin(auth: &AuthService) -> Result<(User, Team), Failure> {
    let acting = Acting::command_line();
    if let Some(first) = auth.bootstrap_if_empty(&acting).await? {
        auth.revoke_key(&acting, first.key.id()).await?;
        return Ok((first.admin, first.team));
    }
    auth.first_admin().await?.ok_or_else(|| Failure::failed("the platform has no admin"))
}

/// The team of this id or name.
pub(crate) async fn team(auth: &AuthService, text: &str) -> Result<Team, Failure> {
    if let Ok(id) = text.parse::<TeamId>() {
        return Ok(auth.get_team(&Acting::command_line(), id).await?);
    }
    let found = auth.lookup_team_by_name(text).await?;
    found.ok_or_else(|| Failure::failed(format!("there is no team named `{text}`")))
}

/// The id of the team that a list is narrowed to, if it is.
pub(crate) async fn team_filter(auth: &AuthService, text: Option<&str>) -> Result<Option<TeamId>, Failure> {
    match text {
        Some(text) => Ok(Some(team(auth, text).await?.id)),
        None => Ok(None),
    }
}

/// The user of this id or name.
pub(crate) async fn user(auth: &AuthService, text: &str) -> Result<User, Failure> {
    auth.user_named(text).await.map_err(|error| match error {
        AdminError::NotFound { .. } => Failure::failed(format!("there is no user named `{text}`")),
        error => error.into(),
    })
}

/// The user of this id or name, or the service account of this id.
pub(crate) async fn subject(auth: &AuthService, text: &str) -> Result<Subject, Failure> {
    match text.parse() {
        Ok(account @ Subject::ServiceAccount(_)) => Ok(account),
        _ => Ok(Subject::User(user(auth, text).await?.id)),
    }
}
