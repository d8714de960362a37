//! `outcrop policies`: the operator's way to policies, straight in the stores.

mod routed;

use outcrop_auth::{Acting, AuthService, NewPolicy, PolicyPatch, RulesPatch};
use outcrop_config::Config;
use outcrop_ports::PolicyFilter;
use outcrop_types::{Budget, Level, Pattern, Period, Policy, Rules, Target, TimeZone};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::cli::{
    DeletePolicyArgs, ListPoliciesArgs, PoliciesCommand, Rule, RulesArgs, SetPolicyArgs, ShowPolicyArgs,
    TargetArgs,
};
use crate::commands::{lookup, pages};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, time};

pub(crate) async fn run(command: &PoliciesCommand, config: &Config) -> Result<(), Failure> {
    if let PoliciesCommand::Set(args) = command {
        return set(args, &Admin::connect(config).await?.auth().await?).await;
    }
    let auth = Admin::connect_existing(config).await?.auth().await?;
    match command {
        PoliciesCommand::Set(args) => set(args, &auth).await,
        PoliciesCommand::List(args) => list(args, &auth).await,
        PoliciesCommand::Show(ShowPolicyArgs { id, json }) => {
            show(&auth.get_policy(&Acting::command_line(), *id).await?, *json)
        }
        PoliciesCommand::Delete(DeletePolicyArgs { id }) => {
            auth.delete_policy(&Acting::command_line(), *id).await?;
            output::line(&format!("Policy {id} is deleted."))
        }
    }
}

async fn set(args: &SetPolicyArgs, auth: &AuthService) -> Result<(), Failure> {
    let acting = Acting::command_line();
    let target = target(&args.target, auth).await?;
    let there = auth.policy_for(&acting, target.clone(), args.model.clone()).await?;
    let before = there.as_ref().map(|it| it.rules.clone()).unwrap_or_default();
    let rules = patch(&args.rules, &before)?;
    let policy = match there {
        Some(there) => {
            // Budgets were merged with those just read.
            let patch = PolicyPatch { rules, revision: Some(there.revision) };
            auth.update_policy(&acting, there.id, patch).await?
        }
        None => {
            let new =
                NewPolicy { target, model: args.model.clone(), rules: rules.applied_to(Rules::default()) };
            auth.create_policy(&acting, new).await?
        }
    };
    show(&policy, args.json)
}

async fn target(args: &TargetArgs, auth: &AuthService) -> Result<Target, Failure> {
    let team = lookup::team_filter(auth, args.team.as_deref()).await?;
    if let Some(name) = &args.user {
        let user = lookup::subject(auth, name).await?;
        return Ok(Target::User { user: Some(user), team });
    }
    if let Some(key) = &args.key {
        return Ok(Target::Key { key: Some(key.clone()), team });
    }
    match args.each {
        Some(Level::User) => Ok(Target::User { user: None, team }),
        Some(Level::Key) => Ok(Target::Key { key: None, team }),
        Some(Level::Team) if team.is_some() => {
            Err(Failure::Usage("--team names one team, and `--each team` is for each of them".to_owned()))
        }
        Some(_) => Ok(Target::Team { team: None }),
        None if args.platform => Ok(Target::Platform),
        None => Ok(Target::Team { team }),
    }
}

