// Makes every icon of the npm package heroicons a class: `hero-bolt` (outline), `hero-bolt-solid`, `hero-bolt-mini`,
// `hero-bolt-micro`. The SVG becomes a mask, so that an icon has the colour of the text around it.
const {readdirSync, readFileSync} = require("node:fs")
const {dirname, join, parse} = require("node:path")
const plugin = require("tailwindcss/plugin")

const icons = dirname(require.resolve("heroicons/package.json"))
const sets = [
  {folder: "24/outline", suffix: "", size: "1.5rem"},
  {folder: "24/solid", suffix: "-solid", size: "1.5rem"},
  {folder: "20/solid", suffix: "-mini", size: "1.25rem"},
  {folder: "16/solid", suffix: "-micro", size: "1rem"},
]

const values = {}
for (const {folder, suffix, size} of sets) {
  for (const file of readdirSync(join(icons, folder))) {
    if (file.endsWith(".svg")) values[parse(file).name + suffix] = {file: join(icons, folder, file), size}
  }
}

const style = ({file, size}) => {
  const mask = `url('data:image/svg+xml;utf8,${encodeURIComponent(readFileSync(file, "utf8"))}') no-repeat center / contain`
  return {display: "inline-block", width: size, height: size, mask, backgroundColor: "currentColor", verticalAlign: "middle"}
}

module.exports = plugin(({matchComponents}) => matchComponents({hero: style}, {values}))
