//! Prompts and answers: in no span, unless somebody asks for them, and then masked.

use serde_json::{Value, json};

use crate::client::{MODEL, ask_streamed};
use crate::spans::{Seen, Tree};
use crate::world::World;

const MARKER: &str = "zanzibar-prompt-marker";
const ANSWER: &str = "quetzal-answer-marker";
const SYSTEM: &str = "narwhal-system-marker";
const ADDRESS: &str = "jane.doe@example.com";
const CARD: &str = "4111 1111 1111 1111";

#[tokio::test]
async fn no_prompt_and_no_answer_is_in_a_span() {
    let world = World::together(&[]).await;
    for span in spans_of_a_conversation(&world).await {
        for marker in [MARKER, ANSWER, SYSTEM, ADDRESS, CARD] {
            assert!(!span.whole().contains(marker), "{marker} in {span:#?}");
        }
    }
}

#[tokio::test]
async fn by_opt_in_they_are_there_and_masked() {
    let world = World::together(&[("TRACES__CONTENT", "redacted")]).await;
    let key = world.platform.key.clone();
    let spans = spans_of_a_conversation(&world).await;
    for span in &spans {
        for secret in [ADDRESS, CARD, key.as_str()] {
            assert!(!span.whole().contains(secret), "{secret} in {span:#?}");
        }
    }
    let chats: Vec<_> = spans.iter().filter(|it| it.name.starts_with("chat ")).collect();
    assert_eq!(chats.len(), 2);
    for chat in chats {
        let messages = |name: &str| -> Value { serde_json::from_str(chat.text(name)).expect("JSON") };
        let (asked, said) = (messages("gen_ai.input.messages"), messages("gen_ai.output.messages"));
        assert_eq!(asked[0]["role"], "user", "{asked:#}");
        assert!(asked.to_string().contains(MARKER), "{asked:#}");
        assert!(said.to_string().contains(ANSWER), "{said:#}");
        assert!(messages("gen_ai.system_instructions").to_string().contains(SYSTEM));
    }
}

/// Everything that is exported of a whole answer and of a stream.
async fn spans_of_a_conversation(world: &World) -> Vec<Seen> {
    let admin = &world.platform.admin;
    let prompt = format!("{MARKER} {ADDRESS} {CARD} {} [[say: {ANSWER} for {ADDRESS}]]", world.platform.key);
    let messages = json!([{ "role": "system", "content": SYSTEM }, { "role": "user", "content": prompt }]);
    let answer = admin.chat(&json!({ "model": MODEL, "messages": messages })).await.expect(200);
    assert!(answer.body.to_string().contains(ANSWER));
    let mut streamed = ask_streamed("");
    streamed["messages"] = messages;
    let stream = admin.chat_stream(&streamed).await;
    let id = stream.header("x-request-id");
    stream.rest().await;
    let whole = |tree: &Tree| tree.holds("outcrop", "POST /v1") && tree.holds("outcrop", "Bedrock");
    world.trace_of(&answer, whole).await;
    let trace = world.collector.trace_of(&id).await;
    world.collector.trace(&trace, whole).await;
    world.collector.spans()
}
