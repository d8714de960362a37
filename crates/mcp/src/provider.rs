//! Who has tools, resources and prompts to offer.

use async_trait::async_trait;
use outcrop_wire::mcp::{
    Completion, Params, Prompt, PromptResult, Reference, Resource, ResourceContents, ResourceTemplate, Tool,
    ToolResult,
};

use crate::{Caller, Exchange, Halt};

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is in it, in an order that stays.
    pub items: Vec<T>,
    /// What to ask for the next part with.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Something whose changes a client wants to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Watched {
    /// A resource, by its URI.
    Resource(String),
    /// Which tools there are.
    Tools,
    /// Which resources there are.
    Resources,
    /// Which prompts there are.
    Prompts,
}

/// Tools, resources and prompts: the platform's own, or (in time) those of another server behind it.
///
/// What is listed for a caller is what the caller may use: a tool that is not in its list cannot be called, whatever its name.
/// Providers decide about permissions when they list, and nowhere else do they have to. Everything they do is bounded in time by
/// what is left of the caller's deadline.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The tools the caller may call, in an order that stays.
    async fn tools(&self, _caller: &Caller) -> Result<Vec<Tool>, Halt> {
        Ok(Vec::new())
    }

    /// Calls one of [`tools`](Self::tools). What the model can do something about is a [`ToolResult`] that failed.
    async fn call_tool(&self, exchange: &Exchange, name: &str, arguments: Params)
    -> Result<ToolResult, Halt>;

    /// The resources the caller may read, from a cursor of this provider's on.
    async fn resources(&self, _caller: &Caller, _cursor: Option<&str>) -> Result<Page<Resource>, Halt> {
        Ok(Page::whole(Vec::new()))
    }

    /// The templates of those the caller may read.
    async fn resource_templates(&self, _caller: &Caller) -> Result<Vec<ResourceTemplate>, Halt> {
        Ok(Vec::new())
    }

    /// What is in a resource; `None` if there is none of this URI here for the caller.
    async fn read_resource(
        &self,
        _exchange: &Exchange,
        _uri: &str,
    ) -> Result<Option<Vec<ResourceContents>>, Halt> {
        Ok(None)
    }

    /// A text that changes whenever what is watched does; `None` if it is not here, or its changes are not told of.
    async fn watch(&self, _caller: &Caller, _watched: &Watched) -> Result<Option<String>, Halt> {
        Ok(None)
    }

    /// The prompts the caller may use, in an order that stays.
    async fn prompts(&self, _caller: &Caller) -> Result<Vec<Prompt>, Halt> {
        Ok(Vec::new())
    }

    /// Fills a prompt; `None` if there is none of this name here for the caller.
    async fn prompt(
        &self,
        _exchange: &Exchange,
        _name: &str,
        _arguments: Params,
    ) -> Result<Option<PromptResult>, Halt> {
        Ok(None)
    }

    /// How an argument (name, what is written so far) may go on, beside those `others` that are filled; `None` if what it belongs
    /// to is not here.
    async fn complete(
        &self,
        _caller: &Caller,
        _reference: &Reference,
        _argument: (&str, &str),
        _others: &Params,
    ) -> Result<Option<Completion>, Halt> {
        Ok(None)
    }
}
