//! Signed `GetCallerIdentity` requests, made as AWS SDKs make them (Signature Version 4).

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

pub(super) const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Who signs, when, and for whom.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
    pub(super) host: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) at: DateTime<Utc>,
    /// The value of `x-outcrop-server-id`, if it is signed.
    pub(super) server: Option<String>,
    pub(super) expires_s: i64,
}

/// A request as a client hands it in.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

impl Signer {
    pub(super) fn at(at: DateTime<Utc>) -> Self {
        Self {
            key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
            host: "sts.eu-west-1.amazonaws.com".into(),
            region: "eu-west-1".into(),
            service: "sts".into(),
            at,
            server: Some("outcrop-under-test".into()),
            expires_s: 60,
        }
    }

    /// Signed in its headers.
    pub(super) fn post(&self) -> Signed {
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
            ("host".to_owned(), self.host.clone()),
            ("x-amz-date".to_owned(), self.date()),
        ];
        headers.extend(self.token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        headers.extend(self.server.clone().map(|id| ("x-outcrop-server-id".to_owned(), id)));
        let (signed, signature) = self.sign("POST", "", &headers, &hex(&Sha256::digest(BODY)));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={signed}, Signature={signature}",
            self.credential()
        );
        headers.push(("authorization".to_owned(), authorization));
        let url = format!("https://{}/", self.host);
        Signed { method: "POST", url, headers, body: Some(BODY.to_owned()) }
    }

    /// Signed in its query.
    pub(super) fn get(&self) -> Signed {
        let mut headers = vec![("host".to_owned(), self.host.clone())];
        headers.extend(self.server.clone().map(|id| ("x-outcrop-server-id".to_owned(), id)));
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let mut query = vec![
            ("Action", "GetCallerIdentity".to_owned()),
            ("Version", "2011-06-15".to_owned()),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", self.credential()),
            ("X-Amz-Date", self.date()),
            ("X-Amz-Expires", self.expires_s.to_string()),
            ("X-Amz-SignedHeaders", names.join(";")),
        ];
        query.extend(self.token.clone().map(|token| ("X-Amz-Security-Token", token)));
        query.sort_unstable();
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let query = query.join("&");
        let (_, signature) = self.sign("GET", &query, &headers, &hex(&Sha256::digest("")));
        let url = format!("https://{}/?{query}&X-Amz-Signature={signature}", self.host);
        Signed { method: "GET", url, headers, body: None }
    }

    fn date(&self) -> String {
        self.at.format("%Y%m%dT%H%M%SZ").to_string()
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.at.format("%Y%m%d"), self.region, self.service)
    }

    fn credential(&self) -> String {
        format!("{}/{}", self.key, self.scope())
    }

    fn sign(
        &self,
        method: &str,
        query: &str,
        headers: &[(String, String)],
        payload: &str,
    ) -> (String, String) {
        let mut sorted = headers.to_vec();
        sorted.sort_unstable();
        let names = sorted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = sorted.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n/\n{query}\n{lines}\n{names}\n{payload}");
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.date(),
            self.scope(),
            hex(&Sha256::digest(canonical))
        );
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        let day = self.at.format("%Y%m%d").to_string();
        for part in [day.as_str(), &self.region, &self.service, "aws4_request"] {
            key = mac(&key, part);
        }
        (names, hex(&mac(&key, &text)))
    }
}

impl Signed {
    /// The fields of the grant.
    pub(super) fn fields(&self) -> Value {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let mut fields = json!({
            "iam_request_method": self.method, "iam_request_url": self.url, "iam_request_headers": headers,
        });
        if let Some(body) = &self.body {
            fields["iam_request_body"] = body.clone().into();
        }
        fields
    }

    /// Puts a header in place of the one of this name.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a header out.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self
    }

    /// Changes the `Authorization` header.
    pub(super) fn authorization(self, from: &str, to: &str) -> Self {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "authorization").unwrap().clone();
        assert!(value.contains(from), "{value}");
        self.set("authorization", &value.replacen(from, to, 1))
    }

    /// Changes the address.
    pub(super) fn url(mut self, from: &str, to: &str) -> Self {
        assert!(self.url.contains(from), "{}", self.url);
        self.url = self.url.replacen(from, to, 1);
        self
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3986: everything but unreserved characters.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
