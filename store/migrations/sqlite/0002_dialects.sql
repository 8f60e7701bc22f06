-- +goose Up

-- What the dialects beyond payment need: refresh families, people, JWTs that
-- end before their time, what may be presented once only, and the outbox of
-- events for merchants. The conventions are those of 0001.

ALTER TABLE merchants ADD COLUMN webhook_url TEXT NOT NULL DEFAULT '';
ALTER TABLE merchants ADD COLUMN webhook_format TEXT NOT NULL DEFAULT '';

CREATE TABLE users (
    id           TEXT    NOT NULL PRIMARY KEY,
    email        TEXT    NOT NULL UNIQUE,
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'operator', 'auditor', 'merchant')),
    merchant     TEXT    REFERENCES merchants (id),
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    password     TEXT    NOT NULL,
    added        INTEGER NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    CHECK (role <> 'merchant' OR merchant IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE families (
    id            TEXT    NOT NULL PRIMARY KEY,
    token         TEXT    NOT NULL REFERENCES tokens (handle),
    generation    INTEGER NOT NULL,
    preauthorised INTEGER NOT NULL CHECK (preauthorised IN (0, 1)),
    added         INTEGER NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER NOT NULL,
    ends_at       INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX families_alive ON families (token, added) WHERE ended_at = 0;
CREATE INDEX families_by_token ON families (token);
CREATE INDEX families_by_end ON families (ends_at);
CREATE INDEX families_ended ON families (ended_at) WHERE ended_at <> 0;

-- The pairs of a family, in the order they were made. follows is the number of
-- the pair whose refresh token was spent for this one, 0 for the first: after a
-- retry two pairs follow the same one, and the older of them has ended. spent_at
-- is when the refresh token was used, ended_at when the pair stopped counting.
-- A family has at most one pair that has not ended.
CREATE TABLE pairs (
    family         TEXT    NOT NULL REFERENCES families (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,
    follows        INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    access         BLOB    UNIQUE CHECK (length(access) = 32),
    refresh        BLOB    UNIQUE CHECK (length(refresh) = 32),
    jti            TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    access_ends_at INTEGER NOT NULL,
    used_at        INTEGER NOT NULL,
    spent_at       INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    PRIMARY KEY (family, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX pairs_one_alive ON pairs (family) WHERE ended_at = 0;

CREATE TABLE revoked_jtis (
    jti        TEXT    NOT NULL PRIMARY KEY,
    token      TEXT    NOT NULL,
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    ends_at    INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_jtis_by_end ON revoked_jtis (ends_at);

CREATE TABLE replays (
    digest  BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX replays_by_end ON replays (ends_at);

CREATE TABLE hooks (
    id         TEXT    NOT NULL PRIMARY KEY,
    event      TEXT    NOT NULL,
    token      TEXT    NOT NULL REFERENCES tokens (handle),
    merchant   TEXT    NOT NULL REFERENCES merchants (id),
    url        TEXT    NOT NULL,
    format     TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
    attempts   INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    last_error TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX hooks_due ON hooks (next_at, created_at) WHERE state = 'pending';
CREATE INDEX hooks_over ON hooks (updated_at) WHERE state <> 'pending';
CREATE INDEX hooks_by_token ON hooks (token);

-- Which notices of expiry a token has had: moving its expiry makes new ones.
CREATE TABLE expiry_notices (
    token      TEXT    NOT NULL REFERENCES tokens (handle),
    expires_at INTEGER NOT NULL,
    days       INTEGER NOT NULL,
    PRIMARY KEY (token, expires_at, days)
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_expiry ON tokens (expires_at) WHERE expires_at <> 0 AND revoked_at = 0;
