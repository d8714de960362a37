-- The same tables as in outcrop-postgres, file by file and column by column.
--
-- Ids are text in the form the API shows. Times are integers, microseconds since the Unix epoch: as fine as
-- Postgres keeps them, so that both stores round alike, and they compare without being parsed.
-- What a team or person did outlives them, so only what ends with them refers to them by foreign key.

-- `revision` counts changes: a change names the one it was made from.

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    revision INTEGER NOT NULL
) STRICT;

-- Who is what in which team.
CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, team_id)
) STRICT;
CREATE INDEX memberships_by_team ON memberships (team_id, user_id);
-- Every change to people and teams asks whether an admin is left.
CREATE INDEX memberships_of_admins ON memberships (user_id, team_id) WHERE role = 'platform_admin';

-- Programs with an account of their own.
CREATE TABLE service_accounts (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    revision INTEGER NOT NULL,
    UNIQUE (team_id, name)
) STRICT;
CREATE INDEX service_accounts_by_team ON service_accounts (team_id, id);

CREATE TABLE passwords (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- A PHC string, which names the way of hashing, its cost and its salt.
    hash TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Neither used nor withdrawn: what was so is gone from here.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    user_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    -- HMAC-SHA256 of the whole key under the server's secret; the key itself is nowhere.
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    team_id TEXT NOT NULL,
    -- `user_…` or `svc_…`.
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    requests_per_minute INTEGER,
    -- JSON; `{}` narrows nothing.
    scope TEXT NOT NULL,
    -- JSON: an object of strings.
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    -- The id of the key that took its place.
    replaced_by TEXT,
    revision INTEGER NOT NULL
) STRICT;
-- Key ids are random, so the order of age needs its column.
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_by_team ON api_keys (team_id, created_at, id);
CREATE INDEX api_keys_by_subject ON api_keys (subject, created_at, id);

-- How much may be used, and by whom.
CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    level TEXT NOT NULL,
    -- For whom: one of the level by name, or each.
    team_id TEXT,
    -- `user_…` or `svc_…`.
    subject TEXT,
    key_id TEXT,
    -- The same as one text.
    target TEXT NOT NULL,
    -- For which models; empty is all.
    model TEXT NOT NULL,
    -- JSON.
    rules TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (target, model)
) STRICT;
CREATE INDEX policies_by_team ON policies (team_id, id);
CREATE INDEX policies_by_subject ON policies (subject, id);
CREATE INDEX policies_by_key ON policies (key_id, id);

-- A number that grows with every change of a policy. One row.
CREATE TABLE policies_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO policies_version (id, version) VALUES (1, 0);

-- What teams have written for their people to fill in.
CREATE TABLE prompts (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- The version that is served; none of an archived one.
    current INTEGER,
    -- The one that is served, or was at last.
    last INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    UNIQUE (team_id, name)
) STRICT;
CREATE INDEX prompts_by_team ON prompts (team_id, id);

-- Written once, but for `served_after`.
CREATE TABLE prompt_versions (
    prompt_id TEXT NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- The version that was served until this one was served first; 0 is none. Null as long as it never was.
    served_after INTEGER,
    -- JSON: what lists tell of it, and all of it, which they do not read.
    outline TEXT NOT NULL,
    template TEXT NOT NULL,
    PRIMARY KEY (prompt_id, number)
) STRICT;

-- Where calls of a model go: the whole table, and how often it was changed. One row.
CREATE TABLE routes (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    -- JSON.
    routes TEXT NOT NULL,
    updated_at INTEGER
) STRICT;
INSERT INTO routes (id, revision, routes) VALUES (1, 0, '{}');

