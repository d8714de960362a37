//! The service accounts of AWS identities: made at the first login, kept in step with the settings.

use outcrop_ports::{Changed, PortError};
use outcrop_types::{Change, ServiceAccount, ServiceAccountId, Subject, TeamId};
use serde_json::json;

use super::AwsIamError;
use super::identity::CallerIdentity;
use crate::federation::derived;
use crate::federation::settings::AwsRole;
use crate::{Acting, AuthService};

/// Longest name, characters: as long as an account's name may be.
const MAX_NAME: usize = 100;

const PURPOSE: &str = "outcrop aws";

/// How often a change that meets another is made anew.
const TRIES: usize = 3;

impl AuthService {
    /// The account of an AWS identity in the team that the settings say, with the role that they say.
    pub(super) async fn aws_account(
        &self,
        caller: &CallerIdentity,
        role: &AwsRole,
    ) -> Result<(ServiceAccountId, TeamId), AwsIamError> {
        let team = self.ports().teams.lookup_team_by_name(&role.team).await.map_err(AwsIamError::unknown)?;
        let team = team.filter(|team| team.disabled_at.is_none()).ok_or_else(|| {
            AwsIamError::denied(format!(
                "the team `{}` of `{}` is not there, or disabled",
                role.team, role.arn
            ))
        })?;
        let id = ServiceAccountId::new(derived::id(PURPOSE, &[&caller.arn, &team.id.to_string()]));
        for _ in 0..TRIES {
            let changed = match self.aws_account_now(id).await? {
                Some(account) if account.role == role.role => return Ok((id, team.id)),
                Some(account) => self.change_aws_role(account, role).await?,
                None => self.insert_aws_account(id, team.id, caller, role).await?,
            };
            if changed == Changed::Done {
                return Ok((id, team.id));
            }
        }
        Err(AwsIamError::unknown(PortError::conflict("bring a service account in step with the settings")))
    }

    async fn aws_account_now(&self, id: ServiceAccountId) -> Result<Option<ServiceAccount>, AwsIamError> {
        let found = self.ports().accounts.lookup_service_account(id).await.map_err(AwsIamError::unknown)?;
        match found {
            Some(account) if account.disabled_at.is_some() => {
                Err(AwsIamError::denied(format!("the service account `{id}` is disabled")))
            }
            other => Ok(other),
        }
    }

    async fn insert_aws_account(
        &self,
        id: ServiceAccountId,
        team: TeamId,
        caller: &CallerIdentity,
        role: &AwsRole,
    ) -> Result<Changed, AwsIamError> {
        let names = [name(&caller.arn), marked(&caller.arn)];
        for name in names {
            let account = ServiceAccount {
                id,
                team,
                name,
                role: role.role,
                created_at: self.ports().clock.now(),
                disabled_at: None,
                revision: 0,
            };
            let mut event = self.event(&Acting::system(), "service_account.provision", id, Some(team));
            event.after = Some(json!({"name": account.name, "role": account.role, "arn": caller.arn}));
            let made = self.ports().accounts.insert_service_account(&account, &self.draft(event)).await;
            let made = made.map_err(AwsIamError::unknown)?;
            // Somebody else may have made this very account meanwhile, or one of another id may have the name.
            if made != Changed::Taken || self.aws_account_now(id).await?.is_some() {
                return Ok(made);
            }
        }
        Ok(Changed::Taken)
    }

    async fn change_aws_role(&self, account: ServiceAccount, role: &AwsRole) -> Result<Changed, AwsIamError> {
        let mut event =
            self.event(&Acting::system(), "service_account.update", account.id, Some(account.team));
        event.before = Some(json!({"role": account.role}));
        event.after = Some(json!({"role": role.role}));
        let subject = Subject::ServiceAccount(account.id);
        let account = ServiceAccount { role: role.role, ..account };
        let changed = self.ports().accounts.update_service_account(&account, &self.draft(event)).await;
        let changed = changed.map_err(AwsIamError::unknown)?;
        if changed == Changed::Done {
            self.announce(Change::Subject(subject)).await;
        }
        Ok(changed)
    }
}

/// What an account is called.
fn name(arn: &str) -> String {
    let name = format!("aws:{arn}");
    if name.len() <= MAX_NAME { name } else { marked(arn) }
}

/// The same where it is too long, or somebody else's.
fn marked(arn: &str) -> String {
    let mark = derived::mark(PURPOSE, &[arn]);
    let head: String = format!("aws:{arn}").chars().take(MAX_NAME - 1 - mark.len()).collect();
    format!("{head}~{mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_role_and_never_meet() {
        assert_eq!(name("arn:aws:iam::123456789012:role/app"), "aws:arn:aws:iam::123456789012:role/app");
        let long = |end: &str| format!("arn:aws:iam::123456789012:user/{}{end}", "x".repeat(100));
        assert_eq!(name(&long("a")).len(), MAX_NAME);
        assert_ne!(name(&long("a")), name(&long("b")));
    }
}
