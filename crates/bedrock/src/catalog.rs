//! Which models there are: `catalog.toml`, the operator's changes to it, what Bedrock lists, and the names clients may
//! use.
//!
//! [`Catalog`] is one state of it, never changed once it is built; [`LiveCatalog`] replaces it by the next.

mod called;
mod defaults;
mod discovered;
mod error;
mod invoke_api;
mod live;
mod lookup;
mod names;
mod offers;
mod regions;
mod rows;
#[cfg(test)]
mod tests;
mod ways;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use outcrop_ports::{CacheSupport, Modality, ModelCatalog, ModelInfo, ReasoningStyle, ResolvedModel};
use outcrop_types::{Bounds, Price, PriceTier, Region};

use crate::control::listing::{ListedProfile, Listing};
use crate::prices::PriceList;
use defaults::Defaults;
pub use error::CatalogError;
pub use live::{LiveCatalog, LiveOptions, RefreshError};
pub use names::geography;
pub(crate) use names::{arn_region, foundation_id};
use offers::Offers;
pub use regions::RegionsCatalog;
use rows::Row;
use ways::Ways;

/// How to read the catalogue.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatalogOptions<'a> {
    /// The operator's rows, as TOML in the form of `catalog.toml`: a known `id` changes a row, a new one adds it.
    pub overrides: Option<&'a str>,
    /// The operator's prices, as TOML in the form of `prices.toml`.
    pub prices: Option<&'a str>,
    /// Which model answers when none is named: any name [`Catalog::resolve`] understands.
    pub default_model: &'a str,
    /// Which model makes vectors when none is named; nothing for none.
    pub default_embedding: Option<&'a str>,
    /// Let the default models answer for names of other vendors: `gpt-…` and `text-embedding-…`.
    pub compatibility_names: bool,
    /// The AWS region that is called; decides which inference profile reaches models that need one.
    pub region: &'a str,
    /// Prefer the inference profiles of this geography (`us`, `eu`, `global`, …) even where a model could be
    /// invoked in the region itself. Models without such a profile are not changed by it.
    pub cross_region: Option<&'a str>,
    /// Let clients name ARNs whose model only Bedrock knows (application inference profiles, imported, custom and
    /// provisioned models) although no row lists them. Off, only what the operator lists can be called, not everything
    /// this process may call.
    pub allow_arns: bool,
}

/// What every state of the catalogue is built from.
#[derive(Debug)]
struct Basis {
    rows: Vec<Row>,
    prices: Arc<PriceList>,
    ways: Ways,
    default_model: String,
    default_embedding: Option<String>,
    compatibility_names: bool,
    allow_arns: bool,
    /// Whether Bedrock is asked for the account's profiles that are not known.
    discovers: bool,
}

impl Basis {
    fn read(options: &CatalogOptions<'_>) -> Result<Self, CatalogError> {
        let mut rows = rows::built_in().map_err(CatalogError::BuiltIn)?;
        if let Some(text) = options.overrides {
            rows::merge(&mut rows, rows::parse(text).map_err(CatalogError::Overrides)?);
        }
        Ok(Self {
            rows,
            prices: Arc::new(PriceList::load(options.prices)?),
            ways: Ways {
                region: options.region.to_owned(),
                preferred: options.cross_region.map(str::to_owned),
            },
            default_model: options.default_model.to_owned(),
            default_embedding: options.default_embedding.map(str::to_owned),
            compatibility_names: options.compatibility_names,
            allow_arns: options.allow_arns,
            discovers: false,
        })
    }
}

/// The models on offer, in memory.
#[derive(Debug)]
pub struct Catalog {
    models: Vec<Entry>,
    /// Every name a client may use, to its model. Profile ids are derived, not stored.
    by_name: HashMap<String, usize>,
    /// Base model ids as Bedrock spells them.
    by_bedrock_id: HashMap<String, usize>,
    defaults: Defaults,
    prices: Arc<PriceList>,
    ways: Ways,
    allow_arns: bool,
    discovers: bool,
}

