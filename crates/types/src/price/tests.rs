use proptest::prelude::*;

use super::*;

#[test]
fn amounts_are_exact() {
    let rate = Rate::parse("0.00875", 1_000_000).unwrap();
    assert_eq!(rate.nano_usd_per_million(), 8_750_000);
    assert_eq!(rate.dollars(1_000_000), "0.00875");
    assert_eq!(rate.dollars(1), "0.00000000875");
    let tenth_more: Factor = "1.1".parse().unwrap();
    assert_eq!(Rate::parse("0.125", 1_000_000).unwrap().times(tenth_more).dollars(1_000_000), "0.1375");
    let flex = tenth_more.times("0.5".parse().unwrap());
    assert_eq!(Rate::parse("4", 1_000_000).unwrap().times(flex).dollars(1_000_000), "2.2");
    assert_eq!(Rate::parse("2.00", 1_000).unwrap().dollars(1), "0.002");
    assert_eq!(Rate::parse("0.04", 1).unwrap().dollars(1), "0.04");
    assert_eq!(Rate::parse("0", 1).unwrap().dollars(1), "0");
}

#[test]
fn what_is_no_amount_is_refused() {
    for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "0.0000000001", "1.2.3", "NaN"] {
        assert_eq!(Rate::parse(text, 1_000_000), Err(MalformedAmount), "{text:?}");
    }
    assert_eq!(Rate::parse("18446744073709551616", 1), Err(MalformedAmount));
    assert_eq!(Rate::parse("18446744073", 1), Err(MalformedAmount), "out of range once it is for a million");
    assert_eq!(Rate::parse("1", 0), Err(MalformedAmount));
}

fn rates(input: u64, output: u64, cache: [Option<u64>; 3]) -> TokenRates {
    let [cache_read, cache_write_5m, cache_write_1h] = cache.map(|it| it.map(Rate));
    let (input, output) = (Some(Rate(input)), Some(Rate(output)));
    TokenRates { input, output, cache_read, cache_write_5m, cache_write_1h }
}

fn price(tokens: TokenRates) -> Price {
    let (images, queries) = (Some(Rate(40_000_000)), Some(Rate(2_000_000)));
    Price { row: "m/region/2026-11-20".to_owned(), tokens, bands: Vec::new(), images, queries }
}

fn nano(price: &Price, usage: TokenUsage) -> u64 {
    price.cost(&usage).unwrap().usd.nano_usd()
}

#[test]
fn a_cost_is_rounded_up_to_a_billionth_once() {
    // A third of a nano-dollar for a token, in four buckets: four thirds are two, not four.
    let price = price(rates(333_333, 333_333, [Some(333_333); 3]));
    let one = TokenUsage { input: 1, cache_read: 1, cache_write_5m: 1, output: 1, ..TokenUsage::default() };
    assert_eq!(nano(&price, one), 2);
    assert_eq!(nano(&price, TokenUsage { input: 1, ..TokenUsage::default() }), 1);
    assert_eq!(nano(&price, TokenUsage { input: 3_000_000, ..TokenUsage::default() }), 999_999);
    assert_eq!(nano(&price, TokenUsage::default()), 0);
}

#[test]
fn cached_tokens_without_a_price_cost_the_most_they_can() {
    let million = 1_000_000;
    let used = [
        TokenUsage { cache_read: million, ..TokenUsage::default() },
        TokenUsage { cache_write_5m: million, ..TokenUsage::default() },
        TokenUsage { cache_write_1h: million, ..TokenUsage::default() },
    ];
    let of = |cache: [Option<u64>; 3]| used.map(|usage| nano(&price(rates(400, 900, cache)), usage));
    assert_eq!(of([None, None, None]), [400, 500, 800]);
    assert_eq!(of([Some(40), Some(410), Some(420)]), [40, 410, 420], "a price that is stated counts");
    assert_eq!(of([None, Some(900), None]), [400, 900, 900], "an hour costs no less than five minutes");
}

#[test]
fn what_has_no_price_at_all_has_no_cost() {
    let unknown = Price {
        row: String::new(),
        tokens: TokenRates::default(),
        bands: Vec::new(),
        images: None,
        queries: None,
    };
    for used in [
        TokenUsage { input: 1, ..TokenUsage::default() },
        TokenUsage { output: 1, ..TokenUsage::default() },
        TokenUsage { cache_read: 1, ..TokenUsage::default() },
        TokenUsage { cache_write_1h: 1, ..TokenUsage::default() },
        TokenUsage { images: 1, ..TokenUsage::default() },
        TokenUsage { queries: 1, ..TokenUsage::default() },
    ] {
        assert_eq!(unknown.cost(&used), None, "{used:?}");
    }
    assert_eq!(unknown.cost(&TokenUsage::default()).unwrap().usd, Money::ZERO);
}

