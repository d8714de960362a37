//! Bedrock's quotas: what the account may ask of the default models in a minute, and whether limits promise more than that.

use futures::future::join_all;
use outcrop_config::ModelsConfig;
use outcrop_ports::{Modality, ModelCatalog, ResolvedModel};
use outcrop_types::{Bounds, Pattern, Region};
use outcrop_wiring::Quota;

use super::finding::{Finding, is_denied};
use super::quota_names::{Counted, Reach, find};
use super::{Patient, database};

const NAME: &str = "quotas";

/// A limit of ours on calls of a model.
struct Promise {
    /// Who makes it, to begin a sentence.
    from: String,
    counted: Counted,
    per_minute: u32,
    /// Only for these models.
    model: Option<Pattern>,
}

/// A default model as one region calls it, and its quotas there.
struct Allowed {
    model: ResolvedModel,
    tokens: Option<f64>,
    requests: Option<f64>,
}

pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    if !config.models.url.starts_with("bedrock://") {
        return vec![Finding::skipped(NAME, "models are emulated; the emulator has none")];
    }
    // What is wrong with the catalogue is told by the check of the settings.
    let Ok(catalog) = outcrop_wiring::names(config) else { return Vec::new() };
    let regions: Vec<_> = match config.models.regions() {
        Ok(regions) if regions.is_empty() => vec![None],
        Ok(regions) => regions.into_iter().map(Some).collect(),
        // Told by the check of the settings.
        Err(_) => return Vec::new(),
    };
    let models = regions.into_iter().map(|region| {
        let called = called(&*catalog, &config.models, region.as_ref());
        (region, called)
    });
    // A region that calls none of them is not asked.
    let models: Vec<_> = models.filter(|(_, called)| called.iter().any(Option::is_some)).collect();
    let listed = join_all(models.iter().map(|(region, _)| list(patient, region.as_ref()))).await;
    let mut findings = Vec::new();
    let (mut known, mut all_said) = ([Vec::new(), Vec::new()], true);
    for ((region, called), listed) in models.into_iter().zip(listed) {
        match listed {
            Err(why) => {
                all_said = false;
                findings.push(unknown(region.as_ref(), called.iter().flatten().next(), &why));
            }
            Ok(quotas) => {
                for (model, known) in called.into_iter().zip(&mut known) {
                    let Some(model) = model else { continue };
                    let (finding, allowed) = of_model(model, region.as_ref(), &quotas);
                    findings.push(finding);
                    known.push(allowed);
                }
            }
        }
    }
    // What another account adds is not known, and neither is what a region gives that did not say.
    if all_said && config.models.accounts.is_none() {
        let promises = promises(patient).await;
        findings.extend(known.iter().flat_map(|known| broken(known, &promises)));
    }
    findings
}

/// The models that answer where nobody names one, as a region calls them: each region has its own way, and maybe none.
fn called(
    catalog: &dyn ModelCatalog,
    models: &ModelsConfig,
    region: Option<&Region>,
) -> [Option<ResolvedModel>; 2] {
    let ModelsConfig { default, default_embedding, .. } = models;
    let wanted = [(default, Modality::Text), (default_embedding, Modality::Embedding)];
    wanted.map(|(name, output)| match region {
        Some(region) => catalog.resolve_at(name, output, region, &Bounds::default()),
        None => catalog.resolve_for(Some(name), output),
    })
}

/// The quotas of a region, or why they cannot be known.
async fn list(patient: &Patient, region: Option<&Region>) -> Result<Vec<Quota>, String> {
    // Halves, as this must end before the whole check does: not to know them is no failure.
    let limit = patient.limit / 2;
    match tokio::time::timeout(limit, Box::pin(outcrop_wiring::bedrock_quotas(region))).await {
        Ok(listed) => listed.map_err(|error| error.to_string()),
        Err(_) => Err(format!("Service Quotas did not answer within {} s", limit.as_secs_f32())),
    }
}

/// Models are called without it: a note, with the way to see them all the same.
fn unknown(region: Option<&Region>, model: Option<&ResolvedModel>, why: &str) -> Finding {
    let allow = if is_denied(why) { "; allow servicequotas:ListServiceQuotas" } else { "" };
    let at = region.map_or_else(String::new, |it| format!(" --region {it}"));
    let shown = model.map_or("", |it| it.info.name.as_deref().unwrap_or(&it.info.id));
    // Quotes end the shell's word; a name of the catalogue has none.
    let shown = shown.replace(['\'', '`', '"'], "");
    Finding::skipped(
        NAME,
        format!(
            "not known: {why}{allow}, or see them with: aws service-quotas list-service-quotas --service-code bedrock{at} \
             --query \"Quotas[?contains(QuotaName, '{shown}')].[QuotaName,Value]\" --output table"
        ),
    )
}

