//! Calls that batch inference makes: what is left of budgets is looked at before, and what they used is counted after.

use chrono::{DateTime, Utc};
use outcrop_config::OnUnavailable;
use outcrop_ports::{Hold, Kind};
use uuid::Uuid;

use super::reserve::{Question, exceeded};
use super::{AdmissionControl, Admitted, Need, OpenHold, metered, meters, since_epoch};
use crate::ChatError;
use crate::chat::{AskedModel, Caller};

impl AdmissionControl {
    /// Takes nothing. Refuses what has no price under a budget, or a budget that has no room for this one. If the limiter is
    /// away, calls are let in as far as settings say so for budgets.
    pub(crate) async fn look_ahead(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: &Need,
    ) -> Result<Admitted, ChatError> {
        let now = self.clock.now();
        let mut terms =
            self.policies.book().await?.terms(caller.principal, Some(model.named()), &self.config);
        let bound = self.bound(&terms, model, need)?;
        terms.limits.retain(|limit| limit.kind() == Kind::Money);
        let estimate = self.estimate(&terms, model, (need, bound), now);
        let (limits, meters) = metered(&terms, model, estimate, now)?;
        if !meters.is_empty() {
            match self.limiter.read(&meters, since_epoch(&*self.clock)).await {
                Ok(states) => {
                    let mut both = states.iter().zip(&meters);
                    if let Some(full) = both.position(|(it, wanted)| it.remaining() < wanted.amount.max(1)) {
                        let (calls, longest) = (&[self.ids.uuid()], std::time::Duration::ZERO);
                        let (limits, meters) = (&*limits, &*meters);
                        let question =
                            Question { limits, meters, calls, longest, generation: 0, is_local: false };
                        let refusal = exceeded(question, (full, None), &states, now);
                        return self.counted(caller, Err(refusal));
                    }
                }
                // Nothing is counted in this process: there is no share to hold it against.
                Err(source) if self.when_away(Kind::Money) != OnUnavailable::Open => {
                    return Err(ChatError::Limits { source });
                }
                Err(error) => tracing::debug!(error = error.chain(), "budgets cannot be looked at"),
            }
        }
        Ok(Admitted { max_output: bound.sent, ..Admitted::default() })
    }

    /// Lets a call in that was made, whatever is left: budgets count it by this id, at that time.
    pub(crate) async fn admit_made(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        need: &Need,
        (call, at): (Uuid, DateTime<Utc>),
    ) -> Result<Admitted, ChatError> {
        let mut terms =
            self.policies.book().await?.terms(caller.principal, Some(model.named()), &self.config);
        // A policy that is newer than the record refuses nothing.
        let bound = match self.bound(&terms, model, need) {
            Ok(bound) => bound,
            Err(_) => {
                terms.clamp = None;
                self.bound(&terms, model, need)?
            }
        };
        terms.limits.retain(|limit| limit.kind() == Kind::Money);
        let estimate = self.estimate(&terms, model, (need, bound), at);
        let meters = terms.limits.iter();
        let meters = meters.filter_map(|it| Some(it.meter(it.amount(estimate)?, at))).collect();
        let hold = Hold { call, at_ms: meters::millis(at), meters };
        let burndown = model.model.info.output_burndown;
        let hold = OpenHold::unreserved(hold, burndown, std::sync::Arc::clone(&self.settler));
        Ok(Admitted { holds: vec![hold], max_output: bound.sent, ..Admitted::default() })
    }
}