/// A model, and whether it is shown.
#[derive(Debug)]
struct Entry {
    info: Arc<ModelInfo>,
    /// Known models that the region does not list are not shown. They can be asked for all the same: a listing may lag
    /// behind, or leave out what only some may call, and Bedrock decides.
    offered: bool,
    /// Called by the very id that stands in it, a profile or an ARN: the operator's choice, or the account's own.
    chosen: bool,
}

impl Catalog {
    /// Reads the built-in catalogue and merges the operator's rows into it.
    ///
    /// # Errors
    /// [`CatalogError`] when the overrides do not fit or a default model is unknown.
    pub fn load(options: &CatalogOptions<'_>) -> Result<Self, CatalogError> {
        Self::build(&Basis::read(options)?, None)
    }

    /// The file, corrected by what Bedrock lists, and what it lists besides.
    fn build(basis: &Basis, listing: Option<&Listing>) -> Result<Self, CatalogError> {
        let mut catalog = Self {
            models: Vec::with_capacity(basis.rows.len()),
            by_name: HashMap::new(),
            by_bedrock_id: HashMap::new(),
            defaults: Defaults::unset(basis),
            prices: Arc::clone(&basis.prices),
            ways: basis.ways.clone(),
            allow_arns: basis.allow_arns,
            discovers: basis.discovers,
        };
        let offers = listing.map(Offers::of);
        for row in &basis.rows {
            let mut info = rows::into_info(row.clone())?;
            if let Some((_, model)) = info.base_id.split_once('.')
                && rows::describe(&basis.rows, model)
            {
                // A profile of a geography that is newer than this code.
                info.base_id = model.to_owned();
            }
            let offer = offers.as_ref().and_then(|all| all.callable(&info.base_id));
            if let Some(offer) = offer {
                offer.correct(&mut info);
            }
            // An id that says more than the model, a profile or an ARN, is the operator's choice: used as it is, and shown.
            let chosen = info.bedrock_id != info.base_id;
            if !chosen {
                basis.ways.settle(&mut info, offer.is_some());
            }
            catalog.add(info, offers.is_none() || offer.is_some() || chosen, chosen)?;
        }
        if let Some(offers) = offers {
            catalog.add_unknown(&offers);
            catalog.add_own(&offers);
        }
        catalog.show_profiles();
        catalog.defaults = Defaults::find(&catalog, basis)?;
        Ok(catalog)
    }

    fn add(&mut self, info: ModelInfo, offered: bool, chosen: bool) -> Result<(), CatalogError> {
        let at = self.models.len();
        for name in std::iter::once(&info.id).chain(&info.aliases) {
            if let Some(other) = self.by_name.insert(name.clone(), at).filter(|other| *other != at) {
                return Err(CatalogError::SameName {
                    name: name.clone(),
                    first: self.models[other].info.id.clone(),
                    second: info.id.clone(),
                });
            }
        }
        if !info.base_id.is_empty() {
            // The first row of a model describes it; others name ways to it.
            self.by_bedrock_id.entry(info.base_id.clone()).or_insert(at);
        }
        self.models.push(Entry { info: Arc::new(info), offered, chosen });
        Ok(())
    }

    /// What Bedrock lists and no row describes.
    fn add_unknown(&mut self, offers: &Offers<'_>) {
        for (base, offer) in &offers.by_base {
            if !offer.is_callable() || self.by_bedrock_id.contains_key(*base) {
                continue;
            }
            let mut info = offer.unknown(base);
            self.ways.settle(&mut info, true);
            info.aliases.retain(|name| !self.by_name.contains_key(name));
            // An operator may have given the id to another model as its alias.
            if !self.by_name.contains_key(*base) {
                // No name is taken, so this cannot fail.
                let _ = self.add(info, true, false);
            }
        }
    }

