//! Two that were told the same answer the same, whatever that was.

use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{LONG, fresh, key};
use crate::{McpOpened, McpSessionKey, McpSessions, McpStreamId};

/// How often a failing story is made smaller.
const SHRINKS: u32 = 500;

const SESSIONS: usize = 5;
const OWNERS: usize = 2;
const STREAMS: usize = 5;

/// What happens next. What is to last does, and what is not is over at once, so that no story depends on time.
#[derive(Debug, Clone)]
enum Step {
    Open { session: usize, owner: usize, lasts: bool },
    Touch { session: usize, owner: usize, lasts: bool },
    Change { session: usize, revision: u64, length: usize },
    Close { session: usize, owner: usize },
    OpenStream { session: usize, stream: usize, lasts: bool },
    Append { session: usize, stream: usize, length: usize, is_last: bool },
    Read { session: usize, stream: usize, after: u64, limit: usize },
    Keep { session: usize, streams: Vec<usize>, lasts: bool },
    Post { session: usize, length: usize },
    Letters { session: usize, after: u64 },
}

/// What the steps of one story are about.
struct Names {
    sessions: [McpSessionKey; SESSIONS],
    owners: [String; OWNERS],
    streams: [McpStreamId; STREAMS],
}

/// How much of what matters happened.
#[derive(Debug, Default)]
struct Tally {
    refused: u32,
    pushed_out: u32,
    over: u32,
    left: u32,
}

/// Plays so many random stories to both, the same in every run for a `seed`, and compares every answer. Panics with the
/// smallest story found for which they differ. Both have [`MCP_BOUNDS`](super::MCP_BOUNDS).
pub async fn mcp_sessions_alike(one: &dyn McpSessions, other: &dyn McpSessions, seed: u64, cases: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut tally = Tally::default();
    for case in 0..cases {
        let mut tree = stories().new_tree(&mut runner).unwrap();
        let Err(mut wrong) = play(one, other, &tree.current(), &mut tally).await else { continue };
        let mut smallest = tree.current();
        let mut failed = true;
        for _ in 0..SHRINKS {
            if !(if failed { tree.simplify() } else { tree.complicate() }) {
                break;
            }
            let played = play(one, other, &tree.current(), &mut Tally::default()).await;
            failed = played.is_err();
            if let Err(still) = played {
                (wrong, smallest) = (still, tree.current());
            }
        }
        panic!("case {case} of seed {seed}: {wrong}\n{smallest:#?}");
    }
    let Tally { refused, pushed_out, over, left } = tally;
    assert!([refused, pushed_out, over, left].iter().all(|count| *count >= cases / 2), "too dull: {tally:?}");
}

async fn play(
    one: &dyn McpSessions,
    other: &dyn McpSessions,
    steps: &[Step],
    tally: &mut Tally,
) -> Result<(), String> {
    let names = Names {
        sessions: [(); SESSIONS].map(|()| key()),
        owners: [(); OWNERS].map(|()| format!("alike-{}", fresh().simple())),
        streams: [(); STREAMS].map(|()| McpStreamId(fresh())),
    };
    for (at, step) in steps.iter().enumerate() {
        let said = [names.tell(one, step, tally).await, names.tell(other, step, tally).await];
        if said[0] != said[1] {
            return Err(format!("step {at}, {step:?}: {} but {}", said[0], said[1]));
        }
    }
    Ok(())
}

impl Names {
    /// Does it, and gives the answer in words.
    async fn tell(&self, to: &dyn McpSessions, step: &Step, tally: &mut Tally) -> String {
        match step {
            Step::Open { session, owner, lasts } => {
                let (key, owner) = (&self.sessions[*session], &self.owners[*owner]);
                let opened = to.open(key, owner, filled(session + 1), time(*lasts)).await.unwrap();
                tally.refused += u32::from(opened == McpOpened::TooMany);
                format!("{opened:?}")
            }
            Step::Touch { session, owner, lasts } => {
                let (key, owner) = (&self.sessions[*session], &self.owners[*owner]);
                format!("{:?}", to.touch(key, owner, time(*lasts)).await.unwrap())
            }
            Step::Change { session, revision, length } => {
                let key = &self.sessions[*session];
                format!("{:?}", to.change(key, *revision, filled(*length)).await.unwrap())
            }
            Step::Close { session, owner } => {
                let (key, owner) = (&self.sessions[*session], &self.owners[*owner]);
                format!("{:?}", to.close(key, owner).await.unwrap())
            }
            Step::Post { session, length } => {
                format!("{:?}", to.post(&self.sessions[*session], filled(*length)).await.unwrap())
            }
            Step::Letters { session, after } => {
                format!("{:?}", to.letters(&self.sessions[*session], *after).await.unwrap())
            }
            _ => self.tell_of_streams(to, step, tally).await,
        }
    }

