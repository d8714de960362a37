use std::fmt::Write;

use outcrop_types::TokenUsage;

use super::*;

const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Dollars of a million tokens read, and written.
fn input_output(price: &Price) -> (String, String) {
    let text = |rate: Option<Rate>| rate.map_or_else(|| "-".to_owned(), |it| it.dollars(1_000_000));
    (text(price.tokens.input), text(price.tokens.output))
}

#[track_caller]
fn check(list: &PriceList, model: &str, geography: Option<&str>, tier: PriceTier, expected: (&str, &str)) {
    let price = list.find(&[model], geography, tier, day("2026-11-21")).unwrap();
    let (input, output) = input_output(&price);
    assert_eq!((input.as_str(), output.as_str()), expected, "{model} {geography:?} {tier:?}");
}

#[test]
fn a_price_depends_on_profile_and_tier() {
    let list = PriceList::load(None).unwrap();
    check(&list, HAIKU, None, PriceTier::Standard, ("1", "5"));
    check(&list, HAIKU, Some("global"), PriceTier::Standard, ("1", "5"));
    check(&list, HAIKU, Some("us"), PriceTier::Standard, ("1.1", "5.5"));
    check(&list, HAIKU, Some("eu"), PriceTier::Flex, ("0.55", "2.75"));
    check(&list, "amazon.nova-pro-v1:0", Some("us"), PriceTier::Standard, ("0.8", "3.2"));
    check(&list, "amazon.nova-pro-v1:0", Some("eu"), PriceTier::Standard, ("1.05", "4.2"));
    check(&list, "openai.gpt-oss-20b-1:0", None, PriceTier::Batch, ("0.035", "0.15"));
    let unknown = list.find(&["amazon.nova-pro-v1:0"], Some("mars"), PriceTier::Standard, day("2026-11-21"));
    assert_eq!(unknown, None, "what the list does not state is not guessed");
    assert_eq!(list.find(&["nobody.nothing"], None, PriceTier::Standard, day("2026-11-21")), None);
}

#[test]
fn long_requests_have_rates_of_their_own() {
    let list = PriceList::load(None).unwrap();
    let price = list.find(&["openai.gpt-6-sol"], Some("us"), PriceTier::Standard, day("2026-11-21")).unwrap();
    let [band] = price.bands[..] else { panic!("one band") };
    assert_eq!(band.above_tokens, 272_000);
    assert_eq!(band.rates.input.unwrap().dollars(1_000_000), "4.4");
    assert_eq!(band.rates.cache_read.unwrap().dollars(1_000_000), "0.44");
}

#[test]
fn the_day_decides_between_rows() {
    let overrides = format!(
        r#"
        [tiers]
        flex = "0.25"

        [[price]]
        models = ["{HAIKU}"]
        valid_from = "2027-01-01"
        input = "0.5"

        [[price]]
        models = ["amazon.nova-micro-v1:0", "house.model"]
        valid_from = "2026-11-20"
        input = "7"
        per_1k_queries = "3"
        "#
    );
    let list = PriceList::load(Some(&overrides)).unwrap();
    let on = |date: &str| list.find(&[HAIKU], None, PriceTier::Standard, day(date)).unwrap();
    assert_eq!(input_output(&on("2027-01-01")), ("0.5".into(), "-".into()));
    assert_eq!(on("2027-01-01").row, format!("{HAIKU}/region/2027-01-01"));
    assert_eq!(input_output(&on("2026-12-31")), ("1".into(), "5".into()));
    assert_eq!(input_output(&on("2020-01-01")), ("1".into(), "5".into()), "the oldest stands for before");
    check(&list, "amazon.nova-micro-v1:0", None, PriceTier::Standard, ("7", "-"));
    check(&list, "house.model", None, PriceTier::Flex, ("1.75", "-"));
    let ours = PriceList::load(None).unwrap().rows["amazon.nova-micro-v1:0"].len();
    assert_eq!(list.rows["amazon.nova-micro-v1:0"].len(), ours, "replaced, not added");
}

