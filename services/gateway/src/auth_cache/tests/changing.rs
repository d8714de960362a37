//! What becomes of answers when something changes, and while nobody hears of it.

use futures::stream::{self, BoxStream};
use outcrop_ports::{Heard, PortError};
use outcrop_types::{Change, Subject, TeamId, UserId};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

const MOMENT: Duration = Duration::from_millis(1);

fn token() -> Credential {
    Credential::Token("a.b.c".into())
}

fn id(credential: &Credential) -> outcrop_types::KeyId {
    let Credential::ApiKey(key) = credential else { panic!("no key") };
    key.id().clone()
}

fn log() -> Change {
    Change::Log { filter: Some("debug".into()), until: chrono::DateTime::UNIX_EPOCH }
}

impl Bench {
    fn hear(&self, heard: Heard) {
        self.cache.0.hear(heard);
    }

    fn changed(&self, change: Change) {
        self.hear(Heard::Changed(change));
    }

    /// Whether it is known without asking.
    fn knows(&self, credential: &Credential) -> bool {
        self.cache.recall(credential).is_some()
    }
}

#[tokio::test]
async fn while_changes_are_pushed_an_answer_is_believed_longer() {
    let bench = Bench::new(Says::Good);
    bench.hear(Heard::Linked);
    bench.clock.advance(MOMENT);
    assert_eq!(bench.try_key(1).await, "good");
    bench.clock.advance(PUSHED_TTL / 2);
    assert!(bench.knows(&key(1)));
    bench.settle().await;
    assert_eq!(bench.asked(), 1, "nor is it asked about");
    bench.clock.advance(PUSHED_TTL / 2);
    assert!(!bench.knows(&key(1)));
}

#[tokio::test]
async fn what_was_checked_before_the_link_is_checked_again_soon() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.hear(Heard::Linked);
    assert_eq!(bench.try_key(2).await, "good", "in the same moment is before");
    bench.clock.advance(TTL);
    assert!(!bench.knows(&key(1)) && !bench.knows(&key(2)));
    assert_eq!(bench.try_key(1).await, "good");
    bench.clock.advance(TTL);
    assert!(bench.knows(&key(1)), "from then on it is covered");
}

#[tokio::test]
async fn without_the_link_answers_end_as_if_there_never_was_one() {
    let bench = Bench::new(Says::Good);
    bench.hear(Heard::Linked);
    bench.clock.advance(MOMENT);
    assert_eq!(bench.try_key(1).await, "good");
    bench.clock.advance(TTL / 2);
    assert_eq!(bench.try_key(2).await, "good");
    bench.clock.advance(TTL / 2);
    bench.now_says(Says::Invalid);
    bench.hear(Heard::Unlinked);
    assert_eq!(bench.try_key(1).await, "invalid", "counted from when it was checked");
    assert!(bench.knows(&key(2)));
    // What is missed while there is none is not covered by the next one.
    bench.hear(Heard::Linked);
    bench.clock.advance(TTL / 2);
    assert!(!bench.knows(&key(2)));
}

#[tokio::test]
async fn a_change_removes_what_depends_on_it_and_nothing_else() {
    let caller = service_principal("caller");
    let session = Credential::Session(PresentedKey::generate([9; 16], [9; 86]));
    let all = [key(1), key(2), token(), session];
    for (change, left) in [
        (Change::Key(id(&key(1))), &[1, 2, 3][..]),
        (Change::Session(login()), &[0, 1]),
        (Change::Session(SessionId::new(Uuid::nil())), &[0, 1, 2, 3]),
        (Change::Team(TeamId::new(Uuid::from_u128(5))), &[0, 1, 2, 3]),
        (Change::Subject(Subject::User(UserId::new(Uuid::nil()))), &[0, 1, 2, 3]),
        (log(), &[0, 1, 2, 3]),
        (Change::Team(caller.team), &[]),
        (Change::Subject(caller.subject), &[]),
        (Change::Everything, &[]),
    ] {
        let bench = Bench::new(Says::Good);
        for credential in &all {
            assert_eq!(bench.try_credential(credential).await, "good");
        }
        bench.changed(change.clone());
        let known: Vec<usize> = (0..all.len()).filter(|at| bench.knows(&all[*at])).collect();
        assert_eq!(known, left, "{change:?}");
    }
}

#[tokio::test]
async fn bad_answers_go_unless_another_key_is_meant() {
    for (change, key_known, token_known) in [
        (Change::Key(id(&key(1))), false, false),
        (Change::Key(id(&key(2))), true, false),
        (log(), true, true),
        (Change::Session(login()), false, false),
        (Change::Team(TeamId::new(Uuid::nil())), false, false),
        (Change::Everything, false, false),
    ] {
        let bench = Bench::new(Says::Invalid);
        assert_eq!(bench.try_key(1).await, "invalid");
        assert_eq!(bench.try_credential(&token()).await, "invalid");
        bench.changed(change.clone());
        assert_eq!((bench.knows(&key(1)), bench.knows(&token())), (key_known, token_known), "{change:?}");
    }
}

