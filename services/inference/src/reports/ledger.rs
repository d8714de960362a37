//! The ledger, asked by people.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{Clock, Ledger, Modality, ModelCatalog, PortError, ReportQuery, ReportRow, UsageFilter};
use outcrop_types::Page;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Params, Unfit, span, take_filter, take_question};

/// Prefixes of cross-region inference profile ids. Source: Amazon Bedrock user guide, "Supported Regions and models for
/// inference profiles".
const GEOGRAPHIES: [&str; 9] = ["us", "eu", "apac", "au", "jp", "in", "ca", "us-gov", "global"];
/// Whole files that are made at once.
const FILES_AT_ONCE: usize = 2;

/// What answers questions about usage. Clones share how many files are made at once.
#[derive(Clone)]
pub struct Reports {
    pub(crate) ledger: Arc<dyn Ledger>,
    catalog: Arc<dyn ModelCatalog>,
    pub(crate) clock: Arc<dyn Clock>,
    files: Arc<Semaphore>,
}

impl Reports {
    /// Answers from this ledger; the catalogue knows models by the names people use.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, catalog: Arc<dyn ModelCatalog>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, catalog, clock, files: Arc::new(Semaphore::new(FILES_AT_ONCE)) }
    }

    /// Takes a question.
    ///
    /// # Errors
    /// [`Unfit`] for the first parameter that does not do.
    pub fn take_question(&self, params: &mut Params) -> Result<ReportQuery, Unfit> {
        let mut query = take_question(params, self.clock.now())?;
        self.know_model(&mut query.filter);
        Ok(query)
    }

    /// Takes which records are meant, and of which time.
    pub(crate) fn take_filter(&self, params: &mut Params) -> Result<(UsageFilter, Stretch), Unfit> {
        let mut filter = take_filter(params)?;
        self.know_model(&mut filter);
        Ok((filter, span::take_within(params, self.clock.now())?))
    }

    /// Takes one of the places for whole files, if one is free. A file makes the ledger add up everything, some times.
    pub(crate) fn begin_file(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.files).try_acquire_owned().ok()
    }

    /// One page of the answer.
    ///
    /// # Errors
    /// [`PortError`] when the ledger does not answer.
    pub async fn page(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        self.ledger.report(query).await
    }

    /// The end of this hour, which is never now: nothing was used after it.
    pub(crate) fn end_of_hour(&self) -> DateTime<Utc> {
        span::next_hour(self.clock.now() + Duration::milliseconds(1))
    }

    /// Records name models by the ids that Bedrock was called by; people by the catalogue's names, too. Those mean the
    /// model by whichever of its ids it was called: settings choose another profile, or another region does.
    fn know_model(&self, filter: &mut UsageFilter) {
        let Some(asked) = filter.models.first() else { return };
        let Some(model) = self.catalog.resolve_for(Some(asked), Modality::Text) else { return };
        let info = &model.info;
        // One profile is that one alone.
        if *asked == model.bedrock_id && *asked != info.base_id {
            return;
        }
        let mut models: BTreeSet<String> = [asked, &model.bedrock_id, &info.bedrock_id, &info.base_id]
            .into_iter()
            .chain(&info.aliases)
            .filter(|id| !id.is_empty())
            .cloned()
            .collect();
        if !info.base_id.is_empty() {
            let offered = info.profiles.iter().map(String::as_str);
            models.extend(GEOGRAPHIES.into_iter().chain(offered).map(|it| format!("{it}.{}", info.base_id)));
        }
        filter.models = models.into_iter().collect();
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports(…)")
    }
}
