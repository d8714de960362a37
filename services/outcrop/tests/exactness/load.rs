//! Callers: many at once, each of which asks, goes away or is failed as chance has it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outcrop_emulator::Charges;
use outcrop_token::HEADER;
use outcrop_types::Role;
use serde_json::{Value, json};

use crate::client::http;
use crate::fleet::Fleet;
use crate::random::Random;

/// A model whose output weighs one token each in a quota.
const MODEL: &str = "amazon.nova-pro-v1:0";
/// What it costs, billionths of a dollar for a token: 0.80 and 3.20 dollars for a million.
const INPUT_NANO_USD: u64 = 800;
const OUTPUT_NANO_USD: u64 = 3_200;
/// Most tokens that any request asks for.
pub(crate) const MOST_OUTPUT: u64 = 120;
/// More tokens than any request here has input: its bytes.
pub(crate) const MOST_INPUT: u64 = 400;

/// What so many tokens cost.
pub(crate) fn nano_usd(input: u64, output: u64) -> u64 {
    input * INPUT_NANO_USD + output * OUTPUT_NANO_USD
}

/// How callers behave, in per cent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) callers: u64,
    pub(crate) go_away: u64,
    pub(crate) faults: u64,
    /// Requests altogether; callers stop then.
    pub(crate) requests: u64,
}

/// What callers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) asked: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    gone: AtomicU64,
    broken: AtomicU64,
    /// Which codes came with refusals, and how often.
    said: Mutex<BTreeMap<String, u64>>,
    /// When callers went away, by the model's clock, by their marks.
    pub(crate) gone_ms: Mutex<HashMap<String, u64>>,
    /// What was answered to the end: its mark and the request's id.
    pub(crate) whole: Mutex<Vec<(String, String)>>,
}

impl Seen {
    /// How often somebody was told that a limit is reached.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} whole answers and {} broken ones, {} times 429, {} times 503, and went away {} times; codes: {:?}",
            of(&self.answered),
            of(&self.broken),
            of(&self.refused),
            of(&self.unavailable),
            of(&self.gone),
            self.said.lock().unwrap(),
        )
    }
}

/// A load under way.
pub(crate) struct Load {
    pub(crate) seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

/// One small request to the first replica, however it goes.
pub(crate) async fn nudge(fleet: &Fleet) {
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "[[say: ok]]" }], "max_tokens": 1 });
    let request = http().post(format!("{}/v1/chat/completions", fleet.inference[0].url));
    read(request.header(HEADER, fleet.identity(Role::Developer)).json(&body)).await;
}

impl Load {
    /// Starts all callers.
    pub(crate) fn start(fleet: &Fleet, manners: Manners, random: &Random) -> Self {
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let urls: Vec<_> = fleet.inference.iter().map(|it| it.url.clone()).collect();
        let http = http();
        let callers = (0..manners.callers).map(|number| {
            let caller = Caller {
                number,
                urls: urls.clone(),
                http: http.clone(),
                identity: fleet.identity(Role::Developer),
                manners,
                seen: Arc::clone(&seen),
                random: random.fork(number + 1),
                charges: fleet.charges.clone(),
            };
            tokio::spawn(caller.run(Arc::clone(&stop)))
        });
        let callers = callers.collect();
        Self { seen, stop, callers }
    }

    /// Lets every caller finish what it is about.
    pub(crate) async fn end(self) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.finished().await
    }

    /// Waits until they have asked as often as they are to.
    pub(crate) async fn finished(self) -> Arc<Seen> {
        for caller in self.callers {
            caller.await.unwrap();
        }
        self.seen
    }
}

struct Caller {
    number: u64,
    urls: Vec<String>,
    http: reqwest::Client,
    identity: String,
    manners: Manners,
    seen: Arc<Seen>,
    random: Random,
    charges: Charges,
}

/// How one request went.
enum Went {
    Whole(String),
    Gone,
    Broken,
    Status(u16, String),
}

impl Caller {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        let mut turn = 0;
        while !stop.load(Ordering::Relaxed) {
            if self.seen.asked.fetch_add(1, Ordering::Relaxed) >= self.manners.requests {
                return;
            }
            turn += 1;
            let mark = format!("{}-{turn}", self.number);
            let went = self.ask(&mark).await;
            let pause = self.note(mark, went);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// One request; dropped in the middle if chance will have it so.
    async fn ask(&mut self, mark: &str) -> Went {
        let streamed = self.random.percent(60);
        let body = self.body(mark, streamed);
        let url = &self.urls[usize::try_from(self.random.between(0, self.urls.len() as u64)).unwrap()];
        let request = self.http.post(format!("{url}/v1/chat/completions")).header(HEADER, &self.identity);
        let answer = read(request.json(&body));
        if !self.random.percent(self.manners.go_away) {
            return answer.await;
        }
        let patience = Duration::from_millis(self.random.between(5, 300));
        tokio::time::timeout(patience, answer).await.unwrap_or(Went::Gone)
    }

    fn body(&mut self, mark: &str, streamed: bool) -> Value {
        let tokens = self.random.between(10, MOST_OUTPUT);
        let rate = self.random.between(200, 2_000);
        let fault = match self.random.between(0, 4) {
            _ if !self.random.percent(self.manners.faults) => "",
            0 => "[[fault: throttling]]",
            1 => "[[fault: disconnect]]",
            2 if streamed => "[[fault: streamModelError after 9]]",
            _ => "[[fault: cut after 5]]",
        };
        let prompt = format!("[[tokens: {tokens}]][[rate: {rate}]][[id: {mark}]]{fault}");
        // Some leave room, others are cut short.
        let most = self.random.between(5, MOST_OUTPUT);
        json!({ "model": MODEL, "messages": [{ "role": "user", "content": prompt }], "stream": streamed, "max_tokens": most })
    }

    /// Counts it; how long to pause after it, milliseconds.
    fn note(&mut self, mark: String, went: Went) -> u64 {
        let seen = &self.seen;
        let (count, refused) = match went {
            Went::Whole(id) => {
                seen.whole.lock().unwrap().push((mark, id));
                (&seen.answered, false)
            }
            Went::Gone => {
                seen.gone_ms.lock().unwrap().insert(mark, self.charges.now_ms());
                (&seen.gone, false)
            }
            Went::Broken => (&seen.broken, false),
            Went::Status(status, said) => {
                *seen.said.lock().unwrap().entry(format!("{status} {said}")).or_default() += 1;
                match status {
                    429 => (&seen.refused, true),
                    503 => (&seen.unavailable, true),
                    _ => (&seen.broken, false),
                }
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        if refused { self.random.between(50, 200) } else { self.random.between(0, 20) }
    }
}

/// Sends a request and reads its answer, whole or streamed.
async fn read(request: reqwest::RequestBuilder) -> Went {
    let Ok(answer) = request.send().await else { return Went::Broken };
    let status = answer.status().as_u16();
    let id =
        answer.headers().get("x-request-id").and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let streamed = answer
        .headers()
        .get("content-type")
        .is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
    let Ok(text) = answer.text().await else { return Went::Broken };
    match (status, streamed) {
        (200, true) if text.ends_with("data: [DONE]\n\n") => Went::Whole(id),
        (200, true) => Went::Broken,
        (200, false) => Went::Whole(id),
        _ => {
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            Went::Status(status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
        }
    }
}
