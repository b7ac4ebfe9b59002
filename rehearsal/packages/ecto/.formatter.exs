locals = [from: 2, field: 2, field: 3, timestamps: 1]
[locals_without_parens: locals, export: [locals_without_parens: locals]]
