-- +goose Up

-- Two bounds more of a token: the client certificates that it may be used with,
-- and how many requests it may make in a day and a month. Tokens that were there
-- before ask for neither. The conventions are those of 0001.

ALTER TABLE tokens ADD COLUMN client_certs TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tokens ADD COLUMN restrict_client_cert INTEGER NOT NULL DEFAULT 0 CHECK (restrict_client_cert IN (0, 1));
ALTER TABLE tokens ADD COLUMN quota TEXT NOT NULL DEFAULT '';

-- What is used of a token's quota. period is a day (20261121) or a month
-- (202611) in UTC, ends_at the first moment after it.
CREATE TABLE quota_uses (
    token   TEXT    NOT NULL REFERENCES tokens (handle),
    period  INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (token, period)
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_uses_by_end ON quota_uses (ends_at);
