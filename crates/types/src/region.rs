//! Where calls may be answered: regions, the geographies of inference profiles, and residency.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a region, characters.
const MAX_LEN: usize = 32;

/// Most areas of one residency.
const MAX_AREAS: usize = 16;

/// An AWS region: `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Box<str>);

/// A text that names no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of an AWS region, such as `eu-central-1`")]
pub struct MalformedRegion;

/// A part of the world that cross-region inference profiles stay in (Amazon Bedrock user guide, "Supported Regions and
/// models for inference profiles"). `global` is none: it leaves all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Geography {
    /// The United States.
    Us,
    /// The European Union.
    Eu,
    /// Asia and the Pacific.
    Apac,
    /// Japan.
    Jp,
    /// Australia and New Zealand.
    Au,
    /// India.
    In,
    /// Canada.
    Ca,
    /// AWS GovCloud (US).
    UsGov,
}

/// A geography or a single region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Area {
    /// Every region of it.
    Geography(Geography),
    /// This one.
    Region(Region),
}

/// A text that names no area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a geography (`us`, `eu`, `apac`, `jp`, `au`, `in`, `ca`, `us-gov`) or the name of an AWS region"
)]
pub struct MalformedArea;

/// The areas that data may be in; what is answered anywhere else is not asked. Empty: anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Area>", into = "Vec<Area>")]
pub struct Residency(Vec<Area>);

/// More areas than can be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_AREAS} areas")]
pub struct TooManyAreas;

/// Where one call may be answered, as far as anybody can tell before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// In the region that is called.
    Region(Region),
    /// In the region that is called, or anywhere in this geography.
    Geography(Geography, Region),
    /// Nobody says where.
    Anywhere,
}

/// Every residency that holds for a call: of its route, its team, the platform. All of them hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds(Vec<Residency>);

// === impl Region ===

/// The regions of AWS, of all its partitions (AWS General Reference, "AWS service endpoints"; AWS European Sovereign Cloud,
/// "Regions"; GovCloud and China have user guides of their own). Newer ones are called all the same.
const KNOWN: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

impl Region {
    /// Whether AWS has it, as far as is known here: another name is new, or a slip.
    #[must_use]
    pub fn is_known(&self) -> bool {
        KNOWN.contains(&&*self.0)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = MalformedRegion;

    fn from_str(text: &str) -> Result<Self, MalformedRegion> {
        let parts: Vec<&str> = text.split('-').collect();
        let plain = |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_lowercase());
        let [words @ .., number] = parts.as_slice() else { return Err(MalformedRegion) };
        let numbered = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
        let is_region = text.len() <= MAX_LEN && words.len() >= 2 && words.iter().all(plain) && numbered;
        if is_region { Ok(Self(text.into())) } else { Err(MalformedRegion) }
    }
}

impl TryFrom<String> for Region {
    type Error = MalformedRegion;

    fn try_from(text: String) -> Result<Self, MalformedRegion> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0.into()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Geography ===

impl Geography {
    /// Every geography.
    pub const ALL: [Self; 8] =
        [Self::Us, Self::Eu, Self::Apac, Self::Jp, Self::Au, Self::In, Self::Ca, Self::UsGov];

    /// The prefix of its inference profiles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Apac => "apac",
            Self::Jp => "jp",
            Self::Au => "au",
            Self::In => "in",
            Self::Ca => "ca",
            Self::UsGov => "us-gov",
        }
    }

    /// Reads the prefix; `global`, and what is newer than this code, is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether a region is in it. London and Zurich are in Europe, not in the Union, and the Emirates are not on the Pacific:
    /// whoever means them names them.
    ///
    /// Sources: the user guide above, and what GetInferenceProfile lists as the targets of `eu.`, `jp.`, `au.` (Sydney,
    /// Melbourne, Auckland), `in.`, `ca.` and `us.` profiles. Called from outside, from Canada or the Emirates, a profile goes to
    /// the region called, too. AWS's CDK counts London and Zurich to `eu` and the Emirates to `apac`, according to the model:
    /// a profile that Bedrock lists with a target outside is therefore not believed to stay in.
    #[must_use]
    pub fn has(self, region: &Region) -> bool {
        let name = region.as_str();
        match self {
            Self::Us => {
                name.starts_with("us-") && !name.starts_with("us-gov-") && !name.starts_with("us-iso")
            }
            Self::Eu => {
                name.starts_with("eu-")
                    && !matches!(name, "eu-west-2" | "eu-central-2")
                    && !name.starts_with("eu-iso")
            }
            Self::Apac => name.starts_with("ap-"),
            Self::Jp => matches!(name, "ap-northeast-1" | "ap-northeast-3"),
            Self::Au => matches!(name, "ap-southeast-2" | "ap-southeast-4" | "ap-southeast-6"),
            Self::In => matches!(name, "ap-south-1" | "ap-south-2"),
            Self::Ca => name.starts_with("ca-"),
            Self::UsGov => name.starts_with("us-gov-"),
        }
    }

    /// Whether all of another geography is in it.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == other || (self == Self::Apac && matches!(other, Self::Jp | Self::Au | Self::In))
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Area ===

