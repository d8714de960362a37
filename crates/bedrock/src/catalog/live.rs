//! [`LiveCatalog`]: the catalogue as Bedrock has it now, refreshed in the background.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_ports::{IdGen, Modality, ModelCatalog, ModelError, ModelFailure, ModelInfo, ResolvedModel};
use outcrop_types::{Bounds, Price, PriceTier, Region};
use tokio_util::sync::CancellationToken;

use super::discovered::{Discovered, Told};
use super::{Basis, Catalog, CatalogError, CatalogOptions, generic, names};
use crate::control::ControlPlane;

/// Longest wait between two attempts while Bedrock's lists cannot be had.
const RETRY: Duration = Duration::from_secs(60);

/// Longest that a request waits to learn of an inference profile, its turn included.
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// How to keep the catalogue up to date.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Time between two looks at Bedrock's lists, give or take a tenth; zero for none.
    pub refresh: Duration,
}

/// Why the catalogue stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Bedrock's lists could not be had.
    #[error("could not list the models of Bedrock")]
    List(#[source] ModelError),
    /// What it lists makes no catalogue.
    #[error("could not put the catalogue together")]
    Build(#[source] CatalogError),
}

/// A catalogue that follows what Bedrock lists.
///
/// Every look replaces the whole state; readers have the old one or the new one. Without a successful look it is what
/// the files say.
#[derive(Debug)]
pub struct LiveCatalog {
    basis: Basis,
    control: ControlPlane,
    /// The control planes of other accounts, by the account's number.
    others: HashMap<String, ControlPlane>,
    current: RwLock<Arc<Catalog>>,
    discovered: Discovered,
}

impl LiveCatalog {
    /// The catalogue of the files, and a way to Bedrock's lists; nothing is asked yet.
    ///
    /// # Errors
    /// [`CatalogError`] as for [`Catalog::load`].
    pub fn new(options: &CatalogOptions<'_>, control: ControlPlane) -> Result<Self, CatalogError> {
        let basis = Basis { discovers: true, ..Basis::read(options)? };
        let current = RwLock::new(Arc::new(Catalog::build(&basis, None)?));
        Ok(Self { basis, control, others: HashMap::new(), current, discovered: Discovered::default() })
    }

    /// Asks another account's control plane for the profiles of that account. What it has is not listed.
    #[must_use]
    pub fn with_account(mut self, number: String, control: ControlPlane) -> Self {
        self.others.insert(number, control);
        self
    }

    /// Looks at Bedrock's lists once. How many models there are now.
    ///
    /// # Errors
    /// [`RefreshError`]; the catalogue then stays as it was.
    pub async fn refresh(&self) -> Result<usize, RefreshError> {
        let listing = self.control.list(self.basis.allow_arns).await.map_err(RefreshError::List)?;
        let next = Catalog::build(&self.basis, Some(&listing)).map_err(RefreshError::Build)?;
        let shown = next.list().len();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(shown)
    }

    /// Looks at Bedrock's lists now and then until told to stop. Run it once.
    pub async fn run(&self, options: LiveOptions, ids: Arc<dyn IdGen>, stop: CancellationToken) {
        if options.refresh.is_zero() {
            return;
        }
        let mut last = None;
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.refresh() => looked,
            };
            let wait = if looked.is_ok() { options.refresh } else { options.refresh.min(RETRY) };
            tell(looked, &mut last);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(spread(wait, &*ids)) => {}
            }
        }
    }

    /// Whether the region lists a model, as far as it was asked; what was learned of single profiles is there.
    pub(super) fn offers(&self, info: &ModelInfo) -> bool {
        self.current().offers(info) || self.discovered.recall(&info.id).is_some()
    }

    fn current(&self) -> Arc<Catalog> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(&self, arn: &str) -> Told {
        let other = names::arn_account(arn).and_then(|it| self.others.get(it));
        match other.unwrap_or(&self.control).profile(arn).await {
            Ok(Some(profile)) => Told::Found(self.current().behind(&profile)),
            Ok(None) => Told::Absent,
            Err(error) if matches!(error.failure, ModelFailure::NotFound | ModelFailure::Invalid) => {
                Told::Absent
            }
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "could not ask Bedrock for an inference profile; it is called untested"
                );
                Told::Unsure(generic(arn))
            }
        }
    }
}

#[async_trait]
impl ModelCatalog for LiveCatalog {
    fn resolve_for(&self, asked: Option<&str>, output: Modality) -> Option<ResolvedModel> {
        let known = self.current().resolve_for(asked, output);
        known.or_else(|| self.discovered.recall(asked.filter(|it| names::is_own_profile(it))?))
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.current().list()
    }

    fn resolve_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        let known = self.current().resolve_at(asked, output, region, within);
        known.or_else(|| {
            let here = names::arn_region(asked) == Some(region.as_str()) && names::is_own_profile(asked);
            self.discovered.recall(asked).filter(|_| here)
        })
    }

    fn price(&self, model: &ResolvedModel, tier: PriceTier, day: NaiveDate) -> Option<Price> {
        self.current().price(model, tier, day)
    }

    async fn discover(&self, asked: &str) -> Option<ResolvedModel> {
        if !self.basis.allow_arns || !names::could_be_sent(asked) || !names::is_own_profile(asked) {
            return None;
        }
        let learned = self.discovered.learn(asked, || Box::pin(self.ask(asked)));
        // Who waits too long calls the model all the same: Bedrock will know it.
        let learned = tokio::time::timeout(DISCOVER_TIMEOUT, learned).await;
        learned.unwrap_or_else(|_| Some(generic(asked)))
    }
}

/// Logs how a look went where it went otherwise than the last one.
fn tell(looked: Result<usize, RefreshError>, last: &mut Option<Result<usize, String>>) {
    let now = looked.map_err(|error| chain(&error));
    if last.as_ref() != Some(&now) {
        match &now {
            Ok(shown) => tracing::info!(models.shown = shown, "models listed by Bedrock"),
            Err(error) => tracing::warn!(error, "the model catalogue stays as it was"),
        }
    }
    *last = Some(now);
}

/// What went wrong and why, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// The time, give or take a tenth, so that replicas which started together do not ask together.
fn spread(time: Duration, ids: &dyn IdGen) -> Duration {
    // The last bytes of an id are random, whatever its version.
    let percent = u32::from(ids.uuid().as_bytes()[15]) % 21;
    time * (90 + percent) / 100
}
