/**
 * What may become of an attempt, and why: each check looks at one commit and at the world of sandboxes around it. Handlers' clocks are off by
 * at most `skew_ms`, and decide before they commit, so a time that must have come must have come by now.
 */
import { deadlineMs } from '../../../shared/domain/decide/claim.ts'
import { isLive, type Attempt, type Run } from '../../../shared/domain/run.ts'
import { millis } from '../../../shared/domain/time.ts'
import type { Change } from '../../../shared/audit/changes.ts'
import type { Command } from '../../../shared/domain/command.ts'
import type { Deployment } from '../../../shared/settings.ts'

/** What is known of a sandbox, whatever the plane thinks. */
export interface KnownSandbox {
  readonly attempt_id: string
  readonly state: string
  /** Outcomes that its runner has reported. */
  readonly said: ReadonlySet<string>
}
export interface World {
  readonly now_ms: number
  readonly skew_ms: number
  readonly deployment: Deployment
  readonly sandboxes: readonly KnownSandbox[]
  /** Attempts whose launch compute has refused. */
  readonly refused: ReadonlySet<string>
  readonly commandOf: (run: Run) => Command | undefined
}

/** Runs of a commit, before and after it. */
const runChanges = (changes: readonly Change[]): readonly { readonly before: Run; readonly after: Run }[] =>
  changes.flatMap(({ before, after }) => (before?.kind === 'run' && after?.kind === 'run' ? [{ before, after }] : []))

const next: Readonly<Record<'pending' | 'running' | 'stopping', readonly Attempt['status'][]>> = {
  pending: ['pending', 'stopping', 'running', 'error', 'timeout', 'ok'],
  running: ['running', 'stopping', 'ok', 'error', 'timeout', 'cancelled'],
  stopping: ['stopping', 'cancelled', 'timeout', 'error'],
}

/** An attempt moves as SPEC §4 says, and once it is over it stays as it is until another takes its place. */
const illegalAttempts = (changes: readonly Change[]): readonly string[] =>
  runChanges(changes).flatMap(({ before, after }) => {
    const [was, is] = [before.attempt, after.attempt]
    if (was.id !== is.id) return isLive(was) ? [`${was.id} was ${was.status} when ${is.id} took its place`] : []
    const legal = isLive(was) ? next[was.status].includes(is.status) : was.status === is.status
    const renewed = was.status === 'stopping' && is.status === 'stopping' && was.lease_expires_at !== is.lease_expires_at
    const taken = was.status === 'running' && is.status === 'running' && was.token_hash !== is.token_hash
    return [
      ...(legal ? [] : [`${is.id} went from ${was.status} to ${is.status}`]),
      ...(renewed ? [`the lease of ${is.id} was renewed, though it was told to stop`] : []),
      ...(taken ? [`${is.id} was taken by a second runner`] : []),
    ]
  })

const withoutReason = (was: Attempt, is: Extract<Attempt, { ended_at: string }>, world: World): string | undefined => {
  const by_ms = world.now_ms + world.skew_ms
  const sandbox = world.sandboxes.find((one) => one.attempt_id === is.id)
  switch (is.lost === true ? is.error?.code : 'its own word') {
    case 'its own word':
      return sandbox?.said.has(is.status) === true ? undefined : `its runner never said ${is.status}`
    case 'heartbeat_lost':
      return was.status === 'running' && millis(was.lease_expires_at) <= by_ms ? undefined : 'its lease had not run out'
    case 'launch_timeout':
      return was.status === 'pending' && millis(was.admitted_at) + world.deployment.launch_timeout_ms <= by_ms ? undefined : 'its time to start was not over'
    case 'launch_refused':
      return world.refused.has(is.id) ? undefined : 'its launch was not refused'
    case 'sandbox_stopped':
      if (was.status === 'running' && is.exit_code === 0) return 'its runner left with 0, so its word is on its way'
      return sandbox?.state === 'stopped' ? undefined : 'its sandbox goes on'
    default:
      return undefined
  }
}

/** An attempt that nobody told to stop ends by its own word, or for a reason that is true of itself. */
const endedForNoReason = (changes: readonly Change[], world: World): readonly string[] =>
  runChanges(changes).flatMap(({ before, after }) => {
    const [was, is] = [before.attempt, after.attempt]
    if (was.id !== is.id || !isLive(was) || was.status === 'stopping' || !('ended_at' in is)) return []
    const why = withoutReason(was, is, world)
    return why === undefined ? [] : [`${is.id} ended as ${is.status} ${is.error?.code ?? ''}, but ${why}`]
  })

/** An attempt is told to stop for its own timeout, and not before. */
const stoppedTooEarly = (changes: readonly Change[], world: World): readonly string[] =>
  runChanges(changes).flatMap(({ before, after }) => {
    const [was, is] = [before.attempt, after.attempt]
    if (was.status === 'stopping' || is.status !== 'stopping' || is.stop_reason !== 'timeout') return []
    const timeout_ms = world.commandOf(after)?.params.timeout_ms ?? 0
    const passed = was.status === 'running' && deadlineMs(was.started_at, timeout_ms, world.deployment) <= world.now_ms + world.skew_ms
    return passed ? [] : [`${is.id} was stopped for a timeout that it had not reached`]
  })

/** A session is free only once the sandbox of a cancelled attempt is gone, or its lease is over. One that never claimed cannot claim any more. */
const freedTooEarly = (changes: readonly Change[], world: World): readonly string[] =>
  runChanges(changes).flatMap(({ before, after }) => {
    const [was, is] = [before.attempt, after.attempt]
    if (was.status !== 'stopping' || was.started_at === undefined || was.id !== is.id || isLive(is)) return []
    const sandbox = world.sandboxes.find((one) => one.attempt_id === is.id)
    const gone = sandbox === undefined || sandbox.state === 'stopped' || sandbox.said.size > 0
    const lease_over = was.lease_expires_at !== undefined && millis(was.lease_expires_at) <= world.now_ms + world.skew_ms
    return gone || lease_over ? [] : [`${is.id} ended as ${is.status} while its sandbox goes on`]
  })

/** A task wakes when its time has come. */
const wokenTooEarly = (changes: readonly Change[], world: World): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (before?.kind !== 'task' || after?.kind !== 'task' || before.state !== 'sleeping' || after.state !== 'queued') return []
    return millis(before.wake_at) <= world.now_ms + world.skew_ms ? [] : [`${after.id} woke before ${before.wake_at}`]
  })

/** A cool-down that runs is not lengthened. */
const cooledLonger = (changes: readonly Change[], world: World): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (before?.kind !== 'instance' || after?.kind !== 'instance' || before.cooldown_until === undefined || after.cooldown_until === undefined) return []
    const runs = millis(before.cooldown_until) > world.now_ms + world.skew_ms
    const longer = millis(after.cooldown_until) > millis(before.cooldown_until) + world.skew_ms
    return runs && longer ? [`the cool-down of ${after.class_key} was lengthened`] : []
  })

/** What a commit did to attempts and must not do. */
export const attemptWrongs = (changes: readonly Change[], world: World): readonly string[] => [
  ...illegalAttempts(changes),
  ...endedForNoReason(changes, world),
  ...stoppedTooEarly(changes, world),
  ...freedTooEarly(changes, world),
  ...wokenTooEarly(changes, world),
  ...cooledLonger(changes, world),
]