#[test]
fn mistakes_are_told() {
    let mut told = String::new();
    for row in [
        "valid_from = \"soon\"",
        "valid_from = \"2026-02-01\"\nvalid_until = \"2026-01-31\"",
        "valid_from = \"2026-01-01\"\ninput = \"cheap\"",
        "valid_from = \"2026-01-01\"\ngeo = { us = \"-1\" }",
        "valid_from = \"2026-01-01\"\nper_image = \"0.0000000001\"",
        "valid_from = \"2026-01-01\"\ninput = 0.5",
    ] {
        let error = PriceList::load(Some(&format!("[[price]]\nmodels = [\"x\"]\n{row}"))).unwrap_err();
        writeln!(told, "{error}").unwrap();
    }
    insta::assert_snapshot!(told, @r"
    the price of `x`: `valid_from` is `soon`, which is no day (YYYY-MM-DD)
    the price of `x`: `valid_until` is `2026-01-31`, which is before `valid_from`
    the price of `x`: `input` is `cheap`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price of `x`: `geo` is `-1`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price of `x`: `per_image` is `0.0000000001`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price list does not parse
    ");
}

/// What so much usage costs by our own list, in dollars, on the day it was read.
#[track_caller]
fn costs(model: &str, geography: Option<&str>, tier: PriceTier, usage: TokenUsage, expected: &str) {
    let list = PriceList::load(None).unwrap();
    let price = list.find(&[model], geography, tier, day("2026-11-20")).unwrap();
    let cost = price.cost(&usage).unwrap();
    assert_eq!(cost.usd.to_string(), expected, "{model} {geography:?} {tier:?} {usage:?}");
    assert_eq!(cost.price, price.row);
}

/// Each figure is worked out by hand from the price pages; the sum stands beside it.
#[test]
fn cached_tokens_cost_what_the_price_pages_say() {
    let usage = TokenUsage {
        input: 1_000,
        cache_read: 200_000,
        cache_write_5m: 10_000,
        cache_write_1h: 4_000,
        output: 500,
        reasoning: 300,
        ..TokenUsage::default()
    };
    // 1,000 x 2 + 200,000 x 0.10 + 10,000 x 2.50 + 4,000 x 4 + 500 x 10 = 68,000 of a millionth.
    costs("anthropic.claude-sonnet-5-5", Some("global"), PriceTier::Standard, usage, "0.068");
    // A tenth more by a profile of the EU: 0.0748.
    costs("anthropic.claude-sonnet-5-5", Some("eu"), PriceTier::Standard, usage, "0.0748");
    // 1,000 x 4 + 200,000 x 0.20 + 10,000 x 5 + 4,000 x 8 + 500 x 20 = 136,000.
    costs("anthropic.claude-opus-5-5", None, PriceTier::Standard, usage, "0.136");
    // An hour costs 1.6 times what five minutes do: 10,000 x 8 is not 10,000 x 5.
    let hour = TokenUsage { cache_write_1h: 10_000, ..TokenUsage::default() };
    costs("anthropic.claude-opus-5-5", None, PriceTier::Standard, hour, "0.08");
    let minutes = TokenUsage { cache_write_5m: 10_000, ..TokenUsage::default() };
    costs("anthropic.claude-opus-5-5", None, PriceTier::Standard, minutes, "0.05");
    // Nova's reads have a price, a quarter of 0.80; 30,000 x 0.20.
    let read = TokenUsage { cache_read: 30_000, ..TokenUsage::default() };
    costs("amazon.nova-pro-v1:0", Some("us"), PriceTier::Standard, read, "0.006");
    // Its writes have none: at most 1.25 times 0.80, so 30,000 x 1.
    let written = TokenUsage { cache_write_5m: 30_000, ..TokenUsage::default() };
    costs("amazon.nova-pro-v1:0", None, PriceTier::Standard, written, "0.03");
}

#[test]
fn long_requests_cost_more_from_the_first_token_on() {
    let with = |input, cache_read| TokenUsage { input, cache_read, output: 1_000, ..TokenUsage::default() };
    // 100,000 x 0.10 + 1,000 x 0.50 = 10,500; one token more, and all of it is five times as much: 100,001 x 0.50 + 2,500.
    costs("anthropic.claude-haiku-5-5", None, PriceTier::Standard, with(100_000, 0), "0.0105");
    costs("anthropic.claude-haiku-5-5", None, PriceTier::Standard, with(100_001, 0), "0.0525005");
    // What was read from the cache makes a request long too: 60,000 x 0.50 + 60,000 x 0.05 + 1,000 x 2.50 = 35,500.
    costs("anthropic.claude-haiku-5-5", None, PriceTier::Standard, with(60_000, 60_000), "0.0355");
    // 300,000 x 4 + 1,000 x 15 = 1,215,000; a tenth more in the US: 1.3365.
    costs("openai.gpt-6-sol", None, PriceTier::Standard, with(300_000, 0), "1.215");
    costs("openai.gpt-6-sol", Some("us"), PriceTier::Standard, with(300_000, 0), "1.3365");
    // 150,000 x 6 + 150,000 x 0.60 + 1,000 x 22.50 = 1,012,500.
    costs(
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        None,
        PriceTier::Standard,
        with(150_000, 150_000),
        "1.0125",
    );
}

#[test]
fn tiers_and_profiles_have_their_factors() {
    let usage = TokenUsage { input: 10_000, output: 2_000, ..TokenUsage::default() };
    // 10,000 x 0.15 + 2,000 x 0.60 = 2,700.
    for (tier, expected) in [
        (PriceTier::Standard, "0.0027"),
        (PriceTier::Priority, "0.004725"),
        (PriceTier::Flex, "0.00135"),
        (PriceTier::Batch, "0.00135"),
    ] {
        costs("openai.gpt-oss-120b-1:0", None, tier, usage, expected);
    }
    // 10,000 x 1.10 + 2,000 x 5.50 = 22,000, and half of it.
    costs("anthropic.claude-haiku-4-5-20251001-v1:0", Some("eu"), PriceTier::Batch, usage, "0.011");
    // 10,000 x 1.05 + 2,000 x 4.20 = 18,900, as the page has it for the EU.
    costs("amazon.nova-pro-v1:0", Some("eu"), PriceTier::Standard, usage, "0.0189");
    // In a region of its own 3.30 and 16.50, by the global profile 3 and 15.
    costs("moonshotai.kimi-k3", None, PriceTier::Standard, usage, "0.066");
    costs("moonshotai.kimi-k3", Some("global"), PriceTier::Standard, usage, "0.06");
}

#[test]
fn pictures_and_queries_are_sold_by_the_piece() {
    let images = |images| TokenUsage { images, ..TokenUsage::default() };
    costs("stability.stable-image-ultra-v1:1", None, PriceTier::Standard, images(3), "0.42");
    costs("stability.stable-image-core-v1:1", None, PriceTier::Standard, images(1), "0.04");
    let queries = TokenUsage { queries: 7, ..TokenUsage::default() };
    costs("cohere.rerank-v3-5:0", None, PriceTier::Standard, queries, "0.014");
    // 1,000 x 0.135 of a millionth + 2 x 0.00006.
    let both = TokenUsage { input: 1_000, images: 2, ..TokenUsage::default() };
    costs("amazon.nova-2-multimodal-embeddings-v1:0", None, PriceTier::Standard, both, "0.000255");
}

#[test]
fn a_price_ends_where_its_row_says_so() {
    let overrides = r#"
        [[price]]
        models = ["house.model"]
        valid_from = "2027-01-01"
        input = "4"

        [[price]]
        models = ["house.model"]
        valid_from = "2027-03-01"
        valid_until = "2027-03-31"
        input = "2"

        [[price]]
        models = ["house.trial"]
        valid_from = "2027-01-01"
        valid_until = "2027-01-31"
        input = "0"
        "#;
    let list = PriceList::load(Some(overrides)).unwrap();
    let input = |model: &str, date: &str| {
        let price = list.find(&[model], None, PriceTier::Standard, day(date))?;
        price.tokens.input.map(|it| it.dollars(1_000_000))
    };
    for (date, expected) in [
        ("2026-12-31", "4"),
        ("2027-02-28", "4"),
        ("2027-03-01", "2"),
        ("2027-03-31", "2"),
        ("2027-04-01", "4"),
    ] {
        assert_eq!(input("house.model", date).as_deref(), Some(expected), "{date}");
    }
    assert_eq!(input("house.trial", "2027-01-31").as_deref(), Some("0"));
    assert_eq!(input("house.trial", "2027-02-01"), None, "what has ended has no price");
}

#[test]
fn what_has_not_begun_takes_the_place_of_nothing() {
    let overrides = format!(
        r#"
        [[price]]
        models = ["{HAIKU}"]
        scope = ["us"]
        valid_from = "2030-01-01"
        input = "0.3"

        [[price]]
        models = ["claude-haiku-4-5"]
        valid_from = "2027-01-01"
        input = "0.7"
        "#
    );
    let list = PriceList::load(Some(&overrides)).unwrap();
    let input = |names: &[&str], geography, date: &str| {
        let price = list.find(names, geography, PriceTier::Standard, day(date)).unwrap();
        price.tokens.input.unwrap().dollars(1_000_000)
    };
    let names = ["claude-haiku-4-5", HAIKU];
    assert_eq!(input(&[HAIKU], Some("us"), "2026-11-21"), "1.1", "the row for all that is in force");
    assert_eq!(input(&[HAIKU], Some("us"), "2030-01-01"), "0.3");
    assert_eq!(input(&names, None, "2026-11-21"), "1");
    assert_eq!(input(&names, None, "2027-01-01"), "0.7");
    assert_eq!(input(&names, Some("us"), "2020-01-01"), "1.1", "before all of them, the oldest");
}

#[test]
fn a_band_of_other_input_says_itself_what_cached_tokens_cost_there() {
    let overrides = r#"
        [[price]]
        models = ["house.model"]
        valid_from = "2027-01-01"
        input = "1"
        output = "5"
        cache_read = "0.10"
        [[price.above]]
        tokens = 1000
        input = "2"
        "#;
    let list = PriceList::load(Some(overrides)).unwrap();
    let price = list.find(&["house.model"], None, PriceTier::Standard, day("2027-01-01")).unwrap();
    let cost = |cache_read| {
        let usage = TokenUsage { cache_read, ..TokenUsage::default() };
        price.cost(&usage).unwrap().usd.to_string()
    };
    assert_eq!((cost(1_000).as_str(), cost(10_000).as_str()), ("0.0001", "0.02"));
}

#[test]
fn every_row_of_ours_says_where_it_is_from_and_when_it_was_read() {
    let file: toml::Table = include_str!("../../prices.toml").parse().unwrap();
    for row in file["price"].as_array().unwrap() {
        let source = row.get("source").and_then(toml::Value::as_str).unwrap_or_default();
        let (_, read) = source.split_once(", read ").unwrap_or_else(|| panic!("no source and day in {row}"));
        let read: NaiveDate = read.parse().unwrap();
        assert!(row["valid_from"].as_str().unwrap().parse::<NaiveDate>().unwrap() <= read, "{row}");
    }
}

#[test]
fn a_cached_token_never_costs_more_than_we_assume_where_no_price_is_stated() {
    let list = PriceList::load(None).unwrap();
    let parts = |rate: Option<Rate>| rate.map(|it| u128::from(it.nano_usd_per_million()));
    for row in list.rows.values().flatten() {
        let bands = row.bands.iter().map(|band| band.rates);
        for rates in std::iter::once(row.tokens).chain(bands) {
            let Some(input) = parts(rates.input) else { continue };
            assert!(parts(rates.cache_read).is_none_or(|it| it <= input), "{row:?}");
            assert!(parts(rates.cache_write_5m).is_none_or(|it| it * 4 <= input * 5), "{row:?}");
            assert!(parts(rates.cache_write_1h).is_none_or(|it| it <= input * 2), "{row:?}");
        }
    }
}
