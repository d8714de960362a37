//! What is told of a model: the catalogue's facts under the names that a caller may use.

use std::sync::Arc;

use chrono::NaiveDate;
use outcrop_chat::Effort;
use outcrop_ports::{Modality, ModelInfo, ReasoningStyle, ResolvedModel};
use outcrop_types::{Price, PriceTier, Principal};
use outcrop_wire::model_card::{Abilities, ModelCard, Thinking};

use crate::access::Reader;
use crate::chat::AskedModel;
use crate::policies::Book;
use crate::{ChatError, InferenceService, access};

impl InferenceService {
    /// Cards of all models that a principal may call.
    pub(crate) async fn cards(&self, principal: &Principal) -> Result<Vec<ModelCard>, ChatError> {
        let book = self.inner().policies.book().await?;
        let reader = reader(&book, principal);
        let (catalog, today) = (&*self.inner().catalog, self.today());
        let card = |info: &Arc<ModelInfo>| {
            let names = access::names(reader, info, catalog);
            let (id, aliases) = names.split_first()?;
            let model = ResolvedModel { bedrock_id: info.bedrock_id.clone(), info: Arc::clone(info) };
            Some(self.card(id, aliases, &model, today))
        };
        Ok(catalog.list().iter().filter_map(card).collect())
    }

    /// The card of a model that was asked for by this name.
    pub(crate) async fn card_of(
        &self,
        principal: &Principal,
        AskedModel { asked, model }: &AskedModel,
    ) -> Result<ModelCard, ChatError> {
        let book = self.inner().policies.book().await?;
        let names = access::names(reader(&book, principal), &model.info, &*self.inner().catalog);
        // Some names, such as profiles of other geographies, are found and not listed.
        let (id, aliases) = names.split_first().map_or((asked.as_str(), &[][..]), |(id, rest)| (*id, rest));
        Ok(self.card(id, aliases, model, self.today()))
    }

    fn card(&self, id: &str, aliases: &[&str], model: &ResolvedModel, today: NaiveDate) -> ModelCard {
        let info = &model.info;
        let price: Option<Price> = self.inner().catalog.price(model, PriceTier::Standard, today);
        ModelCard {
            id: id.to_owned(),
            aliases: aliases.iter().map(|it| (*it).to_owned()).collect(),
            name: info.name.clone(),
            owned_by: info.owned_by.clone(),
            created: info.created,
            context_window: info.context_window,
            max_output_tokens: info.max_output_tokens,
            input: info.input.iter().copied().map(modality).collect(),
            output: info.output.iter().copied().map(modality).collect(),
            dimensions: info.dimensions.clone(),
            abilities: abilities(info),
            price,
            region: self.inner().model.region().to_owned(),
            on_demand: info.on_demand,
            profiles: info.profiles.clone(),
            legacy: info.legacy,
            end_of_life: info.end_of_life,
        }
    }

    fn today(&self) -> NaiveDate {
        self.inner().clock.now().date_naive()
    }
}

fn reader<'a>(book: &'a Book, principal: &'a Principal) -> Reader<'a> {
    Reader { scope: principal.scope(), policies: book.forbids_some(principal).then_some((book, principal)) }
}

fn abilities(info: &ModelInfo) -> Abilities {
    Abilities {
        streaming: info.streaming,
        tools: info.tools,
        tool_choice: info.tool_choice,
        structured_output: info.structured_output || info.tool_choice,
        native_structured_output: info.structured_output,
        reasoning: thinking(info),
        prompt_cache: info.cache.is_some(),
        prompt_cache_1h: info.cache.is_some_and(|it| it.one_hour),
        sampling: info.sampling,
        stop_sequences: info.stop_sequences,
        anthropic: info.anthropic_version.is_some(),
    }
}

fn thinking(info: &ModelInfo) -> Option<Thinking> {
    let style = info.reasoning;
    if matches!(style, ReasoningStyle::None | ReasoningStyle::Unknown) && !info.always_thinks {
        return None;
    }
    // A budget is no effort; all other styles name one.
    let takes_effort = !matches!(style, ReasoningStyle::None | ReasoningStyle::ThinkingBudget);
    Some(Thinking {
        always: info.always_thinks,
        budget: style == ReasoningStyle::ThinkingBudget,
        adaptive: style == ReasoningStyle::ThinkingAdaptive,
        max_effort: if takes_effort { Some(info.max_effort.unwrap_or(Effort::High)) } else { None },
        xhigh: info.xhigh_effort,
    })
}

const fn modality(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "text",
        Modality::Image => "image",
        Modality::Document => "document",
        Modality::Video => "video",
        Modality::Audio => "audio",
        Modality::Embedding => "embedding",
        Modality::Ranking => "ranking",
    }
}
