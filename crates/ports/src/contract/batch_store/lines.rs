//! How lines are kept, and how parts end.

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{BatchCounts, JobId, JobState, KeptLine, LeaseToken, Used};

use super::super::at_once;
use super::super::samples::{at, job_id};
use super::{BatchTables, begun, claim, get, job_of, kept, part, try_claim, used};
use crate::{ClaimTerms, LinesKept, PartEnded};

pub(super) async fn all<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn BatchTables>>,
{
    kept_lines_are_counted_at_once_and_read_in_order(&*make().await).await;
    the_first_text_of_a_line_stays(&*make().await).await;
    who_lost_the_lease_keeps_nothing(&*make().await).await;
    a_part_that_comes_on_counts_its_attempts_anew(&*make().await).await;
    the_last_part_wakes_the_batch(&*make().await).await;
    of_parts_that_end_at_once_one_is_the_last(make().await).await;
    many_lines_are_kept_in_one_step(&*make().await).await;
}

/// Lines as they are read back: what they used is in the sum alone.
fn read(line: KeptLine) -> KeptLine {
    KeptLine { used: Used::default(), ..line }
}

async fn kept_lines_are_counted_at_once_and_read_in_order(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let lease = claim(store, 102, part(0).job).await;
    let long = KeptLine { text: String::new(), blob: Some("batches/1/lines/1".to_owned()), ..kept(1, true) };
    let lines = [kept(2, false), long.clone()];
    assert_eq!(store.keep_lines(part(0).job, lease, &lines).await.unwrap(), LinesKept::Kept);
    assert_eq!(get(store, id).await.counts, BatchCounts { total: 4, completed: 1, failed: 1 });
    let found = &store.batch_parts(id).await.unwrap()[0];
    assert_eq!((found.completed, found.failed, found.used, found.state), (1, 1, used(3), JobState::Running));
    let job = part(0).job;
    assert_eq!(store.kept_numbers(job).await.unwrap(), [1, 2]);
    assert_eq!(store.kept_lines(job, 0, 10).await.unwrap(), [read(long.clone()), read(kept(2, false))]);
    assert_eq!(store.kept_lines(job, 0, 1).await.unwrap(), [read(long)]);
    assert_eq!(store.kept_lines(job, 1, 10).await.unwrap(), [read(kept(2, false))]);
    assert!(store.kept_numbers(part(1).job).await.unwrap().is_empty(), "another part's are its own");
}

