//! What a certain model cannot honour and does well without.

use outcrop_chat::Request;
use outcrop_ports::ModelInfo;

/// Takes from a request what its model would refuse and the answer is right without; names it.
///
/// Models without sampling parameters choose their own, and some take temperature or top_p but not both, where
/// many clients always send both; nothing else is taken: what changes the meaning is refused by the adapter,
/// with the field's name.
pub(crate) fn fit(request: &mut Request, model: &ModelInfo, dropped: &mut Vec<&'static str>) {
    let inference = &mut request.inference;
    if !model.sampling && inference.temperature.take().is_some() {
        dropped.push("temperature");
    }
    let beside = model.exclusive_sampling && inference.temperature.is_some();
    if (!model.sampling || beside) && inference.top_p.take().is_some() {
        dropped.push("top_p");
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
        fit(&mut request, &model, &mut dropped);
        (request.inference.temperature, request.inference.top_p, dropped)
    }

    #[test]
    fn only_what_the_model_refuses_is_taken_and_it_is_named() {
        assert_eq!(fitted(true, false), (Some(0.5), Some(0.9), vec![]));
        assert_eq!(fitted(true, true), (Some(0.5), None, vec!["top_p"]));
        assert_eq!(fitted(false, false), (None, None, vec!["temperature", "top_p"]));
    }
}
