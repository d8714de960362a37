//! What of a stream can only be told when a block is whole: signed thoughts, and where text is from.

use bytes::Bytes;
use outcrop_chat::Reasoning;
use serde_json::Value;

use crate::openai::chat::Sources;

/// The thoughts of an answer, each with its place among them.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    begun: usize,
    open: Vec<Thought>,
}

#[derive(Debug)]
struct Thought {
    block: u32,
    at: usize,
    thought: Reasoning,
}

impl Thoughts {
    /// A thought grows.
    pub(super) fn text(&mut self, block: u32, piece: &str) {
        if let Reasoning::Text { text, .. } = self.of(block) {
            text.push_str(piece);
        }
    }

    /// A thought is signed. Signatures come whole; one in pieces is put together.
    pub(super) fn signature(&mut self, block: u32, piece: &str) {
        if let Reasoning::Text { signature, .. } = self.of(block) {
            signature.get_or_insert_default().push_str(piece);
        }
    }

    /// A thought that is kept encrypted comes.
    pub(super) fn redacted(&mut self, block: u32, bytes: &Bytes) {
        self.begin(block, Reasoning::Redacted(bytes.clone()));
    }

    /// The next thought of these blocks, which are whole.
    pub(super) fn take(&mut self, of: impl Fn(u32) -> bool) -> Option<(usize, Reasoning)> {
        let at = self.open.iter().position(|it| of(it.block))?;
        let Thought { at, thought, .. } = self.open.remove(at);
        Some((at, thought))
    }

    /// The thought in the open that grows in a block.
    fn of(&mut self, block: u32) -> &mut Reasoning {
        let is_it = |it: &Thought| it.block == block && matches!(it.thought, Reasoning::Text { .. });
        let place = self.open.iter().rposition(is_it);
        let place = place
            .unwrap_or_else(|| self.begin(block, Reasoning::Text { text: String::new(), signature: None }));
        &mut self.open[place].thought
    }

    fn begin(&mut self, block: u32, thought: Reasoning) -> usize {
        self.open.push(Thought { block, at: self.begun, thought });
        self.begun += 1;
        self.open.len() - 1
    }
}

/// Which characters of the content each text block has, and the citations of each.
#[derive(Debug, Default)]
pub(super) struct Citations {
    texts: Vec<Text>,
    citations: Vec<(u32, Value)>,
}

#[derive(Debug)]
struct Text {
    block: u32,
    start: usize,
    end: usize,
}

impl Citations {
    /// A text block grows.
    pub(super) fn saw_text(&mut self, block: u32, text: &str) {
        let length = text.chars().count();
        match self.texts.last_mut() {
            Some(last) if last.block == block => last.end += length,
            last => {
                let start = last.map_or(0, |last| last.end);
                self.texts.push(Text { block, start, end: start + length });
            }
        }
    }

    /// A text block is from somewhere.
    pub(super) fn saw(&mut self, block: u32, citation: &Value) {
        self.citations.push((block, citation.clone()));
    }

    /// Where the texts are from, in the order of the citations.
    pub(super) fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        for (block, citation) in &self.citations {
            let text = self.texts.iter().find(|it| it.block == *block);
            let (start, end) = text.map_or((0, 0), |it| (it.start, it.end));
            sources.add(citation, start, end);
        }
        sources
    }
}
