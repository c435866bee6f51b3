import { expect, test } from 'vitest'
import * as z from 'zod'
import { AlarmClockSettings, ComputeSettings, Deployment, env_names } from '../../shared/settings.ts'
import { holds, onlyResource, resourcesOf, targetOf, template, textOf } from './support.ts'

const FunctionProperties = z.looseObject({
  Runtime: z.string(),
  Architectures: z.array(z.string()),
  Timeout: z.int(),
  MemorySize: z.int(),
  TracingConfig: z.object({ Mode: z.string() }),
  Role: z.unknown(),
  LoggingConfig: z.object({ LogGroup: z.unknown() }),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
})
const nameOf = (metadata: Readonly<Record<string, unknown>>) => /([^/]+)\/index\.ts$/.exec(z.string().parse(metadata['lanekeeper:entry']))?.[1] ?? ''
const functions = new Map(resourcesOf('AWS::Lambda::Function').map(([, { Metadata, Properties }]) => [nameOf(Metadata), FunctionProperties.parse(Properties)]))
const variablesOf = (name: string) => functions.get(name)?.Environment.Variables ?? {}

test('there are the ten functions, with the timeouts their callers expect', () => {
  expect(Object.fromEntries([...functions].map(([name, made]) => [name, made.Timeout]))).toEqual({
    stream: 120,
    doorbell: 10,
    api: 10,
    'runner-api': 10,
    dispatch: 30,
    'attempt-events': 30,
    'schedule-draft': 28,
    'cron-fire': 30,
    wake: 30,
    sweep: 55,
  })
})

test('every function runs Node 24 on arm64, is traced, and has a role and a log group that forgets of its own', () => {
  const roles = new Set<string>()
  for (const made of functions.values()) {
    expect([made.Runtime, made.Architectures, made.TracingConfig.Mode]).toEqual(['nodejs24.x', ['arm64'], 'Active'])
    expect(made.MemorySize).toBeGreaterThanOrEqual(512)
    expect(made.MemorySize).toBeLessThanOrEqual(1_024)
    expect(template.Resources[targetOf(made.LoggingConfig.LogGroup)]?.Properties['RetentionInDays']).toBe(30)
    roles.add(targetOf(made.Role))
  }
  expect(roles.size).toBe(functions.size)
})

test('the environment holds only the names that the functions parse', () => {
  const known = [...Object.values(env_names), 'NODE_OPTIONS']
  for (const name of functions.keys()) {
    for (const variable of Object.keys(variablesOf(name))) expect(known).toContain(variable)
    for (const always of [env_names.table, env_names.bucket, env_names.deployment]) expect(variablesOf(name)).toHaveProperty(always)
  }
  const withCompute = [...functions.keys()].filter((name) => env_names.compute in variablesOf(name))
  expect(withCompute.toSorted()).toEqual(['dispatch', 'sweep', 'wake'])
  expect([...functions.keys()].filter((name) => env_names.alarm_clock in variablesOf(name)).toSorted()).toEqual(['sweep', 'wake'])
  expect([...functions.keys()].filter((name) => env_names.model_role in variablesOf(name))).toEqual(['runner-api'])
})

