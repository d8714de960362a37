//! Calls that are begun, ended and cut off.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outcrop_ports::{Hold, Kind, Meter, Window};
use outcrop_types::{Cost, Money, Outcome, TokenUsage, UsageId, UsageRecord};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::segment::{self, Told};
use super::ship::Shipper;
use super::tests::{files_in, open, ship};
use super::*;
use crate::fixtures::{TestLedger, usage_record};

/// The record that a call leaves if its process dies.
fn lost(number: u128) -> UsageRecord {
    UsageRecord {
        outcome: Outcome::Lost,
        estimated: true,
        tokens: TokenUsage { input: 100, output: 1_000, ..TokenUsage::default() },
        cost: Some(Cost { usd: Money::from_nano_usd(7), saved_nano_usd: 0, price: "m/1".into() }),
        ..usage_record(number)
    }
}

fn hold(number: u128) -> Hold {
    let meter = Meter {
        name: "team:1".into(),
        kind: Kind::Tokens,
        window: Window::Open,
        limit: 9_000,
        amount: 1_100,
    };
    Hold { call: Uuid::from_u128(number), at_ms: 5, meters: vec![meter] }
}

fn begin(spool: &Spool, number: u128) {
    spool.begin(&lost(number), Some(&hold(number))).unwrap();
}

fn id(number: u128) -> UsageId {
    UsageId::new(Uuid::from_u128(number))
}

#[tokio::test]
async fn a_call_that_its_process_did_not_outlive_counts_as_reserved() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let killed = open(&root, "a");
    (1..=3).for_each(|number| begin(&killed, number));
    killed.append(&usage_record(1));
    killed.void(id(2));
    drop(killed);

    let spool = open(&root, "b");
    ledger.set_away(true);
    assert!(!ship(&spool, &ledger).await);
    let caught_up = tokio::time::timeout(Duration::from_millis(20), spool.caught_up()).await;
    assert!(caught_up.is_err(), "the ledger does not have it yet");
    ledger.set_away(false);
    assert!(ship(&spool, &ledger).await);
    spool.caught_up().await;
    let mut records = ledger.records.lock().unwrap().clone();
    records.sort_by_key(|it| it.id);
    assert_eq!(records, [usage_record(1), lost(3)]);

    let mut holds = spool.found_calls().await;
    holds.sort_by_key(|(hold, _)| hold.call);
    let used = |record: UsageRecord| Used { tokens: record.tokens, cost: record.cost };
    let expected = [(hold(1), used(usage_record(1))), (hold(2), Used::nothing()), (hold(3), used(lost(3)))];
    assert_eq!(holds, expected);
    assert!(spool.found_calls().await.is_empty(), "once");
}

#[tokio::test]
async fn nothing_is_waited_for_where_nothing_was_found() {
    let root = TempDir::new().unwrap();
    let spool = open(&root, "a");
    spool.caught_up().await;
    assert!(spool.found_calls().await.is_empty());
}

#[tokio::test]
async fn who_waits_for_what_was_shipped_waits_for_a_round_of_its_own() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    assert!(ship(&spool, &ledger).await);
    let mut shipped = std::pin::pin!(spool.shipped());
    assert!(futures::poll!(&mut shipped).is_pending(), "that was before");
    spool.append(&usage_record(1));
    assert!(ship(&spool, &ledger).await);
    assert!(shipped.await);
    assert_eq!(ledger.records.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_ledger_refuses_is_not_waited_for() {
    let ledger = TestLedger { refuses: Some(id(1)), ..TestLedger::default() };
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(ledger));
    open(&root, "a").append(&usage_record(1));
    let spool = open(&root, "b");
    assert!(!ship(&spool, &ledger).await);
    spool.caught_up().await;
}

#[tokio::test]
async fn a_long_call_keeps_no_old_segments_and_is_not_forgotten() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, Duration::from_millis(10));
    begin(&spool, 1);
    for number in 2..12_000 {
        begin(&spool, number);
        spool.append(&usage_record(number));
        if number % 1_000 == 0 {
            shipper.round().await;
        }
    }
    shipper.round().await;
    shipper.round().await;
    assert!(files_in(&root.path().join("a")).len() <= 2, "{:?}", files_in(&root.path().join("a")));
    assert!(spool.bytes.load(Ordering::Relaxed) < 10_000);
    drop((spool, shipper));

    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    let records = ledger.records.lock().unwrap();
    assert_eq!(records.len(), 11_999);
    let ends: Vec<_> = records.iter().filter(|it| it.outcome == Outcome::Lost).map(|it| it.id).collect();
    assert_eq!(ends, [id(1)]);
}

/// A call as it is marked when another target is tried.
fn elsewhere(number: u128) -> UsageRecord {
    UsageRecord {
        attempt: 2,
        region: "eu-central-1".into(),
        account: Some("batch".parse().unwrap()),
        ..lost(number)
    }
}

