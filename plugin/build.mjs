// Builds dist/bridge.js, the one file that OpenCode loads; with --test also build/, every module as a
// file of its own, so that the tests can import the parts.
import { rm } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8"));

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  charset: "utf8",
  define: { PLUGIN_VERSION: JSON.stringify(version) },
  logLevel: "warning",
};

const tsc = spawnSync(process.execPath, [path.join(here, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", here], {
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(1);

await build({
  ...common,
  entryPoints: ["src/index.ts"],
  outfile: "dist/bridge.js",
  banner: { js: `// @opencode-slack/bridge ${version}. Built from plugin/src; edit there.` },
});

if (process.argv.includes("--test")) {
  await rm(path.join(here, "build"), { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: readdirSync(path.join(here, "src")).map((name) => `src/${name}`),
    outdir: "build",
    splitting: true,
  });
}
