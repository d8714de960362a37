//! What a call costs at most: what it reserves of budgets.

use outcrop_ports::Family;
use outcrop_types::{Money, Price, TokenUsage};

/// What a request has the model's prompt cache keep of it, which costs more than merely to read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// Nothing that it asks for.
    #[default]
    Nothing,
    /// Something, for five minutes.
    FiveMinutes,
    /// Something, for an hour.
    Hour,
}

impl Kept {
    /// The same with what a model keeps unasked. Claude and Nova keep, at a price, what they are told to; of the others
    /// nobody says so, and those whose price list states what keeping costs are taken at that.
    pub(super) fn by(self, family: Family, price: &Price) -> Self {
        let told = matches!(family, Family::Claude | Family::Nova);
        if !told && price.tokens.cache_write_5m.is_some() { self.max(Self::FiveMinutes) } else { self }
    }
}

/// The most that so much usage costs: the whole input at the dearest rate that may apply, and beside the rates of its
/// length those of a longer request, where the estimate may be as much too small. `None` without a price.
pub(super) fn dearest(price: &Price, usage: &TokenUsage, kept: Kept) -> Option<Money> {
    let own = dearest_at(price, usage, kept)?;
    let near = price.bands.iter().filter(|band| is_just_below(usage.input, band.above_tokens));
    let near = near.filter_map(|band| {
        let price = Price { tokens: band.rates, bands: Vec::new(), ..price.clone() };
        dearest_at(&price, usage, kept)
    });
    Some(near.fold(own, Money::max))
}

fn dearest_at(price: &Price, usage: &TokenUsage, kept: Kept) -> Option<Money> {
    let (input, rest) = (usage.input, TokenUsage { input: 0, ..*usage });
    let mut most = price.cost(usage)?.usd;
    if kept >= Kept::FiveMinutes {
        most = most.max(price.cost(&TokenUsage { cache_write_5m: input, ..rest })?.usd);
    }
    if kept >= Kept::Hour {
        most = most.max(price.cost(&TokenUsage { cache_write_1h: input, ..rest })?.usd);
    }
    Some(most)
}

/// Whether an estimate is up to a quarter below an edge.
const fn is_just_below(tokens: u64, edge: u64) -> bool {
    tokens <= edge && tokens >= edge - edge / 4
}

#[cfg(test)]
mod tests {
    use outcrop_types::{Band, Rate, TokenRates};

    use super::*;

    fn rate(dollars: &str) -> Option<Rate> {
        Some(Rate::parse(dollars, 1_000_000).unwrap())
    }

    /// 1 USD for a million tokens read, 5 for as many written, and twice that above a hundred thousand.
    fn price(cache_write_5m: Option<Rate>) -> Price {
        let tokens =
            TokenRates { input: rate("1"), output: rate("5"), cache_write_5m, ..TokenRates::default() };
        let rates = TokenRates { input: rate("2"), output: rate("10"), ..TokenRates::default() };
        let bands = vec![Band { above_tokens: 100_000, rates }];
        Price { row: "m".into(), tokens, bands, images: None, queries: None }
    }

    #[test]
    fn the_whole_input_is_reserved_at_the_dearest_rate_that_may_apply() {
        let cases = [
            (10_000, Kept::Nothing, 10_000_000),
            (10_000, Kept::FiveMinutes, 12_500_000),
            (10_000, Kept::Hour, 20_000_000),
            (74_999, Kept::Nothing, 74_999_000),
            (75_000, Kept::Nothing, 150_000_000),
            (100_000, Kept::Nothing, 200_000_000),
            (100_000, Kept::Hour, 400_000_000),
            (100_001, Kept::Nothing, 200_002_000),
        ];
        for (input, kept, nano_usd) in cases {
            let usage = TokenUsage { input, ..TokenUsage::default() };
            let most = dearest(&price(None), &usage, kept);
            assert_eq!(most, Some(Money::from_nano_usd(nano_usd)), "{input} {kept:?}");
        }
        let usage = TokenUsage { input: 10_000, output: 1_000, ..TokenUsage::default() };
        let most = dearest(&price(None), &usage, Kept::Hour);
        assert_eq!(most, Some(Money::from_nano_usd(25_000_000)), "what is written is not kept");
        let unpriced = Price { tokens: TokenRates::default(), ..price(None) };
        assert_eq!(dearest(&unpriced, &usage, Kept::Nothing), None);
    }

    #[test]
    fn no_way_to_keep_the_input_costs_more_than_is_reserved() {
        let price = price(rate("1.25"));
        for kept in [Kept::Nothing, Kept::FiveMinutes, Kept::Hour] {
            let input = 80_000;
            let usage = TokenUsage { input, output: 500, ..TokenUsage::default() };
            let most = dearest(&price, &usage, kept);
            for part in [0, 1, 40_000, 80_000] {
                let rest = TokenUsage { input: input - part, ..usage };
                let ended = match kept {
                    Kept::Nothing => TokenUsage { cache_read: part, ..rest },
                    Kept::FiveMinutes => TokenUsage { cache_write_5m: part, ..rest },
                    Kept::Hour => TokenUsage { cache_write_1h: part, ..rest },
                };
                assert!(price.cost(&ended).map(|it| it.usd) <= most, "{kept:?} {part}");
            }
        }
    }

    #[test]
    fn what_a_model_keeps_unasked_is_known_by_its_price() {
        let (stated, not_stated) = (price(rate("1.25")), price(None));
        assert_eq!(Kept::Nothing.by(Family::Gpt, &stated), Kept::FiveMinutes);
        assert_eq!(Kept::Nothing.by(Family::Gpt, &not_stated), Kept::Nothing);
        assert_eq!(Kept::Nothing.by(Family::Claude, &stated), Kept::Nothing);
        assert_eq!(Kept::Hour.by(Family::Gpt, &stated), Kept::Hour);
    }
}
