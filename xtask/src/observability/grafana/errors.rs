//! What goes wrong, for whom, and why.

use outcrop_telemetry::names;

use super::{Dashboard, Panel, chosen, lines};
use crate::observability::series::SERVICE;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "outcrop-errors",
        title: "errors",
        description: "What goes wrong, for whom, and why.",
        variables: Vec::new(),
        rows: vec![("Answers", answers()), ("Bedrock", bedrock()), ("Refused on purpose", refused())],
    }
}

fn answers() -> Vec<Panel> {
    let http = chosen(names::HTTP_SERVER_DURATION.row());
    // As the alarm has it: a series that begins with its first event has no rate yet, and shares of it would be too high.
    let all = chosen(names::ANSWERS.row()).rate(&[]);
    vec![
        lines("Part of all answers", "percentunit", "5xx and 4xx among the answers to clients.")
            .draw(format!("{} / {all}", chosen(names::SERVER_ERRORS.row()).rate(&[])), "5xx")
            .draw(format!("{} / {all}", chosen(names::CLIENT_ERRORS.row()).rate(&[])), "4xx")
            .runbook("error-rate"),
        lines("By code", "reqps", "Answers of every service that tell of a failure.")
            .each(
                http.clone().only(names::ERROR_TYPE, "!=\"\"").rate(&[names::ERROR_TYPE]),
                names::ERROR_TYPE,
            )
            .stacked()
            .runbook("server-errors"),
        lines("By status and service", "reqps", "Answers of every service from 400 on.")
            .draw(
                http.clone().only(names::HTTP_STATUS, "=~\"[45]..\"").rate(&[SERVICE, names::HTTP_STATUS]),
                "{{service_name}} {{http_response_status_code}}",
            )
            .stacked()
            .runbook("client-errors"),
        lines("5xx and what broke off, by route", "reqps", "Of every service.")
            .each(http.only(names::ERROR_TYPE, "!=\"\"").rate(&[names::ROUTE]), names::ROUTE)
            .runbook("server-errors"),
        lines("Calls between services that failed", "reqps", "By peer and why.").draw(
            chosen(names::HTTP_CLIENT_DURATION.row())
                .only(names::ERROR_TYPE, "!=\"\"")
                .rate(&[names::PEER, names::ERROR_TYPE]),
            "{{peer_service}} {{error_type}}",
        ),
        lines("Dependencies", "none", "1 while one answers.")
            .draw(
                chosen(names::DEPENDENCY_UP.row()).now("min", &[SERVICE, names::DEPENDENCY]),
                "{{service_name}} {{dependency}}",
            )
            .runbook("dependency-down"),
    ]
}

fn bedrock() -> Vec<Panel> {
    vec![
        lines("Model calls that did not end well, by why", "ops", "With all their attempts.")
            .each(
                chosen(names::GEN_AI_SERVER_DURATION.row())
                    .only(names::ERROR_TYPE, "!=\"\"")
                    .rate(&[names::ERROR_TYPE]),
                names::ERROR_TYPE,
            )
            .stacked()
            .runbook("error-rate"),
        lines("Attempts, by outcome", "ops", "At targets of Bedrock.")
            .each(chosen(names::MODEL_ATTEMPTS.row()).rate(&[names::OUTCOME]), names::OUTCOME)
            .stacked(),
        lines("Throttles, by model", "ops", "Attempts that Bedrock throttled.")
            .each(
                chosen(names::THROTTLES.row()).rate(&[names::GEN_AI_REQUEST_MODEL]),
                names::GEN_AI_REQUEST_MODEL,
            )
            .runbook("bedrock-throttling"),
        lines("Throttles, by region", "ops", "Attempts that Bedrock throttled.")
            .each(chosen(names::THROTTLES.row()).rate(&[names::REGION]), names::REGION)
            .runbook("bedrock-throttling"),
        lines("Failovers, by why", "ops", "Attempts at a further target, by why the one before failed.")
            .each(chosen(names::FAILOVERS.row()).rate(&[names::REASON]), names::REASON),
        lines(
            "Targets left alone, by region",
            "none",
            "Breakers that are open, in the process with the most.",
        )
        .each(chosen(names::BREAKERS_OPEN.row()).now("max", &[names::REGION]), names::REGION),
    ]
}

fn refused() -> Vec<Panel> {
    vec![
        lines("By limit or budget", "reqps", "Requests refused, by what refused them.")
            .each(chosen(names::LIMIT_REFUSALS.row()).rate(&[names::REASON]), names::REASON)
            .stacked()
            .runbook("budget-used"),
        lines("Guardrails", "ops", "Calls in which one masked, blocked or noted something.")
            .each(chosen(names::GUARDRAIL_ACTIONS.row()).rate(&[names::GUARDRAIL]), names::GUARDRAIL),
        lines("Fields left out, by dialect", "ops", "That a model has no room for.")
            .each(chosen(names::FIELDS_DROPPED.row()).rate(&[names::DIALECT]), names::DIALECT),
    ]
}