#[tokio::test]
async fn a_call_that_went_on_elsewhere_was_lost_there() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let killed = open(&root, "a");
    for number in 1..=3 {
        begin(&killed, number);
        killed.moved(&elsewhere(number), Some(&hold(number)));
    }
    killed.void(id(1));
    killed.append(&usage_record(2));
    drop(killed);

    let spool = open(&root, "b");
    assert!(ship(&spool, &ledger).await);
    let mut records = ledger.records.lock().unwrap().clone();
    records.sort_by_key(|it| it.id);
    assert_eq!(records, [usage_record(2), elsewhere(3)]);
    let mut held: Vec<_> = spool.found_calls().await.into_iter().map(|(hold, _)| hold.call).collect();
    held.sort_unstable();
    assert_eq!(held, [1, 2, 3].map(Uuid::from_u128), "each once");
}

#[tokio::test]
async fn the_end_of_a_call_that_went_on_elsewhere_waits_for_both_of_its_marks() {
    let root = TempDir::new().unwrap();
    let spool = open(&root, "a");
    begin(&spool, 1);
    spool.close(1);
    spool.moved(&elsewhere(1), None);
    spool.close(2);
    spool.void(id(1));
    spool.close(3);
    assert!(!spool.release(3, |_, _| true));
    assert!(spool.release(2, |_, _| true));
    spool.discard(2).unwrap();
    assert!(!spool.release(3, |_, _| true), "the first mark is still there");
    assert!(spool.release(1, |_, _| true));
    spool.discard(1).unwrap();
    assert!(spool.release(3, |_, _| true));
}

#[tokio::test]
async fn an_end_waits_for_its_mark_to_go_first() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    begin(&spool, 1);
    spool.close(1);
    spool.void(id(1));
    spool.close(2);
    assert!(!spool.release(2, |_, _| true));
    assert!(!spool.release(1, |_, _| false), "the end is not shipped yet");
    assert!(spool.release(1, |_, _| true));
    spool.discard(1).unwrap();
    assert!(spool.release(2, |_, _| true));
    assert!(ship(&spool, &ledger).await);
    assert!(ledger.numbers().is_empty());
    assert_eq!(files_in(&root.path().join("a")), ["lock"]);
}

#[tokio::test]
async fn a_mark_that_the_disk_refuses_stops_further_calls_and_loses_nothing() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    fs::create_dir(spool.folder.segment(1)).unwrap();
    assert!(spool.begin(&lost(1), None).is_err());
    assert!(!spool.has_room());
    // One that was made before, or is written when its mark is not, is kept all the same.
    spool.append(&usage_record(1));
    fs::remove_dir(spool.folder.segment(1)).unwrap();
    assert!(ship(&spool, &ledger).await);
    assert!(spool.has_room());
    assert_eq!(ledger.numbers(), [1]);
}

#[tokio::test]
async fn a_full_disk_gets_room_and_the_mark_is_written_again() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    begin(&spool, 1);
    spool.close(1);
    fs::create_dir(spool.folder.segment(2)).unwrap();
    assert!(spool.release(1, |_, _| true));
    spool.discard(1).unwrap();
    assert!(!spool.has_room());
    fs::remove_dir(spool.folder.segment(2)).unwrap();
    assert!(ship(&spool, &ledger).await);
    assert!(spool.has_room());
    drop(spool);
    assert!(ship(&open(&root, "b"), &ledger).await);
    assert_eq!(*ledger.records.lock().unwrap(), [lost(1)]);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_does_not() {
    let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
    let spool = open(&root, "a");
    let hour = Duration::from_secs(3_600);
    let mut shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&ledger) as _, hour);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let running = tokio::spawn(async move { shipper.run(&stopped).await });
    spool.append(&usage_record(1));
    spool.ship_now();
    let begun = tokio::time::Instant::now();
    while ledger.numbers().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    stop.cancel();
    running.await.unwrap();
}

/// How much longer a call takes for its mark. Prints it; what it is depends on the machine.
#[test]
fn a_mark_costs_microseconds() {
    let root = TempDir::new().unwrap();
    let spool = open(&root, "a");
    let begun = Instant::now();
    (1..=10_000).for_each(|number| begin(&spool, number));
    let each = begun.elapsed() / 10_000;
    println!("a mark: {each:?}");
    assert!(each < Duration::from_millis(2), "{each:?}");
}

/// What may happen to a spool.
#[derive(Debug, Clone)]
enum Step {
    Begin,
    /// Ends one of the calls under way: with a record, or at no cost.
    End {
        which: usize,
        free: bool,
    },
    Ship,
    /// The ledger is away, or back.
    Away(bool),
    /// The process dies. So much of what it wrote last never reached the disk.
    Kill {
        cut: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Begin),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, free)| Step::End { which, free }),
        2 => Just(Step::Ship),
        1 => any::<bool>().prop_map(Step::Away),
        1 => prop_oneof![Just(0), 0_u64..4_000].prop_map(|cut| Step::Kill { cut }),
    ]
}

/// How a call has ended, as far as it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Ended,
    Free,
    /// Its process did not outlive it.
    Lost,
    /// What was written of it last never reached the disk.
    Torn,
}