async fn the_first_text_of_a_line_stays(store: &dyn BatchTables) {
    let id = begun(store, 1).await;
    let lease = claim(store, 102, part(0).job).await;
    let first = kept(1, true);
    let second = KeptLine { text: "another".to_owned(), ..kept(1, false) };
    store.keep_lines(part(0).job, lease, std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(
        store.keep_lines(part(0).job, lease, &[second, kept(2, true)]).await.unwrap(),
        LinesKept::Kept
    );
    assert_eq!(store.kept_lines(part(0).job, 0, 10).await.unwrap(), [read(first), read(kept(2, true))]);
    assert_eq!(get(store, id).await.counts, BatchCounts { total: 2, completed: 2, failed: 0 });
    assert_eq!(store.batch_parts(id).await.unwrap()[0].used, used(3), "nothing is counted twice");
}

async fn who_lost_the_lease_keeps_nothing(store: &dyn BatchTables) {
    let id = begun(store, 1).await;
    let job = part(0).job;
    let terms = ClaimTerms { now: at(102), lease_until: at(150), most_per_team: 100 };
    let (_, lease) = store.claim_job(terms).await.unwrap().unwrap();
    // It ran out, and another took the part.
    let newer = claim(store, 151, job).await;
    assert!(newer > lease);
    assert_eq!(store.keep_lines(job, lease, &[kept(1, true)]).await.unwrap(), LinesKept::Lost);
    assert_eq!(store.finish_part(job, lease, None, None, at(103)).await.unwrap(), PartEnded::Lost);
    assert!(store.kept_numbers(job).await.unwrap().is_empty());
    assert_eq!(get(store, id).await.counts.completed, 0);
    assert_eq!(store.keep_lines(job, newer, &[kept(1, true)]).await.unwrap(), LinesKept::Kept);
    assert_eq!(store.keep_lines(job_id(77), LeaseToken(1), &[kept(1, true)]).await.unwrap(), LinesKept::Lost);
}

async fn a_part_that_comes_on_counts_its_attempts_anew(store: &dyn BatchTables) {
    begun(store, 1).await;
    let job = part(0).job;
    for (second, attempts) in [(102, 1), (112, 2), (122, 2)] {
        let terms = ClaimTerms { now: at(second), lease_until: at(second + 10), most_per_team: 100 };
        let (claimed, lease) = store.claim_job(terms).await.unwrap().unwrap();
        assert_eq!((claimed.id, claimed.attempts), (job, attempts));
        if second == 112 {
            store.keep_lines(job, lease, &[kept(1, true)]).await.unwrap();
        }
    }
    let terms = ClaimTerms { now: at(132), lease_until: at(142), most_per_team: 100 };
    let (claimed, lease) = store.claim_job(terms).await.unwrap().unwrap();
    store.keep_lines(job, lease, &[kept(1, true)]).await.unwrap();
    assert_eq!(claimed.attempts, 3);
    assert_eq!(store.lookup_job(job).await.unwrap().unwrap().attempts, 3, "the line was there before");
}

async fn the_last_part_wakes_the_batch(store: &dyn BatchTables) {
    let id = begun(store, 2).await;
    let leases = [claim(store, 102, part(0).job).await, claim(store, 102, part(1).job).await];
    assert!(try_claim(store, 103).await.is_none(), "the batch waits");
    for (number, lease) in leases.iter().enumerate() {
        let job = part(u32::try_from(number).unwrap()).job;
        let line = 2 * number as u64 + 1;
        store.keep_lines(job, *lease, &[kept(line, true), kept(line + 1, false)]).await.unwrap();
        let ended = store.finish_part(job, *lease, Some("out"), Some("err"), at(104)).await.unwrap();
        assert_eq!(ended, if number == 0 { PartEnded::MoreLeft } else { PartEnded::WasLast });
        assert!(store.kept_numbers(job).await.unwrap().is_empty(), "its lines are in the blobs now");
        assert_eq!(store.finish_part(job, *lease, None, None, at(104)).await.unwrap(), PartEnded::Lost);
    }
    let found = &store.batch_parts(id).await.unwrap()[1];
    assert_eq!(
        (found.state, found.output.as_deref(), found.errors.as_deref()),
        (JobState::Succeeded, Some("out"), Some("err"))
    );
    assert_eq!(get(store, id).await.counts, BatchCounts { total: 4, completed: 2, failed: 2 });
    assert_eq!(job_of(store, id).await.used, used(10), "the sum of its parts");
    claim(store, 105, JobId::new(id.uuid())).await;
}

async fn of_parts_that_end_at_once_one_is_the_last(store: Arc<dyn BatchTables>) {
    const PARTS: u32 = 8;
    begun(&*store, PARTS).await;
    let mut leases = Vec::new();
    for number in 0..PARTS {
        leases.push(claim(&*store, 102, part(number).job).await);
    }
    let ended = at_once(PARTS, |number| {
        let (store, lease) = (Arc::clone(&store), leases[number as usize]);
        async move { store.finish_part(part(number).job, lease, None, None, at(103)).await.unwrap() }
    })
    .await;
    let last = ended.iter().filter(|ended| **ended == PartEnded::WasLast).count();
    assert_eq!((last, ended.contains(&PartEnded::Lost)), (1, false));
}

async fn many_lines_are_kept_in_one_step(store: &dyn BatchTables) {
    let id = begun(store, 1).await;
    let lease = claim(store, 102, part(0).job).await;
    let lines: Vec<_> = (1..=500).map(|line| kept(line, line % 2 == 0)).collect();
    store.keep_lines(part(0).job, lease, &lines).await.unwrap();
    assert_eq!(get(store, id).await.counts, BatchCounts { total: 2, completed: 250, failed: 250 });
    assert_eq!(store.kept_numbers(part(0).job).await.unwrap().len(), 500);
}
