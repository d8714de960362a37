//! The name of every field in lines and spans, and every instrument: one name for one thing.
//!
//! `tracing`'s macros take field names as literals; write them as they stand here. The `gen_ai.*`, `http.*`, `db.*`, `mcp.*`,
//! `rpc.*` and `process.*` names are those of OpenTelemetry's semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/>); what they have no name for begins with `outcrop.`.
//!
//! [`INSTRUMENTS`] is the table that Prometheus, OTLP and CloudWatch are fed from, and that dashboards and alarms are checked
//! against. A metric that is not in it does not exist.

use crate::metric::{Begin as _, Counter, Emf, Gauge, Histogram, Instrument, Spec, Unit, UpDown};

/// Which process wrote the line.
pub const SERVICE: &str = "service";
/// The id that ties together everything done for one request.
pub const REQUEST_ID: &str = "request.id";
/// The HTTP method.
pub const HTTP_METHOD: &str = "http.request.method";
/// The path, without its query.
pub const HTTP_PATH: &str = "url.path";
/// The HTTP status.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// Which of the closed list of failures it was.
pub const ERROR_CODE: &str = "error.code";
/// The failure and its causes, in one line.
pub const ERROR: &str = "error";
/// The field of a request that is wrong, as far as its name is ours.
pub const ERROR_PARAM: &str = "error.param";
/// What is behind a failure that has another name for its caller.
pub const ERROR_SOURCE: &str = "error.source";
/// How long something took, milliseconds.
pub const DURATION_MS: &str = "duration_ms";
/// Where the client is, as far as it is known.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The person that is meant.
pub const USER_ID: &str = "user.id";
/// The login that is meant.
pub const SESSION_ID: &str = "session.id";
/// How somebody logged in: `password`, `oidc`.
pub const LOGIN_METHOD: &str = "login.method";
/// The key that signs access tokens, by its name in them.
pub const SIGNING_KEY: &str = "signing_key.kid";
/// The team that is acted for.
pub const TEAM_ID: &str = "team.id";
/// How the key in use begins.
pub const API_KEY_PREFIX: &str = "api_key.prefix";
/// The job worked on.
pub const JOB_ID: &str = "job.id";
/// A dependency, as operators know it: `postgres`, `redis`.
pub const DEPENDENCY: &str = "dependency";
/// A peer service: `auth`, `inference`, `jobs`.
pub const PEER: &str = "peer.service";
/// The address listened on.
pub const ADDRESS: &str = "server.address";
/// The provider: always `aws.bedrock`.
pub const GEN_AI_PROVIDER: &str = "gen_ai.provider.name";
/// The model asked for.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Tokens read, cached ones included.
pub const GEN_AI_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written.
pub const GEN_AI_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Tokens read from a prompt cache.
pub const GEN_AI_CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Tokens written to a prompt cache.
pub const GEN_AI_CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// Tokens of reasoning, where they are told apart.
pub const GEN_AI_REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// Why the model stopped.
pub const GEN_AI_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// What is done: `chat`, `embeddings`, `rerank`, `images`, `invoke`, `count_tokens`.
pub const GEN_AI_OPERATION: &str = "gen_ai.operation.name";
/// What was asked, as JSON; by opt-in only, with personal data masked.
pub const GEN_AI_INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// What was answered, as JSON; by opt-in only, with personal data masked.
pub const GEN_AI_OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Which tokens: `input`, `output`, `cache_read`, `cache_write`, `reasoning`.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";
/// The instructions before a conversation, as JSON; by opt-in only, with personal data masked.
pub const GEN_AI_SYSTEM: &str = "gen_ai.system_instructions";
/// Whether the answer comes in pieces.
pub const GEN_AI_STREAM: &str = "gen_ai.request.stream";
/// Whether tokens are our estimate, because nobody told.
pub const ESTIMATED: &str = "outcrop.estimated";
/// How long until the first part of a streamed answer, seconds.
pub const GEN_AI_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// What a call cost, US dollars.
pub const COST_USD: &str = "outcrop.cost_usd";
/// What a call would have cost that was answered from what is kept, US dollars.
pub const SAVED_USD: &str = "outcrop.saved_usd";
/// How the response cache was used: `hit`, `miss`, `coalesced`, `bypass`.
pub const CACHE: &str = "outcrop.cache";
/// Which attempt it is, from 1: at a target, at a job, at a message; on a call, how many there were.
pub const ATTEMPT: &str = "outcrop.attempt";
/// The fields of a request that the model has no room for, by name.
pub const DROPPED_FIELDS: &str = "outcrop.dropped_fields";
/// The route that led to the target.
pub const MODEL_ROUTE: &str = "outcrop.route";
/// How work is done: `on_demand`, `flex`, `batch`.
pub const WAY: &str = "outcrop.way";
/// What guardrails did.
pub const GUARDRAIL: &str = "outcrop.guardrail";
/// The dialect spoken.
pub const DIALECT: &str = "outcrop.dialect";
/// How something ended, of a closed list.
pub const OUTCOME: &str = "outcrop.outcome";
/// Why, of a closed list.
pub const REASON: &str = "outcrop.reason";
/// The team, where only the most busy ones have names and the rest is `other`.
pub const TEAM: &str = "outcrop.team";
/// The kind of a job: `call`, `batch`, `part`.
pub const JOB_KIND: &str = "outcrop.job.kind";
/// The batch worked on.
pub const BATCH_ID: &str = "batch.id";
/// The line of a batch, by its own name.
pub const BATCH_LINE: &str = "batch.line";
/// The same by its number, from 1.
pub const BATCH_LINE_NUMBER: &str = "batch.line_number";
/// The file that is meant.
pub const FILE_ID: &str = "file.id";
/// The kept response that is meant.
pub const RESPONSE_ID: &str = "response.id";
/// The usage record that is meant.
pub const USAGE_ID: &str = "usage.id";
/// The month of usage records.
pub const USAGE_MONTH: &str = "usage.month";
/// How many usage records.
pub const USAGE_RECORDS: &str = "usage.records";
/// The alert that is told of a budget.
pub const ALERT_ID: &str = "alert.id";
/// The policy that has the budget.
pub const POLICY_ID: &str = "policy.id";
/// Whose budget it is.
pub const BUDGET_HOLDER: &str = "budget.holder";
/// The model it is for, where it is for one.
pub const BUDGET_MODEL: &str = "budget.model";
/// What may be spent, US dollars.
pub const BUDGET_USD: &str = "budget.usd";
/// What is spent of it, US dollars.
pub const BUDGET_SPENT_USD: &str = "budget.spent_usd";
/// The part of it that was reached, per cent.
pub const BUDGET_PER_CENT: &str = "budget.per_cent";
/// The guardrail, by the last part of its ARN.
pub const GUARDRAIL_ID: &str = "guardrail.id";
/// A target of routes, by its model and place.
pub const TARGET: &str = "target.name";
/// The endpoint that is told of something.
pub const WEBHOOK_ID: &str = "webhook.id";
/// One telling.
pub const DELIVERY_ID: &str = "delivery.id";
/// Who did it, in the audit log's words.
pub const ACTOR: &str = "actor";
/// Who logged in with AWS credentials.
pub const AWS_ARN: &str = "aws.arn";
/// The session of a role that was logged in with.
pub const AWS_SESSION: &str = "aws.session";
/// From when on a key signs.
pub const SIGNING_KEY_ACTIVE_FROM: &str = "signing_key.active_from";
/// Its number among the keys that sign.
pub const SIGNING_KEY_GENERATION: &str = "signing_key.generation";
/// Changes of a database that are still to be made.
pub const MIGRATIONS_PENDING: &str = "migrations.pending";
/// Changes of a database that this program does not know.
pub const MIGRATIONS_UNKNOWN: &str = "migrations.unknown";
/// How many models are shown.
pub const MODELS_SHOWN: &str = "models.shown";
/// Which kind of inference profiles.
pub const PROFILES_KIND: &str = "profiles.kind";
/// How many of them were read.
pub const PROFILES_READ: &str = "profiles.read";
/// The trace a line belongs to, in hex.
pub const TRACE_ID: &str = "trace.id";
/// The span a line belongs to, in hex.
pub const SPAN_ID: &str = "span.id";
/// The trace as X-Ray writes it.
pub const XRAY_TRACE_ID: &str = "xray.trace_id";
/// The person or program that is acted for.
pub const SUBJECT: &str = "subject.id";
/// The pattern of the path, which has no ids in it.
pub const ROUTE: &str = "http.route";
/// The hundreds of a status: `2xx`.
pub const STATUS_CLASS: &str = "outcrop.status_class";
/// Why something failed, of a closed list; absent where it did not.
pub const ERROR_TYPE: &str = "error.type";
/// Bytes of a request's body, where that is known.
pub const REQUEST_BYTES: &str = "http.request.body.size";
/// Bytes of an answer's body.
pub const RESPONSE_BYTES: &str = "http.response.body.size";
/// How long until the head of the answer was sent, milliseconds.
pub const FIRST_BYTE_MS: &str = "first_byte_ms";
/// The program that a client says it is.
pub const USER_AGENT: &str = "user_agent.original";
/// The AWS region.
pub const REGION: &str = "cloud.region";
/// The AWS account.
pub const ACCOUNT: &str = "cloud.account.id";
/// Always `aws-api` where AWS is called.
pub const RPC_SYSTEM: &str = "rpc.system";
/// The AWS service.
pub const RPC_SERVICE: &str = "rpc.service";
/// Its operation.
pub const RPC_METHOD: &str = "rpc.method";
/// The id that AWS gave a call.
pub const AWS_REQUEST_ID: &str = "aws.request_id";
/// Always `aws_sqs` or `outcrop`.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// `send`, `process`.
pub const MESSAGING_OPERATION: &str = "messaging.operation.type";
/// The queue.
pub const MESSAGING_DESTINATION: &str = "messaging.destination.name";
/// How many messages are sent together.
pub const MESSAGING_COUNT: &str = "messaging.batch.message_count";
/// The kind of database: `postgresql`, `sqlite`, `redis`.
pub const DB_SYSTEM: &str = "db.system.name";
/// What is done there.
pub const DB_OPERATION: &str = "db.operation.name";
/// A pool of connections: `writer`, `readers` of SQLite, `main`, `replica` of Postgres.
pub const POOL: &str = "db.client.connection.pool.name";
/// `idle` or `used`.
pub const POOL_STATE: &str = "db.client.connection.state";
/// `user` or `system`.
pub const CPU_MODE: &str = "cpu.mode";
/// The method of an MCP message.
pub const MCP_METHOD: &str = "mcp.method.name";
/// The tool that is called; only names that are offered.
pub const GEN_AI_TOOL: &str = "gen_ai.tool.name";
/// The prompt that is asked for; only names that are offered.
pub const GEN_AI_PROMPT: &str = "gen_ai.prompt.name";
/// The MCP session.
pub const MCP_SESSION: &str = "mcp.session.id";
/// The revision of MCP that is spoken.
pub const MCP_VERSION: &str = "mcp.protocol.version";
/// The resource that is meant: how its URI begins, and no more of it.
pub const MCP_RESOURCE: &str = "mcp.resource.uri";
/// The id that a JSON-RPC client gave its request, cut short.
pub const JSONRPC_ID: &str = "jsonrpc.request.id";
/// JSON-RPC's code of an error.
pub const RPC_STATUS: &str = "rpc.response.status_code";
/// What is logged, in `RUST_LOG` syntax.
pub const TELEMETRY_FILTER: &str = "telemetry.filter";
/// When something is over.
pub const UNTIL: &str = "until";
/// `traces`, `metrics`, `logs`.
pub const SIGNAL: &str = "outcrop.signal";
/// The level of a policy: `platform`, `team`, `user`, `key`.
pub const LEVEL: &str = "outcrop.level";
/// The window of a budget: `day`, `month`, ….
pub const WINDOW: &str = "outcrop.window";
/// The processor's architecture, `arm64` or `amd64`, of the process itself: on every metric of Prometheus and OTLP; in CloudWatch,
/// where each set of dimensions costs, on those whose sets name it.
pub const ARCH: &str = "host.arch";
/// Which program it is, of the process itself: on every metric, and in CloudWatch on some, as [`ARCH`] is.
pub const SERVICE_NAME: &str = "service.name";

