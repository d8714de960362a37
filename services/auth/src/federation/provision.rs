//! People who come from outside: made when they first come, and kept what the claims say they are.
//!
//! A membership is set where it differs from the claims, and never ended: who leaves a group at the issuer gets no
//! token for it, and keeps what an admin gave. To keep somebody out, an admin disables the user.

use outcrop_ports::{Changed, PortError, Refused};
use outcrop_types::{Change, Membership, Subject, Team, TeamId, User};
use serde_json::json;

use super::identity::{OutsideUser, shown};
use super::issuers::KnownIssuer;
use crate::{Acting, AuthService};

/// How often a change that meets another is made anew.
const TRIES: usize = 3;

/// Most characters of a team's name in the log.
const MAX_SHOWN: usize = 100;

impl AuthService {
    /// The team in which this person is what the claims say, after seeing to it that the stores say so too.
    pub(super) async fn provision(
        &self,
        issuer: &KnownIssuer,
        outside: &OutsideUser,
    ) -> Result<TeamId, Refused> {
        let team = self.team_named(&outside.team).await?;
        let newest = self.issuers().is_newest(outside.id, outside.issued_at);
        for _ in 0..TRIES {
            let user = self.ports().users.lookup_user(outside.id).await.map_err(unknown)?;
            let changed = match user {
                Some(user) if user.disabled_at.is_some() => {
                    return Err(Refused::invalid("its user is disabled"));
                }
                Some(_) if !newest => return Ok(team.id),
                Some(_) => self.keep_in_step(issuer, outside, team.id).await?,
                None => self.insert_outside_user(outside, team.id).await?,
            };
            if changed == Changed::Done {
                return Ok(team.id);
            }
        }
        Err(unknown(PortError::conflict("bring a user in step with its claims")))
    }

    async fn team_named(&self, name: &str) -> Result<Team, Refused> {
        let team = self.ports().teams.lookup_team_by_name(name).await.map_err(unknown)?;
        match team {
            Some(team) if team.disabled_at.is_none() => Ok(team),
            Some(_) => Err(Refused::invalid(format!("the team `{}` is disabled", shown(name, MAX_SHOWN)))),
            None => Err(Refused::invalid(format!("there is no team `{}`", shown(name, MAX_SHOWN)))),
        }
    }

    async fn insert_outside_user(&self, outside: &OutsideUser, team: TeamId) -> Result<Changed, Refused> {
        let now = self.ports().clock.now();
        let membership = Membership { user: outside.id, team, role: outside.role, created_at: now };
        for name in &outside.names {
            let user = User {
                id: outside.id,
                name: name.clone(),
                email: outside.email.clone(),
                created_at: now,
                disabled_at: None,
                revision: 0,
            };
            let mut event = self.event(&Acting::system(), "user.provision", user.id, Some(team));
            event.after =
                Some(json!({"name": user.name, "email": user.email, "team": team, "role": outside.role}));
            let draft = self.draft(event);
            let made = self.ports().users.insert_user(&user, Some(&membership), None, &draft).await;
            let made = made.map_err(unknown)?;
            if made != Changed::Taken {
                return Ok(made);
            }
            // Somebody else made this very user meanwhile, or one of another id has the name.
            if self.ports().users.lookup_user(outside.id).await.map_err(unknown)?.is_some() {
                return Ok(made);
            }
        }
        Ok(Changed::Taken)
    }

    /// Gives the user the role of its claims, where it has another one.
    async fn keep_in_step(
        &self,
        issuer: &KnownIssuer,
        outside: &OutsideUser,
        team: TeamId,
    ) -> Result<Changed, Refused> {
        let teams = &self.ports().teams;
        let before = teams.lookup_membership(team, outside.id).await.map_err(unknown)?;
        if before.is_some_and(|it| it.role == outside.role) {
            return Ok(Changed::Done);
        }
        let mut event = self.event(&Acting::system(), "member.set", outside.id, Some(team));
        event.before = before.map(|it| json!({"role": it.role}));
        event.after = Some(json!({"role": outside.role}));
        let now = self.ports().clock.now();
        let membership = Membership { user: outside.id, team, role: outside.role, created_at: now };
        match teams.set_membership(&membership, &self.draft(event)).await.map_err(unknown)? {
            Changed::Done => {
                self.announce(Change::Subject(Subject::User(outside.id))).await;
                Ok(Changed::Done)
            }
            // The token is worth what its claims say; the membership waits until there is another admin.
            Changed::LastAdmin => {
                issuer.tell_once(|| {
                    tracing::warn!(
                        issuer = issuer.settings.name,
                        user = %outside.id,
                        "the claims take platform_admin from the last one who is; the membership stays"
                    );
                });
                Ok(Changed::Done)
            }
            other => Ok(other),
        }
    }
}

fn unknown(source: PortError) -> Refused {
    Refused::Unknown { source }
}
