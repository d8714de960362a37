//! Pictures by InvokeModel: Nova Canvas and Titan Image Generator, and Stability's models.
//!
//! A picture is a few coloured pixels that follow from the request; `[[stop: content_filtered]]` in the prompt has it held
//! back, as the model's own filter would.

use super::{Extra, Invoked, malformed, no_extra, parse};
use crate::answer::Stop;
use crate::errors::Refusal;
use crate::hash::{self, Hash};
use crate::models::Model;
use crate::png;
use crate::script::Script;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

/// Longest prompt of Stability's models, characters.
const STABILITY_PROMPT: usize = 10_000;
const ASPECT_RATIOS: [&str; 9] = ["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"];
/// Width and height that Titan makes.
const TITAN_SIZES: [(u64, u64); 25] = [
    (1024, 1024),
    (768, 768),
    (512, 512),
    (768, 1152),
    (384, 576),
    (1152, 768),
    (576, 384),
    (768, 1280),
    (384, 640),
    (1280, 768),
    (640, 384),
    (896, 1152),
    (448, 576),
    (1152, 896),
    (576, 448),
    (768, 1408),
    (384, 704),
    (1408, 768),
    (704, 384),
    (640, 1408),
    (320, 704),
    (1408, 640),
    (704, 320),
    (1152, 640),
    (1173, 640),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AmazonRequest {
    task_type: String,
    text_to_image_params: Option<Prompt>,
    #[serde(default)]
    image_generation_config: Generation,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prompt {
    text: String,
    negative_text: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generation {
    number_of_images: Option<u64>,
    width: Option<u64>,
    height: Option<u64>,
    quality: Option<String>,
    cfg_scale: Option<f64>,
    seed: Option<u64>,
    #[serde(flatten)]
    extra: Extra,
}

/// Answers the pictures of Nova Canvas and Titan.
pub(crate) fn amazon(model: &Model, body: &[u8]) -> Result<Invoked, Refusal> {
    let AmazonRequest { task_type, text_to_image_params, image_generation_config: wanted, extra } =
        parse(body)?;
    no_extra(&extra)?;
    if task_type != "TEXT_IMAGE" {
        return Err(malformed(format_args!("#/taskType: {task_type} is not emulated")));
    }
    let Some(prompt) = text_to_image_params else {
        return Err(malformed("#: required key [textToImageParams] not found"));
    };
    no_extra(&prompt.extra)?;
    let (most, seeds) = if model.family == "nova" { (1024, 858_993_459) } else { (512, 2_147_483_646) };
    for (key, text) in [("text", Some(&prompt.text)), ("negativeText", prompt.negative_text.as_ref())] {
        let length = text.map_or(1, |it| it.chars().count());
        if !(1..=most).contains(&length) {
            return Err(malformed(format_args!(
                "#/textToImageParams/{key}: expected 1 to {most} characters, actual: {length}"
            )));
        }
    }
    check(model, &wanted, seeds)?;
    if is_filtered(&prompt.text)? {
        return Err(Refusal::validation(
            "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it \
             may conflict our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request.",
        ));
    }
    // Without a seed, the same picture each time.
    let seed = wanted.seed.unwrap_or(12);
    let images: Vec<String> = (0..wanted.number_of_images.unwrap_or(1))
        .map(|at| picture(&[&prompt.text, &format!("{seed} {at} {:?}", (wanted.width, wanted.height))]))
        .collect();
    let count = images.len() as u64;
    let body = json!({"images": images, "error": null}).to_string().into_bytes();
    Ok(Invoked { body, images: count, ..Invoked::default() })
}

fn check(model: &Model, wanted: &Generation, seeds: u64) -> Result<(), Refusal> {
    no_extra(&wanted.extra)?;
    let at = |key: &str, what: &str| Err(malformed(format_args!("#/imageGenerationConfig/{key}: {what}")));
    if wanted.number_of_images.is_some_and(|it| !(1..=5).contains(&it)) {
        return at("numberOfImages", "expected 1 to 5");
    }
    if wanted.quality.as_deref().is_some_and(|it| it != "standard" && it != "premium") {
        return at("quality", "not a valid enum value");
    }
    if wanted.cfg_scale.is_some_and(|it| !(1.1..=10.0).contains(&it)) {
        return at("cfgScale", "expected 1.1 to 10.0");
    }
    if wanted.seed.is_some_and(|it| it > seeds) {
        return at("seed", &format!("expected at most {seeds}"));
    }
    let (width, height) = (wanted.width.unwrap_or(1024), wanted.height.unwrap_or(1024));
    let fits = if model.family == "nova" {
        [width, height].iter().all(|it| (320..=4096).contains(it) && it.is_multiple_of(16))
            && width <= height * 4
            && height <= width * 4
            && width * height <= 4_194_304
    } else {
        TITAN_SIZES.contains(&(width, height))
    };
    if fits { Ok(()) } else { at("width", &format!("{width} x {height} is not supported")) }
}

#[derive(Deserialize)]
struct StabilityRequest {
    prompt: String,
    negative_prompt: Option<String>,
    aspect_ratio: Option<String>,
    mode: Option<String>,
    output_format: Option<String>,
    seed: Option<u64>,
    #[serde(flatten)]
    extra: Extra,
}

/// Answers one picture of Stability's.
pub(crate) fn stability(body: &[u8]) -> Result<Invoked, Refusal> {
    let request: StabilityRequest = parse(body)?;
    no_extra(&request.extra)?;
    let texts = [("prompt", Some(&request.prompt)), ("negative_prompt", request.negative_prompt.as_ref())];
    if let Some((key, _)) =
        texts.into_iter().find(|(_, it)| it.is_some_and(|it| it.chars().count() > STABILITY_PROMPT))
    {
        return Err(malformed(format_args!("#/{key}: expected maxLength: {STABILITY_PROMPT}")));
    }
    let words: [(&str, Option<&String>, &[&str]); 3] = [
        ("aspect_ratio", request.aspect_ratio.as_ref(), &ASPECT_RATIOS),
        ("mode", request.mode.as_ref(), &["text-to-image"]),
        ("output_format", request.output_format.as_ref(), &["png", "jpeg"]),
    ];
    if let Some((key, ..)) =
        words.into_iter().find(|(_, it, known)| it.is_some_and(|it| !known.contains(&&**it)))
    {
        return Err(malformed(format_args!("#/{key}: not a valid enum value")));
    }
    if request.seed.is_some_and(|it| it > u64::from(u32::MAX)) {
        return Err(malformed(format_args!("#/seed: expected at most {}", u32::MAX)));
    }
    if is_filtered(&request.prompt)? {
        let body = json!({"finish_reasons": ["Filter reason: prompt"]}).to_string().into_bytes();
        return Ok(Invoked { body, ..Invoked::default() });
    }
    let seed = request.seed.filter(|it| *it > 0).unwrap_or_else(|| hash::of(body) >> 32);
    let shape = request.aspect_ratio.as_deref().unwrap_or("1:1");
    let image = picture(&[&request.prompt, shape, &seed.to_string()]);
    let body = json!({"seeds": [seed], "finish_reasons": [null], "images": [image]}).to_string().into_bytes();
    Ok(Invoked { body, images: 1, ..Invoked::default() })
}

fn is_filtered(prompt: &str) -> Result<bool, Refusal> {
    Ok(Script::parse(prompt)?.stop == Some(Stop::ContentFiltered))
}

/// The picture that follows from these words, in base64.
fn picture(words: &[&str]) -> String {
    let mut hash = Hash::new();
    for word in words {
        hash.write(word.as_bytes());
    }
    STANDARD.encode(png::of(hash.finish()))
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
        let body = body.to_string().into_bytes();
        let invoked = if model.family == "stability" { stability(&body) } else { amazon(model, &body) };
        Ok(serde_json::from_slice(&invoked.map_err(|it| it.message.into_owned())?.body).unwrap())
    }

    fn canvas(config: Value) -> Value {
        json!({"taskType":"TEXT_IMAGE","textToImageParams":{"text":"a cat"},"imageGenerationConfig":config})
    }

    #[test]
    fn pictures_follow_from_the_request() {
        let many = run("amazon.nova-canvas-v1:0", canvas(json!({"numberOfImages":3}))).unwrap();
        let images = many["images"].as_array().unwrap();
        assert_eq!((images.len(), images[0] == images[1]), (3, false));
        assert_eq!(
            run("amazon.nova-canvas-v1:0", canvas(json!({"seed":12}))).unwrap()["images"][0],
            images[0]
        );
        let one = run("stability.sd3-5-large-v1:0", json!({"prompt":"a cat","aspect_ratio":"16:9"})).unwrap();
        let bytes = STANDARD.decode(one["images"][0].as_str().unwrap()).unwrap();
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(one["finish_reasons"], json!([null]));
    }

    #[test]
    fn refusals_name_the_key() {
        const CANVAS: &str = "amazon.nova-canvas-v1:0";
        const CORE: &str = "stability.stable-image-core-v1:1";
        for (model, body, part) in [
            (CANVAS, canvas(json!({"numberOfImages":6})), "numberOfImages"),
            (CANVAS, canvas(json!({"width":1000,"height":1000})), "1000 x 1000"),
            (CANVAS, canvas(json!({"width":4096,"height":320})), "4096 x 320"),
            (CANVAS, canvas(json!({"quality":"hd"})), "quality"),
            (CANVAS, canvas(json!({"seed":858_993_460})), "seed"),
            (CANVAS, canvas(json!({"cfgScale":11})), "cfgScale"),
            (CANVAS, canvas(json!({"style":"vivid"})), "[style]"),
            ("amazon.titan-image-generator-v2:0", canvas(json!({"width":1024,"height":768})), "1024 x 768"),
            (
                CANVAS,
                json!({"taskType":"TEXT_IMAGE","textToImageParams":{"text":"x".repeat(1025)}}),
                "textToImageParams/text",
            ),
            (
                CANVAS,
                json!({"taskType":"TEXT_IMAGE","textToImageParams":{"text":"[[stop: content_filtered]]"}}),
                "content filters",
            ),
            (CORE, json!({"prompt":"x","aspect_ratio":"4:3"}), "aspect_ratio"),
            (CORE, json!({"prompt":"x","cfg_scale":5}), "[cfg_scale]"),
            (CORE, json!({"prompt":"x","output_format":"gif"}), "output_format"),
        ] {
            let message = run(model, body.clone()).unwrap_err();
            assert!(message.contains(part), "{body}: {message}");
        }
        let held = run(CORE, json!({"prompt":"[[stop: content_filtered]]"})).unwrap();
        assert_eq!(held, json!({"finish_reasons":["Filter reason: prompt"]}));
    }
}
