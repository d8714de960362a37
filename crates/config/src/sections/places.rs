//! Where models are called, and in whose account: what `models.url`, `models.accounts` and `models.endpoints` say.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use outcrop_types::{AccountName, Region};

use super::ModelsConfig;

/// Most regions of `models.url`: each is listed and watched.
const MAX_REGIONS: usize = 16;

/// Longest external id (AWS STS API reference, AssumeRole).
const MAX_EXTERNAL_ID: usize = 1_224;

/// The directions that the name of every region ends in, before its number.
const DIRECTIONS: [&str; 9] =
    ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

/// Another AWS account that models are called in.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelAccount {
    /// What routes call it.
    pub name: AccountName,
    /// The role that is assumed there.
    pub role_arn: String,
    /// What its owner wants to hear from whoever assumes the role.
    pub external_id: Option<String>,
}

/// An address of Bedrock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEndpoint {
    /// For this account; without a name for all that have no address of their own there.
    pub account: Option<AccountName>,
    /// In this region.
    pub region: Region,
    /// `https://…`, or `http://…` in a private network.
    pub url: String,
}

impl fmt::Debug for ModelAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An external id is no secret, and belongs in no log either.
        let mut told = f.debug_struct("ModelAccount");
        told.field("name", &self.name).field("role_arn", &self.role_arn).finish_non_exhaustive()
    }
}

impl ModelAccount {
    /// The account's number, in the ARN of its role.
    #[must_use]
    pub fn number(&self) -> &str {
        self.role_arn.split(':').nth(4).unwrap_or_default()
    }
}

impl ModelsConfig {
    /// The regions of [`url`](Self::url), in their order; none where the AWS environment is to say.
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn regions(&self) -> Result<Vec<Region>, String> {
        let named = self.url.split_once("://").map_or("", |(_, rest)| rest).trim_matches('/');
        let mut regions: Vec<Region> = Vec::new();
        for name in named.split(',').map(str::trim).filter(|_| !named.is_empty()) {
            let region = region(name).ok_or_else(|| {
                format!("`models.url`: `{name}` is no AWS region; several are written `bedrock://us-east-1,us-west-2`")
            })?;
            if regions.contains(&region) {
                return Err(format!("`models.url` names `{region}` twice"));
            }
            regions.push(region);
        }
        match regions.len() {
            0..=MAX_REGIONS => Ok(regions),
            _ => Err(format!("`models.url` names more than {MAX_REGIONS} regions")),
        }
    }

    /// The accounts of [`accounts`](Self::accounts).
    ///
    /// # Errors
    /// What is wrong with the setting.
    pub fn other_accounts(&self) -> Result<Vec<ModelAccount>, String> {
        let mut names = HashSet::new();
        let entries = self.accounts.as_deref().unwrap_or_default().split_whitespace().enumerate();
        entries
            .map(|(at, entry)| {
                let account = account(entry)
                    .map_err(|problem| format!("`models.accounts`: entry {} {problem}", at + 1))?;
                if !names.insert(account.name.clone()) {
                    return Err(format!("`models.accounts` has `{}` twice", account.name));
                }
                Ok(account)
            })
            .collect()
    }

    /// The addresses of [`endpoints`](Self::endpoints).
    ///
    /// # Errors
    /// What is wrong with the setting, an account that [`accounts`](Self::accounts) does not have among it.
    pub fn addresses(&self) -> Result<Vec<ModelEndpoint>, String> {
        let accounts: HashSet<AccountName> = self.other_accounts()?.into_iter().map(|it| it.name).collect();
        let mut places = HashSet::new();
        let entries = self.endpoints.as_deref().unwrap_or_default().split_whitespace();
        entries
            .map(|entry| {
                let place = entry.split('=').next().unwrap_or_default();
                let endpoint =
                    endpoint(entry).map_err(|problem| format!("`models.endpoints`: `{place}` {problem}"))?;
                if let Some(unknown) = endpoint.account.as_ref().filter(|it| !accounts.contains(it)) {
                    return Err(format!("`models.endpoints`: `models.accounts` has no `{unknown}`"));
                }
                if !places.insert((endpoint.account.clone(), endpoint.region.clone())) {
                    return Err(format!("`models.endpoints` has `{place}` twice"));
                }
                Ok(endpoint)
            })
            .collect()
    }
}

