// Copies npm and the modules it can load out of an unpacked tree of Debian packages:
//   node npm-closure.js FROM TO
// Debian's npm depends on some 380 packages (webpack, eslint, ...); its run-time closure is less than half of them.
const fs = require('fs');
const path = require('path');

const [, , from, to] = process.argv;
const roots = ['usr/share/nodejs', 'usr/lib/x86_64-linux-gnu/nodejs', 'usr/lib/aarch64-linux-gnu/nodejs', 'usr/lib/nodejs'];
const seen = new Set();
// The last three stand for wcwidth, which Debian's columnify asks for by another name than its package.json.
const queue = ['npm', 'wcwidth.js', 'defaults', 'clone'];

const find = (name) => roots.map((root) => path.join(root, name)).find((at) => fs.existsSync(path.join(from, at)));

// Every package.json of a module: its own and those of the modules bundled in it.
const manifests = function* (folder) {
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) yield file;
  const nested = path.join(folder, 'node_modules');
  if (!fs.existsSync(nested)) return;
  for (const name of fs.readdirSync(nested)) {
    const inner = path.join(nested, name);
    if (name.startsWith('@')) for (const part of fs.readdirSync(inner)) yield* manifests(path.join(inner, part));
    else yield* manifests(inner);
  }
};

while (queue.length) {
  const name = queue.pop();
  if (seen.has(name)) continue;
  seen.add(name);
  const at = find(name);
  if (!at) continue; // bundled inside another module, or Node's own
  fs.cpSync(path.join(from, at), path.join(to, at), { recursive: true, verbatimSymlinks: true });
  for (const file of manifests(path.join(from, at)))
    queue.push(...Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')).dependencies || {}));
}

// npm's own bundled modules are asked for by the modules beside it, too.
for (const name of fs.readdirSync(path.join(to, 'usr/share/nodejs/npm/node_modules'))) {
  const link = path.join(to, 'usr/share/nodejs', name);
  if (!fs.existsSync(link)) fs.symlinkSync(`npm/node_modules/${name}`, link);
}
fs.mkdirSync(path.join(to, 'usr/bin'), { recursive: true });
for (const name of ['npm', 'npx'])
  fs.symlinkSync(`../share/nodejs/npm/bin/${name}-cli.js`, path.join(to, 'usr/bin', name));
