//! Which models there are: `catalog.toml`, the operator's changes to it, and the names clients may use.

mod names;
mod rows;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use outcrop_ports::{Modality, ModelCatalog, ModelInfo, ResolvedModel};

pub use names::geography;
use names::{GEOGRAPHIES, Named, parse_name};
use rows::Row;

/// The name that asks for the default model, besides asking for none.
const DEFAULT: &str = "default";

/// How to read the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct CatalogOptions<'a> {
    /// The operator's rows, as TOML in the form of `catalog.toml`: a known `id` changes a row, a new one adds it.
    pub overrides: Option<&'a str>,
    /// Which model answers when none is named: any name [`Catalog::resolve`] understands.
    pub default_model: &'a str,
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

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The built-in rows are wrong; a test rules it out.
    #[error("the built-in model catalogue does not parse")]
    BuiltIn(#[source] toml::de::Error),
    /// The operator's rows are not in the form of the catalogue.
    #[error("the model overrides do not parse")]
    Overrides(#[source] toml::de::Error),
    /// A row lacks what it needs.
    #[error("model `{id}` in the catalogue: {problem}")]
    Row {
        /// The row.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two models claim one name.
    #[error("the name `{name}` stands for both `{first}` and `{second}`")]
    SameName {
        /// The name.
        name: String,
        /// The model that has it.
        first: String,
        /// The model that claims it too.
        second: String,
    },
    /// The default model is not in the catalogue.
    #[error("the default model `{asked}` is not in the catalogue{}", did_you_mean(near))]
    UnknownDefault {
        /// What was set.
        asked: String,
        /// Names that resemble it.
        near: Vec<String>,
    },
}

/// The models on offer, in memory.
#[derive(Debug)]
pub struct Catalog {
    models: Vec<Entry>,
    /// Every name a client may use, to its model. Profile ids are derived, not stored.
    by_name: HashMap<String, usize>,
    /// Base model ids as Bedrock spells them.
    by_bedrock_id: HashMap<String, usize>,
    default: ResolvedModel,
    allow_arns: bool,
}

/// A model and how it is reached.
#[derive(Debug)]
struct Entry {
    info: Arc<ModelInfo>,
    on_demand: bool,
}

impl Catalog {
    /// Reads the built-in catalogue and merges the operator's rows into it.
    ///
    /// # Errors
    /// [`CatalogError`] when the overrides do not fit or the default model is unknown.
    pub fn load(options: &CatalogOptions<'_>) -> Result<Self, CatalogError> {
        let mut rows = rows::built_in().map_err(CatalogError::BuiltIn)?;
        if let Some(text) = options.overrides {
            rows::merge(&mut rows, rows::parse(text).map_err(CatalogError::Overrides)?);
        }
        let mut catalog = Self {
            models: Vec::with_capacity(rows.len()),
            by_name: HashMap::new(),
            by_bedrock_id: HashMap::new(),
            default: generic(options.default_model),
            allow_arns: options.allow_arns,
        };
        for row in rows {
            catalog.add(row, options)?;
        }
        catalog.default = catalog
            .lookup(options.default_model)
            .ok_or_else(|| catalog.unknown_default(options.default_model))?;
        Ok(catalog)
    }

    fn add(&mut self, row: Row, options: &CatalogOptions<'_>) -> Result<(), CatalogError> {
        let at = self.models.len();
        let base = row.bedrock_id.clone();
        let entry = rows::into_entry(row, options.region, options.cross_region)?;
        for name in std::iter::once(&entry.info.id).chain(&entry.info.aliases) {
            if let Some(other) = self.by_name.insert(name.clone(), at).filter(|other| *other != at) {
                return Err(CatalogError::SameName {
                    name: name.clone(),
                    first: self.models[other].info.id.clone(),
                    second: entry.info.id.clone(),
                });
            }
        }
        if let Some(base) = base {
            self.by_bedrock_id.insert(base, at);
        }
        self.models.push(entry);
        Ok(())
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
                // The default model is the operator's own choice.
                None if self.allow_arns || asked == self.default.bedrock_id => Some(generic(asked)),
                None => None,
            },
            Named::OtherArn => None,
        }
    }

    fn by_plain_name(&self, asked: &str) -> Option<ResolvedModel> {
        if let Some(at) = self.by_bedrock_id.get(asked) {
            let Entry { info, on_demand } = &self.models[*at];
            // Asked for by its bare id, it is called in the region itself, if it can be.
            let bedrock_id = if *on_demand { asked } else { &info.bedrock_id };
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
        let at = GEOGRAPHIES.contains(&prefix).then(|| self.by_bedrock_id.get(base)).flatten()?;
        Some(Arc::clone(&self.models[*at].info))
    }

    fn unknown_default(&self, asked: &str) -> CatalogError {
        let mut scored: Vec<(f64, &str)> = self
            .by_name
            .iter()
            .map(|(name, at)| (strsim::jaro_winkler(name, asked), self.models[*at].info.id.as_str()))
            .filter(|(score, _)| *score > 0.8)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let mut seen = BTreeSet::new();
        let near = scored.iter().map(|(_, id)| *id).filter(|id| seen.insert(*id)).take(3).map(str::to_owned);
        CatalogError::UnknownDefault { asked: asked.to_owned(), near: near.collect() }
    }
}

#[async_trait::async_trait]
impl ModelCatalog for Catalog {
    fn resolve(&self, asked: Option<&str>) -> Option<ResolvedModel> {
        match asked {
            None | Some(DEFAULT) => Some(self.default.clone()),
            Some(name) => self.lookup(name),
        }
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        self.models.iter().map(|entry| Arc::clone(&entry.info)).collect()
    }
}

/// What is assumed of a model we know nothing of: everything, so that Bedrock decides.
fn generic(asked: &str) -> ResolvedModel {
    let info = ModelInfo {
        id: asked.to_owned(),
        bedrock_id: asked.to_owned(),
        input: vec![Modality::Text, Modality::Image, Modality::Document],
        ..ModelInfo::default()
    };
    ResolvedModel { bedrock_id: asked.to_owned(), info: Arc::new(info) }
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

#[cfg(test)]
mod tests;
