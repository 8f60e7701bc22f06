-- +goose Up

-- Conventions. Times are microseconds since 1970 UTC, and 0 is "never" or "not
-- yet". Digests are 32 bytes of SHA-256. Lists and compositions are canonical
-- JSON. "added" is the change-log number of the write that made the row: it
-- grows in commit order, so lists are paged by it.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The change log is numbered from a row, not from an identity column: identity
-- numbers are handed out before commit and would be seen out of order.
CREATE TABLE change_head (
    id  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO change_head (id, seq) VALUES (1, 0);

CREATE TABLE changes (
    seq    INTEGER NOT NULL PRIMARY KEY,
    entity TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    added  INTEGER NOT NULL CHECK (added IN (0, 1)),
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE merchants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    ip_ranges  TEXT    NOT NULL,
    added      INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    handle               TEXT    NOT NULL PRIMARY KEY,
    merchant             TEXT    NOT NULL REFERENCES merchants (id),
    parent               TEXT    REFERENCES tokens (handle),
    client_id            TEXT    UNIQUE,
    name                 TEXT    NOT NULL,
    description          TEXT    NOT NULL,
    environment          TEXT    NOT NULL CHECK (environment IN ('live', 'test')),
    mode                 TEXT    NOT NULL CHECK (mode IN ('enforce', 'monitor')),
    enabled              INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    enhanced             INTEGER NOT NULL CHECK (enhanced IN (0, 1)),
    ip_ranges            TEXT    NOT NULL,
    methods              TEXT    NOT NULL,
    permissions          TEXT    NOT NULL,
    composition          TEXT    NOT NULL,
    rate                 TEXT    NOT NULL,
    restrict_composition INTEGER NOT NULL CHECK (restrict_composition IN (0, 1)),
    restrict_phones      INTEGER NOT NULL CHECK (restrict_phones IN (0, 1)),
    restrict_ip          INTEGER NOT NULL CHECK (restrict_ip IN (0, 1)),
    restrict_methods     INTEGER NOT NULL CHECK (restrict_methods IN (0, 1)),
    webhook_url          TEXT    NOT NULL,
    webhook_format       TEXT    NOT NULL,
    added                INTEGER NOT NULL UNIQUE,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    expires_at           INTEGER NOT NULL,
    revoked_at           INTEGER NOT NULL,
    last_used_at         INTEGER NOT NULL,
    last_used_ip         TEXT    NOT NULL,
    version              INTEGER NOT NULL
) STRICT;

CREATE INDEX tokens_by_merchant ON tokens (merchant, added);
CREATE INDEX tokens_by_parent ON tokens (parent) WHERE parent IS NOT NULL;

CREATE TABLE credentials (
    token        TEXT    NOT NULL REFERENCES tokens (handle),
    kind         TEXT    NOT NULL CHECK (kind IN ('key', 'client_secret', 'signing_secret')),
    generation   INTEGER NOT NULL,
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint         TEXT    NOT NULL,
    sealed       BLOB,
    created_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (token, kind, generation)
) STRICT, WITHOUT ROWID;

CREATE INDEX credentials_by_use ON credentials (kind, last_used_at, digest);

-- One number, one token. scope is '' while numbers are unique over the whole
-- installation, and the merchant's id while they are unique within a merchant.
CREATE TABLE numbers (
    scope      TEXT    NOT NULL,
    e164       TEXT    NOT NULL,
    token      TEXT    NOT NULL REFERENCES tokens (handle),
    country    TEXT    NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    added      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (scope, e164)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX numbers_by_token ON numbers (token, added, e164);

CREATE TABLE admin_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'operator', 'auditor', 'merchant')),
    merchant     TEXT    REFERENCES merchants (id),
    digest       BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    hint         TEXT    NOT NULL,
    added        INTEGER NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    ended_at     INTEGER NOT NULL,
    CHECK ((role = 'merchant') = (merchant IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    alg        TEXT    NOT NULL CHECK (alg IN ('HS256', 'EdDSA')),
    sealed     BLOB    NOT NULL,
    added      INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- audit_head holds the last row's number and hash, so that rows cut off the end
-- are missed as surely as rows changed in the middle.
CREATE TABLE audit_head (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, zeroblob(32));

CREATE TABLE audit (
    seq          INTEGER NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor_id     TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target_kind  TEXT    NOT NULL,
    target_id    TEXT    NOT NULL,
    merchant     TEXT    NOT NULL,
    ip           TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    state_before TEXT,
    state_after  TEXT,
    prev_hash    BLOB    NOT NULL CHECK (length(prev_hash) = 32),
    hash         BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_by_merchant ON audit (merchant, seq);
CREATE INDEX audit_by_target ON audit (target_kind, target_id, seq);

-- +goose StatementBegin
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never deleted');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE would delete without asking the trigger above.
-- +goose StatementBegin
CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
WHEN NEW.seq <= COALESCE((SELECT MAX(seq) FROM audit), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit rows are only appended');
END;
-- +goose StatementEnd
