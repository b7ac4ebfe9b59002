locals = [
  base_route: 2,
  base_route: 3,
  delete: 1,
  get: 1,
  index: 1,
  patch: 1,
  post: 1,
  route: 1,
  type: 1
]

[locals_without_parens: locals, export: [locals_without_parens: locals]]
