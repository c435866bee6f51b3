/** What a folder holds, without following a link: its size, and a fingerprint that changes when anything in it does. */
import { createHash } from 'node:crypto'
import { readdirSync, type Dirent } from 'node:fs'
import { chmod, lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface FolderState {
  readonly fingerprint: string
  readonly files: number
  readonly bytes: number
}

/** More files than this are not kept between runs. */
export const files_max = 200_000

/** An agent may have shut a folder of its own; the runner, when it is no root either, opens it again to keep what is in it. */
const readFolder = async (path: string): Promise<readonly Dirent[]> => {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch {
    await chmod(path, 0o700)
    return readdir(path, { withFileTypes: true })
  }
}

const owner_reads = 0o400

const few_entries = 4
const few_levels = 4

/** Whether there is nothing but a few empty folders, which is found at once: to hear from a thread of the pool takes longer than to look. */
const holdsNothing = (folder: string, levels = few_levels): boolean => {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return levels > 0 && entries.length <= few_entries && entries.every((entry) => entry.isDirectory() && holdsNothing(join(folder, entry.name), levels - 1))
  } catch {
    return false
  }
}

/** Of a folder in which nothing is, or nothing but empty folders. */
export const emptyFolder = (): FolderState => ({ fingerprint: createHash('sha256').digest('hex'), files: 0, bytes: 0 })

/**
 * Files, folders and links below `folder`, in order. Stops counting beyond `files_max`. Times and inodes are part of the
 * fingerprint: a file that was written again counts as changed, whatever its size and modification time say. Of a folder only what
 * it holds counts: one that is empty, as the runner makes one for each agent, is no reason to save a session.
 */
export const folderState = async (folder: string): Promise<FolderState> => {
  if (holdsNothing(folder)) return emptyFolder()
  const hash = createHash('sha256')
  let files = 0
  let bytes = 0
  const visit = async (path: string, name: string): Promise<void> => {
    const entries = (await readFolder(path)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      if (++files > files_max) return
      const below = join(path, entry.name)
      const stat = await lstat(below)
      if (entry.isFile() && (stat.mode & owner_reads) === 0) await chmod(below, stat.mode | owner_reads)
      const target = entry.isSymbolicLink() ? await readlink(below) : ''
      if (!entry.isDirectory()) hash.update(`${name}/${entry.name}\0${stat.mode} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino} ${target}\0`)
      if (entry.isFile()) bytes += stat.size
      if (entry.isDirectory()) await visit(below, `${name}/${entry.name}`)
    }
  }
  await visit(folder, '')
  return { fingerprint: hash.digest('hex'), files, bytes }
}

/** Whether every step from `folder` down to `names` is a real folder: an agent may have put a link in the way. */
export const isRealFolder = async (folder: string, ...names: readonly string[]): Promise<boolean> => {
  let path = folder
  for (const name of ['', ...names]) {
    path = join(path, name)
    const stat = await lstat(path).catch(() => undefined)
    if (stat === undefined || !stat.isDirectory()) return false
  }
  return true
}