-- Logins.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    team_id TEXT NOT NULL,
    -- JSON, as that of a key.
    scope TEXT NOT NULL,
    method TEXT NOT NULL,
    -- Of a browser's login only: both or none.
    cookie_id TEXT UNIQUE,
    cookie_hash BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_team ON sessions (team_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Used ones stay until they expire: who shows one again gives a theft away.
CREATE TABLE refresh_tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- What access tokens are signed with.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    generation INTEGER NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    -- The private part, encrypted under the server's secret.
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- Who did what. Each row's hash covers its number, the hash of the row before and the record, under the server's
-- secret; the other columns repeat the record, to search by.
CREATE TABLE audit_log (
    -- From 1, without a gap.
    seq INTEGER PRIMARY KEY CHECK (seq >= 1),
    at INTEGER NOT NULL,
    team_id TEXT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- JSON, to the letter as it was hashed.
    record TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (at, seq);
CREATE INDEX audit_log_by_team ON audit_log (team_id, seq);
CREATE INDEX audit_log_by_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_by_action ON audit_log (action, seq);
CREATE INDEX audit_log_by_target ON audit_log (target, seq);

CREATE TRIGGER audit_log_refuses_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_log_refuses_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- `INSERT OR REPLACE` removes what was there without asking the trigger above.
CREATE TRIGGER audit_log_refuses_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- The number and hash of the last row of the log, apart from it: so that a missing end is noticed. One row;
-- number 0 before the first.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, zeroblob(32));

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    -- `call`, `batch` or `part` (of the batch that `parent_id` names).
    kind TEXT NOT NULL,
    parent_id TEXT,
    -- On whose behalf: a principal, field by field.
    team_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    key_id TEXT,
    requests_per_minute INTEGER,
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
    priority INTEGER NOT NULL,
    deadline INTEGER,
    -- JSON: an object of strings.
    metadata TEXT NOT NULL,
    -- The answer of the Responses API that it makes.
    response_id TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    -- Set aside, to be sent back to the queue by hand.
    dead INTEGER NOT NULL DEFAULT 0,
    -- JSON: the way it is done, and why.
    choice TEXT,
    -- JSON: tokens, cost, what was saved.
    used TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    updated_at INTEGER NOT NULL,
    -- The number of the last claim, and until when it holds while the job is running.
    lease INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    -- When a queued job may be claimed; at once without.
    not_before INTEGER,
    -- When a queue message was last sent for it.
    nudged_at INTEGER NOT NULL,
    -- Where in a trace it was submitted, as W3C's `traceparent`.
    trace TEXT
) STRICT;
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
CREATE INDEX jobs_dead ON jobs (id) WHERE dead = 1;
CREATE INDEX jobs_ended ON jobs (ended_at, id) WHERE ended_at IS NOT NULL AND kind <> 'part';

-- When a job of a team was last claimed. Its row also makes claims of one team take turns.
CREATE TABLE job_turns (
    team_id TEXT PRIMARY KEY,
    claimed_at INTEGER NOT NULL
) STRICT;

-- Processes that work jobs off, and until when each is taken to be alive.
CREATE TABLE job_workers (
    id TEXT PRIMARY KEY,
    alive_until INTEGER NOT NULL
) STRICT;

-- Names of blobs that nobody needs any more, until they are removed: written with what made them needless.
CREATE TABLE leftovers (
    blob TEXT PRIMARY KEY
) STRICT;

-- What happened to jobs, in order. Removed with the job.
CREATE TABLE job_events (
    job_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    team_id TEXT NOT NULL,
    -- Such as `batch.completed`.
    name TEXT NOT NULL,
    -- What it is about, by its own id: `job_…`, `batch_…`, `resp_…`.
    subject TEXT NOT NULL,
    -- JSON: an object.
    data TEXT NOT NULL,
    -- Whether endpoints are told of it, and when deliveries were made of it.
    tells INTEGER NOT NULL,
    told_at INTEGER,
    PRIMARY KEY (job_id, seq)
) STRICT;
CREATE INDEX job_events_untold ON job_events (at, job_id) WHERE told_at IS NULL AND tells = 1;

