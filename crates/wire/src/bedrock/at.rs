//! Where in a request something stands, spelled only when it is told.

use std::fmt;

use outcrop_chat::InvalidRequest;

/// A place: a member or an element of the place above it.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    above: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

impl<'a> At<'a> {
    /// A member of the body.
    pub(super) const fn top(member: &'a str) -> Self {
        Self { above: None, step: Step::Member(member) }
    }

    pub(super) const fn member<'b>(&'b self, member: &'b str) -> At<'b> {
        At { above: Some(self), step: Step::Member(member) }
    }

    pub(super) const fn element(&self, index: usize) -> At<'_> {
        At { above: Some(self), step: Step::Element(index) }
    }

    /// What is wrong there: the end of a sentence that begins with the place.
    pub(super) fn refuse(&self, why: impl fmt::Display) -> InvalidRequest {
        InvalidRequest::new(self.to_string(), format!("`{self}` {why}."))
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.step {
            Step::Member(member) if self.above.is_none() => f.write_str(member),
            Step::Member(member) => write!(f, ".{member}"),
            Step::Element(index) => write!(f, "[{index}]"),
        }
    }
}
