-- Other routes: what a call used that is no token, what its caller calls it by, and whose the answers are that upstreams keep.
ALTER TABLE calls ADD COLUMN route TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN audio_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN searches INTEGER NOT NULL DEFAULT 0;
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
    tokens INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (upstream, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_id ON answers (id);
CREATE INDEX answers_by_age ON answers (at);

-- Sums by label: kind is 'tag' or 'end_user'. A call with two tags is in both.
CREATE TABLE label_usage (
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    day INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    PRIMARY KEY (kind, label, day, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_usage_by_day ON label_usage (kind, day);
CREATE INDEX label_usage_by_user ON label_usage (user_id, kind, day);
