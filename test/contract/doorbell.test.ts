/** Doorbells of runners: who may hang one out, when it rings, and that nothing depends on it. */
import { createServer } from 'node:http'
import { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi'
import { beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { doorbellHandler } from '../../functions/doorbell/handler.ts'
import { heartbeat } from '../../shared/flows/runner.ts'
import { doorbells_client_settings, gatewayDoorbells } from '../../shared/ports/aws/doorbells.ts'
import { ringing } from '../../shared/ports/ringing.ts'
import type { Signal } from '../../shared/ports/ports.ts'
import { accept, call, end, freshPlane, makeAgent, start } from '../support/api-steps.ts'
import type { ApiPlane } from '../support/http.ts'
import { secretOf, type Sandbox } from '../support/plane.ts'

let plane: ApiPlane
let sandbox: Sandbox
let task_id: string
beforeEach(async () => {
  ;({ plane } = await freshPlane())
  const task = await accept((await makeAgent()).id)
  task_id = task.id
  sandbox = await start(task.id)
})

const tokenOf = (of: Sandbox) => `lkatt_${of.workspace_id}.${of.run_id}.${of.attempt_no}.${secretOf(of)}`
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const connect = async (protocols: string | undefined, connectionId = 'conn=1', name = 'Sec-WebSocket-Protocol') =>
  doorbellHandler(
    plane.deps,
    log,
  )({ requestContext: { routeKey: '$connect', connectionId, requestId: 'r' }, ...(protocols === undefined ? {} : { headers: { [name]: protocols } }) })
const rings = () => plane.signals.flatMap((signal) => (signal.kind === 'ring' ? [signal.doorbell] : []))

test('a runner hangs out its doorbell with one write, and is rung when it is told to stop', async () => {
  const writes = plane.writes.length
  expect(await connect(`lanekeeper.doorbell, ${tokenOf(sandbox)}`)).toEqual({ statusCode: 200, headers: { 'Sec-WebSocket-Protocol': 'lanekeeper.doorbell' } })
  expect(plane.writes.length - writes).toBe(1)
  expect((await plane.run(sandbox.run_id)).attempt).toMatchObject({ status: 'running', doorbell: 'conn=1' })
  plane.signals.length = 0
  await call('POST', `/v1/tasks/${task_id}/cancel`)
  expect(rings()).toEqual(['conn=1'])
  await call('POST', `/v1/tasks/${task_id}/cancel`)
  expect(rings()).toEqual(['conn=1'])
})

test('a heartbeat keeps the doorbell, a later connection takes its place, and an end takes it down', async () => {
  await connect(`lanekeeper.doorbell, ${tokenOf(sandbox)}`, 'first', 'sec-websocket-protocol')
  const identity = { workspace_id: sandbox.workspace_id, run_id: sandbox.run_id, attempt_no: sandbox.attempt_no, secret: secretOf(sandbox) }
  expect(await heartbeat(plane.deps, identity, undefined)).toMatchObject({ ok: true })
  expect((await plane.run(sandbox.run_id)).attempt).toMatchObject({ doorbell: 'first' })
  await connect(`lanekeeper.doorbell, ${tokenOf(sandbox)}`, 'second')
  expect((await plane.run(sandbox.run_id)).attempt).toMatchObject({ doorbell: 'second' })
  await end(sandbox)
  expect((await plane.run(sandbox.run_id)).attempt).not.toHaveProperty('doorbell')
})

test('a task whose runner has no doorbell is cancelled without a ring', async () => {
  plane.signals.length = 0
  await call('POST', `/v1/tasks/${task_id}/cancel`)
  expect([rings(), plane.signals.length]).toEqual([[], 1])
})

test('whoever is not the live attempt hangs out nothing', async () => {
  const writes = plane.writes.length
  expect(await connect(undefined)).toEqual({ statusCode: 400 })
  expect(await connect('lanekeeper.doorbell')).toEqual({ statusCode: 401 })
  expect(await connect(tokenOf(sandbox))).toEqual({ statusCode: 400 })
  expect(await connect('lanekeeper.doorbell, lk_an-api-key-an-api-key-an-api')).toEqual({ statusCode: 401 })
  expect(await connect(`lanekeeper.doorbell, ${tokenOf(sandbox).slice(0, -1)}x`)).toEqual({ statusCode: 401 })
  expect(await connect(`lanekeeper.doorbell, ${tokenOf({ ...sandbox, workspace_id: plane.workspace_id.replace(/1$/, '2') })}`)).toEqual({ statusCode: 401 })
  expect(plane.writes.length).toBe(writes)
  await end(sandbox)
  expect(await connect(`lanekeeper.doorbell, ${tokenOf(sandbox)}`)).toEqual({ statusCode: 409 })
})

test('one that was told to stop meanwhile is connected without a write: its heartbeat tells it', async () => {
  await call('POST', `/v1/tasks/${task_id}/cancel`)
  const writes = plane.writes.length
  expect(await connect(`lanekeeper.doorbell, ${tokenOf(sandbox)}`)).toMatchObject({ statusCode: 200 })
  expect(plane.writes.length).toBe(writes)
})

test('rings go beside the queues, each doorbell once, and their failures stay with them', async () => {
  const queued: Signal[] = []
  const rung: string[] = []
  const look = { kind: 'task', workspace_id: 'w', task_id: 't', delay_ms: 0 } as const
  const ring = (doorbell: string) => ({ kind: 'ring', doorbell }) as const
  const queues = { send: async (signals: readonly Signal[]) => void queued.push(...signals) }
  await ringing(queues, { ring: async (doorbells) => void rung.push(...doorbells) }).send([look, ring('a'), ring('b'), ring('a')])
  expect([queued[0], rung]).toEqual([look, ['a', 'b']])
  await ringing(queues, undefined).send([ring('a')])
  expect(rung).toHaveLength(2)
})

test('the gateway is told to look; a connection that is gone is nobody’s failure, another failure is reported, and none is thrown', async () => {
  const posted: string[] = []
  const server = createServer((request, response) => {
    posted.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`)
    const status = request.url?.includes('gone') === true ? 410 : request.url?.includes('broken') === true ? 500 : 200
    const type = { 410: 'GoneException', 500: 'InternalServerErrorException', 200: '' }[status]
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type }).end(status === 200 ? '' : '{"message":"x"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = z.looseObject({ port: z.int() }).parse(server.address())
  const failures: unknown[] = []
  const client = new ApiGatewayManagementApiClient({
    ...doorbells_client_settings,
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}/doorbell`,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  })
  await gatewayDoorbells({ client, onFailed: (cause) => failures.push(cause) }).ring(['here=', 'gone', 'broken'])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(posted.toSorted()).toEqual(['broken', 'gone', 'here='].map((id) => `POST /doorbell/@connections/${id}`))
  expect(failures).toHaveLength(1)
})
