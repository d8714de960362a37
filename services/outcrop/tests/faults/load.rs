//! Clients that ask one after another, many at once, and what they saw.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::World;

/// How clients ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) model: &'static str,
    pub(crate) requests: u64,
    pub(crate) clients: u64,
    pub(crate) stream: bool,
}

/// What clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    whole: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
    /// Of whole answers, from asking to the end.
    took: Mutex<Vec<Duration>>,
    /// By the region that answered.
    pub(crate) regions: Mutex<BTreeMap<String, u64>>,
}

impl Load {
    /// Asks until all requests are made.
    pub(crate) async fn run(self, world: &World) -> Seen {
        self.run_while(world, async {}).await
    }

    /// The same, with something that happens meanwhile.
    pub(crate) async fn run_while(self, world: &World, meanwhile: impl Future<Output = ()>) -> Seen {
        let (seen, left) = (Arc::new(Seen::default()), Arc::new(AtomicU64::new(self.requests)));
        let client = |number: u64| {
            let (seen, left) = (Arc::clone(&seen), Arc::clone(&left));
            async move {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    seen.take_note(self.ask(world, number).await);
                }
            }
        };
        tokio::join!(join_all((0..self.clients).map(client)), meanwhile);
        Arc::into_inner(seen).expect("no client is left")
    }

    async fn ask(self, world: &World, number: u64) -> (Duration, Result<String, String>) {
        let body = json!({
            "model": self.model,
            "messages": [{ "role": "user", "content": format!("[[say: hello {number}]]") }],
            "max_tokens": 20,
            "stream": self.stream,
        });
        let began = Instant::now();
        let answer = world.request(reqwest::Method::POST, "/v1/chat/completions").json(&body).send().await;
        let answer = match answer {
            Err(error) => Err(format!("no answer: {}", error.without_url())),
            Ok(answer) => whole(answer, self.stream).await,
        };
        (began.elapsed(), answer)
    }
}

/// The region that gave a whole answer, or why it is none.
async fn whole(answer: reqwest::Response, stream: bool) -> Result<String, String> {
    let status = answer.status();
    let header =
        |name: &str| answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or("").to_owned();
    let (region, attempts) = (header("x-outcrop-region"), header("x-outcrop-attempts"));
    let body = answer.text().await.map_err(|error| format!("broken: {}", error.without_url()))?;
    if !status.is_success() {
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        return Err(format!("{status} {} [{attempts}]", said["error"]["message"].as_str().unwrap_or(&body)));
    }
    let ends = if stream { body.trim_end().ends_with("data: [DONE]") } else { body.contains("hello") };
    match (ends, body.contains("hello")) {
        (true, true) => Ok(region),
        _ => Err(format!("not whole: {}", body.chars().take(200).collect::<String>())),
    }
}

impl Seen {
    fn take_note(&self, (took, answer): (Duration, Result<String, String>)) {
        match answer {
            Ok(region) => {
                self.whole.fetch_add(1, Ordering::Relaxed);
                self.took.lock().unwrap().push(took);
                *self.regions.lock().unwrap().entry(region).or_default() += 1;
            }
            Err(why) => *self.failed.lock().unwrap().entry(why).or_default() += 1,
        }
    }

    /// Whole answers.
    pub(crate) fn whole(&self) -> u64 {
        self.whole.load(Ordering::Relaxed)
    }

    /// Everything that was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.whole() + self.failed.lock().unwrap().values().sum::<u64>()
    }

    /// The share that was answered, per cent.
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub(crate) fn success(&self) -> f64 {
        100.0 * self.whole() as f64 / self.asked() as f64
    }

    /// So many of a thousand answers took no longer.
    pub(crate) fn percentile(&self, per_mille: usize) -> Duration {
        let mut took = self.took.lock().unwrap().clone();
        took.sort_unstable();
        took.get((took.len() * per_mille / 1_000).min(took.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} answered ({:.3} %), p50 {:.1?}, p99 {:.1?}, longest {:.1?}; by {:?}",
            self.whole(),
            self.asked(),
            self.success(),
            self.percentile(500),
            self.percentile(990),
            self.percentile(1_000),
            self.regions.lock().unwrap(),
        )?;
        let failed = self.failed.lock().unwrap();
        if failed.is_empty() { Ok(()) } else { write!(f, "; failed: {failed:#?}") }
    }
}
