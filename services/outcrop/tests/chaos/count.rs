//! What must hold afterwards.

use std::collections::{HashMap, HashSet};

use outcrop_emulator::{ChargedCall, ChargedOutcome, ChargedTokens};
use serde_json::Value;

use crate::fleet::{Fleet, LINES_AT_ONCE};
use crate::history::History;
use crate::lines;
use crate::storm::Damage;
use crate::wait::until;

/// Holds a batch that has ended against its lines, the model's book and the ledger; prints the figures.
pub(crate) async fn check(fleet: &Fleet, batch: &Value, lines: u32, damage: &Damage, took_ms: u64) {
    let history = &fleet.history;
    history.must(batch["status"] == "completed", format_args!("{batch:#}"));
    let answered = fleet.lines(&batch["output_file_id"]).await;
    let failed = fleet.lines(&batch["error_file_id"]).await;
    once(history, &answered, &failed, lines);
    let counts = &batch["request_counts"];
    let told = ["total", "completed", "failed"].map(|name| counts[name].as_u64().unwrap_or_default());
    let there = [u64::from(lines), answered.len() as u64, failed.len() as u64];
    history.must(told == there, format_args!("the batch counts {told:?}, its files have {there:?}"));

    until("the end of all calls", async || (fleet.charges.snapshot().under_way == 0).then_some(())).await;
    let charged = fleet.charges.snapshot();
    history.must(charged.forgotten == 0, "the emulator forgot calls: too many lines for this test");
    let calls = by_line(&charged.calls);
    let twice: u64 = calls.values().map(|calls| calls.len() as u64 - 1).sum();
    let bound = damage.kills * LINES_AT_ONCE;
    history.tell(format_args!("{twice} calls were made twice; {bound} lines may have been under way"));
    let ledger = Ledger::of(fleet, batch, &calls).await;
    let seed = history.seed;
    eprintln!(
        "seed {seed}: {lines} lines, {} answered, {} failed; {} kills, {} restarts of Postgres, {} messages doubled; \
         {twice} calls made twice, at most {bound}; {} calls charged, {} records, {} cancelled; tokens {} by the model, {} by the ledger; {took_ms} ms",
        answered.len(),
        failed.len(),
        damage.kills,
        damage.restarts,
        damage.doubled,
        calls.values().map(Vec::len).sum::<usize>(),
        ledger.records,
        ledger.cancelled,
        ledger.by_model,
        ledger.by_ledger,
    );
    history.must(twice <= bound, "more calls were made twice than were under way when workers died");
    history.must(damage.kills > 0 && damage.restarts > 0, "nothing went wrong: this run shows nothing");
}

/// Every line is in one of the files, once, with its own answer.
fn once(history: &History, answered: &[Value], failed: &[Value], lines: u32) {
    let mut found: HashMap<&str, u32> = HashMap::new();
    for line in answered.iter().chain(failed) {
        *found.entry(line["custom_id"].as_str().unwrap()).or_default() += 1;
    }
    for line in 1..=lines {
        let times = found.get(lines::mark(line).as_str()).copied().unwrap_or(0);
        history.must(times == 1, format_args!("line {line} is there {times} times"));
    }
    history.must(found.len() == lines as usize, "a line is there that nobody asked for");
    for line in answered {
        let number: u32 = line["custom_id"].as_str().unwrap().trim_start_matches("line-").parse().unwrap();
        let said = &line["response"]["body"]["choices"][0]["message"]["content"];
        history.must(*said == lines::answer(number).as_str(), format_args!("not its own answer: {line:#}"));
    }
    for line in failed {
        let number: u32 = line["custom_id"].as_str().unwrap().trim_start_matches("line-").parse().unwrap();
        let good = lines::is_stray(number) && line["response"]["status_code"] == 404;
        history.must(good, format_args!("it should have been answered: {line:#}"));
    }
}

