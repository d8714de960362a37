//! The body of Converse, borrowed from the bytes it arrived in.
//!
//! Every member is optional here: what must be there is said by `validate`, with the message Bedrock would
//! give. Unknown members are skipped, as the service skips them; a wrong JSON type is a `SerializationException`.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A string that borrows from the body unless it holds escapes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub(crate) struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<Cow<'a, str>> for Str<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl Deref for Str<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

/// A JSON object with exactly one known member, Smithy's union.
macro_rules! union {
    ($(#[$meta:meta])* $name:ident { $($key:literal => $variant:ident($inner:ty)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) enum $name<'a> {
            $($variant($inner),)+
            /// No member, or only ones that are not known.
            Unknown,
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Union<'a>(PhantomData<&'a ()>);
                impl<'de: 'a, 'a> Visitor<'de> for Union<'a> {
                    type Value = $name<'a>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object with one member")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut found = $name::Unknown;
                        while let Some(key) = map.next_key::<Str<'de>>()? {
                            let member = match &*key {
                                $($key => map.next_value::<Option<$inner>>()?.map($name::$variant),)+
                                _ => {
                                    map.next_value::<IgnoredAny>()?;
                                    None
                                }
                            };
                            let Some(member) = member else { continue };
                            if !matches!(found, $name::Unknown) {
                                return Err(A::Error::custom("a union must have exactly one member set"));
                            }
                            found = member;
                        }
                        Ok(found)
                    }
                }
                deserializer.deserialize_map(Union(PhantomData))
            }
        }
    };
}

