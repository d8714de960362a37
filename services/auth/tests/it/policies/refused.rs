//! What a policy must be like.

use serde_json::json;

use crate::office::{Office, text};

#[actix_web::test]
async fn what_does_not_do_is_named() {
    let office = Office::open().await;
    let team = office.world.first.team.id;
    let platform = json!({"level": "platform"});
    for (body, param) in [
        (json!({"rules": {"requests_per_minute": 1}}), "target"),
        (json!({"target": platform}), "rules"),
        (json!({"target": platform, "rules": {}}), "rules"),
        (json!({"target": platform, "rules": {"requests": 1}}), "rules.requests"),
        (json!({"target": platform, "rules": {"requests_per_minute": 1}, "colour": "red"}), "colour"),
        (json!({"target": platform, "rules": {"requests_per_minute": -1}}), "rules.requests_per_minute"),
        (
            json!({"target": platform, "rules": {"requests_per_minute": 4_294_967_296_u64}}),
            "rules.requests_per_minute",
        ),
        (json!({"target": platform, "rules": {"max_output_tokens": 0}}), "rules.max_output_tokens"),
        (json!({"target": platform, "model": "a b", "rules": {"requests_per_minute": 1}}), "model"),
        (json!({"target": platform, "rules": {"models": ["*", ""]}}), "rules.models[1]"),
        (json!({"target": platform, "rules": {"models": vec!["a"; 33]}}), "rules.models"),
        (json!({"target": platform, "rules": {"residency": ["eu", "moon"]}}), "rules.residency[1]"),
        (json!({"target": platform, "rules": {"residency": ["eu", "eu"]}}), "rules.residency[1]"),
        (json!({"target": platform, "rules": {"residency": ["global"]}}), "rules.residency[0]"),
        (
            json!({"target": platform, "rules": {"guardrails": [{"id": "gr-1", "version": "1"}]}}),
            "rules.guardrails[0].id",
        ),
        (
            json!({"target": platform, "rules": {"guardrails": [{"id": "gr1", "version": "1", "mode": "x"}]}}),
            "rules.guardrails[0].mode",
        ),
        (json!({"target": platform, "rules": {"cache": {"ttl_s": 0}}}), "rules.cache.ttl_s"),
        (json!({"target": platform, "rules": {"cache": {"ttl": 60}}}), "rules.cache.ttl"),
        (json!({"target": platform, "rules": {"ways": ["flex"]}}), "rules.ways"),
        (json!({"target": platform, "rules": {"ways": ["on_demand", "pigeon"]}}), "rules.ways[1]"),
        (json!({"target": platform, "rules": {"ways": ["on_demand", 2]}}), "rules.ways[1]"),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": 0.5, "period": "day"}]}}),
            "rules.budgets[0].usd",
        ),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": "0", "period": "day"}]}}),
            "rules.budgets[0].usd",
        ),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": "1", "period": "year"}]}}),
            "rules.budgets[0].period",
        ),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": "1", "period": "rolling"}]}}),
            "rules.budgets[0]",
        ),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": "1", "period": "day", "time_zone": "Mars"}]}}),
            "rules.budgets[0].time_zone",
        ),
        (json!({"target": {"level": 5}, "rules": {"requests_per_minute": 1}}), "target.level"),
        (
            json!({"target": platform, "rules": {"budgets": [{"usd": "1", "period": 5}]}}),
            "rules.budgets[0].period",
        ),
        (json!({"target": {"level": "everybody"}, "rules": {"requests_per_minute": 1}}), "target.level"),
        (json!({"target": {"team": team}, "rules": {"requests_per_minute": 1}}), "target.level"),
        (
            json!({"target": {"level": "platform", "team": team}, "rules": {"requests_per_minute": 1}}),
            "target.team",
        ),
        (
            json!({"target": {"level": "team", "user": "user_x"}, "rules": {"requests_per_minute": 1}}),
            "target.user",
        ),
        (
            json!({"target": {"level": "key", "user": office.world.first.admin.id}, "rules": {"requests_per_minute": 1}}),
            "target.user",
        ),
        (
            json!({"target": {"level": "user", "name": "x"}, "rules": {"requests_per_minute": 1}}),
            "target.name",
        ),
    ] {
        let (status, answer) = office.post(&office.root, "/policies", body.clone()).await;
        assert_eq!((status, answer["param"].as_str()), (400, Some(param)), "{body}: {answer}");
        assert!(text(&answer["detail"]).contains(&format!("`{param}`")), "{answer}");
    }
}

#[actix_web::test]
async fn a_change_must_leave_something_that_does() {
    let office = Office::open().await;
    let body = json!({"target": {"level": "platform"}, "rules": {"max_output_tokens": 100}});
    let path = format!("/policies/{}", text(&office.make("/policies", body).await["id"]));
    for (body, param) in [
        (json!({"rules": {"max_output_tokens": null}}), "rules"),
        (json!({"rules": {"default_output_tokens": 101}}), "rules.default_output_tokens"),
        (json!({"rules": {"tokens": 1}}), "rules.tokens"),
        (json!({"rules": null}), "rules"),
        (json!({}), "rules"),
        (json!({"rules": {}, "target": {"level": "team"}}), "target"),
        (json!({"rules": {}, "model": "x"}), "model"),
    ] {
        let (status, answer) = office.patch(&office.root, &path, body.clone()).await;
        assert_eq!((status, answer["param"].as_str()), (400, Some(param)), "{body}: {answer}");
    }
    let (status, same) = office.patch(&office.root, &path, json!({"rules": {}})).await;
    assert_eq!((status, &same["revision"]), (200, &json!(0)));
}
