//! Pictures: what each family is asked, and the emulator as the far end.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use outcrop_emulator::{FaultKind, FaultRule};
use outcrop_ports::{ImageCall, ImageModel, MadeImages, ModelCatalog, ModelFailure, Tally};
use outcrop_types::TokenUsage;
use serde_json::{Value, json};

use crate::emulator::start;
use crate::fake::{catalog, model, ok};

fn image(name: &str, prompt: &str) -> ImageCall {
    ImageCall {
        model: catalog().resolve(Some(name)).unwrap(),
        prompt: prompt.to_owned(),
        negative_prompt: None,
        count: 1,
        size: None,
        premium: None,
        seed: 7,
        cfg_scale: None,
        metadata: Default::default(),
        deadline: Duration::from_secs(10),
        tally: Tally::default(),
    }
}

fn used(images: u64) -> TokenUsage {
    TokenUsage { images, ..TokenUsage::default() }
}

#[tokio::test]
async fn each_family_is_asked_in_its_own_words() {
    let answer = r#"{"images":["iVBO"]}"#;
    let canvas = |config: Value| {
        json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat", "negativeText": "dogs"},
            "imageGenerationConfig": config})
    };
    let whole = canvas(json!({"numberOfImages": 1, "width": 1280, "height": 720, "quality": "premium",
        "cfgScale": 6.5, "seed": 7}));
    let cases = [
        ("nova-canvas", whole.clone()),
        ("titan-image-generator-v2", whole),
        (
            "sd3-5-large",
            json!({"prompt": "a cat", "negative_prompt": "dogs", "aspect_ratio": "16:9", "output_format": "png", "seed": 7}),
        ),
    ];
    for (name, expected) in cases {
        let (model, sent) = model(ok(answer));
        let call = ImageCall {
            negative_prompt: Some("dogs".into()),
            size: Some((1280, 720)),
            premium: Some(true),
            cfg_scale: Some(6.5),
            ..image(name, "a cat")
        };
        let made = model.make_images(call).await.unwrap();
        assert_eq!(made, MadeImages::All(vec![Bytes::from_static(b"iVBO")]));
        let body: Value = serde_json::from_str(&sent.lock().unwrap()[0].body).unwrap();
        assert_eq!(body, expected, "{name}");
    }
}

#[tokio::test]
async fn as_many_pictures_as_were_asked_for_all_different() {
    let (model, _stop) = start(vec![]).await;
    for name in ["nova-canvas", "stable-image-core", "stable-image-ultra"] {
        for count in [1, 5, 7, 10] {
            let call = ImageCall { count, ..image(name, "a cat") };
            let tally = call.tally.clone();
            let MadeImages::All(images) = model.make_images(call).await.unwrap() else { panic!("{name}") };
            let different: BTreeSet<_> = images.iter().collect();
            assert_eq!(different.len(), count as usize, "{name}");
            assert_eq!(tally.read(), (used(count.into()), false), "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_filter_holds_back_is_told_apart_from_faults() {
    let (model, _stop) = start(vec![]).await;
    for name in ["nova-canvas", "sd3-5-large"] {
        let call = image(name, "[[stop: content_filtered]]");
        let tally = call.tally.clone();
        let made = model.make_images(call).await.unwrap();
        assert!(matches!(made, MadeImages::Filtered(_)), "{name}: {made:?}");
        assert_eq!(tally.read(), (TokenUsage::default(), false));
    }
    let wrong = ImageCall { size: Some((1000, 1000)), ..image("nova-canvas", "a cat") };
    assert_eq!(model.make_images(wrong).await.unwrap_err().failure, ModelFailure::Invalid);
    let wrong = ImageCall { size: Some((1792, 1024)), ..image("sd3-5-large", "a cat") };
    assert!(model.make_images(wrong).await.unwrap_err().message.starts_with("`size`"));
    let none = image("nova-lite", "a cat");
    assert_eq!(model.make_images(none).await.unwrap_err().failure, ModelFailure::Invalid);
}

#[tokio::test]
async fn a_failed_part_leaves_the_others_on_the_bill() {
    let rule = FaultRule::next(FaultKind::ModelError, 1);
    let (model, _stop) = start(vec![rule]).await;
    let call = ImageCall { count: 10, ..image("nova-canvas", "a cat") };
    let tally = call.tally.clone();
    assert_eq!(model.make_images(call).await.unwrap_err().failure, ModelFailure::Model);
    // Five of the part that failed, as an estimate; five of the other, answered or under way.
    assert_eq!(tally.read(), (used(10), true));
}
