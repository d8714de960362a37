//! What Bedrock was asked of single inference profiles, for a while.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_ports::ResolvedModel;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

/// Most names that are remembered; beyond it the oldest is forgotten.
const MAX_NAMES: usize = 256;

/// Most questions that are open at once, so that a client which makes names up does not use up what AWS allows us.
const MAX_OPEN: usize = 4;

/// How long a profile is believed to be what it was. Its model never changes; it may be deleted, and then Bedrock says so.
const FOUND_FOR: Duration = Duration::from_secs(3_600);

/// After how long a profile that is asked for on purpose is asked for again, while what is known of it still holds.
const RENEW_AFTER: Duration = Duration::from_secs(1_800);

/// How long it holds where Bedrock cannot be asked again.
const KEPT_FOR: Duration = Duration::from_secs(86_400);

/// How long absence is remembered, and that Bedrock could not say.
const ABSENT_FOR: Duration = Duration::from_secs(60);

/// What Bedrock said of a name.
#[derive(Debug, Clone)]
pub(super) enum Told {
    /// There is such a profile.
    Found(ResolvedModel),
    /// There is none.
    Absent,
    /// It could not be asked, or we may not ask: the model as one of which nothing is known.
    Unsure(ResolvedModel),
}

/// Names that were asked for. One question is asked for a name at a time, whoever waits for the answer.
#[derive(Debug)]
pub(super) struct Discovered {
    names: Mutex<HashMap<String, Slot>>,
    open: Semaphore,
}

#[derive(Debug)]
struct Slot {
    told: Arc<OnceCell<Told>>,
    since: Instant,
    /// What was found before, and when: it holds while Bedrock is asked again, and where it cannot say.
    before: Option<(ResolvedModel, Instant)>,
}

impl Default for Discovered {
    fn default() -> Self {
        Self { names: Mutex::default(), open: Semaphore::new(MAX_OPEN) }
    }
}

impl Discovered {
    /// What is remembered of a name.
    pub(super) fn recall(&self, name: &str) -> Option<ResolvedModel> {
        let names = self.lock();
        names.get(name)?.model()
    }

    /// What is remembered of a name, or else what `ask` says. It is asked, too, where a profile was found long ago.
    pub(super) async fn learn<A: Future<Output = Told>>(
        &self,
        name: &str,
        ask: impl FnOnce() -> A,
    ) -> Option<ResolvedModel> {
        let told = self.slot(name);
        let asked = async {
            // Never closed, so this waits for its turn and no more.
            let _turn = self.open.acquire().await;
            ask().await
        };
        match told.get_or_init(|| asked).await {
            // What was found before is likelier than nothing.
            unsure @ Told::Unsure(_) => self.recall(name).or_else(|| unsure.model()),
            sure => sure.model(),
        }
    }

