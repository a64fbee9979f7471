"use strict";
// `moc` for stages: compiles one Motoko program with the compiler of the npm package `motoko`.
//
//   moc [--package NAME FOLDER]... [--actor-id-alias NAME ID FILE.did]... [--stable-types]
//       [--check | --idl] FILE.mo [-o OUT.wasm]
//
// The compiler reads a file system of its own in memory, so the `.mo` and `.did` files below the
// current folder, and those of packages, are put there first. Packages of mops that a fetch stage
// brought (DCANARY_MOPS) need no --package. OUT.did is written beside OUT.wasm; with --stable-types
// OUT.most too, the types of the stable variables.
//
// `import "canister:NAME"` needs an alias: the id is compiled into the module, and the types are those
// of FILE.did. --actor-idl FOLDER and --actor-alias NAME ID do the same where FOLDER has ID.did.

const fs = require("node:fs");
const path = require("node:path");

const COMPILER = process.env.DCANARY_MOTOKO;
const BASE = process.env.DCANARY_MOTOKO_BASE;
const MOPS = process.env.DCANARY_MOPS;
const SKIPPED = new Set(["node_modules", ".git", ".dcanary"]);
// Flags of the compiler whose value is the next word.
const WITH_VALUE = new Set([
  "-A", "-W", "-E", "--error-detail", "--error-format", "--implicit-derivation-depth",
  "--enhanced-migration",
]);
const MAX_BYTES = 64 * 1024 * 1024;
// Where interfaces of imported canisters are put; no folder of a repository has that name.
const IDL = ".dcanary/idl";
const USAGE =
  "usage: moc [--package NAME FOLDER]... [--actor-id-alias NAME ID FILE.did]... [--stable-types] " +
  "[--check | --idl] FILE.mo [-o OUT.wasm]";

class UsageError extends Error {}

function parseArguments(words) {
  const options = {
    main: "", out: "", packages: [], only: "", flags: [], stable: false, aliases: [], idl: "",
  };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    const next = () => {
      at += 1;
      if (at >= words.length) throw new UsageError(`${word} needs a value`);
      return words[at];
    };
    if (word === "-o") options.out = next();
    else if (word === "--package") options.packages.push([next(), next()]);
    else if (word === "--check" || word === "--idl") options.only = word;
    else if (word === "--version") options.only = word;
    else if (word === "--stable-types") options.stable = true;
    else if (word === "--actor-alias") options.aliases.push([next(), next(), ""]);
    else if (word === "--actor-id-alias") options.aliases.push([next(), next(), next()]);
    else if (word === "--actor-idl") options.idl = next();
    else if (word.startsWith("--actor-idl=")) options.idl = word.slice("--actor-idl=".length);
    else if (word === "--actor-env-alias") {
      throw new UsageError(`${word}: the compiler of the npm package has it not: use --actor-id-alias`);
    }
    else if (WITH_VALUE.has(word)) options.flags.push(word, next());
    else if (word === "-c" || word === "--release") continue;
    else if (word.startsWith("-")) options.flags.push(word);
    else if (options.main) throw new UsageError("only one program can be compiled at a time");
    else options.main = word;
  }
  if (options.only !== "--version" && !options.main) throw new UsageError("no program is named");
  return options;
}

function inside(name) {
  const relative = path.relative(process.cwd(), path.resolve(name));
  if (relative === "" || relative.startsWith("..") || path.isAbsolute(relative)) {
    throw new UsageError(`${name} is not below the current folder`);
  }
  return relative.split(path.sep).join("/");
}

let total = 0;
// Of the packages that come with the compiler, those that a source names.
const shipped = new Set();

// Puts the files below `folder` into the compiler's file system, below `place` ("": its root).
function loadSources(motoko, folder, place) {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    const name = place ? `${place}/${entry.name}` : entry.name;
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) loadSources(motoko, file, name);
    if (!entry.isFile() || !/\.(mo|did)$/.test(entry.name)) continue;
    const text = fs.readFileSync(file, "utf8");
    total += text.length;
    if (total > MAX_BYTES) throw new Error(`the sources have more than ${MAX_BYTES} characters`);
    for (const name of ["core", "base"]) if (text.includes(`"mo:${name}`)) shipped.add(name);
    motoko.saveFile(name, text);
  }
}

function byVersion(a, b) {
  return a[1].localeCompare(b[1], "en", { numeric: true });
}

// The names of a package: itself, and pinned as mops has it: `core@1`, `core@1.4`, `core@1.4.0`.
function namesOf(name, version) {
  const parts = version.split(".");
  return [name, ...parts.map((_, at) => `${name}@${parts.slice(0, at + 1).join(".")}`)];
}

// [name, folder] of each package that a fetch stage brought; of two versions the later one.
function mopsPackages() {
  if (!MOPS || !fs.existsSync(MOPS)) return [];
  const found = fs.readdirSync(MOPS).map((each) => each.split("@")).sort(byVersion);
  return found.flatMap(([name, version]) => {
    const folder = path.join(MOPS, `${name}@${version}`, "src");
    return namesOf(name, version).map((each) => [each, folder]);
  });
}

