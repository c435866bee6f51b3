import { expect, test } from 'vitest'
import * as z from 'zod'
import { rights, type Right } from './rights.ts'
import { readText, resourcesOf, targetOf, template } from './support.ts'

/** Resources with a wildcard, each with why it must be one. Whatever is not here fails. */
const wildcards: readonly { readonly action: RegExp; readonly resource: RegExp; readonly condition?: RegExp; readonly why: string }[] = [
  { action: /^xray:Put(TraceSegments|TelemetryRecords)$/, resource: /^\*$/, why: 'X-Ray knows no resource' },
  { action: /^ecr:GetAuthorizationToken$/, resource: /^\*$/, why: 'the token is for the registry as a whole' },
  { action: /^ecs:ListTasks$/, resource: /^\*$/, condition: /ecs:cluster/, why: 'names container instances, of which Fargate has none' },
  { action: /^ecs:RunTask$/, resource: /:task-definition\/lanekeeper-(none|ro|rw):\*$/, condition: /ecs:cluster/, why: 'any revision of the family' },
  { action: /^ecs:(StopTask|DescribeTasks)$/, resource: /:task\/<SandboxCluster\w+>\/\*$/, condition: /ecs:cluster/, why: 'tasks of the cluster' },
  { action: /^s3:(Get|Put|Delete)Object$/, resource: /^<FilesBucket\w+\.Arn>\/(sessions|commands)\/\*$/, why: 'objects below a prefix' },
  {
    action: /^scheduler:(Create|Update|Delete)Schedule$/,
    resource: /:schedule\/Lanekeeper-Functions-AlarmClock-Group-\w{8}\/\*$/,
    why: 'entries of one group come and go',
  },
  { action: /^execute-api:ManageConnections$/, resource: /:<FunctionsDoorbellApi\w+>\/doorbell\/POST\/@connections\/\*$/, why: 'connections come and go' },
  { action: /^bedrock:InvokeModel/, resource: /:bedrock:\*::foundation-model\/anthropic\.\*$/, why: 'agents name their model; profiles lead to other regions' },
  {
    action: /^bedrock:InvokeModel/,
    resource: /:bedrock:<AWS::Region>:<AWS::AccountId>:inference-profile\/\*\.anthropic\.\*$/,
    why: 'one for each model and geography',
  },
  { action: /^bedrock:InvokeModel/, resource: /:bedrock:<AWS::Region>:<AWS::AccountId>:application-inference-profile\/\*$/, why: 'their ids say nothing' },
]
const excused = (right: Right) =>
  wildcards.some(({ action, resource, condition }) => action.test(right.action) && resource.test(right.resource) && (condition?.test(right.condition) ?? true))

const rightsOf = (role: RegExp) => rights.filter((right) => role.test(right.role))
const actionsOf = (role: RegExp, service: string) =>
  [
    ...new Set(
      rightsOf(role)
        .filter((right) => right.action.startsWith(`${service}:`))
        .map((right) => `${right.action} ${right.resource.replaceAll(/[0-9A-F]{8}(?=[>.])/g, '')}`),
    ),
  ].toSorted()

test('every right names its action', () => {
  expect(rights.length).toBeGreaterThan(50)
  expect(rights.filter((right) => right.action.includes('*'))).toEqual([])
})

test('every right names its resource, but for those that cannot', () => {
  expect(rights.filter((right) => right.resource.includes('*') && !excused(right))).toEqual([])
})

test('no role has a managed or an inline policy: all rights are the ones above', () => {
  for (const [, { Properties }] of resourcesOf('AWS::IAM::Role')) {
    expect(Properties['ManagedPolicyArns']).toBeUndefined()
    expect(Properties['Policies']).toBeUndefined()
  }
  expect(resourcesOf('AWS::IAM::ManagedPolicy')).toEqual([])
})

test('records are deleted only by those who take places out of a line, which a cancel does too', () => {
  const roles = rights.filter((right) => right.action === 'dynamodb:DeleteItem').map((right) => right.role.replace(/^Functions(.+)Role\w+$/, '$1'))
  expect(roles.toSorted()).toEqual(['api', 'cronfire', 'dispatch', 'sweep', 'wake'])
})

test('no function may scan, drop or change the table, and only the sweep asks what is due', () => {
  for (const { action } of rights) expect(action).not.toMatch(/^dynamodb:(Scan|DeleteTable|UpdateTable|PartiQL)/)
  expect(rights.filter((right) => right.resource.endsWith('/index/due')).map((right) => right.role.replace(/Role\w+$/, ''))).toEqual(['Functionssweep'])
})

