-- The same tables as in outcrop-postgres, file by file and column by column.
--
-- Ids are text in the form the API shows. Times are integers, microseconds since the Unix epoch: as fine as
-- Postgres keeps them, so that both stores round alike, and they compare without being parsed.
-- What a team or person did outlives them, so only memberships refer to them by foreign key.

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- Who is what in which team.
CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, team_id)
) STRICT;
CREATE INDEX memberships_by_team ON memberships (team_id);

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
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
-- Key ids are random, so the order of age needs its column.
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_by_team ON api_keys (team_id, created_at, id);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- On whose behalf: a principal, field by field.
    team_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    key_id TEXT,
    requests_per_minute INTEGER,
    path TEXT NOT NULL,
    -- Names of blobs.
    input TEXT NOT NULL,
    output TEXT,
    idempotency_key TEXT,
    -- A digest of path and body.
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The number of the last claim, and until when it holds while the job is running.
    lease INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    -- When a queued job may be claimed; at once without.
    not_before INTEGER,
    -- When a queue message was last sent for it.
    nudged_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (team_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_team ON jobs (team_id, id);
CREATE INDEX jobs_open ON jobs (nudged_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_open_by_team ON jobs (team_id) WHERE state IN ('queued', 'running');

-- Written once, never changed.
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
    -- Disjoint, except that reasoning is a part of output.
    input_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    streamed INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    first_token_ms INTEGER,
    stop_reason TEXT,
    outcome TEXT NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX usage_records_by_team ON usage_records (team_id, id);
