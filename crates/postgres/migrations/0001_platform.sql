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
    kind TEXT NOT NULL,
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
    -- Sold by the piece.
    images BIGINT NOT NULL,
    queries BIGINT NOT NULL,
    estimated BOOLEAN NOT NULL,
    streamed BOOLEAN NOT NULL,
    latency_ms BIGINT NOT NULL,
    first_token_ms BIGINT,
    stop_reason TEXT,
    outcome TEXT NOT NULL,
    error TEXT
);
CREATE INDEX usage_records_by_team ON usage_records (team_id, id);

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
