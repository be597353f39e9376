-- Budgets that many keys share, what binds an app whoever connected it, and secrets that work for a while after the next.
CREATE TABLE budgets (
    id TEXT PRIMARY KEY,
    limits TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
ALTER TABLE keys ADD COLUMN budget_id TEXT;
CREATE INDEX keys_by_budget ON keys (budget_id);

CREATE TABLE app_rules (
    app TEXT PRIMARY KEY,
    models TEXT NOT NULL,
    limits TEXT NOT NULL,
    blocked BOOLEAN NOT NULL
);

CREATE INDEX ended_keys_by_key ON ended_keys (id, ended_at);

ALTER TABLE member_limits ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
