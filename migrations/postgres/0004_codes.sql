-- Codes that are redeemed for a key, and polls by which a terminal asks for its own.
ALTER TABLE grants ADD COLUMN team_id TEXT;
ALTER TABLE grants ADD COLUMN sent_to TEXT;
UPDATE grants SET team_id = (SELECT MAX(team_id) FROM keys WHERE keys.grant_id = grants.id);
DROP INDEX grants_by_user;
CREATE INDEX grants_by_user ON grants (user_id, app);
CREATE INDEX grants_by_team ON grants (team_id);

CREATE TABLE codes (
    hash BYTEA PRIMARY KEY,
    dialect TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app TEXT NOT NULL,
    parent_id TEXT,
    terms TEXT NOT NULL,
    challenge BYTEA,
    method TEXT,
    tries BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX codes_by_user ON codes (user_id, app);
CREATE INDEX codes_by_end ON codes (expires_at);
CREATE INDEX codes_by_app ON codes (app);
CREATE INDEX codes_by_grant ON codes (grant_id);

CREATE TABLE spent_codes (
    hash BYTEA PRIMARY KEY,
    grant_id TEXT NOT NULL,
    challenge BYTEA,
    spent_at BIGINT NOT NULL
);
CREATE INDEX spent_codes_by_time ON spent_codes (spent_at);

CREATE TABLE polls (
    id BYTEA PRIMARY KEY,
    secret BYTEA NOT NULL,
    user_code BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX polls_by_end ON polls (expires_at);

CREATE TABLE ready_polls (
    id BYTEA PRIMARY KEY,
    secret BYTEA NOT NULL,
    grant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app TEXT NOT NULL,
    team_chosen BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ready_polls_by_user ON ready_polls (user_id, app);
CREATE INDEX ready_polls_by_end ON ready_polls (expires_at);
CREATE INDEX ready_polls_by_app ON ready_polls (app);
CREATE INDEX ready_polls_by_grant ON ready_polls (grant_id);
