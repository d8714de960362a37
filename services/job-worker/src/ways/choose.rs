//! The choice: the cheapest way that fits, and why none cheaper does.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{Choice, Job, Level, Policy, Principal, Way};

use super::policies::forbids;
use crate::JobWorker;

/// What is known of work when its way is chosen.
#[derive(Debug, Clone)]
pub(crate) struct WorkAtHand<'a> {
    /// Whose it is.
    pub(crate) principal: &'a Principal,
    /// The path it calls.
    pub(crate) path: &'a str,
    /// The model of all of its calls, if it is one.
    pub(crate) model: Option<&'a str>,
    /// How many calls.
    pub(crate) calls: u64,
    /// When it is of no use any more.
    pub(crate) deadline: Option<DateTime<Utc>>,
}

impl JobWorker {
    /// Chooses the cheapest way that fits, and says why none cheaper does.
    pub(crate) async fn choose(&self, work: &WorkAtHand<'_>) -> Result<Choice, PortError> {
        let Some(deadline) = work.deadline else {
            let reason = "It has no deadline, so it is done at once.".to_owned();
            return Ok(Choice { way: Way::OnDemand, reason });
        };
        let policies = self.known_policies.all(&*self.ports.policies).await?;
        let batch = self.allowed(work, &policies, Way::Batch).and_then(|()| self.fits_batch(work, deadline));
        Ok(match batch {
            Ok(()) => {
                let left = in_words(deadline - self.ports.clock.now());
                let reason =
                    format!("By batch inference, the cheapest way: {} calls, and {left} left.", work.calls);
                Choice { way: Way::Batch, reason }
            }
            Err(why) => self.next_best(work, deadline, &policies, &why),
        })
    }

    /// The choice for work that batch inference does not do after all.
    pub(crate) async fn choose_past_batch(
        &self,
        work: &WorkAtHand<'_>,
        why: &str,
    ) -> Result<Choice, PortError> {
        let policies = self.known_policies.all(&*self.ports.policies).await?;
        let deadline = work.deadline.unwrap_or_else(|| self.ports.clock.now());
        Ok(self.next_best(work, deadline, &policies, why))
    }

    /// How a call is made now whose job has this choice. The flex tier is given up when half of the job's time is over: what
    /// it has had no room for until then it may never have.
    pub(crate) fn way_now(&self, job: &Job) -> Way {
        let is_flex = job.choice.as_ref().is_some_and(|it| it.way == Way::Flex);
        let half_over = job.deadline.is_none_or(|deadline| {
            (self.ports.clock.now() - job.created_at) * 2 >= deadline - job.created_at
        });
        if is_flex && !half_over { Way::Flex } else { Way::OnDemand }
    }

    fn next_best(
        &self,
        work: &WorkAtHand<'_>,
        deadline: DateTime<Utc>,
        policies: &[Policy],
        not_batch: &str,
    ) -> Choice {
        let flex = self.allowed(work, policies, Way::Flex).and_then(|()| self.fits_flex(work, deadline));
        match flex {
            Ok(()) => Choice {
                way: Way::Flex,
                reason: format!(
                    "In the flex tier, where its model has one: it can wait. Not by batch inference: {not_batch}."
                ),
            },
            Err(not_flex) => Choice {
                way: Way::OnDemand,
                reason: format!(
                    "On demand. Not by batch inference: {not_batch}. Not in the flex tier: {not_flex}."
                ),
            },
        }
    }

    /// Whether settings and policies allow a way; if not, why.
    fn allowed(&self, work: &WorkAtHand<'_>, policies: &[Policy], way: Way) -> Result<(), String> {
        // Settings were checked when they were read.
        if !self.options.ways.ways().unwrap_or_default().contains(&way) {
            return Err("the settings do not allow it".to_owned());
        }
        match forbids(policies, work.principal, work.model, way) {
            None => Ok(()),
            Some(Level::Platform) => Err("a policy of the platform does not allow it".to_owned()),
            Some(level) => Err(format!("a policy of this {level} does not allow it")),
        }
    }

    fn fits_flex(&self, work: &WorkAtHand<'_>, deadline: DateTime<Utc>) -> Result<(), String> {
        if !is_chat(work.path) {
            return Err(format!("`{}` has no such tier", work.path));
        }
        self.has_time(deadline, self.options.ways.flex_spare_s)
    }

    fn fits_batch(&self, work: &WorkAtHand<'_>, deadline: DateTime<Utc>) -> Result<(), String> {
        let settings = &self.options.ways;
        let (least, most) = (settings.batch_min_records, settings.batch_max_records);
        if work.calls < least {
            return Err(format!("it takes {least} calls or more, and there are {}", work.calls));
        }
        if work.calls > most {
            return Err(format!("it takes at most {most} calls, and there are {}", work.calls));
        }
        if !is_chat(work.path) {
            return Err(format!("it does not do `{}`", work.path));
        }
        if work.model.is_none() {
            return Err("it takes calls of one model, and these name several or none".to_owned());
        }
        if self.ports.batch_models.is_none() || self.ports.blobs.s3_uri("batches").is_none() {
            return Err("it is not set up here".to_owned());
        }
        self.has_time(deadline, settings.batch_spare_s)
    }

    fn has_time(&self, deadline: DateTime<Utc>, spare_s: u64) -> Result<(), String> {
        let left = deadline - self.ports.clock.now();
        let spare = chrono::Duration::seconds(i64::try_from(spare_s).unwrap_or(i64::MAX / 1_000));
        if left >= spare {
            return Ok(());
        }
        Err(format!(
            "it takes a deadline at least {} away, and this one is {}",
            in_words(spare),
            in_words(left)
        ))
    }
}

/// Whether a path has a conversation behind it, which is what batch inference and the flex tier are for.
fn is_chat(path: &str) -> bool {
    let path = path.strip_prefix("/api").unwrap_or(path);
    matches!(
        path,
        "/v1/chat/completions"
            | "/v1/completions"
            | "/v1/responses"
            | "/v1/messages"
            | "/v1/generate"
            | "/generate"
    )
}

/// `23 h`, `45 min`; less than a minute is none.
fn in_words(time: chrono::Duration) -> String {
    match time.num_minutes().max(0) {
        minutes if minutes >= 60 => format!("{} h", minutes / 60),
        minutes => format!("{minutes} min"),
    }
}
