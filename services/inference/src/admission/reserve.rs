//! The question to the limiter, and its answers.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_config::OnUnavailable;
use outcrop_ports::{Admission, Ask, Kind, Meter, MeterState, PortError, Unseeded};
use uuid::Uuid;

use super::settle::Unsettled;
use super::{AdmissionControl, Exceeded, Standing, since_epoch, standing};
use crate::ChatError;
use crate::policies::Limit;

/// How often the limiter is asked while the past of budgets is found out.
const TRIES: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) limits: &'a [&'a Limit],
    /// One for each limit.
    pub(super) meters: &'a [Meter],
    pub(super) calls: &'a [Uuid],
    pub(super) longest: Duration,
    /// Of the policies that say so.
    pub(super) generation: u64,
    /// Whether it is this process alone that counts.
    pub(super) is_local: bool,
}

/// What was taken.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    /// Where the limits stand that clients hear of.
    pub(super) standings: Vec<Standing>,
    /// What was taken in this process alone, where the limiter is away.
    pub(super) local: Option<Local>,
}

/// What is counted in this process alone.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) meters: Vec<Meter>,
    /// Their places among the meters of the question.
    pub(super) places: Vec<usize>,
    /// Kept until it is counted by all processes.
    pub(super) unsettled: Unsettled,
}

impl AdmissionControl {
    /// Takes from all limits, or from none.
    pub(super) async fn reserve(
        &self,
        question: Question<'_>,
        now: DateTime<Utc>,
    ) -> Result<Reserved, ChatError> {
        let Question { meters, calls, longest, .. } = question;
        if meters.is_empty() || calls.is_empty() {
            return Ok(Reserved::default());
        }
        self.close_gaps(question).await;
        let mut failure = None;
        for _ in 0..TRIES {
            let ask = Ask { calls, meters, now: since_epoch(&*self.clock), longest };
            let admission = match self.limiter.reserve(&ask).await {
                Ok(admission) => admission,
                Err(error) => return self.reserve_away(question, error, now).await,
            };
            self.is_back();
            match admission {
                Admission::Admitted { states } => {
                    self.note(question, &states);
                    return Ok(Reserved { standings: standing::tightest(meters, &states), local: None });
                }
                Admission::Refused { full, retry_after, states } => {
                    self.note(question, &states);
                    return Err(exceeded(question, (full, retry_after), &states, now));
                }
                Admission::Unseeded { meters } => match self.seed(question, meters).await {
                    Ok(()) => {}
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                },
            }
        }
        self.without_past(question, failure, now).await
    }

    /// Counts a request that calls no model.
    pub(super) async fn count(
        &self,
        question: Question<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Standing>, ChatError> {
        let meters = question.meters;
        if meters.is_empty() {
            return Ok(Vec::new());
        }
        match self.limiter.count(meters, since_epoch(&*self.clock)).await {
            Ok(Admission::Refused { full, retry_after, states }) => {
                self.is_back();
                Err(exceeded(question, (full, retry_after), &states, now))
            }
            Ok(Admission::Admitted { states }) => {
                self.is_back();
                Ok(standing::tightest(meters, &states))
            }
            // Only budgets have a past that must be known.
            Ok(Admission::Unseeded { .. }) => Ok(Vec::new()),
            Err(error) => self.count_away(question, error, now).await,
        }
    }

    /// Finds out what was spent before the count began.
    async fn seed(&self, question: Question<'_>, unseeded: Vec<Unseeded>) -> Result<(), Arc<PortError>> {
        for Unseeded { meter, settled } in unseeded {
            if let Some(limit) = question.limits.get(meter) {
                self.seeder.begin(limit, settled).await?;
            }
        }
        Ok(())
    }

    /// What was spent could not be found out: as if the limiter were away for budgets.
    async fn without_past(
        &self,
        question: Question<'_>,
        failure: Option<Arc<PortError>>,
        now: DateTime<Utc>,
    ) -> Result<Reserved, ChatError> {
        let source = failure.map_or_else(
            || PortError::unavailable("find out what was spent", "others were faster each time"),
            |error| PortError::unavailable("find out what was spent", error),
        );
        if self.when_away(Kind::Money) != OnUnavailable::Open {
            return Err(ChatError::Limits { source });
        }
        let meters: Vec<_> = question.meters.iter().filter(|it| it.kind != Kind::Money).cloned().collect();
        let limits: Vec<_> = question.limits.iter().copied().filter(|it| it.kind() != Kind::Money).collect();
        // Without budgets there is no past to be found out.
        Box::pin(self.reserve(Question { limits: &limits, meters: &meters, ..question }, now)).await
    }

    fn note(&self, question: Question<'_>, states: &[MeterState]) {
        self.budgets.note(question.limits, question.meters, states, self.clock.monotonic());
    }
}

/// A refusal, from what the limiter says of it.
pub(super) fn exceeded(
    question: Question<'_>,
    (full, room_after): (usize, Option<Duration>),
    states: &[MeterState],
    now: DateTime<Utc>,
) -> ChatError {
    let (Some(limit), Some(meter), Some(state)) =
        (question.limits.get(full), question.meters.get(full), states.get(full))
    else {
        let source =
            PortError::broken("read the limiter's answer", "it names a limit that was not asked for");
        return ChatError::Limits { source };
    };
    let calls = u32::try_from(question.calls.len()).unwrap_or(u32::MAX);
    ChatError::RateLimited(Box::new(Exceeded {
        limit: (*limit).clone(),
        state: *state,
        wanted: meter.amount.saturating_mul(calls.into()),
        calls,
        room_after,
        now,
        is_local: question.is_local,
        standings: standing::tightest(question.meters, states),
    }))
}
