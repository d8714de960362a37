//! Where calls stay, who looks on, and what is kept, by all policies together.

use std::sync::Arc;

use outcrop_ports::{ModelInfo, ResolvedModel};
use outcrop_types::{
    Bounds, CacheRule, GuardrailMode, GuardrailRule, Region, Residency, Rules, Target, TeamId,
};
use uuid::Uuid;

use super::book_tests::book;
use super::{Book, Named, each_once};
use crate::fixtures::principal;

const PLATFORM: Target = Target::Platform;
const EACH_USER: Target = Target::User { user: None, team: None };
const EACH_KEY: Target = Target::Key { key: None, team: None };

fn own_team() -> Option<TeamId> {
    Some(principal().team)
}

fn teams_users() -> Target {
    Target::User { user: None, team: own_team() }
}

fn teams_keys() -> Target {
    Target::Key { key: None, team: own_team() }
}

fn opus() -> ResolvedModel {
    let (id, base_id) = ("claude-opus".into(), "anthropic.claude-opus-v1".into());
    let info = ModelInfo { id, base_id, ..ModelInfo::default() };
    ResolvedModel { bedrock_id: "us.anthropic.claude-opus-v1".into(), info: Arc::new(info) }
}

/// What a book says of a call of that model.
fn of_opus<T>(book: &Book, ask: impl Fn(&Book, Named<'_>) -> T) -> T {
    let model = opus();
    ask(book, Named { asked: "claude-opus", model: &model })
}

fn residency(areas: &[&str]) -> Residency {
    areas.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap()
}

fn resident(areas: &[&str]) -> Rules {
    Rules { residency: residency(areas), ..Rules::default() }
}

#[test]
fn residency_holds_at_every_level_at_once() {
    let eu = || resident(&["eu"]);
    type Case<'a> = (Vec<(Target, Option<&'a str>, Rules)>, Vec<&'a [&'a str]>);
    let cases: Vec<Case<'_>> = vec![
        (vec![], vec![]),
        (vec![(PLATFORM, None, eu()), (EACH_USER, None, resident(&["us"]))], vec![&["us"], &["eu"]]),
        // One for a named team takes the place of that for each; what a team says takes the place of nothing.
        (
            vec![
                (Target::Team { team: None }, None, eu()),
                (Target::Team { team: own_team() }, None, resident(&["us"])),
            ],
            vec![&["us"]],
        ),
        (vec![(EACH_USER, None, eu()), (teams_users(), None, resident(&["us"]))], vec![&["us"], &["eu"]]),
        // Only for the models it is for.
        (
            vec![(PLATFORM, Some("nova-*"), eu()), (PLATFORM, Some("claude-*"), resident(&["jp"]))],
            vec![&["jp"]],
        ),
        (vec![(Target::Team { team: Some(TeamId::new(Uuid::from_u128(9))) }, None, eu())], vec![]),
    ];
    for (policies, expected) in cases {
        let found = of_opus(&book(&policies), |book, model| book.bounds(&principal(), model));
        let expected = expected.into_iter().fold(Bounds::default(), |it, areas| it.and(&residency(areas)));
        assert_eq!(found, expected, "{policies:?}");
    }
    let both =
        book(&[(PLATFORM, None, eu()), (teams_keys(), None, resident(&["eu-central-1", "us-east-1"]))]);
    let bounds = of_opus(&both, |book, model| book.bounds(&principal(), model));
    let may = |region: &str| bounds.hold(&outcrop_types::Reach::Region(region.parse::<Region>().unwrap()));
    assert_eq!(["eu-central-1", "eu-west-1", "us-east-1"].map(may), [true, false, false]);
}

fn guardrail(id: &str) -> GuardrailRule {
    serde_json::from_value(serde_json::json!({"id": id, "version": "1"})).unwrap()
}

fn guarded(rules: &[GuardrailRule]) -> Rules {
    Rules { guardrails: rules.to_vec(), ..Rules::default() }
}

#[test]
fn a_team_adds_guardrails_and_lifts_none() {
    let lax = GuardrailRule { mode: GuardrailMode::Monitor, ..guardrail("a") };
    let policies = book(&[
        (EACH_KEY, None, guarded(&[guardrail("a")])),
        (teams_keys(), None, guarded(&[lax, guardrail("b")])),
        (PLATFORM, None, guarded(&[guardrail("c"), guardrail("b")])),
        (PLATFORM, Some("nova-*"), guarded(&[guardrail("d")])),
    ]);
    let found = of_opus(&policies, |book, model| book.guardrails(&principal(), model));
    assert_eq!(found, ["c", "b", "a"].map(guardrail));
}

