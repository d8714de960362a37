//! Media that clients name by URL: fetched, looked at, and put into the place of their links.
//!
//! What a link leads to is decided by the bytes that came (`real.rs`), not by what its server calls them.

mod real;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use outcrop_chat::{Block, Document, Image, InvalidRequest, Link, Request, Source, ToolResultBlock};
use outcrop_config::MediaConfig;
use outcrop_http::ApiError;
use outcrop_ports::{Fetched, MediaFetcher};
use outcrop_types::{Classify, ErrorCode, Pattern, TeamId};
use outcrop_wire::bedrock::invoke;
use serde_json::{Map, Value};
use tokio::time::Instant;

use self::room::Rooms;

/// Most links of one request that are fetched at once.
const AT_ONCE: usize = 4;

/// What Bedrock reads by itself, with this platform's rights.
const S3: &str = "s3://";

/// Longest S3 URL: a bucket's name and a key of 1,024 bytes.
const MAX_S3_URL: usize = 1_100;

/// How much is fetched for one request.
#[derive(Debug, Clone)]
pub struct MediaOptions {
    /// Most bytes, all media together.
    pub max_bytes: usize,
    /// Longest time, all media together.
    pub timeout: Duration,
    /// Most links.
    pub max_links: usize,
    /// The `s3://` URLs that clients may name.
    pub s3_allow: Vec<Pattern>,
}

impl From<&MediaConfig> for MediaOptions {
    fn from(config: &MediaConfig) -> Self {
        Self {
            max_bytes: config.max_bytes,
            timeout: Duration::from_millis(config.timeout_ms),
            max_links: config.max_links,
            // Settings are checked when they are loaded; none is the safe reading of what is not a pattern.
            s3_allow: config.s3_patterns().unwrap_or_default(),
        }
    }
}

/// Fetches the media of requests.
pub(crate) struct Media {
    fetcher: Arc<dyn MediaFetcher>,
    options: MediaOptions,
    rooms: Rooms,
}

/// Why the media of a request are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    /// One of its links.
    #[error("{}", .0.message)]
    Link(InvalidRequest),
    /// Too many others are being fetched.
    #[error("Too many media are being fetched now.")]
    NoRoom,
}

impl Classify for MediaError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Link(_) => ErrorCode::InvalidRequest,
            Self::NoRoom => ErrorCode::Unavailable,
        }
    }
}

impl From<InvalidRequest> for MediaError {
    fn from(link: InvalidRequest) -> Self {
        Self::Link(link)
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Link(link) => link.into(),
            MediaError::NoRoom => Self::from_error(error).with_retry_after(room::WAIT),
        }
    }
}

impl Media {
    pub(crate) fn new(fetcher: Arc<dyn MediaFetcher>, options: MediaOptions) -> Self {
        Self { fetcher, options, rooms: Rooms::new() }
    }

    /// Puts into the place of each link what it leads to. A URL that is named twice is fetched once.
    ///
    /// # Errors
    /// The field of the first link that leads to nothing of use, or that is one too many; that there is no room.
    pub(crate) async fn fetch_links(&self, team: TeamId, request: &mut Request) -> Result<(), MediaError> {
        let mut links = Vec::new();
        for block in blocks(request) {
            links.extend(block.link());
        }
        if let Some(link) = links.get(self.options.max_links) {
            let most = self.options.max_links;
            return Err(wrong(link, &format!("is one URL too many: a request may have {most}")).into());
        }
        if links.is_empty() {
            return Ok(());
        }
        let fetched = self.fetch_all(team, &links).await?;
        let mut names = Names::of(request);
        let mut links = links.iter();
        for mut block in blocks(request) {
            if block.link().is_some()
                && let Some(link) = links.next()
            {
                block.replace(self.medium(link, &fetched, &mut names)?);
            }
        }
        Ok(())
    }

