/** `cdk synth` as a user types it: through the CLI, cdk.json, esbuild and cdk-nag, without Docker, account or network. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { root, template } from './support.ts'

const out = mkdtempSync(join(tmpdir(), 'lanekeeper-synth-'))
const read = (...path: readonly string[]): string => readFileSync(join(out, ...path), 'utf8')
const TemplateJson = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Metadata: z.record(z.string(), z.unknown()).default({}) })),
})

const synth = () =>
  spawnSync(join(root, 'node_modules/.bin/cdk'), ['synth', '--quiet', '--no-lookups', '--output', join(out, 'cdk.out')], {
    cwd: root,
    encoding: 'utf8',
    // A home of its own: the CLI keeps account ids and notices there. No proxy answers at this address, so nothing can be fetched.
    env: {
      PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      HOME: out,
      CDK_HOME: out,
      HTTPS_PROXY: 'http://127.0.0.1:9',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  })

let finished: ReturnType<typeof synth>
beforeAll(() => {
  finished = synth()
}, 300_000)
afterAll(() => {
  rmSync(out, { recursive: true, force: true })
})

const bundleOf = (entry: string): string => {
  const { Resources } = TemplateJson.parse(JSON.parse(read('cdk.out', 'Lanekeeper.template.json')))
  const found = Object.values(Resources).find((resource) => resource.Metadata['lanekeeper:entry'] === entry)
  return read('cdk.out', z.string().parse(found?.Metadata['aws:asset:path']), 'index.mjs')
}

test('it succeeds with no account, and no rule of cdk-nag finds anything', () => {
  expect(finished.status, `${finished.stdout}${finished.stderr}`).toBe(0)
  expect(`${finished.stdout}${finished.stderr}`).not.toMatch(/ERROR|AwsSolutions/)
})

test('it gives the resources that the other tests look at', () => {
  const { Resources } = TemplateJson.parse(JSON.parse(read('cdk.out', 'Lanekeeper.template.json')))
  expect(Object.keys(Resources).toSorted()).toEqual(Object.keys(template.Resources).toSorted())
})

test('functions bring their own AWS SDK, of the locked version, and leave out what they do not call', () => {
  const bundle = bundleOf('functions/wake/index.ts')
  const imported = [...bundle.matchAll(/(?:\bfrom|^import|;import|\bimport\()\s*["']([^"']+)["']/gm)].map(([, from = '']) => from)
  expect(imported.length).toBeGreaterThan(5)
  expect(imported.filter((from) => !isBuiltin(from))).toEqual([])
  const { version } = z
    .looseObject({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(root, 'node_modules/@aws-sdk/client-sqs/package.json'), 'utf8')))
  expect(bundle.includes(version)).toBe(true)
  expect([bundle.includes('RunTask'), bundleOf('functions/attempt-events/index.ts').includes('RunTask')]).toEqual([true, false])
})

test('the image is built of runner/ and shared/ alone, without tests', () => {
  const Manifest = z.looseObject({
    dockerImages: z.record(z.string(), z.looseObject({ source: z.looseObject({ directory: z.string(), dockerFile: z.string() }) })),
  })
  const [image] = Object.values(Manifest.parse(JSON.parse(read('cdk.out', 'Lanekeeper.assets.json'))).dockerImages)
  const directory = join(out, 'cdk.out', image?.source.directory ?? '')
  const listed = spawnSync('find', [directory, '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' }).stdout.trim().split('\n')
  expect(listed).toContain('runner/Dockerfile')
  expect(listed.filter((path) => !/^(runner|shared)\/|^(package(-lock)?|tsconfig\.base)\.json$/.test(path) || path.endsWith('.test.ts'))).toEqual([])
})
