//! What every [`Changes`] keeps.
//!
//! In real time, because a bus may be a server; others may announce on the same one meanwhile. Listening takes a
//! moment to begin, so the suite announces something again and again until it is heard.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use futures::StreamExt;
use futures::stream::BoxStream;
use outcrop_types::{Change, PresentedKey, ServiceAccountId, SessionId, Subject, TeamId, UserId};
use uuid::Uuid;

use crate::{Changes, Heard};

/// Long enough for what was announced to be heard on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// How long one announcement is given before the next.
const MOMENT: Duration = Duration::from_millis(100);

/// Runs the suite. What `make` gives reaches each other.
pub async fn changes<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    every_kind_of_change_reaches_everybody(&make).await;
    changes_are_heard_in_order(&make).await;
    nobody_hears_what_was_before(&make).await;
    a_listener_that_leaves_disturbs_nobody(&make).await;
    nobody_need_listen(&make).await;
}

#[expect(clippy::disallowed_methods, reason = "a bus may be a server that others use too")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

fn session() -> Change {
    Change::Session(SessionId::new(fresh()))
}

/// Somebody who listens already.
struct Ear(BoxStream<'static, Heard>);

impl Ear {
    /// Listens to `there`, and waits until what `here` announces is heard; gives what was heard before.
    async fn opened(there: &dyn Changes, here: &dyn Changes) -> (Self, Vec<Change>) {
        let mut ear = Self(there.listen());
        let mut before = Vec::new();
        let begun = async {
            loop {
                let sound = session();
                here.announce(&sound).await.unwrap();
                if tokio::time::timeout(MOMENT, ear.until(&sound, &mut before)).await.is_ok() {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, begun).await.expect("a listener hears");
        (ear, before)
    }

    async fn open(there: &dyn Changes, here: &dyn Changes) -> Self {
        Self::opened(there, here).await.0
    }

    /// Listens until this change is heard, and notes what is before.
    async fn until(&mut self, last: &Change, before: &mut Vec<Change>) {
        loop {
            match self.0.next().await.expect("it has no end") {
                Heard::Changed(change) if change == *last => return,
                Heard::Changed(change) => before.push(change),
                Heard::Linked | Heard::Unlinked => {}
            }
        }
    }

    async fn soon(&mut self, last: &Change) -> Vec<Change> {
        let mut before = Vec::new();
        let heard = tokio::time::timeout(SOON, self.until(last, &mut before)).await;
        heard.unwrap_or_else(|_| panic!("{last:?} is not heard"));
        before
    }
}

async fn every_kind_of_change_reaches_everybody<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    let (here, there) = (make().await, make().await);
    let mut ears = [Ear::open(&*here, &*here).await, Ear::open(&*there, &*here).await];
    let mut second = Ear::open(&*there, &*here).await;
    let key = PresentedKey::generate(*fresh().as_bytes(), [0; 86]);
    for change in [
        Change::Key(key.id().clone()),
        Change::Subject(Subject::User(UserId::new(fresh()))),
        Change::Subject(Subject::ServiceAccount(ServiceAccountId::new(fresh()))),
        Change::Team(TeamId::new(fresh())),
        session(),
        Change::Log { filter: Some("info,outcrop=debug".into()), until: DateTime::UNIX_EPOCH },
        Change::Log { filter: None, until: DateTime::UNIX_EPOCH },
        Change::Everything,
    ] {
        here.announce(&change).await.unwrap();
        for ear in &mut ears {
            ear.soon(&change).await;
        }
        second.soon(&change).await;
    }
}

async fn changes_are_heard_in_order<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    let (here, there) = (make().await, make().await);
    let mut ear = Ear::open(&*there, &*here).await;
    let announced: Vec<Change> = (0..100).map(|_| session()).collect();
    for change in &announced {
        here.announce(change).await.unwrap();
    }
    let last = session();
    here.announce(&last).await.unwrap();
    let mut heard = ear.soon(&last).await;
    heard.retain(|change| announced.contains(change));
    assert_eq!(heard, announced);
}

async fn nobody_hears_what_was_before<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    let (here, there) = (make().await, make().await);
    let before = session();
    here.announce(&before).await.unwrap();
    let (_, heard) = Ear::opened(&*there, &*here).await;
    assert!(!heard.contains(&before), "{heard:?}");
}

async fn a_listener_that_leaves_disturbs_nobody<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    let bus = make().await;
    let leaves = Ear::open(&*bus, &*bus).await;
    let mut stays = Ear::open(&*bus, &*bus).await;
    drop(leaves);
    let change = session();
    bus.announce(&change).await.unwrap();
    stays.soon(&change).await;
}

async fn nobody_need_listen<F, Fut>(make: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Changes>>,
{
    make().await.announce(&session()).await.unwrap();
}
