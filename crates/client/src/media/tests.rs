//! Fetches from servers in this process, under names that a test makes up.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outcrop_ports::{FetchError, Fetched, MediaFetcher as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::rules::no_address;
use super::{HttpMediaFetcher, MediaRules};
use crate::guard::resolver::Lookup;

const PLENTY: Duration = Duration::from_secs(10);

/// A server on a port of the loopback address: each path has its answer, and what was asked comes out of the channel.
struct Site {
    port: u16,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Site {
    async fn with(pages: &[(&str, Vec<u8>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, asked) = mpsc::unbounded_channel();
        let pages: HashMap<String, Vec<u8>> =
            pages.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (tell, pages) = (tell.clone(), pages.clone());
                tokio::spawn(async move {
                    let (mut head, mut length) = (vec![0; 16_384], 0);
                    while !head[..length].ends_with(b"\r\n\r\n") {
                        length += stream.read(&mut head[length..]).await.unwrap();
                    }
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    tell.send(head).unwrap();
                    // Who reads no further has gone.
                    let _ = stream.write_all(pages.get(&path).map_or(b"", Vec::as_slice)).await;
                    let _ = stream.read(&mut [0; 1]).await;
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// The heads of the requests so far, in small letters.
    fn asked(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.asked.try_recv().ok()).map(|it| it.to_ascii_lowercase()).collect()
    }
}

fn ok(media_type: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn to(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        .into_bytes()
}

/// What a name leads to, one time after the other, the last again and again; and how often it was asked.
type Answers = (usize, VecDeque<Vec<IpAddr>>);

/// A resolver of made-up names.
#[derive(Default)]
struct Names(Mutex<HashMap<String, Answers>>);

impl Names {
    fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|it| it.parse().unwrap()).collect();
        let names = names.iter().map(|(name, answers)| {
            ((*name).to_owned(), (0, answers.iter().map(parsed).collect::<VecDeque<_>>()))
        });
        Arc::new(Self(Mutex::new(names.collect())))
    }

    fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap()[name].0
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let (count, answers) = names.get_mut(host).ok_or_else(|| io::Error::other("no such name"))?;
        *count += 1;
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.ok_or_else(|| io::Error::other("no answer"))
    }
}

/// Rules under which the servers of these tests can be asked.
fn rules(sites: &[&Site]) -> MediaRules {
    MediaRules {
        enabled: true,
        allow_http: true,
        allow_networks: vec!["127.0.0.1".parse().unwrap()],
        allow_ports: sites.iter().map(|it| it.port).collect(),
        ..MediaRules::default()
    }
}

async fn fetch(sites: &[&Site], names: Arc<Names>, url: &str, max: usize) -> Result<Fetched, FetchError> {
    HttpMediaFetcher::with_lookup(rules(sites), names).fetch(url, max, PLENTY).await
}

/// Why nothing came.
fn why(answer: Result<Fetched, FetchError>) -> String {
    answer.unwrap_err().to_string()
}

#[tokio::test]
async fn a_body_comes_as_it_is_and_nothing_of_ours_goes_out() {
    let mut site = Site::with(&[("/a.png?x=1", ok("Image/PNG; charset=x", b"\x89PNG"))]).await;
    let names = Names::of(&[("cdn.test", &[&["127.0.0.1"]])]);
    let url = site.url("cdn.test", "/a.png?x=1#part");
    let fetched = fetch(&[&site], names, &url, 4).await.unwrap();
    assert_eq!(
        (fetched.body.as_ref(), fetched.media_type.as_deref()),
        (b"\x89PNG".as_ref(), Some("image/png"))
    );
    let asked = site.asked();
    let mut lines: Vec<&str> = asked[0].lines().filter(|line| !line.is_empty()).collect();
    assert_eq!((asked.len(), lines.remove(0)), (1, "get /a.png?x=1 http/1.1"));
    lines.sort_unstable();
    let host = format!("host: cdn.test:{}", site.port);
    assert_eq!(lines, ["accept-encoding: identity", "accept: */*", &host, "user-agent: outcrop"]);
}

#[tokio::test]
async fn no_more_comes_than_was_asked_for() {
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000));
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", chunk.repeat(2));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5_000));
    // The length is a lie: more comes than was announced, and is no part of the answer.
    let lie = format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", "x".repeat(5_000));
    let pages = [
        ("/fits", ok("a/b", &[b'x'; 1_000])),
        ("/announced", ok("a/b", &[b'x'; 1_001])),
        ("/chunked", chunked.into_bytes()),
        ("/endless", endless.into_bytes()),
        ("/lie", lie.into_bytes()),
    ];
    let site = Site::with(&pages).await;
    let get = |path: &'static str| {
        let url = site.url("127.0.0.1", path);
        let site = &site;
        async move { fetch(&[site], Names::of(&[]), &url, 1_000).await }
    };
    assert_eq!(get("/fits").await.unwrap().body.len(), 1_000);
    assert_eq!(get("/lie").await.unwrap().body.len(), 3);
    for path in ["/announced", "/chunked", "/endless"] {
        assert_eq!(why(get(path).await), "leads to more than 1000 bytes", "{path}");
    }
}

#[tokio::test]
async fn what_is_compressed_stays_so() {
    // However much it would become, it is these bytes.
    let bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xed\xc1";
    let mut page = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\n".to_vec();
    page.extend_from_slice(bomb);
    let site = Site::with(&[("/", page)]).await;
    let fetched = fetch(&[&site], Names::of(&[]), &site.url("127.0.0.1", "/"), 100).await.unwrap();
    assert_eq!((fetched.body.as_ref(), fetched.media_type), (bomb.as_slice(), None));
}