/// A region's name that could be one: a slip of the pen is better found here than by a name that does not resolve.
fn region(name: &str) -> Option<Region> {
    let direction = name.rsplit('-').nth(1)?;
    name.parse().ok().filter(|_| DIRECTIONS.contains(&direction))
}

fn account(entry: &str) -> Result<ModelAccount, String> {
    let (name, role) =
        entry.split_once('=').ok_or("is not written `name=role-arn` or `name=role-arn#external-id`")?;
    let name: AccountName = name.parse().map_err(|problem| format!("has a name that {problem}"))?;
    let (role_arn, external_id) = match role.split_once('#') {
        Some((role_arn, id)) => (role_arn, Some(id)),
        None => (role, None),
    };
    if !is_role(role_arn) {
        return Err(format!("(`{name}`) has no ARN of a role (`arn:aws:iam::111122223333:role/name`)"));
    }
    if !external_id.is_none_or(is_external_id) {
        return Err(format!(
            "(`{name}`) has an external id that AWS would not take: 2 to {MAX_EXTERNAL_ID} of letters, digits and `+=,.@:/-_`"
        ));
    }
    Ok(ModelAccount { name, role_arn: role_arn.to_owned(), external_id: external_id.map(str::to_owned) })
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH`
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let is_account = account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit());
    let named = resource.strip_prefix("role/").is_some_and(|it| !it.is_empty() && it.is_ascii());
    partition.starts_with("aws") && is_account && named && arn.len() <= 2_048
}

/// AWS STS API reference, AssumeRole: `[\w+=,.@:\/-]*`.
fn is_external_id(id: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    (2..=MAX_EXTERNAL_ID).contains(&id.len()) && id.bytes().all(may)
}

fn endpoint(entry: &str) -> Result<ModelEndpoint, String> {
    let (place, url) =
        entry.split_once('=').ok_or("is not written `region=https://…` or `account/region=https://…`")?;
    let (account, name) = match place.split_once('/') {
        Some((account, name)) => (Some(account), name),
        None => (None, place),
    };
    let account = account.map(str::parse).transpose();
    let account: Option<AccountName> =
        account.map_err(|problem| format!("has an account whose name {problem}"))?;
    let region = region(name).ok_or("names no AWS region")?;
    if !is_address(url) {
        return Err("must lead to an https:// address with a host (http:// only in this machine or a private network)".to_owned());
    }
    Ok(ModelEndpoint { account, region, url: url.trim_end_matches('/').to_owned() })
}

/// An address with a host and without credentials, encrypted where it leaves the private network.
fn is_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = !authority.contains('@') && !rest.contains(['?', '#']);
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next(),
        None => authority.split(':').next(),
    };
    let Some(host) = host.filter(|it| plain && !it.is_empty()) else { return false };
    scheme == "https" || (scheme == "http" && is_private(host))
}