-- What a batch is besides its job, which has the same UUID.
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE,
    team_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    input_file_id TEXT NOT NULL,
    completion_window TEXT NOT NULL,
    -- JSON: an object of strings.
    metadata TEXT NOT NULL,
    output_expires_after_s INTEGER,
    status TEXT NOT NULL,
    -- JSON: a list.
    errors TEXT NOT NULL,
    model TEXT,
    output_file_id TEXT,
    error_file_id TEXT,
    total INTEGER NOT NULL,
    -- Of lines that no part counts (any more).
    completed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- JSON: what Bedrock does of it.
    bedrock TEXT,
    created_at INTEGER NOT NULL,
    in_progress_at INTEGER,
    expires_at INTEGER NOT NULL,
    finalizing_at INTEGER,
    completed_at INTEGER,
    failed_at INTEGER,
    expired_at INTEGER,
    cancelling_at INTEGER,
    cancelled_at INTEGER
) STRICT;
CREATE INDEX batches_by_team ON batches (team_id, id);
CREATE INDEX batches_open_by_file ON batches (input_file_id)
    WHERE status IN ('validating', 'in_progress', 'finalizing', 'cancelling');

CREATE TABLE batch_parts (
    job_id TEXT PRIMARY KEY,
    batch_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    from_byte INTEGER NOT NULL,
    to_byte INTEGER NOT NULL,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    -- Names of blobs, once the part is done.
    output TEXT,
    errors TEXT,
    UNIQUE (batch_id, number)
) STRICT;

-- How lines ended, until their part is done.
CREATE TABLE batch_lines (
    job_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    ok INTEGER NOT NULL,
    text TEXT NOT NULL,
    -- The name of a blob, where the text is too long.
    blob TEXT,
    PRIMARY KEY (job_id, line)
) STRICT;

