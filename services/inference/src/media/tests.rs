//! Links and what becomes of them, with a fetcher that answers from a table.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use outcrop_chat::{DocumentFormat, DocumentSource, ImageFormat, LinkKind, Message, Role, ToolResult};
use outcrop_ports::FetchError;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0";
const PDF: &[u8] = b"%PDF-1.7 x";
const ZIP: &[u8] = b"PK\x03\x04 x";
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 x";

/// Answers from a table of URL, media type and body; counts, and sees how many come at once.
#[derive(Default)]
struct Table {
    pages: HashMap<String, (Option<String>, Vec<u8>)>,
    asked: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
    /// How long the last one may take.
    timeout: Mutex<Duration>,
}

impl Table {
    fn of(pages: &[(&str, &str, &[u8])]) -> Arc<Self> {
        let pages = pages.iter().map(|(url, media_type, body)| {
            let media_type = (!media_type.is_empty()).then(|| (*media_type).to_owned());
            ((*url).to_owned(), (media_type, body.to_vec()))
        });
        Arc::new(Self { pages: pages.collect(), ..Self::default() })
    }
}

#[async_trait]
impl MediaFetcher for Table {
    async fn fetch(&self, url: &str, max_bytes: usize, timeout: Duration) -> Result<Fetched, FetchError> {
        *self.timeout.lock().unwrap() = timeout;
        self.asked.lock().unwrap().push(url.to_owned());
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        match self.pages.get(url) {
            Some((media_type, body)) if body.len() <= max_bytes => {
                Ok(Fetched { body: body.clone().into(), media_type: media_type.clone() })
            }
            Some(_) => Err(FetchError::Failed("is too long".into())),
            None => Err(FetchError::Refused("leads to no address that is asked".into())),
        }
    }
}

fn options() -> MediaOptions {
    MediaOptions {
        max_bytes: 100,
        timeout: Duration::from_secs(5),
        max_links: 8,
        s3_allow: vec!["s3://media/open/*".parse().unwrap()],
    }
}

fn media(table: &Arc<Table>) -> Media {
    Media::new(Arc::clone(table) as Arc<dyn MediaFetcher>, options())
}

fn team() -> TeamId {
    crate::fixtures::principal().team
}

/// The link at fault.
fn wrong(error: MediaError) -> InvalidRequest {
    match error {
        MediaError::Link(link) => link,
        MediaError::NoRoom => panic!("there is room"),
    }
}

fn link(kind: LinkKind, url: &str, param: &str) -> Link {
    let url = url.to_owned();
    Link { kind, url, param: param.to_owned(), name: None, context: None, citations: false }
}

fn asking(content: Vec<Block>) -> Request {
    Request { messages: vec![Message { role: Role::User, content }], ..Request::default() }
}

/// What one link becomes, or why nothing.
async fn one(kind: LinkKind, url: &str, media_type: &str, body: &[u8]) -> Result<Block, String> {
    let table = Table::of(&[(url, media_type, body)]);
    let mut request = asking(vec![Block::Link(link(kind, url, "url"))]);
    media(&table).fetch_links(team(), &mut request).await.map_err(|error| error.to_string())?;
    Ok(request.messages.remove(0).content.remove(0))
}

