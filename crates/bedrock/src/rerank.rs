//! Sorting by relevance, by InvokeModel. Source: Amazon Bedrock user guide, "Supported models for reranking", and Cohere's
//! API reference, "Rerank".

use std::collections::BTreeMap;

use async_trait::async_trait;
use outcrop_ports::{InvokeApi, ModelError, Ranked, RerankCall, Reranker};
use outcrop_types::TokenUsage;
use serde::{Deserialize, Serialize};

use crate::BedrockModel;
use crate::errors::{invalid, malformed};
use crate::parts::{Answered, Part, Parts, body, unreadable};

/// How many documents one query of the price list covers (Amazon Bedrock pricing, "Rerank").
const DOCUMENTS_PER_QUERY: usize = 100;
/// The version of Cohere's API that Bedrock speaks.
const COHERE_API: u32 = 2;

#[derive(Serialize)]
struct Request<'a> {
    query: &'a str,
    documents: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Scored>,
}

#[derive(Deserialize)]
struct Scored {
    index: usize,
    relevance_score: f64,
}

#[async_trait]
impl Reranker for BedrockModel {
    async fn rerank(&self, call: RerankCall) -> Result<Vec<Ranked>, ModelError> {
        let RerankCall { model, query, documents, top_n, deadline, tally } = call;
        let api_version = match model.info.invoke_api {
            Some(InvokeApi::CohereRerank) => Some(COHERE_API),
            Some(InvokeApi::AmazonRerank) => None,
            _ => return Err(invalid(format!("`model`: {} does not rerank", model.info.id))),
        };
        let queries = documents.len().div_ceil(DOCUMENTS_PER_QUERY) as u64;
        let used = TokenUsage { queries, ..TokenUsage::default() };
        let request = Request { query: &query, documents: &documents, top_n, api_version };
        let part = Part { body: body(&request)?, estimate: used };
        let call = Parts::new(self, model, BTreeMap::new(), deadline, tally);
        call.one(part, |answer| {
            let value = read(&answer.body, documents.len())?;
            Ok(Answered { value, usage: Some(used) })
        })
        .await
    }
}

/// The scores, best first whatever the order they came in.
fn read(body: &[u8], documents: usize) -> Result<Vec<Ranked>, ModelError> {
    let answer: Answer = serde_json::from_slice(body).map_err(unreadable)?;
    if answer.results.iter().any(|it| it.index >= documents) {
        return Err(malformed("the model ranked a document that it was not given"));
    }
    let ranked = |it: Scored| Ranked { index: it.index, score: it.relevance_score };
    let mut ranking: Vec<Ranked> = answer.results.into_iter().map(ranked).collect();
    ranking.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(ranking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_strangers_are_refused() {
        let body =
            br#"{"results":[{"index":0,"relevance_score":0.25},{"index":2,"relevance_score":0.75,"document":{}}]}"#;
        let ranking = read(body, 3).unwrap();
        assert_eq!(ranking, [Ranked { index: 2, score: 0.75 }, Ranked { index: 0, score: 0.25 }]);
        assert!(read(body, 2).is_err());
        assert!(read(b"{}", 2).is_err());
    }
}
