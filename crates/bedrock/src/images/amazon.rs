//! Amazon Nova Canvas and Titan Image Generator. Source: Amazon Nova user guide, "Request and response structure for image
//! generation"; Amazon Bedrock user guide, "Amazon Titan Image Generator models".

use outcrop_ports::{ImageCall, InvokeAnswer, ModelError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Pictures, Shape, pictures_of};
use crate::parts::{body, unreadable};

/// Up to five pictures at once.
pub(super) const SHAPE: Shape = Shape { write, read };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    task_type: &'static str,
    text_to_image_params: Prompt<'a>,
    image_generation_config: Generation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Prompt<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_text: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation {
    number_of_images: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f64>,
    /// Without one, these models begin with the same number each time and make the same picture again.
    seed: u64,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    images: Vec<&'a RawValue>,
    /// Said where pictures were held back.
    error: Option<String>,
}

fn write(call: &ImageCall, number_of_images: u32, seed: u64) -> Result<Vec<u8>, ModelError> {
    body(&Request {
        task_type: "TEXT_IMAGE",
        text_to_image_params: Prompt { text: &call.prompt, negative_text: call.negative_prompt.as_deref() },
        image_generation_config: Generation {
            number_of_images,
            width: call.size.map(|(width, _)| width),
            height: call.size.map(|(_, height)| height),
            quality: call.premium.map(|premium| if premium { "premium" } else { "standard" }),
            cfg_scale: call.cfg_scale,
            seed,
        },
    })
}

fn read(answer: &InvokeAnswer) -> Result<Pictures, ModelError> {
    let read: Answer<'_> = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    Ok(Pictures { images: pictures_of(&answer.body, &read.images)?, filtered: read.error })
}
