//! Which policies are for a call, and which of them count.

use std::sync::Arc;

use chrono::DateTime;
use outcrop_config::LimitsConfig;
use outcrop_ports::{ModelInfo, ResolvedModel};
use outcrop_types::{
    Budget, Level, Limits, Money, Pattern, Period, Policy, PolicyId, Principal, Rules, Subject, Target,
    TeamId, UserId,
};
use uuid::Uuid;

use super::{Book, Clamp, Limited, Named, Owner};
use crate::fixtures;

fn team(number: u128) -> Option<TeamId> {
    Some(TeamId::new(Uuid::from_u128(number)))
}

fn user(number: u128) -> Option<Subject> {
    Some(Subject::User(UserId::new(Uuid::from_u128(number))))
}

/// Someone of team 1.
fn principal() -> Principal {
    fixtures::principal()
}

fn key() -> Option<outcrop_types::KeyId> {
    principal().key
}

/// Policies numbered from one.
pub(super) fn book(policies: &[(Target, Option<&str>, Rules)]) -> Book {
    let policies = policies.iter().zip(1..).map(|((target, model, rules), number)| Policy {
        id: PolicyId::new(Uuid::from_u128(number)),
        target: target.clone(),
        model: model.map(|it| it.parse::<Pattern>().unwrap()),
        rules: rules.clone(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        revision: 0,
    });
    Book::new(1, policies.collect())
}

fn requests(limit: u32) -> Rules {
    Rules { requests_per_minute: Some(limit), ..Rules::default() }
}

fn opus() -> ResolvedModel {
    let (id, base_id) = ("claude-opus".into(), "anthropic.claude-opus-v1".into());
    let info = ModelInfo { id, base_id, ..ModelInfo::default() };
    ResolvedModel { bedrock_id: "us.anthropic.claude-opus-v1".into(), info: Arc::new(info) }
}

/// The limits of requests that hold for a call of a model by this name.
fn counted(book: &Book, principal: &Principal, asked: &str, settings: &LimitsConfig) -> Vec<(Level, u32)> {
    let model = opus();
    let terms = book.terms(principal, Some(Named { asked, model: &model }), settings);
    let mut limits: Vec<_> = terms
        .limits
        .iter()
        .map(|limit| match limit.what {
            Limited::Requests(requests) => (limit.level, requests),
            ref other => panic!("{other:?}"),
        })
        .collect();
    limits.sort_unstable();
    limits
}

#[test]
fn of_one_level_the_most_particular_counts() {
    let of_user = |user, team| Target::User { user, team };
    let of_key = |key, team| Target::Key { key, team };
    let of_team = |team| Target::Team { team };
    let rule = |target: Target, limit: u32| (target, None, requests(limit));
    type Case = (Vec<(Target, Option<&'static str>, Rules)>, Vec<(Level, u32)>);
    let cases: Vec<Case> = vec![
        // Each level holds.
        (
            vec![
                rule(Target::Platform, 1),
                rule(of_team(team(1)), 2),
                rule(of_user(user(1), None), 3),
                rule(of_key(key(), None), 4),
            ],
            vec![(Level::Key, 4), (Level::User, 3), (Level::Team, 2), (Level::Platform, 1)],
        ),
        // Named before each.
        (vec![rule(of_team(None), 1), rule(of_team(team(1)), 2)], vec![(Level::Team, 2)]),
        (vec![rule(of_team(team(1)), 2), rule(of_team(None), 1)], vec![(Level::Team, 2)]),
        (vec![rule(of_user(None, None), 1), rule(of_user(user(1), None), 2)], vec![(Level::User, 2)]),
        (vec![rule(of_user(None, team(1)), 1), rule(of_user(user(1), team(1)), 2)], vec![(Level::User, 2)]),
        (vec![rule(of_key(None, None), 1), rule(of_key(key(), None), 2)], vec![(Level::Key, 2)]),
        (vec![rule(of_key(None, team(1)), 2), rule(of_key(key(), team(1)), 3)], vec![(Level::Key, 3)]),
        // What a team says replaces nothing that the platform says, and the other way round.
        (
            vec![rule(of_user(None, None), 1), rule(of_user(user(1), team(1)), 9)],
            vec![(Level::User, 1), (Level::User, 9)],
        ),
        (
            vec![rule(of_user(None, team(1)), 2), rule(of_user(user(1), None), 3)],
            vec![(Level::User, 2), (Level::User, 3)],
        ),
        (
            vec![rule(of_key(None, None), 1), rule(of_key(None, team(1)), 9)],
            vec![(Level::Key, 1), (Level::Key, 9)],
        ),
        (
            vec![
                rule(of_key(None, None), 1),
                rule(of_key(key(), None), 2),
                rule(of_key(None, team(1)), 8),
                rule(of_key(key(), team(1)), 9),
            ],
            vec![(Level::Key, 2), (Level::Key, 9)],
        ),
        // Not for somebody else.
        (
            vec![rule(of_team(team(2)), 1), rule(of_user(user(2), None), 1), rule(of_user(None, team(2)), 1)],
            vec![],
        ),
        (vec![rule(of_user(user(1), team(2)), 1)], vec![]),
    ];
    for (policies, expected) in cases {
        let found = counted(&book(&policies), &principal(), "claude-opus", &LimitsConfig::default());
        assert_eq!(found, expected, "{policies:?}");
    }
}

#[test]
fn patterns_are_for_what_is_asked_for_and_for_what_is_behind_it() {
    let policy = |pattern| book(&[(Target::Platform, Some(pattern), requests(1))]);
    let cases = [
        ("claude-opus", "claude-opus", true),
        ("claude-*", "gpt-4o", true),
        ("gpt-*", "gpt-4o", true),
        ("gpt-*", "claude-opus", false),
        ("us.anthropic.*", "claude-opus", true),
        ("anthropic.claude-opus-v1", "claude-opus", true),
        ("claude-haiku", "claude-opus", false),
        // What an ARN stands for counts, whatever its own text is.
        ("claude-*", "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x", true),
    ];
    for (pattern, asked, counts) in cases {
        let found = counted(&policy(pattern), &principal(), asked, &LimitsConfig::default());
        assert_eq!(!found.is_empty(), counts, "{pattern} {asked}");
    }
    let both = book(&[
        (Target::Platform, Some("claude-*"), requests(1)),
        (Target::Platform, None, requests(2)),
        (Target::Platform, Some("*opus*"), requests(3)),
    ]);
    let found = counted(&both, &principal(), "claude-opus", &LimitsConfig::default());
    assert_eq!(found, [1, 2, 3].map(|it| (Level::Platform, it)), "other models are another limit");
    let terms = both.terms(&principal(), None, &LimitsConfig::default());
    assert_eq!(terms.limits.len(), 1, "without a model only what is for all of them");
}

#[test]
fn settings_are_the_least_particular_and_a_keys_own_limit_takes_their_place() {
    let settings = LimitsConfig {
        requests_per_minute_per_key: Some(7),
        requests_per_minute_per_team: Some(8),
        ..LimitsConfig::default()
    };
    let own = Principal { limits: Limits { requests_per_minute: Some(9) }, ..principal() };
    let login = Principal { key: None, ..principal() };
    let none = book(&[]);
    let each = book(&[
        (Target::Key { key: None, team: None }, None, requests(1)),
        (Target::Team { team: None }, None, requests(2)),
    ]);
    let teams = book(&[(Target::Key { key: None, team: team(1) }, None, requests(5))]);
    let cases = [
        (&none, principal(), vec![(Level::Key, 7), (Level::Team, 8)]),
        (&none, own.clone(), vec![(Level::Key, 9), (Level::Team, 8)]),
        (&none, login.clone(), vec![(Level::User, 7), (Level::Team, 8)]),
        (&each, principal(), vec![(Level::Key, 1), (Level::Team, 2)]),
        (&each, own, vec![(Level::Key, 1), (Level::Key, 9), (Level::Team, 2)]),
        (&teams, principal(), vec![(Level::Key, 5), (Level::Key, 7), (Level::Team, 8)]),
        (&each, login, vec![(Level::User, 7), (Level::Team, 2)]),
    ];
    for (book, principal, expected) in cases {
        assert_eq!(counted(book, &principal, "claude-opus", &settings), expected, "{principal:?}");
    }
}

#[test]
fn each_kind_of_limit_is_replaced_by_itself() {
    let budget = |days: u8, usd: u64| Budget {
        usd: Money::from_nano_usd(usd),
        period: Period::Rolling { days },
        alert_at: Vec::new(),
    };
    let each = Rules {
        tokens_per_minute: Some(10),
        concurrent_requests: Some(3),
        budgets: vec![budget(7, 70)],
        ..requests(1)
    };
    let named = Rules { budgets: vec![budget(1, 500)], ..Rules::default() };
    let book = book(&[
        (Target::User { user: None, team: None }, None, each),
        (Target::User { user: user(1), team: None }, None, named),
    ]);
    let names: Vec<_> =
        book.limits(&principal(), &LimitsConfig::default()).iter().map(super::Limit::name).collect();
    let id = |number: u128| PolicyId::new(Uuid::from_u128(number));
    let subject = principal().subject;
    let expected = [(2, "rolling"), (1, "requests"), (1, "tokens"), (1, "concurrency")];
    assert_eq!(names, expected.map(|(policy, what)| format!("{}:{what}:{subject}", id(policy))));
}

#[test]
fn the_least_clamp_and_the_narrowest_default_hold() {
    let output = |most: Option<u32>, default: Option<u32>| Rules {
        max_output_tokens: most,
        default_output_tokens: default,
        ..Rules::default()
    };
    let book = book(&[
        (Target::Platform, None, output(Some(1000), Some(500))),
        (Target::Team { team: None }, None, output(Some(100), Some(50))),
        (Target::Team { team: team(1) }, None, output(Some(2000), None)),
        (Target::Team { team: None }, Some("claude-*"), output(None, Some(60))),
        (Target::Team { team: team(2) }, None, output(Some(1), Some(1))),
    ]);
    let model = opus();
    let named = Named { asked: "claude-opus", model: &model };
    let terms = book.terms(&principal(), Some(named), &LimitsConfig::default());
    assert_eq!(
        terms.clamp,
        Some(Clamp { tokens: 1000, level: Level::Platform }),
        "the team's own takes the place"
    );
    assert_eq!(terms.default_output, Some(60), "of the level, what names the model");
}

#[test]
fn no_team_lifts_what_the_platform_says_of_its_people() {
    let rules = |most: u32, default: u32, model: &str| Rules {
        max_output_tokens: Some(most),
        default_output_tokens: Some(default),
        models: vec![model.parse().unwrap()],
        ..Rules::default()
    };
    let each = Target::User { user: None, team: None };
    let teams = Target::User { user: user(1), team: team(1) };
    let model = opus();
    let named = Named { asked: "claude-opus", model: &model };
    let allow = Rules { allow_unpriced: vec!["*".parse().unwrap()], ..rules(900, 90, "*") };
    let lifting = book(&[(each.clone(), None, rules(100, 50, "nova-*")), (teams.clone(), None, allow)]);
    let terms = lifting.terms(&principal(), Some(named), &LimitsConfig::default());
    assert_eq!(terms.clamp, Some(Clamp { tokens: 100, level: Level::User }));
    assert_eq!(terms.default_output, Some(50));
    assert_eq!(terms.unpriced, [(Level::User, Owner::Team)], "not by the platform's budgets");
    assert_eq!(lifting.forbids(&principal(), named), Some(Level::User), "both must allow a model");

    let narrower = book(&[(each, None, rules(100, 50, "*")), (teams, None, rules(10, 5, "nova-*"))]);
    let terms = narrower.terms(&principal(), Some(named), &LimitsConfig::default());
    assert_eq!((terms.clamp.map(|it| it.tokens), terms.default_output), (Some(10), Some(5)));
    assert_eq!(narrower.forbids(&principal(), named), Some(Level::User));
}

#[test]
fn every_level_can_forbid_models() {
    let only = |patterns: &[&str]| Rules {
        models: patterns.iter().map(|it| it.parse().unwrap()).collect(),
        ..Rules::default()
    };
    let arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x";
    let book = book(&[
        (Target::Platform, None, only(&["claude-*", "gpt-*"])),
        (Target::Team { team: None }, None, only(&["nova-*"])),
        (Target::Team { team: team(1) }, None, only(&["*opus*", "arn:*"])),
    ]);
    let model = opus();
    for (asked, forbidden) in [
        ("claude-opus", None),
        ("gpt-4o", None),
        // An ARN is known by its own text alone.
        (arn, Some(Level::Platform)),
    ] {
        assert_eq!(book.forbids(&principal(), Named { asked, model: &model }), forbidden, "{asked}");
    }
    let other = Principal { team: team(3).unwrap(), ..principal() };
    assert_eq!(book.forbids(&other, Named { asked: "claude-opus", model: &model }), Some(Level::Team));
    assert!(book.forbids_some(&principal()) && !Book::default().forbids_some(&principal()));
}

#[test]
fn a_model_without_a_price_is_allowed_by_its_level() {
    let allow = Rules { allow_unpriced: vec!["claude-*".parse().unwrap()], ..Rules::default() };
    let book = book(&[(Target::Team { team: None }, None, allow)]);
    let model = opus();
    let named = Named { asked: "x", model: &model };
    let terms = book.terms(&principal(), Some(named), &LimitsConfig::default());
    assert_eq!(terms.unpriced, [(Level::Team, Owner::Platform)]);
}
