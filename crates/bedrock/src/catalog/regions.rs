//! [`RegionsCatalog`]: what each of several regions offers, as one catalogue.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use futures::future::join_all;
use outcrop_ports::{IdGen, Modality, ModelCatalog, ModelInfo, ResolvedModel};
use outcrop_types::{Bounds, Price, PriceTier, Region};
use tokio_util::sync::CancellationToken;

use super::names::arn_region;
use super::{Catalog, LiveCatalog, LiveOptions, RefreshError};

/// The catalogues of the regions that settings name. Each follows its own region's lists, and keeps what it knows while that
/// region is away.
#[derive(Debug)]
pub struct RegionsCatalog {
    home: Arc<LiveCatalog>,
    others: Vec<(Region, Arc<LiveCatalog>)>,
    home_region: Region,
    /// For regions that only a route names: the files.
    elsewhere: Catalog,
}

impl RegionsCatalog {
    /// Calls go to the home region first. `elsewhere` is the catalogue of the files.
    #[must_use]
    pub fn new(home: (Region, LiveCatalog), others: Vec<(Region, LiveCatalog)>, elsewhere: Catalog) -> Self {
        let (home_region, home) = home;
        let others = others.into_iter().map(|(region, it)| (region, Arc::new(it))).collect();
        Self { home: Arc::new(home), others, home_region, elsewhere }
    }

    /// Looks at every region's lists now and then until told to stop. Run it once.
    pub async fn run(&self, options: LiveOptions, ids: Arc<dyn IdGen>, stop: CancellationToken) {
        join_all(self.all().map(|it| it.run(options, Arc::clone(&ids), stop.clone()))).await;
    }

    /// Looks at every region's lists once, all at the same time: how many models each offers. A region that cannot be asked keeps
    /// what it knows.
    pub async fn look(&self) -> Vec<(Region, Result<usize, RefreshError>)> {
        let named = std::iter::once(&self.home_region).chain(self.others.iter().map(|(region, _)| region));
        let looks = named.zip(self.all()).map(async |(region, it)| (region.clone(), it.refresh().await));
        join_all(looks).await
    }

    fn all(&self) -> impl Iterator<Item = &Arc<LiveCatalog>> {
        std::iter::once(&self.home).chain(self.others.iter().map(|(_, it)| it))
    }

    fn of(&self, region: &str) -> Option<&Arc<LiveCatalog>> {
        if self.home_region.as_str() == region {
            return Some(&self.home);
        }
        self.others.iter().find(|(it, _)| it.as_str() == region).map(|(_, it)| it)
    }

    /// The catalogue that knows an ARN: the one of its region.
    fn of_arn(&self, asked: &str) -> Option<&Arc<LiveCatalog>> {
        arn_region(asked).and_then(|it| self.of(it))
    }
}

#[async_trait]
impl ModelCatalog for RegionsCatalog {
    fn resolve_for(&self, asked: Option<&str>, output: Modality) -> Option<ResolvedModel> {
        let of_arn = asked.and_then(|it| self.of_arn(it)?.resolve_for(asked, output));
        // What the first region has never heard of, another one may list.
        of_arn.or_else(|| self.all().find_map(|it| it.resolve_for(asked, output)))
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        let mut shown = self.home.list();
        let mut ids: HashSet<String> = shown.iter().map(|it| it.id.clone()).collect();
        for (_, catalog) in &self.others {
            shown.extend(catalog.list().into_iter().filter(|it| ids.insert(it.id.clone())));
        }
        shown
    }

    fn resolve_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        let Some(here) = self.of(region.as_str()) else {
            return self.elsewhere.resolve_at(asked, output, region, within);
        };
        let model = here.resolve_at(asked, output, region, within)?;
        // What this region does not list and another one does is called there.
        let offers = |catalog: &LiveCatalog| catalog.offers(&model.info);
        (offers(here) || !self.all().any(|it| offers(it))).then_some(model)
    }

    fn price(&self, model: &ResolvedModel, tier: PriceTier, day: NaiveDate) -> Option<Price> {
        self.home.price(model, tier, day)
    }

    async fn discover(&self, asked: &str) -> Option<ResolvedModel> {
        // A profile is known in its own region only. Where nothing is called, nothing is asked either: the region in an ARN
        // is the client's word, and would become part of a host's name.
        self.of_arn(asked)?.discover(asked).await
    }
}
