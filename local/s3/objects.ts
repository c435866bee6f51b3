/**
 * Objects as files. A key becomes a file name by percent-encoding, so that no key can name anything outside its bucket's
 * folder; an object appears under its name only when it is complete and on disk.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'

export interface StoredObject {
  readonly bytes: number
  readonly modified: Date
  readonly etag: string
  read(): Readable
}

export interface PutOptions {
  /** The length that was announced; what arrives must have it. */
  readonly bytes: number
  /** Base64 of the CRC-32, if the sender gave one. */
  readonly crc32?: string | undefined
  /** Refuse if the object exists. */
  readonly if_absent: boolean
}
export type PutResult =
  | { readonly ok: true; readonly etag: string }
  | { readonly ok: false; readonly code: 'IncompleteBody' | 'BadDigest' | 'PreconditionFailed' }

export interface Objects {
  put(bucket: string, key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>
  get(bucket: string, key: string): Promise<StoredObject | undefined>
  remove(bucket: string, key: string): Promise<void>
}

/** File systems allow 255 bytes in a name. `+` is never in an encoded key, so the folders of a long key clash with nothing. */
const name_length_max = 200
export const fileNameOf = (key: string): string => {
  const encoded = encodeURIComponent(key)
    .replaceAll(/[*'()!]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
    .replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
  return (encoded.match(new RegExp(`.{1,${name_length_max}}`, 'g')) ?? ['%00']).join('+/')
}

const isMissing = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT'
const isThere = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EEXIST'

/** Writes the body to `path` and to disk. Gives its length and digests. */
const writeBody = async (path: string, body: AsyncIterable<Uint8Array>) => {
  const md5 = createHash('md5')
  const file = await open(path, 'wx')
  let bytes = 0
  let sum = 0
  try {
    for await (const chunk of body) {
      await file.writeFile(chunk)
      md5.update(chunk)
      sum = crc32(chunk, sum)
      bytes += chunk.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(sum)
  return { bytes, etag: `"${md5.digest('hex')}"`, crc32: digest.toString('base64') }
}

/** @param folder created if absent; left-overs of uploads that were cut off are removed */
export const openObjects = async (folder: string): Promise<Objects> => {
  const uploads = join(folder, '.uploads')
  await mkdir(uploads, { recursive: true })
  for (const name of await readdir(uploads)) await rm(join(uploads, name), { force: true })
  const pathOf = (bucket: string, key: string) => join(folder, fileNameOf(bucket), fileNameOf(key))
  const settle = async (temporary: string, path: string, if_absent: boolean): Promise<boolean> => {
    await mkdir(dirname(path), { recursive: true })
    if (!if_absent) {
      await rename(temporary, path)
      return true
    }
    try {
      await link(temporary, path)
      return true
    } catch (error) {
      if (isThere(error)) return false
      throw error
    }
  }
  return {
    put: async (bucket, key, body, options) => {
      const temporary = join(uploads, randomUUID())
      try {
        const written = await writeBody(temporary, body)
        if (written.bytes !== options.bytes) return { ok: false, code: 'IncompleteBody' }
        if (options.crc32 !== undefined && options.crc32 !== written.crc32) return { ok: false, code: 'BadDigest' }
        if (!(await settle(temporary, pathOf(bucket, key), options.if_absent))) return { ok: false, code: 'PreconditionFailed' }
        return { ok: true, etag: written.etag }
      } finally {
        await rm(temporary, { force: true })
      }
    },
    get: async (bucket, key) => {
      const path = pathOf(bucket, key)
      try {
        const found = await stat(path)
        const etag = `"${createHash('md5').update(`${found.ino}:${found.mtimeMs}:${found.size}`).digest('hex')}"`
        return { bytes: found.size, modified: found.mtime, etag, read: () => createReadStream(path) }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    },
    remove: (bucket, key) => rm(pathOf(bucket, key), { force: true }),
  }
}