/// What a model has in a region.
fn of_model(model: ResolvedModel, region: Option<&Region>, quotas: &[Quota]) -> (Finding, Allowed) {
    let name = match region {
        Some(region) => format!("quotas of {}, {region}", model.info.id),
        None => format!("quotas of {}", model.info.id),
    };
    let Some(reach) = Reach::of(&model) else {
        let seen = "not known: only Bedrock knows the model behind its ARN, and how that is called";
        return (Finding::skipped(name, seen), Allowed { model, tokens: None, requests: None });
    };
    let found = [Counted::Tokens, Counted::Requests].map(|counted| find(quotas, &model, reach, counted));
    let [tokens, requests] = found.map(|it| it.map(|it| it.value));
    let given: Vec<&Quota> = found.into_iter().flatten().collect();
    let finding = if given.is_empty() {
        let words = reach.words().to_ascii_lowercase();
        let seen = format!("Service Quotas lists none for {words} calls of it by a name that fits");
        Finding::warn(name, seen, more(&quota_name(&model, reach)))
    } else if let Some(none) = given.iter().find(|it| it.value <= 0.0) {
        Finding::warn(
            name,
            format!("this account may not call it at all: {} is 0", none.name),
            more(&none.name),
        )
    } else {
        Finding::ok(name, shown(&model, tokens, requests))
    };
    (finding, Allowed { model, tokens, requests })
}

/// Its quotas in words.
fn shown(model: &ResolvedModel, tokens: Option<f64>, requests: Option<f64>) -> String {
    let counts = [(tokens, Counted::Tokens), (requests, Counted::Requests)];
    let counts =
        counts.into_iter().filter_map(|(value, counted)| Some(format!("{} {}", value?, counted.words())));
    let shown = counts.collect::<Vec<_>>().join(", ");
    match model.info.output_burndown {
        0 | 1 => shown,
        times => format!("{shown}; a token of output counts as {times}"),
    }
}

/// What its quota is called, as far as that can be foreseen.
fn quota_name(model: &ResolvedModel, reach: Reach) -> String {
    let called = model.info.name.as_deref().unwrap_or(&model.info.id);
    format!("{} model inference tokens per minute for … {called}", reach.words())
}

fn more(quota: &str) -> String {
    format!(
        "ask for more in the AWS console (Service Quotas, AWS services, Amazon Bedrock, `{quota}`); a new account may have to ask \
         AWS Support"
    )
}

/// Limits of ours that Bedrock's quotas of a model, in all regions that call it, keep anybody from reaching.
fn broken(known: &[Allowed], promises: &[Promise]) -> Vec<Finding> {
    let Some(Allowed { model, .. }) = known.first() else { return Vec::new() };
    let total = |of: fn(&Allowed) -> Option<f64>| known.iter().map(of).sum::<Option<f64>>();
    let totals = [(Counted::Tokens, total(|it| it.tokens)), (Counted::Requests, total(|it| it.requests))];
    let mut findings = Vec::new();
    for promise in promises.iter().filter(|it| known.iter().any(|known| it.is_for(&known.model))) {
        let given = totals.iter().find(|(counted, _)| *counted == promise.counted).and_then(|(_, it)| *it);
        // Nothing at all was told before.
        let Some(given) = given.filter(|it| *it > 0.0 && f64::from(promise.per_minute) > *it) else {
            continue;
        };
        let (from, id, words) = (&promise.from, &model.info.id, promise.counted.words());
        let seen = format!(
            "{from} allows {} {words}, and Bedrock gives this account {given} of {id}: calls are throttled before they are refused",
            promise.per_minute
        );
        let remedy = "lower the limit, ask for more in the AWS console (Service Quotas, AWS services, Amazon Bedrock), or add a \
                      region to `models.url`";
        findings.push(Finding::warn("quotas and limits", seen, remedy));
    }
    findings
}

impl Promise {
    fn is_for(&self, model: &ResolvedModel) -> bool {
        let names = [&model.info.id, &model.bedrock_id, &model.info.base_id];
        self.model.as_ref().is_none_or(|pattern| names.into_iter().any(|it| pattern.matches(it)))
    }
}

/// What settings and policies let somebody do in a minute; of policies only if the database can be asked.
async fn promises(patient: &Patient) -> Vec<Promise> {
    let limits = &patient.config.limits;
    let settings = [
        ("`limits.requests_per_minute_per_key`", limits.requests_per_minute_per_key),
        ("`limits.requests_per_minute_per_team`", limits.requests_per_minute_per_team),
    ];
    let mut promises: Vec<Promise> = settings
        .into_iter()
        .filter_map(|(key, limit)| {
            let (from, counted) = (key.to_owned(), Counted::Requests);
            Some(Promise { from, counted, per_minute: limit?, model: None })
        })
        .collect();
    // Bounded, so that with a database that is silent the rest is told.
    let policies = tokio::time::timeout(patient.limit / 4, database::policies(patient)).await;
    for policy in policies.unwrap_or_default() {
        let rules = &policy.rules;
        let limits =
            [(Counted::Tokens, rules.tokens_per_minute), (Counted::Requests, rules.requests_per_minute)];
        for (counted, per_minute) in limits {
            let Some(per_minute) = per_minute else { continue };
            let (from, model) = (format!("policy {}", policy.id), policy.model.clone());
            promises.push(Promise { from, counted, per_minute, model });
        }
    }
    promises
}
