//! Whether all is well, at one look.

use outcrop_telemetry::names;

use super::{Dashboard, Panel, chosen, lines, number};
use crate::observability::series::SERVICE;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "outcrop-overview",
        title: "overview",
        description: "Whether all is well, at one look.",
        variables: Vec::new(),
        rows: vec![("Now", now()), ("Clients and models", clients()), ("Processes", processes())],
    }
}

fn now() -> Vec<Panel> {
    // As the alarm has it: a series that begins with its first event has no rate yet, and shares of it would be too high.
    let (answers, errors) = (chosen(names::ANSWERS.row()), chosen(names::SERVER_ERRORS.row()));
    vec![
        number("Requests", "reqps", "Answers to clients a second.").draw(answers.rate(&[]), ""),
        number("Answered with 5xx", "percentunit", "Part of all answers to clients.")
            .draw(format!("({} or vector(0)) / {}", errors.rate(&[]), answers.rate(&[])), "")
            .runbook("error-rate"),
        number("p95 of model calls", "s", "With all their attempts, to the last part of the answer.")
            .draw(chosen(names::GEN_AI_SERVER_DURATION.row()).quantile(0.95, &[]), "")
            .runbook("slow-answers"),
        number("Cost", "currencyUSD", "Of model calls, an hour, as the ledger has it.")
            .draw(format!("{} * 3600", chosen(names::COST.row()).rate(&[])), "")
            .runbook("cost-jump"),
        number("Oldest job", "s", "For how long the longest has been due.")
            .draw(chosen(names::JOBS_OLDEST.row()).now("max", &[]), "")
            .runbook("queue-age"),
        number("Dependencies away", "none", "Of all that every process stands on.")
            .draw(
                format!(
                    "count({} < 1) or vector(0)",
                    chosen(names::DEPENDENCY_UP.row()).now("min", &[SERVICE, names::DEPENDENCY])
                ),
                "",
            )
            .runbook("dependency-down"),
    ]
}

fn clients() -> Vec<Panel> {
    let model = chosen(names::GEN_AI_SERVER_DURATION.row());
    vec![
        lines("Requests, by status", "reqps", "Answers to clients.")
            .each(chosen(names::REQUESTS.row()).rate(&[names::STATUS_CLASS]), names::STATUS_CLASS)
            .stacked()
            .runbook("error-rate"),
        lines("Model calls: latency", "s", "With all their attempts, to the last part of the answer.")
            .draw(model.quantile(0.5, &[]), "p50")
            .draw(model.quantile(0.95, &[]), "p95")
            .draw(model.quantile(0.99, &[]), "p99")
            .runbook("slow-answers"),
        lines("Tokens, by kind", "none", "A second.")
            .each(chosen(names::TOKENS.row()).rate(&[names::GEN_AI_TOKEN_TYPE]), names::GEN_AI_TOKEN_TYPE)
            .stacked(),
        lines("Model calls, by outcome", "ops", "One for each usage record.")
            .each(chosen(names::MODEL_CALLS.row()).rate(&[names::OUTCOME]), names::OUTCOME)
            .stacked(),
        lines("Bedrock's throttling, by region", "ops", "Attempts that Bedrock throttled.")
            .each(chosen(names::THROTTLES.row()).rate(&[names::REGION]), names::REGION)
            .runbook("bedrock-throttling"),
        lines("Kept answers", "ops", "Requests whose answer was looked for, and how that ended.")
            .draw(chosen(names::CACHE_HITS.row()).rate(&[]), "hits")
            .draw(chosen(names::CACHE_MISSES.row()).rate(&[]), "misses"),
        lines("MCP messages, by method", "ops", "Of MCP clients.")
            .each(chosen(names::MCP_DURATION.row()).rate(&[names::MCP_METHOD]), names::MCP_METHOD),
        lines("Credentials checked", "ops", "Remembered, asked, refused, failed.")
            .each(chosen(names::AUTH_LOOKUPS.row()).rate(&[names::OUTCOME]), names::OUTCOME),
        lines("Requests under way", "none", "By service.")
            .each(chosen(names::HTTP_SERVER_ACTIVE.row()).now("sum", &[SERVICE]), SERVICE),
    ]
}

fn processes() -> Vec<Panel> {
    vec![
        lines("Processor", "none", "Cores in use, by service.")
            .each(chosen(names::PROCESS_CPU.row()).rate(&[SERVICE]), SERVICE),
        lines("Memory", "bytes", "In use, by service.")
            .each(chosen(names::PROCESS_MEMORY.row()).now("sum", &[SERVICE]), SERVICE),
        lines("Open files and sockets", "none", "Of the process with the most.")
            .each(chosen(names::PROCESS_FILES.row()).now("max", &[SERVICE]), SERVICE),
        lines("Threads", "none", "By service.")
            .each(chosen(names::PROCESS_THREADS.row()).now("sum", &[SERVICE]), SERVICE),
        lines("Background tasks", "none", "That are alive, by service.")
            .each(chosen(names::RUNTIME_TASKS.row()).now("sum", &[SERVICE]), SERVICE),
        lines(
            "Delay of the runtime",
            "s",
            "How late one timer in a hundred fires: what work waits for a thread.",
        )
        .each(chosen(names::RUNTIME_DELAY.row()).quantile(0.99, &[SERVICE]), SERVICE),
        lines("Database connections", "none", "By pool and state, and how many there may be in each pool.")
            .draw(
                chosen(names::DB_CONNECTIONS.row()).now("sum", &[names::POOL, names::POOL_STATE]),
                "{{db_client_connection_pool_name}} {{db_client_connection_state}}",
            )
            .draw(
                chosen(names::DB_CONNECTIONS_MAX.row()).now("sum", &[names::POOL]),
                "{{db_client_connection_pool_name}} at most",
            ),
        lines("Uptime", "s", "Of the youngest process of each service.")
            .each(chosen(names::PROCESS_UPTIME.row()).now("min", &[SERVICE]), SERVICE)
            .runbook("process-restarts"),
        lines("Telemetry that was lost", "none", "A second: spans, lines, exports.")
            .draw(
                chosen(names::TELEMETRY_SPANS.row())
                    .only(names::OUTCOME, "=~\"dropped|failed\"")
                    .rate(&[names::OUTCOME]),
                "spans {{outcrop_outcome}}",
            )
            .draw(
                chosen(names::TELEMETRY_LINES_DROPPED.row()).rate(&[names::SIGNAL]),
                "lines of {{outcrop_signal}}",
            )
            .draw(
                chosen(names::TELEMETRY_FAILURES.row()).rate(&[names::SIGNAL]),
                "exports of {{outcrop_signal}}",
            )
            .runbook("telemetry-lost"),
        lines(
            "Metrics that lose labels",
            "none",
            "Instruments of one process that have no room for further series, at most.",
        )
        .each(chosen(names::TELEMETRY_FULL.row()).now("max", &[SERVICE]), SERVICE)
        .runbook("telemetry-lost"),
    ]
}
