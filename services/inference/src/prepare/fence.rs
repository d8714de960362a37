//! The code fence that a model puts around an answer although it was told not to.

use outcrop_chat::{Block, Delta, Event, Response};

/// What begins and ends a fenced block.
const FENCE: &str = "```";

/// The longest word behind the fence that still names a language; `json` for most.
const MOST_WORD: usize = 16;

/// Takes the fence from the texts of a whole answer.
pub(super) fn unfenced(response: &mut Response) {
    for block in &mut response.content {
        if let Block::Text(text) = block {
            let mut fence = Fence::default();
            let mut bare = fence.push(std::mem::take(text));
            bare.push_str(&fence.finish());
            *text = bare;
        }
    }
}

/// The same for an answer in pieces: only the first line and what may be the last one are held back.
#[derive(Debug, Default)]
pub(super) struct Fences {
    /// The text block that grows.
    open: Option<(u32, Fence)>,
}

impl Fences {
    /// What is to be sent for a piece.
    pub(super) fn push(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::Delta { index, delta: Delta::Text(piece) } => {
                let before = if self.is_open(index) { None } else { self.finish() };
                let (_, fence) = self.open.get_or_insert_with(|| (index, Fence::default()));
                before.into_iter().chain(written(index, fence.push(piece))).collect()
            }
            Event::BlockStop { .. } | Event::BlockStart { .. } | Event::Stop(_) => {
                self.finish().into_iter().chain([event]).collect()
            }
            other => vec![other],
        }
    }

    fn is_open(&self, index: u32) -> bool {
        self.open.as_ref().is_some_and(|(at, _)| *at == index)
    }

    fn finish(&mut self) -> Option<Event> {
        let (index, fence) = self.open.take()?;
        written(index, fence.finish())
    }
}

fn written(index: u32, text: String) -> Option<Event> {
    (!text.is_empty()).then_some(Event::Delta { index, delta: Delta::Text(text) })
}

/// One text.
#[derive(Debug)]
enum Fence {
    /// Nothing but what may become the fence's line.
    Beginning(String),
    /// Within a fence, with what may be its end.
    Inside(String),
    /// There is none.
    Bare,
}

impl Default for Fence {
    fn default() -> Self {
        Self::Beginning(String::new())
    }
}

impl Fence {
    /// What is the answer for sure.
    fn push(&mut self, piece: String) -> String {
        match self {
            Self::Bare => piece,
            Self::Inside(held) => {
                held.push_str(&piece);
                let tail = held.split_off(end(held));
                std::mem::replace(held, tail)
            }
            Self::Beginning(held) => {
                held.push_str(&piece);
                let held = std::mem::take(held);
                match first_line(&held) {
                    Line::Open => {
                        *self = Self::Beginning(held);
                        String::new()
                    }
                    Line::Fence(rest) => {
                        *self = Self::Inside(String::new());
                        self.push(rest.to_owned())
                    }
                    Line::Other => {
                        *self = Self::Bare;
                        held
                    }
                }
            }
        }
    }

    /// What is left at the end, but for the fence's own.
    fn finish(self) -> String {
        match self {
            Self::Inside(tail) if tail.trim() == FENCE => String::new(),
            Self::Inside(tail) | Self::Beginning(tail) => tail,
            Self::Bare => String::new(),
        }
    }
}

enum Line<'a> {
    /// More is needed to tell.
    Open,
    /// A fence's line, and what follows.
    Fence(&'a str),
    Other,
}

fn first_line(text: &str) -> Line<'_> {
    let text = text.trim_start();
    let Some(line) = text.strip_prefix(FENCE) else {
        return if FENCE.starts_with(text) { Line::Open } else { Line::Other };
    };
    let (word, rest) = match line.split_once('\n') {
        Some((word, rest)) => (word, Some(rest)),
        None => (line, None),
    };
    let word = word.trim();
    if word.len() > MOST_WORD || !word.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Line::Other;
    }
    rest.map_or(Line::Open, Line::Fence)
}

/// Where a closing fence may begin: before the white space in front of up to three backticks at the end.
fn end(text: &str) -> usize {
    let bare = text.trim_end();
    let ticks = bare.bytes().rev().take(FENCE.len()).take_while(|it| *it == b'`').count();
    bare[..bare.len() - ticks].trim_end().len()
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;
