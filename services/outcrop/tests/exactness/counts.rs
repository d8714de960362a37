//! What the limiter's own counts say, read from Redis past the programs under test.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// What is held of limits, and what is settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Leases that have not ended.
    pub(crate) leases: u64,
    /// Sum of what is held, over all meters and slots.
    pub(crate) held: u64,
    /// Sum of what is settled, by meter.
    pub(crate) settled: Vec<(String, u64)>,
}

impl Counts {
    /// Reads them. Meters are hashes `…:m:…` with a field `h…` for what is held and `s…` for what is settled of each slot.
    pub(crate) async fn read(url: &str) -> Self {
        let address = url.strip_prefix("redis://").expect("a Redis URL");
        let mut redis = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut counts = Self::default();
        for key in ask(&mut redis, &["KEYS", "*"]).await.texts() {
            if key.ends_with(":leases") {
                let leases = ask(&mut redis, &["ZCARD", &key]).await;
                counts.leases += leases.texts()[0].parse::<u64>().unwrap();
            }
            if !key.contains(":m:") {
                continue;
            }
            let fields = ask(&mut redis, &["HGETALL", &key]).await.texts();
            let mut settled = 0;
            for pair in fields.chunks(2) {
                let (name, value) = (&pair[0], &pair[1]);
                let is_slot = name.len() > 1 && name[1..].bytes().all(|it| it.is_ascii_digit());
                match (is_slot, name.as_bytes()[0]) {
                    (true, b'h') => counts.held += value.parse::<u64>().unwrap(),
                    (true, b's') => settled += value.parse::<u64>().unwrap(),
                    _ => {}
                }
            }
            counts.settled.push((key, settled));
        }
        counts.settled.sort();
        counts
    }
}

/// An answer of Redis (RESP 2): a text or number, or a list of them.
#[derive(Debug)]
struct Reply(Vec<String>);

impl Reply {
    fn texts(&self) -> Vec<String> {
        self.0.clone()
    }
}

async fn ask(redis: &mut BufReader<TcpStream>, words: &[&str]) -> Reply {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    redis.write_all(request.as_bytes()).await.unwrap();
    let head = line(redis).await;
    let Some(count) = head.strip_prefix('*') else { return Reply(vec![one(redis, &head).await]) };
    let mut texts = Vec::new();
    for _ in 0..count.parse::<usize>().unwrap() {
        let head = line(redis).await;
        texts.push(one(redis, &head).await);
    }
    Reply(texts)
}

async fn line(redis: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    redis.read_line(&mut text).await.unwrap();
    text.trim_end().to_owned()
}

async fn one(redis: &mut BufReader<TcpStream>, head: &str) -> String {
    let (kind, rest) = head.split_at(1);
    assert_ne!(kind, "-", "Redis refuses: {rest}");
    if kind != "$" {
        return rest.to_owned();
    }
    let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
    redis.read_exact(&mut bytes).await.unwrap();
    bytes.truncate(bytes.len() - 2);
    // Records of leases are no text, and nobody looks at them.
    String::from_utf8_lossy(&bytes).into_owned()
}
