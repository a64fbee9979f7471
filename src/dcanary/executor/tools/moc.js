"use strict";
// `moc` for stages: compiles one Motoko program with the compiler of the npm package `motoko`.
//
//   moc [--package NAME FOLDER]... [--check | --idl] FILE.mo [-o OUT.wasm]
//
// The compiler reads a file system of its own in memory, so the `.mo` and `.did` files below the
// current folder are put there first. OUT.did is written beside OUT.wasm.

const fs = require("node:fs");
const path = require("node:path");

const COMPILER = process.env.DCANARY_MOTOKO;
const SKIPPED = new Set(["node_modules", ".git"]);
const MAX_BYTES = 64 * 1024 * 1024;
const USAGE = "usage: moc [--package NAME FOLDER]... [--check | --idl] FILE.mo [-o OUT.wasm]";

class UsageError extends Error {}

function parseArguments(words) {
  const options = { main: "", out: "", packages: [], only: "", flags: [] };
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

function loadSources(motoko) {
  let total = 0;
  let usesCore = false;
  const visit = (folder) => {
    const entries = fs.readdirSync(folder || ".", { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const name = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) visit(name);
      if (!entry.isFile() || !/\.(mo|did)$/.test(entry.name)) continue;
      const text = fs.readFileSync(name, "utf8");
      total += text.length;
      if (total > MAX_BYTES) throw new Error(`the sources have more than ${MAX_BYTES} characters`);
      usesCore = usesCore || text.includes('"mo:core');
      motoko.saveFile(name, text);
    }
  };
  visit("");
  return usesCore;
}

function loadCore(motoko) {
  const core = JSON.parse(fs.readFileSync(path.join(COMPILER, "packages/latest/core.json"), "utf8"));
  const folder = `.motoko/core/${core.version}`;
  for (const [name, file] of Object.entries(core.files)) {
    motoko.saveFile(`${folder}/${name}`, file.content);
  }
  motoko.addPackage("core", folder);
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
  const usesCore = loadSources(Motoko);
  if (usesCore && !options.packages.some(([name]) => name === "core")) loadCore(Motoko);
  for (const [name, folder] of options.packages) Motoko.addPackage(name, inside(folder));
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