#[tokio::test]
async fn whoever_is_slow_is_given_up() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec();
    let site = Site::with(&[("/half", half), ("/head", b"HTTP/1.1 200".to_vec())]).await;
    for path in ["/half", "/head", "/nothing"] {
        let fetcher = HttpMediaFetcher::with_lookup(rules(&[&site]), Names::of(&[]));
        let started = Instant::now();
        let url = site.url("127.0.0.1", path);
        let answer = fetcher.fetch(&url, 100, Duration::from_millis(100)).await;
        assert_eq!(why(answer), "takes too long to fetch", "{path}");
        assert!(started.elapsed() < Duration::from_secs(3), "{path}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for status in
        ["204 No Content", "206 Partial Content", "304 Not Modified", "401 Unauthorized", "500 Oops"]
    {
        let page = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: /\r\n\r\n");
        let site = Site::with(&[("/", page.into_bytes())]).await;
        let said = why(fetch(&[&site], Names::of(&[]), &site.url("127.0.0.1", "/"), 100).await);
        assert!(said.ends_with(&format!("status {}", &status[..3])), "{said}");
    }
}

#[tokio::test]
async fn redirects_are_followed_for_a_while_and_without_cookies() {
    let pages = [
        ("/1", to("/2")),
        ("/2", to("http:/3")),
        ("/3", to("4")),
        ("/4", ok("a/b", b"there")),
        ("/0", to("/1")),
    ];
    let mut site =
        Site::with(&[pages.as_slice(), &[("/loop", to("/loop")), ("/lost", to(""))]].concat()).await;
    let get = |path: &'static str| {
        let url = site.url("127.0.0.1", path);
        let site = &site;
        async move { fetch(&[site], Names::of(&[]), &url, 100).await }
    };
    assert_eq!(get("/1").await.unwrap().body, "there");
    for path in ["/0", "/loop", "/lost"] {
        assert_eq!(why(get(path).await), "is redirected more than 3 times", "{path}");
    }
    let asked = site.asked();
    assert_eq!(asked.len(), 4 + 3 * 4);
    assert!(asked.iter().all(|it| !it.contains("cookie") && !it.contains("referer")), "{asked:?}");
}

#[tokio::test]
async fn a_redirect_opens_no_door() {
    let mut inside = Site::with(&[("/", ok("a/b", b"secret"))]).await;
    let other_port = Site::with(&[("/", ok("a/b", b"secret"))]).await;
    for location in [
        "http://10.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://2130706434/".to_owned(),
        // A name that leads inside, beside this machine's address; and one that does not exist.
        inside.url("mixed.test", "/"),
        inside.url("inside.test", "/"),
        inside.url("nowhere.test", "/"),
    ] {
        let outside = Site::with(&[("/", to(&location))]).await;
        let names =
            Names::of(&[("inside.test", &[&["127.0.0.2"]]), ("mixed.test", &[&["127.0.0.1", "127.0.0.2"]])]);
        let answer = fetch(&[&outside, &inside], names, &outside.url("127.0.0.1", "/"), 100).await;
        assert_eq!(answer, Err(no_address()), "{location}");
    }
    let outside = Site::with(&[("/", to(&other_port.url("127.0.0.1", "/")))]).await;
    let answer = fetch(&[&outside], Names::of(&[]), &outside.url("127.0.0.1", "/"), 100).await;
    assert_eq!(why(answer), "names a port that is not asked");
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_there() {
    let mut site = Site::with(&[("/", ok("a/b", b"outside")), ("/again", to("/"))]).await;
    // First what may be asked, then, once that has been looked at, what may not.
    let rebinding: &[&[&str]] = &[&["127.0.0.1"], &["127.0.0.2"]];
    let names = Names::of(&[("rebind.test", rebinding)]);
    let fetched = fetch(&[&site], names.clone(), &site.url("rebind.test", "/"), 100).await.unwrap();
    assert_eq!((fetched.body.as_ref(), names.count("rebind.test")), (b"outside".as_ref(), 1));
    // The next hop and the next fetch look again.
    let names = Names::of(&[("rebind.test", rebinding)]);
    let answer = fetch(&[&site], names.clone(), &site.url("rebind.test", "/again"), 100).await;
    assert_eq!((answer, names.count("rebind.test")), (Err(no_address()), 2));
    assert_eq!(site.asked().len(), 2);
}

#[tokio::test]
async fn errors_tell_nothing_of_the_network() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let names = Names::of(&[("db.internal", &[&["10.1.2.3"]]), ("empty.test", &[&[]])]);
    let rules = MediaRules { allow_ports: vec![closed], ..rules(&[]) };
    let fetcher = HttpMediaFetcher::with_lookup(rules, names);
    let mut said = Vec::new();
    for host in ["db.internal", "no-such.internal", "empty.test", "10.1.2.3"] {
        said.push(why(fetcher.fetch(&format!("http://{host}/"), 100, PLENTY).await));
    }
    said.dedup();
    assert_eq!(said, [no_address().to_string()]);
    let nobody = why(fetcher.fetch(&format!("http://127.0.0.1:{closed}/"), 100, PLENTY).await);
    assert_eq!(nobody, "cannot be fetched: its server gives no answer");
}
