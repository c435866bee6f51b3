/**
 * Session files as one `tar.gz`. What is in an archive was made by an agent, so nothing of it may land outside the folder that it is
 * unpacked to: no absolute path, no way up, no write through a link, no device, no set-user-id bit.
 */
import { create, extract } from 'tar'
import { stat, symlink } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { Failure } from '../../shared/domain/run.ts'
import { files_max, folderState, isRealFolder } from './tree.ts'

export interface ArchiveLimits {
  /** Of the files together. */
  readonly unpacked_bytes_max: number
  /** Of the archive. */
  readonly archive_bytes_max: number
}
export const workspace_limits: ArchiveLimits = { unpacked_bytes_max: 4 * 1024 ** 3, archive_bytes_max: 1024 ** 3 }
export const transcript_limits: ArchiveLimits = { unpacked_bytes_max: 1024 ** 3, archive_bytes_max: 256 * 1024 ** 2 }

export type Packed = { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly error: Failure }

const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`

const tooLarge = (what: string, detail: string): Packed => ({
  ok: false,
  error: { code: `${what}_too_large`, message: `the session's ${what} cannot be kept: ${detail}. Delete what the next run does not need.`, retryable: false },
})

/** Packs a folder into `file`. @param what the name of the folder in errors */
export const packFolder = async (what: 'workspace' | 'transcript', folder: string, file: string, limits: ArchiveLimits): Promise<Packed> => {
  const state = await folderState(folder)
  if (state.files > files_max) return tooLarge(what, `it holds more than ${files_max} files`)
  if (state.bytes > limits.unpacked_bytes_max) return tooLarge(what, `it holds ${mib(state.bytes)}, and at most ${mib(limits.unpacked_bytes_max)} are kept`)
  await create(
    {
      file,
      cwd: folder,
      portable: true,
      gzip: { level: 4 },
      // Sockets, pipes and devices are nobody's files.
      filter: (_path, entry) => !('isFile' in entry) || entry.isFile() || entry.isDirectory() || entry.isSymbolicLink(),
    },
    ['.'],
  )
  const { size } = await stat(file)
  return size > limits.archive_bytes_max
    ? tooLarge(what, `packed it takes ${mib(size)}, and at most ${mib(limits.archive_bytes_max)} are kept`)
    : { ok: true, bytes: size }
}

const kept_types = ['File', 'OldFile', 'ContiguousFile', 'Directory', 'Link']
const permission_bits = 0o777

interface SymbolicLink {
  readonly path: string
  readonly target: string
}

/**
 * Links are made after all files, so that nothing is written through one. They may point anywhere: the runner follows none, and the agent
 * sees only its sandbox, where a link to the system's python is as good as it was.
 */
const makeLinks = async (folder: string, links: readonly SymbolicLink[]): Promise<void> => {
  for (const { path, target } of links) {
    const steps = posix.normalize(path).split('/')
    if (posix.isAbsolute(path) || steps.includes('..')) continue
    if (!(await isRealFolder(folder, ...steps.slice(0, -1)))) continue
    await symlink(target, join(folder, ...steps)).catch(() => undefined)
  }
}

/** Unpacks an archive into an empty folder. Throws where it is damaged or holds more than the limits allow. */
export const unpackArchive = async (file: string, folder: string, limits: ArchiveLimits): Promise<void> => {
  let bytes = 0
  let files = 0
  const damage: string[] = []
  const links: SymbolicLink[] = []
  await extract({
    file,
    cwd: folder,
    preserveOwner: false,
    // Only errors count: a stripped path is a warning, and what it names stays inside.
    onwarn: (code, message) => {
      if (code === 'TAR_ENTRY_ERROR' || code === 'TAR_ABORT' || code === 'TAR_BAD_ARCHIVE') damage.push(String(message))
    },
    filter: (path, entry) => {
      if (!('type' in entry)) return false
      files += 1
      bytes += entry.size
      if (bytes > limits.unpacked_bytes_max || files > files_max) return false
      if (entry.type === 'SymbolicLink') links.push({ path, target: entry.linkpath ?? '' })
      if (entry.mode !== undefined) entry.mode &= permission_bits
      return kept_types.includes(entry.type)
    },
  })
  if (bytes > limits.unpacked_bytes_max || files > files_max) throw new Error('the archive holds more than is ever kept')
  if (damage.length > 0) throw new Error(`the archive is damaged: ${damage.slice(0, 3).join('; ')}`)
  await makeLinks(folder, links)
}
