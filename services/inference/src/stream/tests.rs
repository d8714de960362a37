use futures::StreamExt;
use outcrop_chat::{Delta, StopReason};
use outcrop_ports::ModelFailure;
use outcrop_types::{Outcome, TokenUsage, UsageRecord};
use outcrop_wire::ToolNames;
use outcrop_wire::openai::stream::StreamHead;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::fixtures::Meter;
use crate::prepare::Reshape;
use crate::routes::converse::TimedStream;

const USAGE: TokenUsage = TokenUsage {
    guardrail_units: 0,
    input: 11,
    output: 5,
    cache_read: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    reasoning: 0,
    images: 0,
    queries: 0,
};

type Sent = Result<Event, ModelError>;

fn start(meter: &Meter) -> (UnboundedSender<Sent>, FrameStream<ChatStream>) {
    let head = StreamHead { id: "chatcmpl-1", created: 1, model: "m", include_usage: false };
    start_in(meter, ChatStream::new(head, ToolNames::default()))
}

fn start_in<F: Frames>(meter: &Meter, frames: F) -> (UnboundedSender<Sent>, FrameStream<F>) {
    let (sender, mut receiver) = unbounded_channel();
    let events = Box::pin(futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)));
    let mut open = meter.open("12345678");
    open.set_streamed();
    let id = RequestId::parse("r-1").unwrap();
    (sender, FrameStream::new(events, frames, open, id))
}

fn text(text: &str) -> Sent {
    Ok(Event::Delta { index: 0, delta: Delta::Text(text.into()) })
}

fn failure() -> ModelError {
    ModelError {
        failure: ModelFailure::Throttled,
        message: "Too many tokens.".into(),
        bedrock_request_id: None,
        retry_after: None,
        source: None,
    }
}

