//! What teams have, remembered for a moment: whoever listens for changes asks often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_ports::PromptStore;
use outcrop_types::{Prompt, PromptOutline, TeamId};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::ReadPrompts;

/// How long it is remembered: so late a change is seen.
pub(super) const FRESH: Duration = Duration::from_secs(2);
/// The most that is remembered of all teams together, bytes.
const MAX_BYTES: usize = 64 * 1_024 * 1_024;
/// How many readings may be under way; those of one team take turns.
const LANES: usize = 16;

/// What is served to a team.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// By name.
    pub(super) prompts: Vec<Prompt<PromptOutline>>,
    /// Another one as soon as anything of it is, in every process.
    pub(super) tag: String,
}

/// Remembers what teams have.
pub(super) struct Shown {
    store: Arc<dyn PromptStore>,
    known: Mutex<HashMap<TeamId, Known>>,
    reading: [tokio::sync::Mutex<()>; LANES],
}

struct Known {
    served: Arc<Served>,
    bytes: usize,
    read_at: Instant,
}

impl Shown {
    pub(super) fn new(store: Arc<dyn PromptStore>) -> Self {
        Self { store, known: Mutex::default(), reading: Default::default() }
    }

    /// What is served to this team. Of many who ask at once one reads.
    pub(super) async fn of(&self, team: TeamId) -> Result<Arc<Served>, ReadPrompts> {
        if let Some(served) = self.fresh(team) {
            return Ok(served);
        }
        let lane = usize::from(team.uuid().as_bytes()[15]) % LANES;
        let _turn = self.reading[lane].lock().await;
        if let Some(served) = self.fresh(team) {
            return Ok(served);
        }
        let prompts = self.store.served_prompts(team).await.map_err(ReadPrompts)?;
        let served = Arc::new(Served { tag: tag(&prompts), prompts });
        // Not when the reading began: whoever waited for a slow one takes what it read.
        let read_at = Instant::now();
        self.remember(team, Known { bytes: bytes(&served), served: Arc::clone(&served), read_at });
        Ok(served)
    }

    fn fresh(&self, team: TeamId) -> Option<Arc<Served>> {
        let known = self.known();
        let known = known.get(&team).filter(|it| it.read_at.elapsed() < FRESH)?;
        Some(Arc::clone(&known.served))
    }

    /// What is old goes as soon as anything new comes; what does not fit beside the rest takes its place, unless it is too large by
    /// itself.
    fn remember(&self, team: TeamId, new: Known) {
        if new.bytes > MAX_BYTES {
            return;
        }
        let mut known = self.known();
        known.retain(|_, it| it.read_at.elapsed() < FRESH);
        if known.values().map(|it| it.bytes).sum::<usize>() + new.bytes > MAX_BYTES {
            known.clear();
        }
        known.insert(team, new);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TeamId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions do not change, so which ones are served says it all.
fn tag(prompts: &[Prompt<PromptOutline>]) -> String {
    let mut digest = Sha256::new();
    for prompt in prompts {
        digest.update(format!("{}:{}\n", prompt.id, prompt.version.number));
    }
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

/// About how much memory it takes: its texts, and something for each of them.
fn bytes(served: &Served) -> usize {
    const EACH: usize = 128;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let of = |prompt: &Prompt<PromptOutline>| {
        let PromptOutline { title, description, arguments } = &prompt.version.template;
        let arguments = arguments.iter().map(|it| it.name.len() + text(&it.description) + EACH);
        text(title) + text(description) + arguments.sum::<usize>() + 2 * EACH
    };
    EACH + served.prompts.iter().map(of).sum::<usize>()
}
