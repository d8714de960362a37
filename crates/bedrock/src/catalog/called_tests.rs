//! Which id a region calls a model by, within which bounds.

use outcrop_types::{Area, Residency};

use super::*;
use crate::CatalogOptions;

const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";
const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "amazon.nova-lite-v1:0";

const OPTIONS: CatalogOptions<'static> = CatalogOptions {
    overrides: None,
    prices: None,
    default_model: "nova-lite",
    default_embedding: None,
    compatibility_names: true,
    region: "us-east-1",
    cross_region: None,
    allow_arns: true,
};

fn bounds(areas: &[&str]) -> Bounds {
    let areas: Vec<Area> = areas.iter().map(|it| it.parse().unwrap()).collect();
    Bounds::default().and(&Residency::try_from(areas).unwrap())
}

fn called(options: &CatalogOptions<'_>, asked: &str, region: &str, within: &[&str]) -> Option<String> {
    let catalog = Catalog::load(options).unwrap();
    let model = catalog.called_at(asked, Modality::Text, &region.parse().unwrap(), &bounds(within))?;
    Some(model.bedrock_id)
}

#[track_caller]
fn check(asked: &str, region: &str, within: &[&str], expected: Option<&str>) {
    let called = called(&OPTIONS, asked, region, within);
    assert_eq!(called.as_deref(), expected, "{asked} in {region} within {within:?}");
}

fn by(geography: &str, base: &str) -> String {
    format!("{geography}.{base}")
}

#[test]
fn a_name_leaves_the_region_no_further_than_it_must() {
    check("nova-lite", "us-east-1", &[], Some(NOVA));
    check("nova-lite", "eu-central-1", &[], Some(NOVA));
    check("claude-haiku-4-5", "us-west-2", &[], Some(&by("us", HAIKU)));
    check("claude-haiku-4-5", "eu-central-1", &[], Some(&by("eu", HAIKU)));
    check("claude-haiku-4-5", "ap-northeast-1", &[], Some(&by("jp", HAIKU)));
    check("claude-haiku-4-5", "ap-northeast-2", &[], Some(&by("apac", HAIKU)));
    check("claude-haiku-4-5", "ap-southeast-6", &[], Some(&by("au", HAIKU)));
    check("claude-sonnet-4-5", "ap-southeast-1", &[], Some(&by("global", SONNET)));
    check("claude-haiku-4-5", "ca-central-1", &[], Some(&by("us", HAIKU)));
    check("claude-haiku-4-5", "sa-east-1", &[], Some(&by("global", HAIKU)));
    check(HAIKU, "eu-central-1", &[], Some(&by("eu", HAIKU)));
    check(NOVA, "eu-central-1", &[], Some(NOVA));
    check("llama4-scout", "eu-central-1", &[], None);
    check("gpt-4o", "eu-central-1", &[], Some(NOVA));
    check("default", "eu-central-1", &[], Some(NOVA));
    check("nonesuch", "eu-central-1", &[], None);
}

#[test]
fn the_way_stays_within_the_bounds() {
    check("claude-haiku-4-5", "eu-central-1", &["eu"], Some(&by("eu", HAIKU)));
    check("claude-haiku-4-5", "eu-central-1", &["us"], None);
    check("claude-haiku-4-5", "eu-central-1", &["eu-central-1"], None);
    check("nova-lite", "eu-central-1", &["eu-central-1"], Some(NOVA));
    check("nova-lite", "us-east-1", &["eu"], None);
    check("claude-haiku-4-5", "ap-northeast-1", &["apac"], Some(&by("jp", HAIKU)));
    check("claude-haiku-4-5", "ap-northeast-2", &["jp"], None);
    check("claude-sonnet-4-5", "ap-southeast-1", &["apac"], None);
    check("claude-haiku-4-5", "ca-central-1", &["us"], None);
    check("claude-haiku-4-5", "ca-central-1", &["us", "ca"], Some(&by("us", HAIKU)));
}

#[test]
fn what_says_more_than_the_model_is_taken_as_it_is() {
    let eu = by("eu", HAIKU);
    check(&eu, "eu-west-1", &["us"], Some(&eu));
    check(&eu, "us-east-1", &[], None);
    check(&by("global", HAIKU), "us-east-1", &["us"], Some(&by("global", HAIKU)));
    check(&by("us", HAIKU), "ca-central-1", &[], Some(&by("us", HAIKU)));
    check(&by("us", HAIKU), "sa-east-1", &[], Some(&by("us", HAIKU)));
    let arn = format!("arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}");
    check(&arn, "eu-west-1", &[], Some(&arn));
    check(&arn, "us-east-1", &[], None);
    let own = "arn:aws:bedrock:eu-west-1:111122223333:application-inference-profile/a1b2c3d4e5f6";
    check(own, "eu-west-1", &[], Some(own));
    check(own, "us-east-1", &[], None);
}

#[test]
fn an_operators_choice_of_an_id_is_called_where_it_can_be() {
    let overrides = r#"
        [[model]]
        id = "team-blue"
        bedrock_id = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6"

        [[model]]
        id = "far"
        bedrock_id = "mars.amazon.nova-lite-v1:0"

        [[model]]
        id = "fast"
        bedrock_id = "us.vendor.fast-v1:0"
    "#;
    let options = CatalogOptions { overrides: Some(overrides), ..OPTIONS };
    let called = |asked, region| called(&options, asked, region, &[]);
    assert!(called("team-blue", "us-east-1").unwrap().starts_with("arn:"));
    assert_eq!(called("team-blue", "us-west-2"), None);
    assert_eq!(called("fast", "us-west-2").as_deref(), Some("us.vendor.fast-v1:0"));
    assert_eq!(called("fast", "eu-west-1"), None);
    let catalog = Catalog::load(&options).unwrap();
    let far = catalog.called_at("far", Modality::Text, &"us-east-1".parse().unwrap(), &bounds(&[])).unwrap();
    assert_eq!(far.bedrock_id, "mars.amazon.nova-lite-v1:0");
    assert_eq!(
        far.reach(&"us-east-1".parse().unwrap()),
        outcrop_types::Reach::Anywhere,
        "nobody knows where"
    );
}

#[test]
fn cross_region_prefers_the_profile_of_each_region() {
    let options = CatalogOptions { cross_region: Some("us"), ..OPTIONS };
    let called = |region, within: &[&str]| called(&options, "nova-lite", region, within);
    assert_eq!(called("us-west-2", &[]), Some(by("us", NOVA)));
    assert_eq!(called("eu-west-1", &[]), Some(by("eu", NOVA)));
    assert_eq!(called("eu-west-1", &["eu-west-1"]).as_deref(), Some(NOVA), "the bound is stronger");
    assert_eq!(called("sa-east-1", &[]).as_deref(), Some(NOVA));
}
