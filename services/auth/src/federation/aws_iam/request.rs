//! A signed `GetCallerIdentity` request as a client hands it in, before anything in it is believed.
//!
//! The fields are named as in Vault's AWS login, where the method came from. Each of address, headers and body may
//! be given in base64 (standard alphabet, with or without padding) or as it is.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use outcrop_ports::OutboundMethod;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::AwsIamError;

/// Longest of all fields together, bytes. A session's credentials make about 2 KiB of them.
const MAX_LEN: usize = 16 * 1024;

/// Most headers.
const MAX_HEADERS: usize = 20;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The fields of the grant `aws_iam`. They are as good as a credential until they are used: no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AwsIamRequest {
    /// `POST`, which is the default, or `GET` for a presigned address.
    pub(crate) iam_request_method: Option<String>,
    /// Where it was to be sent: `https://sts.<region>.amazonaws.com/`, with the query of a presigned one.
    pub(crate) iam_request_url: Option<String>,
    /// Its headers, a JSON object.
    pub(crate) iam_request_headers: Option<AwsIamHeaders>,
    /// Its body: `Action=GetCallerIdentity&Version=2011-06-15`, which is also the default.
    pub(crate) iam_request_body: Option<String>,
    /// All of the above as one text, in place of them: base64 of a JSON object with these fields.
    pub(crate) aws_iam_token: Option<String>,
}

/// Headers of a signed request as they were given.
#[derive(Clone)]
pub(crate) struct AwsIamHeaders(Given);

#[derive(Clone)]
enum Given {
    /// A JSON object, or base64 of one.
    Text(String),
    /// Every member of an object, also where two have the same name.
    Pairs(Vec<(String, String)>),
}

/// The request, decoded and nothing more.
pub(super) struct SignedRequest {
    pub(super) method: OutboundMethod,
    pub(super) url: String,
    /// Names in lower case, each at most once.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl SignedRequest {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

impl AwsIamRequest {
    /// Decodes the fields.
    pub(super) fn read(self) -> Result<SignedRequest, AwsIamError> {
        if self.len() > MAX_LEN {
            return Err(AwsIamError::Malformed("the signed request is longer than 16 KiB"));
        }
        let fields = match &self.aws_iam_token {
            None => self,
            Some(token) => {
                if self.others() {
                    return Err(AwsIamError::Malformed(
                        "`aws_iam_token` stands in place of the other fields",
                    ));
                }
                unpack(token)?
            }
        };
        let method = match fields.iam_request_method.as_deref() {
            None | Some("POST") => OutboundMethod::Post,
            Some("GET") => OutboundMethod::Get,
            Some(_) => return Err(AwsIamError::Malformed("`iam_request_method` is POST or GET")),
        };
        let url = fields.iam_request_url.ok_or(AwsIamError::Malformed("`iam_request_url` is missing"))?;
        let url =
            plain(url, |text| text.starts_with("https://"), "`iam_request_url`, decoded, is not an address")?;
        let headers =
            fields.iam_request_headers.ok_or(AwsIamError::Malformed("`iam_request_headers` are missing"))?;
        let body = match (fields.iam_request_body, method) {
            (None, OutboundMethod::Post) => super::ACTION.to_owned(),
            (None, OutboundMethod::Get) => String::new(),
            (Some(body), _) => {
                plain(body, |text| text.is_empty() || text.contains('&'), "`iam_request_body` is not text")?
            }
        };
        Ok(SignedRequest { method, url, headers: headers.once_each()?, body })
    }

    fn len(&self) -> usize {
        let texts =
            [&self.iam_request_method, &self.iam_request_url, &self.iam_request_body, &self.aws_iam_token];
        texts.iter().filter_map(|text| text.as_ref()).map(String::len).sum::<usize>()
            + self.iam_request_headers.as_ref().map_or(0, AwsIamHeaders::len)
    }