/// This machine, a private network, or a name that only a private network has.
fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            !host.contains('.') || [".internal", ".local", ".localhost"].iter().any(|it| host.ends_with(it))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, accounts: &str, endpoints: &str) -> ModelsConfig {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ModelsConfig {
            url: url.to_owned(),
            accounts: some(accounts),
            endpoints: some(endpoints),
            ..ModelsConfig::default()
        }
    }

    #[track_caller]
    fn check_regions(url: &str, expected: Result<&[&str], &str>) {
        let regions = config(url, "", "").regions();
        match (regions, expected) {
            (Ok(regions), Ok(expected)) => {
                assert_eq!(regions.iter().map(Region::as_str).collect::<Vec<_>>(), expected, "{url}");
            }
            (Err(told), Err(words)) => assert!(told.contains(words), "{url}: {told}"),
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn the_url_names_regions() {
        check_regions("bedrock://us-east-1,us-west-2", Ok(&["us-east-1", "us-west-2"]));
        check_regions("emulator://us-east-1, eu-central-1/", Ok(&["us-east-1", "eu-central-1"]));
        check_regions("bedrock://us-gov-west-1", Ok(&["us-gov-west-1"]));
        check_regions("bedrock://", Ok(&[]));
        check_regions("emulator:///", Ok(&[]));
        check_regions("bedrock://us-esat-1", Err("`us-esat-1` is no AWS region"));
        check_regions("bedrock://us-east-1,", Err("`` is no AWS region"));
        check_regions("bedrock://us-east-1,us-east-1", Err("twice"));
        check_regions("bedrock://us-east", Err("no AWS region"));
    }

    const ROLE: &str = "arn:aws:iam::111122223333:role/outcrop";

    #[test]
    fn accounts_are_named_roles() {
        let text = format!("prod={ROLE}  lab=arn:aws-us-gov:iam::444455556666:role/a/b#x=1-@z");
        let accounts = config("", &text, "").other_accounts().unwrap();
        let [prod, lab] = &accounts[..] else { panic!("two accounts") };
        assert_eq!((prod.name.as_str(), prod.role_arn.as_str(), &prod.external_id), ("prod", ROLE, &None));
        assert_eq!((lab.external_id.as_deref(), lab.number()), (Some("x=1-@z"), "444455556666"));
        assert!(!format!("{lab:?}").contains("x=1"), "not for logs");
        for (accounts, words) in [
            ("prod", "entry 1 is not written"),
            ("Prod=x", "has a name that must be"),
            (&format!("a={ROLE} b=arn:aws:iam::1:role/x"), "entry 2 (`b`) has no ARN of a role"),
            ("a=arn:aws:iam::111122223333:user/x", "no ARN of a role"),
            (&format!("a={ROLE}#x"), "external id"),
            (&format!("a={ROLE}#sesame!"), "external id"),
            (&format!("a={ROLE} a={ROLE}"), "twice"),
        ] {
            let told = config("", accounts, "").other_accounts().unwrap_err();
            assert!(told.contains(words), "{accounts}: {told}");
            assert!(!told.contains("sesame"), "{told}");
        }
    }

    #[test]
    fn endpoints_are_of_places() {
        let accounts = format!("prod={ROLE}");
        let text = "us-west-2=https://vpce-1.bedrock-runtime.us-west-2.vpce.amazonaws.com/ prod/us-east-1=http://127.0.0.1:8090";
        let endpoints = config("", &accounts, text).addresses().unwrap();
        let [all, prod] = &endpoints[..] else { panic!("two addresses") };
        assert_eq!((all.account.as_ref(), all.region.as_str()), (None, "us-west-2"));
        assert!(all.url.ends_with(".com"), "{}", all.url);
        assert_eq!(prod.account.as_ref().map(AccountName::as_str), Some("prod"));
        for good in ["http://10.0.0.7", "http://[fd00::1]:80", "http://emulator:8090", "http://bedrock.local"]
        {
            assert!(config("", "", &format!("us-east-1={good}")).addresses().is_ok(), "{good}");
        }
        for (endpoints, words) in [
            ("us-east-1", "is not written"),
            ("nowhere=https://x", "names no AWS region"),
            ("lab/us-east-1=https://x", "has no `lab`"),
            ("us-east-1=http://example.com", "https://"),
            ("us-east-1=http://8.8.8.8", "https://"),
            ("us-east-1=https://", "https://"),
            ("us-east-1=https://user:secret@host", "https://"),
            ("us-east-1=ftp://x", "https://"),
            ("us-east-1=https://a us-east-1=https://b", "twice"),
        ] {
            let told = config("", &accounts, endpoints).addresses().unwrap_err();
            assert!(told.contains(words), "{endpoints}: {told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
