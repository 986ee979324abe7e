/*
 * Builds the browser application into mailim/webmail/static/ (or --out DIR).
 *
 *   node build.mjs            minified, hashed, precompressed, with manifest.json
 *   node build.mjs --dev      not minified, inline source maps, not compressed
 *
 * manifest.json, read by the server:
 *   entries  name -> {js?, css?, preload[]}: what a page of that name must link
 *   files    file name -> {type, size, encodings[]}: everything that may be served;
 *            an encoding "br" or "gz" means <file>.br or <file>.gz lies beside it
 *   icons, webmanifest: file names for <link rel="icon"> and <link rel="manifest">
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ogg": "audio/ogg",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
};
// Each entry is built alone, so that the first load of a page is one script,
// not one script and the chunks it happens to share with another page.
const ENTRIES = {
  app: { script: "src/main.tsx", style: "src/styles/app.css" },
  admin: { script: "src/admin/main.tsx", style: "src/styles/admin.css" },
  login: { style: "src/styles/login.css" },
};
const TARGET = ["chrome123", "firefox128", "safari17.5"];

function options(dev, out) {
  return {
    absWorkingDir: here,
    bundle: true,
    format: "esm",
    target: TARGET,
    minify: !dev,
    sourcemap: dev ? "inline" : false,
    legalComments: "none",
    jsx: "automatic",
    jsxImportSource: "preact",
    outdir: out,
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    assetNames: "[name]-[hash]",
    metafile: true,
    logLevel: "warning",
    define: { "process.env.NODE_ENV": dev ? '"development"' : '"production"' },
  };
}

function outputOf(result, out, source) {
  for (const [path, info] of Object.entries(result.metafile.outputs)) {
    if (info.entryPoint === source) {
      const preload = info.imports
        .filter((item) => item.kind === "import-statement")
        .map((item) => basename(item.path));
      return { file: relative(out, resolve(here, path)), preload };
    }
  }
  throw new Error(`no output for ${source}`);
}

/*
 * esbuild makes a chunk for every set of parts that share modules, and a page would begin with
 * a request for each. So that it is one: what the first load shares with any part fetched later
 * is brought into all of those, by imports that a second pass adds to them.
 */

/** Of a first pass: the modules in chunks that `script` needs at once, and the parts fetched later that use such. */
function sharing({ metafile: { outputs } }, script) {
  const page = Object.values(outputs).find((info) => info.entryPoint === script);
  const chunks = page.imports.filter((item) => item.kind === "import-statement").map((item) => item.path);
  const parts = Object.values(outputs).filter((info) => info.entryPoint && info.entryPoint !== script);
  return {
    // Packages come along by themselves with the modules that use them.
    modules: chunks.flatMap((path) => Object.keys(outputs[path].inputs)).filter((path) => !path.startsWith("node_modules/")),
    parts: parts.filter((info) => info.imports.some((item) => chunks.includes(item.path))).map((info) => info.entryPoint),
  };
}

function withShared({ modules, parts }) {
  const imports = modules.map((path) => `import ${JSON.stringify(join(here, path))};`).join("\n");
  return {
    name: "shared",
    setup(builder) {
      builder.onLoad({ filter: /\.tsx?$/ }, ({ path }) =>
        parts.includes(relative(here, path)) ? { contents: `${readFileSync(path, "utf8")}\n${imports}`, loader: extname(path).slice(1) } : undefined,
      );
    },
  };
}

async function buildScript(name, script, dev, out) {
  const given = { ...options(dev, out), entryPoints: { [name]: script }, splitting: true };
  const first = await build({ ...given, write: false });
  return build({ ...given, plugins: [withShared(sharing(first, script))] });
}

async function buildEntry(name, { script, style }, dev, out) {
  const entry = { preload: [] };
  if (script) {
    const made = await buildScript(name, script, dev, out);
    const { file, preload } = outputOf(made, out, script);
    entry.js = file;
    entry.preload = preload;
  }
  const made = await build({ ...options(dev, out), entryPoints: { [name]: style } });
  entry.css = outputOf(made, out, style).file;
  return entry;
}

/** Writes `data` under a name that carries its hash; returns that name. */
function writeHashed(out, name, data) {
  const hash = createHash("sha256").update(data).digest("base64url").replace(/[-_]/g, "x").slice(0, 8);
  const file = `${basename(name, extname(name))}-${hash.toUpperCase()}${extname(name)}`;
  writeFileSync(join(out, file), data);
  return file;
}

function copyAssets(out) {
  const assets = join(here, "src/assets");
  const icons = {};
  for (const name of readdirSync(assets).filter((item) => !item.endsWith(".webmanifest"))) {
    icons[name] = writeHashed(out, name, readFileSync(join(assets, name)));
  }
  let text = readFileSync(join(assets, "app.webmanifest"), "utf8");
  for (const [name, file] of Object.entries(icons)) text = text.replaceAll(`/static/${name}`, `/static/${file}`);
  return { icons, webmanifest: writeHashed(out, "app.webmanifest", text) };
}

function compress(path, data) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
  };
  const encodings = [];
  for (const [suffix, packed] of [
    ["br", brotliCompressSync(data, { params })],
    ["gz", gzipSync(data, { level: 9 })],
  ]) {
    if (packed.length >= data.length) continue;
    writeFileSync(`${path}.${suffix}`, packed);
    encodings.push(suffix);
  }
  return encodings;
}

function describe(out, dev) {
  const files = {};
  for (const name of readdirSync(out).sort()) {
    const path = join(out, name);
    const data = readFileSync(path);
    const packable = !dev && [".js", ".css", ".svg", ".webmanifest", ".json"].includes(extname(name));
    files[name] = {
      type: TYPES[extname(name)] ?? "application/octet-stream",
      size: data.length,
      encodings: packable ? compress(path, data) : [],
    };
  }
  return files;
}

const dev = process.argv.includes("--dev");
const outFlag = process.argv.indexOf("--out");
const target = resolve(here, outFlag > 0 ? process.argv[outFlag + 1] : "../mailim/webmail/static");
// Built beside it and put into its place when whole: a build that fails leaves the old one.
const out = `${target}.new`;
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const entries = {};
for (const [name, entry] of Object.entries(ENTRIES)) entries[name] = await buildEntry(name, entry, dev, out);
const { icons, webmanifest } = copyAssets(out);
const files = describe(out, dev);
writeFileSync(join(out, "manifest.json"), `${JSON.stringify({ entries, icons, webmanifest, files }, null, 1)}\n`);
for (const [name, info] of Object.entries(files)) {
  const br = info.encodings.includes("br") ? readFileSync(join(out, `${name}.br`)).length : info.size;
  console.log(`${name.padEnd(28)} ${String(info.size).padStart(8)} B ${String(br).padStart(8)} B br`);
}
rmSync(target, { recursive: true, force: true });
renameSync(out, target);
