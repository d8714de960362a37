//! One look of guardrails at texts, by ApplyGuardrail.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use outcrop_http::log_text;
use outcrop_ports::{GuardedSide, GuardrailCall, GuardrailVerdict, ModelError, ModelFailure, Place, Places};
use outcrop_types::Classify as _;
use serde_json::Value;
use tokio::time::Instant;

use super::rules::{Applied, short};
use super::windows::tail;
use crate::ChatError;
use crate::chat::{AskedModel, Caller};

/// Most characters of one call (Amazon Bedrock quotas: 25 text units of 1000 characters; some room is left for what they
/// count otherwise).
const AT_ONCE: usize = 20_000;
/// Longest wait for one look.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks guardrails where the call may go.
#[derive(Clone)]
pub(super) struct Looker {
    places: Arc<dyn Places>,
    /// Where the call may be answered, best first: text goes nowhere else.
    at: Vec<Place>,
    until: Instant,
    /// Whether no call fails where they cannot be asked.
    is_aside: bool,
}

/// What guardrails say of texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Who stepped in, by the last part of its name.
    pub(super) who: Vec<String>,
    pub(super) does: Does,
    /// What each of them found, where it found something.
    pub(super) assessments: Vec<(String, Value)>,
    /// Text units.
    pub(super) units: u64,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Does {
    #[default]
    Nothing,
    /// These take the place of the texts, one for each.
    Mask(Vec<String>),
    /// This is said instead.
    Block(String),
}

/// A guardrail that could not be asked.
#[derive(Debug)]
pub(super) struct Unasked {
    pub(super) by_client: bool,
    pub(super) source: ModelError,
}

/// What went wrong as a cause that no client hears of. It is a cause of a failure of ours, whose texts the log hears whole:
/// what Bedrock says of a mistake in the request is left out here.
fn for_the_log(error: ModelError) -> ModelError {
    let message = log_text(error.code(), &error);
    ModelError { message, source: None, ..error }
}

impl From<Unasked> for ChatError {
    fn from(Unasked { by_client, source }: Unasked) -> Self {
        // Who names a guardrail that is not there is told so.
        match source.failure {
            ModelFailure::Invalid | ModelFailure::NotFound if by_client => Self::from(source),
            _ => Self::Unguarded { source: for_the_log(source) },
        }
    }
}

impl From<Unasked> for ModelError {
    fn from(Unasked { source, .. }: Unasked) -> Self {
        let message = "A guardrail cannot be asked now, so no more is said.".to_owned();
        let bedrock_request_id = source.bedrock_request_id.clone();
        let source: Option<Box<dyn std::error::Error + Send + Sync>> = Some(Box::new(for_the_log(source)));
        Self { failure: ModelFailure::Unavailable, message, bedrock_request_id, retry_after: None, source }
    }
}

impl Looker {
    pub(super) fn new(places: Arc<dyn Places>, caller: Caller<'_>, model: &AskedModel) -> Self {
        let mut at: Vec<Place> = Vec::new();
        for candidate in model.plan.candidates() {
            if !at.contains(&candidate.place) {
                at.push(candidate.place.clone());
            }
        }
        Self { places, at, until: Instant::now() + caller.context.remaining(), is_aside: false }
    }

    /// The same with some time, whatever becomes of the request, which does not fail by it.
    pub(super) fn lasting(&self) -> Self {
        Self { until: Instant::now() + PATIENCE, is_aside: true, ..self.clone() }
    }

