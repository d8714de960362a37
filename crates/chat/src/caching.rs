//! What a client says of the prompt cache, beside the cache points that stand in its request.

use crate::{Block, CacheTtl, Request, SystemBlock};

/// What a client says of the prompt cache, beside the cache points that stand in its request. None of it shapes the
/// answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caching {
    /// What requests that begin alike have in common, in the client's own words.
    pub key: Option<String>,
    /// Whether a cache point is to stand behind the tools; `None` leaves it to rules.
    pub tools: Option<bool>,
    /// Whether one is to stand behind the instructions.
    pub system: Option<bool>,
    /// Whether some are to stand behind the last turns.
    pub messages: Option<bool>,
    /// How long what is kept is to be kept, where no cache point says so.
    pub ttl: Option<CacheTtl>,
    /// The client's names of the fields that ask for something to be kept.
    pub said: Vec<&'static str>,
}

impl Request {
    /// The lifetimes of its cache points, in the order in which models read: tools, instructions, turns.
    pub fn cache_points(&self) -> impl Iterator<Item = CacheTtl> {
        let tools = self.tools.iter().flat_map(|it| &it.specs).filter_map(|it| it.cache);
        let system = self.system.iter().filter_map(|it| match it {
            SystemBlock::CachePoint(ttl) => Some(*ttl),
            _ => None,
        });
        let messages = self.messages.iter().flat_map(|it| &it.content).filter_map(|it| match it {
            Block::CachePoint(ttl) => Some(*ttl),
            _ => None,
        });
        tools.chain(system).chain(messages)
    }
}