fn format(block: &Block) -> &'static str {
    match block {
        Block::Image(image) => image.format.name(),
        Block::Document(document) => document.format.map_or("?", DocumentFormat::name),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_bytes_decide_what_a_medium_is() {
    use LinkKind::{Document, Image};
    for (kind, url, media_type, body, expected) in [
        (Image, "https://a/x.png", "image/png", PNG, "png"),
        (Image, "https://a/x.png", "image/png", JPEG, "jpeg"),
        (Image, "https://a/x", "application/octet-stream", b"GIF89a", "gif"),
        (Image, "https://a/x", "", b"RIFF\0\0\0\0WEBPx", "webp"),
        (Image, "https://a/x.png", "image/png", PDF, "pdf"),
        (Document, "https://a/x.pdf", "application/pdf", PNG, "png"),
        (Document, "https://a/x", "text/html", PDF, "pdf"),
        (Document, "https://a/x.docx", "", ZIP, "docx"),
        (
            Document,
            "https://a/x?f=y.docx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ZIP,
            "xlsx",
        ),
        (Document, "https://a/x.DOC", "", OLE, "doc"),
        (Document, "https://a/x", "application/vnd.ms-excel", OLE, "xls"),
        (Document, "https://a/x", "", b"plain", "txt"),
        (Document, "https://a/x.md", "text/plain", b"# plain", "md"),
        (Document, "https://a/x.html?y", "text/plain", b"<p>", "html"),
        (Document, "https://a/x", "text/csv", b"a,b", "csv"),
        (Document, "https://a/x.pdf.txt", "application/pdf", "é".as_bytes(), "txt"),
    ] {
        let block = one(kind, url, media_type, body).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(format(&block), expected, "{url} {media_type}");
    }
}

#[tokio::test]
async fn what_is_no_medium_is_refused() {
    use LinkKind::{Document, Image};
    for (kind, url, media_type, body) in [
        (Image, "https://a/x.png", "image/png", b"<html>no such picture</html>".as_slice()),
        (Image, "https://a/x.png", "image/png", b"\x1f\x8b\x08\x00"),
        (Image, "https://a/x.png", "image/png", b""),
        (Image, "https://a/x.svg", "image/svg+xml", b"<svg/>"),
        (Document, "https://a/x.pdf", "text/html", b"<html>log in first</html>"),
        (Document, "https://a/x", "application/pdf", b"log in first"),
        (Document, "https://a/x.zip", "application/zip", ZIP),
        (Document, "https://a/x", "", OLE),
        (Document, "https://a/x.txt", "text/plain", b"\xff\xfea\0"),
        (Document, "https://a/x.txt", "text/plain", b"a\0b"),
    ] {
        let why = one(kind, url, media_type, body).await.unwrap_err();
        assert!(why.starts_with("`url` leads to ") && why.ends_with('.'), "{url}: {why}");
    }
}

#[tokio::test]
async fn documents_are_named_after_their_urls_and_told_apart() {
    let urls =
        ["https://a/b/my%20report.pdf?x=/y.z", "https://c/my-report.pdf#p", "https://d.pdf/", "https://e"];
    let pages: Vec<_> = urls.iter().map(|url| (*url, "", PDF)).collect();
    let table = Table::of(&pages);
    let mut content: Vec<Block> =
        urls.iter().map(|url| Block::Link(link(LinkKind::Document, url, "url"))).collect();
    let file = DocumentSource::Text("x".into());
    let taken = Document {
        format: None,
        name: "my report pdf".into(),
        source: file,
        context: None,
        citations: false,
    };
    content.push(Block::Document(taken));
    let named = Link { name: Some("Q1 (draft).pdf".into()), ..link(LinkKind::Document, urls[0], "url") };
    content.push(Block::Link(Link { context: Some("about".into()), citations: true, ..named }));
    let mut request = asking(content);
    media(&table).fetch_links(team(), &mut request).await.unwrap();
    let documents: Vec<&Document> = request.messages[0]
        .content
        .iter()
        .map(|block| match block {
            Block::Document(document) => document,
            other => panic!("{other:?}"),
        })
        .collect();
    let names: Vec<&str> = documents.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        ["my report pdf 2", "my-report pdf", "document", "document 2", "my report pdf", "Q1 (draft) pdf"]
    );
    assert_eq!((documents[5].context.as_deref(), documents[5].citations), (Some("about"), true));
}

#[tokio::test]
async fn a_url_is_fetched_once_and_few_at_a_time() {
    let urls: Vec<String> = (0..7).map(|number| format!("https://a/{number}.png")).collect();
    let pages: Vec<_> = urls.iter().map(|url| (url.as_str(), "", PNG)).collect();
    let table = Table::of(&pages);
    let mut content: Vec<Block> =
        urls.iter().map(|url| Block::Link(link(LinkKind::Image, url, "url"))).collect();
    let again = ToolResultBlock::Link(link(LinkKind::Image, &urls[0], "url"));
    content.push(Block::ToolResult(ToolResult { id: "t".into(), content: vec![again], is_error: false }));
    let mut request = asking(content);
    media(&table).fetch_links(team(), &mut request).await.unwrap();
    assert_eq!(*table.asked.lock().unwrap(), urls);
    assert_eq!(table.most.load(Ordering::SeqCst), AT_ONCE);
    let Some(Block::ToolResult(result)) = request.messages[0].content.last() else { panic!() };
    let source = Source::Bytes(bytes::Bytes::from_static(PNG));
    assert_eq!(result.content, [ToolResultBlock::Image(Image { format: ImageFormat::Png, source })]);
}

