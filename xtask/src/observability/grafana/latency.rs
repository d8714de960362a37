//! How long clients wait, and for whom.

use outcrop_telemetry::names;

use super::{Dashboard, Panel, chosen, lines};
use crate::observability::series::SERVICE;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "outcrop-latency",
        title: "latency",
        description: "How long clients wait, and for whom.",
        variables: Vec::new(),
        rows: vec![
            ("Clients", clients()),
            ("Models", models()),
            ("What we add, and what we wait for", ours()),
        ],
    }
}

fn clients() -> Vec<Panel> {
    const ROUTE: &[&str] = &[names::ROUTE];
    // The services behind the gateway answer the same routes to it: with them each request would count twice, and as faster.
    let http = chosen(names::HTTP_SERVER_DURATION.row()).only(SERVICE, "=~\"outcrop|outcrop-gateway\"");
    vec![
        lines("Rate, by route", "reqps", "Answers to clients.").each(http.rate(ROUTE), ROUTE[0]).wide(6),
        lines("p50, by route", "s", "To the last byte of the answer to the client.")
            .each(http.quantile(0.5, ROUTE), ROUTE[0])
            .wide(6),
        lines("p95, by route", "s", "To the last byte of the answer to the client.")
            .each(http.quantile(0.95, ROUTE), ROUTE[0])
            .wide(6)
            .runbook("slow-answers"),
        lines("p99, by route", "s", "To the last byte of the answer to the client.")
            .each(http.quantile(0.99, ROUTE), ROUTE[0])
            .wide(6),
    ]
}

fn models() -> Vec<Panel> {
    const MODEL: &[&str] = &[names::GEN_AI_REQUEST_MODEL];
    let calls = chosen(names::GEN_AI_SERVER_DURATION.row());
    let first = chosen(names::GEN_AI_SERVER_FIRST_TOKEN.row());
    vec![
        lines("p50, by model", "s", "With all attempts, to the last part.")
            .each(calls.quantile(0.5, MODEL), MODEL[0]),
        lines("p95, by model", "s", "With all attempts, to the last part.")
            .each(calls.quantile(0.95, MODEL), MODEL[0])
            .runbook("slow-answers"),
        lines("p99, by model", "s", "With all attempts, to the last part.")
            .each(calls.quantile(0.99, MODEL), MODEL[0]),
        lines("Time to first token, p50", "s", "Streams only.").each(first.quantile(0.5, MODEL), MODEL[0]),
        lines("Time to first token, p95", "s", "Streams only.").each(first.quantile(0.95, MODEL), MODEL[0]),
        lines("Time of each further token, p50", "s", "Streams only.")
            .each(chosen(names::GEN_AI_SERVER_PER_TOKEN.row()).quantile(0.5, MODEL), MODEL[0]),
    ]
}

fn ours() -> Vec<Panel> {
    let call = chosen(names::GEN_AI_SERVER_DURATION.row());
    let attempt = chosen(names::GEN_AI_CLIENT_DURATION.row());
    let text = "Mean time of a whole call, and of that its attempts. What is left is our own part and waits between attempts, and of streams all that comes after their beginning too, as there an attempt ends: it is ours alone where nobody streams.";
    vec![
        lines("Call, attempts, and what is left", "s", text)
            .draw(call.mean(&[]), "call")
            .draw(format!("{} / {}", attempt.sum_rate(&[]), call.rate(&[])), "Bedrock")
            .draw(
                format!("({} - {}) / {}", call.sum_rate(&[]), attempt.sum_rate(&[]), call.rate(&[])),
                "ours, and streams after their beginning",
            ),
        lines("Bedrock, p95 by region", "s", "One attempt: a whole answer, or the beginning of a stream.")
            .each(attempt.quantile(0.95, &[names::REGION]), names::REGION),
        lines("Service to service, p95", "s", "Until the answer begins.")
            .each(chosen(names::HTTP_CLIENT_DURATION.row()).quantile(0.95, &[names::PEER]), names::PEER),
        lines("Shared counters and kept answers, p95", "s", "Redis, where there is one.").each(
            chosen(names::DB_DURATION.row()).quantile(0.95, &[names::DB_OPERATION]),
            names::DB_OPERATION,
        ),
        lines("MCP, p95 by method", "s", "Messages of MCP clients.")
            .each(chosen(names::MCP_DURATION.row()).quantile(0.95, &[names::MCP_METHOD]), names::MCP_METHOD),
        lines("Delay of the runtime, p99", "s", "How late a timer fires: what work waits for a thread.")
            .each(chosen(names::RUNTIME_DELAY.row()).quantile(0.99, &[SERVICE]), SERVICE),
    ]
}
