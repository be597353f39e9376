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

-- Until when a secret that was replaced goes on working; null: it does not.
ALTER TABLE ended_keys ADD COLUMN works_until BIGINT;
CREATE INDEX ended_keys_by_key ON ended_keys (id, works_until);

-- The key that a key was made with, whatever limits either has.
ALTER TABLE keys ADD COLUMN parent_id TEXT;
UPDATE keys SET parent_id = root_id;
CREATE INDEX keys_by_parent ON keys (parent_id);

-- Rules of an app hold whatever the letters' case: an editor finds its extension by either.
CREATE INDEX keys_by_app_rule ON keys (LOWER(app));

ALTER TABLE member_limits ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