impl Area {
    fn has(&self, region: &Region) -> bool {
        match self {
            Self::Geography(geography) => geography.has(region),
            Self::Region(own) => own == region,
        }
    }

    fn includes(&self, geography: Geography) -> bool {
        matches!(self, Self::Geography(own) if own.includes(geography))
    }
}

impl FromStr for Area {
    type Err = MalformedArea;

    fn from_str(text: &str) -> Result<Self, MalformedArea> {
        let region = || text.parse().map(Self::Region).map_err(|_| MalformedArea);
        Geography::parse(text).map_or_else(region, |geography| Ok(Self::Geography(geography)))
    }
}

impl TryFrom<String> for Area {
    type Error = MalformedArea;

    fn try_from(text: String) -> Result<Self, MalformedArea> {
        text.parse()
    }
}

impl From<Area> for String {
    fn from(area: Area) -> Self {
        area.to_string()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Geography(geography) => geography.fmt(f),
            Self::Region(region) => region.fmt(f),
        }
    }
}

// === impl Residency ===

impl Residency {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The areas.
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.0
    }

    /// Whether everywhere that a call may be answered is in one of the areas.
    #[must_use]
    pub fn holds(&self, reach: &Reach) -> bool {
        let here = |region: &Region| self.0.iter().any(|area| area.has(region));
        self.is_empty()
            || match reach {
                Reach::Region(region) => here(region),
                Reach::Geography(geography, called) => {
                    here(called) && self.0.iter().any(|area| area.includes(*geography))
                }
                Reach::Anywhere => false,
            }
    }
}

impl TryFrom<Vec<Area>> for Residency {
    type Error = TooManyAreas;

    fn try_from(areas: Vec<Area>) -> Result<Self, TooManyAreas> {
        if areas.len() > MAX_AREAS { Err(TooManyAreas) } else { Ok(Self(areas)) }
    }
}

impl From<Residency> for Vec<Area> {
    fn from(residency: Residency) -> Self {
        residency.0
    }
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

// === impl Bounds ===

impl Bounds {
    /// With one more residency that holds.
    #[must_use]
    pub fn and(mut self, residency: &Residency) -> Self {
        if !residency.is_empty() && !self.0.contains(residency) {
            self.0.push(residency.clone());
        }
        self
    }

    /// With everything that holds elsewhere, too.
    #[must_use]
    pub fn and_all(self, others: &Self) -> Self {
        others.0.iter().fold(self, Self::and)
    }

    /// Whether nothing is bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every residency holds for such a call.
    #[must_use]
    pub fn hold(&self, reach: &Reach) -> bool {
        self.0.iter().all(|it| it.holds(reach))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&each.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residency(areas: &[&str]) -> Residency {
        let areas: Vec<Area> = areas.iter().map(|it| it.parse().unwrap()).collect();
        areas.try_into().unwrap()
    }

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn regions_look_like_regions() {
        for good in ["us-east-1", "eu-central-2", "us-gov-west-1", "ap-southeast-4", "us-iso-east-1"] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in ["", "eu", "us-east", "US-EAST-1", "us-east-1/x", "us_east_1", "-east-1", "us-east-"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_call_stays_where_every_place_it_may_reach_is_allowed() {
        let in_region = |name: &str| Reach::Region(region(name));
        let profile = |geography, from: &str| Reach::Geography(geography, region(from));
        let cases = [
            (&["eu"][..], in_region("eu-central-1"), true),
            (&["eu"], in_region("eu-west-2"), false),
            (&["eu", "eu-west-2"], in_region("eu-west-2"), true),
            (&["eu"], in_region("us-east-1"), false),
            (&["eu"], profile(Geography::Eu, "eu-west-1"), true),
            (&["eu"], profile(Geography::Eu, "eu-west-2"), false),
            (&["eu"], Reach::Anywhere, false),
            (&["eu-central-1"], profile(Geography::Eu, "eu-central-1"), false),
            (&["apac"], profile(Geography::Jp, "ap-northeast-1"), true),
            (&["jp"], profile(Geography::Apac, "ap-northeast-1"), false),
            (&["us"], in_region("us-gov-west-1"), false),
            (&["us"], profile(Geography::Us, "ca-central-1"), false),
            (&[], Reach::Anywhere, true),
        ];
        for (areas, reach, holds) in cases {
            assert_eq!(residency(areas).holds(&reach), holds, "{areas:?} {reach:?}");
        }
    }

    #[test]
    fn every_bound_holds_at_once() {
        let bounds = Bounds::default().and(&residency(&["eu", "us"])).and(&residency(&["eu"]));
        assert!(bounds.hold(&Reach::Region(region("eu-north-1"))));
        assert!(!bounds.hold(&Reach::Region(region("us-east-1"))));
        assert!(Bounds::default().and(&Residency::default()).hold(&Reach::Anywhere));
    }
}
