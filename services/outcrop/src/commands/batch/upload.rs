//! Sending the file, once: as a form (RFC 7578) that is streamed, never held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use serde::Deserialize;
use serde_json::Value;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::input::Input;
use super::progress::{Line, bytes};
use crate::cli::parse_duration;
use crate::failure::Failure;
use crate::output;
use crate::remote::{Refused, Remote};

/// Read and sent at once.
const CHUNK: usize = 64 << 10;
/// How often it is tried.
const TRIES: u32 = 3;
/// Longest time without a byte being taken, or without an answer after the last one.
const STALLED: Duration = Duration::from_secs(600);
/// How often the terminal is told how far it is.
const TICK: Duration = Duration::from_millis(250);
/// A file is looked for among so many.
const PAGES: usize = 10;
/// What a batch has to be done in if it is not said in words that we know.
const DAY: Duration = Duration::from_secs(86_400);

/// A file on the server, as far as it is looked at.
#[derive(Debug, Deserialize)]
struct StoredFile {
    id: String,
    filename: String,
    bytes: u64,
    expires_at: Option<i64>,
}

/// The id of the file on the server: of one that is there already, or of the one that it sends.
pub(super) async fn once(remote: &Remote, input: &Input, window: &str) -> Result<String, Failure> {
    let mut tried = 0;
    loop {
        // Also after a failure: the last bytes may have arrived and only the answer not.
        if let Some(id) = find(remote, input, window).await? {
            output::note("The server has the file already.");
            return Ok(id);
        }
        tried += 1;
        match send(remote, input).await {
            Ok(id) => return Ok(id),
            Err(refused) if refused.is_passing() && tried < TRIES => {
                output::complain(&format!("{}; trying again", refused.words));
                tokio::time::sleep(Duration::from_secs(u64::from(tried))).await;
            }
            Err(refused) => return Err(refused.into()),
        }
    }
}

/// The file with this content, if it is there and stays until the batch is done.
async fn find(remote: &Remote, input: &Input, window: &str) -> Result<Option<String>, Failure> {
    let window = parse_duration(window).unwrap_or(DAY).as_secs();
    let needed = outcrop_wiring::clock().now().timestamp().saturating_add_unsigned(window);
    let (name, mut path) = (input.name(), "/v1/files?purpose=batch&limit=100".to_owned());
    for _ in 0..PAGES {
        let mut page = remote.get(&path).await?;
        let files: Vec<StoredFile> =
            serde_json::from_value(page["data"].take()).map_err(|error| Failure::from_error(&error))?;
        let is_it = |file: &&StoredFile| {
            file.filename == name
                && file.bytes == input.bytes
                && file.expires_at.is_none_or(|expires_at| expires_at > needed)
        };
        if let Some(file) = files.iter().find(is_it) {
            return Ok(Some(file.id.clone()));
        }
        match files.last() {
            Some(file) if page["has_more"] == true => {
                path = format!("/v1/files?purpose=batch&limit=100&after={}", file.id);
            }
            _ => break,
        }
    }
    Ok(None)
}

async fn send(remote: &Remote, input: &Input) -> Result<String, Refused> {
    let unreadable =
        |error: std::io::Error| Refused::here(format!("could not read {}: {error}", input.path.display()));
    let file = File::open(&input.path).await.map_err(unreadable)?;
    let sent = Arc::new(AtomicU64::new(0));
    let (head, tail) = form(input);
    let length = (head.len() + tail.len()) as u64 + input.bytes;
    let counter = Arc::clone(&sent);
    // No more than was promised, should the file have grown.
    let content = ReaderStream::with_capacity(file.take(input.bytes), CHUNK).inspect_ok(move |piece| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    let once = |text: String| stream::once(async { Ok(text.into()) });
    let body = Body::wrap_stream(once(head).chain(content).chain(once(tail)));
    let request = remote
        .upload(Method::POST, "/v1/files")?
        .header(CONTENT_TYPE, format!("multipart/form-data; boundary={}", boundary(input)))
        .header(CONTENT_LENGTH, length)
        .body(body);
    let answer = watched(remote.json(request), &sent, input).await?;
    let unknown = || Refused::here("the server did not say what the file is called".to_owned());
    answer["id"].as_str().map(str::to_owned).ok_or_else(unknown)
}

/// Says how far it is while it waits, and gives up what does not move.
async fn watched(
    answer: impl Future<Output = Result<Value, Refused>>,
    sent: &AtomicU64,
    input: &Input,
) -> Result<Value, Refused> {
    let mut line = Line::new();
    if !line.is_terminal() {
        output::note(&format!("Sending {} ({}).", input.path.display(), bytes(input.bytes)));
    }
    let (mut answer, mut ticks) = (std::pin::pin!(answer), tokio::time::interval(TICK));
    let (mut last, mut still) = (0, Duration::ZERO);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            _ = ticks.tick() => {
                let now = sent.load(Ordering::Relaxed);
                still = if now == last { still + TICK } else { Duration::ZERO };
                last = now;
                if still > STALLED {
                    let words = format!("nothing was taken for {} s", STALLED.as_secs());
                    return Err(Refused::on_the_way(words));
                }
                line.draw(&format!("Sending {} of {}", bytes(now), bytes(input.bytes)));
            }
        }
    }
}

/// What stands before and after the file.
fn form(input: &Input) -> (String, String) {
    let (boundary, name) = (boundary(input), input.name());
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/jsonl\r\n\r\n"
    );
    (head, format!("\r\n--{boundary}--\r\n"))
}

/// A line that is not in the file: it would have to hold its own digest.
fn boundary(input: &Input) -> String {
    format!("outcrop-{}", &input.sha256[..48])
}
