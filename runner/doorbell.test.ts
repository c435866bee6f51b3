import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import * as z from 'zod'
import { startDoorbell, type Doorbell } from './doorbell.ts'

let doorbell: Doorbell | undefined
let server: Server | undefined
afterEach(async () => {
  await doorbell?.end()
  server?.closeAllConnections()
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
})

/** A plane that takes whoever offers the protocol. */
const startPlane = async (accepts = true) => {
  const sockets: WebSocket[] = []
  const offered: string[] = []
  let knocks = 0
  const gateway = new WebSocketServer({ noServer: true, handleProtocols: () => 'lanekeeper.doorbell' })
  server = createServer().on('upgrade', (request, socket, head) => {
    knocks += 1
    offered.push(String(request.headers['sec-websocket-protocol']))
    if (!accepts) return socket.end('HTTP/1.1 409 Conflict\r\nconnection: close\r\n\r\n')
    gateway.handleUpgrade(request, socket, head, (opened) => void sockets.push(opened))
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const { port } = z.looseObject({ port: z.int() }).parse(server.address())
  return { url: `ws://127.0.0.1:${port}/doorbell`, sockets, offered, knocks: () => knocks }
}

test('it offers its token as a subprotocol and nowhere else, looks when it is connected, and at each ring', async () => {
  const plane = await startPlane()
  let looks = 0
  doorbell = startDoorbell({ url: plane.url, token: 'lkatt_a.b.1.c', onRing: () => (looks += 1), after_ms: 0 })
  await expect.poll(() => looks).toBe(1)
  expect(plane.offered).toEqual(['lanekeeper.doorbell, lkatt_a.b.1.c'])
  plane.sockets[0]?.send('look')
  await expect.poll(() => looks).toBe(2)
})

test('it connects again when the connection ends, and looks', async () => {
  const plane = await startPlane()
  let looks = 0
  doorbell = startDoorbell({ url: plane.url, token: 't', onRing: () => (looks += 1), after_ms: 0 })
  await expect.poll(() => looks).toBe(1)
  plane.sockets[0]?.terminate()
  await expect.poll(() => looks, { timeout: 10_000 }).toBe(2)
})

test('it does not connect before the attempt has lived for a while, and not at all where there is no doorbell', async () => {
  const plane = await startPlane()
  doorbell = startDoorbell({ url: plane.url, token: 't', onRing: () => undefined, after_ms: 60_000 })
  await doorbell.end()
  await startDoorbell({ url: undefined, token: 't', onRing: () => undefined, after_ms: 0 }).end()
  expect(plane.knocks()).toBe(0)
})

test('one that is refused, or that nobody answers, bothers nobody', async () => {
  const plane = await startPlane(false)
  let looks = 0
  const refused = startDoorbell({ url: plane.url, token: 't', onRing: () => (looks += 1), after_ms: 0 })
  doorbell = startDoorbell({ url: 'ws://127.0.0.1:1/', token: 't', onRing: () => (looks += 1), after_ms: 0 })
  await expect.poll(plane.knocks).toBeGreaterThanOrEqual(1)
  await refused.end()
  expect(looks).toBe(0)
})
