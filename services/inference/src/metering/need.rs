//! What a request is about to take of limits.

use outcrop_chat::{Request, ServiceTier};
use outcrop_ports::ModelInfo;
use outcrop_types::{PriceTier, TokenUsage};
use outcrop_wire::bedrock::invoke::most_output_of;

use super::kept::kept;
use super::reserve::reserve_input;
use crate::InferenceService;
use crate::admission::{Need, Output};
use crate::chat::AskedModel;
use crate::prepare::may_keep;
use crate::tags::Tags;

/// What a model writes at most of which nobody knows it, tokens: the usual bound of an answer without one.
const UNKNOWN_OUTPUT: u32 = 4096;

impl InferenceService {
    /// What so many calls with this request take; `max_tokens` is the dialect's name of that field.
    pub(crate) fn chat_need(
        &self,
        request: &Request,
        calls: usize,
        max_tokens: &'static str,
        model: &AskedModel,
        tags: &Tags,
    ) -> Need {
        // Whoever names another number in the model's own words is taken at the greater one.
        let most = most_output_of(&request.additional);
        let asked = most.total(request.inference.max_tokens);
        let info = &model.model.info;
        let input = reserve_input(request, info);
        // Cache points are put when the request is prepared, which is after this.
        let own = request.cache_points().next().is_some();
        let placed = may_keep(&request.caching, own, self.prompt_cache_rule(model), info, input);
        Need {
            calls,
            input,
            kept: kept(request).max(placed),
            output: Output::Tokens { asked, field: Some(max_tokens) },
            answers: most.answers,
            tier: price_tier(request.service_tier),
            tags: self.inner().metering.tags.of(tags, &request.metadata),
            ..Need::default()
        }
    }
}

/// The tier of the price list. What is reserved is paid for whether it is used or not, and counts as the usual one.
pub(crate) const fn price_tier(tier: Option<ServiceTier>) -> PriceTier {
    match tier {
        None | Some(ServiceTier::Default | ServiceTier::Reserved) => PriceTier::Standard,
        Some(ServiceTier::Priority) => PriceTier::Priority,
        Some(ServiceTier::Flex) => PriceTier::Flex,
    }
}

/// The most that one call of a request uses: all that it reads, none of it from a cache, and as much output as it may
/// write.
pub(crate) fn most(need: &Need, max_output: Option<u32>, model: &ModelInfo) -> TokenUsage {
    let output = match need.output {
        Output::None => 0,
        Output::Tokens { asked, .. } => {
            let models = model.max_output_tokens.or(model.context_window);
            let each = need.usual_output.or(models).unwrap_or(UNKNOWN_OUTPUT);
            max_output.or(asked).unwrap_or_else(|| each.saturating_mul(need.answers.max(1)))
        }
    };
    TokenUsage {
        input: need.input,
        output: output.into(),
        images: need.images,
        queries: need.queries,
        ..TokenUsage::default()
    }
}
