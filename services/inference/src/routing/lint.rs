//! What is wrong with a table of routes for the models and places there are.
//!
//! What the table alone tells is [`RouteTable::check`]'s. Here a fault is what could never work; what works and was
//! hardly meant is a warning.

use std::path::Path;

use outcrop_config::{RouteFormat, read_routes, read_routes_file};
use outcrop_ports::{Modality, ModelCatalog, ModelInfo, Place, ResolvedModel, UnknownPlace};
use outcrop_types::{
    AccountName, Area, Bounds, Capability, Condition, Fault, Region, Residency, Route, RouteTable,
    RouteTarget,
};
use serde::Serialize;

use super::fit::can;

/// What was found out about a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RouteFindings {
    /// Why it is refused; none is good.
    pub faults: Vec<Fault>,
    /// What was hardly meant.
    pub warnings: Vec<Fault>,
}

/// What a table is held against. Nothing is called: this can be asked without a network.
#[derive(Clone, Copy)]
pub struct RouteLint<'a> {
    /// Which models there are.
    pub catalog: &'a dyn ModelCatalog,
    /// The regions that settings name; empty where only the machine's own settings do, and nothing is known of them here.
    pub regions: &'a [Region],
    /// Whether a place can be called.
    pub place: &'a dyn Fn(&Place) -> Result<(), UnknownPlace>,
}

impl RouteLint<'_> {
    /// The table of a file and what is strange about it.
    ///
    /// # Errors
    /// Why it is refused, or cannot be read.
    pub fn read(&self, file: &Path) -> Result<(RouteTable, Vec<Fault>), Vec<Fault>> {
        let text = read_routes_file(file).map_err(|error| vec![Fault::new("", error.to_string())])?;
        let table = read_routes(&text, RouteFormat::of(file))?;
        let RouteFindings { faults, warnings } = self.look_at(&table);
        if faults.is_empty() { Ok((table, warnings)) } else { Err(faults) }
    }

    /// Everything that is wrong with a table, and everything that is strange.
    #[must_use]
    pub fn look_at(&self, table: &RouteTable) -> RouteFindings {
        let mut found = RouteFindings { faults: table.check(), warnings: Vec::new() };
        self.areas("defaults", &table.defaults.residency, &mut found);
        for (at, route) in table.routes.iter().enumerate() {
            self.areas(&format!("routes[{at}].options"), &route.options.residency, &mut found);
            let bounds = Bounds::default().and(&table.defaults.residency).and(&route.options.residency);
            self.route(&format!("routes[{at}]"), route, &bounds, &mut found);
        }
        found
    }

    fn route(&self, path: &str, route: &Route, bounds: &Bounds, found: &mut RouteFindings) {
        let mut models = Vec::new();
        for (at, group) in route.groups.iter().enumerate() {
            let first = models.len();
            for (number, target) in group.targets.iter().enumerate() {
                let path = format!("{path}.groups[{at}].targets[{number}]");
                let Some(model) = self.target(&path, target, bounds, found) else { continue };
                fit(&path, &model.info, &group.when, found);
                models.push(model);
            }
            mixed(&format!("{path}.groups[{at}]"), &models[first..], found);
        }
        self.hidden(&format!("{path}.alias"), route, &models, found);
        if !models.is_empty() && models.iter().all(|it| it.info.legacy) {
            let message = "the end of every model of this route has been announced";
            found.warnings.push(Fault::new(path, message));
        }
    }

    /// The model of a target, where it is known.
    fn target(
        &self,
        path: &str,
        target: &RouteTarget,
        bounds: &Bounds,
        found: &mut RouteFindings,
    ) -> Option<ResolvedModel> {
        // An ARN names the region that it is in.
        let of_arn = || target.model.strip_prefix("arn:")?.split(':').nth(2)?.parse().ok();
        let own = target.region.clone().or_else(of_arn);
        let own = own.as_slice();
        for region in own {
            let field = if target.region.is_some() { "region" } else { "model" };
            self.spelling(&format!("{path}.{field}"), region, found);
        }
        let regions = if own.is_empty() { self.regions } else { own };
        for region in regions {
            if let Err(fault) = self.place(path, target.account.as_ref(), region) {
                found.faults.push(fault);
                return None;
            }
        }
        let at = |region: &Region, bounds: &Bounds| {
            self.catalog.resolve_at(&target.model, Modality::Text, region, bounds)
        };
        let free = Bounds::default();
        let anywhere = regions.iter().find_map(|it| at(it, &free));
        let known = anywhere.clone().or_else(|| self.catalog.resolve(Some(&target.model)));
        let Some(known) = known else {
            self.unknown(path, &target.model, found);
            return None;
        };
        if regions.is_empty() {
            return Some(known);
        }
        let path = format!("{path}.{}", if target.region.is_none() { "model" } else { "region" });
        let inside =
            |region: &Region| at(region, bounds).is_some_and(|model| bounds.hold(&model.reach(region)));
        if anywhere.is_none() {
            let message = format!("`{}` cannot be called in {}", target.model, names(regions));
            found.faults.push(Fault::new(path, message));
        } else if !regions.iter().any(inside) {
            let message = format!(
                "`{}`, called in {}, does not stay in {bounds}: the residency that holds would never let it be called",
                target.model,
                names(regions)
            );
            found.faults.push(Fault::new(path, message));
        }
        Some(anywhere.unwrap_or(known))
    }

    fn place(&self, path: &str, account: Option<&AccountName>, region: &Region) -> Result<(), Fault> {
        let place = Place { account: account.cloned(), region: region.clone() };
        (self.place)(&place).map_err(|error| {
            let field = match error {
                UnknownPlace::Account(_) => "account",
                UnknownPlace::Region(_) => "region",
            };
            Fault::new(format!("{path}.{field}"), error.to_string())
        })
    }

    /// A region may be newer than this code; likelier it is a slip.
    fn spelling(&self, path: &str, region: &Region, found: &mut RouteFindings) {
        if !region.is_known() && !self.regions.contains(region) {
            let message = format!("`{region}` is no region of AWS that is known here");
            found.warnings.push(Fault::new(path, message));
        }
    }

    fn areas(&self, path: &str, residency: &Residency, found: &mut RouteFindings) {
        for area in residency.areas() {
            if let Area::Region(region) = area {
                self.spelling(&format!("{path}.residency"), region, found);
            }
        }
    }

    /// An ARN may be one that only Bedrock knows; any other name is a slip.
    fn unknown(&self, path: &str, model: &str, found: &mut RouteFindings) {
        let path = format!("{path}.model");
        if model.starts_with("arn:") {
            let message =
                "is not in the catalogue: Bedrock is asked what is behind it when it is first called";
            found.warnings.push(Fault::new(path, message));
        } else {
            found.faults.push(Fault::new(path, format!("there is no model `{model}`")));
        }
    }

    /// A name that is a model's own, with another model behind it.
    fn hidden(&self, path: &str, route: &Route, models: &[ResolvedModel], found: &mut RouteFindings) {
        let Some(own) = self.catalog.resolve(Some(&route.alias)) else { return };
        let ModelInfo { id, aliases, bedrock_id, .. } = &*own.info;
        let is_name = [id, bedrock_id].into_iter().chain(aliases).any(|name| *name == route.alias);
        let others = models.iter().find(|it| it.info.id != *id);
        if let Some(other) = others.filter(|_| is_name) {
            let message =
                format!("is the name of the model `{id}`: who asks for that one may get `{}`", other.info.id);
            found.warnings.push(Fault::new(path, message));
        }
    }
}

