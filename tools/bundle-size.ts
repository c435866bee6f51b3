/**
 * Size limit per Lambda bundle. A cold start reads and compiles the whole bundle, so what a function imports is a cost that
 * somebody should have decided on: raise a limit in the change that needs it, and say why.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, type BuildOptions } from 'esbuild'

const kib = 1_024

/** Minified bytes, by the function's folder. */
const limits_bytes: Readonly<Record<string, number>> = {
  api: 1_000 * kib,
  // Opened by whoever watches: reads, and a stream.
  stream: 600 * kib,
  // A runner that wants to be rung waits for nothing.
  doorbell: 700 * kib,
  'runner-api': 950 * kib,
  dispatch: 950 * kib,
  'attempt-events': 950 * kib,
  wake: 950 * kib,
  sweep: 950 * kib,
  'cron-fire': 800 * kib,
  'schedule-draft': 700 * kib,
}

/** How infra/ bundles a function. */
const bundle_options = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
} as const satisfies BuildOptions

interface Bundle {
  readonly name: string
  readonly bytes: number
  readonly limit_bytes: number | undefined
  /** Packages by the bytes they bring, heaviest first. */
  readonly packages: readonly (readonly [name: string, bytes: number])[]
}

/** The npm package that a bundled file comes from; undefined for our own. */
const packageOf = (path: string): string | undefined => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]

const measure = async (root: string, name: string): Promise<Bundle> => {
  const { metafile } = await build({
    ...bundle_options,
    entryPoints: [join(root, 'functions', name, 'index.ts')],
    absWorkingDir: root,
    outfile: join(root, '.build', 'bundles', name, 'index.mjs'),
    write: false,
    metafile: true,
    logLevel: 'error',
  })
  const packages = new Map<string, number>()
  let bytes = 0
  for (const output of Object.values(metafile.outputs)) {
    bytes += output.bytes
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const from = packageOf(path)
      if (from !== undefined) packages.set(from, (packages.get(from) ?? 0) + bytesInOutput)
    }
  }
  return { name, bytes, limit_bytes: limits_bytes[name], packages: [...packages].toSorted(([, a], [, b]) => b - a) }
}

const inKib = (bytes: number): string => `${Math.ceil(bytes / kib)} KiB`

const report = ({ name, bytes, limit_bytes, packages }: Bundle): boolean => {
  const fits = limit_bytes !== undefined && bytes <= limit_bytes
  console.log(
    `${fits ? 'ok  ' : 'FAIL'} ${name.padEnd(16)} ${inKib(bytes).padStart(9)} of ${limit_bytes === undefined ? 'no limit: add one' : inKib(limit_bytes)}`,
  )
  if (!fits) for (const [from, its_bytes] of packages.slice(0, 8)) console.log(`       ${inKib(its_bytes).padStart(9)} ${from}`)
  return fits
}

const main = async (): Promise<void> => {
  const root = resolve(import.meta.dirname, '..')
  const folder = join(root, 'functions')
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'index.ts')))
  const bundles = await Promise.allSettled(names.map((name) => measure(root, name)))
  // What does not bundle, esbuild has told by itself.
  const fitting = bundles.filter((bundle) => bundle.status === 'fulfilled' && report(bundle.value)).length
  if (fitting < bundles.length) process.exitCode = 1
}

await main()
