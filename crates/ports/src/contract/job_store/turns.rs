//! Whose turn it is.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Job, JobId, JobKind, Priority, TeamId};

use super::super::{
    at_once,
    samples::{at, job, job_id, team_id},
};
use super::{answered, claim, later, next, put, submit, terms};
use crate::{JobStore, TeamDue};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn JobStore>>,
{
    of_a_team_the_urgent_go_first_then_the_old(&*make().await).await;
    what_was_put_off_takes_its_turn_when_it_is_due(&*make().await).await;
    a_batch_goes_before_its_teams_other_work(&*make().await).await;
    the_team_with_least_running_goes_first(&*make().await).await;
    teams_that_run_as_much_take_turns(&*make().await).await;
    many_jobs_of_one_team_keep_no_other_waiting(&*make().await).await;
    no_team_goes_past_its_most(&*make().await).await;
    no_team_goes_past_its_most_at_once(make().await).await;
    what_lost_its_worker_does_not_count_as_running(&*make().await).await;
    teams_that_wait_are_listed(&*make().await).await;
}

fn with_priority(number: u32, priority: Priority) -> Job {
    Job { priority, ..job(number, team_id(1)) }
}

fn batch(number: u32, team: TeamId) -> Job {
    Job { kind: JobKind::Batch, ..job(number, team) }
}

async fn order(store: &dyn JobStore, now: i64) -> Vec<JobId> {
    let mut ids = Vec::new();
    while let Some(id) = next(store, now).await {
        ids.push(id);
    }
    ids
}

async fn of_a_team_the_urgent_go_first_then_the_old(store: &dyn JobStore) {
    use Priority::{High, Low, Normal};
    for (number, priority) in [(3, Low), (2, Normal), (6, High), (1, Normal), (5, High), (4, Low)] {
        put(store, with_priority(number, priority)).await;
    }
    assert_eq!(order(store, 10).await, [5, 6, 1, 2, 3, 4].map(job_id));
}

async fn what_was_put_off_takes_its_turn_when_it_is_due(store: &dyn JobStore) {
    for number in 1..=2 {
        submit(store, number).await;
        let (job, lease) = claim(store, 10, 20).await;
        store.finish_job(job.id, lease, &later(50 + i64::from(number)), at(12)).await.unwrap();
    }
    submit(store, 3).await;
    put(store, with_priority(4, Priority::High)).await;
    assert_eq!(next(store, 40).await, Some(job_id(4)));
    assert_eq!(next(store, 51).await, Some(job_id(1)), "older than the third");
    assert_eq!(next(store, 51).await, Some(job_id(3)), "the second is not due");
    assert_eq!(next(store, 51).await, None);
    assert_eq!(next(store, 52).await, Some(job_id(2)));
}

async fn a_batch_goes_before_its_teams_other_work(store: &dyn JobStore) {
    put(store, with_priority(1, Priority::High)).await;
    put(store, batch(2, team_id(1))).await;
    assert_eq!(order(store, 10).await, [2, 1].map(job_id));
}

async fn the_team_with_least_running_goes_first(store: &dyn JobStore) {
    for number in 1..=4 {
        submit(store, number).await;
    }
    // The first team runs one more than the second from here on.
    assert_eq!(next(store, 10).await, Some(job_id(1)));
    put(store, job(11, team_id(2))).await;
    put(store, job(12, team_id(2))).await;
    assert_eq!(next(store, 11).await, Some(job_id(11)));
    let taken = [next(store, 12).await, next(store, 13).await];
    assert!(taken.contains(&Some(job_id(2))) && taken.contains(&Some(job_id(12))), "{taken:?}");
    assert_eq!(next(store, 14).await, Some(job_id(3)), "all that is left");
}

