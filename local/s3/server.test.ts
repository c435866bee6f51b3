import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen, type Listener } from '../net/listen.ts'
import { fileNameOf, openObjects } from './objects.ts'
import { s3Handler } from './server.ts'

const credentials = { access_key_id: 'local', secret_access_key: 'secret' }
let now_ms = Date.now()
let folder: string
let listener: Listener
let s3: S3Client
const clientWith = (secretAccessKey: string) =>
  new S3Client({
    endpoint: listener.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-s3-'))
  const objects = await openObjects(folder)
  listener = await listen(s3Handler({ objects, buckets: new Set(['b']), credentials, now: () => now_ms }))
  s3 = clientWith('secret')
})
afterAll(async () => {
  s3.destroy()
  await listener.close()
  await rm(folder, { recursive: true, force: true })
})

const Bucket = 'b'
const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body }))
const get = async (Key: string) => (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString()

test('an object is stored, read, described, replaced and deleted', async () => {
  const Key = 'sessions/ws/a b+c%2Fd/ü.tar.gz'
  await put(Key, 'one')
  expect(await get(Key)).toBe('one')
  expect(await s3.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({ ContentLength: 3 })
  await put(Key, 'two!')
  expect(await get(Key)).toBe('two!')
  await s3.send(new DeleteObjectCommand({ Bucket, Key }))
  await expect(get(Key)).rejects.toMatchObject({ name: 'NoSuchKey' })
})

test('a write that must be the first is refused when it is not', async () => {
  const first = () => s3.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'x', IfNoneMatch: '*' }))
  await first()
  await expect(first()).rejects.toMatchObject({ name: 'PreconditionFailed' })
})

test('another bucket and a wrong key are refused', async () => {
  await expect(s3.send(new GetObjectCommand({ Bucket: 'other', Key: 'x' }))).rejects.toMatchObject({ name: 'NoSuchBucket' })
  const stranger = clientWith('wrong')
  await expect(stranger.send(new GetObjectCommand({ Bucket, Key: 'once' }))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' })
  expect((await fetch(`${listener.url}/b/once`)).status).toBe(403)
})

test('a presigned URL does what it was signed for and nothing else', async () => {
  const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'up', ContentLength: 4 }), { expiresIn: 60 })
  expect((await fetch(url, { method: 'PUT', body: 'four' })).status).toBe(200)
  expect(await get('up')).toBe('four')
  expect((await fetch(url, { method: 'PUT', body: 'longer' })).status).toBe(403)
  expect((await fetch(url.replace('/b/up', '/b/other'), { method: 'PUT', body: 'four' })).status).toBe(403)
  expect((await fetch(url)).status).toBe(403)
  expect((await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600'), { method: 'PUT', body: 'four' })).status).toBe(403)
})

test('a presigned URL ends', async () => {
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'up' }), { expiresIn: 60 })
  expect(await (await fetch(url)).text()).toBe('four')
  now_ms += 61_000
  expect((await fetch(url)).status).toBe(403)
  now_ms -= 61_000
})

test('a body that does not have its signed checksum is not stored', async () => {
  const careful = new S3Client({ endpoint: listener.url, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'secret' } })
  await careful.send(new PutObjectCommand({ Bucket, Key: 'sum', Body: 'checked' }))
  expect(await get('sum')).toBe('checked')
  // The SDK's default signs the checksum of an empty body into a presigned URL, which S3 then insists on.
  const url = await getSignedUrl(careful, new PutObjectCommand({ Bucket, Key: 'sum' }), { expiresIn: 60 })
  expect((await fetch(url, { method: 'PUT', body: 'something' })).status).toBe(400)
  expect(await get('sum')).toBe('checked')
})

test('an upload that breaks off leaves nothing behind', async () => {
  const objects = await openObjects(folder)
  const broken = async function* () {
    yield Buffer.from('half')
    throw new Error('the connection was lost')
  }
  await expect(objects.put(Bucket, 'half', broken(), { bytes: 8, if_absent: false })).rejects.toThrow(/lost/)
  const short = async function* () {
    yield Buffer.from('half')
  }
  expect(await objects.put(Bucket, 'half', short(), { bytes: 8, if_absent: false })).toEqual({ ok: false, code: 'IncompleteBody' })
  expect(await objects.get(Bucket, 'half')).toBeUndefined()
  expect(await readdir(join(folder, '.uploads'))).toEqual([])
})

test('no key names a file outside its bucket, and no two keys name one file', async () => {
  const keys = ['../x', '..', '.', '/etc/passwd', 'a/../../b', '..%2f', '%2E%2E', 'a', 'a/b', 'a+/b', 'A'.repeat(300), `${'A'.repeat(200)}+/${'A'.repeat(100)}`]
  const names = keys.map(fileNameOf)
  expect(new Set(names).size).toBe(keys.length)
  for (const name of names) expect(name.split('/').some((part) => part === '..' || part === '.' || part === '')).toBe(false)
  const objects = await openObjects(folder)
  await objects.put(Bucket, '../escaped', one('x'), { bytes: 1, if_absent: false })
  expect(await readdir(join(folder, 'b'))).toContain('%2E%2E%2Fescaped')
  expect(await readFile(join(folder, 'b', '%2E%2E%2Fescaped'), 'utf8')).toBe('x')
})

const one = async function* (text: string) {
  yield Buffer.from(text)
}
