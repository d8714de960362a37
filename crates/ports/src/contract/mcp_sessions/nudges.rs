//! Nudges: what happens is heard everywhere.
//!
//! Listening takes a moment to begin, so the suite does something again and again until it is heard.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::{LONG, bytes, opened, stream, streaming};
use crate::{McpNudge, McpSessionKey, McpSessions};

/// Long enough for what happened to be heard on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// How long one letter is given before the next.
const MOMENT: Duration = Duration::from_millis(100);

/// Sessions in which something happens before a listener falls behind for sure.
const MANY: usize = 5_000;

pub(super) async fn suite(here: &Arc<dyn McpSessions>, there: &Arc<dyn McpSessions>) {
    everything_is_heard_everywhere(&**here, &**there).await;
    what_is_heard_is_there_to_be_read(&**here, &**there).await;
    a_listener_that_leaves_disturbs_nobody(&**here).await;
    whoever_is_behind_is_told_so(&**here, &**there).await;
}

/// Somebody who listens already.
struct Ear(BoxStream<'static, McpNudge>);

impl Ear {
    /// Listens to `there`, and waits until what happens `here` is heard.
    async fn open(there: &dyn McpSessions, here: &dyn McpSessions) -> Self {
        let mut ear = Self(there.nudges());
        let begun = async {
            loop {
                // Another each time, so that none of before is taken for it later.
                let (key, _) = opened(here, LONG).await;
                assert!(here.post(&key, bytes("sound")).await.unwrap());
                if tokio::time::timeout(MOMENT, ear.until(McpNudge::Session(key))).await.is_ok() {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, begun).await.expect("a listener hears");
        ear
    }

    async fn until(&mut self, expected: McpNudge) {
        while self.0.next().await.expect("it has no end") != expected {}
    }

    async fn soon(&mut self, expected: McpNudge) {
        let heard = tokio::time::timeout(SOON, self.until(expected)).await;
        heard.unwrap_or_else(|_| panic!("{expected:?} is not heard"));
    }

    async fn hears(&mut self, key: &McpSessionKey) {
        self.soon(McpNudge::Session(*key)).await;
    }
}

async fn everything_is_heard_everywhere(here: &dyn McpSessions, there: &dyn McpSessions) {
    let mut ears = [Ear::open(here, here).await, Ear::open(there, here).await, Ear::open(there, here).await];
    let (key, owner) = opened(here, LONG).await;
    let stream = stream();
    assert!(here.open_stream(&key, stream, LONG).await.unwrap());
    for what in 0..4 {
        match what {
            0 => assert!(here.post(&key, bytes("letter")).await.unwrap()),
            1 => assert!(here.append(&key, stream, bytes("event"), false).await.unwrap().is_some()),
            2 => assert!(here.append(&key, stream, bytes("answer"), true).await.unwrap().is_some()),
            _ => assert!(here.close(&key, &owner).await.unwrap()),
        }
        for ear in &mut ears {
            ear.hears(&key).await;
        }
    }
}

async fn what_is_heard_is_there_to_be_read(here: &dyn McpSessions, there: &dyn McpSessions) {
    let mut ear = Ear::open(there, here).await;
    let (key, stream) = streaming(here).await;
    for number in 1..=20 {
        let (appended, ()) = tokio::join!(here.append(&key, stream, bytes("event"), false), ear.hears(&key));
        assert_eq!(appended.unwrap(), Some(number));
        let page = there.read(&key, stream, number - 1, 9).await.unwrap().unwrap();
        assert_eq!(page.events, [(number, bytes("event"))]);
    }
}

async fn a_listener_that_leaves_disturbs_nobody(sessions: &dyn McpSessions) {
    let leaves = Ear::open(sessions, sessions).await;
    let mut stays = Ear::open(sessions, sessions).await;
    drop(leaves);
    let (key, _) = opened(sessions, LONG).await;
    assert!(sessions.post(&key, bytes("letter")).await.unwrap());
    stays.hears(&key).await;
}

async fn whoever_is_behind_is_told_so(here: &dyn McpSessions, there: &dyn McpSessions) {
    let mut behind = Ear::open(there, here).await;
    let (key, _) = opened(here, LONG).await;
    let letters = (0..MANY).map(|_| here.post(&key, bytes("letter")));
    let posted: Vec<_> = futures::stream::iter(letters).buffer_unordered(100).collect().await;
    assert!(posted.into_iter().all(|posted| posted.unwrap()));
    behind.soon(McpNudge::Missed).await;
    // And hears again what happens then.
    let caught_up = async {
        loop {
            let (key, _) = opened(here, LONG).await;
            assert!(here.post(&key, bytes("letter")).await.unwrap());
            if tokio::time::timeout(MOMENT, behind.until(McpNudge::Session(key))).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, caught_up).await.expect("it hears again");
}
