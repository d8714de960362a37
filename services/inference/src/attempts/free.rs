//! Attempts of what costs nothing and is recorded nowhere: counting tokens.

use std::sync::Arc;

use outcrop_ports::{ModelError, Tally};

use super::attempt_span::Whole;
use super::failed::{back_in, no_target, telling};
use super::{Call, Method, Next, Shot, is_same, rules};
use crate::InferenceService;
use crate::chat::{AskedModel, Caller};

impl InferenceService {
    /// Asks the targets of a plan in turn, as far as they are of the model that the question was made ready for.
    pub(crate) async fn ask<T: Send, F>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        ask: impl Fn(Shot) -> F + Send + Sync,
    ) -> Result<T, ModelError>
    where
        F: Future<Output = Result<T, ModelError>> + Send,
    {
        let plan = Arc::clone(&model.plan);
        let (mut course, call, tally) = (self.course(&plan, false), Question(ask), Tally::default());
        let mut step = course.first().ok_or_else(no_target)?;
        let mut worst = None;
        loop {
            // Targets of another model cannot be asked this.
            while !is_same(&model.model, &step.target.model) {
                course.unfit(&step, true);
                step = course.first().ok_or_else(no_target)?;
            }
            let whole = Whole { trace: caller.context.trace.clone(), operation: None };
            let error = match self.shoot((caller, whole), &course, &mut step, &tally, &call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let (at, kind) = (step.at(), rules::kind(error.failure));
            let error = telling(worst.take(), error);
            drop(step);
            step = loop {
                let next = course.after(at, kind, caller.context.remaining(), &*self.inner().ids);
                let next = match next {
                    None => None,
                    Some(Next::Elsewhere(step)) => Some(step),
                    Some(Next::Here(pause, at)) => {
                        tokio::time::sleep(pause).await;
                        course.again(at)
                    }
                };
                match next {
                    None => return Err(back_in(error, course.comes_back())),
                    Some(step) if is_same(&model.model, &step.target.model) => break step,
                    Some(step) => course.unfit(&step, true),
                }
            };
            worst = Some(error);
        }
    }
}

struct Question<F>(F);

impl<T: Send, F, A> Call for Question<A>
where
    A: Fn(Shot) -> F + Send + Sync,
    F: Future<Output = Result<T, ModelError>> + Send,
{
    type Answer = T;
    const STREAMED: bool = false;
    const METHOD: Method = Method::COUNT_TOKENS;

    async fn make(&self, shot: Shot) -> Result<T, ModelError> {
        (self.0)(shot).await
    }
}
