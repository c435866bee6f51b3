/**
 * Why a task is where it is: the one constraint that holds it now, and what would free it. Pure: from the task and the records
 * around it, as they were read.
 */
import * as z from 'zod'
import { scopeOf, type Ceiling } from './ceiling.ts'
import { deadlineMs } from './decide/claim.ts'
import { AgentId, ApprovalId, AttemptId, RunId, SessionId } from './ids.ts'
import { healthOf } from './instances.ts'
import { drop_reasons, type Task, type TaskIn } from './task.ts'
import { isTerminalTask } from './transitions.ts'
import { openQuestions } from './questions.ts'
import { millis, timestamp, Timestamp } from './time.ts'
import { isLive, outcomes, stop_reasons, type LiveAttempt, type Run } from './run.ts'
import { never } from './result.ts'
import type { Agent } from './agent.ts'
import type { Command } from './command.ts'
import type { Gate } from './gate.ts'
import type { Instance, Place } from './instance.ts'
import type { Session } from './session.ts'
import type { Deployment } from '../settings.ts'

const Reason = z.object({ code: z.string(), message: z.string() })
const which_attempt = { run_id: RunId, attempt_no: z.int() }
const count = z.int()

/** What holds a task. Stable codes; each has its own facts. */
export const Constraint = z.discriminatedUnion('code', [
  z.object({
    code: z.literal('over'),
    state: z.enum(['done', 'error', 'dropped', 'cancelled']),
    at: Timestamp,
    dropped_reason: z.enum(drop_reasons).optional(),
    error: Reason.optional(),
  }),
  z.object({ code: z.literal('waits_for_input'), run_id: RunId }),
  /** Its agent has asked to use a tool. `parked`: it holds no sandbox meanwhile. Of several questions, the one that expires first. */
  z.object({ code: z.literal('question_open'), ...which_attempt, approval_id: ApprovalId, since: Timestamp, expires_at: Timestamp, parked: z.boolean() }),
  z.object({ code: z.literal('not_before'), until: Timestamp }),
  z.object({ code: z.literal('retry_backoff'), until: Timestamp, ...which_attempt, outcome: z.enum(outcomes).optional(), error: Reason.optional() }),
  /** Its workspace was killed and holds what waits. */
  z.object({ code: z.literal('workspace_killed'), killed_at: Timestamp }),
  z.object({ code: z.literal('agent_inactive'), agent_id: AgentId }),
  z.object({ code: z.literal('agent_deleted'), agent_id: AgentId }),
  /** Another attempt has the session; or it is kept for another run, whose question is open. */
  z.object({ code: z.literal('session_held'), session_id: SessionId, run_id: RunId, attempt_id: AttemptId.optional() }),
  /** The session is free; its waiting line is about to be served. */
  z.object({ code: z.literal('session_freed'), session_id: SessionId, looked_at_by: Timestamp.optional() }),
  /** The class failed too often. `probing`: one attempt of it is live, whose success makes it healthy. */
  z.object({
    code: z.literal('class_degraded'),
    failed_attempts: count,
    failed_attempt_threshold: count,
    probe_after: Timestamp.optional(),
    probing: z.boolean(),
  }),
  z.object({ code: z.literal('class_limit'), limit: count, pending: count, running: count, stopping: count, set_by: z.enum(['operator', 'lane', 'agent']) }),
  /** Its workspace, or the deployment, has as many live attempts as it may. Classes take turns: so many stand before this one. */
  z.object({
    code: z.enum(['workspace_ceiling', 'deployment_ceiling']),
    limit: count,
    live: count,
    /** Attempts that were live before the ceiling was set are still being counted; nothing is admitted until then. */
    counting: z.boolean(),
    classes_before: count,
  }),
  /** Nothing holds it: it starts as soon as its class is looked at. */
  z.object({ code: z.literal('about_to_start'), looked_at_by: Timestamp.optional() }),
  /** Its sandbox is being launched, or compute throttles launches; past `given_up_at` the attempt counts as failed. */
  z.object({ code: z.literal('starting'), ...which_attempt, since: Timestamp, given_up_at: Timestamp }),
  z.object({ code: z.literal('running'), ...which_attempt, since: Timestamp, last_heartbeat_at: Timestamp, heartbeat_age_ms: z.int(), timeout_at: Timestamp }),
  /** It was told to stop; its place and session are free once compute says that it is gone, or its lease has run out. */
  z.object({
    code: z.literal('stopping'),
    ...which_attempt,
    reason: z.enum(stop_reasons),
    since: Timestamp,
    lease_expires_at: Timestamp.optional(),
  }),
])
export type Constraint = z.infer<typeof Constraint>

