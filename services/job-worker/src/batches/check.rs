//! Whether a batch's file is good: every line is looked at, and all that is wrong is told, each with its line.

use std::collections::HashSet;

use outcrop_types::BatchError;
use outcrop_wire::openai::batches;
use sha2::{Digest, Sha256};

use super::reader::FileLine;

/// Most errors that are kept of a file.
const MOST_ERRORS: usize = 1_000;

/// What is known of a file so far.
pub(super) struct Check<'a> {
    endpoint: &'a str,
    max_lines: u64,
    max_line_bytes: usize,
    /// Of each `custom_id` the beginning of its digest: sixteen bytes, however long the ids are.
    ids: HashSet<[u8; 16]>,
    model: Model,
    pub(super) lines: u64,
    pub(super) errors: Vec<BatchError>,
}

/// The model of the lines.
enum Model {
    Unknown,
    One(String),
    Several,
}

impl<'a> Check<'a> {
    pub(super) fn new(endpoint: &'a str, max_lines: u64, max_line_bytes: usize) -> Self {
        let (ids, errors) = (HashSet::new(), Vec::new());
        Self { endpoint, max_lines, max_line_bytes, ids, model: Model::Unknown, lines: 0, errors }
    }

    /// Looks at a line that is not blank; whether it is worth to look at another.
    pub(super) fn look(&mut self, line: &FileLine) -> bool {
        self.lines += 1;
        if self.lines > self.max_lines {
            let message = format!("A batch must not have more than {} lines.", self.max_lines);
            self.wrong("too_many_lines", message, None, None);
            return false;
        }
        let Some(text) = &line.text else {
            let message = format!("The line is longer than {} bytes.", self.max_line_bytes);
            self.wrong("line_too_long", message, None, Some(line.number));
            return self.errors.len() < MOST_ERRORS;
        };
        match batches::check(text, self.endpoint) {
            Ok(found) => {
                if !self.ids.insert(digest(&found.custom_id)) {
                    let shown: String = found.custom_id.chars().take(80).collect();
                    let message =
                        format!("The custom_id '{shown}' was used by a line before: each must be its own.");
                    self.wrong("duplicate_custom_id", message, Some("custom_id"), Some(line.number));
                }
                self.meet(found.model.as_deref());
            }
            Err(fault) => self.wrong(fault.code, fault.message, fault.param, Some(line.number)),
        }
        self.errors.len() < MOST_ERRORS
    }

    /// The end of the file: what is wrong with it, or the model of its lines, if it is one.
    pub(super) fn end(mut self) -> Result<Option<String>, Vec<BatchError>> {
        if self.lines == 0 {
            let message = "The file has no lines: there is nothing to do.".to_owned();
            self.wrong("empty_file", message, None, None);
        }
        match self.model {
            _ if !self.errors.is_empty() => Err(self.errors),
            Model::One(model) => Ok(Some(model)),
            Model::Unknown | Model::Several => Ok(None),
        }
    }

    fn meet(&mut self, model: Option<&str>) {
        self.model = match (std::mem::replace(&mut self.model, Model::Several), model) {
            (Model::Unknown, Some(model)) => Model::One(model.to_owned()),
            (Model::One(one), Some(model)) if one == model => Model::One(one),
            // A line that names none has a default of its own.
            _ => Model::Several,
        };
    }

    fn wrong(&mut self, code: &str, message: String, param: Option<&str>, line: Option<u64>) {
        let (code, param) = (code.to_owned(), param.map(str::to_owned));
        self.errors.push(BatchError { code, message, param, line });
    }
}

fn digest(custom_id: &str) -> [u8; 16] {
    let digest = Sha256::digest(custom_id);
    std::array::from_fn(|place| digest[place])
}
