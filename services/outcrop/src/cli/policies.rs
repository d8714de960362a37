//! `outcrop policies …`

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use outcrop_types::{
    Area, Calendar, GuardrailMode, GuardrailRule, GuardrailStream, KeyId, Level, MAX_ROLLING_DAYS, Money,
    Pattern, Period, PolicyId, TimeZone, Way,
};

#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// Say how much somebody may use; what is not named of a policy that is there stays as it is
    Set(Box<SetPolicyArgs>),
    /// List policies, newest first
    List(ListPoliciesArgs),
    /// Show one policy
    Show(ShowPolicyArgs),
    /// Delete a policy; running servers know nothing of it any more within a second
    Delete(DeletePolicyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetPolicyArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// For these models only, e.g. 'claude-*' [default: all]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) model: Option<Pattern>,
    #[command(flatten)]
    pub(crate) rules: RulesArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// For whom a policy is.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct TargetArgs {
    /// For everybody together
    #[arg(long, conflicts_with_all = ["team", "user", "key", "each"])]
    pub(crate) platform: bool,
    /// Name or id of a team; with --user, --key or --each, in this team only, and beside what is said without a team
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Name or id of a user, or id of a service account
    #[arg(long, conflicts_with_all = ["key", "each"])]
    pub(crate) user: Option<String>,
    /// Id of a key, as `keys list` shows it
    #[arg(long, value_name = "ID", conflicts_with = "each")]
    pub(crate) key: Option<KeyId>,
    /// For each team, user or key, each counted alone
    #[arg(long, value_name = "team|user|key", value_parser = parse_each)]
    pub(crate) each: Option<Level>,
}

/// What a policy says.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// Most model calls in a sliding window of 60 seconds; 0 lets nobody call
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,
    /// Most tokens in a sliding window of 60 seconds
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_minute: Option<u32>,
    /// Most calls under way at the same time
    #[arg(long, value_name = "N")]
    pub(crate) concurrent_requests: Option<u32>,
    /// Money for a day, week or month, or for the last so many days: month=50USD, 7d=20USD; can be repeated
    #[arg(long = "budget", value_name = "PERIOD=AMOUNT")]
    pub(crate) budgets: Vec<BudgetArg>,
    /// Where the days, weeks and months of the budgets named, or of all that are there, begin, e.g. Europe/Zurich
    /// [default: UTC]
    #[arg(long, value_name = "NAME")]
    pub(crate) time_zone: Option<TimeZone>,
    /// Raise an alert at these per cents of the budgets named, or of all that are there, e.g. 50,80,100
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    pub(crate) alert_at: Vec<u8>,
    /// Most output tokens of one answer
    #[arg(long, value_name = "N")]
    pub(crate) max_output_tokens: Option<u32>,
    /// Output tokens of an answer whose request does not say
    #[arg(long, value_name = "N")]
    pub(crate) default_output_tokens: Option<u32>,
    /// Only this model, e.g. 'claude-*'; can be repeated, and replaces the list
    #[arg(long = "allow-model", value_name = "PATTERN")]
    pub(crate) models: Vec<Pattern>,
    /// Allow this model in spite of a budget though its price is not known; can be repeated, and replaces the list
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow_unpriced: Vec<Pattern>,
    /// Areas that no call leaves, separated by commas: geographies (us, eu, apac, jp, au, in, ca, us-gov) and AWS regions;
    /// replaces the list
    #[arg(long, value_name = "AREA", value_delimiter = ',')]
    pub(crate) residency: Vec<Area>,
    /// A guardrail that looks on: its id or ARN and its version, and `monitor` to be told only, `async` for streams that do
    /// not wait, `input` or `output` for one side alone, e.g. gr1abc:3:monitor; can be repeated, and replaces the list
    #[arg(long = "guardrail", value_name = "ID:VERSION[:WORD…]")]
    pub(crate) guardrails: Vec<GuardrailArg>,
    /// Whether answers are kept and given again
    #[arg(long, value_name = "on|off", value_parser = parse_switch)]
    pub(crate) cache: Option<bool>,
    /// How long answers are kept, seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) cache_ttl: Option<u32>,
    /// Whether turns that use tools are kept, too
    #[arg(long, value_name = "on|off", value_parser = parse_switch)]
    pub(crate) cache_tools: Option<bool>,
    /// Whether requests may say otherwise for themselves
    #[arg(long, value_name = "on|off", value_parser = parse_switch)]
    pub(crate) cache_request_control: Option<bool>,
    /// The ways that work may be done which can wait, separated by commas: on_demand (always), flex, batch; replaces the
    /// list
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    pub(crate) ways: Vec<Way>,
    /// Take a rule out of the policy; can be repeated
    #[arg(long, value_name = "RULE")]
    pub(crate) remove: Vec<Rule>,
}

/// A rule by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    RequestsPerMinute,
    TokensPerMinute,
    ConcurrentRequests,
    Budgets,
    MaxOutputTokens,
    DefaultOutputTokens,
    Models,
    AllowUnpriced,
    Residency,
    Guardrails,
    Cache,
    Ways,
}

/// `gr1abc:3:monitor`: a guardrail and how it looks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuardrailArg(pub(crate) GuardrailRule);

