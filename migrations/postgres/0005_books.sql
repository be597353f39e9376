-- The books: a row for each call, what it cost and by which price, and the sums of them by key, model and day.
CREATE TABLE calls (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    request TEXT NOT NULL,
    key_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    team_id TEXT,
    app TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    audio_input_tokens BIGINT NOT NULL,
    image_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    audio_output_tokens BIGINT NOT NULL,
    cost BIGINT,
    price TEXT,
    estimated BOOLEAN NOT NULL,
    aborted BOOLEAN NOT NULL,
    failed BOOLEAN NOT NULL
);
CREATE INDEX calls_by_key ON calls (key_id, id);
CREATE INDEX calls_by_user ON calls (user_id, id);
CREATE INDEX calls_by_team ON calls (team_id, id) WHERE team_id IS NOT NULL;

ALTER TABLE usage ADD COLUMN team_id TEXT;
ALTER TABLE usage ADD COLUMN cache_read_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN cache_write_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN reasoning_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN unpriced_calls BIGINT NOT NULL DEFAULT 0;
UPDATE usage SET unpriced_calls = calls;
UPDATE usage SET team_id = (SELECT team_id FROM keys WHERE keys.id = usage.key_id);
CREATE INDEX usage_by_team ON usage (team_id, day);
CREATE INDEX usage_by_app ON usage (app, day);
CREATE INDEX usage_by_model ON usage (model, day);
CREATE INDEX usage_by_day ON usage (day);

-- A row has a name of its own now, by which it counts once.
DROP TABLE booked_batches;

CREATE TABLE about (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