#[tokio::test]
async fn errors_name_the_link_at_fault() {
    let big = [PNG, &[0; 40]].concat();
    let table =
        Table::of(&[("https://a/1", "", PNG), ("https://a/big", "", &big), ("https://a/2", "", &big)]);
    let refused = |urls: &[&str]| {
        let content = urls
            .iter()
            .enumerate()
            .map(|(at, url)| Block::Link(link(LinkKind::Image, url, &format!("messages[{at}]"))));
        let (mut request, table) = (asking(content.collect()), Arc::clone(&table));
        async move { media(&table).fetch_links(team(), &mut request).await.map_err(wrong).unwrap_err() }
    };
    let error = refused(&["https://a/1", "https://a/none", "https://a/none-either"]).await;
    assert_eq!(error.param.as_deref(), Some("messages[1]"));
    assert_eq!(error.message, "`messages[1]` leads to no address that is asked.");
    // Each is small enough, and so is the sum of the different ones.
    let error = refused(&["https://a/big", "https://a/1", "https://a/big", "https://a/big"]).await;
    assert_eq!(error.message, "`messages[3]` leads beyond 100 bytes for one request.");
    let error = refused(&["https://a/1"; 9]).await;
    assert_eq!(error.message, "`messages[8]` is one URL too many: a request may have 8.");
}

#[tokio::test]
async fn bedrock_reads_from_s3_what_it_may() {
    let table = Table::of(&[]);
    let s3 = |kind, url: &str| {
        let (mut request, table) = (asking(vec![Block::Link(link(kind, url, "url"))]), Arc::clone(&table));
        async move {
            media(&table).fetch_links(team(), &mut request).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(request.messages.remove(0).content.remove(0))
        }
    };
    let url = "s3://media/open/a/cat.JPG";
    let Ok(Block::Image(image)) = s3(LinkKind::Image, url).await else { panic!() };
    assert_eq!(image.format, ImageFormat::Jpeg);
    assert_eq!(image.source, Source::S3 { uri: url.to_owned(), bucket_owner: None });
    let Ok(Block::Document(document)) = s3(LinkKind::Document, "s3://media/open/x.pdf").await else {
        panic!()
    };
    assert_eq!((document.format, document.name.as_str()), (Some(DocumentFormat::Pdf), "x pdf"));
    let long = format!("s3://media/open/{}.png", "x".repeat(MAX_S3_URL));
    for (kind, url, why) in [
        (LinkKind::Image, "s3://media/closed/cat.png", "not among"),
        (LinkKind::Image, "s3://other/open/cat.png", "not among"),
        (LinkKind::Image, long.as_str(), "not among"),
        (LinkKind::Image, "s3://media/open/cat", "must end in .png"),
        (LinkKind::Image, "s3://media/open/cat.pdf", "must end in .png"),
        (LinkKind::Document, "s3://media/open/cat.png", "must end in .pdf"),
        (LinkKind::Image, "S3://media/open/cat.png", "leads to no address"),
    ] {
        let said = s3(kind, url).await.unwrap_err();
        assert!(said.contains(why), "{url}: {said}");
    }
    assert_eq!(*table.asked.lock().unwrap(), ["S3://media/open/cat.png"]);

    assert_eq!(media(&table).check_s3("s3://media/open/x", "s3Location.uri"), Ok(()));
    for url in ["s3://media/closed/x", "S3://media/open/x", ""] {
        let error = media(&table).check_s3(url, "s3Location.uri").unwrap_err();
        assert_eq!(error.param.as_deref(), Some("s3Location.uri"), "{url}");
    }
}

/// A request with so many links.
fn links(count: usize) -> Request {
    let link = |at: usize| Block::Link(link(LinkKind::Image, &format!("https://a/{at}"), "url"));
    asking((0..count).map(link).collect())
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_is_told_when_to_come_again_and_nothing_is_fetched() {
    let table = Table::of(&[("https://a/0", "", PNG)]);
    let media = media(&table);
    let held = media.rooms.enter(team(), 16).await.expect("room");
    let error = media.fetch_links(team(), &mut links(1)).await.unwrap_err();
    let error = ApiError::from(error);
    assert_eq!((error.code, error.retry_after), (ErrorCode::Unavailable, Some(room::WAIT)));
    assert!(table.asked.lock().unwrap().is_empty());
    drop(held);
    media.fetch_links(team(), &mut links(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_takes_no_time_from_the_fetch() {
    let table = Table::of(&[("https://a/0", "", PNG)]);
    let media = media(&table);
    let held = media.rooms.enter(team(), 16).await.expect("room");
    let mut request = links(1);
    let (fetched, ()) = tokio::join!(media.fetch_links(team(), &mut request), async {
        tokio::time::sleep(room::WAIT / 2).await;
        drop(held);
    });
    fetched.unwrap();
    assert_eq!(*table.timeout.lock().unwrap(), options().timeout);
}