union! {
    /// One block of a message.
    Block {
        "text" => Text(Str<'a>),
        "image" => Image(Media<'a>),
        "document" => Document(Media<'a>),
        "video" => Video(Media<'a>),
        "audio" => Audio(Media<'a>),
        "toolUse" => ToolUse(ToolUse<'a>),
        "toolResult" => ToolResult(ToolResult<'a>),
        "guardContent" => Guard(Guard<'a>),
        "cachePoint" => CachePoint(CachePoint<'a>),
        "reasoningContent" => Reasoning(Reasoning<'a>),
        "citationsContent" => Citations(CitationsContent<'a>),
        "searchResult" => SearchResult(SearchResult<'a>),
        "toolAddition" => ToolAddition(&'a RawValue),
        "toolRemoval" => ToolRemoval(&'a RawValue),
    }
}

union! {
    /// One block of a tool's result.
    ResultBlock {
        "json" => Json(&'a RawValue),
        "text" => Text(Str<'a>),
        "image" => Image(Media<'a>),
        "document" => Document(Media<'a>),
        "video" => Video(Media<'a>),
        "searchResult" => SearchResult(SearchResult<'a>),
    }
}

union! {
    /// One block of `system[]`.
    SystemBlock {
        "text" => Text(Str<'a>),
        "guardContent" => Guard(Guard<'a>),
        "cachePoint" => CachePoint(CachePoint<'a>),
    }
}

union! {
    /// Where the bytes of a medium are.
    Source {
        "bytes" => Bytes(Str<'a>),
        "s3Location" => S3(S3Location<'a>),
        "text" => Text(Str<'a>),
        "content" => Content(Vec<TextOnly<'a>>),
    }
}

union! {
    /// Reasoning replayed to the model.
    Reasoning {
        "reasoningText" => Text(ReasoningText<'a>),
        "redactedContent" => Redacted(Str<'a>),
    }
}

union! {
    /// Content for a guardrail to look at.
    Guard {
        "text" => Text(TextOnly<'a>),
        "image" => Image(Media<'a>),
    }
}

union! {
    /// One entry of `toolConfig.tools`.
    Tool {
        "toolSpec" => Spec(ToolSpec<'a>),
        "systemTool" => System(Named<'a>),
        "cachePoint" => CachePoint(CachePoint<'a>),
    }
}

union! {
    /// `toolConfig.toolChoice`.
    ToolChoice {
        "auto" => Auto(Nothing<'a>),
        "any" => Any(Nothing<'a>),
        "tool" => Tool(Named<'a>),
    }
}

macro_rules! members {
    ($(#[$meta:meta])* $name:ident { $($field:ident : $inner:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name<'a> {
            $(#[serde(borrow, default)] pub(crate) $field: Option<$inner>,)+
        }
    };
}

members! {
    /// One message.
    Message { role: Str<'a>, content: Vec<Block<'a>> }
}
members! {
    /// An image, document, video or recording.
    Media { format: Str<'a>, source: Source<'a>, name: Str<'a> }
}
members! {
    /// An object in S3.
    S3Location { uri: Str<'a>, bucket_owner: Str<'a> }
}
members! {
    /// `{text}` as a structure.
    TextOnly { text: Str<'a> }
}
members! {
    /// A call the model made.
    ToolUse { tool_use_id: Str<'a>, name: Str<'a>, input: &'a RawValue }
}
members! {
    /// The answer to such a call.
    ToolResult { tool_use_id: Str<'a>, content: Vec<ResultBlock<'a>>, status: Str<'a> }
}
members! {
    /// The end of a prefix to cache.
    CachePoint { r#type: Str<'a>, ttl: Str<'a> }
}
members! {
    /// What a model thought, with its signature.
    ReasoningText { text: Str<'a>, signature: Str<'a> }
}
members! {
    /// Text with citations, replayed.
    CitationsContent { content: Vec<TextOnly<'a>> }
}
members! {
    /// A search result given as context.
    SearchResult { source: Str<'a>, title: Str<'a>, content: Vec<TextOnly<'a>> }
}
members! {
    /// A tool the model may call.
    ToolSpec { name: Str<'a>, description: Str<'a>, input_schema: InputSchema<'a>, strict: Plain<'a, bool> }
}
members! {
    /// The schema's only form.
    InputSchema { json: &'a RawValue }
}
members! {
    /// `{name}`.
    Named { name: Str<'a> }
}
members! {
    /// Tools and how to choose among them.
    ToolConfig { tools: Vec<Tool<'a>>, tool_choice: ToolChoice<'a> }
}
members! {
    /// The sampling every model shares.
    InferenceConfig {
        max_tokens: Plain<'a, i64>, temperature: Plain<'a, f64>, top_p: Plain<'a, f64>, stop_sequences: Vec<Str<'a>>,
    }
}
members! {
    /// Which guardrail to apply.
    GuardrailConfig {
        guardrail_identifier: Str<'a>, guardrail_version: Str<'a>, trace: Str<'a>, stream_processing_mode: Str<'a>,
    }
}
members! {
    /// `{latency}`.
    PerformanceConfig { latency: Str<'a> }
}
members! {
    /// `{type}`.
    ServiceTier { r#type: Str<'a> }
}
members! {
    /// The form of the answer.
    OutputConfig { text_format: TextFormat<'a>, effort: Str<'a> }
}
members! {
    /// The form of its text.
    TextFormat { r#type: Str<'a>, structure: TextStructure<'a> }
}
members! {
    /// The schema's holder.
    TextStructure { json_schema: JsonSchema<'a> }
}
members! {
    /// A schema, itself JSON in a string.
    JsonSchema { schema: Str<'a> }
}
members! {
    /// The whole body.
    Request {
        messages: Vec<Message<'a>>,
        system: Vec<SystemBlock<'a>>,
        inference_config: InferenceConfig<'a>,
        tool_config: ToolConfig<'a>,
        guardrail_config: GuardrailConfig<'a>,
        additional_model_request_fields: &'a RawValue,
        additional_model_response_field_paths: Vec<Str<'a>>,
        request_metadata: BTreeMap<Str<'a>, Str<'a>>,
        performance_config: PerformanceConfig<'a>,
        service_tier: ServiceTier<'a>,
        output_config: OutputConfig<'a>,
    }
}

/// A number or boolean, with the lifetime the structures above share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain<'a, T>(pub(crate) T, PhantomData<&'a ()>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Plain<'_, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|it| Self(it, PhantomData))
    }
}

/// An empty structure.
#[derive(Debug, Deserialize)]
pub(crate) struct Nothing<'a> {
    #[serde(skip)]
    _lifetime: PhantomData<&'a ()>,
}
