//! What people name on the command line.

use outcrop_auth::{Acting, AuthService};
use outcrop_types::{Team, TeamId, User};

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