/** The task and what stands around it. */
export interface Neighbourhood {
  readonly task: Task
  readonly command: Command
  readonly run: Run | undefined
  readonly place: Place | undefined
  readonly instance: Instance | undefined
  readonly agent: Agent
  readonly session: Session | undefined
  readonly gate: Gate | undefined
  /** The ceiling in whose line the class has a turn, and how many turns stand before. */
  readonly ceiling: { readonly record: Ceiling; readonly before: number } | undefined
}

const reasonOf = (error: { readonly code: string; readonly message: string } | undefined) =>
  error === undefined ? {} : { error: { code: error.code, message: error.message } }

/** The question that holds a run, if one does. */
const ofQuestion = (run: Run | undefined): Constraint | undefined => {
  const [first] = run === undefined ? [] : openQuestions(run).toSorted((a, b) => millis(a.expires_at) - millis(b.expires_at))
  if (run === undefined || first === undefined) return undefined
  const { approval_id, asked_at, expires_at } = first
  return {
    code: 'question_open',
    run_id: run.id,
    attempt_no: run.attempt.attempt_no,
    approval_id,
    since: asked_at,
    expires_at,
    parked: run.parked !== undefined,
  }
}

const ofSleeping = (task: TaskIn<'sleeping'>, run: Run | undefined): Constraint => {
  if (run?.status !== 'accepted' || isLive(run.attempt)) return { code: 'not_before', until: task.wake_at }
  const { attempt } = run
  return { code: 'retry_backoff', until: task.wake_at, run_id: run.id, attempt_no: attempt.attempt_no, outcome: attempt.status, ...reasonOf(attempt.error) }
}

const ofLive = (run: Run, attempt: LiveAttempt, command: Command, deployment: Deployment, now_ms: number): Constraint => {
  const which = { run_id: run.id, attempt_no: attempt.attempt_no }
  switch (attempt.status) {
    case 'pending':
      return { code: 'starting', ...which, since: attempt.admitted_at, given_up_at: timestamp(millis(attempt.admitted_at) + deployment.launch_timeout_ms) }
    case 'running': {
      const heard_ms = millis(attempt.lease_expires_at) - deployment.lease_ms
      const timeout_at = timestamp(deadlineMs(attempt.started_at, command.params.timeout_ms, deployment))
      const heartbeat = { last_heartbeat_at: timestamp(heard_ms), heartbeat_age_ms: Math.max(0, now_ms - heard_ms) }
      return { code: 'running', ...which, since: attempt.started_at, ...heartbeat, timeout_at }
    }
    case 'stopping': {
      const lease = attempt.lease_expires_at === undefined ? {} : { lease_expires_at: attempt.lease_expires_at }
      return { code: 'stopping', ...which, reason: attempt.stop_reason, since: attempt.stop_requested_at, ...lease }
    }
    default:
      return never(attempt)
  }
}

const ofClass = (instance: Instance | undefined, task: TaskIn<'queued'>, now_ms: number): Constraint => {
  const looked_at_by = instance?.due_at ?? task.due_at
  const ready: Constraint = { code: 'about_to_start', ...(looked_at_by === undefined ? {} : { looked_at_by }) }
  if (instance === undefined) return ready
  const { limit, pending, running, stopping, live, failures: failed_attempts, failed_attempt_threshold, cooldown_until } = instance
  if (healthOf(instance) === 'degraded') {
    const cooled = cooldown_until === undefined || millis(cooldown_until) <= now_ms
    if (cooled && live === 0 && limit > 0) return ready
    if (!cooled || live > 0) {
      const probe_after = cooldown_until === undefined ? {} : { probe_after: cooldown_until }
      return { code: 'class_degraded', failed_attempts, failed_attempt_threshold, ...probe_after, probing: cooled && live > 0 }
    }
  }
  if (live < limit) return ready
  const set_by = instance.desired_limit !== undefined ? 'operator' : instance.lane === undefined ? 'agent' : 'lane'
  return { code: 'class_limit', limit, pending, running, stopping, set_by }
}

const ofCeiling = ({ record, before }: NonNullable<Neighbourhood['ceiling']>): Constraint => ({
  code: scopeOf(record.owner) === 'workspace' ? 'workspace_ceiling' : 'deployment_ceiling',
  limit: record.limit,
  live: record.live,
  counting: record.counting_since !== undefined,
  classes_before: before,
})

const heldSession = (task: Task, owner: NonNullable<Session['owner']>): Constraint => ({
  code: 'session_held',
  session_id: task.session_id,
  run_id: owner.run_id,
  attempt_id: owner.attempt_id,
})

