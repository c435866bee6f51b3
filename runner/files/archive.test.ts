import { chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { create } from 'tar'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packFolder, unpackArchive, workspace_limits } from './archive.ts'
import { folderState } from './tree.ts'

let root: string
let from: string
let to: string
let archive: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lk-archive-'))
  from = join(root, 'from')
  to = join(root, 'to')
  archive = join(root, 'a.tar.gz')
  await Promise.all([mkdir(from), mkdir(to)])
})
afterEach(() => rm(root, { recursive: true }))

const small = { unpacked_bytes_max: 10_000, archive_bytes_max: 10_000 }

test('files, folders, links and odd names come back as they were', async () => {
  await mkdir(join(from, 'a/b'), { recursive: true })
  await writeFile(join(from, 'a/b/ü x'), 'text')
  await writeFile(join(from, '@not-an-archive'), 'at')
  await writeFile(join(from, '-dash'), 'dash')
  await writeFile(join(from, 'run.sh'), '#!')
  await chmod(join(from, 'run.sh'), 0o4755)
  await symlink('/usr/bin/python3', join(from, 'absolute'))
  await symlink('a/b', join(from, 'relative'))
  await symlink('../../beyond', join(from, 'a/up'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(from, 'socket'), resolve))
  expect(await packFolder('workspace', from, archive, workspace_limits)).toMatchObject({ ok: true })
  server.close()
  await unpackArchive(archive, to, workspace_limits)
  expect(await readFile(join(to, 'a/b/ü x'), 'utf8')).toBe('text')
  expect(await readFile(join(to, '@not-an-archive'), 'utf8')).toBe('at')
  expect(await readFile(join(to, '-dash'), 'utf8')).toBe('dash')
  expect((await stat(join(to, 'run.sh'))).mode & 0o7777).toBe(0o755)
  expect(await readlink(join(to, 'absolute'))).toBe('/usr/bin/python3')
  expect(await readlink(join(to, 'relative'))).toBe('a/b')
  expect(await readlink(join(to, 'a/up'))).toBe('../../beyond')
  await expect(stat(join(to, 'socket'))).rejects.toThrow('ENOENT')
})

test('a workspace that is too large is refused with what it is and what it may be', async () => {
  await writeFile(join(from, 'big'), '')
  await truncate(join(from, 'big'), 20_000)
  expect(await packFolder('workspace', from, archive, small)).toMatchObject({
    ok: false,
    error: { code: 'workspace_too_large', retryable: false, message: expect.stringContaining('1 MiB') },
  })
  expect(await packFolder('workspace', from, archive, { unpacked_bytes_max: 100_000, archive_bytes_max: 10 })).toMatchObject({
    ok: false,
    error: { code: 'workspace_too_large' },
  })
})

test('an archive that unpacks to more than is kept is refused', async () => {
  await writeFile(join(from, 'big'), '0'.repeat(50_000))
  await packFolder('workspace', from, archive, workspace_limits)
  await expect(unpackArchive(archive, to, small)).rejects.toThrow('more than is ever kept')
})

test('nothing of a hostile archive lands outside', async () => {
  const outside = join(root, 'outside')
  await mkdir(outside)
  await symlink(outside, join(from, 'door'))
  await mkdir(join(root, 'second/door'), { recursive: true })
  await writeFile(join(root, 'second/door/evil'), 'evil')
  await writeFile(join(root, 'evil-up'), 'evil')
  const file = join(root, 'hostile.tar')
  await create({ file, cwd: from }, ['door'])
  execFileSync('tar', ['rf', file, '-C', join(root, 'second'), 'door/evil'])
  execFileSync('tar', ['rPf', file, '-C', from, '../evil-up', join(root, 'evil-up')])
  await unpackArchive(file, to, workspace_limits).catch(() => undefined)
  expect((await folderState(to)).files).toBeGreaterThan(1)
  expect((await folderState(outside)).files).toBe(0)
  await rm(join(root, 'evil-up'))
  await unpackArchive(file, to, workspace_limits).catch(() => undefined)
  await expect(stat(join(root, 'evil-up'))).rejects.toThrow('ENOENT')
})

test('a damaged archive is an error', async () => {
  await writeFile(join(from, 'x'), 'y'.repeat(5_000))
  await packFolder('workspace', from, archive, workspace_limits)
  await truncate(archive, 60)
  await expect(unpackArchive(archive, to, workspace_limits)).rejects.toThrow(/damaged|unexpected|zlib|Z_/i)
})

test('a fingerprint changes with content, names and links, and not by looking', async () => {
  await writeFile(join(from, 'x'), 'one')
  const first = (await folderState(from)).fingerprint
  expect((await folderState(from)).fingerprint).toBe(first)
  await writeFile(join(from, 'x'), 'two')
  const second = (await folderState(from)).fingerprint
  await symlink('x', join(from, 'y'))
  const third = (await folderState(from)).fingerprint
  expect(new Set([first, second, third]).size).toBe(3)
})
