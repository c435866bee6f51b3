/**
 * `npm run check`: everything that can be said without running the tests. All steps run even when one fails, so one call shows
 * all there is to do. `npm run check -- lint types` runs the named ones.
 */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { findingsIn } from './house-rules.ts'

const root = resolve(import.meta.dirname, '..')

/** Runs a command line of node_modules/.bin (npm puts it first in PATH). */
const run =
  (command: string, ...args: readonly string[]) =>
  (): boolean =>
    spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0

const ignored = new Set(['node_modules', '.git', '.build', '.lanekeeper', 'cdk.out', 'coverage'])

const houseRules = (): boolean => {
  const paths = globSync('**/*.{ts,md,json,jsonc,yaml,yml,sh}', { cwd: root, exclude: (name) => ignored.has(name) })
  const findings = paths.flatMap((path) => findingsIn(path, readFileSync(resolve(root, path), 'utf8')))
  for (const finding of findings) console.log(finding)
  console.log(`${findings.length} findings in ${paths.length} files`)
  return findings.length === 0
}

const steps: Readonly<Record<string, () => boolean>> = {
  format: run('oxfmt', '--check', '.'),
  lint: run('oxlint', '.'),
  house: houseRules,
  types: run('tsc', '-b'),
  unused: run('knip', '--no-progress'),
  sizes: run('node', 'tools/bundle-size.ts'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`)
  process.exit(2)
}

const failing: string[] = []
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n— ${name}`)
  if (!step()) failing.push(name)
}
console.log(failing.length === 0 ? '\ncheck: ok' : `\ncheck: failing: ${failing.join(', ')}`)
if (failing.length > 0) process.exitCode = 1
