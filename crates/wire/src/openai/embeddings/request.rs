//! What is asked.

use std::collections::BTreeMap;
use std::fmt;

use outcrop_chat::InvalidRequest;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::openai::fields::{metadata, one_of};
use crate::{json, top_level};

/// Most inputs of one request, and most tokens of inputs given as tokens (OpenAI API reference, embeddings).
const MOST_INPUTS: usize = 2_048;
const MOST_TOKENS: usize = 300_000;

/// What is to be turned into vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Texts.
    Texts(Vec<String>),
    /// Numbers of tokens, of OpenAI's `cl100k_base`: the texts' before they were cut up.
    Tokens(Vec<Vec<u32>>),
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As numbers.
    Float,
    /// As the base64 of 32-bit floats, little-endian.
    Base64,
}

/// What vectors are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputType {
    /// Texts that will be searched.
    SearchDocument,
    /// A question to search with.
    SearchQuery,
    /// Sorting into classes.
    Classification,
    /// Grouping.
    Clustering,
}

/// A request for vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingsRequest {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// At least one.
    pub input: Input,
    /// Length of the vectors, if it was asked for.
    pub dimensions: Option<u32>,
    /// How they are to be written.
    pub encoding: Encoding,
    /// What they are for, if that was said; otherwise they are [`InputType::SearchDocument`]s.
    pub input_type: Option<InputType>,
    /// Pairs for Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// Fields that the client set and that cannot be honoured, in its spelling.
    pub dropped: Vec<&'static str>,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
    /// Whether the inputs came as a list.
    listed: bool,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Body {
    model: Option<String>,
    input: Inputs,
    dimensions: Option<u32>,
    encoding_format: Option<String>,
    input_type: Option<String>,
    user: Option<String>,
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, a field is wrong, or an input is blank; it names the field: `input[3]`.
pub fn parse(bytes: &[u8]) -> Result<EmbeddingsRequest, InvalidRequest> {
    let body: Body = json::parse(bytes)?;
    if body.dimensions == Some(0) {
        return Err(InvalidRequest::new("dimensions", "`dimensions` must be at least 1."));
    }
    let encodings = [("float", Encoding::Float), ("base64", Encoding::Base64)];
    let types = [
        ("search_document", InputType::SearchDocument),
        ("search_query", InputType::SearchQuery),
        ("classification", InputType::Classification),
        ("clustering", InputType::Clustering),
    ];
    let encoding = one_of("encoding_format", body.encoding_format.as_deref(), &encodings)?;
    let input_type = one_of("input_type", body.input_type.as_deref(), &types)?;
    let mut dropped = Vec::new();
    let request = EmbeddingsRequest {
        model: body.model,
        listed: body.input.listed,
        input: body.input.input,
        dimensions: body.dimensions,
        encoding: encoding.unwrap_or(Encoding::Float),
        input_type,
        metadata: metadata([("user", body.user)], &mut dropped),
        dropped,
        unknown: top_level::unknown(bytes, &[top_level::names::<Body>(), &[crate::cache_control::FIELD]]),
    };
    match &request.input {
        Input::Texts(texts) => request.refuse_blank(texts)?,
        Input::Tokens(tokens) => request.refuse_empty(tokens)?,
    }
    Ok(request)
}

impl EmbeddingsRequest {
    /// What the client calls one of its inputs: `input`, or `input[3]`.
    #[must_use]
    pub fn place(&self, at: usize) -> String {
        if self.listed { format!("input[{at}]") } else { "input".to_owned() }
    }

    /// Refuses a text of nothing but white space, which no model turns into a vector; for texts that were tokens, too.
    ///
    /// # Errors
    /// [`InvalidRequest`] that names the input.
    pub fn refuse_blank(&self, texts: &[String]) -> Result<(), InvalidRequest> {
        match texts.iter().position(|text| text.trim().is_empty()) {
            Some(at) => Err(self.blank(at)),
            None => Ok(()),
        }
    }

    fn refuse_empty(&self, tokens: &[Vec<u32>]) -> Result<(), InvalidRequest> {
        match tokens.iter().position(Vec::is_empty) {
            Some(at) => Err(self.blank(at)),
            None => Ok(()),
        }
    }

    fn blank(&self, at: usize) -> InvalidRequest {
        let place = self.place(at);
        let message = format!("`{place}` must not be blank.");
        InvalidRequest::new(place, message)
    }
}

struct Inputs {
    input: Input,
    listed: bool,
}

/// One element of the list.
enum Element {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputsVisitor;

        impl<'de> Visitor<'de> for InputsVisitor {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or an array of strings, of tokens or of arrays of tokens")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Inputs, E> {
                Ok(Inputs { input: Input::Texts(vec![text.to_owned()]), listed: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Inputs, A::Error> {
                list(seq)
            }
        }

        deserializer.deserialize_any(InputsVisitor)
    }
}

/// The first element says of which kind all have to be.
fn list<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Inputs, A::Error> {
    match seq.next_element()? {
        None => Err(de::Error::custom("must not be empty")),
        Some(Element::Text(first)) => {
            let texts = rest(seq, first, MOST_INPUTS, "strings", |element| match element {
                Element::Text(text) => Some(text),
                _ => None,
            })?;
            Ok(Inputs { input: Input::Texts(texts), listed: true })
        }
        Some(Element::Token(first)) => {
            let tokens = rest(seq, first, MOST_TOKENS, "tokens", |element| match element {
                Element::Token(token) => Some(token),
                _ => None,
            })?;
            Ok(Inputs { input: Input::Tokens(vec![tokens]), listed: false })
        }
        Some(Element::Tokens(first)) => {
            let lists = rest(seq, first, MOST_INPUTS, "arrays of tokens", |element| match element {
                Element::Tokens(tokens) => Some(tokens),
                _ => None,
            })?;
            if lists.iter().map(Vec::len).sum::<usize>() > MOST_TOKENS {
                return Err(de::Error::custom(format_args!("must not have more than {MOST_TOKENS} tokens")));
            }
            Ok(Inputs { input: Input::Tokens(lists), listed: true })
        }
    }
}

fn rest<'de, A: SeqAccess<'de>, T>(
    mut seq: A,
    first: T,
    most: usize,
    kind: &str,
    keep: fn(Element) -> Option<T>,
) -> Result<Vec<T>, A::Error> {
    let mut all = vec![first];
    while let Some(element) = seq.next_element()? {
        if all.len() == most {
            return Err(de::Error::custom(format_args!("must not have more than {most} elements")));
        }
        let Some(element) = keep(element) else {
            return Err(de::Error::custom(format_args!(
                "must be an array of {kind}, like its first element"
            )));
        };
        all.push(element);
    }
    Ok(all)
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementVisitor;

        impl<'de> Visitor<'de> for ElementVisitor {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a token or an array of tokens")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Element, E> {
                Ok(Element::Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, token: u64) -> Result<Element, E> {
                let token = u32::try_from(token);
                token.map(Element::Token).map_err(|_| E::custom("must be a token"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Element, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Element::Tokens)
            }
        }

        deserializer.deserialize_any(ElementVisitor)
    }
}
