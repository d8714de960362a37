//! Work that can wait as tools; models, usage, jobs, batches and files as resources.
//!
//! All of it is the job worker's, asked through the desk on the caller's behalf: what another team has does not exist here either.

mod answer;
mod desk;
mod place;
mod resources;
mod tags;
mod tools;

use async_trait::async_trait;
use outcrop_mcp::{Caller, Exchange, Halt, Page, Provider, Watched};
use outcrop_wire::mcp::{
    Completion, Params, Reference, Resource, ResourceContents, ResourceTemplate, Tool, ToolResult,
};

use self::tags::Tags;
use crate::InferenceService;
use crate::reports::Reports;

/// Largest content of a resource, and largest answer within a tool's result, bytes: it ends up in somebody's context.
const MAX_CONTENT: usize = 1024 * 1024;

/// Work that can wait as tools; models, usage, jobs and files as resources.
#[derive(Debug)]
pub(crate) struct Work {
    service: InferenceService,
    reports: Reports,
    tags: Tags,
}

impl Work {
    pub(crate) fn new(service: InferenceService) -> Self {
        let inner = service.inner();
        let reports = Reports::new(inner.ledger.clone(), inner.catalog.clone(), inner.clock.clone());
        Self { service, reports, tags: Tags::default() }
    }
}

#[async_trait]
impl Provider for Work {
    async fn tools(&self, caller: &Caller) -> Result<Vec<Tool>, Halt> {
        Ok(tools::listed(caller))
    }

    async fn call_tool(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<ToolResult, Halt> {
        tools::call(self, exchange, name, &arguments).await
    }

    async fn resources(&self, caller: &Caller, cursor: Option<&str>) -> Result<Page<Resource>, Halt> {
        resources::list::page(self, caller, cursor).await
    }

    async fn resource_templates(&self, caller: &Caller) -> Result<Vec<ResourceTemplate>, Halt> {
        Ok(resources::templates::listed(caller))
    }

    async fn read_resource(
        &self,
        exchange: &Exchange,
        uri: &str,
    ) -> Result<Option<Vec<ResourceContents>>, Halt> {
        let contents = resources::contents::read(self, exchange.caller(), uri).await?;
        Ok(contents.map(|it| vec![it]))
    }

    async fn watch(&self, caller: &Caller, watched: &Watched) -> Result<Option<String>, Halt> {
        Ok(resources::watch::tag(self, caller, watched).await?)
    }

    async fn complete(
        &self,
        caller: &Caller,
        reference: &Reference,
        argument: (&str, &str),
        _: &Params,
    ) -> Result<Option<Completion>, Halt> {
        resources::complete::complete(self, caller, reference, argument).await
    }
}
