//! A call that one region throttles and another answers.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{Client, Internal, Server};
use serde_json::json;

use crate::client::ask;
use crate::spans::Tree;
use crate::world::World;

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn each_attempt_is_a_span_of_its_own() {
    let world = World::apart(&[("MODELS__URL", "bedrock://us-east-1,us-west-2")]).await;
    world.platform.emulator.fail_next("throttling", 0).await;
    let answer = world.platform.admin.chat(&ask("[[id: failover]] [[say: ok]]")).await.expect(200);
    let complete =
        |tree: &Tree| tree.holds("outcrop-gateway", "POST /v1") && tree.named("Bedrock Runtime.").len() > 1;
    let tree = world.trace_of(&answer, complete).await;
    let attempts = tree.named("Bedrock Runtime.Converse");
    let [first, second] = attempts[..] else { panic!("two attempts:\n{tree}") };
    assert!(first.failed && first.text("error.type").to_lowercase().contains("throttl"), "{first:#?}");
    assert!(!second.failed && !second.attributes.contains_key("error.type"), "{second:#?}");
    assert_eq!((first.has("outcrop.attempt"), second.has("outcrop.attempt")), (&json!(1), &json!(2)));
    assert_ne!(first.has("cloud.region"), second.has("cloud.region"));
    assert_eq!(first.parent, second.parent);
    let front =
        tree.named("POST /v1").into_iter().find(|it| it.service == "outcrop-gateway").expect("the gateway's");
    let way = tree.down(
        front,
        &[
            ("outcrop-gateway", Client, "POST inference"),
            ("outcrop-inference", Server, "POST /v1"),
            ("outcrop-inference", Internal, "chat "),
        ],
    );
    let chat = way[2];
    assert!(chat.id == first.parent && !chat.failed, "{tree}");
    assert_eq!(world.call_of("failover").await["trace"], second.xray(), "what Bedrock is told");
    assert_eq!(chat.has("outcrop.attempt"), &json!(2), "how many there were");
}
