/** Entries on disk: a file each, so that the stack finds them again when it starts. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoredEntry } from './entry.ts'

export interface EntryFiles {
  readAll(): Promise<readonly StoredEntry[]>
  write(entry: StoredEntry): Promise<void>
  remove(entry: StoredEntry): Promise<void>
}

/** A group or name has only characters that a file may have, but it could be `..`; the end keeps it a name. */
const fileOf = ({ entry }: StoredEntry): readonly [folder: string, file: string] => [`${entry.GroupName}.group`, `${entry.Name}.json`]

export const entryFiles = (folder: string): EntryFiles => ({
  readAll: async () => {
    await mkdir(folder, { recursive: true })
    const files = await readdir(folder, { recursive: true })
    return Promise.all(
      files.filter((file) => file.endsWith('.json')).map(async (file) => StoredEntry.parse(JSON.parse(await readFile(join(folder, file), 'utf8')))),
    )
  },
  write: async (entry) => {
    const [group, file] = fileOf(entry)
    await mkdir(join(folder, group), { recursive: true })
    const path = join(folder, group, file)
    await writeFile(`${path}.new`, JSON.stringify(entry))
    await rename(`${path}.new`, path)
  },
  remove: async (entry) => rm(join(folder, ...fileOf(entry)), { force: true }),
})
