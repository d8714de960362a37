//! Guardrails that only tell: they look beside the call, which does not wait for them.
//!
//! What they cost has records of its own, since the call's may be written before they are done. Only so many look at a
//! time; what comes on top of that is not looked at, and of long texts only the beginning is: the log says so.

use outcrop_ports::GuardedSide;
use outcrop_telemetry::current;
use outcrop_types::TokenUsage;
use tokio::sync::Semaphore;

use super::look::Does;
use super::rules::short;
use super::watch::{Watch, observed};

/// Most looks at a time, in this process.
const AT_ONCE: usize = 64;
/// How much of the texts of one look is looked at, bytes.
const MOST: usize = 200_000;

static ROOM: Semaphore = Semaphore::const_new(AT_ONCE);

impl Watch {
    /// Has those look that only tell.
    pub(super) fn monitor(&self, side: GuardedSide, texts: &[String]) {
        let on = |input: bool, output: bool| match side {
            GuardedSide::Input => input,
            GuardedSide::Output => output,
        };
        if texts.iter().all(|it| it.trim().is_empty()) {
            return;
        }
        for guard in self.guards.monitors.iter().filter(|it| on(it.rule.input, it.rule.output)) {
            let id = short(&guard.rule.id).to_owned();
            let (Ok(room), Some(mut open)) = (ROOM.try_acquire(), self.open_own()) else {
                tracing::warn!(guardrail.id = id, "a guardrail that monitors did not look: there is no room");
                continue;
            };
            let (guard, (texts, is_cut)) = (guard.clone(), beginning(texts));
            if is_cut {
                tracing::warn!(
                    guardrail.id = id,
                    "a guardrail that monitors looked at the beginning of long texts only"
                );
            }
            let (looker, seen) = (self.looker.lasting(), self.seen.clone());
            tokio::spawn(current::carry(async move {
                match looker.look(&[&guard], side, &texts).await {
                    Ok(found) => {
                        let finds = found.does != Does::Nothing;
                        seen.observed(finds);
                        open.guarded(observed(finds), found.units);
                        open.reported(TokenUsage::default());
                        open.completed();
                        if finds {
                            tracing::debug!(guardrail.id = id, side = ?side, "a guardrail that monitors found something");
                        }
                    }
                    // Why stands in the log already.
                    Err(error) => open.refused(&error.source),
                }
                drop(room);
            }));
        }
    }
}

/// The texts up to where enough is looked at, and whether something is left out.
fn beginning(texts: &[String]) -> (Vec<String>, bool) {
    let mut room = MOST;
    let mut cut = false;
    let mut kept = Vec::with_capacity(texts.len());
    for text in texts {
        let end = text.floor_char_boundary(room);
        cut |= end < text.len();
        // What comes after a cut is left out, too.
        room = if end < text.len() { 0 } else { room - end };
        kept.push(text[..end].to_owned());
    }
    (kept, cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_texts_the_beginning_is_looked_at() {
        let texts = ["short".to_owned(), "é".repeat(MOST), "after".to_owned()];
        let (kept, cut) = beginning(&texts);
        assert!(cut && kept[0] == "short" && kept[2].is_empty());
        assert!((MOST - 1..=MOST).contains(&kept.iter().map(String::len).sum::<usize>()));
        assert_eq!(beginning(&texts[..1]), (vec!["short".to_owned()], false));
    }
}
