-- Limits of keys, people, teams and members of teams, and what was spent in each of their windows.
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN root_id TEXT;
ALTER TABLE keys ADD COLUMN root_limits TEXT;
CREATE INDEX keys_by_root ON keys (root_id);
ALTER TABLE users ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE teams ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';

CREATE TABLE member_limits (
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    limits TEXT NOT NULL,
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE spent (
    ledger TEXT NOT NULL,
    began INTEGER NOT NULL,
    nano INTEGER NOT NULL,
    PRIMARY KEY (ledger, began)
) STRICT, WITHOUT ROWID;
