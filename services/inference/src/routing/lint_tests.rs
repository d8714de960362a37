//! Tables held against the catalogue that is shipped, called from two regions.

use outcrop_bedrock::{Catalog, CatalogOptions};

use super::*;

fn look_at(toml: &str) -> RouteFindings {
    let table = read_routes(toml, RouteFormat::Toml).unwrap();
    let catalog = Catalog::load(&CatalogOptions {
        default_model: "claude-haiku-4-5",
        region: "us-east-1",
        ..CatalogOptions::default()
    })
    .unwrap();
    let regions: Vec<Region> = ["us-east-1", "eu-central-1"].iter().map(|it| it.parse().unwrap()).collect();
    let place = |place: &Place| match &place.account {
        Some(name) if name.as_str() != "other" => Err(UnknownPlace::Account(name.clone())),
        _ => Ok(()),
    };
    RouteLint { catalog: &catalog, regions: &regions, place: &place }.look_at(&table)
}

/// One route with these options and this group.
fn route(options: &str, group: &str) -> RouteFindings {
    look_at(&format!("[[routes]]\nalias = \"fast\"\noptions = {{ {options} }}\n[[routes.groups]]\n{group}"))
}

#[track_caller]
fn assert_fault(found: &RouteFindings, path: &str, words: &str) {
    let told: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
    assert!(
        told.len() == 1 && told[0].starts_with(&format!("{path}: ")) && told[0].contains(words),
        "{path}: {words}: {told:?}"
    );
}

const TARGET: &str = "routes[0].groups[0].targets[0]";

#[test]
fn what_can_be_called_is_good() {
    let found =
        route("residency = [\"us\"]", "targets = [{ model = \"claude-haiku-4-5\", account = \"other\" }]");
    assert_eq!(found, RouteFindings::default());
    let found = route("", "targets = [{ model = \"claude-haiku-4-5\", region = \"eu-central-1\" }]");
    assert_eq!(found, RouteFindings::default());
}

#[test]
fn models_and_accounts_that_nobody_knows_are_faults() {
    let found = route("", "targets = [{ model = \"clod-haiku\" }]");
    assert_fault(&found, &format!("{TARGET}.model"), "there is no model `clod-haiku`");
    let found = route("", "targets = [{ model = \"claude-haiku-4-5\", account = \"prod\" }]");
    assert_fault(&found, &format!("{TARGET}.account"), "no account `prod`");
}

#[test]
fn an_arn_that_only_bedrock_knows_is_a_warning() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghij";
    let found = route("", &format!("targets = [{{ model = \"{arn}\" }}]"));
    assert_eq!(found.faults, []);
    assert_eq!(found.warnings[0].path, format!("{TARGET}.model"));
}

#[test]
fn a_target_that_its_residency_never_admits_is_a_fault() {
    let found =
        route("residency = [\"eu\"]", "targets = [{ model = \"claude-haiku-4-5\", region = \"us-east-1\" }]");
    assert_fault(&found, &format!("{TARGET}.region"), "does not stay in eu");
    let found = route(
        "residency = [\"eu\"]",
        "targets = [{ model = \"us.anthropic.claude-haiku-4-5-20251001-v1:0\" }]",
    );
    assert_fault(&found, &format!("{TARGET}.model"), "does not stay in eu");
    let found = route(
        "residency = [\"us\"]",
        "targets = [{ model = \"global.anthropic.claude-haiku-4-5-20251001-v1:0\" }]",
    );
    assert_fault(&found, &format!("{TARGET}.model"), "does not stay in us");
    // What the defaults say holds besides.
    let found = look_at(
        "[defaults]\nresidency = [\"eu\"]\n[[routes]]\nalias = \"fast\"\n[routes.options]\nresidency = [\"us\"]\n\
         [[routes.groups]]\ntargets = [{ model = \"claude-haiku-4-5\" }]",
    );
    assert_fault(&found, &format!("{TARGET}.model"), "does not stay in eu; us");
}

#[test]
fn a_model_that_cannot_do_what_its_group_is_for_is_a_fault() {
    let found = route("", "when = { uses = [\"tools\"] }\ntargets = [{ model = \"titan-embed-text-v2\" }]");
    assert_fault(&found, &format!("{TARGET}.model"), "does not do `tools`");
    let found = route("", "when = { uses = [\"media\"] }\ntargets = [{ model = \"claude-haiku-4-5\" }]");
    assert_fault(&found, &format!("{TARGET}.model"), "does not do `media`");
    let found =
        route("", "when = { uses = [\"media\", \"tools\"] }\ntargets = [{ model = \"claude-haiku-4-5\" }]");
    assert_eq!((found.faults.len(), found.warnings.len()), (0, 1), "it does one of them: {found:?}");
    let found =
        route("", "when = { min_prompt_tokens = 5000000 }\ntargets = [{ model = \"claude-haiku-4-5\" }]");
    assert_fault(&found, &format!("{TARGET}.model"), "at most");
}

#[test]
fn a_models_own_name_with_another_behind_it_is_a_warning() {
    let named = |alias: &str, model: &str| {
        look_at(&format!(
            "[[routes]]\nalias = \"{alias}\"\n[[routes.groups]]\ntargets = [{{ model = \"{model}\" }}]"
        ))
    };
    let found = named("claude-haiku-4-5", "nova-pro");
    assert_eq!(found.faults, []);
    assert_eq!(found.warnings[0].path, "routes[0].alias");
    assert!(found.warnings[0].message.contains("who asks for that one may get `nova-pro`"), "{found:?}");
    assert_eq!(named("claude-haiku-4-5", "claude-haiku-4-5"), RouteFindings::default());
    assert_eq!(named("gpt-4o", "nova-pro"), RouteFindings::default());
}

#[test]
fn a_region_that_aws_does_not_have_is_a_warning() {
    let found = route("", "targets = [{ model = \"nova-lite\", region = \"eu-centrl-1\" }]");
    assert_eq!(found.faults, []);
    assert_eq!(found.warnings[0].path, format!("{TARGET}.region"));
    assert!(found.warnings[0].message.contains("`eu-centrl-1` is no region"), "{found:?}");
    let found = route("residency = [\"us\", \"us-esat-1\"]", "targets = [{ model = \"nova-lite\" }]");
    assert_eq!((found.faults.len(), found.warnings[0].path.as_str()), (0, "routes[0].options.residency"));
}

#[test]
fn a_group_whose_models_make_different_things_is_a_warning() {
    let group = |second: &str| {
        route("", &format!("targets = [{{ model = \"nova-lite\" }}, {{ model = \"{second}\" }}]"))
    };
    let found = group("titan-embed-text-v2");
    assert_eq!((found.faults.len(), found.warnings.len()), (0, 1), "{found:?}");
    assert_eq!(found.warnings[0].path, "routes[0].groups[0].targets");
    assert_eq!(group("claude-haiku-4-5"), RouteFindings::default());
}
