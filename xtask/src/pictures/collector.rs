//! What OTLP is sent to while the pictures are taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::chart::Bar;

/// Traces that are kept at most.
const MOST: usize = 20_000;

type Traces = HashMap<Vec<u8>, Vec<(String, Span)>>;

pub(super) struct Collector {
    pub(super) url: String,
    traces: Arc<Mutex<Traces>>,
}

impl Collector {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let traces: Arc<Mutex<Traces>> = Arc::default();
        let kept = Arc::clone(&traces);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    // An exporter that went away has nothing more to say.
                    let _ = serve(connection, &kept).await;
                });
            }
        });
        Ok(Self { url, traces })
    }

    /// The widest trace of a chat with two attempts of which the first failed.
    pub(super) fn failover(&self) -> Option<Vec<Bar>> {
        let traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let found = traces.values().filter(|spans| {
            let attempts: Vec<_> =
                spans.iter().filter(|it| it.1.name.starts_with("Bedrock Runtime.")).collect();
            attempts.len() == 2 && attempts.iter().filter(|it| has_failed(&it.1)).count() == 1
        });
        found.max_by_key(|spans| spans.len()).map(|spans| bars(spans))
    }
}

fn has_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|it| it.code == 2)
}

/// Parents before children, in the order of their beginnings.
fn bars(spans: &[(String, Span)]) -> Vec<Bar> {
    let begin = spans.iter().map(|it| it.1.start_time_unix_nano).min().unwrap_or_default();
    let mut bars = Vec::new();
    let is_root = |span: &Span| !spans.iter().any(|it| it.1.span_id == span.parent_span_id);
    let mut waiting: Vec<_> = spans.iter().filter(|it| is_root(&it.1)).map(|it| (it, 0)).collect();
    waiting.sort_by_key(|it| std::cmp::Reverse(it.0.1.start_time_unix_nano));
    while let Some(((service, span), depth)) = waiting.pop() {
        let millis = |nanos: u64| nanos as f64 / 1e6;
        bars.push(Bar {
            depth,
            service: service.clone(),
            name: span.name.clone(),
            start_ms: millis(span.start_time_unix_nano.saturating_sub(begin)),
            length_ms: millis(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
            failed: has_failed(span),
        });
        let mut children: Vec<_> = spans.iter().filter(|it| it.1.parent_span_id == span.span_id).collect();
        children.sort_by_key(|it| std::cmp::Reverse(it.1.start_time_unix_nano));
        waiting.extend(children.into_iter().map(|it| (it, depth + 1)));
    }
    bars
}

async fn serve(mut connection: TcpStream, kept: &Mutex<Traces>) -> anyhow::Result<()> {
    let mut read = Vec::new();
    loop {
        let Some((head, body)) = request(&mut connection, &mut read).await? else { return Ok(()) };
        if head.starts_with("POST /v1/traces") {
            let body = match head.contains("content-encoding: gzip") {
                true => unpacked(&body)?,
                false => body,
            };
            keep(kept, ExportTraceServiceRequest::decode(&*body)?);
        }
        connection
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
            )
            .await?;
    }
}

/// The head in lower case, and the body; `None` at the end.
async fn request(
    connection: &mut TcpStream,
    read: &mut Vec<u8>,
) -> anyhow::Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&read[..end]).into_owned();
            let lower = text.to_ascii_lowercase();
            let length: usize = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .context("an export has a length")?
                .trim()
                .parse()?;
            if read.len() >= end + 4 + length {
                let body = read[end + 4..end + 4 + length].to_vec();
                read.drain(..end + 4 + length);
                let first = text.lines().next().unwrap_or_default();
                return Ok(Some((format!("{first}\r\n{lower}"), body)));
            }
        }
        if connection.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

fn unpacked(packed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut out)?;
    Ok(out)
}

fn keep(kept: &Mutex<Traces>, request: ExportTraceServiceRequest) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    for part in request.resource_spans {
        let about = part.resource.map(|it| it.attributes).unwrap_or_default();
        let service = about.iter().find(|it| it.key == "service.name").and_then(text).unwrap_or_default();
        for span in part.scope_spans.into_iter().flat_map(|it| it.spans) {
            if kept.len() < MOST || kept.contains_key(&span.trace_id) {
                kept.entry(span.trace_id.clone()).or_default().push((service.clone(), span));
            }
        }
    }
}

fn text(attribute: &KeyValue) -> Option<String> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
