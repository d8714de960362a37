//! The model behind a name as one region calls it.

use outcrop_ports::{Modality, ResolvedModel};
use outcrop_types::{Bounds, Region};

use super::names::{self, Named, parse_name};
use super::{Catalog, ModelInfo};

impl Catalog {
    /// [`resolve_at`](outcrop_ports::ModelCatalog::resolve_at), by what is known of the models here.
    pub(super) fn called_at(
        &self,
        asked: &str,
        output: Modality,
        region: &Region,
        within: &Bounds,
    ) -> Option<ResolvedModel> {
        let Some(model) = self.lookup(asked) else {
            // A default model's own name is found, or there would be no catalogue.
            let default = self.defaults.stands_in(asked, output).filter(|it| *it != asked)?;
            return self.called_at(default, output, region, within);
        };
        if self.leaves_open(asked) {
            let bedrock_id = self.ways.from(region).within(&model.info, region, within)?;
            return Some(ResolvedModel { bedrock_id, info: model.info });
        }
        names::is_callable(&model.bedrock_id, &model.info.base_id, region.as_str()).then_some(model)
    }

    /// Whether a model is one that the region lists, as far as it was asked.
    pub(super) fn offers(&self, info: &ModelInfo) -> bool {
        let at = self.by_name.get(&info.id).or_else(|| self.by_bedrock_id.get(&info.base_id));
        at.is_some_and(|at| self.models[*at].offered)
    }

    /// Whether a name says which model and no more, so that the way to it is ours to choose.
    fn leaves_open(&self, asked: &str) -> bool {
        if parse_name(asked) != Named::Plain {
            return false;
        }
        if let Some(at) = self.by_bedrock_id.get(asked) {
            // Asked for by its bare id, it is called in the region itself, if it can be.
            return !self.models[*at].chosen && !self.models[*at].info.on_demand;
        }
        let is_profile = self.info_of_profile(asked).is_some();
        !is_profile && self.by_name.get(asked).is_some_and(|at| !self.models[*at].chosen)
    }
}

#[cfg(test)]
#[path = "called_tests.rs"]
mod tests;
