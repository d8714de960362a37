//! Stability's models: one picture at a time. Source: Amazon Bedrock user guide, "Stable Image Core request and response",
//! "Stable Image Ultra request and response", "Stable Diffusion 3.5 Large".

use outcrop_ports::{ImageCall, InvokeAnswer, ModelError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Pictures, Shape, pictures_of};
use crate::errors::{invalid, malformed};
use crate::parts::{body, unreadable};

pub(super) const SHAPE: Shape = Shape { write, read };

/// The shapes that these models make, as width to height.
const ASPECT_RATIOS: [(u32, u32); 9] =
    [(16, 9), (1, 1), (21, 9), (2, 3), (3, 2), (4, 5), (5, 4), (9, 16), (9, 21)];

/// Said where something other than the contents failed.
const FAILED: &str = "Inference error";

#[derive(Serialize)]
struct Request<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    output_format: &'static str,
    seed: u64,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    images: Vec<&'a RawValue>,
    #[serde(default)]
    finish_reasons: Vec<Option<String>>,
}

fn write(call: &ImageCall, _: u32, seed: u64) -> Result<Vec<u8>, ModelError> {
    let aspect_ratio = call.size.map(aspect_ratio).transpose()?;
    body(&Request {
        prompt: &call.prompt,
        negative_prompt: call.negative_prompt.as_deref(),
        aspect_ratio,
        output_format: "png",
        seed,
    })
}

/// `16:9` of 1920x1080. The models choose the number of pixels themselves.
fn aspect_ratio((width, height): (u32, u32)) -> Result<String, ModelError> {
    let same = |(across, down): &(u32, u32)| {
        u64::from(width) * u64::from(*down) == u64::from(height) * u64::from(*across)
    };
    match ASPECT_RATIOS.into_iter().find(same) {
        Some((across, down)) => Ok(format!("{across}:{down}")),
        None => {
            let known: Vec<String> = ASPECT_RATIOS.iter().map(|(w, h)| format!("{w}:{h}")).collect();
            Err(invalid(format!("`size`: this model makes pictures of {} only", known.join(", "))))
        }
    }
}

fn read(answer: &InvokeAnswer) -> Result<Pictures, ModelError> {
    let read: Answer<'_> = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    let reason = read.finish_reasons.into_iter().flatten().next();
    if reason.as_deref() == Some(FAILED) {
        return Err(malformed("the model failed to make the picture"));
    }
    // What a filter held back may still have a place in the list.
    let images = if reason.is_some() { Vec::new() } else { pictures_of(&answer.body, &read.images)? };
    Ok(Pictures { images, filtered: reason })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn sizes_become_shapes() {
        let cases =
            [((1024, 1024), "1:1"), ((1920, 1080), "16:9"), ((1024, 1536), "2:3"), ((900, 2100), "9:21")];
        for (size, ratio) in cases {
            assert_eq!(aspect_ratio(size).unwrap(), ratio);
        }
        assert!(aspect_ratio((1792, 1024)).unwrap_err().message.starts_with("`size`"));
    }

    #[test]
    fn reasons_are_told_from_failures() {
        let answer = |body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            read(&InvokeAnswer { body, content_type: String::new(), usage: None, service_tier: None })
        };
        let made = answer(r#"{"seeds":[1],"finish_reasons":[null],"images":["aaaa"]}"#).unwrap();
        assert_eq!((made.images.len(), made.filtered), (1, None));
        let held = answer(r#"{"finish_reasons":["Filter reason: prompt"]}"#).unwrap();
        assert_eq!((held.images.len(), held.filtered.as_deref()), (0, Some("Filter reason: prompt")));
        assert!(answer(r#"{"finish_reasons":["Inference error"]}"#).is_err());
    }
}
