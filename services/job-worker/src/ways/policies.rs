//! What policies say of ways. They are read again when they are a few seconds old.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{PolicyStore, PortError};
use outcrop_types::{Level, Policy, Principal, Target, Way};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old what is known may be.
const FRESH: Duration = Duration::from_secs(5);

/// The policies that say something of ways; clones share them.
#[derive(Clone, Default)]
pub(crate) struct KnownPolicies(Arc<Mutex<Option<Known>>>);

struct Known {
    read: Instant,
    policies: Arc<[Policy]>,
}

impl KnownPolicies {
    /// Read at most every few seconds, by one at a time.
    pub(super) async fn all(&self, store: &dyn PolicyStore) -> Result<Arc<[Policy]>, PortError> {
        let mut known = self.0.lock().await;
        if let Some(known) = known.as_ref().filter(|it| it.read.elapsed() < FRESH) {
            return Ok(Arc::clone(&known.policies));
        }
        let (_, policies) = store.all_policies().await?;
        let policies: Arc<[Policy]> = policies.into_iter().filter(|it| it.rules.ways.is_some()).collect();
        *known = Some(Known { read: Instant::now(), policies: Arc::clone(&policies) });
        Ok(policies)
    }
}

/// The level of a policy that does not allow this way, if one does not. Every policy that is for the principal and the model
/// must allow it; where there is no one model, those for any model count.
pub(super) fn forbids(
    policies: &[Policy],
    principal: &Principal,
    model: Option<&str>,
    way: Way,
) -> Option<Level> {
    let fits = |policy: &&Policy| {
        let for_model = policy.model.as_ref().is_none_or(|it| model.is_none_or(|model| it.matches(model)));
        for_model && is_for(&policy.target, principal)
    };
    let says_no = |policy: &&Policy| policy.rules.ways.as_ref().is_some_and(|ways| !ways.contains(&way));
    policies.iter().filter(fits).find(says_no).map(|it| it.target.level())
}

fn is_for(target: &Target, principal: &Principal) -> bool {
    let in_team = |team: &Option<_>| team.is_none_or(|team| team == principal.team);
    match target {
        Target::Platform => true,
        Target::Team { team } => in_team(team),
        Target::User { user, team } => in_team(team) && user.is_none_or(|user| user == principal.subject),
        Target::Key { key, team } => {
            let its = |key| principal.key.as_ref() == Some(key);
            in_team(team) && principal.key.is_some() && key.as_ref().is_none_or(its)
        }
    }
}
