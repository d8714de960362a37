//! Which models there are: `catalog.toml`, the operator's changes to it, what Bedrock lists, and the names clients may
//! use.
//!
//! [`Catalog`] is one state of it, never changed once it is built; [`LiveCatalog`] replaces it by the next.

mod defaults;
mod discovered;
mod error;
mod invoke_api;
mod live;
mod names;
mod offers;
mod rows;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use outcrop_ports::{CacheSupport, Modality, ModelCatalog, ModelInfo, ReasoningStyle, ResolvedModel};
use outcrop_types::{Price, PriceTier};

use crate::control::listing::{ListedProfile, Listing};
use crate::prices::PriceList;
use defaults::Defaults;
pub use error::CatalogError;
pub use live::{LiveCatalog, LiveOptions, RefreshError};
pub(crate) use names::foundation_id;
pub use names::geography;
use names::{GEOGRAPHIES, Named, parse_name};
use offers::{Offers, Reach};
use rows::Row;

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
    reach: Reach,
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
            reach: Reach {
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
            allow_arns: basis.allow_arns,
            discovers: basis.discovers,
        };
        let offers = listing.map(Offers::of);
        for row in &basis.rows {
            let mut info = rows::into_info(row.clone())?;
            let offer = offers.as_ref().and_then(|all| all.callable(&info.base_id));
            if let Some(offer) = offer {
                offer.correct(&mut info);
            }
            // An id that says more than the model, a profile or an ARN, is the operator's choice: used as it is, and shown.
            let chosen = info.bedrock_id != info.base_id;
            if !chosen {
                basis.reach.settle(&mut info, offer.is_some());
            }
            catalog.add(info, offers.is_none() || offer.is_some() || chosen)?;
        }
        if let Some(offers) = offers {
            catalog.add_unknown(&offers, &basis.reach);
            catalog.add_own(&offers);
        }
        catalog.defaults = Defaults::find(&catalog, basis)?;
        Ok(catalog)
    }

    fn add(&mut self, info: ModelInfo, offered: bool) -> Result<(), CatalogError> {
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
        self.models.push(Entry { info: Arc::new(info), offered });
        Ok(())
    }

    /// What Bedrock lists and no row describes.
    fn add_unknown(&mut self, offers: &Offers<'_>, reach: &Reach) {
        for (base, offer) in &offers.by_base {
            if !offer.is_callable() || self.by_bedrock_id.contains_key(*base) {
                continue;
            }
            let mut info = offer.unknown(base);
            reach.settle(&mut info, true);
            info.aliases.retain(|name| !self.by_name.contains_key(name));
            // An operator may have given the id to another model as its alias.
            if !self.by_name.contains_key(*base) {
                // No name is taken, so this cannot fail.
                let _ = self.add(info, true);
            }
        }
    }

    /// The account's own profiles, where clients may name them.
    fn add_own(&mut self, offers: &Offers<'_>) {
        for profile in offers.own.iter().filter(|_| self.allow_arns) {
            if !self.by_name.contains_key(&profile.arn) {
                let at = self.models.len();
                self.by_name.insert(profile.arn.clone(), at);
                self.models.push(Entry { info: self.behind(profile).info, offered: true });
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
            routes_over: profile.geography.clone(),
            ..base.unwrap_or_else(|| unknown_info(&profile.arn))
        };
        ResolvedModel { bedrock_id: profile.arn.clone(), info: Arc::new(info) }
    }

    fn lookup(&self, asked: &str) -> Option<ResolvedModel> {
        if !names::could_be_sent(asked) {
            return None;
        }
        match parse_name(asked) {
            Named::Plain => self.by_plain_name(asked),
            Named::ModelArn(id) => {
                let info = self.info_of_bedrock_id(id)?;
                Some(ResolvedModel { bedrock_id: asked.to_owned(), info })
            }
            // An operator may describe what is behind an opaque ARN by listing it as an alias.
            Named::OpaqueArn => match self.by_name.get(asked) {
                Some(at) => {
                    let info = Arc::clone(&self.models[*at].info);
                    Some(ResolvedModel { bedrock_id: asked.to_owned(), info })
                }
                None => self.undescribed(asked),
            },
            Named::OtherArn => None,
        }
    }

    /// An ARN of which nothing is known.
    fn undescribed(&self, asked: &str) -> Option<ResolvedModel> {
        // The default model is the operator's own choice.
        if let Some(default) = self.defaults.called(asked) {
            return Some(default.clone());
        }
        let to_be_asked_for = self.discovers && names::is_own_profile(asked);
        (self.allow_arns && !to_be_asked_for).then(|| generic(asked))
    }

    fn by_plain_name(&self, asked: &str) -> Option<ResolvedModel> {
        if let Some(at) = self.by_bedrock_id.get(asked) {
            let info = &self.models[*at].info;
            // Asked for by its bare id, it is called in the region itself, if it can be.
            let bedrock_id = if info.on_demand { asked } else { &info.bedrock_id };
            return Some(ResolvedModel { bedrock_id: bedrock_id.to_owned(), info: Arc::clone(info) });
        }
        if let Some(info) = self.info_of_profile(asked) {
            return Some(ResolvedModel { bedrock_id: asked.to_owned(), info });
        }
        let info = &self.models[*self.by_name.get(asked)?].info;
        Some(ResolvedModel { bedrock_id: info.bedrock_id.clone(), info: Arc::clone(info) })
    }

    fn info_of_bedrock_id(&self, id: &str) -> Option<Arc<ModelInfo>> {
        let base = self.by_bedrock_id.get(id).map(|at| Arc::clone(&self.models[*at].info));
        base.or_else(|| self.info_of_profile(id))
    }

    /// The model behind `us.anthropic.…`. A geography newer than the row is believed: Bedrock knows best.
    fn info_of_profile(&self, id: &str) -> Option<Arc<ModelInfo>> {
        let (prefix, base) = id.split_once('.')?;
        let info = &self.models[*self.by_bedrock_id.get(base)?].info;
        let known = GEOGRAPHIES.contains(&prefix) || info.profiles.iter().any(|it| it == prefix);
        known.then(|| Arc::clone(info))
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
