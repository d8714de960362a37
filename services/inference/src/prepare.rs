//! From what a dialect understood to what a certain model can be asked, the same for every dialect.
//!
//! Media behind links are fetched, what the model cannot honour is taken and named or refused, and what it can only
//! give in another shape is asked for in that shape: [`Reshape`] turns the answer back.

use outcrop_chat::{Request, Response};
use outcrop_http::ApiError;
use outcrop_ports::EventStream;

use crate::InferenceService;
use crate::chat::AskedModel;
use crate::fit::{Fields, fit};

/// A request that its model can be asked.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) request: Request,
    /// Headers that tell how the answer came about.
    pub(crate) told: Vec<(&'static str, String)>,
    /// What has to be done to the answer.
    pub(crate) reshape: Reshape,
}

/// What has to be done to an answer before its dialect sees it.
#[derive(Debug, Clone, Default)]
pub(crate) enum Reshape {
    #[default]
    Nothing,
}

impl Reshape {
    /// A whole answer.
    pub(crate) fn response(&self, response: Response) -> Response {
        match self {
            Self::Nothing => response,
        }
    }

    /// An answer in pieces.
    pub(crate) fn events(&self, events: EventStream) -> EventStream {
        match self {
            Self::Nothing => events,
        }
    }
}

impl InferenceService {
    /// Prepares a request for its model; names in `dropped` what is taken from it.
    ///
    /// # Errors
    /// What the model cannot do and the answer would be wrong without, with the field's name; a link that leads nowhere.
    #[expect(clippy::unused_async, reason = "links are fetched here")]
    pub(crate) async fn prepare(
        &self,
        model: &AskedModel,
        mut request: Request,
        fields: Fields,
        dropped: &mut Vec<&'static str>,
    ) -> Result<Prepared, ApiError> {
        fit(&mut request, &model.model.info, fields, dropped)?;
        let mut request = request;
        if !model.model.info.system_turns {
            request = outcrop_chat::system_turns_as_text(request);
        }
        Ok(Prepared { request, told: Vec::new(), reshape: Reshape::Nothing })
    }
}
