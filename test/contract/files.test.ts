import { NoSuchKey, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { s3_client_settings, s3Files, sessionFileKey } from '../../shared/ports/aws/files.ts'
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts'

let server: ScriptedServer
let client: S3Client
const account = { region: 'us-east-1', credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' }, maxAttempts: 1 }
beforeAll(async () => {
  server = await startScriptedServer()
  client = new S3Client({ ...account, endpoint: server.url, ...s3_client_settings })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

const file = { workspace_id: 'ws_1', session_id: 'chat:a/b', fencing_token: 7, kind: 'transcript' } as const
const path = '/bucket/sessions/ws_1/chat%253Aa%252Fb/000000000007/transcript.tar.gz'

test('a session file lies under its session and fencing token, whatever the session is called', () => {
  expect(sessionFileKey(file)).toBe('sessions/ws_1/chat%3Aa%2Fb/000000000007/transcript.tar.gz')
  expect(sessionFileKey({ ...file, session_id: 'x', fencing_token: 10 }) > sessionFileKey({ ...file, session_id: 'x', fencing_token: 9 })).toBe(true)
})

test('a turn has a key of its own, beside that of a runner that counts none', () => {
  expect(sessionFileKey({ ...file, turn: 12 })).toBe('sessions/ws_1/chat%3Aa%2Fb/000000000007/000012/transcript.tar.gz')
})

test('a file is removed by its key', async () => {
  server.answerBy(() => ({ status: 204, body: '' }))
  await s3Files({ client, bucket: 'bucket' }).remove({ ...file, turn: 1 })
  expect(server.asked).toMatchObject([{ method: 'DELETE', path: expect.stringContaining('/000000000007/000001/transcript.tar.gz') }])
})

test('an upload URL is good for one object, a time, and exactly so many bytes', async () => {
  const url = new URL(await s3Files({ client, bucket: 'bucket' }).uploadUrl({ ...file, bytes: 5 }))
  expect(url.pathname).toBe(path)
  expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host')
  expect(url.searchParams.get('X-Amz-Expires')).toBe('900')
  expect([...url.searchParams.keys()].filter((name) => name.includes('checksum'))).toEqual([])

  server.answerBy(() => ({ body: '' }))
  await fetch(url, { method: 'PUT', body: 'bytes' })
  expect(server.asked).toMatchObject([{ method: 'PUT', body: 'bytes', headers: { 'content-length': '5' } }])
})

test('an upload URL for another length has another signature', async () => {
  const files = s3Files({ client, bucket: 'bucket' })
  const signature = async (bytes: number) => new URL(await files.uploadUrl({ ...file, bytes })).searchParams.get('X-Amz-Signature')
  expect(await signature(5)).not.toBe(await signature(6))
})

test('a client that would sign a checksum of nothing is refused', async () => {
  const plain = new S3Client(account)
  await expect(s3Files({ client: plain, bucket: 'bucket' }).uploadUrl({ ...file, bytes: 5 })).rejects.toThrow('s3_client_settings')
})

test('a download URL is a GET of that object', async () => {
  const url = new URL(await s3Files({ client, bucket: 'bucket' }).downloadUrl(file))
  expect(url.pathname).toBe(path)
  expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host')
})

test('text is put and got; what is not there is undefined, and no other failure is', async () => {
  const files = s3Files({ client, bucket: 'bucket' })
  server.answerBy(() => ({ body: '' }))
  await files.putText('commands/ws_1/key.json', '"é🙂"')
  expect(server.asked).toMatchObject([{ method: 'PUT', path: '/bucket/commands/ws_1/key.json?x-id=PutObject', body: 'é🙂' }])
  server.answerBy(() => ({ body: 'é🙂' }))
  expect(await files.getText('commands/ws_1/key.json')).toBe('é🙂')
  const failure = (status: number, code: string) => ({
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<Error><Code>${code}</Code><Message>no</Message></Error>`,
  })
  server.answerBy(() => failure(404, new NoSuchKey({ $metadata: {}, message: '' }).name))
  expect(await files.getText('commands/ws_1/key.json')).toBeUndefined()
  server.answerBy(() => failure(403, 'AccessDenied'))
  await expect(files.getText('commands/ws_1/key.json')).rejects.toThrow('no')
})