    /// What all of them say. Of several that block the first is heard; what several mask is masked by each in turn.
    pub(super) async fn look(
        &self,
        guards: &[&Applied],
        side: GuardedSide,
        texts: &[String],
    ) -> Result<Found, Unasked> {
        let mut found = Found::default();
        if texts.iter().all(|it| it.trim().is_empty()) {
            return Ok(found);
        }
        let verdicts = join_all(guards.iter().map(|guard| self.one(guard, side, texts.to_vec()))).await;
        let mut masking = Vec::new();
        for (guard, verdict) in guards.iter().zip(verdicts) {
            if let Does::Mask(_) = found.take(guard, verdict?) {
                masking.push(*guard);
            }
        }
        if masking.len() < 2 || matches!(found.does, Does::Block(_)) {
            return Ok(found);
        }
        for guard in &masking[1..] {
            let Does::Mask(texts) = &found.does else { break };
            let verdict = self.one(guard, side, texts.clone()).await?;
            if let Does::Mask(texts) = &verdict.does {
                found.does = Does::Mask(texts.clone());
            }
            found.units += verdict.units;
            if let Does::Block(message) = verdict.does {
                found.does = Does::Block(message);
            }
        }
        Ok(found)
    }

    /// What one says of the texts, asked as often as their length makes it.
    async fn one(&self, guard: &Applied, side: GuardedSide, texts: Vec<String>) -> Result<Verdict, Unasked> {
        let mut whole = Verdict::default();
        let mut masked = texts.clone();
        for part in parts(&texts) {
            let asked = part.iter().map(|at| texts[*at].clone()).collect();
            let Some(said) = self.add(&mut whole, guard, side, asked).await? else { return Ok(whole) };
            for (at, text) in part.into_iter().zip(said) {
                masked[at] = text;
            }
        }
        for (text, masked) in texts.iter().zip(&mut masked).filter(|(text, _)| is_long(text)) {
            let Some(said) = self.long(&mut whole, guard, side, text).await? else { return Ok(whole) };
            *masked = said;
        }
        if whole.intervened {
            whole.does = Does::Mask(masked);
        }
        Ok(whole)
    }

    /// A text that is too long for one look, as it may be said. The end of each piece is looked at once more with the next.
    async fn long(
        &self,
        whole: &mut Verdict,
        guard: &Applied,
        side: GuardedSide,
        text: &str,
    ) -> Result<Option<String>, Unasked> {
        let (mut done, mut open) = (String::new(), String::new());
        for piece in pieces(text) {
            open.push_str(piece);
            if open.trim().is_empty() {
                continue;
            }
            let Some(said) = self.add(whole, guard, side, vec![open]).await? else { return Ok(None) };
            open = said.concat();
            let held = open.split_off(tail(&open));
            done.push_str(&open);
            open = held;
        }
        done.push_str(&open);
        Ok(Some(done))
    }

    /// The texts as they may be said; `None` if they may not, which is the whole verdict then.
    async fn add(
        &self,
        whole: &mut Verdict,
        guard: &Applied,
        side: GuardedSide,
        texts: Vec<String>,
    ) -> Result<Option<Vec<String>>, Unasked> {
        let verdict = self.ask(guard, side, texts.clone()).await?;
        whole.units += verdict.units;
        whole.intervened |= verdict.intervened;
        if let (true, Value::Array(found)) = (verdict.intervened, verdict.assessments) {
            whole.assessments.extend(found);
        }
        match (verdict.intervened, verdict.masked && verdict.texts.len() == texts.len()) {
            (false, _) => Ok(Some(texts)),
            (true, true) => Ok(Some(verdict.texts)),
            // What cannot be put into its place is not said at all.
            (true, false) => {
                whole.does = Does::Block(verdict.texts.join("\n"));
                Ok(None)
            }
        }
    }

