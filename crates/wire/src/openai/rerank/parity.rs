//! What becomes of each field of a rerank request, for the documentation's table and the test that holds it true.

/// Field, fate (`mapped`, `emulated`, `refused` or `dropped`), and what that means.
pub const FIELDS: &[(&str, &str, &str)] = &[
    ("model", "mapped", "a model that reranks"),
    ("query", "mapped", ""),
    ("documents", "mapped", "up to 1000 texts, as strings or as objects with `text`"),
    ("top_n", "mapped", "more than there are documents means all; Voyage's `top_k` is the same"),
    (
        "return_documents",
        "emulated",
        "the texts are put into the answer here; Bedrock does not send them back",
    ),
    ("max_tokens_per_doc", "dropped", "the model cuts long documents at its own length"),
    ("max_chunks_per_doc", "dropped", "Cohere v1's name for something alike"),
    ("priority", "dropped", "Bedrock has no order of requests"),
    ("rank_fields", "refused", "documents are texts, not fields"),
];
