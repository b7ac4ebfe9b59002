[
  {:list_add, "config/ash.exs", :ash_domains, "Xavos.Intelligence"},
  {:append, "config/config.exs",
   ~S"""

   # Who advises, and what that may cost.
   import_config "intelligence.exs"
   """},
  {:insert_before, "lib/xavos_web/router.ex", "sign_out_route AuthController",
   ~S"""
   ash_authentication_live_session :intelligence,
     on_mount: [
       {XavosWeb.LiveUserAuth, :live_user_optional},
       {XavosWeb.Access, :viewer}
     ] do
     live "/intelligence", IntelligenceLive
   end

   """},

  # What the tests of the policies try things on.
  {:module_append, "test/xavos/accounts/policies_test.exs",
   ~S"""

   defp record(Xavos.Intelligence.Advice, _actor, _own?),
     do: Xavos.Intelligence.request_advice!(:priority, @system)

   defp record(Xavos.Intelligence.Reservation = resource, _actor, _own?),
     do: Ash.create!(resource, %{amount: Decimal.new(1)}, @system)
   """}
]
