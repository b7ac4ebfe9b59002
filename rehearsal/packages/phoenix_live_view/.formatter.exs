verbs = for verb <- [:get, :post, :put, :patch, :delete, :options, :head], arity <- [3, 4], do: {verb, arity}

routes =
  for name <- [:forward, :live, :live_dashboard, :resources, :scope, :live_session], arity <- 2..4, do: {name, arity}

others = [
  action_fallback: 1,
  attr: 2,
  attr: 3,
  channel: 2,
  embed_templates: 1,
  on_mount: 1,
  pipe_through: 1,
  pipeline: 2,
  plug: 1,
  plug: 2,
  slot: 1,
  slot: 2,
  slot: 3,
  socket: 2,
  socket: 3
]

locals = verbs ++ routes ++ others
[locals_without_parens: locals, export: [locals_without_parens: locals]]
