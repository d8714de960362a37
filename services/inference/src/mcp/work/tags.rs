//! What changes of things are told apart by, remembered for a moment: many sessions of a team watch the same few jobs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use outcrop_types::TeamId;
use tokio::time::Instant;

/// Most that are remembered.
const MOST: usize = 4096;

/// For how long what may change at any time is believed.
pub(super) const SHORT: Duration = Duration::from_millis(900);
/// For how long what has ended is: it may be sent back to the queue, and its answer is not read again to see that it was not.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// What was found lately, of a team and under a name.
#[derive(Debug, Default)]
pub(super) struct Tags(Mutex<HashMap<(TeamId, String), Tag>>);

#[derive(Debug)]
struct Tag {
    text: Option<String>,
    until: Instant,
}

impl Tags {
    /// What was found lately; `Some(None)` if that was that there is nothing.
    pub(super) fn get(&self, team: TeamId, name: &str) -> Option<Option<String>> {
        let tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = tags.get(&(team, name.to_owned()))?;
        (tag.until > Instant::now()).then(|| tag.text.clone())
    }

    /// Remembers what was found.
    pub(super) fn put(&self, team: TeamId, name: &str, text: Option<String>, lasts: Duration) {
        let now = Instant::now();
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tags.len() >= MOST {
            tags.retain(|_, tag| tag.until > now);
        }
        if tags.len() < MOST {
            tags.insert((team, name.to_owned()), Tag { text, until: now + lasts });
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn team(number: u128) -> TeamId {
        TeamId::new(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_tag_is_a_teams_own_and_is_forgotten() {
        let tags = Tags::default();
        tags.put(team(1), "a", Some("x".into()), SHORT);
        tags.put(team(1), "b", None, LONG);
        assert_eq!(tags.get(team(1), "a"), Some(Some("x".into())));
        assert_eq!(tags.get(team(2), "a"), None);
        tokio::time::advance(SHORT).await;
        assert_eq!((tags.get(team(1), "a"), tags.get(team(1), "b")), (None, Some(None)));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_remembered_and_no_more() {
        let tags = Tags::default();
        for number in 0..MOST {
            tags.put(team(1), &number.to_string(), None, SHORT);
        }
        tags.put(team(1), "late", None, SHORT);
        assert_eq!(tags.get(team(1), "late"), None);
        tokio::time::advance(SHORT).await;
        tags.put(team(1), "late", None, SHORT);
        assert_eq!((tags.get(team(1), "late"), tags.0.lock().unwrap().len()), (Some(None), 1));
    }
}
