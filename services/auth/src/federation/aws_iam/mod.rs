//! Login with nothing but AWS credentials: the client signs a request that asks AWS STS who signed it, and hands it to
//! us; we send it on, and STS tells us. The secret key never leaves the client, as with Vault's and EKS's AWS login.

mod account;
mod check;
mod identity;
mod request;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{Admission, OutboundAnswer, OutboundMethod, OutboundRequest, PortError, Why};
use outcrop_types::{Classify, ErrorCode, Limits, Principal, Subject};
use sha2::{Digest, Sha256};

use self::check::Checked;
use self::identity::{CallerIdentity, Odd};
pub(crate) use self::request::AwsIamRequest;
use super::settings::AwsRole;
use crate::throttle::{attempts, network_of};
use crate::{Acting, AuthService};

/// The body of the request, as the AWS SDKs write it.
const ACTION: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// How long STS may take, and the largest answer read from it, bytes.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 64 * 1024;

/// Logins looked at from one address in 5 minutes. A token is good for 15, so that this is enough for 1,800 machines
/// behind one NAT gateway, and bounds what a stranger can make us send.
const PER_ADDRESS: u32 = 600;
const PER_ADDRESS_LENGTH: Duration = Duration::from_secs(5 * 60);

/// When to come back while used signatures cannot be counted.
const UNCOUNTED_RETRY: Duration = Duration::from_secs(5);

const ATTEMPTED: &str = "ask AWS STS who signed a request";

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsIamError {
    /// The request is not one that may be sent on.
    #[error("{0}")]
    Malformed(&'static str),
    /// Too many from one address.
    #[error("too many logins from this address; try again later")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// AWS does not know the signer, or we do not.
    #[error("the signed request was not accepted")]
    Denied {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// Whether the signature was used before cannot be told now.
    #[error("could not check whether the signed request was used before; try again with a new one")]
    Uncounted {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
    /// STS or a store is away.
    #[error("could not check the signed request")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
}

impl AwsIamError {
    fn denied(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Denied { why: Why(why.into()) }
    }

    fn unknown(source: PortError) -> Self {
        Self::Unknown { source }
    }

    /// When to come back.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::Uncounted { .. } => Some(UNCOUNTED_RETRY),
            Self::Malformed(_) | Self::Denied { .. } | Self::Unknown { .. } => None,
        }
    }
}

impl Classify for AwsIamError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed(_) => ErrorCode::InvalidRequest,
            Self::Throttled { .. } => ErrorCode::RateLimited,
            Self::Denied { .. } => ErrorCode::Unauthenticated,
            Self::Uncounted { .. } | Self::Unknown { .. } => ErrorCode::Unavailable,
        }
    }
}

impl AuthService {
    /// Whom a signed `GetCallerIdentity` request logs in: the service account of its role, made at the first login.
    /// Everything that can be checked here is checked before anything is sent, and each signature is good once.
    pub(crate) async fn grant_aws_iam(
        &self,
        acting: &Acting,
        request: AwsIamRequest,
    ) -> Result<Principal, AwsIamError> {
        let roles = &self.options().federation.aws_roles;
        if roles.is_empty() {
            return Err(AwsIamError::denied("no AWS role is configured"));
        }
        let now = self.ports().clock.now();
        let request = request.read()?;
        let checked = check::check(&request, &self.options().server_id, now)?;
        self.admit_once(acting, &checked).await?;
        let answer = self.ask_sts(request.method, request.body, checked).await?;
        let caller = known_by_sts(&answer)?;
        let role = roles
            .iter()
            .find(|role| role.arn.matches(&caller.arn))
            .ok_or_else(|| AwsIamError::denied(format!("no entry of `aws_roles` fits `{}`", caller.arn)))?;
        let principal = self.aws_principal(&caller, role).await?;
        tracing::info!(
            aws.arn = caller.arn,
            aws.session = caller.session,
            subject.id = %principal.subject,
            team.id = %principal.team,
            "AWS login"
        );
        Ok(principal)
    }

    /// Counts the login, and the signature itself: whoever sees it on its way cannot use it again. Each replica by
    /// itself would take it once, so that nobody is let in while they cannot count together.
    async fn admit_once(&self, acting: &Acting, checked: &Checked) -> Result<(), AwsIamError> {
        let used: String =
            Sha256::digest(checked.signature.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut meters = vec![attempts(format!("aws_iam:{used}"), 1, Duration::from_secs(check::MAX_LIFE_S))];
        if let Some(address) = acting.client_ip() {
            let address = format!("aws_iam:address:{}", network_of(address));
            meters.push(attempts(address, PER_ADDRESS, PER_ADDRESS_LENGTH));
        }
        match self.admit_everywhere(&meters).await.map_err(|source| AwsIamError::Uncounted { source })? {
            Admission::Admitted { .. } | Admission::Unseeded { .. } => Ok(()),
            Admission::Refused { full: 0, .. } => Err(AwsIamError::Malformed(
                "this signed request was used before; sign a new one for every login",
            )),
            Admission::Refused { retry_after, .. } => {
                Err(AwsIamError::Throttled { retry_after: retry_after.unwrap_or(PER_ADDRESS_LENGTH) })
            }
        }
    }

    async fn ask_sts(
        &self,
        method: OutboundMethod,
        body: String,
        checked: Checked,
    ) -> Result<OutboundAnswer, AwsIamError> {
        let base = match &self.options().sts_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", checked.host),
        };
        let request = OutboundRequest {
            method,
            url: format!("{base}{}", checked.target),
            headers: checked.headers,
            body: body.into(),
            timeout: TIMEOUT,
            max_answer: MAX_ANSWER,
        };
        self.ports().outbound.send(request).await.map_err(AwsIamError::unknown)
    }

    async fn aws_principal(&self, caller: &CallerIdentity, role: &AwsRole) -> Result<Principal, AwsIamError> {
        let (account, team) = self.aws_account(caller, role).await?;
        Ok(Principal {
            subject: Subject::ServiceAccount(account),
            team,
            role: role.role,
            key: None,
            limits: Limits::default(),
            scope: role.scope.clone().filter(|scope| !scope.is_empty()).map(Arc::new),
        })
    }
}

/// Whom STS names. What it says of a request that it does not take is not repeated: it may quote it.
fn known_by_sts(answer: &OutboundAnswer) -> Result<CallerIdentity, AwsIamError> {
    match answer.status {
        200 => identity::read(&answer.body).map_err(|odd| match odd {
            Odd::Nobody(why) => AwsIamError::denied(why),
            Odd::Unreadable(why) => AwsIamError::unknown(PortError::broken(ATTEMPTED, why)),
        }),
        // STS has too much to do: that says nothing of the signer.
        400 if contains(&answer.body, b"<Code>Throttling") => {
            Err(AwsIamError::unknown(PortError::unavailable(ATTEMPTED, "it throttles us")))
        }
        400 | 401 | 403 => {
            Err(AwsIamError::denied(format!("AWS STS refused it with status {}", answer.status)))
        }
        status => {
            Err(AwsIamError::unknown(PortError::unavailable(ATTEMPTED, format!("it answered {status}"))))
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
