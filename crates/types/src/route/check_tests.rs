//! Tests of the checks, and that both ways of writing a table mean the same.

use uuid::Uuid;

use super::*;
use crate::{
    CacheRule, Capability, FailureKind, GuardrailMode, GuardrailStream, PromptCacheRule, PromptCacheTtl,
    RetryClass, Strategy, TeamId,
};

/// A table that says everything that can be said.
const FULL: &str = r#"
[defaults]
residency = ["eu", "eu-west-2"]
attempts = 3
first_event_ms = 20000
attempt_ms = 120000
affinity = true

[defaults.retry]
denied = "elsewhere"
timed_out = "never"

[[defaults.guardrails]]
id = "gr0abc"
version = "DRAFT"
output = false
mode = "monitor"
stream = "async"

[[routes]]
alias = "smart"

[routes.options]
attempts = 4
prompt_cache = { messages = false, ttl = "1h", min_tokens = 2048 }
cache = { ttl_s = 60, tools = true }

[[routes.groups]]
strategy = "least_latency"
when = { min_prompt_tokens = 1, max_prompt_tokens = 9000, uses = ["tools", "images"], without = ["media"], tags = { app = "web" } }
targets = [
    { model = "claude-haiku-4-5", region = "eu-central-1", weight = 3 },
    { model = "claude-haiku-4-5", region = "eu-central-1", account = "other", weight = 1 },
]

[[routes.groups]]
targets = [{ model = "nova-pro" }]

[[routes]]
alias = "smart"
team = "team_00000000000000000000000000000001"

[[routes.groups]]
strategy = "ordered"
targets = [{ model = "nova-pro" }]
"#;

fn full() -> RouteTable {
    toml::from_str(FULL).unwrap()
}

/// One route of one target, changed.
fn with(change: impl FnOnce(&mut Route)) -> Vec<String> {
    let targets = vec![RouteTarget { model: "claude-haiku-4-5".into(), ..RouteTarget::default() }];
    let groups = vec![Group { targets, ..Group::default() }];
    let mut route = Route { alias: "fast".into(), groups, ..Route::default() };
    change(&mut route);
    let table = RouteTable { routes: vec![route], ..RouteTable::default() };
    table.check().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_one(faults: &[String], path: &str) {
    assert!(faults.len() == 1 && faults[0].starts_with(&format!("{path}: ")), "{path}: {faults:?}");
}

#[test]
fn a_table_reads_the_same_from_toml_and_json_and_is_written_back_as_it_was() {
    let table = full();
    assert_eq!(table.check(), []);
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<RouteTable>(&json).unwrap(), table);
    let again = toml::to_string(&table).unwrap();
    assert_eq!(toml::from_str::<RouteTable>(&again).unwrap(), table);
    let smart = &table.routes[0];
    assert_eq!(table.defaults.retry[&FailureKind::TimedOut], RetryClass::Never);
    assert_eq!(smart.groups[0].strategy, Strategy::LeastLatency);
    assert_eq!(smart.groups[0].when.uses, [Capability::Tools, Capability::Images]);
    let marks = PromptCacheRule {
        messages: false,
        ttl: PromptCacheTtl::OneHour,
        min_tokens: 2048,
        ..PromptCacheRule::default()
    };
    assert_eq!(smart.options.prompt_cache, Some(marks));
    let kept = CacheRule { ttl_s: Some(60), tools: true, ..CacheRule::default() };
    assert_eq!(smart.options.cache, Some(kept));
    let guardrail = &table.defaults.guardrails[0];
    assert!(guardrail.input && !guardrail.output);
    assert_eq!((guardrail.mode, guardrail.stream), (GuardrailMode::Monitor, GuardrailStream::Async));
}

#[test]
fn an_empty_table_is_good_and_writes_nothing() {
    assert_eq!(RouteTable::default().check(), []);
    assert_eq!(serde_json::to_string(&RouteTable::default()).unwrap(), "{}");
    assert_eq!(toml::from_str::<RouteTable>("").unwrap(), RouteTable::default());
}

#[test]
fn numbers_out_of_bounds_are_named_with_their_place() {
    assert_one(&with(|it| it.options.attempts = Some(0)), "routes[0].options.attempts");
    assert_one(&with(|it| it.options.attempts = Some(9)), "routes[0].options.attempts");
    assert_one(&with(|it| it.options.first_event_ms = Some(0)), "routes[0].options.first_event_ms");
    assert_one(&with(|it| it.options.attempt_ms = Some(u64::MAX)), "routes[0].options.attempt_ms");
    for weight in [0, 1_001] {
        let faults = with(|it| it.groups[0].targets[0].weight = Some(weight));
        assert_one(&faults, "routes[0].groups[0].targets[0].weight");
    }
    let faults = with(|it| it.options.cache = Some(CacheRule { ttl_s: Some(0), ..CacheRule::default() }));
    assert_one(&faults, "routes[0].options.cache.ttl_s");
    let faults = with(|it| (it.options.first_event_ms, it.options.attempt_ms) = (Some(200), Some(100)));
    assert_one(&faults, "routes[0].options.first_event_ms");
}