-- Clients' files; their bytes are blobs.
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    filename TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT,
    status TEXT NOT NULL,
    blob TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- When it was removed, or when its bytes can go if they may still come; its row goes with them.
    removed_at INTEGER
) STRICT;
-- With the sizes: a team's quota is a sum over them.
CREATE INDEX files_by_team ON files (team_id, id, bytes) WHERE removed_at IS NULL;
CREATE INDEX files_to_remove ON files (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX files_expiring ON files (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX files_pending ON files (created_at) WHERE status = 'pending';

-- Endpoints that are told of a team's work.
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- JSON: a list of names; empty is all.
    events TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    -- JSON: a list of what signs, encrypted, each with its end, if it has one.
    secrets TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_by_team ON webhooks (team_id, id);

CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    event TEXT NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER,
    -- Until when somebody tells it, and how often anybody took it to tell.
    lease_until INTEGER,
    claims INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    delivered_at INTEGER,
    UNIQUE (webhook_id, event)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_under_way ON webhook_deliveries (webhook_id) WHERE lease_until IS NOT NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);

-- Written once; only what a record costs may change.
CREATE TABLE usage_records (
    id TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    team_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id TEXT,
    dialect TEXT NOT NULL,
    operation TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_served TEXT NOT NULL,
    region TEXT NOT NULL,
    tier TEXT NOT NULL,
    -- JSON: an object of strings.
    tags TEXT NOT NULL,
    -- What the cache of answers had to do with it; for a hit, how old the answer was.
    cache TEXT NOT NULL,
    cache_age_ms INTEGER,
    cache_saved_nano_usd INTEGER,
    attempt INTEGER NOT NULL,
    -- Whether an earlier attempt of the same call has a record, too.
    again INTEGER NOT NULL,
    -- By its name in settings; without one, our own.
    account TEXT,
    guardrail TEXT NOT NULL,
    -- Disjoint, except that reasoning is a part of output.
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    -- Sold by the piece.
    images INTEGER NOT NULL,
    queries INTEGER NOT NULL,
    guardrail_units INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    streamed INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    stop_reason TEXT,
    outcome TEXT NOT NULL,
    error TEXT,
    -- All three or, without a price, none.
    cost_nano_usd INTEGER,
    saved_nano_usd INTEGER,
    price TEXT
) STRICT;
CREATE INDEX usage_records_by_time ON usage_records (at);
CREATE INDEX usage_records_by_team ON usage_records (team_id, id);
CREATE INDEX usage_records_by_subject ON usage_records (subject, id);
CREATE INDEX usage_records_by_key ON usage_records (key_id, id);

-- What records have in common that are summed up together.
CREATE TABLE usage_groups (
    -- A digest of all the rest.
    id BLOB PRIMARY KEY,
    team_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id TEXT,
    dialect TEXT NOT NULL,
    operation TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_served TEXT NOT NULL,
    region TEXT NOT NULL,
    tier TEXT NOT NULL,
    account TEXT,
    cache TEXT NOT NULL,
    guardrail TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sums by hour (UTC), kept in the same transaction as the records. They outlive them.
CREATE TABLE usage_hourly (
    -- Its first moment.
    at INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    images INTEGER NOT NULL,
    queries INTEGER NOT NULL,
    guardrail_units INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    saved_nano_usd INTEGER NOT NULL,
    cache_hits INTEGER NOT NULL,
    cache_coalesced INTEGER NOT NULL,
    cache_misses INTEGER NOT NULL,
    cache_saved_nano_usd INTEGER NOT NULL,
    cache_age_ms INTEGER NOT NULL,
    guardrail_passed INTEGER NOT NULL,
    guardrail_observed INTEGER NOT NULL,
    guardrail_intervened INTEGER NOT NULL,
    -- How many took how long: JSON, counts by bucket.
    latency TEXT NOT NULL,
    first_token TEXT NOT NULL,
    PRIMARY KEY (at, group_id)
) STRICT, WITHOUT ROWID;

-- Sums by day (UTC), kept in the same transaction as the records. They outlive them.
CREATE TABLE usage_daily (
    -- Its first moment.
    at INTEGER NOT NULL,
    group_id BLOB NOT NULL,
    requests INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    images INTEGER NOT NULL,
    queries INTEGER NOT NULL,
    guardrail_units INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    saved_nano_usd INTEGER NOT NULL,
    cache_hits INTEGER NOT NULL,
    cache_coalesced INTEGER NOT NULL,
    cache_misses INTEGER NOT NULL,
    cache_saved_nano_usd INTEGER NOT NULL,
    cache_age_ms INTEGER NOT NULL,
    guardrail_passed INTEGER NOT NULL,
    guardrail_observed INTEGER NOT NULL,
    guardrail_intervened INTEGER NOT NULL,
    latency TEXT NOT NULL,
    first_token TEXT NOT NULL,
    PRIMARY KEY (at, group_id)
) STRICT, WITHOUT ROWID;

-- Each raised once, however many processes see that it is due.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    policy_id TEXT NOT NULL,
    level TEXT NOT NULL,
    holder TEXT NOT NULL,
    team_id TEXT,
    model TEXT,
    budget_nano_usd INTEGER NOT NULL,
    -- JSON.
    period TEXT NOT NULL,
    period_start INTEGER NOT NULL,
    per_cent INTEGER NOT NULL,
    spent_nano_usd INTEGER NOT NULL,
    -- When it is to be told; never (again) without.
    next_at INTEGER,
    -- How often telling it was begun.
    attempts INTEGER NOT NULL,
    told_at INTEGER,
    UNIQUE (policy_id, holder, period, period_start, per_cent, budget_nano_usd)
) STRICT;
CREATE INDEX alerts_by_team ON alerts (team_id, id);
CREATE INDEX alerts_to_tell ON alerts (next_at, id) WHERE next_at IS NOT NULL;

-- Answers of the Responses API that their clients may come back to, until they expire.
CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- JSON: the response object, and an array of all that it answered.
    response TEXT NOT NULL,
    input TEXT NOT NULL
) STRICT;
CREATE INDEX responses_by_expiry ON responses (expires_at);
