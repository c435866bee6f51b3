/** Runs `cdk synth`, or takes what an earlier start synthesized from the same sources. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { sourceHash } from './source-hash.ts'

export interface Synthesis {
  readonly folder: string
  readonly cached: boolean
}

/** The CDK's own output is shown only when it fails. */
const runCdk = (root: string, output: string, home: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const cdk = join(dirname(createRequire(join(root, 'package.json')).resolve('aws-cdk/package.json')), 'bin', 'cdk')
    const env = {
      // cdk.json says `node infra/app.ts`: it must find this Node.
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: home,
      CDK_HOME: home,
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      // A third of the time. The template is the same; `npm run synth` and the tests of infra/ validate it.
      CDK_VALIDATION: 'false',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
    const child = spawn(process.execPath, [cdk, 'synth', '--quiet', '--no-notices', '--output', output], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const hear = (chunk: Uint8Array) => {
      said = `${said}${Buffer.from(chunk).toString('utf8')}`.slice(-20_000)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`cdk synth failed (exit code ${code}):\n${said}`))))
  })

const isThere = async (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Keeps the newest few: another stack may still run from one of them. */
const kept = 4
const prune = async (cache: string) => {
  const names = (await readdir(cache)).filter((name) => name.startsWith('cdk-'))
  const dated = await Promise.all(names.map(async (name) => ({ name, at_ms: (await stat(join(cache, name))).mtimeMs })))
  const old = dated.toSorted((a, b) => b.at_ms - a.at_ms).slice(kept)
  await Promise.all(old.map(({ name }) => rm(join(cache, name), { recursive: true, force: true })))
}

/** @param root folder of package.json @param cache where outputs are kept, by the hash of their sources */
export const synthesize = async (root: string, cache: string): Promise<Synthesis> => {
  await mkdir(cache, { recursive: true })
  const folder = join(cache, `cdk-${await sourceHash(root)}`)
  if (await isThere(folder)) {
    await utimes(folder, new Date(), new Date())
    return { folder, cached: true }
  }
  const building = `${folder}-${process.pid}`
  try {
    await runCdk(root, building, join(cache, 'home'))
    // Two starts at once build the same thing: the second rename fails, and either result will do.
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await isThere(folder))) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  await prune(cache)
  return { folder, cached: false }
}
