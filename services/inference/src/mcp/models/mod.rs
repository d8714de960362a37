//! Models as tools, and what was used of them.
//!
//! Each tool has a file of its own: what it is called and takes, and how it is answered. They call the service as its HTTP
//! routes do, so that one admission, one cache, one routing and one ledger hold for both.

mod answered;
mod chat;
mod count_tokens;
mod embed;
mod generate;
mod list_models;
mod model;
mod rerank;
mod schema;
mod spelling;
mod told;
mod turns;
mod usage_me;
mod written;

use async_trait::async_trait;
use outcrop_http::RequestContext;
use outcrop_mcp::{Exchange, Halt, Provider};
use outcrop_types::Permission;
use outcrop_wire::mcp::{Params, RpcError, Tool, ToolResult};

use self::answered::Failed;
use super::refusal::refused;
use crate::InferenceService;
use crate::chat::Caller;
use crate::reports::Reports;

/// Models as tools, and what was used of them.
#[derive(Debug)]
pub(crate) struct ModelTools {
    service: InferenceService,
    reports: Reports,
}

/// One call of a tool.
struct Call<'a> {
    service: &'a InferenceService,
    exchange: &'a Exchange,
    /// That of the request, but for what is used: that is counted for this call alone.
    context: &'a RequestContext,
}

impl Call<'_> {
    fn caller(&self) -> Caller<'_> {
        Caller { principal: &self.exchange.caller().principal, context: self.context }
    }
}

impl ModelTools {
    pub(crate) fn new(service: InferenceService) -> Self {
        let inner = service.inner();
        let reports = Reports::new(inner.ledger.clone(), inner.catalog.clone(), inner.clock.clone());
        Self { service, reports }
    }

    async fn answer(&self, call: &Call<'_>, name: &str, arguments: Params) -> Result<ToolResult, Failed> {
        match name {
            generate::NAME => generate::call(call, arguments).await,
            chat::NAME => chat::call(call, arguments).await,
            embed::NAME => embed::call(call, arguments).await,
            rerank::NAME => rerank::call(call, arguments).await,
            count_tokens::NAME => count_tokens::call(call, arguments).await,
            list_models::NAME => list_models::call(call, arguments).await,
            usage_me::NAME => usage_me::call(call, &self.reports, arguments).await,
            _ => Err(Halt::from(RpcError::invalid_params("params.name", "there is no such tool")).into()),
        }
    }
}

#[async_trait]
impl Provider for ModelTools {
    async fn tools(&self, caller: &outcrop_mcp::Caller) -> Result<Vec<Tool>, Halt> {
        let mut tools = Vec::new();
        if caller.may(Permission::InvokeModel) {
            tools.extend([
                generate::tool(),
                chat::tool(),
                embed::tool(),
                rerank::tool(),
                count_tokens::tool(),
            ]);
        }
        if caller.may(Permission::ReadModels) {
            tools.push(list_models::tool());
        }
        // As over HTTP: what one has used oneself is no secret from oneself.
        tools.push(usage_me::tool());
        Ok(tools)
    }

    async fn call_tool(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<ToolResult, Halt> {
        let context =
            RequestContext { spent: outcrop_http::Spent::default(), ..exchange.caller().context.clone() };
        let call = Call { service: &self.service, exchange, context: &context };
        let answer = Box::pin(self.answer(&call, name, arguments));
        // Dropped, the call of the model is dropped with it, and metered as one whose client went away.
        let answer = tokio::select! {
            biased;
            () = exchange.cancelled().cancelled() => return Err(Halt::Cancelled),
            answer = answer => answer,
        };
        match answer {
            Ok(result) => Ok(result),
            Err(Failed::Refused(error)) => Ok(refused(&context, error)),
            Err(Failed::Halted(halt)) => Err(halt),
        }
    }
}
