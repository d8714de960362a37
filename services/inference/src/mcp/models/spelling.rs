//! Names of arguments: the tools speak to the service in OpenAI's words, and to their callers in their own.

use outcrop_http::ApiError;

/// How a tool spells what it hands over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelling {
    /// A list of messages; whether instructions come before it.
    Turns { system: bool },
    /// One prompt; whether instructions come before it.
    Prompt { system: bool },
}

impl Spelling {
    /// A refusal in the caller's words.
    pub(super) fn refusal(self, mut error: ApiError) -> ApiError {
        if let Some(param) = error.param.take() {
            let own = self.own(&param);
            error.message = error.message.replace(&format!("`{param}`"), &format!("`{own}`"));
            error.param = Some(own);
        } else if matches!(self, Self::Prompt { .. }) {
            error.message = error.message.replace("`messages`", "`prompt`");
        }
        error
    }

    /// What the caller calls a field.
    pub(super) fn own(self, param: &str) -> String {
        if param.starts_with("response_format") {
            return "json_schema".to_owned();
        }
        let (system, is_prompt) = match self {
            Self::Turns { system } => (system, false),
            Self::Prompt { system } => (system, true),
        };
        let Some((at, rest)) = place(param) else {
            return if is_prompt && param.starts_with("messages") {
                "prompt".into()
            } else {
                param.to_owned()
            };
        };
        match (at, is_prompt) {
            (0, _) if system => "system".to_owned(),
            (_, true) => "prompt".to_owned(),
            (at, false) => {
                let rest = rest.replace(".image_url.url", ".data").replace(".image_url", ".data");
                format!("messages[{}]{rest}", at - usize::from(system))
            }
        }
    }
}

/// `messages[3].content`: the number, and what is behind it.
fn place(param: &str) -> Option<(usize, &str)> {
    let (at, rest) = param.strip_prefix("messages[")?.split_once(']')?;
    Some((at.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use outcrop_types::ErrorCode;

    use super::*;

    #[test]
    fn fields_have_the_names_that_the_caller_gave_them() {
        let turns = |system| Spelling::Turns { system };
        let prompt = |system| Spelling::Prompt { system };
        for (spelling, param, own) in [
            (turns(false), "messages[0].content[1].image_url.url", "messages[0].content[1].data"),
            (turns(true), "messages[1].content", "messages[0].content"),
            (turns(true), "messages[0].content", "system"),
            (turns(true), "messages", "messages"),
            (turns(false), "response_format.json_schema.schema", "json_schema"),
            (turns(false), "temperature", "temperature"),
            (prompt(false), "messages[0].content", "prompt"),
            (prompt(true), "messages[0].content", "system"),
            (prompt(true), "messages[1].content", "prompt"),
            (prompt(true), "messages", "prompt"),
        ] {
            assert_eq!(spelling.own(param), own, "{spelling:?} {param}");
        }
    }

    #[test]
    fn a_refusal_speaks_of_the_callers_field() {
        let error = ApiError::new(ErrorCode::InvalidRequest, "`messages[1].content` must not be blank.");
        let error = Spelling::Prompt { system: true }.refusal(error.with_param("messages[1].content"));
        assert_eq!(error.param.as_deref(), Some("prompt"));
        assert_eq!(error.message, "`prompt` must not be blank.");
    }
}