/// Models of which some write what others do not: each request leaves some of them out.
fn mixed(path: &str, models: &[ResolvedModel], found: &mut RouteFindings) {
    let Some((first, rest)) = models.split_first() else { return };
    let shares = |other: &&ResolvedModel| other.info.output.iter().any(|it| first.info.output.contains(it));
    if let Some(other) = rest.iter().find(|it| !shares(it)) {
        let message = format!(
            "`{}` and `{}` make different things: no request is for both",
            first.info.id, other.info.id
        );
        found.warnings.push(Fault::new(format!("{path}.targets"), message));
    }
}

/// Whether a model can do what the requests of its group ask for.
fn fit(path: &str, info: &ModelInfo, when: &Condition, found: &mut RouteFindings) {
    let path = format!("{path}.model");
    let lacks: Vec<Capability> = when.uses.iter().copied().filter(|it| !can(info, *it)).collect();
    let all = lacks.len() == when.uses.len();
    if let Some(first) = lacks.first() {
        let message =
            format!("`{}` does not do `{}`, which requests of this group ask for", info.id, name(*first));
        if all { &mut found.faults } else { &mut found.warnings }.push(Fault::new(path.clone(), message));
    }
    if let (Some(least), Some(window)) = (when.min_prompt_tokens, info.context_window)
        && least > u64::from(window)
    {
        let message = format!(
            "`{}` reads {window} tokens at most, and requests of this group have {least} at least",
            info.id
        );
        found.faults.push(Fault::new(path, message));
    }
}

/// As it is written in a table.
const fn name(capability: Capability) -> &'static str {
    match capability {
        Capability::Tools => "tools",
        Capability::Images => "images",
        Capability::Documents => "documents",
        Capability::Media => "media",
        Capability::Reasoning => "reasoning",
        Capability::StructuredOutput => "structured_output",
        Capability::Streaming => "streaming",
    }
}

fn names(regions: &[Region]) -> String {
    let names: Vec<&str> = regions.iter().map(Region::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
