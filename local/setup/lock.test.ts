import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeLock } from './lock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-lock-'))
})
afterEach(async () => rm(folder, { recursive: true, force: true }))

test('a folder has one stack at a time, and is free again after', async () => {
  const lock = await takeLock(folder)
  await expect(takeLock(folder)).rejects.toThrow(`process ${process.pid}`)
  await lock.release()
  await (await takeLock(folder)).release()
})

test('of several processes that find a stale lock at once, one gets it', async () => {
  await writeFile(join(folder, 'lock'), `${spawnSync('true').pid} 1`)
  const module_url = new URL('./lock.ts', import.meta.url).href
  const program = `import { takeLock } from ${JSON.stringify(module_url)}
    process.stdin.once('data', async () => {
      console.log(await takeLock(${JSON.stringify(folder)}).then(() => 'mine', () => 'another'))
      process.stdin.resume()
    })
    console.log('ready')`
  const children = Array.from({ length: 6 }, () => spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }))
  const lines = children.map((child) => child.stdout.setEncoding('utf8')[Symbol.asyncIterator]())
  const next = () => Promise.all(lines.map(async (line) => String((await line.next()).value).trim()))
  expect(new Set(await next())).toEqual(new Set(['ready']))
  for (const child of children) child.stdin.write('go')
  const said = await next()
  for (const child of children) child.kill()
  expect(said.filter((word) => word === 'mine')).toHaveLength(1)
})

test('the lock of a process that is gone is taken over, also when its number is another’s now', async () => {
  const { pid } = spawnSync('true')
  for (const left of [String(pid), `${process.pid} 1`, '', 'nonsense']) {
    await writeFile(join(folder, 'lock'), left)
    const lock = await takeLock(folder)
    expect(await readFile(join(folder, 'lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `))
    await lock.release()
  }
})
