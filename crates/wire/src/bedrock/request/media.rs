//! Media: their bytes stay where they are.

use outcrop_chat as chat;
use outcrop_chat::InvalidRequest;

use super::{Reading, S3Object};
use crate::base64;
use crate::bedrock::at::At;
use crate::bedrock::shapes::blocks::OnlyText;
use crate::bedrock::shapes::media::{Audio, Document, DocumentSource, Image, S3Location, Source, Video};
use crate::bedrock::union::Union;

impl Reading<'_> {
    /// The format stays the declared one: whether it is the real one is Bedrock's to say.
    pub(super) fn image(&mut self, image: Image<'_>, at: &At<'_>) -> Result<chat::Image, InvalidRequest> {
        Ok(chat::Image { format: image.format.0, source: self.source(image.source.0, &at.member("source"))? })
    }

    pub(super) fn video(&mut self, video: Video<'_>, at: &At<'_>) -> Result<chat::Video, InvalidRequest> {
        Ok(chat::Video { format: video.format.0, source: self.source(video.source.0, &at.member("source"))? })
    }

    pub(super) fn audio(&mut self, audio: Audio<'_>, at: &At<'_>) -> Result<chat::Audio, InvalidRequest> {
        Ok(chat::Audio { format: audio.format.0, source: self.source(audio.source.0, &at.member("source"))? })
    }

    pub(super) fn document(
        &mut self,
        document: Document<'_>,
        at: &At<'_>,
    ) -> Result<chat::Document, InvalidRequest> {
        let at = at.member("source");
        let source = match document.source.0 {
            DocumentSource::Bytes(text) => chat::DocumentSource::File(self.bytes(&text, &at)?),
            DocumentSource::S3Location(it) => chat::DocumentSource::File(self.object(it, &at)),
            DocumentSource::Text(text) => chat::DocumentSource::Text(text),
            DocumentSource::Content(parts) => {
                chat::DocumentSource::Parts(parts.into_iter().map(|Union(OnlyText::Text(it))| it).collect())
            }
        };
        Ok(chat::Document {
            format: document.format.map(|it| it.0),
            name: document.name,
            source,
            context: document.context,
            citations: document.citations.is_some_and(|it| it.enabled),
        })
    }

    fn source(&mut self, source: Source<'_>, at: &At<'_>) -> Result<chat::Source, InvalidRequest> {
        match source {
            Source::Bytes(text) => self.bytes(&text, at),
            Source::S3Location(it) => Ok(self.object(it, at)),
        }
    }

    fn bytes(&self, text: &str, at: &At<'_>) -> Result<chat::Source, InvalidRequest> {
        match base64::source(self.body, text) {
            Ok((source, _)) => Ok(source),
            Err("is empty") => Err(at.member("bytes").refuse("is empty")),
            Err(_) => Err(at.member("bytes").refuse("must be bytes in base64")),
        }
    }

    fn object(&mut self, location: S3Location, at: &At<'_>) -> chat::Source {
        let S3Location { uri, bucket_owner } = location;
        self.s3.push(S3Object { param: at.member("s3Location").to_string(), uri: uri.clone() });
        chat::Source::S3 { uri, bucket_owner }
    }
}