/// Bounds of times that people wait for, seconds: fine where answers are, so that quantiles tell something.
pub const SECONDS: &[f64] = &[
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0,
    20.0, 30.0, 60.0, 120.0, 300.0,
];
/// Bounds of times of our own parts, seconds.
pub const SHORT: &[f64] =
    &[0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Bounds of times of work that nobody waits for, seconds.
pub const LONG: &[f64] =
    &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0];
/// Bounds of token counts, as the conventions advise.
pub const TOKEN_COUNTS: &[f64] =
    &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// What is exported.
const SIGNALS: &[&str] = &["logs", "metrics", "traces"];

const fn spec(name: &'static str, unit: Unit, labels: &'static [&'static str], help: &'static str) -> Spec {
    Spec { name, unit, help, labels, values: &[], emf: None }
}

impl Spec {
    const fn emf(
        self,
        name: &'static str,
        unit: &'static str,
        scale: f64,
        dimensions: &'static [&'static [&'static str]],
    ) -> Self {
        Self { emf: Some(Emf { name, unit, scale, dimensions, least: false }), ..self }
    }

    /// What is little is bad: of several alike CloudWatch is told the least.
    const fn least(self) -> Self {
        match self.emf {
            Some(emf) => Self { emf: Some(Emf { least: true, ..emf }), ..self },
            None => self,
        }
    }

    /// The values of its one label, each of which is there from the beginning.
    const fn values(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }
}

macro_rules! instruments {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $value:expr;)*) => {
        $($(#[$doc])* pub static $name: $kind = $value;)*

        /// Every instrument there is.
        pub static INSTRUMENTS: &[Instrument] = &[$($name.row()),*];

        /// Begins the series that can be foretold.
        pub(crate) fn begin() {
            $($name.begin();)*
        }
    };
}

instruments! {
    // --- what clients see ---
    /// Every answer of every service, by route.
    HTTP_SERVER_DURATION: Histogram = Histogram::new(spec("http.server.request.duration", "s", &[HTTP_METHOD, ROUTE, HTTP_STATUS, ERROR_TYPE],
        "How long requests take, to the last byte of the answer."), SECONDS);
    /// Requests under way.
    HTTP_SERVER_ACTIVE: UpDown = UpDown::new(spec("http.server.active_requests", "{request}", &[],
        "Requests that are being answered now."));
    /// Answers to clients, at the public address alone.
    REQUESTS: Counter = Counter::new(spec("outcrop.requests", "{request}", &[TEAM, STATUS_CLASS],
        "Requests of clients that were answered.").emf("Requests", "Count", 1.0, &[&[], &[ARCH]]));
    /// The same by class alone, so that each is there before the first: shares of answers are taken of these.
    ANSWERS: Counter = Counter::new(spec("outcrop.answers", "{request}", &[STATUS_CLASS],
        "Requests of clients that were answered, of all teams.").values(&["2xx", "3xx", "4xx", "5xx"]));
    /// Those answered with 4xx.
    CLIENT_ERRORS: Counter = Counter::new(spec("outcrop.client_errors", "{request}", &[],
        "Requests of clients that were answered with 4xx.").emf("ClientErrors", "Count", 1.0, &[&[], &[ARCH]]));
    /// Those answered with 5xx.
    SERVER_ERRORS: Counter = Counter::new(spec("outcrop.server_errors", "{request}", &[],
        "Requests of clients that were answered with 5xx.").emf("ServerErrors", "Count", 1.0, &[&[], &[ARCH]]));
    /// Calls from service to service.
    HTTP_CLIENT_DURATION: Histogram = Histogram::new(spec("http.client.request.duration", "s", &[PEER, HTTP_METHOD, HTTP_STATUS, ERROR_TYPE],
        "How long calls of other services take, until their answer begins."), SHORT);
    /// How credentials were checked.
    AUTH_LOOKUPS: Counter = Counter::new(spec("outcrop.auth.lookups", "{lookup}", &[OUTCOME],
        "Credentials checked: remembered, asked, refused, failed."));

    // --- models, as clients see them ---
    /// A call with all its attempts.
    GEN_AI_SERVER_DURATION: Histogram = Histogram::new(spec("gen_ai.server.request.duration", "s", &[GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_REQUEST_MODEL, ERROR_TYPE],
        "How long a call of a model takes, with all its attempts, to its last part.").emf("InferenceLatency", "Milliseconds", 1_000.0, &[&[], &[ARCH], &[ARCH, GEN_AI_REQUEST_MODEL]]), SECONDS);
    /// Streams only.
    GEN_AI_SERVER_FIRST_TOKEN: Histogram = Histogram::new(spec("gen_ai.server.time_to_first_token", "s", &[GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_REQUEST_MODEL],
        "How long until the first part of a streamed answer.").emf("TimeToFirstToken", "Milliseconds", 1_000.0, &[&[], &[ARCH]]), SECONDS);
    /// Streams only.
    GEN_AI_SERVER_PER_TOKEN: Histogram = Histogram::new(spec("gen_ai.server.time_per_output_token", "s", &[GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_REQUEST_MODEL],
        "How long each token takes after the first."), SHORT);
    /// One for each usage record, and for each call that failed at no cost.
    MODEL_CALLS: Counter = Counter::new(spec("outcrop.model.calls", "{call}", &[TEAM, GEN_AI_REQUEST_MODEL, OUTCOME, CACHE],
        "Calls of models, one for each usage record, and those that failed at no cost.").emf("Inferences", "Count", 1.0, &[&[], &[ARCH], &[OUTCOME]]));
    /// By kind.
    TOKENS: Counter = Counter::new(spec("outcrop.tokens", "{token}", &[TEAM, GEN_AI_REQUEST_MODEL, GEN_AI_TOKEN_TYPE],
        "Tokens used, by kind; none is of two kinds, so that their sum is all of them.").emf("Tokens", "Count", 1.0, &[&[GEN_AI_TOKEN_TYPE], &[ARCH, GEN_AI_TOKEN_TYPE], &[GEN_AI_REQUEST_MODEL, GEN_AI_TOKEN_TYPE]]));
    /// As the ledger has it.
    COST: Counter = Counter::new(spec("outcrop.cost", "{usd}", &[TEAM, GEN_AI_REQUEST_MODEL],
        "What calls of models cost, US dollars.").emf("Cost", "None", 1.0, &[&[], &[ARCH], &[TEAM], &[GEN_AI_REQUEST_MODEL]]));
    /// What did not have to be paid.
    SAVED: Counter = Counter::new(spec("outcrop.saved", "{usd}", &[TEAM, REASON],
        "What kept answers and cheaper ways saved, US dollars.").emf("Saved", "None", 1.0, &[&[], &[REASON]]));
    /// A limit or budget was reached.
    LIMIT_REFUSALS: Counter = Counter::new(spec("outcrop.limits.refusals", "{request}", &[TEAM, REASON],
        "Requests refused by a limit or budget.").emf("LimitRefusals", "Count", 1.0, &[&[], &[REASON]]));
    /// Answers that were there.
    CACHE_HITS: Counter = Counter::new(spec("outcrop.response_cache.hits", "{request}", &[CACHE],
        "Requests answered by what is kept, or by the answer of another under way.").emf("CacheHits", "Count", 1.0, &[&[], &[ARCH]]));
    /// Answers that were not.
    CACHE_MISSES: Counter = Counter::new(spec("outcrop.response_cache.misses", "{request}", &[],
        "Requests whose answer was looked for and not there.").emf("CacheMisses", "Count", 1.0, &[&[], &[ARCH]]));
    /// What guardrails did.
    GUARDRAIL_ACTIONS: Counter = Counter::new(spec("outcrop.guardrail.actions", "{call}", &[GUARDRAIL],
        "Calls in which a guardrail masked, blocked or noted something."));
    /// What models have no room for.
    FIELDS_DROPPED: Counter = Counter::new(spec("outcrop.fields.dropped", "{field}", &[DIALECT],
        "Fields of requests that a model has no room for, and that were left out."));

    // --- models, as we see them ---
    /// One attempt at one target.
    GEN_AI_CLIENT_DURATION: Histogram = Histogram::new(spec("gen_ai.client.operation.duration", "s", &[GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_REQUEST_MODEL, REGION, ERROR_TYPE],
        "How long one attempt at Bedrock takes: a whole answer, or the beginning of a stream."), SECONDS);
    /// By kind.
    GEN_AI_CLIENT_TOKENS: Histogram = Histogram::new(spec("gen_ai.client.token.usage", "{token}", &[GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_REQUEST_MODEL, GEN_AI_TOKEN_TYPE],
        "Tokens of one call."), TOKEN_COUNTS);
    /// One for each attempt.
    MODEL_ATTEMPTS: Counter = Counter::new(spec("outcrop.model.attempts", "{attempt}", &[GEN_AI_REQUEST_MODEL, REGION, OUTCOME],
        "Attempts at targets.").emf("Attempts", "Count", 1.0, &[&[], &[REGION]]));
    /// Those that Bedrock throttled.
    THROTTLES: Counter = Counter::new(spec("outcrop.model.throttles", "{attempt}", &[GEN_AI_REQUEST_MODEL, REGION],
        "Attempts that Bedrock throttled.").emf("Throttles", "Count", 1.0, &[&[], &[ARCH], &[REGION], &[GEN_AI_REQUEST_MODEL]]));
    /// Calls that went on to another target.
    FAILOVERS: Counter = Counter::new(spec("outcrop.model.failovers", "{attempt}", &[GEN_AI_REQUEST_MODEL, REASON],
        "Attempts at a further target, by why the one before it failed.").emf("Failovers", "Count", 1.0, &[&[]]));
    /// Targets that are left alone now.
    BREAKERS_OPEN: Gauge = Gauge::new(spec("outcrop.breakers.open", "{target}", &[REGION],
        "Targets of a region that this process leaves alone now."));

    // --- work ---
    /// What could be done now.
    JOBS_DUE: Gauge = Gauge::new(spec("outcrop.jobs.due", "{job}", &[],
        "Jobs that could be worked on now.").emf("JobsDue", "Count", 1.0, &[&[]]));
    /// What is done now.
    JOBS_RUNNING: Gauge = Gauge::new(spec("outcrop.jobs.running", "{job}", &[], "Jobs that a worker holds."));
    /// What waits for its time.
    JOBS_LATER: Gauge = Gauge::new(spec("outcrop.jobs.later", "{job}", &[], "Jobs that shall be tried later."));
    /// How long the longest waits.
    JOBS_OLDEST: Gauge = Gauge::new(spec("outcrop.jobs.oldest", "s", &[],
        "For how long the longest has been due.").emf("QueueAge", "Seconds", 1.0, &[&[]]));
    /// What was set aside.
    JOBS_DEAD: Gauge = Gauge::new(spec("outcrop.jobs.dead", "{job}", &[],
        "Jobs that were set aside.").emf("DeadJobs", "Count", 1.0, &[&[]]));
    /// Who works.
    JOBS_WORKERS: Gauge = Gauge::new(spec("outcrop.jobs.workers", "{process}", &[], "Processes that work jobs off."));
    /// What autoscaling goes by.
    JOBS_PER_WORKER: Gauge = Gauge::new(spec("outcrop.jobs.backlog_per_worker", "{job}", &[],
        "Jobs that are due for each such process, of which one is taken to be there.").emf("BacklogPerWorker", "Count", 1.0, &[&[]]));
    /// Messages that wait.
    QUEUE_WAITING: Gauge = Gauge::new(spec("outcrop.jobs.queue.waiting", "{message}", &[],
        "Messages that wait, about.").emf("QueueDepth", "Count", 1.0, &[&[], &[ARCH]]));
    /// Messages in hand.
    QUEUE_IN_FLIGHT: Gauge = Gauge::new(spec("outcrop.jobs.queue.in_flight", "{message}", &[], "Messages in workers' hands, about."));
    /// Messages for later.
    QUEUE_DELAYED: Gauge = Gauge::new(spec("outcrop.jobs.queue.delayed", "{message}", &[], "Messages that cannot be received yet, about."));
    /// Messages set aside.
    QUEUE_DEAD: Gauge = Gauge::new(spec("outcrop.jobs.queue.dead", "{message}", &[],
        "Messages that were set aside, about.").emf("DeadLetters", "Count", 1.0, &[&[]]));
    /// From the claim to the end of one turn.
    JOB_DURATION: Histogram = Histogram::new(spec("outcrop.job.duration", "s", &[JOB_KIND, OUTCOME],
        "How long a worker works at a job in one go."), LONG);
    /// From the submission to the first claim.
    JOB_WAIT: Histogram = Histogram::new(spec("outcrop.job.wait", "s", &[JOB_KIND], "How long a job waits for its first worker."), LONG);
    /// Lines of batches.
    BATCH_LINES: Counter = Counter::new(spec("outcrop.batch.lines", "{line}", &[WAY, OUTCOME], "Lines of batches that were answered."));
    /// What endpoints were told.
    WEBHOOK_DELIVERIES: Counter = Counter::new(spec("outcrop.webhook.deliveries", "{delivery}", &[OUTCOME],
        "Tellings of endpoints: delivered, again, given_up."));

    // --- money and usage ---
    /// Of the budget in use the most.
    BUDGET_USED: Gauge = Gauge::new(spec("outcrop.budget.used", "1", &[TEAM, LEVEL, WINDOW],
        "How much of a budget is used, 1 being all of it; of several alike the most.").emf("BudgetUse", "Percent", 100.0, &[&[], &[LEVEL]]));
    /// What is not in the ledger yet.
    SPOOL_SIZE: Gauge = Gauge::new(spec("outcrop.spool.size", "By", &[], "Usage that is on disk and not in the ledger yet."));
    /// How long it has been waiting.
    SPOOL_OLDEST: Gauge = Gauge::new(spec("outcrop.spool.oldest", "s", &[],
        "For how long usage has been waiting to get into the ledger.").emf("UsageBacklogAge", "Seconds", 1.0, &[&[]]));
    /// What got there.
    USAGE_WRITTEN: Counter = Counter::new(spec("outcrop.usage.written", "{record}", &[], "Usage records written to the ledger."));

    // --- MCP ---
    /// By method.
    MCP_DURATION: Histogram = Histogram::new(spec("mcp.server.operation.duration", "s", &[MCP_METHOD, GEN_AI_TOOL, ERROR_TYPE],
        "How long messages of MCP clients take."), SECONDS);
    /// Streams for news.
    MCP_LISTENERS: UpDown = UpDown::new(spec("outcrop.mcp.listeners", "{stream}", &[], "Streams on which MCP clients wait for news."));

    // --- what it stands on ---
    /// 1 or 0.
    DEPENDENCY_UP: Gauge = Gauge::new(spec("outcrop.dependency.up", "", &[DEPENDENCY],
        "1 while a dependency answers, else 0.").emf("DependencyUp", "None", 1.0, &[&[], &[DEPENDENCY]]).least());
    /// The pools of stores.
    DB_CONNECTIONS: Gauge = Gauge::new(spec("db.client.connection.count", "{connection}", &[DB_SYSTEM, POOL, POOL_STATE], "Connections to the database."));
    /// What they may come to.
    DB_CONNECTIONS_MAX: Gauge = Gauge::new(spec("db.client.connection.max", "{connection}", &[DB_SYSTEM, POOL], "Connections to the database that there may be."));
    /// What is asked on the way of requests.
    DB_DURATION: Histogram = Histogram::new(spec("db.client.operation.duration", "s", &[DB_SYSTEM, DB_OPERATION, ERROR_TYPE],
        "How long the store of shared counters and kept answers takes."), SHORT);
    /// Both modes.
    PROCESS_CPU: Counter = Counter::new(spec("process.cpu.time", "s", &[CPU_MODE], "Processor time used."));
    /// Resident.
    PROCESS_MEMORY: Gauge = Gauge::new(spec("process.memory.usage", "By", &[], "Memory in use.").emf("MemoryUsage", "Bytes", 1.0, &[&[ARCH], &[SERVICE_NAME]]));
    /// Open files and sockets.
    PROCESS_FILES: Gauge = Gauge::new(spec("process.open_file_descriptor.count", "{file_descriptor}", &[], "Open files and sockets."));
    /// Threads.
    PROCESS_THREADS: Gauge = Gauge::new(spec("process.thread.count", "{thread}", &[], "Threads."));
    /// Since the start.
    PROCESS_UPTIME: Gauge = Gauge::new(spec("process.uptime", "s", &[], "How long the process has been running.").emf("Uptime", "Seconds", 1.0, &[&[], &[SERVICE_NAME]]).least());
    /// Of the main runtime.
    RUNTIME_TASKS: Gauge = Gauge::new(spec("outcrop.runtime.tasks", "{task}", &[], "Background tasks that are alive."));
    /// How late timers are.
    RUNTIME_DELAY: Histogram = Histogram::new(spec("outcrop.runtime.delay", "s", &[], "How late a timer fires, of the main runtime and of each thread that serves requests: what work waits for a thread."), SHORT);

    // --- this itself ---
    /// What became of spans.
    TELEMETRY_SPANS: Counter = Counter::new(spec("outcrop.telemetry.spans", "{span}", &[OUTCOME],
        "Spans: exported, failed, dropped (the queue was full), left_out (not sampled).").emf("Spans", "Count", 1.0, &[&[OUTCOME]]).values(&["exported", "failed", "dropped", "left_out"]));
    /// Whoever reads the log is too slow.
    TELEMETRY_LINES_DROPPED: Counter = Counter::new(spec("outcrop.telemetry.lines_dropped", "{line}", &[SIGNAL],
        "Lines of the log or of metrics that were dropped because nobody took them.").emf("LinesDropped", "Count", 1.0, &[&[]]).values(SIGNALS));
    /// Their labels are incomplete.
    TELEMETRY_FULL: Gauge = Gauge::new(spec("outcrop.telemetry.full", "{instrument}", &[],
        "Instruments with no room for further series: what comes has lost its labels."));
    /// The backend does not take what it is sent.
    TELEMETRY_FAILURES: Counter = Counter::new(spec("outcrop.telemetry.export_failures", "{export}", &[SIGNAL], "Exports that failed, or were cut short by a fault of ours.").emf("ExportFailures", "Count", 1.0, &[&[]]).values(SIGNALS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_in_every_backend() {
        for (at, one) in INSTRUMENTS.iter().enumerate() {
            for other in &INSTRUMENTS[at + 1..] {
                assert_ne!(one.spec.name, other.spec.name);
                let emf = |it: &Instrument| it.spec.emf.map(|it| it.name);
                assert!(emf(one).is_none() || emf(one) != emf(other), "{}", one.spec.name);
            }
        }
    }

    #[test]
    fn values_are_those_of_the_one_label_of_a_counter() {
        for Instrument { spec, kind, .. } in INSTRUMENTS.iter().filter(|it| !it.spec.values.is_empty()) {
            assert_eq!((*kind, spec.labels.len()), (crate::metric::Kind::Counter, 1), "{}", spec.name);
        }
    }

    #[test]
    fn dimensions_are_labels() {
        for Instrument { spec, .. } in INSTRUMENTS {
            for dimension in spec.emf.iter().flat_map(|it| it.dimensions.iter().copied().flatten()) {
                assert!(
                    [ARCH, SERVICE_NAME].contains(dimension) || spec.labels.contains(dimension),
                    "{} {dimension}",
                    spec.name
                );
            }
        }
    }
}
