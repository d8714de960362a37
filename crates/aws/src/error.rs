//! SDK errors as one line.

use std::error::Error;

/// An error and its causes in one line, by what they display.
///
/// Their `Debug`, which the SDK's own helper adds, holds the raw answer, and with it what must not be logged.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        // Layers that only wrap tend to repeat what they wrap.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_follow_once() {
        let bottom = Layer { text: "refused", source: None };
        let middle = Layer { text: "connect: refused", source: Some(Box::new(bottom)) };
        let top = Layer { text: "dispatch failure", source: Some(Box::new(middle)) };
        assert_eq!(super::explain(&top), "dispatch failure: connect: refused");
    }
}
