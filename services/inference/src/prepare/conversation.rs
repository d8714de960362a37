//! What all requests of one conversation have in common.
//!
//! Each region has a prompt cache of its own, so that requests of one conversation do well to go to one region. Every
//! replica must come to the same number without asking another, and the number must not change as the conversation
//! grows: it is made of what comes first, or of the key that the client gives.

use outcrop_chat::{Block, Caching, Document, DocumentSource, Request, Source, SystemBlock, ToolResultBlock};
use outcrop_types::{PromptCacheRule, TeamId};
use outcrop_wire::anthropic::invoke;

/// Bytes of one text that count; its length always does.
const MOST_OF_A_TEXT: usize = 16 << 10;

/// The number of the conversation, if something of it is to be kept in a prompt cache: its request has cache points or a
/// key, or asks for points, or a rule puts them.
pub(crate) fn conversation(team: TeamId, request: &Request, rule: Option<PromptCacheRule>) -> Option<u64> {
    let caching = &request.caching;
    if let Some(key) = &caching.key {
        return Some(of_key(team, key));
    }
    if !is_kept(request.cache_points().next().is_some(), caching, rule) {
        return None;
    }
    let mut number = Number::of(team);
    // Clients with an unstable order of tools have one conversation all the same.
    let mut tools: Vec<_> = request.tools.iter().flat_map(|it| &it.specs).collect();
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    for tool in tools {
        number.text(&tool.name);
        number.text(tool.description.as_deref().unwrap_or_default());
    }
    for block in &request.system {
        match block {
            SystemBlock::Text(text) => number.text(text),
            SystemBlock::Guard(guarded) => number.text(&guarded.text),
            SystemBlock::CachePoint(_) => {}
        }
    }
    for block in request.messages.first().iter().flat_map(|it| &it.content) {
        number.block(block);
    }
    Some(number.0)
}

/// The same for a body of Claude's own.
pub(crate) fn conversation_in(team: TeamId, body: &[u8], rule: Option<PromptCacheRule>) -> Option<u64> {
    let own = invoke::is_marked(body) || invoke::asks_for_marks(body);
    if !is_kept(own, &Caching::default(), rule) {
        return None;
    }
    let mut number = Number::of(team);
    invoke::beginning(body, |text| number.bytes(text.as_bytes()));
    Some(number.0)
}

/// Whether something is to be kept: by the client's own points, because it asks for it, or by rule.
fn is_kept(own: bool, caching: &Caching, rule: Option<PromptCacheRule>) -> bool {
    let asked = [caching.tools, caching.system, caching.messages];
    let ruled = rule.map_or([false; 3], |it| [it.tools, it.system, it.messages]);
    own || asked.into_iter().zip(ruled).any(|(asked, ruled)| asked.unwrap_or(ruled))
}

fn of_key(team: TeamId, key: &str) -> u64 {
    let mut number = Number::of(team);
    number.text("prompt_cache_key");
    number.text(key);
    number.0
}

/// FNV-1a: the same in every process, which is all that is needed. Who makes two conversations one brings both to one
/// region, and nothing else.
struct Number(u64);

impl Number {
    fn of(team: TeamId) -> Self {
        let mut number = Self(0xcbf2_9ce4_8422_2325);
        number.write(team.uuid().as_bytes());
        number
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.write(&(bytes.len() as u64).to_le_bytes());
        self.write(&bytes[..bytes.len().min(MOST_OF_A_TEXT)]);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(text) => self.text(text),
            Block::Guard(guarded) => self.text(&guarded.text),
            Block::Cited(cited) => self.text(&cited.text),
            Block::SearchResult(found) => found.content.iter().for_each(|it| self.text(it)),
            Block::Image(image) => self.source(&image.source),
            Block::Video(video) => self.source(&video.source),
            Block::Audio(audio) => self.source(&audio.source),
            Block::Document(document) => self.document(document),
            Block::Link(link) => self.text(&link.url),
            Block::ToolResult(result) => result.content.iter().for_each(|it| self.result(it)),
            Block::ToolUse(_) | Block::Reasoning(_) | Block::CachePoint(_) => {}
        }
    }

    fn result(&mut self, part: &ToolResultBlock) {
        match part {
            ToolResultBlock::Text(text) => self.text(text),
            ToolResultBlock::Document(document) => self.document(document),
            ToolResultBlock::Link(link) => self.text(&link.url),
            _ => {}
        }
    }

    fn document(&mut self, document: &Document) {
        match &document.source {
            DocumentSource::File(source) => self.source(source),
            DocumentSource::Text(text) => self.text(text),
            DocumentSource::Parts(parts) => parts.iter().for_each(|it| self.text(it)),
        }
    }

    fn source(&mut self, source: &Source) {
        match source {
            Source::Bytes(bytes) | Source::Base64(bytes) => self.bytes(bytes),
            Source::S3 { uri, .. } => self.text(uri),
        }
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
