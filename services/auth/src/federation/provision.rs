//! People who come from outside: made when they first come, and kept what the claims say they are.
//!
//! The newest token sets the membership where that differs from its claims; any other changes nothing that is there. No
//! membership is ended: who leaves a group at the issuer gets no token for it, and keeps what an admin gave. To keep
//! somebody out, an admin disables the user.

use outcrop_ports::{AuditFilter, Changed, PortError, Refused};
use outcrop_types::{Actor, AuditRow, Change, Membership, Role, Subject, Team, TeamId, User, UserId};
use serde_json::json;

use super::identity::{OutsideUser, shown};
use super::issuers::KnownIssuer;
use super::newest::Age;
use crate::{Acting, AuthService};

/// How often a change that meets another is made anew.
const TRIES: usize = 3;

/// Most characters of a team's name in the log.
const MAX_SHOWN: usize = 100;

/// When the token was made that something was done for: where the audit log keeps it.
const ISSUED_AT: &str = "issued_at";

/// How many of the last rows of a person are read for it.
const MAX_READ: usize = 10;

/// What is to be done before a person is let in.
enum Step {
    /// Nothing.
    Keep,
    /// The user is made, a member of the team.
    Insert,
    /// The membership is set.
    Set {
        /// What the person was in the team, if anything.
        before: Option<Role>,
    },
}

impl AuthService {
    /// The team that the claims say, after seeing to it that the person is there what they say, if this token is the
    /// newest. What the person is there in the end is for the caller to look up.
    pub(super) async fn provision(
        &self,
        issuer: &KnownIssuer,
        outside: &OutsideUser,
    ) -> Result<TeamId, Refused> {
        let team = self.team_named(&outside.team).await?.id;
        let newest = self.issuers().newest.of(outside.id);
        let _alone = match newest.age(outside.issued_at) {
            Age::Newer => Some(newest.following.lock().await),
            Age::Same | Age::Older => None,
        };
        for _ in 0..TRIES {
            let step = self.step(outside, team, newest.age(outside.issued_at)).await?;
            // Another replica may have followed a newer token. What was followed is in the audit log.
            if !matches!(step, Step::Keep) && newest.note(self.last_followed(outside.id).await?) {
                continue;
            }
            let changed = match step {
                Step::Keep => Changed::Done,
                Step::Insert => self.insert_outside_user(outside, team).await?,
                Step::Set { before } => self.set_outside_membership(outside, team, before).await?,
            };
            match changed {
                Changed::Done => {
                    newest.note(outside.issued_at);
                    return Ok(team);
                }
                // Not noted: the next visit tries again.
                Changed::LastAdmin => {
                    tell_of_last_admin(issuer, outside);
                    return Ok(team);
                }
                Changed::Stale | Changed::Taken => {}
            }
        }
        Err(unknown(PortError::conflict("bring a user in step with its claims")))
    }

    /// What a token of this age makes necessary.
    async fn step(&self, outside: &OutsideUser, team: TeamId, age: Age) -> Result<Step, Refused> {
        let user = self.ports().users.lookup_user(outside.id).await.map_err(unknown)?;
        match user {
            Some(user) if user.disabled_at.is_some() => return Err(Refused::invalid("its user is disabled")),
            None if age == Age::Older => return Err(Refused::invalid("its user is not there any more")),
            None => return Ok(Step::Insert),
            Some(_) => {}
        }
        let before = self.ports().teams.lookup_membership(team, outside.id).await.map_err(unknown)?;
        let before = before.map(|membership| membership.role);
        Ok(match (before, age) {
            (Some(role), _) if role == outside.role => Step::Keep,
            (_, Age::Newer) | (None, Age::Same) => Step::Set { before },
            (Some(_), Age::Same) | (_, Age::Older) => Step::Keep,
        })
    }

    /// When the newest token was made by which any replica set what this person is; seconds since 1970.
    async fn last_followed(&self, user: UserId) -> Result<Option<i64>, Refused> {
        let filter = AuditFilter {
            actor: Some(Actor::System.name()),
            target: Some(user.to_string()),
            ..AuditFilter::default()
        };
        let rows = self.ports().audit.list_audit(&filter, None, MAX_READ).await.map_err(unknown)?;
        let issued_at = |row: &AuditRow| row.read(self.audit_sealer()).ok()?.after?.get(ISSUED_AT)?.as_i64();
        Ok(rows.items.iter().filter_map(issued_at).max())
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
            event.after = Some(json!({
                "name": user.name, "email": user.email, "team": team, "role": outside.role,
                ISSUED_AT: outside.issued_at,
            }));
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

    /// Gives the user the role of its claims.
    async fn set_outside_membership(
        &self,
        outside: &OutsideUser,
        team: TeamId,
        before: Option<Role>,
    ) -> Result<Changed, Refused> {
        let mut event = self.event(&Acting::system(), "member.set", outside.id, Some(team));
        event.before = before.map(|role| json!({"role": role}));
        event.after = Some(json!({"role": outside.role, ISSUED_AT: outside.issued_at}));
        let now = self.ports().clock.now();
        let membership = Membership { user: outside.id, team, role: outside.role, created_at: now };
        let set = self.ports().teams.set_membership(&membership, &self.draft(event)).await;
        let set = set.map_err(unknown)?;
        if set == Changed::Done {
            self.announce(Change::Subject(Subject::User(outside.id))).await;
        }
        Ok(set)
    }
}

/// The token is worth no more than its claims say; the membership waits until there is another admin.
fn tell_of_last_admin(issuer: &KnownIssuer, outside: &OutsideUser) {
    issuer.tell_once(|| {
        tracing::warn!(
            issuer = issuer.settings.name,
            user.id = %outside.id,
            "the claims take platform_admin from the last one who is; the membership stays"
        );
    });
}

fn unknown(source: PortError) -> Refused {
    Refused::Unknown { source }
}