#[tokio::test]
async fn bad_answers_are_not_believed_longer_than_without_the_link() {
    let bench = Bench::new(Says::Invalid);
    bench.hear(Heard::Linked);
    bench.clock.advance(MOMENT);
    assert_eq!(bench.try_credential(&token()).await, "invalid");
    bench.clock.advance(TTL);
    bench.now_says(Says::Good);
    assert_eq!(bench.try_credential(&token()).await, "good", "its issuer's new key is known by now");
}

#[tokio::test]
async fn an_answer_that_a_change_overtakes_is_neither_kept_nor_told() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let asking = key(1);
    let mut waiting = Box::pin(bench.try_credential(&asking));
    assert!(futures::poll!(&mut waiting).is_pending());
    bench.settle().await;
    assert_eq!(bench.asked(), 1);
    // The authenticator has read the key as good; now it is revoked.
    bench.changed(Change::Key(id(&key(1))));
    bench.scripted.answers.add_permits(1);
    let answered = async {
        while bench.asked() < 2 {
            assert!(futures::poll!(&mut waiting).is_pending());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), answered).await.unwrap();
    assert!(!bench.knows(&key(1)));
    bench.now_says(Says::Invalid);
    bench.scripted.answers.add_permits(1);
    assert_eq!(waiting.await, "invalid");
    assert!(bench.cache.0.flights.is_empty());
}

#[tokio::test]
async fn an_answer_that_another_change_overtakes_is_kept() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let flight = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    bench.settle().await;
    bench.changed(Change::Key(id(&key(2))));
    bench.scripted.answers.add_permits(1);
    assert!(flight.await.unwrap().unwrap().is_ok());
    assert!(bench.knows(&key(1)));
}

#[tokio::test]
async fn nobody_joins_a_check_from_before_a_change() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let first = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    bench.changed(Change::Everything);
    let second = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    assert!(!second.ptr_eq(&first));
    bench.scripted.answers.add_permits(2);
    assert!(first.await.unwrap().is_none(), "outdated");
    assert!(second.await.unwrap().unwrap().is_ok());
    assert!(bench.cache.0.flights.is_empty());
}

#[tokio::test]
async fn what_changes_without_end_cannot_be_told() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let asking = key(1);
    let mut waiting = Box::pin(bench.try_credential(&asking));
    for round in 1..=MAX_CHECKS {
        while bench.asked() < round {
            assert!(futures::poll!(&mut waiting).is_pending());
            tokio::task::yield_now().await;
        }
        bench.changed(Change::Everything);
        bench.scripted.answers.add_permits(1);
    }
    assert_eq!(waiting.await, "unknown", "never a 401, and not for ever");
}

#[tokio::test]
async fn a_changed_key_has_no_grace_while_the_store_is_away() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.now_says(Says::Away);
    bench.changed(Change::Key(id(&key(1))));
    assert_eq!(bench.try_key(1).await, "unknown");
}

/// Says what a test sends.
struct Bus(Mutex<Option<mpsc::Receiver<Heard>>>);

#[async_trait]
impl Changes for Bus {
    async fn announce(&self, _: &Change) -> Result<(), PortError> {
        Ok(())
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        let receiver = self.0.lock().unwrap().take().expect("one listener");
        stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) }).boxed()
    }
}

#[tokio::test]
async fn it_listens_until_it_is_stopped_and_relies_on_nothing_afterwards() {
    let bench = Bench::new(Says::Good);
    let (to, from) = mpsc::channel(8);
    let changes = Arc::new(Bus(Mutex::new(Some(from))));
    let options = bench.cache.0.options.clone();
    let cache = AuthCache::new(options, bench.scripted.clone(), changes, bench.clock.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (cache, stop) = (cache.clone(), stop.clone());
        async move { cache.run(stop).await }
    });
    to.send(Heard::Linked).await.unwrap();
    bench.settle().await;
    bench.clock.advance(MOMENT);
    for seed in [1, 2] {
        assert!(cache.authenticate(&key(seed)).await.is_ok());
    }
    bench.clock.advance(TTL);
    to.send(Heard::Changed(Change::Key(id(&key(1))))).await.unwrap();
    bench.settle().await;
    assert!(cache.recall(&key(1)).is_none());
    assert!(cache.recall(&key(2)).is_some(), "it is linked");
    stop.cancel();
    running.await.unwrap();
    assert!(cache.recall(&key(2)).is_none());
}