test('two roles are passed: to ECS tasks the one that no process of a task can use, to schedules the one that rings', () => {
  const all = rights.filter((right) => right.action === 'iam:PassRole')
  const rings = all.filter((right) => /^<FunctionsAlarmClockRole\w+\.Arn>$/.test(right.resource))
  expect(rings.map((right) => right.role.replace(/^Functions(.+)Role\w+$/, '$1')).toSorted()).toEqual(['sweep', 'wake'])
  for (const right of rings) expect(right.condition).toBe('{"StringEquals":{"iam:PassedToService":"scheduler.amazonaws.com"}}')
  const passed = all.filter((right) => !rings.includes(right))
  for (const right of passed) {
    expect(right.resource).toMatch(/^<SandboxExecutionRole\w+\.Arn>$/)
    expect(right.condition).toBe('{"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}')
  }
  expect(new Set(passed.map((right) => right.role)).size).toBe(3)
})

test('only dispatch, wake and sweep launch; only wake and sweep stop; nobody else touches compute', () => {
  const roles = (action: string) =>
    [...new Set(rights.filter((right) => right.action === action).map((right) => right.role.replace(/^Functions(.+)Role\w+$/, '$1')))].toSorted()
  expect(roles('ecs:RunTask')).toEqual(['dispatch', 'sweep', 'wake'])
  expect(roles('ecs:StopTask')).toEqual(['sweep', 'wake'])
  expect(rights.filter((right) => right.action.startsWith('ecs:') && right.condition === '{}')).toEqual([])
})

test('the model key is read by ECS for the runner, and by the one function that drafts schedules, which may do little else', () => {
  expect(
    [...new Set(rights.filter((right) => right.action.startsWith('secretsmanager:')).map((right) => right.role.replace(/Role\w+$/, '')))].toSorted(),
  ).toEqual(['Functionsscheduledraft', 'SandboxExecution'])
  const draft = rightsOf(/^FunctionsscheduledraftRole/).map(({ action }) => action)
  expect(new Set(draft.filter((action) => !/^(logs|xray):/.test(action)))).toEqual(new Set(['dynamodb:GetItem', 'secretsmanager:GetSecretValue']))
})

test('Bedrock is asked by one role that may do nothing else, and only the function that runners call may assume it', () => {
  const bedrock = rights.filter((right) => right.action.startsWith('bedrock:'))
  const roles = [...new Set(bedrock.map((right) => right.role))]
  expect(roles).toEqual([expect.stringMatching(/^FunctionsModelAccessRole/)])
  expect(rights.filter((right) => right.role === roles[0])).toEqual(bedrock)
  expect([...new Set(bedrock.map((right) => right.action))].toSorted()).toEqual(['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'])
  const assumed = rights.filter((right) => right.action === 'sts:AssumeRole')
  expect(assumed.map((right) => [right.role.replace(/\w{8}$/, ''), right.resource])).toEqual([['FunctionsrunnerapiRole', `<${roles[0]}.Arn>`]])
  const Trust = z.object({
    AssumeRolePolicyDocument: z.object({ Statement: z.array(z.object({ Action: z.string(), Principal: z.object({ AWS: z.unknown() }) })) }),
  })
  const [trusted, ...others] = Trust.parse(template.Resources[roles[0] ?? '']?.Properties).AssumeRolePolicyDocument.Statement
  expect([trusted?.Action, targetOf(trusted?.Principal.AWS), others]).toEqual(['sts:AssumeRole', assumed[0]?.role, []])
})

test('only those who tell runners something may ring them, and they may do nothing else to connections', () => {
  const ring = rights.filter((right) => right.action.startsWith('execute-api:'))
  expect(new Set(ring.map((right) => right.action))).toEqual(new Set(['execute-api:ManageConnections']))
  expect(ring.map((right) => right.role.replace(/^Functions(.+)Role\w+$/, '$1')).toSorted()).toEqual(['api', 'sweep', 'wake'])
  const hang = rightsOf(/^FunctionsdoorbellRole/).map(({ action }) => action)
  expect(new Set(hang.filter((action) => !/^(logs|xray):/.test(action)))).toEqual(new Set(['dynamodb:GetItem', 'dynamodb:PutItem']))
})

test('a function rings the queues it is meant to ring', () => {
  const sends = (name: string) => actionsOf(new RegExp(`^Functions${name}Role`), 'sqs').filter((text) => text.startsWith('sqs:SendMessage'))
  expect(sends('api')).toEqual(['sqs:SendMessage <QueuesDispatchQueue.Arn>', 'sqs:SendMessage <QueuesWakeQueue.Arn>'])
  expect(sends('runnerapi')).toEqual(['AttemptEvents', 'Dispatch', 'Wake'].map((queue) => `sqs:SendMessage <Queues${queue}Queue.Arn>`))
  expect(sends('attemptevents')).toEqual(['sqs:SendMessage <QueuesDispatchQueue.Arn>', 'sqs:SendMessage <QueuesWakeQueue.Arn>'])
})

