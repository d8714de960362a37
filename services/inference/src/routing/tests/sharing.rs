//! What replicas learn from each other.

use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use outcrop_ports::{PortError, Resting};
use outcrop_types::FailureKind;

use super::*;

const NAME: &str = "us-east-1 vendor.small-v1:0";

/// What all share, and that may be away.
struct Shared {
    health: MemoryTargetHealth,
    away: AtomicBool,
}

impl Shared {
    fn there(&self) -> Result<(), PortError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(PortError::unavailable("ask", "it is away")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl TargetHealth for Shared {
    async fn rest(&self, resting: &Resting) -> Result<(), PortError> {
        self.there()?;
        self.health.rest(resting).await
    }

    async fn recovered(&self, target: &str) -> Result<(), PortError> {
        self.there()?;
        self.health.recovered(target).await
    }

    async fn resting(&self) -> Result<Vec<Resting>, PortError> {
        self.there()?;
        self.health.resting().await
    }

    async fn claim_probe(&self, target: &str, for_how_long: Duration) -> Result<bool, PortError> {
        self.there()?;
        self.health.claim_probe(target, for_how_long).await
    }
}

struct Replicas {
    all: [World; 3],
    shared: Arc<Shared>,
}

fn replicas() -> Replicas {
    let clock = Arc::new(HandClock::default());
    clock.forward(1_000_000);
    let health = MemoryTargetHealth::new(Arc::clone(&clock) as Arc<dyn Clock>);
    let shared = Arc::new(Shared { health, away: AtomicBool::new(false) });
    let all = [(); 3].map(|()| {
        let offers = Offers { all: vec![offer("small")], is_careless: false };
        let names = ["us-east-1", "us-west-2"];
        World::next_to(Arc::clone(&clock), Arc::clone(&shared) as Arc<dyn TargetHealth>, &names, offers)
    });
    Replicas { all, shared }
}

impl Replicas {
    /// Half a second, in which everybody has a call to make and hears of the others.
    async fn round(&self) {
        self.all[0].clock.forward(500);
        self.talk().await;
    }

    /// Everybody tells and hears, in no time.
    async fn talk(&self) {
        for world in self.all.iter().chain(&self.all) {
            world.plan(&asks("small")).unwrap();
            let _ = world.router.round().await;
        }
    }

    fn state(&self, replica: usize) -> Arc<TargetState> {
        self.all[replica].plan(&asks("small")).unwrap();
        state(&self.all[replica], NAME)
    }

    fn fail(&self, replica: usize) {
        for _ in 0..5 {
            self.state(replica).begin().unwrap().failed(FailureKind::Unavailable, None);
        }
    }

    fn probes(&self) -> Vec<Trial> {
        (0..3).filter_map(|it| self.state(it).begin()).collect()
    }
}

#[tokio::test]
async fn what_one_found_to_fail_rests_for_all() {
    let replicas = replicas();
    replicas.round().await;
    replicas.fail(0);
    replicas.round().await;
    assert!(replicas.probes().is_empty());
    assert_eq!(replicas.state(2).resting(), replicas.state(0).resting());
}

#[tokio::test]
async fn one_probe_goes_over_all_replicas_and_its_answer_is_for_all() {
    let replicas = replicas();
    replicas.round().await;
    replicas.fail(1);
    for openings in 1..=3 {
        replicas.talk().await;
        let mut probes = Vec::new();
        for _ in 0..40 {
            replicas.round().await;
            probes.append(&mut replicas.probes());
            if !probes.is_empty() {
                break;
            }
        }
        assert_eq!(probes.len(), 1, "after {openings} openings");
        replicas.round().await;
        assert!(replicas.probes().is_empty(), "while it is under way");
        if openings < 3 {
            probes[0].failed(FailureKind::Unavailable, None);
        } else {
            probes[0].succeeded(Duration::from_millis(5));
        }
    }
    replicas.round().await;
    replicas.round().await;
    assert_eq!(replicas.probes().len(), 3, "it has recovered for everybody");
    assert!(replicas.shared.health.resting().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_probe_that_vanished_with_its_process_is_replaced() {
    let replicas = replicas();
    replicas.round().await;
    replicas.fail(0);
    replicas.all[0].router.round().await.unwrap();
    assert!(
        replicas.shared.claim_probe(NAME, Duration::from_secs(30)).await.unwrap(),
        "by one that vanishes"
    );
    replicas.talk().await;
    for _ in 0..59 {
        replicas.round().await;
        assert!(replicas.probes().is_empty());
    }
    let mut probes = Vec::new();
    for _ in 0..20 {
        replicas.round().await;
        probes.append(&mut replicas.probes());
    }
    assert_eq!(probes.len(), 1, "by one of those who are left");
}

#[tokio::test]
async fn a_pause_that_a_target_asked_for_is_kept_by_all() {
    let replicas = replicas();
    replicas.round().await;
    replicas.state(0).begin().unwrap().failed(FailureKind::Throttled, Some(Duration::from_secs(5)));
    replicas.round().await;
    replicas.round().await;
    assert!(replicas.probes().is_empty());
    replicas.all[0].clock.forward(4_000);
    assert_eq!(replicas.probes().len(), 3, "and is over for all at once");
    replicas.round().await;
    assert_eq!(replicas.probes().len(), 3, "whatever is still told of it");
}

#[tokio::test]
async fn where_nobody_can_be_asked_each_goes_by_what_it_sees() {
    let replicas = replicas();
    replicas.shared.away.store(true, Ordering::SeqCst);
    replicas.round().await;
    replicas.fail(0);
    replicas.round().await;
    assert_eq!(replicas.probes().len(), 2, "the others know nothing of it");
    replicas.round().await;
    let mut probe = replicas.state(0).begin().expect("it tries for itself");
    probe.failed(FailureKind::Unavailable, None);
    // When they can be asked again, what happened meanwhile is told.
    replicas.shared.away.store(false, Ordering::SeqCst);
    replicas.round().await;
    replicas.round().await;
    assert!(replicas.probes().is_empty());
    assert_eq!(replicas.shared.health.resting().await.unwrap()[0].times, 2);
}

#[tokio::test]
async fn a_process_that_begins_believes_what_it_hears() {
    let replicas = replicas();
    replicas.round().await;
    replicas.fail(0);
    replicas.all[0].router.round().await.unwrap();
    assert!(replicas.state(2).begin().is_some());
    replicas.all[2].router.round().await.unwrap();
    assert!(replicas.state(2).begin().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_background_loop_shares_and_ends_when_told() {
    let replicas = replicas();
    replicas.fail(0);
    let stop = tokio_util::sync::CancellationToken::new();
    let look = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(replicas.shared.health.resting().await.unwrap().len(), 1);
        // One that is away for a while is told of it afterwards.
        replicas.shared.away.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(2)).await;
        replicas.state(0).begin_anyway().succeeded(Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(replicas.shared.health.resting().await.unwrap().len(), 1);
        replicas.shared.away.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(replicas.shared.health.resting().await.unwrap().is_empty());
        stop.cancel();
    };
    tokio::join!(replicas.all[0].router.run(&stop), look);
}

#[tokio::test]
async fn who_was_answered_a_moment_ago_asks_last_what_others_find_to_fail() {
    let replicas = replicas();
    replicas.round().await;
    replicas.state(1).begin().unwrap().succeeded(Duration::ZERO);
    replicas.fail(0);
    replicas.talk().await;
    assert!(replicas.state(2).resting().is_some(), "who has seen nothing believes it");
    assert_eq!(replicas.state(1).resting(), None);
    assert_eq!(replicas.all[1].names(&asks("small"))[1], NAME, "it is last");
    // The first failure of its own is enough.
    replicas.state(1).begin().unwrap().failed(FailureKind::Unavailable, None);
    assert!(replicas.state(1).resting().is_some());
}
