//! From a name to a model, as the region of the catalogue calls it.

use std::sync::Arc;

use outcrop_ports::{ModelInfo, ResolvedModel};

use super::names::{self, GEOGRAPHIES, Named, parse_name};
use super::{Catalog, generic};

impl Catalog {
    pub(super) fn lookup(&self, asked: &str) -> Option<ResolvedModel> {
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
    pub(super) fn info_of_profile(&self, id: &str) -> Option<Arc<ModelInfo>> {
        let (prefix, base) = id.split_once('.')?;
        let info = &self.models[*self.by_bedrock_id.get(base)?].info;
        let known = GEOGRAPHIES.contains(&prefix) || info.profiles.iter().any(|it| it == prefix);
        known.then(|| Arc::clone(info))
    }
}
