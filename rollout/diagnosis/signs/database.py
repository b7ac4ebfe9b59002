"""Signs (output patterns) of errors from PostgreSQL, Postgrex and Ecto."""

# ruff: noqa: E501 - texts as they are printed

from __future__ import annotations

from rollout.diagnosis.signs.sign import signs

# The server answers, and the application (or a client program) is told wrongly how to use it.
SETTINGS = signs(
    "database_misconfigured",
    r"\(Postgrex\.Error\) ssl not available|server does not support SSL|[Ss]erver (?:requires|rejected) SSL|SSL connection can not be established",
    r"\bssl connect\b(?!.*(?:timeout|:?closed|econnrefused|econnreset|nxdomain))",
    r"(?:connection to server|psql:|psycopg|libpq).*certificate verify failed|server certificate for \".*\" does not match host name|root certificate file \".*\" does not exist|invalid sslmode value|sslmode value \".*\" invalid|could not load (?:server )?certificate file|private key file .* has (?:group|world|incorrect)",
    r"\beafnosupport\b.*|[Aa]ddress family (?:for hostname )?not supported",
    r"received invalid response to (?:SSL|GSSAPI) negotiation|unexpected postgres status|invalid length of startup packet|unsupported (?:frontend protocol|startup parameter)",
    r"extension \"[^\"]*\" is not available|could not open extension control file|could not access file \"\$libdir|shared_preload_libraries",
    r"new (?:encoding|collation|locale provider|LC_\w+).* is incompatible|incompatible with the encoding of the template|collation version mismatch|invalid locale (?:name|settings)|does not match locale",
    r"database files are incompatible with server|there appears to be PostgreSQL data in|unrecognized configuration parameter|configuration file \".*\" contains errors|invalid value for parameter \"",
    r"prepared statement \"[^\"]*\" (?:already exists|does not exist)",
    r"read-only transaction|\(read_only_sql_transaction\)|cannot execute \w+ during recovery",
    r"connection pool size is less than 2",
    r"missing the :database key|\(Phoenix\.Ecto\.StorageNotCreatedError\)",
    r"\b3D000\b|invalid_catalog_name|(?:FATAL|failed):.*database \"[^\"]*\" does not exist|(?:FATAL|ERROR):\s+database \"[^\"]*\" does not exist|database \"[^\"]*\" does not exist$",
)
_DENIED = signs(
    "database_denied",
    r"\b28P01\b|\b28000 \(|invalid_password|invalid_authorization_specification|\b42501 \(|insufficient_privilege",
    r"(?:password|Peer|Ident|LDAP|GSSAPI|PAM|RADIUS|SCRAM|[Cc]ertificate) authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|FATAL.*\bno such user\b|no password supplied|not permitted to log in|empty password returned|authentication method requires a password",
    r"FATAL:?.*\brole \"[^\"]*\" does not exist|failed:.*\brole \"[^\"]*\" does not exist",
    r"permission denied (?:to|for (?:schema|table|database|relation|sequence|function|procedure|view|language|tablespace|type|column|large object|foreign|materialized|role|parameter))\b",
    r"must be (?:owner of|superuser|a member of the role|able to SET ROLE)|[Oo]nly roles with .* may",
)
_IN_USE = signs(
    "in_use",
    r"\b55006 \(|object_in_use|is being accessed by other users|lock file \"[^\"]*\" already exists|failed to obtain advisory lock",
    r"\b40P01 \(|deadlock detected|\b55P03 \(|lock_not_available|due to lock timeout|could not serialize access|serialization_failure",
    r"current user cannot be dropped|cannot be dropped because some objects depend on it",
)
_THERE = signs(
    "already_exists",
    r"\b42P04\b|duplicate_database|database \"[^\"]*\" already exists|role \"[^\"]*\" already exists|initdb: error: directory \".*\" exists but is not empty",
)
_SLOW = signs(
    "timeout",
    r"could not checkout the connection owned by|ownership timeout",
    r"due to statement timeout|due to user request|(?:timed out|closed) because it (?:queued and )?checked out the connection for longer than|idle-in-transaction timeout",
)
_CONNECTION = signs(
    "database_unreachable",
    r"\b(?:tcp|ssl|unix) (?:async )?(?:connect|recv|send)\b.*",
    r"\b57P0[1-5]\b|\b0800[1346] \(|cannot_connect_now|admin_shutdown|crash_shutdown",
    r"connection to server (?:at|on) .* failed|could not connect to server: |could not translate host name|connection to server was lost|server closed the connection unexpectedly|terminating connection due to",
    r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections|not accepting connections)|SSL connection has been closed unexpectedly|SSL SYSCALL error",
    r"couldn't be (?:created|dropped): (?:killed|tcp|connection)|Is the server running|:\d+ - (?:no response|rejecting connections|no attempt)|pg_ctl: (?:could not start server|server did not start in time)|no such (?:host|server).*postgres",
    r"DBConnection\.ConnectionError|connection not available and request was dropped from queue|\(Postgrex\.Error\) (?:tcp|ssl|failed to establish connection)",
    r"(?:ECONNREFUSED|[Cc]onnection refused|econnrefused).*\b5432\b|\b5432\b.*(?:ECONNREFUSED|[Cc]onnection refused|econnrefused)",
)
_TOO_OLD = signs(
    "toolchain_too_old",
    r"aborting because of server version mismatch|SCRAM authentication requires libpq version|unsupported version .* in file header",
)
_DAMAGED = signs(
    "data_corrupt",
    r"^.*PANIC:  .*|valid checkpoint record|lock file \"[^\"]*\" is empty|bogus data in lock file|invalid page in block|page verification failed|could not read block .*|could not access status of transaction|missing chunk number \d+ for toast value|contains (?:unexpected zero|corrupted) page|\(data_corrupted\)|\bXX00[12]\b",
)
SIGNS = (*_DAMAGED, *_TOO_OLD, *_IN_USE, *_THERE, *_DENIED, *_SLOW, *_CONNECTION)

# A statement that the server refused, for whatever reason no other sign knows.
_IRREVERSIBLE = signs("migration_irreversible", r"cannot reverse migration command[^\n]*")
_REFUSED = signs(
    "sql_error",
    r"\(Postgrex\.Error\) (?:ERROR|FATAL|PANIC) \w{5} \(",
    r"\(Ecto\.(?:MigrationError|ConstraintError|StaleEntryError|MultipleResultsError|NoResultsError|QueryError)\)|\(Phoenix\.Ecto\.PendingMigrationError\)",
    r"^(?:psql:.*: |pg_restore: .*|pg_dump: .*|.*failed: |\d{4}-\d\d-\d\d .*)?ERROR:  \S.*",
    r"ERROR \w{5} \([a-z_]+\)|(?:relation|column|table|type|index|constraint) \"[^\"]*\" (?:of relation \"[^\"]*\" )?(?:does not exist|already exists)|violates (?:unique|foreign key|not-null|check) constraint",
)
STATEMENTS = (*_IRREVERSIBLE, *_REFUSED)
