CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT,
    name TEXT,
    role TEXT NOT NULL,
    blocked_at INTEGER,
    created_at INTEGER NOT NULL,
    signed_in_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_email ON users (email);

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_user ON identities (user_id);

CREATE TABLE local_accounts (
    username TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    user_id TEXT NOT NULL,
    idp TEXT NOT NULL,
    signed_in_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE signins (
    hash BLOB PRIMARY KEY,
    browser BLOB NOT NULL,
    idp TEXT NOT NULL,
    return_to TEXT NOT NULL,
    secret BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signins_by_end ON signins (expires_at);
CREATE INDEX signins_by_browser ON signins (browser, expires_at);

CREATE TABLE requests (
    hash BLOB PRIMARY KEY,
    browser BLOB NOT NULL,
    dialect TEXT NOT NULL,
    request TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_end ON requests (expires_at);
CREATE INDEX requests_by_browser ON requests (browser, expires_at);

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    app TEXT NOT NULL,
    app_name TEXT NOT NULL,
    dialect TEXT NOT NULL,
    terms TEXT NOT NULL,
    signed_in_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (user_id);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    alias TEXT,
    user_id TEXT NOT NULL,
    grant_id TEXT,
    app TEXT,
    models TEXT NOT NULL,
    metadata TEXT NOT NULL,
    blocked INTEGER NOT NULL,
    signed_in_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_user ON keys (user_id, app);
CREATE INDEX keys_by_grant ON keys (grant_id);
CREATE INDEX keys_by_end ON keys (expires_at);
CREATE INDEX keys_by_age ON keys (created_at, id);

CREATE TABLE ended_keys (
    hash BLOB PRIMARY KEY,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app TEXT,
    ended_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_keys_by_end ON ended_keys (ended_at);

CREATE TABLE usage (
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    day INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    app TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    estimated_calls INTEGER NOT NULL,
    aborted_calls INTEGER NOT NULL,
    failed_calls INTEGER NOT NULL,
    PRIMARY KEY (key_id, model, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_user ON usage (user_id, day);

CREATE TABLE booked_batches (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX booked_batches_by_time ON booked_batches (at);

CREATE TABLE change_counter (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO change_counter (name, last) VALUES ('changes', 0);

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    app TEXT,
    address TEXT,
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at, id);
