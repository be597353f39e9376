-- People and teams: who is in, who is out and why, and who may use what.
ALTER TABLE users ADD COLUMN block_reason TEXT;
ALTER TABLE users ADD COLUMN off_at BIGINT;
ALTER TABLE users ADD COLUMN off_reason TEXT;
ALTER TABLE users ADD COLUMN off_issuer TEXT;
ALTER TABLE users ADD COLUMN email_doubt BIGINT;
ALTER TABLE users ADD COLUMN hand_role TEXT;
ALTER TABLE users ADD COLUMN role_by TEXT;
ALTER TABLE users ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN default_team TEXT;
ALTER TABLE users ADD COLUMN service_of TEXT;
UPDATE users SET hand_role = role WHERE id IN (SELECT user_id FROM identities WHERE issuer = 'local');
UPDATE users SET role_by = 'group' WHERE role = 'proxy_admin' AND hand_role IS NULL;
DROP INDEX users_by_email;
CREATE INDEX users_by_age ON users (service_of, created_at, id, role);

CREATE INDEX users_by_off_issuer ON users (off_issuer);
CREATE INDEX changes_by_time ON changes (at, seq);
CREATE INDEX grants_by_age ON grants (created_at, id);

CREATE TABLE user_words (
    word TEXT COLLATE "C" NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (word, user_id)
);
CREATE INDEX user_words_by_user ON user_words (user_id);
INSERT INTO user_words (word, user_id) SELECT LOWER(email), id FROM users WHERE email IS NOT NULL;
INSERT INTO user_words (word, user_id) SELECT LOWER(name), id FROM users WHERE name IS NOT NULL ON CONFLICT DO NOTHING;

CREATE TABLE issuers (
    issuer TEXT PRIMARY KEY,
    off_at BIGINT
);
INSERT INTO issuers (issuer) SELECT DISTINCT issuer FROM identities;

CREATE TABLE invitations (
    email TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX invitations_by_user ON invitations (user_id);

CREATE TABLE retired_ids (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    models TEXT NOT NULL,
    metadata TEXT NOT NULL,
    blocked_at BIGINT,
    block_reason TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE members (
    team_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    source TEXT NOT NULL,
    role TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id, source)
);
CREATE INDEX members_by_user ON members (user_id, team_id);

CREATE TABLE password_resets (
    hash BYTEA PRIMARY KEY,
    username TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX password_resets_by_name ON password_resets (username);
CREATE INDEX password_resets_by_end ON password_resets (expires_at);

ALTER TABLE keys ADD COLUMN team_id TEXT;
CREATE INDEX keys_by_team ON keys (team_id);
CREATE INDEX keys_by_alias ON keys (alias);
CREATE INDEX keys_by_app ON keys (app);

ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN agent TEXT;

ALTER TABLE audit ADD COLUMN before TEXT;
ALTER TABLE audit ADD COLUMN after TEXT;
CREATE INDEX audit_by_actor ON audit (actor, at, id);
CREATE INDEX audit_by_subject ON audit (subject, at, id);
CREATE INDEX audit_by_action ON audit (action, at, id);
