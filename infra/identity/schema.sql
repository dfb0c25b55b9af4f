-- In the words of SQLite; dialect.go says how PostgreSQL reads it.
-- Revocation counters: 0–255 by the first byte of a session's token hash, 256–511 by that of an account's id.
CREATE TABLE IF NOT EXISTS epochs (bucket INTEGER PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO epochs
  WITH RECURSIVE b(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM b WHERE i < 511) SELECT i, 1 FROM b WHERE TRUE ON CONFLICT DO NOTHING;

-- Tells a lost or foreign key file at start-up, before it makes every password wrong.
CREATE TABLE IF NOT EXISTS key_check (id INTEGER PRIMARY KEY CHECK (id = 0), mac BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS accounts (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  login       TEXT UNIQUE,
  phone       TEXT UNIQUE,
  email       TEXT NOT NULL DEFAULT '',
  subject     TEXT UNIQUE,              -- issuer and subject of an account that signs in elsewhere
  password    TEXT NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  verified_at INTEGER NOT NULL DEFAULT 0,
  disabled_at INTEGER NOT NULL DEFAULT 0,
  erased_at   INTEGER NOT NULL DEFAULT 0
);

-- Apart from the account, so that deleting it is one row, and no list of accounts ever reads it.
CREATE TABLE IF NOT EXISTS identity_numbers (
  account_id TEXT PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,
  blind      BLOB NOT NULL UNIQUE,      -- keyed hash: one account per number
  sealed     BLOB NOT NULL              -- encrypted
);

CREATE TABLE IF NOT EXISTS organizations (
  id     TEXT PRIMARY KEY,
  name   TEXT NOT NULL,
  kind   TEXT NOT NULL,
  parent TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS organizations_parent ON organizations(parent);

-- Nobody acts for these, whatever claims say.
CREATE TABLE IF NOT EXISTS closed_organizations (id TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
  account_id   TEXT NOT NULL,
  organization TEXT NOT NULL,           -- '' for roles that people hold for themselves
  role         TEXT NOT NULL,
  granted_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,        -- 0: never
  source       TEXT NOT NULL,           -- 'claims' of an OpenID provider; else ''. Rows follow events (Follow), but for applicants by registration
  PRIMARY KEY (account_id, organization, role, source)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS grants_organization ON grants(organization);

CREATE TABLE IF NOT EXISTS sessions (
  token      BLOB PRIMARY KEY,          -- SHA-256 of the token
  bucket     INTEGER NOT NULL,          -- its first byte
  id         TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
  method     TEXT NOT NULL,
  address    TEXT NOT NULL,
  agent      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  hint       BLOB                       -- sealed id token, for sign-out at the OpenID provider
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_account ON sessions(account_id, created_at);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions(expires_at);

CREATE TABLE IF NOT EXISTS known_networks (
  account_id TEXT NOT NULL,
  network    TEXT NOT NULL,
  seen_at    INTEGER NOT NULL,
  PRIMARY KEY (account_id, network)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS meters (
  key          BLOB PRIMARY KEY,
  failures     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  locked_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS quotas (
  key       BLOB NOT NULL,
  rule      TEXT NOT NULL,
  n         INTEGER NOT NULL,
  resets_at INTEGER NOT NULL,
  PRIMARY KEY (key, rule)
) WITHOUT ROWID;

DROP TABLE IF EXISTS codes;             -- of earlier versions, one a phone; a code lives five minutes
CREATE TABLE IF NOT EXISTS sent_codes (
  phone      BLOB NOT NULL,             -- keyed hash: most of these phones never become accounts
  purpose    TEXT NOT NULL,
  asker      TEXT NOT NULL,             -- network that asked: nobody elsewhere takes its code or its tries away
  hash       BLOB NOT NULL,
  strangers  INTEGER NOT NULL,          -- tries from networks that neither asked nor are the owner's
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (phone, purpose, asker)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS captchas (
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

DROP TABLE IF EXISTS tickets;           -- of earlier versions, which knew no session; a ticket lives two minutes
CREATE TABLE IF NOT EXISTS qr_tickets (
  id         BLOB PRIMARY KEY,          -- SHA-256 of the ticket
  secret     BLOB NOT NULL,             -- SHA-256 of the asking browser's secret
  status     TEXT NOT NULL,
  account_id TEXT NOT NULL DEFAULT '',
  session_id TEXT NOT NULL DEFAULT '',  -- of who confirmed; the ticket ends with it
  address    TEXT NOT NULL,
  agent      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS qr_tickets_account ON qr_tickets(account_id) WHERE account_id <> '';

-- What is signed by the OpenID provider and must not serve here any more: access tokens that were signed out, until
-- they expire, and logout tokens that were heeded.
CREATE TABLE IF NOT EXISTS spent_tokens (
  key        BLOB PRIMARY KEY,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The provider's access tokens that were issued to a person up to this time are void. One row a person at most, also
-- for those who have no account here.
CREATE TABLE IF NOT EXISTS void_before (
  account_id TEXT PRIMARY KEY,
  issued_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS flows (
  state      BLOB PRIMARY KEY,          -- SHA-256 of the state sent to the OpenID provider
  sealed     BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS audit (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  at           INTEGER NOT NULL,
  kind         TEXT NOT NULL,
  account_id   TEXT NOT NULL,           -- '' when no account is known
  actor_id     TEXT NOT NULL,
  address      TEXT NOT NULL,
  agent        TEXT NOT NULL,
  detail       TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_account ON audit(account_id, id);
CREATE INDEX IF NOT EXISTS audit_actor ON audit(actor_id, id) WHERE actor_id <> '';
CREATE INDEX IF NOT EXISTS audit_kind ON audit(kind, id);
CREATE INDEX IF NOT EXISTS audit_at ON audit(at);

CREATE TABLE IF NOT EXISTS positions (
  name     TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;

-- Messages that a gateway has taken, by their ids, so that a repetition sends nothing.
CREATE TABLE IF NOT EXISTS told (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS told_at ON told(at);