    /// The bodies by URL. In order, so that among several bad links it is always the same one that is named.
    async fn fetch_all<'a>(
        &self,
        team: TeamId,
        links: &'a [Link],
    ) -> Result<HashMap<&'a str, Fetched>, MediaError> {
        let mut seen = HashSet::new();
        let first = links.iter().filter(|it| !is_s3(&it.url) && seen.insert(it.url.as_str()));
        let first: Vec<_> = first.collect();
        if first.is_empty() {
            return Ok(HashMap::new());
        }
        let at_once = first.len().min(AT_ONCE);
        // Time begins when nobody has to be waited for but the servers asked.
        let _room = self.rooms.enter(team, at_once as u32).await.ok_or(MediaError::NoRoom)?;
        let (begun, MediaOptions { max_bytes, timeout, .. }) = (Instant::now(), &self.options);
        let fetches = first.into_iter().map(|link| async move {
            let left = timeout.saturating_sub(begun.elapsed());
            let fetched = self.fetcher.fetch(&link.url, *max_bytes, left).await;
            fetched.map(|it| (link.url.as_str(), it)).map_err(|error| wrong(link, &error.to_string()))
        });
        let fetches: Vec<_> = fetches.collect();
        let mut bodies = HashMap::new();
        let mut total = 0;
        let mut coming = futures::stream::iter(fetches).buffered(at_once);
        while let Some((url, fetched)) = coming.try_next().await? {
            // Where a URL is named twice, its bytes are sent twice.
            for link in links.iter().filter(|it| it.url == url) {
                total += fetched.body.len();
                if total > *max_bytes {
                    return Err(
                        wrong(link, &format!("leads beyond {max_bytes} bytes for one request")).into()
                    );
                }
            }
            bodies.insert(url, fetched);
        }
        Ok(bodies)
    }

    /// What a link leads to.
    fn medium(
        &self,
        link: &Link,
        fetched: &HashMap<&str, Fetched>,
        names: &mut Names,
    ) -> Result<Medium, InvalidRequest> {
        let medium = match fetched.get(link.url.as_str()) {
            Some(fetched) => real::medium(link, fetched),
            None => self.in_s3(link),
        };
        let mut medium = medium.map_err(|why| wrong(link, &why))?;
        if let Medium::Document(document) = &mut medium {
            names.tell_apart(document);
        }
        Ok(medium)
    }

    /// Refuses an object in S3 that clients may not name.
    ///
    /// # Errors
    /// The field, if it is none of those allowed.
    pub(crate) fn check_s3(&self, url: &str, param: &str) -> Result<(), InvalidRequest> {
        self.allow_s3(url).map_err(|why| InvalidRequest::new(param, format!("`{param}` {why}.")))
    }

    /// The same for all that a body of InvokeModel names, whoever makes the model.
    ///
    /// # Errors
    /// The first field that is none of those allowed.
    pub(crate) fn check_s3_in(&self, body: &[u8]) -> Result<(), InvalidRequest> {
        invoke::check_s3(body, &mut |url, param| self.check_s3(url, param))
    }

    /// The same for what a request has of the model's own fields.
    ///
    /// # Errors
    /// The first field that is none of those allowed.
    pub(crate) fn check_s3_fields(&self, fields: &Map<String, Value>) -> Result<(), InvalidRequest> {
        let param = "additionalModelRequestFields";
        invoke::check_s3_fields(fields, param, &mut |url, param| self.check_s3(url, param))
    }

    fn allow_s3(&self, url: &str) -> Result<(), &'static str> {
        if is_s3(url) && url.len() <= MAX_S3_URL && self.options.s3_allow.iter().any(|it| it.matches(url)) {
            return Ok(());
        }
        Err("is not among the s3:// URLs that this platform lets Bedrock read")
    }

    /// What Bedrock reads itself; only its name says what it is.
    fn in_s3(&self, link: &Link) -> Result<Medium, String> {
        self.allow_s3(&link.url)?;
        real::by_name(link, Source::S3 { uri: link.url.clone(), bucket_owner: None })
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What links lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Medium {
    Image(Image),
    Document(Document),
}

/// A place where a link can stand.
enum Place<'a> {
    Turn(&'a mut Block),
    Result(&'a mut ToolResultBlock),
}

impl Place<'_> {
    fn link(&self) -> Option<Link> {
        match self {
            Self::Turn(Block::Link(link)) | Self::Result(ToolResultBlock::Link(link)) => Some(link.clone()),
            _ => None,
        }
    }

    fn replace(&mut self, medium: Medium) {
        match (self, medium) {
            (Self::Turn(block), Medium::Image(image)) => **block = Block::Image(image),
            (Self::Turn(block), Medium::Document(document)) => **block = Block::Document(document),
            (Self::Result(block), Medium::Image(image)) => **block = ToolResultBlock::Image(image),
            (Self::Result(block), Medium::Document(document)) => {
                **block = ToolResultBlock::Document(document)
            }
        }
    }
}

/// Every place of a conversation, in order.
fn blocks(request: &mut Request) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for block in request.messages.iter_mut().flat_map(|message| &mut message.content) {
        match block {
            Block::ToolResult(result) => places.extend(result.content.iter_mut().map(Place::Result)),
            block => places.push(Place::Turn(block)),
        }
    }
    places
}

/// The names of a conversation's documents: Bedrock refuses two of one name.
struct Names(HashSet<String>);

impl Names {
    fn of(request: &mut Request) -> Self {
        let names = blocks(request).into_iter().filter_map(|place| match place {
            Place::Turn(Block::Document(it)) | Place::Result(ToolResultBlock::Document(it)) => {
                Some(it.name.clone())
            }
            _ => None,
        });
        Self(names.collect())
    }

    /// Gives the document a name that no other has.
    fn tell_apart(&mut self, document: &mut Document) {
        // Room for a number within the length a name may have.
        let stem: String = document.name.chars().take(190).collect();
        let mut number = 1;
        while !self.0.insert(document.name.clone()) {
            number += 1;
            document.name = format!("{} {number}", stem.trim_end());
        }
    }
}

fn is_s3(url: &str) -> bool {
    url.starts_with(S3)
}

fn wrong(link: &Link, why: &str) -> InvalidRequest {
    InvalidRequest::new(link.param.clone(), format!("`{}` {why}.", link.param))
}
