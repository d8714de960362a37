//! From a name to candidates: the route or the model itself, its targets at their places, each within what holds for it.

use std::borrow::Cow;
use std::sync::Arc;

use outcrop_ports::{Modality, Place, ResolvedModel};
use outcrop_types::{
    Bounds, Group, PromptCacheRule, Region, Route, RouteOptions, RouteTarget, Strategy, TeamId,
};

use super::order::Weighed;
use super::plan::{Candidate, merged};
use super::{Asks, RouteBook, Router};
use crate::ChatError;
use crate::chat::shown;

/// Most targets that are looked at for one request.
const MOST_CANDIDATES: usize = 64;

/// How often a name is resolved anew when what it resolves to is under further bounds.
const MOST_ROUNDS: usize = 8;

/// Asks whether a model may be called, and under which bounds.
pub(super) type Allowed<'a> = dyn Fn(&ResolvedModel) -> Result<Bounds, ChatError> + 'a;

/// Where a name leads.
pub(super) struct Way {
    /// The route, if one was written for it.
    pub(super) route: Option<Arc<Route>>,
    /// The one group of a model without a route.
    implicit: Option<Group>,
    pub(super) options: Arc<RouteOptions>,
    /// What holds for all of its calls, whoever makes them.
    bounds: Bounds,
    /// The name, as errors call it.
    name: String,
}

/// Why a target is none for a request. Of several reasons the last in this order is told.
#[derive(Debug)]
enum Out {
    /// No such model there.
    Unknown,
    /// This principal may not call it.
    Forbidden(ChatError),
    /// It would leave what holds for the call.
    Beyond(Bounds),
}

/// Targets of one request, by group; and why some are none.
pub(super) struct Search<'a> {
    router: &'a Router,
    way: &'a Way,
    asks: &'a Asks<'a>,
    allowed: &'a Allowed<'a>,
    found: Vec<(usize, Weighed)>,
    out: Option<Out>,
}

impl Way {
    /// What is tried, in order.
    pub(super) fn groups(&self) -> &[Group] {
        match (&self.implicit, &self.route) {
            (Some(group), _) => std::slice::from_ref(group),
            (None, Some(route)) => &route.groups,
            (None, None) => &[],
        }
    }
}

impl Router {
    /// Where the name of a request leads. Every name of a model that has a route leads there; but an ARN is one resource of
    /// one account, and is called as it is, under what holds for the route.
    pub(super) fn way(&self, asks: &Asks<'_>, book: &RouteBook) -> Result<Way, ChatError> {
        if let Some(route) = asks.asked.and_then(|name| book.lookup(asks.team, name)) {
            return Ok(along(route, book));
        }
        let Some(model) = self.ports.catalog.resolve_for(asks.asked, asks.output) else {
            let unknown = |asked: &str| ChatError::UnknownModel { model: shown(asked) };
            return Err(asks.asked.map_or(ChatError::NoModel, unknown));
        };
        let route = book.lookup(asks.team, &self.model_id(&model, asks));
        let name = asks.asked.map_or_else(|| model.info.id.clone(), str::to_owned);
        if let Some(route) = route.filter(|_| !is_arn(&name)) {
            return Ok(along(route, book));
        }
        let own = route.map(|it| &it.options);
        let target = RouteTarget { model: name.clone(), ..RouteTarget::default() };
        let group = Group { strategy: Strategy::Ordered, targets: vec![target], ..Group::default() };
        Ok(Way {
            route: None,
            implicit: Some(group),
            options: own.map_or_else(|| Arc::clone(book.defaults()), |own| merged(book.defaults(), own)),
            bounds: bounds(book.defaults(), own),
            name,
        })
    }
}

impl Router {
    /// The name of the model itself: a profile of the account has no name but its ARN.
    fn model_id(&self, model: &ResolvedModel, asks: &Asks<'_>) -> String {
        let info = &model.info;
        let is_own = is_arn(&info.id) && !info.base_id.is_empty();
        let behind =
            is_own.then(|| self.ports.catalog.resolve_for(Some(&info.base_id), asks.output)).flatten();
        behind.map_or_else(|| info.id.clone(), |it| it.info.id.clone())
    }
}

impl Router {
    /// What the routes say of the prompt cache for a name, before anything of the request is known.
    pub(crate) fn prompt_cache(&self, team: TeamId, asked: Option<&str>) -> Option<PromptCacheRule> {
        let book = self.routes.book();
        let named = asked.and_then(|name| book.lookup(team, name));
        let model = || self.ports.catalog.resolve_for(asked, Modality::Text);
        let route = named.or_else(|| book.lookup(team, &model()?.info.id));
        route.and_then(|it| it.options.prompt_cache).or(book.defaults().prompt_cache)
    }
}