/// What shall change of rules: what is named, and what is to be removed. A budget takes the place of the one of the
/// same period.
fn patch(args: &RulesArgs, before: &Rules) -> Result<RulesPatch, Failure> {
    let removed = |rule| args.remove.contains(&rule);
    fn change<T>(removed: bool, named: Option<T>) -> Option<Option<T>> {
        if removed { Some(None) } else { named.map(Some) }
    }
    let some_list = |list: &[Pattern]| (!list.is_empty()).then(|| list.to_vec());
    let patch = RulesPatch {
        requests_per_minute: change(removed(Rule::RequestsPerMinute), args.requests_per_minute),
        tokens_per_minute: change(removed(Rule::TokensPerMinute), args.tokens_per_minute),
        concurrent_requests: change(removed(Rule::ConcurrentRequests), args.concurrent_requests),
        budgets: change(removed(Rule::Budgets), budgets(args, before)?),
        max_output_tokens: change(removed(Rule::MaxOutputTokens), args.max_output_tokens),
        default_output_tokens: change(removed(Rule::DefaultOutputTokens), args.default_output_tokens),
        models: change(removed(Rule::Models), some_list(&args.models)),
        allow_unpriced: change(removed(Rule::AllowUnpriced), some_list(&args.allow_unpriced)),
        residency: change(removed(Rule::Residency), routed::residency(args)?),
        guardrails: change(removed(Rule::Guardrails), routed::guardrails(args)),
        cache: change(removed(Rule::Cache), routed::cache(args, before)),
        ways: change(removed(Rule::Ways), routed::ways(args)),
    };
    if patch == RulesPatch::default() {
        let line =
            "say what to set, e.g. --requests-per-minute 600; `outcrop policies set --help` lists all of it";
        return Err(Failure::Usage(line.to_owned()));
    }
    Ok(patch)
}

/// The budgets as they shall be. One that is named takes the place of the one of the same period, and keeps of it what is
/// not named; zone and alerts alone change those that are there.
fn budgets(args: &RulesArgs, before: &Rules) -> Result<Option<Vec<Budget>>, Failure> {
    let (zone, alerts) = (args.time_zone, &args.alert_at);
    if args.budgets.is_empty() && zone.is_none() && alerts.is_empty() {
        return Ok(None);
    }
    if args.budgets.is_empty() {
        let has_zone = before.budgets.iter().any(|it| time_zone(it.period).is_some());
        let without = match (zone, before.budgets.is_empty()) {
            (_, true) => Some("--time-zone and --alert-at are for budgets, and there are none"),
            (Some(_), _) if !has_zone => {
                Some("--time-zone is for budgets of a day, week or month, and there are none")
            }
            _ => None,
        };
        if let Some(why) = without {
            return Err(Failure::Usage(format!("{why}: name one, e.g. --budget month=50USD")));
        }
    }
    let with_zone = |period: Period, zone| match (period, zone) {
        (Period::Calendar { calendar, .. }, Some(time_zone)) => Period::Calendar { calendar, time_zone },
        (period, _) => period,
    };
    let with_alerts = |old: Option<&Budget>| {
        if alerts.is_empty() { old.map(|it| it.alert_at.clone()).unwrap_or_default() } else { alerts.clone() }
    };
    let named = args.budgets.iter().map(|named| {
        let old = before.budgets.iter().find(|it| it.period.name() == named.period.name());
        let zone = zone.or(old.and_then(|it| time_zone(it.period)));
        Budget { usd: named.usd, period: with_zone(named.period, zone), alert_at: with_alerts(old) }
    });
    let stays = |it: &&Budget| args.budgets.iter().all(|named| named.period.name() != it.period.name());
    let kept = before.budgets.iter().filter(stays).map(|old| match args.budgets.is_empty() {
        true => {
            Budget { period: with_zone(old.period, zone), alert_at: with_alerts(Some(old)), ..old.clone() }
        }
        false => old.clone(),
    });
    Ok(Some(kept.chain(named).collect()))
}

const fn time_zone(period: Period) -> Option<TimeZone> {
    match period {
        Period::Calendar { time_zone, .. } => Some(time_zone),
        Period::Rolling { .. } => None,
    }
}

async fn list(args: &ListPoliciesArgs, auth: &AuthService) -> Result<(), Failure> {
    let filter = PolicyFilter {
        team: lookup::team_filter(auth, args.team.as_deref()).await?,
        level: args.level,
        ..PolicyFilter::default()
    };
    let acting = Acting::command_line();
    let fetch = async |after, limit| auth.list_policies(&acting, filter.clone(), after, limit).await;
    let policies = pages::collect(args.limit, |policy: &Policy| policy.id, fetch).await?;
    if args.json {
        return policies.iter().try_for_each(|policy| output::line(&view(policy).to_string()));
    }
    let mut table = Table::new(["ID", "FOR", "MODELS", "RULES"]);
    for policy in &policies {
        table.row([policy.id.to_string(), whom(&policy.target), models(policy), rules(policy).join("; ")]);
    }
    output::write(&table.render())
}