/// The calls that the model charged for, by the line they are of.
fn by_line(calls: &[ChargedCall]) -> HashMap<&str, Vec<&ChargedCall>> {
    let mut by_line: HashMap<&str, Vec<&ChargedCall>> = HashMap::new();
    for call in calls.iter().filter(|it| it.outcome != ChargedOutcome::Refused) {
        by_line.entry(call.id.as_deref().unwrap_or_default()).or_default().push(call);
    }
    by_line
}

/// What the ledger has of a batch.
struct Ledger {
    records: usize,
    /// Of them, those whose caller died before they were answered.
    cancelled: usize,
    /// Output tokens of answers that arrived, by the model's count.
    by_model: u64,
    /// The same, by the ledger's.
    by_ledger: u64,
}

impl Ledger {
    /// Holds every line's records against the calls that the model charged for.
    async fn of(fleet: &Fleet, batch: &Value, calls: &HashMap<&str, Vec<&ChargedCall>>) -> Self {
        let history = &fleet.history;
        let batch = batch["id"].as_str().unwrap();
        // What is written comes into the ledger a little later.
        let records = until("all calls in the ledger", async || {
            let records = fleet.ledger().await;
            let by_request = by_request(&records);
            let there = |mark: &str| by_request.get(&*request(batch, mark)).map_or(0, Vec::len);
            calls.iter().all(|(mark, calls)| there(mark) >= calls.len()).then_some(records)
        })
        .await;
        let ids: HashSet<_> = records.iter().map(|it| it["id"].as_str().unwrap()).collect();
        history.must(ids.len() == records.len(), "a record is there twice");
        let mut by_request = by_request(&records);
        let mut ledger = Self { records: 0, cancelled: 0, by_model: 0, by_ledger: 0 };
        for (mark, calls) in calls {
            let records = by_request.remove(&*request(batch, mark)).unwrap_or_default();
            ledger.records += records.len();
            let (whole, broken): (Vec<_>, Vec<_>) =
                records.into_iter().partition(|it| it["outcome"] == "completed");
            ledger.cancelled += broken.len();
            // A call that was given up on its way may never have reached the model: its record is an estimate.
            history.must(
                (1..=calls.len()).contains(&whole.len())
                    && broken.iter().all(|it| it["outcome"] == "cancelled"),
                format_args!(
                    "{mark}: the model charged {calls:#?}, the ledger has {whole:#?} and {broken:#?}"
                ),
            );
            for record in whole {
                history.must(
                    tokens(record) == calls[0].tokens && record["estimated"] == false,
                    format_args!("{mark}: the model says {:?}, the ledger {record:#}", calls[0]),
                );
                ledger.by_model += calls[0].tokens.output;
                ledger.by_ledger += tokens(record).output;
            }
        }
        let others = by_request.values().flatten().filter(|it| it["outcome"] != "cancelled").count();
        history.must(others == 0, format_args!("nobody called these: {by_request:#?}"));
        ledger
    }
}

/// The id of the request that a line becomes.
fn request(batch: &str, mark: &str) -> String {
    let number: u32 = mark.trim_start_matches("line-").parse().unwrap();
    format!("{batch}-{number}")
}

fn by_request(records: &[Value]) -> HashMap<&str, Vec<&Value>> {
    let mut by_request: HashMap<&str, Vec<&Value>> = HashMap::new();
    for record in records.iter().filter(|it| is_costly(it)) {
        by_request.entry(record["request_id"].as_str().unwrap()).or_default().push(record);
    }
    by_request
}

/// Whether a record is of a call that the model charged for: refusals are written down too.
fn is_costly(record: &Value) -> bool {
    record["outcome"] != "failed" && record["outcome"] != "refused"
}

fn tokens(record: &Value) -> ChargedTokens {
    let of = |name: &str| record["tokens"][name].as_u64().unwrap_or(0);
    ChargedTokens {
        input: of("input"),
        cache_read: of("cache_read"),
        cache_write_5m: of("cache_write_5m"),
        cache_write_1h: of("cache_write_1h"),
        output: of("output"),
        images: of("images"),
        queries: of("queries"),
        guardrail_units: of("guardrail_units"),
    }
}
