/** One stack at a time in a data folder: a file that names the process. The lock of a process that is gone is taken over. */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface Lock {
  release(): Promise<void>
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process, but a process.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** When a process began, in ticks since boot, where the system tells: a number that was used again is another process. */
const beginningOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

const holderOf = async (path: string): Promise<number | undefined> => {
  const [pid = '', began = ''] = (await readFile(path, 'utf8').catch(() => '')).split(' ')
  const number = Number(pid)
  if (!(number > 0) || !isAlive(number)) return undefined
  return began === '' || began === (await beginningOf(number)) ? number : undefined
}

/** A link is made or fails as a whole, and what it names is complete. */
const claim = async (mine: string, path: string): Promise<boolean> => {
  try {
    await link(mine, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Removes a lock whose process is gone. One at a time: of two that found it stale, the slower would remove the lock of the faster. */
const clear = async (mine: string, path: string) => {
  const clearing = `${path}.clearing`
  if (!(await claim(mine, clearing))) {
    if ((await holderOf(clearing)) === undefined) await rm(clearing, { force: true })
    return delay(20)
  }
  if ((await holderOf(path)) === undefined) await rm(path, { force: true })
  await rm(clearing, { force: true })
}

const tries_max = 50

/** @throws if another stack that is alive has the folder */
export const takeLock = async (folder: string): Promise<Lock> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'lock')
  const mine = `${path}.${process.pid}`
  await writeFile(mine, `${process.pid} ${await beginningOf(process.pid)}`)
  try {
    for (let tries = 0; tries < tries_max; tries += 1) {
      if (await claim(mine, path)) return { release: () => rm(path, { force: true }) }
      const holder = await holderOf(path)
      if (holder !== undefined) throw new Error(`another stack runs in ${folder} (process ${holder}): stop it, or choose another folder with --data`)
      await clear(mine, path)
    }
    throw new Error(`the lock in ${folder} could not be taken`)
  } finally {
    await rm(mine, { force: true })
  }
}
