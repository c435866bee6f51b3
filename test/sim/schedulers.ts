/** Those who let work repeat: they make schedules, change, pause and delete them, fire them by hand; and time goes by as it does for schedules. */
import * as z from 'zod'
import { timestamp } from '../../shared/domain/time.ts'
import { nextAlarm } from './alarms.ts'
import { ask } from './clients.ts'
import { request } from './handlers.ts'
import type { Tenant, World } from './world.ts'

const schedules_max = 4
const minute_ms = 60_000
const hour_ms = 60 * minute_ms
const day_ms = 24 * hour_ms

/** The last one cannot be said by EventBridge. */
const crons = [
  '*/10 * * * *',
  '0,30 * * * *',
  '30 1,2 * * *',
  '*/30 2 * * *',
  '15 * * * *',
  '0 0 * * SUN',
  '0 0 25 * MON',
  '20 */2 */2 * *',
  '45 */3 */2 * SUN',
] as const
const zones = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe'] as const
/** A longer window would fire more tasks after an outage than a run has time for; where one at a time runs it costs nothing. */
const windows = [
  { overlap: 'queue', catchup_window_ms: 0 },
  { overlap: 'queue', catchup_window_ms: 600_000 },
  { overlap: 'queue', catchup_window_ms: 1_800_000 },
  { overlap: 'skip', catchup_window_ms: 86_400_000 },
  { overlap: 'skip', catchup_window_ms: 600_000 },
  { overlap: 'cancel_previous', catchup_window_ms: 86_400_000 },
  { overlap: 'cancel_previous', catchup_window_ms: 600_000 },
] as const

const keysOf = (world: World, workspace_id: string): Tenant['keys'] => {
  const tenant = world.tenants.find((one) => one.workspace_id === workspace_id)
  if (tenant === undefined) throw new Error(`nobody works in ${workspace_id}`)
  return tenant.keys
}

const anySchedule = (world: World) => {
  const schedules = world.journal.all('schedule')
  return schedules.length === 0 ? undefined : world.random.pick(schedules)
}

export const makeSchedule = (world: World): void => {
  const { random, journal } = world
  if (journal.all('schedule').filter(({ status }) => status !== 'deleted').length >= schedules_max) return
  const tenant = random.pick(world.tenants)
  const agents = journal.all('agent').filter((agent) => agent.workspace_id === tenant.workspace_id)
  if (agents.length === 0) return
  const body = {
    agent_id: random.pick(agents).id,
    cron_expr: random.pick(crons),
    timezone: random.pick(zones),
    prompt: 'look',
    active: random.chance(0.9),
    ...random.pick(windows),
  }
  ask(world, tenant.keys.admin, ['POST', '/v1/schedules', body], ['not_found'], () => undefined)
}

const changesOf = ({ random, journal }: World, workspace_id: string): object => {
  const agents = journal.all('agent').filter((agent) => agent.workspace_id === workspace_id)
  return random.pick([
    { cron_expr: random.pick(crons) },
    { timezone: random.pick(zones) },
    { cron_expr: random.pick(crons), timezone: random.pick(zones), active: true },
    { active: false },
    { active: true },
    { active: true },
    { active: false, cron_expr: random.pick(crons) },
    random.pick(windows),
    { prompt: 'look again' },
    { agent_id: random.pick(agents).id },
  ])
}

export const changeSchedule = (world: World): void => {
  const schedule = anySchedule(world)
  if (schedule === undefined) return
  const key = keysOf(world, schedule.workspace_id).admin
  ask(world, key, ['PATCH', `/v1/schedules/${schedule.id}`, changesOf(world, schedule.workspace_id)], ['not_found'], () => undefined)
}

export const deleteSchedule = (world: World): void => {
  const schedule = anySchedule(world)
  if (schedule === undefined) return
  ask(world, keysOf(world, schedule.workspace_id).admin, ['DELETE', `/v1/schedules/${schedule.id}`], ['not_found'], () => undefined)
}

const Fired = z.looseObject({ task: z.looseObject({ id: z.string() }) })

export const fireByHand = (world: World): void => {
  const schedule = anySchedule(world)
  if (schedule === undefined) return
  const body = world.random.chance(0.5) ? { idempotency_key: world.random.pick(['h1', 'h2']) } : {}
  const path = `/v1/schedules/${schedule.id}/fire`
  ask(world, keysOf(world, schedule.workspace_id).member, ['POST', path, body], ['not_found', 'agent_inactive', 'workspace_killed'], (answer) => {
    const { id } = Fired.parse(answer).task
    if (!world.journal.all('task').some((task) => task.id === id)) world.violations.push(`invariant 1: ${id} was fired by hand and is gone`)
  })
}

export const readSchedule = (world: World): void => {
  const schedule = anySchedule(world)
  if (schedule === undefined) return
  const path = world.random.pick(['', '/next', '/ticks'])
  ask(world, keysOf(world, schedule.workspace_id).viewer, ['GET', `/v1/schedules/${schedule.id}${path}`], ['not_found'], () => undefined)
}

/** Somebody of another workspace tries, and learns and changes nothing. */
export const intrude = (world: World): void => {
  const schedule = anySchedule(world)
  if (schedule === undefined) return
  const other = world.random.pick(world.tenants.filter(({ workspace_id }) => workspace_id !== schedule.workspace_id))
  const path = `/v1/schedules/${schedule.id}`
  const [method, at, body] = world.random.pick<readonly [string, string, object?]>([
    ['GET', path],
    ['GET', `${path}/ticks`],
    ['PATCH', path, { active: false }],
    ['DELETE', path],
    ['POST', `${path}/fire`, {}],
  ])
  request(world, 'api', method, at, body === undefined ? { key: other.keys.admin } : { key: other.keys.admin, body }, ({ status, flow }) => {
    if (flow.commits > 0) world.violations.push(`invariant 11: ${method} ${at} of a stranger changed something`)
    if (status !== 404 && !(status >= 500 && flow.hurt)) world.violations.push(`invariant 11: ${method} ${at} of a stranger was answered ${status}`)
  })
}

/** Time goes on to the next alarm, or to just before it. */
export const untilTick = (world: World): void => {
  const next_ms = nextAlarm(world)
  if (next_ms === undefined || next_ms - world.now_ms > day_ms) return
  world.now_ms = Math.max(world.now_ms, next_ms + world.random.pick([-3_000, 0, 0, 1_000, 20_000]))
}

const outages_ms = [minute_ms, 10 * minute_ms, hour_ms, 8 * hour_ms, day_ms, 3 * day_ms] as const

/** Nothing of the plane runs, and no alarm is heard. Handlers that ran are gone when it is back. */
export const goDown = (world: World): void => {
  if (!world.faults.strikes('plane_down', 1)) return
  for (let [gate] = world.gates.standing; gate !== undefined; [gate] = world.gates.standing) void world.gates.open(gate, 'die')
  world.now_ms += world.random.pick(outages_ms)
  for (const entry of world.alarms.entries.values()) {
    if (entry.next_ms !== undefined && entry.next_ms <= world.now_ms) entry.next_ms = entry.once ? undefined : entry.read.next(world.now_ms)
  }
  world.alarms.rings.splice(0)
  world.trace.add(world.now_ms, 'scheduler', `the plane is back, it is ${timestamp(world.now_ms)}`, true)
}
