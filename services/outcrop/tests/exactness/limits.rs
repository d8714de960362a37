//! No limit is exceeded, whoever goes away, fails, is killed or forgets: by the count of the model that was called.

use std::collections::VecDeque;
use std::time::Duration;

use outcrop_emulator::{ChargedOutcome, Charges, ChargesSnapshot};
use serde_json::json;

use crate::fleet::{Database, Fleet};
use crate::history::History;
use crate::load::{Load, MOST_INPUT, MOST_OUTPUT, Manners, Seen, nano_usd, nudge};
use crate::random::Random;

const REPLICAS: usize = 4;
const MANNERS: Manners = Manners { callers: 200, go_away: 15, faults: 10, requests: u64::MAX };
/// 0.1 dollars.
const BUDGET_NANO_USD: u64 = 100_000_000;
const TOKENS_PER_MINUTE: u64 = 40_000;
const CONCURRENT: i64 = 24;
/// How long a run lasts at most before what has not happened yet is made to happen.
const PATIENCE_MS: u64 = 15_000;
/// How long what happened is given to heal before the next thing does.
const HEALING: Duration = Duration::from_secs(3);
/// How many runs that are over stand by.
const MOST_OVER: usize = 3;
/// How long a run goes on after all has happened.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// What happens to the platform, and after which share of the limit has been used, in per cent.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    KilledReplica { after: u64, replica: usize, away_ms: u64 },
    RestartedRedis { after: u64, away_ms: u64 },
}

impl Mishap {
    fn after(self) -> u64 {
        match self {
            Self::KilledReplica { after, .. } | Self::RestartedRedis { after, .. } => after,
        }
    }

    async fn happen(self, fleet: &mut Fleet) {
        match self {
            Self::KilledReplica { replica, away_ms, .. } => {
                fleet.history.tell(format_args!("kill -9 of replica {replica}"));
                fleet.inference[replica].kill().await;
                tokio::time::sleep(Duration::from_millis(away_ms)).await;
                fleet.inference[replica].start_again().await;
                fleet.history.tell(format_args!("replica {replica} is back"));
            }
            Self::RestartedRedis { away_ms, .. } => {
                fleet.history.tell("Redis stops");
                fleet.redis.stop().unwrap();
                tokio::time::sleep(Duration::from_millis(away_ms)).await;
                fleet.redis.start_again().unwrap();
                fleet.history.tell("Redis is back, empty");
            }
        }
    }
}

/// What is to happen, in its order.
fn mishaps(random: &mut Random, redis_first: bool) -> [Mishap; 2] {
    let replica = usize::try_from(random.between(0, REPLICAS as u64)).unwrap();
    let (first, second) = (random.between(10, 40), random.between(40, 70));
    let (kill, restart) = if redis_first { (second, first) } else { (first, second) };
    let killed = Mishap::KilledReplica { after: kill, replica, away_ms: random.between(200, 1_500) };
    let restarted = Mishap::RestartedRedis { after: restart, away_ms: random.between(50, 800) };
    if redis_first { [restarted, killed] } else { [killed, restarted] }
}

