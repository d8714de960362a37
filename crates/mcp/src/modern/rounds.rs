//! Requests that are answered in several rounds (2026-07-28, "Multi Round-Trip Requests").
//!
//! What the client is to be asked goes out as the request's result; it sends the request again with the answers. Nothing is kept
//! here meanwhile: answers of earlier rounds ride in `requestState`, sealed. It opens only for the same subject and team, the same
//! method and parameters, and for some minutes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_types::{ErrorCode, Principal};
use outcrop_wire::mcp::{Ask, Params, RpcError, code};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::AskError;
use crate::server::McpPorts;

/// How long a client has for a round, seconds: as long as a person looks at a form.
const LIFE_S: i64 = 600;
/// Longest state that is handed out, bytes: it comes back within a message.
const MAX_STATE: usize = 256 * 1024;
/// Parameters that are not part of what is asked.
const APART: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// What is known of a request, and what is not.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// What the client answered, in this round and before.
    given: Params,
    /// What of it was of use: it rides on.
    used: Params,
    /// What it is to be asked.
    wanted: Params,
    /// An answer that is none.
    broken: Option<RpcError>,
}

/// What a state is sealed with, and for.
pub(super) struct Seal {
    ports: McpPorts,
    /// Whose request it is, and which.
    belongs_to: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct State {
    /// When it is of no use any more, Unix seconds.
    until: i64,
    answers: Params,
}

impl Seal {
    /// For the states of a request.
    pub(super) fn new(ports: &McpPorts, principal: &Principal, method: &str, params: &Params) -> Self {
        let mut digest = Sha256::new();
        for part in [principal.subject.to_string(), principal.team.to_string(), method.to_owned()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let told = params.iter().filter(|(name, _)| !APART.contains(&name.as_str()));
        digest.update(in_order(told).to_string());
        Self { ports: ports.clone(), belongs_to: digest.finalize().into() }
    }

    fn seal(&self, answers: Params) -> Result<String, RpcError> {
        let until = self.ports.clock.now().timestamp().saturating_add(LIFE_S);
        let state = json!(State { until, answers }).to_string();
        if state.len() > MAX_STATE {
            let code = i64::from(ErrorCode::PayloadTooLarge.status());
            return Err(RpcError::new(code, "the answers so far are longer than a request can carry"));
        }
        let mut nonce = [0; 12];
        self.ports.ids.fill(&mut nonce);
        let sealed = self.ports.sealer.seal(nonce, state.as_bytes(), &self.belongs_to);
        let sealed = sealed.map_err(|_| RpcError::new(code::INTERNAL_ERROR, "the state cannot be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(&self, sealed: &str) -> Result<Params, RpcError> {
        let read = || {
            let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
            let state = self.ports.sealer.open(&sealed, &self.belongs_to).ok()?;
            serde_json::from_slice::<State>(&state).ok()
        };
        // One answer for all that is wrong with it: what was tried is nobody's business.
        let state = read().ok_or_else(|| wrong_state("this is no state of this request"))?;
        if state.until < self.ports.clock.now().timestamp() {
            return Err(wrong_state("this state is too old; send the request without it"));
        }
        Ok(state.answers)
    }
}

impl Rounds {
    /// What a request brings of earlier rounds.
    pub(super) fn read(params: &Params, seal: &Seal) -> Result<Self, RpcError> {
        let mut given = match params.get("inputResponses") {
            None => Params::new(),
            Some(Value::Object(answers)) => answers.clone(),
            Some(_) => {
                return Err(RpcError::invalid_params("params.inputResponses", "this must be an object"));
            }
        };
        match params.get("requestState") {
            None => {}
            // What was answered once stays so.
            Some(Value::String(sealed)) => given.extend(seal.open(sealed)?),
            Some(_) => return Err(wrong_state("this must be a text")),
        }
        Ok(Self { given, ..Self::default() })
    }

    /// Whether a request brings anything of earlier rounds.
    pub(super) fn is_first(&self) -> bool {
        self.given.is_empty()
    }

    /// The answers, if all are known.
    pub(super) fn ask(&mut self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError> {
        let mut answers = Vec::with_capacity(asks.len());
        for (name, ask) in asks {
            match self.given.get(*name) {
                Some(answer) => match ask.check(answer) {
                    Ok(()) => {
                        self.used.insert((*name).to_owned(), answer.clone());
                        answers.push(answer.clone());
                    }
                    Err(wrong) => {
                        let param = format!("params.inputResponses.{name}");
                        let message = format!("`{param}` is no result of `{}`: {wrong}", ask.method());
                        self.broken.get_or_insert_with(|| RpcError::invalid_params(&param, message));
                    }
                },
                None => {
                    let asked = json!({ "method": ask.method(), "params": ask.params() });
                    self.wanted.insert((*name).to_owned(), asked);
                }
            }
        }
        if answers.len() == asks.len() { Ok(answers) } else { Err(AskError::First) }
    }

    /// The result that asks what was not known, or a refusal of what was answered.
    pub(super) fn input_required(&mut self, seal: &Seal) -> Result<Params, RpcError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let state = seal.seal(std::mem::take(&mut self.used))?;
        Ok(Params::from_iter([
            ("resultType".to_owned(), "input_required".into()),
            ("inputRequests".to_owned(), Value::Object(std::mem::take(&mut self.wanted))),
            ("requestState".to_owned(), state.into()),
        ]))
    }
}

/// The same fields in the order of their names, at every depth: a client may write them in another order the next time.
fn in_order<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Value {
    let fields: BTreeMap<_, _> = fields.collect();
    Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), value_in_order(value))).collect())
}

fn value_in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => in_order(fields.iter()),
        Value::Array(items) => items.iter().map(value_in_order).collect(),
        other => other.clone(),
    }
}

fn wrong_state(message: &'static str) -> RpcError {
    RpcError::invalid_params("params.requestState", message)
}
