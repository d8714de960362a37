//! `grant_type=aws_iam`: whoever has AWS credentials. What makes them good is checked in `federation::aws_iam`.

use serde_json::{Map, Value};

use super::{Fields, GrantError, Granted, scope};
use crate::federation::AwsIamRequest;
use crate::tokens::narrowing;
use crate::{Acting, AuthService};

const NAMES: [&str; 5] =
    ["iam_request_method", "iam_request_url", "iam_request_headers", "iam_request_body", "aws_iam_token"];

impl AuthService {
    pub(super) async fn grant_by_aws(&self, acting: &Acting, fields: &Fields) -> Result<Granted, GrantError> {
        let mut principal = self.grant_aws_iam(acting, request(fields)?).await?;
        let scope = scope::narrowed(fields, principal.role, principal.scope())?;
        principal.scope = narrowing(scope);
        let issued = self.issue_token(&principal, None, None).await?;
        Ok(Granted { issued, refresh: None, principal })
    }
}

fn request(fields: &Fields) -> Result<AwsIamRequest, GrantError> {
    let given = |name: &&str| fields.get(name).map(|value| ((*name).to_owned(), Value::from(value)));
    let given: Map<String, Value> = NAMES.iter().filter_map(given).collect();
    // The values stay out of the message: they are as good as a credential.
    serde_json::from_value(Value::Object(given))
        .map_err(|_| GrantError::request(None, "the parameters of `aws_iam` do not read"))
}
