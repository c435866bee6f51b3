/** The folders of one attempt, made when it starts and removed when it ends. */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import { chmod, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostFolders } from '../sandbox/sandbox.ts'
import type { RunnerSettings } from '../settings.ts'
import { keepFolders, takeFolders, timesOf, type FolderSet } from './kept-folders.ts'

export interface AttemptFolders extends HostFolders {
  /** The runner's own. */
  readonly scratch: string
  /** @param nothing_runs no process is left that sees them: then another attempt may get them, if they are as they were made */
  remove(nothing_runs: boolean): Promise<void>
}

export interface FoldersWanted {
  readonly settings: RunnerSettings
  /** Undefined: they go with the attempt. Else they may be kept for another, and this path in the workspace is made already. */
  readonly kept_with: string | undefined
}

/** Where both containers of a task mount the workspace. */
const container_workspace = '/workspace'

/** A folder that its owner may not read or enter, as an agent can make one, is opened first: it cannot be emptied otherwise. */
const openUp = async (folder: string): Promise<void> => {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await openUp(join(folder, entry.name))
}

/** Whether an empty folder is gone now. */
const removed = (folder: string): boolean => {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !existsSync(folder)
  }
}

const removeFolder = async (folder: string): Promise<void> => {
  if (removed(folder)) return
  try {
    await rm(folder, { recursive: true, force: true })
  } catch {
    await openUp(folder).catch(() => undefined)
    await rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined)
  }
}

/** In a task of two containers, the volumes that both mount. They go with the task. */
const containerFolders = ({ work_dir, sockets_dir }: RunnerSettings): AttemptFolders => {
  mkdirSync(work_dir, { recursive: true })
  const scratch = mkdtempSync(join(work_dir, 'lk-'))
  const home = join(sockets_dir, 'home')
  mkdirSync(home, { recursive: true })
  return { workspace: container_workspace, home, tmp: '/tmp', run: sockets_dir, scratch, remove: () => removeFolder(scratch) }
}

/** The path of a unix socket has at most 107 bytes, and names of sockets take up to 20 of them. */
const socket_folder_bytes_max = 87

/** Beside the other folders, or in the system's temporary folder where that path would be too long for a socket. */
const makeSocketFolder = (root: string): string => {
  const beside = join(root, 'run')
  if (Buffer.byteLength(beside) > socket_folder_bytes_max) return mkdtempSync(join(tmpdir(), 'lk-run-'))
  mkdirSync(beside)
  return beside
}

/** A folder and all above it, up to `top`, which is there. */
const makeBelow = (top: string, path: string): readonly string[] => {
  const made: string[] = []
  let below = top
  for (const name of path.split('/').filter((part) => part !== '')) {
    below = join(below, name)
    mkdirSync(below)
    made.push(below)
  }
  return made
}

const makeSet = ({ work_dir }: RunnerSettings, working: string): FolderSet => {
  mkdirSync(work_dir, { recursive: true })
  const root = mkdtempSync(join(work_dir, 'lk-'))
  const run = makeSocketFolder(root)
  const folders = { workspace: join(root, 'workspace'), home: join(root, 'home'), tmp: join(root, 'tmp'), scratch: join(root, 'scratch') }
  for (const path of Object.values(folders)) mkdirSync(path)
  const inner = makeBelow(folders.workspace, working)
  return { ...folders, run, roots: [root, run], untouched: timesOf([...Object.values(folders), ...inner]) }
}

/**
 * Making an empty folder takes less than handing it to a thread of the pool, so it is done at once, and so is removing one that stayed empty.
 * `work_dir` is made if it is not there.
 */
export const makeFolders = ({ settings, kept_with }: FoldersWanted): AttemptFolders => {
  if (settings.sandbox === 'container') return containerFolders(settings)
  const key = kept_with === undefined ? undefined : JSON.stringify([settings.work_dir, settings.workspace_id, kept_with])
  const set = (key === undefined ? undefined : takeFolders(key)) ?? makeSet(settings, kept_with ?? '')
  const remove = async (nothing_runs: boolean): Promise<void> => {
    if (key !== undefined && nothing_runs && keepFolders(key, set)) return
    // Mostly all of them are empty. What is not goes with the root.
    for (const { path } of set.untouched.toReversed()) removed(path)
    removed(set.run)
    await Promise.all(set.roots.map(removeFolder))
  }
  return { workspace: set.workspace, home: set.home, tmp: set.tmp, run: set.run, scratch: set.scratch, remove }
}
