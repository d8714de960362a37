//! Rerankers by InvokeModel: Cohere Rerank and Amazon Rerank. The score is the share of the question's words that a
//! document has.

use super::{Extra, Invoked, malformed, no_extra, parse};
use crate::errors::Refusal;
use crate::models::Model;
use crate::tokens;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

const MAX_DOCUMENTS: usize = 1_000;
/// Documents that one query of the price list has.
const PER_QUERY: usize = 100;

#[derive(Deserialize)]
struct Request {
    query: String,
    documents: Vec<String>,
    top_n: Option<usize>,
    api_version: Option<u32>,
    #[serde(flatten)]
    extra: Extra,
}

/// Answers the documents' scores, best first.
pub(crate) fn invoke(model: &Model, body: &[u8]) -> Result<Invoked, Refusal> {
    let request: Request = parse(body)?;
    no_extra(&request.extra)?;
    match (model.family.as_str(), request.api_version) {
        ("cohere", None) => return Err(malformed("#: required key [api_version] not found")),
        ("cohere", Some(version)) if version < 2 => {
            return Err(malformed(format_args!("#/api_version: {version} is not greater or equal to 2")));
        }
        ("cohere", Some(_)) | (_, None) => {}
        (_, Some(_)) => return Err(malformed("#: extraneous key [api_version] is not permitted")),
    }
    let count = request.documents.len();
    if request.query.trim().is_empty() {
        return Err(malformed("#/query: expected minLength: 1, actual: 0"));
    }
    if count == 0 || count > MAX_DOCUMENTS {
        return Err(malformed(format_args!(
            "#/documents: expected 1 to {MAX_DOCUMENTS} items, found: {count}"
        )));
    }
    if let Some(at) = request.documents.iter().position(String::is_empty) {
        return Err(malformed(format_args!("#/documents/{at}: expected minLength: 1, actual: 0")));
    }
    if request.top_n.is_some_and(|it| it == 0 || it > count) {
        return Err(malformed(format_args!("#/top_n: expected 1 to {count}")));
    }
    let asked = words(&request.query);
    let mut scored: Vec<(usize, f64)> =
        request.documents.iter().enumerate().map(|(at, it)| (at, score(&asked, it))).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(request.top_n.unwrap_or(count));
    let results: Vec<_> =
        scored.iter().map(|(index, score)| json!({"index": index, "relevance_score": score})).collect();
    let queries = count.div_ceil(PER_QUERY) as u64;
    let texts = request.documents.iter().chain([&request.query]);
    let input_tokens = texts.map(|it| tokens::count(it)).sum();
    Ok(Invoked {
        body: json!({"results": results}).to_string().into_bytes(),
        input_tokens,
        queries,
        images: 0,
    })
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    words.map(str::to_lowercase).collect()
}

fn score(asked: &BTreeSet<String>, document: &str) -> f64 {
    let shared = words(document).intersection(asked).count() as f64;
    // Never quite certain, and never quite hopeless, as with the real ones.
    (shared / asked.len().max(1) as f64).mul_add(0.98, 0.01)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]
    use super::*;
    use crate::models::Catalog;
    use serde_json::Value;

    fn run(model: &str, body: Value) -> Result<Value, String> {
        let catalog = Catalog::load().unwrap();
        let model = catalog.invoked(model).unwrap();
        let invoked = invoke(model, body.to_string().as_bytes()).map_err(|it| it.message.into_owned())?;
        Ok(serde_json::from_slice(&invoked.body).unwrap())
    }

    #[test]
    fn shared_words_decide() {
        let documents = json!(["stock prices fell", "the cat sat", "a cat and a dog"]);
        let body = json!({"query": "where is the cat?", "documents": documents, "top_n": 2});
        let answer = run("amazon.rerank-v1:0", body).unwrap();
        let order: Vec<_> =
            answer["results"].as_array().unwrap().iter().map(|it| it["index"].clone()).collect();
        assert_eq!(order, [1, 2]);
    }

    #[test]
    fn refusals_name_the_key() {
        const COHERE: &str = "cohere.rerank-v3-5:0";
        for (model, body, part) in [
            (COHERE, json!({"query":"x","documents":["y"]}), "[api_version]"),
            (COHERE, json!({"query":"x","documents":["y"],"api_version":1}), "api_version"),
            ("amazon.rerank-v1:0", json!({"query":"x","documents":["y"],"api_version":2}), "[api_version]"),
            (COHERE, json!({"query":"x","documents":[],"api_version":2}), "#/documents"),
            (COHERE, json!({"query":"x","documents":vec!["y"; 1001],"api_version":2}), "found: 1001"),
            (COHERE, json!({"query":"x","documents":["y"],"api_version":2,"top_n":2}), "#/top_n"),
            (COHERE, json!({"query":" ","documents":["y"],"api_version":2}), "#/query"),
            (COHERE, json!({"query":"x","documents":["y"],"api_version":2,"model":"m"}), "[model]"),
        ] {
            let message = run(model, body.clone()).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