impl FromStr for GuardrailArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The words stand last, so that the colons of an ARN are none of ours.
        let mut rest = text;
        let mut rule = GuardrailRule {
            id: String::new(),
            version: String::new(),
            input: true,
            output: true,
            mode: GuardrailMode::Enforce,
            stream: GuardrailStream::Sync,
        };
        while let Some((before, word)) = rest.rsplit_once(':') {
            match word {
                "enforce" => rule.mode = GuardrailMode::Enforce,
                "monitor" => rule.mode = GuardrailMode::Monitor,
                "sync" => rule.stream = GuardrailStream::Sync,
                "async" => rule.stream = GuardrailStream::Async,
                "input" => rule.output = false,
                "output" => rule.input = false,
                version => {
                    rule.id = before.to_owned();
                    rule.version = version.to_owned();
                    break;
                }
            }
            rest = before;
        }
        let wrong = match rule.check() {
            None => return Ok(Self(rule)),
            // What stands behind a version is a word that nobody knows, and no part of an id.
            Some(_) if has_version(&rule.id) => {
                format!("`{}` is none of enforce, monitor, sync, async, input, output", rule.version)
            }
            Some((field, wrong)) => format!("its {field} {wrong}"),
        };
        Err(format!("`{text}` is not of the form gr1abc:3:monitor: {wrong}"))
    }
}

/// Whether what stands before a word is a guardrail with its version.
fn has_version(text: &str) -> bool {
    let version = text.rsplit_once(':').map(|(_, version)| version);
    version
        .is_some_and(|it| it == "DRAFT" || (!it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit())))
}

/// `month=50USD`: a budget whose calendar is that of no place yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetArg {
    pub(crate) usd: Money,
    pub(crate) period: Period,
}

impl FromStr for BudgetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not of the form month=50USD; times are day, week, month or 1d to 31d");
        let (period, amount) = text.split_once('=').ok_or_else(wrong)?;
        let calendar = |calendar| Some(Period::Calendar { calendar, time_zone: TimeZone::UTC });
        let period = match period {
            "day" => calendar(Calendar::Day),
            "week" => calendar(Calendar::Week),
            "month" => calendar(Calendar::Month),
            _ => period
                .strip_suffix('d')
                .and_then(|days| days.parse().ok())
                .filter(|days| (1..=MAX_ROLLING_DAYS).contains(days))
                .map(|days| Period::Rolling { days }),
        };
        let amount = amount.trim_end_matches("USD").trim_end();
        Ok(Self { usd: amount.parse().map_err(|_| wrong())?, period: period.ok_or_else(wrong)? })
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListPoliciesArgs {
    /// Name or id of a team, to list only its policies
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// List only policies for the platform, teams, users or keys
    #[arg(long, value_name = "platform|team|user|key", value_parser = parse_level)]
    pub(crate) level: Option<Level>,
    /// Most policies to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowPolicyArgs {
    /// The policy's id, as `policies list` shows it
    pub(crate) id: PolicyId,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeletePolicyArgs {
    /// The policy's id, as `policies list` shows it
    pub(crate) id: PolicyId,
}

fn parse_level(text: &str) -> Result<Level, String> {
    let level = Level::ALL.into_iter().find(|level| level.name() == text);
    level.ok_or_else(|| format!("`{text}` is not platform, team, user or key"))
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is not on or off")),
    }
}

fn parse_each(text: &str) -> Result<Level, String> {
    let level = parse_level(text).ok().filter(|level| *level != Level::Platform);
    level.ok_or_else(|| format!("`{text}` is not team, user or key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guardrails_read_as_people_write_them() {
        let read = |text: &str| text.parse::<GuardrailArg>().map(|it| it.0);
        let arn = "arn:aws:bedrock:eu-central-1:123456789012:guardrail/gr0abc";
        let plain = read("gr0abc:3").unwrap();
        assert_eq!((plain.id.as_str(), plain.version.as_str()), ("gr0abc", "3"));
        assert!(plain.input && plain.output && plain.mode == GuardrailMode::Enforce);
        let long = read(&format!("{arn}:DRAFT:monitor:async:input")).unwrap();
        assert_eq!((long.id.as_str(), long.version.as_str()), (arn, "DRAFT"));
        assert_eq!((long.mode, long.stream), (GuardrailMode::Monitor, GuardrailStream::Async));
        assert!(long.input && !long.output);
        for wrong in ["", "gr0abc", "gr0abc:monitor", "gr0abc:3:later", arn, "gr0abc:3:input:output"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let wrong = read(&format!("{arn}:3:loud")).unwrap_err();
        assert!(wrong.contains("`loud` is none of enforce, monitor"), "{wrong}");
    }

    #[test]
    fn budgets_read_as_people_write_them() {
        for (text, nano, name) in [
            ("month=50USD", 50_000_000_000, "month"),
            ("day=0.5", 500_000_000, "day"),
            ("week=7 USD", 7_000_000_000, "week"),
            ("7d=20USD", 20_000_000_000, "rolling"),
        ] {
            let read: BudgetArg = text.parse().unwrap();
            assert_eq!((read.usd.nano_usd(), read.period.name()), (nano, name), "{text}");
        }
        for wrong in ["50USD", "year=1", "0d=1", "32d=1", "month=", "month=-1", "month=50EUR", "d=1"] {
            assert!(wrong.parse::<BudgetArg>().is_err(), "{wrong}");
        }
    }
}
