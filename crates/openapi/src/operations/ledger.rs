//! What was used, and alerts about it.

use outcrop_types::Permission as P;

use crate::Access::{Known, Needs};
use crate::{Field, Kind, Operation};

const TEAM: Field = Field::optional(
    "team",
    Kind::Text,
    "Only of this team, by its id. Platform admins may name any; for others there is only their own.",
);
const USER: Field = Field::optional(
    "user",
    Kind::Text,
    "Only by this user or service account, by its id: `user_…`, `svc_…`.",
);
const KEY: Field = Field::optional("key", Kind::Text, "Only with this key, by its id.");
const MODEL: Field = Field::optional(
    "model",
    Kind::Text,
    "Only answered by this model: its Bedrock id, or a name of the list of models.",
);
const REGION: Field = Field::optional("region", Kind::Text, "Only in this AWS region.");
const ACCOUNT: Field =
    Field::optional("account", Kind::Text, "Only in this account, by its name in settings.");
const CACHE: Field = Field::optional(
    "cache",
    Kind::OneOf(&["bypass", "miss", "hit", "coalesced"]),
    "Only where the cache of answers did this.",
);
const GUARDRAIL: Field = Field::optional(
    "guardrail",
    Kind::OneOf(&["none", "passed", "observed", "intervened"]),
    "Only where guardrails did this.",
);
const DIALECT: Field =
    Field::optional("dialect", Kind::Text, "Only in this dialect: `openai`, `anthropic`, …");
const TAG: Field = Field::optional("tag", Kind::Text, "Only with this tag: `<name>:<value>`.");
const LIMIT: Field = Field::optional("limit", Kind::Whole, "Most entries of the answer, 1 to 1000.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new(
        "GET",
        "/v1/usage",
        "Usage",
        "List what your team used, newest first",
        Needs(P::ReadUsage),
    )
    .query(&[
        TEAM,
        USER,
        KEY,
        MODEL,
        REGION,
        ACCOUNT,
        CACHE,
        GUARDRAIL,
        DIALECT,
        TAG,
        Field::optional("from", Kind::Text, "A day (UTC) or a time, RFC 3339; by default a month ago."),
        Field::optional("until", Kind::Text, "Until before this day or time, at most 92 days later; by default now."),
        LIMIT,
        Field::optional("after", Kind::Text, "The last id of the page before."),
    ]),
    Operation::new(
        "GET",
        "/v1/usage/me",
        "Usage",
        "Show what you used yourself, and where every limit that is for you stands",
        Known,
    ),
    Operation::new(
        "GET",
        "/admin/v1/usage",
        "Usage",
        "Sum up requests, tokens and cost; teams, users and keys go by their ids",
        Needs(P::ReadUsage),
    )
    .query(&[
        Field::optional(
            "from",
            Kind::Text,
            "A day (its beginning in `time_zone`) or a whole hour, RFC 3339; by default the beginning of this month.",
        ),
        Field::optional("until", Kind::Text, "Until before this day or hour; by default now."),
        Field::optional("month", Kind::Text, "In place of both: a month such as 2026-11."),
        Field::optional(
            "group_by",
            Kind::Text,
            "Separated by commas: `team`, `user`, `key`, `model`, `model_asked`, `region`, `account`, `cache`, \
             `guardrail`, `dialect`, `operation`, `tier`, `tag:<name>`, and one of `hour`, `day`, `month`. Without it there is one row.",
        ),
        TEAM,
        USER,
        KEY,
        MODEL,
        REGION,
        ACCOUNT,
        CACHE,
        GUARDRAIL,
        DIALECT,
        TAG,
        Field::optional("time_zone", Kind::Text, "Where days and months begin: an IANA name; UTC by default."),
        Field::optional("format", Kind::OneOf(&["json", "csv"]), "As the header `accept: text/csv`, which it outdoes."),
        Field::optional(
            "limit",
            Kind::Whole,
            "Most rows of a page, 1 to 1000, by default 100; of a CSV file, up to a million and by default all.",
        ),
        Field::optional("after", Kind::Text, "`next` of the page before."),
    ]),
    Operation::new(
        "POST",
        "/admin/v1/usage/recount",
        "Usage",
        "Set what budgets have counted to what the ledger knows to be spent, downwards too; says of how many",
        Needs(P::ManagePlatform),
    ),
    Operation::new(
        "DELETE",
        "/v1/cache",
        "Usage",
        "Forget the kept answers of one's own team, all or those under one name",
        Needs(P::ManageTeam),
    )
    .query(&[Field::optional("namespace", Kind::Text, "Only those that were asked for under this name.")])
    .status(204),
    Operation::new(
        "GET",
        "/admin/v1/alerts",
        "Usage",
        "List budgets of which a share named in `alert_at` was spent, newest first",
        Needs(P::ReadUsage),
    )
    .query(&[TEAM, LIMIT, Field::optional("after", Kind::Text, "The last id of the page before.")]),
];
