//! Pictures, by InvokeModel, in each family's own shape.

mod amazon;
mod stability;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{ImageCall, ImageModel, InvokeAnswer, InvokeApi, MadeImages, ModelError, ModelFailure};
use outcrop_types::TokenUsage;
use serde_json::value::RawValue;

use crate::BedrockModel;
use crate::errors::invalid;
use crate::parts::{Answered, Part, Parts};

/// What one answer holds.
struct Pictures {
    images: Vec<Bytes>,
    /// Why one was held back.
    filtered: Option<String>,
}

/// How a family is asked.
#[derive(Clone, Copy)]
struct Shape {
    /// So many pictures, from this seed.
    write: fn(&ImageCall, u32, u64) -> Result<Vec<u8>, ModelError>,
    read: fn(&InvokeAnswer) -> Result<Pictures, ModelError>,
}

#[async_trait]
impl ImageModel for BedrockModel {
    async fn make_images(&self, call: ImageCall) -> Result<MadeImages, ModelError> {
        let (shape, api) = match call.model.info.invoke_api {
            Some(api @ InvokeApi::AmazonImage) => (amazon::SHAPE, api),
            Some(api @ InvokeApi::StabilityImage) => (stability::SHAPE, api),
            _ => return Err(invalid(format!("`model`: {} makes no pictures", call.model.info.id))),
        };
        let batch = u32::try_from(api.batch()).unwrap_or(u32::MAX);
        let parts = (0..call.count.div_ceil(batch) as usize).map(|at| {
            let first = at as u32 * batch;
            let count = batch.min(call.count - first);
            let body = (shape.write)(&call, count, call.seed.saturating_add(at as u64))?;
            Ok(Part { body, estimate: pictures(u64::from(count)) })
        });
        let deadline = call.deadline;
        let (metadata, tally) = (call.metadata.clone(), call.tally.clone());
        let all = Parts::new(self, call.model.clone(), metadata, deadline, tally);
        let made = all.all(parts, |_, answer| {
            let value = (shape.read)(answer)?;
            let usage = Some(pictures(value.images.len() as u64));
            Ok(Answered { value, usage })
        });
        collect(made.await, call.count)
    }
}

fn pictures(images: u64) -> TokenUsage {
    TokenUsage { images, ..TokenUsage::default() }
}

fn collect(made: Result<Vec<Pictures>, ModelError>, count: u32) -> Result<MadeImages, ModelError> {
    let made = match made {
        Ok(made) => made,
        Err(error) if is_filtered(&error) => return Ok(MadeImages::Filtered(error.message)),
        Err(error) => return Err(error),
    };
    let mut images = Vec::with_capacity(count as usize);
    for pictures in made {
        if let Some(reason) = pictures.filtered {
            return Ok(MadeImages::Filtered(reason));
        }
        images.extend(pictures.images);
    }
    if images.len() != count as usize {
        return Err(crate::errors::malformed("the model made fewer pictures than it was asked for"));
    }
    Ok(MadeImages::All(images))
}

/// Amazon's models refuse a prompt that their filters hold back like a wrong request; only the words tell them apart.
fn is_filtered(error: &ModelError) -> bool {
    error.failure == ModelFailure::Invalid && error.message.contains("content filter")
}

/// A picture as it stands in the body, which is not copied; `None` unless it is a plain string.
fn picture(body: &Bytes, text: &RawValue) -> Option<Bytes> {
    let text = text.get().strip_prefix('"')?.strip_suffix('"')?;
    // Base64 has neither: what has them could not be sent on as it is.
    let is_base64 = !text.is_empty() && !text.contains(['\\', '"']);
    is_base64.then(|| body.slice_ref(text.as_bytes()))
}

/// The pictures of an answer.
fn pictures_of(body: &Bytes, images: &[&RawValue]) -> Result<Vec<Bytes>, ModelError> {
    let read: Option<Vec<Bytes>> = images.iter().map(|text| picture(body, text)).collect();
    read.ok_or_else(|| crate::errors::malformed("the model's pictures could not be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors::failed;

    fn made(images: &[&'static str], filtered: Option<&str>) -> Pictures {
        let images = images.iter().map(|it| Bytes::from_static(it.as_bytes())).collect();
        Pictures { images, filtered: filtered.map(str::to_owned) }
    }

    #[test]
    fn all_or_none() {
        let all = collect(Ok(vec![made(&["a", "b"], None), made(&["c"], None)]), 3).unwrap();
        assert_eq!(all, MadeImages::All(["a", "b", "c"].map(Bytes::from).to_vec()));
        let held =
            collect(Ok(vec![made(&["a"], None), made(&[], Some("Filter reason: prompt"))]), 2).unwrap();
        assert_eq!(held, MadeImages::Filtered("Filter reason: prompt".into()));
        assert!(collect(Ok(vec![made(&["a"], None)]), 2).is_err());
        let refused = |message| collect(Err(failed(ModelFailure::Invalid, message)), 1);
        assert!(matches!(
            refused("This request has been blocked by our content filters."),
            Ok(MadeImages::Filtered(_))
        ));
        assert!(refused("Malformed input request").is_err());
    }

    #[test]
    fn pictures_stay_where_they_are() {
        let body = Bytes::from_static(br#"["iVBO","a\/b",7]"#);
        let texts: Vec<&RawValue> = serde_json::from_slice(&body).unwrap();
        let first = picture(&body, texts[0]).unwrap();
        assert_eq!((first.as_ptr(), &first[..]), (body[2..].as_ptr(), &b"iVBO"[..]));
        assert!(picture(&body, texts[1]).is_none() && picture(&body, texts[2]).is_none());
    }
}
