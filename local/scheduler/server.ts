/**
 * The endpoint of EventBridge Scheduler that the SDK talks to: schedules and their groups, in REST and JSON. Source: EventBridge Scheduler
 * API reference. Signatures are not checked: only loopback clients with made-up keys call.
 */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { AwsError } from '../net/aws-json.ts'
import { readBody } from '../net/body.ts'
import type { HttpHandler } from '../net/listen.ts'
import type { Alarms } from './alarms.ts'
import { Entry, keyOf, type StoredEntry } from './entry.ts'

const body_bytes_max = 1_048_576

interface Asked {
  readonly method: string
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly body: unknown
}

const invalid = (message: string) => new AwsError('ValidationException', message)
const noSchedule = (name: string) => new AwsError('ResourceNotFoundException', `Schedule ${name} does not exist.`, { status: 404 })

const parseJson = (text: string): unknown => {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    throw invalid('the body is not JSON')
  }
}

const Fields = z.record(z.string(), z.unknown())

const put = async (alarms: Alarms, name: string, body: unknown, exists: boolean): Promise<object> => {
  const parsed = Entry.safeParse({ ...Fields.parse(body), Name: name })
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  const entry = parsed.data
  if (!alarms.groups.has(entry.GroupName)) throw new AwsError('ResourceNotFoundException', `Schedule group ${entry.GroupName} does not exist.`, { status: 404 })
  const there = alarms.get(keyOf(entry)) !== undefined
  if (there && !exists) throw new AwsError('ConflictException', `Schedule ${name} already exists.`, { status: 409 })
  if (!there && exists) throw noSchedule(name)
  try {
    await alarms.put(entry)
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause))
  }
  return { ScheduleArn: alarms.arnOf(entry) }
}

const described = (alarms: Alarms, { entry, created_ms, modified_ms }: StoredEntry): object => ({
  ...entry,
  Arn: alarms.arnOf(entry),
  CreationDate: created_ms / 1_000,
  LastModificationDate: modified_ms / 1_000,
})

const list = (alarms: Alarms, query: URLSearchParams): object => {
  const group = query.get('ScheduleGroup')
  const prefix = query.get('NamePrefix') ?? ''
  const state = query.get('State')
  const most = Number(query.get('MaxResults') ?? 100)
  const after = query.get('NextToken') ?? ''
  const found = alarms
    .all()
    .filter(({ entry }) => (group === null || entry.GroupName === group) && entry.Name.startsWith(prefix) && (state === null || entry.State === state))
    .filter(({ entry }) => keyOf(entry) > after)
  const page = found.slice(0, most)
  const last = page.at(-1)
  return {
    Schedules: page.map(({ entry, created_ms, modified_ms }) => ({
      Arn: alarms.arnOf(entry),
      Name: entry.Name,
      GroupName: entry.GroupName,
      State: entry.State,
      Target: { Arn: entry.Target.Arn },
      CreationDate: created_ms / 1_000,
      LastModificationDate: modified_ms / 1_000,
    })),
    ...(last === undefined || found.length === page.length ? {} : { NextToken: keyOf(last.entry) }),
  }
}

const schedule = async (alarms: Alarms, name: string, { method, query, body }: Asked): Promise<object> => {
  const key = keyOf({ GroupName: query.get('groupName') ?? 'default', Name: name })
  switch (method) {
    case 'POST':
      return put(alarms, name, body, false)
    case 'PUT':
      return put(alarms, name, body, true)
    case 'GET': {
      const stored = alarms.get(key)
      if (stored === undefined) throw noSchedule(name)
      return described(alarms, stored)
    }
    case 'DELETE':
      if (!(await alarms.remove(key))) throw noSchedule(name)
      return {}
    default:
      throw new AwsError('UnknownOperationException', `the local stack does not offer ${method}`)
  }
}

const answerTo = async (alarms: Alarms, asked: Asked): Promise<object> => {
  const [resource, name, ...more] = asked.path
  if (resource === 'schedules' && name !== undefined && more.length === 0) return schedule(alarms, name, asked)
  if (resource === 'schedules' && name === undefined && asked.method === 'GET') return list(alarms, asked.query)
  if (resource === 'schedule-groups' && asked.method === 'GET') {
    const groups = [...alarms.groups].filter((group) => name === undefined || group === name).map((Name) => ({ Name, State: 'ACTIVE' }))
    if (name === undefined) return { ScheduleGroups: groups }
    if (groups[0] === undefined) throw new AwsError('ResourceNotFoundException', `Schedule group ${name} does not exist.`, { status: 404 })
    return groups[0]
  }
  throw new AwsError('UnknownOperationException', `the local stack does not offer ${asked.method} ${asked.path.join('/')}: groups are made by the template`)
}

export const schedulerHandler =
  (alarms: Alarms): HttpHandler =>
  async (request, response) => {
    const answer = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID(), ...headers }).end(JSON.stringify(value))
    }
    try {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1')
      const path = url.pathname
        .split('/')
        .filter((part) => part !== '')
        .map(decodeURIComponent)
      const body = await readBody(request, body_bytes_max)
      if (body === 'too_large') throw invalid('the body is too large')
      answer(200, await answerTo(alarms, { method: request.method ?? 'GET', path, query: url.searchParams, body: parseJson(body.toString('utf8')) }))
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      answer(error.status, { Message: error.message }, { 'x-amzn-errortype': error.code })
    }
  }
