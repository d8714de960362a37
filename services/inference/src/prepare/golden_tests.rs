//! What becomes of each of `wire`'s OpenAI fixtures for each kind of model, as one table: what the emulator says to what
//! is sent, what was taken, and how the shape of the answer was asked for. (What is sent stands in the snapshots of
//! `bedrock`.)

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_ports::{ChatModel, ModelCall, ResolvedModel};
use outcrop_wire::openai;
use tokio_util::sync::CancellationToken;

use super::property_tests::models;
use super::*;

/// One model of each kind, by id.
const TARGETS: [&str; 8] = [
    "claude-haiku-4-5",
    "claude-opus-5-5",
    "nova-2-lite",
    "nova-lite",
    "llama3-3-70b",
    "mistral-7b-instruct",
    "gpt-6-sol",
    "gpt-oss-20b",
];

/// What becomes of a request for a model.
async fn line(bedrock: &BedrockModel, model: &ResolvedModel, translated: openai::chat::Translated) -> String {
    let mut dropped = Vec::new();
    let fields = Fields::OPENAI;
    let Fitted { request, told, .. } = match for_model(translated.request, &model.info, fields, &mut dropped)
    {
        Ok(prepared) => prepared,
        Err(refused) => {
            return format!("400 {}: {refused}", refused.param.as_deref().unwrap_or_default());
        }
    };
    let call = ModelCall { model: model.clone(), request: request.into(), deadline: Duration::from_secs(30) };
    let mut line = match bedrock.chat(call).await {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{:?}: {error}", error.failure),
    };
    if !dropped.is_empty() {
        let _ = write!(line, "; dropped {}", dropped.join(", "));
    }
    for (_, way) in told {
        let _ = write!(line, "; structured by {way}");
    }
    line
}

#[tokio::test]
async fn every_openai_fixture_for_every_kind_of_model() {
    let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let sdk = outcrop_aws::local_config(&emulator.url(), "us-east-1");
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    tokio::spawn(emulator.run(stop));
    let bedrock = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
    let models = models();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/wire/fixtures/openai/chat");
    let mut fixtures: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    fixtures.retain(|it| it.extension().is_some_and(|it| it == "json"));
    fixtures.sort();
    let mut table = String::new();
    for fixture in fixtures {
        let _ = writeln!(table, "{}", fixture.file_stem().unwrap().to_str().unwrap());
        let body = Bytes::from(std::fs::read(&fixture).unwrap());
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for target in TARGETS {
            let model = models.iter().find(|it| it.info.id == target).unwrap();
            let translated = openai::chat::parse(&body).and_then(openai::chat::ChatRequest::into_chat);
            let line = match translated {
                // A link is fetched before.
                Ok(it) if has_links(&it.request) => "a link".to_owned(),
                Ok(it) => line(&bedrock, model, it).await,
                Err(refused) => format!("400 {}: {refused}", refused.param.as_deref().unwrap_or_default()),
            };
            let line = line.replace(target, "MODEL");
            match lines.iter_mut().find(|(same, _)| *same == line) {
                Some((_, targets)) => targets.push(target),
                None => lines.push((line, vec![target])),
            }
        }
        for (line, targets) in lines {
            let targets = if targets.len() == TARGETS.len() { "all".to_owned() } else { targets.join(", ") };
            let _ = writeln!(table, "    {targets}: {line}");
        }
    }
    insta::assert_snapshot!("openai_chat", table);
}

fn has_links(request: &Request) -> bool {
    use outcrop_chat::{Block, ToolResultBlock};
    request.messages.iter().flat_map(|it| &it.content).any(|it| match it {
        Block::Link(_) => true,
        Block::ToolResult(result) => result.content.iter().any(|it| matches!(it, ToolResultBlock::Link(_))),
        _ => false,
    })
}
