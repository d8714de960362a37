//! One team: what it uses, costs, and is refused.

use outcrop_telemetry::metric::Instrument;
use outcrop_telemetry::names;

use super::{Dashboard, Panel, choice_of, chosen, lines, table};
use crate::observability::query::Series;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "outcrop-team",
        title: "per team",
        description: "What a team uses, costs and is refused. Only the busiest teams have names here (metrics.top_teams); the rest is `other`.",
        variables: vec![choice_of("team", "Team", names::REQUESTS.row(), names::TEAM)],
        rows: vec![("Use", usage()), ("Money and limits", money())],
    }
}

fn usage() -> Vec<Panel> {
    vec![
        lines("Requests", "reqps", "Answers, by team.")
            .each(of(names::REQUESTS.row()).rate(&[names::TEAM]), names::TEAM)
            .stacked(),
        lines("Requests, by status", "reqps", "Answers of the teams chosen.")
            .each(of(names::REQUESTS.row()).rate(&[names::STATUS_CLASS]), names::STATUS_CLASS)
            .stacked()
            .runbook("client-errors"),
        lines("Model calls, by model", "ops", "One for each usage record.")
            .each(
                of(names::MODEL_CALLS.row()).rate(&[names::GEN_AI_REQUEST_MODEL]),
                names::GEN_AI_REQUEST_MODEL,
            )
            .stacked(),
        lines("Tokens, by kind", "none", "A second.")
            .each(of(names::TOKENS.row()).rate(&[names::GEN_AI_TOKEN_TYPE]), names::GEN_AI_TOKEN_TYPE)
            .stacked(),
        lines("Tokens, by model", "none", "A second.")
            .each(of(names::TOKENS.row()).rate(&[names::GEN_AI_REQUEST_MODEL]), names::GEN_AI_REQUEST_MODEL)
            .stacked(),
        lines("Model calls, by how answers were found", "ops", "Asked for, kept, or another's.")
            .each(of(names::MODEL_CALLS.row()).rate(&[names::CACHE]), names::CACHE)
            .stacked(),
    ]
}

fn money() -> Vec<Panel> {
    let cost = of(names::COST.row());
    let range = |instrument| of(instrument).over("$__range");
    vec![
        lines("Cost, by team", "currencyUSD", "US dollars an hour.")
            .each(format!("{} * 3600", cost.rate(&[names::TEAM])), names::TEAM)
            .stacked()
            .runbook("cost-jump"),
        lines("Cost, by model", "currencyUSD", "US dollars an hour.")
            .each(
                format!("{} * 3600", cost.rate(&[names::GEN_AI_REQUEST_MODEL])),
                names::GEN_AI_REQUEST_MODEL,
            )
            .stacked()
            .runbook("cost-jump"),
        lines("Budgets", "percentunit", "How much of each is used; of several alike the most.")
            .draw(
                of(names::BUDGET_USED.row()).now("max", &[names::TEAM, names::LEVEL, names::WINDOW]),
                "{{outcrop_team}} {{outcrop_level}} {{outcrop_window}}",
            )
            .runbook("budget-used"),
        lines("Refused, by why", "reqps", "By a limit or a budget.")
            .each(of(names::LIMIT_REFUSALS.row()).rate(&[names::REASON]), names::REASON)
            .stacked()
            .runbook("budget-used"),
        lines("Saved, by why", "currencyUSD", "US dollars an hour that did not have to be paid.")
            .each(format!("{} * 3600", of(names::SAVED.row()).rate(&[names::REASON])), names::REASON)
            .stacked(),
        lines("Refused, by team", "reqps", "By a limit or a budget.")
            .each(of(names::LIMIT_REFUSALS.row()).rate(&[names::TEAM]), names::TEAM),
        table("Cost in the time shown", "currencyUSD", "US dollars, by team and model.")
            .draw(range(names::COST.row()).increase(&[names::TEAM, names::GEN_AI_REQUEST_MODEL]), ""),
        table("Tokens in the time shown", "none", "By team and kind.")
            .draw(range(names::TOKENS.row()).increase(&[names::TEAM, names::GEN_AI_TOKEN_TYPE]), ""),
    ]
}

/// The series of the teams chosen.
fn of(instrument: Instrument) -> Series {
    chosen(instrument).only(names::TEAM, "=~\"$team\"")
}