    /// Shows Bedrock's profiles beside their models where they are preferred: clients of the Bedrock Access Gateway choose
    /// among them by what its list has. They are found by their ids anyway.
    fn show_profiles(&mut self) {
        let Some(region) = self.ways.preferred.as_ref().map(|_| self.ways.region.as_str()) else { return };
        let mut shown = Vec::new();
        for Entry { info, .. } in self.models.iter().filter(|it| it.offered && !it.chosen) {
            let ids = info.profiles.iter().map(|it| format!("{it}.{}", info.base_id));
            for id in ids.filter(|id| names::is_callable(id, &info.base_id, region)) {
                let (bedrock_id, aliases) = (id.clone(), Vec::new());
                let info = Arc::new(ModelInfo { id, bedrock_id, aliases, ..(**info).clone() });
                shown.push(Entry { info, offered: true, chosen: true });
            }
        }
        self.models.append(&mut shown);
    }

    /// The account's own profiles, where clients may name them.
    fn add_own(&mut self, offers: &Offers<'_>) {
        for profile in offers.own.iter().filter(|_| self.allow_arns) {
            if !self.by_name.contains_key(&profile.arn) {
                let at = self.models.len();
                self.by_name.insert(profile.arn.clone(), at);
                self.models.push(Entry { info: self.behind(profile).info, offered: true, chosen: true });
            }
        }
    }

    /// A profile of the account: it can do what its model can do.
    fn behind(&self, profile: &ListedProfile) -> ResolvedModel {
        let base = self.by_bedrock_id.get(&profile.base).map(|at| (*self.models[*at].info).clone());
        let info = ModelInfo {
            id: profile.arn.clone(),
            bedrock_id: profile.arn.clone(),
            aliases: Vec::new(),
            name: profile.name.clone(),
            base_id: profile.base.clone(),
            on_demand: true,
            profiles: Vec::new(),
            stray_profiles: profile.geography.iter().filter(|_| profile.strays).cloned().collect(),
            routes_over: profile.geography.clone(),
            ..base.unwrap_or_else(|| unknown_info(&profile.arn))
        };
        ResolvedModel { bedrock_id: profile.arn.clone(), info: Arc::new(info) }
    }
}

#[async_trait::async_trait]
impl ModelCatalog for Catalog {
    fn resolve_for(&self, asked: Option<&str>, output: Modality) -> Option<ResolvedModel> {
        match asked {
            None => self.defaults.of(output).cloned(),
            Some(name) => self.lookup(name).or_else(|| self.defaults.stand_in(name, output).cloned()),
        }
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.models.iter().filter(|entry| entry.offered).map(|entry| Arc::clone(&entry.info)).collect()
    }

    fn resolve_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        self.called_at(asked, output, region, within)
    }

    fn price(&self, model: &ResolvedModel, tier: PriceTier, day: NaiveDate) -> Option<Price> {
        let info = &model.info;
        let by_id = || names::profile_geography(&model.bedrock_id, &info.base_id);
        let geography = info.routes_over.as_deref().or_else(by_id);
        // An operator may price a name of the catalogue, or an ARN, apart from its model.
        self.prices.find(&[&info.id, &info.base_id], geography, tier, day)
    }
}

/// What is assumed of a model we know nothing of: everything, so that Bedrock decides.
fn generic(asked: &str) -> ResolvedModel {
    ResolvedModel { bedrock_id: asked.to_owned(), info: Arc::new(unknown_info(asked)) }
}

fn unknown_info(asked: &str) -> ModelInfo {
    ModelInfo {
        id: asked.to_owned(),
        bedrock_id: asked.to_owned(),
        input: vec![Modality::Text, Modality::Image, Modality::Document],
        reasoning: ReasoningStyle::Unknown,
        cache: Some(CacheSupport { min_tokens: 0, one_hour: true, tools: true }),
        ..ModelInfo::default()
    }
}
