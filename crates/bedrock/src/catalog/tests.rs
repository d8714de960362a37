use std::fmt::Write;

use super::*;

const OPTIONS: CatalogOptions<'static> = CatalogOptions {
    overrides: None,
    prices: None,
    default_model: "nova-lite",
    default_embedding: None,
    compatibility_names: false,
    region: "us-east-1",
    cross_region: None,
    allow_arns: false,
};

const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";

/// What is sent for what was asked, and whose capabilities are believed.
fn sent(options: &CatalogOptions<'_>, asked: Option<&str>) -> Option<(String, String)> {
    let resolved = Catalog::load(options).unwrap().resolve(asked)?;
    Some((resolved.bedrock_id, resolved.info.id.clone()))
}

#[track_caller]
fn check(asked: &str, bedrock_id: &str, id: &str) {
    assert_eq!(
        sent(&OPTIONS, Some(asked)),
        Some((bedrock_id.to_owned(), id.to_owned())),
        "asked for {asked}"
    );
}

#[test]
fn names_aliases_and_ids_reach_the_model() {
    let us_haiku = format!("us.{HAIKU}");
    check("claude-haiku-4-5", &us_haiku, "claude-haiku-4-5");
    check("claude-haiku-4-5-20251001", &us_haiku, "claude-haiku-4-5");
    check(HAIKU, &us_haiku, "claude-haiku-4-5");
    check("gpt-oss-120b", "openai.gpt-oss-120b-1:0", "gpt-oss-120b");
    check("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "nova-lite");
}

#[test]
fn a_profile_id_is_sent_as_it_is() {
    let eu_haiku = format!("eu.{HAIKU}");
    check(&eu_haiku, &eu_haiku, "claude-haiku-4-5");
    check("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", "nova-lite");
    check("ca.amazon.nova-lite-v1:0", "ca.amazon.nova-lite-v1:0", "nova-lite");
    assert_eq!(sent(&OPTIONS, Some("mars.amazon.nova-lite-v1:0")), None);
}

#[test]
fn arns_are_sent_as_they_are() {
    let foundation = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0";
    check(foundation, foundation, "nova-pro");
    let profile = format!("arn:aws:bedrock:us-east-1:111122223333:inference-profile/global.{HAIKU}");
    check(&profile, &profile, "claude-haiku-4-5");
    for opaque in [
        "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6",
        "arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:provisioned-model/my-model",
        "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abc",
    ] {
        let open = CatalogOptions { allow_arns: true, ..OPTIONS };
        assert_eq!(sent(&open, Some(opaque)), Some((opaque.to_owned(), opaque.to_owned())));
        assert_eq!(sent(&OPTIONS, Some(opaque)), None, "not listed, so not allowed");
        let chosen = CatalogOptions { default_model: opaque, ..OPTIONS };
        assert_eq!(
            sent(&chosen, None),
            Some((opaque.to_owned(), opaque.to_owned())),
            "the operator's choice"
        );
    }
}

#[test]
fn of_a_model_that_nobody_knows_bedrock_decides() {
    let catalog = Catalog::load(&CatalogOptions { allow_arns: true, ..OPTIONS }).unwrap();
    let arn = "arn:aws:bedrock:us-east-1:111122223333:imported-model/abc";
    let info = catalog.resolve(Some(arn)).unwrap().info;
    assert_eq!(info.cache.map(|it| (it.one_hour, it.tools)), Some((true, true)));
    let thinks = info.thinking(outcrop_chat::ReasoningMode::Budget(2_000));
    assert_eq!(thinks, Some(outcrop_ports::Thinking::Budget(2_000)));
    let known = catalog.resolve(Some("nova-lite")).unwrap().info;
    assert_eq!(known.thinking(outcrop_chat::ReasoningMode::Budget(2_000)), None);
}

#[test]
fn names_that_bedrock_cannot_be_sent_are_unknown() {
    let open = CatalogOptions { allow_arns: true, ..OPTIONS };
    let arn = |id: &str| format!("arn:aws:bedrock:us-east-1:111122223333:imported-model/{id}");
    let longest = arn(&"a".repeat(2048 - arn("").len()));
    assert!(sent(&open, Some(&longest)).is_some());
    for asked in
        [format!("{longest}a"), arn(&"a".repeat(70_000)), arn("ä"), arn("a b"), arn("a\n"), arn("a\0")]
    {
        assert_eq!(sent(&open, Some(&asked)), None, "{asked:.80?}");
    }
    let foundation = format!("arn:aws:bedrock:{}::foundation-model/amazon.nova-pro-v1:0", "x".repeat(70_000));
    assert_eq!(sent(&open, Some(&foundation)), None);
}

#[test]
fn what_is_unknown_is_absent() {
    for asked in [
        "claude-haiku-9",
        "",
        "anthropic.nothing",
        "arn:aws:bedrock:us-east-1::foundation-model/nobody.nothing",
        "arn:aws:bedrock:us-east-1::foundation-model/",
        "arn:aws:iam::111122223333:role/admin",
        "arn:",
    ] {
        assert_eq!(sent(&OPTIONS, Some(asked)), None, "asked for {asked:?}");
    }
}

#[test]
fn nothing_and_default_ask_for_the_default_model() {
    let nova = Some(("amazon.nova-lite-v1:0".to_owned(), "nova-lite".to_owned()));
    assert_eq!(sent(&OPTIONS, None), nova);
    assert_eq!(sent(&OPTIONS, Some("default")), nova);
}

#[test]
fn the_region_chooses_the_profile_of_models_that_need_one() {
    let reach = |region, asked| sent(&CatalogOptions { region, ..OPTIONS }, Some(asked)).unwrap().0;
    assert_eq!(reach("eu-central-1", "claude-haiku-4-5"), format!("eu.{HAIKU}"));
    assert_eq!(reach("ap-south-1", "claude-haiku-4-5"), format!("apac.{HAIKU}"));
    assert_eq!(reach("sa-east-1", "claude-haiku-4-5"), format!("global.{HAIKU}"));
    assert_eq!(reach("us-gov-west-1", "claude-opus-5"), "us-gov.anthropic.claude-opus-5");
    let sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(reach("ap-northeast-1", "claude-sonnet-4-5"), format!("jp.{sonnet}"), "no apac profile");
    assert_eq!(reach("ap-southeast-1", "claude-sonnet-4-5"), format!("global.{sonnet}"), "no country either");
    assert_eq!(
        reach("eu-west-1", "llama3-3-70b"),
        "meta.llama3-3-70b-instruct-v1:0",
        "no profile reaches it"
    );
}

#[test]
fn cross_region_prefers_profiles_where_there_are_any() {
    let us = CatalogOptions { cross_region: Some("us"), ..OPTIONS };
    assert_eq!(sent(&us, Some("nova-lite")).unwrap().0, "us.amazon.nova-lite-v1:0");
    assert_eq!(sent(&us, Some("gpt-oss-120b")).unwrap().0, "openai.gpt-oss-120b-1:0");
    assert_eq!(
        sent(&us, Some("amazon.nova-lite-v1:0")).unwrap().0,
        "amazon.nova-lite-v1:0",
        "asked for bare"
    );
    let global = CatalogOptions { cross_region: Some("global"), ..OPTIONS };
    assert_eq!(sent(&global, Some("claude-haiku-4-5")).unwrap().0, format!("global.{HAIKU}"));
    assert_eq!(sent(&global, Some("nova-lite")).unwrap().0, "amazon.nova-lite-v1:0");
}

#[test]
fn who_prefers_profiles_finds_them_in_the_list() {
    let ids = |cross_region, region| {
        let catalog = Catalog::load(&CatalogOptions { cross_region, region, ..OPTIONS }).unwrap();
        let ids: Vec<String> = catalog.list().iter().map(|it| it.id.clone()).collect();
        assert!(ids.iter().all(|id| catalog.resolve(Some(id)).is_some()));
        ids
    };
    let us = ids(Some("us"), "us-east-1");
    for id in [HAIKU, "amazon.nova-lite-v1:0"] {
        assert!(us.contains(&format!("us.{id}")) && !us.contains(&format!("eu.{id}")), "{us:?}");
    }
    assert!(us.contains(&"nova-lite".to_owned()) && us.contains(&format!("global.{HAIKU}")));
    let catalog = Catalog::load(&CatalogOptions { cross_region: Some("us"), ..OPTIONS }).unwrap();
    let asked = catalog.resolve(Some("us.amazon.nova-lite-v1:0")).unwrap();
    assert_eq!(asked.info.id, "nova-lite", "whoever asks for it asks for the model");
    assert!(ids(None, "us-east-1").iter().all(|id| !id.starts_with("us.")));
}

#[test]
fn overrides_change_and_add_rows() {
    let overrides = r#"
        [[model]]
        id = "nova-lite"
        aliases = ["house"]
        max_output_tokens = 99

        [[model]]
        id = "team-blue"
        bedrock_id = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6"
        owned_by = "anthropic"
        sampling = false
    "#;
    let options = CatalogOptions { overrides: Some(overrides), default_model: "team-blue", ..OPTIONS };
    let catalog = Catalog::load(&options).unwrap();
    let house = catalog.resolve(Some("house")).unwrap().info;
    assert_eq!((house.id.as_str(), house.max_output_tokens), ("nova-lite", Some(99)));
    assert_eq!(house.context_window, Some(300_000), "what is not named stays");
    let blue = catalog.resolve(None).unwrap();
    assert!(blue.bedrock_id.starts_with("arn:") && !blue.info.sampling);
    let same = catalog.resolve(Some(&blue.bedrock_id)).unwrap();
    assert_eq!(same.info.id, "team-blue", "the opaque ARN is described now");
}

#[test]
fn output_takes_more_of_the_quota_where_bedrock_says_so() {
    let catalog = Catalog::load(&OPTIONS).unwrap();
    let of = |name: &str| catalog.resolve(Some(name)).unwrap().info.output_burndown;
    for (name, expected) in [
        ("claude-opus-4-8", 15),
        ("claude-opus-5-5", 10),
        ("claude-sonnet-5", 10),
        ("us.anthropic.claude-fable-5-1", 10),
        ("claude-opus-4-7", 5),
        ("claude-haiku-4-5", 5),
        ("claude-3-7-sonnet", 5),
        ("nova-pro", 1),
        ("llama4-scout", 1),
        ("gpt-oss-120b", 1),
        ("titan-embed-text-v2", 1),
    ] {
        assert_eq!(of(name), expected, "{name}");
    }
    let claude = catalog.list().into_iter().filter(|it| it.owned_by == "anthropic");
    let counted: Vec<_> = claude.filter(|it| it.output_burndown == 1).map(|it| it.id.clone()).collect();
    assert!(counted.is_empty(), "of every Claude model output weighs more: {counted:?}");
    let overrides = "[[model]]\nid = \"nova-pro\"\noutput_burndown = 3";
    let changed = Catalog::load(&CatalogOptions { overrides: Some(overrides), ..OPTIONS }).unwrap();
    assert_eq!(changed.resolve(Some("nova-pro")).unwrap().info.output_burndown, 3);
}

#[test]
fn mistakes_are_told() {
    let mut told = String::new();
    for (overrides, default_model) in [
        (None, "nova-light"),
        (None, "zzzz"),
        (Some("[[model]]\nid = \"x\""), "nova-lite"),
        (Some("[[model]]\nid = \"x\"\nbedrock_id = \"y\"\nreleased = \"soon\""), "nova-lite"),
        (Some("[[model]]\nid = \"x\"\nbedrock_id = \"y\"\naliases = [\"nova-lite\"]"), "nova-lite"),
        (Some("[[model]]\nid = \"x\"\ncontext = 3"), "nova-lite"),
    ] {
        let error = Catalog::load(&CatalogOptions { overrides, default_model, ..OPTIONS }).unwrap_err();
        writeln!(told, "{error}").unwrap();
    }
    insta::assert_snapshot!(told, @r"
    the default model `nova-light` is not in the catalogue; did you mean `nova-lite` or `nova-2-lite` or `nova-micro`?
    the default model `zzzz` is not in the catalogue
    model `x` in the catalogue: a new model needs `bedrock_id`
    model `x` in the catalogue: `released` is no day (YYYY-MM-DD)
    the name `nova-lite` stands for both `nova-lite` and `x`
    the model overrides do not parse
    ");
}

#[test]
fn every_row_is_sound() {
    let catalog = Catalog::load(&OPTIONS).unwrap();
    for info in catalog.list() {
        let chats = info.output.contains(&Modality::Text);
        assert!(info.input.contains(&Modality::Text) && info.min_max_tokens >= 1, "{}", info.id);
        assert!(!info.tool_choice || info.tools, "{}: a choice among no tools", info.id);
        assert!(chats || !(info.sampling || info.tools || info.stop_sequences), "{}", info.id);
        assert_eq!(info.base_id, foundation_id(&info.bedrock_id), "{}", info.id);
        for name in std::iter::once(&info.id).chain(&info.aliases) {
            assert_eq!(catalog.resolve(Some(name)).unwrap().info.id, info.id, "{name}");
        }
    }
}

#[test]
fn every_price_is_of_a_model_we_know() {
    let catalog = Catalog::load(&OPTIONS).unwrap();
    let unknown = catalog.prices.models().find(|model| !catalog.by_bedrock_id.contains_key(*model));
    assert_eq!(unknown, None);
}

#[test]
fn every_way_to_a_model_has_a_price_but_where_the_source_has_none() {
    let catalog = Catalog::load(&OPTIONS).unwrap();
    let mut unpriced = Vec::new();
    for info in catalog.list() {
        let profiles = info.profiles.iter().map(|it| format!("{it}.{}", info.base_id));
        let bare = info.on_demand.then(|| info.base_id.clone());
        for bedrock_id in profiles.chain(bare) {
            let model = ResolvedModel { bedrock_id: bedrock_id.clone(), info: Arc::clone(&info) };
            if catalog.price(&model, PriceTier::Standard, "2026-11-21".parse().unwrap()).is_none() {
                unpriced.push(bedrock_id);
            }
        }
    }
    // Their prices depend on the size and quality of a picture, and they are at the end of their lives.
    assert_eq!(unpriced, ["amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v2:0"]);
}
