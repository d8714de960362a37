//! The services behind the gateway, called past it.

use std::time::Duration;

use chrono::TimeDelta;
use outcrop_token::{HEADER, InternalSigner, service_principal};
use outcrop_types::{Principal, Role};
use reqwest::Method;

use crate::client::{Client, answer};
use crate::platform::{Apart, INTERNAL_SECRET, Platform, Services};
use crate::wait::now;

/// A good identity, as the gateway would sign it.
pub(crate) fn identity_of_an_admin() -> String {
    identity(INTERNAL_SECRET, TimeDelta::zero())
}

fn identity(secret: &str, age: TimeDelta) -> String {
    let signer = InternalSigner::new("gateway", &secret.to_owned().into(), Duration::from_secs(60)).unwrap();
    let principal = Principal { role: Role::PlatformAdmin, ..service_principal("gateway") };
    signer.sign(&principal, now() - age).unwrap()
}

/// Together there is no such door.
pub(crate) async fn only_our_own_services_come_in(platform: &Platform) {
    let Services::Apart(apart) = &platform.services else { return };
    let Apart { auth, inference, jobs, .. } = apart.as_ref();
    let good = identity_of_an_admin();
    let (head, tail) = good.rsplit_once('.').unwrap();
    let tampered = format!("{head}.{}{tail}", if tail.starts_with('A') { 'B' } else { 'A' });
    let refused = [
        None,
        Some(identity("another-secret-of-at-least-32-bytes!", TimeDelta::zero())),
        Some(identity(INTERNAL_SECRET, TimeDelta::seconds(600))),
        Some(tampered),
        Some("nonsense".to_owned()),
    ];
    for (service, path) in [(auth, "/admin/v1/keys"), (inference, "/v1/models"), (jobs, "/v1/jobs")] {
        let client = Client::new(&service.url, Some(&platform.key));
        let ask = |identity: Option<&str>| {
            let request = client.request(Method::GET, path);
            answer(match identity {
                Some(identity) => request.header(HEADER, identity),
                None => request,
            })
        };
        for identity in &refused {
            ask(identity.as_deref()).await.expect(401);
        }
        ask(Some(&good)).await.expect(200);
    }
}
