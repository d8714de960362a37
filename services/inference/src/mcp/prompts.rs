//! The prompts of a team: listed as its current versions say, and filled.
//!
//! No model call asks for them, so the store may be read: outlines of what a team has are remembered for a moment, which is how late a
//! change is seen. What a prompt says is read when it is asked for.

mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use outcrop_http::ApiError;
use outcrop_mcp::{Caller, Exchange, Halt, Provider, Watched};
use outcrop_ports::{PortError, PromptStore};
use outcrop_types::{
    Classify, ErrorCode, OutlinedArgument, Permission, Prompt, PromptOutline, PromptTemplate, PromptVersion,
    WrongArgument,
};
use outcrop_wire::mcp::{
    Completion, Content, Params, PromptArgument, PromptMessage, PromptResult, Reference, Role, RpcError,
    ToolResult, code,
};
use serde_json::Value;

use self::shown::Shown;

/// Most values that are told at once to go on with (2025-11-25, "Completion Results").
const MAX_COMPLETIONS: usize = 100;

/// The prompts of a team.
pub(crate) struct TeamPrompts {
    store: Arc<dyn PromptStore>,
    shown: Shown,
}

/// The store could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the team's prompts")]
pub(crate) struct ReadPrompts(#[source] PortError);

impl Classify for ReadPrompts {
    fn code(&self) -> ErrorCode {
        self.0.code()
    }
}

impl TeamPrompts {
    pub(crate) fn new(store: Arc<dyn PromptStore>) -> Self {
        Self { shown: Shown::new(Arc::clone(&store)), store }
    }

    /// What is served to the caller; nothing to whoever may not use this.
    async fn of(&self, caller: &Caller) -> Result<Arc<shown::Served>, Halt> {
        if !caller.may(Permission::UseMcp) {
            return Ok(Arc::default());
        }
        self.shown.of(caller.principal.team).await.map_err(failed)
    }

    /// What a prompt says whose name is given, alone or with a version: `review`, `review@3`.
    async fn template(&self, caller: &Caller, name: &str) -> Result<Option<PromptTemplate>, Halt> {
        let (plain, version) = match name.split_once('@') {
            Some((plain, version)) => (plain, Some(version)),
            None => (name, None),
        };
        let served = self.of(caller).await?;
        let Some(prompt) = served.prompts.iter().find(|it| it.name == plain) else { return Ok(None) };
        let number = version.map_or(Some(prompt.version.number), numbered);
        let found = match number {
            Some(number) => self.store.lookup_prompt_version(prompt.id, number).await,
            None => Ok(None),
        };
        let found = found.map_err(|error| failed(ReadPrompts(error)))?;
        // Drafts are for those who manage prompts.
        match (found.filter(PromptVersion::was_served), version) {
            (Some(found), _) => Ok(Some(found.template)),
            // It is gone since.
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let message = format!("the prompt `{plain}` has no such version that was ever served");
                Err(RpcError::invalid_params("params.name", message).into())
            }
        }
    }
}

#[async_trait]
impl Provider for TeamPrompts {
    async fn call_tool(&self, _: &Exchange, _: &str, _: Params) -> Result<ToolResult, Halt> {
        Err(RpcError::new(code::INVALID_PARAMS, "there is no such tool, or it is not for you").into())
    }

    async fn watch(&self, caller: &Caller, watched: &Watched) -> Result<Option<String>, Halt> {
        match watched {
            Watched::Prompts => Ok(Some(self.of(caller).await?.tag.clone())),
            Watched::Resource(_) | Watched::Tools | Watched::Resources => Ok(None),
        }
    }

    async fn prompts(&self, caller: &Caller) -> Result<Vec<outcrop_wire::mcp::Prompt>, Halt> {
        Ok(self.of(caller).await?.prompts.iter().map(listed).collect())
    }

    async fn prompt(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<Option<PromptResult>, Halt> {
        let Some(template) = self.template(exchange.caller(), name).await? else { return Ok(None) };
        let given = texts(arguments)?;
        let messages = template.fill(&given).map_err(refused)?.into_iter().map(said).collect();
        Ok(Some(PromptResult { description: template.description, messages }))
    }

    async fn complete(
        &self,
        caller: &Caller,
        reference: &Reference,
        (argument, begun): (&str, &str),
        _: &Params,
    ) -> Result<Option<Completion>, Halt> {
        let Reference::Prompt { name } = reference else { return Ok(None) };
        let Some(template) = self.template(caller, name).await? else { return Ok(None) };
        let Some(argument) = template.argument(argument) else {
            let error = WrongArgument::Unknown(argument.chars().take(80).collect());
            return Err(RpcError::invalid_params("params.argument.name", error.to_string()).into());
        };
        let begun = begun.to_lowercase();
        let fitting = argument.values.iter().filter(|it| it.to_lowercase().starts_with(&begun));
        let total = fitting.clone().count();
        let values = fitting.take(MAX_COMPLETIONS).cloned().collect();
        let has_more = total > MAX_COMPLETIONS;
        Ok(Some(Completion { values, total: u64::try_from(total).ok(), has_more }))
    }
}

/// The number of a version, which is written in one way only.
fn numbered(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

fn listed(prompt: &Prompt<PromptOutline>) -> outcrop_wire::mcp::Prompt {
    let PromptOutline { title, description, arguments } = &prompt.version.template;
    let argument = |it: &OutlinedArgument| PromptArgument {
        name: it.name.clone(),
        description: it.description.clone(),
        required: it.required,
    };
    outcrop_wire::mcp::Prompt {
        name: prompt.name.clone(),
        title: title.clone(),
        description: description.clone(),
        arguments: arguments.iter().map(argument).collect(),
    }
}

fn said(message: outcrop_types::PromptMessage) -> PromptMessage {
    let role = match message.role {
        outcrop_types::PromptRole::User => Role::User,
        outcrop_types::PromptRole::Assistant => Role::Assistant,
    };
    PromptMessage { role, content: Content::text(message.text) }
}

/// Arguments of prompts are texts, whatever they mean.
fn texts(arguments: Params) -> Result<BTreeMap<String, String>, RpcError> {
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        _ => {
            let name: String = name.chars().take(80).collect();
            let message = format!("the argument `{name}` must be a text");
            Err(RpcError::invalid_params(&format!("params.arguments.{name}"), message))
        }
    };
    arguments.into_iter().map(text).collect()
}

fn refused(error: WrongArgument) -> Halt {
    let message = error.to_string();
    match error {
        WrongArgument::Unreadable => RpcError::new(code::INTERNAL_ERROR, message).into(),
        WrongArgument::TooLong => RpcError::invalid_params("params.arguments", message).into(),
        WrongArgument::Missing(name)
        | WrongArgument::Unknown(name)
        | WrongArgument::NotAllowed { name, .. } => {
            RpcError::invalid_params(&format!("params.arguments.{name}"), message).into()
        }
    }
}

fn failed(error: ReadPrompts) -> Halt {
    ApiError::from_error(error).into()
}
