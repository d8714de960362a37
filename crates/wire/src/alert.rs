//! An alert about a budget, as it is listed and as it is sent to a webhook.

use chrono::{DateTime, SecondsFormat, Utc};
use outcrop_types::{Alert, Budget, Money};
use serde_json::{Value, json};

/// The type of the event, in the webhook's words.
pub const BUDGET_THRESHOLD: &str = "budget.threshold";

/// The alert as it is listed.
#[must_use]
pub fn view(alert: &Alert) -> Value {
    let Alert { id, at, policy, level, holder, team, model, budget, period, period_start, per_cent, spent } =
        alert;
    // The budget as it is written in its policy.
    let written = json!(Budget { usd: *budget, period: *period, alert_at: Vec::new() });
    json!({
        "id": id,
        "at": time(*at),
        "policy": policy,
        "level": level,
        "holder": holder,
        "team": team,
        "model": model,
        "budget": written,
        "period_start": time(*period_start),
        "per_cent": per_cent,
        "spent_usd": spent,
        "left_usd": left(*budget, *spent),
    })
}

/// The body of the webhook's event (Standard Webhooks, "Payload structure": `type`, `timestamp`, `data`).
#[must_use]
pub fn event(alert: &Alert) -> Value {
    json!({ "type": BUDGET_THRESHOLD, "timestamp": time(alert.at), "data": view(alert) })
}

fn left(budget: Money, spent: Money) -> Money {
    budget.saturating_sub(spent)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use outcrop_types::{Calendar, Level, Period, TimeZone};

    use super::*;

    #[test]
    fn amounts_are_text_and_the_budget_reads_as_in_its_policy() {
        let alert = Alert {
            id: "alert_00000000000000000000000000000001".parse().unwrap(),
            at: "2026-11-21T20:00:00Z".parse().unwrap(),
            policy: "pol_00000000000000000000000000000002".parse().unwrap(),
            level: Level::Team,
            holder: "team_00000000000000000000000000000003".to_owned(),
            team: Some("team_00000000000000000000000000000003".parse().unwrap()),
            model: None,
            budget: "12.5".parse().unwrap(),
            period: Period::Calendar { calendar: Calendar::Month, time_zone: TimeZone::UTC },
            period_start: "2026-11-01T00:00:00Z".parse().unwrap(),
            per_cent: 80,
            spent: "10.01".parse().unwrap(),
        };
        let event = event(&alert);
        assert_eq!(event["type"], "budget.threshold");
        let data = &event["data"];
        assert_eq!(data["budget"], json!({"usd": "12.5", "period": "month", "time_zone": "UTC"}));
        assert_eq!((&data["spent_usd"], &data["left_usd"]), (&json!("10.01"), &json!("2.49")));
        assert_eq!((&data["level"], &data["per_cent"]), (&json!("team"), &json!(80)));
        assert_eq!(data["period_start"], "2026-11-01T00:00:00.000Z");
    }
}
