//! What a call costs, by the price list of the day on which it was made.

use std::sync::Arc;

use chrono::NaiveDate;
use outcrop_ports::{ModelCatalog, ResolvedModel};
use outcrop_types::{Cost, Money, Price, PriceTier, TokenUsage, Used};

/// The price of a call. Looked up before the call is made: whoever writes its record waits for nothing.
pub(super) struct Pricing {
    catalog: Arc<dyn ModelCatalog>,
    model: ResolvedModel,
    day: NaiveDate,
    tier: PriceTier,
    price: Option<Price>,
}

impl Pricing {
    pub(super) fn new(
        catalog: Arc<dyn ModelCatalog>,
        model: ResolvedModel,
        tier: PriceTier,
        day: NaiveDate,
    ) -> Self {
        let price = catalog.price(&model, tier, day);
        Self { catalog, model, day, tier, price }
    }

    /// What so much usage costs in a tier: the one that was asked for, mostly. `None` where the list states no price.
    pub(super) fn cost(&self, tier: PriceTier, usage: &TokenUsage) -> Option<Cost> {
        if tier == self.tier {
            return self.price.as_ref()?.cost(usage);
        }
        self.catalog.price(&self.model, tier, self.day)?.cost(usage)
    }

    /// The same as what whoever asked hears of it, `cost` being what it costs.
    pub(super) fn used(&self, tier: PriceTier, tokens: &TokenUsage, cost: Option<&Cost>) -> Used {
        let Some(cost) = cost else {
            let unpriced = u64::from(!tokens.is_nothing());
            return Used { tokens: *tokens, unpriced, ..Used::default() };
        };
        let saved = match tier {
            PriceTier::Flex | PriceTier::Batch => self
                .cost(PriceTier::Standard, tokens)
                .map_or(Money::ZERO, |on_demand| on_demand.usd.saturating_sub(cost.usd)),
            PriceTier::Standard | PriceTier::Priority => Money::ZERO,
        };
        Used { tokens: *tokens, cost: cost.usd, saved, unpriced: 0 }
    }
}
