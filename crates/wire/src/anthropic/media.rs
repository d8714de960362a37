//! Pictures, documents and search results in a message.

use outcrop_chat::{
    Block, Document, DocumentFormat, DocumentSource, Image, ImageFormat, InvalidRequest, Link, LinkKind,
    SearchResult, document_name,
};

use super::blocks::required;
use super::request::{self, Citations, Content, Source, SourceObject};
use super::turns::{Path, Reading};
use crate::base64;
use crate::json::shorten;

impl Reading<'_> {
    /// A picture in base64 stays where it is; one behind a URL has to be fetched.
    pub(super) fn image(&mut self, path: Path, block: request::Block<'_>) -> Result<Block, InvalidRequest> {
        if block.transformations.is_some() {
            self.context.dropped.note("messages.content.transformations");
        }
        let source = object(path, block.source)?;
        match &*source.r#type {
            "base64" => self.picture(path, &source).map(Block::Image),
            "url" => link(path, LinkKind::Image, source.url).map(Block::Link),
            other => Err(wrong_source(path, other)),
        }
    }

    fn picture(&self, path: Path, source: &SourceObject<'_>) -> Result<Image, InvalidRequest> {
        let given = source.media_type.as_deref().ok_or_else(|| required(path.field("source.media_type")))?;
        let data = source.data.as_ref().ok_or_else(|| required(path.field("source.data")))?;
        let (bytes, head) =
            base64::source(self.context.body, &data.0).map_err(|why| bad(path, "source.data", why))?;
        // Clients guess media types by file names; the bytes know better, and Bedrock looks at them.
        let format = base64::image_format(&head).or_else(|| ImageFormat::from_media_type(given));
        let format = format.ok_or_else(|| {
            bad(path, "source.media_type", "must be image/jpeg, image/png, image/gif or image/webp")
        })?;
        Ok(Image { format, source: bytes })
    }

    /// A document: a PDF, plain text, or parts that can be cited.
    pub(super) fn document(
        &mut self,
        path: Path,
        block: request::Block<'_>,
    ) -> Result<Block, InvalidRequest> {
        let citations = matches!(block.citations, Some(Citations::Enabled(true)));
        let source = object(path, block.source)?;
        if &*source.r#type == "url" {
            let mut link = link(path, LinkKind::Document, source.url)?;
            (link.name, link.context, link.citations) = (block.title, block.context, citations);
            return Ok(Block::Link(link));
        }
        let name = document_name(block.title.as_deref().unwrap_or_default(), "document");
        let (format, source) = self.document_source(path, *source)?;
        Ok(Block::Document(Document { format, name, source, context: block.context, citations }))
    }

    fn document_source(
        &self,
        path: Path,
        source: SourceObject<'_>,
    ) -> Result<(Option<DocumentFormat>, DocumentSource), InvalidRequest> {
        let data = || source.data.as_ref().ok_or_else(|| required(path.field("source.data")));
        match &*source.r#type {
            "base64" => {
                let given = source.media_type.as_deref();
                let format = given
                    .and_then(DocumentFormat::from_media_type)
                    .ok_or_else(|| bad(path, "source.media_type", "must be application/pdf"))?;
                let (bytes, _) = base64::source(self.context.body, &data()?.0)
                    .map_err(|why| bad(path, "source.data", why))?;
                Ok((Some(format), DocumentSource::File(bytes)))
            }
            "text" => Ok((Some(DocumentFormat::Txt), DocumentSource::Text(data()?.0.clone().into_owned()))),
            "content" => {
                let content = source.content.ok_or_else(|| required(path.field("source.content")))?;
                Ok((None, DocumentSource::Parts(parts(path, "source.content", content)?)))
            }
            other => Err(wrong_source(path, other)),
        }
    }

    pub(super) fn search_result(
        &mut self,
        path: Path,
        block: request::Block<'_>,
    ) -> Result<SearchResult, InvalidRequest> {
        let Some(Source::Name(source)) = block.source else {
            return Err(bad(path, "source", "must be a string"));
        };
        let content = block.content.ok_or_else(|| required(path.field("content")))?;
        Ok(SearchResult {
            source,
            title: block.title.ok_or_else(|| required(path.field("title")))?,
            content: parts(path, "content", content)?,
            citations: matches!(block.citations, Some(Citations::Enabled(true))),
        })
    }
}

fn object<'a>(path: Path, source: Option<Source<'a>>) -> Result<Box<SourceObject<'a>>, InvalidRequest> {
    match source {
        Some(Source::Object(source)) => Ok(source),
        Some(Source::Name(_)) => Err(bad(path, "source", "must be an object, not a string")),
        None => Err(required(path.field("source"))),
    }
}

fn link(path: Path, kind: LinkKind, url: Option<String>) -> Result<Link, InvalidRequest> {
    let param = path.field("source.url");
    let url = url.ok_or_else(|| required(param.clone()))?;
    Ok(Link { kind, url, param, name: None, context: None, citations: false })
}

/// The texts of content that may hold nothing else.
fn parts(path: Path, field: &str, content: Content<'_>) -> Result<Vec<String>, InvalidRequest> {
    let blocks = match content {
        Content::Text(text) => return Ok(vec![text.into_owned()]),
        Content::Blocks(blocks) => blocks,
    };
    let texts = blocks.into_iter().enumerate().map(|(at, block)| match (&*block.r#type, block.text) {
        ("text", Some(text)) => Ok(text.0.into_owned()),
        ("text", None) => Err(required(path.field(&format!("{field}[{at}].text")))),
        _ => Err(bad(path, &format!("{field}[{at}].type"), "must be `text` for this model")),
    });
    texts.collect()
}

fn wrong_source(path: Path, kind: &str) -> InvalidRequest {
    match kind {
        "file" => bad(
            path,
            "source.type",
            "is `file`: files of Anthropic's Files API are not known here; send the bytes",
        ),
        _ => {
            bad(path, "source.type", &format!("is `{}`, which is not a source of this block", shorten(kind)))
        }
    }
}

fn bad(path: Path, field: &str, why: &str) -> InvalidRequest {
    let param = path.field(field);
    let message = format!("`{param}` {why}.");
    InvalidRequest::new(param, message)
}
