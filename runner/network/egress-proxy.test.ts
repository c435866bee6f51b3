import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPublicAddress } from './addresses.ts'
import { startEgressProxy, type EgressProxy } from './egress-proxy.ts'

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '169.254.170.2',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fd00::1',
  '::ffff:127.0.0.1',
  '64:ff9b::a00:1',
  '2002:7f00:1::',
  'localhost',
  '',
])('%s is not for tools', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})
test.each(['1.1.1.1', '93.184.216.34', '172.32.0.1', '2606:4700:4700::1111'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

const names: Readonly<Record<string, readonly string[]>> = {
  'good.example': ['93.184.216.34'],
  'rebound.example': ['93.184.216.34', '127.0.0.1'],
  'meta.example': ['169.254.169.254'],
}
const site = createServer((incoming, response) =>
  response.end(`${incoming.method} ${incoming.url} host=${incoming.headers.host} auth=${incoming.headers['proxy-authorization']}`),
)
let folder: string
let proxy: EgressProxy
let socket_path: string
const opened: string[] = []

beforeAll(async () => {
  folder = await mkdtemp('/tmp/lk-egress-')
  socket_path = join(folder, 'egress.sock')
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const address = site.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  proxy = await startEgressProxy({
    socket_path,
    resolve: async (host) => names[host] ?? [host],
    open: (to, to_port) => {
      opened.push(`${to}:${to_port}`)
      return connect(port, '127.0.0.1')
    },
  })
})
afterAll(async () => {
  await proxy.close()
  site.close()
  await rm(folder, { recursive: true })
})

const get = (url: string): Promise<{ status: number | undefined; text: string }> =>
  new Promise((resolve, reject) => {
    request({ socketPath: socket_path, path: url, headers: { 'proxy-authorization': 'x', host: 'ignored' } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
      .on('error', reject)
      .end()
  })
const tunnel = (authority: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const client = connect(socket_path, () => client.write(`CONNECT ${authority} HTTP/1.1\r\nhost: x\r\n\r\n`))
    let text = ''
    client.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (text.includes('200 Connection') && !text.includes('host=')) client.write('GET /through HTTP/1.1\r\nhost: inner\r\nconnection: close\r\n\r\n')
    })
    client.on('close', () => resolve(text))
    client.on('error', reject)
  })

test('fetches plain http from the address it checked, without the headers meant for it', async () => {
  expect(await get('http://good.example/a?b=1')).toEqual({ status: 200, text: 'GET /a?b=1 host=good.example auth=undefined' })
  expect(opened.at(-1)).toBe('93.184.216.34:80')
})

test('tunnels with CONNECT', async () => {
  expect(await tunnel('good.example:443')).toContain('GET /through host=inner')
  expect(opened.at(-1)).toBe('93.184.216.34:443')
})

test.each(['127.0.0.1:80', 'meta.example:80', 'rebound.example:443', '[::1]:443', 'good.example:99999', 'good.example', ''])(
  'refuses a tunnel to %j',
  async (authority) => {
    const before = opened.length
    expect(await tunnel(authority)).toMatch(/^HTTP\/1.1 (403|400)/)
    expect(opened.length).toBe(before)
  },
)

test.each(['http://169.254.169.254/latest/meta-data/', 'http://127.0.0.1:4700/v1/health', 'http://rebound.example/', 'ftp://good.example/', '/no-host'])(
  'refuses %s',
  async (url) => {
    const before = opened.length
    expect((await get(url)).status).toBe(403)
    expect(opened.length).toBe(before)
  },
)