// Folders that lie outside of the current one, each with its place in the compiler's file system.
const places = new Map();

// The compiler's name of a package's folder, which may lie outside of the current one.
function packageFolder(motoko, name, folder) {
  const relative = path.relative(process.cwd(), path.resolve(folder));
  const skipped = relative.split(path.sep).some((part) => SKIPPED.has(part) || part === "..");
  if (relative && !skipped && !path.isAbsolute(relative)) return relative;
  if (!fs.existsSync(folder)) throw new UsageError(`there is no folder ${folder}`);
  if (!places.has(folder)) {
    places.set(folder, `.packages/${name}`);
    loadSources(motoko, folder, places.get(folder));
  }
  return places.get(folder);
}

// Where the files of the packages are that come with the compiler.
function shippedFile(name) {
  if (name === "core") return path.join(COMPILER, "packages/latest/core.json");
  return BASE ? path.join(BASE, "packages/latest/base.json") : "";
}

function loadShipped(motoko, name) {
  const file = shippedFile(name);
  // Without it the compiler says which import has no package.
  if (!file) return;
  const found = JSON.parse(fs.readFileSync(file, "utf8"));
  const folder = `.motoko/${name}/${found.version}`;
  for (const [place, one] of Object.entries(found.files)) {
    motoko.saveFile(`${folder}/${place}`, one.content);
  }
  motoko.addPackage(name, folder);
}

// Tells the compiler the ids of imported canisters, and where their interfaces are.
function loadAliases(motoko, options) {
  motoko.setCandidPath(IDL);
  if (options.idl) {
    for (const name of fs.readdirSync(options.idl).sort()) {
      if (!name.endsWith(".did")) continue;
      motoko.saveFile(`${IDL}/${name}`, fs.readFileSync(path.join(options.idl, name), "utf8"));
    }
  }
  for (const [name, id, file] of options.aliases) {
    if (!id) throw new UsageError(`the canister ${name} has no id: nothing gives one here`);
    if (!file) continue;
    if (!fs.existsSync(file)) throw new UsageError(`there is no file ${file} of the canister ${name}`);
    motoko.saveFile(`${IDL}/${id}.did`, fs.readFileSync(file, "utf8"));
  }
  motoko.setActorAliases(options.aliases.map(([name, id]) => [name, id]));
}

function report(diagnostics) {
  let failed = false;
  for (const each of diagnostics || []) {
    const error = each.severity === 1;
    failed = failed || error;
    const { line, character } = each.range.start;
    const kind = `${each.category} ${error ? "error" : "warning"} [${each.code}]`;
    const message = each.message.replace(/\n\s*/g, " ");
    process.stderr.write(`${each.source}:${line + 1}:${character + 1}: ${kind}: ${message}\n`);
  }
  return failed;
}

function answer(result) {
  if (report(result.diagnostics) || !result.code) {
    process.exitCode = 1;
    return null;
  }
  return result.code;
}

function write(name, content) {
  fs.mkdirSync(path.dirname(name), { recursive: true });
  fs.writeFileSync(name, content);
}

function main() {
  const options = parseArguments(process.argv.slice(2));
  const { Motoko } = require(path.join(COMPILER, "versions/latest/moc.min.js"));
  if (options.only === "--version") {
    const about = JSON.parse(fs.readFileSync(path.join(COMPILER, "package.json"), "utf8"));
    process.stdout.write(`moc of the npm package motoko ${about.version}\n`);
    return;
  }
  const program = inside(options.main);
  if (!fs.existsSync(program)) throw new UsageError(`there is no file ${options.main}`);
  loadSources(Motoko, ".", "");
  // Those that are named come after, and win.
  const packages = new Map([...mopsPackages(), ...options.packages]);
  for (const [name, folder] of packages) {
    Motoko.addPackage(name, packageFolder(Motoko, name, folder));
  }
  for (const name of shipped) if (!packages.has(name)) loadShipped(Motoko, name);
  if (options.idl || options.aliases.length > 0) loadAliases(Motoko, options);
  if (options.flags.length > 0) Motoko.setExtraFlags(options.flags);
  if (options.only === "--check") {
    if (report(Motoko.check(program).diagnostics)) process.exitCode = 1;
    return;
  }
  const out = options.out || path.basename(program).replace(/\.mo$/, "") + ".wasm";
  const interfaceName = out.replace(/\.(wasm|did)$/, "") + ".did";
  if (options.only === "--idl") {
    const candid = answer(Motoko.candid(program));
    if (candid !== null) write(interfaceName, candid);
    return;
  }
  Motoko.setPublicMetadata(["candid:service", "candid:args"]);
  const code = answer(Motoko.compileWasm("ic", program));
  if (code === null) return;
  write(out, Buffer.from(code.wasm));
  write(interfaceName, code.candid);
  if (options.stable) write(out.replace(/\.wasm$/, "") + ".most", code.stable || "");
}

try {
  main();
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`moc: ${error.message}\n${USAGE}\n`);
    process.exitCode = 2;
  } else {
    process.stderr.write(`moc: ${error && error.message ? error.message : JSON.stringify(error)}\n`);
    process.exitCode = 1;
  }
}