#[test]
fn the_cache_saves_what_fresh_input_would_have_cost_beyond_it() {
    let price = price(rates(1_000, 5_000, [Some(100), Some(1_250), Some(2_000)]));
    let saved = |cache_read, cache_write_5m, cache_write_1h| {
        let usage = TokenUsage { cache_read, cache_write_5m, cache_write_1h, ..TokenUsage::default() };
        price.cost(&usage).unwrap().saved_nano_usd
    };
    assert_eq!(saved(1_000_000, 0, 0), 900);
    assert_eq!(saved(0, 1_000_000, 0), -250);
    assert_eq!(saved(1_000_000, 1_000_000, 1_000_000), 900 - 250 - 1_000);
}

fn usages() -> impl Strategy<Value = TokenUsage> {
    let counts = [0..3_000_000_u64, 0..3_000_000, 0..3_000_000, 0..3_000_000, 0..3_000_000, 0..50, 0..50];
    counts.prop_map(|[input, cache_read, cache_write_5m, cache_write_1h, output, images, queries]| {
        TokenUsage {
            guardrail_units: 0,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning: output / 2,
            images,
            queries,
        }
    })
}

fn rate() -> impl Strategy<Value = u64> {
    // From the finest there is to a thousand dollars for a million tokens.
    prop_oneof![0..1_000_u64, 0..1_000 * NANO]
}

fn prices() -> impl Strategy<Value = Price> {
    let cache = [proptest::option::of(rate()), proptest::option::of(rate()), proptest::option::of(rate())];
    (rate(), rate(), cache).prop_map(|(input, output, cache)| price(rates(input, output, cache)))
}

proptest! {
    #[test]
    fn more_never_costs_less(price in prices(), one in usages(), more in usages()) {
        let mut both = one;
        both += more;
        prop_assert!(nano(&price, both) >= nano(&price, one));
    }

    #[test]
    fn costs_add_up_but_for_the_rounding(price in prices(), one in usages(), other in usages()) {
        let mut both = one;
        both += other;
        let apart = nano(&price, one) + nano(&price, other);
        let together = nano(&price, both);
        // Each is rounded up by less than one billionth.
        prop_assert!(together <= apart && apart <= together + 1, "{together} {apart}");
    }

    #[test]
    fn a_cost_is_the_exact_sum_rounded_up(
        input in rate(), output in rate(), read in rate(), minutes in rate(), hour in rate(), usage in usages(),
    ) {
        let price = price(rates(input, output, [Some(read), Some(minutes), Some(hour)]));
        let stated = price.tokens;
        let lines = [
            (usage.input, stated.input), (usage.output, stated.output), (usage.cache_read, stated.cache_read),
            (usage.cache_write_5m, stated.cache_write_5m), (usage.cache_write_1h, stated.cache_write_1h),
            (usage.images, price.images), (usage.queries, price.queries),
        ];
        let exact: u128 = lines.iter().map(|(count, rate)| u128::from(*count) * u128::from(rate.unwrap().0)).sum();
        let paid = u128::from(nano(&price, usage)) * 1_000_000;
        prop_assert!(paid >= exact && paid - exact < 1_000_000);
    }

    #[test]
    fn what_was_saved_and_paid_is_what_fresh_input_costs(price in prices(), usage in usages()) {
        let cost = price.cost(&usage).unwrap();
        let fresh = TokenUsage {
            input: usage.total_input(), cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, ..usage
        };
        let without_cache = i128::from(nano(&price, fresh));
        let sum = i128::from(cost.usd.nano_usd()) + i128::from(cost.saved_nano_usd);
        prop_assert!((without_cache - sum).abs() <= 1, "{without_cache} {sum}");
    }

    #[test]
    fn no_amount_is_too_large(price in prices(), count in any::<u64>()) {
        let usage = TokenUsage { input: count, cache_read: count, output: count, ..TokenUsage::default() };
        prop_assert!(price.cost(&usage).is_some());
    }

    #[test]
    fn text_and_number_are_one(whole in 0_u64..10_000, fraction in 0_u64..NANO) {
        let text = format!("{whole}.{fraction:09}");
        let rate = Rate::parse(&text, 1_000_000).unwrap();
        prop_assert_eq!(rate.nano_usd_per_million(), whole * NANO + fraction);
        prop_assert_eq!(Rate::parse(&rate.dollars(1_000_000), 1_000_000), Ok(rate));
        prop_assert_eq!(rate.times(Factor::ONE), rate);
    }
}
