//! What is told of a model: the catalogue's facts under the names that a caller may use.

use std::sync::Arc;

use chrono::NaiveDate;
use outcrop_chat::Effort;
use outcrop_ports::{Modality, ModelInfo, ReasoningStyle, ResolvedModel};
use outcrop_types::{Bounds, Geography, Price, PriceTier, Principal, Reach, Region, Route};
use outcrop_wire::model_card::{Abilities, ModelCard, Thinking};

use crate::access::Reader;
use crate::chat::AskedModel;
use crate::policies::{Book, Named};
use crate::routing::profile_region;
use crate::{ChatError, InferenceService, access};

impl InferenceService {
    /// Cards of all models that a principal may call.
    pub(crate) async fn cards(&self, principal: &Principal) -> Result<Vec<ModelCard>, ChatError> {
        let book = self.inner().policies.book().await?;
        let reader = reader(&book, principal);
        let (catalog, today) = (&*self.inner().catalog, self.today());
        let card = |info: &Arc<ModelInfo>| {
            let mut names = access::names(reader, info, catalog);
            let model = ResolvedModel { bedrock_id: info.bedrock_id.clone(), info: Arc::clone(info) };
            let mut found: Option<(String, ResolvedModel, Bounds)> = None;
            names.retain(|name| {
                let bounds = self.bounds_of(&book, principal, name, &model);
                // What may be called nowhere is not told of, either.
                let at = (!bounds.is_empty()).then(|| self.first_of(name, None, &bounds));
                let first = || at.clone().flatten().map(|(region, model)| (region, model, bounds));
                found = found.take().or_else(first);
                at.is_none_or(|it| it.is_some())
            });
            let (id, aliases) = names.split_first()?;
            let (region, model, bounds) =
                found.unwrap_or_else(|| (self.home().to_owned(), model, Bounds::default()));
            Some(within(self.card(id, aliases, (&region, &model), today), &bounds))
        };
        let mut cards: Vec<ModelCard> = catalog.list().iter().filter_map(card).collect();
        let routes = self.inner().routes.book();
        let is_listed = |name: &String| cards.iter().any(|it| it.id == *name || it.aliases.contains(name));
        let unlisted = routes.for_team(principal.team).filter(|it| !is_listed(&it.alias));
        let of_routes: Vec<_> = unlisted.filter_map(|it| self.card_of_route(&book, principal, it)).collect();
        cards.extend(of_routes);
        Ok(cards)
    }

    /// The card of the route with this name, if there is one that the principal may take.
    pub(crate) async fn route_card(
        &self,
        principal: &Principal,
        name: &str,
    ) -> Result<Option<ModelCard>, ChatError> {
        let book = self.inner().policies.book().await?;
        let routes = self.inner().routes.book();
        let Some(route) = routes.lookup(principal.team, name) else { return Ok(None) };
        Ok(self.card_of_route(&book, principal, route))
    }

    /// A route is told of as the first model behind it that may be called, as it is called there.
    fn card_of_route(&self, book: &Book, principal: &Principal, route: &Route) -> Option<ModelCard> {
        let (catalog, reader) = (&self.inner().catalog, reader(book, principal));
        let mut targets = route.groups.iter().flat_map(|group| &group.targets);
        let ((region, model), bounds) = targets.find_map(|target| {
            // It may be none of the first region's models.
            let own = target.region.clone().or_else(|| profile_region(&target.model));
            let named = catalog.resolve(Some(&target.model));
            let named = named
                .or_else(|| self.first_of(&target.model, own.as_ref(), &Bounds::default()).map(|it| it.1))?;
            let bounds = self.bounds_of(book, principal, &route.alias, &named);
            let bounds = bounds.and(&route.options.residency);
            let found = self.first_of(&target.model, own.as_ref(), &bounds)?;
            access::may_call(reader, &route.alias, &found.1).then_some((found, bounds))
        })?;
        let card = self.card(&route.alias, &[], (&region, &model), self.today());
        Some(within(ModelCard { name: None, owned_by: "outcrop".to_owned(), ..card }, &bounds))
    }

    /// The first region in which a model can be called within the bounds, and the model as it is called there.
    fn first_of(&self, name: &str, own: Option<&Region>, bounds: &Bounds) -> Option<(String, ResolvedModel)> {
        let regions = own.map_or_else(|| self.inner().places.regions(), std::slice::from_ref);
        regions.iter().find_map(|region| {
            let model = self.inner().catalog.resolve_at(name, Modality::Text, region, bounds)?;
            bounds.hold(&model.reach(region)).then(|| (region.to_string(), model))
        })
    }

    /// Where calls of a model by this name must stay, whatever its route says.
    fn bounds_of(&self, book: &Book, principal: &Principal, asked: &str, model: &ResolvedModel) -> Bounds {
        let routes = self.inner().routes.book();
        book.bounds(principal, Named { asked, model }).and(&routes.defaults().residency)
    }

    /// The card of a model that was asked for by this name.
    pub(crate) async fn card_of(
        &self,
        principal: &Principal,
        AskedModel { asked, model, plan }: &AskedModel,
    ) -> Result<ModelCard, ChatError> {
        let book = self.inner().policies.book().await?;
        let names = access::names(reader(&book, principal), &model.info, &*self.inner().catalog);
        // Some names, such as profiles of other geographies, are found and not listed.
        let (id, aliases) = names.split_first().map_or((asked.as_str(), &[][..]), |(id, rest)| (*id, rest));
        let region = plan.candidates().first().map_or(self.home(), |it| it.place.region.as_str());
        Ok(self.card(id, aliases, (region, model), self.today()))
    }

    fn card(
        &self,
        id: &str,
        aliases: &[&str],
        (region, model): (&str, &ResolvedModel),
        today: NaiveDate,
    ) -> ModelCard {
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
            region: region.to_owned(),
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

/// A card without the profiles that lead out of the bounds.
fn within(mut card: ModelCard, bounds: &Bounds) -> ModelCard {
    if let Ok(region) = card.region.parse::<Region>() {
        let stays = |name: &String| {
            Geography::parse(name).is_some_and(|it| bounds.hold(&Reach::Geography(it, region.clone())))
        };
        card.profiles.retain(|name| bounds.is_empty() || stays(name));
    }
    card
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

/// The word for it.
pub(crate) const fn modality(modality: Modality) -> &'static str {
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
