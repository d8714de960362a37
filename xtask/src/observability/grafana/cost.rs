//! What model calls cost, and what the platform itself does on each architecture.

use outcrop_telemetry::names;

use super::{Dashboard, Panel, chosen, lines, number, written};

const ARCH: &[&str] = &[names::ARCH];

pub(super) fn dashboard() -> Dashboard {
    let price = "US dollars for one core for an hour, as your own bill or price list has it. Nothing is shown while it is 0.";
    Dashboard {
        uid: "outcrop-cost",
        title: "cost, and arm64 beside x86-64",
        description: "What model calls cost. What the platform itself needs on each architecture; prices of cores are yours to fill in above, with where you have them from.",
        variables: vec![
            written("price_arm64", "USD per arm64 core and hour", price, "0"),
            written("price_amd64", "USD per x86-64 core and hour", price, "0"),
            written("price_source", "Where the prices are from", "For whoever reads the panels.", "not set"),
        ],
        rows: vec![
            ("Model calls", models()),
            ("The platform, by architecture", architectures()),
            ("What its processors cost (prices: $price_source)", processors()),
        ],
    }
}

fn models() -> Vec<Panel> {
    let (cost, saved) = (chosen(names::COST.row()), chosen(names::SAVED.row()));
    let tokens = chosen(names::TOKENS.row());
    vec![
        number("Cost", "currencyUSD", "An hour, as the ledger has it.")
            .draw(format!("{} * 3600", cost.rate(&[])), "")
            .wide(6)
            .runbook("cost-jump"),
        number("Saved", "currencyUSD", "An hour: by kept answers and cheaper ways.")
            .draw(format!("{} * 3600", saved.rate(&[])), "")
            .wide(6),
        number("Cost of a call", "currencyUSD", "Of one usage record.")
            .draw(format!("{} / {}", cost.rate(&[]), chosen(names::MODEL_CALLS.row()).rate(&[])), "")
            .wide(6),
        number("Cost of 1,000 tokens", "currencyUSD", "Of all kinds together.")
            .draw(format!("{} / {} * 1000", cost.rate(&[]), tokens.rate(&[])), "")
            .wide(6),
        lines("Cost, by model", "currencyUSD", "US dollars an hour.")
            .each(
                format!("{} * 3600", cost.rate(&[names::GEN_AI_REQUEST_MODEL])),
                names::GEN_AI_REQUEST_MODEL,
            )
            .stacked()
            .runbook("cost-jump"),
        lines("Cost, by team", "currencyUSD", "US dollars an hour.")
            .each(format!("{} * 3600", cost.rate(&[names::TEAM])), names::TEAM)
            .stacked()
            .runbook("cost-jump"),
        lines("Saved, by why", "currencyUSD", "US dollars an hour that did not have to be paid.")
            .each(format!("{} * 3600", saved.rate(&[names::REASON])), names::REASON)
            .stacked(),
    ]
}

fn architectures() -> Vec<Panel> {
    let (requests, cpu) = (chosen(names::REQUESTS.row()), chosen(names::PROCESS_CPU.row()));
    let calls = chosen(names::GEN_AI_SERVER_DURATION.row());
    vec![
        lines("Throughput", "reqps", "Answers to clients, by the architecture of the process that gave them.")
            .each(requests.rate(ARCH), names::ARCH),
        lines(
            "Processor time of a request",
            "s",
            "Seconds of all services' processors for each answer. Compare where all services of a platform run on one architecture.",
        )
        .each(format!("{} / {}", cpu.rate(ARCH), requests.rate(ARCH)), names::ARCH),
        lines("Processor time of 1,000 tokens", "s", "Of all kinds of tokens together.")
            .each(format!("{} / {} * 1000", cpu.rate(ARCH), chosen(names::TOKENS.row()).rate(ARCH)), names::ARCH),
        lines("p50 of model calls", "s", "Bedrock's part of it is the same on both.").each(calls.quantile(0.5, ARCH), names::ARCH),
        lines("p95 of model calls", "s", "Bedrock's part of it is the same on both.").each(calls.quantile(0.95, ARCH), names::ARCH),
        lines("Memory", "bytes", "In use, by all services.")
            .each(chosen(names::PROCESS_MEMORY.row()).now("sum", ARCH), names::ARCH),
    ]
}

fn processors() -> Vec<Panel> {
    vec![
        lines(
            "A million requests",
            "currencyUSD",
            "Processor time in use, at your prices: cores that idle are not counted. Empty while a price is 0.",
        )
        .draw(million("arm64"), "arm64")
        .draw(million("amd64"), "amd64")
        .wide(12),
        number(
            "arm64 saves",
            "percentunit",
            "Of what a million requests cost on x86-64. Empty unless both prices are set and both architectures answer requests.",
        )
        .draw(format!("1 - ({}) / ({})", million("arm64"), million("amd64")), "")
        .wide(12),
    ]
}

/// What the processors of one architecture cost for a million requests; nothing while its price is 0.
fn million(arch: &str) -> String {
    let only = format!("=\"{arch}\"");
    let of = |instrument| chosen(instrument).only(names::ARCH, &only).rate(&[]);
    let (cpu, requests) = (of(names::PROCESS_CPU.row()), of(names::REQUESTS.row()));
    format!("{cpu} / {requests} * 1000000 / 3600 * (vector($price_{arch}) > 0)")
}
