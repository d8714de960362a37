//! What becomes of each field of an embeddings request, for the documentation's table and the test that holds it true.

/// Field, fate (`mapped`, `emulated`, `refused` or `dropped`), and what that means.
pub const FIELDS: &[(&str, &str, &str)] = &[
    (
        "input",
        "mapped",
        "up to 2048 texts, batched or in bounded parallel as the model needs; none may be blank",
    ),
    ("input (tokens)", "emulated", "numbers of cl100k_base are turned back into text; at most 300000 in all"),
    ("model", "mapped", "a model that makes embeddings"),
    ("dimensions", "mapped", "one of the lengths that the model makes; any other is refused"),
    ("encoding_format", "mapped", "`float` or `base64`"),
    ("user", "mapped", "to Bedrock's request metadata; dropped if it does not fit there"),
    (
        "input_type",
        "mapped",
        "extension: `search_document` (default), `search_query`, `classification`, `clustering`; dropped for Titan",
    ),
];