#[test]
fn too_many_and_too_few_are_refused() {
    assert_one(&with(|it| it.groups.clear()), "routes[0].groups");
    assert_one(&with(|it| it.groups[0].targets.clear()), "routes[0].groups[0].targets");
    let many = |count: usize, name: &str| -> Vec<RouteTarget> {
        let named = |at: usize| RouteTarget { model: format!("{name}-{at}"), ..RouteTarget::default() };
        (0..count).map(named).collect()
    };
    assert_eq!(with(|it| it.groups[0].targets = many(MAX_TARGETS, "m")), Vec::<String>::new());
    let faults = with(|it| it.groups[0].targets = many(MAX_TARGETS + 1, "m"));
    assert_one(&faults, "routes[0].groups[0].targets");
    let faults = with(|it| it.groups = vec![it.groups[0].clone(); MAX_GROUPS + 1]);
    assert_one(&faults, "routes[0].groups");
    let mut table = full();
    let route = |at: usize| Route { alias: format!("r{at}"), ..table.routes[1].clone() };
    table.routes = (0..=MAX_ROUTES).map(route).collect();
    assert_eq!(table.check().len(), 1);
    assert_eq!(table.check()[0].path, "routes");
}

#[test]
fn names_are_names() {
    for good in ["a", "gpt-4o", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "team/fast", "a@b+c_d"] {
        assert_eq!(with(|it| it.alias = good.into()), Vec::<String>::new(), "{good}");
    }
    let long = "a".repeat(MAX_ALIAS + 1);
    for bad in ["", " ", "a b", "a*", "ä", "a\"", "arn:aws:bedrock:us-east-1::foundation-model/x", &long] {
        assert_one(&with(|it| it.alias = bad.into()), "routes[0].alias");
    }
    for bad in ["", "a b", "\n"] {
        let faults = with(|it| it.groups[0].targets[0].model = bad.into());
        assert_one(&faults, "routes[0].groups[0].targets[0].model");
    }
}

#[test]
fn what_stands_there_twice_is_refused() {
    let mut table = full();
    assert_eq!(table.check(), [], "the same name for everybody and for a team are two routes");
    table.routes.push(table.routes[0].clone());
    assert_eq!(table.check()[0].path, "routes[2].alias");
    assert!(table.check()[0].message.contains("routes[0]"), "{:?}", table.check());
    table.routes[2].team = Some(TeamId::new(Uuid::from_u128(7)));
    assert_eq!(table.check(), []);
    let faults = with(|it| {
        let same = it.groups[0].targets[0].clone();
        it.groups[0].targets.push(RouteTarget { weight: Some(7), ..same });
    });
    assert_one(&faults, "routes[0].groups[0].targets[1]");
}

#[test]
fn conditions_that_no_request_meets_are_refused() {
    let path = "routes[0].groups[0].when";
    let when = |when: Condition| with(|it| it.groups[0].when = when);
    let sizes = Condition { min_prompt_tokens: Some(2), max_prompt_tokens: Some(1), ..Condition::default() };
    assert_one(&when(sizes), &format!("{path}.min_prompt_tokens"));
    let both =
        Condition { uses: vec![Capability::Tools], without: vec![Capability::Tools], ..Condition::default() };
    assert_one(&when(both.clone()), &format!("{path}.uses"));
    let one_of_two = Condition { uses: vec![Capability::Tools, Capability::Images], ..both };
    assert_eq!(when(one_of_two), Vec::<String>::new());
    let blank = Condition { tags: [("app".into(), String::new())].into(), ..Condition::default() };
    assert_one(&when(blank), &format!("{path}.tags"));
}

#[test]
fn guardrails_are_written_as_bedrock_takes_them() {
    let rule = |id: &str, version: &str| GuardrailRule {
        id: id.into(),
        version: version.into(),
        input: true,
        output: true,
        mode: GuardrailMode::Enforce,
        stream: GuardrailStream::Sync,
    };
    let arn = "arn:aws:bedrock:eu-central-1:123456789012:guardrail/gr0abc";
    for (id, version) in [("gr0abc", "1"), ("gr0abc", "DRAFT"), (arn, "12345678")] {
        assert_eq!(rule(id, version).check(), None, "{id} {version}");
    }
    for bad in ["", "GR", "gr-1", "arn:aws:bedrock:eu-central-1:1:guardrail/gr", "arn:aws:s3:::gr"] {
        assert_eq!(rule(bad, "1").check().unwrap().0, "id", "{bad}");
    }
    for bad in ["", "0", "01", "draft", "123456789", "1.0"] {
        assert_eq!(rule("gr0abc", bad).check().unwrap().0, "version", "{bad}");
    }
    let blind = GuardrailRule { input: false, output: false, ..rule("gr0abc", "1") };
    assert_eq!(blind.check().unwrap().0, "input");
    let faults = with(|it| it.options.guardrails = vec![rule("gr0abc", "1"), rule("gr0abc", "2")]);
    assert_one(&faults, "routes[0].options.guardrails[1].id");
}

#[test]
fn no_more_is_told_than_can_be_read() {
    let mut table = full();
    table.routes = (0..500).map(|_| Route::default()).collect();
    assert_eq!(table.check().len(), MAX_FAULTS);
}

#[test]
fn a_bound_that_names_no_area_is_refused() {
    let read =
        |residency: &str| toml::from_str::<RouteTable>(&format!("[defaults]\nresidency = {residency}"));
    assert!(read("[]").unwrap_err().to_string().contains("must not be empty"));
    assert!(read("[\"eu\"]").is_ok());
}