#[test]
fn a_guardrail_is_left_out_only_where_another_does_all_of_its_work() {
    let whole = guardrail("a");
    let input = GuardrailRule { output: false, ..guardrail("a") };
    let output = GuardrailRule { input: false, ..guardrail("a") };
    let monitor = GuardrailRule { mode: GuardrailMode::Monitor, ..guardrail("a") };
    let newer = GuardrailRule { version: "2".into(), ..guardrail("a") };
    for (given, kept) in [
        (vec![&input, &whole], vec![&whole]),
        (vec![&monitor, &whole, &whole], vec![&whole]),
        (vec![&input, &output], vec![&input, &output]),
        (vec![&input, &monitor], vec![&input, &monitor]),
        (vec![&whole, &newer], vec![&whole, &newer]),
    ] {
        let found = each_once(given.iter().copied().cloned());
        assert_eq!(found.iter().collect::<Vec<_>>(), kept, "{given:?}");
    }
}

fn kept(rule: CacheRule) -> Rules {
    Rules { cache: Some(rule), ..Rules::default() }
}

fn rule(enabled: bool, ttl_s: impl Into<Option<u32>>) -> CacheRule {
    CacheRule { enabled, ttl_s: ttl_s.into(), ..CacheRule::default() }
}

fn firm(mut rule: CacheRule) -> CacheRule {
    rule.request_control = false;
    rule
}

#[test]
fn the_narrowest_level_says_whether_answers_are_kept() {
    type Case = (Vec<(Target, Option<&'static str>, CacheRule)>, Option<CacheRule>);
    let tools = |rule| CacheRule { tools: true, ..rule };
    let cases: Vec<Case> = vec![
        (vec![], None),
        (vec![(PLATFORM, None, rule(true, 60)), (EACH_USER, None, rule(false, 9))], Some(rule(false, 9))),
        // The platform may say otherwise of somebody, even where it leaves nothing to requests.
        (
            vec![(PLATFORM, None, firm(rule(false, None))), (EACH_USER, None, rule(true, 9))],
            Some(rule(true, 9)),
        ),
        // What names models is narrower; of two that do, less is kept.
        (
            vec![(PLATFORM, None, rule(false, 9)), (PLATFORM, Some("claude-*"), rule(true, 60))],
            Some(rule(true, 60)),
        ),
        (
            vec![
                (PLATFORM, Some("*opus*"), tools(rule(true, 9))),
                (PLATFORM, Some("claude-*"), rule(true, None)),
            ],
            Some(rule(true, 9)),
        ),
        // What is left to requests is left to the team.
        (vec![(PLATFORM, None, rule(false, None)), (teams_keys(), None, rule(true, 9))], Some(rule(true, 9))),
        (
            vec![(PLATFORM, None, rule(true, 9)), (teams_keys(), None, firm(rule(true, 60)))],
            Some(firm(rule(true, 60))),
        ),
        // What is not left to them is not: the team can have less of it.
        (
            vec![(PLATFORM, None, firm(rule(false, None))), (teams_keys(), None, rule(true, 9))],
            Some(firm(rule(false, 9))),
        ),
        (
            vec![(PLATFORM, None, firm(rule(true, None))), (teams_keys(), None, tools(rule(true, 9_999)))],
            Some(firm(rule(true, 300))),
        ),
        (
            vec![(PLATFORM, None, firm(rule(true, 60))), (teams_keys(), None, rule(true, 9))],
            Some(firm(rule(true, 9))),
        ),
        // Nor what the platform says of something as narrow, or narrower.
        (vec![(EACH_KEY, None, rule(false, 9)), (teams_keys(), None, rule(true, 9))], Some(rule(false, 9))),
        (vec![(EACH_KEY, None, rule(true, 9)), (teams_users(), None, rule(true, 60))], Some(rule(true, 9))),
        (vec![(teams_users(), None, rule(true, 60))], Some(rule(true, 60))),
    ];
    for (policies, expected) in cases {
        let policies: Vec<_> =
            policies.into_iter().map(|(target, model, rule)| (target, model, kept(rule))).collect();
        let found = of_opus(&book(&policies), |book, model| book.cache_rule(&principal(), model, 300));
        assert_eq!(found, expected, "{policies:?}");
    }
}
