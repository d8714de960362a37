//! Models that are sold by the piece: no header says what they used.

use outcrop_ports::{InvokeAnswer, InvokeApi, ModelError, TalliedPart, Tally};
use outcrop_types::TokenUsage;
use outcrop_wire::bedrock::invoke::{self, Queries};

use crate::chat::AskedModel;

/// What a model is paid for, where that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sold {
    /// As many as it was asked for; one that fails is none.
    Pictures { asked: u64 },
    /// What is charged for is what was given.
    Queries(Queries),
}

impl Sold {
    /// What a call with this body is paid for.
    pub(super) fn of(model: &AskedModel, body: &[u8]) -> Option<Self> {
        match model.model.info.invoke_api? {
            InvokeApi::AmazonImage => Some(Self::Pictures { asked: invoke::count_asked_pictures(body) }),
            InvokeApi::StabilityImage => Some(Self::Pictures { asked: 1 }),
            InvokeApi::CohereRerank | InvokeApi::AmazonRerank => Some(Self::Queries(invoke::queries(body))),
            InvokeApi::TitanEmbed
            | InvokeApi::TitanEmbedV2
            | InvokeApi::TitanMultimodal
            | InvokeApi::CohereEmbed
            | InvokeApi::CohereEmbedV4
            | InvokeApi::NovaEmbed => None,
        }
    }

    /// Has a tally count the call, which is about to be made; dropped on the way, it counts as it was asked for.
    pub(crate) fn begin(self, tally: &Tally) -> SoldCall {
        let estimate = match self {
            Self::Pictures { asked } => pictures(asked),
            Self::Queries(queries) => self::queries(queries.usual),
        };
        SoldCall { sold: self, part: tally.part(estimate) }
    }
}

/// A call that is under way.
pub(crate) struct SoldCall {
    sold: Sold,
    part: TalliedPart,
}

impl SoldCall {
    /// It came to an end.
    pub(crate) fn ended(self, answer: &Result<InvokeAnswer, ModelError>) {
        match (answer, self.sold) {
            (Ok(answer), Sold::Pictures { .. }) => {
                self.part.answered(Some(pictures(invoke::count_pictures(&answer.body))));
            }
            (Ok(_), Sold::Queries(count)) => self.part.answered(Some(queries(count.usual))),
            (Err(error), _) => self.part.failed(error.failure),
        }
    }
}

fn pictures(images: u64) -> TokenUsage {
    TokenUsage { images, ..TokenUsage::default() }
}

fn queries(queries: u64) -> TokenUsage {
    TokenUsage { queries, ..TokenUsage::default() }
}
