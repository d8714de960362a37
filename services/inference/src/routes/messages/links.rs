//! URLs in a body for Claude: Bedrock fetches none, so that what they lead to goes into the body.

use bytes::Bytes;
use outcrop_chat::{
    Block, Document, DocumentFormat, DocumentSource, InvalidRequest, Link, LinkKind, Message, Request, Role,
    Source,
};
use outcrop_wire::anthropic::invoke::{self, Inlined, MediaLink};

use crate::InferenceService;
use crate::entry::Entry;
use crate::media::MediaError;

/// The body without URLs; the same one where there are none.
///
/// # Errors
/// The field of the first URL that leads to nothing Claude reads; that there is no room for what it leads to.
pub(super) async fn inline(
    service: &InferenceService,
    entry: &Entry,
    body: Bytes,
) -> Result<Bytes, MediaError> {
    let links = invoke::find(&body);
    if links.is_empty() {
        return Ok(body);
    }
    let content = links.iter().map(|link| Block::Link(neutral(link))).collect();
    let messages = vec![Message { role: Role::User, content }];
    let mut request = Request { messages, ..Request::default() };
    service.inner().media.fetch_links(entry.team, &mut request).await?;
    let fetched = request.messages.into_iter().flat_map(|message| message.content);
    let inlined = links.iter().zip(fetched).map(|(link, block)| medium(link, block));
    Ok(invoke::inline(&body, inlined.collect::<Result<_, InvalidRequest>>()?))
}

fn neutral(link: &MediaLink) -> Link {
    let MediaLink { kind, url, param } = link.clone();
    Link { kind, url, param, name: None, context: None, citations: false }
}

/// What Anthropic has a source for: pictures, PDFs and plain text, each in its own kind of block.
fn medium(link: &MediaLink, block: Block) -> Result<Inlined, InvalidRequest> {
    let (media_type, bytes) = match (link.kind, block) {
        (LinkKind::Image, Block::Image(image)) => (image.format.media_type(), here(link, image.source)?),
        (LinkKind::Document, Block::Document(document)) => return self::document(link, document),
        (LinkKind::Image, _) => return Err(wrong(link, "leads to something that is no picture")),
        (LinkKind::Document, _) => return Err(wrong(link, "leads to something that is no document")),
    };
    Ok(Inlined { media_type, bytes })
}

fn document(link: &MediaLink, Document { format, source, .. }: Document) -> Result<Inlined, InvalidRequest> {
    use DocumentFormat::{Csv, Html, Md, Pdf, Txt};
    let DocumentSource::File(source) = source else { return Err(wrong(link, "leads to no file")) };
    let bytes = here(link, source)?;
    match format {
        Some(Pdf) => Ok(Inlined { media_type: Pdf.media_type(), bytes }),
        Some(Txt | Md | Csv | Html) => Ok(Inlined { media_type: Txt.media_type(), bytes }),
        _ => Err(wrong(link, "leads to something that is neither a PDF nor text")),
    }
}

/// The bytes themselves: InvokeModel knows no other place for them.
fn here(link: &MediaLink, source: Source) -> Result<Bytes, InvalidRequest> {
    match source {
        Source::Bytes(bytes) => Ok(bytes),
        Source::Base64(_) | Source::S3 { .. } => {
            Err(wrong(link, "leads to S3, from where Claude is given nothing"))
        }
    }
}

fn wrong(link: &MediaLink, why: &str) -> InvalidRequest {
    InvalidRequest::new(link.param.as_str(), format!("`{}` {why}.", link.param))
}
