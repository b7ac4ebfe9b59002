"""Checks the name of a deployment.

Databases, role, branch and folder get this name. Reserved words of Elixir, Erlang and PostgreSQL are rejected, and
names of existing applications and modules. `mix new` and `mix phx.new` reject only some of them. Others break the
build late.
"""

from __future__ import annotations

import re

LONGEST = 40  # names derived from it (NAME_test, deploy/NAME) stay below PostgreSQL's 63 bytes
SHAPE = f"a lower-case letter, then at most {LONGEST - 1} letters, digits or underscores"
_SHAPE = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST - 1}}}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# https://hexdocs.pm/elixir/syntax-reference.html#reserved-words and https://www.erlang.org/doc/system/reference_manual
ELIXIR_WORDS = _words("true false nil when and or not in fn do end catch rescue after else")
ERLANG_WORDS = _words(
    "after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse"
    " receive rem try when xor"
)
ENVIRONMENTS = _words("dev test prod")
# The reserved words of https://www.postgresql.org/docs/17/sql-keywords-appendix.html, then those that pg_hba.conf and
# the server reserve.
POSTGRES_WORDS = _words(
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation"
    " column concurrently constraint create cross current_catalog current_date current_role current_schema current_time"
    " current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze"
    " from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like"
    " limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary"
    " references returning right select session_user similar some symmetric system_user table tablesample then to"
    " trailing true union unique user using variadic verbose when where window with"
    " public none postgres template0 template1 replication sameuser samerole samegroup information_schema"
)
OTP = _words(
    "asn1 common_test compiler crypto debugger dialyzer diameter edoc eldap erl_docgen erl_interface erts et eunit ftp"
    " inets jinterface kernel megaco mnesia observer odbc os_mon parsetools public_key reltool runtime_tools sasl snmp"
    " ssh ssl stdlib syntax_tools tftp tools wx xmerl"
)
ELIXIR = _words("eex elixir ex_unit hex iex logger mix rebar rebar3")
# Applications that come with the packages of the plans. tests/unit/config/test_names.py checks that those packages
# themselves are in it.
PACKAGES = _words(
    "absinthe accent anubis_mcp argon2_elixir ash ash_admin ash_ai ash_archival ash_authentication"
    " ash_authentication_phoenix ash_cloak ash_double_entry ash_events ash_graphql ash_json_api ash_money ash_oban"
    " ash_paper_trail ash_phoenix ash_postgres ash_sql ash_sqlite ash_state_machine asn1_compiler assent bandit"
    " bcrypt_elixir beacon beacon_live_admin bunt castore cbor cc_precompiler certifi cinder circular_buffer cldr_utils"
    " cloak cloak_ecto comeonin conv_case cowboy cowlib credo crux db_connection decimal deep_merge dialyxir"
    " digital_token dns_cluster earmark earmark_parser ecto ecto_sql ecto_sqlite3 elixir_make erlex esbuild ets ex_ast"
    " ex_aws ex_aws_s3 ex_brotli ex_cldr ex_cldr_currencies ex_cldr_numbers ex_doc ex_money ex_money_sql exconstructor"
    " expo exqlite file_system finch fine floki gettext git_cli git_ops glob_ex guarded_struct hackney hammer heroicons"
    " hpax html_sanitize_ex httpoison idna igniter igniter_js igniter_new image inflex iterex jason joken jose"
    " langchain lazy_html libgraph live_debugger localize makeup makeup_elixir makeup_erlang metrics mime mimerl mint"
    " mishka_chelekom mix_audit mochiweb multigraph multipart myxql nanoid nimble_options nimble_parsec nimble_pool"
    " nimble_totp oban oban_met oban_web oembed open_api_spex openai_ex owl parse_trans peri phoenix phoenix_ecto"
    " phoenix_html phoenix_html_helpers phoenix_live_dashboard phoenix_live_reload phoenix_live_view phoenix_pubsub"
    " phoenix_template phoenix_view phx_new picosat_elixir plug plug_cowboy plug_crypto poolboy postgrex ranch reactor"
    " req req_embed rewrite rustler rustler_precompiled safe_code server_sent_events slugify sobelow solid sourceror"
    " spark spitfire splode ssl_verify_fun stream_data sweet_xml swoosh tailwind tds telemetry telemetry_metrics"
    " telemetry_poller text_diff thousand_island tidewave turboprop ucwidth unicode_util_compat usage_rules vix wax_"
    " websock websock_adapter x509 yamerl yaml_elixir ymlr"
)
# Top-level modules: of Elixir itself, then of packages whose module and application have different names. Compared
# without case and underscores, because file systems may ignore case.
MODULES = _words(
    "Access Agent Any Application ArgumentError ArithmeticError Atom BadArityError BadBooleanError BadFunctionError"
    " BadMapError BadStructError Base Behaviour Bitwise Calendar CaseClauseError Code Collectable CompileError"
    " CondClauseError Config Date DateTime Dict Duration DynamicSupervisor EEx Elixir Enum Enumerable ErlangError"
    " ExUnit Exception File Float Function FunctionClauseError GenEvent GenServer HashDict HashSet Hex IEx IO Inspect"
    " Integer JSON Kernel KeyError Keyword List Logger Macro Map MapSet MatchError MismatchedDelimiterError Mix Module"
    " NaiveDateTime Node OptionParser PartitionSupervisor Path Port Process Protocol Range Record Regex Registry"
    " RuntimeError Set Stream String StringIO Supervisor SyntaxError System SystemLimitError Task Time TimeoutError"
    " TokenMissingError TryClauseError Tuple UndefinedFunctionError UnicodeConversionError URI Version WithClauseError"
    " Argon2 Bcrypt Cldr ExAws Iter JOSE Money Phx Picosat Wax"
)
_MODULES = {module.lower(): module for module in MODULES}


def name_problem(name: str) -> str | None:
    """Why a deployment cannot have this name, as a clause; None for a valid name."""
    if not _SHAPE.fullmatch(name):
        return f"a name is {SHAPE}"
    for words, whose in ((ELIXIR_WORDS, "Elixir"), (ERLANG_WORDS, "Erlang"), (POSTGRES_WORDS, "PostgreSQL")):
        if name in words:
            return f"it is a reserved word of {whose}"
    if name.startswith("pg_"):
        return "PostgreSQL reserves names that begin with pg_"
    if name in ENVIRONMENTS:
        return "it is one of Mix's environments"
    for applications, whose in ((OTP, "Erlang/OTP"), (ELIXIR, "Elixir"), (PACKAGES, "the installed packages")):
        if name in applications:
            return f"it is an application of {whose}"
    module = _MODULES.get(name.replace("_", ""))
    return f"its module would be {module}, which exists already" if module else None
