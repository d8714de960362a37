//! The models that answer when none is named, and for names that the operator lets them answer for.

use std::collections::BTreeSet;

use outcrop_ports::{Modality, ResolvedModel};

use super::names::is_stand_in;
use super::{Basis, Catalog, CatalogError, generic};

/// The name that asks for a default model, besides asking for none.
const DEFAULT: &str = "default";

/// The default models.
#[derive(Debug)]
pub(super) struct Defaults {
    chat: ResolvedModel,
    embedding: Option<ResolvedModel>,
    /// What the operator called them.
    names: (String, Option<String>),
    stand_in: bool,
}

impl Defaults {
    /// Before the models are known: the operator's choice is believed to exist.
    pub(super) fn unset(basis: &Basis) -> Self {
        let embedding = basis.default_embedding.as_deref().map(generic);
        let names = (basis.default_model.clone(), basis.default_embedding.clone());
        Self { chat: generic(&basis.default_model), embedding, names, stand_in: false }
    }

    /// The default models among those of the catalogue.
    pub(super) fn find(catalog: &Catalog, basis: &Basis) -> Result<Self, CatalogError> {
        let find = |asked: &str, which| catalog.lookup(asked).ok_or_else(|| unknown(catalog, asked, which));
        let embedding = basis.default_embedding.as_deref();
        Ok(Self {
            chat: find(&basis.default_model, "default model")?,
            embedding: embedding.map(|it| find(it, "default embedding model")).transpose()?,
            names: (basis.default_model.clone(), basis.default_embedding.clone()),
            stand_in: basis.compatibility_names,
        })
    }

    /// The default model that writes `output`.
    pub(super) fn of(&self, output: Modality) -> Option<&ResolvedModel> {
        match output {
            Modality::Text => Some(&self.chat),
            Modality::Embedding => self.embedding.as_ref(),
            _ => None,
        }
    }

    /// The default model that answers for a name of no model.
    pub(super) fn stand_in(&self, asked: &str, output: Modality) -> Option<&ResolvedModel> {
        self.stands_in(asked, output).and_then(|_| self.of(output))
    }

    /// The name of that model.
    pub(super) fn stands_in(&self, asked: &str, output: Modality) -> Option<&str> {
        let stands_in = asked == DEFAULT || (self.stand_in && is_stand_in(asked, output));
        match output {
            Modality::Text if stands_in => Some(&self.names.0),
            Modality::Embedding if stands_in => self.names.1.as_deref(),
            _ => None,
        }
    }

    /// The default model that is called by this very id.
    pub(super) fn called(&self, bedrock_id: &str) -> Option<&ResolvedModel> {
        let all = std::iter::once(&self.chat).chain(&self.embedding);
        all.into_iter().find(|it| it.bedrock_id == bedrock_id)
    }
}

fn unknown(catalog: &Catalog, asked: &str, which: &'static str) -> CatalogError {
    let mut scored: Vec<(f64, &str)> = catalog
        .by_name
        .iter()
        .map(|(name, at)| (strsim::jaro_winkler(name, asked), catalog.models[*at].info.id.as_str()))
        .filter(|(score, _)| *score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let mut seen = BTreeSet::new();
    let near = scored.iter().map(|(_, id)| *id).filter(|id| seen.insert(*id)).take(3).map(str::to_owned);
    CatalogError::UnknownDefault { which, asked: asked.to_owned(), near: near.collect() }
}
