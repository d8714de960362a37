//! What becomes of each field of an images request, for the documentation's table and the test that holds it true.

/// Field, fate (`mapped`, `emulated`, `refused` or `dropped`), and what that means.
pub const FIELDS: &[(&str, &str, &str)] = &[
    ("prompt", "mapped", ""),
    ("model", "mapped", "a model that makes pictures"),
    ("n", "mapped", "1 to 10; models that make one at a time are asked several times"),
    ("size", "mapped", "`auto` or WIDTHxHEIGHT; the shape of it where the model chooses the pixels"),
    (
        "quality",
        "mapped",
        "`standard`, `low`, `medium`; `hd`, `high`, `xhigh`, `max` are the dearer one of two; `auto`",
    ),
    ("response_format", "mapped", "`b64_json`; `url` is refused, since nothing is stored"),
    ("user", "mapped", "to Bedrock's request metadata; dropped if it does not fit there"),
    ("safety_identifier", "mapped", "to Bedrock's request metadata; dropped if it does not fit there"),
    ("negative_prompt", "mapped", "extension: what the picture is not to show"),
    ("seed", "mapped", "extension: makes the same picture again"),
    ("cfg_scale", "mapped", "extension: how closely to keep to the prompt; dropped where the model has none"),
    ("style", "dropped", "belongs into the prompt"),
    ("complexity", "dropped", "Bedrock's models do not plan their pictures"),
    ("moderation", "dropped", "the model's own filter always looks on; `auto` is that"),
    ("output_compression", "dropped", "pictures are PNG"),
    ("output_format", "refused", "pictures are PNG; `png` is that"),
    ("background", "refused", "`transparent`; `opaque` and `auto` are what there is"),
    ("stream", "refused", "pictures come whole; `false` is that"),
    ("partial_images", "refused", "beyond 0: pictures come whole"),
    ("frame_count", "refused", "pictures do not move"),
    ("frame_duration_ms", "refused", "pictures do not move"),
    ("svg", "refused", "pictures are PNG"),
];
