import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runner_env } from '../../shared/contract/runner-protocol.ts'
import { system_ids } from '../../shared/ports/ids.ts'
import { readSettings } from '../settings.ts'
import { makeFolders, type AttemptFolders } from './folders.ts'

let work_dir = ''
beforeAll(async () => {
  work_dir = await mkdtemp(join(tmpdir(), 'lk-kept-'))
})
afterAll(() => rm(work_dir, { recursive: true }))

/** Folders of an attempt of a workspace of its own, and those of another attempt of it. */
const attempts = () => {
  const env = {
    [runner_env.attempt]: `${system_ids.mint('workspace')}/${system_ids.mint('run')}/1`,
    [runner_env.claim_token]: 'claim',
    [runner_env.api_url]: 'http://127.0.0.1:1',
    LANEKEEPER_WORK_DIR: work_dir,
  }
  const read = readSettings(env)
  if (!read.ok) throw new Error(read.message)
  const settings = read.value
  return (kept_with: string | null = '/agents/one') => makeFolders({ settings, kept_with: kept_with ?? undefined })
}
const rootOf = ({ workspace }: AttemptFolders): string => join(workspace, '..')

test('folders that stayed as they were made go to the next attempt of the workspace', async () => {
  const make = attempts()
  const first = make()
  expect(await readdir(join(first.workspace, 'agents'))).toEqual(['one'])
  await first.remove(true)
  expect(rootOf(make())).toBe(rootOf(first))
  expect(rootOf(make())).not.toBe(rootOf(first))
})

test('neither another workspace nor another working folder gets them', async () => {
  const make = attempts()
  const first = make()
  await first.remove(true)
  expect(rootOf(attempts()())).not.toBe(rootOf(first))
  expect(rootOf(make('/agents/two'))).not.toBe(rootOf(first))
})

test.each<[string, (folders: AttemptFolders) => Promise<unknown>]>([
  ['holds a file', ({ home }) => writeFile(join(home, 'left'), '')],
  ['held a file', ({ tmp }) => writeFile(join(tmp, 'left'), '').then(() => rm(join(tmp, 'left')))],
  ['held a file in its working folder', ({ workspace }) => writeFile(join(workspace, 'agents/one/x'), '').then(() => rm(join(workspace, 'agents/one/x')))],
  ['has another mode', ({ workspace }) => chmod(workspace, 0o700)],
  ['had another mode', ({ home }) => chmod(home, 0o700).then(() => chmod(home, 0o755))],
  ['holds a socket', ({ run }) => writeFile(join(run, 'egress.sock'), '')],
  ['is gone', ({ workspace }) => rm(workspace, { recursive: true })],
])('a folder that %s is removed', async (_, touch) => {
  const make = attempts()
  const first = make()
  await touch(first)
  await first.remove(true)
  expect(await readdir(work_dir)).not.toContain(rootOf(first).split('/').at(-1))
  expect(rootOf(make())).not.toBe(rootOf(first))
})

test('nothing is kept where a process may be left, or nobody asked for it', async () => {
  const make = attempts()
  for (const [folders, nothing_runs] of [
    [make(), false],
    [make(null), true],
  ] as const) {
    await folders.remove(nothing_runs)
    expect(await readdir(work_dir)).not.toContain(rootOf(folders).split('/').at(-1))
  }
})
