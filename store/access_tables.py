"""The SQL tables of: accounts, sessions, tokens, the audit log, identifiers at rest."""
