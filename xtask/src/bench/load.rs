//! The load generator: keep-alive HTTP/1.1 over plain sockets, parsing no more than it must.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One request, ready to be written, and how its whole answer ends.
pub(crate) struct Call {
    pub(crate) port: u16,
    pub(crate) bytes: Vec<u8>,
    /// What the body of a whole answer must end in, before the chunked encoding's own end.
    pub(crate) ends_with: Option<&'static [u8]>,
}

impl Call {
    pub(crate) fn post(port: u16, path: &str, headers: &str, body: &str) -> Self {
        let bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { port, bytes: bytes.into_bytes(), ends_with: None }
    }

    pub(crate) fn get(port: u16, path: &str, headers: &str) -> Self {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{headers}\r\n");
        Self { port, bytes: bytes.into_bytes(), ends_with: None }
    }

    pub(crate) const fn ending_with(mut self, end: &'static [u8]) -> Self {
        self.ends_with = Some(end);
        self
    }
}

/// How many whole answers came.
pub(crate) struct Rate {
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
    /// CPU time of the system under test per answer, microseconds; filled in by the caller.
    pub(crate) cpu_us: f64,
}

impl Rate {
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }
}

/// Latencies, microseconds.
pub(crate) struct Latencies {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Latencies {
    fn of(mut taken: Vec<Duration>) -> Self {
        taken.sort_unstable();
        let at = |share: f64| {
            let index = ((taken.len() as f64 * share) as usize).min(taken.len().saturating_sub(1));
            taken.get(index).map_or(0.0, |it| it.as_nanos() as f64 / 1_000.0)
        };
        Self { p50_us: at(0.50), p99_us: at(0.99) }
    }
}

/// Up to when a request is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The first byte of the body.
    FirstData,
    /// The end of the answer.
    LastByte,
}

/// As many whole answers as `connections` get one after another in `length`.
pub(crate) async fn closed_loop(
    call: &Arc<Call>,
    connections: usize,
    length: Duration,
) -> anyhow::Result<Rate> {
    let began = Instant::now();
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let call = Arc::clone(call);
        loops.spawn(async move {
            let mut connection = Connection::open(call.port).await?;
            let mut answers = 0_u64;
            while began.elapsed() < length {
                connection.ask(&call).await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = 0;
    while let Some(ended) = loops.join_next().await {
        answers += ended??;
    }
    Ok(Rate { answers, seconds: began.elapsed().as_secs_f64(), cpu_us: 0.0 })
}

/// Latency at a rate too low to queue anywhere, on one connection.
pub(crate) async fn fixed_rate(
    call: &Call,
    per_second: u32,
    length: Duration,
    moment: Moment,
) -> anyhow::Result<Latencies> {
    let mut connection = Connection::open(call.port).await?;
    let gap = Duration::from_secs(1) / per_second;
    let (mut next, began, mut taken) = (Instant::now(), Instant::now(), Vec::new());
    while began.elapsed() < length {
        tokio::time::sleep_until(next.into()).await;
        let timing = connection.ask(call).await?;
        taken.push(if moment == Moment::FirstData { timing.first } else { timing.last });
        next = (next + gap).max(Instant::now());
    }
    Ok(Latencies::of(taken))
}

/// Latency at a rate over many connections, each of which takes its turn.
pub(crate) async fn spread(
    call: &Arc<Call>,
    (connections, per_second): (usize, u32),
    length: Duration,
    moment: Moment,
) -> anyhow::Result<Latencies> {
    let gap = Duration::from_secs(1) / per_second;
    let turn = gap * u32::try_from(connections)?;
    let began = Instant::now();
    let mut loops = tokio::task::JoinSet::new();
    for number in 0..u32::try_from(connections)? {
        let call = Arc::clone(call);
        loops.spawn(async move {
            let mut connection = Connection::open(call.port).await?;
            let (mut next, mut taken) = (began + gap * number, Vec::new());
            while began.elapsed() < length {
                tokio::time::sleep_until(next.into()).await;
                let timing = connection.ask(&call).await?;
                taken.push(if moment == Moment::FirstData { timing.first } else { timing.last });
                next = (next + turn).max(Instant::now());
            }
            anyhow::Ok(taken)
        });
    }
    let mut taken = Vec::new();
    while let Some(ended) = loops.join_next().await {
        taken.extend(ended??);
    }
    Ok(Latencies::of(taken))
}

struct Timing {
    first: Duration,
    last: Duration,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends the request and reads its whole answer; anything but a whole 200 is an error.
    async fn ask(&mut self, call: &Call) -> anyhow::Result<Timing> {
        let began = Instant::now();
        self.stream.write_all(&call.bytes).await?;
        self.buffer.clear();
        let (mut head, mut first) = (None, None);
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection was closed in the middle of an answer");
            if head.is_none() {
                head = Head::parse(&self.buffer)?;
            }
            let Some(head) = &head else { continue };
            if first.is_none() && self.buffer.len() > head.length {
                first = Some(began.elapsed());
            }
            if head.is_whole(&self.buffer) {
                let whole = call.ends_with.is_none_or(|end| contains_at_end(&self.buffer, end));
                ensure!(whole, "an answer was cut short");
                return Ok(Timing { first: first.unwrap_or_default(), last: began.elapsed() });
            }
        }
    }
}

struct Head {
    /// Length of the head itself, bytes.
    length: usize,
    /// Length of the body where it is known; else the body is chunked.
    body: Option<usize>,
}

impl Head {
    fn parse(buffer: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&buffer[..end]).context("a head that is no text")?;
        let status = text.get(9..12).unwrap_or_default();
        ensure!(status == "200", "answered {status}: {}", String::from_utf8_lossy(buffer));
        let value = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        };
        Ok(Some(Self { length: end + 4, body: text.lines().find_map(value) }))
    }

    fn is_whole(&self, buffer: &[u8]) -> bool {
        match self.body {
            Some(body) => buffer.len() >= self.length + body,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

/// Whether the last bytes before the chunked encoding's end are these.
fn contains_at_end(buffer: &[u8], end: &[u8]) -> bool {
    let tail = &buffer[buffer.len().saturating_sub(end.len() + 16)..];
    tail.windows(end.len()).any(|window| window == end)
}