fn show(policy: &Policy, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::line(&view(policy).to_string());
    }
    let mut table = Table::new(["POLICY", &policy.id.to_string()]);
    table.row(["for".to_owned(), whom(&policy.target)]);
    table.row(["models".to_owned(), models(policy)]);
    for (at, rule) in rules(policy).into_iter().enumerate() {
        table.row([if at == 0 { "rules" } else { "" }.to_owned(), rule]);
    }
    table.row(["changed".to_owned(), time(policy.updated_at)]);
    output::write(&table.render())
}

/// For whom a policy is, in words.
fn whom(target: &Target) -> String {
    let of = |word: &str, team: &Option<_>| team.as_ref().map_or(String::new(), |it| format!(" {word} {it}"));
    match target {
        Target::Platform => "everybody together".to_owned(),
        Target::Team { team: Some(team) } => team.to_string(),
        Target::Team { team: None } => "each team".to_owned(),
        Target::User { user: Some(user), team } => format!("{user}{}", of("in", team)),
        Target::User { user: None, team } => format!("each user{}", of("in", team)),
        Target::Key { key: Some(key), team } => format!("key {key}{}", of("of", team)),
        Target::Key { key: None, team } => format!("each key{}", of("of", team)),
    }
}

fn models(policy: &Policy) -> String {
    policy.model.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string)
}

/// What a policy says, in words.
fn rules(policy: &Policy) -> Vec<String> {
    let Rules {
        requests_per_minute,
        tokens_per_minute,
        concurrent_requests,
        budgets,
        max_output_tokens,
        default_output_tokens,
        models,
        allow_unpriced,
        residency,
        guardrails,
        cache,
        ways,
    } = &policy.rules;
    let number = |count: Option<u32>, what: &str| count.map(|count| format!("{count} {what}"));
    let list = |patterns: &[Pattern], what: &str| {
        let names: Vec<_> = patterns.iter().map(Pattern::as_str).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let counts = [
        number(*requests_per_minute, "requests a minute"),
        number(*tokens_per_minute, "tokens a minute"),
        number(*concurrent_requests, "requests at the same time"),
    ];
    let rest = [
        number(*max_output_tokens, "output tokens at most"),
        number(*default_output_tokens, "output tokens if not said"),
        list(models, "only"),
        list(allow_unpriced, "without a known price"),
        (!residency.is_empty()).then(|| format!("within {residency}")),
    ];
    let rest = rest.into_iter().chain(guardrails.iter().map(|it| Some(routed::guardrail_in_words(it))));
    let rest =
        rest.chain([cache.as_ref().map(routed::cache_in_words), ways.as_deref().map(routed::ways_in_words)]);
    let money = budgets.iter().map(|budget| Some(in_words(budget)));
    counts.into_iter().chain(money).chain(rest).flatten().collect()
}

fn in_words(budget: &Budget) -> String {
    let time = match budget.period {
        Period::Calendar { time_zone, .. } => format!("a {} ({time_zone})", budget.period.name()),
        Period::Rolling { days: 1 } => "in 24 hours".to_owned(),
        Period::Rolling { days } => format!("in {days} days"),
    };
    let alerts: Vec<_> = budget.alert_at.iter().map(|share| format!("{share} %")).collect();
    let alerts =
        if alerts.is_empty() { String::new() } else { format!(", alert at {}", alerts.join(" and ")) };
    format!("{} USD {time}{alerts}", budget.usd)
}

fn view(policy: &Policy) -> Value {
    json!({
        "id": policy.id,
        "target": policy.target,
        "model": policy.model,
        "rules": policy.rules,
        "created_at": policy.created_at,
        "updated_at": policy.updated_at,
        "revision": policy.revision,
    })
}
