//! Which model is called where the caller names none.

use outcrop_http::ApiError;
use outcrop_mcp::AskError;
use outcrop_ports::Modality;
use outcrop_types::{Classify as _, ErrorCode};
use outcrop_wire::mcp::{Ask, ElicitAction, Elicited};
use outcrop_wire::model_card::ModelCard;
use serde_json::json;

use super::Call;
use super::answered::Failed;
use crate::ChatError;
use crate::model_card::modality;
use crate::resolve::Wants;

/// Most names of a form: more are no choice for a person.
const MOST_NAMES: usize = 100;
/// The name of the question, which stays the same when the request comes again.
const QUESTION: &str = "model";

/// The model to name to the service; `None`, where the platform's default is there for the caller.
///
/// Where it is not, the caller's user is asked, if its client shows forms. Nothing is paid for before that.
pub(super) async fn chosen(
    call: &Call<'_>,
    named: Option<String>,
    output: Modality,
) -> Result<Option<String>, Failed> {
    if named.as_deref().is_some_and(|it| !it.is_empty()) {
        return Ok(named);
    }
    let principal = call.caller().principal;
    let wants = Wants::named(None, output);
    let Err(error) = call.service.resolve(principal, wants).await else { return Ok(None) };
    let is_no_choice = matches!(
        error,
        ChatError::NoModel
            | ChatError::UnknownModel { .. }
            | ChatError::OutOfScope { .. }
            | ChatError::NotAllowed { .. }
            | ChatError::OutOfBounds { .. }
    );
    if !is_no_choice {
        return Err(error.into());
    }
    let cards = call.service.cards(principal).await?;
    let writes = |it: &ModelCard| it.output.contains(&modality(output));
    let mut names: Vec<String> = cards.into_iter().filter(writes).map(|it| it.id).collect();
    names.sort_unstable();
    names.truncate(MOST_NAMES);
    if names.is_empty() || !call.exchange.client().capabilities.takes_forms() {
        return Err(unnamed(&error).into());
    }
    asked(call, &names).await.map(Some)
}

async fn asked(call: &Call<'_>, names: &[String]) -> Result<String, Failed> {
    let schema = json!({
        "type": "object",
        "properties": {
            "model": {
                "type": "string",
                "title": "Model",
                "description": "The model that is to answer.",
                "enum": names,
            },
        },
        "required": ["model"],
    });
    let message =
        "No model was named, and there is no default model for you. Which one is to answer?".to_owned();
    let answer = match call.exchange.ask(QUESTION, Ask::Elicit { message, schema }).await {
        Err(AskError::Refused(_) | AskError::NotOffered(_) | AskError::Late | AskError::Wrong(_)) => {
            return Err(declined().into());
        }
        answer => answer?,
    };
    let filled: Elicited = serde_json::from_value(answer).map_err(|_| declined())?;
    let model = filled.content.as_ref().filter(|_| filled.action == ElicitAction::Accept);
    let model = model.and_then(|it| it.get("model")?.as_str()).map(str::to_owned);
    Ok(model.filter(|it| names.contains(it)).ok_or_else(declined)?)
}

/// There is no default, and nobody can be asked.
fn unnamed(error: &ChatError) -> ApiError {
    let code = if matches!(error, ChatError::NoModel) { ErrorCode::InvalidRequest } else { error.code() };
    let message =
        "`model` is required: there is no default model for you. `list_models` tells which you may call.";
    ApiError::new(code, message).with_param("model")
}

/// The user was asked, and chose none.
fn declined() -> ApiError {
    let message =
        "`model` is required: the user was asked, and chose none. `list_models` tells which may be called.";
    ApiError::new(ErrorCode::InvalidRequest, message).with_param("model")
}
