//! Pictures, by InvokeModel, in each family's own shape.

use async_trait::async_trait;
use outcrop_ports::{ImageCall, ImageModel, MadeImage, ModelError};

use crate::BedrockModel;
use crate::errors::invalid;

#[async_trait]
impl ImageModel for BedrockModel {
    async fn make_images(&self, _call: ImageCall) -> Result<Vec<MadeImage>, ModelError> {
        Err(invalid("not served".to_owned()))
    }
}
