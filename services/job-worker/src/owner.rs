//! As whom a job runs: its owner as it is now, not as it was when the job was submitted.
//!
//! A job may run long after its credential was checked. A key that was revoked or narrowed meanwhile, a subject that was
//! disabled or lost its role, must not go on acting through it.

use std::sync::Arc;

use outcrop_policy::{Decision, Resource, cap, decide};
use outcrop_ports::PortError;
use outcrop_types::{Job, KeyId, Permission, Principal, Scope};

use crate::JobWorker;

/// What every path that a job may call needs.
const NEEDED: Permission = Permission::InvokeModel;

/// Why a job does not run.
#[derive(Debug)]
pub(crate) enum Barred {
    /// It never will; why, in words for its owner.
    Ever(&'static str),
    /// It cannot be told now.
    Now(PortError),
}

impl From<PortError> for Barred {
    fn from(error: PortError) -> Self {
        Self::Now(error)
    }
}

impl JobWorker {
    /// The principal to make a job's call as.
    pub(crate) async fn owner(&self, job: &Job) -> Result<Principal, Barred> {
        let owner = self.as_it_is_now(&job.principal).await?;
        match refusal(&owner, &job.path) {
            None => Ok(owner),
            Some(_) => Err(Barred::Ever("whoever submitted this job may not make this call any more")),
        }
    }

    /// A principal, less what its key and its standing do not allow now.
    pub(crate) async fn as_it_is_now(&self, given: &Principal) -> Result<Principal, Barred> {
        let mut owner = given.clone();
        if let Some(id) = &given.key {
            self.narrow_to_key(&mut owner, id).await?;
        }
        let standing = self.ports.users.lookup_standing(owner.subject, owner.team).await?;
        let gone = Barred::Ever("whoever submitted this job may not act for the team any more");
        Ok(cap(owner, standing.ok_or(gone)?))
    }

    /// Leaves of a principal what the key it came with is good for now.
    async fn narrow_to_key(&self, owner: &mut Principal, id: &KeyId) -> Result<(), Barred> {
        let key = self.ports.keys.lookup_key(id).await?;
        let key = key.filter(|key| key.is_active(self.ports.clock.now()));
        let key = key.ok_or(Barred::Ever("the key that submitted this job is no longer valid"))?;
        let scope = narrower(owner.scope(), &key.scope);
        let scope = scope.ok_or(Barred::Ever("the key that submitted this job was narrowed since"))?;
        owner.scope = (!scope.is_empty()).then(|| Arc::new(scope));
        owner.limits = key.limits;
        Ok(())
    }
}

/// What keeps a principal from calling this path, if anything does.
pub(crate) fn refusal(principal: &Principal, path: &str) -> Option<String> {
    if decide(principal, NEEDED, Resource::OwnTeam) != Decision::Allow {
        return Some(format!("a call of `{path}` needs the permission `{NEEDED}`"));
    }
    (!principal.scope().allows_route(path)).then(|| format!("this credential may not call `{path}`"))
}

/// The one of two scopes that lies within the other; `None` where each leaves out what the other has.
fn narrower(one: &Scope, other: &Scope) -> Option<Scope> {
    one.clone().within(other).or_else(|_| other.clone().within(one)).ok()
}