/// What happens to a spool and its successors, beside a list of what became of each call.
struct World {
    root: TempDir,
    /// Taken when its process dies.
    process: Option<(Arc<Spool>, Shipper)>,
    ledger: Arc<TestLedger>,
    generation: u32,
    fates: BTreeMap<u128, Fate>,
    /// Where ends were written: segment and offset behind them.
    ends: HashMap<u128, (u64, u64)>,
}

impl World {
    fn new() -> Self {
        let (root, ledger) = (TempDir::new().unwrap(), Arc::new(TestLedger::default()));
        let (fates, ends) = (BTreeMap::new(), HashMap::new());
        let mut this = Self { root, process: None, ledger, generation: 0, fates, ends };
        this.start();
        this
    }

    /// Few frames for each segment, so that calls reach over several.
    fn start(&mut self) {
        self.generation += 1;
        let instance = format!("p{}", self.generation);
        let mut spool = Spool::open(self.root.path().to_owned(), &instance, 1 << 30).unwrap();
        spool.segment_bytes = 4_000;
        let spool = Arc::new(spool);
        let shipper = Shipper::new(Arc::clone(&spool), Arc::clone(&self.ledger) as _, Duration::ZERO);
        self.process = Some((spool, shipper));
    }

    fn spool(&self) -> &Spool {
        &self.process.as_ref().unwrap().0
    }

    fn open_calls(&self) -> Vec<u128> {
        self.fates.iter().filter(|(_, fate)| **fate == Fate::Open).map(|(number, _)| *number).collect()
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Begin => {
                let number = self.fates.len() as u128 + 1;
                begin(self.spool(), number);
                self.fates.insert(number, Fate::Open);
            }
            Step::End { which, free } => self.end(which, free),
            Step::Ship => {
                self.process.as_mut().unwrap().1.round().await;
            }
            Step::Away(away) => self.ledger.set_away(away),
            Step::Kill { cut } => self.kill(cut),
        }
    }

    fn end(&mut self, which: usize, free: bool) {
        let open = self.open_calls();
        if open.is_empty() {
            return;
        }
        let number = open[which % open.len()];
        let spool = self.spool();
        if free {
            spool.void(id(number))
        } else {
            spool.append(&usage_record(number))
        }
        let place = spool.lock().active.as_ref().map(|it| (it.sequence, it.bytes)).unwrap();
        self.fates.insert(number, if free { Fate::Free } else { Fate::Ended });
        self.ends.insert(number, place);
    }

    /// The process dies in the middle of calls, and another one comes.
    fn kill(&mut self, cut: u64) {
        let active = self.spool().lock().active.as_ref().map(|it| (it.sequence, it.bytes));
        if let Some((sequence, bytes)) = active {
            let kept = bytes.saturating_sub(cut);
            let file = File::options().write(true).open(self.spool().folder.segment(sequence)).unwrap();
            file.set_len(kept).unwrap();
            for (number, (segment, end)) in self.ends.drain() {
                if segment == sequence && end > kept {
                    self.fates.insert(number, Fate::Torn);
                }
            }
        }
        let marked = self.marked();
        for number in self.open_calls() {
            assert!(cut > 0 || marked.contains(&number), "the mark of call {number} is gone");
            self.fates.insert(number, if marked.contains(&number) { Fate::Lost } else { Fate::Torn });
        }
        self.process = None;
        self.start();
    }

    /// Calls whose marks stand in some file of this process.
    fn marked(&self) -> Vec<u128> {
        let mut marked = Vec::new();
        for entry in fs::read_dir(self.spool().folder.segment(1).parent().unwrap()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
            segment::each(&bytes, |told| {
                if let Told::Begun(mark) = told {
                    marked.push(mark.record.id.uuid().as_u128());
                }
            });
        }
        marked
    }

    async fn check(mut self) {
        self.ledger.set_away(false);
        self.kill(0);
        for _ in 0..3 {
            assert!(self.process.as_mut().unwrap().1.round().await);
        }
        let records = self.ledger.records.lock().unwrap().clone();
        for (number, fate) in &self.fates {
            let own: Vec<_> = records.iter().filter(|it| it.id == id(*number)).collect();
            match fate {
                Fate::Ended => assert_eq!(own, [&usage_record(*number)], "call {number}"),
                Fate::Lost => assert_eq!(own, [&lost(*number)], "call {number}"),
                Fate::Free => assert!(own.is_empty(), "call {number} cost nothing: {own:?}"),
                Fate::Torn => assert!(own.len() <= 1, "call {number}"),
                Fate::Open => panic!("call {number} is under way in no process"),
            }
        }
        let left = files_in(self.spool().folder.segment(1).parent().unwrap());
        assert!(left.len() <= 2, "everything has arrived, and these are left: {left:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, what has ended ends once and as it did, and what was under way is there, once.
    #[test]
    fn every_call_is_recorded_once(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
            world.check().await;
        });
    }
}
