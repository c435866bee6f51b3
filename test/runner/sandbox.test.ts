/** What an agent that tries can and cannot do. Each test asserts what the probed tier promises; only bubblewrap promises all. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEgressProxy } from '../../runner/network/egress-proxy.ts'
import { openBubblewrap } from '../../runner/sandbox/bubblewrap.ts'
import { probeSandbox, type SandboxProbe } from '../../runner/sandbox/probe.ts'
import { openUnshare } from '../../runner/sandbox/unshare.ts'
import { model_key, startHarness, type Harness } from './harness.ts'

let harness: Harness
let probe: SandboxProbe
let outside: string
beforeAll(async () => {
  harness = await startHarness()
  probe = await probeSandbox()
  outside = await mkdtemp(join(tmpdir(), 'lk-outside-'))
  await writeFile(join(outside, 'secret.txt'), 'the secret outside')
})
afterAll(async () => {
  await harness.close()
  await rm(outside, { recursive: true })
})

const shell = (script: string) => ({ runner: 'process', command: ['bash', '-c', script] })
const output = async (script: string, policy = {}): Promise<string> =>
  (await harness.run({ message: 'm', config: shell(`${script} 2>&1; echo end`), policy })).log

test('no file outside of the workspace is seen, nor written', async () => {
  const log = await output(
    `cat ${outside}/secret.txt; echo x > ${outside}/written; ls ${harness.work_dir}; cat /etc/shadow; touch /usr/x /x; ls /root /home /var`,
  )
  const written = await readFile(join(outside, 'written'), 'utf8').catch(() => undefined)
  expect(log.includes('the secret outside')).toBe(!probe.files)
  expect(written === undefined).toBe(probe.files)
  if (probe.files) expect(log).not.toMatch(/root:[*!$]/)
})

test('no variable and no argument of the runner is seen, nor any other process of the machine', async () => {
  const neighbour = spawn('sleep', ['71.0625'], { env: { PLANTED: 'of-a-neighbour' } })
  const log = await output('env; cat /proc/*/environ /proc/*/cmdline | tr "\\0" "\\n"')
  neighbour.kill('SIGKILL')
  expect(log).not.toMatch(/LANEKEEPER_CLAIM_TOKEN|LANEKEEPER_API_URL|lkatt_/)
  expect(log).not.toContain(model_key)
  expect(log.includes('of-a-neighbour') || log.includes('71.0625')).toBe(probe.tier === 'none')
})

test.each([true, false])('with network_enabled %s: not the control API, not this machine, not the metadata of a cloud', async (network_enabled) => {
  const { url } = harness.plane
  const port = new URL(url).port
  const before = harness.plane.seen.paths.length
  const log = await output(
    [
      `curl -sS -m 3 ${url}/v1/health`,
      `curl -sS -m 3 --noproxy "*" ${url}/v1/health`,
      `curl -sS -m 3 --noproxy "" ${url}/v1/health`,
      `curl -sS -m 3 http://localhost:${port}/`,
      `(exec 3<>/dev/tcp/127.0.0.1/${port} && echo REACHED)`,
      'curl -sS -m 3 http://169.254.169.254/latest/meta-data/',
      'curl -sS -m 3 http://169.254.170.2/v2/credentials',
      'curl -sS -m 3 --proxytunnel http://169.254.169.254:80/',
    ].join('; '),
    { network_enabled },
  ).then((text) => text.split('\n').slice(1).join('\n'))
  if (probe.network) {
    expect(log).not.toContain('REACHED')
    expect(log).not.toMatch(/unauthenticated|route_not_found|invalid_request/)
    expect(harness.plane.seen.paths.slice(before)).not.toContain('/v1/health')
    expect(log.includes('does not reach private')).toBe(network_enabled)
  } else {
    expect(harness.plane.seen.finishes.at(-1)?.error?.code).toBe(network_enabled ? undefined : 'sandbox_unavailable')
  }
})

test('without a network there is no way out at all', async () => {
  const log = await output('cat /proc/net/dev | grep -c ":"; ls /run/lanekeeper; curl -sS -m 3 https://1.1.1.1', { network_enabled: false })
  if (probe.tier === 'bubblewrap') expect(log).toMatch(/^1$/m)
  expect(log).not.toContain('egress.sock')
  if (!probe.network) expect(harness.plane.seen.finishes.at(-1)?.error?.code).toBe('sandbox_unavailable')
})

test('the workspace is kept when it may be written, seen when it may be read, and absent otherwise', async () => {
  const run = (script: string, workspace_access: 'none' | 'ro' | 'rw') =>
    harness.run({
      message: 'm',
      config: shell(script),
      policy: { workspace_access },
      attachments: [{ name: 'note.txt', content: 'attached', encoding: 'text' }],
    })
  const written = await run('echo kept > kept.txt; mkdir -p a/b; ln -s ../kept.txt a/link; echo ok', 'rw')
  expect(written.finish).toMatchObject({ outcome: 'ok', saved: { workspace_bytes: expect.any(Number) } })
  const again = await run('cat kept.txt a/link attachments/note.txt | tr "\\n" " "', 'rw')
  expect(again.finish?.result).toBe('kept kept attached')
  if (!probe.files) {
    expect((await run('true', 'ro')).finish?.error?.code).toBe('sandbox_unavailable')
    return
  }
  const read = await run('cat kept.txt attachments/note.txt; echo; echo x > new.txt || echo "not written"; rm kept.txt || echo "not removed"', 'ro')
  expect(read.log).toMatch(/kept\n+attached\n[\s\S]*not written[\s\S]*not removed/)
  expect(read.finish?.saved).toBeUndefined()
  const absent = await run('ls -A | wc -l; echo x > new.txt || echo "not written"; cat "$LANEKEEPER_ATTACHMENTS"', 'none')
  expect(absent.log).toMatch(/0\n[\s\S]*not written[\s\S]*attached/)
  expect(absent.finish?.saved).toBeUndefined()
  expect((await run('cat kept.txt', 'rw')).finish?.result).toBe('kept')
})

test('what did not change is not saved again', async () => {
  harness.plane.files.clear()
  const run = (script: string) => harness.run({ message: 'm', config: shell(script) })
  expect((await run('true')).finish?.saved).toBeUndefined()
  expect((await run('echo one > f')).finish?.saved?.workspace_bytes).toBeGreaterThan(0)
  expect((await run('cat f')).finish?.saved).toBeUndefined()
  expect((await run('touch -r f g; cat f > h; mv h f; touch -r g f; rm g')).finish?.saved?.workspace_bytes).toBeGreaterThan(0)
  expect((await run('rm f')).finish?.saved?.workspace_bytes).toBeGreaterThan(0)
  expect((await run('ls -A | wc -l')).finish?.result).toBe('0')
})

test('a link that an agent leaves where attachments go is not followed', async () => {
  harness.plane.files.clear()
  await harness.run({ message: 'm', config: shell(`ln -s ${outside} attachments; echo ok`) })
  const { finish } = await harness.run({
    message: 'm',
    config: shell('cat attachments/evil.txt'),
    attachments: [{ name: 'evil.txt', content: 'attached', encoding: 'text' }],
  })
  expect(finish?.result).toBe('attached')
  expect(await readFile(join(outside, 'evil.txt'), 'utf8').catch(() => 'not there')).toBe('not there')
})

test('a tier that cannot enforce the policy refuses it, and none wants a word', async () => {
  const degraded = await harness.run({ message: 'm', config: shell('true'), policy: { workspace_access: 'ro' } }, undefined, { LANEKEEPER_SANDBOX: 'unshare' })
  expect(degraded.finish).toMatchObject({
    outcome: 'error',
    error: { code: 'sandbox_unavailable', retryable: false, message: expect.stringContaining('workspace_access: ro') },
  })
  const offline = await harness.run({ message: 'm', config: shell('true'), policy: { network_enabled: false } }, undefined, { LANEKEEPER_SANDBOX: 'none' })
  expect(offline.finish?.error?.message).toContain('network_enabled: false')
  const unsaid = await harness.run({ message: 'm', config: shell('true') }, undefined, { LANEKEEPER_SANDBOX: 'none', ALLOW_UNSANDBOXED: '0' })
  expect(unsaid.finish?.error?.message).toContain('ALLOW_UNSANDBOXED')
  const said = await harness.run({ message: 'm', config: shell('cat; pwd'), policy: {} }, undefined, { LANEKEEPER_SANDBOX: 'none' })
  expect(said.finish).toMatchObject({ outcome: 'ok', result: expect.stringContaining('workspace') })
})

test('what the policy grants goes through the proxy, from a plain tool that knows only the variables', async () => {
  if (probe.tier === 'none') return
  const root = await mkdtemp(join(tmpdir(), 'lk-out-'))
  const site = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nreached')))
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const address = site.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { connect } = await import('node:net')
  const proxy = await startEgressProxy({
    socket_path: join(root, 'egress.sock'),
    resolve: async () => ['93.184.216.34'],
    open: () => connect(port, '127.0.0.1'),
  })
  const input = { folders: { workspace: root, home: root, tmp: root, run: root }, agent_binary: undefined, workspace_access: 'rw' } as const
  const sandbox = probe.tier === 'bubblewrap' ? openBubblewrap({ ...input, work_dir: root, search_path: process.env['PATH'] }) : openUnshare(input)
  const child = sandbox.start({
    argv: ['curl', '-sS', 'http://example.com/'],
    env: { PATH: '/usr/bin:/bin', http_proxy: 'http://127.0.0.1:3128' },
    cwd: sandbox.paths.workspace,
    bridges: [{ port: 3_128, socket: join(sandbox.paths.run, 'egress.sock') }],
  })
  child.stderr.resume()
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  expect(await child.exited).toEqual({ code: 0, signal: null })
  expect(text).toBe('reached')
  await proxy.close()
  site.close()
  await rm(root, { recursive: true })
})
