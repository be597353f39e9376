-- What operators are told by webhook: each once, and again until it has arrived.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL,
    -- When to try next; null: told, or given up.
    next_at INTEGER,
    told_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_due ON alerts (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX alerts_by_age ON alerts (at);
