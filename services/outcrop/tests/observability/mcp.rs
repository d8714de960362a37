//! A tool that an MCP client calls.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{Client, Server};
use serde_json::json;

use crate::session::{Session, VERSION};
use crate::spans::Tree;
use crate::wait::until;
use crate::world::World;

#[tokio::test]
async fn a_call_of_a_tool_is_one_trace_together() {
    journey(&World::together(&[]).await).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_call_of_a_tool_is_one_trace_apart() {
    journey(&World::apart(&[]).await).await;
}

async fn journey(world: &World) {
    let url = &world.platform.services.front().url;
    let session = Session::begin(url, &world.platform.key).await;
    let arguments = json!({ "prompt": "[[id: tool]] [[say: told]]" });
    let told = session.ask("tools/call", &json!({ "name": "generate", "arguments": arguments })).await;
    assert!(told.body["result"].to_string().contains("told"), "{told:#?}");
    let id = until("the span of the call", async || {
        let spans = world.collector.spans();
        spans.into_iter().find(|it| it.name == "tools/call generate").map(|it| it.trace)
    });
    let complete = |tree: &Tree| {
        let fronts = tree.named("POST /mcp");
        fronts.iter().any(|it| tree.above(it).is_none()) && !tree.named("Bedrock Runtime.").is_empty()
    };
    let tree = world.collector.trace(&id.await, complete).await;
    let inference = world.service("outcrop-inference");
    let tool = tree.named("tools/call generate")[0];
    for (name, expected) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "generate"),
        ("mcp.protocol.version", VERSION),
    ] {
        assert_eq!(tool.text(name), expected, "{name} of {tool:#?}");
    }
    // Whoever knows the id of a session may speak in it, so that another name stands for it.
    let named = tool.text("mcp.session.id");
    assert!(!named.is_empty() && named != session.id.as_deref().unwrap(), "{tool:#?}");
    let served = tree.above(tool).unwrap_or_else(|| panic!("it stands below its request:\n{tree}"));
    assert_eq!(
        (served.kind, served.service.as_str(), served.name.as_str()),
        (Server, inference, "POST /mcp")
    );
    // Between the tool and the attempt stands the call of the model, whichever operation it is.
    let attempt = tree.named("Bedrock Runtime.")[0];
    assert_eq!(attempt.kind, Client);
    let call = tree.above(attempt).unwrap();
    assert_eq!((call.text("gen_ai.operation.name"), &call.parent), ("chat", &tool.id), "{tree}");
    assert_eq!(world.call_of("tool").await["trace"], attempt.xray(), "what Bedrock is told");
}
