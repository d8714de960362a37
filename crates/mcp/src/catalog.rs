//! What all providers offer together.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outcrop_wire::mcp::{
    Completion, Params, Prompt, PromptResult, Reference, Resource, ResourceContents, ResourceTemplate,
    RpcError, Tool, ToolResult, code,
};
use serde_json::json;

use crate::operation::Target;
use crate::{Caller, Exchange, Halt, Page, Provider, Watched};

/// All providers, in the order in which their things are listed. Where two have a thing of the same name the first one's is meant.
#[derive(Clone, Default)]
pub struct Catalog(Vec<Arc<dyn Provider>>);

impl Catalog {
    /// Adds a provider at the end.
    #[must_use]
    pub fn with(mut self, provider: Arc<dyn Provider>) -> Self {
        self.0.push(provider);
        self
    }

    /// The tools the caller may call.
    pub(crate) async fn tools(&self, caller: &Caller) -> Result<Vec<Tool>, Halt> {
        let mut tools: Vec<Tool> = Vec::new();
        for provider in &self.0 {
            let more = provider.tools(caller).await?;
            tools.extend(more.into_iter().filter(|it| known(&tools, &it.name).is_none()).collect::<Vec<_>>());
        }
        Ok(tools)
    }

    /// A tool the caller may call, and whose it is: the same decision as that of the list.
    pub(crate) async fn tool(&self, caller: &Caller, name: &str) -> Result<(Tool, &dyn Provider), Halt> {
        for provider in &self.0 {
            let tools = provider.tools(caller).await?;
            if let Some(tool) = tools.into_iter().find(|it| it.name == name) {
                return Ok((tool, &**provider));
            }
        }
        let error = RpcError::new(code::INVALID_PARAMS, "there is no such tool, or it is not for you")
            .with_data(json!({ "param": "params.name" }));
        Err(error.into())
    }

    /// Calls a tool.
    pub(crate) async fn call_tool(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<ToolResult, Halt> {
        let (tool, provider) = self.tool(exchange.caller(), name).await?;
        exchange.found(Target::Tool(tool.name));
        provider.call_tool(exchange, name, arguments).await
    }

    /// Part of the resources the caller may read.
    pub(crate) async fn resources(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
    ) -> Result<Page<Resource>, Halt> {
        let (mut at, mut from) = match cursor {
            None => (0, None),
            Some(cursor) => read_cursor(cursor, self.0.len())?,
        };
        let mut items = Vec::new();
        while let Some(provider) = self.0.get(at) {
            let page = provider.resources(caller, from.as_deref()).await?;
            items.extend(page.items);
            if let Some(next) = page.next {
                return Ok(Page { items, next: Some(write_cursor(at, &next)) });
            }
            (at, from) = (at + 1, None);
        }
        Ok(Page::whole(items))
    }

    /// The templates of the resources the caller may read.
    pub(crate) async fn resource_templates(&self, caller: &Caller) -> Result<Vec<ResourceTemplate>, Halt> {
        let mut templates = Vec::new();
        for provider in &self.0 {
            templates.extend(provider.resource_templates(caller).await?);
        }
        Ok(templates)
    }

    /// What is in a resource.
    pub(crate) async fn read_resource(
        &self,
        exchange: &Exchange,
        uri: &str,
    ) -> Result<Vec<ResourceContents>, Halt> {
        for provider in &self.0 {
            if let Some(contents) = provider.read_resource(exchange, uri).await? {
                return Ok(contents);
            }
        }
        Err(RpcError::no_resource(exchange.client().version, uri).into())
    }

    /// A text that changes whenever what is watched does; `None` if nobody tells of its changes.
    pub(crate) async fn watch(&self, caller: &Caller, watched: &Watched) -> Result<Option<String>, Halt> {
        let mut tags: Option<String> = None;
        for provider in &self.0 {
            let Some(tag) = provider.watch(caller, watched).await? else { continue };
            if matches!(watched, Watched::Resource(_)) {
                return Ok(Some(tag));
            }
            // A list is everybody's.
            let all = tags.get_or_insert_default();
            all.push_str(&tag);
            all.push('\n');
        }
        Ok(tags)
    }

    /// The prompts the caller may use.
    pub(crate) async fn prompts(&self, caller: &Caller) -> Result<Vec<Prompt>, Halt> {
        let mut prompts: Vec<Prompt> = Vec::new();
        for provider in &self.0 {
            for prompt in provider.prompts(caller).await? {
                if !prompts.iter().any(|it| it.name == prompt.name) {
                    prompts.push(prompt);
                }
            }
        }
        Ok(prompts)
    }

    /// Fills a prompt.
    pub(crate) async fn prompt(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<PromptResult, Halt> {
        for provider in &self.0 {
            if let Some(prompt) = provider.prompt(exchange, name, arguments.clone()).await? {
                exchange.found(Target::Prompt(name.to_owned()));
                return Ok(prompt);
            }
        }
        Err(RpcError::invalid_params("params.name", "there is no such prompt").into())
    }

    /// How an argument may go on.
    pub(crate) async fn complete(
        &self,
        caller: &Caller,
        reference: &Reference,
        argument: (&str, &str),
        others: &Params,
    ) -> Result<Completion, Halt> {
        for provider in &self.0 {
            if let Some(completion) = provider.complete(caller, reference, argument, others).await? {
                return Ok(completion);
            }
        }
        Err(RpcError::invalid_params("params.ref", "there is nothing of this name").into())
    }
}

fn known<'a>(tools: &'a [Tool], name: &str) -> Option<&'a Tool> {
    tools.iter().find(|it| it.name == name)
}

fn write_cursor(provider: usize, cursor: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{provider}:{cursor}"))
}

/// The provider, and its own cursor.
fn read_cursor(cursor: &str, providers: usize) -> Result<(usize, Option<String>), RpcError> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (provider, cursor) = text.split_once(':')?;
        let provider = provider.parse().ok().filter(|it| *it < providers)?;
        Some((provider, Some(cursor.to_owned())))
    };
    read().ok_or_else(|| RpcError::invalid_params("params.cursor", "this is no cursor of this list"))
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalog({} providers)", self.0.len())
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
