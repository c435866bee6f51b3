/** The audit of a live table: an invariant of SPEC §7, held against all that a workspace has, one page a call. It only reads. */
import * as z from 'zod'
import type { AuditPage } from '../../contract/audit.ts'
import { ok, type Result } from '../../domain/result.ts'
import type { AuditedInvariant } from '../../audit/finding.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { ceilingWalk } from './ceilings.ts'
import { classWalk } from './classes.ts'
import { inputWalk } from './inputs.ts'
import { runWalk } from './runs.ts'
import { scheduledTaskWalk, scheduleWalk } from './schedules.ts'
import { sessionWalk } from './sessions.ts'
import { taskWalk } from './tasks.ts'
import { walkPage, type AuditDeps, type Walked } from './walk.ts'

const walks = {
  tasks: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(taskWalk, deps, invariant, after),
  runs: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(runWalk, deps, invariant, after),
  inputs: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(inputWalk, deps, invariant, after),
  sessions: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(sessionWalk, deps, invariant, after),
  classes: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(classWalk, deps, invariant, after),
  schedules: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(scheduleWalk, deps, invariant, after),
  scheduled_tasks: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(scheduledTaskWalk, deps, invariant, after),
  ceilings: async (deps: AuditDeps, invariant: number, after: string | undefined) => walkPage(ceilingWalk, deps, invariant, after),
} as const satisfies Record<string, (deps: AuditDeps, invariant: number, after: string | undefined) => Promise<Walked>>
type WalkName = keyof typeof walks

/** What is walked through for each invariant, in order. */
const walks_of: Readonly<Record<AuditedInvariant, readonly [WalkName, ...WalkName[]]>> = {
  1: ['tasks', 'runs', 'sessions', 'classes'],
  2: ['tasks'],
  3: ['runs', 'sessions'],
  4: ['classes', 'ceilings'],
  5: ['classes'],
  6: ['runs'],
  7: ['tasks', 'runs'],
  8: ['runs'],
  9: ['schedules', 'scheduled_tasks'],
  10: ['inputs'],
  11: ['tasks', 'runs', 'classes', 'schedules'],
  12: ['tasks', 'sessions', 'classes', 'schedules', 'ceilings'],
}

const Position = z.strictObject({ invariant: z.int(), walk: z.int().min(0).max(4), after: z.string().min(1).optional() })

/** One page. @param cursor of a page of the same invariant */
export const auditPage = async (deps: AuditDeps, invariant: AuditedInvariant, cursor: string | undefined): Promise<Result<AuditPage>> => {
  const position = cursor === undefined ? ok({ invariant, walk: 0, after: undefined }) : decodeCursor(`audit-${invariant}`, Position, cursor)
  if (!position.ok) return position
  const names = walks_of[invariant]
  const { walk, after } = position.value
  const walked = await walks[names[walk] ?? names[0]](deps, invariant, after)
  const next = walked.after === undefined ? { walk: walk + 1 } : { walk, after: walked.after }
  return ok({
    invariant,
    checked: walked.checked,
    unsettled: walked.unsettled,
    violations: walked.findings.map(({ code, key, sentence }) => ({ code, key, sentence })),
    ...(next.walk < names.length ? { next_cursor: encodeCursor(`audit-${invariant}`, { invariant, ...next }) } : {}),
  })
}