    async fn tell_of_streams(&self, to: &dyn McpSessions, step: &Step, tally: &mut Tally) -> String {
        match step {
            Step::OpenStream { session, stream, lasts } => {
                let (key, stream) = (&self.sessions[*session], self.streams[*stream]);
                format!("{:?}", to.open_stream(key, stream, time(*lasts)).await.unwrap())
            }
            Step::Append { session, stream, length, is_last } => {
                let (key, stream) = (&self.sessions[*session], self.streams[*stream]);
                format!("{:?}", to.append(key, stream, filled(*length), *is_last).await.unwrap())
            }
            Step::Read { session, stream, after, limit } => {
                let (key, stream) = (&self.sessions[*session], self.streams[*stream]);
                let page = to.read(key, stream, *after, *limit).await.unwrap();
                if let Some(page) = &page {
                    let first = page.events.first().map_or(0, |(number, _)| *number);
                    tally.pushed_out += u32::from(first > after + 1);
                    tally.over += u32::from(page.is_over);
                    tally.left += u32::from(!page.is_kept);
                }
                format!("{page:?}")
            }
            Step::Keep { session, streams, lasts } => {
                let kept: Vec<_> =
                    streams.iter().map(|it| (self.sessions[*session], self.streams[*it])).collect();
                format!("{:?}", to.keep(&kept, time(*lasts)).await.unwrap())
            }
            _ => String::new(),
        }
    }
}

/// Bytes that tell by their number how many they are.
fn filled(length: usize) -> Bytes {
    Bytes::from(vec![u8::try_from(length % 251).unwrap_or_default(); length])
}

const fn time(lasts: bool) -> Duration {
    if lasts { LONG } else { Duration::ZERO }
}

fn stories() -> impl Strategy<Value = Vec<Step>> {
    let begin = [
        Step::Open { session: 0, owner: 0, lasts: true },
        Step::OpenStream { session: 0, stream: 0, lasts: true },
    ];
    vec(steps(), 1..150).prop_map(move |steps| begin.iter().cloned().chain(steps).collect())
}

fn steps() -> impl Strategy<Value = Step> {
    let session = || prop_oneof![8 => Just(0), 2 => Just(1), 1 => 2..SESSIONS];
    // Most events are in a few sessions, and whatever else there is takes the places of their owners.
    let new = || prop_oneof![1 => Just(0), 6 => 1..SESSIONS];
    let owner = || prop_oneof![9 => Just(0), 1 => 0..OWNERS];
    let stream = || prop_oneof![6 => Just(0), 2 => 0..STREAMS];
    let lasts = || prop::bool::weighted(0.98);
    let length = || prop_oneof![6 => 0_usize..30, 2 => 0_usize..70, 1 => 90_usize..400];
    prop_oneof![
        4 => (new(), owner(), lasts())
            .prop_map(|(session, owner, lasts)| Step::Open { session, owner, lasts }),
        3 => (session(), owner(), lasts())
            .prop_map(|(session, owner, lasts)| Step::Touch { session, owner, lasts }),
        2 => (session(), 0_u64..4, length())
            .prop_map(|(session, revision, length)| Step::Change { session, revision, length }),
        1 => (new(), owner()).prop_map(|(session, owner)| Step::Close { session, owner }),
        8 => (session(), stream(), prop::bool::weighted(0.7))
            .prop_map(|(session, stream, lasts)| Step::OpenStream { session, stream, lasts }),
        30 => (session(), stream(), length(), prop::bool::weighted(0.05)).prop_map(
            |(session, stream, length, is_last)| Step::Append { session, stream, length, is_last }
        ),
        12 => (session(), stream(), 0_u64..9, 0_usize..7)
            .prop_map(|(session, stream, after, limit)| Step::Read { session, stream, after, limit }),
        2 => (session(), vec(0..STREAMS, 0..4), any::<bool>())
            .prop_map(|(session, streams, lasts)| Step::Keep { session, streams, lasts }),
        6 => (session(), length()).prop_map(|(session, length)| Step::Post { session, length }),
        4 => (session(), 0_u64..9).prop_map(|(session, after)| Step::Letters { session, after }),
    ]
}
