//! Pictures, documents, films and sounds in a request.

use std::borrow::Cow;

use outcrop_chat as chat;
use serde::Deserialize;

use super::blocks::OnlyText;
use super::words::Named;
use crate::bedrock::union::{Union, Unserved};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(in crate::bedrock) struct Image<'a> {
    pub(in crate::bedrock) format: Named<chat::ImageFormat>,
    #[serde(borrow)]
    pub(in crate::bedrock) source: Union<Source<'a>>,
    /// Only in answers.
    pub(in crate::bedrock) error: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct Video<'a> {
    pub(in crate::bedrock) format: Named<chat::VideoFormat>,
    #[serde(borrow)]
    pub(in crate::bedrock) source: Union<Source<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(in crate::bedrock) struct Audio<'a> {
    pub(in crate::bedrock) format: Named<chat::AudioFormat>,
    #[serde(borrow)]
    pub(in crate::bedrock) source: Union<Source<'a>>,
    /// Only in answers.
    pub(in crate::bedrock) error: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Source<'a> {
    #[serde(borrow)]
    Bytes(Cow<'a, str>),
    S3Location(S3Location),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct S3Location {
    pub(in crate::bedrock) uri: String,
    pub(in crate::bedrock) bucket_owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct Document<'a> {
    pub(in crate::bedrock) format: Option<Named<chat::DocumentFormat>>,
    pub(in crate::bedrock) name: String,
    #[serde(borrow)]
    pub(in crate::bedrock) source: Union<DocumentSource<'a>>,
    pub(in crate::bedrock) context: Option<String>,
    pub(in crate::bedrock) citations: Option<CitationsConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum DocumentSource<'a> {
    #[serde(borrow)]
    Bytes(Cow<'a, str>),
    S3Location(S3Location),
    Text(String),
    Content(Vec<Union<OnlyText>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct CitationsConfig {
    pub(in crate::bedrock) enabled: bool,
}
