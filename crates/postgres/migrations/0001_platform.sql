-- The same tables as in outcrop-sqlite, file by file and column by column.
--
-- Ids are text in the form the API shows, compared byte by byte (`COLLATE "C"`): that is their order of age,
-- whatever language the database speaks.
-- Names are compared byte by byte too, which lets their unique index find beginnings.
-- What a team or person did outlives them, so only what ends with them refers to them by foreign key.

-- `revision` counts changes: a change names the one it was made from.

CREATE TABLE teams (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    revision BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    email TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    revision BIGINT NOT NULL
);

-- Who is what in which team.
CREATE TABLE memberships (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX memberships_by_team ON memberships (team_id, user_id);
-- Every change to people and teams asks whether an admin is left.
CREATE INDEX memberships_of_admins ON memberships (user_id, team_id) WHERE role = 'platform_admin';

-- Programs with an account of their own.
CREATE TABLE service_accounts (
    id TEXT COLLATE "C" PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    disabled_at TIMESTAMPTZ,
    revision BIGINT NOT NULL,
    UNIQUE (team_id, name)
);
CREATE INDEX service_accounts_by_team ON service_accounts (team_id, id);

CREATE TABLE passwords (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- A PHC string, which names the way of hashing, its cost and its salt.
    hash TEXT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Neither used nor withdrawn: what was so is gone from here.
CREATE TABLE invitations (
    id TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- HMAC-SHA256 of the whole key under the server's secret; the key itself is nowhere.
    hash BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    -- `user_…` or `svc_…`.
    subject TEXT COLLATE "C" NOT NULL,
    role TEXT NOT NULL,
    requests_per_minute BIGINT,
    -- JSON; `{}` narrows nothing.
    scope TEXT NOT NULL,
    -- JSON: an object of strings.
    tags TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    -- The id of the key that took its place.
    replaced_by TEXT COLLATE "C",
    revision BIGINT NOT NULL
);
-- Key ids are random, so the order of age needs its column.
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_by_team ON api_keys (team_id, created_at, id);
CREATE INDEX api_keys_by_subject ON api_keys (subject, created_at, id);

-- How much may be used, and by whom.
CREATE TABLE policies (
    id TEXT COLLATE "C" PRIMARY KEY,
    level TEXT NOT NULL,
    -- For whom: one of the level by name, or each.
    team_id TEXT COLLATE "C",
    -- `user_…` or `svc_…`.
    subject TEXT COLLATE "C",
    key_id TEXT COLLATE "C",
    -- The same as one text.
    target TEXT COLLATE "C" NOT NULL,
    -- For which models; empty is all.
    model TEXT COLLATE "C" NOT NULL,
    -- JSON.
    rules TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (target, model)
);
CREATE INDEX policies_by_team ON policies (team_id, id);
CREATE INDEX policies_by_subject ON policies (subject, id);
CREATE INDEX policies_by_key ON policies (key_id, id);

-- A number that grows with every change of a policy. One row.
CREATE TABLE policies_version (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL
);
INSERT INTO policies_version (id, version) VALUES (1, 0);

-- What teams have written for their people to fill in.
CREATE TABLE prompts (
    id TEXT COLLATE "C" PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    -- The version that is served; none of an archived one.
    current BIGINT,
    -- The one that is served, or was at last.
    last BIGINT NOT NULL,
    latest BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (team_id, name)
);
CREATE INDEX prompts_by_team ON prompts (team_id, id);

-- Written once, but for `served_after`.
CREATE TABLE prompt_versions (
    prompt_id TEXT COLLATE "C" NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    -- The version that was served until this one was served first; 0 is none. Null as long as it never was.
    served_after BIGINT,
    -- JSON: what lists tell of it, and all of it, which they do not read.
    outline TEXT NOT NULL,
    template TEXT NOT NULL,
    PRIMARY KEY (prompt_id, number)
);

-- Where calls of a model go: the whole table, and how often it was changed. One row.
CREATE TABLE routes (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL,
    -- JSON.
    routes TEXT NOT NULL,
    updated_at TIMESTAMPTZ
);
INSERT INTO routes (id, revision, routes) VALUES (1, 0, '{}');

-- Logins.
CREATE TABLE sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    -- JSON, as that of a key.
    scope TEXT NOT NULL,
    method TEXT NOT NULL,
    -- Of a browser's login only: both or none.
    cookie_id TEXT COLLATE "C" UNIQUE,
    cookie_hash BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_team ON sessions (team_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Used ones stay until they expire: who shows one again gives a theft away.
CREATE TABLE refresh_tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    hash BYTEA NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- What access tokens are signed with.
CREATE TABLE signing_keys (
    kid TEXT COLLATE "C" PRIMARY KEY,
    generation BIGINT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    -- The private part, encrypted under the server's secret.
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    active_from TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);

-- Who did what. Each row's hash covers its number, the hash of the row before and the record, under the server's
-- secret; the other columns repeat the record, to search by.
CREATE TABLE audit_log (
    -- From 1, without a gap.
    seq BIGINT PRIMARY KEY CHECK (seq >= 1),
    at TIMESTAMPTZ NOT NULL,
    team_id TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    outcome TEXT NOT NULL,
    -- JSON, to the letter as it was hashed.
    record TEXT NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (at, seq);
CREATE INDEX audit_log_by_team ON audit_log (team_id, seq);
CREATE INDEX audit_log_by_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_by_action ON audit_log (action, seq);
-- The path of a refused request may be longer than an index takes.
CREATE INDEX audit_log_by_target ON audit_log (left(target, 200), seq);

CREATE FUNCTION refuse_to_change_the_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END;
$$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit_log();

-- The number and hash of the last row of the log, apart from it: so that a missing end is noticed. One row;
-- number 0 before the first. Whoever changes anything locks it first.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- `call`, `batch` or `part` (of the batch that `parent_id` names).
    kind TEXT NOT NULL,
    parent_id TEXT COLLATE "C",
    -- On whose behalf: a principal, field by field.
    team_id TEXT COLLATE "C" NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    key_id TEXT COLLATE "C",
    requests_per_minute BIGINT,
    -- JSON; null narrows nothing.
    scope TEXT,
    path TEXT NOT NULL,
    -- Names of blobs.
    input TEXT NOT NULL,
    output TEXT,
    idempotency_key TEXT,
    -- A digest of path and body.
    fingerprint TEXT NOT NULL,
    -- 0 goes first.
    priority BIGINT NOT NULL,
    deadline TIMESTAMPTZ,
    -- JSON: an object of strings.
    metadata TEXT NOT NULL,
    -- The answer of the Responses API that it makes.
    response_id TEXT COLLATE "C",
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    status BIGINT,
    error TEXT,
    -- Set aside, to be sent back to the queue by hand.
    dead BOOLEAN NOT NULL DEFAULT FALSE,
    -- JSON: the way it is done, and why.
    choice TEXT,
    -- JSON: tokens, cost, what was saved.
    used TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    -- The number of the last claim, and until when it holds while the job is running.
    lease BIGINT NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    -- When a queued job may be claimed; at once without.
    not_before TIMESTAMPTZ,
    -- When a queue message was last sent for it.
    nudged_at TIMESTAMPTZ NOT NULL,
    -- Where in a trace it was submitted, as W3C's `traceparent`.
    trace TEXT
);
CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (team_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_team ON jobs (team_id, id) WHERE kind <> 'part';
CREATE INDEX jobs_by_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_open ON jobs (nudged_at, id) WHERE state IN ('queued', 'running');
-- Whose turn it is: team after team, and within each by urgency and age; what shall be left alone for a while is looked up
-- by its time. Batches as a whole go first and are few.
CREATE INDEX jobs_queued ON jobs (team_id, priority, id)
    WHERE state = 'queued' AND not_before IS NULL AND kind <> 'batch';
CREATE INDEX jobs_later ON jobs (team_id, not_before)
    WHERE state = 'queued' AND not_before IS NOT NULL AND kind <> 'batch';
CREATE INDEX jobs_batches ON jobs (team_id, not_before) WHERE state = 'queued' AND kind = 'batch';
CREATE INDEX jobs_running ON jobs (team_id, lease_until) WHERE state = 'running';
CREATE INDEX jobs_dead ON jobs (id) WHERE dead;
CREATE INDEX jobs_ended ON jobs (ended_at, id) WHERE ended_at IS NOT NULL AND kind <> 'part';

-- When a job of a team was last claimed. Its row also makes claims of one team take turns.
CREATE TABLE job_turns (
    team_id TEXT COLLATE "C" PRIMARY KEY,
    claimed_at TIMESTAMPTZ NOT NULL
);

-- Processes that work jobs off, and until when each is taken to be alive.
CREATE TABLE job_workers (
    id TEXT COLLATE "C" PRIMARY KEY,
    alive_until TIMESTAMPTZ NOT NULL
);

-- Names of blobs that nobody needs any more, until they are removed: written with what made them needless.
CREATE TABLE leftovers (
    blob TEXT COLLATE "C" PRIMARY KEY
);

-- What happened to jobs, in order. Removed with the job.
CREATE TABLE job_events (
    job_id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    -- Such as `batch.completed`.
    name TEXT COLLATE "C" NOT NULL,
    -- What it is about, by its own id: `job_…`, `batch_…`, `resp_…`.
    subject TEXT COLLATE "C" NOT NULL,
    -- JSON: an object.
    data TEXT NOT NULL,
    -- Whether endpoints are told of it, and when deliveries were made of it.
    tells BOOLEAN NOT NULL,
    told_at TIMESTAMPTZ,
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX job_events_untold ON job_events (at, job_id) WHERE told_at IS NULL AND tells;

-- What a batch is besides its job, which has the same UUID.
CREATE TABLE batches (
    id TEXT COLLATE "C" PRIMARY KEY,
    job_id TEXT COLLATE "C" NOT NULL UNIQUE,
    team_id TEXT COLLATE "C" NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT COLLATE "C" NOT NULL,
    completion_window TEXT NOT NULL,
    -- JSON: an object of strings.
    metadata TEXT NOT NULL,
    output_expires_after_s BIGINT,
    status TEXT NOT NULL,
    -- JSON: a list.
    errors TEXT NOT NULL,
    model TEXT,
    output_file_id TEXT COLLATE "C",
    error_file_id TEXT COLLATE "C",
    total BIGINT NOT NULL,
    -- Of lines that no part counts (any more).
    completed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    -- JSON: what Bedrock does of it.
    bedrock TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    in_progress_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL,
    finalizing_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    failed_at TIMESTAMPTZ,
    expired_at TIMESTAMPTZ,
    cancelling_at TIMESTAMPTZ,
    cancelled_at TIMESTAMPTZ
);
CREATE INDEX batches_by_team ON batches (team_id, id);
CREATE INDEX batches_open_by_file ON batches (input_file_id)
    WHERE status IN ('validating', 'in_progress', 'finalizing', 'cancelling');

CREATE TABLE batch_parts (
    job_id TEXT COLLATE "C" PRIMARY KEY,
    batch_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    first_line BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    from_byte BIGINT NOT NULL,
    to_byte BIGINT NOT NULL,
    completed BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    -- Names of blobs, once the part is done.
    output TEXT,
    errors TEXT,
    UNIQUE (batch_id, number)
);

-- How lines ended, until their part is done.
CREATE TABLE batch_lines (
    job_id TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    ok BOOLEAN NOT NULL,
    text TEXT NOT NULL,
    -- The name of a blob, where the text is too long.
    blob TEXT,
    PRIMARY KEY (job_id, line)
);

-- Clients' files; their bytes are blobs.
CREATE TABLE files (
    id TEXT COLLATE "C" PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    filename TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT,
    status TEXT NOT NULL,
    blob TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    -- When it was removed, or when its bytes can go if they may still come; its row goes with them.
    removed_at TIMESTAMPTZ
);
-- With the sizes: a team's quota is a sum over them.
CREATE INDEX files_by_team ON files (team_id, id) INCLUDE (bytes) WHERE removed_at IS NULL;
CREATE INDEX files_to_remove ON files (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_pending ON files (created_at) WHERE status = 'pending';

-- Endpoints that are told of a team's work.
CREATE TABLE webhooks (
    id TEXT COLLATE "C" PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- JSON: a list of names; empty is all.
    events TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    -- JSON: a list of what signs, encrypted, each with its end, if it has one.
    secrets TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX webhooks_by_team ON webhooks (team_id, id);

CREATE TABLE webhook_deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    webhook_id TEXT COLLATE "C" NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at TIMESTAMPTZ,
    -- Until when somebody tells it, and how often anybody took it to tell.
    lease_until TIMESTAMPTZ,
    claims BIGINT NOT NULL DEFAULT 0,
    last_status BIGINT,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    delivered_at TIMESTAMPTZ,
    UNIQUE (webhook_id, event)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_under_way ON webhook_deliveries (webhook_id) WHERE lease_until IS NOT NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- Written once; only what a record costs may change. One part for each month (UTC): there is none for what is in no
-- month, so parts are made ahead, and by whoever misses one.
CREATE TABLE usage_records (
    id TEXT COLLATE "C" NOT NULL,
    request_id TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    dialect TEXT COLLATE "C" NOT NULL,
    operation TEXT NOT NULL,
    model_asked TEXT COLLATE "C" NOT NULL,
    model_served TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    tier TEXT NOT NULL,
    -- JSON: an object of strings.
    tags TEXT NOT NULL,
    -- What the cache of answers had to do with it; for a hit, how old the answer was.
    cache TEXT NOT NULL,
    cache_age_ms BIGINT,
    cache_saved_nano_usd BIGINT,
    attempt BIGINT NOT NULL,
    -- Whether an earlier attempt of the same call has a record, too.
    again BOOLEAN NOT NULL,
    -- By its name in settings; without one, our own.
    account TEXT COLLATE "C",
    guardrail TEXT NOT NULL,
    -- Disjoint, except that reasoning is a part of output.
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    -- Sold by the piece.
    images BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    guardrail_units BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    streamed BOOLEAN NOT NULL,
    latency_ms BIGINT NOT NULL,
    first_token_ms BIGINT,
    stop_reason TEXT,
    outcome TEXT NOT NULL,
    error TEXT,
    -- All three or, without a price, none.
    cost_nano_usd BIGINT,
    saved_nano_usd BIGINT,
    price TEXT,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX usage_records_by_time ON usage_records (at);
CREATE INDEX usage_records_by_team ON usage_records (team_id, id);
CREATE INDEX usage_records_by_subject ON usage_records (subject, id);
CREATE INDEX usage_records_by_key ON usage_records (key_id, id);

-- What records have in common that are summed up together.
CREATE TABLE usage_groups (
    -- A digest of all the rest.
    id BYTEA PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    dialect TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    model_asked TEXT COLLATE "C" NOT NULL,
    model_served TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    cache TEXT COLLATE "C" NOT NULL,
    guardrail TEXT COLLATE "C" NOT NULL,
    tags TEXT NOT NULL
);

-- Sums by hour (UTC), kept in the same transaction as the records. They outlive them.
CREATE TABLE usage_hourly (
    -- Its first moment.
    at TIMESTAMPTZ NOT NULL,
    group_id BYTEA NOT NULL,
    requests BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    images BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    guardrail_units BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL,
    saved_nano_usd BIGINT NOT NULL,
    cache_hits BIGINT NOT NULL,
    cache_coalesced BIGINT NOT NULL,
    cache_misses BIGINT NOT NULL,
    cache_saved_nano_usd BIGINT NOT NULL,
    cache_age_ms BIGINT NOT NULL,
    guardrail_passed BIGINT NOT NULL,
    guardrail_observed BIGINT NOT NULL,
    guardrail_intervened BIGINT NOT NULL,
    -- How many took how long, as digits of one number (see `packed.rs`): such numbers can be added up.
    latency NUMERIC NOT NULL,
    first_token NUMERIC NOT NULL,
    PRIMARY KEY (at, group_id)
);

-- Sums by day (UTC), kept in the same transaction as the records. They outlive them.
CREATE TABLE usage_daily (
    -- Its first moment.
    at TIMESTAMPTZ NOT NULL,
    group_id BYTEA NOT NULL,
    requests BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    images BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    guardrail_units BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL,
    saved_nano_usd BIGINT NOT NULL,
    cache_hits BIGINT NOT NULL,
    cache_coalesced BIGINT NOT NULL,
    cache_misses BIGINT NOT NULL,
    cache_saved_nano_usd BIGINT NOT NULL,
    cache_age_ms BIGINT NOT NULL,
    guardrail_passed BIGINT NOT NULL,
    guardrail_observed BIGINT NOT NULL,
    guardrail_intervened BIGINT NOT NULL,
    latency NUMERIC NOT NULL,
    first_token NUMERIC NOT NULL,
    PRIMARY KEY (at, group_id)
);

-- Each raised once, however many processes see that it is due.
CREATE TABLE alerts (
    id TEXT COLLATE "C" PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    policy_id TEXT COLLATE "C" NOT NULL,
    level TEXT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    team_id TEXT COLLATE "C",
    model TEXT,
    budget_nano_usd BIGINT NOT NULL,
    -- JSON.
    period TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    per_cent BIGINT NOT NULL,
    spent_nano_usd BIGINT NOT NULL,
    -- When it is to be told; never (again) without.
    next_at TIMESTAMPTZ,
    -- How often telling it was begun.
    attempts BIGINT NOT NULL,
    told_at TIMESTAMPTZ,
    UNIQUE (policy_id, holder, period, period_start, per_cent, budget_nano_usd)
);
CREATE INDEX alerts_by_team ON alerts (team_id, id);
CREATE INDEX alerts_to_tell ON alerts (next_at, id) WHERE next_at IS NOT NULL;

-- Answers of the Responses API that their clients may come back to, until they expire.
CREATE TABLE responses (
    id TEXT COLLATE "C" PRIMARY KEY,
    team_id TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- JSON: the response object, and an array of all that it answered.
    response TEXT NOT NULL,
    input TEXT NOT NULL
);
CREATE INDEX responses_by_expiry ON responses (expires_at);
