-- Other routes: what a call used that is no token, what its caller calls it by, and whose the answers are that upstreams keep.
ALTER TABLE calls ADD COLUMN route TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN images BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN audio_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN characters BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN searches BIGINT NOT NULL DEFAULT 0;
-- With a comma before, between and after them; empty: none.
ALTER TABLE calls ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN end_user TEXT;

CREATE TABLE answers (
    upstream TEXT NOT NULL,
    id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app TEXT NOT NULL,
    model TEXT NOT NULL,
    -- Of question and answer: what going on from it reads again.
    tokens BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (upstream, id)
);
CREATE INDEX answers_by_id ON answers (id);
CREATE INDEX answers_by_age ON answers (at);

-- Sums by label: kind is 'tag' or 'end_user'. A call with two tags is in both.
CREATE TABLE label_usage (
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    day BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    unpriced_calls BIGINT NOT NULL,
    PRIMARY KEY (kind, label, day, user_id)
);
CREATE INDEX label_usage_by_day ON label_usage (kind, day);
CREATE INDEX label_usage_by_user ON label_usage (user_id, kind, day);