async fn rest(frames: FrameStream<ChatStream>) -> String {
    let pieces: Vec<Bytes> = frames.collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

fn ended(record: &UsageRecord) -> (Outcome, Option<&str>, u64, bool) {
    (record.outcome, record.error.as_deref(), record.tokens.output, record.estimated)
}

#[tokio::test]
async fn what_is_ready_at_once_leaves_in_one_piece_and_nothing_waits() {
    let meter = Meter::new();
    let (sender, mut frames) = start(&meter);
    sender.send(Ok(Event::Start)).unwrap();
    let first = frames.next().await.unwrap();
    assert!(first.starts_with(b"data: ") && first.ends_with(b"\n\n"), "{first:?}");
    for word in ["a", "b", "c"] {
        sender.send(text(word)).unwrap();
    }
    let second = String::from_utf8(frames.next().await.unwrap().to_vec()).unwrap();
    assert_eq!(second.matches("data: ").count(), 3, "{second}");
    assert!(futures::poll!(frames.next()).is_pending());
}

#[tokio::test]
async fn a_piece_is_bounded() {
    let meter = Meter::new();
    let (sender, mut frames) = start(&meter);
    for _ in 0..100 {
        sender.send(text(&"x".repeat(1000))).unwrap();
    }
    let piece = frames.next().await.unwrap();
    assert!((PIECE_BYTES..PIECE_BYTES + 2000).contains(&piece.len()), "{}", piece.len());
}

#[tokio::test]
async fn usage_is_safe_before_the_last_bytes_leave() {
    let meter = Meter::new();
    let (sender, mut frames) = start(&meter);
    for event in [Ok(Event::Start), text("hi"), Ok(Event::Stop(StopReason::EndTurn))] {
        sender.send(event).unwrap();
    }
    let first = frames.next().await.unwrap();
    assert!(!String::from_utf8_lossy(&first).contains("[DONE]"));
    assert!(meter.records().await.is_empty());
    sender.send(Ok(Event::Usage(USAGE))).unwrap();
    drop(sender);
    let last = frames.next().await.unwrap();
    assert!(last.ends_with(b"data: [DONE]\n\n"));
    let records = meter.records().await;
    assert_eq!((records.len(), ended(&records[0])), (1, (Outcome::Completed, None, 5, false)));
    assert_eq!(records[0].stop_reason.as_deref(), Some("end_turn"));
    assert!(records[0].streamed && records[0].first_token_ms.is_some());
    assert!(frames.next().await.is_none());
    drop(frames);
    assert_eq!(meter.records().await.len(), 1, "closed once");
}

#[tokio::test]
async fn usage_that_never_came_is_estimated() {
    let meter = Meter::new();
    let (sender, frames) = start(&meter);
    sender.send(text("12345678")).unwrap();
    sender.send(Ok(Event::Stop(StopReason::EndTurn))).unwrap();
    drop(sender);
    let answer = rest(frames).await;
    assert!(answer.ends_with("data: [DONE]\n\n") && !answer.contains("\"error\""), "{answer}");
    assert_eq!(ended(&meter.records().await[0]), (Outcome::Completed, None, 6, true));
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_error_event_and_no_end() {
    let meter = Meter::new();
    let (sender, frames) = start(&meter);
    for event in [Ok(Event::Start), text("12345678"), Err(failure())] {
        sender.send(event).unwrap();
    }
    let all = rest(frames).await;
    assert!(all.contains(r#""error":{"message":"Too many tokens.""#), "{all}");
    assert!(!all.contains("[DONE]") && !all.contains(r#""finish_reason":""#), "{all}");
    let records = meter.records().await;
    assert_eq!(ended(&records[0]), (Outcome::Failed, Some("rate_limited"), 6, true));
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_makes_no_sense_has_failed() {
    for last in [None, Some(Ok(Event::Stop(StopReason::MalformedModelOutput)))] {
        let meter = Meter::new();
        let (sender, frames) = start(&meter);
        [Ok(Event::Start), text("1234")]
            .into_iter()
            .chain(last)
            .for_each(|event| sender.send(event).unwrap());
        drop(sender);
        let all = rest(frames).await;
        assert!(all.contains(r#""error":{"#) && !all.contains("[DONE]"), "{all}");
        assert_eq!(ended(&meter.records().await[0]), (Outcome::Failed, Some("upstream"), 3, true));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call_and_is_metered() {
    let meter = Meter::new();
    let (sender, mut frames) = start(&meter);
    sender.send(Ok(Event::Start)).unwrap();
    sender.send(text("123456789")).unwrap();
    frames.next().await.unwrap();
    drop(frames);
    assert!(sender.is_closed(), "the call upstream is dropped");
    let records = meter.records().await;
    assert_eq!(ended(&records[0]), (Outcome::Cancelled, None, 7, true));
    assert_eq!(records[0].tokens.input, 2, "eight bytes of prompt");
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_comments() {
    let meter = Meter::new();
    let (sender, mut frames) = start(&meter);
    sender.send(Ok(Event::Start)).unwrap();
    frames.next().await.unwrap();
    let begun = Instant::now();
    assert!(frames.next().await.unwrap().starts_with(b":"));
    assert_eq!(begun.elapsed().as_secs(), HEARTBEAT.as_secs());
    assert!(frames.next().await.unwrap().starts_with(b":"));
    assert_eq!(begun.elapsed().as_secs(), 2 * HEARTBEAT.as_secs());
    // Not sooner after a piece that was sent in between.
    tokio::time::sleep(HEARTBEAT / 2).await;
    sender.send(text("x")).unwrap();
    assert!(frames.next().await.unwrap().starts_with(b"data: "));
    let sent = Instant::now();
    assert!(frames.next().await.unwrap().starts_with(b":"));
    assert!(sent.elapsed() >= HEARTBEAT, "{:?}", sent.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silence_is_kept_where_nothing_can_fill_it() {
    let meter = Meter::new();
    let (sender, mut frames) = start_in(&meter, TimedStream::new());
    sender.send(Ok(Event::Start)).unwrap();
    assert!(!frames.next().await.unwrap().is_empty());
    assert!(tokio::time::timeout(3 * HEARTBEAT, frames.next()).await.is_err(), "nothing came");
    sender.send(text("x")).unwrap();
    let piece = frames.next().await.unwrap();
    assert!(String::from_utf8_lossy(&piece).contains("contentBlockDelta"));
}

#[tokio::test]
async fn usage_is_safe_before_the_last_frame_of_aws_leaves() {
    let meter = Meter::new();
    let (sender, mut frames) = start_in(&meter, TimedStream::new());
    for event in [Ok(Event::Start), text("hi"), Ok(Event::Stop(StopReason::EndTurn)), Ok(Event::Usage(USAGE))]
    {
        sender.send(event).unwrap();
    }
    let first = frames.next().await.unwrap();
    assert!(!String::from_utf8_lossy(&first).contains("metadata"));
    drop(sender);
    let last = frames.next().await.unwrap();
    assert!(String::from_utf8_lossy(&last).contains("metadata"));
    let records = meter.records().await;
    assert_eq!((records.len(), ended(&records[0])), (1, (Outcome::Completed, None, 5, false)));
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn what_is_held_back_from_a_client_that_leaves_is_metered() {
    let meter = Meter::new();
    let (sender, mut receiver) = unbounded_channel::<Sent>();
    let events = Box::pin(futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)));
    let mut open = meter.open("12345678");
    open.set_streamed();
    // An answer that comes in an object is taken out of it when that is whole.
    let events = crate::chat::heard(events, &Reshape::Unwrap { key: "value" }, &mut open);
    let head = StreamHead { id: "chatcmpl-1", created: 1, model: "m", include_usage: false };
    let frames = ChatStream::new(head, ToolNames::default());
    let mut frames = FrameStream::new(events, frames, open, RequestId::parse("r-1").unwrap());
    for _ in 0..10 {
        sender.send(text("12345678")).unwrap();
    }
    assert!(futures::poll!(frames.next()).is_pending(), "nothing of it is sent");
    drop(frames);
    let records = meter.records().await;
    assert_eq!(ended(&records[0]), (Outcome::Cancelled, None, 60, true));
    assert!(records[0].first_token_ms.is_some());
}

#[tokio::test]
async fn what_is_made_of_an_answer_is_not_counted_besides_it() {
    let meter = Meter::new();
    let mut open = meter.open("12345678");
    open.set_streamed();
    let events = [text(r#"{"value":"12345678"}"#), Ok(Event::BlockStop { index: 0 })];
    let events = Box::pin(
        futures::stream::iter(events)
            .chain(futures::stream::once(async { Ok(Event::Stop(StopReason::EndTurn)) })),
    );
    let events = crate::chat::heard(events, &Reshape::Unwrap { key: "value" }, &mut open);
    let head = StreamHead { id: "chatcmpl-1", created: 1, model: "m", include_usage: false };
    let frames = ChatStream::new(head, ToolNames::default());
    let whole = rest(FrameStream::new(events, frames, open, RequestId::parse("r-1").unwrap())).await;
    assert!(whole.contains("12345678"), "{whole}");
    assert_eq!(ended(&meter.records().await[0]), (Outcome::Completed, None, 13, true));
}
