//! Tokens of a Converse request, and the prefixes its cache points mark.

use super::request::{
    Block, CachePoint, Guard, Media, Reasoning, Request, ResultBlock, Source, SystemBlock, Tool,
};
use crate::cache::Prefix;
use crate::hash::Hash;
use crate::tokens;

/// All cache points with their paths, in the order the model reads: tools, system, messages.
pub(super) fn cache_points<'r, 'a>(
    request: &'r Request<'a>,
) -> impl Iterator<Item = (String, &'r CachePoint<'a>)> {
    let tools = request.tool_config.iter().flat_map(|it| it.tools.iter().flatten()).enumerate();
    let tools = tools.filter_map(|(at, tool)| match tool {
        Tool::CachePoint(point) => Some((format!("toolConfig.tools.{at}"), point)),
        _ => None,
    });
    let system = request.system.iter().flatten().enumerate().filter_map(|(at, block)| match block {
        SystemBlock::CachePoint(point) => Some((format!("system.{at}"), point)),
        _ => None,
    });
    let messages = request.messages.iter().flatten().enumerate().flat_map(|(at, message)| {
        message.content.iter().flatten().enumerate().filter_map(move |(index, block)| match block {
            Block::CachePoint(point) => Some((format!("messages.{at}.content.{index}"), point)),
            _ => None,
        })
    });
    tools.chain(system).chain(messages)
}

/// The weight of a request.
#[derive(Debug, Default)]
pub(crate) struct Weight {
    pub(crate) tokens: u64,
    /// One per cache point, growing.
    pub(crate) prefixes: Vec<Prefix>,
}

/// Weighs a request for a model.
pub(crate) fn weigh(model_id: &str, request: &Request<'_>) -> Weight {
    let mut scale = Scale { weight: Weight::default(), hash: None };
    if cache_points(request).next().is_some() {
        let mut hash = Hash::new();
        hash.write(model_id.as_bytes());
        scale.hash = Some(hash);
    }
    for tool in request.tool_config.iter().flat_map(|it| it.tools.iter().flatten()) {
        match tool {
            Tool::Spec(spec) => {
                scale.text(spec.name.as_deref().unwrap_or_default());
                scale.text(spec.description.as_deref().unwrap_or_default());
                scale.json(spec.input_schema.as_ref().and_then(|it| it.json).map_or("", |it| it.get()));
            }
            Tool::CachePoint(point) => scale.point(point),
            Tool::System(_) | Tool::Unknown => {}
        }
    }
    for block in request.system.iter().flatten() {
        match block {
            SystemBlock::Text(text) => scale.text(text),
            SystemBlock::CachePoint(point) => scale.point(point),
            SystemBlock::Guard(Guard::Text(text)) => scale.text(text.text.as_deref().unwrap_or_default()),
            SystemBlock::Guard(_) | SystemBlock::Unknown => {}
        }
    }
    for message in request.messages.iter().flatten() {
        scale.write(message.role.as_deref().unwrap_or_default());
        scale.weight.tokens += tokens::PER_MESSAGE;
        for block in message.content.iter().flatten() {
            scale.block(block);
        }
    }
    scale.weight
}

struct Scale {
    weight: Weight,
    /// Only kept when there is a cache point to use it.
    hash: Option<Hash>,
}

impl Scale {
    fn write(&mut self, text: &str) {
        if let Some(hash) = &mut self.hash {
            hash.write(text.as_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.write(text);
        self.weight.tokens += tokens::count(text);
    }

    fn json(&mut self, json: &str) {
        self.write(json);
        self.weight.tokens += tokens::json(json);
    }

    fn point(&mut self, point: &CachePoint<'_>) {
        let Some(hash) = self.hash else { return };
        let one_hour = point.ttl.as_deref() == Some("1h");
        self.weight.prefixes.push(Prefix { hash: hash.finish(), tokens: self.weight.tokens, one_hour });
    }

    fn media(&mut self, media: &Media<'_>, image: bool) {
        match &media.source {
            Some(Source::Bytes(bytes)) => {
                self.write(bytes);
                self.weight.tokens += if image { tokens::IMAGE } else { tokens::media(bytes) };
            }
            Some(Source::Text(text)) => self.text(text),
            Some(Source::Content(parts)) => {
                for part in parts {
                    self.text(part.text.as_deref().unwrap_or_default());
                }
            }
            Some(Source::S3(location)) => {
                self.write(location.uri.as_deref().unwrap_or_default());
                self.weight.tokens += tokens::IMAGE;
            }
            Some(Source::Unknown) | None => {}
        }
    }

    fn block(&mut self, block: &Block<'_>) {
        match block {
            Block::Text(text) => self.text(text),
            Block::Image(media) => self.media(media, true),
            Block::Document(media) | Block::Video(media) | Block::Audio(media) => self.media(media, false),
            Block::ToolUse(call) => {
                self.text(call.name.as_deref().unwrap_or_default());
                self.json(call.input.map_or("", |it| it.get()));
            }
            Block::ToolResult(result) => {
                for block in result.content.iter().flatten() {
                    match block {
                        ResultBlock::Json(json) => self.json(json.get()),
                        ResultBlock::Text(text) => self.text(text),
                        ResultBlock::Image(media) => self.media(media, true),
                        ResultBlock::Document(media) | ResultBlock::Video(media) => self.media(media, false),
                        ResultBlock::SearchResult(result) => {
                            for part in result.content.iter().flatten() {
                                self.text(part.text.as_deref().unwrap_or_default());
                            }
                        }
                        ResultBlock::Unknown => {}
                    }
                }
            }
            Block::SearchResult(result) => {
                for part in result.content.iter().flatten() {
                    self.text(part.text.as_deref().unwrap_or_default());
                }
            }
            Block::Citations(content) => {
                for part in content.content.iter().flatten() {
                    self.text(part.text.as_deref().unwrap_or_default());
                }
            }
            Block::Reasoning(Reasoning::Text(text)) => self.text(text.text.as_deref().unwrap_or_default()),
            Block::CachePoint(point) => self.point(point),
            Block::ToolAddition(json) | Block::ToolRemoval(json) => self.json(json.get()),
            Block::Guard(Guard::Text(text)) => self.text(text.text.as_deref().unwrap_or_default()),
            Block::Reasoning(Reasoning::Redacted(data)) => {
                self.write(data);
                self.weight.tokens += tokens::media(data);
            }
            Block::Guard(_) | Block::Reasoning(Reasoning::Unknown) | Block::Unknown => {}
        }
    }
}
