-- What operators are told by webhook: each once, and again until it has arrived.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    tries BIGINT NOT NULL,
    -- When to try next; null: told, or given up.
    next_at BIGINT,
    told_at BIGINT
);
CREATE INDEX alerts_due ON alerts (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX alerts_by_age ON alerts (at);
