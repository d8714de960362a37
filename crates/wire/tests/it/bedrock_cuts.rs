//! Streams in AWS's framing, however they are cut on their way: what an SDK puts together is what the model said.

use std::collections::BTreeMap;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::{Buf, Bytes, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, StopReason};
use outcrop_types::TokenUsage;
use outcrop_wire::bedrock::{ConverseStream, invoke};
use proptest::prelude::*;
use serde_json::Value;

/// What an SDK's accumulator holds at the end.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    blocks: BTreeMap<u32, (String, String)>,
    stop: Option<String>,
    usage: Option<(u64, u64)>,
}

/// What the events say.
fn said(events: &[Event]) -> Heard {
    let mut heard = Heard::default();
    for event in events {
        match event {
            Event::BlockStart { index, start: BlockStart::ToolUse { name, .. } } => {
                heard.blocks.entry(*index).or_default().0 = name.clone();
            }
            Event::Delta { index, delta } => {
                let text = match delta {
                    Delta::Text(it) | Delta::ToolInput(it) | Delta::Reasoning(it) => it,
                    _ => continue,
                };
                heard.blocks.entry(*index).or_default().1.push_str(text);
            }
            Event::Stop(reason) => heard.stop = Some(reason.name().to_owned()),
            Event::Usage(usage) => heard.usage = Some((usage.input, usage.output)),
            _ => {}
        }
    }
    heard
}

/// The payloads of a stream that comes in these pieces, by the decoder of the AWS SDK.
fn decode(pieces: &[Bytes]) -> Vec<Value> {
    let (mut decoder, mut buffer) = (MessageFrameDecoder::new(), BytesMut::new());
    let mut payloads = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut buffer).unwrap() {
            payloads.push(serde_json::from_slice(message.payload()).unwrap());
        }
    }
    assert!(!buffer.has_remaining(), "nothing is left behind the last frame");
    payloads
}

fn heard(pieces: &[Bytes]) -> Heard {
    let mut heard = Heard::default();
    for payload in decode(pieces) {
        let index = payload["contentBlockIndex"].as_u64().map(|it| u32::try_from(it).unwrap());
        if let (Some(index), Some(name)) = (index, payload["start"]["toolUse"]["name"].as_str()) {
            heard.blocks.entry(index).or_default().0 = name.to_owned();
        }
        let delta = &payload["delta"];
        let text = [&delta["text"], &delta["toolUse"]["input"], &delta["reasoningContent"]["text"]];
        if let (Some(index), Some(text)) = (index, text.into_iter().find_map(Value::as_str)) {
            heard.blocks.entry(index).or_default().1.push_str(text);
        }
        if let Some(reason) = payload["stopReason"].as_str() {
            heard.stop = Some(reason.to_owned());
        }
        if let Some(input) = payload["usage"]["inputTokens"].as_u64() {
            heard.usage = Some((input, payload["usage"]["outputTokens"].as_u64().unwrap()));
        }
    }
    heard
}

/// The bytes, cut at these places.
fn cut(bytes: &Bytes, places: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|it| bytes.slice(it[0]..it[1])).collect()
}

fn block() -> impl Strategy<Value = (u32, u8, Vec<String>)> {
    (0..4_u32, 0..3_u8, prop::collection::vec(any::<String>(), 0..4))
}

/// Blocks in their order, with gaps between the indices, and the end of an answer.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let reason = prop::sample::select(vec![StopReason::EndTurn, StopReason::ToolUse, StopReason::MaxTokens]);
    let end = (reason, any::<u32>(), any::<u32>());
    (prop::collection::vec(block(), 0..5), end).prop_map(|(blocks, (reason, input, output))| {
        let (mut events, mut index) = (vec![Event::Start], 0);
        for (gap, kind, texts) in blocks {
            index += gap;
            if kind == 0 {
                let start = BlockStart::ToolUse { id: "t".into(), name: format!("tool{index}") };
                events.push(Event::BlockStart { index, start });
            }
            let wrap = [Delta::ToolInput, Delta::Text, Delta::Reasoning][usize::from(kind)];
            events.extend(texts.into_iter().map(|text| Event::Delta { index, delta: wrap(text) }));
            events.push(Event::BlockStop { index });
            index += 1;
        }
        let usage = TokenUsage { input: input.into(), output: output.into(), ..TokenUsage::default() };
        events.extend([Event::Stop(reason), Event::Usage(usage)]);
        events
    })
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_it_is_cut(
        events in events(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (mut stream, mut out) = (ConverseStream::default(), BytesMut::new());
        events.iter().for_each(|event| stream.push(event, &mut out));
        stream.finish(1, &mut out);
        prop_assert_eq!(heard(&cut(&out.freeze(), &places)), said(&events));
    }

    #[test]
    fn chunks_of_a_model_come_through_byte_by_byte(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut out = BytesMut::new();
        chunks.iter().for_each(|chunk| invoke::put_chunk(&mut out, chunk));
        let read: Vec<Vec<u8>> = decode(&cut(&out.freeze(), &places))
            .iter()
            .map(|payload| {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap()
            })
            .collect();
        prop_assert_eq!(read, chunks);
    }
}