fn along(route: &Arc<Route>, book: &RouteBook) -> Way {
    Way {
        options: merged(book.defaults(), &route.options),
        bounds: bounds(book.defaults(), Some(&route.options)),
        name: route.alias.clone(),
        implicit: None,
        route: Some(Arc::clone(route)),
    }
}

fn bounds(defaults: &RouteOptions, own: Option<&RouteOptions>) -> Bounds {
    let bounds = Bounds::default().and(&defaults.residency);
    own.map_or_else(|| bounds.clone(), |own| bounds.clone().and(&own.residency))
}

impl<'a> Search<'a> {
    pub(super) const fn new(
        router: &'a Router,
        way: &'a Way,
        asks: &'a Asks<'a>,
        allowed: &'a Allowed<'a>,
    ) -> Self {
        Self { router, way, asks, allowed, found: Vec::new(), out: None }
    }

    /// Looks at every target of a group, in every place where it is called.
    pub(super) fn look(&mut self, number: usize, group: &Group) {
        for target in &group.targets {
            for region in self.router.regions(target).iter() {
                if self.found.len() >= MOST_CANDIDATES {
                    return;
                }
                let place = Place { account: target.account.clone(), region: region.clone() };
                match self.candidate(target, &place) {
                    Ok(candidate) => self.keep(number, candidate, target.weight.unwrap_or(1)),
                    Err(out) => self.leave_out(out),
                }
            }
        }
    }

    /// What was found, or why nothing was.
    pub(super) fn end(self) -> Result<Vec<(usize, Weighed)>, ChatError> {
        if !self.found.is_empty() {
            return Ok(self.found);
        }
        let model = || shown(&self.way.name);
        Err(match self.out {
            Some(Out::Beyond(bounds)) => {
                ChatError::OutOfBounds { model: model(), bounds: bounds.to_string() }
            }
            Some(Out::Forbidden(error)) => error,
            Some(Out::Unknown) if self.way.route.is_none() => ChatError::UnknownModel { model: model() },
            Some(Out::Unknown) | None => ChatError::NoTarget { model: model() },
        })
    }

    /// A target at a place, by the id that suits the place and everything that holds. What is allowed depends on the id, and
    /// the id on what is allowed: bounds once found stay, until nothing is added.
    fn candidate(&self, target: &RouteTarget, place: &Place) -> Result<Candidate, Out> {
        let catalog = &self.router.ports.catalog;
        let resolve =
            |within: &Bounds| catalog.resolve_at(&target.model, self.asks.output, &place.region, within);
        let mut within = self.way.bounds.clone();
        for _ in 0..MOST_ROUNDS {
            let Some(model) = resolve(&within) else {
                let is_there = !within.is_empty() && resolve(&Bounds::default()).is_some();
                return Err(if is_there { Out::Beyond(within) } else { Out::Unknown });
            };
            let before = within.clone();
            within = within.and_all(&(self.allowed)(&model).map_err(Out::Forbidden)?);
            if within == before {
                let state = |model: &ResolvedModel| self.router.targets.state(place, &model.bedrock_id);
                return Candidate::within(&within, place, model, state).ok_or(Out::Beyond(within));
            }
        }
        Err(Out::Beyond(within))
    }

    fn keep(&mut self, group: usize, candidate: Candidate, weight: u32) {
        if !self.found.iter().any(|(_, known)| known.candidate.is(&candidate)) {
            self.found.push((group, Weighed { candidate, weight }));
        }
    }

    fn leave_out(&mut self, out: Out) {
        let rank = |out: &Out| match out {
            Out::Unknown => 0,
            Out::Forbidden(_) => 1,
            Out::Beyond(_) => 2,
        };
        if self.out.as_ref().is_none_or(|known| rank(known) < rank(&out)) {
            self.out = Some(out);
        }
    }
}

impl Router {
    /// The regions in which a target is called: its own; that of its ARN; or each that settings name.
    fn regions(&self, target: &RouteTarget) -> Cow<'_, [Region]> {
        let of_arn = || target.model.strip_prefix("arn:")?.split(':').nth(2)?.parse().ok();
        match target.region.clone().or_else(of_arn) {
            Some(region) => Cow::Owned(vec![region]),
            None => Cow::Borrowed(self.ports.places.regions()),
        }
    }
}

fn is_arn(name: &str) -> bool {
    name.starts_with("arn:")
}
