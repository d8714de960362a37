//! What was taken from a request, by name.

use outcrop_chat::InvalidRequest;
use outcrop_ports::ModelInfo;

use super::Fields;

/// The model a request is fitted to, the dialect's words, and what was taken so far.
pub(super) struct Taken<'a> {
    pub(super) model: &'a ModelInfo,
    pub(super) fields: Fields,
    dropped: &'a mut Vec<&'static str>,
}

impl<'a> Taken<'a> {
    pub(super) const fn new(
        model: &'a ModelInfo,
        fields: Fields,
        dropped: &'a mut Vec<&'static str>,
    ) -> Self {
        Self { model, fields, dropped }
    }

    /// Names a field, once.
    pub(super) fn name(&mut self, field: &'static str) {
        if !self.dropped.contains(&field) {
            self.dropped.push(field);
        }
    }

    /// Takes what is there, and names it.
    pub(super) fn take<T>(&mut self, value: &mut Option<T>, field: &'static str) {
        if value.take().is_some() {
            self.name(field);
        }
    }

    /// The refusal of a field that this model cannot honour.
    pub(super) fn unsupported(&self, field: &'static str) -> InvalidRequest {
        let message = format!("`{field}` is not supported by model {}.", self.model.id);
        InvalidRequest::new(field, message)
    }
}