    const fn others(&self) -> bool {
        self.iam_request_method.is_some()
            || self.iam_request_url.is_some()
            || self.iam_request_headers.is_some()
            || self.iam_request_body.is_some()
    }
}

fn unpack(token: &str) -> Result<AwsIamRequest, AwsIamError> {
    let bytes = BASE64
        .decode(token)
        .map_err(|_| AwsIamError::Malformed("`aws_iam_token` is not base64 (standard alphabet)"))?;
    let fields: AwsIamRequest = serde_json::from_slice(&bytes).map_err(|_| {
        AwsIamError::Malformed(
            "`aws_iam_token` is not base64 of a JSON object with the `iam_request_…` fields",
        )
    })?;
    match fields.aws_iam_token {
        None => Ok(fields),
        Some(_) => Err(AwsIamError::Malformed("an `aws_iam_token` holds no other one")),
    }
}

/// A field that stands there as it is, or in base64.
fn plain(
    text: String,
    is_plain: impl Fn(&str) -> bool,
    otherwise: &'static str,
) -> Result<String, AwsIamError> {
    if is_plain(&text) {
        return Ok(text);
    }
    let decoded = BASE64.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.filter(|text| is_plain(text)).ok_or(AwsIamError::Malformed(otherwise))
}

impl AwsIamHeaders {
    fn len(&self) -> usize {
        match &self.0 {
            Given::Text(text) => text.len(),
            Given::Pairs(pairs) => pairs.iter().map(|(name, value)| name.len() + value.len()).sum(),
        }
    }

    fn pairs(self) -> Result<Vec<(String, String)>, AwsIamError> {
        let text = match self.0 {
            Given::Pairs(pairs) => return Ok(pairs),
            Given::Text(text) => text,
        };
        let json = if text.trim_start().starts_with('{') {
            Some(text.into_bytes())
        } else {
            BASE64.decode(text).ok()
        };
        let pairs = json.and_then(|json| serde_json::from_slice::<Pairs>(&json).ok());
        pairs.map(|pairs| pairs.0).ok_or(AwsIamError::Malformed(
            "`iam_request_headers` is a JSON object of texts, or base64 (standard alphabet) of one",
        ))
    }

    /// Each header, once, its name in lower case.
    fn once_each(self) -> Result<Vec<(String, String)>, AwsIamError> {
        let pairs = self.pairs()?;
        if pairs.len() > MAX_HEADERS {
            return Err(AwsIamError::Malformed("the signed request has more than 20 headers"));
        }
        let mut headers: Vec<(String, String)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            if headers.iter().any(|(other, _)| *other == name) {
                return Err(AwsIamError::Malformed("a header of the signed request is given twice"));
            }
            if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(AwsIamError::Malformed("a header of the signed request is not ASCII text"));
            }
            headers.push((name, value));
        }
        Ok(headers)
    }
}

impl<'de> Deserialize<'de> for AwsIamHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = AwsIamHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers, or base64 of one")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AwsIamHeaders, E> {
                Ok(AwsIamHeaders(Given::Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AwsIamHeaders, A::Error> {
                PairsVisitor.visit_map(map).map(|pairs| AwsIamHeaders(Given::Pairs(pairs.0)))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// The members of a JSON object, those given twice included, which a map would hide.
struct Pairs(Vec<(String, String)>);

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, OneText(value))) = map.next_entry::<String, OneText>()? {
            pairs.push((name, value));
        }
        Ok(Pairs(pairs))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

/// A text, or a list of one text, as Go writes headers.
struct OneText(String);

impl<'de> Deserialize<'de> for OneText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneTextVisitor;

        impl<'de> Visitor<'de> for OneTextVisitor {
            type Value = OneText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the text of a header, or a list of one text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneText, E> {
                Ok(OneText(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneText, A::Error> {
                let only = list.next_element::<String>()?;
                match (only, list.next_element::<String>()?) {
                    (Some(text), None) => Ok(OneText(text)),
                    _ => Err(A::Error::custom("a header has one value")),
                }
            }
        }

        deserializer.deserialize_any(OneTextVisitor)
    }
}