    fn slot(&self, name: &str) -> Arc<OnceCell<Told>> {
        let mut names = self.lock();
        if let Some(slot) = names.get(name).filter(|slot| slot.is_fresh() && !slot.is_old()) {
            return Arc::clone(&slot.told);
        }
        let before = names.remove(name).and_then(|slot| slot.found());
        if names.len() >= MAX_NAMES {
            names.retain(|_, slot| slot.is_fresh());
        }
        if names.len() >= MAX_NAMES {
            let oldest = names.iter().min_by_key(|(_, slot)| slot.since).map(|(name, _)| name.clone());
            oldest.and_then(|name| names.remove(&name));
        }
        let told = Arc::new(OnceCell::new());
        names.insert(name.to_owned(), Slot { told: Arc::clone(&told), since: Instant::now(), before });
        told
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn is_fresh(&self) -> bool {
        let for_how_long = match self.told.get() {
            Some(Told::Found(_)) => FOUND_FOR,
            _ => ABSENT_FOR,
        };
        self.since.elapsed() < for_how_long
    }

    /// Whether it was found so long ago that it is asked for again.
    fn is_old(&self) -> bool {
        matches!(self.told.get(), Some(Told::Found(_))) && self.since.elapsed() >= RENEW_AFTER
    }

    /// What was found, now or before.
    fn found(self) -> Option<(ResolvedModel, Instant)> {
        match self.told.get() {
            Some(Told::Found(model)) => Some((model.clone(), self.since)),
            Some(Told::Absent) => None,
            Some(Told::Unsure(_)) | None => self.before,
        }
    }

    /// What holds of it: what was told lately, else what was found before.
    fn model(&self) -> Option<ResolvedModel> {
        let told = self.told.get().filter(|_| self.is_fresh());
        let before = || self.before.as_ref().filter(|(_, at)| at.elapsed() < KEPT_FOR);
        match told {
            Some(sure @ (Told::Found(_) | Told::Absent)) => sure.model(),
            unsure => before().map(|(model, _)| model.clone()).or_else(|| unsure?.model()),
        }
    }
}

impl Told {
    fn model(&self) -> Option<ResolvedModel> {
        match self {
            Self::Found(model) | Self::Unsure(model) => Some(model.clone()),
            Self::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::generic;
    use super::*;

    /// Asks for a name and counts the question.
    async fn ask(all: &Discovered, name: &str, told: Told, questions: &AtomicUsize) -> Option<String> {
        let answer = || async {
            questions.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            told
        };
        all.learn(name, answer).await.map(|it| it.bedrock_id)
    }

    #[tokio::test(start_paused = true)]
    async fn one_question_serves_all_who_wait() {
        let (all, questions) = (Discovered::default(), AtomicUsize::new(0));
        let found = || Told::Found(generic("arn:a"));
        let asking = (0..20).map(|_| ask(&all, "arn:a", found(), &questions));
        let answers = futures::future::join_all(asking).await;
        assert!(answers.iter().all(|it| it.as_deref() == Some("arn:a")));
        assert_eq!(questions.load(Ordering::SeqCst), 1);
        assert_eq!(all.recall("arn:a").unwrap().bedrock_id, "arn:a");
        tokio::time::advance(FOUND_FOR).await;
        assert!(all.recall("arn:a").is_none(), "asked again after a while");
    }

    #[tokio::test(start_paused = true)]
    async fn a_profile_that_is_kept_known_never_is_unknown() {
        let (all, questions) = (Discovered::default(), AtomicUsize::new(0));
        let (named, generic) = (generic("found"), generic("generic"));
        ask(&all, "arn:a", Told::Found(named.clone()), &questions).await;
        tokio::time::advance(RENEW_AFTER).await;
        // Bedrock is away: what was found holds, also while it is asked.
        let unsure = || Told::Unsure(generic.clone());
        let asking = ask(&all, "arn:a", unsure(), &questions);
        let looking = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            all.recall("arn:a").map(|it| it.bedrock_id)
        };
        let found = Some("found".to_owned());
        assert_eq!(tokio::join!(asking, looking), (found.clone(), found.clone()));
        assert_eq!(questions.load(Ordering::SeqCst), 2);
        for _ in 0..90 {
            tokio::time::advance(ABSENT_FOR).await;
            assert_eq!(ask(&all, "arn:a", unsure(), &questions).await, found);
        }
        // It was deleted.
        tokio::time::advance(ABSENT_FOR).await;
        assert_eq!(ask(&all, "arn:a", Told::Absent, &questions).await, None);
        assert!(all.recall("arn:a").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn absence_is_remembered_for_a_shorter_while() {
        let (all, questions) = (Discovered::default(), AtomicUsize::new(0));
        for asked in [1, 1] {
            assert_eq!(ask(&all, "arn:a", Told::Absent, &questions).await, None);
            assert_eq!(questions.load(Ordering::SeqCst), asked);
        }
        tokio::time::advance(ABSENT_FOR).await;
        let found = Told::Found(generic("arn:a"));
        assert_eq!(ask(&all, "arn:a", found, &questions).await.as_deref(), Some("arn:a"), "made meanwhile");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_question_to_the_others() {
        let (all, questions) = (Discovered::default(), AtomicUsize::new(0));
        let found = || Told::Found(generic("arn:a"));
        let first = ask(&all, "arn:a", found(), &questions);
        assert!(tokio::time::timeout(Duration::from_millis(10), first).await.is_err());
        assert_eq!(ask(&all, "arn:a", found(), &questions).await.as_deref(), Some("arn:a"));
    }

    #[tokio::test(start_paused = true)]
    async fn names_made_up_are_forgotten() {
        let (all, questions) = (Discovered::default(), AtomicUsize::new(0));
        let names: Vec<_> = (0..MAX_NAMES + 10).map(|it| format!("arn:{it}")).collect();
        futures::future::join_all(names.iter().map(|it| ask(&all, it, Told::Absent, &questions))).await;
        assert_eq!(all.lock().len(), MAX_NAMES);
    }
}
