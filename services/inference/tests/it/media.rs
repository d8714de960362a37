//! Media that clients name by URL, through `POST /v1/chat/completions`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outcrop_client::MediaRules;
use outcrop_config::{LimitsConfig, MediaConfig};
use outcrop_inference::MediaOptions;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Answer, MODEL, Setup, TestApp};

const PATH: &str = "/v1/chat/completions";
/// A PNG of one pixel.
const PIXEL: &[u8] = include_bytes!("pixel.png");

/// A web server on the loopback address that answers by path.
struct Site {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let (mut head, mut length) = (vec![0; 8_192], 0);
                    while !head[..length].ends_with(b"\r\n\r\n") {
                        length += stream.read(&mut head[length..]).await.unwrap();
                    }
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let _ = stream.write_all(&page(head.split(' ').nth(1).unwrap())).await;
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A service that may fetch from here.
    async fn app(&self) -> TestApp {
        self.app_with(LimitsConfig::default()).await
    }

    /// The same under these limits.
    async fn app_with(&self, limits: LimitsConfig) -> TestApp {
        let media_rules = MediaRules {
            enabled: true,
            allow_http: true,
            allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
            allow_ports: vec![self.port],
            ..MediaRules::default()
        };
        let media =
            MediaOptions { max_bytes: 1_000, max_links: 3, ..MediaOptions::from(&MediaConfig::default()) };
        TestApp::with(Setup { media_rules, media, limits, ..Setup::default() }).await
    }
}

fn page(path: &str) -> Vec<u8> {
    let body = match path {
        "/big.png" => [PIXEL, &[0; 2_000]].concat(),
        "/page" => b"<html>nothing here</html>".to_vec(),
        "/inside" => {
            return b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
                .to_vec();
        }
        "/gone" => return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        _ => PIXEL.to_vec(),
    };
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat()
}

fn pictures(urls: &[String]) -> Value {
    let mut parts = vec![json!({"type": "text", "text": "[[say: seen]]"})];
    parts.extend(urls.iter().map(|url| json!({"type": "image_url", "image_url": {"url": url}})));
    json!({"model": MODEL, "messages": [{"role": "user", "content": parts}]})
}

#[track_caller]
fn refused(answer: &Answer, param: &str, why: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["type"], &error["param"]),
        (&json!("invalid_request_error"), &json!(param)),
        "{error}"
    );
    assert!(error["message"].as_str().unwrap().contains(why), "{error}");
}

#[tokio::test]
async fn pictures_behind_urls_reach_the_model() {
    let site = Site::start().await;
    let app = site.app().await;
    // The emulator refuses a picture whose format is not the declared one, whatever its server calls it.
    let answer = app.post(PATH, &pictures(&[site.url("/a.jpeg"), site.url("/a.jpeg")])).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "seen");
    assert_eq!(site.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_named() {
    let site = Site::start().await;
    let app = site.app().await;
    let second = "messages[0].content[2].image_url.url";
    for (path, why) in [
        ("/big.png", "1000 bytes"),
        ("/page", "no PNG, JPEG, GIF or WebP picture"),
        ("/inside", "leads to no address that is asked"),
        ("/gone", "status 404"),
    ] {
        let answer = app.post(PATH, &pictures(&[site.url("/a.png"), site.url(path)])).await;
        refused(&answer, second, why);
    }
    let many: Vec<_> = (0..4).map(|number| site.url(&format!("/{number}"))).collect();
    refused(
        &app.post(PATH, &pictures(&many)).await,
        "messages[0].content[4].image_url.url",
        "one URL too many",
    );
    assert!(app.ledger.records.lock().unwrap().is_empty(), "no model was called");
}

#[tokio::test]
async fn nothing_inside_is_fetched_unless_allowed() {
    let site = Site::start().await;
    let app = TestApp::start().await;
    let first = "messages[0].content[1].image_url.url";
    for (url, why) in [
        (site.url("/a.png"), "must be an https:// URL"),
        (format!("https://127.0.0.1:{}/a.png", site.port), "names a port that is not asked"),
        ("https://127.0.0.1/a.png".to_owned(), "leads to no address that is asked"),
        ("https://localhost/a.png".to_owned(), "leads to no address that is asked"),
        ("https://169.254.169.254/latest/meta-data/".to_owned(), "leads to no address that is asked"),
        ("https://0x7f.1/".to_owned(), "leads to no address that is asked"),
        ("s3://bucket/a.png".to_owned(), "is not among the s3:// URLs"),
    ] {
        refused(&app.post(PATH, &pictures(&[url])).await, first, why);
    }
    assert_eq!(site.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_is_over_a_limit_has_nothing_fetched() {
    let site = Site::start().await;
    let limits = LimitsConfig { requests_per_minute_per_team: Some(1), ..LimitsConfig::default() };
    let app = site.app_with(limits).await;
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(app.post(PATH, &body).await.status, 200);
    let picture = json!({"type": "image", "source": {"type": "url", "url": site.url("/a.png")}});
    let messages = json!([{"role": "user", "content": [picture]}]);
    let anthropic = |model: &str| json!({"model": model, "max_tokens": 9, "messages": messages});
    let parts = json!([{"type": "input_image", "image_url": site.url("/a.png")}]);
    for (path, body) in [
        (PATH, pictures(&[site.url("/a.png")])),
        ("/v1/messages", anthropic(MODEL)),
        ("/v1/messages", anthropic("nova-lite")),
        ("/v1/messages/count_tokens", anthropic(MODEL)),
        ("/v1/responses", json!({"model": MODEL, "input": [{"role": "user", "content": parts}]})),
        (
            "/v1/responses/input_tokens",
            json!({"model": MODEL, "input": [{"role": "user", "content": parts}]}),
        ),
    ] {
        let answer = app.post(path, &body).await;
        assert_eq!(answer.status, 429, "{path}: {}", answer.text);
    }
    assert_eq!(site.asked.load(Ordering::SeqCst), 0);
}
