use std::fmt::Write;

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
    let price = list.find(model, geography, tier, day("2026-11-21")).unwrap();
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
    let unknown = list.find("amazon.nova-pro-v1:0", Some("apac"), PriceTier::Standard, day("2026-11-21"));
    assert_eq!(unknown, None, "what the list does not state is not guessed");
    assert_eq!(list.find("nobody.nothing", None, PriceTier::Standard, day("2026-11-21")), None);
}

#[test]
fn long_requests_have_rates_of_their_own() {
    let list = PriceList::load(None).unwrap();
    let price = list.find("openai.gpt-6-sol", Some("us"), PriceTier::Standard, day("2026-11-21")).unwrap();
    let [band] = price.bands[..] else { panic!("one band") };
    assert_eq!(band.above_tokens, 272_000);
    assert_eq!(band.rates.input.unwrap().dollars(1_000_000), "4.4");
    assert_eq!(band.rates.cache_read, price.tokens.cache_read, "what it does not state stays");
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
    let on = |date: &str| list.find(HAIKU, None, PriceTier::Standard, day(date)).unwrap();
    assert_eq!(input_output(&on("2027-01-01")), ("0.5".into(), "-".into()));
    assert_eq!(on("2027-01-01").row, format!("{HAIKU}/region/2027-01-01"));
    assert_eq!(input_output(&on("2026-12-31")), ("1".into(), "5".into()));
    assert_eq!(input_output(&on("2020-01-01")), ("1".into(), "5".into()), "the oldest stands for before");
    check(&list, "amazon.nova-micro-v1:0", None, PriceTier::Standard, ("7", "-"));
    check(&list, "house.model", None, PriceTier::Flex, ("1.75", "-"));
    assert_eq!(list.rows["amazon.nova-micro-v1:0"].len(), 1, "replaced, not added");
}

#[test]
fn mistakes_are_told() {
    let mut told = String::new();
    for row in [
        "valid_from = \"soon\"",
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
    the price of `x`: `input` is `cheap`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price of `x`: `geo` is `-1`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price of `x`: `per_image` is `0.0000000001`, which is no decimal number such as `0.0875` with at most 9 digits after the point
    the price list does not parse
    ");
}