async fn teams_that_run_as_much_take_turns(store: &dyn JobStore) {
    for team in 1..=3 {
        for number in 1..=3 {
            put(store, job(team * 10 + number, team_id(team))).await;
        }
    }
    let mut teams = Vec::new();
    for now in 100..109 {
        let (job, lease) = claim(store, now, 1_000).await;
        teams.push(job.principal.team);
        store.finish_job(job.id, lease, &answered(200), at(now)).await.unwrap();
    }
    for round in teams.chunks(3) {
        let mut round = round.to_vec();
        round.sort();
        assert_eq!(round, [1, 2, 3].map(team_id), "{teams:?}");
    }
}

async fn many_jobs_of_one_team_keep_no_other_waiting(store: &dyn JobStore) {
    for number in 1..=100 {
        submit(store, number).await;
    }
    for now in 200..210 {
        assert!(next(store, now).await.is_some());
    }
    put(store, job(200, team_id(2))).await;
    assert_eq!(next(store, 210).await, Some(job_id(200)));
}

async fn no_team_goes_past_its_most(store: &dyn JobStore) {
    for number in 1..=4 {
        submit(store, number).await;
    }
    let mut leases = Vec::new();
    for _ in 0..2 {
        leases.push(store.claim_job(terms(10, 1_000, 2)).await.unwrap().unwrap());
    }
    assert_eq!(store.claim_job(terms(10, 1_000, 2)).await.unwrap(), None);
    put(store, job(10, team_id(2))).await;
    put(store, batch(11, team_id(1))).await;
    let mut others = Vec::new();
    while let Some((job, _)) = store.claim_job(terms(11, 1_000, 2)).await.unwrap() {
        others.push(job.id);
    }
    others.sort();
    assert_eq!(others, [10, 11].map(job_id), "another team's, and a batch as a whole");
    let (job, lease) = leases.remove(0);
    store.finish_job(job.id, lease, &answered(200), at(12)).await.unwrap();
    assert_eq!(store.claim_job(terms(12, 1_000, 2)).await.unwrap().unwrap().0.id, job_id(3));
    assert_eq!(store.claim_job(terms(12, 1_000, 2)).await.unwrap(), None);
}

async fn no_team_goes_past_its_most_at_once(store: Arc<dyn JobStore>) {
    for number in 1..=20 {
        submit(&*store, number).await;
    }
    let results = at_once(10, |_| {
        let store = Arc::clone(&store);
        async move { store.claim_job(terms(30, 40, 4)).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().flatten().count(), 4, "{results:?}");
}

async fn what_lost_its_worker_does_not_count_as_running(store: &dyn JobStore) {
    for number in 1..=2 {
        submit(store, number).await;
    }
    store.claim_job(terms(10, 20, 1)).await.unwrap().unwrap();
    assert_eq!(store.claim_job(terms(19, 40, 1)).await.unwrap(), None);
    assert_eq!(store.claim_job(terms(20, 40, 1)).await.unwrap().unwrap().0.id, job_id(1), "it is the older");
    assert_eq!(store.claim_job(terms(21, 40, 1)).await.unwrap(), None);
}

async fn teams_that_wait_are_listed(store: &dyn JobStore) {
    let team =
        |number: u32, running, batch, urgent| TeamDue { team: team_id(number), running, batch, urgent };
    assert_eq!(store.teams_due(at(10), 10).await.unwrap(), []);
    submit(store, 1).await;
    submit(store, 2).await;
    claim(store, 10, 1_000).await;
    put(store, with_priority(3, Priority::Low)).await;
    put(store, batch(4, team_id(2))).await;
    put(store, Job { priority: Priority::High, ..job(5, team_id(3)) }).await;
    let due = [
        team(2, 0, true, None),
        team(3, 0, false, Some(Priority::High)),
        team(1, 1, false, Some(Priority::Normal)),
    ];
    assert_eq!(store.teams_due(at(11), 10).await.unwrap(), due);
    assert_eq!(store.teams_due(at(11), 1).await.unwrap(), due[..1]);
}
