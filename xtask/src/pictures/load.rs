//! What clients ask while the pictures are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stage::Stage;

const CLIENTS: u64 = 6;
const MODELS: [&str; 3] = ["claude-haiku-4-5", "nova-lite", "nova-micro"];

/// Asks for so long, with more and less of it in turn; what came of it.
pub(super) async fn ask(stage: &Stage, length: Duration) -> anyhow::Result<String> {
    let http = super::http()?;
    let counts: Arc<[AtomicU64; 2]> = Arc::default();
    let until = Instant::now() + length;
    let clients = (0..CLIENTS).map(|number| {
        let key = stage.keys[number as usize % stage.keys.len()].clone();
        let (gateway, counts) = (stage.gateway, Arc::clone(&counts));
        tokio::spawn(client(number, http.clone(), (gateway, key), until, counts))
    });
    futures::future::join_all(clients.collect::<Vec<_>>()).await;
    let [good, other] = &*counts;
    Ok(format!(
        "{} answers, {} of them refusals or failures",
        sum(good, other),
        other.load(Ordering::Relaxed)
    ))
}

fn sum(one: &AtomicU64, other: &AtomicU64) -> u64 {
    one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed)
}

async fn client(
    number: u64,
    http: reqwest::Client,
    (gateway, key): (u16, String),
    until: Instant,
    counts: Arc<[AtomicU64; 2]>,
) {
    let began = Instant::now();
    for turn in 0_u64.. {
        if Instant::now() >= until {
            return;
        }
        let streams = turn % 3 == 0;
        let mut body = serde_json::json!({
            "model": MODELS[(number + turn) as usize % MODELS.len()],
            "max_tokens": 400,
            "stream": streams,
            "messages": [{"role": "user", "content": format!("[[tokens: {}]] {turn}", 20 + (turn * 37) % 120)}],
        });
        if turn % 25 == 7 {
            body["model"] = "no-such-model".into();
        }
        if turn % 4 == 1 {
            // The same question over and over: what is kept answers it.
            body["messages"][0]["content"] = "[[tokens: 40]] the same".into();
        }
        let mut request = http
            .post(format!("http://127.0.0.1:{gateway}/v1/chat/completions"))
            .bearer_auth(&key)
            .json(&body);
        if turn % 4 == 1 {
            request = request.header("x-outcrop-cache-ttl", "600");
        }
        let good = match request.send().await {
            Ok(answer) if answer.status().is_success() => answer.bytes().await.is_ok(),
            _ => false,
        };
        counts[usize::from(!good)].fetch_add(1, Ordering::Relaxed);
        // Busier in the middle.
        let wave = (began.elapsed().as_secs_f64() / 15.0).sin().abs();
        tokio::time::sleep(Duration::from_millis(20 + (200.0 * (1.0 - wave)) as u64)).await;
    }
}
