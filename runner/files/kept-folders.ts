/**
 * Empty folders of ended attempts, for the next attempts of the same workspace in this process. A file system that gives out inodes
 * spends more on making and removing six folders, over and over, than an attempt spends on anything else.
 *
 * Kept is only what nobody has touched: the kernel sets the time of change of a folder with everything that is done in it and to it (an
 * entry, its mode, an attribute), and lets nobody set it back. And only what nobody can touch any more: the sandbox is known to be gone.
 */
import { lstatSync, readdirSync, rmSync } from 'node:fs'

export interface FolderSet {
  /** What is removed to remove all. */
  readonly roots: readonly string[]
  /** Those that the agent may write in, or where the runner does. */
  readonly untouched: readonly FolderTime[]
  /** The agent sees it and cannot write in it; the runner empties it. */
  readonly run: string
  readonly workspace: string
  readonly home: string
  readonly tmp: string
  readonly scratch: string
}
export interface FolderTime {
  readonly path: string
  readonly changed_ns: bigint
}

const kept_max = 32

const kept: { readonly key: string; readonly set: FolderSet }[] = []

const removeNow = ({ roots }: FolderSet): void => {
  for (const root of roots) rmSync(root, { recursive: true, force: true })
}

const removeAll = (): void => {
  for (const { set } of kept.splice(0)) removeNow(set)
}

/** Undefined where it is no folder any more. */
const changedNs = (path: string): bigint | undefined => {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat?.isDirectory() === true ? stat.ctimeNs : undefined
}

/** Of folders that have just been made, and will not be changed by the runner before it asks again. */
export const timesOf = (paths: readonly string[]): readonly FolderTime[] => paths.map((path) => ({ path, changed_ns: changedNs(path) ?? 0n }))

const isUntouched = ({ untouched, run }: FolderSet): boolean =>
  untouched.every(({ path, changed_ns }) => changedNs(path) === changed_ns) && readdirSync(run).length === 0

/** Keeps the folders if they are as they were made. The caller knows that no process of the attempt is left. @returns whether they are kept */
export const keepFolders = (key: string, set: FolderSet): boolean => {
  try {
    if (!isUntouched(set)) return false
  } catch {
    return false
  }
  if (!process.listeners('exit').includes(removeAll)) process.once('exit', removeAll)
  kept.push({ key, set })
  const [oldest] = kept.length > kept_max ? kept.splice(0, 1) : []
  if (oldest !== undefined) removeNow(oldest.set)
  return true
}

/** Folders that were kept under the key, which are the caller's now; undefined where there are none. */
export const takeFolders = (key: string): FolderSet | undefined => {
  for (let at = kept.findIndex((one) => one.key === key); at !== -1; at = kept.findIndex((one) => one.key === key)) {
    const [found] = kept.splice(at, 1)
    // Somebody may have cleaned up the disk.
    if (found !== undefined && found.set.untouched.every(({ path, changed_ns }) => changedNs(path) === changed_ns)) return found.set
  }
  return undefined
}
