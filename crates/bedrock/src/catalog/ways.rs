//! The ways to a model from one region: in the region itself, or by an inference profile.

use outcrop_ports::{ModelInfo, ResolvedModel};
use outcrop_types::{Bounds, Region};

use super::names::{self, geography, narrower, wider};

/// From where models are called, and by which profiles rather.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    pub(super) region: String,
    /// A geography whose profiles are taken even where the region serves the model itself.
    pub(super) preferred: Option<String>,
}

/// One way: the geography of a profile, or nothing for the region itself.
type Way<'a> = Option<&'a str>;

impl Ways {
    /// Settles by which id a model is called, and lets it be named by each of its profiles.
    pub(super) fn settle(&self, info: &mut ModelInfo, listed: bool) {
        // What is listed can be called from here, whatever its geography is called.
        let other = || info.profiles.first().filter(|_| listed && !info.on_demand).map(String::as_str);
        let way = self.to(info).next().unwrap_or_else(other);
        let id = by(info, way);
        let ids = info.profiles.iter().map(|profile| format!("{profile}.{}", info.base_id));
        info.aliases.extend(ids);
        info.bedrock_id = id;
    }

    /// The id to call a model by that leaves the region no further than it must, and never the bounds.
    pub(super) fn within(&self, info: &ModelInfo, region: &Region, bounds: &Bounds) -> Option<String> {
        let listed = info.profiles.iter().map(|it| Some(it.as_str())).filter(|_| !info.on_demand);
        // The last resort: what only the list knows goes nobody knows where.
        let listed = listed.filter(|way| way.is_some_and(|it| !names::GEOGRAPHIES.contains(&it)));
        let mut ids = self.to(info).chain(listed).map(|way| by(info, way));
        ids.find(|id| is_within(id, info, region, bounds))
    }

    /// The same wishes in another region.
    pub(super) fn from(&self, region: &Region) -> Self {
        let own = |it: &String| {
            if *it == geography(&self.region) { geography(region.as_str()).to_owned() } else { it.clone() }
        };
        Self { region: region.to_string(), preferred: self.preferred.as_ref().map(own) }
    }

    /// The ways there are, the best first.
    fn to<'a>(&'a self, info: &'a ModelInfo) -> impl Iterator<Item = Way<'a>> {
        let region = self.region.as_str();
        let own = geography(region);
        let preferred = self.preferred.as_deref();
        // Who prefers the region's geography is as well served by a country in it.
        let instead = narrower(region).filter(|_| preferred == Some(own));
        let first = [preferred, instead].map(|it| it.map(Some));
        let here = info.on_demand.then_some(None);
        let rest = [narrower(region), Some(own), wider(region), Some("global")];
        // Tried in this order: a place further away only where nearer ones have no profile.
        let rest = rest.map(|it| it.map(Some));
        let all = first.into_iter().flatten().chain(here).chain(rest.into_iter().flatten());
        all.filter(|way| way.is_none_or(|it| info.profiles.iter().any(|has| has == it)))
    }
}

fn by(info: &ModelInfo, way: Way<'_>) -> String {
    match way {
        Some(profile) => format!("{profile}.{}", info.base_id),
        None => info.base_id.clone(),
    }
}

fn is_within(id: &str, info: &ModelInfo, region: &Region, bounds: &Bounds) -> bool {
    // The question is cheap, but for the copy; most calls are not bound.
    bounds.is_empty() || {
        let model = ResolvedModel { bedrock_id: id.to_owned(), info: info.clone().into() };
        bounds.hold(&model.reach(region))
    }
}
