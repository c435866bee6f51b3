import type { ECSClient } from '@aws-sdk/client-ecs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { computeClient } from '../../shared/ports/aws/clients.ts'
import { Policy, type PolicyInput } from '../../shared/domain/policy.ts'
import { ecsCompute } from '../../shared/ports/aws/compute.ts'
import type { Compute } from '../../shared/ports/ports.ts'
import { ids } from '../support/records.ts'
import { startScriptedServer, type Answer, type ScriptedServer } from '../support/scripted-server.ts'

const settings = {
  cluster: 'cluster',
  task_definitions: { none: 'lanekeeper-none', ro: 'lanekeeper-ro', rw: 'lanekeeper-rw' },
  subnets: ['subnet-1', 'subnet-2'],
  security_groups: { open: 'sg-open', closed: 'sg-closed' },
  assign_public_ip: true,
  api_url: 'https://api.example',
}

let server: ScriptedServer
let client: ECSClient
let compute: Compute
beforeAll(async () => {
  server = await startScriptedServer()
  client = computeClient({ endpoint: server.url, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, maxAttempts: 1 })
  compute = ecsCompute({ client, settings })
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

const attempt = { workspace_id: ids.workspace(1), run_id: ids.run(1), attempt_no: 2 }
const name = `${ids.workspace(1)}/${ids.run(1)}/2`
const launch = (policy: PolicyInput = {}) => compute.launch({ ...attempt, attempt_id: ids.attempt(1), claim_token: 'claim', policy: Policy.parse(policy) })
const failure = (type: string, message: string, more: object = {}): Answer => ({
  status: type === 'ServerException' ? 500 : 400,
  body: { __type: type, message, ...more },
})
const arn = (n: number) => `arn:aws:ecs:us-east-1:123456789012:task/cluster/${n}`

test('an attempt is launched as one task that can be repeated and found', async () => {
  server.answerBy(() => ({ body: { tasks: [{ taskArn: arn(1) }], failures: [] } }))
  expect(await launch()).toEqual({ ok: true, execution_id: arn(1) })
  expect(server.asked[0]?.body).toEqual({
    cluster: 'cluster',
    taskDefinition: 'lanekeeper-rw',
    launchType: 'FARGATE',
    count: 1,
    clientToken: ids.attempt(1),
    startedBy: name,
    networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'], securityGroups: ['sg-open'], assignPublicIp: 'ENABLED' } },
    overrides: {
      containerOverrides: [
        {
          name: 'runner',
          environment: [
            { name: 'LANEKEEPER_ATTEMPT', value: name },
            { name: 'LANEKEEPER_CLAIM_TOKEN', value: 'claim' },
            { name: 'LANEKEEPER_API_URL', value: 'https://api.example' },
          ],
        },
      ],
    },
  })
})

test('the policy chooses the task definition, the network and the size', async () => {
  server.answerBy(() => ({ body: { tasks: [{ taskArn: arn(1) }] } }))
  await launch({ workspace_access: 'none', network_enabled: false, resources: { cpu: 1_500, disk: 50 } })
  expect(server.asked[0]?.body).toMatchObject({
    taskDefinition: 'lanekeeper-none',
    networkConfiguration: { awsvpcConfiguration: { securityGroups: ['sg-closed'] } },
    overrides: {
      cpu: '2048',
      memory: '4096',
      ephemeralStorage: { sizeInGiB: 50 },
      containerOverrides: [{ name: 'runner' }, { name: 'agent', environment: [{ name: 'LANEKEEPER_NETWORK', value: 'closed' }] }],
    },
  })
})

const listed = (reason: string, detail?: string): Answer => ({ body: { tasks: [], failures: [{ reason, detail }] } })
test.each([
  { answer: failure('ThrottlingException', 'Rate exceeded'), why: 'throttled' },
  { answer: failure('LimitExceededException', 'too many'), why: 'throttled' },
  { answer: failure('ClientException', "You've reached the limit on the number of vCPUs you can run concurrently"), why: 'throttled' },
  { answer: failure('ClientException', 'Capacity is unavailable at this time. Please try again later or in a different availability zone'), why: 'throttled' },
  { answer: listed('RESOURCE:CPU'), why: 'throttled' },
  { answer: listed('Capacity is unavailable at this time'), why: 'throttled' },
  { answer: failure('ClientException', 'TaskDefinition is inactive'), why: 'refused' },
  { answer: failure('AccessDeniedException', 'not authorized'), why: 'refused' },
  { answer: failure('ConflictException', 'in use'), why: 'refused' },
  { answer: listed('MISSING', 'no such thing'), why: 'refused' },
])('$answer.body is $why', async ({ answer, why }) => {
  server.answerBy(() => answer)
  expect(await launch()).toMatchObject({ ok: false, why })
})

test('a task that was launched under the token with other parameters is this attempt', async () => {
  server.answerBy(() => failure('ConflictException', 'in use', { resourceIds: [arn(3)] }))
  expect(await launch()).toEqual({ ok: true, execution_id: arn(3) })
})

test('a size that is not sold is refused without a call', async () => {
  server.answerBy(() => ({}))
  expect(await launch({ resources: { cpu: 17_000 } })).toMatchObject({ ok: false, why: 'refused' })
  expect(server.asked).toHaveLength(0)
})

test('a failure of the server says nothing about the launch and is thrown', async () => {
  server.answerBy(() => failure('ServerException', 'broken'))
  await expect(launch()).rejects.toThrow('broken')
  server.answerBy(() => ({ body: {} }))
  await expect(launch()).rejects.toThrow('neither')
})

test('the states of many are asked for by the hundred and answered in order', async () => {
  const statuses = ['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING', 'DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED']
  const Asked = z.object({ tasks: z.array(z.string()).max(100) })
  server.answerBy((asked) => ({
    body: {
      tasks: Asked.parse(asked.body)
        .tasks.toReversed()
        .flatMap((taskArn) => statuses.flatMap((lastStatus, n) => (taskArn === arn(n) ? [{ taskArn, lastStatus }] : []))),
      failures: [{ reason: 'MISSING' }],
    },
  }))
  const states = await compute.describe(Array.from({ length: 150 }, (_, n) => arn(149 - n)))
  expect(server.asked).toHaveLength(2)
  expect(states.slice(0, 142)).toEqual(Array.from({ length: 142 }, () => 'unknown'))
  expect(states.slice(142).toReversed()).toEqual(['starting', 'starting', 'starting', 'running', 'running', 'running', 'running', 'stopped'])
})

test('stopping what is gone is no error, and any other failure is', async () => {
  server.answerBy(() => ({ body: {} }))
  await compute.stop(arn(1), 'cancelled')
  expect(server.asked[0]?.body).toEqual({ cluster: 'cluster', task: arn(1), reason: 'cancelled' })
  server.answerBy(() => failure('InvalidParameterException', 'The referenced task was not found.'))
  await compute.stop(arn(1), 'cancelled')
  server.answerBy(() => failure('ClusterNotFoundException', 'Cluster not found.'))
  await expect(compute.stop(arn(1), 'cancelled')).rejects.toThrow('Cluster')
})

test('the task of an attempt is found among the live, then among the stopped', async () => {
  server.answerBy((_, nth) => ({ body: { taskArns: nth === 0 ? [] : [arn(5)] } }))
  expect(await compute.find(attempt)).toBe(arn(5))
  expect(server.asked.map(({ body }) => body)).toEqual([
    { cluster: 'cluster', startedBy: name, desiredStatus: 'RUNNING' },
    { cluster: 'cluster', startedBy: name, desiredStatus: 'STOPPED' },
  ])
  server.answerBy(() => ({ body: { taskArns: [] } }))
  expect(await compute.find(attempt)).toBeUndefined()
})