test('streams come from a function URL that streams, checks no caller itself, and is read by pages of the API alone', () => {
  const { Properties } = onlyResource('AWS::Lambda::Url')
  expect(targetOf(Properties['TargetFunctionArn'])).toMatch(/^FunctionsstreamFunction/)
  expect(Properties).toMatchObject({ AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' })
  const { Cors } = z.object({ Cors: z.record(z.string(), z.unknown()) }).parse(Properties)
  expect(
    z
      .array(z.unknown())
      .parse(Cors['AllowOrigins'])
      .map((origin) => textOf(origin)),
  ).toEqual([expect.stringMatching(/^<HttpApi\w+\.ApiEndpoint>$|^https:/)])
  expect(Cors).toMatchObject({ AllowMethods: ['GET'], AllowHeaders: ['authorization', 'last-event-id', 'x-lanekeeper-workspace'] })
  expect(Cors).not.toHaveProperty('AllowCredentials')
  const permissions = resourcesOf('AWS::Lambda::Permission').map(([, permission]) => permission.Properties)
  const open = permissions.filter((permission) => permission['Principal'] === '*')
  const allowed = open.map(
    (permission) => `${z.string().parse(permission['Action'])} ${JSON.stringify(permission['FunctionUrlAuthType'] ?? permission['InvokedViaFunctionUrl'])}`,
  )
  expect(allowed.toSorted()).toEqual(['lambda:InvokeFunction true', 'lambda:InvokeFunctionUrl "NONE"'])
  for (const permission of open) expect(targetOf(permission['FunctionName'])).toMatch(/^FunctionsstreamFunction/)
  expect(textOf(variablesOf('api')[env_names.stream_url])).toMatch(/^<FunctionsstreamFunction\w+\.FunctionUrl>$/)
})

test('runners hang out their doorbells at a WebSocket API with one route, and those who ring know its other side', () => {
  const [, api] = resourcesOf('AWS::ApiGatewayV2::Api').find(([, { Properties }]) => Properties['ProtocolType'] === 'WEBSOCKET') ?? []
  expect(api).toBeDefined()
  expect(
    resourcesOf('AWS::ApiGatewayV2::Route')
      .filter(([id]) => id.startsWith('FunctionsDoorbell'))
      .map(([, { Properties }]) => Properties['RouteKey']),
  ).toEqual(['$connect'])
  const computeOf = (given: Readonly<Record<string, string>>) => ComputeSettings.parse(JSON.parse(textOf(variablesOf('dispatch')[env_names.compute], given)))
  const compute = computeOf({})
  expect(computeOf({ Doorbells: 'off' })).toEqual({ ...compute, doorbell_url: '' })
  const place = /^wss:\/\/(<FunctionsDoorbellApi\w+>\.execute-api\.<AWS::Region>\.\S+\/doorbell)$/.exec(compute.doorbell_url ?? '')?.[1]
  expect(place).toBeDefined()
  const ringers = [...functions.keys()].filter((name) => env_names.doorbell in variablesOf(name))
  expect(ringers.toSorted()).toEqual(['api', 'sweep', 'wake'])
  for (const name of ringers) expect(textOf(variablesOf(name)[env_names.doorbell])).toBe(`https://${place}`)
})

test('streams reserve no concurrency, unless somebody says how much', () => {
  const stream = resourcesOf('AWS::Lambda::Function').find(([id]) => id.startsWith('Functionsstream'))?.[1]
  const reserved = (given: Readonly<Record<string, string>>) => textOf(stream?.Properties['ReservedConcurrentExecutions'], given)
  expect([reserved({}), reserved({ MaxStreams: '50' })]).toEqual(['<AWS::NoValue>', '50'])
})

test('the role that asks Bedrock, all rights around it and its name in the environment are there only where Bedrock serves the model', () => {
  const parts = Object.entries(template.Resources).filter(([logical_id]) => logical_id.startsWith('FunctionsModelAccess'))
  expect(parts.map(([, { Type }]) => Type).toSorted()).toEqual(['AWS::IAM::Policy', 'AWS::IAM::Policy', 'AWS::IAM::Role'])
  const conditions = [...new Set(parts.map(([, { Condition }]) => Condition ?? ''))]
  expect(conditions).toHaveLength(1)
  for (const [provider, is_there] of [
    ['anthropic', false],
    ['bedrock', true],
  ] as const)
    expect(holds(conditions[0] ?? '', { ModelProvider: provider })).toBe(is_there)
  const role_arn = (given: Readonly<Record<string, string>>) => textOf(variablesOf('runner-api')[env_names.model_role], given)
  expect(role_arn({})).toBe('<AWS::NoValue>')
  expect(role_arn({ ModelProvider: 'bedrock' })).toMatch(/^<FunctionsModelAccessRole\w+\.Arn>$/)
})

test('the deployment settings parse, with the parameters as they are and as somebody gives them', () => {
  const settings = (given: Readonly<Record<string, string>>) => Deployment.parse(JSON.parse(textOf(variablesOf('api')[env_names.deployment], given)))
  expect(settings({})).toMatchObject({
    runners: ['claude_code'],
    runtime_types: ['gvisor'],
    sandbox: { network: true, files: true, hint: '' },
    lease_ms: 45_000,
  })
  const given = {
    Runners: 'claude_code,process',
    RuntimeTypes: 'gvisor,runc',
    DefaultModel: 'claude-x',
    SandboxJson: '{"network":false,"files":false,"hint":"install bubblewrap"}',
    HeartbeatMs: '500',
  }
  expect(settings(given)).toMatchObject({
    runners: ['claude_code', 'process'],
    runtime_types: ['gvisor', 'runc'],
    default_model: 'claude-x',
    sandbox: { network: false, files: false, hint: 'install bubblewrap' },
    heartbeat_ms: 500,
  })
})

test('every function has the same deployment settings, and those that launch the same compute settings', () => {
  const [deployment, ...others] = [...functions.keys()].map((name) => textOf(variablesOf(name)[env_names.deployment]))
  for (const other of others) expect(other).toBe(deployment)
  for (const name of ['dispatch', 'wake', 'sweep']) {
    const compute = ComputeSettings.parse(JSON.parse(textOf(variablesOf(name)[env_names.compute])))
    expect(compute.subnets).toHaveLength(2)
    expect(new Set(Object.values(compute.task_definitions)).size).toBe(3)
    expect(compute.security_groups.open).not.toBe(compute.security_groups.closed)
    expect(compute.api_url).toMatch(/^<HttpApi\w+\.ApiEndpoint>$/)
  }
})

test('the alarm clock that is set is the group, function, role and queue of the template', () => {
  const settings = AlarmClockSettings.parse(JSON.parse(textOf(variablesOf('sweep')[env_names.alarm_clock])))
  expect(settings).toEqual({
    group: expect.stringMatching(/^Lanekeeper-Functions-AlarmClock-Group-\w{8}$/),
    target: expect.stringMatching(/^<FunctionscronfireFunction\w+\.Arn>$/),
    role: expect.stringMatching(/^<FunctionsAlarmClockRole\w+\.Arn>$/),
    dead_letters: expect.stringMatching(/^<FunctionsAlarmClockDeadLettersQueue\w+\.Arn>$/),
  })
})

test('nothing in the environment is longer than Lambda takes', () => {
  for (const name of functions.keys()) {
    const bytes = Object.entries(variablesOf(name)).reduce((sum, [key, value]) => sum + key.length + textOf(value).length, 0)
    expect(bytes).toBeLessThan(4_096 - 512)
  }
})

test('runners have a prefix of their own, and drafts a function; whatever else is asked reaches the API, which answers unknown paths itself', () => {
  const Route = z.looseObject({ RouteKey: z.string(), Target: z.unknown(), AuthorizationType: z.string() })
  const Integration = z.looseObject({ IntegrationUri: z.unknown(), PayloadFormatVersion: z.string() })
  const of_http = resourcesOf('AWS::ApiGatewayV2::Route').filter(([id]) => id.startsWith('Http'))
  const routes = of_http.map(([, { Properties }]) => {
    const route = Route.parse(Properties)
    const integration = Integration.parse(template.Resources[targetOf(textOf(route.Target).replace('integrations/', ''))]?.Properties)
    expect(integration.PayloadFormatVersion).toBe('2.0')
    return [route.RouteKey, targetOf(integration.IntegrationUri).replace(/Function\w{8}$/, '')]
  })
  expect(routes).toEqual([
    ['ANY /v1/runner/{proxy+}', 'Functionsrunnerapi'],
    ['POST /v1/schedules/draft', 'Functionsscheduledraft'],
    ['$default', 'Functionsapi'],
  ])
})

test('both stages are throttled, and their access logs tell what was asked without a header or a query', () => {
  const stages = resourcesOf('AWS::ApiGatewayV2::Stage').map(([, { Properties }]) => Properties)
  expect(stages.map((stage) => stage['StageName'])).toEqual(expect.arrayContaining(['$default', 'doorbell']))
  for (const stage of stages) {
    expect(stage).toMatchObject({ AutoDeploy: true, DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1_000 } })
    const { Format } = z.looseObject({ Format: z.string() }).parse(stage['AccessLogSettings'])
    expect(JSON.parse(Format)).toMatchObject({ request_id: '$context.requestId', status: '$context.status' })
    expect(Format).not.toMatch(/header|querystring|authorizer/i)
  }
})