test('session files are for the function that signs their URLs; others may at most remove them', () => {
  const files = (name: string) => actionsOf(new RegExp(`^Functions${name}Role`), 's3')
  expect(files('api')).toEqual(['s3:PutObject <FilesBucket.Arn>/commands/*'])
  expect(files('runnerapi')).toEqual([
    's3:DeleteObject <FilesBucket.Arn>/sessions/*',
    's3:GetObject <FilesBucket.Arn>/commands/*',
    's3:GetObject <FilesBucket.Arn>/sessions/*',
    's3:PutObject <FilesBucket.Arn>/sessions/*',
  ])
  expect(files('attemptevents')).toEqual(['s3:DeleteObject <FilesBucket.Arn>/sessions/*'])
  expect(files('dispatch')).toEqual([])
  for (const name of ['cronfire', 'wake']) expect(files(name)).toEqual(['s3:PutObject <FilesBucket.Arn>/commands/*'])
  expect(files('sweep')).toEqual(['s3:DeleteObject <FilesBucket.Arn>/sessions/*', 's3:PutObject <FilesBucket.Arn>/commands/*'])
})

test('the sweep is started by its schedule alone, and schedules fire by the role of the alarm clock alone', () => {
  const starts = rights.filter((right) => right.action === 'lambda:InvokeFunction')
  expect(starts.map((right) => `${right.role.replace(/\w{8}$/, '')} ${right.resource.replace(/\w{8}\.Arn>$/, '')}`).toSorted()).toEqual([
    'FunctionsAlarmClockRole <FunctionscronfireFunction',
    'SweepRole <FunctionssweepFunction',
  ])
})

test('only wake and sweep set alarms, and only in the group of the template', () => {
  const set = rights.filter((right) => right.action.startsWith('scheduler:'))
  expect(new Set(set.map((right) => `${right.role.replace(/^Functions(.+)Role\w+$/, '$1')} ${right.action}`))).toEqual(
    new Set(['wake', 'sweep'].flatMap((name) => ['Create', 'Update', 'Delete'].map((verb) => `${name} scheduler:${verb}Schedule`))),
  )
})

/** A function's row in docs/security.md, from what it may really do. */
const rowOf = (name: string): string => {
  const own = rightsOf(new RegExp(`^Functions${name.replace('-', '')}Role`))
  const may = (action: string) => own.some((right) => right.action === action)
  const words = (pairs: readonly (readonly [word: string, action: string])[]) => pairs.flatMap(([word, action]) => (may(action) ? [word] : [])).join(', ')
  const queues = (action: string) =>
    [
      ['dispatch', 'Dispatch'],
      ['attempt-events', 'AttemptEvents'],
      ['wake', 'Wake'],
    ]
      .flatMap(([word, id]) => (own.some((right) => right.action === action && right.resource.startsWith(`<Queues${id}Queue`)) ? [word] : []))
      .join(', ')
  const table = words([
    ['get', 'dynamodb:GetItem'],
    ['put', 'dynamodb:PutItem'],
    ['update', 'dynamodb:UpdateItem'],
    ['query', 'dynamodb:Query'],
    ['delete', 'dynamodb:DeleteItem'],
  ])
  const listed = own.flatMap(({ resource }) => /\/index\/(\w+)$/.exec(resource)?.[1] ?? [])
  const files = ['sessions', 'commands'].flatMap((prefix) => {
    const done = own.filter(({ resource }) => resource.endsWith(`/${prefix}/*`)).map(({ action }) => action.replace(/^s3:(\w+)Object$/, '$1').toLowerCase())
    return done.length === 0 ? [] : [`${done.toSorted().join(' and ')} \`${prefix}/\``]
  })
  return [
    name,
    table,
    listed.join(', '),
    queues('sqs:SendMessage'),
    queues('sqs:ReceiveMessage'),
    files.join(', '),
    words([
      ['launch', 'ecs:RunTask'],
      ['stop', 'ecs:StopTask'],
    ]),
    words([
      ['vend', 'sts:AssumeRole'],
      ['key', 'secretsmanager:GetSecretValue'],
    ]),
    words([['set', 'scheduler:CreateSchedule']]),
  ].join(' | ')
}

test('docs/security.md says what each function may do', () => {
  const rows = readText('docs/security.md')
    .split('\n')
    .filter((line) => /^\| (api|stream|doorbell|runner-api|dispatch|attempt-events|schedule-draft|cron-fire|wake|sweep) /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  const indexes_cell = 2
  const sorted = (cells: readonly string[]) =>
    cells.map((cell, position) => (position === indexes_cell ? cell.split(', ').toSorted().join(', ') : cell)).join(' | ')
  expect(rows.map(sorted)).toEqual(
    ['api', 'stream', 'doorbell', 'runner-api', 'dispatch', 'attempt-events', 'schedule-draft', 'cron-fire', 'wake', 'sweep'].map(rowOf),
  )
})
