//! Making, reading, changing and removing policies: how much somebody may use.
//!
//! Who runs the platform decides about all of them. Who manages a team sees those that are its affair, and decides
//! about those for its people and keys; what the team as a whole may use is not its own to say.

mod rules;
mod target;

use outcrop_ports::{Changed, MAX_POLICIES, PolicyFilter};
use outcrop_types::{ApiKey, Change, KeyId, Page, Pattern, Permission, Policy, PolicyId, Rules, Target};
use serde_json::{Value, json};

use self::rules::checked;
use crate::change_loop::ChangeLoop;
use crate::{Acting, AdminError, AuthService};

pub use self::rules::RulesPatch;

/// Most policies read at once.
const PAGE: usize = 100;

/// What a new policy shall be.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    /// For whom it is.
    pub target: Target,
    /// For which models; if not said, all.
    pub model: Option<Pattern>,
    /// What it says.
    pub rules: Rules,
}

/// What shall change of a policy. For whom and which models it is stays: that would be another policy.
#[derive(Debug, Clone, Default)]
pub struct PolicyPatch {
    /// Of its rules.
    pub rules: RulesPatch,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

impl AuthService {
    /// Makes a policy; replicas let calls in by it within a second.
    pub async fn create_policy(&self, acting: &Acting, new: NewPolicy) -> Result<Policy, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let rules = checked(new.rules)?;
        let target = self.existing_target(acting, new.target).await?;
        acting.check_may_limit(&target)?;
        let now = self.ports().clock.now();
        let id = PolicyId::new(self.ports().ids.uuid());
        let policy =
            Policy { id, target, model: new.model, rules, created_at: now, updated_at: now, revision: 0 };
        let mut event = self.event(acting, "policy.create", id, policy.target.team());
        event.after = Some(audited(&policy));
        let made = self.ports().policies.insert_policy(&policy, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the policy"))? {
            Changed::Done => {
                self.announce(Change::Policies).await;
                Ok(policy)
            }
            Changed::Stale | Changed::Taken | Changed::LastAdmin => Err(self.in_the_way(&policy).await),
        }
    }

    /// Policies, newest first: of the team asked for, of all for whoever may see all, else of the caller's own.
    pub async fn list_policies(
        &self,
        acting: &Acting,
        mut filter: PolicyFilter,
        after: Option<PolicyId>,
        limit: usize,
    ) -> Result<Page<Policy>, AdminError> {
        filter.team = acting.team_to_list(Permission::ManageTeam, filter.team)?;
        let listed = self.ports().policies.list_policies(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the policies"))
    }

    /// The policy with this id, if the caller may know of it.
    pub async fn get_policy(&self, acting: &Acting, id: PolicyId) -> Result<Policy, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let found = self.ports().policies.lookup_policy(id).await;
        let policy =
            found.map_err(AdminError::store("look up the policy"))?.ok_or(AdminError::not_found("policy"))?;
        acting.check_may_know(&policy.target)?;
        Ok(policy)
    }

    /// The policy for this target and these models, if there is one that the caller may know of.
    pub async fn policy_for(
        &self,
        acting: &Acting,
        target: Target,
        model: Option<Pattern>,
    ) -> Result<Option<Policy>, AdminError> {
        acting.check_own(Permission::ManageTeam)?;
        let target = self.existing_target(acting, target).await?;
        self.lookup_policy_for(&target, model).await
    }

    /// Changes the rules of a policy.
    pub async fn update_policy(
        &self,
        acting: &Acting,
        id: PolicyId,
        patch: PolicyPatch,
    ) -> Result<Policy, AdminError> {
        let mut change = ChangeLoop::new("policy", patch.revision);
        loop {
            let policy = self.policy_to_change(acting, id).await?;
            change.read(policy.revision)?;
            let rules = checked(patch.rules.clone().applied_to(policy.rules.clone()))?;
            if rules == policy.rules {
                return Ok(policy);
            }
            let after = Policy { rules, updated_at: self.ports().clock.now(), ..policy.clone() };
            let mut event = self.event(acting, "policy.update", id, policy.target.team());
            event.before = Some(audited(&policy));
            event.after = Some(audited(&after));
            let written = self.ports().policies.update_policy(&after, &self.draft(event)).await;
            match written.map_err(AdminError::store("change the policy"))? {
                Changed::Done => {
                    self.announce(Change::Policies).await;
                    return Ok(Policy { revision: after.revision + 1, ..after });
                }
                Changed::Stale | Changed::Taken | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    /// Removes a policy; replicas know nothing of it any more within a second.
    pub async fn delete_policy(&self, acting: &Acting, id: PolicyId) -> Result<(), AdminError> {
        let mut change = ChangeLoop::new("policy", None);
        loop {
            let policy = self.policy_to_change(acting, id).await?;
            let mut event = self.event(acting, "policy.delete", id, policy.target.team());
            event.before = Some(audited(&policy));
            let removed = self.ports().policies.delete_policy(&policy, &self.draft(event)).await;
            match removed.map_err(AdminError::store("remove the policy"))? {
                Changed::Done => {
                    self.announce(Change::Policies).await;
                    return Ok(());
                }
                Changed::Stale | Changed::Taken | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    /// The policies that name a key, made out to the one that takes its place.
    pub(crate) async fn policies_passed_on(
        &self,
        old: &KeyId,
        next: &ApiKey,
    ) -> Result<Vec<Policy>, AdminError> {
        let filter = PolicyFilter { key: Some(old.clone()), ..PolicyFilter::default() };
        let (mut passed_on, mut after) = (Vec::new(), None);
        loop {
            let page = self.ports().policies.list_policies(&filter, after, PAGE).await;
            let page = page.map_err(AdminError::store("look up the key's policies"))?;
            after = page.items.last().map(|policy| policy.id);
            passed_on.extend(page.items.into_iter().map(|policy| Policy {
                id: PolicyId::new(self.ports().ids.uuid()),
                target: Target::Key { key: Some(next.id.clone()), team: policy.target.team() },
                created_at: next.created_at,
                updated_at: next.created_at,
                revision: 0,
                ..policy
            }));
            if !page.has_more {
                return Ok(passed_on);
            }
        }
    }

    /// A policy that the caller may know of and decide about.
    async fn policy_to_change(&self, acting: &Acting, id: PolicyId) -> Result<Policy, AdminError> {
        let policy = self.get_policy(acting, id).await?;
        acting.check_may_limit(&policy.target)?;
        Ok(policy)
    }

    async fn lookup_policy_for(
        &self,
        target: &Target,
        model: Option<Pattern>,
    ) -> Result<Option<Policy>, AdminError> {
        let filter =
            PolicyFilter { target: Some(target.clone()), model: Some(model), ..PolicyFilter::default() };
        let page = self.ports().policies.list_policies(&filter, None, 1).await;
        Ok(page.map_err(AdminError::store("look up the policy"))?.items.pop())
    }

    /// Why a new policy was not taken.
    async fn in_the_way(&self, new: &Policy) -> AdminError {
        let message = match self.lookup_policy_for(&new.target, new.model.clone()).await {
            Ok(Some(there)) => {
                format!("`{}` is for the same target and models already; change that one", there.id)
            }
            Ok(None) => format!("there are {MAX_POLICIES} policies, which is as many as there may be"),
            Err(error) => return error,
        };
        AdminError::State { message }
    }
}

/// A policy as the audit log tells of it.
pub(crate) fn audited(policy: &Policy) -> Value {
    json!({ "target": policy.target, "model": policy.model, "rules": policy.rules })
}
