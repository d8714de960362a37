//! What a certain model cannot honour and does well without.

use outcrop_chat::{InvalidRequest, Request};
use outcrop_ports::ModelInfo;

/// The maker of Claude.
const ANTHROPIC: &str = "anthropic";

/// How a dialect spells the fields that may be taken or refused here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) max_tokens: &'static str,
    pub(crate) temperature: &'static str,
    pub(crate) top_p: &'static str,
    pub(crate) stop: &'static str,
}

impl Fields {
    /// OpenAI's, which are ours too; there are two fields for the tokens.
    pub(crate) const fn openai(max_tokens: &'static str) -> Self {
        Self { max_tokens, temperature: "temperature", top_p: "top_p", stop: "stop" }
    }

    /// Converse's.
    pub(crate) const CONVERSE: Self = Self {
        max_tokens: "inferenceConfig.maxTokens",
        temperature: "inferenceConfig.temperature",
        top_p: "inferenceConfig.topP",
        stop: "inferenceConfig.stopSequences",
    };
}

/// Takes from a request what its model would refuse and the answer is right without; names it.
///
/// Models without sampling parameters choose their own, and some take temperature or top_p but not both, where
/// many clients always send both; Claude refuses stop strings of white space alone, which clients send by habit.
/// Some models refuse a `maxTokens` below a minimum: it is raised to that, and named, since a longer answer can
/// be cut by the client and none cannot be used. Nothing else is taken: what changes the meaning is refused by the adapter, with the field's name.
///
/// # Errors
/// [`InvalidRequest`] when more tokens are asked for than the model writes.
pub(crate) fn fit(
    request: &mut Request,
    model: &ModelInfo,
    fields: Fields,
    dropped: &mut Vec<&'static str>,
) -> Result<(), InvalidRequest> {
    let inference = &mut request.inference;
    if !model.sampling && inference.temperature.take().is_some() {
        dropped.push(fields.temperature);
    }
    let beside = model.exclusive_sampling && inference.temperature.is_some();
    if (!model.sampling || beside) && inference.top_p.take().is_some() {
        dropped.push(fields.top_p);
    }
    if model.owned_by == ANTHROPIC {
        let before = inference.stop.len();
        inference.stop.retain(|stop| !stop.trim().is_empty());
        if inference.stop.len() < before {
            dropped.push(fields.stop);
        }
    }
    if inference.max_tokens.is_some_and(|asked| asked < model.min_max_tokens) {
        inference.max_tokens = Some(model.min_max_tokens);
        dropped.push(fields.max_tokens);
    }
    match (inference.max_tokens, model.max_output_tokens) {
        (Some(asked), Some(most)) if asked > most => {
            let (field, model) = (fields.max_tokens, &model.id);
            let message = format!("`{field}` may be at most {most} for model {model}, not {asked}.");
            Err(InvalidRequest::new(field, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use outcrop_chat::Inference;

    use super::*;
    use crate::fixtures;

    /// What is left of temperature and top_p, and what was named, for a model of this kind.
    fn fitted(sampling: bool, exclusive_sampling: bool) -> (Option<f32>, Option<f32>, Vec<&'static str>) {
        let model = ModelInfo { sampling, exclusive_sampling, ..fixtures::model_info() };
        let inference = Inference { temperature: Some(0.5), top_p: Some(0.9), ..Inference::default() };
        let (mut request, mut dropped) = (Request { inference, ..Request::default() }, Vec::new());
        fit(&mut request, &model, Fields::openai("max_tokens"), &mut dropped).unwrap();
        (request.inference.temperature, request.inference.top_p, dropped)
    }

    #[test]
    fn only_what_the_model_refuses_is_taken_and_it_is_named() {
        assert_eq!(fitted(true, false), (Some(0.5), Some(0.9), vec![]));
        assert_eq!(fitted(true, true), (Some(0.5), None, vec!["top_p"]));
        assert_eq!(fitted(false, false), (None, None, vec!["temperature", "top_p"]));
    }

    #[test]
    fn claude_gets_no_stop_strings_of_white_space() {
        for (maker, left, named) in
            [("anthropic", vec!["END"], vec!["stop"]), ("meta", vec!["\n", "END"], vec![])]
        {
            let model = ModelInfo { owned_by: maker.into(), ..fixtures::model_info() };
            let stop = vec!["\n".to_owned(), "END".to_owned()];
            let inference = Inference { stop, ..Inference::default() };
            let (mut request, mut dropped) = (Request { inference, ..Request::default() }, Vec::new());
            fit(&mut request, &model, Fields::openai("max_tokens"), &mut dropped).unwrap();
            assert_eq!(
                (request.inference.stop, dropped),
                (left.into_iter().map(str::to_owned).collect(), named)
            );
        }
    }

    #[test]
    fn fewer_tokens_than_the_model_takes_are_raised_and_named() {
        let model = ModelInfo { min_max_tokens: 16, ..fixtures::model_info() };
        for (asked, sent, named) in [(5, 16, vec!["max_tokens"]), (16, 16, vec![])] {
            let inference = Inference { max_tokens: Some(asked), ..Inference::default() };
            let (mut request, mut dropped) = (Request { inference, ..Request::default() }, Vec::new());
            fit(&mut request, &model, Fields::openai("max_tokens"), &mut dropped).unwrap();
            assert_eq!((request.inference.max_tokens, dropped), (Some(sent), named));
        }
    }

    #[test]
    fn more_tokens_than_the_model_writes_are_refused() {
        let model = ModelInfo { max_output_tokens: Some(10), ..fixtures::model_info() };
        for (asked, fits) in [(10, true), (11, false)] {
            let inference = Inference { max_tokens: Some(asked), ..Inference::default() };
            let mut request = Request { inference, ..Request::default() };
            let answer = fit(&mut request, &model, Fields::openai("max_completion_tokens"), &mut Vec::new());
            assert_eq!(answer.is_ok(), fits, "{asked}");
            if let Err(error) = answer {
                assert_eq!(error.param.as_deref(), Some("max_completion_tokens"));
                assert!(error.message.contains("at most 10"), "{error}");
            }
        }
    }
}