const ofQueued = (around: Neighbourhood, task: TaskIn<'queued'>, now_ms: number): Constraint => {
  const { agent, place, session, instance, gate, ceiling } = around
  if (gate?.kill !== undefined) return { code: 'workspace_killed', killed_at: gate.kill.killed_at }
  if (agent.deleted_at !== undefined) return { code: 'agent_deleted', agent_id: agent.id }
  if (place?.line === 'session') {
    const owner = session?.owner
    if (owner !== undefined) return heldSession(task, owner)
    if (session?.parked_run_id !== undefined) return { code: 'session_held', session_id: task.session_id, run_id: session.parked_run_id }
    return { code: 'session_freed', session_id: task.session_id, ...(session?.due_at === undefined ? {} : { looked_at_by: session.due_at }) }
  }
  if (!agent.active) return { code: 'agent_inactive', agent_id: agent.id }
  const of_class = ofClass(instance, task, now_ms)
  if (of_class.code === 'about_to_start' && ceiling !== undefined) return ofCeiling(ceiling)
  return of_class.code === 'about_to_start' && session?.owner !== undefined ? heldSession(task, session.owner) : of_class
}

/** The one constraint that holds the task now. */
export const explain = (around: Neighbourhood, deployment: Deployment, now_ms: number): Constraint => {
  const { task, run, command } = around
  if (isTerminalTask(task)) {
    const dropped = task.state === 'dropped' ? { dropped_reason: task.dropped_reason } : {}
    return { code: 'over', state: task.state, at: task.finished_at, ...dropped, ...(run !== undefined && 'error' in run ? reasonOf(run.error) : {}) }
  }
  switch (task.state) {
    case 'waiting':
      return ofQuestion(run) ?? { code: 'waits_for_input', run_id: task.target_run_id }
    case 'sleeping':
      return ofSleeping(task, run)
    case 'queued':
      return ofQueued(around, task, now_ms)
    case 'running':
      if (run === undefined || !isLive(run.attempt)) throw new Error(`${task.id} runs, but has no live attempt`)
      return (run.attempt.status === 'running' ? ofQuestion(run) : undefined) ?? ofLive(run, run.attempt, command, deployment, now_ms)
    default:
      return never(task)
  }
}

/** What would free the task, in a sentence for whoever asked. */
export const whatFrees = (constraint: Constraint): string => {
  switch (constraint.code) {
    case 'over':
      return 'nothing holds it: it is over; retry puts it in line again'
    case 'waits_for_input':
      return 'an input to its run'
    case 'question_open':
      return `an answer: lanekeeper approve ${constraint.approval_id}, or reject; without one it counts as rejected at ${constraint.expires_at}`
    case 'not_before':
      return `the time: it takes its place in line at ${constraint.until}`
    case 'retry_backoff':
      return `the time: attempt ${constraint.attempt_no + 1} takes its place in line at ${constraint.until}`
    case 'workspace_killed':
      return 'resuming its workspace'
    case 'agent_inactive':
      return `activating ${constraint.agent_id}`
    case 'agent_deleted':
      return 'nothing: it is dropped as soon as its class is looked at'
    case 'session_held':
      return constraint.attempt_id === undefined
        ? `the answer to the question of ${constraint.run_id}, for which the session is kept, and the end of that run`
        : `the end of the live attempt of ${constraint.run_id}, which holds the session`
    case 'session_freed':
      return 'its session is free: the session is looked at in a moment'
    case 'class_degraded':
      return constraint.probing
        ? 'the success of the one attempt that probes the class, or a reset of the execution instance by an operator'
        : `the probe after ${constraint.probe_after ?? 'the cool-down'}, or a reset of the execution instance by an operator`
    case 'class_limit':
      return constraint.limit === 0 ? 'a limit above 0' : 'the end of an attempt of its class, or a greater limit'
    case 'workspace_ceiling':
    case 'deployment_ceiling': {
      if (constraint.counting) return 'the count of what was live when the ceiling was set, which takes a minute or two'
      const whose = constraint.code === 'workspace_ceiling' ? 'its workspace' : 'the deployment'
      return `the end of an attempt of ${whose} once its class has its turn, or a greater ceiling`
    }
    case 'about_to_start':
      return 'nothing holds it: its class is looked at in a moment'
    case 'starting':
      return 'the sandbox: it starts, or compute still throttles its launch'
    case 'running':
      return 'the end of its attempt'
    case 'stopping':
      return 'the end of its sandbox, which was told to stop'
    default:
      return never(constraint)
  }
}
