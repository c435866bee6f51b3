import { spawnSync } from 'node:child_process'
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

test('of many at once, one gets it', async () => {
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(folder)))
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
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