/// Runs the load through both mishaps, and a little longer; `used` is how much of the limit is, in per cent.
async fn through(
    fleet: &mut Fleet,
    random: &mut Random,
    mishaps: [Mishap; 2],
    used: impl Fn(&ChargesSnapshot) -> u64,
) -> Outcome {
    fleet.charges.clear();
    let load = Load::start(fleet, MANNERS, random);
    let watcher = tokio::spawn(watch(fleet.charges.clone(), fleet.history.clone()));
    let began = fleet.history.now_ms();
    for mishap in mishaps {
        loop {
            let share = used(&fleet.charges.snapshot());
            if share >= mishap.after() || fleet.history.now_ms() - began > PATIENCE_MS {
                fleet.history.tell(format_args!("{share} % used"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        mishap.happen(fleet).await;
        // What a process counted in the last minute, it alone can tell a Redis that lost it: it lives until it has.
        tokio::time::sleep(HEALING).await;
    }
    tokio::time::sleep(AFTERWARDS).await;
    let seen = load.end().await;
    watcher.abort();
    let took_ms = fleet.history.now_ms() - began;
    let charged = fleet.charges.snapshot();
    tell(fleet, &seen, &charged);
    Outcome { seen, charged, took_ms }
}

/// Runs that are over, of which something may still be held: what a killed process had not yet written down is given
/// back when its leases have run out, and other runs need not wait for that.
#[derive(Default)]
struct Over(VecDeque<Fleet>);

impl Over {
    async fn push(&mut self, fleet: Fleet) {
        self.0.push_back(fleet);
        if self.0.len() > MOST_OVER {
            self.finish_one().await;
        }
    }

    async fn finish(mut self) {
        while !self.0.is_empty() {
            self.finish_one().await;
        }
    }

    /// Waits until nothing is held any more, and prints all that was told.
    async fn finish_one(&mut self) {
        let Some(fleet) = self.0.pop_front() else { return };
        let counts = fleet.settled(async || nudge(&fleet).await).await;
        fleet.history.tell(format_args!(
            "held: {} in {} leases; settled: {:?}",
            counts.held, counts.leases, counts.settled
        ));
        fleet.history.print();
    }
}

/// Most calls that somebody still waited for at a time. A model learns late that a caller has gone, so of a call whose
/// caller went away only the time until then counts: it is given up no sooner.
fn most_wanted(seen: &Seen, charged: &ChargesSnapshot) -> i64 {
    let gone = seen.gone_ms.lock().unwrap();
    let mut turns = Vec::new();
    for call in charged.calls.iter().filter(|it| it.outcome != ChargedOutcome::Refused) {
        let gone = call.id.as_ref().and_then(|mark| gone.get(mark)).copied();
        turns.push((call.began_ms, 1));
        turns.push((call.ended_ms.min(gone.unwrap_or(u64::MAX)).max(call.began_ms), -1));
    }
    // What ends in a millisecond makes room for what begins in it.
    turns.sort_unstable();
    let (mut open, mut most) = (0, 0);
    for (_, turn) in turns {
        open += turn;
        most = most.max(open);
    }
    most
}

/// Tells when more calls were under way than ever before, by a dozen each time.
async fn watch(charges: Charges, history: History) {
    let mut most = 24;
    loop {
        let found = charges.snapshot();
        if found.most_under_way >= most + 12 {
            most = found.most_under_way;
            history.tell(format_args!("{most} calls are under way"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Outcome {
    seen: std::sync::Arc<Seen>,
    charged: ChargesSnapshot,
    took_ms: u64,
}

fn tell(fleet: &Fleet, seen: &Seen, charged: &ChargesSnapshot) {
    let total = charged.total;
    fleet.history.tell(format_args!("callers saw {seen}"));
    fleet.history.tell(format_args!(
        "the model answered {} calls, {} were cancelled, {} failed, {} were refused; {} tokens read, {} written; at most {} at a time",
        total.answered,
        total.cancelled,
        total.failed,
        total.refused,
        total.tokens.input,
        total.tokens.output,
        charged.most_under_way,
    ));
}

fn spent(charged: &ChargesSnapshot) -> u64 {
    nano_usd(charged.total.tokens.input, charged.total.tokens.output)
}

fn tokens(charged: &ChargesSnapshot) -> u64 {
    charged.total.tokens.input + charged.total.tokens.output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn no_more_money_is_spent_than_there_is() {
    let mut over = Over::default();
    for seed in crate::seeds() {
        let mut random = Random::new(seed);
        let history = History::new("a budget of 0.1 USD a day", seed);
        let mut fleet = Fleet::start(REPLICAS, Database::Shared, history.clone()).await;
        fleet.limit(&json!({ "budgets": [{ "usd": "0.1", "period": "day", "time_zone": "UTC" }] })).await;
        let redis_first = random.percent(50);
        let mishaps = mishaps(&mut random, redis_first);
        let used = |charged: &ChargesSnapshot| spent(charged) * 100 / BUDGET_NANO_USD;
        let outcome = through(&mut fleet, &mut random, mishaps, used).await;
        let (spent, largest) = (spent(&outcome.charged), nano_usd(MOST_INPUT, MOST_OUTPUT));
        history.tell(format_args!(
            "spent {spent} of {BUDGET_NANO_USD} nano-dollars; no reservation is larger than {largest}"
        ));
        history.must(spent <= BUDGET_NANO_USD + largest, "more was spent than there was");
        history.must(spent > BUDGET_NANO_USD / 2, "the budget was hardly used: this run shows nothing");
        history.must(outcome.seen.refused() > 0, "nobody was ever refused: this run shows nothing");
        over.push(fleet).await;
    }
    over.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn no_more_tokens_are_used_than_a_minute_has() {
    let mut over = Over::default();
    for seed in crate::seeds() {
        let mut random = Random::new(seed);
        let history = History::new("40,000 tokens a minute", seed);
        let mut fleet = Fleet::start(REPLICAS, Database::Shared, history.clone()).await;
        fleet.limit(&json!({ "tokens_per_minute": TOKENS_PER_MINUTE })).await;
        // What a process counted in the last minute, it alone can tell a Redis that lost it: so it dies later.
        let mishaps = mishaps(&mut random, true);
        let used = |charged: &ChargesSnapshot| tokens(charged) * 100 / TOKENS_PER_MINUTE;
        let outcome = through(&mut fleet, &mut random, mishaps, used).await;
        let (tokens, largest) = (tokens(&outcome.charged), MOST_INPUT + MOST_OUTPUT);
        history.tell(format_args!(
            "used {tokens} of {TOKENS_PER_MINUTE} tokens in {} ms; no reservation is larger than {largest}",
            outcome.took_ms
        ));
        history.must(outcome.took_ms < 60_000, "the run took longer than the window: this run shows nothing");
        history.must(tokens <= TOKENS_PER_MINUTE + largest, "more was used than a minute has");
        history.must(tokens > TOKENS_PER_MINUTE / 2, "the minute was hardly used: this run shows nothing");
        history.must(outcome.seen.refused() > 0, "nobody was ever refused: this run shows nothing");
        over.push(fleet).await;
    }
    over.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn no_more_calls_are_under_way_than_may_be() {
    let mut over = Over::default();
    for seed in crate::seeds() {
        let mut random = Random::new(seed);
        let history = History::new("24 calls at a time", seed);
        let mut fleet = Fleet::start(REPLICAS, Database::Shared, history.clone()).await;
        fleet.limit(&json!({ "concurrent_requests": CONCURRENT })).await;
        let redis_first = random.percent(50);
        let mishaps = mishaps(&mut random, redis_first);
        // Nothing is used up here: so many calls stand for the whole of it.
        let used = |charged: &ChargesSnapshot| (charged.total.answered + charged.total.cancelled) / 4;
        let outcome = through(&mut fleet, &mut random, mishaps, used).await;
        let most = most_wanted(&outcome.seen, &outcome.charged);
        history.tell(format_args!("at most {most} calls were under way that somebody waited for"));
        history
            .must(most <= CONCURRENT, format_args!("{most} calls were under way, and {CONCURRENT} may be"));
        history.must(most > CONCURRENT / 2, "few calls were under way: this run shows nothing");
        history.must(outcome.seen.refused() > 0, "nobody was ever refused: this run shows nothing");
        over.push(fleet).await;
    }
    over.finish().await;
}