    /// Asks at the places of the call, one after the other: a guardrail is of one region.
    async fn ask(
        &self,
        guard: &Applied,
        side: GuardedSide,
        texts: Vec<String>,
    ) -> Result<GuardrailVerdict, Unasked> {
        let of_region = region(&guard.rule.id);
        let mut places: Vec<&Place> = self.at.iter().collect();
        places.sort_by_key(|it| of_region.is_some_and(|region| region != it.region.as_str()));
        // A single place is asked once more.
        if let [only] = places[..] {
            places.push(only);
        }
        let mut last = nowhere();
        for place in places {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Ok(models) = self.places.at(place) else { continue };
            let (id, version) = (guard.rule.id.clone(), guard.rule.version.clone());
            let call =
                GuardrailCall { id, version, side, texts: texts.clone(), deadline: left.min(PATIENCE) };
            match models.apply(call).await {
                Ok(verdict) => return Ok(verdict),
                Err(error) => {
                    let is_alone = self.at.len() == 1;
                    let is_final = matches!(
                        error.failure,
                        ModelFailure::Invalid | ModelFailure::NotFound | ModelFailure::Denied
                    );
                    last = error;
                    if is_alone && is_final {
                        break;
                    }
                }
            }
        }
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    guardrail.id = short(&guard.rule.id),
                    error = log_text(last.code(), &last),
                    aws.request_id = last.bedrock_request_id,
                    "a guardrail could not be asked"
                )
            };
        }
        // A call that fails by it has a line of its own, which is the failure's.
        if self.is_aside {
            line!(warn);
        } else {
            line!(info);
        }
        Err(Unasked { by_client: guard.by_client, source: last })
    }
}

/// What one guardrail says.
#[derive(Debug, Default)]
struct Verdict {
    intervened: bool,
    does: Does,
    assessments: Vec<Value>,
    units: u64,
}

impl Found {
    /// Adds what one says; gives back what it wants done.
    fn take(&mut self, guard: &Applied, verdict: Verdict) -> Does {
        self.units += verdict.units;
        if !verdict.intervened {
            return Does::Nothing;
        }
        let id = short(&guard.rule.id).to_owned();
        self.assessments.extend(verdict.assessments.into_iter().map(|it| (id.clone(), it)));
        let does = match (&self.does, &verdict.does) {
            (Does::Block(_), _) | (Does::Mask(_), Does::Mask(_)) => None,
            (_, Does::Block(message)) => Some(Does::Block(message.clone())),
            (_, Does::Mask(texts)) => Some(Does::Mask(texts.clone())),
            (_, Does::Nothing) => None,
        };
        if let Some(does) = does {
            self.does = does;
        }
        self.who.push(id);
        verdict.does
    }
}

/// Whether a text is looked at in pieces.
fn is_long(text: &str) -> bool {
    text.len() > AT_ONCE && text.chars().nth(AT_ONCE).is_some()
}

/// The texts that need no cutting as calls of a bearable length, by their places; blank ones are nobody's business.
fn parts(texts: &[String]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (at, text) in texts.iter().enumerate().filter(|(_, it)| !it.trim().is_empty() && !is_long(it)) {
        let length = text.chars().count();
        if parts.is_empty() || length > room {
            parts.push(Vec::new());
            room = AT_ONCE;
        }
        room = room.saturating_sub(length);
        if let Some(part) = parts.last_mut() {
            part.push(at);
        }
    }
    parts
}

/// A text in pieces of a bearable length, cut where a word ends, if one does.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((most, _)) = rest.char_indices().nth(AT_ONCE) {
        let end = rest[..most].rfind(char::is_whitespace).filter(|end| *end > 0).unwrap_or(most);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// The region that an ARN names.
fn region(id: &str) -> Option<&str> {
    id.strip_prefix("arn:")?.split(':').nth(2).filter(|it| !it.is_empty())
}

fn nowhere() -> ModelError {
    let message = "no guardrail could be asked in time".to_owned();
    let failure = ModelFailure::TimedOut;
    ModelError { failure, message, bedrock_request_id: None, retry_after: None, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_looked_at_together_and_long_ones_in_pieces() {
        let long = "word ".repeat(9_000);
        let texts = ["short".to_owned(), " ".to_owned(), long.clone(), "a".repeat(AT_ONCE), "é".to_owned()];
        assert_eq!(parts(&texts), [vec![0], vec![3], vec![4]]);
        for text in [long, "é".repeat(45_000)] {
            let pieces = pieces(&text);
            assert!(pieces.iter().all(|it| it.chars().count() <= AT_ONCE));
            assert_eq!(pieces.concat(), text);
        }
    }

    #[test]
    fn an_arn_names_a_region() {
        assert_eq!(region("arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1"), Some("eu-west-1"));
        assert_eq!(region("gr1"), None);
        assert_eq!(short("arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1"), "gr1");
    }
}
