import { expect, test } from 'vitest'
import { resolveConnection, type ConnectionFlags } from './connection.ts'
import { CommandError } from './io.ts'

const local = (url: string, key: string) => JSON.stringify({ api_url: url, api_key: key, workspace_id: 'ws_1', sandbox: 'bubblewrap' })

const resolveIn = (flags: ConnectionFlags, env: Record<string, string>, files: Record<string, string>, cwd = '/home/me/project/src') => {
  const readFile = async (path: string) => (files[path] === undefined ? undefined : new TextEncoder().encode(files[path]))
  return resolveConnection({ cwd, env, readFile }, flags)
}
const project = { '/home/me/project/.lanekeeper/local.json': local('http://127.0.0.1:4700', 'lk_local') }

test('the local file is found upwards from the working directory', async () => {
  expect(await resolveIn({}, {}, project)).toEqual({
    url: 'http://127.0.0.1:4700',
    key: 'lk_local',
    source: '/home/me/project/.lanekeeper/local.json',
    is_local: true,
  })
})

test('the nearest local file wins', async () => {
  const files = { ...project, '/home/me/project/src/.lanekeeper/local.json': local('http://127.0.0.1:4801', 'lk_near') }
  expect(await resolveIn({}, {}, files)).toMatchObject({ url: 'http://127.0.0.1:4801', key: 'lk_near' })
})

test('the environment beats the file, a flag beats the environment', async () => {
  const env = { LANEKEEPER_URL: 'https://api.example.com/', LANEKEEPER_API_KEY: 'lk_env' }
  expect(await resolveIn({}, env, project)).toMatchObject({ url: 'https://api.example.com', key: 'lk_env', is_local: false })
  expect(await resolveIn({ url: 'https://other.example.com', key: 'lk_flag' }, env, project)).toMatchObject({
    url: 'https://other.example.com',
    key: 'lk_flag',
  })
})

test('--data names the folder of a stack and beats the environment', async () => {
  const files = { ...project, '/home/me/project/src/.second/local.json': local('http://127.0.0.1:4900', 'lk_second') }
  const env = { LANEKEEPER_URL: 'https://api.example.com', LANEKEEPER_API_KEY: 'lk_env' }
  expect(await resolveIn({ data: '.second' }, env, files)).toMatchObject({ url: 'http://127.0.0.1:4900', key: 'lk_second' })
})

test('a key from the file is not sent to another address', async () => {
  await expect(resolveIn({ url: 'https://elsewhere.example.com' }, {}, project)).rejects.toThrow(/no API key/)
  expect(await resolveIn({ url: 'http://127.0.0.1:4700/' }, {}, project)).toMatchObject({ key: 'lk_local' })
})

test.each([
  ['nothing at all', {}, {}, {}, /no \.lanekeeper\/local\.json .*no LANEKEEPER_URL/],
  ['a folder without a stack', { data: '/none' }, {}, project, /There is no \/none\/local\.json/],
  ['an address that is none', { url: 'localhost:4700', key: 'k' }, {}, {}, /--url is not a web address/],
  ['a file that is not JSON', {}, {}, { '/home/.lanekeeper/local.json': '{' }, /it is not JSON/],
  ['a file without a key', {}, {}, { '/home/.lanekeeper/local.json': '{"api_url":"http://127.0.0.1:1","workspace_id":"w"}' }, /api_key/],
])('says what to do about %s', async (_name, flags, env, files, message) => {
  const failure = await resolveIn(flags, env, files).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(CommandError)
  expect(failure).toMatchObject({ exit_code: 2, message: expect.stringMatching(message) })
})
