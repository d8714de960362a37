//! Cutting a file into parts that one worker takes at a time.

use outcrop_ports::IdGen;
use outcrop_types::{BatchPart, JobId, JobState, Used};

use super::reader::FileLine;

/// Takes lines and gives parts.
pub(super) struct Cut<'a> {
    ids: &'a dyn IdGen,
    most_lines: u32,
    most_bytes: u64,
    parts: Vec<BatchPart>,
}

impl<'a> Cut<'a> {
    pub(super) fn new(ids: &'a dyn IdGen, most_lines: u32, most_bytes: u64) -> Self {
        Self { ids, most_lines: most_lines.max(1), most_bytes, parts: Vec::new() }
    }

    /// Adds the next line, if it is not blank. It begins a part if the last one is full; one line may be longer than a part.
    pub(super) fn add(&mut self, line: &FileLine) {
        let (most_lines, most_bytes) = (self.most_lines, self.most_bytes);
        let fits = |part: &&mut BatchPart| {
            part.lines < most_lines && line.to_byte.saturating_sub(part.from_byte) <= most_bytes
        };
        if let Some(part) = self.parts.last_mut().filter(fits) {
            part.lines += 1;
            part.to_byte = line.to_byte;
            return;
        }
        let number = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.parts.push(BatchPart {
            job: JobId::new(self.ids.uuid()),
            number,
            first_line: line.number,
            lines: 1,
            from_byte: line.from_byte,
            to_byte: line.to_byte,
            state: JobState::Queued,
            completed: 0,
            failed: 0,
            used: Used::default(),
            output: None,
            errors: None,
        });
    }

    pub(super) fn parts(self) -> Vec<BatchPart> {
        self.parts
    }
}
