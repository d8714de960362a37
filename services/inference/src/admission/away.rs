//! What happens while the limiter is away: for each kind of limit what settings say.
//!
//! `open` lets calls through, `closed` refuses them, `local` counts them in this process against its share. A call that
//! is let in then is settled with the limiter of all processes when that is back, so that it counts once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use outcrop_config::OnUnavailable;
use outcrop_ports::{Admission, Ask, Kind, Meter, PortError};

use super::reserve::{Local, Question, Reserved, exceeded};
use super::{AdmissionControl, Standing, since_epoch, standing};
use crate::ChatError;
use crate::policies::Limit;

/// Whether the limiter is away, and what has become of it so far.
#[derive(Debug, Default)]
pub(super) struct Away {
    now: AtomicBool,
    /// How often this process began to count money anew.
    counts: AtomicU64,
    /// How often the limiter went, came back or lost its counts.
    troubles: AtomicU64,
}

impl Away {
    /// Whether it is away.
    pub(super) fn is_now(&self) -> bool {
        self.now.load(Ordering::Relaxed)
    }

    /// Grows with each outage and each loss.
    pub(super) fn troubles(&self) -> u64 {
        self.troubles.load(Ordering::Relaxed)
    }

    /// The limiter has lost its counts.
    pub(super) fn lost(&self) {
        self.troubles.fetch_add(1, Ordering::Relaxed);
    }
}

/// What this process may count by itself.
#[derive(Debug, Default)]
struct Own {
    meters: Vec<Meter>,
    /// Their places in the question.
    places: Vec<usize>,
}

impl AdmissionControl {
    /// What to do with limits of a kind.
    pub(super) fn when_away(&self, kind: Kind) -> OnUnavailable {
        let config = &self.config;
        match kind {
            Kind::Requests => config.on_unavailable_requests.unwrap_or(config.on_unavailable),
            Kind::Tokens => config.on_unavailable_tokens.unwrap_or(config.on_unavailable),
            Kind::Concurrency => config.on_unavailable_concurrency.unwrap_or(config.on_unavailable),
            Kind::Money => config.on_unavailable_money.unwrap_or(OnUnavailable::Closed),
        }
    }

    /// The limiter answered.
    pub(super) fn is_back(&self) {
        // Most often it was not away: a look is cheaper than a change.
        if self.away.is_now() && self.away.now.swap(false, Ordering::Relaxed) {
            self.away.lost();
            tracing::info!("limits are checked again");
        }
    }

    /// Lets calls in as far as settings say and this process can tell.
    pub(super) async fn reserve_away(
        &self,
        question: Question<'_>,
        error: PortError,
        now: DateTime<Utc>,
    ) -> Result<Reserved, ChatError> {
        let (Own { meters, places }, error) = self.own(question, error)?;
        let Question { calls, longest, .. } = question;
        let mut standings = Vec::new();
        if !meters.is_empty() {
            let ask = Ask { calls, meters: &meters, now: since_epoch(&*self.clock), longest };
            let own = Own { meters: meters.clone(), places: places.clone() };
            standings = own_answer(self.local.reserve(&ask).await, (question, &own), error, now)?;
        }
        let local = Local { meters, places, unsettled: self.settler.unsettled() };
        Ok(Reserved { standings, local: Some(local) })
    }

    /// Counts a request that calls no model as far as settings say.
    pub(super) async fn count_away(
        &self,
        question: Question<'_>,
        error: PortError,
        now: DateTime<Utc>,
    ) -> Result<Vec<Standing>, ChatError> {
        let (own, error) = self.own(question, error)?;
        if own.meters.is_empty() {
            return Ok(Vec::new());
        }
        let counted = self.local.count(&own.meters, since_epoch(&*self.clock)).await;
        own_answer(counted, (question, &own), error, now)
    }

    /// The meters of this process in the place of those of all.
    fn own(&self, question: Question<'_>, error: PortError) -> Result<(Own, PortError), ChatError> {
        self.is_away(&error);
        let mut own = Own::default();
        for (place, meter) in question.meters.iter().enumerate() {
            match self.when_away(meter.kind) {
                OnUnavailable::Open => {}
                OnUnavailable::Closed => return Err(ChatError::Limits { source: error }),
                OnUnavailable::Local => {
                    let Some(share) = self.share(meter) else {
                        return Err(ChatError::Limits { source: error });
                    };
                    own.places.push(place);
                    own.meters.push(share);
                }
            }
        }
        Ok((own, error))
    }

    /// The part of a limit that this process may use; `None` if it cannot know of any.
    ///
    /// It keeps its name from one outage to the next, so that going and coming gives nobody a new share. What is left of
    /// a budget is known as of the last answer: it is counted anew once everything that was let in by this process alone
    /// is settled, and so is no part of what is left.
    fn share(&self, meter: &Meter) -> Option<Meter> {
        let replicas = u64::from(self.limiter.replicas().max(1));
        let (whole, name, kind) = if meter.kind == Kind::Money {
            let counts = self.away.counts.load(Ordering::Relaxed);
            // Nothing came before it, so that no ledger needs to be asked.
            (self.budgets.left(&meter.name)?, format!("{}@{counts}", meter.name), Kind::Tokens)
        } else {
            (meter.limit, meter.name.clone(), meter.kind)
        };
        Some(Meter { name, kind, limit: whole / replicas, ..*meter })
    }

    fn is_away(&self, error: &PortError) {
        if !self.away.now.swap(true, Ordering::Relaxed) {
            self.away.lost();
            if !self.settler.has_unsettled() {
                self.away.counts.fetch_add(1, Ordering::Relaxed);
            }
            tracing::error!(error = error.chain(), "limits cannot be checked; settings say what is let in");
            // It may have lost what it knew: the ledger is to know everything when it is asked.
            self.spool.ship_now();
        }
    }
}

/// What the limiter of this process says, as an answer to the question that was meant for the other.
fn own_answer(
    admission: Result<Admission, PortError>,
    (question, own): (Question<'_>, &Own),
    error: PortError,
    now: DateTime<Utc>,
) -> Result<Vec<Standing>, ChatError> {
    let Own { meters, places } = own;
    match admission {
        Ok(Admission::Admitted { states }) => Ok(standing::tightest(meters, &states)),
        Ok(Admission::Refused { full, retry_after, states }) => {
            let wanted = meters[full].amount.saturating_mul(question.calls.len() as u64);
            let whole = question.meters[places[full]].limit;
            if wanted > meters[full].limit && wanted <= whole {
                // Too much for one process is not too much: whether there is room cannot be told.
                return Err(ChatError::Limits { source: error });
            }
            let limits: Vec<&Limit> = places.iter().map(|place| question.limits[*place]).collect();
            let own = Question { limits: &limits, meters, is_local: true, ..question };
            Err(exceeded(own, (full, retry_after), &states, now))
        }
        Ok(Admission::Unseeded { .. }) => Err(ChatError::Limits { source: error }),
        Err(source) => Err(ChatError::Limits { source }),
    }
}
