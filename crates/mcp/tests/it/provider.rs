//! Tools and resources that do what tests need.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_mcp::{Caller, Exchange, Halt, Page, Provider, Watched};
use outcrop_telemetry::current;
use outcrop_wire::mcp::{
    Ask, LogLevel, Params, Prompt, Resource, ResourceContents, RpcError, Tool, ToolResult, code,
};
use serde_json::{Value, json};

/// The one resource.
pub(crate) const THING: &str = "test://thing";

#[derive(Debug, Default)]
pub(crate) struct Bench {
    /// What is in the resource.
    pub(crate) thing: AtomicU64,
    /// How many calls were begun, and how many came to their end.
    pub(crate) begun: AtomicU64,
    pub(crate) ended: AtomicU64,
}

impl Bench {
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        title: None,
        description: None,
        input_schema: json!({ "type": "object" }),
        output_schema: None,
        annotations: None,
    }
}

fn millis(arguments: &Params) -> Duration {
    Duration::from_millis(arguments.get("ms").and_then(Value::as_u64).unwrap_or(0))
}

#[async_trait]
impl Provider for Bench {
    async fn tools(&self, _: &Caller) -> Result<Vec<Tool>, Halt> {
        Ok(["echo", "slow", "steps", "ask", "poll", "stuck", "where", "fail"].map(tool).into())
    }

    async fn call_tool(
        &self,
        exchange: &Exchange,
        name: &str,
        arguments: Params,
    ) -> Result<ToolResult, Halt> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let pause = millis(&arguments);
        let said = match name {
            "echo" => arguments.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
            "slow" => {
                tokio::time::sleep(pause).await;
                "slept".to_owned()
            }
            "steps" => {
                for step in 1..=arguments.get("steps").and_then(Value::as_u64).unwrap_or(1) {
                    exchange.progress(step as f64, None, None).await;
                    exchange.log(LogLevel::Debug, "bench", json!(format!("step {step}"))).await;
                    tokio::time::sleep(pause).await;
                }
                "walked".to_owned()
            }
            "ask" => {
                let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
                let ask = Ask::Elicit { message: "who?".to_owned(), schema };
                exchange.ask("who", ask).await?["content"]["name"].as_str().unwrap_or("nobody").to_owned()
            }
            "poll" => {
                exchange.let_go(Duration::from_millis(10)).await;
                tokio::time::sleep(pause).await;
                "polled".to_owned()
            }
            "stuck" => std::future::pending().await,
            // Where in its trace it is worked on: by its context, by its task, and under which ids.
            "where" => {
                let context = &exchange.caller().context;
                let current = current::get().map(|it| (it.trace.to_line(), it.request_id.to_string()));
                let (by_task, id) = current.unwrap_or_default();
                json!([context.trace.to_line(), by_task, context.request_id.to_string(), id]).to_string()
            }
            "fail" => {
                let told = json!({ "code": arguments.get("code") });
                let meta = Params::from_iter([("outcrop/error".to_owned(), told)]);
                return Ok(ToolResult { is_error: true, meta, ..ToolResult::text("it did not work") });
            }
            other => return Err(RpcError::new(code::INVALID_PARAMS, other.to_owned()).into()),
        };
        self.ended.fetch_add(1, Ordering::SeqCst);
        Ok(ToolResult::text(said))
    }

    async fn resources(&self, _: &Caller, _: Option<&str>) -> Result<Page<Resource>, Halt> {
        let thing = Resource { uri: THING.to_owned(), name: "thing".to_owned(), ..Resource::default() };
        Ok(Page::whole(vec![thing]))
    }

    async fn read_resource(&self, _: &Exchange, uri: &str) -> Result<Option<Vec<ResourceContents>>, Halt> {
        let text = self.thing.load(Ordering::SeqCst).to_string();
        Ok((uri == THING).then(|| vec![ResourceContents::text(uri, "text/plain", text)]))
    }

    async fn watch(&self, _: &Caller, watched: &Watched) -> Result<Option<String>, Halt> {
        let Watched::Resource(uri) = watched else { return Ok(None) };
        let is_known = uri == THING || uri.starts_with("test://many/");
        Ok(is_known.then(|| self.thing.load(Ordering::SeqCst).to_string()))
    }

    async fn prompts(&self, _: &Caller) -> Result<Vec<Prompt>, Halt> {
        Ok(vec![Prompt { name: "greet".to_owned(), ..Prompt::default() }])
    }
}
