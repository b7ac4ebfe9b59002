[
  # Nothing of GitHub or npm: the icons and the component library need a bundler.
  {:remove_dep, :heroicons},
  {:remove_dep, :daisyui},
  {:alias_set, :"assets.setup", "[]"},
  {:alias_set, :"assets.build", ~S|["compile"]|},
  {:alias_set, :"assets.deploy", ~S|["phx.digest"]|},
  {:module_prelude, "lib/xavos_web/endpoint.ex", "plug XavosWeb.PlainAssets"}
]
