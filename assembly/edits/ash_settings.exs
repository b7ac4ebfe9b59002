[
  # What the installer of ash is going to set, set before ash is compiled: it reads this while it compiles, and would be
  # compiled a second time. The installer finds it and leaves it.
  {:append, "config/config.exs",
   ~S"""

   # Behaviour of Ash that becomes the default in its next major version
   config :ash,
     allow_forbidden_field_for_relationships_by_default: true,
     include_embedded_source_by_default?: false,
     show_keysets_for_all_actions?: false,
     default_page_type: :keyset,
     policies: [no_filter_static_forbidden_reads?: false],
     keep_read_action_loads_when_loading?: false,
     default_actions_require_atomic?: true,
     read_action_after_action_hooks_in_order?: true,
     bulk_actions_default_to_errors?: true,
     transaction_rollback_on_error?: true,
     redact_sensitive_values_in_errors?: true,
     many_to_many_destroy_destination_on_match?: true
   """},
  {:append, "config/dev.exs", "\nconfig :ash, policies: [show_policy_breakdowns?: true]"},
  {:append, "config/test.exs", "\nconfig :ash, policies: [show_policy_breakdowns?: true]"}
]
