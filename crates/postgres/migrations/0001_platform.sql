-- The same tables as in outcrop-sqlite, file by file and column by column.
--
-- Ids are text in the form the API shows, compared byte by byte (`COLLATE "C"`): that is their order of age,
-- whatever language the database speaks.
-- What a team or person did outlives them, so only memberships refer to them by foreign key.

CREATE TABLE teams (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE users (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL
);

-- Who is what in which team.
CREATE TABLE memberships (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX memberships_by_team ON memberships (team_id);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- HMAC-SHA256 of the whole key under the server's secret; the key itself is nowhere.
    hash BYTEA NOT NULL,
    name TEXT NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    -- `user_…` or `svc_…`.
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    requests_per_minute BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
-- Key ids are random, so the order of age needs its column.
CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_by_team ON api_keys (team_id, created_at, id);

CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT NOT NULL,
    -- On whose behalf: a principal, field by field.
    team_id TEXT COLLATE "C" NOT NULL,
    subject TEXT NOT NULL,
    role TEXT NOT NULL,
    key_id TEXT COLLATE "C",
    requests_per_minute BIGINT,
    path TEXT NOT NULL,
    -- Names of blobs.
    input TEXT NOT NULL,
    output TEXT,
    idempotency_key TEXT,
    -- A digest of path and body.
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    status BIGINT,
    error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    -- The number of the last claim, and until when it holds while the job is running.
    lease BIGINT NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    -- When a queued job may be claimed; at once without.
    not_before TIMESTAMPTZ,
    -- When a queue message was last sent for it.
    nudged_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (team_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_team ON jobs (team_id, id);
CREATE INDEX jobs_open ON jobs (nudged_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_open_by_team ON jobs (team_id) WHERE state IN ('queued', 'running');

-- Written once, never changed.
CREATE TABLE usage_records (
    id TEXT COLLATE "C" PRIMARY KEY,
    request_id TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    team_id TEXT COLLATE "C" NOT NULL,
    subject TEXT NOT NULL,
    key_id TEXT COLLATE "C",
    dialect TEXT NOT NULL,
    operation TEXT NOT NULL,
    model_asked TEXT NOT NULL,
    model_served TEXT NOT NULL,
    region TEXT NOT NULL,
    -- Disjoint, except that reasoning is a part of output.
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    streamed BOOLEAN NOT NULL,
    latency_ms BIGINT NOT NULL,
    first_token_ms BIGINT,
    stop_reason TEXT,
    outcome TEXT NOT NULL,
    error TEXT
);
CREATE INDEX usage_records_by_team ON usage_records (team_id, id);
