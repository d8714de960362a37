use chrono::{DateTime, Utc};
use outcrop_ports::{Modality, ModelCatalog, ModelInfo, ResolvedModel, Spent};
use outcrop_types::{Level, Money, Policy, Rules, Target, TeamId};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

use super::budgets::Watch;

/// Knows one model by another name.
struct OneModel;

#[async_trait::async_trait]
impl ModelCatalog for OneModel {
    fn resolve_for(&self, asked: Option<&str>, _: Modality) -> Option<ResolvedModel> {
        let info = ModelInfo { id: "haiku".to_owned(), ..ModelInfo::default() };
        (asked == Some("us.anthropic.h"))
            .then(|| ResolvedModel { bedrock_id: "us.anthropic.h".into(), info: Arc::new(info) })
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        Vec::new()
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

fn team(number: u128) -> TeamId {
    TeamId::new(Uuid::from_u128(number))
}

fn user(number: u8) -> String {
    format!("user_{number:032}")
}

fn policy(number: u128, target: Value, model: Option<&str>, budgets: Value) -> Policy {
    Policy {
        id: outcrop_types::PolicyId::new(Uuid::from_u128(number)),
        target: serde_json::from_value::<Target>(target).unwrap(),
        model: model.map(|it| it.parse().unwrap()),
        rules: Rules { budgets: serde_json::from_value(budgets).unwrap(), ..Rules::default() },
        created_at: now(),
        updated_at: now(),
        revision: 0,
    }
}

fn spent(holder: Option<String>, team: Option<TeamId>, model: &str, usd: &str) -> Spent {
    Spent {
        from: now(),
        holder,
        team,
        model_asked: "a".to_owned(),
        model_served: model.to_owned(),
        cost: usd.parse::<Money>().unwrap(),
    }
}

/// Holder and share of every alert there would be, for policies of one level and period.
fn reached(policies: &[Policy], sums: &[Spent]) -> Vec<(String, u8)> {
    let watches = Watch::all(policies, now(), false);
    assert!(watches.len() <= 1, "{watches:?}");
    let mut reached: Vec<_> = watches
        .iter()
        .flat_map(|watch| watch.standings(sums, &OneModel))
        .flat_map(|standing| {
            let alert = |it: super::Reached<'_>| it.alert(outcrop_types::AlertId::new(Uuid::nil()), now());
            standing.reached().map(alert).collect::<Vec<_>>()
        })
        .map(|alert| (alert.holder, alert.per_cent))
        .collect();
    reached.sort();
    reached
}

#[test]
fn a_share_is_reached_to_the_billionth() {
    let month = policy(
        1,
        json!({"level": "platform"}),
        None,
        json!([{"usd": "10", "period": "month", "alert_at": [50, 100]}]),
    );
    for (usd, shares) in [("4.999999999", &[][..]), ("5", &[50]), ("10", &[50, 100]), ("0", &[])] {
        let found = reached(std::slice::from_ref(&month), &[spent(None, None, "m", usd)]);
        assert_eq!(found.iter().map(|it| it.1).collect::<Vec<_>>(), shares, "{usd}");
    }
    // Nobody asks to be told of this one.
    let silent = policy(1, json!({"level": "platform"}), None, json!([{"usd": "1", "period": "day"}]));
    assert_eq!(reached(&[silent], &[spent(None, None, "m", "9")]), []);
}

#[test]
fn each_holder_is_counted_alone_and_by_its_most_particular_policy() {
    let budget = |usd: &str| json!([{"usd": usd, "period": "month", "alert_at": [100]}]);
    let each = policy(1, json!({"level": "user"}), None, budget("10"));
    let of_team = policy(2, json!({"level": "user", "team": team(2)}), None, budget("20"));
    let named = policy(3, json!({"level": "user", "user": user(3)}), None, budget("30"));
    let sums = [
        spent(Some(user(1)), Some(team(1)), "m", "6"),
        spent(Some(user(1)), Some(team(1)), "n", "5"),
        spent(Some(user(2)), Some(team(2)), "m", "11"),
        spent(Some(user(3)), Some(team(2)), "m", "21"),
        spent(None, Some(team(2)), "m", "99"),
    ];
    assert_eq!(reached(std::slice::from_ref(&each), &sums), [(user(1), 100), (user(2), 100), (user(3), 100)]);
    // One that is named has more; another has not, whatever its team allows: that holds besides.
    assert_eq!(reached(&[each.clone(), named.clone()], &sums), [(user(1), 100), (user(2), 100)]);
    assert_eq!(reached(&[each, of_team.clone()], &sums[2..3]), [(user(2), 100)]);
    assert_eq!(reached(&[named, of_team], &sums), [(user(3), 100)]);
}

#[test]
fn only_the_models_of_the_policy_count() {
    let budget = json!([{"usd": "1", "period": "day", "alert_at": [100]}]);
    for (models, is_reached) in [("haiku", true), ("us.anthropic.*", true), ("a", true), ("opus", false)] {
        let policy = policy(1, json!({"level": "team", "team": team(1)}), Some(models), budget.clone());
        let sums = [spent(Some(team(1).to_string()), Some(team(1)), "us.anthropic.h", "1")];
        assert_eq!(reached(&[policy], &sums).len(), usize::from(is_reached), "{models}");
    }
}

#[test]
fn a_rolling_budget_looks_back_and_goes_by_the_day() {
    let budget = json!([{"usd": "1", "period": "rolling", "days": 7, "alert_at": [100]}]);
    let policy = policy(1, json!({"level": "team", "team": team(1)}), None, budget);
    let watches = Watch::all(std::slice::from_ref(&policy), now(), false);
    let query = watches[0].query();
    assert_eq!((query.from, query.until), ("2026-11-14T20:00:00Z".parse().unwrap(), now()));
    assert_eq!((query.team, query.each), (Some(team(1)), Some(Level::Team)));
    let sums = [spent(Some(team(1).to_string()), Some(team(1)), "m", "1")];
    let standings = watches[0].standings(&sums, &OneModel);
    let reached: Vec<_> = standings[0].reached().collect();
    let alert = reached[0].alert(outcrop_types::AlertId::new(Uuid::nil()), now());
    assert_eq!(alert.period_start, "2026-11-21T00:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!((alert.team, alert.holder), (Some(team(1)), team(1).to_string()));
}

#[test]
fn a_period_is_looked_at_for_some_hours_after_its_end() {
    let budget = json!([{"usd": "1", "period": "day", "alert_at": [100]}]);
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let times = |changed: &str, now: &str| {
        let policy = policy(1, json!({"level": "platform"}), None, budget.clone());
        let policy = Policy { updated_at: at(changed), ..policy };
        let watches = Watch::all(std::slice::from_ref(&policy), at(now), false);
        watches.iter().map(|it| (it.query().from, it.query().until)).collect::<Vec<_>>()
    };
    let early = "2026-11-22T05:59:59Z";
    let (before, today) =
        ((at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z")), at("2026-11-22T00:00:00Z"));
    assert_eq!(times("2026-11-20T00:00:00Z", early), [before, (today, at(early))]);
    let later = "2026-11-22T06:00:00Z";
    assert_eq!(times("2026-11-20T00:00:00Z", later), [(today, at(later))]);
    assert_eq!(times("2026-11-22T01:00:00Z", early), [(today, at(early))], "it was another budget then");
    let policy = policy(1, json!({"level": "platform"}), None, budget);
    let policy = Policy { updated_at: at("2026-11-20T00:00:00Z"), ..policy };
    let watches = Watch::all(std::slice::from_ref(&policy), at(early), false);
    let standings = watches[0].standings(&[spent(None, None, "m", "1")], &OneModel);
    let reached: Vec<_> = standings[0].reached().collect();
    let alert = reached[0].alert(outcrop_types::AlertId::new(Uuid::nil()), at(early));
    assert_eq!(alert.period_start, before.0);
}

#[test]
fn budgets_without_alerts_are_looked_at_for_metrics_alone() {
    let budgets = json!([{"usd": "4", "period": "day"}]);
    let policy = Policy {
        updated_at: now() - chrono::Duration::days(2),
        ..policy(1, json!({"level": "platform"}), None, budgets)
    };
    let early = "2026-11-21T01:00:00Z".parse().unwrap();
    assert!(Watch::all(std::slice::from_ref(&policy), early, false).is_empty());
    let watches = Watch::all(std::slice::from_ref(&policy), early, true);
    let [watch] = &watches[..] else { panic!("the day before is nobody's affair: {watches:?}") };
    assert!(watch.is_at(early));
    let standings = watch.standings(&[spent(None, None, "m", "1")], &OneModel);
    assert_eq!(standings[0].reached().count(), 0);
    let share = standings[0].share();
    assert_eq!((share.team, share.level, share.window, share.used), (None, Level::Platform, "day", 0.25));
}
