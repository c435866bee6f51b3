/**
 * The program that closes the network of the agent's container, compiled and run as it is there. It needs Linux and a C compiler
 * (CI has both); where one is missing the first test says which, and the image still compiles it with warnings as errors.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'lanekeeper-network-'))
const program = join(folder, 'agent-network')
const flags = ['-O2', '-Wall', '-Wextra', '-Werror']

let tier: 'proven' | 'not linux' | 'no compiler' | 'does not compile' = 'not linux'
beforeAll(() => {
  if (process.platform !== 'linux') return
  const compiled = spawnSync(process.env['CC'] ?? 'cc', [...flags, join(root, 'runner/agent-network.c'), '-o', program], { encoding: 'utf8' })
  if (compiled.error !== undefined) tier = 'no compiler'
  else tier = compiled.status === 0 ? 'proven' : 'does not compile'
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Tries TCP, UDP, a name and a unix socket, in a child of the program's child, and prints what each came to. */
const attempts = `
const net = require('node:net'), dgram = require('node:dgram'), path = ${JSON.stringify(join(folder, 's'))}
const say = (what) => (error) => console.log(what + ' ' + (error ? error.code : 'open'))
net.createServer().on('error', say('tcp')).listen(0, '127.0.0.1', function () { say('tcp')(); this.close() })
const udp = dgram.createSocket('udp4').on('error', say('udp')).bind(0, '127.0.0.1', () => { say('udp')(); udp.close() })
net.createServer().on('error', say('unix')).listen(path, function () { say('unix')(); this.close() })
`
const run = (network: string | undefined) => {
  const ran = spawnSync(program, ['sh', '-c', '"$0" -e "$1"', process.execPath, attempts], {
    encoding: 'utf8',
    env: network === undefined ? {} : { LANEKEEPER_NETWORK: network },
  })
  return { status: ran.status, said: ran.stdout.trim().split('\n').toSorted() }
}

test('it compiles without a warning wherever there is a compiler', () => {
  expect(['proven', 'no compiler', 'not linux']).toContain(tier)
})

test('closed, nothing that it starts makes a socket but a unix one; anything but open is closed', () => {
  const seen = tier === 'proven' ? [run('closed'), run(undefined), run('OPEN')] : []
  expect(seen).toEqual(seen.map(() => ({ status: 0, said: ['tcp EACCES', 'udp EACCES', 'unix open'] })))
})

test('open, it is as if it were not there', () => {
  const seen = tier === 'proven' ? [run('open')] : []
  expect(seen).toEqual(seen.map(() => ({ status: 0, said: ['tcp open', 'udp open', 'unix open'] })))
})
