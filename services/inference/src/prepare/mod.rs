//! From what a dialect understood to what a certain model can be asked, the same for every dialect.
//!
//! Media behind links are fetched, what the model cannot honour is taken and named or refused, and what it can only
//! give in another shape is asked for in that shape: [`Reshape`] turns the answer back. Models are known by the columns
//! of the catalogue alone.

mod cache;
mod conversation;
mod fence;
mod fields;
mod fit;
mod limit;
mod place;
mod reasoning;
mod reshape;
mod schema;
mod structured;
mod taken;
mod turns;

use std::sync::Arc;

use outcrop_chat::{InvalidRequest, Request, ServiceTier};
use outcrop_http::ApiError;
use outcrop_ports::{Modality, ModelInfo};
use outcrop_types::PriceTier;

use crate::InferenceService;
use crate::attempts::is_mixed;
use crate::chat::AskedModel;
use crate::entry::Entry;
pub(crate) use conversation::{conversation, conversation_in};
pub(crate) use fields::Fields;
pub(crate) use limit::{HEADER as MAX_TOKENS, within};
pub(crate) use place::{may_keep, place_in};
pub(crate) use reshape::Reshape;
use taken::Taken;

/// A request that its model can be asked, and that was let in.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) request: Request,
    /// Headers that tell how the answer came about.
    pub(crate) told: Vec<(&'static str, String)>,
    /// What has to be done to the answer.
    pub(crate) reshape: Reshape,
    pub(crate) entry: Entry,
    /// What it was before, where targets of another model may have to answer.
    pub(crate) original: Option<Arc<Original>>,
    /// Rather refused than answered by a model on which something has no effect.
    pub(crate) strict: bool,
    /// Which of several answers to the same request it is for.
    pub(crate) choice: usize,
    /// The names of what has no effect on its model.
    pub(crate) dropped: Vec<&'static str>,
}

/// A request as its client sent it, with all media fetched: what is fitted anew to another model.
#[derive(Debug)]
pub(crate) struct Original {
    pub(crate) request: Request,
    pub(crate) fields: Fields,
    /// What had no effect before any model was looked at.
    pub(crate) dropped: Vec<&'static str>,
}

/// A request that its model can be asked.
impl Prepared {
    /// Has no other model answer on which something would have no effect.
    pub(crate) fn strictly(self, strict: bool) -> Self {
        Self { strict, ..self }
    }
}

#[derive(Debug)]
struct Fitted {
    request: Request,
    told: Vec<(&'static str, String)>,
    reshape: Reshape,
}

impl InferenceService {
    /// Prepares a request that was let in for its model; names in `dropped` what is taken from it.
    ///
    /// # Errors
    /// What the model cannot do and the answer would be wrong without, with the field's name; a link that leads nowhere.
    pub(crate) async fn prepare(
        &self,
        entry: Entry,
        model: &AskedModel,
        mut request: Request,
        fields: Fields,
        dropped: &mut Vec<&'static str>,
    ) -> Result<Prepared, ApiError> {
        model.must_write(Modality::Text, "chat")?;
        if let Some(batching) = self.batching() {
            batching.check(&mut request)?;
        }
        let entry = waiting(entry, model, &mut request);
        self.inner().media.check_s3_fields(&request.additional)?;
        self.inner().media.fetch_links(entry.team, &mut request).await?;
        let original = || Original { request: request.clone(), fields, dropped: dropped.clone() };
        let original = is_mixed(model).then(original).map(Arc::new);
        let info = &model.model.info;
        let held = limit::hold(&mut request, entry.max_output, &mut Taken::new(info, fields, dropped))?;
        let Fitted { mut request, mut told, reshape } = for_model(request, info, fields, dropped)?;
        told.extend(held);
        told.extend(place::add(&mut request, self.prompt_cache_rule(model), info, dropped));
        let dropped = dropped.clone();
        Ok(Prepared { request, told, reshape, entry, original, strict: false, choice: 0, dropped })
    }
}

/// What can wait is done in Bedrock's flex tier, where all of its targets have that and it asks for no tier itself.
fn waiting(entry: Entry, model: &AskedModel, request: &mut Request) -> Entry {
    let candidates = model.plan.candidates();
    let has_flex = model.model.info.flex && candidates.iter().all(|it| it.model.info.flex);
    if !entry.flex || !has_flex || request.service_tier.is_some() {
        return entry;
    }
    request.service_tier = Some(ServiceTier::Flex);
    entry.in_tier(PriceTier::Flex)
}

/// The part that needs nobody: fits a request to a model. The order matters: what is asked of the shape of an answer
/// depends on whether the model thinks, and where instructions may stand on all that adds to them.
fn for_model(
    mut request: Request,
    model: &ModelInfo,
    fields: Fields,
    dropped: &mut Vec<&'static str>,
) -> Result<Fitted, InvalidRequest> {
    let mut taken = Taken::new(model, fields, dropped);
    turns::check_media(&request, &taken)?;
    fit::fit(&mut request, &mut taken)?;
    let thinks = reasoning::fit(&mut request, &mut taken)?;
    let (told, reshape) = structured::shape(&mut request, thinks, &mut taken);
    cache::fit(&mut request, &mut taken);
    let request = turns::place(request, thinks, &mut taken);
    Ok(Fitted { request, told: told.into_iter().collect(), reshape })
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod parity_tests;
#[cfg(test)]
mod property_tests;
